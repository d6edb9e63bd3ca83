//! Categories, tags and authors, as WordPress lists them: there are few enough of them to be put into order here.

use std::collections::HashMap;

use diesel::prelude::*;
use domain::{Result, Timestamp};

use crate::Conn;
use crate::fragments::{one_of, unindexed};
use crate::published::View;
use crate::schema::{
    bylines, categories as category_rows, published_articles, published_in, tags as tag_rows, wordpress_ids as numbers,
};
use crate::taxonomy::known_articles_in;

/// A category or a tag.
#[derive(Debug, Clone)]
pub struct Term {
    /// Its identity.
    pub id: String,
    /// Its number.
    pub number: i64,
    /// Its slug.
    pub slug: String,
    /// Of a category: the slugs from the root down to it.
    pub path: Option<String>,
    /// Its name.
    pub name: String,
    /// What it stands for.
    pub description: String,
    /// Of a category: the number of what it stands under; 0 at the root.
    pub parent: i64,
    /// Articles directly in it; 0 where they are not counted.
    pub count: u64,
}

/// Someone whom articles are signed with.
#[derive(Debug, Clone)]
pub struct Author {
    /// Its identity.
    pub id: String,
    /// Its number.
    pub number: i64,
    /// Its slug.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// A few words about them.
    pub bio: String,
    /// A picture of them.
    pub avatar_url: Option<String>,
    /// Their site.
    pub website: String,
}

/// Which terms to read.
#[derive(Debug, Clone)]
pub enum Which {
    /// Every one.
    All,
    /// Those of these identities.
    Ids(Vec<String>),
    /// Those with these slugs.
    Slugs(Vec<String>),
}

/// Narrows a query of a table to some of its rows.
macro_rules! only {
    ($query:expr, $table:ident, $which:expr) => {
        match $which {
            Which::All => $query.into_boxed(),
            Which::Ids(ids) => $query.filter(one_of($table::id, ids)).into_boxed(),
            Which::Slugs(slugs) => $query.filter(one_of($table::slug, slugs)).into_boxed(),
        }
    };
}

/// Categories, by path; not counted.
pub fn categories(conn: &mut Conn, which: Which) -> Result<Vec<Term>> {
    type Row = (String, Option<String>, String, String, String, Option<String>, i64);
    let named = numbers::resource.eq("category").and(numbers::id.eq(category_rows::id));
    let rows: Vec<Row> = only!(category_rows::table.inner_join(numbers::table.on(named)), category_rows, which)
        .order(category_rows::path)
        .select((
            category_rows::id,
            category_rows::parent_id,
            category_rows::slug,
            category_rows::path,
            category_rows::name,
            category_rows::description,
            numbers::number,
        ))
        .load(conn)?;
    let mut known: HashMap<String, i64> = rows.iter().map(|row| (row.0.clone(), row.6)).collect();
    let above = rows.iter().filter_map(|row| row.1.clone()).filter(|id| !known.contains_key(id)).collect();
    known.extend(super::numbers_of(conn, above)?);
    let term = |(id, parent, slug, path, name, description, number): Row| Term {
        id,
        number,
        slug,
        path: Some(path),
        name,
        description: description.unwrap_or_default(),
        parent: parent.and_then(|id| known.get(&id).copied()).unwrap_or(0),
        count: 0,
    };
    Ok(rows.into_iter().map(term).collect())
}

/// Tags that readers see, by name; not counted.
pub fn tags(conn: &mut Conn, which: Which) -> Result<Vec<Term>> {
    type Row = (String, String, String, Option<String>, i64);
    let named = numbers::resource.eq("tag").and(numbers::id.eq(tag_rows::id));
    let rows: Vec<Row> = only!(tag_rows::table.inner_join(numbers::table.on(named)), tag_rows, which)
        .filter(tag_rows::internal.eq(false))
        .order(tag_rows::name)
        .select((tag_rows::id, tag_rows::slug, tag_rows::name, tag_rows::description, numbers::number))
        .load(conn)?;
    let term = |(id, slug, name, description, number): Row| Term {
        id,
        number,
        slug,
        path: None,
        name,
        description: description.unwrap_or_default(),
        parent: 0,
        count: 0,
    };
    Ok(rows.into_iter().map(term).collect())
}

/// Counts the articles directly in each of some categories, or tags, as `scope` says.
pub fn count(conn: &mut Conn, view: &View, scope: &'static str, terms: &mut [Term]) -> Result<()> {
    let counts = known_articles_in(conn, view, scope, terms.iter().map(|term| term.id.clone()))?;
    for (term, count) in terms.iter_mut().zip(counts) {
        term.count = count;
    }
    Ok(())
}

/// Everyone whom a public article is signed with.
pub fn authors(conn: &mut Conn, view: &View) -> Result<Vec<Author>> {
    let authors = authors_of(conn, None)?;
    let counts = known_articles_in(conn, view, "byline", authors.iter().map(|author| author.id.clone()))?;
    Ok(authors.into_iter().zip(counts).filter(|(_, count)| *count > 0).map(|(author, _)| author).collect())
}

/// These authors, by identity, whether or not a public article is signed with them.
pub fn authors_named(conn: &mut Conn, ids: Vec<String>) -> Result<HashMap<String, Author>> {
    Ok(authors_of(conn, Some(ids))?.into_iter().map(|author| (author.id.clone(), author)).collect())
}

/// Authors by name: these, or all.
fn authors_of(conn: &mut Conn, ids: Option<Vec<String>>) -> Result<Vec<Author>> {
    type Row = (String, String, String, Option<String>, Option<String>, Option<String>, i64);
    let named = numbers::resource.eq("byline").and(numbers::id.eq(bylines::id));
    let mut authors = bylines::table.inner_join(numbers::table.on(named)).order(bylines::name).into_boxed();
    if let Some(ids) = ids {
        authors = authors.filter(one_of(bylines::id, ids));
    }
    let rows: Vec<Row> = authors
        .select((
            bylines::id,
            bylines::slug,
            bylines::name,
            bylines::bio,
            bylines::avatar_url,
            bylines::website,
            numbers::number,
        ))
        .load(conn)?;
    let author = |(id, slug, name, bio, avatar_url, website, number): Row| Author {
        id,
        number,
        slug,
        name,
        bio: bio.unwrap_or_default(),
        avatar_url,
        website: website.unwrap_or_default(),
    };
    Ok(rows.into_iter().map(author).collect())
}

/// The identities of what a public article is listed under, of one scope.
pub fn listed_under(conn: &mut Conn, scope: &str, article: &str, now: Timestamp) -> Result<Vec<String>> {
    let same = published_articles::article_id
        .eq(published_in::article_id)
        .and(published_articles::revision.eq(published_in::revision));
    Ok(published_in::table
        .inner_join(published_articles::table.on(same))
        .filter(unindexed!(published_in::scope).eq(scope))
        .filter(published_in::article_id.eq(article))
        .filter(published_articles::visible_from.le(now.micros()))
        .filter(published_articles::visible_until.gt(now.micros()))
        .select(published_in::scope_id)
        .load(conn)?)
}
