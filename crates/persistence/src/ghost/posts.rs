//! Articles and pages, as Ghost lists them.

mod conditions;

use std::collections::{HashMap, HashSet};
use std::ops::Bound;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Text;
use domain::articles::Kind;
use domain::published::PublishedArticle;
use domain::site::Settings;
use domain::{Result, Timestamp};

use super::filter::{Filter, Relation, TermField, Test, What};
use crate::changes::Window;
use crate::db::MultiBackend;
use crate::fragments::{one_of, unindexed};
use crate::published::{self, Range, View};
use crate::schema::{published_articles, published_in, tags as tag_rows};
use crate::wordpress::Slice;
use crate::{Conn, ghost_ids};
use conditions::{Names, Resolved, column, compile};

/// A member of a post that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostField {
    /// Its identity in Ghost's API.
    Id,
    /// Its identity here.
    Uuid,
    /// Its slug.
    Slug,
    /// Its title.
    Title,
    /// Whether it is set apart: `true` or `false`.
    Featured,
    /// Who may read all of it.
    Visibility,
    /// When it was first published.
    PublishedAt,
    /// When what is shown was published.
    UpdatedAt,
    /// The address of the picture above it.
    FeatureImage,
    /// What search engines are told instead of the title.
    MetaTitle,
    /// What search engines are told instead of the excerpt.
    MetaDescription,
    /// Where the original stands.
    CanonicalUrl,
}

/// What is asked of a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostCondition {
    /// Of a member of its own.
    Own(PostField, Test),
    /// Of any of its tags.
    Tags(TermField, Test),
    /// Of the first of them that readers see.
    PrimaryTag(TermField, Test),
    /// Of any of its authors.
    Authors(TermField, Test),
    /// Of the first of them.
    PrimaryAuthor(TermField, Test),
}

/// In which order posts are listed; what stands alike, by identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostOrder {
    /// By members; whether each descends.
    By(Vec<(PostField, bool)>),
    /// As these slugs stand.
    Slugs(Vec<String>),
}

/// Which posts to list.
#[derive(Debug, Clone)]
pub struct PostQuery {
    /// Articles or pages.
    pub kind: Kind,
    /// In every locale, rather than in the site's own.
    pub any_locale: bool,
    /// Which of them.
    pub filter: Filter<PostCondition>,
    /// In which order.
    pub order: PostOrder,
    /// Whole, rather than as lists have them.
    pub with_body: bool,
}

/// A page of posts.
#[derive(Debug, Default)]
pub struct Posts {
    /// What is on it.
    pub articles: Vec<PublishedArticle>,
    /// Their identities in Ghost's API.
    pub ghost_ids: HashMap<String, String>,
    /// Those of them that take comments.
    pub open: HashSet<String>,
    /// The internal tags that they have.
    pub internal: HashMap<String, Vec<String>>,
    /// How many there are in all.
    pub total: i64,
    /// The part of all posts that decides what is on it; none if nothing can be, as long as nothing has another name.
    pub window: Option<Window>,
}

type Select<'a> = diesel::helper_types::IntoBoxed<'a, published_articles::table, MultiBackend>;

/// A page of posts.
pub fn posts(conn: &mut Conn, view: &View, settings: &Settings, query: &PostQuery, slice: Slice) -> Result<Posts> {
    let filter = Names::default().resolve(conn, &query.filter)?;
    let locale = (!query.any_locale).then(|| settings.locale.clone());
    let (ids, total) = match range(query, &filter, locale.clone()) {
        Some(range) => range.page(conn, view, slice)?,
        None => fitting(conn, query, &filter, locale.as_deref(), view.now, slice)?,
    };
    let mut posts = Posts { total, ..Posts::default() };
    if !ids.is_empty() {
        posts.articles = published::in_order(conn, view, &ids, query.with_body)?;
        posts.ghost_ids = ghost_ids::of_all(conn, ghost_ids::Kind::Article, ids.clone())?;
        posts.open = published::open_among(conn, &ids)?;
        posts.internal = internal_tags(conn, ids, view.now)?;
    }
    posts.window = window(query, &filter, settings, &posts.articles);
    Ok(posts)
}

/// The one range of an index that holds what is asked for, in its order; if it is one.
fn range(query: &PostQuery, filter: &Filter<Resolved>, locale: Option<String>) -> Option<Range> {
    let PostOrder::By(rules) = &query.order else { return None };
    let [(PostField::PublishedAt, descends)] = rules[..] else { return None };
    let (after, before, excluded) = (None, None, Vec::new());
    let mut range = Range { kind: query.kind, locale, scope: None, after, before, excluded, oldest_first: !descends };
    for needed in filter.needed() {
        match needed {
            Filter::Is(Resolved::Under { scopes, not: false }) if scopes.len() == 1 && range.scope.is_none() => {
                range.scope = scopes.first().cloned();
            }
            Filter::Is(Resolved::Own(PostField::Uuid, Test { not: true, what: What::OneOf(ids) })) => {
                range.excluded.extend(ids.iter().cloned());
            }
            Filter::Is(Resolved::Own(PostField::PublishedAt, Test { not: false, what: What::Time(relation, at) })) => {
                let beside = |micros: i64| Timestamp::from_micros(at.micros().saturating_add(micros));
                let (after, before) = match relation {
                    Relation::After => (Some(*at), None),
                    Relation::From => (Some(beside(-1)), None),
                    Relation::Before => (None, Some(*at)),
                    Relation::Until => (None, Some(beside(1))),
                    Relation::At => (Some(beside(-1)), Some(beside(1))),
                };
                range.after = range.after.max(after);
                range.before = [range.before, before].into_iter().flatten().min();
            }
            _ => return None,
        }
    }
    Some(range)
}

/// The identities of a page of what fits, and how many there are in all.
fn fitting(
    conn: &mut Conn,
    query: &PostQuery,
    filter: &Filter<Resolved>,
    locale: Option<&str>,
    now: Timestamp,
    slice: Slice,
) -> Result<(Vec<String>, i64)> {
    use published_articles::{kind, visible_from, visible_until};
    let few = filter.needed().into_iter().any(is_led_to) || matches!(query.order, PostOrder::Slugs(_));
    let select = |conn: &Conn| -> Select<'_> {
        let mut select = published_articles::table.into_boxed();
        select = if few {
            select.filter(unindexed!(kind).eq(query.kind.as_str()))
        } else {
            select.filter(kind.eq(query.kind.as_str()))
        };
        if let Some(locale) = locale {
            select = select.filter(published_articles::locale.eq(locale.to_owned()));
        }
        select
            .filter(visible_from.le(now.micros()))
            .filter(visible_until.gt(now.micros()))
            .filter(compile(conn, filter))
    };
    if few {
        // There is not much of it: that is put into order once, and counted here.
        let ids = in_order(conn, query, select(conn))?;
        let (total, skip, take) =
            (i64::try_from(ids.len())?, usize::try_from(slice.offset)?, usize::try_from(slice.limit)?);
        return Ok((ids.into_iter().skip(skip).take(take).collect(), total));
    }
    let total: i64 = select(conn).count().get_result(conn)?;
    if total <= slice.offset {
        return Ok((Vec::new(), total));
    }
    let page = select(conn).limit(slice.limit).offset(slice.offset);
    Ok((in_order(conn, query, page)?, total))
}

/// Whether an index leads to what meets a condition, however much else there is.
fn is_led_to(filter: &Filter<Resolved>) -> bool {
    match filter {
        Filter::Is(Resolved::Own(field, Test { not: false, what: What::OneOf(_) })) => {
            matches!(field, PostField::Uuid | PostField::Slug)
        }
        Filter::Is(Resolved::Under { not, .. } | Resolved::First { not, .. }) => !not,
        _ => false,
    }
}

/// The identities of posts in the order that is asked for.
fn in_order(conn: &mut Conn, query: &PostQuery, select: Select<'_>) -> Result<Vec<String>> {
    use published_articles::article_id;
    match &query.order {
        PostOrder::By(rules) => {
            let rule = |(field, descends): &(PostField, bool)| {
                let column = column(conn, *field);
                let column = if *field == PostField::Title { format!("lower({column})") } else { column };
                format!("{column} {}", if *descends { "DESC" } else { "ASC" })
            };
            let last = rules.last().is_some_and(|(_, descends)| *descends);
            let rules = rules.iter().chain([&(PostField::Uuid, last)]).map(rule).collect::<Vec<_>>().join(", ");
            Ok(select.order(sql::<Text>(&rules)).select(article_id).load(conn)?)
        }
        PostOrder::Slugs(slugs) => {
            let mut rows: Vec<(String, String)> = select.select((published_articles::slug, article_id)).load(conn)?;
            rows.sort_by_cached_key(|(own, id)| (slugs.iter().position(|slug| slug == own), id.clone()));
            Ok(rows.into_iter().map(|(_, id)| id).collect())
        }
    }
}

/// The internal tags of each of these articles.
fn internal_tags(conn: &mut Conn, ids: Vec<String>, now: Timestamp) -> Result<HashMap<String, Vec<String>>> {
    let rows: Vec<(String, String)> = published_in::table
        .inner_join(tag_rows::table.on(tag_rows::id.eq(published_in::scope_id)))
        .filter(unindexed!(published_in::scope).eq("tag"))
        .filter(one_of(published_in::article_id, ids))
        .filter(published_in::visible_from.le(now.micros()))
        .filter(published_in::visible_until.gt(now.micros()))
        .filter(tag_rows::internal)
        .order(tag_rows::name)
        .select((published_in::article_id, tag_rows::id))
        .load(conn)?;
    let mut tags: HashMap<String, Vec<String>> = HashMap::new();
    for (article, tag) in rows {
        tags.entry(article).or_default().push(tag);
    }
    Ok(tags)
}

/// The window through which a page looks: at what stands under all that it must stand under. If nothing that may be
/// another with the next publication decides, and the order is that of time, from its first post to its last.
fn window(
    query: &PostQuery,
    filter: &Filter<Resolved>,
    settings: &Settings,
    articles: &[PublishedArticle],
) -> Option<Window> {
    let mut scopes = Vec::new();
    let mut fixed = matches!(&query.order, PostOrder::By(rules) if matches!(rules[..], [(PostField::PublishedAt, _)]));
    for needed in filter.needed() {
        match needed {
            Filter::Is(Resolved::Under { scopes: any, not: false }) if any.is_empty() => return None,
            Filter::Is(Resolved::Under { scopes: any, not: false }) if any.len() == 1 => {
                scopes.extend(any.iter().map(|(scope, id)| format!("{scope}:{id}")));
            }
            Filter::Is(Resolved::Own(PostField::PublishedAt | PostField::Uuid, _)) => {}
            _ => fixed = false,
        }
    }
    if scopes.is_empty() {
        scopes.push("all".to_owned());
    }
    let position = |article: &PublishedArticle| (article.summary.published_at.micros(), article.summary.id);
    // What comes or goes before them moves them: that is seen by the count.
    let seen = match (articles.first().map(position), articles.last().map(position)) {
        (Some(first), Some(last)) if fixed => (Bound::Included(first.min(last)), Bound::Included(first.max(last))),
        _ => (Bound::Unbounded, Bound::Unbounded),
    };
    let locale = (!query.any_locale).then(|| settings.locale.clone());
    Some(Window { scopes, locale, seen, counted: true, ..Window::whole(query.kind) })
}
