//! Pieces of queries whose text stays the same from one request to the next, so that their prepared statements do too:
//! diesel prepares `eq_any` (on SQLite) and `sql` anew each time.

use diesel::RunQueryDsl;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Bool, Text};

use crate::Conn;
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

/// The rows of one query and then those of another.
pub(crate) struct Both<A, B>(pub(crate) A, pub(crate) B);

impl<A, B> QueryFragment<MultiBackend> for Both<A, B>
where
    A: QueryFragment<MultiBackend>,
    B: QueryFragment<MultiBackend>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        self.0.walk_ast(out.reborrow())?;
        out.push_sql(" UNION ALL ");
        self.1.walk_ast(out)
    }
}

impl<A: Query, B: Query<SqlType = A::SqlType>> Query for Both<A, B> {
    type SqlType = A::SqlType;
}

impl<A, B> QueryId for Both<A, B> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<A, B> RunQueryDsl<Conn> for Both<A, B> {}

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
