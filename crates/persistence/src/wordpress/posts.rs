//! Articles and pages, as WordPress lists them.

mod filters;

use std::collections::HashSet;

use domain::published::PublishedArticle;
use domain::site::Settings;
use domain::{Result, Timestamp};

use super::Slice;
use crate::Conn;
use crate::published::{self, View};
use filters::Filters;

/// In which order posts are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PostOrder {
    /// By the first publication.
    #[default]
    Date,
    /// By the publication of what is shown.
    Modified,
    /// By slug.
    Slug,
    /// By title.
    Title,
    /// By number.
    Number,
    /// As `include` names them.
    Include,
    /// As `slug` names them.
    IncludeSlugs,
}

/// Posts under some terms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TermFilter {
    /// Numbers of terms.
    pub terms: Vec<i64>,
    /// With what stands below them.
    pub include_children: bool,
    /// Under all of them, rather than under any.
    pub all: bool,
}

/// How several filters by terms go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Relation {
    /// All hold.
    #[default]
    And,
    /// Any holds.
    Or,
}

/// Which posts to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PostQuery {
    /// In every locale, rather than in the site's own.
    pub any_locale: bool,
    /// Pages instead of articles.
    pub pages: bool,
    /// Holds these words.
    pub search: Option<String>,
    /// First published after this time.
    pub after: Option<Timestamp>,
    /// First published before this time.
    pub before: Option<Timestamp>,
    /// Changed after this time.
    pub modified_after: Option<Timestamp>,
    /// Changed before this time.
    pub modified_before: Option<Timestamp>,
    /// Signed by any of these.
    pub authors: Option<Vec<i64>>,
    /// Signed by none of these.
    pub authors_exclude: Vec<i64>,
    /// One of these.
    pub include: Option<Vec<i64>>,
    /// None of these.
    pub exclude: Vec<i64>,
    /// With any of these slugs.
    pub slugs: Option<Vec<String>>,
    /// Under these categories.
    pub categories: Option<TermFilter>,
    /// Under none of these.
    pub categories_exclude: TermFilter,
    /// With these tags.
    pub tags: Option<TermFilter>,
    /// With none of these.
    pub tags_exclude: TermFilter,
    /// How `categories` and `tags` go together.
    pub relation: Relation,
    /// Under any of these pages; 0: at the root.
    pub parents: Option<Vec<i64>>,
    /// Under none of these pages.
    pub parents_exclude: Vec<i64>,
    /// Set apart, or not.
    pub featured: Option<bool>,
    /// In which order.
    pub order: PostOrder,
    /// The first come first.
    pub ascending: bool,
}

/// A page of posts.
#[derive(Debug, Default)]
pub struct Posts {
    /// What is on it.
    pub articles: Vec<PublishedArticle>,
    /// Those of them that take comments.
    pub open: HashSet<String>,
    /// How many there are in all.
    pub total: i64,
}

/// A page of posts in the site's own locale, whole.
pub fn posts(conn: &mut Conn, view: &View, settings: &Settings, query: &PostQuery, slice: Slice) -> Result<Posts> {
    let Some(filters) = Filters::read(conn, settings, query)? else { return Ok(Posts::default()) };
    let (ids, total) = filters.page(conn, view, slice)?;
    let open = published::open_among(conn, &ids)?;
    let articles = published::in_order(conn, view, &ids, true)?;
    Ok(Posts { articles, open, total })
}

/// A post as a search shows it.
#[derive(Debug)]
pub struct Titled {
    /// Its number.
    pub number: i64,
    /// Its title.
    pub title: String,
    /// Its address.
    pub url: String,
}

/// A page of posts, without all that a search does not show, and how many there are in all.
pub fn post_titles(
    conn: &mut Conn,
    view: &View,
    settings: &Settings,
    query: &PostQuery,
    slice: Slice,
) -> Result<(Vec<Titled>, i64)> {
    let Some(filters) = Filters::read(conn, settings, query)? else { return Ok((Vec::new(), 0)) };
    let (ids, total) = filters.page(conn, view, slice)?;
    let numbers = super::numbers_of(conn, ids.clone())?;
    let mut found = published::addresses(conn, view, &ids)?;
    let titled = |id: &String| {
        let (url, title) = found.remove(id)?;
        Some(Titled { number: numbers.get(id).copied()?, title, url })
    };
    Ok((ids.iter().filter_map(titled).collect(), total))
}

/// Of these identities, articles and pages that readers see, without their bodies, in this order.
pub fn posts_named(conn: &mut Conn, view: &View, ids: &[String]) -> Result<Vec<PublishedArticle>> {
    published::in_order(conn, view, ids, false)
}
