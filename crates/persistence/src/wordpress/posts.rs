//! Articles and pages, as WordPress lists them.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use domain::articles::Kind;
use domain::published::PublishedArticle;
use domain::site::Settings;
use domain::{Result, Timestamp};

use super::{Slice, ids};
use crate::db::MultiBackend;
use crate::published::{self, Condition, View, any_of, under};
use crate::schema::published_articles;
use crate::wordpress_ids::Numbered;
use crate::{Conn, search};

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

type Select<'a> = diesel::helper_types::IntoBoxed<'a, published_articles::table, MultiBackend>;

/// A page of posts in the site's own locale, whole.
pub fn posts(conn: &mut Conn, view: &View, settings: &Settings, query: &PostQuery, slice: Slice) -> Result<Posts> {
    let Some(filters) = Filters::read(conn, settings, query)? else { return Ok(Posts::default()) };
    let select = |conn: &Conn| filters.select(conn, settings, query, view.now);
    let total: i64 = select(conn).count().get_result(conn)?;
    if total <= slice.offset {
        return Ok(Posts { total, ..Posts::default() });
    }
    let ids = in_order(conn, &filters, query, &select, slice)?;
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

/// A page of posts, without all that a search does not show.
pub fn post_titles(
    conn: &mut Conn,
    view: &View,
    settings: &Settings,
    query: &PostQuery,
    slice: Slice,
) -> Result<Vec<Titled>> {
    let Some(filters) = Filters::read(conn, settings, query)? else { return Ok(Vec::new()) };
    let select = |conn: &Conn| filters.select(conn, settings, query, view.now);
    let ids = in_order(conn, &filters, query, &select, slice)?;
    let numbers = super::numbers_of(conn, ids.clone())?;
    let mut found = published::addresses(conn, view, &ids)?;
    let titled = |id: &String| {
        let (url, title) = found.remove(id)?;
        Some(Titled { number: numbers.get(id).copied()?, title, url })
    };
    Ok(ids.iter().filter_map(titled).collect())
}

fn in_order<'a>(
    conn: &mut Conn,
    filters: &Filters,
    query: &PostQuery,
    select: &impl Fn(&Conn) -> Select<'a>,
    slice: Slice,
) -> Result<Vec<String>> {
    use published_articles::{article_id, published_at, slug, summary, updated_at};
    let page = select(conn).limit(slice.limit).offset(slice.offset);
    macro_rules! by {
        ($column:expr) => {
            if query.ascending {
                page.order(($column.asc(), article_id.asc())).select(article_id).load(conn)?
            } else {
                page.order(($column.desc(), article_id.desc())).select(article_id).load(conn)?
            }
        };
    }
    Ok(match query.order {
        PostOrder::Date => by!(published_at),
        PostOrder::Modified => by!(updated_at),
        PostOrder::Slug => by!(slug),
        PostOrder::Title | PostOrder::Number | PostOrder::Include | PostOrder::IncludeSlugs => {
            // These orders are no column's: what fits is put into order here.
            let rows: Vec<(String, String, String)> = select(conn).select((article_id, slug, summary)).load(conn)?;
            let mut keyed = keyed(conn, filters, query, rows)?;
            keyed.sort();
            if !query.ascending && matches!(query.order, PostOrder::Title | PostOrder::Number) {
                keyed.reverse();
            }
            let skip = usize::try_from(slice.offset)?;
            keyed.into_iter().skip(skip).take(usize::try_from(slice.limit)?).map(|(_, _, id)| id).collect()
        }
    })
}

/// Rows with what they are sorted by: a number, a text, the identity.
fn keyed(
    conn: &mut Conn,
    filters: &Filters,
    query: &PostQuery,
    rows: Vec<(String, String, String)>,
) -> Result<Vec<(i64, String, String)>> {
    #[derive(serde::Deserialize)]
    struct Title {
        title: String,
    }
    let place = |list: &[String], wanted: &str| {
        list.iter().position(|one| one == wanted).and_then(|place| i64::try_from(place).ok()).unwrap_or(i64::MAX)
    };
    match query.order {
        PostOrder::Title => {
            let key = |(id, _, summary): (String, String, String)| {
                let Title { title } = serde_json::from_str(&summary)?;
                Ok((0, title.to_lowercase(), id))
            };
            rows.into_iter().map(key).collect()
        }
        PostOrder::IncludeSlugs => {
            let slugs = query.slugs.clone().unwrap_or_default();
            Ok(rows.into_iter().map(|(id, slug, _)| (place(&slugs, &slug), String::new(), id)).collect())
        }
        PostOrder::Include => {
            let included = filters.included.clone().unwrap_or_default();
            Ok(rows.into_iter().map(|(id, _, _)| (place(&included, &id), String::new(), id)).collect())
        }
        _ => {
            let numbers = super::numbers_of(conn, rows.iter().map(|(id, _, _)| id.clone()).collect())?;
            let number = |id: &str| numbers.get(id).copied().unwrap_or(i64::MAX);
            Ok(rows.into_iter().map(|(id, _, _)| (number(&id), String::new(), id)).collect())
        }
    }
}

/// Filters with everything looked up that they name.
struct Filters {
    included: Option<Vec<String>>,
    excluded: Vec<String>,
    /// Groups of things, of which each must hold (or any, if they are related so): scopes that all, or any, apply.
    terms: Vec<(Vec<(&'static str, String)>, bool)>,
    without: Vec<(&'static str, String)>,
    authors: Option<Vec<String>>,
    parents: Option<(Vec<String>, bool)>,
    parents_excluded: Vec<String>,
    words: Option<search::Words>,
}

impl Filters {
    /// `None` if nothing can fit, since what is named is unknown.
    fn read(conn: &mut Conn, settings: &Settings, query: &PostQuery) -> Result<Option<Self>> {
        let included = match &query.include {
            Some(numbers) => {
                // In the order in which they were named.
                let named = super::named(conn, Numbered::Article, numbers)?;
                Some(numbers.iter().filter_map(|number| named.get(number).map(|(_, id)| id.clone())).collect())
            }
            None => None,
        };
        let mut terms = Vec::new();
        let filters = [(&query.categories, Numbered::Category), (&query.tags, Numbered::Tag)];
        for (filter, sort) in filters.into_iter().filter_map(|(filter, sort)| Some((filter.as_ref()?, sort))) {
            let found = scopes(conn, filter, sort)?;
            let missing = if filter.all { found.len() < filter.terms.len() } else { found.is_empty() };
            if missing && query.relation == Relation::And {
                return Ok(None);
            }
            if !missing {
                terms.push((found, filter.all));
            }
        }
        let asked = query.categories.is_some() || query.tags.is_some();
        if asked && terms.is_empty() {
            return Ok(None);
        }
        let mut without = scopes(conn, &query.categories_exclude, Numbered::Category)?;
        without.extend(scopes(conn, &query.tags_exclude, Numbered::Tag)?);
        let excluded_authors = ids(conn, Numbered::Byline, &query.authors_exclude)?;
        without.extend(excluded_authors.into_iter().map(|id| ("byline", id)));
        let authors = query.authors.as_ref().map(|authors| ids(conn, Numbered::Byline, authors)).transpose()?;
        if authors.as_ref().is_some_and(Vec::is_empty) {
            return Ok(None);
        }
        let parents = match &query.parents {
            Some(parents) => Some((ids(conn, Numbered::Article, parents)?, parents.contains(&0))),
            None => None,
        };
        let words = match &query.search {
            Some(text) => match search::words(conn, text, &[settings.locale.as_str()])? {
                None => return Ok(None),
                words => words,
            },
            None => None,
        };
        Ok(Some(Self {
            included,
            excluded: ids(conn, Numbered::Article, &query.exclude)?,
            terms,
            without,
            authors,
            parents,
            parents_excluded: ids(conn, Numbered::Article, &query.parents_exclude)?,
            words,
        }))
    }

    fn select<'a>(&self, conn: &Conn, settings: &Settings, query: &PostQuery, now: Timestamp) -> Select<'a> {
        use published_articles::{article_id, kind, locale, parent_id, published_at, slug, updated_at};
        let now = now.micros();
        let wanted = if query.pages { Kind::Page } else { Kind::Article };
        let mut select = published_articles::table.into_boxed();
        select = select.filter(kind.eq(wanted.as_str()));
        if !query.any_locale {
            select = select.filter(locale.eq(settings.locale.clone()));
        }
        select = select.filter(published_articles::visible_from.le(now));
        select = select.filter(published_articles::visible_until.gt(now));
        let bounds = [(&query.after, true), (&query.before, false)];
        for (at, after) in bounds.into_iter().filter_map(|(at, after)| Some(((*at)?.micros(), after))) {
            select = if after { select.filter(published_at.gt(at)) } else { select.filter(published_at.lt(at)) };
        }
        let bounds = [(&query.modified_after, true), (&query.modified_before, false)];
        for (at, after) in bounds.into_iter().filter_map(|(at, after)| Some(((*at)?.micros(), after))) {
            select = if after { select.filter(updated_at.gt(at)) } else { select.filter(updated_at.lt(at)) };
        }
        if let Some(included) = &self.included {
            select = select.filter(article_id.eq_any(included.clone()));
        }
        if !self.excluded.is_empty() {
            select = select.filter(article_id.ne_all(self.excluded.clone()));
        }
        if let Some(slugs) = &query.slugs {
            select = select.filter(slug.eq_any(slugs.clone()));
        }
        if let Some(featured) = query.featured {
            // It stands in the document alone.
            let mark = diesel::dsl::sql::<Bool>("summary LIKE '%\"featured\":true%'");
            select = if featured { select.filter(mark) } else { select.filter(diesel::dsl::not(mark)) };
        }
        if let Some(authors) = &self.authors {
            let under = authors.iter().map(|id| ("byline", id.clone())).collect::<Vec<_>>();
            select = select.filter(any_of(&under));
        }
        for scope in &self.without {
            select = select.filter(diesel::dsl::not(under(scope)));
        }
        let groups = self.terms.iter().map(|(scopes, all)| if *all { all_of(scopes) } else { any_of(scopes) });
        let together = groups.reduce(|one, other| match query.relation {
            Relation::And => Box::new(one.and(other)) as Condition,
            Relation::Or => Box::new(one.or(other)),
        });
        if let Some(together) = together {
            select = select.filter(together);
        }
        if let Some((parents, at_root)) = &self.parents {
            let under = parent_id.assume_not_null().eq_any(parents.clone());
            let under: Condition = if *at_root { Box::new(parent_id.is_null().or(under)) } else { Box::new(under) };
            select = select.filter(under);
        }
        if !self.parents_excluded.is_empty() {
            let others = parent_id.assume_not_null().ne_all(self.parents_excluded.clone());
            select = select.filter(parent_id.is_null().or(others));
        }
        if let Some(words) = &self.words {
            let (before, text, after) = search::condition(conn, words);
            let holds = diesel::dsl::sql::<Bool>(before).bind::<Text, _>(text.to_owned()).sql(after);
            select = select.filter(holds);
        }
        select
    }
}

/// The scopes of what a filter names.
fn scopes(conn: &mut Conn, filter: &TermFilter, sort: Numbered) -> Result<Vec<(&'static str, String)>> {
    let scope = match sort {
        Numbered::Tag => "tag",
        _ if filter.include_children => "subtree",
        _ => "category",
    };
    Ok(ids(conn, sort, &filter.terms)?.into_iter().map(|id| (scope, id)).collect())
}

/// Whether it stands under all of these.
fn all_of(scopes: &[(&'static str, String)]) -> Condition {
    scopes
        .iter()
        .map(under)
        .reduce(|one, other| Box::new(one.and(other)) as Condition)
        .unwrap_or_else(|| any_of(scopes))
}
