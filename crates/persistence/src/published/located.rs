//! Where everything public is, for sitemaps: in parts that hold the same from one day to the next, the oldest first.

use std::collections::HashMap;

use diesel::dsl::{count_star, exists};
use diesel::prelude::*;
use domain::articles::{CoverImage, Kind, Seo};
use domain::ids::CategoryId;
use domain::site::{self, ArticlePlace, Settings};
use domain::{Result, Timestamp};
use serde::Deserialize;

use super::View;
use crate::Conn;
use crate::fragments::beyond;
use crate::pages::Tree;
use crate::schema::{bylines, categories, published_articles as published, published_in, tags};

/// The most that one part holds: sitemaps.org allows no more.
pub const PART: i64 = 50_000;
/// Rows that are read at once.
const BATCH: i64 = 1_000;

/// A page of the site.
#[derive(Debug, PartialEq, Eq)]
pub struct Located {
    /// Its address on the front end.
    pub url: String,
    /// When it last changed, if that is known.
    pub updated_at: Option<Timestamp>,
    /// The address of its picture.
    pub image: Option<String>,
}

/// A kind of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locates {
    /// Articles, or pages.
    Articles(Kind),
    /// Categories in which there is an article.
    Categories,
    /// Tags that an article has.
    Tags,
    /// Bylines that an article is signed with.
    Bylines,
}

/// The rows of a table of things under which the public finds something.
macro_rules! used {
    ($table:ident, $scope:literal, $now:expr) => {
        $table::table.filter(exists(
            published_in::table
                .filter(published_in::scope.eq($scope))
                .filter(published_in::scope_id.eq($table::id))
                .filter(published_in::visible_from.le($now.micros()))
                .filter(published_in::visible_until.gt($now.micros())),
        ))
    };
}

/// How many parts there are.
pub fn parts(conn: &mut Conn, kind: Locates, now: Timestamp) -> Result<i64> {
    let count: i64 = match kind {
        Locates::Articles(kind) => published::table
            .filter(published::kind.eq(kind.as_str()))
            .filter(published::visible_from.le(now.micros()))
            .filter(published::visible_until.gt(now.micros()))
            .select(count_star())
            .get_result(conn)?,
        Locates::Categories => used!(categories, "subtree", now).select(count_star()).get_result(conn)?,
        Locates::Tags => {
            used!(tags, "tag", now).filter(tags::internal.eq(false)).select(count_star()).get_result(conn)?
        }
        Locates::Bylines => used!(bylines, "byline", now).select(count_star()).get_result(conn)?,
    };
    Ok((count + PART - 1) / PART)
}

/// Gives `each` what is in part `number` (from 1 on), in the order of first publication or of making. What search engines
/// are not to list, and what has its original elsewhere, is left out.
pub fn part(
    conn: &mut Conn,
    view: &View,
    settings: &Settings,
    kind: Locates,
    number: i64,
    mut each: impl FnMut(Located) -> Result<()>,
) -> Result<()> {
    let offset = (number - 1).saturating_mul(PART);
    let url = &view.public_url;
    let mut named = |slugs: Vec<String>, at: fn(&Settings, &url::Url, &str) -> String| {
        slugs.iter().try_for_each(|slug| each(Located { url: at(settings, url, slug), updated_at: None, image: None }))
    };
    match kind {
        Locates::Articles(kind) => articles(conn, view, settings, kind, offset, each),
        Locates::Categories => {
            let rows = used!(categories, "subtree", view.now).order(categories::id).offset(offset).limit(PART);
            named(rows.select(categories::path).load(conn)?, site::category_url)
        }
        Locates::Tags => {
            let rows = used!(tags, "tag", view.now)
                .filter(tags::internal.eq(false))
                .order(tags::id)
                .offset(offset)
                .limit(PART);
            named(rows.select(tags::slug).load(conn)?, site::tag_url)
        }
        Locates::Bylines => {
            let rows = used!(bylines, "byline", view.now).order(bylines::id).offset(offset).limit(PART);
            named(rows.select(bylines::slug).load(conn)?, site::byline_url)
        }
    }
}

/// What of a stored summary decides.
#[derive(Deserialize)]
struct Stored {
    seo: Seo,
    cover_image: Option<CoverImage>,
    category_ids: Vec<CategoryId>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = published)]
struct Row {
    article_id: String,
    parent_id: Option<String>,
    locale: String,
    slug: String,
    published_at: i64,
    updated_at: i64,
    summary: String,
}

fn articles(
    conn: &mut Conn,
    view: &View,
    settings: &Settings,
    kind: Kind,
    offset: i64,
    mut each: impl FnMut(Located) -> Result<()>,
) -> Result<()> {
    let paths: Vec<(String, String)> = categories::table.select((categories::id, categories::path)).load(conn)?;
    let paths: HashMap<String, String> = paths.into_iter().collect();
    let (mut after, mut left): (Option<(i64, String)>, i64) = (None, PART);
    while left > 0 {
        let rows = published::table
            .filter(published::kind.eq(kind.as_str()))
            .filter(published::visible_from.le(view.now.micros()))
            .filter(published::visible_until.gt(view.now.micros()))
            .order((published::published_at, published::article_id))
            .limit(left.min(BATCH))
            .select(Row::as_select());
        let rows: Vec<Row> = match after {
            None => rows.offset(offset).load(conn)?,
            Some(last) => {
                rows.filter(beyond::<_, _, true>((published::published_at, published::article_id), last)).load(conn)?
            }
        };
        let Some(last) = rows.last() else { break };
        after = Some((last.published_at, last.article_id.clone()));
        left -= i64::try_from(rows.len())?;
        let above: Vec<String> = rows.iter().filter_map(|row| row.parent_id.clone()).collect();
        let tree = Tree::above(conn, above, view.now)?;
        for row in rows {
            let page = (kind == Kind::Page).then(|| tree.path_under(row.parent_id.as_deref(), &row.slug));
            if let Some(located) = locate(view, settings, &paths, &row, page.as_deref())? {
                each(located)?;
            }
        }
    }
    Ok(())
}

fn locate(
    view: &View,
    settings: &Settings,
    paths: &HashMap<String, String>,
    row: &Row,
    page_path: Option<&str>,
) -> Result<Option<Located>> {
    let stored: Stored = serde_json::from_str(&row.summary)?;
    // Of several that do not exist any more, the first that does.
    let category = stored.category_ids.iter().find_map(|id| paths.get(&id.to_string()));
    let place = ArticlePlace {
        slug: &row.slug,
        id: row.article_id.parse()?,
        locale: &row.locale,
        category_path: category.map(String::as_str),
        published_at: Timestamp::from_micros(row.published_at),
        page_path,
    };
    let url = site::article_url(settings, &view.public_url, &place);
    if stored.seo.noindex || stored.seo.canonical_url.is_some_and(|original| original != url) {
        return Ok(None);
    }
    let image = stored.cover_image.map(|image| image.url);
    Ok(Some(Located { url, updated_at: Some(Timestamp::from_micros(row.updated_at)), image }))
}
