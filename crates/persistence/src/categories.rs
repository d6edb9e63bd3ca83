//! The category tree. Whatever changes it does so alone, under one lock, so that what it read still holds when it
//! writes: two moves at once could make a cycle of what each of them found to be a tree.

use std::collections::HashMap;

use diesel::dsl::max;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text};
use domain::categories::{Category, Draft};
use domain::error::Stale;
use domain::ids::CategoryId;
use domain::permissions::Action;
use domain::published::CategorySmall;
use domain::text::{Prose, Slug};
use domain::{Actor, Error, Fault, Result, Seen, Timestamp};

use crate::changes::{self, Entry, Op, Resource};
use crate::db::Refuse;
use crate::schema::{categories, old_slugs, published_in};
use crate::slugs::{self, Kind};
use crate::taxonomy::{Found, articles_in};
use crate::wordpress_ids::{self, Numbered};
use crate::{Conn, Fate, ghost_ids};

/// The kind under which whole paths of before are remembered.
const OLD_PATH: &str = "category_path";

#[derive(Queryable, Selectable)]
#[diesel(table_name = categories)]
struct Row {
    id: String,
    parent_id: Option<String>,
    slug: String,
    path: String,
    depth: i32,
    position: i32,
    name: String,
    description: Option<String>,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for Category {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: row.id.parse()?,
            parent_id: row.parent_id.map(|id| id.parse()).transpose()?,
            slug: row.slug,
            path: row.path,
            depth: row.depth,
            position: row.position,
            name: row.name,
            description: row.description,
            version: row.version.try_into()?,
            created_at: Timestamp::from_micros(row.created_at),
            updated_at: Timestamp::from_micros(row.updated_at),
        })
    }
}

/// Up to `limit` categories whose path comes after one, by path.
pub fn list(conn: &mut Conn, after: Option<&str>, limit: i64) -> Result<Vec<Category>> {
    let mut query = categories::table.select(Row::as_select()).order(categories::path).limit(limit).into_boxed();
    if let Some(path) = after {
        query = query.filter(categories::path.gt(path));
    }
    query.load(conn)?.into_iter().map(Category::try_from).collect()
}

/// How many categories there are.
pub fn count(conn: &mut Conn) -> Result<i64> {
    Ok(categories::table.count().get_result(conn)?)
}

/// Those of these identities that there are, in no order.
pub fn with_ids(conn: &mut Conn, ids: &[String]) -> Result<Vec<Category>> {
    let rows = categories::table.filter(categories::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
    rows.into_iter().map(Category::try_from).collect()
}

/// One category.
pub fn find(conn: &mut Conn, id: CategoryId) -> Result<Category> {
    categories::table.find(id.to_string()).select(Row::as_select()).first(conn).or_not_found("category")?.try_into()
}

/// Makes a category.
pub fn create(conn: &mut Conn, by: &Actor, draft: &Draft, at: Timestamp) -> Result<Category> {
    by.may(Action::WriteCategories)?;
    lock_tree(conn)?;
    let slug = slugs::choose(conn, Kind::Category, draft.slug.as_ref(), draft.name.as_str(), None)?;
    add(conn, CategoryId::new(), draft, &slug, at)
}

/// Puts a category as it was elsewhere, and answers what became of it. It gets another slug if something else has its own.
pub fn put(conn: &mut Conn, by: &Actor, id: CategoryId, draft: Draft, at: Timestamp) -> Result<(Fate, Category)> {
    by.may(Action::WriteCategories)?;
    lock_tree(conn)?;
    let wanted = draft.slug.clone().unwrap_or_else(|| Slug::from_title(draft.name.as_str()));
    let slug = slugs::first_free(conn, Kind::Category, &wanted, Some(&id.to_string()))?;
    let known = match find(conn, id) {
        Ok(known) => known,
        Err(Error::NotFound(_)) => return Ok((Fate::Created, add(conn, id, &draft, &slug, at)?)),
        Err(error) => return Err(error),
    };
    let text = |text: Option<&str>| text.map(str::to_owned);
    let same = (&known.slug, &known.name, &known.description, known.parent_id, known.position)
        == (
            &slug.to_string(),
            &draft.name.to_string(),
            &text(draft.description.as_ref().map(Prose::as_str)),
            draft.parent,
            draft.position,
        );
    if same {
        return Ok((Fate::Unchanged, known));
    }
    let draft = Draft { slug: Some(slug), ..draft };
    Ok((Fate::Updated, update(conn, by, id, &Seen::Any, |_| Ok(draft), at)?))
}

fn add(conn: &mut Conn, id: CategoryId, draft: &Draft, slug: &Slug, at: Timestamp) -> Result<Category> {
    let parent = parent_of(conn, draft)?;
    Category::may_hold(parent.as_ref(), None, 1)?;
    diesel::insert_into(categories::table)
        .values((
            categories::id.eq(id.to_string()),
            categories::parent_id.eq(draft.parent.map(|id| id.to_string())),
            categories::slug.eq(slug.as_str()),
            categories::path.eq(path_under(parent.as_ref(), slug)),
            categories::depth.eq(depth_under(parent.as_ref())),
            categories::position.eq(draft.position),
            categories::name.eq(draft.name.as_str()),
            categories::description.eq(draft.description.as_ref().map(Prose::as_str)),
            categories::version.eq(1),
            categories::created_at.eq(at.micros()),
            categories::updated_at.eq(at.micros()),
        ))
        .execute(conn)
        .or_conflict("categories_slug_key", || slugs::taken(slug, None))?;
    wordpress_ids::take(conn, Numbered::Category, &id.to_string())?;
    ghost_ids::take(conn, ghost_ids::Kind::Category, &id.to_string())?;
    let category = find(conn, id)?;
    record(conn, Op::Upsert, std::slice::from_ref(&category), true, at)?;
    Ok(category)
}

/// Changes a category to what `edit` makes of it. What stands below it follows to its new path, and articles to their
/// new ancestors.
pub fn update(
    conn: &mut Conn,
    by: &Actor,
    id: CategoryId,
    seen: &Seen,
    edit: impl FnOnce(&Category) -> Result<Draft>,
    at: Timestamp,
) -> Result<Category> {
    by.may(Action::WriteCategories)?;
    lock_tree(conn)?;
    let before = find(conn, id)?;
    expect(&before, seen)?;
    let draft = edit(&before)?;
    let key = id.to_string();
    let slug = slugs::choose(conn, Kind::Category, draft.slug.as_ref(), draft.name.as_str(), Some(&key))?;
    let parent = parent_of(conn, &draft)?;
    let moves = draft.parent != before.parent_id;
    if moves {
        Category::may_hold(parent.as_ref(), Some(&before), levels(conn, &before)?)?;
    }
    let path = path_under(parent.as_ref(), &slug);
    if path != before.path {
        remember_paths(conn, &before, at)?;
    }
    let version = i64::try_from(before.version)?;
    let changed = diesel::update(categories::table.find(&key).filter(categories::version.eq(version)))
        .set((
            categories::parent_id.eq(draft.parent.map(|id| id.to_string())),
            categories::slug.eq(slug.as_str()),
            categories::path.eq(&path),
            categories::depth.eq(depth_under(parent.as_ref())),
            categories::position.eq(draft.position),
            categories::name.eq(draft.name.as_str()),
            categories::description.eq(draft.description.as_ref().map(Prose::as_str)),
            categories::version.eq(categories::version + 1),
            categories::updated_at.eq(at.micros()),
        ))
        .execute(conn)
        .or_conflict("categories_slug_key", || slugs::taken(&slug, None))?;
    if changed == 0 {
        return Err(overtaken(conn, id));
    }
    slugs::renamed(conn, Kind::Category, &key, &before.slug, slug.as_str(), at)?;
    let after = find(conn, id)?;
    if path != before.path {
        carry_along(conn, &before, &after)?;
    }
    if moves {
        list_under_ancestors(conn, &key, None)?;
    }
    let placed = small(&after) != small(&before);
    let mut changed = vec![after.clone()];
    if placed {
        changed.extend(below(conn, &after)?);
    }
    record(conn, Op::Upsert, &changed, placed, at)?;
    if placed {
        for category in &changed {
            changes::record_articles_in(conn, "category", &category.id.to_string(), at)?;
        }
    }
    if moves {
        record_above(conn, &[&before.path, &after.path], &after.slug, at)?;
    }
    Ok(after)
}

/// What articles, and the categories below it, say of it.
fn small(category: &Category) -> impl PartialEq + '_ {
    (&category.path, &category.name)
}

/// Removes a category under which no other stands; articles that the public sees lose it at once.
pub fn delete(conn: &mut Conn, by: &Actor, id: CategoryId, seen: &Seen, at: Timestamp) -> Result<()> {
    by.may(Action::WriteCategories)?;
    lock_tree(conn)?;
    let category = find(conn, id)?;
    expect(&category, seen)?;
    if !below(conn, &category)?.is_empty() {
        let detail = "Other categories stand under this one; move or delete them first.";
        return Err(Error::conflict("category_not_empty", detail));
    }
    let key = id.to_string();
    record(conn, Op::Delete, std::slice::from_ref(&category), true, at)?;
    changes::record_articles_in(conn, "category", &key, at)?;
    record_above(conn, &[&category.path], &category.slug, at)?;
    list_under_ancestors(conn, &key, Some(&key))?;
    let listed = published_in::table.filter(published_in::scope.eq("category")).filter(published_in::scope_id.eq(&key));
    diesel::delete(listed).execute(conn)?;
    let version = i64::try_from(category.version)?;
    if diesel::delete(categories::table.find(&key).filter(categories::version.eq(version))).execute(conn)? == 0 {
        return Err(overtaken(conn, id));
    }
    slugs::forget(conn, Kind::Category, &key, &category.slug, at)?;
    let paths = old_slugs::table.filter(old_slugs::kind.eq(OLD_PATH)).filter(old_slugs::target_id.eq(&key));
    let old: Vec<String> = paths.select(old_slugs::slug).load(conn)?;
    diesel::delete(paths).execute(conn)?;
    let names: Vec<_> = old.into_iter().chain([category.path]).map(|path| (OLD_PATH.to_owned(), path)).collect();
    crate::redirects::bury(conn, &names, at)
}

/// Waits until nobody else changes the tree, and keeps others from it until the transaction ends.
fn lock_tree(conn: &mut Conn) -> Result<()> {
    // The other engine has one writer anyway.
    if let Conn::Postgres(c) = conn {
        diesel::sql_query("SELECT pg_advisory_xact_lock(7310214)").execute(c)?;
    }
    Ok(())
}

/// Keeps the tree as it is until the transaction ends; for who lists articles under ancestors. Others may do so too.
pub(crate) fn hold_tree(conn: &mut Conn) -> Result<()> {
    if let Conn::Postgres(c) = conn {
        diesel::sql_query("SELECT pg_advisory_xact_lock_shared(7310214)").execute(c)?;
    }
    Ok(())
}

fn expect(category: &Category, seen: &Seen) -> Result<()> {
    seen.expect(category.version, || Stale::at(category.version, category.updated_at))
}

/// Another transaction changed the category between our reading and our writing of it.
fn overtaken(conn: &mut Conn, id: CategoryId) -> Error {
    match find(conn, id) {
        Ok(category) => Error::Stale(Box::new(Stale::at(category.version, category.updated_at))),
        Err(error) => error,
    }
}

fn parent_of(conn: &mut Conn, draft: &Draft) -> Result<Option<Category>> {
    let Some(id) = draft.parent else { return Ok(None) };
    match find(conn, id) {
        Ok(parent) => Ok(Some(parent)),
        Err(Error::NotFound(_)) => {
            Err(Error::invalid(Fault::at("/parent_id", "unknown", "There is no category with this id.")))
        }
        Err(error) => Err(error),
    }
}

fn path_under(parent: Option<&Category>, slug: &Slug) -> String {
    parent.map_or_else(|| slug.to_string(), |parent| format!("{}/{slug}", parent.path))
}

fn depth_under(parent: Option<&Category>) -> i32 {
    parent.map_or(0, |parent| parent.depth + 1)
}

/// Every path below a category lies between these two: `0` is the next byte after `/`.
fn inside(category: &Category) -> (String, String) {
    (format!("{}/", category.path), format!("{}0", category.path))
}

/// Everything below a category, by path.
fn below(conn: &mut Conn, category: &Category) -> Result<Vec<Category>> {
    let (from, to) = inside(category);
    let rows = categories::table.filter(categories::path.gt(from)).filter(categories::path.lt(to));
    rows.select(Row::as_select()).order(categories::path).load(conn)?.into_iter().map(Category::try_from).collect()
}

/// How many levels the tree under a category has, itself counted.
fn levels(conn: &mut Conn, category: &Category) -> Result<i32> {
    let (from, to) = inside(category);
    let rows = categories::table.filter(categories::path.gt(from)).filter(categories::path.lt(to));
    let deepest: Option<i32> = rows.select(max(categories::depth)).first(conn)?;
    Ok(deepest.unwrap_or(category.depth) - category.depth + 1)
}

/// Remembers that a category and everything below it had these paths until now.
fn remember_paths(conn: &mut Conn, category: &Category, at: Timestamp) -> Result<()> {
    let (from, to) = inside(category);
    diesel::sql_query(
        "INSERT INTO old_slugs (kind, slug, target_id, since)
         SELECT 'category_path', path, id, $1 FROM categories WHERE path = $2 OR (path > $3 AND path < $4)
         ON CONFLICT (kind, slug) DO UPDATE SET target_id = excluded.target_id, since = excluded.since",
    )
    .bind::<BigInt, _>(at.micros())
    .bind::<Text, _>(&category.path)
    .bind::<Text, _>(from)
    .bind::<Text, _>(to)
    .execute(conn)?;
    Ok(())
}

/// Gives everything that stood below a category its new path.
fn carry_along(conn: &mut Conn, before: &Category, after: &Category) -> Result<()> {
    let (from, to) = inside(before);
    diesel::sql_query(
        "UPDATE categories SET path = $1 || substr(path, length($2) + 1), depth = depth + $3
         WHERE path > $4 AND path < $5",
    )
    .bind::<Text, _>(&after.path)
    .bind::<Text, _>(&before.path)
    .bind::<Integer, _>(after.depth - before.depth)
    .bind::<Text, _>(from)
    .bind::<Text, _>(to)
    .execute(conn)?;
    // A path that is in use again is no old one.
    let used = categories::table.select(categories::path);
    let again = old_slugs::table.filter(old_slugs::kind.eq(OLD_PATH)).filter(old_slugs::slug.eq_any(used));
    diesel::delete(again).execute(conn)?;
    Ok(())
}

/// Lists the articles of a category, and of everything below it, under their ancestors as these are now; under those
/// of `without` no longer.
fn list_under_ancestors(conn: &mut Conn, id: &str, without: Option<&str>) -> Result<()> {
    diesel::sql_query(
        "WITH RECURSIVE below (id) AS (
             SELECT id FROM categories WHERE id = $1
             UNION ALL SELECT c.id FROM categories c JOIN below ON c.parent_id = below.id
         )
         DELETE FROM published_in WHERE scope = 'subtree' AND article_id IN (
             SELECT own.article_id FROM published_in own JOIN below ON below.id = own.scope_id
             WHERE own.scope = 'category'
         )",
    )
    .bind::<Text, _>(id)
    .execute(conn)?;
    diesel::sql_query(
        "WITH RECURSIVE below (id) AS (
             SELECT id FROM categories WHERE id = $1
             UNION ALL SELECT c.id FROM categories c JOIN below ON c.parent_id = below.id
         ), up (id, above) AS (
             SELECT id, id FROM categories
             UNION ALL SELECT up.id, c.parent_id FROM up JOIN categories c ON c.id = up.above
                 WHERE c.parent_id IS NOT NULL
         )
         INSERT INTO published_in
             (scope, scope_id, article_id, revision, kind, locale, visible_from, visible_until, published_at)
         SELECT DISTINCT 'subtree', up.above, own.article_id, own.revision, own.kind, own.locale, own.visible_from,
             own.visible_until, own.published_at
         FROM published_in own JOIN up ON up.id = own.scope_id
         WHERE own.scope = 'category' AND own.scope_id <> $2 AND own.article_id IN (
             SELECT touched.article_id FROM published_in touched JOIN below ON below.id = touched.scope_id
             WHERE touched.scope = 'category'
         )",
    )
    .bind::<Text, _>(id)
    .bind::<Text, _>(without.unwrap_or_default())
    .execute(conn)?;
    Ok(())
}

/// Records that categories changed; whether by where they stand and what they are called, or by less.
fn record(conn: &mut Conn, op: Op, categories: &[Category], placed: bool, at: Timestamp) -> Result<()> {
    let entry = |category: &Category| {
        let entry = Entry::new(op, Resource::Category, category.id.to_string(), Some(category.slug.clone()));
        let entry = entry.touching([format!("about:{}", category.id)]);
        let keys = [format!("name:{}", category.id), "list:categories".to_owned()];
        if placed { entry.touching(keys) } else { entry }
    };
    changes::record(conn, &categories.iter().map(entry).collect::<Vec<_>>(), at)
}

/// Records that other articles are listed under what stands on these paths above `slug`, and how many.
fn record_above(conn: &mut Conn, paths: &[&String], slug: &str, at: Timestamp) -> Result<()> {
    let slugs: Vec<&str> = paths.iter().flat_map(|path| path.split('/')).filter(|above| *above != slug).collect();
    let rows = categories::table.filter(categories::slug.eq_any(slugs)).order(categories::path);
    let rows: Vec<(String, String)> = rows.select((categories::id, categories::slug)).load(conn)?;
    let entry = |(id, slug): (String, String)| {
        let list = format!("list:subtree:{id}");
        Entry::new(Op::Upsert, Resource::Category, id, Some(slug)).touching([list])
    };
    changes::record(conn, &rows.into_iter().map(entry).collect::<Vec<_>>(), at)
}

/// A category as readers see it.
#[derive(Debug)]
pub struct Shown {
    /// The category itself.
    pub category: Category,
    /// From the root of the tree down to it.
    pub breadcrumb: Vec<CategorySmall>,
    /// Articles in it that the public sees, whatever their locale.
    pub articles: u64,
    /// The same, with everything below it; an article in several counts once.
    pub articles_below: u64,
}

/// The category that has this slug or whole path, or had it.
pub(crate) fn named(conn: &mut Conn, path: &str) -> Result<Category> {
    let whole = path.contains('/');
    let rows = categories::table.select(Row::as_select());
    let row = if whole {
        rows.filter(categories::path.eq(path)).first(conn).optional()?
    } else {
        rows.filter(categories::slug.eq(path)).first(conn).optional()?
    };
    if let Some(row) = row {
        return row.try_into();
    }
    let kind = if whole { OLD_PATH } else { "category" };
    let was: Option<String> =
        old_slugs::table.find((kind, path)).select(old_slugs::target_id).first(conn).optional()?;
    find(conn, was.ok_or(Error::NotFound("category"))?.parse()?)
}

/// The identity of the category that has this slug or whole path.
pub(crate) fn id_of(conn: &mut Conn, path: &str) -> Result<Option<String>> {
    let with = categories::slug.eq(path).or(categories::path.eq(path));
    Ok(categories::table.filter(with).select(categories::id).first(conn).optional()?)
}

/// What readers find under a slug or a whole path.
pub fn show(conn: &mut Conn, path: &str, now: Timestamp) -> Result<Found<Shown>> {
    let category = named(conn, path)?;
    if category.slug != path && category.path != path {
        return Ok(Found::Moved { id: category.id.to_string(), name: category.path });
    }
    let shown = shown(conn, vec![category], now)?.pop().ok_or(Error::NotFound("category"))?;
    Ok(Found::Here(shown))
}

/// Categories as readers see them.
pub fn shown(conn: &mut Conn, categories: Vec<Category>, now: Timestamp) -> Result<Vec<Shown>> {
    let ids: Vec<String> = categories.iter().map(|category| category.id.to_string()).collect();
    let own = articles_in(conn, "category", &ids, now)?;
    let with_below = articles_in(conn, "subtree", &ids, now)?;
    let ancestors = on_the_way(conn, &categories)?;
    let show = |category: Category| {
        let id = category.id.to_string();
        let breadcrumb = category.path.split('/').filter_map(|slug| ancestors.get(slug).cloned()).collect();
        let count = |counts: &HashMap<String, u64>| counts.get(&id).copied().unwrap_or(0);
        Shown { articles: count(&own), articles_below: count(&with_below), breadcrumb, category }
    };
    Ok(categories.into_iter().map(show).collect())
}

/// Everything on the ways from the root to these categories, by slug.
fn on_the_way(conn: &mut Conn, to: &[Category]) -> Result<HashMap<String, CategorySmall>> {
    let small = |row: &Category| CategorySmall {
        id: row.id,
        slug: row.slug.clone(),
        path: row.path.clone(),
        name: row.name.clone(),
    };
    let mut found: HashMap<String, CategorySmall> = to.iter().map(|row| (row.slug.clone(), small(row))).collect();
    let mut missing: Vec<&str> = to.iter().flat_map(|category| category.path.split('/')).collect();
    missing.retain(|slug| !found.contains_key(*slug));
    missing.sort_unstable();
    missing.dedup();
    if !missing.is_empty() {
        let rows = categories::table.filter(categories::slug.eq_any(missing)).select(Row::as_select()).load(conn)?;
        for row in rows {
            let category = Category::try_from(row)?;
            found.insert(category.slug.clone(), small(&category));
        }
    }
    Ok(found)
}
