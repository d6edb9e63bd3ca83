//! Pages that are counted from the beginning, as WordPress's and Ghost's APIs have them, of lists that are one range of an
//! index: it is walked in its order up to the end of the page.

use diesel::dsl::count_star;
use diesel::prelude::*;
use domain::articles::Kind;
use domain::{Result, Timestamp};

use super::View;
use super::lists::{Scope, listed};
use crate::Conn;
use crate::schema::{published_articles as published, published_in};
use crate::totals::Total;
use crate::wordpress::Slice;

/// Everything, or what stands under one thing, in the order of first publication.
#[derive(Debug)]
pub(crate) struct Range {
    pub(crate) kind: Kind,
    /// None: every one.
    pub(crate) locale: Option<String>,
    pub(crate) scope: Option<Scope>,
    /// First published after this time.
    pub(crate) after: Option<Timestamp>,
    /// First published before this time.
    pub(crate) before: Option<Timestamp>,
    /// None of these.
    pub(crate) excluded: Vec<String>,
    pub(crate) oldest_first: bool,
}

/// The rows of a table in a range.
macro_rules! rows {
    ($rows:expr, $table:ident, $range:expr, $now:expr) => {{
        let (range, now): (&Range, i64) = ($range, $now.micros());
        // What is visible was published: what is to come stands at the end of the index, and is not walked over.
        let before = range.before.map_or(now + 1, |before| before.micros().min(now + 1));
        let mut rows = $rows
            .filter($table::kind.eq(range.kind.as_str()))
            .filter($table::published_at.lt(before))
            .filter($table::visible_from.le(now))
            .filter($table::visible_until.gt(now))
            .into_boxed();
        if let Some(locale) = &range.locale {
            rows = rows.filter($table::locale.eq(locale));
        }
        if let Some(after) = range.after {
            rows = rows.filter($table::published_at.gt(after.micros()));
        }
        if !range.excluded.is_empty() {
            rows = rows.filter($table::article_id.ne_all(&range.excluded));
        }
        rows
    }};
}

/// The identities on a page.
macro_rules! ids {
    ($rows:expr, $table:ident, $range:expr, $slice:expr) => {{
        let rows = $rows.limit($slice.limit).offset($slice.offset).select($table::article_id);
        if $range.oldest_first {
            rows.order(($table::published_at.asc(), $table::article_id.asc()))
        } else {
            rows.order(($table::published_at.desc(), $table::article_id.desc()))
        }
    }};
}

impl Range {
    /// The identities on a page, and how many there are in all.
    pub(crate) fn page(&self, conn: &mut Conn, view: &View, slice: Slice) -> Result<(Vec<String>, i64)> {
        let total = self.total(conn, view)?;
        if total <= slice.offset {
            return Ok((Vec::new(), total));
        }
        let ids = match &self.scope {
            None => ids!(rows!(published::table, published, self, view.now), published, self, slice).load(conn)?,
            Some(scope) => {
                ids!(rows!(listed(scope), published_in, self, view.now), published_in, self, slice).load(conn)?
            }
        };
        Ok((ids, total))
    }

    fn total(&self, conn: &mut Conn, view: &View) -> Result<i64> {
        let (kind, locale, scope) = (self.kind, self.locale.clone(), self.scope.clone());
        if self.after.is_some() || self.before.is_some() || !self.excluded.is_empty() {
            return self.count(conn, view.now);
        }
        view.forms.totals.of(conn, view.now, Total::Articles { kind, locale, scope }, |conn| self.count(conn, view.now))
    }

    /// Counts them: of the index alone.
    fn count(&self, conn: &mut Conn, now: Timestamp) -> Result<i64> {
        Ok(match &self.scope {
            None => rows!(published::table, published, self, now).select(count_star()).get_result(conn)?,
            Some(scope) => rows!(listed(scope), published_in, self, now).select(count_star()).get_result(conn)?,
        })
    }
}
