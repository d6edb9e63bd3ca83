//! The documents of what changed, as the routes of the things show them.

use std::collections::HashMap;

use domain::Result;
use persistence::changes::Resource;
use persistence::changes::delta::Delta;
use persistence::published::View;
use persistence::{Conn, bylines, categories, published, published_comments, site, tags};
use serde::Serialize;
use serde_json::Value;

use crate::App;
use crate::bylines::PublicByline;
use crate::categories::PublicCategory;
use crate::site::PublicSite;
use crate::tags::PublicTag;

/// Documents by kind and identity of the thing.
pub(super) type Found = HashMap<(&'static str, String), Value>;

/// The documents of what is there of these things, with a query or a few for each kind.
pub(super) fn of(conn: &mut Conn, app: &App, view: &View, deltas: &[Delta]) -> Result<Found> {
    let settings = site::settings(conn)?;
    let mut found = Found::new();
    for resource in Resource::ALL {
        let ids: Vec<String> =
            deltas.iter().filter(|delta| delta.resource == resource).map(|delta| delta.id.clone()).collect();
        if ids.is_empty() {
            continue;
        }
        let kind = resource.as_str();
        match resource {
            Resource::Site => keep(&mut found, (kind, "site".into()), &PublicSite::new(app, settings.clone()))?,
            Resource::Category => {
                let categories = categories::with_ids(conn, &ids)?;
                for shown in categories::shown(conn, categories, view.now)? {
                    keep(
                        &mut found,
                        (kind, shown.category.id.to_string()),
                        &PublicCategory::new(app, &settings, shown),
                    )?;
                }
            }
            Resource::Tag => {
                let tags = tags::with_ids(conn, &ids)?;
                for tag in tags::counted(conn, tags, view.now)? {
                    keep(&mut found, (kind, tag.item.id.to_string()), &PublicTag::new(app, &settings, tag))?;
                }
            }
            Resource::Byline => {
                let bylines = bylines::with_ids(conn, &ids)?;
                for byline in bylines::counted(conn, bylines, view.now)? {
                    keep(&mut found, (kind, byline.item.id.to_string()), &PublicByline::new(app, &settings, byline))?;
                }
            }
            Resource::Article => {
                for article in published::with_ids(conn, view, &ids)? {
                    found.insert((kind, article.id.to_string()), article.value()?);
                }
            }
            Resource::Comment => {
                for comment in published_comments::with_ids(conn, &ids, view.now)? {
                    keep(&mut found, (kind, comment.id.to_string()), &comment)?;
                }
            }
            // No replica hears of these.
            Resource::Redirect | Resource::Media => {}
        }
    }
    Ok(found)
}

fn keep(found: &mut Found, key: (&'static str, String), document: &impl Serialize) -> Result<()> {
    found.insert(key, serde_json::to_value(document)?);
    Ok(())
}
