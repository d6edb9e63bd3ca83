//! What readers see of categories, tags and bylines alike: how many articles each has, and where an old name leads.

use std::collections::HashMap;

use diesel::dsl::count_star;
use diesel::prelude::*;
use domain::articles::Kind;
use domain::{Result, Timestamp};

use crate::Conn;
use crate::published::View;
use crate::schema::published_in;
use crate::totals::Total;

/// Identities that one query names; both engines take more.
const CHUNK: usize = 1_000;

/// Something, and the number of articles in it that the public sees, whatever their locale.
#[derive(Debug)]
pub struct Counted<T> {
    /// The thing itself.
    pub item: T,
    /// Distinct articles (pages are not counted).
    pub articles: u64,
}

/// Where a name leads.
#[derive(Debug)]
pub enum Found<T> {
    /// To this.
    Here(T),
    /// To what has another name now.
    Moved {
        /// Its identity.
        id: String,
        /// Its slug; of a category, its path.
        name: String,
    },
}

/// How many articles the public sees in each of `ids` now; what has none is absent. `scope` is as in `published_in`.
pub(crate) fn articles_in(
    conn: &mut Conn,
    scope: &str,
    ids: &[String],
    now: Timestamp,
) -> Result<HashMap<String, u64>> {
    let mut counts = HashMap::new();
    for ids in ids.chunks(CHUNK) {
        let rows: Vec<(String, i64)> = published_in::table
            .filter(published_in::scope.eq(scope))
            .filter(published_in::scope_id.eq_any(ids))
            .filter(published_in::kind.eq(Kind::Article.as_str()))
            .filter(published_in::visible_from.le(now.micros()))
            .filter(published_in::visible_until.gt(now.micros()))
            .group_by(published_in::scope_id)
            // Of an article's revisions readers see one at a time.
            .select((published_in::scope_id, count_star()))
            .load(conn)?;
        for (id, count) in rows {
            counts.insert(id, count.try_into()?);
        }
    }
    Ok(counts)
}

/// How many articles the public sees in each of `ids`, in this order; what is known of it already is not counted anew.
pub(crate) fn known_articles_in(
    conn: &mut Conn,
    view: &View,
    scope: &'static str,
    ids: impl Iterator<Item = String>,
) -> Result<Vec<u64>> {
    let total = |id: String| Total::Articles { kind: Kind::Article, locale: None, scope: Some((scope, id)) };
    let totals: Vec<Total> = ids.map(total).collect();
    let counts = view.forms.totals.each(conn, view.now, &totals, |conn, missing| {
        let id = |total: &Total| match total {
            Total::Articles { scope: Some((_, id)), .. } => id.clone(),
            _ => String::new(),
        };
        let ids: Vec<String> = missing.iter().map(id).collect();
        let counts = articles_in(conn, scope, &ids, view.now)?;
        ids.iter().map(|id| Ok(counts.get(id).copied().unwrap_or(0).try_into()?)).collect()
    })?;
    counts.into_iter().map(|count| Ok(count.try_into()?)).collect()
}

/// Each item with the number of its articles.
pub(crate) fn counted<T>(
    conn: &mut Conn,
    scope: &str,
    items: Vec<T>,
    id: impl Fn(&T) -> String,
    now: Timestamp,
) -> Result<Vec<Counted<T>>> {
    let ids: Vec<String> = items.iter().map(&id).collect();
    let counts = articles_in(conn, scope, &ids, now)?;
    let count = |item: T| {
        let articles = counts.get(&id(&item)).copied().unwrap_or(0);
        Counted { item, articles }
    };
    Ok(items.into_iter().map(count).collect())
}
