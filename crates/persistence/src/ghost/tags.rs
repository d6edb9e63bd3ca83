//! Tags as Ghost has them: categories and tags alike.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use domain::Result;

use super::TermField;
use crate::Conn;
use crate::fragments::one_of;
use crate::ghost_ids::Kind;
use crate::published::View;
use crate::schema::{categories, ghost_ids, tags as tag_rows};
use crate::taxonomy::known_articles_in;

/// A category or a tag.
#[derive(Debug, Clone)]
pub struct Tag {
    /// What articles are listed under it as: `category` or `tag`.
    pub scope: &'static str,
    /// Its identity.
    pub id: String,
    /// Its identity in Ghost's API.
    pub ghost_id: String,
    /// Its slug in Ghost's API: of a category whose own slug a tag has too, behind that of what it stands under.
    pub slug: String,
    /// Its own slug.
    pub own_slug: String,
    /// Of a category: the slugs from the root down to it.
    pub path: Option<String>,
    /// Its name.
    pub name: String,
    /// What it stands for.
    pub description: Option<String>,
    /// Whether it is for the front end and not for readers.
    pub internal: bool,
    /// Articles that the public sees directly under it; 0 where they are not counted.
    pub count: u64,
}

impl Tag {
    /// `public` or `internal`.
    pub fn visibility(&self) -> &'static str {
        if self.internal { "internal" } else { "public" }
    }

    /// A member of it.
    pub fn field(&self, field: TermField) -> &str {
        match field {
            TermField::Id => &self.ghost_id,
            TermField::Slug => &self.slug,
            TermField::Name => &self.name,
            TermField::Visibility => self.visibility(),
        }
    }
}

/// Every category and every tag, whether or not anything is in it; counted.
pub fn tags(conn: &mut Conn, view: &View) -> Result<Vec<Tag>> {
    let mut tags = all(conn)?;
    for scope in ["category", "tag"] {
        let ids = tags.iter().filter(|tag| tag.scope == scope).map(|tag| tag.id.clone());
        let counts = known_articles_in(conn, view, scope, ids)?;
        for (tag, count) in tags.iter_mut().filter(|tag| tag.scope == scope).zip(counts) {
            tag.count = count;
        }
    }
    Ok(tags)
}

/// The same, not counted.
pub(super) fn all(conn: &mut Conn) -> Result<Vec<Tag>> {
    let (categories, tags) = (categories_of(conn, None)?, tags_of(conn, None)?);
    let taken: HashSet<String> = tags.iter().map(|tag| tag.own_slug.clone()).collect();
    Ok(categories.into_iter().map(|category| yielding(category, &taken)).chain(tags).collect())
}

/// Those that may have one of these slugs; not counted.
pub(super) fn with_slugs(conn: &mut Conn, wanted: &[String]) -> Result<Vec<Tag>> {
    // A category's own slug may stand behind that of what it stands under.
    let own = |slug: &String| {
        let ends = slug.match_indices('-').filter_map(|(at, _)| slug.get(at + 1..));
        std::iter::once(slug.as_str()).chain(ends).map(str::to_owned).collect::<Vec<_>>()
    };
    let own = one_of(categories::slug, wanted.iter().flat_map(own).collect());
    let category_ids = categories::table.filter(own).select(categories::id).load(conn)?;
    let tag_ids = tag_rows::table.filter(one_of(tag_rows::slug, wanted.to_vec())).select(tag_rows::id).load(conn)?;
    Ok(tags_named(conn, category_ids, tag_ids)?.into_values().collect())
}

/// These categories and tags, by identity; not counted.
pub fn tags_named(conn: &mut Conn, category_ids: Vec<String>, tag_ids: Vec<String>) -> Result<HashMap<String, Tag>> {
    let mut found = HashMap::new();
    if !category_ids.is_empty() {
        let categories = categories_of(conn, Some(category_ids))?;
        let slugs = categories.iter().map(|category| category.own_slug.clone()).collect();
        let taken: Vec<String> =
            tag_rows::table.filter(one_of(tag_rows::slug, slugs)).select(tag_rows::slug).load(conn)?;
        let taken = taken.into_iter().collect();
        found.extend(categories.into_iter().map(|category| (category.id.clone(), yielding(category, &taken))));
    }
    if !tag_ids.is_empty() {
        found.extend(tags_of(conn, Some(tag_ids))?.into_iter().map(|tag| (tag.id.clone(), tag)));
    }
    Ok(found)
}

/// A category that leaves its slug to the tag that has it too.
fn yielding(mut category: Tag, taken: &HashSet<String>) -> Tag {
    if taken.contains(&category.own_slug) {
        let path = category.path.as_deref().unwrap_or_default();
        let mut last = path.rsplit('/');
        if let (Some(own), Some(parent)) = (last.next(), last.next()) {
            category.slug = format!("{parent}-{own}");
        }
    }
    category
}

/// Categories by path: these, or all.
fn categories_of(conn: &mut Conn, ids: Option<Vec<String>>) -> Result<Vec<Tag>> {
    type Row = (String, String, String, String, Option<String>, String);
    let named = ghost_ids::kind.eq(Kind::Category.as_str()).and(ghost_ids::id.eq(categories::id));
    let mut query = categories::table.inner_join(ghost_ids::table.on(named)).order(categories::path).into_boxed();
    if let Some(ids) = ids {
        query = query.filter(one_of(categories::id, ids));
    }
    let rows: Vec<Row> = query
        .select((
            categories::id,
            categories::slug,
            categories::path,
            categories::name,
            categories::description,
            ghost_ids::ghost_id,
        ))
        .load(conn)?;
    let tag = |(id, slug, path, name, description, ghost_id): Row| Tag {
        scope: "category",
        id,
        ghost_id,
        own_slug: slug.clone(),
        slug,
        path: Some(path),
        name,
        description,
        internal: false,
        count: 0,
    };
    Ok(rows.into_iter().map(tag).collect())
}

/// Tags by name: these, or all.
fn tags_of(conn: &mut Conn, ids: Option<Vec<String>>) -> Result<Vec<Tag>> {
    type Row = (String, String, String, Option<String>, bool, String);
    let named = ghost_ids::kind.eq(Kind::Tag.as_str()).and(ghost_ids::id.eq(tag_rows::id));
    let mut query = tag_rows::table.inner_join(ghost_ids::table.on(named)).order(tag_rows::name).into_boxed();
    if let Some(ids) = ids {
        query = query.filter(one_of(tag_rows::id, ids));
    }
    let rows: Vec<Row> = query
        .select((
            tag_rows::id,
            tag_rows::slug,
            tag_rows::name,
            tag_rows::description,
            tag_rows::internal,
            ghost_ids::ghost_id,
        ))
        .load(conn)?;
    let tag = |(id, slug, name, description, internal, ghost_id): Row| Tag {
        scope: "tag",
        id,
        ghost_id,
        own_slug: slug.clone(),
        slug,
        path: None,
        name,
        description,
        internal,
        count: 0,
    };
    Ok(rows.into_iter().map(tag).collect())
}
