//! The newsletter and its settings. A publication has one.

use diesel::prelude::*;
use domain::error::Stale;
use domain::newsletter::{Newsletter, Settings};
use domain::permissions::Action;
use domain::secrets::sha256;
use domain::{Actor, Error, Fault, Result, Seen, Timestamp};

use crate::db::on;
use crate::schema::{consent_texts, newsletters};
use crate::{Conn, audit};

#[derive(Queryable, Selectable)]
#[diesel(table_name = newsletters)]
struct Row {
    id: String,
    version: i64,
    settings: String,
    created_at: i64,
    updated_at: i64,
    schedule_since: i64,
}

impl TryFrom<Row> for Newsletter {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: row.id.parse()?,
            settings: serde_json::from_str(&row.settings)?,
            version: row.version.try_into()?,
            created_at: Timestamp::from_micros(row.created_at),
            updated_at: Timestamp::from_micros(row.updated_at),
            schedule_since: Timestamp::from_micros(row.schedule_since),
        })
    }
}

/// The newsletter, made with default settings if there is none yet. Its ledger begins at `at`, so call it when a
/// database is made: articles that were public before are never sent. Any number of callers make one.
pub fn ensure(conn: &mut Conn, at: Timestamp) -> Result<Newsletter> {
    if let Some(newsletter) = stored(conn)? {
        return Ok(newsletter);
    }
    let settings = serde_json::to_string(&Settings::default())?;
    let row = (
        newsletters::id.eq(Newsletter::DEFAULT_ID),
        newsletters::version.eq(1),
        newsletters::settings.eq(settings),
        newsletters::created_at.eq(at.micros()),
        newsletters::updated_at.eq(at.micros()),
        newsletters::schedule_since.eq(at.micros()),
    );
    on!(conn, |c| diesel::insert_into(newsletters::table).values(row).on_conflict_do_nothing().execute(c))?;
    current(conn)
}

/// The newsletter; 404 if nobody made it yet.
pub fn current(conn: &mut Conn) -> Result<Newsletter> {
    stored(conn)?.ok_or(Error::NotFound("newsletter"))
}

/// The newsletter, held until the transaction ends: of those who would make an issue one goes first.
pub(crate) fn lock(conn: &mut Conn) -> Result<Newsletter> {
    // A write of nothing: on PostgreSQL it takes the row's lock, SQLite has one writer anyway.
    diesel::update(newsletters::table).set(newsletters::version.eq(newsletters::version)).execute(conn)?;
    current(conn)
}

fn stored(conn: &mut Conn) -> Result<Option<Newsletter>> {
    let row = newsletters::table.order(newsletters::id).select(Row::as_select()).first(conn).optional()?;
    row.map(Newsletter::try_from).transpose()
}

/// Replaces the settings by what `edit` gives, which is asked once it is known that the caller may.
pub fn update(
    conn: &mut Conn,
    by: &Actor,
    seen: &Seen,
    edit: impl FnOnce() -> Result<Settings>,
    at: Timestamp,
) -> Result<Newsletter> {
    by.may(Action::WriteNewsletter)?;
    let before = ensure(conn, at)?;
    seen.expect(before.version, || Stale::at(before.version, before.updated_at))?;
    let settings = edit()?;
    check_consent(conn, &before.settings, &settings)?;
    let since = if settings.same_schedule(&before.settings) { before.schedule_since } else { at };
    let id = before.id.to_string();
    let version = i64::try_from(before.version)?;
    let changed = diesel::update(newsletters::table.find(&id).filter(newsletters::version.eq(version)))
        .set((
            newsletters::settings.eq(serde_json::to_string(&settings)?),
            newsletters::version.eq(version + 1),
            newsletters::updated_at.eq(at.micros()),
            newsletters::schedule_since.eq(since.micros()),
        ))
        .execute(conn)?;
    let after = current(conn)?;
    if changed == 0 {
        return Err(Error::Stale(Box::new(Stale::at(after.version, after.updated_at))));
    }
    audit::record(conn, by, "updated", "newsletter", Some(id), None, at)?;
    Ok(after)
}

/// The name of a text that someone may have agreed to keeps its meaning.
fn check_consent(conn: &mut Conn, before: &Settings, after: &Settings) -> Result<()> {
    let (old, new) = (&before.consent, &after.consent);
    let known: Option<String> = consent_texts::table
        .filter(consent_texts::version.eq(&new.version))
        .select(consent_texts::sha256)
        .first(conn)
        .optional()?;
    let used = known.is_some_and(|known| known != sha256(&new.text));
    if used || (old.version == new.version && old.text != new.text) {
        let detail = "Another text has this version: people agreed to it. Give the new text a new version.";
        return Err(Error::invalid(Fault::at("/consent/version", "version_taken", detail)));
    }
    Ok(())
}
