//! Comments, as WordPress lists them: approved ones under what readers see, in one line.

use std::collections::HashMap;

use diesel::dsl::exists;
use diesel::prelude::*;
use domain::ids::CommentId;
use domain::{Error, Result, Timestamp};

use super::{Slice, ids, numbers_of};
use crate::Conn;
use crate::db::{MultiBackend, Refuse};
use crate::fragments::one_of;
use crate::published_comments::Article;
use crate::schema::{published_articles, published_comments as published};
use crate::wordpress_ids::Numbered;

/// Comments of one post that are embedded in it.
const EMBEDDED: usize = 10;

/// By what comments are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CommentOrder {
    /// When they were left.
    #[default]
    Date,
    /// What they stand under.
    Post,
    /// What they reply to.
    Parent,
}

/// Which comments to list.
#[derive(Debug, Clone, Default)]
pub struct CommentQuery {
    /// Under any of these posts.
    pub posts: Option<Vec<i64>>,
    /// In reply to any of these; 0: to nothing.
    pub parents: Option<Vec<i64>>,
    /// In reply to none of these.
    pub parents_exclude: Vec<i64>,
    /// One of these.
    pub include: Option<Vec<i64>>,
    /// None of these.
    pub exclude: Vec<i64>,
    /// Left after this time.
    pub after: Option<Timestamp>,
    /// Left before this time.
    pub before: Option<Timestamp>,
    /// With this in it.
    pub search: Option<String>,
    /// By what they are sorted.
    pub order: CommentOrder,
    /// The first come first.
    pub ascending: bool,
}

/// A comment.
#[derive(Debug, Clone)]
pub struct Comment {
    /// Its identity.
    pub id: String,
    /// Its number.
    pub number: i64,
    /// The identity of the article it stands under.
    pub article: String,
    /// The number of that.
    pub post: i64,
    /// The number of the comment it replies to; 0: none.
    pub parent: i64,
    /// The name it is signed with.
    pub author_name: String,
    /// Its author's site.
    pub author_url: String,
    /// As safe HTML.
    pub html: String,
    /// When it was left.
    pub created_at: Timestamp,
}

type Select<'a> = diesel::helper_types::IntoBoxed<'a, published::table, MultiBackend>;

/// A page of comments, and how many there are in all.
pub fn comments(conn: &mut Conn, query: &CommentQuery, slice: Slice, now: Timestamp) -> Result<(Vec<Comment>, i64)> {
    let read = |conn: &mut Conn, sort, numbers: &Option<Vec<i64>>| -> Result<_> {
        let Some(numbers) = numbers else { return Ok(None) };
        Ok(Some((ids(conn, sort, numbers)?, numbers.contains(&0))))
    };
    let under = read(conn, Numbered::Article, &query.posts)?;
    let parents = read(conn, Numbered::Comment, &query.parents)?;
    let included = read(conn, Numbered::Comment, &query.include)?;
    let excluded = ids(conn, Numbered::Comment, &query.exclude)?;
    let other_parents = ids(conn, Numbered::Comment, &query.parents_exclude)?;
    let select = || {
        let mut select = shown(now);
        if let Some((under, _)) = &under {
            select = select.filter(published::article_id.eq_any(under.clone()));
        }
        if let Some((parents, root)) = &parents {
            let replies = published::parent_id.assume_not_null().eq_any(parents.clone());
            select =
                if *root { select.filter(published::parent_id.is_null().or(replies)) } else { select.filter(replies) };
        }
        if let Some((included, _)) = &included {
            select = select.filter(published::id.eq_any(included.clone()));
        }
        if !excluded.is_empty() {
            select = select.filter(published::id.ne_all(excluded.clone()));
        }
        if !other_parents.is_empty() {
            let others = published::parent_id.assume_not_null().ne_all(other_parents.clone());
            select = select.filter(published::parent_id.is_null().or(others));
        }
        if let Some(after) = query.after {
            select = select.filter(published::created_at.gt(after.micros()));
        }
        if let Some(before) = query.before {
            select = select.filter(published::created_at.lt(before.micros()));
        }
        if let Some(text) = &query.search {
            let pattern = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            select = select.filter(published::text.like(format!("%{pattern}%")).escape('\\'));
        }
        select
    };
    let total: i64 = select().count().get_result(conn)?;
    let page = select().limit(slice.limit).offset(slice.offset).select(Row::as_select());
    macro_rules! by {
        ($column:expr) => {
            if query.ascending {
                page.order(($column.asc(), published::created_at.asc(), published::id.asc())).load(conn)?
            } else {
                page.order(($column.desc(), published::created_at.desc(), published::id.desc())).load(conn)?
            }
        };
    }
    let rows: Vec<Row> = match query.order {
        CommentOrder::Date => by!(published::created_at),
        CommentOrder::Post => by!(published::article_id),
        CommentOrder::Parent => by!(published::parent_id),
    };
    Ok((numbered(conn, rows)?, total))
}

/// The newest comments of each of these articles, a few of each.
pub fn latest_comments(
    conn: &mut Conn,
    articles: Vec<String>,
    now: Timestamp,
) -> Result<HashMap<String, Vec<Comment>>> {
    let keys: Vec<(String, String)> = shown(now)
        .filter(one_of(published::article_id, articles))
        .order((published::created_at.desc(), published::id.desc()))
        .select((published::article_id, published::id))
        .load(conn)?;
    let mut of: HashMap<String, Vec<String>> = HashMap::new();
    for (article, id) in keys {
        let ids = of.entry(article).or_default();
        if ids.len() < EMBEDDED {
            ids.push(id);
        }
    }
    let wanted: Vec<String> = of.values().flatten().cloned().collect();
    let mut found = HashMap::new();
    if !wanted.is_empty() {
        let rows = published::table.filter(one_of(published::id, wanted)).select(Row::as_select()).load(conn)?;
        found.extend(numbered(conn, rows)?.into_iter().map(|comment| (comment.id.clone(), comment)));
    }
    let all = |ids: Vec<String>| ids.iter().filter_map(|id| found.get(id).cloned()).collect();
    Ok(of.into_iter().map(|(article, ids)| (article, all(ids))).collect())
}

/// The article with this number, if readers see it, as far as its comments need it; and the identity of the comment with
/// the number `parent`.
pub fn commented(
    conn: &mut Conn,
    post: i64,
    parent: Option<i64>,
    now: Timestamp,
) -> Result<(Article, Option<CommentId>)> {
    let id = ids(conn, Numbered::Article, &[post])?.pop().ok_or(Error::NotFound("article"))?;
    let comments_open = published_articles::table
        .filter(published_articles::article_id.eq(&id))
        .filter(published_articles::visible_from.le(now.micros()))
        .filter(published_articles::visible_until.gt(now.micros()))
        .select(published_articles::comments_open)
        .first(conn)
        .or_not_found("article")?;
    let parent = match parent {
        // One that there is not is refused like one that is not shown.
        Some(number) => Some(ids(conn, Numbered::Comment, &[number])?.pop().unwrap_or_default()),
        None => None,
    };
    let parent = parent.map(|id| id.parse().unwrap_or_else(|_| CommentId::new()));
    Ok((Article { id: id.parse()?, comments_open }, parent))
}

/// What readers see, without what only keeps a place.
fn shown<'a>(now: Timestamp) -> Select<'a> {
    let below = published_articles::table
        .filter(published_articles::article_id.eq(published::article_id))
        .filter(published_articles::visible_from.le(now.micros()))
        .filter(published_articles::visible_until.gt(now.micros()));
    published::table.filter(published::tombstone.eq(false)).filter(exists(below)).into_boxed()
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = published)]
struct Row {
    id: String,
    article_id: String,
    parent_id: Option<String>,
    author_name: String,
    author_url: Option<String>,
    html: String,
    created_at: i64,
}

fn numbered(conn: &mut Conn, rows: Vec<Row>) -> Result<Vec<Comment>> {
    let ids = rows.iter().flat_map(|row| [Some(&row.id), Some(&row.article_id), row.parent_id.as_ref()]);
    let mut ids: Vec<String> = ids.flatten().cloned().collect();
    ids.sort_unstable();
    ids.dedup();
    let numbers = numbers_of(conn, ids)?;
    let comment = |row: Row| Comment {
        number: numbers.get(&row.id).copied().unwrap_or(0),
        post: numbers.get(&row.article_id).copied().unwrap_or(0),
        parent: row.parent_id.and_then(|id| numbers.get(&id).copied()).unwrap_or(0),
        id: row.id,
        article: row.article_id,
        author_name: row.author_name,
        author_url: row.author_url.unwrap_or_default(),
        html: row.html,
        created_at: Timestamp::from_micros(row.created_at),
    };
    Ok(rows.into_iter().map(comment).collect())
}
