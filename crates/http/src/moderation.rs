//! Comments, for moderators: the queue, decisions one by one and in bulk, and their history.

use actix_web::{HttpRequest, get, post, web};
use domain::comments::{BulkResult, BulkWrite, Comment, Event, FullComment, State, TransitionWrite};
use domain::ids::CommentId;
use domain::moderation::Reason;
use domain::permissions::Action;
use domain::{Error, Fault, Timestamp};
use persistence::moderation::{self, Filter, Position};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::answer::{Listing, Page, Reply, Versioned, list, next_link, show};
use crate::comments::Order;
use crate::page::{Cursors, limit};
use crate::problem::Answer;
use crate::refused;
use crate::request::{Body, Caller, Id, IdempotencyKey, IfMatch, NoParams, Params};

impl Versioned for FullComment {
    fn version(&self) -> u64 {
        self.comment.version
    }
}

/// Longest text that is searched for, in characters.
const MAX_SEARCH: usize = 200;

/// Which comments of the queue to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct QueueQuery {
    /// In this state; `pending` by default.
    #[param(inline)]
    status: Option<State>,
    /// Held for this reason.
    #[param(inline)]
    hold_reason: Option<Reason>,
    /// Under this article: its id, or a slug that it has or had.
    article: Option<String>,
    /// Under articles of this category (slug or path) or of one below it.
    category: Option<String>,
    /// Whose text or name holds this.
    #[param(max_length = 200)]
    q: Option<String>,
    /// Left then or later.
    since: Option<Timestamp>,
    /// Which come first; `oldest` by default.
    #[serde(default)]
    #[param(inline)]
    sort: Order,
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u16>,
    /// Where to go on, from `page.next`.
    cursor: Option<String>,
}

impl QueueQuery {
    fn filter(&self) -> domain::Result<Filter> {
        if self.q.as_ref().is_some_and(|text| text.chars().count() > MAX_SEARCH) {
            let detail = format!("Search for at most {MAX_SEARCH} characters.");
            return Err(Error::Malformed(Fault::parameter("q", "too_long", detail)));
        }
        Ok(Filter {
            state: self.status.unwrap_or(State::Pending),
            hold_reason: self.hold_reason,
            article: self.article.clone(),
            category: self.category.clone(),
            text: self.q.clone().filter(|text| !text.trim().is_empty()),
            since: self.since,
            newest: self.sort == Order::Newest,
        })
    }
}

/// A page of the queue.
#[derive(Serialize, ToSchema)]
pub(crate) struct CommentQueue {
    /// The comments.
    data: Vec<Comment>,
    /// Where the next page is.
    page: Page,
    /// How many there are in each state, whatever the filters.
    counts: CommentCounts,
}

/// How many comments there are in each state; 10000 means that many or more.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct CommentCounts {
    /// Waiting.
    pending: u64,
    /// Public.
    approved: u64,
    /// Refused.
    rejected: u64,
    /// Junk.
    spam: u64,
    /// Put away.
    trash: u64,
}

impl CommentCounts {
    fn of(numbers: Vec<(State, u64)>) -> Self {
        let mut counts = Self::default();
        for (state, number) in numbers {
            match state {
                State::Pending => counts.pending = number,
                State::Approved => counts.approved = number,
                State::Rejected => counts.rejected = number,
                State::Spam => counts.spam = number,
                State::Trash => counts.trash = number,
            }
        }
        counts
    }
}

/// List the queue of comments
#[utoipa::path(tag = "comments", security(("session" = [])), params(QueueQuery), responses(
    (status = 200, description = "Comments by the time they were left", body = CommentQueue),
    refused::List,
))]
#[get("/v1/admin/comments")]
pub(crate) async fn list_comments_admin(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    query: Params<QueueQuery>,
) -> Answer {
    let Params(query) = query;
    let (filter, limit) = (query.filter()?, limit(query.limit)?);
    let cursors = Cursors::new(&app.secrets, "admin/comments", &filter)?;
    let after = cursors.read::<Position>(query.cursor.as_deref())?;
    let work = move |conn: &mut persistence::Conn, now| {
        let counts = moderation::counts(conn, &caller.by)?;
        Ok((moderation::queue(conn, &caller.by, &filter, after, limit + 1, now)?, counts))
    };
    let (comments, counts) = app.read(work).await?;
    let Listing { data, page } =
        cursors.page(comments, limit, None, |comment| (comment.created_at.micros(), comment.id))?;
    let link = page.next.as_deref().map(|cursor| next_link(&app, &request, cursor));
    let reply = Reply::json(200, &CommentQueue { data, page, counts: CommentCounts::of(counts) })?;
    Ok(link.into_iter().fold(reply, |reply, link| reply.with("Link", link)).into())
}

/// Show a comment
///
/// With what was typed, what the pipeline said, what it replies to, and every decision. The address is masked unless
/// the caller may see it.
#[utoipa::path(tag = "comments", security(("session" = [])), params(("id" = CommentId, Path)), responses(
    (status = 200, description = "The comment", body = FullComment,
        headers(("ETag" = String, description = "Its version"))),
    refused::Read,
))]
#[get("/v1/admin/comments/{id}")]
pub(crate) async fn get_comment_admin(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    id: Id<CommentId>,
) -> Answer {
    show(&app.read(move |conn, now| moderation::find(conn, &caller.by, id.0, now)).await?)
}

/// Decide about a comment
///
/// `restore` goes back to the state before it was rejected, called spam or put away. What may be asked for from a
/// state is in `available_actions`; the rest is 409 `illegal_transition`.
#[utoipa::path(tag = "comments", security(("session" = [])), request_body = TransitionWrite,
    params(("id" = CommentId, Path), ("If-Match" = String, Header, description = "The ETag of the version you saw")),
    responses(
        (status = 200, description = "The comment as it is now", body = FullComment,
            headers(("ETag" = String, description = "Its version"))),
        refused::Change,
))]
#[post("/v1/admin/comments/{id}/transitions")]
pub(crate) async fn transition_comment(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    id: Id<CommentId>,
    seen: IfMatch,
    body: Body<TransitionWrite>,
) -> Answer {
    let (seen, write, secrets) = (seen.seen(), body.value, app.secrets.clone());
    let work = move |conn: &mut persistence::Conn, now| {
        moderation::transition(conn, &caller.by, &secrets, id.0, &seen, &write, now)
    };
    show(&app.write(work).await?)
}

/// What became of each comment of a bulk decision.
#[derive(Serialize, ToSchema)]
pub(crate) struct CommentBulkResults {
    /// One for each item, in the order of the request.
    data: Vec<BulkResult>,
}

/// Decide about many comments at once
///
/// Each as if alone: one that changed meanwhile, or whose state does not allow it, is reported and left as it is.
#[utoipa::path(tag = "comments", security(("session" = [])), request_body = BulkWrite,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key gives the same answer for 24 h")),
    responses((status = 200, description = "What became of each", body = CommentBulkResults), refused::Create),
)]
#[post("/v1/admin/comments/bulk")]
pub(crate) async fn transition_comments(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    key: IdempotencyKey,
    body: Body<BulkWrite>,
) -> Answer {
    let Body { value, fingerprint } = body;
    let secrets = app.secrets.clone();
    app.once(key.of(&caller, fingerprint), move |conn, now| {
        caller.by.may(Action::ModerateComments)?;
        let (items, verdict) = value.check()?;
        let data = moderation::bulk(conn, &caller.by, &secrets, &items, &verdict, now)?;
        Reply::json(200, &CommentBulkResults { data })
    })
    .await
}

/// Which decisions to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsQuery {
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u16>,
    /// Where to go on, from `page.next`.
    cursor: Option<String>,
}

/// List the decisions about a comment
#[utoipa::path(tag = "comments", security(("session" = [])), params(("id" = CommentId, Path), EventsQuery), responses(
    (status = 200, description = "Decisions, oldest first", body = Listing<Event>),
    refused::ListOf,
))]
#[get("/v1/admin/comments/{id}/events")]
pub(crate) async fn list_comment_events(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    id: Id<CommentId>,
    query: Params<EventsQuery>,
) -> Answer {
    let Params(EventsQuery { limit: asked, cursor }) = query;
    let limit = limit(asked)?;
    let cursors = Cursors::new(&app.secrets, "admin/comments/events", &id.0)?;
    let after = cursors.read::<i64>(cursor.as_deref())?;
    let events = app.read(move |conn, _| moderation::events(conn, &caller.by, id.0, after, limit + 1)).await?;
    list(&app, &request, &cursors.page(events, limit, None, |event| event.version)?)
}
