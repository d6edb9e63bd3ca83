//! Who may sign in.

use diesel::prelude::*;
use domain::ids::UserId;
use domain::permissions::Role;
use domain::text::Email;
use domain::{Error, Result, Timestamp};

use crate::Conn;
use crate::db::Refuse;
use crate::schema::users;

/// Adds someone who may sign in. `password_hash` is a PHC string.
pub fn create(
    conn: &mut Conn,
    email: &Email,
    name: &str,
    role: Role,
    password_hash: &str,
    at: Timestamp,
) -> Result<UserId> {
    let id = UserId::new();
    diesel::insert_into(users::table)
        .values((
            users::id.eq(id.to_string()),
            users::email.eq(email.as_str()),
            users::email_key.eq(email.key()),
            users::name.eq(name),
            users::role.eq(role.as_str()),
            users::password_hash.eq(password_hash),
            users::disabled.eq(false),
            users::version.eq(1),
            users::created_at.eq(at.micros()),
            users::updated_at.eq(at.micros()),
        ))
        .execute(conn)
        .or_conflict("users_email_key_key", || Error::conflict("email_taken", "Another user has this email."))?;
    Ok(id)
}
