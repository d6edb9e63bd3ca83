//! Copies of issues on their way to readers. Every step is one statement that names the state it leaves, so that of two
//! workers, or of a worker and an unsubscription, one wins; a process that dies leaves rows that say how far it came.

use std::collections::{HashMap, HashSet};

use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use domain::ids::{DeliveryId, IssueId, SubscriberId};
use domain::issues::{Delivery, DeliveryState, IssueState, Wanted};
use domain::newsletter::{Frequency, Newsletter};
use domain::secrets::Secrets;
use domain::subscriptions::{Format, domain_hmac};
use domain::text::Email;
use domain::{Error, Result, Timestamp};

use crate::Conn;
use crate::schema::{deliveries, issues, subscriber_categories, subscribers, suppressions};

/// Seconds that a worker may hold a copy without beginning to send it.
const CLAIM: i64 = 60;

/// Seconds after which nobody can still be waiting for the answer to the content: the mailer's limit, and some more.
const DISPATCH: i64 = 5 * 60 + 30;

/// Copies that are claimed at a time.
const BATCH: i64 = 16;

const ACTIVE: &str = "active";

/// Makes a copy for everyone who is to receive an issue; returns how many.
pub(crate) fn freeze(
    conn: &mut Conn,
    issue: IssueId,
    newsletter: &Newsletter,
    frequency: Frequency,
    now: Timestamp,
) -> Result<i64> {
    // What makes a UUID of version 7 of random digits: the time before them, the variant between them.
    let digits = match conn {
        Conn::Postgres(_) => {
            "left(gen_random_uuid()::text, 3) || '-8' || left(gen_random_uuid()::text, 3) \
             || '-' || right(gen_random_uuid()::text, 12)"
        }
        Conn::Sqlite(_) => {
            "lower(substr(hex(randomblob(2)), 1, 3) || '-8' || substr(hex(randomblob(2)), 1, 3) \
             || '-' || hex(randomblob(6)))"
        }
    };
    let millis = now.micros().div_euclid(1_000) & 0xffff_ffff_ffff;
    let time = format!("{:08x}-{:04x}-7", millis >> 16, millis & 0xffff);
    let made = diesel::sql_query(format!(
        "INSERT INTO deliveries (id, issue_id, subscriber_id, state, attempt, not_before, created_at, updated_at) \
         SELECT $1 || {digits}, $2, s.id, 'queued', 0, $3, $3, $3 FROM subscribers s \
         WHERE s.newsletter_id = $4 AND s.frequency = $5 AND s.state = 'active' AND s.confirmed_at IS NOT NULL \
         AND (s.paused_until IS NULL OR s.paused_until <= $3) \
         AND NOT EXISTS (SELECT 1 FROM suppressions x WHERE x.email_hmac = s.email_hmac)"
    ))
    .bind::<Text, _>(time)
    .bind::<Text, _>(issue.to_string())
    .bind::<BigInt, _>(now.micros())
    .bind::<Text, _>(newsletter.id.to_string())
    .bind::<Text, _>(frequency.as_str())
    .execute(conn)?;
    let there: i64 = deliveries::table.filter(deliveries::issue_id.eq(issue.to_string())).count().get_result(conn)?;
    if usize::try_from(there)? != made {
        return Err(Error::Internal(format!("made {made} copies of an issue and found {there}")));
    }
    Ok(there)
}

/// Whether anyone receives issues of this frequency.
pub(crate) fn has_readers(conn: &mut Conn, frequency: Frequency) -> Result<bool> {
    let readers = subscribers::table
        .filter(subscribers::frequency.eq(frequency.as_str()))
        .filter(subscribers::state.eq(ACTIVE))
        .filter(subscribers::confirmed_at.is_not_null());
    Ok(diesel::select(exists(readers)).get_result(conn)?)
}

/// Gives up what still waits for another try when the next issue is made: a reader gets the newer one.
pub(crate) fn supersede(conn: &mut Conn, frequency: Frequency, by: IssueId, now: Timestamp) -> Result<()> {
    let earlier = issues::table
        .filter(issues::frequency.eq(frequency.as_str()))
        .filter(issues::id.ne(by.to_string()))
        .filter(issues::state.eq(IssueState::Sending.as_str()))
        .select(issues::id);
    let waiting = deliveries::table
        .filter(deliveries::issue_id.eq_any(earlier))
        .filter(deliveries::state.eq(DeliveryState::Deferred.as_str()));
    diesel::update(waiting)
        .set((
            deliveries::state.eq(DeliveryState::Failed.as_str()),
            deliveries::code.eq("superseded"),
            deliveries::updated_at.eq(now.micros()),
        ))
        .execute(conn)?;
    Ok(())
}

/// Takes back what a worker that is gone had claimed of an issue, and calls in doubt what it was sending; returns how
/// many of each. `now` is the machine's time, whatever the time is that is worked for.
pub fn recover(conn: &mut Conn, issue: IssueId, now: Timestamp) -> Result<(usize, usize)> {
    let left = |state: DeliveryState| {
        deliveries::table
            .filter(deliveries::issue_id.eq(issue.to_string()))
            .filter(deliveries::state.eq(state.as_str()))
            .filter(deliveries::lease_until.lt(now.micros()))
    };
    // Its content was not begun: it can be sent as if nothing had happened.
    let requeued = diesel::update(left(DeliveryState::Claimed))
        .set((
            deliveries::state.eq(DeliveryState::Queued.as_str()),
            deliveries::worker.eq(None::<String>),
            deliveries::lease_until.eq(None::<i64>),
            deliveries::updated_at.eq(now.micros()),
        ))
        .execute(conn)?;
    // The worker stays noted: if it lives after all, its late answer settles the doubt.
    let doubted = diesel::update(left(DeliveryState::Dispatching))
        .set((
            deliveries::state.eq(DeliveryState::InDoubt.as_str()),
            deliveries::code.eq("worker_lost"),
            deliveries::lease_until.eq(None::<i64>),
            deliveries::updated_at.eq(now.micros()),
        ))
        .execute(conn)?;
    Ok((requeued, doubted))
}

/// A copy that a worker holds.
pub struct Claim {
    /// The copy.
    pub id: DeliveryId,
    /// The issue.
    pub issue: IssueId,
    /// The reader.
    pub subscriber: SubscriberId,
    /// Where it goes.
    pub email: Email,
    /// What the reader asked for.
    pub wanted: Wanted,
    /// What the mail is made of.
    pub format: Format,
    /// Which try this is, from 1.
    pub attempt: i32,
    /// What stands for the address, and for its domain, in suppressions.
    hmacs: [String; 2],
}

/// Who works, and when. Leases run by the machine's clock, which may show another time.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Its name; no two have the same.
    pub name: String,
    /// The time that is worked for.
    pub at: Timestamp,
}

#[derive(Queryable)]
struct Recipient {
    email: String,
    email_hmac: String,
    state: String,
    confirmed_at: Option<i64>,
    paused_until: Option<i64>,
    all_categories: bool,
    format: String,
}

impl Recipient {
    /// Why nothing may be sent to this reader.
    fn refusal(&self, at: Timestamp) -> Option<&'static str> {
        match self.state.as_str() {
            ACTIVE if self.confirmed_at.is_none() => Some("not_confirmed"),
            ACTIVE if self.paused_until.is_some_and(|until| until > at.micros()) => Some("paused"),
            ACTIVE => None,
            "unsubscribed" => Some("unsubscribed"),
            _ => Some("not_active"),
        }
    }
}

/// Copies that were looked at together.
#[derive(Default)]
pub struct Batch {
    /// Those that the worker holds now.
    pub claims: Vec<Claim>,
    /// What became of those that may not be sent any more.
    pub ended: Vec<Outcome>,
}

/// Claims the next copies of an issue on its way; `None` if none is due. The answer may be empty all the same, if
/// others were faster: ask again.
pub fn claim(
    conn: &mut Conn,
    worker: &Worker,
    secrets: &Secrets,
    issue: IssueId,
    clock: Timestamp,
) -> Result<Option<Batch>> {
    let ids = waiting(conn, issue, worker.at)?;
    let sending =
        issues::table.filter(issues::id.eq(issue.to_string())).filter(issues::state.eq(IssueState::Sending.as_str()));
    if ids.is_empty() || !diesel::select(exists(sending)).get_result::<bool>(conn)? {
        return Ok(None);
    }
    let open = [DeliveryState::Queued.as_str(), DeliveryState::Deferred.as_str()];
    diesel::update(deliveries::table.filter(deliveries::id.eq_any(&ids)))
        .filter(deliveries::state.eq_any(open))
        .set((
            deliveries::state.eq(DeliveryState::Claimed.as_str()),
            deliveries::worker.eq(&worker.name),
            deliveries::lease_until.eq(clock.plus_seconds(CLAIM).micros()),
            deliveries::attempt.eq(deliveries::attempt + 1),
            deliveries::updated_at.eq(worker.at.micros()),
        ))
        .execute(conn)?;
    let mine: Vec<(String, String, i32)> = deliveries::table
        .filter(deliveries::id.eq_any(&ids))
        .filter(deliveries::state.eq(DeliveryState::Claimed.as_str()))
        .filter(deliveries::worker.eq(&worker.name))
        .order(deliveries::id)
        .select((deliveries::id, deliveries::subscriber_id, deliveries::attempt))
        .load(conn)?;
    address(conn, worker, secrets, issue, mine).map(Some)
}

/// The next copies that are due: those that wait for their first try before those that wait for another.
fn waiting(conn: &mut Conn, issue: IssueId, at: Timestamp) -> Result<Vec<String>> {
    let mut ids: Vec<String> = Vec::new();
    for state in [DeliveryState::Queued, DeliveryState::Deferred] {
        // One state at a time reads an index range; both at once would sort the whole issue.
        let room = BATCH - i64::try_from(ids.len())?;
        let next = deliveries::table
            .filter(deliveries::issue_id.eq(issue.to_string()))
            .filter(deliveries::state.eq(state.as_str()))
            .filter(deliveries::not_before.le(at.micros()))
            .order((deliveries::not_before, deliveries::id))
            .limit(room)
            .select(deliveries::id);
        ids.extend(next.load::<String>(conn)?);
    }
    Ok(ids)
}

/// Finds out where claimed copies go, and skips those that may not go anywhere.
fn address(
    conn: &mut Conn,
    worker: &Worker,
    secrets: &Secrets,
    issue: IssueId,
    mine: Vec<(String, String, i32)>,
) -> Result<Batch> {
    let readers: Vec<&str> = mine.iter().map(|(_, subscriber, _)| subscriber.as_str()).collect();
    let mut recipients = recipients(conn, &readers)?;
    let mut chosen: HashMap<String, Vec<String>> = HashMap::new();
    let choices = subscriber_categories::table.filter(subscriber_categories::subscriber_id.eq_any(&readers));
    for (subscriber, category) in choices.load::<(String, String)>(conn)? {
        chosen.entry(subscriber).or_default().push(category);
    }
    let mut batch = Batch::default();
    for (id, subscriber, attempt) in mine {
        let id: DeliveryId = id.parse()?;
        let recipient = recipients.remove(&subscriber);
        let email = recipient.as_ref().and_then(|recipient| Email::parse(&recipient.email).ok());
        let (Some(recipient), Some(email)) = (recipient, email) else {
            // An erased person has no row, or one without an address.
            end(conn, worker, id, Outcome::Skipped("erased"), &mut batch)?;
            continue;
        };
        let hmacs = [recipient.email_hmac.clone(), domain_hmac(secrets, &email)];
        let refusal = match recipient.refusal(worker.at) {
            None if is_suppressed(conn, &hmacs)? => Some("suppressed"),
            refusal => refusal,
        };
        if let Some(code) = refusal {
            end(conn, worker, id, Outcome::Skipped(code), &mut batch)?;
            continue;
        }
        let wanted = if recipient.all_categories {
            Wanted::Everything
        } else {
            let chosen = chosen.remove(&subscriber).unwrap_or_default();
            Wanted::Categories(chosen.iter().map(|id| id.parse()).collect::<Result<_, _>>()?)
        };
        let format = recipient.format.parse().unwrap_or(Format::Html);
        batch.claims.push(Claim { id, issue, subscriber: subscriber.parse()?, email, wanted, format, attempt, hmacs });
    }
    Ok(batch)
}

fn end(conn: &mut Conn, worker: &Worker, id: DeliveryId, outcome: Outcome, batch: &mut Batch) -> Result<()> {
    finish(conn, worker, id, &outcome)?;
    batch.ended.push(outcome);
    Ok(())
}

fn recipients(conn: &mut Conn, ids: &[&str]) -> Result<HashMap<String, Recipient>> {
    let rows: Vec<(String, Recipient)> = subscribers::table
        .filter(subscribers::id.eq_any(ids))
        .select((
            subscribers::id,
            (
                subscribers::email,
                subscribers::email_hmac,
                subscribers::state,
                subscribers::confirmed_at,
                subscribers::paused_until,
                subscribers::all_categories,
                subscribers::format,
            ),
        ))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}

fn is_suppressed(conn: &mut Conn, hmacs: &[String]) -> Result<bool> {
    let barred = suppressions::table.filter(suppressions::email_hmac.eq_any(hmacs));
    Ok(diesel::select(exists(barred)).get_result(conn)?)
}

/// The last look before the content goes out. `None`: it may go, and is noted as being sent. Otherwise it must not go,
/// and this is what became of it instead.
pub fn dispatch(conn: &mut Conn, worker: &Worker, claim: &Claim, clock: Timestamp) -> Result<Option<Outcome>> {
    let willing = subscribers::table
        .filter(subscribers::id.eq(claim.subscriber.to_string()))
        .filter(subscribers::state.eq(ACTIVE))
        .filter(subscribers::confirmed_at.is_not_null())
        .filter(subscribers::paused_until.is_null().or(subscribers::paused_until.le(worker.at.micros())));
    let barred = suppressions::table.filter(suppressions::email_hmac.eq_any(&claim.hmacs));
    let sending = issues::table
        .filter(issues::id.eq(claim.issue.to_string()))
        .filter(issues::state.eq(IssueState::Sending.as_str()));
    let begun = diesel::update(deliveries::table.find(claim.id.to_string()))
        .filter(deliveries::state.eq(DeliveryState::Claimed.as_str()))
        .filter(deliveries::worker.eq(&worker.name))
        .filter(exists(willing))
        .filter(not(exists(barred)))
        .filter(exists(sending))
        .set((
            deliveries::state.eq(DeliveryState::Dispatching.as_str()),
            deliveries::lease_until.eq(clock.plus_seconds(DISPATCH).micros()),
            deliveries::updated_at.eq(worker.at.micros()),
        ))
        .execute(conn)?;
    if begun == 1 {
        return Ok(None);
    }
    let subscriber = claim.subscriber.to_string();
    let recipient = recipients(conn, &[&subscriber])?.remove(&subscriber);
    let refusal = match recipient.as_ref().map(|recipient| recipient.refusal(worker.at)) {
        None => Some("erased"),
        Some(None) if is_suppressed(conn, &claim.hmacs)? => Some("suppressed"),
        Some(refusal) => refusal,
    };
    // Otherwise its issue was stopped: it waits for that to go on.
    let fate = refusal.map_or(Outcome::Released { until: worker.at }, Outcome::Skipped);
    finish(conn, worker, claim.id, &fate)?;
    Ok(Some(fate))
}

/// What became of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The mail server took it over, and said this.
    Accepted(String),
    /// Not for now: it is tried again.
    Deferred {
        /// When.
        until: Timestamp,
        /// What the server said.
        code: String,
    },
    /// Refused for good, with this code.
    Failed(String),
    /// Perhaps taken over, perhaps not.
    InDoubt(String),
    /// Not to be sent, for this reason.
    Skipped(&'static str),
    /// Given back as if it had not been claimed; tried again from then on.
    Released {
        /// When.
        until: Timestamp,
    },
}

/// Notes what became of a copy that this worker has, or had when it was given up for lost. `false`: it has it no more.
pub fn finish(conn: &mut Conn, worker: &Worker, id: DeliveryId, outcome: &Outcome) -> Result<bool> {
    let (state, code, queue_id) = match outcome {
        Outcome::Accepted(queue_id) => (DeliveryState::Accepted, None, Some(queue_id.as_str())),
        Outcome::Deferred { code, .. } => (DeliveryState::Deferred, Some(code.as_str()), None),
        Outcome::Failed(code) => (DeliveryState::Failed, Some(code.as_str()), None),
        Outcome::InDoubt(code) => (DeliveryState::InDoubt, Some(code.as_str()), None),
        Outcome::Skipped(code) => (DeliveryState::Skipped, Some(*code), None),
        Outcome::Released { .. } => (DeliveryState::Queued, None, None),
    };
    let not_before = match outcome {
        Outcome::Deferred { until, .. } | Outcome::Released { until } => *until,
        _ => worker.at,
    };
    // Only what was not begun can be given back or left out: taking back more would send it twice.
    let from: &[DeliveryState] = match outcome {
        Outcome::Skipped(_) | Outcome::Released { .. } => &[DeliveryState::Claimed],
        _ => &[DeliveryState::Claimed, DeliveryState::Dispatching, DeliveryState::InDoubt],
    };
    let noted = diesel::update(deliveries::table.find(id.to_string()))
        .filter(deliveries::worker.eq(&worker.name))
        .filter(deliveries::state.eq_any(from.iter().map(|state| state.as_str())))
        .set((
            deliveries::state.eq(state.as_str()),
            deliveries::code.eq(code),
            deliveries::queue_id.eq(queue_id),
            deliveries::not_before.eq(not_before.micros()),
            deliveries::accepted_at.eq(queue_id.map(|_| worker.at.micros())),
            deliveries::worker.eq(None::<String>),
            deliveries::lease_until.eq(None::<i64>),
            deliveries::updated_at.eq(worker.at.micros()),
        ))
        .execute(conn)?;
    Ok(noted == 1)
}

/// Up to `limit` copies of an issue after one, by identity.
pub fn list(
    conn: &mut Conn,
    issue: IssueId,
    state: Option<DeliveryState>,
    after: Option<DeliveryId>,
    limit: i64,
) -> Result<Vec<Delivery>> {
    let mut query = deliveries::table
        .filter(deliveries::issue_id.eq(issue.to_string()))
        .order(deliveries::id)
        .limit(limit)
        .select(Row::as_select())
        .into_boxed();
    if let Some(state) = state {
        query = query.filter(deliveries::state.eq(state.as_str()));
    }
    if let Some(after) = after {
        query = query.filter(deliveries::id.gt(after.to_string()));
    }
    let rows: Vec<Row> = query.load(conn)?;
    let readers: HashSet<&str> = rows.iter().map(|row| row.subscriber_id.as_str()).collect();
    let emails: HashMap<String, String> = subscribers::table
        .filter(subscribers::id.eq_any(readers))
        .select((subscribers::id, subscribers::email))
        .load::<(String, String)>(conn)?
        .into_iter()
        .collect();
    rows.into_iter().map(|row| row.shown(&emails)).collect()
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = deliveries)]
struct Row {
    id: String,
    subscriber_id: String,
    state: String,
    code: Option<String>,
    attempt: i32,
    not_before: i64,
    accepted_at: Option<i64>,
    updated_at: i64,
}

impl Row {
    fn shown(self, emails: &HashMap<String, String>) -> Result<Delivery> {
        let email = emails.get(&self.subscriber_id).and_then(|email| Email::parse(email).ok());
        Ok(Delivery {
            id: self.id.parse()?,
            subscriber_id: self.subscriber_id.parse()?,
            email_masked: email.map(|email| email.masked()),
            state: self.state.parse().map_err(Error::Internal)?,
            code: self.code,
            attempt: self.attempt,
            not_before: Timestamp::from_micros(self.not_before),
            accepted_at: self.accepted_at.map(Timestamp::from_micros),
            updated_at: Timestamp::from_micros(self.updated_at),
        })
    }
}
