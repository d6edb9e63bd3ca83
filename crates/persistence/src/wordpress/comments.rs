//! Comments, as WordPress lists them: approved ones under what readers see, in one line.

use std::collections::{HashMap, HashSet};

use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use domain::ids::CommentId;
use domain::{Error, Result, Timestamp};

use super::{Slice, ids, numbers_of};
use crate::Conn;
use crate::db::{MultiBackend, Refuse, on};
use crate::fragments::one_of;
use crate::published::View;
use crate::published_comments::Article;
use crate::schema::{published_articles, published_comments as published};
use crate::totals::Total;
use crate::wordpress_ids::Numbered;

/// Comments of one post that are embedded in it.
const EMBEDDED: i64 = 10;

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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
    /// Whether any comment that is shown replies to it.
    pub has_replies: bool,
}

type Select<'a> = diesel::helper_types::IntoBoxed<'a, published::table, MultiBackend>;

/// Filters with everything looked up that they name.
struct Filters<'a> {
    query: &'a CommentQuery,
    /// Articles that readers see.
    under: Option<Vec<String>>,
    /// Whether what replies to nothing is wanted, and what that replies to which is.
    parents: Option<(bool, Vec<String>)>,
    other_parents: Vec<String>,
    included: Option<Vec<String>>,
    excluded: Vec<String>,
}

impl<'a> Filters<'a> {
    fn read(conn: &mut Conn, query: &'a CommentQuery, now: Timestamp) -> Result<Self> {
        let under = match &query.posts {
            Some(posts) => Some(public(conn, posts, now)?),
            None => None,
        };
        let parents = match &query.parents {
            Some(parents) => Some((parents.contains(&0), ids(conn, Numbered::Comment, parents)?)),
            None => None,
        };
        let included = query.include.as_ref().map(|include| ids(conn, Numbered::Comment, include)).transpose()?;
        let other_parents = ids(conn, Numbered::Comment, &query.parents_exclude)?;
        let excluded = ids(conn, Numbered::Comment, &query.exclude)?;
        Ok(Self { query, under, parents, other_parents, included, excluded })
    }

    fn select(&self, now: Timestamp) -> Select<'a> {
        let query = self.query;
        // What only keeps a place is not there.
        let mut select = published::table.filter(published::tombstone.eq(false)).into_boxed();
        select = match &self.under {
            Some(under) => select.filter(one_of(published::article_id, under.clone())),
            None => select.filter(exists(
                published_articles::table
                    .filter(published_articles::article_id.eq(published::article_id))
                    .filter(published_articles::visible_from.le(now.micros()))
                    .filter(published_articles::visible_until.gt(now.micros())),
            )),
        };
        if let Some((root, parents)) = &self.parents {
            let replies = published::parent_id.assume_not_null().eq_any(parents.clone());
            select =
                if *root { select.filter(published::parent_id.is_null().or(replies)) } else { select.filter(replies) };
        }
        if let Some(included) = &self.included {
            select = select.filter(one_of(published::id, included.clone()));
        }
        if !self.excluded.is_empty() {
            select = select.filter(published::id.ne_all(self.excluded.clone()));
        }
        if !self.other_parents.is_empty() {
            let others = published::parent_id.assume_not_null().ne_all(self.other_parents.clone());
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
    }
}

/// A page of comments, and how many there are in all.
pub fn comments(conn: &mut Conn, view: &View, query: &CommentQuery, slice: Slice) -> Result<(Vec<Comment>, i64)> {
    let filters = Filters::read(conn, query, view.now)?;
    let everything = CommentQuery { order: query.order, ascending: query.ascending, ..CommentQuery::default() };
    let total = if *query == everything {
        view.forms.totals.of(conn, view.now, Total::Comments, |conn| count_all(conn, view.now))?
    } else {
        filters.select(view.now).count().get_result(conn)?
    };
    if total <= slice.offset {
        return Ok((Vec::new(), total));
    }
    let page = filters.select(view.now).limit(slice.limit).offset(slice.offset).select(Row::as_select());
    macro_rules! by {
        ($($column:expr),*) => {
            if query.ascending {
                page.order(($($column.asc(),)* published::created_at.asc(), published::id.asc())).load(conn)?
            } else {
                page.order(($($column.desc(),)* published::created_at.desc(), published::id.desc())).load(conn)?
            }
        };
    }
    let rows: Vec<Row> = match query.order {
        CommentOrder::Date => by!(),
        CommentOrder::Post => by!(published::article_id),
        CommentOrder::Parent => by!(published::parent_id),
    };
    Ok((numbered(conn, rows)?, total))
}

/// Counts all comments, of indexes alone: all that there are, asking once of each article whether readers see it, but
/// for those that only keep a place.
fn count_all(conn: &mut Conn, now: Timestamp) -> Result<i64> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        total: i64,
    }
    let count = "WITH below AS (
            SELECT article_id, count(*) AS own FROM published_comments GROUP BY article_id
            UNION ALL SELECT article_id, -count(*) FROM published_comments WHERE tombstone GROUP BY article_id)
        SELECT CAST(coalesce(sum(own), 0) AS BIGINT) AS total FROM below
        WHERE EXISTS (SELECT 1 FROM published_articles AS article WHERE article.article_id = below.article_id
            AND visible_from <= $1 AND visible_until > $1)";
    let row: Row = diesel::sql_query(count).bind::<BigInt, _>(now.micros()).get_result(conn)?;
    Ok(row.total)
}

/// Those of these posts that readers see.
fn public(conn: &mut Conn, posts: &[i64], now: Timestamp) -> Result<Vec<String>> {
    let named = ids(conn, Numbered::Article, posts)?;
    Ok(published_articles::table
        .filter(one_of(published_articles::article_id, named))
        .filter(published_articles::visible_from.le(now.micros()))
        .filter(published_articles::visible_until.gt(now.micros()))
        .select(published_articles::article_id)
        .load(conn)?)
}

/// The newest comments of each of these articles, which readers see: a few of each.
pub fn latest_comments(conn: &mut Conn, articles: Vec<String>) -> Result<HashMap<String, Vec<Comment>>> {
    let mut rows: Vec<Row> = Vec::new();
    for article in articles {
        let newest: Vec<Row> = on!(conn, |c| published::table
            .filter(published::article_id.eq(article))
            .filter(published::tombstone.eq(false))
            .order((published::created_at.desc(), published::id.desc()))
            .limit(EMBEDDED)
            .select(Row::as_select())
            .load(c))?;
        rows.extend(newest);
    }
    let mut of: HashMap<String, Vec<Comment>> = HashMap::new();
    for comment in numbered(conn, rows)? {
        of.entry(comment.article.clone()).or_default().push(comment);
    }
    Ok(of)
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
    let replied: Vec<Option<String>> = published::table
        .filter(published::tombstone.eq(false))
        .filter(one_of(published::parent_id.assume_not_null(), rows.iter().map(|row| row.id.clone()).collect()))
        .select(published::parent_id)
        .distinct()
        .load(conn)?;
    let replied: HashSet<String> = replied.into_iter().flatten().collect();
    let comment = |row: Row| Comment {
        number: numbers.get(&row.id).copied().unwrap_or(0),
        post: numbers.get(&row.article_id).copied().unwrap_or(0),
        parent: row.parent_id.and_then(|id| numbers.get(&id).copied()).unwrap_or(0),
        has_replies: replied.contains(&row.id),
        id: row.id,
        article: row.article_id,
        author_name: row.author_name,
        author_url: row.author_url.unwrap_or_default(),
        html: row.html,
        created_at: Timestamp::from_micros(row.created_at),
    };
    Ok(rows.into_iter().map(comment).collect())
}
