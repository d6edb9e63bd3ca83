//! Addresses that are not written to. A suppression outlives the row of its person: it knows the address only as an
//! HMAC.

use diesel::prelude::*;
use domain::subscriptions::{OBJECTION, Reason, Suppression};
use domain::{Error, Result, Timestamp};

use crate::Conn;
use crate::db::on;
use crate::schema::suppressions;

const REASONS: [Reason; 6] = [
    Reason::Unsubscribed,
    Reason::HardBounce,
    Reason::Manual,
    Reason::Domain,
    Reason::ErasedObjection,
    Reason::Complaint,
];

/// The strongest suppression among those of `hmacs` (of an address, and of its whole domain).
pub fn strongest(conn: &mut Conn, hmacs: &[&str]) -> Result<Option<Suppression>> {
    let rows: Vec<(String, i64)> = suppressions::table
        .filter(suppressions::email_hmac.eq_any(hmacs))
        .select((suppressions::reason, suppressions::since))
        .load(conn)?;
    let mut found = Vec::with_capacity(rows.len());
    for (reason, since) in rows {
        let reason: Reason = reason.parse().map_err(Error::Internal)?;
        found.push(Suppression { reason, since: Timestamp::from_micros(since) });
    }
    Ok(found.into_iter().max_by_key(|suppression| suppression.reason as u8))
}

/// Suppresses an address. What is suppressed for a stronger reason stays as it is.
pub fn put(conn: &mut Conn, email_hmac: &str, reason: Reason, evidence: Option<&str>, at: Timestamp) -> Result<()> {
    let row = (
        suppressions::email_hmac.eq(email_hmac),
        suppressions::reason.eq(reason.as_str()),
        suppressions::since.eq(at.micros()),
        suppressions::evidence.eq(evidence),
    );
    let inserted =
        on!(conn, |c| diesel::insert_into(suppressions::table).values(row).on_conflict_do_nothing().execute(c))?;
    if inserted == 0 {
        let weaker = REASONS.into_iter().filter(|other| !other.outweighs(reason)).map(Reason::as_str);
        let weaker = suppressions::table.find(email_hmac).filter(suppressions::reason.eq_any(weaker));
        diesel::update(weaker)
            .set((
                suppressions::reason.eq(reason.as_str()),
                suppressions::since.eq(at.micros()),
                suppressions::evidence.eq(evidence),
            ))
            .execute(conn)?;
    }
    Ok(())
}

/// Lifts what a confirmed request lifts: that someone had left, that mail had bounced, and an objection that has run
/// out. The rest stays.
pub fn lift(conn: &mut Conn, email_hmac: &str, now: Timestamp) -> Result<()> {
    let weak = [Reason::Unsubscribed.as_str(), Reason::HardBounce.as_str()];
    let ended = suppressions::reason
        .eq(Reason::Manual.as_str())
        .and(suppressions::since.le(now.plus_seconds(-OBJECTION).micros()));
    let lifted = suppressions::table.find(email_hmac).filter(suppressions::reason.eq_any(weak).or(ended));
    diesel::delete(lifted).execute(conn)?;
    Ok(())
}

/// Lifts the suppression of someone who takes an unsubscription back.
pub(crate) fn lift_unsubscription(conn: &mut Conn, email_hmac: &str) -> Result<()> {
    let own = suppressions::table.find(email_hmac).filter(suppressions::reason.eq(Reason::Unsubscribed.as_str()));
    diesel::delete(own).execute(conn)?;
    Ok(())
}
