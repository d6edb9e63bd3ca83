//! The log of what the public sees: whatever a public document says differently from now on is named by one entry, in
//! the transaction that changed it, in the order of commit.
//!
//! Everything that must hear of a change reads this log: the delivery cache of every node, `GET /v1/changes`, its
//! stream, and the purge of a CDN. So an entry says, beside what changed, which lists it came into and went from.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use domain::{Error, Result, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Conn;
use crate::db::on;
use crate::fragments::one_of;
use crate::schema::{change_log, changes};

pub mod delta;
mod listing;

pub use listing::{Relisted, Window};

/// The channel on which PostgreSQL tells of new entries.
const CHANNEL: &str = "byline_changes";

/// Whether something came or changed, or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// It is there now, in this form.
    Upsert,
    /// It is no longer there.
    Delete,
}

impl Op {
    /// Its name in the log and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upsert => "upsert",
            Self::Delete => "delete",
        }
    }
}

/// A kind of thing that the public sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// The publication itself.
    Site,
    /// A category.
    Category,
    /// A tag.
    Tag,
    /// A byline.
    Byline,
    /// An article, or a page.
    Article,
    /// A comment.
    Comment,
    /// Where paths lead: caches hear of it, replicas do not, since it is no document.
    Redirect,
    /// A file: caches hear of it, replicas do not, since `/v1` shows it as part of others.
    Media,
}

impl Resource {
    /// Every kind of document, each after what it refers to.
    pub const ALL: [Self; 6] = [Self::Site, Self::Category, Self::Tag, Self::Byline, Self::Article, Self::Comment];
    /// Kinds that are no document.
    const UNSHOWN: [Self; 2] = [Self::Redirect, Self::Media];

    /// Its name in the log and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Category => "category",
            Self::Tag => "tag",
            Self::Byline => "byline",
            Self::Article => "article",
            Self::Comment => "comment",
            Self::Redirect => "redirect",
            Self::Media => "media",
        }
    }
}

/// What an entry touches beside the resource it is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touched {
    /// Surrogate keys of other answers: `list:tags`, `comments:ID`, `about:ID` (what is said of a category, a tag or a
    /// byline, rather than how many articles it has), `slug:SLUG` (which article has it), `tag-slug:SLUG` (whether a tag
    /// has it), ...
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Of an article: the lists that hold it, or held it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relisted: Option<Relisted>,
    /// It is about something that `/v1` does not show: caches hear of it, readers of the log do not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its place in the order of commit.
    pub seq: i64,
    /// When it was entered.
    pub at: Timestamp,
    /// What happened.
    pub op: Op,
    /// To what kind of thing.
    pub resource: Resource,
    /// The identity of the thing.
    pub id: String,
    /// Its slug, if it has one.
    pub slug: Option<String>,
    /// Its locale, if it has one.
    pub locale: Option<String>,
    /// What else it touches.
    pub touched: Touched,
}

impl Change {
    /// Surrogate keys that a cache in front of this one has to drop: the header `Surrogate-Key` names lists, and not all
    /// that is in them.
    pub fn surrogate_keys(&self) -> Vec<String> {
        let mut keys = vec![match self.resource {
            Resource::Site => "site".to_owned(),
            other => format!("{}:{}", other.as_str(), self.id),
        }];
        let list = match self.resource {
            Resource::Category => Some("list:categories"),
            Resource::Tag => Some("list:tags"),
            Resource::Byline => Some("list:bylines"),
            // It says something else wherever it is listed.
            Resource::Article if self.touched.relisted.is_none() => Some("lists"),
            _ => None,
        };
        keys.extend(list.map(str::to_owned));
        // Finer ones are for the cache of this server.
        let finer = |key: &&String| {
            ["about:", "address:", "name:", "slug:", "tag-slug:"].iter().any(|finer| key.starts_with(finer))
        };
        keys.extend(self.touched.keys.iter().filter(|key| !finer(key)).cloned());
        let scopes = self.touched.relisted.iter().flat_map(Relisted::scopes);
        keys.extend(scopes.map(|scope| format!("list:{scope}")));
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

/// An entry to be written.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) op: Op,
    pub(crate) resource: Resource,
    pub(crate) id: String,
    pub(crate) slug: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) touched: Touched,
}

impl Entry {
    /// An entry that touches nothing but what it is about.
    pub(crate) fn new(op: Op, resource: Resource, id: impl Into<String>, slug: Option<String>) -> Self {
        Self { op, resource, id: id.into(), slug, locale: None, touched: Touched::default() }
    }

    /// Whether `/v1` does not show what it is about.
    pub(crate) fn hidden(mut self, hidden: bool) -> Self {
        self.touched.hidden = hidden;
        self
    }

    /// Touches these too.
    pub(crate) fn touching(mut self, keys: impl IntoIterator<Item = String>) -> Self {
        self.touched.keys.extend(keys);
        self
    }
}

/// Takes the log until the transaction ends, so that the order of `seq` is the order of commit, and lets other nodes
/// hear of it then. Take it last: whoever holds it waits for nobody. SQLite has one writer anyway.
fn hold(conn: &mut Conn) -> Result<()> {
    if let Conn::Postgres(c) = conn {
        diesel::sql_query(format!("SELECT pg_advisory_xact_lock(7310212), pg_notify('{CHANNEL}', '')")).execute(c)?;
    }
    Ok(())
}

/// Writes entries, in this order.
pub(crate) fn record(conn: &mut Conn, entries: &[Entry], at: Timestamp) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    hold(conn)?;
    // Both engines bound the parameters of one statement.
    for entries in entries.chunks(500) {
        let rows: Vec<_> = entries
            .iter()
            .map(|entry| {
                Ok((
                    changes::at.eq(at.micros()),
                    changes::op.eq(entry.op.as_str()),
                    changes::resource.eq(entry.resource.as_str()),
                    changes::resource_id.eq(&entry.id),
                    changes::slug.eq(entry.slug.as_deref()),
                    changes::locale.eq(entry.locale.as_deref()),
                    changes::keys.eq(serde_json::to_string(&entry.touched)?),
                ))
            })
            .collect::<Result<_>>()?;
        on!(conn, |c| diesel::insert_into(changes::table).values(&rows).execute(c))?;
    }
    Ok(())
}

/// Enters every public article that is listed in this scope, and those that name one of them as their translation:
/// what they say of it changed.
pub(crate) fn record_articles_in(conn: &mut Conn, scope: &str, scope_id: &str, at: Timestamp) -> Result<()> {
    hold(conn)?;
    diesel::sql_query(
        "INSERT INTO changes (at, op, resource, resource_id, slug, locale, keys)
         SELECT $1, 'upsert', 'article', article_id, slug, locale, '{}' FROM published_articles
         WHERE visible_from <= $1 AND visible_until > $1 AND group_id IN (
             SELECT p.group_id FROM published_in i
             JOIN published_articles p ON p.article_id = i.article_id AND p.revision = i.revision
             WHERE i.scope = $2 AND i.scope_id = $3)
         ORDER BY article_id",
    )
    .bind::<BigInt, _>(at.micros())
    .bind::<Text, _>(scope)
    .bind::<Text, _>(scope_id)
    .execute(conn)?;
    Ok(())
}

/// Enters every comment that is shown below an article which came or went.
pub(crate) fn record_comments_of(conn: &mut Conn, op: Op, article_id: &str, at: Timestamp) -> Result<()> {
    let touched =
        Touched { keys: vec![format!("comments:{article_id}"), "list:comments".to_owned()], ..Touched::default() };
    hold(conn)?;
    diesel::sql_query(
        "INSERT INTO changes (at, op, resource, resource_id, slug, locale, keys)
         SELECT $1, $2, 'comment', id, NULL, NULL, $3 FROM published_comments WHERE article_id = $4
         ORDER BY created_at, id",
    )
    .bind::<BigInt, _>(at.micros())
    .bind::<Text, _>(op.as_str())
    .bind::<Text, _>(serde_json::to_string(&touched)?)
    .bind::<Text, _>(article_id)
    .execute(conn)?;
    Ok(())
}

/// What every document says has changed at once: whoever follows the log starts over.
pub(crate) fn begin_anew(conn: &mut Conn) -> Result<()> {
    hold(conn)?;
    let head = head(conn)?;
    diesel::update(change_log::table.find(1)).set(change_log::gone.eq(head)).execute(conn)?;
    Ok(())
}

/// Forgets entries from before `before`; the newest one stays.
pub fn prune(conn: &mut Conn, before: Timestamp) -> Result<usize> {
    let newest: i64 = head(conn)?;
    let gone: Option<i64> = changes::table
        .filter(changes::at.lt(before.micros()))
        .filter(changes::seq.lt(newest))
        .select(diesel::dsl::max(changes::seq))
        .first(conn)?;
    let Some(gone) = gone else { return Ok(0) };
    diesel::update(change_log::table.find(1).filter(change_log::gone.lt(gone)))
        .set(change_log::gone.eq(gone))
        .execute(conn)?;
    Ok(diesel::delete(changes::table.filter(changes::seq.le(gone))).execute(conn)?)
}

/// The `seq` of the newest entry; 0 before there was any.
pub fn head(conn: &mut Conn) -> Result<i64> {
    let newest: Option<i64> = changes::table.select(diesel::dsl::max(changes::seq)).first(conn)?;
    Ok(newest.unwrap_or(0))
}

/// Which log this is, and from where on it tells everything.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Log {
    /// Random, made with the database.
    pub id: String,
    /// The entries up to this one are gone, or no longer tell all that changed.
    pub gone: i64,
}

/// The log of this database.
pub fn log(conn: &mut Conn) -> Result<Log> {
    Ok(change_log::table.find(1).select((change_log::log_id, change_log::gone)).first(conn)?)
}

#[derive(Queryable)]
struct Row {
    seq: i64,
    at: i64,
    op: String,
    resource: String,
    id: String,
    slug: Option<String>,
    locale: Option<String>,
    touched: String,
}

impl TryFrom<Row> for Change {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let resource =
            Resource::ALL.into_iter().chain(Resource::UNSHOWN).find(|resource| resource.as_str() == row.resource);
        Ok(Self {
            seq: row.seq,
            at: Timestamp::from_micros(row.at),
            op: if row.op == Op::Delete.as_str() { Op::Delete } else { Op::Upsert },
            resource: resource.ok_or_else(|| Error::Internal(format!("the log names a {}", row.resource)))?,
            id: row.id,
            slug: row.slug,
            locale: row.locale,
            touched: serde_json::from_str(&row.touched)?,
        })
    }
}

/// Up to `limit` entries after one, in order.
pub fn after(conn: &mut Conn, seq: i64, limit: i64) -> Result<Vec<Change>> {
    let rows: Vec<Row> = changes::table.filter(changes::seq.gt(seq)).order(changes::seq).limit(limit).load(conn)?;
    rows.into_iter().map(Change::try_from).collect()
}

/// When one of these things last changed, or something came to, went from or changed in what `key` names (a scope, as
/// [`Relisted`] has it, or a surrogate key). The site is always meant too. None if that was before the log begins.
pub fn last_of(conn: &mut Conn, ids: Vec<String>, key: &str) -> Result<Option<Timestamp>> {
    // The newest is found first, and nearly always is the one: an answer is computed anew since something changed.
    let touched = changes::keys.like(format!("%\"{key}\"%"));
    let at: Option<i64> = changes::table
        .filter(one_of(changes::resource_id, ids).or(touched).or(changes::resource.eq(Resource::Site.as_str())))
        .order(changes::seq.desc())
        .select(changes::at)
        .first(conn)
        .optional()?;
    Ok(at.map(Timestamp::from_micros))
}

/// How far the public has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// The `seq` of the newest entry.
    pub head: i64,
    /// When the next article becomes public by itself, or another revision of one.
    pub due: Option<Timestamp>,
}

/// Asks, in one statement, for what tells whether a cache is still right.
pub fn pulse(conn: &mut Conn, now: Timestamp) -> Result<Pulse> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        head: i64,
        #[diesel(sql_type = diesel::sql_types::Nullable<BigInt>)]
        due: Option<i64>,
    }
    let row: Row = diesel::sql_query(
        "SELECT coalesce((SELECT max(seq) FROM changes), 0) AS head,
             (SELECT min(visible_from) FROM published_articles WHERE visible_from > $1) AS due",
    )
    .bind::<BigInt, _>(now.micros())
    .get_result(conn)?;
    Ok(Pulse { head: row.head, due: row.due.map(Timestamp::from_micros) })
}

/// Listens on PostgreSQL for what other nodes enter, on a connection of its own.
pub struct Listener(diesel::PgConnection);

impl Listener {
    pub(crate) fn new(mut conn: diesel::PgConnection) -> Result<Self> {
        diesel::sql_query(format!("LISTEN {CHANNEL}")).execute(&mut conn)?;
        Ok(Self(conn))
    }

    /// Whether anything was entered since it was asked last. It does not wait.
    pub fn heard(&mut self) -> Result<bool> {
        let mut heard = false;
        for notification in self.0.notifications_iter() {
            notification?;
            heard = true;
        }
        Ok(heard)
    }
}
