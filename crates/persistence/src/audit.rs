//! Who did what to what: append-only.

use diesel::prelude::*;
use domain::ids::EventId;
use domain::{Actor, Result, Timestamp};

use crate::Conn;
use crate::schema::audit;

/// Notes that `by` did `action` (a verb such as `published`) to a resource. `detail` must hold nothing secret.
pub fn record(
    conn: &mut Conn,
    by: &Actor,
    action: &str,
    resource: &str,
    id: Option<String>,
    detail: Option<&str>,
    at: Timestamp,
) -> Result<()> {
    diesel::insert_into(audit::table)
        .values((
            audit::id.eq(EventId::new().to_string()),
            audit::at.eq(at.micros()),
            audit::actor_id.eq(by.user.map(|id| id.to_string())),
            audit::actor_name.eq(&by.name),
            audit::action.eq(action),
            audit::resource.eq(resource),
            audit::resource_id.eq(id),
            audit::detail.eq(detail),
        ))
        .execute(conn)?;
    Ok(())
}

/// Whether it was ever noted that `action` was done to such a resource.
pub fn knows(conn: &mut Conn, action: &str, resource: &str) -> Result<bool> {
    let noted = audit::table.filter(audit::action.eq(action)).filter(audit::resource.eq(resource));
    Ok(diesel::select(diesel::dsl::exists(noted)).get_result(conn)?)
}
