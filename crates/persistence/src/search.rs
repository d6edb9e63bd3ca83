//! Full text of what is public: the one place, beside `db`, where the engines' dialects part.
//!
//! Both engines are given words that are folded already (`domain::text::searchable`), so that both find the same.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use domain::articles::Content;
use domain::secrets::sha256;
use domain::text::searchable;
use domain::{Error, Fault, Result};

use crate::Conn;

/// Characters of a text that are searched: PostgreSQL's `tsvector` holds at most 1 MiB.
const MAX_SEARCHED: usize = 200_000;

/// Makes a published revision findable.
pub(crate) fn put(conn: &mut Conn, id: &str, revision: i64, content: &Content) -> Result<()> {
    let columns = "article_id, revision, title, excerpt, body";
    let insert = match conn {
        Conn::Postgres(_) => format!("INSERT INTO article_search ({columns}) VALUES ($1, $2, $3, $4, $5)"),
        Conn::Sqlite(_) => {
            let row = row(id, revision);
            format!("INSERT INTO article_search (rowid, {columns}) VALUES ({row}, $1, $2, $3, $4, $5)")
        }
    };
    diesel::sql_query(insert)
        .bind::<Text, _>(id)
        .bind::<BigInt, _>(revision)
        .bind::<Text, _>(searchable(&content.title, MAX_SEARCHED))
        .bind::<Text, _>(searchable(&content.excerpt(), MAX_SEARCHED))
        .bind::<Text, _>(searchable(&content.text, MAX_SEARCHED))
        .execute(conn)?;
    Ok(())
}

/// Forgets it again.
pub(crate) fn remove(conn: &mut Conn, id: &str, revision: i64) -> Result<()> {
    match conn {
        Conn::Postgres(c) => {
            let delete = "DELETE FROM article_search WHERE article_id = $1 AND revision = $2";
            diesel::sql_query(delete).bind::<Text, _>(id).bind::<BigInt, _>(revision).execute(c)?;
        }
        Conn::Sqlite(c) => {
            let row = row(id, revision);
            diesel::sql_query("DELETE FROM article_search WHERE rowid = $1").bind::<BigInt, _>(row).execute(c)?;
        }
    }
    Ok(())
}

/// The row of a revision in SQLite's index, which finds rows by their number alone: 63 bits of a hash.
fn row(id: &str, revision: i64) -> i64 {
    let hash = sha256(format!("{id}/{revision}"));
    i64::from_str_radix(&hash[..16], 16).unwrap_or_else(|_| {
        // The highest bit is set: the number is taken without it.
        i64::from_str_radix(&hash[1..16], 16).unwrap_or_default()
    })
}

/// A condition on rows of `published_articles`: what the readers typed, all of it, the last word as a beginning.
pub(crate) struct Matching {
    /// SQL up to the query.
    pub(crate) before: &'static str,
    /// The query in the engine's language; it holds plain words only.
    pub(crate) query: String,
    /// SQL after it.
    pub(crate) after: &'static str,
}

/// What finds `q`; `None` if there is no word in it: nothing is found then.
pub(crate) fn matching(conn: &Conn, q: &str) -> Result<Option<Matching>> {
    let terms =
        domain::text::terms(q).map_err(|(code, detail)| Error::Malformed(Fault::parameter("q", code, detail)))?;
    let words: Vec<String> = terms
        .iter()
        .flat_map(|term| searchable(term, MAX_SEARCHED).split(' ').map(str::to_owned).collect::<Vec<_>>())
        .filter(|word| !word.is_empty())
        .collect();
    if words.is_empty() {
        return Ok(None);
    }
    Ok(Some(match conn {
        Conn::Postgres(_) => Matching {
            before: "(published_articles.article_id, published_articles.revision) IN (SELECT article_id, revision \
                     FROM article_search WHERE terms @@ to_tsquery('simple', ",
            query: format!("{}:*", words.join(" & ")),
            after: "))",
        },
        Conn::Sqlite(_) => Matching {
            before: "(published_articles.article_id, published_articles.revision) IN (SELECT article_id, revision \
                     FROM article_search WHERE article_search MATCH ",
            query: format!("\"{}\"*", words.join("\" \"")),
            after: ")",
        },
    }))
}
