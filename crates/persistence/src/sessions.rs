//! Sign-ins that are live, and their refresh tokens.
//!
//! A session is the family of the refresh tokens that grew from one sign-in: each is spent once for the next. A spent
//! one that turns up later is a sign of theft, and ends the session (RFC 9700, 4.14.2).

use diesel::prelude::*;
use domain::accounts::{Session, User};
use domain::ids::{SessionId, UserId};
use domain::secrets::Token;
use domain::{Actor, Error, Result, Timestamp};

use crate::schema::{refresh_tokens as tokens, sessions, users as accounts};
use crate::{Conn, audit, users};

/// How long a session lives without being used, in seconds.
const IDLE: i64 = 30 * 24 * 60 * 60;
/// How long it lives at most, in seconds.
const LONGEST: i64 = 90 * 24 * 60 * 60;
/// How long a spent token may turn up again without harm, in seconds: two tabs that refresh at once, an answer lost.
const GRACE: i64 = 10;

/// A session just signed in to, or just refreshed.
#[derive(Debug)]
pub struct Opened {
    /// The session.
    pub session: SessionId,
    /// Whose it is.
    pub user: User,
    /// What refreshes it next; shown once.
    pub refresh_token: Token,
}

/// What came of spending a refresh token.
#[derive(Debug)]
pub enum Refreshed {
    /// It was good, and there is a new one.
    Opened(Box<Opened>),
    /// Nothing is known of it, or its session has ended.
    Unknown,
    /// It was spent a moment ago; nothing else happened.
    Superseded,
    /// It was spent before; its session is ended now.
    Reused,
}

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

/// Opens a session for a user whose password was found to match the hash `proven`, and keeps it as `renewed` if that
/// is given. `None` if it is no longer their password, or they may not sign in.
pub fn sign_in(
    conn: &mut Conn,
    user: UserId,
    proven: &str,
    renewed: Option<&str>,
    user_agent: Option<&str>,
    at: Timestamp,
) -> Result<Option<Opened>> {
    // Writing the row makes a change of the password, which ends sessions, come wholly before or wholly after us.
    let row = accounts::table.find(user.to_string());
    let row = row.filter(accounts::password_hash.eq(proven)).filter(accounts::disabled.eq(false));
    let written = diesel::update(row).set(accounts::password_hash.eq(renewed.unwrap_or(proven))).execute(conn)?;
    if written == 0 {
        return Ok(None);
    }
    let session = open(conn, user, user_agent, at)?;
    let refresh_token = hand_out(conn, session, at.plus_seconds(IDLE), at)?;
    Ok(Some(Opened { session, user: users::find(conn, user)?, refresh_token }))
}

/// Spends the refresh token that is stored as `hash` for a new one. Of many at once, one succeeds.
pub fn refresh(conn: &mut Conn, hash: &str, at: Timestamp) -> Result<Refreshed> {
    let unspent = tokens::table.find(hash).filter(tokens::used_at.is_null()).filter(tokens::expires_at.gt(at.micros()));
    let won = diesel::update(unspent).set(tokens::used_at.eq(at.micros())).execute(conn)? == 1;
    let token: Option<(String, Option<i64>)> =
        tokens::table.find(hash).select((tokens::session_id, tokens::used_at)).first(conn).optional()?;
    let Some((session, used_at)) = token else { return Ok(Refreshed::Unknown) };
    let session: SessionId = session.parse()?;
    match used_at.map(Timestamp::from_micros) {
        Some(_) if won => extend(conn, session, at),
        Some(used_at) if at.seconds_since(used_at) < GRACE => Ok(Refreshed::Superseded),
        Some(_) => punish(conn, session, at),
        None => Ok(Refreshed::Unknown),
    }
}

/// Gives a live session more time and a new token.
fn extend(conn: &mut Conn, session: SessionId, at: Timestamp) -> Result<Refreshed> {
    let began: Option<i64> =
        sessions::table.find(session.to_string()).select(sessions::created_at).first(conn).optional()?;
    let Some(began) = began.map(Timestamp::from_micros) else { return Ok(Refreshed::Unknown) };
    let until = at.plus_seconds(IDLE).min(began.plus_seconds(LONGEST));
    let live = sessions::table
        .find(session.to_string())
        .filter(sessions::ended_at.is_null())
        .filter(sessions::expires_at.gt(at.micros()));
    let extended = diesel::update(live)
        .set((sessions::last_used_at.eq(at.micros()), sessions::expires_at.eq(until.micros())))
        .execute(conn)?;
    if extended == 0 {
        return Ok(Refreshed::Unknown);
    }
    let owner: String = sessions::table.find(session.to_string()).select(sessions::user_id).first(conn)?;
    let user = users::find(conn, owner.parse()?)?;
    if user.disabled {
        return Ok(Refreshed::Unknown);
    }
    let refresh_token = hand_out(conn, session, until, at)?;
    Ok(Refreshed::Opened(Box::new(Opened { session, user, refresh_token })))
}

/// Ends a session of which a token was used twice.
fn punish(conn: &mut Conn, session: SessionId, at: Timestamp) -> Result<Refreshed> {
    if !end(conn, session, "reuse", at)? {
        return Ok(Refreshed::Unknown);
    }
    let by = Actor::system();
    audit::record(
        conn,
        &by,
        "ended",
        "session",
        Some(session.to_string()),
        Some("a refresh token was used twice"),
        at,
    )?;
    Ok(Refreshed::Reused)
}

fn hand_out(conn: &mut Conn, session: SessionId, until: Timestamp, at: Timestamp) -> Result<Token> {
    let token = Token::generate("rt_")?;
    diesel::insert_into(tokens::table)
        .values((
            tokens::hash.eq(token.hash()),
            tokens::session_id.eq(session.to_string()),
            tokens::created_at.eq(at.micros()),
            tokens::expires_at.eq(until.micros()),
        ))
        .execute(conn)?;
    Ok(token)
}

/// Who acts in a session; `None` if it has ended, or its user may not sign in any more.
pub fn actor(conn: &mut Conn, session: SessionId, user: UserId, now: Timestamp) -> Result<Option<Actor>> {
    let found: Option<(String, String)> = sessions::table
        .inner_join(accounts::table)
        .filter(sessions::id.eq(session.to_string()))
        .filter(sessions::user_id.eq(user.to_string()))
        .filter(sessions::ended_at.is_null())
        .filter(sessions::expires_at.gt(now.micros()))
        .filter(accounts::disabled.eq(false))
        .select((accounts::name, accounts::role))
        .first(conn)
        .optional()?;
    let actor = |(name, role): (String, String)| {
        let role = role.parse().map_err(Error::Internal)?;
        Ok(Actor { user: Some(user), name, role })
    };
    found.map(actor).transpose()
}

/// Up to `limit` live sessions of a user, the newest first; `current` is the one that asks.
pub fn list(
    conn: &mut Conn,
    (user, current): (UserId, SessionId),
    after: Option<SessionId>,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<Session>> {
    let mut query = sessions::table
        .filter(sessions::user_id.eq(user.to_string()))
        .filter(sessions::ended_at.is_null())
        .filter(sessions::expires_at.gt(now.micros()))
        .select((
            sessions::id,
            sessions::user_agent,
            sessions::created_at,
            sessions::last_used_at,
            sessions::expires_at,
        ))
        .order(sessions::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(sessions::id.lt(after.to_string()));
    }
    let rows: Vec<(String, Option<String>, i64, i64, i64)> = query.load(conn)?;
    rows.into_iter()
        .map(|(id, user_agent, created_at, last_used_at, expires_at)| {
            let id: SessionId = id.parse()?;
            Ok(Session {
                id,
                user_agent,
                created_at: Timestamp::from_micros(created_at),
                last_used_at: Timestamp::from_micros(last_used_at),
                expires_at: Timestamp::from_micros(expires_at),
                current: id == current,
            })
        })
        .collect()
}

/// Ends the session of the refresh token that is stored as `hash`; whether it was live does not matter.
pub fn sign_out(conn: &mut Conn, hash: &str, at: Timestamp) -> Result<()> {
    let session: Option<String> = tokens::table.find(hash).select(tokens::session_id).first(conn).optional()?;
    if let Some(session) = session {
        end(conn, session.parse()?, "logout", at)?;
    }
    Ok(())
}

/// Ends a session that users find among their own.
pub fn revoke(conn: &mut Conn, user: UserId, session: SessionId, at: Timestamp) -> Result<()> {
    let own = sessions::table
        .find(session.to_string())
        .filter(sessions::user_id.eq(user.to_string()))
        .filter(sessions::ended_at.is_null())
        .filter(sessions::expires_at.gt(at.micros()));
    let ended = diesel::update(own)
        .set((sessions::ended_at.eq(at.micros()), sessions::ended_because.eq("revoked")))
        .execute(conn)?;
    if ended == 0 { Err(Error::NotFound("session")) } else { Ok(()) }
}

/// Ends a session; false if it had ended before.
fn end(conn: &mut Conn, session: SessionId, because: &str, at: Timestamp) -> Result<bool> {
    let row = sessions::table.find(session.to_string()).filter(sessions::ended_at.is_null());
    let ended = diesel::update(row)
        .set((sessions::ended_at.eq(at.micros()), sessions::ended_because.eq(because)))
        .execute(conn)?;
    Ok(ended == 1)
}

/// Ends every session of a user, but for `kept`.
pub(crate) fn end_all(
    conn: &mut Conn,
    user: UserId,
    kept: Option<SessionId>,
    because: &str,
    at: Timestamp,
) -> Result<()> {
    let kept = kept.map(|kept| kept.to_string()).unwrap_or_default();
    let rows = sessions::table
        .filter(sessions::user_id.eq(user.to_string()))
        .filter(sessions::id.ne(kept))
        .filter(sessions::ended_at.is_null());
    diesel::update(rows)
        .set((sessions::ended_at.eq(at.micros()), sessions::ended_because.eq(because)))
        .execute(conn)?;
    Ok(())
}

/// Forgets sessions that ended, by themselves or otherwise, more than 30 days ago, and tokens that are too old to use.
pub fn purge(conn: &mut Conn, now: Timestamp) -> Result<usize> {
    let then = now.plus_seconds(-IDLE).micros();
    let gone = sessions::table.filter(sessions::expires_at.lt(then).or(sessions::ended_at.lt(then)));
    let purged = diesel::delete(gone).execute(conn)?;
    diesel::delete(tokens::table.filter(tokens::expires_at.lt(now.micros()))).execute(conn)?;
    Ok(purged)
}
