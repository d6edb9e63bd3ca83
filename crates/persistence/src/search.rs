//! The index of words of what is public: the one place, beside `db`, where the engines' dialects part.
//!
//! Both engines are given words that are folded and stemmed already (`domain::text`), so that both find the same. A row
//! has a number (`published_articles.search_id`) that grows with the day of first publication: FTS5 gives hits in the
//! order of their numbers, so the newest of many are found without looking at the others.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use diesel::connection::SimpleConnection;
use diesel::dsl::max;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use domain::articles::Content;
use domain::text::{Term, indexed};
use domain::{Error, Fault, Result};
use serde_json::{Value, json};

use crate::Conn;
use crate::db::turn;
use crate::schema::published_articles as published;

/// Characters of a text that are searched: PostgreSQL's `tsvector` holds at most 1 MiB.
const MAX_SEARCHED: usize = 200_000;
/// Numbers of one day.
const DAY: i64 = 65_536;
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// What a published revision is found by.
pub(crate) struct Indexed<'a> {
    pub(crate) title: Cow<'a, str>,
    pub(crate) excerpt: Cow<'a, str>,
    pub(crate) text: Cow<'a, str>,
}

impl<'a> Indexed<'a> {
    pub(crate) fn of(content: &'a Content) -> Self {
        Self { title: (&content.title).into(), excerpt: content.excerpt().into(), text: (&content.text).into() }
    }
}

/// Makes published revisions findable whose rows are there without a number.
pub(crate) fn put(conn: &mut Conn, all: &[(&str, i64, Indexed<'_>)]) -> Result<()> {
    let mut rows: Vec<(String, i64)> = Vec::with_capacity(all.len());
    for (id, revision, _) in all {
        let row = published::table.find((id, revision)).select((published::locale, published::published_at));
        rows.push(row.first(conn)?);
    }
    let numbers = free_numbers(conn, rows.iter().map(|(_, published_at)| *published_at))?;
    for ((id, revision, _), number) in all.iter().zip(&numbers) {
        diesel::update(published::table.find((id, revision))).set(published::search_id.eq(number)).execute(conn)?;
    }
    let words =
        all.iter().zip(&rows).zip(numbers).map(|(((_, _, words), (locale, _)), number)| (number, locale, words));
    enter(conn, words)
}

/// Enters the words of rows that have these numbers, and are in these locales.
pub(crate) fn enter<'a>(conn: &mut Conn, rows: impl Iterator<Item = (i64, &'a String, &'a Indexed<'a>)>) -> Result<()> {
    let rows = rows.map(|(number, locale, text)| {
        json!({
            "id": number,
            "title": indexed(&text.title, locale, MAX_SEARCHED),
            "excerpt": indexed(&text.excerpt, locale, MAX_SEARCHED),
            "body": indexed(&text.text, locale, MAX_SEARCHED),
            // Whoever types a title does not type its stems.
            "typed": indexed(&text.title, "", MAX_SEARCHED),
        })
    });
    let rows = serde_json::to_string(&rows.collect::<Vec<Value>>())?;
    let statements = match conn {
        Conn::Postgres(_) => [
            "INSERT INTO article_words (id, words) SELECT id, setweight(to_tsvector('simple', title), 'A')
                 || setweight(to_tsvector('simple', excerpt), 'B') || to_tsvector('simple', body)
             FROM json_to_recordset($1::json) AS r (id BIGINT, title TEXT, excerpt TEXT, body TEXT)",
            "INSERT INTO title_words (id, words) SELECT id, to_tsvector('simple', typed)
             FROM json_to_recordset($1::json) AS r (id BIGINT, typed TEXT)",
        ],
        Conn::Sqlite(_) => [
            "INSERT INTO article_words (rowid, title, excerpt, body)
             SELECT value ->> 'id', value ->> 'title', value ->> 'excerpt', value ->> 'body' FROM json_each($1)",
            "INSERT INTO title_words (rowid, title) SELECT value ->> 'id', value ->> 'typed' FROM json_each($1)",
        ],
    };
    for statement in statements {
        diesel::sql_query(statement).bind::<Text, _>(&rows).execute(conn)?;
    }
    Ok(())
}

/// The next numbers of the days of some publications, in their order.
pub(crate) fn free_numbers(conn: &mut Conn, published_at: impl Iterator<Item = i64>) -> Result<Vec<i64>> {
    turn(conn, "search")?;
    let mut next: HashMap<i64, i64> = HashMap::new();
    let mut numbers = Vec::new();
    for published_at in published_at {
        let mut day = published_at / MICROS_PER_DAY * DAY;
        loop {
            let free = if let Some(free) = next.get(&day) {
                *free
            } else {
                let begun = published::table.filter(published::search_id.ge(day));
                let of_day = begun.filter(published::search_id.lt(day + DAY));
                let last: Option<i64> = of_day.select(max(published::search_id)).first(conn)?;
                last.map_or(day, |last| last + 1)
            };
            if free < day + DAY {
                next.insert(day, free + 1);
                numbers.push(free);
                break;
            }
            next.insert(day, free);
            day += DAY;
        }
    }
    Ok(numbers)
}

/// An index of words on PostgreSQL.
#[derive(QueryableByName)]
struct Index {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    definition: String,
}

/// The indexes of words on PostgreSQL, if they may be changed: who does not own the tables has none.
fn own_indexes(conn: &mut Conn) -> Result<Vec<Index>> {
    let own = "SELECT indexname::text AS name, indexdef AS definition FROM pg_indexes
        JOIN pg_tables USING (schemaname, tablename)
        WHERE schemaname = current_schema() AND tablename IN ('article_words', 'title_words')
            AND indexdef LIKE '% USING gin %' AND pg_has_role(tableowner, 'USAGE')";
    match conn {
        Conn::Postgres(c) => Ok(diesel::sql_query(own).load(c)?),
        Conn::Sqlite(_) => Ok(Vec::new()),
    }
}

/// Enters words with their indexes put aside, which are made anew afterwards: on PostgreSQL that takes a fraction of the
/// time, where there is little but what comes.
pub(crate) fn entering_all<T>(conn: &mut Conn, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    let aside = own_indexes(conn)?;
    for Index { name, .. } in &aside {
        diesel::sql_query(format!("DROP INDEX \"{name}\"")).execute(conn)?;
    }
    let outcome = work(conn)?;
    for Index { definition, .. } in aside {
        diesel::sql_query(definition).execute(conn)?;
    }
    Ok(outcome)
}

/// Whether words that are entered on PostgreSQL wait in a list, and are merged into their index many at once: that takes
/// a third of the time, and every search looks through the list as well. It holds until it is said otherwise.
pub(crate) fn gather(conn: &mut Conn, many: bool) -> Result<()> {
    for Index { name, definition } in own_indexes(conn)? {
        if definition.contains("fastupdate=off") != many {
            continue;
        }
        let fastupdate = if many { "on" } else { "off" };
        diesel::sql_query(format!("ALTER INDEX \"{name}\" SET (fastupdate = {fastupdate})")).execute(conn)?;
        if !many {
            diesel::sql_query(format!("SELECT gin_clean_pending_list('\"{name}\"')")).execute(conn)?;
        }
    }
    Ok(())
}

/// Forgets it again.
pub(crate) fn remove(conn: &mut Conn, id: &str, revision: i64) -> Result<()> {
    let number: Option<Option<i64>> =
        published::table.find((id, revision)).select(published::search_id).first(conn).optional()?;
    let Some(number) = number.flatten() else { return Ok(()) };
    let column = match conn {
        Conn::Postgres(_) => "id",
        Conn::Sqlite(_) => "rowid",
    };
    for table in ["article_words", "title_words"] {
        let delete = format!("DELETE FROM {table} WHERE {column} = $1");
        diesel::sql_query(delete).bind::<BigInt, _>(number).execute(conn)?;
    }
    Ok(())
}

/// What a reader looks for.
pub(crate) struct Words {
    /// Its words.
    pub(crate) terms: Vec<Term>,
    /// Each of them in the engine's language; it holds plain words only.
    each: Vec<String>,
    /// All of them in the engine's language.
    query: String,
}

impl Words {
    fn new(conn: &Conn, terms: Vec<Term>) -> Self {
        let (or, and) = match conn {
            Conn::Postgres(_) => (" | ", " & "),
            Conn::Sqlite(_) => (" OR ", " AND "),
        };
        let word = |word: &str, beginning: bool| match conn {
            Conn::Postgres(_) => format!("{word}{}", if beginning { ":*" } else { "" }),
            Conn::Sqlite(_) => format!("\"{word}\"{}", if beginning { " *" } else { "" }),
        };
        let each = terms.iter().map(|term| {
            let mut ways = vec![word(&term.word, term.beginning)];
            ways.extend(term.stems.iter().map(|stem| word(stem, false)));
            format!("({})", ways.join(or))
        });
        let each: Vec<String> = each.collect();
        Self { query: each.join(and), each, terms }
    }
}

/// More hits than this are many: only the newest of them are ranked.
pub(crate) const MANY: i64 = 1_000;

/// What finds `q` in texts of these locales: all of its words, the last one as a beginning, unless as a whole word it
/// has many hits already: all words that begin with a common word would be too many. `None` if there is no word in it.
pub(crate) fn words(conn: &mut Conn, q: &str, locales: &[&str]) -> Result<Option<Words>> {
    let mut terms = read(q, locales)?;
    let Some(last) = terms.last_mut() else { return Ok(None) };
    if last.beginning {
        last.beginning = false;
        let whole = Words::new(conn, terms);
        if is_many(conn, &whole)? {
            return Ok(Some(whole));
        }
        terms = whole.terms;
        if let Some(last) = terms.last_mut() {
            last.beginning = true;
        }
    }
    Ok(Some(Words::new(conn, terms)))
}

/// Whether there are many hits; they themselves are not looked at.
fn is_many(conn: &mut Conn, words: &Words) -> Result<bool> {
    match conn {
        Conn::Postgres(c) => {
            let next = "SELECT 0::BIGINT AS id, 0::BIGINT AS rank FROM article_words
                WHERE words @@ to_tsquery('simple', $1) OFFSET $2 LIMIT $3";
            Ok(!by_index(c, next, words, MANY, 1)?.is_empty())
        }
        Conn::Sqlite(c) => has_more(c, &words.query, MANY),
    }
}

fn read(q: &str, locales: &[&str]) -> Result<Vec<Term>> {
    domain::text::terms(q, locales).map_err(|(code, detail)| Error::Malformed(Fault::parameter("q", code, detail)))
}

/// A row that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub(crate) struct Hit {
    /// Its number.
    #[diesel(sql_type = BigInt)]
    pub(crate) id: i64,
    /// The higher the better; 0 if it was not ranked.
    #[diesel(sql_type = BigInt)]
    pub(crate) rank: i64,
}

/// Up to `limit` hits with a number under `before`, the highest first.
pub(crate) fn newest(conn: &mut Conn, words: &Words, before: i64, limit: i64, ranked: bool) -> Result<Vec<Hit>> {
    match conn {
        Conn::Postgres(c) => {
            // The rows are wide: which of them are the newest is known before their words are looked at.
            let rank = "(SELECT CAST(ts_rank('{0.1, 0.1, 0.4, 1.0}', words, to_tsquery('simple', $1)) * 1e12 AS BIGINT)
                FROM article_words WHERE ctid = newest.ctid)";
            let rank = if ranked { rank } else { "0::BIGINT" };
            // By `id + 0` nothing is looked for or sorted by walking the rows: nearly all of them may be in the range.
            let newest = "SELECT id, ctid FROM article_words WHERE words @@ to_tsquery('simple', $1) AND id + 0 < $2
                ORDER BY id + 0 DESC LIMIT $3";
            by_index(c, &format!("SELECT id, {rank} AS rank FROM ({newest}) AS newest"), words, before, limit)
        }
        Conn::Sqlite(c) => {
            let within = (i64::MIN, before - 1);
            let hits = matching(c, "0", &words.query, within, limit)?;
            if !ranked {
                return Ok(hits);
            }
            if hits.len() > usize::try_from(MANY)? {
                return ranked_by_place(c, words, hits);
            }
            for word in &words.each {
                if has_more(c, word, COMMON)? {
                    return ranked_by_place(c, words, hits);
                }
            }
            let rank = "CAST(-bm25(article_words, 10.0, 4.0, 1.0) * 1e12 AS INTEGER)";
            matching(c, rank, &words.query, within, limit)
        }
    }
}

/// Up to `limit` rows of FTS5 with numbers in a range, the highest first.
fn matching(
    conn: &mut SqliteConnection,
    rank: &str,
    query: &str,
    (from, to): (i64, i64),
    limit: i64,
) -> Result<Vec<Hit>> {
    let hits = format!(
        "SELECT rowid AS id, {rank} AS rank FROM article_words
         WHERE article_words MATCH $1 AND rowid BETWEEN $2 AND $3 ORDER BY rowid DESC LIMIT $4"
    );
    let hits = diesel::sql_query(hits).bind::<Text, _>(query);
    Ok(hits.bind::<BigInt, _>(from).bind::<BigInt, _>(to).bind::<BigInt, _>(limit).load(conn)?)
}

/// A word with more hits than this is a common one. To weigh it by its rarity, `bm25` would look at all of them, in each
/// search, however many there are.
const COMMON: i64 = 2_000;

/// Whether FTS5 has more than so many rows for a query.
fn has_more(conn: &mut SqliteConnection, query: &str, than: i64) -> Result<bool> {
    let next = "SELECT rowid AS id, 0 AS rank FROM article_words WHERE article_words MATCH $1 LIMIT 1 OFFSET $2";
    let hits: Vec<Hit> = diesel::sql_query(next).bind::<Text, _>(query).bind::<BigInt, _>(than).load(conn)?;
    Ok(!hits.is_empty())
}

/// Hits of common words, ranked by where these stand alone: all in the title, in title and excerpt, or elsewhere.
fn ranked_by_place(conn: &mut SqliteConnection, words: &Words, mut hits: Vec<Hit>) -> Result<Vec<Hit>> {
    let (Some(last), Some(first)) = (hits.first(), hits.last()) else { return Ok(hits) };
    let within = (first.id, last.id);
    for columns in ["title", "{title excerpt}"] {
        let there = matching(conn, "0", &format!("{columns} : ({})", words.query), within, i64::MAX)?;
        let there: HashSet<i64> = there.into_iter().map(|hit| hit.id).collect();
        hits.iter_mut().filter(|hit| there.contains(&hit.id)).for_each(|hit| hit.rank += 1);
    }
    Ok(hits)
}

/// Runs a query of words by their index whatever PostgreSQL thinks of it: it does not know what it costs to fetch the
/// words of every row.
fn by_index(conn: &mut PgConnection, text: &str, words: &Words, one: i64, other: i64) -> Result<Vec<Hit>> {
    let hits = conn.transaction::<_, diesel::result::Error, _>(|conn| {
        conn.batch_execute("SET LOCAL enable_seqscan = off")?;
        let query = diesel::sql_query(text).bind::<Text, _>(&words.query);
        query.bind::<BigInt, _>(one).bind::<BigInt, _>(other).load(conn)
    });
    Ok(hits?)
}

/// Those of some rows that hold the words.
pub(crate) fn holding(conn: &mut Conn, words: &Words, ids: &[i64]) -> Result<HashSet<i64>> {
    let (Some(first), Some(last)) = (ids.iter().min(), ids.iter().max()) else { return Ok(HashSet::new()) };
    let hits = match conn {
        Conn::Postgres(c) => {
            let hits = "SELECT id, 0::BIGINT AS rank FROM article_words WHERE words @@ to_tsquery('simple', $1)
                AND id BETWEEN $2 AND $3";
            by_index(c, hits, words, *first, *last)?
        }
        Conn::Sqlite(c) => matching(c, "0", &words.query, (*first, *last), i64::MAX)?,
    };
    Ok(hits.into_iter().map(|hit| hit.id).collect())
}

/// A condition on rows of `published_articles`, that they hold the words: SQL, the query to bind, and SQL after it.
pub(crate) fn condition<'a>(conn: &Conn, words: &'a Words) -> (&'static str, &'a str, &'static str) {
    match conn {
        Conn::Postgres(_) => (
            "published_articles.search_id IN (SELECT id FROM article_words WHERE words @@ to_tsquery('simple', ",
            &words.query,
            "))",
        ),
        Conn::Sqlite(_) => (
            "published_articles.search_id IN (SELECT rowid FROM article_words WHERE article_words MATCH ",
            &words.query,
            ")",
        ),
    }
}

/// Up to `limit` rows, the newest first, whose titles have all the words of `q`, the last one as a beginning. Nothing
/// is found by a single letter.
pub(crate) fn titles(conn: &mut Conn, q: &str, limit: i64) -> Result<Vec<i64>> {
    let mut terms = read(q, &[])?;
    let Some(last) = terms.last_mut() else { return Ok(Vec::new()) };
    last.beginning = true;
    if last.word.is_ascii() && last.word.len() < 2 {
        return Ok(Vec::new());
    }
    let words = Words::new(conn, terms);
    let hits = match conn {
        Conn::Postgres(c) => {
            let newest = "SELECT id, 0::BIGINT AS rank FROM title_words WHERE words @@ to_tsquery('simple', $1)
                AND id <= $2 ORDER BY id + 0 DESC LIMIT $3";
            by_index(c, newest, &words, i64::MAX, limit)?
        }
        Conn::Sqlite(c) => {
            let newest = "SELECT rowid AS id, 0 AS rank FROM title_words WHERE title_words MATCH $1
                ORDER BY rowid DESC LIMIT $2";
            diesel::sql_query(newest).bind::<Text, _>(&words.query).bind::<BigInt, _>(limit).load::<Hit>(c)?
        }
    };
    Ok(hits.into_iter().map(|hit| hit.id).collect())
}
