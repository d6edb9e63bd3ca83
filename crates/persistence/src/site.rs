//! The settings of the site.

use diesel::prelude::*;
use domain::site::{Settings, Site};
use domain::{Result, Timestamp};

use crate::Conn;
use crate::schema::site;

/// The settings as they are; those of a new publication while none were set.
pub fn current(conn: &mut Conn) -> Result<Site> {
    let row: Option<(i64, String, i64)> =
        site::table.find(1).select((site::version, site::settings, site::updated_at)).first(conn).optional()?;
    Ok(match row {
        None => Site { settings: Settings::default(), version: 1, updated_at: None },
        Some((version, settings, at)) => Site {
            settings: serde_json::from_str(&settings)?,
            version: version.try_into()?,
            updated_at: Some(Timestamp::from_micros(at)),
        },
    })
}
