//! How the read model is written: what readers see of an article from when until when, as finished documents, with the
//! lists they are in, their words and slugs.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use domain::articles::{Article, Audience, Content};
use domain::ids::{ArticleId, CategoryId};
use domain::published::{Body, Summary};
use domain::{Result, Timestamp};
use serde::Serialize;
use serde_json::json;

use super::References;
use crate::fragments::one_of;
use crate::schema::{article_slugs, categories, published_articles as published, published_in, published_slugs};
use crate::search::{self, Indexed};
use crate::{Conn, bulk};

/// What is stored of a summary: what readers get, and what to join.
#[derive(Serialize)]
struct StoredSummary {
    #[serde(flatten)]
    shown: Summary,
    #[serde(flatten)]
    refers: References,
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
            put(conn, &[Showing { article, content, from: since.unwrap_or(now), at: now }])
        }
        Audience::WillSeeNewest(from) => {
            withdraw_next(conn, &id, now)?;
            end_live(conn, &id, now, from)?;
            put(conn, &[Showing { article, content, from, at: from }])
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

/// Makes the read model show the newest revision of what was public elsewhere since `from`.
pub(crate) fn show_since(
    conn: &mut Conn,
    article: &Article,
    content: &Content,
    from: Timestamp,
    updated_at: Timestamp,
) -> Result<()> {
    clear(conn, &article.id.to_string())?;
    put(conn, &[Showing { article, content, from, at: updated_at }])
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
        crate::search::remove(conn, id, *revision)?;
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

/// Makes a published revision findable by its words: for loaders that write all other rows themselves.
pub fn make_findable(conn: &mut Conn, id: ArticleId, revision: i64, content: &Content) -> Result<()> {
    let content = content.for_readers();
    crate::search::put(conn, &[(&id.to_string(), revision, Indexed::of(&content))])
}

/// The newest revision of an article, which is published `at` and seen from `from` on.
pub(crate) struct Showing<'a> {
    pub(crate) article: &'a Article,
    pub(crate) content: &'a Content,
    pub(crate) from: Timestamp,
    pub(crate) at: Timestamp,
}

impl Showing<'_> {
    fn published_at(&self) -> Timestamp {
        self.article.published_at.unwrap_or(self.at)
    }
}

/// Writes the finished documents of revisions, each of another article.
pub(crate) fn put(conn: &mut Conn, all: &[Showing<'_>]) -> Result<()> {
    let numbers = search::free_numbers(conn, all.iter().map(|one| one.published_at().micros()))?;
    let contents: Vec<Cow<'_, Content>> = all.iter().map(|one| one.content.for_readers()).collect();
    let above = Above::of(conn, contents.iter().flat_map(|content| &content.category_ids))?;
    let (mut rows, mut listed) = (Vec::with_capacity(all.len()), Vec::new());
    for ((one, content), number) in all.iter().zip(&contents).zip(&numbers) {
        let article = one.article;
        let until = Timestamp::NEVER.micros();
        rows.push(json!({
            "article_id": article.id, "revision": article.revision, "kind": article.kind.as_str(),
            "group_id": article.group, "locale": article.locale, "slug": content.slug,
            "visible_from": one.from.micros(), "visible_until": until, "published_at": one.published_at().micros(),
            "updated_at": one.at.micros(), "comments_open": article.comments_open,
            "summary": serde_json::to_string(&summary(content))?, "body": serde_json::to_string(&Body::of(content))?,
            "parent_id": content.parent_id, "search_id": number,
        }));
        listed.extend(above.scopes(content).into_iter().map(|(scope, id)| {
            json!({
                "scope": scope, "scope_id": id, "article_id": article.id, "revision": article.revision,
                "kind": article.kind.as_str(), "locale": article.locale, "visible_from": one.from.micros(),
                "visible_until": until, "published_at": one.published_at().micros(),
            })
        }));
    }
    bulk::insert(conn, "published_articles", &rows, "")?;
    bulk::insert(conn, "published_in", &listed, "")?;
    let words: Vec<Indexed<'_>> = contents.iter().map(|content| Indexed::of(content)).collect();
    let words = all.iter().zip(&words).zip(numbers).map(|((one, words), number)| (number, &one.article.locale, words));
    search::enter(conn, words)?;
    expose_slugs(conn, all)
}

fn summary(content: &Content) -> StoredSummary {
    let refers = References {
        byline_ids: content.byline_ids.clone(),
        category_ids: content.category_ids.clone(),
        tag_ids: content.tag_ids.clone(),
    };
    StoredSummary { shown: Summary::of(content), refers }
}

/// Categories, and what is above them.
#[derive(Default)]
struct Above {
    paths: HashMap<String, String>,
    by_slug: HashMap<String, String>,
}

impl Above {
    fn of<'a>(conn: &mut Conn, own: impl Iterator<Item = &'a CategoryId>) -> Result<Self> {
        let own: HashSet<String> = own.map(ToString::to_string).collect();
        if own.is_empty() {
            return Ok(Self::default());
        }
        let own = one_of(categories::id, own.into_iter().collect());
        let paths: Vec<(String, String)> =
            categories::table.filter(own).select((categories::id, categories::path)).load(conn)?;
        // A path is made of the slugs of all ancestors, and a category's slug is unique on the site.
        let slugs: HashSet<&str> = paths.iter().flat_map(|(_, path)| path.split('/')).collect();
        let slugs = one_of(categories::slug, slugs.into_iter().map(str::to_owned).collect());
        let by_slug: Vec<(String, String)> =
            categories::table.filter(slugs).select((categories::slug, categories::id)).load(conn)?;
        Ok(Self { paths: paths.into_iter().collect(), by_slug: by_slug.into_iter().collect() })
    }

    /// Everything under which an article is listed.
    fn scopes(&self, content: &Content) -> Vec<(&'static str, String)> {
        let own = content.category_ids.iter().map(ToString::to_string).filter(|id| self.paths.contains_key(id));
        let mut scopes: Vec<(&'static str, String)> = own.map(|id| ("category", id)).collect();
        let paths = scopes.iter().filter_map(|(_, id)| self.paths.get(id));
        let above: HashSet<&String> =
            paths.flat_map(|path| path.split('/')).filter_map(|slug| self.by_slug.get(slug)).collect();
        let mut above: Vec<String> = above.into_iter().cloned().collect();
        above.sort_unstable();
        scopes.extend(above.into_iter().map(|id| ("subtree", id)));
        scopes.extend(content.tag_ids.iter().map(|id| ("tag", id.to_string())));
        scopes.extend(content.byline_ids.iter().map(|id| ("byline", id.to_string())));
        scopes
    }
}

/// From now on the slugs belong to these articles for good, and lead to them.
fn expose_slugs(conn: &mut Conn, all: &[Showing<'_>]) -> Result<()> {
    let mut by_locale: HashMap<&str, Vec<String>> = HashMap::new();
    for one in all {
        by_locale.entry(&one.article.locale).or_default().push(one.content.slug.clone());
    }
    for (locale, slugs) in by_locale {
        let own = article_slugs::table.filter(article_slugs::locale.eq(locale));
        diesel::update(own.filter(one_of(article_slugs::slug, slugs)))
            .set(article_slugs::was_public.eq(true))
            .execute(conn)?;
    }
    let row = |one: &Showing<'_>| {
        json!({
            "locale": one.article.locale, "slug": one.content.slug, "article_id": one.article.id,
            "since": one.at.micros(), "gone": false,
        })
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    let new = bulk::insert(conn, "published_slugs", &rows, "ON CONFLICT DO NOTHING")?;
    let ids = all.iter().map(|one| one.article.id.to_string()).collect();
    diesel::update(published_slugs::table.filter(one_of(published_slugs::article_id, ids)))
        .set(published_slugs::gone.eq(false))
        .execute(conn)?;
    if new == rows.len() {
        return Ok(());
    }
    // It may have been one that would be public later, and is so now.
    for one in all {
        let later = published_slugs::table.find((&one.article.locale, &one.content.slug));
        diesel::update(later.filter(published_slugs::since.gt(one.at.micros())))
            .set(published_slugs::since.eq(one.at.micros()))
            .execute(conn)?;
    }
    Ok(())
}
