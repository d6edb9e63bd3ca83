//! Working through comments: the queue, decisions one by one and in bulk, and their history.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use domain::comments::{
    BulkResult, Comment, Commenter, Event, EventActor, FullComment, State, Target, TransitionWrite, Verdict, next,
};
use domain::error::Stale;
use domain::ids::CommentId;
use domain::moderation::Reason;
use domain::permissions::Action;
use domain::secrets::{Purpose, Secrets};
use domain::text::Email;
use domain::{Actor, Error, Result, Seen, Timestamp};
use serde::Serialize;

use crate::Conn;
use crate::changes::{self, Resource};
use crate::comments::{Noted, Row, note};
use crate::db::{Refuse, turn};
use crate::published_comments::{self, Changed, Entry};
use crate::schema::{
    categories, comment_events as events, comments, published_articles, published_in, published_slugs,
};

/// Which comments of the queue.
#[derive(Debug, Clone, Serialize)]
pub struct Filter {
    /// In this state.
    pub state: State,
    /// Held for this reason.
    pub hold_reason: Option<Reason>,
    /// Under this article: its id, or a slug that it has or had.
    pub article: Option<String>,
    /// Under articles of this category (slug or path) or of one below it.
    pub category: Option<String>,
    /// Whose text or name holds this, whatever the case.
    pub text: Option<String>,
    /// Left then or later.
    pub since: Option<Timestamp>,
    /// Whether the newest come first.
    pub newest: bool,
}

/// Where the queue goes on: after a comment that was left then.
pub type Position = (i64, CommentId);

#[diesel::declare_sql_function]
extern "SQL" {
    /// Lower case; on `SQLite` of ASCII alone.
    fn lower(text: Text) -> Text;
}

/// Up to `limit` comments after a position.
pub fn queue(
    conn: &mut Conn,
    by: &Actor,
    filter: &Filter,
    after: Option<Position>,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<Comment>> {
    by.may(Action::ModerateComments)?;
    let mut query =
        comments::table.filter(comments::state.eq(filter.state.as_str())).select(Row::as_select()).into_boxed();
    if let Some(reason) = filter.hold_reason {
        let quoted = format!("%\"{}\"%", literally(reason.as_str()));
        query = query.filter(comments::hold_reasons.like(quoted).escape('\\'));
    }
    if let Some(article) = &filter.article {
        let by_slug =
            published_slugs::table.filter(published_slugs::slug.eq(article)).select(published_slugs::article_id);
        query = query.filter(comments::article_id.eq(article).or(comments::article_id.eq_any(by_slug)));
    }
    if let Some(category) = &filter.category {
        let named = categories::table
            .filter(categories::slug.eq(category).or(categories::path.eq(category)))
            .select(categories::id);
        let under = published_in::table
            .filter(published_in::scope.eq("subtree"))
            .filter(published_in::scope_id.eq_any(named))
            .select(published_in::article_id);
        query = query.filter(comments::article_id.eq_any(under));
    }
    if let Some(text) = &filter.text {
        let pattern = format!("%{}%", literally(&text.to_lowercase()));
        query = query.filter(
            lower(comments::text)
                .like(pattern.clone())
                .escape('\\')
                .or(lower(comments::author_name).like(pattern).escape('\\')),
        );
    }
    if let Some(since) = filter.since {
        query = query.filter(comments::created_at.ge(since.micros()));
    }
    query = if filter.newest {
        query.order((comments::created_at.desc(), comments::id.desc()))
    } else {
        query.order((comments::created_at, comments::id))
    };
    if let Some((at, id)) = after {
        let id = id.to_string();
        query = if filter.newest {
            query.filter(comments::created_at.lt(at).or(comments::created_at.eq(at).and(comments::id.lt(id))))
        } else {
            query.filter(comments::created_at.gt(at).or(comments::created_at.eq(at).and(comments::id.gt(id))))
        };
    }
    let rows: Vec<Row> = query.limit(limit).load(conn)?;
    shown(conn, by, &rows, now)
}

/// Text as a pattern of `LIKE` that means just it.
fn literally(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// Beyond this many, comments are not counted one by one.
pub const COUNTED: i64 = 10_000;

/// How many comments are in each state, in the order of [`State::ALL`]; [`COUNTED`] means that many or more.
pub fn counts(conn: &mut Conn, by: &Actor) -> Result<Vec<(State, u64)>> {
    #[derive(QueryableByName)]
    struct Number {
        #[diesel(sql_type = BigInt)]
        number: i64,
    }
    by.may(Action::ModerateComments)?;
    let mut counts = Vec::new();
    for state in State::ALL {
        let number: Number = diesel::sql_query(
            "SELECT count(*) AS number FROM (SELECT 1 AS one FROM comments WHERE state = $1 LIMIT $2) AS counted",
        )
        .bind::<Text, _>(state.as_str())
        .bind::<BigInt, _>(COUNTED)
        .get_result(conn)?;
        counts.push((*state, number.number.try_into()?));
    }
    Ok(counts)
}

/// One comment with everything that is known about it.
pub fn find(conn: &mut Conn, by: &Actor, id: CommentId, now: Timestamp) -> Result<FullComment> {
    by.may(Action::ModerateComments)?;
    let row = load(conn, id)?;
    let parent: Option<Row> = match &row.parent_id {
        Some(parent) => comments::table.find(parent).select(Row::as_select()).first(conn).optional()?,
        None => None,
    };
    let trace = serde_json::from_str(&row.trace)?;
    let (source, ip_prefix, user_agent) = (row.source.clone(), row.ip_prefix.clone(), row.user_agent.clone());
    let (notify_replies, subscribe_weekly) = (row.notify_replies, row.subscribe_weekly);
    let rows: Vec<Row> = std::iter::once(row).chain(parent).collect();
    let mut shown = shown(conn, by, &rows, now)?.into_iter();
    let comment = shown.next().ok_or(Error::NotFound("comment"))?;
    Ok(FullComment {
        comment,
        source,
        trace,
        ip_prefix,
        user_agent,
        notify_replies,
        subscribe_weekly,
        parent: shown.next(),
        history: history(conn, id, None, None)?,
    })
}

/// Up to `limit` decisions about a comment after the one that made version `after`, oldest first.
pub fn events(conn: &mut Conn, by: &Actor, id: CommentId, after: Option<i64>, limit: i64) -> Result<Vec<Event>> {
    by.may(Action::ModerateComments)?;
    load(conn, id)?;
    history(conn, id, after, Some(limit))
}

fn history(conn: &mut Conn, id: CommentId, after: Option<i64>, limit: Option<i64>) -> Result<Vec<Event>> {
    let mut query = events::table
        .filter(events::comment_id.eq(id.to_string()))
        .order((events::version, events::id))
        .select(EventRow::as_select())
        .into_boxed();
    if let Some(version) = after {
        query = query.filter(events::version.gt(version));
    }
    if let Some(limit) = limit {
        query = query.limit(limit);
    }
    query.load(conn)?.into_iter().map(Event::try_from).collect()
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = events)]
struct EventRow {
    id: String,
    version: i64,
    actor_id: Option<String>,
    actor_name: String,
    from_state: Option<String>,
    to_state: String,
    reason_code: Option<String>,
    note: Option<String>,
    at: i64,
}

impl TryFrom<EventRow> for Event {
    type Error = Error;

    fn try_from(row: EventRow) -> Result<Self> {
        Ok(Self {
            id: row.id.parse()?,
            version: row.version.try_into()?,
            actor: EventActor { id: row.actor_id.map(|id| id.parse()).transpose()?, name: row.actor_name },
            from: row.from_state.map(|state| state.parse()).transpose()?,
            to: row.to_state.parse()?,
            reason_code: row.reason_code,
            note: row.note,
            at: Timestamp::from_micros(row.at),
        })
    }
}

fn load(conn: &mut Conn, id: CommentId) -> Result<Row> {
    comments::table.find(id.to_string()).select(Row::as_select()).first(conn).or_not_found("comment")
}

/// Comments as `by` may see them.
fn shown(conn: &mut Conn, by: &Actor, rows: &[Row], now: Timestamp) -> Result<Vec<Comment>> {
    let titles = titles(conn, rows, now)?;
    let unmasked = by.can(Action::SeeCommenterEmail, None, false);
    rows.iter()
        .map(|row| {
            let state: State = row.state.parse()?;
            let article = titles.get(&row.article_id);
            Ok(Comment {
                id: row.id.parse()?,
                article: row.article_id.parse()?,
                article_slug: article.map(|(slug, _)| slug.clone()),
                article_title: article.and_then(|(_, title)| title.clone()),
                parent_id: row.parent_id.as_deref().map(str::parse).transpose()?,
                depth: row.depth,
                state,
                version: row.version.try_into()?,
                author: Commenter {
                    name: row.author_name.clone(),
                    email: if unmasked { row.author_email.clone() } else { masked(&row.author_email) },
                    url: row.author_url.clone(),
                },
                body_html: row.html.clone(),
                body_text: row.text.clone(),
                hold_reasons: serde_json::from_str(&row.hold_reasons)?,
                created_at: Timestamp::from_micros(row.created_at),
                decided_at: row.decided_at.map(Timestamp::from_micros),
                available_actions: state.available_actions(),
            })
        })
        .collect()
}

fn masked(email: &str) -> String {
    Email::parse(email).map_or_else(|_| "***".to_owned(), |email| email.masked())
}

/// Slugs and titles of the articles that the public sees; moderators need not see those of drafts.
fn titles(conn: &mut Conn, rows: &[Row], now: Timestamp) -> Result<HashMap<String, (String, Option<String>)>> {
    #[derive(serde::Deserialize)]
    struct Summary {
        title: Option<String>,
    }
    let ids: Vec<&str> = rows.iter().map(|row| row.article_id.as_str()).collect();
    let found: Vec<(String, String, String)> = published_articles::table
        .filter(published_articles::article_id.eq_any(ids))
        .filter(published_articles::visible_from.le(now.micros()))
        .filter(published_articles::visible_until.gt(now.micros()))
        .select((published_articles::article_id, published_articles::slug, published_articles::summary))
        .load(conn)?;
    let title = |summary: &str| serde_json::from_str::<Summary>(summary).ok()?.title;
    Ok(found.into_iter().map(|(id, slug, summary)| (id, (slug, title(&summary)))).collect())
}

/// Decides about one comment.
pub fn transition(
    conn: &mut Conn,
    by: &Actor,
    secrets: &Secrets,
    id: CommentId,
    seen: &Seen,
    write: &TransitionWrite,
    at: Timestamp,
) -> Result<FullComment> {
    by.may(Action::ModerateComments)?;
    begin(conn)?;
    let row = load(conn, id)?;
    let stands = stands(conn, &row)?;
    seen.expect(stands.version, || stands)?;
    let (state, before) = states(&row)?;
    let (to, verdict) = write.decide(state, before)?;
    let Some(changed) = apply(conn, by, secrets, &row, to, &verdict, at)? else {
        let row = load(conn, id)?;
        return Err(Error::Stale(Box::new(self::stands(conn, &row)?)));
    };
    record(conn, &[(row.article_id, changed)], at)?;
    find(conn, by, id, at)
}

/// Decides about many comments: each as if alone. One that changed meanwhile is reported, not overwritten.
pub fn bulk(
    conn: &mut Conn,
    by: &Actor,
    secrets: &Secrets,
    items: &[(CommentId, u64)],
    verdict: &Verdict,
    at: Timestamp,
) -> Result<Vec<BulkResult>> {
    by.may(Action::ModerateComments)?;
    begin(conn)?;
    let mut results = Vec::with_capacity(items.len());
    let mut changed = Vec::new();
    for (id, version) in items {
        results.push(one_of_many(conn, by, secrets, (*id, *version), verdict, &mut changed, at)?);
    }
    record(conn, &changed, at)?;
    Ok(results)
}

fn one_of_many(
    conn: &mut Conn,
    by: &Actor,
    secrets: &Secrets,
    (id, version): (CommentId, u64),
    verdict: &Verdict,
    changed: &mut Vec<(String, Vec<Changed>)>,
    at: Timestamp,
) -> Result<BulkResult> {
    let row = match load(conn, id) {
        Ok(row) => row,
        Err(Error::NotFound(_)) => {
            let code = Some("not_found".to_owned());
            return Ok(BulkResult { id, status: 404, code, version: None, state: None, changed_by: None });
        }
        Err(error) => return Err(error),
    };
    let (state, before) = states(&row)?;
    let (status, code) = if row.version != i64::try_from(version).unwrap_or(i64::MAX) {
        (412, Some("stale_version"))
    } else if let Ok(to) = next(state, verdict.target, before) {
        match apply(conn, by, secrets, &row, to, verdict, at)? {
            Some(entries) => {
                changed.push((row.article_id, entries));
                (200, None)
            }
            None => (412, Some("stale_version")),
        }
    } else {
        (409, Some("illegal_transition"))
    };
    let row = load(conn, id)?;
    let stands = stands(conn, &row)?;
    Ok(BulkResult {
        id,
        status,
        code: code.map(str::to_owned),
        version: Some(stands.version),
        state: Some(row.state.parse()?),
        changed_by: stands.changed_by,
    })
}

/// Waits for the turn of this transaction among all that change which comments are shown.
///
/// Whether a comment leaves a tombstone depends on those around it; and all of these wait for each other anyway when
/// they write the log of changes.
pub(crate) fn begin(conn: &mut Conn) -> Result<()> {
    turn(conn, "moderation")
}

fn states(row: &Row) -> Result<(State, Option<State>)> {
    Ok((row.state.parse()?, row.previous_state.as_deref().map(str::parse).transpose()?))
}

/// What stands there now, and who made it so.
fn stands(conn: &mut Conn, row: &Row) -> Result<Stale> {
    let last: Option<(String, i64)> = events::table
        .filter(events::comment_id.eq(&row.id))
        .order(events::version.desc())
        .select((events::actor_name, events::at))
        .first(conn)
        .optional()?;
    let (changed_by, changed_at) = last.unzip();
    Ok(Stale {
        version: row.version.try_into()?,
        state: Some(row.state.clone()),
        changed_by,
        changed_at: changed_at.map(Timestamp::from_micros),
    })
}

/// Puts a comment into a state, notes it, and keeps the read model; `None` if another one was faster.
fn apply(
    conn: &mut Conn,
    by: &Actor,
    secrets: &Secrets,
    row: &Row,
    to: State,
    verdict: &Verdict,
    at: Timestamp,
) -> Result<Option<Vec<Changed>>> {
    let (from, _) = states(row)?;
    let before = match verdict.target {
        Target::Rejected | Target::Spam | Target::Trash => Some(from.as_str()),
        Target::Approved | Target::Restore => None,
    };
    let updated = diesel::update(comments::table.find(&row.id).filter(comments::version.eq(row.version)))
        .set((
            comments::state.eq(to.as_str()),
            comments::previous_state.eq(before),
            comments::version.eq(row.version + 1),
            comments::decided_at.eq(at.micros()),
        ))
        .execute(conn)?;
    if updated == 0 {
        return Ok(None);
    }
    let noted =
        Noted { from: Some(from), to, reason_code: verdict.reason_code.as_deref(), note: verdict.note.as_ref() };
    note(conn, &row.id, row.version + 1, by, &noted, at)?;
    Ok(Some(match (from, to) {
        (_, State::Approved) => published_comments::put(conn, &entry(secrets, row))?,
        (State::Approved, _) => published_comments::withdraw(conn, &row.id)?,
        _ => Vec::new(),
    }))
}

fn entry<'a>(secrets: &Secrets, row: &'a Row) -> Entry<'a> {
    Entry {
        id: &row.id,
        article_id: &row.article_id,
        parent_id: row.parent_id.as_deref(),
        root_id: &row.root_id,
        depth: row.depth,
        author_name: &row.author_name,
        author_url: row.author_url.as_deref(),
        avatar_seed: secrets.identify(Purpose::Avatar, &row.email_hmac),
        html: &row.html,
        text: &row.text,
        created_at: row.created_at,
    }
}

/// Tells of every entry of the read model that changed, by article.
fn record(conn: &mut Conn, changed: &[(String, Vec<Changed>)], at: Timestamp) -> Result<()> {
    for (article, entries) in changed {
        let entry = |(op, id): &Changed| {
            changes::Entry::new(*op, Resource::Comment, id.clone(), None)
                .touching([format!("comments:{article}"), "list:comments".to_owned()])
        };
        let entries: Vec<_> = entries.iter().map(entry).collect();
        changes::record(conn, &entries, at)?;
    }
    Ok(())
}
