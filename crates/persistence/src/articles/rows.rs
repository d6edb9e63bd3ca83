//! The rows of articles and revisions.

use diesel::prelude::*;
use domain::articles::{Article, Content, Kind};
use domain::ids::ArticleId;
use domain::{Actor, Error, Result, Timestamp};
use serde_json::{Value, json};

use crate::db::Refuse;
use crate::schema::{articles, revisions};
use crate::wordpress_ids::{self, Numbered};
use crate::{Conn, bulk, ghost_ids};

/// The order of a list for editors: last changed first, then identity.
pub type Position = (i64, ArticleId);

#[derive(Queryable, Selectable)]
#[diesel(table_name = articles)]
pub(super) struct Row {
    id: String,
    kind: String,
    group_id: String,
    locale: String,
    state: String,
    version: i64,
    pub(super) revision: i64,
    published_revision: Option<i64>,
    scheduled_revision: Option<i64>,
    publish_at: Option<i64>,
    published_at: Option<i64>,
    first_public_at: Option<i64>,
    comments_open: bool,
    owner_id: Option<String>,
    updated_at: i64,
    updated_by: String,
}

/// An article as it lies in the table, with what only persistence needs.
pub(super) struct Stored {
    pub(super) article: Article,
    pub(super) first_public_at: Option<Timestamp>,
}

impl TryFrom<Row> for Stored {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let number = |number: Option<i64>| number.map(u64::try_from).transpose();
        let article = Article {
            id: row.id.parse()?,
            kind: if row.kind == Kind::Page.as_str() { Kind::Page } else { Kind::Article },
            group: row.group_id.parse()?,
            locale: row.locale,
            state: row.state.parse()?,
            version: row.version.try_into()?,
            revision: row.revision.try_into()?,
            published_revision: number(row.published_revision)?,
            scheduled_revision: number(row.scheduled_revision)?,
            publish_at: row.publish_at.map(Timestamp::from_micros),
            published_at: row.published_at.map(Timestamp::from_micros),
            comments_open: row.comments_open,
            owner: row.owner_id.map(|id| id.parse()).transpose()?,
            updated_at: Timestamp::from_micros(row.updated_at),
            updated_by: row.updated_by,
        };
        Ok(Self { article, first_public_at: row.first_public_at.map(Timestamp::from_micros) })
    }
}

pub(super) fn load(conn: &mut Conn, id: ArticleId) -> Result<Stored> {
    articles::table.find(id.to_string()).select(Row::as_select()).first(conn).or_not_found("article")?.try_into()
}

/// The identities of articles whose scheduled time has come.
pub(super) fn due(conn: &mut Conn, now: Timestamp, limit: i64) -> Result<Vec<ArticleId>> {
    let ids: Vec<String> = articles::table
        .filter(articles::publish_at.le(now.micros()))
        .filter(articles::state.eq("scheduled"))
        .order(articles::publish_at)
        .limit(limit)
        .select(articles::id)
        .load(conn)?;
    ids.iter().map(|id| Ok(id.parse()?)).collect()
}

pub(super) fn content(conn: &mut Conn, id: ArticleId, number: u64) -> Result<Content> {
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    let content: String = revisions::table
        .find((id.to_string(), number))
        .select(revisions::content)
        .first(conn)
        .or_not_found("revision")?;
    Ok(serde_json::from_str(&content)?)
}

pub(super) fn insert(
    conn: &mut Conn,
    article: &Article,
    content: &Content,
    for_newsletter: bool,
    at: Timestamp,
) -> Result<()> {
    bulk::insert(conn, "articles", &[row(article, content, for_newsletter, at, None)], "")
        .or_conflict("articles_group_id_locale_key", translation_exists)?;
    let id = article.id.to_string();
    wordpress_ids::take(conn, Numbered::Article, &id)?;
    ghost_ids::take(conn, ghost_ids::Kind::Article, &id)?;
    Ok(())
}

/// The row of a new article, begun at `at`.
pub(super) fn row(
    article: &Article,
    content: &Content,
    for_newsletter: bool,
    at: Timestamp,
    first_public_at: Option<Timestamp>,
) -> Value {
    json!({
        "id": article.id, "kind": article.kind.as_str(), "group_id": article.group, "locale": article.locale,
        "state": article.state.as_str(), "version": article.version, "revision": article.revision,
        "published_revision": article.published_revision, "scheduled_revision": article.scheduled_revision,
        "publish_at": article.publish_at.map(Timestamp::micros),
        "published_at": article.published_at.map(Timestamp::micros),
        "first_public_at": first_public_at.map(Timestamp::micros), "newsletter_eligible": for_newsletter,
        "comments_open": article.comments_open, "owner_id": article.owner, "slug": content.slug,
        "title": content.title, "created_at": at.micros(), "updated_at": article.updated_at.micros(),
        "updated_by": article.updated_by, "parent_id": content.parent_id,
    })
}

fn translation_exists() -> Error {
    Error::conflict("translation_exists", "The article has a translation in this locale already.")
}

pub(super) fn insert_revision(
    conn: &mut Conn,
    article: &Article,
    content: &Content,
    by: &Actor,
    at: Timestamp,
) -> Result<()> {
    bulk::insert(conn, "revisions", &[revision_row(article, content, by, at)?], "")
        // Another one saved at the same time: the same as a version that has changed meanwhile.
        .or_conflict("revisions_pkey", || Error::Stale(Box::new(article.stale())))?;
    Ok(())
}

/// The row of the newest revision of an article.
pub(super) fn revision_row(article: &Article, content: &Content, by: &Actor, at: Timestamp) -> Result<Value> {
    Ok(json!({
        "article_id": article.id, "number": article.revision, "content": serde_json::to_string(content)?,
        "title": content.title, "author_id": by.user, "author_name": by.name, "created_at": at.micros(),
    }))
}

/// Saves an article if it still has the version `seen`; whether it had.
pub(super) fn save(
    conn: &mut Conn,
    article: &Article,
    seen: u64,
    content: Option<&Content>,
    first_public_at: Option<Timestamp>,
) -> Result<bool> {
    let number = |number: Option<u64>| number.map(i64::try_from).transpose();
    let current = articles::table.find(article.id.to_string()).filter(articles::version.eq(i64::try_from(seen)?));
    let saved = diesel::update(current)
        .set((
            articles::group_id.eq(article.group.to_string()),
            articles::locale.eq(&article.locale),
            articles::state.eq(article.state.as_str()),
            articles::version.eq(i64::try_from(article.version)?),
            articles::revision.eq(i64::try_from(article.revision)?),
            articles::published_revision.eq(number(article.published_revision)?),
            articles::scheduled_revision.eq(number(article.scheduled_revision)?),
            articles::publish_at.eq(article.publish_at.map(Timestamp::micros)),
            articles::published_at.eq(article.published_at.map(Timestamp::micros)),
            articles::first_public_at.eq(first_public_at.map(Timestamp::micros)),
            articles::comments_open.eq(article.comments_open),
            articles::updated_at.eq(article.updated_at.micros()),
            articles::updated_by.eq(&article.updated_by),
        ))
        .execute(conn)
        .or_conflict("articles_group_id_locale_key", translation_exists)?;
    if let Some(content) = content.filter(|_| saved > 0) {
        diesel::update(articles::table.find(article.id.to_string()))
            .set((
                articles::slug.eq(&content.slug),
                articles::title.eq(&content.title),
                articles::parent_id.eq(content.parent_id.map(|id| id.to_string())),
            ))
            .execute(conn)?;
    }
    Ok(saved > 0)
}

/// Removes an article and its revisions if it still has the version that was loaded; whether it had.
pub(super) fn delete(conn: &mut Conn, article: &Article) -> Result<bool> {
    let version = i64::try_from(article.version)?;
    let current = articles::table.find(article.id.to_string()).filter(articles::version.eq(version));
    Ok(diesel::delete(current).execute(conn)? > 0)
}

/// The refusal of a change that another one overtook.
pub(super) fn overtaken(conn: &mut Conn, id: ArticleId) -> Error {
    match load(conn, id) {
        Ok(stored) => Error::Stale(Box::new(stored.article.stale())),
        Err(error) => error,
    }
}
