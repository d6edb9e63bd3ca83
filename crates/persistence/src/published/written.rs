//! How published revisions get into the read model: finished documents, the lists they are in, their words and slugs.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use domain::articles::{Article, Content};
use domain::ids::CategoryId;
use domain::published::{Body, Summary};
use domain::{Result, Timestamp};
use serde_json::json;

use super::{References, StoredSummary};
use crate::fragments::one_of;
use crate::schema::{article_slugs, categories, published_slugs};
use crate::search::{self, Indexed};
use crate::{Conn, bulk};

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
        let (until, body) =
            (Timestamp::NEVER.micros(), Body { body_html: content.body_html.clone(), toc: content.toc.clone() });
        rows.push(json!({
            "article_id": article.id, "revision": article.revision, "kind": article.kind.as_str(),
            "group_id": article.group, "locale": article.locale, "slug": content.slug,
            "visible_from": one.from.micros(), "visible_until": until, "published_at": one.published_at().micros(),
            "updated_at": one.at.micros(), "comments_open": article.comments_open,
            "summary": serde_json::to_string(&summary(content))?, "body": serde_json::to_string(&body)?,
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
    StoredSummary {
        shown: Summary {
            title: content.title.clone(),
            excerpt: content.excerpt(),
            visibility: content.visibility,
            featured: content.featured,
            cover_image: content.cover_image.clone(),
            seo: content.seo.clone(),
            custom: content.custom.clone(),
            word_count: content.word_count,
            reading_minutes: content.reading_minutes,
        },
        refers: References {
            byline_ids: content.byline_ids.clone(),
            category_ids: content.category_ids.clone(),
            tag_ids: content.tag_ids.clone(),
        },
    }
}

/// Categories, and what is above them.
struct Above {
    paths: HashMap<String, String>,
    by_slug: HashMap<String, String>,
}

impl Above {
    fn of<'a>(conn: &mut Conn, own: impl Iterator<Item = &'a CategoryId>) -> Result<Self> {
        let own: HashSet<String> = own.map(ToString::to_string).collect();
        if own.is_empty() {
            return Ok(Self { paths: HashMap::new(), by_slug: HashMap::new() });
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
