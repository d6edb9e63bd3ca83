//! The read model of articles: finished documents, indexes over them, and which slugs lead where.
//!
//! Readers' routes know nothing else of articles. A row is visible while `visible_from <= now < visible_until`, so that
//! what is scheduled turns public at its time by itself.

use std::ops::Bound;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use domain::articles::{Article, Audience, Content, Kind};
use domain::ids::{ArticleId, BylineId, CategoryId, TagId};
use domain::published::{ArticleSummary, Body, PublishedArticle, Summary};
use domain::{Error, Result, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::changes::Window;
use crate::db::{MultiBackend, on};
use crate::joins::{self, Refers};
use crate::schema::{article_slugs, categories, published_articles as published, published_in, published_slugs};
use crate::{Conn, search, site};

/// What the stored summary says beyond what readers get: what to join.
#[derive(Serialize, Deserialize)]
struct StoredSummary {
    #[serde(flatten)]
    shown: Summary,
    byline_ids: Vec<BylineId>,
    category_ids: Vec<CategoryId>,
    tag_ids: Vec<TagId>,
}

/// Makes the read model show what `audience` says of an article whose newest revision is `content`.
pub(crate) fn show(
    conn: &mut Conn,
    article: &Article,
    content: &Content,
    audience: Audience,
    now: Timestamp,
) -> Result<()> {
    let id = article.id.to_string();
    match audience {
        Audience::AsBefore => Ok(()),
        Audience::SeesNewest => {
            // A reader who came before this moment, and looks after it, finds the new one in the place of the old.
            let since = visible_since(conn, &id, now)?;
            clear(conn, &id)?;
            put(conn, article, content, since.unwrap_or(now), now)
        }
        Audience::WillSeeNewest(from) => {
            withdraw_next(conn, &id, now)?;
            end_live(conn, &id, now, from)?;
            put(conn, article, content, from, from)
        }
        Audience::SeesNoNext => {
            withdraw_next(conn, &id, now)?;
            end_live(conn, &id, now, Timestamp::NEVER)
        }
        Audience::SeesNothing | Audience::SeesItGone => {
            withdraw_next(conn, &id, now)?;
            clear(conn, &id)?;
            diesel::update(published_slugs::table.filter(published_slugs::article_id.eq(&id)))
                .set(published_slugs::gone.eq(audience == Audience::SeesItGone))
                .execute(conn)?;
            Ok(())
        }
    }
}

/// Lets readers leave comments, or not, from now on.
pub(crate) fn open_comments(conn: &mut Conn, id: ArticleId, open: bool) -> Result<()> {
    diesel::update(published::table.filter(published::article_id.eq(id.to_string())))
        .set(published::comments_open.eq(open))
        .execute(conn)?;
    Ok(())
}

/// Removes the rows of an article that ended before `now`.
pub(crate) fn sweep(conn: &mut Conn, id: &str, now: Timestamp) -> Result<()> {
    // Whoever rewrites the rows of an article begins here; from now on no category moves.
    crate::categories::hold_tree(conn)?;
    let ended = published::table
        .filter(published::article_id.eq(id))
        .filter(published::visible_until.le(now.micros()))
        .select(published::revision)
        .load(conn)?;
    remove(conn, id, &ended)
}

fn clear(conn: &mut Conn, id: &str) -> Result<()> {
    let all = published::table.filter(published::article_id.eq(id)).select(published::revision).load(conn)?;
    remove(conn, id, &all)
}

fn remove(conn: &mut Conn, id: &str, revisions: &[i64]) -> Result<()> {
    for revision in revisions {
        search::remove(conn, id, *revision)?;
        let rows = published_in::table.filter(published_in::article_id.eq(id));
        diesel::delete(rows.filter(published_in::revision.eq(revision))).execute(conn)?;
        diesel::delete(published::table.find((id, revision))).execute(conn)?;
    }
    Ok(())
}

/// Takes back what was to become public, with the slugs that only it would have made public.
fn withdraw_next(conn: &mut Conn, id: &str, now: Timestamp) -> Result<()> {
    let next = published::table
        .filter(published::article_id.eq(id))
        .filter(published::visible_from.gt(now.micros()))
        .select(published::revision)
        .load(conn)?;
    remove(conn, id, &next)?;
    let unseen = published_slugs::table
        .filter(published_slugs::article_id.eq(id))
        .filter(published_slugs::since.gt(now.micros()));
    let slugs: Vec<(String, String)> = unseen.select((published_slugs::locale, published_slugs::slug)).load(conn)?;
    for (locale, slug) in slugs {
        diesel::delete(published_slugs::table.find((&locale, &slug))).execute(conn)?;
        diesel::update(article_slugs::table.find((&locale, &slug)))
            .set(article_slugs::was_public.eq(false))
            .execute(conn)?;
    }
    Ok(())
}

/// The revision that is live ends at `until`.
fn end_live(conn: &mut Conn, id: &str, now: Timestamp, until: Timestamp) -> Result<()> {
    let live = published::article_id.eq(id).and(published::visible_from.le(now.micros()));
    diesel::update(published::table.filter(live).filter(published::visible_until.gt(now.micros())))
        .set(published::visible_until.eq(until.micros()))
        .execute(conn)?;
    let live = published_in::article_id.eq(id).and(published_in::visible_from.le(now.micros()));
    diesel::update(published_in::table.filter(live).filter(published_in::visible_until.gt(now.micros())))
        .set(published_in::visible_until.eq(until.micros()))
        .execute(conn)?;
    Ok(())
}

/// Since when the public sees the article, if it does.
fn visible_since(conn: &mut Conn, id: &str, now: Timestamp) -> Result<Option<Timestamp>> {
    let since: Option<i64> = published::table
        .filter(published::article_id.eq(id))
        .filter(published::visible_from.le(now.micros()))
        .filter(published::visible_until.gt(now.micros()))
        .select(published::visible_from)
        .first(conn)
        .optional()?;
    Ok(since.map(Timestamp::from_micros))
}

/// Writes the finished document of the newest revision, which is published `at` and seen from `from` on.
fn put(conn: &mut Conn, article: &Article, content: &Content, from: Timestamp, at: Timestamp) -> Result<()> {
    let summary = StoredSummary {
        shown: Summary {
            title: content.title.clone(),
            excerpt: content.excerpt(),
            cover_image: content.cover_image.clone(),
            seo: content.seo.clone(),
            custom: content.custom.clone(),
            word_count: content.word_count,
            reading_minutes: content.reading_minutes,
        },
        byline_ids: content.byline_ids.clone(),
        category_ids: content.category_ids.clone(),
        tag_ids: content.tag_ids.clone(),
    };
    let body = Body { body_html: content.body_html.clone(), toc: content.toc.clone() };
    let id = article.id.to_string();
    let revision = i64::try_from(article.revision)?;
    let published_at = article.published_at.unwrap_or(at).micros();
    diesel::insert_into(published::table)
        .values((
            published::article_id.eq(&id),
            published::revision.eq(revision),
            published::kind.eq(article.kind.as_str()),
            published::group_id.eq(article.group.to_string()),
            published::locale.eq(&article.locale),
            published::slug.eq(&content.slug),
            published::visible_from.eq(from.micros()),
            published::visible_until.eq(Timestamp::NEVER.micros()),
            published::published_at.eq(published_at),
            published::updated_at.eq(at.micros()),
            published::comments_open.eq(article.comments_open),
            published::summary.eq(serde_json::to_string(&summary)?),
            published::body.eq(serde_json::to_string(&body)?),
        ))
        .execute(conn)?;
    for (scope, scope_id) in scopes(conn, content)? {
        diesel::insert_into(published_in::table)
            .values((
                published_in::scope.eq(scope),
                published_in::scope_id.eq(scope_id),
                published_in::article_id.eq(&id),
                published_in::revision.eq(revision),
                published_in::kind.eq(article.kind.as_str()),
                published_in::locale.eq(&article.locale),
                published_in::visible_from.eq(from.micros()),
                published_in::visible_until.eq(Timestamp::NEVER.micros()),
                published_in::published_at.eq(published_at),
            ))
            .execute(conn)?;
    }
    search::put(conn, &id, revision, content)?;
    expose_slug(conn, article, content, at)
}

/// Makes a published revision findable by its words: for loaders that write all other rows themselves.
pub fn make_findable(conn: &mut Conn, id: ArticleId, revision: i64, content: &Content) -> Result<()> {
    search::put(conn, &id.to_string(), revision, content)
}

/// Everything under which an article is listed.
fn scopes(conn: &mut Conn, content: &Content) -> Result<Vec<(&'static str, String)>> {
    let own: Vec<String> = content.category_ids.iter().map(ToString::to_string).collect();
    let mut scopes: Vec<(&'static str, String)> = Vec::new();
    let paths: Vec<(String, String)> =
        categories::table.filter(categories::id.eq_any(&own)).select((categories::id, categories::path)).load(conn)?;
    scopes.extend(paths.iter().map(|(id, _)| ("category", id.clone())));
    // A path is made of the slugs of all ancestors, and a category's slug is unique on the site.
    let mut slugs: Vec<&str> = paths.iter().flat_map(|(_, path)| path.split('/')).collect();
    slugs.sort_unstable();
    slugs.dedup();
    let above: Vec<String> =
        categories::table.filter(categories::slug.eq_any(slugs)).select(categories::id).load(conn)?;
    scopes.extend(above.into_iter().map(|id| ("subtree", id)));
    scopes.extend(content.tag_ids.iter().map(|id| ("tag", id.to_string())));
    scopes.extend(content.byline_ids.iter().map(|id| ("byline", id.to_string())));
    Ok(scopes)
}

/// From `from` on the slug leads to the article; it was public now, and stays reserved.
fn expose_slug(conn: &mut Conn, article: &Article, content: &Content, from: Timestamp) -> Result<()> {
    diesel::update(article_slugs::table.find((&article.locale, &content.slug)))
        .set(article_slugs::was_public.eq(true))
        .execute(conn)?;
    let id = article.id.to_string();
    on!(conn, |c| diesel::insert_into(published_slugs::table)
        .values((
            published_slugs::locale.eq(&article.locale),
            published_slugs::slug.eq(&content.slug),
            published_slugs::article_id.eq(&id),
            published_slugs::since.eq(from.micros()),
            published_slugs::gone.eq(false),
        ))
        .on_conflict_do_nothing()
        .execute(c))?;
    diesel::update(published_slugs::table.filter(published_slugs::article_id.eq(&id)))
        .set(published_slugs::gone.eq(false))
        .execute(conn)?;
    // It may have been one that would be public later, and is so now.
    let later = published_slugs::table.find((&article.locale, &content.slug));
    diesel::update(later.filter(published_slugs::since.gt(from.micros())))
        .set(published_slugs::since.eq(from.micros()))
        .execute(conn)?;
    Ok(())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = published)]
struct Row {
    article_id: String,
    kind: String,
    group_id: String,
    locale: String,
    slug: String,
    published_at: i64,
    updated_at: i64,
    summary: String,
}

/// What a slug leads to.
#[derive(Debug)]
pub enum Found {
    /// The article.
    Article(Box<PublishedArticle>),
    /// The article, under this slug now.
    Moved(ArticleId, String),
    /// An article that was public and is gone for good.
    Gone(ArticleId),
    /// Nothing that is or was public.
    Nothing,
}

/// How documents are drawn: for this present, with this server's address.
#[derive(Debug, Clone)]
pub struct View {
    /// Byline's own address, for links where the site has none of its own.
    pub public_url: Url,
    /// The present.
    pub now: Timestamp,
}

/// What `slug` leads to in a locale (`None`: the site's own).
pub fn find(conn: &mut Conn, view: &View, locale: Option<&str>, slug: &str) -> Result<Found> {
    let settings = site::current(conn)?.settings;
    let locale = locale.unwrap_or(&settings.locale);
    if let Some(row) = live(conn, locale, slug, view.now)? {
        let (row, body) = row;
        let body = serde_json::from_str(&body)?;
        let summary = draw(conn, view, vec![row])?.pop().ok_or_else(nothing_drawn)?;
        return Ok(Found::Article(Box::new(PublishedArticle { summary, body: Some(body) })));
    }
    Ok(match leads(conn, locale, slug, view.now)? {
        None => Found::Nothing,
        Some((id, true)) => Found::Gone(id.parse()?),
        Some((id, false)) => match live_slug(conn, &id, view.now)? {
            Some(slug) => Found::Moved(id.parse()?, slug),
            None => Found::Nothing,
        },
    })
}

fn kind_of(stored: &str) -> Kind {
    if stored == Kind::Page.as_str() { Kind::Page } else { Kind::Article }
}

fn nothing_drawn() -> Error {
    Error::Internal("a row was not drawn".into())
}

fn live(conn: &mut Conn, locale: &str, slug: &str, now: Timestamp) -> Result<Option<(Row, String)>> {
    Ok(published::table
        .filter(published::slug.eq(slug))
        .filter(published::locale.eq(locale))
        .filter(published::visible_from.le(now.micros()))
        .filter(published::visible_until.gt(now.micros()))
        .select((Row::as_select(), published::body))
        .first(conn)
        .optional()?)
}

/// The article that a slug leads or led to, and whether it is gone.
fn leads(conn: &mut Conn, locale: &str, slug: &str, now: Timestamp) -> Result<Option<(String, bool)>> {
    Ok(published_slugs::table
        .find((locale, slug))
        .filter(published_slugs::since.le(now.micros()))
        .select((published_slugs::article_id, published_slugs::gone))
        .first(conn)
        .optional()?)
}

fn live_slug(conn: &mut Conn, id: &str, now: Timestamp) -> Result<Option<String>> {
    Ok(published::table
        .filter(published::article_id.eq(id))
        .filter(published::visible_from.le(now.micros()))
        .filter(published::visible_until.gt(now.micros()))
        .select(published::slug)
        .first(conn)
        .optional()?)
}

/// Finishes documents: what was stored, with what is joined.
fn draw(conn: &mut Conn, view: &View, rows: Vec<Row>) -> Result<Vec<ArticleSummary>> {
    let settings = site::current(conn)?.settings;
    let stored: Vec<StoredSummary> =
        rows.iter().map(|row| Ok(serde_json::from_str(&row.summary)?)).collect::<Result<_>>()?;
    let refers: Vec<Refers<'_>> = rows
        .iter()
        .zip(&stored)
        .map(|(row, stored)| {
            Ok(Refers {
                id: row.article_id.parse()?,
                group: &row.group_id,
                locale: &row.locale,
                slug: &row.slug,
                published_at: Timestamp::from_micros(row.published_at),
                byline_ids: &stored.byline_ids,
                category_ids: &stored.category_ids,
                tag_ids: &stored.tag_ids,
            })
        })
        .collect::<Result<_>>()?;
    let joined = joins::join(conn, &settings, &view.public_url, &refers, view.now)?;
    let ids: Vec<ArticleId> = refers.iter().map(|refers| refers.id).collect();
    drop(refers);
    let drawn = rows.into_iter().zip(stored).zip(joined).zip(ids).map(|(((row, stored), joined), id)| ArticleSummary {
        id,
        kind: kind_of(&row.kind),
        slug: row.slug,
        locale: row.locale,
        joined,
        stored: stored.shown,
        published_at: Timestamp::from_micros(row.published_at),
        updated_at: Timestamp::from_micros(row.updated_at),
    });
    Ok(drawn.collect())
}

/// The articles of these identities that the public sees, whole, in no order.
pub fn with_ids(conn: &mut Conn, view: &View, ids: &[String]) -> Result<Vec<PublishedArticle>> {
    let rows: Vec<(Row, String)> = published::table
        .filter(published::article_id.eq_any(ids))
        .filter(published::visible_from.le(view.now.micros()))
        .filter(published::visible_until.gt(view.now.micros()))
        .select((Row::as_select(), published::body))
        .load(conn)?;
    let (rows, bodies): (Vec<Row>, Vec<String>) = rows.into_iter().unzip();
    let whole = |(summary, body): (ArticleSummary, String)| {
        Ok(PublishedArticle { summary, body: Some(serde_json::from_str(&body)?) })
    };
    draw(conn, view, rows)?.into_iter().zip(bodies).map(whole).collect()
}

/// The order of a list of articles: newest (or oldest) first publication first, then identity.
pub type Position = (i64, ArticleId);

/// Which articles a list holds. Everything is joined by "and".
#[derive(Debug, Clone, Default, Serialize)]
pub struct Filters {
    /// A category by slug or path.
    pub category: Option<String>,
    /// With everything below that category.
    pub subtree: bool,
    /// A tag by slug.
    pub tag: Option<String>,
    /// A byline by slug.
    pub byline: Option<String>,
    /// A locale; `None`: the site's own; `*`: every one.
    pub locale: Option<String>,
    /// First published at this time or later.
    pub published_after: Option<Timestamp>,
    /// First published before this time.
    pub published_before: Option<Timestamp>,
    /// Holds these words.
    pub q: Option<String>,
    /// Articles or pages.
    pub kind: Option<Kind>,
    /// Oldest first.
    pub oldest_first: bool,
}

/// A page of a list.
#[derive(Debug)]
pub struct Listed {
    /// The articles of the page.
    pub articles: Vec<PublishedArticle>,
    /// How many there are in all, if it was asked.
    pub total: Option<i64>,
    /// What of the list the page shows; none if nothing can be in it.
    pub window: Option<Window>,
    /// Surrogate keys of what the filters name: whether it exists, and under that name, decides too.
    pub named: Vec<String>,
}

/// Up to `limit` articles after a position; the last of so many is taken for the first of the next page. An unknown
/// category, tag or byline is an empty list.
pub fn list(
    conn: &mut Conn,
    view: &View,
    filters: &Filters,
    page: (Option<Position>, i64),
    (with_body, with_total): (bool, bool),
) -> Result<Listed> {
    let mut named = Vec::new();
    let Some(conditions) = conditions(conn, filters, &mut named)? else {
        return Ok(Listed { articles: Vec::new(), total: with_total.then_some(0), window: None, named });
    };
    let total = if with_total { Some(select(&conditions, view.now).count().get_result(conn)?) } else { None };
    let (after, limit) = page;
    let mut query = select(&conditions, view.now).limit(limit);
    if let Some((at, id)) = after {
        let id = id.to_string();
        let same = published::published_at.eq(at);
        query = if filters.oldest_first {
            query.filter(published::published_at.gt(at).or(same.and(published::article_id.gt(id))))
        } else {
            query.filter(published::published_at.lt(at).or(same.and(published::article_id.lt(id))))
        };
    }
    query = if filters.oldest_first {
        query.order((published::published_at.asc(), published::article_id.asc()))
    } else {
        query.order((published::published_at.desc(), published::article_id.desc()))
    };
    let (rows, bodies): (Vec<Row>, Vec<Option<String>>) = if with_body {
        let rows: Vec<(Row, String)> = query.select((Row::as_select(), published::body)).load(conn)?;
        rows.into_iter().map(|(row, body)| (row, Some(body))).unzip()
    } else {
        query.select(Row::as_select()).load(conn)?.into_iter().map(|row| (row, None)).unzip()
    };
    let summaries = draw(conn, view, rows)?;
    let articles = summaries.into_iter().zip(bodies).map(|(summary, body)| {
        let body = body.map(|body| serde_json::from_str(&body)).transpose()?;
        Ok(PublishedArticle { summary, body })
    });
    let articles: Vec<PublishedArticle> = articles.collect::<Result<_>>()?;
    // The last one only tells that there is another page.
    let full = i64::try_from(articles.len())? == limit;
    let mut positions =
        articles.iter().rev().map(|article| (article.summary.published_at.micros(), article.summary.id));
    let next = if full { positions.next() } else { None };
    let last = if full { positions.next() } else { None };
    let window = Window { next, counted: with_total, ..conditions.window(after, last, filters.oldest_first) };
    Ok(Listed { articles, total, window: Some(window), named })
}

/// Filters with everything looked up that they name.
struct Conditions {
    kind: Kind,
    locale: Option<String>,
    scopes: Vec<(&'static str, String)>,
    matching: Option<search::Matching>,
    after: Option<Timestamp>,
    before: Option<Timestamp>,
}

impl Conditions {
    /// What a page shows that begins after one position and ends with another; with none, it is the end of the list.
    fn window(&self, after: Option<Position>, last: Option<Position>, oldest_first: bool) -> Window {
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        let end = last.map_or(Bound::Unbounded, Bound::Included);
        let seen = match &self.matching {
            // What matches is known by its text alone: every article of the list may.
            Some(_) => (Bound::Unbounded, Bound::Unbounded),
            None if oldest_first => (begin, end),
            None => (end, begin),
        };
        let scopes = self.scopes.iter().map(|(scope, id)| format!("{scope}:{id}"));
        let scopes = if self.scopes.is_empty() { vec!["all".to_owned()] } else { scopes.collect() };
        let (kind, locale) = (self.kind, self.locale.clone());
        let (next, counted) = (None, false);
        Window { scopes, kind, locale, after: self.after, before: self.before, seen, next, counted }
    }
}

type Select<'a> = diesel::helper_types::IntoBoxed<'a, published::table, MultiBackend>;

/// The visible rows that fit, as the start of a query: a list of one thing walks that thing's index.
fn select(conditions: &Conditions, now: Timestamp) -> Select<'_> {
    let now = now.micros();
    let mut query = published::table
        .filter(published::kind.eq(conditions.kind.as_str()))
        .filter(published::visible_from.le(now))
        .filter(published::visible_until.gt(now))
        .into_boxed();
    if let Some(locale) = &conditions.locale {
        query = query.filter(published::locale.eq(locale));
    }
    for (scope, id) in &conditions.scopes {
        let listed = published_in::table
            .filter(published_in::article_id.eq(published::article_id))
            .filter(published_in::revision.eq(published::revision))
            .filter(published_in::scope.eq(*scope))
            .filter(published_in::scope_id.eq(id));
        query = query.filter(diesel::dsl::exists(listed));
    }
    if let Some(at) = conditions.after {
        query = query.filter(published::published_at.ge(at.micros()));
    }
    if let Some(at) = conditions.before {
        query = query.filter(published::published_at.lt(at.micros()));
    }
    if let Some(matching) = &conditions.matching {
        let holds = sql::<Bool>(matching.before).bind::<Text, _>(&matching.query).sql(matching.after);
        query = query.filter(holds);
    }
    query
}

/// `None` if nothing can fit, since something named is unknown. `named` gets the surrogate keys of what was named.
fn conditions(conn: &mut Conn, filters: &Filters, named: &mut Vec<String>) -> Result<Option<Conditions>> {
    let mut scopes = Vec::new();
    let mut name = |known: Option<String>, scope: &'static str, kind: &str, list: &str| {
        named.push(known.as_ref().map_or_else(|| format!("list:{list}"), |id| format!("{kind}:{id}")));
        known.map(|id| scopes.push((scope, id))).is_some()
    };
    if let Some(category) = &filters.category {
        let scope = if filters.subtree { "subtree" } else { "category" };
        if !name(crate::categories::id_of(conn, category)?, scope, "category", "categories") {
            return Ok(None);
        }
    }
    if let Some(tag) = &filters.tag
        && !name(crate::tags::id_of(conn, tag)?, "tag", "tag", "tags")
    {
        return Ok(None);
    }
    if let Some(byline) = &filters.byline
        && !name(crate::bylines::id_of(conn, byline)?, "byline", "byline", "bylines")
    {
        return Ok(None);
    }
    let matching = match &filters.q {
        None => None,
        Some(q) => match search::matching(conn, q)? {
            None => return Ok(None),
            matching => matching,
        },
    };
    let locale = match filters.locale.as_deref() {
        Some("*") => None,
        Some(locale) => Some(locale.to_owned()),
        None => Some(site::current(conn)?.settings.locale),
    };
    let kind = filters.kind.unwrap_or(Kind::Article);
    Ok(Some(Conditions {
        kind,
        locale,
        scopes,
        matching,
        after: filters.published_after,
        before: filters.published_before,
    }))
}

/// How an article stands before the public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    revision: i64,
    updated_at: i64,
    pub(crate) kind: Kind,
    pub(crate) group: String,
    pub(crate) locale: String,
    pub(crate) slug: String,
    primary_category: Option<CategoryId>,
    /// Its place in every list.
    pub(crate) position: Position,
    /// What it is listed under, as [`crate::changes::Relisted`] names it.
    pub(crate) scopes: Vec<String>,
}

impl Standing {
    /// Whether nothing was published in between.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        (self.revision, self.updated_at) == (other.revision, other.updated_at)
    }

    /// What its address is made of, and who names it among their translations.
    pub(crate) fn address(&self) -> impl PartialEq + '_ {
        (&self.group, &self.locale, &self.slug, &self.primary_category)
    }
}

/// How an article stands now, if the public sees it.
pub(crate) fn standing(conn: &mut Conn, id: &str, now: Timestamp) -> Result<Option<Standing>> {
    let live = published::visible_from.le(now.micros()).and(published::visible_until.gt(now.micros()));
    stand(conn, id, Box::new(live))
}

/// How an article stood until the revision came that is there now.
pub(crate) fn replaced(conn: &mut Conn, id: &str, now: Timestamp) -> Result<Option<Standing>> {
    stand(conn, id, Box::new(published::visible_until.le(now.micros())))
}

type Seen = Box<dyn diesel::BoxableExpression<published::table, MultiBackend, SqlType = Bool>>;

fn stand(conn: &mut Conn, id: &str, seen: Seen) -> Result<Option<Standing>> {
    let row: Option<(i64, Row)> = published::table
        .filter(published::article_id.eq(id))
        .filter(seen)
        .order(published::visible_from.desc())
        .select((published::revision, Row::as_select()))
        .first(conn)
        .optional()?;
    let Some((revision, row)) = row else { return Ok(None) };
    let listed: Vec<(String, String)> = published_in::table
        .filter(published_in::article_id.eq(id))
        .filter(published_in::revision.eq(revision))
        .order((published_in::scope, published_in::scope_id))
        .select((published_in::scope, published_in::scope_id))
        .load(conn)?;
    let stored: StoredSummary = serde_json::from_str(&row.summary)?;
    let all = std::iter::once("all".to_owned());
    Ok(Some(Standing {
        revision,
        updated_at: row.updated_at,
        kind: kind_of(&row.kind),
        group: row.group_id,
        locale: row.locale,
        slug: row.slug,
        primary_category: stored.category_ids.first().copied(),
        position: (row.published_at, id.parse()?),
        scopes: all.chain(listed.into_iter().map(|(scope, id)| format!("{scope}:{id}"))).collect(),
    }))
}
