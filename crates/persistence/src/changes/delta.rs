//! The log as a replica reads it: everything that is public, once; then what changed, for ever after.

use diesel::prelude::*;
use domain::{Error, Result, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Op, Resource, after, log};
use crate::Conn;
use crate::schema::{bylines, categories, published_articles as articles, published_comments as comments, tags};

/// How far a reader of the log has come. It means something to the log that gave it alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Which log.
    log: String,
    /// Everything up to this entry is known, once the run is over.
    seq: i64,
    /// Where the first run over everything stands; none once it is over.
    run: Option<Run>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    /// Which of [`Resource::ALL`].
    resource: usize,
    /// The last one that was told of.
    after: Option<String>,
}

/// Something that is to be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// Whether it is there, or no longer.
    pub op: Op,
    /// What kind of thing.
    pub resource: Resource,
    /// Which.
    pub id: String,
    /// Its slug, if it has one.
    pub slug: Option<String>,
    /// Its locale, if it has one.
    pub locale: Option<String>,
    /// When it changed; in a first run, when it was read.
    pub at: Timestamp,
    /// Where a reader stands who knows of it.
    pub place: Place,
}

/// A part of what is to be known.
#[derive(Debug)]
pub struct Deltas {
    /// In this order.
    pub data: Vec<Delta>,
    /// Where the reader stands after them.
    pub place: Place,
    /// Whether there is more already.
    pub more: bool,
}

/// The place of a reader who wants to hear of what comes.
pub fn present(conn: &mut Conn) -> Result<Place> {
    Ok(Place { log: log(conn)?.id, seq: super::head(conn)?, run: None })
}

/// Up to `limit` things that come after a place; with none, a run over everything begins.
///
/// While a run goes on, editors go on too: what they change meanwhile follows it, so that in the end all is told.
pub fn read(conn: &mut Conn, place: Option<Place>, limit: i64, now: Timestamp) -> Result<Deltas> {
    let known = log(conn)?;
    let head = super::head(conn)?;
    let place = match place {
        None => Place { log: known.id, seq: head, run: Some(Run { resource: 0, after: None }) },
        // Of a log that began anew before the reader knew everything, too, nothing is to be had any more.
        Some(place) if place.log != known.id || place.seq < known.gone || place.seq > head => {
            let detail = "This token is from another database, or from before what is still known. Start over: ask \
                          without `since`.";
            return Err(Error::Gone { code: "changes_gone", detail: detail.into() });
        }
        Some(place) => place,
    };
    if place.run.is_some() { run(conn, place, limit, now) } else { follow(conn, place, limit) }
}

fn follow(conn: &mut Conn, mut place: Place, limit: i64) -> Result<Deltas> {
    let mut changes = after(conn, place.seq, limit + 1)?;
    let limit = usize::try_from(limit)?;
    let more = changes.len() > limit;
    changes.truncate(limit);
    let mut data: Vec<Delta> = Vec::with_capacity(changes.len());
    for change in changes {
        place.seq = change.seq;
        if change.touched.hidden || !Resource::ALL.contains(&change.resource) {
            continue;
        }
        // The last word on a thing is enough.
        data.retain(|known| known.resource != change.resource || known.id != change.id);
        data.push(Delta {
            op: change.op,
            resource: change.resource,
            id: change.id,
            slug: change.slug,
            locale: change.locale,
            at: change.at,
            place: place.clone(),
        });
    }
    Ok(Deltas { data, place, more })
}

fn run(conn: &mut Conn, mut place: Place, limit: i64, now: Timestamp) -> Result<Deltas> {
    let mut data = Vec::new();
    while let Some(run) = place.run.clone() {
        let Some(resource) = Resource::ALL.get(run.resource).copied() else {
            place.run = None;
            break;
        };
        let wanted = limit - i64::try_from(data.len())?;
        if wanted == 0 {
            return Ok(Deltas { data, place, more: true });
        }
        let things = things(conn, resource, run.after.as_deref(), wanted, now)?;
        let next = if i64::try_from(things.len())? < wanted {
            Run { resource: run.resource + 1, after: None }
        } else {
            Run { resource: run.resource, after: things.last().map(|thing| thing.0.clone()) }
        };
        for (key, id, slug, locale) in things {
            place.run = Some(Run { resource: run.resource, after: Some(key) });
            let place = place.clone();
            data.push(Delta { op: Op::Upsert, resource, id, slug, locale, at: now, place });
        }
        place.run = Some(next);
    }
    // The run is over; what was changed meanwhile comes next.
    let more = super::head(conn)? > place.seq;
    Ok(Deltas { data, place, more })
}

/// What a thing is found after, its identity, its slug, its locale.
type Thing = (String, String, Option<String>, Option<String>);

/// Up to `limit` of the public things of a kind.
fn things(conn: &mut Conn, resource: Resource, after: Option<&str>, limit: i64, now: Timestamp) -> Result<Vec<Thing>> {
    let after = after.unwrap_or_default();
    let named =
        |rows: Vec<(String, String)>| rows.into_iter().map(|(id, slug)| (id.clone(), id, Some(slug), None)).collect();
    Ok(match resource {
        Resource::Site if after.is_empty() => vec![("site".into(), "site".into(), None, None)],
        Resource::Site | Resource::Redirect | Resource::Media => Vec::new(),
        Resource::Category => {
            // By path: what stands above another comes first.
            let rows = categories::table.filter(categories::path.gt(after)).order(categories::path).limit(limit);
            let rows = rows.select((categories::path, categories::id, categories::slug));
            let rows: Vec<(String, String, String)> = rows.load(conn)?;
            rows.into_iter().map(|(path, id, slug)| (path, id, Some(slug), None)).collect()
        }
        Resource::Tag => {
            let rows = tags::table.filter(tags::internal.eq(false)).filter(tags::id.gt(after));
            let rows = rows.order(tags::id).limit(limit);
            named(rows.select((tags::id, tags::slug)).load(conn)?)
        }
        Resource::Byline => {
            let rows = bylines::table.filter(bylines::id.gt(after)).order(bylines::id).limit(limit);
            named(rows.select((bylines::id, bylines::slug)).load(conn)?)
        }
        Resource::Article => {
            let rows: Vec<(String, String, String)> = articles::table
                .filter(articles::article_id.gt(after))
                .filter(articles::visible_from.le(now.micros()))
                .filter(articles::visible_until.gt(now.micros()))
                .order(articles::article_id)
                .limit(limit)
                .select((articles::article_id, articles::slug, articles::locale))
                .load(conn)?;
            rows.into_iter().map(|(id, slug, locale)| (id.clone(), id, Some(slug), Some(locale))).collect()
        }
        Resource::Comment => {
            let below = articles::table
                .filter(articles::article_id.eq(comments::article_id))
                .filter(articles::visible_from.le(now.micros()))
                .filter(articles::visible_until.gt(now.micros()));
            let rows: Vec<String> = comments::table
                .filter(comments::id.gt(after))
                .filter(diesel::dsl::exists(below))
                .order(comments::id)
                .limit(limit)
                .select(comments::id)
                .load(conn)?;
            rows.into_iter().map(|id| (id.clone(), id, None, None)).collect()
        }
    })
}
