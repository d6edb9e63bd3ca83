//! Bylines: the names that articles are signed with. Readers see them as they are.

use diesel::prelude::*;
use domain::bylines::{Byline, Draft};
use domain::error::Stale;
use domain::ids::BylineId;
use domain::permissions::Action;
use domain::text::{Prose, Slug, WebUrl};
use domain::{Actor, Error, Result, Seen, Timestamp};

use crate::changes::{self, Entry, Op, Resource};
use crate::db::Refuse;
use crate::schema::{bylines, published_in};
use crate::slugs::{self, Kind};
use crate::taxonomy::{self, Counted, Found};
use crate::wordpress_ids::{self, Numbered};
use crate::{Conn, Fate, ghost_ids};

#[derive(Queryable, Selectable)]
#[diesel(table_name = bylines)]
struct Row {
    id: String,
    slug: String,
    name: String,
    bio: Option<String>,
    avatar_url: Option<String>,
    website: Option<String>,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for Byline {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: row.id.parse()?,
            slug: row.slug,
            name: row.name,
            bio: row.bio,
            avatar_url: row.avatar_url,
            website: row.website,
            version: row.version.try_into()?,
            created_at: Timestamp::from_micros(row.created_at),
            updated_at: Timestamp::from_micros(row.updated_at),
        })
    }
}

/// The order of a list of bylines: by name, then identity.
pub type Position = (String, BylineId);

/// Up to `limit` bylines after a position, by name.
pub fn list(conn: &mut Conn, after: Option<Position>, limit: i64) -> Result<Vec<Byline>> {
    let mut query =
        bylines::table.select(Row::as_select()).order((bylines::name, bylines::id)).limit(limit).into_boxed();
    if let Some((name, id)) = after {
        query =
            query.filter(bylines::name.gt(name.clone()).or(bylines::name.eq(name).and(bylines::id.gt(id.to_string()))));
    }
    query.load(conn)?.into_iter().map(Byline::try_from).collect()
}

/// How many bylines there are.
pub fn count(conn: &mut Conn) -> Result<i64> {
    Ok(bylines::table.count().get_result(conn)?)
}

/// Those of these identities that there are, in no order.
pub fn with_ids(conn: &mut Conn, ids: &[String]) -> Result<Vec<Byline>> {
    let rows = bylines::table.filter(bylines::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
    rows.into_iter().map(Byline::try_from).collect()
}

/// One byline.
pub fn find(conn: &mut Conn, id: BylineId) -> Result<Byline> {
    bylines::table.find(id.to_string()).select(Row::as_select()).first(conn).or_not_found("byline")?.try_into()
}

/// The byline that has this slug, or had it.
pub(crate) fn named(conn: &mut Conn, slug: &str) -> Result<Byline> {
    let row = bylines::table.filter(bylines::slug.eq(slug)).select(Row::as_select()).first(conn).optional()?;
    if let Some(row) = row {
        return row.try_into();
    }
    let was = slugs::was(conn, Kind::Byline, slug)?.ok_or(Error::NotFound("byline"))?;
    find(conn, was.parse()?)
}

/// The identity of the byline with this slug.
pub(crate) fn id_of(conn: &mut Conn, slug: &str) -> Result<Option<String>> {
    Ok(bylines::table.filter(bylines::slug.eq(slug)).select(bylines::id).first(conn).optional()?)
}

/// What readers find under a slug.
pub fn show(conn: &mut Conn, slug: &str, now: Timestamp) -> Result<Found<Counted<Byline>>> {
    let byline = named(conn, slug)?;
    if byline.slug != slug {
        return Ok(Found::Moved { id: byline.id.to_string(), name: byline.slug });
    }
    let counted = counted(conn, vec![byline], now)?.pop().ok_or(Error::NotFound("byline"))?;
    Ok(Found::Here(counted))
}

/// Bylines with the number of articles that readers find under each.
pub fn counted(conn: &mut Conn, bylines: Vec<Byline>, now: Timestamp) -> Result<Vec<Counted<Byline>>> {
    taxonomy::counted(conn, "byline", bylines, |byline| byline.id.to_string(), now)
}

/// Makes a byline.
pub fn create(conn: &mut Conn, by: &Actor, draft: &Draft, at: Timestamp) -> Result<Byline> {
    by.may(Action::WriteBylines)?;
    let slug = slugs::choose(conn, Kind::Byline, draft.slug.as_ref(), draft.name.as_str(), None)?;
    add(conn, BylineId::new(), draft, &slug, at)
}

/// Puts a byline as it was elsewhere, and answers what became of it. It gets another slug if something else has its own.
pub fn put(conn: &mut Conn, by: &Actor, id: BylineId, draft: Draft, at: Timestamp) -> Result<(Fate, Byline)> {
    by.may(Action::WriteBylines)?;
    let wanted = draft.slug.clone().unwrap_or_else(|| Slug::from_title(draft.name.as_str()));
    let slug = slugs::first_free(conn, Kind::Byline, &wanted, Some(&id.to_string()))?;
    let known = match find(conn, id) {
        Ok(known) => known,
        Err(Error::NotFound(_)) => return Ok((Fate::Created, add(conn, id, &draft, &slug, at)?)),
        Err(error) => return Err(error),
    };
    let text = |text: Option<&str>| text.map(str::to_owned);
    let same = (&known.slug, &known.name, &known.bio, &known.avatar_url, &known.website)
        == (
            &slug.to_string(),
            &draft.name.to_string(),
            &text(draft.bio.as_ref().map(Prose::as_str)),
            &text(draft.avatar_url.as_ref().map(WebUrl::as_str)),
            &text(draft.website.as_ref().map(WebUrl::as_str)),
        );
    if same {
        return Ok((Fate::Unchanged, known));
    }
    let draft = Draft { slug: Some(slug), ..draft };
    Ok((Fate::Updated, update(conn, by, id, &Seen::Any, |_| Ok(draft), at)?))
}

fn add(conn: &mut Conn, id: BylineId, draft: &Draft, slug: &Slug, at: Timestamp) -> Result<Byline> {
    diesel::insert_into(bylines::table)
        .values((
            bylines::id.eq(id.to_string()),
            bylines::slug.eq(slug.as_str()),
            bylines::name.eq(draft.name.as_str()),
            bylines::bio.eq(draft.bio.as_ref().map(Prose::as_str)),
            bylines::avatar_url.eq(draft.avatar_url.as_ref().map(WebUrl::as_str)),
            bylines::website.eq(draft.website.as_ref().map(WebUrl::as_str)),
            bylines::version.eq(1),
            bylines::created_at.eq(at.micros()),
            bylines::updated_at.eq(at.micros()),
        ))
        .execute(conn)
        .or_conflict("bylines_slug_key", || slugs::taken(slug, None))?;
    wordpress_ids::take(conn, Numbered::Byline, &id.to_string())?;
    ghost_ids::take(conn, ghost_ids::Kind::Byline, &id.to_string())?;
    let byline = find(conn, id)?;
    record(conn, Op::Upsert, &byline, None, at)?;
    Ok(byline)
}

/// Changes a byline to what `edit` makes of it.
pub fn update(
    conn: &mut Conn,
    by: &Actor,
    id: BylineId,
    seen: &Seen,
    edit: impl FnOnce(&Byline) -> Result<Draft>,
    at: Timestamp,
) -> Result<Byline> {
    by.may(Action::WriteBylines)?;
    let byline = find(conn, id)?;
    expect(&byline, seen)?;
    let draft = edit(&byline)?;
    let key = id.to_string();
    let slug = slugs::choose(conn, Kind::Byline, draft.slug.as_ref(), draft.name.as_str(), Some(&key))?;
    let changed = diesel::update(bylines::table.find(&key).filter(bylines::version.eq(i64::try_from(byline.version)?)))
        .set((
            bylines::slug.eq(slug.as_str()),
            bylines::name.eq(draft.name.as_str()),
            bylines::bio.eq(draft.bio.as_ref().map(Prose::as_str)),
            bylines::avatar_url.eq(draft.avatar_url.as_ref().map(WebUrl::as_str)),
            bylines::website.eq(draft.website.as_ref().map(WebUrl::as_str)),
            bylines::version.eq(bylines::version + 1),
            bylines::updated_at.eq(at.micros()),
        ))
        .execute(conn)
        .or_conflict("bylines_slug_key", || slugs::taken(&slug, None))?;
    if changed == 0 {
        return Err(overtaken(conn, id));
    }
    slugs::renamed(conn, Kind::Byline, &key, &byline.slug, slug.as_str(), at)?;
    let after = find(conn, id)?;
    record(conn, Op::Upsert, &after, Some(&byline), at)?;
    if small(&after) != small(&byline) {
        changes::record_articles_in(conn, "byline", &key, at)?;
    }
    Ok(after)
}

/// What articles say of it.
fn small(byline: &Byline) -> impl PartialEq + '_ {
    (&byline.slug, &byline.name, &byline.avatar_url)
}

/// Removes a byline; articles that the public sees lose it at once.
pub fn delete(conn: &mut Conn, by: &Actor, id: BylineId, seen: &Seen, at: Timestamp) -> Result<()> {
    by.may(Action::WriteBylines)?;
    let byline = find(conn, id)?;
    expect(&byline, seen)?;
    let key = id.to_string();
    let version = i64::try_from(byline.version)?;
    if diesel::delete(bylines::table.find(&key).filter(bylines::version.eq(version))).execute(conn)? == 0 {
        return Err(overtaken(conn, id));
    }
    slugs::forget(conn, Kind::Byline, &key, &byline.slug, at)?;
    record(conn, Op::Delete, &byline, None, at)?;
    changes::record_articles_in(conn, "byline", &key, at)?;
    let listed = published_in::table.filter(published_in::scope.eq("byline")).filter(published_in::scope_id.eq(&key));
    diesel::delete(listed).execute(conn)?;
    Ok(())
}

fn expect(byline: &Byline, seen: &Seen) -> Result<()> {
    seen.expect(byline.version, || Stale::at(byline.version, byline.updated_at))
}

/// Another transaction changed the byline between our reading and our writing of it.
fn overtaken(conn: &mut Conn, id: BylineId) -> Error {
    match find(conn, id) {
        Ok(byline) => Error::Stale(Box::new(Stale::at(byline.version, byline.updated_at))),
        Err(error) => error,
    }
}

/// Records that a byline is now as it is, and was as `before` says.
fn record(conn: &mut Conn, op: Op, byline: &Byline, before: Option<&Byline>, at: Timestamp) -> Result<()> {
    let mut entry = Entry::new(op, Resource::Byline, byline.id.to_string(), Some(byline.slug.clone()));
    entry = entry.touching([format!("about:{}", byline.id)]);
    if before.map(|before| &before.name) != Some(&byline.name) || op == Op::Delete {
        entry = entry.touching(["list:bylines".to_owned()]);
    }
    if before.is_some_and(|before| before.slug != byline.slug) || op == Op::Delete {
        entry = entry.touching([format!("name:{}", byline.id), "list:bylines".to_owned()]);
    }
    changes::record(conn, &[entry], at)
}
