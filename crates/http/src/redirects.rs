//! Rules for paths of the front end, for editors. `GET /v1/resolve` applies them.

use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post, web};
use domain::ids::RedirectId;
use domain::permissions::Action;
use domain::redirects::{Redirect, RedirectWrite};
use persistence::{redirects, site};

use crate::App;
use crate::answer::{Listing, Reply, Versioned, list, no_content, show};
use crate::page::{Cursors, PageQuery, limit};
use crate::problem::{Answer, Refusal};
use crate::refused;
use crate::request::{Body, Caller, Id, IdempotencyKey, IfMatch, NoParams, Params, Patch};

impl Versioned for Redirect {
    fn version(&self) -> u64 {
        self.version
    }
}

/// List redirects
///
/// The rules that were made, in that order. Old slugs and paths of articles and categories need none.
#[utoipa::path(tag = "site", security(("session" = [])), params(PageQuery), responses(
    (status = 200, description = "Rules in the order in which they were made", body = Listing<Redirect>),
    refused::List,
))]
#[get("/v1/admin/redirects")]
pub(crate) async fn list_redirects(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    query: Params<PageQuery>,
) -> Answer {
    let Params(PageQuery { limit: asked, cursor, count }) = query;
    caller.by.may(Action::WriteRedirects)?;
    let limit = limit(asked)?;
    let cursors = Cursors::new(&app.secrets, "admin/redirects", &())?;
    let after = cursors.read::<RedirectId>(cursor.as_deref())?;
    let work = move |conn: &mut persistence::Conn, _| {
        let total = if count { Some(redirects::count(conn)?) } else { None };
        Ok((redirects::list(conn, after, limit + 1)?, total))
    };
    let (rules, total) = app.read(work).await?;
    list(&app, &request, &cursors.page(rules, limit, total, |rule| rule.id)?)
}

/// Create a redirect
///
/// A rule for exactly one path comes before what is there; a pattern is tried where nothing is or was. What leads in a
/// circle is refused.
#[utoipa::path(tag = "site", security(("session" = [])), request_body = RedirectWrite,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key gives the same answer for 24 h")),
    responses(
        (status = 201, description = "The new rule", body = Redirect,
            headers(("Location" = String, description = "Where it is"), ("ETag" = String, description = "Its version"))),
        refused::Create,
))]
#[post("/v1/admin/redirects")]
pub(crate) async fn create_redirect(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    key: IdempotencyKey,
    body: Body<RedirectWrite>,
) -> Answer {
    let Body { value, fingerprint } = body;
    app.once(key.of(&caller, fingerprint), move |conn, now| {
        caller.by.may(Action::WriteRedirects)?;
        let draft = value.check(&site::settings(conn)?)?;
        let rule = redirects::create(conn, &caller.by, &draft, now)?;
        Reply::created(format!("/v1/admin/redirects/{}", rule.id), &rule)
    })
    .await
}

/// Show a redirect
#[utoipa::path(tag = "site", security(("session" = [])), params(("id" = RedirectId, Path)), responses(
    (status = 200, description = "The rule", body = Redirect, headers(("ETag" = String, description = "Its version"))),
    refused::Read,
))]
#[get("/v1/admin/redirects/{id}")]
pub(crate) async fn get_redirect(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    id: Id<RedirectId>,
) -> Answer {
    caller.by.may(Action::WriteRedirects)?;
    show(&app.read(move |conn, _| redirects::find(conn, id.0)).await?)
}

/// Change a redirect
///
/// A JSON merge patch: what is absent stays, `null` clears; without `to` the path is gone (410).
#[utoipa::path(tag = "site", security(("session" = [])),
    params(("id" = RedirectId, Path), ("If-Match" = String, Header, description = "The ETag of the version you change")),
    request_body(content((RedirectWrite = "application/merge-patch+json"), (RedirectWrite = "application/json"))),
    responses(
        (status = 200, description = "The rule as it is now", body = Redirect,
            headers(("ETag" = String, description = "Its version"))),
        refused::Change,
))]
#[patch("/v1/admin/redirects/{id}")]
pub(crate) async fn update_redirect(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    id: Id<RedirectId>,
    seen: IfMatch,
    patch: Patch<RedirectWrite>,
) -> Answer {
    let work = move |conn: &mut persistence::Conn, now| {
        let settings = site::settings(conn)?;
        let edit = |rule: &Redirect| patch.apply(&RedirectWrite::from(rule))?.check(&settings);
        redirects::update(conn, &caller.by, id.0, &seen.seen(), edit, now)
    };
    show(&app.write(work).await?)
}

/// Delete a redirect
#[utoipa::path(tag = "site", security(("session" = [])),
    params(("id" = RedirectId, Path), ("If-Match" = String, Header, description = "The ETag of the version you delete")),
    responses((status = 204, description = "It is gone"), refused::Act),
)]
#[delete("/v1/admin/redirects/{id}")]
pub(crate) async fn delete_redirect(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    id: Id<RedirectId>,
    seen: IfMatch,
) -> Result<HttpResponse, Refusal> {
    app.write(move |conn, now| redirects::delete(conn, &caller.by, id.0, &seen.seen(), now)).await?;
    Ok(no_content())
}
