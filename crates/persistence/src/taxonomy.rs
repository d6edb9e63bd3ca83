//! What readers see of categories, tags and bylines alike: how many articles each has, and where an old name leads.

use std::collections::HashMap;

use diesel::dsl::{count, min};
use diesel::prelude::*;
use domain::articles::Kind;
use domain::site::Settings;
use domain::{Result, Timestamp};

use crate::schema::{published_articles, published_in, site};
use crate::{Conn, published};

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
            .select((published_in::scope_id, count(published_in::article_id).aggregate_distinct()))
            .load(conn)?;
        for (id, count) in rows {
            counts.insert(id, count.try_into()?);
        }
    }
    Ok(counts)
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

/// What answers to readers depend on beside what they are about.
#[derive(Debug)]
pub struct Frame {
    /// The settings of the site, from which addresses are made.
    pub settings: Settings,
    /// When they may next change by themselves.
    pub due: Option<Timestamp>,
}

/// What an answer depends on beside what it is about, in one query.
pub fn frame(conn: &mut Conn, now: Timestamp) -> Result<Frame> {
    let next = published_articles::table.filter(published_articles::visible_from.gt(now.micros()));
    let due = next.select(min(published_articles::visible_from)).single_value();
    let row: Option<(String, Option<i64>)> = site::table.select((site::settings, due)).first(conn).optional()?;
    match row {
        Some((settings, due)) => {
            Ok(Frame { settings: serde_json::from_str(&settings)?, due: due.map(Timestamp::from_micros) })
        }
        None => Ok(Frame { settings: Settings::default(), due: published::next_due(conn, now)? }),
    }
}
