//! Everything that a publication is, table by table, as lines of JSON: the same lines from either engine, to be read by
//! either.
//!
//! Columns are asked of the database itself, so that a new column is in the next export without anyone thinking of it. A
//! new table has to be entered in [`TABLES`] or in [`LEFT_OUT`]; a test says so.

use std::collections::HashMap;

use diesel::connection::{AnsiTransactionManager, DefaultLoadingMode, TransactionManager};
use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::Text;
use domain::published::{Body, Summary};
use domain::{Error, Result, text};
use serde_json::Value;

use crate::fragments::one_of;
use crate::schema::published_articles as published;
use crate::search::{self, Indexed};
use crate::{Conn, Db, bulk};

/// A table that is carried.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// What its rows are ordered by: all of it together is unique, and a row comes after those that it refers to.
    order: &'static str,
    /// Columns that mean something to one database alone.
    without: &'static [&'static str],
}

const fn table(name: &'static str, order: &'static str) -> Table {
    Table { name, order, without: &[] }
}

/// Every table that is carried, each after those that it refers to.
pub const TABLES: &[Table] = &[
    table("site", "id"),
    table("users", "id"),
    table("audit", "id"),
    table("categories", "path"),
    table("tags", "id"),
    table("bylines", "id"),
    table("old_slugs", "kind, slug"),
    table("media", "id"),
    table("media_paths", "path"),
    table("redirects", "id"),
    table("old_shapes", "kind, shape"),
    table("gone_names", "kind, name"),
    table("articles", "id"),
    table("revisions", "article_id, number"),
    table("article_slugs", "locale, slug"),
    // The number in the index of words is given anew.
    Table { name: "published_articles", order: "article_id, revision", without: &["search_id"] },
    table("published_in", "scope, scope_id, article_id, revision"),
    table("published_slugs", "locale, slug"),
    table("wordpress_ids", "family, number"),
    table("ghost_ids", "kind, ghost_id"),
    table("comments", "depth, id"),
    table("comment_events", "id"),
    table("published_comments", "id"),
    table("newsletters", "id"),
    table("subscribers", "id"),
    table("subscriber_categories", "subscriber_id, category_id"),
    table("subscription_tokens", "hash"),
    table("consent_texts", "sha256"),
    table("consent_events", "id"),
    table("suppressions", "email_hmac"),
    table("issues", "id"),
    table("issue_items", "issue_id, position"),
    table("digest_items", "newsletter_id, frequency, article_id"),
    table("deliveries", "id"),
];

/// Every other table, and why it stays where it is.
pub const LEFT_OUT: &[(&str, &str)] = &[
    ("sessions", "whoever is signed in signs in again"),
    ("refresh_tokens", "they belong to sessions"),
    ("idempotency_keys", "they are good for a day"),
    ("attempts", "they are counted for a day"),
    ("messages", "what waits to leave would leave twice, and holds tokens"),
    ("changes", "another database has a log of its own"),
    ("change_log", "another database has a log of its own"),
    ("article_words", "each engine's own; made anew"),
    ("title_words", "each engine's own; made anew"),
];

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Truth,
    Other,
}

/// A column that is carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    kind: Kind,
}

/// The columns of a table that are carried, by name.
pub fn columns(conn: &mut Conn, table: &Table) -> Result<Vec<Column>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        name: String,
        #[diesel(sql_type = Text)]
        kind: String,
    }
    let asked = match conn {
        Conn::Postgres(_) => {
            "SELECT column_name::text AS name, data_type::text AS kind FROM information_schema.columns
             WHERE table_schema = current_schema() AND table_name = $1 ORDER BY column_name COLLATE \"C\""
        }
        Conn::Sqlite(_) => "SELECT name, lower(type) AS kind FROM pragma_table_info($1) ORDER BY name",
    };
    let rows: Vec<Row> = diesel::sql_query(asked).bind::<Text, _>(table.name).load(conn)?;
    let columns = rows.into_iter().filter(|row| !table.without.contains(&row.name.as_str()));
    Ok(columns
        .map(|row| Column { kind: if row.kind == "boolean" { Kind::Truth } else { Kind::Other }, name: row.name })
        .collect())
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// Gives `each` every row of a table in order, as an object of JSON with its columns by name.
pub fn read(
    conn: &mut Conn,
    table: &Table,
    columns: &[Column],
    mut each: impl FnMut(&str) -> Result<()>,
) -> Result<()> {
    let Table { name, order, .. } = table;
    let quoted = |column: &Column| format!("\"{}\"", column.name);
    let mut give = |row: diesel::QueryResult<Line>| -> Result<()> {
        // What one engine escapes the other does not: written again, both are alike.
        let row: Value = serde_json::from_str(&row?.line)?;
        each(&serde_json::to_string(&row)?)
    };
    match conn {
        Conn::Postgres(c) => {
            let columns: Vec<String> = columns.iter().map(quoted).collect();
            let rows = format!("SELECT {} FROM \"{name}\" ORDER BY {order}", columns.join(", "));
            let query = diesel::sql_query(format!("SELECT row_to_json(t)::text AS line FROM ({rows}) AS t"));
            query.load_iter::<Line, PgRowByRowLoadingMode>(c)?.try_for_each(&mut give)
        }
        Conn::Sqlite(c) => {
            let member = |column: &Column| {
                let value = match column.kind {
                    Kind::Truth => format!("json(iif({0} IS NULL, 'null', iif({0}, 'true', 'false')))", quoted(column)),
                    Kind::Other => quoted(column),
                };
                format!("'{}', {value}", column.name)
            };
            let members: Vec<String> = columns.iter().map(member).collect();
            let members = members.join(", ");
            let query =
                diesel::sql_query(format!("SELECT json_object({members}) AS line FROM \"{name}\" ORDER BY {order}"));
            query.load_iter::<Line, DefaultLoadingMode>(c)?.try_for_each(&mut give)
        }
    }
}

/// Writes rows into a table; `rows` is an array of JSON with what [`read`] gave, whose columns are these.
pub fn write(conn: &mut Conn, table: &Table, columns: &[String], rows: &str) -> Result<usize> {
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    Ok(bulk::insert_text(conn, table.name, &columns, rows, "")?)
}

/// The first table that holds something already: what is restored takes the place of nothing.
pub fn occupied(conn: &mut Conn) -> Result<Option<&'static str>> {
    for table in TABLES {
        let asked = format!("SELECT '' AS line FROM \"{}\" LIMIT 1", table.name);
        if !diesel::sql_query(asked).load::<Line>(conn)?.is_empty() {
            return Ok(Some(table.name));
        }
    }
    Ok(None)
}

/// Articles whose words are entered at once: each may be large.
const INDEXED: usize = 50;

/// Makes what is public findable by its words, once its rows are there. The words are those of the public snapshot.
pub fn index_words(conn: &mut Conn, each: impl FnMut()) -> Result<()> {
    search::entering_all(conn, |conn| enter_words(conn, each))
}

fn enter_words(conn: &mut Conn, mut each: impl FnMut()) -> Result<()> {
    let keys: Vec<(String, i64)> = published::table
        .order((published::published_at, published::article_id, published::revision))
        .select((published::article_id, published::revision))
        .load(conn)?;
    for keys in keys.chunks(INDEXED) {
        let ids = keys.iter().map(|(id, _)| id.clone()).collect();
        let rows: Vec<((String, i64), (String, String))> = published::table
            .filter(one_of(published::article_id, ids))
            .select(((published::article_id, published::revision), (published::summary, published::body)))
            .load(conn)?;
        let rows: HashMap<_, _> = rows.into_iter().collect();
        let words = keys.iter().map(|(id, revision)| {
            let gone = || Error::Internal(format!("no row of {id} in revision {revision}"));
            let (summary, body) = rows.get(&(id.clone(), *revision)).ok_or_else(gone)?;
            let (summary, body): (Summary, Body) = (serde_json::from_str(summary)?, serde_json::from_str(body)?);
            let text = text::plain_text(&body.body_html);
            let words = Indexed { title: summary.title.into(), excerpt: summary.excerpt.into(), text: text.into() };
            Ok((id.as_str(), *revision, words))
        });
        search::put(conn, &words.collect::<Result<Vec<_>>>()?)?;
        for _ in keys {
            each();
        }
    }
    Ok(())
}

/// Runs `work` on the database as it is at one moment, whatever is written meanwhile. It keeps nobody waiting.
pub fn snapshot<T>(db: &Db, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    db.read_blocking(|conn| {
        match conn {
            Conn::Postgres(c) => {
                AnsiTransactionManager::begin_transaction_sql(c, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
                // What reads slowly, since it writes slowly, is no hanging request.
                for limit in ["statement_timeout", "idle_in_transaction_session_timeout"] {
                    diesel::sql_query(format!("SET LOCAL {limit} = 0")).execute(c)?;
                }
            }
            Conn::Sqlite(c) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN")?,
        }
        let outcome = work(conn);
        <Conn as Connection>::TransactionManager::rollback_transaction(conn)?;
        outcome
    })
}

/// Runs `work` in one transaction that may take as long as it needs.
pub fn load<T>(db: &Db, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    db.write_blocking(|conn| {
        match conn {
            Conn::Postgres(c) => {
                for limit in ["statement_timeout", "idle_in_transaction_session_timeout"] {
                    diesel::sql_query(format!("SET LOCAL {limit} = 0")).execute(c)?;
                }
            }
            // Only at the end everything that is referred to is there.
            Conn::Sqlite(c) => {
                diesel::sql_query("PRAGMA defer_foreign_keys = ON").execute(c)?;
            }
        }
        work(conn)
    })
}

/// The table of this name.
pub fn named(name: &str) -> Result<&'static Table> {
    let unknown =
        || Error::conflict("unknown_table", format!("There is no table `{name}` here; a newer Byline made this."));
    TABLES.iter().find(|table| table.name == name).ok_or_else(unknown)
}
