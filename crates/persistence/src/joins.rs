//! What is joined to articles when an answer is built: small forms of what they refer to, translations, addresses.

use std::collections::{BTreeMap, HashMap};

use diesel::prelude::*;
use domain::ids::{ArticleId, BylineId, CategoryId, TagId};
use domain::published::{BylineSmall, CategorySmall, Joined, TagSmall, Translation};
use domain::site::{self, ArticlePlace, Settings};
use domain::{Result, Timestamp};
use url::Url;

use crate::Conn;
use crate::schema::{bylines, categories, published_articles as published, tags};

/// What an article is joined by.
pub(crate) struct Refers<'a> {
    pub(crate) id: ArticleId,
    pub(crate) group: &'a str,
    pub(crate) locale: &'a str,
    pub(crate) slug: &'a str,
    pub(crate) published_at: Timestamp,
    pub(crate) byline_ids: &'a [BylineId],
    pub(crate) category_ids: &'a [CategoryId],
    pub(crate) tag_ids: &'a [TagId],
}

/// Joins a page of articles, with one query for each kind of thing whatever the number of articles. What no longer
/// exists is left out.
pub(crate) fn join(
    conn: &mut Conn,
    settings: &Settings,
    public_url: &Url,
    articles: &[Refers<'_>],
    now: Timestamp,
) -> Result<Vec<Joined>> {
    let categories = categories_of(conn, articles)?;
    let bylines = bylines_of(conn, articles)?;
    let tags = tags_of(conn, articles)?;
    let translations = translations_of(conn, articles, now)?;
    let url = |refers: &Refers<'_>, categories: &[CategorySmall]| {
        let place = ArticlePlace {
            slug: refers.slug,
            id: refers.id,
            locale: refers.locale,
            category_path: categories.first().map(|category| category.path.as_str()),
            published_at: refers.published_at,
        };
        site::article_url(settings, public_url, &place)
    };
    let joined = articles.iter().map(|refers| {
        let categories: Vec<_> = pick(refers.category_ids, &categories);
        let translations = translations.get(refers.group).into_iter().flatten();
        let translations = translations.filter(|other| other.locale != refers.locale).map(|other| {
            let place = ArticlePlace {
                slug: &other.slug,
                id: other.id,
                locale: &other.locale,
                category_path: categories.first().map(|category| category.path.as_str()),
                published_at: other.published_at,
            };
            let url = site::article_url(settings, public_url, &place);
            (other.locale.clone(), Translation { slug: other.slug.clone(), url })
        });
        Joined {
            url: url(refers, &categories),
            translations: translations.collect(),
            bylines: pick(refers.byline_ids, &bylines),
            tags: pick(refers.tag_ids, &tags),
            primary_category: categories.first().cloned(),
            categories,
        }
    });
    Ok(joined.collect())
}

/// Those of `ids` that exist, in their order.
fn pick<I: std::hash::Hash + Eq, T: Clone>(ids: &[I], known: &HashMap<I, T>) -> Vec<T> {
    ids.iter().filter_map(|id| known.get(id).cloned()).collect()
}

fn texts<'a, I: ToString + 'a>(ids: impl Iterator<Item = &'a I>) -> Vec<String> {
    let mut ids: Vec<String> = ids.map(ToString::to_string).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn categories_of(conn: &mut Conn, articles: &[Refers<'_>]) -> Result<HashMap<CategoryId, CategorySmall>> {
    let ids = texts(articles.iter().flat_map(|article| article.category_ids));
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(String, String, String, String)> = categories::table
        .filter(categories::id.eq_any(ids))
        .select((categories::id, categories::slug, categories::path, categories::name))
        .load(conn)?;
    let small = |(id, slug, path, name): (String, String, String, String)| {
        let id: CategoryId = id.parse()?;
        Ok((id, CategorySmall { id, slug, path, name }))
    };
    rows.into_iter().map(small).collect()
}

fn bylines_of(conn: &mut Conn, articles: &[Refers<'_>]) -> Result<HashMap<BylineId, BylineSmall>> {
    let ids = texts(articles.iter().flat_map(|article| article.byline_ids));
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(String, String, String, Option<String>)> = bylines::table
        .filter(bylines::id.eq_any(ids))
        .select((bylines::id, bylines::slug, bylines::name, bylines::avatar_url))
        .load(conn)?;
    let small = |(id, slug, name, avatar_url): (String, String, String, Option<String>)| {
        let id: BylineId = id.parse()?;
        Ok((id, BylineSmall { id, slug, name, avatar_url }))
    };
    rows.into_iter().map(small).collect()
}

fn tags_of(conn: &mut Conn, articles: &[Refers<'_>]) -> Result<HashMap<TagId, TagSmall>> {
    let ids = texts(articles.iter().flat_map(|article| article.tag_ids));
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(String, String, String)> =
        tags::table.filter(tags::id.eq_any(ids)).select((tags::id, tags::slug, tags::name)).load(conn)?;
    let small = |(id, slug, name): (String, String, String)| {
        let id: TagId = id.parse()?;
        Ok((id, TagSmall { id, slug, name }))
    };
    rows.into_iter().map(small).collect()
}

struct Other {
    id: ArticleId,
    locale: String,
    slug: String,
    published_at: Timestamp,
}

/// The public articles of each group.
fn translations_of(conn: &mut Conn, articles: &[Refers<'_>], now: Timestamp) -> Result<BTreeMap<String, Vec<Other>>> {
    let groups: Vec<&str> = articles.iter().map(|article| article.group).collect();
    let rows: Vec<(String, String, String, String, i64)> = published::table
        .filter(published::group_id.eq_any(groups))
        .filter(published::visible_from.le(now.micros()))
        .filter(published::visible_until.gt(now.micros()))
        .select((
            published::group_id,
            published::article_id,
            published::locale,
            published::slug,
            published::published_at,
        ))
        .load(conn)?;
    let mut groups: BTreeMap<String, Vec<Other>> = BTreeMap::new();
    for (group, id, locale, slug, at) in rows {
        let other = Other { id: id.parse()?, locale, slug, published_at: Timestamp::from_micros(at) };
        groups.entry(group).or_default().push(other);
    }
    Ok(groups)
}
