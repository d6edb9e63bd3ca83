//! Sign-ins that are live.

use diesel::prelude::*;
use domain::ids::{SessionId, UserId};
use domain::{Actor, Result, Timestamp};

use crate::Conn;
use crate::schema::{sessions, users};

/// How long a session lives without being used, in seconds.
const IDLE: i64 = 30 * 24 * 60 * 60;

/// Opens a session.
pub fn open(conn: &mut Conn, user: UserId, user_agent: Option<&str>, at: Timestamp) -> Result<SessionId> {
    let id = SessionId::new();
    diesel::insert_into(sessions::table)
        .values((
            sessions::id.eq(id.to_string()),
            sessions::user_id.eq(user.to_string()),
            sessions::user_agent.eq(user_agent),
            sessions::created_at.eq(at.micros()),
            sessions::last_used_at.eq(at.micros()),
            sessions::expires_at.eq(at.plus_seconds(IDLE).micros()),
        ))
        .execute(conn)?;
    Ok(id)
}

/// Who acts in a session; `None` if it has ended, or its user may not sign in any more.
pub fn actor(conn: &mut Conn, session: SessionId, user: UserId, now: Timestamp) -> Result<Option<Actor>> {
    let found: Option<(String, String)> = sessions::table
        .inner_join(users::table)
        .filter(sessions::id.eq(session.to_string()))
        .filter(sessions::user_id.eq(user.to_string()))
        .filter(sessions::ended_at.is_null())
        .filter(sessions::expires_at.gt(now.micros()))
        .filter(users::disabled.eq(false))
        .select((users::name, users::role))
        .first(conn)
        .optional()?;
    let actor = |(name, role): (String, String)| {
        let role = role.parse().map_err(domain::Error::Internal)?;
        Ok(Actor { user: Some(user), name, role })
    };
    found.map(actor).transpose()
}
