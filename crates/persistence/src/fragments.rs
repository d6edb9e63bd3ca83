//! Pieces of queries whose text stays the same from one request to the next, so that their prepared statements do too:
//! diesel prepares `eq_any` (on SQLite) and `sql` anew each time.

use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Bool, HasSqlType, Text};

use crate::db::MultiBackend;

/// `column IN (…)`. The list is filled up to a power of four, so that there are few different texts of it.
pub(crate) struct OneOf<C, V> {
    column: C,
    values: Vec<V>,
}

/// A column of identities or numbers is one of these; none is none.
pub(crate) fn one_of<C, V: Clone + Default>(column: C, mut values: Vec<V>) -> OneOf<C, V> {
    // No identity is empty.
    let filling = values.last().cloned().unwrap_or_default();
    let mut room = 1;
    while room < values.len() {
        room *= 4;
    }
    values.resize(room, filling);
    OneOf { column, values }
}

/// A text column that leads to no index, since it is no bare one. SQLite does not know how many rows there are of
/// anything: beside a column that leads to few of them, it would rather walk over all that are of this kind, or under this
/// scope.
macro_rules! unindexed {
    ($column:expr) => {
        diesel::TextExpressionMethods::concat($column, "")
    };
}
pub(crate) use unindexed;

/// `(first, second) < (…)`, or `>`: what comes after a position in an index over both.
pub(crate) struct Beyond<A, B, const ASCENDING: bool> {
    columns: (A, B),
    position: (i64, String),
}

/// What comes after a position in the order of two columns.
pub(crate) fn beyond<A, B, const ASCENDING: bool>(columns: (A, B), position: (i64, String)) -> Beyond<A, B, ASCENDING> {
    Beyond { columns, position }
}

macro_rules! one_of {
    ($value:ty, $kind:ty) => {
        impl<C: QueryFragment<MultiBackend>> QueryFragment<MultiBackend> for OneOf<C, $value> {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
                self.column.walk_ast(out.reborrow())?;
                for (number, value) in self.values.iter().enumerate() {
                    out.push_sql(if number == 0 { " IN (" } else { ", " });
                    out.push_bind_param::<$kind, _>(value)?;
                }
                out.push_sql(")");
                Ok(())
            }
        }
    };
}

one_of!(String, Text);
one_of!(i64, BigInt);

/// The newest entry of the log of changes (0: none yet), as a column of any query: one statement sees one state of the database.
#[derive(Debug, Clone, Copy, QueryId)]
pub(crate) struct Head;

impl Expression for Head {
    type SqlType = BigInt;
}

impl<T> AppearsOnTable<T> for Head {}

impl<T> SelectableExpression<T> for Head {}

impl<G> ValidGrouping<G> for Head {
    type IsAggregate = is_aggregate::Never;
}

impl<DB: Backend> QueryFragment<DB> for Head {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("(SELECT coalesce(max(seq), 0) FROM changes)");
        Ok(())
    }
}

impl<A, B, DB, const ASCENDING: bool> QueryFragment<DB> for Beyond<A, B, ASCENDING>
where
    A: QueryFragment<DB>,
    B: QueryFragment<DB>,
    DB: Backend + HasSqlType<BigInt> + HasSqlType<Text>,
    i64: ToSql<BigInt, DB>,
    String: ToSql<Text, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("(");
        self.columns.0.walk_ast(out.reborrow())?;
        out.push_sql(", ");
        self.columns.1.walk_ast(out.reborrow())?;
        out.push_sql(if ASCENDING { ") > (" } else { ") < (" });
        out.push_bind_param::<BigInt, _>(&self.position.0)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(&self.position.1)?;
        out.push_sql(")");
        Ok(())
    }
}

impl<A: QueryId, B: QueryId, const ASCENDING: bool> QueryId for Beyond<A, B, ASCENDING> {
    type QueryId = Beyond<A::QueryId, B::QueryId, ASCENDING>;
    const HAS_STATIC_QUERY_ID: bool = A::HAS_STATIC_QUERY_ID && B::HAS_STATIC_QUERY_ID;
}

impl<V, C> QueryId for OneOf<C, V> {
    type QueryId = ();
    // Its text depends on how many there are.
    const HAS_STATIC_QUERY_ID: bool = false;
}

/// Conditions over columns of any tables.
macro_rules! condition {
    ([$($generics:tt)*] $name:ty, $($column:ident),+) => {
        impl<$($column: Expression,)+ $($generics)*> Expression for $name {
            type SqlType = Bool;
        }

        impl<$($column: AppearsOnTable<T>,)+ T, $($generics)*> AppearsOnTable<T> for $name {}

        impl<$($column: SelectableExpression<T>,)+ T, $($generics)*> SelectableExpression<T> for $name {}

        impl<$($column,)+ G, $($generics)*> ValidGrouping<G> for $name {
            type IsAggregate = is_aggregate::No;
        }
    };
}

condition!([V] OneOf<C, V>, C);
condition!([const ASCENDING: bool] Beyond<A, B, ASCENDING>, A, B);
