//! Users, for administrators.

use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post, web};
use domain::accounts::{User, UserWrite};
use domain::ids::UserId;
use domain::permissions::Action;
use domain::secrets::Purpose;
use persistence::Conn;
use persistence::users::{self, Position};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::answer::{Listing, Reply, list, no_content, show};
use crate::page::{Cursors, limit};
use crate::problem::{Answer, Refusal};
use crate::request::{Body, Caller, Id, IdempotencyKey, IfMatch, NoParams, Params, Patch};
use crate::{App, refused};

/// Which users to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsersQuery {
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u16>,
    /// Where to go on, from `page.next`.
    cursor: Option<String>,
    /// Whether to count them all.
    #[serde(default)]
    count: bool,
}

/// List users
#[utoipa::path(tag = "accounts", security(("session" = [])), params(UsersQuery), responses(
    (status = 200, description = "Users by name", body = Listing<User>),
    refused::List,
))]
#[get("/v1/admin/users")]
pub(crate) async fn list_users(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    query: Params<UsersQuery>,
) -> Answer {
    let Params(UsersQuery { limit: asked, cursor, count }) = query;
    caller.by.may(Action::WriteUsers)?;
    let limit = limit(asked)?;
    let cursors = Cursors::new(&app.secrets, "admin/users", &())?;
    let after = cursors.read::<Position>(cursor.as_deref())?;
    let work = move |conn: &mut Conn, _| {
        let total = if count { Some(users::count(conn)?) } else { None };
        Ok((users::list(conn, &caller.by, after, limit + 1)?, total))
    };
    let (users, total) = app.read(work).await?;
    list(&app, &request, &cursors.page(users, limit, total, |user| (user.name.clone(), user.id))?)
}

/// Add a user
#[utoipa::path(tag = "accounts", security(("session" = [])), request_body = UserWrite,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key gives the same answer for 24 h")),
    responses(
        (status = 201, description = "The new user", body = User,
            headers(("Location" = String, description = "Where it is"), ("ETag" = String, description = "Its version"))),
        refused::Create,
))]
#[post("/v1/admin/users")]
pub(crate) async fn create_user(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    key: IdempotencyKey,
    body: Body<UserWrite>,
) -> Answer {
    caller.by.may(Action::WriteUsers)?;
    let (profile, password) = body.value.check_new(&site_names(&app).await?)?;
    let hash = app.hashing.hash(password).await?;
    // It is stored: a plain hash of a request that holds a password could be used to guess it.
    let fingerprint = app.secrets.identify(Purpose::Fingerprint, &body.fingerprint);
    app.once(key.of(&caller, fingerprint), move |conn, now| {
        let user = users::add(conn, &caller.by, &profile, &hash, now)?;
        Reply::created(format!("/v1/admin/users/{}", user.id), &user)
    })
    .await
}

/// What the site is called, which no password may consist of.
pub(crate) async fn site_names(app: &App) -> domain::Result<[String; 2]> {
    let site = app.read(|conn, _| persistence::site::current(conn)).await?;
    Ok([site.settings.name, app.config.public_url.host_str().unwrap_or_default().to_owned()])
}

/// Show a user
#[utoipa::path(tag = "accounts", security(("session" = [])), params(("id" = UserId, Path)), responses(
    (status = 200, description = "The user", body = User, headers(("ETag" = String, description = "Its version"))),
    refused::Read,
))]
#[get("/v1/admin/users/{id}")]
pub(crate) async fn get_user(app: web::Data<App>, caller: Caller, _: Params<NoParams>, id: Id<UserId>) -> Answer {
    caller.by.may(Action::WriteUsers)?;
    show(&app.read(move |conn, _| users::find(conn, id.0)).await?)
}

/// Change a user
///
/// A JSON merge patch: what is absent stays. Another role or password, or being disabled, ends the user's sessions.
/// The last administrator who may sign in stays one (409 `last_admin`).
#[utoipa::path(tag = "accounts", security(("session" = [])),
    params(("id" = UserId, Path), ("If-Match" = String, Header, description = "The ETag of the version you change")),
    request_body(content((UserWrite = "application/merge-patch+json"), (UserWrite = "application/json"))),
    responses(
        (status = 200, description = "The user as they are now", body = User,
            headers(("ETag" = String, description = "Its version"))),
        refused::Change,
))]
#[patch("/v1/admin/users/{id}")]
pub(crate) async fn update_user(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    id: Id<UserId>,
    seen: IfMatch,
    patch: Patch<UserWrite>,
) -> Answer {
    // A new password is hashed before the transaction; what the rest becomes is decided in it.
    let (by, expected) = (caller.by.clone(), seen.seen());
    let before = app.read(move |conn, _| users::check_seen(conn, &by, id.0, &expected)).await?;
    let site = site_names(&app).await?;
    let hash = match patch.apply(&UserWrite::from(&before))?.check(&site)? {
        (_, Some(password)) => Some(app.hashing.hash(password).await?),
        (_, None) => None,
    };
    let work = move |conn: &mut Conn, now| {
        let edit = |user: &User| Ok(patch.apply(&UserWrite::from(user))?.check(&site)?.0);
        users::update(conn, &caller.by, id.0, &seen.seen(), edit, hash.as_deref(), now)
    };
    show(&App::write_accounts(&app, work).await?)
}

/// Delete a user
///
/// One who wrote articles or revisions is refused (409 `user_has_articles`): disable them instead.
#[utoipa::path(tag = "accounts", security(("session" = [])),
    params(("id" = UserId, Path), ("If-Match" = String, Header, description = "The ETag of the version you delete")),
    responses((status = 204, description = "They are gone"), refused::Act),
)]
#[delete("/v1/admin/users/{id}")]
pub(crate) async fn delete_user(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    id: Id<UserId>,
    seen: IfMatch,
) -> Result<HttpResponse, Refusal> {
    App::write_accounts(&app, move |conn, now| users::delete(conn, &caller.by, id.0, &seen.seen(), now)).await?;
    Ok(no_content())
}
