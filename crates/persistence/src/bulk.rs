//! Many rows in one statement, whose text depends on the table alone: what costs most about a row is the way to
//! PostgreSQL and back.

use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::Text;
use serde_json::Value;

use crate::Conn;

/// Rows of one statement.
pub(crate) const AT_ONCE: usize = 500;

/// Writes rows; all have the members of the first. `or` stands behind them: `ON CONFLICT ...`, or nothing.
pub(crate) fn insert(conn: &mut Conn, table: &str, rows: &[Value], or: &str) -> QueryResult<usize> {
    let Some(first) = rows.first().and_then(Value::as_object) else { return Ok(0) };
    let columns: Vec<&str> = first.keys().map(String::as_str).collect();
    let mut written = 0;
    for rows in rows.chunks(AT_ONCE) {
        let rows = serde_json::to_string(rows).map_err(|error| DieselError::SerializationError(Box::new(error)))?;
        written += insert_text(conn, table, &columns, &rows, or)?;
    }
    Ok(written)
}

/// The same of a JSON array of objects that have these members.
pub(crate) fn insert_text(conn: &mut Conn, table: &str, columns: &[&str], rows: &str, or: &str) -> QueryResult<usize> {
    let list = |part: &dyn Fn(&str) -> String| columns.iter().map(|column| part(column)).collect::<Vec<_>>().join(", ");
    let quoted = list(&|column| format!("\"{column}\""));
    let into = format!("INSERT INTO \"{table}\" ({quoted})");
    let statement = match conn {
        Conn::Postgres(_) => {
            format!("{into} SELECT {quoted} FROM json_populate_recordset(NULL::\"{table}\", $1::json) {or}")
        }
        // Without a condition, `ON CONFLICT` would be read as one of a join.
        Conn::Sqlite(_) => {
            let values = list(&|column| format!("value ->> '{column}'"));
            format!("{into} SELECT {values} FROM json_each($1) WHERE TRUE {or}")
        }
    };
    diesel::sql_query(statement).bind::<Text, _>(rows).execute(conn)
}
