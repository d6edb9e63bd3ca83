//! Comments: leaving one, and what is kept of it.

use diesel::prelude::*;
use domain::comments::{NewComment, State};
use domain::ids::{ArticleId, CommentId, EventId};
use domain::moderation::{self, OTHER_COMMENTER, SAME_COMMENTER, Submission};
use domain::secrets::{Purpose, Secrets};
use domain::text::{Prose, WebUrl};
use domain::{Actor, Error, Fault, Result, Timestamp};

use crate::Conn;
use crate::db::turn;
use crate::published_comments::{Article, place_under};
use crate::schema::{comment_events as events, comments};
use crate::wordpress_ids::{self, Numbered};

/// A comment, as it is kept.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = comments)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) article_id: String,
    pub(crate) parent_id: Option<String>,
    pub(crate) root_id: String,
    pub(crate) depth: i32,
    pub(crate) state: String,
    pub(crate) previous_state: Option<String>,
    pub(crate) version: i64,
    pub(crate) author_name: String,
    pub(crate) author_email: String,
    pub(crate) email_hmac: String,
    pub(crate) author_url: Option<String>,
    pub(crate) source: String,
    pub(crate) html: String,
    pub(crate) text: String,
    pub(crate) text_hash: String,
    pub(crate) hold_reasons: String,
    pub(crate) trace: String,
    pub(crate) notify_replies: bool,
    pub(crate) subscribe_weekly: bool,
    pub(crate) ip_prefix: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) created_at: i64,
    pub(crate) decided_at: Option<i64>,
}

/// Where a comment came from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The network (/24 or /48), never the address.
    pub ip_prefix: Option<String>,
    /// The program, as it calls itself.
    pub user_agent: Option<String>,
}

/// Leaves a comment under an article: the pipeline decides what becomes of it. Answers its identity.
///
/// Refused: a closed article (409 `comments_closed`), the same comment again (409 `duplicate_comment`), a parent that
/// is not shown under this article (422 `parent_not_available`).
pub fn submit(
    conn: &mut Conn,
    secrets: &Secrets,
    article: Article,
    comment: &NewComment,
    origin: Origin,
    at: Timestamp,
) -> Result<CommentId> {
    let email_hmac = secrets.identify(Purpose::Identity, &comment.email.key());
    let text_hash = comment.text_hash();
    // Of the same comment sent many times at once, one is let in: the others wait here, and then see it.
    turn(conn, &format!("comment {email_hmac} {text_hash}"))?;
    let submission = Submission {
        comment,
        article_open: article.comments_open,
        sent_before: was_sent(conn, &text_hash, &email_hmac, at)?,
        known_from_others: is_known(conn, &text_hash, &email_hmac, at)?,
    };
    moderation::admit(&submission)?;
    let decision = moderation::decide(&submission);
    let id = CommentId::new();
    let (parent, root, depth) = place(conn, article.id, id, comment.parent)?;
    let row = Row {
        id: id.to_string(),
        article_id: article.id.to_string(),
        parent_id: parent,
        root_id: root,
        depth,
        state: decision.state.as_str().to_owned(),
        previous_state: None,
        version: 1,
        author_name: comment.name.as_str().to_owned(),
        author_email: comment.email.as_str().to_owned(),
        email_hmac,
        author_url: comment.url.as_ref().map(WebUrl::to_string),
        source: comment.body.as_str().to_owned(),
        html: comment.html.clone(),
        text: comment.text.clone(),
        text_hash,
        hold_reasons: serde_json::to_string(&decision.reasons)?,
        trace: serde_json::to_string(&decision.trace)?,
        notify_replies: comment.notify_replies,
        subscribe_weekly: comment.subscribe_weekly,
        ip_prefix: origin.ip_prefix,
        user_agent: origin.user_agent,
        created_at: at.micros(),
        decided_at: None,
    };
    diesel::insert_into(comments::table).values(&row).execute(conn)?;
    wordpress_ids::take(conn, Numbered::Comment, &row.id)?;
    let event = Noted { from: None, to: decision.state, reason_code: None, note: None };
    note(conn, &row.id, 1, &Actor::system(), &event, at)?;
    Ok(id)
}

/// What a new comment stands under, the root of its thread, and its depth.
fn place(
    conn: &mut Conn,
    article: ArticleId,
    id: CommentId,
    parent: Option<CommentId>,
) -> Result<(Option<String>, String, i32)> {
    let Some(parent) = parent else { return Ok((None, id.to_string(), 0)) };
    let Some(place) = place_under(conn, article, parent)? else {
        let detail = "The comment you reply to is not shown under this article (any more).";
        let fault = Fault::at("/parent_id", "parent_not_available", detail);
        return Err(Error::Unprocessable { code: "parent_not_available", fault });
    };
    Ok((Some(place.parent), place.root, place.depth))
}

fn was_sent(conn: &mut Conn, text_hash: &str, email_hmac: &str, at: Timestamp) -> Result<bool> {
    let same = comments::table
        .filter(comments::text_hash.eq(text_hash))
        .filter(comments::email_hmac.eq(email_hmac))
        .filter(comments::created_at.gt(at.plus_seconds(-SAME_COMMENTER).micros()));
    Ok(diesel::select(diesel::dsl::exists(same)).get_result(conn)?)
}

fn is_known(conn: &mut Conn, text_hash: &str, email_hmac: &str, at: Timestamp) -> Result<bool> {
    let same = comments::table
        .filter(comments::text_hash.eq(text_hash))
        .filter(comments::email_hmac.ne(email_hmac))
        .filter(comments::created_at.gt(at.plus_seconds(-OTHER_COMMENTER).micros()));
    Ok(diesel::select(diesel::dsl::exists(same)).get_result(conn)?)
}

/// What happened to a comment, for its history.
pub(crate) struct Noted<'a> {
    pub(crate) from: Option<State>,
    pub(crate) to: State,
    pub(crate) reason_code: Option<&'a str>,
    pub(crate) note: Option<&'a Prose<500>>,
}

/// Notes a decision in the history of a comment, in the transaction that makes it.
pub(crate) fn note(
    conn: &mut Conn,
    comment: &str,
    version: i64,
    by: &Actor,
    noted: &Noted<'_>,
    at: Timestamp,
) -> Result<()> {
    diesel::insert_into(events::table)
        .values((
            events::id.eq(EventId::new().to_string()),
            events::comment_id.eq(comment),
            events::version.eq(version),
            events::actor_id.eq(by.user.map(|user| user.to_string())),
            events::actor_name.eq(&by.name),
            events::from_state.eq(noted.from.map(State::as_str)),
            events::to_state.eq(noted.to.as_str()),
            events::reason_code.eq(noted.reason_code),
            events::note.eq(noted.note.map(Prose::as_str)),
            events::at.eq(at.micros()),
        ))
        .execute(conn)?;
    Ok(())
}
