//! What signed-in users see and change about themselves.

use actix_web::{HttpResponse, get, patch, post, web};
use domain::accounts::{MeWrite, PasswordChange, User};
use domain::{Error, Fault};
use persistence::{Conn, users};

use crate::answer::{Versioned, no_content, show};
use crate::problem::{Answer, Refusal};
use crate::request::{Body, Caller, IfMatch, NoParams, Params, Patch};
use crate::users::site_names;
use crate::{App, refused};

impl Versioned for User {
    fn version(&self) -> u64 {
        self.version
    }
}

/// Show yourself
#[utoipa::path(tag = "accounts", security(("session" = [])), responses(
    (status = 200, description = "Who you are", body = User, headers(("ETag" = String, description = "Its version"))),
    refused::Read,
))]
#[get("/v1/me")]
pub(crate) async fn get_me(app: web::Data<App>, caller: Caller, _: Params<NoParams>) -> Answer {
    let user = caller.user()?;
    show(&app.read(move |conn, _| users::find(conn, user)).await?)
}

/// Change your name
#[utoipa::path(tag = "accounts", security(("session" = [])),
    params(("If-Match" = String, Header, description = "The ETag of the version you change")),
    request_body(content((MeWrite = "application/merge-patch+json"), (MeWrite = "application/json"))),
    responses(
        (status = 200, description = "You as you are now", body = User,
            headers(("ETag" = String, description = "Its version"))),
        refused::Change,
))]
#[patch("/v1/me")]
pub(crate) async fn update_me(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    seen: IfMatch,
    patch: Patch<MeWrite>,
) -> Answer {
    let user = caller.user()?;
    let work = move |conn: &mut Conn, now| {
        let edit = |user: &User| patch.apply(&MeWrite { name: Some(user.name.clone()) })?.check();
        users::rename(conn, &caller.by, user, &seen.seen(), edit, now)
    };
    show(&App::write_accounts(&app, work).await?)
}

/// Change your password
///
/// Ends your other sessions. Attempts count as sign-ins of your account.
#[utoipa::path(tag = "accounts", security(("session" = [])), request_body = PasswordChange, responses(
    (status = 204, description = "It is changed"),
    refused::Prove,
))]
#[post("/v1/me/password")]
pub(crate) async fn change_password(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    body: Body<PasswordChange, 16_384>,
) -> Result<HttpResponse, Refusal> {
    let id = caller.user()?;
    let find = move |conn: &mut Conn, _| Ok((users::find(conn, id)?, users::password_hash(conn, id)?));
    let (user, kept) = app.read(find).await?;
    let (current, new) = body.value.check(&user, &site_names(&app).await?)?;
    app.limits.sign_in_account.check(email_key(&user)?)?;
    let proven = app.hashing.prove(current, Some(kept)).await?.ok_or_else(wrong_password)?;
    let new = app.hashing.hash(new).await?;
    let work = move |conn: &mut Conn, now| {
        users::change_password(conn, &caller.by, (id, caller.session), (&proven.hash, &new), now)
    };
    if App::write_accounts(&app, work).await? { Ok(no_content()) } else { Err(wrong_password().into()) }
}

/// What the limits know an account by.
fn email_key(user: &User) -> Result<String, Error> {
    let email = domain::text::Email::parse(&user.email);
    email.map(|email| email.key()).map_err(|(_, detail)| Error::Internal(detail))
}

fn wrong_password() -> Error {
    Error::invalid(Fault::at("/current_password", "wrong_password", "This is not your password."))
}
