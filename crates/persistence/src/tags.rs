//! Tags: flat labels. Readers see them as they are, but for internal ones, which they do not see at all.

use diesel::prelude::*;
use domain::error::Stale;
use domain::ids::TagId;
use domain::permissions::Action;
use domain::tags::{Draft, Tag};
use domain::text::{Prose, Slug};
use domain::{Actor, Error, Result, Seen, Timestamp};

use crate::changes::{self, Entry, Op, Resource};
use crate::db::Refuse;
use crate::schema::{published_in, tags};
use crate::slugs::{self, Kind};
use crate::taxonomy::{self, Counted, Found};
use crate::wordpress_ids::{self, Numbered};
use crate::{Conn, Fate, ghost_ids};

#[derive(Queryable, Selectable)]
#[diesel(table_name = tags)]
struct Row {
    id: String,
    slug: String,
    name: String,
    description: Option<String>,
    internal: bool,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for Tag {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: row.id.parse()?,
            slug: row.slug,
            name: row.name,
            description: row.description,
            internal: row.internal,
            version: row.version.try_into()?,
            created_at: Timestamp::from_micros(row.created_at),
            updated_at: Timestamp::from_micros(row.updated_at),
        })
    }
}

/// The order of a list of tags: by name, then identity.
pub type Position = (String, TagId);

/// Up to `limit` tags after a position, by name; internal ones for editors alone.
pub fn list(conn: &mut Conn, with_internal: bool, after: Option<Position>, limit: i64) -> Result<Vec<Tag>> {
    let tags = tags::table.filter(tags::internal.le(with_internal));
    let mut query = tags.select(Row::as_select()).order((tags::name, tags::id)).limit(limit).into_boxed();
    if let Some((name, id)) = after {
        query = query.filter(tags::name.gt(name.clone()).or(tags::name.eq(name).and(tags::id.gt(id.to_string()))));
    }
    query.load(conn)?.into_iter().map(Tag::try_from).collect()
}

/// How many tags there are; internal ones are counted for editors alone.
pub fn count(conn: &mut Conn, with_internal: bool) -> Result<i64> {
    let tags = tags::table.filter(tags::internal.le(with_internal));
    Ok(tags.count().get_result(conn)?)
}

/// Those of these identities that readers see, in no order.
pub fn with_ids(conn: &mut Conn, ids: &[String]) -> Result<Vec<Tag>> {
    let tags = tags::table.filter(tags::id.eq_any(ids)).filter(tags::internal.eq(false));
    let rows = tags.select(Row::as_select()).load(conn)?;
    rows.into_iter().map(Tag::try_from).collect()
}

/// One tag.
pub fn find(conn: &mut Conn, id: TagId) -> Result<Tag> {
    tags::table.find(id.to_string()).select(Row::as_select()).first(conn).or_not_found("tag")?.try_into()
}

/// The tag, of those that readers see, that has this slug, or had it.
pub(crate) fn named(conn: &mut Conn, slug: &str) -> Result<Tag> {
    let row = tags::table.filter(tags::slug.eq(slug)).select(Row::as_select()).first(conn).optional()?;
    let tag: Tag = if let Some(row) = row {
        row.try_into()?
    } else {
        let was = slugs::was(conn, Kind::Tag, slug)?.ok_or(Error::NotFound("tag"))?;
        find(conn, was.parse()?)?
    };
    if tag.internal { Err(Error::NotFound("tag")) } else { Ok(tag) }
}

/// The identity of the tag with this slug, if readers see it.
pub(crate) fn id_of(conn: &mut Conn, slug: &str) -> Result<Option<String>> {
    let tag = tags::table.filter(tags::slug.eq(slug)).filter(tags::internal.eq(false));
    Ok(tag.select(tags::id).first(conn).optional()?)
}

/// What readers find under a slug.
pub fn show(conn: &mut Conn, slug: &str, now: Timestamp) -> Result<Found<Counted<Tag>>> {
    let tag = named(conn, slug)?;
    if tag.slug != slug {
        return Ok(Found::Moved { id: tag.id.to_string(), name: tag.slug });
    }
    let counted = counted(conn, vec![tag], now)?.pop().ok_or(Error::NotFound("tag"))?;
    Ok(Found::Here(counted))
}

/// Tags with the number of articles that readers find under each.
pub fn counted(conn: &mut Conn, tags: Vec<Tag>, now: Timestamp) -> Result<Vec<Counted<Tag>>> {
    taxonomy::counted(conn, "tag", tags, |tag| tag.id.to_string(), now)
}

/// Makes a tag.
pub fn create(conn: &mut Conn, by: &Actor, draft: &Draft, at: Timestamp) -> Result<Tag> {
    by.may(Action::WriteTags)?;
    let slug = slugs::choose(conn, Kind::Tag, draft.slug.as_ref(), draft.name.as_str(), None)?;
    add(conn, TagId::new(), draft, &slug, at)
}

/// Puts a tag as it was elsewhere, and answers what became of it. It gets another slug if something else has its own.
pub fn put(conn: &mut Conn, by: &Actor, id: TagId, draft: Draft, at: Timestamp) -> Result<(Fate, Tag)> {
    by.may(Action::WriteTags)?;
    let wanted = draft.slug.clone().unwrap_or_else(|| Slug::from_title(draft.name.as_str()));
    let slug = slugs::first_free(conn, Kind::Tag, &wanted, Some(&id.to_string()))?;
    let known = match find(conn, id) {
        Ok(known) => known,
        Err(Error::NotFound(_)) => return Ok((Fate::Created, add(conn, id, &draft, &slug, at)?)),
        Err(error) => return Err(error),
    };
    let text = |text: Option<&str>| text.map(str::to_owned);
    let same = (&known.slug, &known.name, &known.description, known.internal)
        == (
            &slug.to_string(),
            &draft.name.to_string(),
            &text(draft.description.as_ref().map(Prose::as_str)),
            draft.internal,
        );
    if same {
        return Ok((Fate::Unchanged, known));
    }
    let draft = Draft { slug: Some(slug), ..draft };
    Ok((Fate::Updated, update(conn, by, id, &Seen::Any, |_| Ok(draft), at)?))
}

fn add(conn: &mut Conn, id: TagId, draft: &Draft, slug: &Slug, at: Timestamp) -> Result<Tag> {
    diesel::insert_into(tags::table)
        .values((
            tags::id.eq(id.to_string()),
            tags::slug.eq(slug.as_str()),
            tags::name.eq(draft.name.as_str()),
            tags::description.eq(draft.description.as_ref().map(Prose::as_str)),
            tags::internal.eq(draft.internal),
            tags::version.eq(1),
            tags::created_at.eq(at.micros()),
            tags::updated_at.eq(at.micros()),
        ))
        .execute(conn)
        .or_conflict("tags_slug_key", || slugs::taken(slug, None))?;
    wordpress_ids::take(conn, Numbered::Tag, &id.to_string())?;
    ghost_ids::take(conn, ghost_ids::Kind::Tag, &id.to_string())?;
    let tag = find(conn, id)?;
    record(conn, Op::Upsert, &tag, None, at)?;
    Ok(tag)
}

/// Changes a tag to what `edit` makes of it.
pub fn update(
    conn: &mut Conn,
    by: &Actor,
    id: TagId,
    seen: &Seen,
    edit: impl FnOnce(&Tag) -> Result<Draft>,
    at: Timestamp,
) -> Result<Tag> {
    by.may(Action::WriteTags)?;
    let tag = find(conn, id)?;
    expect(&tag, seen)?;
    let draft = edit(&tag)?;
    let key = id.to_string();
    let slug = slugs::choose(conn, Kind::Tag, draft.slug.as_ref(), draft.name.as_str(), Some(&key))?;
    let changed = diesel::update(tags::table.find(&key).filter(tags::version.eq(i64::try_from(tag.version)?)))
        .set((
            tags::slug.eq(slug.as_str()),
            tags::name.eq(draft.name.as_str()),
            tags::description.eq(draft.description.as_ref().map(Prose::as_str)),
            tags::internal.eq(draft.internal),
            tags::version.eq(tags::version + 1),
            tags::updated_at.eq(at.micros()),
        ))
        .execute(conn)
        .or_conflict("tags_slug_key", || slugs::taken(&slug, None))?;
    if changed == 0 {
        return Err(overtaken(conn, id));
    }
    slugs::renamed(conn, Kind::Tag, &key, &tag.slug, slug.as_str(), at)?;
    let after = find(conn, id)?;
    record(conn, Op::Upsert, &after, Some(&tag), at)?;
    if small(&after) != small(&tag) {
        changes::record_articles_in(conn, "tag", &key, at)?;
    }
    Ok(after)
}

/// What articles say of it.
fn small(tag: &Tag) -> impl PartialEq + '_ {
    (&tag.slug, &tag.name, tag.internal)
}

/// Removes a tag; articles that the public sees lose it at once.
pub fn delete(conn: &mut Conn, by: &Actor, id: TagId, seen: &Seen, at: Timestamp) -> Result<()> {
    by.may(Action::WriteTags)?;
    let tag = find(conn, id)?;
    expect(&tag, seen)?;
    let key = id.to_string();
    let version = i64::try_from(tag.version)?;
    if diesel::delete(tags::table.find(&key).filter(tags::version.eq(version))).execute(conn)? == 0 {
        return Err(overtaken(conn, id));
    }
    slugs::forget(conn, Kind::Tag, &key, &tag.slug, at)?;
    record(conn, Op::Delete, &tag, None, at)?;
    changes::record_articles_in(conn, "tag", &key, at)?;
    let listed = published_in::table.filter(published_in::scope.eq("tag")).filter(published_in::scope_id.eq(&key));
    diesel::delete(listed).execute(conn)?;
    Ok(())
}

fn expect(tag: &Tag, seen: &Seen) -> Result<()> {
    seen.expect(tag.version, || Stale::at(tag.version, tag.updated_at))
}

/// Another transaction changed the tag between our reading and our writing of it.
fn overtaken(conn: &mut Conn, id: TagId) -> Error {
    match find(conn, id) {
        Ok(tag) => Error::Stale(Box::new(Stale::at(tag.version, tag.updated_at))),
        Err(error) => error,
    }
}

/// Records that a tag is now as it is, and was as `before` says.
fn record(conn: &mut Conn, op: Op, tag: &Tag, before: Option<&Tag>, at: Timestamp) -> Result<()> {
    // To readers, one that turns internal goes, and one that was so before was never there.
    let turned = before.is_some_and(|before| before.internal != tag.internal);
    let shown = if turned && tag.internal { Op::Delete } else { op };
    let hidden = tag.internal && !turned;
    let mut entry = Entry::new(shown, Resource::Tag, tag.id.to_string(), Some(tag.slug.clone())).hidden(hidden);
    entry = entry.touching([format!("about:{}", tag.id)]);
    if op == Op::Delete || before.map(|before| &before.slug) != Some(&tag.slug) {
        let slugs = before.map(|before| &before.slug).into_iter().chain([&tag.slug]);
        entry = entry.touching(slugs.map(|slug| format!("tag-slug:{slug}")));
    }
    if before.map(|before| &before.name) != Some(&tag.name) || op == Op::Delete {
        entry = entry.touching(["list:tags".to_owned()]);
    }
    if before.is_some_and(|before| before.slug != tag.slug) || turned || op == Op::Delete {
        entry = entry.touching([format!("name:{}", tag.id), "list:tags".to_owned()]);
    }
    changes::record(conn, &[entry], at)
}
