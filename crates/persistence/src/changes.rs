//! The log of what the public sees: one entry in the transaction of every visible change, in the order of commit.

use diesel::prelude::*;
use domain::{Result, Timestamp};

use crate::Conn;
use crate::schema::changes;

/// Whether something came or changed, or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// It is there now, in this form.
    Upsert,
    /// It is no longer there.
    Delete,
}

/// One entry to be written.
#[derive(Debug)]
pub struct Change<'a> {
    /// What happened.
    pub op: Op,
    /// The kind of thing: `article`, `category`, `tag`, `byline`, `comment` or `site`.
    pub resource: &'static str,
    /// Its identity.
    pub id: String,
    /// Its slug, if it has one.
    pub slug: Option<&'a str>,
    /// Its locale, if it has one.
    pub locale: Option<&'a str>,
    /// Surrogate keys of the answers that it touches (`article:ID`, `category:ID`, `list:articles`, ...).
    pub keys: Vec<String>,
}

/// Writes one entry.
///
/// On PostgreSQL it takes a lock that is held until the transaction ends, so that `seq` order is commit order; call it
/// last. SQLite has one writer anyway.
pub fn record(conn: &mut Conn, change: &Change<'_>, at: Timestamp) -> Result<()> {
    if let Conn::Postgres(c) = conn {
        diesel::sql_query("SELECT pg_advisory_xact_lock(7310212)").execute(c)?;
    }
    let op = match change.op {
        Op::Upsert => "upsert",
        Op::Delete => "delete",
    };
    diesel::insert_into(changes::table)
        .values((
            changes::at.eq(at.micros()),
            changes::op.eq(op),
            changes::resource.eq(change.resource),
            changes::resource_id.eq(&change.id),
            changes::slug.eq(change.slug),
            changes::locale.eq(change.locale),
            changes::keys.eq(change.keys.join(" ")),
        ))
        .execute(conn)?;
    Ok(())
}
