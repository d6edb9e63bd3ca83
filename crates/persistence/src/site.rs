//! The settings of the site.

use diesel::prelude::*;
use domain::error::Stale;
use domain::permissions::Action;
use domain::site::{Settings, Site};
use domain::{Actor, Error, Result, Seen, Timestamp};

use crate::changes::{self, Entry, Op, Resource};
use crate::db::on;
use crate::schema::site;
use crate::{Conn, audit};

/// The one row of the table.
const ID: i16 = 1;

/// The settings as they are; those of a new publication while none were set.
pub fn current(conn: &mut Conn) -> Result<Site> {
    let row: Option<(i64, String, i64)> =
        site::table.find(ID).select((site::version, site::settings, site::updated_at)).first(conn).optional()?;
    let Some((version, settings, at)) = row else { return Ok(Site::default()) };
    Ok(Site {
        settings: serde_json::from_str(&settings)?,
        version: version.try_into()?,
        updated_at: Some(Timestamp::from_micros(at)),
    })
}

/// The settings alone.
pub fn settings(conn: &mut Conn) -> Result<Settings> {
    Ok(current(conn)?.settings)
}

/// Changes the settings to what `edit` makes of them, and notes in the audit log which members changed.
pub fn update(
    conn: &mut Conn,
    by: &Actor,
    seen: &Seen,
    edit: impl FnOnce(&Settings) -> Result<Settings>,
    at: Timestamp,
) -> Result<Site> {
    by.may(Action::WriteSettings)?;
    let before = current(conn)?;
    seen.expect(before.version, || stale(&before))?;
    let settings = edit(&before.settings)?.check()?;
    if !write(conn, &before, &settings, at)? {
        return Err(Error::Stale(Box::new(stale(&current(conn)?))));
    }
    let changed = changed_members(&before.settings, &settings)?;
    audit::record(conn, by, "changed", "settings", None, Some(&changed), at)?;
    changes::record(conn, &[Entry::new(Op::Upsert, Resource::Site, "site", None)], at)?;
    crate::redirects::remember_shapes(conn, &before.settings, &settings, at)?;
    if !settings.addresses_as(&before.settings) {
        changes::begin_anew(conn)?;
    }
    current(conn)
}

/// Writes the next version, unless another one has been written since; tells whether it did.
fn write(conn: &mut Conn, before: &Site, settings: &Settings, at: Timestamp) -> Result<bool> {
    let settings = serde_json::to_string(settings)?;
    let version = i64::try_from(before.version)?;
    let values = (site::version.eq(version + 1), site::settings.eq(&settings), site::updated_at.eq(at.micros()));
    let written = if before.updated_at.is_some() {
        diesel::update(site::table.find(ID).filter(site::version.eq(version))).set(values).execute(conn)?
    } else {
        let row = (site::id.eq(ID), values.0, values.1, values.2);
        on!(conn, |c| diesel::insert_into(site::table).values(row).on_conflict_do_nothing().execute(c))?
    };
    Ok(written == 1)
}

fn stale(site: &Site) -> Stale {
    Stale { version: site.version, state: None, changed_by: None, changed_at: site.updated_at }
}

/// The names of the members that differ, as JSON.
fn changed_members(before: &Settings, after: &Settings) -> Result<String> {
    let (before, after) = (serde_json::to_value(before)?, serde_json::to_value(after)?);
    let names =
        after.as_object().into_iter().flatten().filter(|(name, value)| before.get(name.as_str()) != Some(*value));
    Ok(serde_json::to_string(&names.map(|(name, _)| name).collect::<Vec<_>>())?)
}
