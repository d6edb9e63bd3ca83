//! Who may sign in. Passwords are hashed before they come here: a transaction must not last as long as a hash.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use domain::accounts::{Profile, User};
use domain::error::Stale;
use domain::ids::{SessionId, UserId};
use domain::permissions::{Action, Role};
use domain::text::{Email, Line};
use domain::{Actor, Error, Fault, Result, Seen, Timestamp};

use crate::db::Refuse;
use crate::schema::users;
use crate::{Conn, audit, sessions};

#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
pub(crate) struct Row {
    id: String,
    email: String,
    name: String,
    role: String,
    disabled: bool,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for User {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: row.id.parse()?,
            email: row.email,
            name: row.name,
            role: row.role.parse().map_err(Error::Internal)?,
            disabled: row.disabled,
            version: row.version.try_into()?,
            created_at: Timestamp::from_micros(row.created_at),
            updated_at: Timestamp::from_micros(row.updated_at),
        })
    }
}

/// The order of a list of users: by name, then identity.
pub type Position = (String, UserId);

/// Up to `limit` users after a position, by name.
pub fn list(conn: &mut Conn, by: &Actor, after: Option<Position>, limit: i64) -> Result<Vec<User>> {
    by.may(Action::WriteUsers)?;
    let mut query = users::table.select(Row::as_select()).order((users::name, users::id)).limit(limit).into_boxed();
    if let Some((name, id)) = after {
        query = query.filter(users::name.gt(name.clone()).or(users::name.eq(name).and(users::id.gt(id.to_string()))));
    }
    query.load(conn)?.into_iter().map(User::try_from).collect()
}

/// How many users there are.
pub fn count(conn: &mut Conn) -> Result<i64> {
    Ok(users::table.count().get_result(conn)?)
}

/// Whether there is anyone who could sign in.
pub fn any(conn: &mut Conn) -> Result<bool> {
    Ok(diesel::select(diesel::dsl::exists(users::table.select(users::id))).get_result(conn)?)
}

/// One user.
pub fn find(conn: &mut Conn, id: UserId) -> Result<User> {
    users::table.find(id.to_string()).select(Row::as_select()).first(conn).or_not_found("user")?.try_into()
}

/// The user who signs in with this address.
pub fn find_by_email(conn: &mut Conn, email: &Email) -> Result<User> {
    let user = users::table.filter(users::email_key.eq(email.key()));
    user.select(Row::as_select()).first(conn).or_not_found("user")?.try_into()
}

/// The user with this address, if there is one, and the hash of their password.
pub fn with_password(conn: &mut Conn, email: &Email) -> Result<Option<(User, String)>> {
    let user = users::table.filter(users::email_key.eq(email.key()));
    let found: Option<(Row, String)> = user.select((Row::as_select(), users::password_hash)).first(conn).optional()?;
    found.map(|(row, hash)| Ok((row.try_into()?, hash))).transpose()
}

/// The hash of a user's password.
pub fn password_hash(conn: &mut Conn, id: UserId) -> Result<String> {
    users::table.find(id.to_string()).select(users::password_hash).first(conn).or_not_found("user")
}

/// Adds someone who may sign in. `password_hash` is a PHC string.
pub fn add(conn: &mut Conn, by: &Actor, profile: &Profile, password_hash: &str, at: Timestamp) -> Result<User> {
    by.may(Action::WriteUsers)?;
    let id = UserId::new();
    diesel::insert_into(users::table)
        .values((
            users::id.eq(id.to_string()),
            users::email.eq(profile.email.as_str()),
            users::email_key.eq(profile.email.key()),
            users::name.eq(profile.name.as_str()),
            users::role.eq(profile.role.as_str()),
            users::password_hash.eq(password_hash),
            users::disabled.eq(profile.disabled),
            users::version.eq(1),
            users::created_at.eq(at.micros()),
            users::updated_at.eq(at.micros()),
        ))
        .execute(conn)
        .or_conflict("users_email_key_key", email_taken)?;
    note(conn, by, "created", id, Some(profile.role.as_str()), at)?;
    find(conn, id)
}

/// Refuses a change of a user as [`update`] would, before anything costly is done for it.
pub fn check_seen(conn: &mut Conn, by: &Actor, id: UserId, seen: &Seen) -> Result<User> {
    by.may(Action::WriteUsers)?;
    let user = find(conn, id)?;
    expect(&user, seen)?;
    Ok(user)
}

/// Changes a user to what `edit` makes of them, and their password if a new hash is given. A change of role, password
/// or permission to sign in ends their sessions.
pub fn update(
    conn: &mut Conn,
    by: &Actor,
    id: UserId,
    seen: &Seen,
    edit: impl FnOnce(&User) -> Result<Profile>,
    password_hash: Option<&str>,
    at: Timestamp,
) -> Result<User> {
    by.may(Action::WriteUsers)?;
    one_at_a_time(conn)?;
    let user = find(conn, id)?;
    expect(&user, seen)?;
    let profile = edit(&user)?;
    if profile.role != Role::Admin || profile.disabled {
        keep_an_admin(conn, &user)?;
    }
    save(conn, &user, &profile, at)?;
    if let Some(hash) = password_hash {
        diesel::update(users::table.find(id.to_string())).set(users::password_hash.eq(hash)).execute(conn)?;
    }
    let changes = changes(&user, &profile, password_hash.is_some());
    if let Some(because) = changes.iter().find(|change| ["role", "disabled", "enabled", "password"].contains(change)) {
        sessions::end_all(conn, id, None, because, at)?;
    }
    note(conn, by, "updated", id, Some(&changes.join(" ")), at)?;
    find(conn, id)
}

/// Gives users another name, by themselves.
pub fn rename(
    conn: &mut Conn,
    by: &Actor,
    id: UserId,
    seen: &Seen,
    edit: impl FnOnce(&User) -> Result<Line<100>>,
    at: Timestamp,
) -> Result<User> {
    let user = find(conn, id)?;
    expect(&user, seen)?;
    let name = edit(&user)?;
    save(conn, &user, &Profile { name, ..profile(&user)? }, at)?;
    note(conn, by, "updated", id, Some("name"), at)?;
    find(conn, id)
}

/// Gives a user another role.
pub fn set_role(conn: &mut Conn, by: &Actor, id: UserId, role: Role, at: Timestamp) -> Result<User> {
    let edit = |user: &User| Ok(Profile { role, ..profile(user)? });
    update(conn, by, id, &Seen::Any, edit, None, at)
}

/// Gives a user another password and ends their sessions. `password_hash` is a PHC string.
pub fn set_password(conn: &mut Conn, by: &Actor, id: UserId, password_hash: &str, at: Timestamp) -> Result<User> {
    update(conn, by, id, &Seen::Any, profile, Some(password_hash), at)
}

/// Gives users the password that they chose, and ends their other sessions; `proven` is the hash that the old one was
/// found to match. False if that is no longer theirs.
pub fn change_password(
    conn: &mut Conn,
    by: &Actor,
    (id, session): (UserId, SessionId),
    (proven, new): (&str, &str),
    at: Timestamp,
) -> Result<bool> {
    let key = id.to_string();
    let changed = diesel::update(users::table.find(&key).filter(users::password_hash.eq(proven)))
        .set((users::password_hash.eq(new), users::version.eq(users::version + 1), users::updated_at.eq(at.micros())))
        .execute(conn)?;
    if changed == 0 {
        return Ok(false);
    }
    sessions::end_all(conn, id, Some(session), "password", at)?;
    note(conn, by, "updated", id, Some("password"), at)?;
    Ok(true)
}

/// Removes a user who has written nothing; one who has is refused (409), since history would lose its names.
pub fn delete(conn: &mut Conn, by: &Actor, id: UserId, seen: &Seen, at: Timestamp) -> Result<()> {
    by.may(Action::WriteUsers)?;
    one_at_a_time(conn)?;
    let user = find(conn, id)?;
    expect(&user, seen)?;
    keep_an_admin(conn, &user)?;
    let version = i64::try_from(user.version)?;
    let row = users::table.find(id.to_string()).filter(users::version.eq(version));
    // The database itself knows whether anything refers to the user, also what is being written right now.
    let deleted = diesel::delete(row).execute(conn).map_err(|error| match error {
        DieselError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _) => {
            Error::conflict("user_has_articles", "Articles or revisions are this user's; disable the user instead.")
        }
        other => other.into(),
    })?;
    if deleted == 0 {
        return Err(overtaken(conn, id));
    }
    note(conn, by, "deleted", id, None, at)
}

/// Writes what shall be known of a user, if nobody else has meanwhile.
fn save(conn: &mut Conn, user: &User, profile: &Profile, at: Timestamp) -> Result<()> {
    let version = i64::try_from(user.version)?;
    let changed = diesel::update(users::table.find(user.id.to_string()).filter(users::version.eq(version)))
        .set((
            users::email.eq(profile.email.as_str()),
            users::email_key.eq(profile.email.key()),
            users::name.eq(profile.name.as_str()),
            users::role.eq(profile.role.as_str()),
            users::disabled.eq(profile.disabled),
            users::version.eq(users::version + 1),
            users::updated_at.eq(at.micros()),
        ))
        .execute(conn)
        .or_conflict("users_email_key_key", email_taken)?;
    if changed == 0 { Err(overtaken(conn, user.id)) } else { Ok(()) }
}

/// Makes changes of who may sign in wait for each other: whether an administrator remains depends on several rows,
/// and `PostgreSQL` would let two transactions each count on the other's.
fn one_at_a_time(conn: &mut Conn) -> Result<()> {
    if let Conn::Postgres(c) = conn {
        diesel::sql_query("SELECT pg_advisory_xact_lock(7310214)").execute(c)?;
    }
    Ok(())
}

/// Refuses (409) if `user` is the last administrator who may sign in.
fn keep_an_admin(conn: &mut Conn, user: &User) -> Result<()> {
    if user.role != Role::Admin || user.disabled {
        return Ok(());
    }
    let others: i64 = users::table
        .filter(users::role.eq(Role::Admin.as_str()))
        .filter(users::disabled.eq(false))
        .filter(users::id.ne(user.id.to_string()))
        .count()
        .get_result(conn)?;
    if others > 0 {
        return Ok(());
    }
    Err(Error::conflict("last_admin", "This is the last administrator who may sign in; appoint another one first."))
}

/// What is different, for the audit: names of members, never their values but a role's.
fn changes(user: &User, profile: &Profile, password: bool) -> Vec<&'static str> {
    [
        (user.role != profile.role, "role"),
        (user.role != profile.role, profile.role.as_str()),
        (!user.disabled && profile.disabled, "disabled"),
        (user.disabled && !profile.disabled, "enabled"),
        (password, "password"),
        (user.email != profile.email.as_str(), "email"),
        (user.name != profile.name.as_str(), "name"),
    ]
    .into_iter()
    .filter_map(|(changed, what)| changed.then_some(what))
    .collect()
}

fn profile(user: &User) -> Result<Profile> {
    let stored = |(_, detail): (&str, String)| Error::Internal(format!("a stored user is not valid: {detail}"));
    let email = Email::parse(&user.email).map_err(stored)?;
    let name = Line::parse(&user.name).map_err(stored)?;
    Ok(Profile { email, name, role: user.role, disabled: user.disabled })
}

fn expect(user: &User, seen: &Seen) -> Result<()> {
    seen.expect(user.version, || Stale::at(user.version, user.updated_at))
}

/// Another transaction changed the user between our reading and our writing of them.
fn overtaken(conn: &mut Conn, id: UserId) -> Error {
    match find(conn, id) {
        Ok(user) => Error::Stale(Box::new(Stale::at(user.version, user.updated_at))),
        Err(error) => error,
    }
}

fn email_taken() -> Error {
    let detail = "Another user has this email.";
    Error::Conflict { code: "email_taken", detail: detail.into(), faults: vec![Fault::at("/email", "taken", detail)] }
}

fn note(conn: &mut Conn, by: &Actor, action: &str, id: UserId, detail: Option<&str>, at: Timestamp) -> Result<()> {
    audit::record(conn, by, action, "user", Some(id.to_string()), detail, at)
}
