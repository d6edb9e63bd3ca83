//! Pieces of queries whose text stays the same from one request to the next, so that their prepared statements do too:
//! diesel prepares `eq_any` (on SQLite) and `sql` anew each time.

use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Bool, Text};

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

/// `(first, second) < (…)`, or `>`: what comes after a position in an index over both.
pub(crate) struct Beyond<A, B> {
    columns: (A, B),
    relation: &'static str,
    position: (i64, String),
}

/// What comes after a position in the order of two columns.
pub(crate) fn beyond<A, B>(columns: (A, B), ascending: bool, position: (i64, String)) -> Beyond<A, B> {
    Beyond { columns, relation: if ascending { ") > (" } else { ") < (" }, position }
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

impl<A, B> QueryFragment<MultiBackend> for Beyond<A, B>
where
    A: QueryFragment<MultiBackend>,
    B: QueryFragment<MultiBackend>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql("(");
        self.columns.0.walk_ast(out.reborrow())?;
        out.push_sql(", ");
        self.columns.1.walk_ast(out.reborrow())?;
        out.push_sql(self.relation);
        out.push_bind_param::<BigInt, _>(&self.position.0)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(&self.position.1)?;
        out.push_sql(")");
        Ok(())
    }
}

/// Conditions over columns of any tables; their text depends on their values.
macro_rules! condition {
    ($name:ident<$($column:ident),+ $(; $value:ident)?>) => {
        impl<$($column: Expression),+ $(, $value)?> Expression for $name<$($column),+ $(, $value)?> {
            type SqlType = Bool;
        }

        impl<$($column: AppearsOnTable<T>),+ $(, $value)?, T> AppearsOnTable<T> for $name<$($column),+ $(, $value)?> {}

        impl<$($column: SelectableExpression<T>),+ $(, $value)?, T> SelectableExpression<T>
            for $name<$($column),+ $(, $value)?>
        {
        }

        impl<$($column),+ $(, $value)?, G> ValidGrouping<G> for $name<$($column),+ $(, $value)?> {
            type IsAggregate = is_aggregate::No;
        }

        impl<$($column),+ $(, $value)?> QueryId for $name<$($column),+ $(, $value)?> {
            type QueryId = ();
            const HAS_STATIC_QUERY_ID: bool = false;
        }
    };
}

condition!(OneOf<C; V>);
condition!(Beyond<A, B>);
