//! Which posts fit, and in which order: in one range of an index if that holds them; else from what few of them are
//! named by; else from all.

use diesel::dsl::{not, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use domain::articles::Kind;
use domain::site::Settings;
use domain::{Result, Timestamp};

use super::{PostOrder, PostQuery, Relation, TermFilter};
use crate::db::MultiBackend;
use crate::fragments::{one_of, unindexed};
use crate::published::{Condition, Range, View, any_of, listed_under, under};
use crate::schema::published_articles;
use crate::wordpress::{Slice, ids, named};
use crate::wordpress_ids::Numbered;
use crate::{Conn, search};

type Select<'a> = diesel::helper_types::IntoBoxed<'a, published_articles::table, MultiBackend>;

/// What posts stand under: a scope of `published_in`, and an identity.
type Scope = (&'static str, String);

/// The number of a post.
const NUMBER: &str =
    "(SELECT number FROM wordpress_ids WHERE resource = 'article' AND id = published_articles.article_id)";

/// Filters with everything looked up that they name.
pub(super) struct Filters<'a> {
    query: &'a PostQuery,
    locale: Option<&'a str>,
    included: Option<Vec<String>>,
    excluded: Vec<String>,
    /// Groups of things, of which each must hold (or any, if they are related so): scopes that all, or any, apply.
    terms: Vec<(Vec<Scope>, bool)>,
    without: Vec<Scope>,
    authors: Option<Vec<Scope>>,
    parents: Option<(Vec<String>, bool)>,
    parents_excluded: Vec<String>,
    words: Option<search::Words>,
}

impl<'a> Filters<'a> {
    /// `None` if nothing can fit, since what is named is unknown.
    pub(super) fn read(conn: &mut Conn, settings: &'a Settings, query: &'a PostQuery) -> Result<Option<Self>> {
        let included = match &query.include {
            Some(numbers) => {
                // In the order in which they were named.
                let named = named(conn, Numbered::Article, numbers)?;
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
        without.extend(bylines(conn, &query.authors_exclude)?);
        let authors = query.authors.as_ref().map(|authors| bylines(conn, authors)).transpose()?;
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
            query,
            locale: Some(settings.locale.as_str()).filter(|_| !query.any_locale),
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

    /// The identities of a page of posts, and how many there are in all.
    pub(super) fn page(&self, conn: &mut Conn, view: &View, slice: Slice) -> Result<(Vec<String>, i64)> {
        use published_articles::{article_id, published_at, slug, updated_at};
        if let Some(range) = self.range() {
            return range.page(conn, view, slice);
        }
        let in_column = !matches!(self.query.order, PostOrder::Title | PostOrder::Include | PostOrder::IncludeSlugs);
        if self.names_some() || !in_column {
            return self.sorted(conn, view.now, slice);
        }
        let total: i64 = self.select(conn, view.now).count().get_result(conn)?;
        if total <= slice.offset {
            return Ok((Vec::new(), total));
        }
        let page = self.select(conn, view.now).limit(slice.limit).offset(slice.offset).select(article_id);
        macro_rules! by {
            ($column:expr) => {
                if self.query.ascending {
                    page.order(($column.asc(), article_id.asc())).load(conn)?
                } else {
                    page.order(($column.desc(), article_id.desc())).load(conn)?
                }
            };
        }
        let ids = match self.query.order {
            PostOrder::Modified => by!(updated_at),
            PostOrder::Slug => by!(slug),
            PostOrder::Number => by!(sql::<BigInt>(NUMBER)),
            _ => by!(published_at),
        };
        Ok((ids, total))
    }

    fn kind(&self) -> Kind {
        if self.query.pages { Kind::Page } else { Kind::Article }
    }

    /// The one range of an index that holds what is asked for, in its order; if it is one.
    fn range(&self) -> Option<Range> {
        // Everything but what a range knows of.
        let plain = PostQuery {
            any_locale: self.query.any_locale,
            pages: self.query.pages,
            after: self.query.after,
            before: self.query.before,
            exclude: self.query.exclude.clone(),
            authors: self.query.authors.clone(),
            categories: self.query.categories.clone(),
            tags: self.query.tags.clone(),
            relation: self.query.relation,
            order: PostOrder::Date,
            ascending: self.query.ascending,
            ..PostQuery::default()
        };
        let mut scopes = self.terms.iter().flat_map(|(scopes, _)| scopes).chain(self.authors.iter().flatten());
        let scope = scopes.next().cloned();
        (*self.query == plain && scopes.next().is_none()).then(|| Range {
            kind: self.kind(),
            locale: self.locale.map(str::to_owned),
            scope,
            after: self.query.after,
            before: self.query.before,
            excluded: self.excluded.clone(),
            oldest_first: self.query.ascending,
        })
    }

    /// What every post must stand under, if there is any such thing: of several the one that likely has the fewest.
    fn needed(&self) -> Option<&[Scope]> {
        let together = self.query.relation == Relation::And || self.terms.len() == 1;
        match self.terms.last().filter(|_| together) {
            Some((scopes, true)) => scopes.get(..1),
            Some((scopes, false)) => Some(scopes),
            None => self.authors.as_deref(),
        }
    }

    /// Whether an index leads to what is named, however much else there is.
    fn names_some(&self) -> bool {
        let below = self.parents.as_ref().is_some_and(|(_, at_root)| !at_root);
        self.included.is_some()
            || self.query.slugs.is_some()
            || self.words.is_some()
            || below
            || self.needed().is_some()
    }

    /// A page of all that fits, put into order here: of what is named there is not much, and some orders are no column's.
    fn sorted(&self, conn: &mut Conn, now: Timestamp, slice: Slice) -> Result<(Vec<String>, i64)> {
        let mut keyed = self.keyed(conn, now)?;
        let total = i64::try_from(keyed.len())?;
        keyed.sort_unstable();
        if !self.query.ascending && !matches!(self.query.order, PostOrder::Include | PostOrder::IncludeSlugs) {
            keyed.reverse();
        }
        let (skip, take) = (usize::try_from(slice.offset)?, usize::try_from(slice.limit)?);
        Ok((keyed.into_iter().skip(skip).take(take).map(|(_, _, id)| id).collect(), total))
    }

    /// All that fits, with what it is sorted by: a number, a text, the identity.
    fn keyed(&self, conn: &mut Conn, now: Timestamp) -> Result<Vec<(i64, String, String)>> {
        use published_articles::{article_id, published_at, slug, summary, updated_at};
        #[derive(serde::Deserialize)]
        struct Title {
            title: String,
        }
        let place = |list: &[String], wanted: &str| {
            list.iter().position(|one| one == wanted).and_then(|place| i64::try_from(place).ok()).unwrap_or(i64::MAX)
        };
        let by_number = |rows: Vec<(i64, String)>| rows.into_iter().map(|(at, id)| (at, String::new(), id)).collect();
        let rows = self.select(conn, now);
        Ok(match self.query.order {
            PostOrder::Date => by_number(rows.select((published_at, article_id)).load(conn)?),
            PostOrder::Modified => by_number(rows.select((updated_at, article_id)).load(conn)?),
            PostOrder::Number => by_number(rows.select((sql::<BigInt>(NUMBER), article_id)).load(conn)?),
            PostOrder::Slug => {
                let rows: Vec<(String, String)> = rows.select((slug, article_id)).load(conn)?;
                rows.into_iter().map(|(own, id)| (0, own, id)).collect()
            }
            PostOrder::IncludeSlugs => {
                let rows: Vec<(String, String)> = rows.select((slug, article_id)).load(conn)?;
                let named = self.query.slugs.as_deref().unwrap_or_default();
                rows.into_iter().map(|(own, id)| (place(named, &own), String::new(), id)).collect()
            }
            PostOrder::Include => {
                let rows: Vec<String> = rows.select(article_id).load(conn)?;
                let named = self.included.as_deref().unwrap_or_default();
                rows.into_iter().map(|id| (place(named, &id), String::new(), id)).collect()
            }
            PostOrder::Title => {
                let rows: Vec<(String, String)> = rows.select((summary, article_id)).load(conn)?;
                let key = |(stored, id): (String, String)| {
                    let Title { title } = serde_json::from_str(&stored)?;
                    Ok((0, title.to_lowercase(), id))
                };
                rows.into_iter().map(key).collect::<Result<_>>()?
            }
        })
    }

    fn select(&self, conn: &Conn, now: Timestamp) -> Select<'a> {
        use published_articles::{article_id, kind, locale, parent_id, published_at, slug, updated_at};
        let (query, now) = (self.query, now.micros());
        let mut select = published_articles::table.into_boxed();
        select = if self.names_some() {
            select.filter(unindexed!(kind).eq(self.kind().as_str()))
        } else {
            select.filter(kind.eq(self.kind().as_str()))
        };
        if let Some(own) = self.locale {
            select = select.filter(locale.eq(own));
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
            select = select.filter(one_of(article_id, included.clone()));
        }
        if !self.excluded.is_empty() {
            select = select.filter(article_id.ne_all(self.excluded.clone()));
        }
        if let Some(slugs) = &query.slugs {
            select = select.filter(one_of(slug, slugs.clone()));
        }
        if let Some(featured) = query.featured {
            // It stands in the document alone.
            let mark = sql::<Bool>("summary LIKE '%\"featured\":true%'");
            select = if featured { select.filter(mark) } else { select.filter(not(mark)) };
        }
        if let Some(needed) = self.needed() {
            select = select.filter(listed_under(needed));
        }
        if let Some(authors) = &self.authors {
            select = select.filter(any_of(authors));
        }
        for scope in &self.without {
            select = select.filter(not(under(scope)));
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
            let holds = sql::<Bool>(before).bind::<Text, _>(text.to_owned()).sql(after);
            select = select.filter(holds);
        }
        select
    }
}

/// The scopes of what a filter names.
fn scopes(conn: &mut Conn, filter: &TermFilter, sort: Numbered) -> Result<Vec<Scope>> {
    let scope = match sort {
        Numbered::Tag => "tag",
        _ if filter.include_children => "subtree",
        _ => "category",
    };
    Ok(ids(conn, sort, &filter.terms)?.into_iter().map(|id| (scope, id)).collect())
}

/// The scopes of bylines.
fn bylines(conn: &mut Conn, numbers: &[i64]) -> Result<Vec<Scope>> {
    Ok(ids(conn, Numbered::Byline, numbers)?.into_iter().map(|id| ("byline", id)).collect())
}

/// Whether it stands under all of these.
fn all_of(scopes: &[Scope]) -> Condition {
    scopes
        .iter()
        .map(under)
        .reduce(|one, other| Box::new(one.and(other)) as Condition)
        .unwrap_or_else(|| any_of(scopes))
}
