//! Subscribers, for those who run the newsletter.

use actix_web::{HttpRequest, HttpResponse, delete, get, post, web};
use domain::ids::SubscriberId;
use domain::permissions::Action;
use domain::subscriptions::{ConsentEvent, State, Subscriber, email_hmac};
use domain::text::Email;
use persistence::subscribers::{self, Filter, Position};
use persistence::{Conn, consents};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::answer::{Listing, Versioned, list, no_content, show};
use crate::page::{Cursors, limit};
use crate::problem::{Answer, Refusal};
use crate::refused;
use crate::request::{Caller, Id, IfMatch, NoParams, Params};

/// A subscriber, with what can be done about it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SubscriberView {
    /// The subscriber.
    #[serde(flatten)]
    subscriber: Subscriber,
    /// What the caller may do now.
    #[schema(example = json!(["unsubscribe", "erase"]))]
    available_actions: Vec<&'static str>,
}

impl From<Subscriber> for SubscriberView {
    fn from(subscriber: Subscriber) -> Self {
        let mut available_actions = vec!["erase"];
        if matches!(subscriber.state, State::Pending | State::Active | State::Bounced) {
            available_actions.insert(0, "unsubscribe");
        }
        Self { subscriber, available_actions }
    }
}

impl Versioned for SubscriberView {
    fn version(&self) -> u64 {
        self.subscriber.version
    }
}

/// Which subscribers to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SubscribersQuery {
    /// Only those who stand here.
    state: Option<State>,
    /// Only the one with this address.
    #[param(example = "ann@example.org")]
    q: Option<String>,
    /// Only those who chose the category with this slug.
    category: Option<String>,
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u16>,
    /// Where to go on, from `page.next`.
    cursor: Option<String>,
    /// Whether to count them all.
    #[serde(default)]
    count: bool,
}

/// List subscribers
#[utoipa::path(tag = "newsletter", security(("session" = [])), params(SubscribersQuery), responses(
    (status = 200, description = "Subscribers, newest first", body = Listing<SubscriberView>),
    refused::List,
))]
#[get("/v1/admin/subscribers")]
pub(crate) async fn list_subscribers(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    query: Params<SubscribersQuery>,
) -> Answer {
    let Params(SubscribersQuery { state, q, category, limit: asked, cursor, count }) = query;
    caller.by.may(Action::ReadSubscribers)?;
    let limit = limit(asked)?;
    // What is no address is nobody's.
    let hmac = |q: &str| Email::parse(q).map(|email| email_hmac(&app.secrets, &email)).unwrap_or_default();
    let filter = Filter { state, email_hmac: q.as_deref().map(hmac), category };
    let bound = (filter.state, &filter.email_hmac, &filter.category);
    let cursors = Cursors::new(&app.secrets, "admin/subscribers", &bound)?;
    let after = cursors.read::<Position>(cursor.as_deref())?;
    let find = filter.clone();
    let work = move |conn: &mut Conn, _| {
        let total = if count { Some(subscribers::count(conn, &find)?) } else { None };
        Ok((subscribers::list(conn, &find, after, limit + 1)?, total))
    };
    let (found, total) = app.read(work).await?;
    let views = found.into_iter().map(SubscriberView::from).collect();
    let position = |view: &SubscriberView| (view.subscriber.created_at, view.subscriber.id);
    list(&app, &request, &cursors.page(views, limit, total, position)?)
}

/// Show a subscriber
#[utoipa::path(tag = "newsletter", security(("session" = [])), params(("id" = SubscriberId, Path)), responses(
    (status = 200, description = "The subscriber", body = SubscriberView,
        headers(("ETag" = String, description = "Its version"))),
    refused::Read,
))]
#[get("/v1/admin/subscribers/{id}")]
pub(crate) async fn get_subscriber(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    id: Id<SubscriberId>,
) -> Answer {
    caller.by.may(Action::ReadSubscribers)?;
    show(&SubscriberView::from(app.read(move |conn, _| subscribers::find(conn, id.0)).await?))
}

/// Which events to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConsentsQuery {
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u16>,
    /// Where to go on, from `page.next`.
    cursor: Option<String>,
}

/// List the history of a subscriber's consent
///
/// It stays, without what is personal, when the subscriber has been erased.
#[utoipa::path(tag = "newsletter", security(("session" = [])),
    params(("id" = SubscriberId, Path), ConsentsQuery),
    responses(
        (status = 200, description = "What happened, oldest first", body = Listing<ConsentEvent>),
        refused::ListOf,
))]
#[get("/v1/admin/subscribers/{id}/consents")]
pub(crate) async fn list_subscriber_consents(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    id: Id<SubscriberId>,
    query: Params<ConsentsQuery>,
) -> Answer {
    let Params(ConsentsQuery { limit: asked, cursor }) = query;
    caller.by.may(Action::ReadSubscribers)?;
    let limit = limit(asked)?;
    let cursors = Cursors::new(&app.secrets, "admin/consents", &id.0)?;
    let after = cursors.read::<String>(cursor.as_deref())?;
    let work = move |conn: &mut Conn, _| {
        let events = consents::list(conn, id.0, after.clone(), limit + 1)?;
        if events.is_empty() && after.is_none() {
            subscribers::find(conn, id.0)?;
        }
        Ok(events)
    };
    let events = app.read(work).await?;
    list(&app, &request, &cursors.page(events, limit, None, |event: &ConsentEvent| event.id.clone())?)
}

/// Unsubscribe a subscriber
///
/// Manage tokens are void from then on; only a new confirmed request brings the person back.
#[utoipa::path(tag = "newsletter", security(("session" = [])),
    params(("id" = SubscriberId, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version you decided on")),
    responses(
        (status = 200, description = "The subscriber as it is now", body = SubscriberView,
            headers(("ETag" = String, description = "Its version"))),
        refused::ActUnseen,
    ),
)]
#[post("/v1/admin/subscribers/{id}/unsubscribe")]
pub(crate) async fn unsubscribe_subscriber(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    id: Id<SubscriberId>,
    seen: IfMatch,
) -> Answer {
    let work = move |conn: &mut Conn, now| {
        let expect = |found: &Subscriber| seen.expect_if_sent(found.version, found.updated_at);
        subscribers::unsubscribe_by(conn, &caller.by, id.0, expect, now)
    };
    show(&SubscriberView::from(app.write(work).await?))
}

/// Erase a subscriber
///
/// Everything personal goes. A suppression of the address stays, and so does the bare history of consents.
#[utoipa::path(tag = "newsletter", security(("session" = [])),
    params(("id" = SubscriberId, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version you decided on")),
    responses((status = 204, description = "It is gone"), refused::ActUnseen),
)]
#[delete("/v1/admin/subscribers/{id}")]
pub(crate) async fn erase_subscriber(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    id: Id<SubscriberId>,
    seen: IfMatch,
) -> Result<HttpResponse, Refusal> {
    let work = move |conn: &mut Conn, now| {
        let expect = |found: &Subscriber| seen.expect_if_sent(found.version, found.updated_at);
        subscribers::erase(conn, &caller.by, id.0, expect, now)
    };
    app.write(work).await?;
    Ok(no_content())
}
