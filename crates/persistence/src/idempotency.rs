//! The answers of creating requests, kept for 24 h under the caller's key.

use diesel::prelude::*;
use domain::{Error, Fault, Result, Timestamp};

use crate::Conn;
use crate::schema::idempotency_keys as keys;

/// How long an answer is kept, in seconds.
const KEPT: i64 = 24 * 60 * 60;

/// What identifies a request: who sent it, under which key, and a hash of the whole of it.
#[derive(Debug, Clone)]
pub struct Request {
    /// The user, or `anonymous`.
    pub caller: String,
    /// The `Idempotency-Key`.
    pub key: String,
    /// A hash over method, path and body.
    pub fingerprint: String,
}

/// An answer as it was first given.
#[derive(Debug, Clone, Queryable)]
pub struct Stored {
    fingerprint: String,
    /// Its status code.
    pub status: i32,
    /// Its headers, in the form they were stored.
    pub headers: String,
    /// Its body.
    pub body: String,
}

/// The answer given before to this request, if there is one; another request under the same key is refused (422).
///
/// A parallel request with the same key on another connection is refused with 409 until this transaction ends.
pub fn recall(conn: &mut Conn, request: &Request, now: Timestamp) -> Result<Option<Stored>> {
    if let Conn::Postgres(c) = conn {
        use diesel::sql_types::{Bool, Text};
        let free = diesel::select(
            diesel::dsl::sql::<Bool>("pg_try_advisory_xact_lock(hashtextextended(")
                .bind::<Text, _>(format!("{}\n{}", request.caller, request.key))
                .sql(", 7310213))"),
        )
        .get_result::<bool>(c)?;
        if !free {
            return Err(still_running());
        }
    }
    let stored: Option<Stored> = keys::table
        .filter(keys::caller.eq(&request.caller))
        .filter(keys::key.eq(&request.key))
        .filter(keys::created_at.gt(now.plus_seconds(-KEPT).micros()))
        .select((keys::fingerprint, keys::status, keys::headers, keys::body))
        .first(conn)
        .optional()?;
    match stored {
        Some(stored) if stored.fingerprint != request.fingerprint => Err(Error::invalid(Fault::parameter(
            "Idempotency-Key",
            "idempotency_key_reused",
            "This key was used for another request; take a new one.",
        ))),
        other => Ok(other),
    }
}

/// The refusal of a request whose key another one is using at this moment (409).
pub fn still_running() -> Error {
    let detail = "A request with this Idempotency-Key is being worked on; wait and send it again.";
    Error::conflict("idempotency_conflict", detail)
}

/// Keeps an answer, in the transaction of the work it tells of.
pub fn store(
    conn: &mut Conn,
    request: &Request,
    (status, headers, body): (u16, String, &str),
    now: Timestamp,
) -> Result<()> {
    diesel::delete(keys::table.filter(keys::caller.eq(&request.caller)).filter(keys::key.eq(&request.key)))
        .execute(conn)?;
    diesel::insert_into(keys::table)
        .values((
            keys::caller.eq(&request.caller),
            keys::key.eq(&request.key),
            keys::fingerprint.eq(&request.fingerprint),
            keys::status.eq(i32::from(status)),
            keys::headers.eq(headers),
            keys::body.eq(body),
            keys::created_at.eq(now.micros()),
        ))
        .execute(conn)?;
    Ok(())
}

/// Forgets what is older than a day.
pub fn purge(conn: &mut Conn, now: Timestamp) -> Result<usize> {
    let old = keys::table.filter(keys::created_at.le(now.plus_seconds(-KEPT).micros()));
    Ok(diesel::delete(old).execute(conn)?)
}
