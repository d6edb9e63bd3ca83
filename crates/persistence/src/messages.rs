//! The outbox: single messages, written in the transaction that wants them sent, and sent by whoever claims them.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use domain::ids::{MessageId, SubscriberId};
use domain::retry;
use domain::{Result, Timestamp};
use serde::{Deserialize, Serialize};

use crate::schema::{messages, subscribers};
use crate::{Conn, suppressions};

/// What a message says: what its template needs. It holds a token, so it has no `Debug`, and is gone when the message
/// has left.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    /// Asks an address whether a request is wanted.
    Confirmation {
        /// The address.
        to: String,
        /// Confirms.
        token: String,
        /// Objects.
        objection: String,
    },
    /// Tells an active subscriber that nothing is left to do.
    AlreadySubscribed {
        /// The address.
        to: String,
        /// Leads to the preferences.
        manage_token: String,
    },
}

impl Content {
    fn kind(&self) -> &'static str {
        match self {
            Self::Confirmation { .. } => "confirmation",
            Self::AlreadySubscribed { .. } => "already_subscribed",
        }
    }

    /// Whom it is for.
    pub fn to(&self) -> &str {
        match self {
            Self::Confirmation { to, .. } | Self::AlreadySubscribed { to, .. } => to,
        }
    }
}

/// Seconds for which a claimed message belongs to its worker: longer than connecting to a server, sending and waiting
/// for its last answer can take together.
const LEASE: i64 = 15 * 60;

/// Seconds that a message which could not be sent stays on record, without its content.
const KEEP_FAILED: i64 = 30 * 24 * 3_600;

/// Queues a message that may leave from `not_before` on, in the transaction of what it tells of.
pub fn enqueue(
    conn: &mut Conn,
    subscriber: Option<SubscriberId>,
    content: &Content,
    not_before: Timestamp,
    now: Timestamp,
) -> Result<()> {
    diesel::insert_into(messages::table)
        .values((
            messages::id.eq(MessageId::new().to_string()),
            messages::kind.eq(content.kind()),
            messages::subscriber_id.eq(subscriber.map(|id| id.to_string())),
            messages::payload.eq(serde_json::to_string(content)?),
            messages::state.eq("queued"),
            messages::attempt.eq(0),
            messages::not_before.eq(not_before.micros()),
            messages::created_at.eq(now.micros()),
        ))
        .execute(conn)?;
    Ok(())
}

/// A message that belongs to its worker until the lease ends.
pub struct Claimed {
    /// The message; also what makes its Message-ID, the same on every try.
    pub id: MessageId,
    /// What it says.
    pub content: Content,
    /// When it was queued.
    pub created_at: Timestamp,
    /// Tells this claim from others of the same message.
    attempt: i32,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Nullable<Text>)]
    subscriber_id: Option<String>,
    #[diesel(sql_type = Text)]
    payload: String,
    #[diesel(sql_type = Integer)]
    attempt: i32,
    #[diesel(sql_type = BigInt)]
    created_at: i64,
}

/// Claims the next message that is due, also one whose worker let its lease run out. `None`: none is due.
///
/// What is for someone who has objected meanwhile is dropped on the way.
pub fn claim(conn: &mut Conn, now: Timestamp) -> Result<Option<Claimed>> {
    while let Some(row) = take_next(conn, now)? {
        let claimed = Claimed {
            id: row.id.parse()?,
            content: serde_json::from_str(&row.payload)?,
            created_at: Timestamp::from_micros(row.created_at),
            attempt: row.attempt,
        };
        match row.subscriber_id {
            Some(subscriber) if is_blocked(conn, &subscriber, now)? => settle_sent(conn, &claimed)?,
            _ => return Ok(Some(claimed)),
        }
    }
    Ok(None)
}

/// One statement, so that two workers never take the same message. Kinds of a newer version are left to its nodes.
fn take_next(conn: &mut Conn, now: Timestamp) -> Result<Option<Row>> {
    // SQLite has one writer; PostgreSQL's workers step around the rows that others are taking.
    let skip = match conn {
        Conn::Postgres(_) => " FOR UPDATE SKIP LOCKED",
        Conn::Sqlite(_) => "",
    };
    let statement = format!(
        "UPDATE messages SET state = 'sending', attempt = attempt + 1, lease_until = $1 WHERE id = (
            SELECT id FROM messages
            WHERE ((state = 'queued' AND not_before <= $2) OR (state = 'sending' AND lease_until <= $2))
                AND kind IN ('confirmation', 'already_subscribed')
            ORDER BY not_before, id LIMIT 1{skip}
        ) RETURNING id, subscriber_id, payload, attempt, created_at"
    );
    let taken = diesel::sql_query(statement)
        .bind::<BigInt, _>(now.plus_seconds(LEASE).micros())
        .bind::<BigInt, _>(now.micros())
        .get_result(conn);
    Ok(taken.optional()?)
}

fn is_blocked(conn: &mut Conn, subscriber: &str, now: Timestamp) -> Result<bool> {
    let hmac: Option<String> =
        subscribers::table.find(subscriber).select(subscribers::email_hmac).first(conn).optional()?;
    let Some(hmac) = hmac else { return Ok(true) };
    Ok(suppressions::strongest(conn, &[&hmac])?.is_some_and(|suppression| suppression.blocks_everything(now)))
}

/// The message has left: nothing of it stays.
pub fn settle_sent(conn: &mut Conn, claimed: &Claimed) -> Result<()> {
    let own = messages::table.find(claimed.id.to_string()).filter(messages::attempt.eq(claimed.attempt));
    diesel::delete(own).execute(conn)?;
    Ok(())
}

/// The message was not taken: it waits for its next try, or is given up if none is left or would help (`for_good`).
/// `why` must hold no address.
pub fn settle_failed(conn: &mut Conn, claimed: &Claimed, for_good: bool, why: &str, now: Timestamp) -> Result<()> {
    let id = claimed.id.to_string();
    let next = retry::next_attempt(&id, claimed.attempt, claimed.created_at, now).filter(|_| !for_good);
    let own = messages::table.find(&id).filter(messages::attempt.eq(claimed.attempt));
    let why = messages::last_error.eq(why);
    match next {
        Some(at) => diesel::update(own)
            .set((messages::state.eq("queued"), messages::not_before.eq(at.micros()), why))
            .execute(conn)?,
        None => diesel::update(own)
            .set((messages::state.eq("failed"), messages::payload.eq("{}"), messages::not_before.eq(now.micros()), why))
            .execute(conn)?,
    };
    Ok(())
}

/// How many messages wait to leave, or are on their way.
pub fn waiting(conn: &mut Conn) -> Result<i64> {
    Ok(messages::table.filter(messages::state.ne("failed")).count().get_result(conn)?)
}

/// Forgets messages that failed long ago.
pub(crate) fn purge(conn: &mut Conn, now: Timestamp) -> Result<usize> {
    let old = messages::table
        .filter(messages::state.eq("failed"))
        .filter(messages::not_before.le(now.plus_seconds(-KEEP_FAILED).micros()));
    Ok(diesel::delete(old).execute(conn)?)
}

/// Forgets the confirmations that wait for a subscriber: a newer one takes their place, or none is wanted.
pub(crate) fn withdraw(conn: &mut Conn, subscriber: SubscriberId) -> Result<()> {
    let waiting =
        messages::table.filter(messages::subscriber_id.eq(subscriber.to_string())).filter(messages::state.eq("queued"));
    diesel::delete(waiting).execute(conn)?;
    Ok(())
}
