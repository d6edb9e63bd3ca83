//! What an article stands under, as a condition on its row.

use diesel::BoxableExpression;
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use crate::db::MultiBackend;
use crate::fragments::unindexed;
use crate::schema::{published_articles, published_in};

/// A condition on the rows of the read model.
pub(crate) type Condition = Box<dyn BoxableExpression<published_articles::table, MultiBackend, SqlType = Bool>>;

/// Whether an article stands under something.
pub(crate) fn under((scope, id): &(&'static str, String)) -> Condition {
    let listed = published_in::table
        .filter(published_in::scope.eq(*scope))
        .filter(published_in::scope_id.eq(id.clone()))
        .filter(published_in::article_id.eq(published_articles::article_id))
        .filter(published_in::revision.eq(published_articles::revision));
    Box::new(exists(listed))
}

/// Whether any revision of it stands under any of these: an index leads to them, however much else there is. Which
/// revision it is, [`any_of`] tells.
pub(crate) fn listed_under(scopes: &[(&'static str, String)]) -> Condition {
    let (kinds, ids): (Vec<&str>, Vec<String>) = scopes.iter().cloned().unzip();
    let listed = published_in::table.filter(published_in::scope.eq_any(kinds));
    let listed = listed.filter(published_in::scope_id.eq_any(ids));
    Box::new(published_articles::article_id.eq_any(listed.select(published_in::article_id)))
}

/// Whether it stands under any of these, which are of one sort.
pub(crate) fn any_of(scopes: &[(&'static str, String)]) -> Condition {
    let ids = scopes.iter().map(|(_, id)| id.clone()).collect::<Vec<_>>();
    let scope = scopes.first().map_or("", |(scope, _)| *scope);
    let listed = published_in::table
        // For each article, by the article.
        .filter(unindexed!(published_in::scope).eq(scope))
        .filter(unindexed!(published_in::scope_id).eq_any(ids))
        .filter(published_in::article_id.eq(published_articles::article_id))
        .filter(published_in::revision.eq(published_articles::revision));
    Box::new(exists(listed))
}
