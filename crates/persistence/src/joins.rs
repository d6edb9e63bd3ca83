//! What is joined to articles when an answer is built: small forms of what they refer to, translations, addresses.

use std::collections::{BTreeMap, HashMap};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, SmallInt, Text};
use domain::articles::Kind;
use domain::ids::{ArticleId, BylineId, CategoryId, TagId};
use domain::published::{BylineSmall, CategorySmall, Joined, TagSmall, Translation};
use domain::site::{self, ArticlePlace, Settings};
use domain::{Result, Timestamp};
use url::Url;

use crate::Conn;
use crate::fragments::{Both, one_of};
use crate::pages::Tree;
use crate::schema::{bylines, categories, published_articles as published, tags};

/// What an article is joined by.
pub(crate) struct Refers<'a> {
    pub(crate) id: ArticleId,
    pub(crate) kind: Kind,
    /// Of a page: the one it stands under, whether or not readers see that.
    pub(crate) parent: Option<ArticleId>,
    pub(crate) group: &'a str,
    pub(crate) locale: &'a str,
    pub(crate) slug: &'a str,
    pub(crate) published_at: Timestamp,
    pub(crate) byline_ids: &'a [BylineId],
    pub(crate) category_ids: &'a [CategoryId],
    pub(crate) tag_ids: &'a [TagId],
}

/// Joins a page of articles, in one query whatever their number. What no longer exists is left out, and
/// so are internal tags, unless they are asked for.
pub(crate) fn join(
    conn: &mut Conn,
    settings: &Settings,
    public_url: &Url,
    articles: &[Refers<'_>],
    with_internal: bool,
    now: Timestamp,
) -> Result<Vec<Joined>> {
    let Known { categories, bylines, tags, translations } = known(conn, articles, with_internal, now)?;
    let pages = pages(conn, articles, &translations, now)?;
    let parent = |refers: &Refers<'_>| refers.parent.map(|id| id.to_string()).filter(|id| pages.holds(id));
    let url = |refers: &Refers<'_>, categories: &[CategorySmall]| {
        let path = (refers.kind == Kind::Page).then(|| pages.path_under(parent(refers).as_deref(), refers.slug));
        let place = ArticlePlace {
            slug: refers.slug,
            id: refers.id,
            locale: refers.locale,
            category_path: categories.first().map(|category| category.path.as_str()),
            published_at: refers.published_at,
            page_path: path.as_deref(),
        };
        site::article_url(settings, public_url, &place)
    };
    let joined = articles.iter().map(|refers| {
        let categories: Vec<_> = pick(refers.category_ids, &categories);
        let translations = translations.get(refers.group).into_iter().flatten();
        let translations = translations.filter(|other| other.locale != refers.locale).map(|other| {
            let path = (refers.kind == Kind::Page).then(|| pages.path(&other.id.to_string())).flatten();
            let place = ArticlePlace {
                slug: &other.slug,
                id: other.id,
                locale: &other.locale,
                category_path: categories.first().map(|category| category.path.as_str()),
                published_at: other.published_at,
                page_path: path.as_deref(),
            };
            let url = site::article_url(settings, public_url, &place);
            (other.locale.clone(), Translation { slug: other.slug.clone(), url })
        });
        Joined {
            parent_id: refers.parent.filter(|id| pages.holds(&id.to_string())),
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

/// What pages, and their translations, stand under; nothing is asked if there are none.
fn pages(
    conn: &mut Conn,
    articles: &[Refers<'_>],
    translations: &BTreeMap<String, Vec<Other>>,
    now: Timestamp,
) -> Result<Tree> {
    let pages = articles.iter().filter(|refers| refers.kind == Kind::Page);
    let ids = pages.flat_map(|refers| {
        let others = translations.get(refers.group).into_iter().flatten().filter(|other| other.locale != refers.locale);
        refers.parent.into_iter().chain(others.map(|other| other.id)).map(|id| id.to_string())
    });
    Tree::above(conn, ids.collect(), now)
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

struct Other {
    id: ArticleId,
    locale: String,
    slug: String,
    published_at: Timestamp,
}

/// Everything that a page of articles refers to.
#[derive(Default)]
struct Known {
    categories: HashMap<CategoryId, CategorySmall>,
    bylines: HashMap<BylineId, BylineSmall>,
    tags: HashMap<TagId, TagSmall>,
    /// The public articles of each group.
    translations: BTreeMap<String, Vec<Other>>,
}

const CATEGORY: i16 = 0;
const BYLINE: i16 = 1;
const TAG: i16 = 2;
const TRANSLATION: i16 = 3;

/// A row of any kind: which, identity (of a translation: its group), slug, name (of a translation: its identity), and
/// what only some have: a path, an avatar or a locale, and a time.
type Row = (i16, String, String, String, Option<String>, i64);

fn known(conn: &mut Conn, articles: &[Refers<'_>], with_internal: bool, now: Timestamp) -> Result<Known> {
    let (no_text, no_time) = (None::<String>.into_sql::<Nullable<Text>>(), 0_i64.into_sql::<BigInt>());
    let kind = |kind: i16| kind.into_sql::<SmallInt>();
    let ids = texts(articles.iter().flat_map(|article| article.category_ids));
    let of_categories = categories::table.filter(one_of(categories::id, ids)).select((
        kind(CATEGORY),
        categories::id,
        categories::slug,
        categories::name,
        categories::path.nullable(),
        no_time,
    ));
    let ids = texts(articles.iter().flat_map(|article| article.byline_ids));
    let of_bylines = bylines::table.filter(one_of(bylines::id, ids)).select((
        kind(BYLINE),
        bylines::id,
        bylines::slug,
        bylines::name,
        bylines::avatar_url,
        no_time,
    ));
    let ids = texts(articles.iter().flat_map(|article| article.tag_ids));
    let of_tags = tags::table.filter(one_of(tags::id, ids)).filter(tags::internal.le(with_internal)).select((
        kind(TAG),
        tags::id,
        tags::slug,
        tags::name,
        no_text,
        no_time,
    ));
    let groups = texts(articles.iter().map(|article| &article.group));
    let of_groups = published::table
        .filter(one_of(published::group_id, groups))
        .filter(published::visible_from.le(now.micros()))
        .filter(published::visible_until.gt(now.micros()))
        .select((
            kind(TRANSLATION),
            published::group_id,
            published::slug,
            published::article_id,
            published::locale.nullable(),
            published::published_at,
        ));
    let rows: Vec<Row> = Both(Both(of_categories, of_bylines), Both(of_tags, of_groups)).load(conn)?;
    let mut known = Known::default();
    for (kind, id, slug, name, more, at) in rows {
        match kind {
            CATEGORY => {
                let id: CategoryId = id.parse()?;
                known.categories.insert(id, CategorySmall { id, slug, path: more.unwrap_or_default(), name });
            }
            BYLINE => {
                let id: BylineId = id.parse()?;
                known.bylines.insert(id, BylineSmall { id, slug, name, avatar_url: more });
            }
            TAG => {
                let id: TagId = id.parse()?;
                known.tags.insert(id, TagSmall { id, slug, name });
            }
            _ => known.translations.entry(id).or_default().push(Other {
                id: name.parse()?,
                locale: more.unwrap_or_default(),
                slug,
                published_at: Timestamp::from_micros(at),
            }),
        }
    }
    Ok(known)
}
