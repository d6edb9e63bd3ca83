//! Issues of the newsletter, for those who run it.

use std::str::FromStr;

use actix_web::{HttpRequest, get, web};
use domain::ids::{DeliveryId, IssueId};
use domain::issues::{Delivery, DeliveryState, Issue, Item};
use domain::newsletter::Frequency;
use domain::permissions::Action;
use domain::{Error, Fault, Result};
use persistence::issues::Position;
use persistence::{Conn, deliveries, issues};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::answer::{Listing, Versioned, json, list, show};
use crate::page::{Cursors, limit};
use crate::problem::Answer;
use crate::refused;
use crate::request::{Caller, Id, NoParams, Params};
use crate::sending::{Preview, preview};

/// An issue with what it says and how far it has come.
#[derive(Serialize, ToSchema)]
pub(crate) struct IssueDetail {
    #[serde(flatten)]
    issue: Issue,
    /// What it says, frozen when it was made.
    items: Vec<Item>,
    /// How many copies are in each state.
    deliveries: DeliveryCounts,
}

/// How many copies of an issue are in each state.
#[derive(Serialize, ToSchema)]
#[allow(missing_docs, reason = "named as the states of `DeliveryState`")]
pub(crate) struct DeliveryCounts {
    queued: u64,
    claimed: u64,
    dispatching: u64,
    accepted: u64,
    deferred: u64,
    failed: u64,
    in_doubt: u64,
    skipped: u64,
}

impl Versioned for IssueDetail {
    fn version(&self) -> u64 {
        self.issue.version
    }
}

/// Which issues to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct IssuesQuery {
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u16>,
    /// Where to go on, from `page.next`.
    cursor: Option<String>,
    /// Whether to count them all.
    #[serde(default)]
    count: bool,
}

/// List issues of the newsletter
///
/// Also those that were skipped because there was nothing to say, or missed.
#[utoipa::path(tag = "newsletter", security(("session" = [])), params(IssuesQuery), responses(
    (status = 200, description = "Issues, the latest first", body = Listing<Issue>),
    refused::List,
))]
#[get("/v1/admin/issues")]
pub(crate) async fn list_issues(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    query: Params<IssuesQuery>,
) -> Answer {
    let Params(IssuesQuery { limit: asked, cursor, count }) = query;
    caller.by.may(Action::ReadNewsletter)?;
    let limit = limit(asked)?;
    let cursors = Cursors::new(&app.secrets, "admin/issues", &())?;
    let after = cursors.read::<Position>(cursor.as_deref())?;
    let work = move |conn: &mut Conn, _| {
        let total = if count { Some(issues::count(conn)?) } else { None };
        Ok((issues::list(conn, after, limit + 1)?, total))
    };
    let (found, total) = app.read(work).await?;
    list(&app, &request, &cursors.page(found, limit, total, |issue| (issue.due_at.micros(), issue.id))?)
}

/// Show an issue of the newsletter
///
/// What it says, and how many of its copies are where.
#[utoipa::path(tag = "newsletter", security(("session" = [])), params(("id" = IssueId, Path)), responses(
    (status = 200, description = "The issue", body = IssueDetail,
        headers(("ETag" = String, description = "Its version"))),
    refused::Read,
))]
#[get("/v1/admin/issues/{id}")]
pub(crate) async fn get_issue(app: web::Data<App>, caller: Caller, _: Params<NoParams>, id: Id<IssueId>) -> Answer {
    caller.by.may(Action::ReadNewsletter)?;
    let work = move |conn: &mut Conn, _| {
        let issue = issues::find(conn, id.0)?;
        let counts = issues::counts(conn, id.0)?;
        let of = |state| counts.get(&state).copied().unwrap_or_default();
        let deliveries = DeliveryCounts {
            queued: of(DeliveryState::Queued),
            claimed: of(DeliveryState::Claimed),
            dispatching: of(DeliveryState::Dispatching),
            accepted: of(DeliveryState::Accepted),
            deferred: of(DeliveryState::Deferred),
            failed: of(DeliveryState::Failed),
            in_doubt: of(DeliveryState::InDoubt),
            skipped: of(DeliveryState::Skipped),
        };
        Ok(IssueDetail { issue, items: issues::items(conn, id.0)?, deliveries })
    };
    show(&app.read(work).await?)
}

/// Which copies to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeliveriesQuery {
    /// Only those in this state.
    #[param(value_type = Option<DeliveryState>)]
    state: Option<String>,
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u16>,
    /// Where to go on, from `page.next`.
    cursor: Option<String>,
}

/// List the copies of an issue
///
/// Addresses are masked. `state=in_doubt` lists those of which nobody knows whether they arrived.
#[utoipa::path(tag = "newsletter", security(("session" = [])), params(("id" = IssueId, Path), DeliveriesQuery), responses(
    (status = 200, description = "Copies", body = Listing<Delivery>),
    (status = 404, description = "There is no such issue", body = crate::problem::Problem, content_type = "application/problem+json"),
    refused::List,
))]
#[get("/v1/admin/issues/{id}/deliveries")]
pub(crate) async fn list_deliveries(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    id: Id<IssueId>,
    query: Params<DeliveriesQuery>,
) -> Answer {
    let Params(DeliveriesQuery { state, limit: asked, cursor }) = query;
    caller.by.may(Action::ReadNewsletter)?;
    let limit = limit(asked)?;
    let state: Option<DeliveryState> = parameter("state", state.as_deref())?;
    let cursors = Cursors::new(&app.secrets, "admin/deliveries", &(id.0, state))?;
    let after = cursors.read::<DeliveryId>(cursor.as_deref())?;
    let work = move |conn: &mut Conn, _| {
        issues::find(conn, id.0)?;
        deliveries::list(conn, id.0, state, after, limit + 1)
    };
    let found = app.read(work).await?;
    list(&app, &request, &cursors.page(found, limit, None, |delivery| delivery.id)?)
}

/// What to preview.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PreviewQuery {
    /// As readers see it who chose these categories: slugs, separated by commas; absent: every category.
    category: Option<String>,
    /// Weekly (default) or monthly.
    #[param(value_type = Option<Frequency>)]
    frequency: Option<String>,
    /// Only this form of it: `html` or `text`; absent: both.
    #[param(value_type = Option<domain::subscriptions::Format>)]
    format: Option<String>,
}

/// Preview the next issue
///
/// What readers who chose these categories would get if it were sent now. Nothing is sent, nothing is kept.
#[utoipa::path(tag = "newsletter", security(("session" = [])), params(PreviewQuery), responses(
    (status = 200, description = "The issue as it would be", body = Preview),
    refused::List,
))]
#[get("/v1/admin/issues/preview")]
pub(crate) async fn preview_issue(app: web::Data<App>, caller: Caller, query: Params<PreviewQuery>) -> Answer {
    use domain::subscriptions::Format;
    let Params(PreviewQuery { category, frequency, format }) = query;
    caller.by.may(Action::ReadNewsletter)?;
    let frequency = parameter("frequency", frequency.as_deref())?.unwrap_or(Frequency::Weekly);
    let format: Option<Format> = parameter("format", format.as_deref())?;
    let state = app.clone();
    let work = move |conn: &mut Conn, now| {
        let slugs: Option<Vec<&str>> = category.as_deref().map(|slugs| slugs.split(',').map(str::trim).collect());
        preview(&state, conn, frequency, slugs.as_deref(), now)
    };
    let mut preview = app.read(work).await?;
    match format {
        Some(Format::Html) => preview.text = None,
        Some(Format::Text) => preview.html = None,
        None => {}
    }
    json(&preview)
}

/// Reads a parameter that has a closed set of values.
fn parameter<T: FromStr<Err = String>>(name: &str, value: Option<&str>) -> Result<Option<T>> {
    let wrong = |detail| Error::Malformed(Fault::parameter(name, "unknown_value", detail));
    value.map(str::parse).transpose().map_err(wrong)
}
