//! The history of consents: who agreed to which text, when and how. Append-only; it outlives the person's row.

use std::collections::HashMap;

use diesel::prelude::*;
use domain::ids::{EventId, SubscriberId};
use domain::secrets::sha256;
use domain::subscriptions::{ConsentEvent, ConsentKind};
use domain::{Error, Result, Timestamp};

use crate::Conn;
use crate::db::on;
use crate::schema::{consent_events, consent_texts};

/// Where a request came from: no more than a network and a family of browsers.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The client's network (/24 or /48).
    pub ip_prefix: Option<String>,
    /// The family of the browser.
    pub user_agent: Option<String>,
}

/// An event to be written.
pub(crate) struct Event<'a> {
    /// Whose consent it is.
    pub(crate) subscriber: SubscriberId,
    /// Stands for the address.
    pub(crate) email_hmac: &'a str,
    pub(crate) kind: ConsentKind,
    /// Where on the site, or by what means.
    pub(crate) source: Option<&'a str>,
    /// The text that was agreed to.
    pub(crate) consent: Option<&'a str>,
    /// Slugs of the categories; `None`: all, or not said.
    pub(crate) categories: Option<Vec<String>>,
    pub(crate) origin: &'a Origin,
    /// Who of the publication did it.
    pub(crate) actor: Option<&'a str>,
}

/// Writes an event.
pub(crate) fn record(conn: &mut Conn, event: &Event<'_>, at: Timestamp) -> Result<()> {
    diesel::insert_into(consent_events::table)
        .values((
            consent_events::id.eq(EventId::new().to_string()),
            consent_events::subscriber_id.eq(event.subscriber.to_string()),
            consent_events::email_hmac.eq(event.email_hmac),
            consent_events::kind.eq(event.kind.as_str()),
            consent_events::at.eq(at.micros()),
            consent_events::source.eq(event.source),
            consent_events::consent_text_sha256.eq(event.consent),
            consent_events::categories.eq(event.categories.as_ref().map(|slugs| slugs.join(" "))),
            consent_events::ip_prefix.eq(event.origin.ip_prefix.as_deref()),
            consent_events::user_agent.eq(event.origin.user_agent.as_deref()),
            consent_events::actor_name.eq(event.actor),
        ))
        .execute(conn)?;
    Ok(())
}

/// Up to `limit` events of a subscriber after one of them, oldest first.
pub fn list(conn: &mut Conn, id: SubscriberId, after: Option<String>, limit: i64) -> Result<Vec<ConsentEvent>> {
    let mut query = consent_events::table
        .filter(consent_events::subscriber_id.eq(id.to_string()))
        .order(consent_events::id)
        .select(Row::as_select())
        .limit(limit)
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(consent_events::id.gt(after));
    }
    let rows: Vec<Row> = query.load(conn)?;
    let hashes: Vec<&str> = rows.iter().filter_map(|row| row.consent_text_sha256.as_deref()).collect();
    let texts: HashMap<String, String> = consent_texts::table
        .filter(consent_texts::sha256.eq_any(hashes))
        .select((consent_texts::sha256, consent_texts::text))
        .load(conn)?
        .into_iter()
        .collect();
    rows.into_iter().map(|row| row.event(&texts)).collect()
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = consent_events)]
struct Row {
    id: String,
    kind: String,
    at: i64,
    source: Option<String>,
    consent_text_sha256: Option<String>,
    categories: Option<String>,
    ip_prefix: Option<String>,
    user_agent: Option<String>,
    actor_name: Option<String>,
}

impl Row {
    fn event(self, texts: &HashMap<String, String>) -> Result<ConsentEvent> {
        Ok(ConsentEvent {
            id: self.id,
            kind: self.kind.parse().map_err(Error::Internal)?,
            at: Timestamp::from_micros(self.at),
            source: self.source,
            consent_text: self.consent_text_sha256.as_ref().and_then(|hash| texts.get(hash).cloned()),
            consent_text_sha256: self.consent_text_sha256,
            categories: self.categories.map(|slugs| slugs.split_whitespace().map(str::to_owned).collect()),
            ip_prefix: self.ip_prefix,
            user_agent: self.user_agent,
            actor_name: self.actor_name,
        })
    }
}

/// What was mailed to an address because someone asked, since then.
pub(crate) fn mails_since(
    conn: &mut Conn,
    email_hmac: &str,
    since: Timestamp,
) -> Result<Vec<(ConsentKind, Timestamp)>> {
    let mut mails = Vec::new();
    for kind in [ConsentKind::ConfirmMailSent, ConsentKind::NoticeMailSent] {
        let times: Vec<i64> = consent_events::table
            .filter(consent_events::email_hmac.eq(email_hmac))
            .filter(consent_events::kind.eq(kind.as_str()))
            .filter(consent_events::at.gt(since.micros()))
            .select(consent_events::at)
            .load(conn)?;
        mails.extend(times.into_iter().map(|at| (kind, Timestamp::from_micros(at))));
    }
    Ok(mails)
}

/// Keeps a text that people agree to, and gives its SHA-256.
pub(crate) fn keep_text(conn: &mut Conn, version: &str, text: &str, locale: &str, at: Timestamp) -> Result<String> {
    let hash = sha256(text);
    let row = (
        consent_texts::sha256.eq(&hash),
        consent_texts::version.eq(version),
        consent_texts::locale.eq(locale),
        consent_texts::text.eq(text),
        consent_texts::created_at.eq(at.micros()),
    );
    on!(conn, |c| diesel::insert_into(consent_texts::table).values(row).on_conflict_do_nothing().execute(c))?;
    Ok(hash)
}

/// The SHA-256 of the text of a version; `None` if nobody ever agreed to one.
pub(crate) fn text_of(conn: &mut Conn, version: &str) -> Result<Option<String>> {
    let hash = consent_texts::table.filter(consent_texts::version.eq(version)).select(consent_texts::sha256);
    Ok(hash.first(conn).optional()?)
}

/// Takes everything personal out of the history of an address: what stays is that something happened, and when.
pub(crate) fn erase(conn: &mut Conn, email_hmac: &str) -> Result<()> {
    diesel::update(consent_events::table.filter(consent_events::email_hmac.eq(email_hmac)))
        .set((
            consent_events::source.eq(None::<String>),
            consent_events::consent_text_sha256.eq(None::<String>),
            consent_events::categories.eq(None::<String>),
            consent_events::ip_prefix.eq(None::<String>),
            consent_events::user_agent.eq(None::<String>),
            consent_events::actor_name.eq(None::<String>),
        ))
        .execute(conn)?;
    Ok(())
}
