//! How often someone did what is limited per hour or day: what stands behind the limits in memory, which forget when a
//! node restarts and count for one node alone.

use diesel::prelude::*;
use domain::{Error, Result, Timestamp};

use crate::Conn;
use crate::db::on;
use crate::schema::attempts;

/// At most so many attempts of one key in each hour, or day, or other span.
#[derive(Debug, Clone)]
pub struct Allowance {
    /// Who, for what: a keyed hash that names nobody.
    pub key: String,
    /// How many.
    pub count: u32,
    /// In how many seconds.
    pub seconds: i64,
}

/// Longest span of an allowance, in seconds.
const LONGEST: i64 = 24 * 3_600;

/// Counts an attempt in the transaction of what is attempted; one too many is refused (429), and by that not counted.
pub fn count(conn: &mut Conn, allowance: &Allowance, now: Timestamp) -> Result<()> {
    let span = allowance.seconds * 1_000_000;
    let since = now.micros() - now.micros().rem_euclid(span);
    let row = (attempts::key.eq(&allowance.key), attempts::since.eq(since), attempts::count.eq(1));
    let counted: i64 = on!(conn, |c| diesel::insert_into(attempts::table)
        .values(row)
        .on_conflict((attempts::key, attempts::since))
        .do_update()
        .set(attempts::count.eq(attempts::count + 1))
        .returning(attempts::count)
        .get_result(c))?;
    if counted <= i64::from(allowance.count) {
        return Ok(());
    }
    let left = u64::try_from(since + span - now.micros()).unwrap_or(0).div_ceil(1_000_000);
    Err(Error::TooMany { retry_after: left, detail: "Too many of these lately; come back later.".into() })
}

/// Forgets what no span reaches back to any more.
pub fn purge(conn: &mut Conn, now: Timestamp) -> Result<usize> {
    let before = now.plus_seconds(-LONGEST).micros();
    Ok(diesel::delete(attempts::table.filter(attempts::since.lt(before))).execute(conn)?)
}
