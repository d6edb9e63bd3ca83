//! Authors: the bylines of what is public.

use std::collections::HashMap;

use diesel::prelude::*;
use domain::Result;

use super::TermField;
use crate::Conn;
use crate::fragments::one_of;
use crate::ghost_ids::Kind;
use crate::published::View;
use crate::schema::{bylines, ghost_ids};
use crate::taxonomy::known_articles_in;

/// Someone whom articles are signed with.
#[derive(Debug, Clone)]
pub struct Author {
    /// Its identity.
    pub id: String,
    /// Its identity in Ghost's API.
    pub ghost_id: String,
    /// Its slug.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// A few words about them.
    pub bio: Option<String>,
    /// A picture of them.
    pub avatar_url: Option<String>,
    /// Their site.
    pub website: Option<String>,
    /// Articles that the public sees signed with it; 0 where they are not counted.
    pub count: u64,
}

impl Author {
    /// A member of it.
    pub fn field(&self, field: TermField) -> &str {
        match field {
            TermField::Id => &self.ghost_id,
            TermField::Slug => &self.slug,
            TermField::Name => &self.name,
            TermField::Visibility => "public",
        }
    }
}

/// Every author, whether or not anything is signed with them; counted.
pub fn authors(conn: &mut Conn, view: &View) -> Result<Vec<Author>> {
    let mut authors = authors_of(conn, None)?;
    let counts = known_articles_in(conn, view, "byline", authors.iter().map(|author| author.id.clone()))?;
    for (author, count) in authors.iter_mut().zip(counts) {
        author.count = count;
    }
    Ok(authors)
}

/// These authors, by identity; not counted.
pub fn authors_named(conn: &mut Conn, ids: Vec<String>) -> Result<HashMap<String, Author>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    Ok(authors_of(conn, Some(ids))?.into_iter().map(|author| (author.id.clone(), author)).collect())
}

/// Authors by name: these, or all.
pub(super) fn authors_of(conn: &mut Conn, ids: Option<Vec<String>>) -> Result<Vec<Author>> {
    type Row = (String, String, String, Option<String>, Option<String>, Option<String>, String);
    let named = ghost_ids::kind.eq(Kind::Byline.as_str()).and(ghost_ids::id.eq(bylines::id));
    let mut query = bylines::table.inner_join(ghost_ids::table.on(named)).order(bylines::name).into_boxed();
    if let Some(ids) = ids {
        query = query.filter(one_of(bylines::id, ids));
    }
    let rows: Vec<Row> = query
        .select((
            bylines::id,
            bylines::slug,
            bylines::name,
            bylines::bio,
            bylines::avatar_url,
            bylines::website,
            ghost_ids::ghost_id,
        ))
        .load(conn)?;
    let author = |(id, slug, name, bio, avatar_url, website, ghost_id): Row| Author {
        id,
        ghost_id,
        slug,
        name,
        bio,
        avatar_url,
        website,
        count: 0,
    };
    Ok(rows.into_iter().map(author).collect())
}
