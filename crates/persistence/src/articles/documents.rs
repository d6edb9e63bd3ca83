//! Articles and revisions as editors see them.

use diesel::prelude::*;
use domain::articles::{Article, ArticleDocument, ArticleWrite, Comments, Content, EditorsBody, Kind, Revision, State};
use domain::ids::ArticleId;
use domain::permissions::{Action, Reach};
use domain::published::{Body, Joined, Summary};
use domain::{Actor, Result, Timestamp};
use serde::Serialize;

use super::rows::{self, Position, Row, Stored};
use crate::db::{MultiBackend, Refuse};
use crate::forms::References;
use crate::joins::{self, Refers};
use crate::published::View;
use crate::schema::{articles, revisions};
use crate::{Conn, site};

/// One article, for someone who may see it.
pub fn document(conn: &mut Conn, by: &Actor, id: ArticleId, view: &View) -> Result<ArticleDocument> {
    by.reach(Action::ReadArticles)?;
    let article = rows::load(conn, id)?.article.at(view.now);
    article.see(by)?;
    let content = rows::content(conn, id, article.revision)?;
    let mut documents = draw(conn, by, vec![(article, content)], view, true)?;
    documents.pop().ok_or_else(|| domain::Error::Internal("an article was not drawn".into()))
}

/// Which articles an editor lists.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Query {
    /// In this state now.
    pub state: Option<State>,
    /// Articles, or pages; absent: both.
    pub kind: Option<Kind>,
    /// In this locale.
    pub locale: Option<String>,
    /// With this in the title, whatever the case.
    pub q: Option<String>,
}

/// A list's articles, and how many there are in all.
#[derive(Debug)]
pub struct Listed {
    /// The articles of the page.
    pub articles: Vec<ArticleDocument>,
    /// How many there are in all, if it was asked.
    pub total: Option<i64>,
}

/// Up to `limit` articles that `by` may see, after a position, last changed first.
pub fn list(
    conn: &mut Conn,
    by: &Actor,
    query: &Query,
    (after, limit): (Option<Position>, i64),
    (with_body, with_total): (bool, bool),
    view: &View,
) -> Result<Listed> {
    let reach = by.reach(Action::ReadArticles)?;
    let owner = (reach != Reach::All).then(|| by.user.map(|id| id.to_string()).unwrap_or_default());
    let select = || select(query, owner.as_deref(), view.now);
    let total = if with_total { Some(select().count().get_result(conn)?) } else { None };
    let mut page = select().limit(limit).order((articles::updated_at.desc(), articles::id.desc()));
    if let Some((at, id)) = after {
        let same = articles::updated_at.eq(at).and(articles::id.lt(id.to_string()));
        page = page.filter(articles::updated_at.lt(at).or(same));
    }
    let rows: Vec<(Row, String)> = page
        .inner_join(
            revisions::table.on(revisions::article_id.eq(articles::id).and(revisions::number.eq(articles::revision))),
        )
        .select((Row::as_select(), revisions::content))
        .load(conn)?;
    let articles = rows
        .into_iter()
        .map(|(row, content)| Ok((Stored::try_from(row)?.article.at(view.now), serde_json::from_str(&content)?)));
    let articles = articles.collect::<Result<_>>()?;
    Ok(Listed { articles: draw(conn, by, articles, view, with_body)?, total })
}

type Select<'a> = diesel::helper_types::IntoBoxed<'a, articles::table, MultiBackend>;

fn select<'a>(query: &'a Query, owner: Option<&'a str>, now: Timestamp) -> Select<'a> {
    let mut select = articles::table.into_boxed();
    if let Some(owner) = owner {
        select = select.filter(articles::owner_id.eq(owner));
    }
    if let Some(kind) = query.kind {
        select = select.filter(articles::kind.eq(kind.as_str()));
    }
    if let Some(locale) = &query.locale {
        select = select.filter(articles::locale.eq(locale));
    }
    // What fell due is published, whether or not a worker noted it.
    let due = articles::state.eq("scheduled").and(articles::publish_at.assume_not_null().le(now.micros()));
    select = match query.state {
        None => select,
        Some(State::Published) => select.filter(articles::state.eq("published").or(due)),
        Some(State::Scheduled) => {
            let later = articles::publish_at.assume_not_null().gt(now.micros());
            select.filter(articles::state.eq("scheduled").and(later))
        }
        Some(state) => select.filter(articles::state.eq(state.as_str())),
    };
    if let Some(q) = &query.q {
        let pattern = q.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let holds = diesel::dsl::sql::<diesel::sql_types::Bool>("lower(articles.title) LIKE ")
            .bind::<diesel::sql_types::Text, _>(format!("%{pattern}%"))
            .sql(" ESCAPE '\\'");
        select = select.filter(holds);
    }
    select
}

fn draw(
    conn: &mut Conn,
    by: &Actor,
    articles: Vec<(Article, Content)>,
    view: &View,
    with_body: bool,
) -> Result<Vec<ArticleDocument>> {
    let settings = site::settings(conn)?;
    let groups: Vec<String> = articles.iter().map(|(article, _)| article.group.to_string()).collect();
    let refers: Vec<Refers<'_>> = articles
        .iter()
        .zip(&groups)
        .map(|((article, content), group)| Refers {
            id: article.id,
            kind: article.kind,
            parent: content.parent_id,
            group,
            locale: &article.locale,
            slug: &content.slug,
            published_at: article.published_at.or(article.publish_at).unwrap_or(article.updated_at),
            references: References {
                byline_ids: &content.byline_ids,
                category_ids: &content.category_ids,
                tag_ids: &content.tag_ids,
            },
        })
        .collect();
    let translations = joins::translations(conn, &settings, groups.clone(), view.now)?;
    let joined = joins::join(conn, view, &settings, &refers, &translations)?;
    let drawn = articles.into_iter().zip(joined).map(|((article, content), joined)| ArticleDocument {
        id: article.id,
        kind: article.kind,
        joined: Joined { parent_id: content.parent_id, ..joined.into() },
        summary: Summary {
            excerpt: content.excerpt(),
            title: content.title,
            visibility: content.visibility,
            featured: content.featured,
            cover_image: content.cover_image,
            seo: content.seo,
            custom: content.custom,
            word_count: content.word_count,
            reading_minutes: content.reading_minutes,
        },
        slug: content.slug,
        published_at: article.published_at,
        updated_at: article.updated_at,
        state: article.state,
        version: article.version,
        body_format: content.body_format,
        revision: article.revision,
        published_revision: article.published_revision,
        has_unpublished_changes: article.has_unpublished_changes(),
        publish_at: article.publish_at,
        available_actions: article.available_actions(by),
        comments: Comments::from_open(article.comments_open),
        body: with_body.then_some(EditorsBody {
            body: content.body,
            shown: Body { body_html: content.body_html, toc: content.toc },
        }),
        locale: article.locale,
    });
    Ok(drawn.collect())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = revisions)]
struct RevisionRow {
    number: i64,
    title: String,
    author_id: Option<String>,
    author_name: String,
    created_at: i64,
}

fn revision_of(row: RevisionRow, content: Option<ArticleWrite>) -> Result<Revision> {
    Ok(Revision {
        number: row.number.try_into()?,
        title: row.title,
        author_id: row.author_id.map(|id| id.parse()).transpose()?,
        author_name: row.author_name,
        created_at: Timestamp::from_micros(row.created_at),
        content,
    })
}

/// Up to `limit` revisions of an article below a number, newest first.
pub fn revisions(
    conn: &mut Conn,
    by: &Actor,
    id: ArticleId,
    (before, limit): (Option<u64>, i64),
    now: Timestamp,
) -> Result<Vec<Revision>> {
    by.reach(Action::ReadArticles)?;
    rows::load(conn, id)?.article.at(now).see(by)?;
    let before = before.map_or(Ok(i64::MAX), i64::try_from)?;
    let rows: Vec<RevisionRow> = revisions::table
        .filter(revisions::article_id.eq(id.to_string()))
        .filter(revisions::number.lt(before))
        .order(revisions::number.desc())
        .limit(limit)
        .select(RevisionRow::as_select())
        .load(conn)?;
    rows.into_iter().map(|row| revision_of(row, None)).collect()
}

/// One revision with its content.
pub fn revision(conn: &mut Conn, by: &Actor, id: ArticleId, number: u64, now: Timestamp) -> Result<Revision> {
    by.reach(Action::ReadArticles)?;
    rows::load(conn, id)?.article.at(now).see(by)?;
    let key = (id.to_string(), i64::try_from(number).unwrap_or(i64::MAX));
    let row = revisions::table.find(key).select(RevisionRow::as_select()).first(conn).or_not_found("revision")?;
    let content = rows::content(conn, id, number)?;
    revision_of(row, Some(ArticleWrite::from(&content)))
}
