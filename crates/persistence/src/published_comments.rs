//! The read model of comments: the approved ones, with nothing in them that is not public, and the tombstones that
//! keep the place of those that no longer are. Public routes read this and nothing else.

use std::collections::HashMap;

use diesel::dsl::count_star;
use diesel::prelude::*;
use domain::comments::{AuthorRole, PublicComment, PublicCommenter};
use domain::ids::{ArticleId, CommentId};
use domain::{Error, Result, Timestamp};

use crate::changes::Op;
use crate::db::Refuse;
use crate::schema::{comments, published_articles, published_comments as published, published_slugs};
use crate::{Conn, site};

/// An article as far as its comments need it.
#[derive(Debug, Clone, Copy)]
pub struct Article {
    /// Which.
    pub id: ArticleId,
    /// Whether it takes comments.
    pub comments_open: bool,
}

/// The article that the public sees under a slug, or saw: whoever has the old address still reaches its comments.
/// `locale` absent is the site's own. One that was public and is gone for good is 410.
pub fn article(conn: &mut Conn, slug: &str, locale: Option<&str>, now: Timestamp) -> Result<Article> {
    let locale = match locale {
        Some(locale) => locale.to_owned(),
        None => site::current(conn)?.settings.locale,
    };
    let (id, gone): (String, bool) = published_slugs::table
        .find((locale, slug))
        .filter(published_slugs::since.le(now.micros()))
        .select((published_slugs::article_id, published_slugs::gone))
        .first(conn)
        .or_not_found("article")?;
    if gone {
        return Err(Error::Gone { code: "article_gone", detail: "The article was withdrawn for good.".into() });
    }
    let comments_open = published_articles::table
        .filter(published_articles::article_id.eq(&id))
        .filter(published_articles::visible_from.le(now.micros()))
        .filter(published_articles::visible_until.gt(now.micros()))
        .select(published_articles::comments_open)
        .first(conn)
        .or_not_found("article")?;
    Ok(Article { id: id.parse()?, comments_open })
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = published)]
struct Row {
    id: String,
    article_id: String,
    parent_id: Option<String>,
    depth: i32,
    tombstone: bool,
    author_name: String,
    author_url: Option<String>,
    author_role: String,
    avatar_seed: String,
    html: String,
    text: String,
    created_at: i64,
    edited_at: Option<i64>,
}

impl TryFrom<Row> for PublicComment {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: row.id.parse()?,
            article: row.article_id.parse()?,
            parent_id: row.parent_id.map(|id| id.parse()).transpose()?,
            depth: row.depth,
            author: PublicCommenter {
                name: row.author_name,
                url: row.author_url,
                role: row.author_role.parse()?,
                avatar_seed: row.avatar_seed,
            },
            body_html: row.html,
            body_text: row.text,
            created_at: Timestamp::from_micros(row.created_at),
            edited_at: row.edited_at.map(Timestamp::from_micros),
            reply_count: 0,
            tombstone: row.tombstone,
            replies: None,
        })
    }
}

/// Where a list goes on: after a comment that was left then.
pub type Position = (i64, CommentId);

/// Which comments of an article, and in which order.
#[derive(Debug, Clone, Copy)]
pub struct Listed {
    /// Whether those that reply to others are in the list themselves.
    pub flat: bool,
    /// Whether the newest come first.
    pub newest: bool,
}

/// Up to `limit` comments after a position: all in one line, or those that reply to nothing, with what stands under
/// them (`replies`), in one more query.
pub fn list(
    conn: &mut Conn,
    article: ArticleId,
    listed: Listed,
    after: Option<Position>,
    limit: i64,
) -> Result<Vec<PublicComment>> {
    let mut query =
        published::table.filter(published::article_id.eq(article.to_string())).select(Row::as_select()).into_boxed();
    if !listed.flat {
        query = query.filter(published::depth.eq(0));
    }
    query = if listed.newest {
        query.order((published::created_at.desc(), published::id.desc()))
    } else {
        query.order((published::created_at, published::id))
    };
    if let Some((at, id)) = after {
        let id = id.to_string();
        query = if listed.newest {
            query.filter(published::created_at.lt(at).or(published::created_at.eq(at).and(published::id.lt(id))))
        } else {
            query.filter(published::created_at.gt(at).or(published::created_at.eq(at).and(published::id.gt(id))))
        };
    }
    let rows: Vec<Row> = query.limit(limit).load(conn)?;
    let comments: Vec<PublicComment> = rows.into_iter().map(PublicComment::try_from).collect::<Result<_>>()?;
    if listed.flat { counted(conn, comments) } else { threaded(conn, comments) }
}

/// The newest comments of an article, whatever they stand under.
pub fn newest(conn: &mut Conn, article: ArticleId, limit: i64) -> Result<Vec<PublicComment>> {
    let rows: Vec<Row> = published::table
        .filter(published::article_id.eq(article.to_string()))
        .filter(published::tombstone.eq(false))
        .order((published::created_at.desc(), published::id.desc()))
        .limit(limit)
        .select(Row::as_select())
        .load(conn)?;
    rows.into_iter().map(PublicComment::try_from).collect()
}

/// The comments of these identities that the public sees, in no order.
pub fn with_ids(conn: &mut Conn, ids: &[String], now: Timestamp) -> Result<Vec<PublicComment>> {
    let below = published_articles::table
        .filter(published_articles::article_id.eq(published::article_id))
        .filter(published_articles::visible_from.le(now.micros()))
        .filter(published_articles::visible_until.gt(now.micros()));
    let rows = published::table.filter(published::id.eq_any(ids)).filter(diesel::dsl::exists(below));
    let rows: Vec<Row> = rows.select(Row::as_select()).load(conn)?;
    counted(conn, rows.into_iter().map(PublicComment::try_from).collect::<Result<_>>()?)
}

/// How many comments such a list holds.
pub fn count(conn: &mut Conn, article: ArticleId, listed: Listed) -> Result<i64> {
    let mut query = published::table.filter(published::article_id.eq(article.to_string())).into_boxed();
    if !listed.flat {
        query = query.filter(published::depth.eq(0));
    }
    Ok(query.count().get_result(conn)?)
}

fn counted(conn: &mut Conn, mut comments: Vec<PublicComment>) -> Result<Vec<PublicComment>> {
    let ids: Vec<String> = comments.iter().map(|comment| comment.id.to_string()).collect();
    let counts: Vec<(Option<String>, i64)> = published::table
        .filter(published::parent_id.eq_any(ids))
        .group_by(published::parent_id)
        .select((published::parent_id, count_star()))
        .load(conn)?;
    let counts: HashMap<String, i64> = counts.into_iter().filter_map(|(id, count)| Some((id?, count))).collect();
    for comment in &mut comments {
        comment.reply_count = counts.get(&comment.id.to_string()).copied().unwrap_or(0).try_into()?;
    }
    Ok(comments)
}

fn threaded(conn: &mut Conn, mut roots: Vec<PublicComment>) -> Result<Vec<PublicComment>> {
    let ids: Vec<String> = roots.iter().map(|root| root.id.to_string()).collect();
    let rows: Vec<Row> = published::table
        .filter(published::root_id.eq_any(ids))
        .filter(published::depth.gt(0))
        .order((published::depth.desc(), published::created_at, published::id))
        .select(Row::as_select())
        .load(conn)?;
    // The deepest come first: whatever stands under a comment is complete when its turn comes.
    let mut under: HashMap<CommentId, Vec<PublicComment>> = HashMap::new();
    for row in rows {
        let mut reply = PublicComment::try_from(row)?;
        hang(&mut reply, &mut under)?;
        if let Some(parent) = reply.parent_id {
            under.entry(parent).or_default().push(reply);
        }
    }
    for root in &mut roots {
        hang(root, &mut under)?;
    }
    Ok(roots)
}

fn hang(comment: &mut PublicComment, under: &mut HashMap<CommentId, Vec<PublicComment>>) -> Result<()> {
    let replies = under.remove(&comment.id).unwrap_or_default();
    comment.reply_count = replies.len().try_into()?;
    comment.replies = Some(replies);
    Ok(())
}

/// Where a reply stands in its thread.
pub(crate) struct Place {
    pub(crate) parent: String,
    pub(crate) root: String,
    pub(crate) depth: i32,
}

/// The place of a reply to `parent`, if that is shown under `article`. What would be too deep joins the last level.
pub(crate) fn place_under(conn: &mut Conn, article: ArticleId, parent: CommentId) -> Result<Option<Place>> {
    let found: Option<(String, Option<String>, String, i32)> = published::table
        .find(parent.to_string())
        .filter(published::article_id.eq(article.to_string()))
        .filter(published::tombstone.eq(false))
        .select((published::id, published::parent_id, published::root_id, published::depth))
        .first(conn)
        .optional()?;
    Ok(found.map(|(id, above, root, depth)| match above {
        Some(above) if depth >= domain::comments::MAX_DEPTH => Place { parent: above, root, depth },
        _ => Place { parent: id, root, depth: depth + 1 },
    }))
}

/// A comment that is to be shown.
pub(crate) struct Entry<'a> {
    pub(crate) id: &'a str,
    pub(crate) article_id: &'a str,
    pub(crate) parent_id: Option<&'a str>,
    pub(crate) root_id: &'a str,
    pub(crate) depth: i32,
    pub(crate) author_name: &'a str,
    pub(crate) author_url: Option<&'a str>,
    pub(crate) avatar_seed: String,
    pub(crate) html: &'a str,
    pub(crate) text: &'a str,
    pub(crate) created_at: i64,
}

/// What became of an entry of the read model.
pub(crate) type Changed = (Op, String);

/// Shows a comment; where something it stands under is not shown, a tombstone keeps the place.
///
/// The caller has the turn of all that moderate, so that no thread changes meanwhile.
pub(crate) fn put(conn: &mut Conn, entry: &Entry<'_>) -> Result<Vec<Changed>> {
    diesel::delete(published::table.find(entry.id)).execute(conn)?;
    diesel::insert_into(published::table)
        .values((
            published::id.eq(entry.id),
            published::article_id.eq(entry.article_id),
            published::parent_id.eq(entry.parent_id),
            published::root_id.eq(entry.root_id),
            published::depth.eq(entry.depth),
            published::tombstone.eq(false),
            published::author_name.eq(entry.author_name),
            published::author_url.eq(entry.author_url),
            published::author_role.eq(AuthorRole::Guest.as_str()),
            published::avatar_seed.eq(&entry.avatar_seed),
            published::html.eq(entry.html),
            published::text.eq(entry.text),
            published::created_at.eq(entry.created_at),
        ))
        .execute(conn)?;
    let mut changed = vec![(Op::Upsert, entry.id.to_owned())];
    let mut above = entry.parent_id.map(str::to_owned);
    while let Some(id) = above {
        // Each says how many stand right under it.
        let shown = diesel::select(diesel::dsl::exists(published::table.find(&id))).get_result(conn)?;
        above = if shown { None } else { bury(conn, &id)? };
        changed.push((Op::Upsert, id));
    }
    // What stands under another comes after it in the log.
    changed.reverse();
    Ok(changed)
}

/// Puts a tombstone in the place of a comment that is not shown; answers what that stands under.
pub(crate) fn bury(conn: &mut Conn, id: &str) -> Result<Option<String>> {
    let (article, parent, root, depth, created_at): (String, Option<String>, String, i32, i64) = comments::table
        .find(id)
        .select((comments::article_id, comments::parent_id, comments::root_id, comments::depth, comments::created_at))
        .first(conn)?;
    diesel::insert_into(published::table)
        .values((
            published::id.eq(id),
            published::article_id.eq(article),
            published::parent_id.eq(&parent),
            published::root_id.eq(root),
            published::depth.eq(depth),
            published::tombstone.eq(true),
            published::author_name.eq(""),
            published::author_role.eq(AuthorRole::Guest.as_str()),
            published::avatar_seed.eq(""),
            published::html.eq(""),
            published::text.eq(""),
            published::created_at.eq(created_at),
        ))
        .execute(conn)?;
    Ok(parent)
}

/// Shows a comment no longer. While something stands under it, a tombstone keeps its place; tombstones under which
/// nothing stands any more go with it.
pub(crate) fn withdraw(conn: &mut Conn, id: &str) -> Result<Vec<Changed>> {
    if has_replies(conn, id)? {
        diesel::update(published::table.find(id))
            .set((
                published::tombstone.eq(true),
                published::author_name.eq(""),
                published::author_url.eq(None::<String>),
                published::avatar_seed.eq(""),
                published::html.eq(""),
                published::text.eq(""),
                published::edited_at.eq(None::<i64>),
            ))
            .execute(conn)?;
        return Ok(vec![(Op::Upsert, id.to_owned())]);
    }
    let mut changed = Vec::new();
    let mut next = Some(id.to_owned());
    while let Some(id) = next {
        let row = published::table.find(&id);
        let above: Option<Option<String>> = row.select(published::parent_id).first(conn).optional()?;
        diesel::delete(row).execute(conn)?;
        changed.push((Op::Delete, id));
        next = match above.flatten() {
            Some(above) if is_tombstone(conn, &above)? && !has_replies(conn, &above)? => Some(above),
            Some(above) => {
                changed.push((Op::Upsert, above));
                None
            }
            None => None,
        };
    }
    Ok(changed)
}

fn has_replies(conn: &mut Conn, id: &str) -> Result<bool> {
    let replies = published::table.filter(published::parent_id.eq(id));
    Ok(diesel::select(diesel::dsl::exists(replies)).get_result(conn)?)
}

fn is_tombstone(conn: &mut Conn, id: &str) -> Result<bool> {
    let tombstone: Option<bool> = published::table.find(id).select(published::tombstone).first(conn).optional()?;
    Ok(tombstone.unwrap_or(false))
}
