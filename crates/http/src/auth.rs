//! Signing in and out.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, delete, get, post, web};
use domain::accounts::{Login, RefreshToken, Session, User};
use domain::ids::SessionId;
use domain::passwords::Password;
use domain::text::Email;
use domain::{Error, Result};
use persistence::sessions::{self, Opened, Refreshed};
use persistence::{Conn, users};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Listing, Reply, list, no_content};
use crate::hashing::Proven;
use crate::limits::network;
use crate::page::{Cursors, limit};
use crate::problem::{Answer, Refusal};
use crate::request::{Body, Caller, ClientAddress, Id, NoParams, Params};
use crate::{App, access, refused};

/// More than the longest password takes, however it is escaped.
const MAX_BODY: usize = 8_192;

/// What a sign-in gives: a token for the requests of the next minutes, and one to get the next pair with.
#[derive(Serialize, ToSchema)]
pub struct SignedIn {
    /// For `Authorization: Bearer`.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// How long the access token is good for, in seconds.
    expires_in: i64,
    /// For `POST /v1/auth/refresh`, once.
    refresh_token: String,
    /// Who signed in.
    user: User,
}

impl SignedIn {
    /// The answer to a sign-in that opened a session.
    pub fn new(app: &App, opened: Opened) -> Result<Self> {
        let issuer = app.config.public_url.as_str();
        let access_token = access::issue(&app.secrets, issuer, opened.user.id, opened.session, app.now())?;
        Ok(Self {
            access_token,
            token_type: "Bearer",
            expires_in: access::LIFETIME,
            refresh_token: opened.refresh_token.reveal().to_owned(),
            user: opened.user,
        })
    }
}

fn signed_in(app: &App, opened: Opened) -> Answer {
    Ok(Reply::json(200, &SignedIn::new(app, opened)?)?.into())
}

fn unauthenticated(code: &'static str, detail: &str) -> Error {
    Error::Unauthenticated { code, detail: detail.to_owned() }
}

/// Sign in
///
/// Attempts are limited per account and per client address. Every wrong pair gets the same answer.
#[utoipa::path(tag = "accounts", request_body = Login, responses(
    (status = 200, description = "Signed in", body = SignedIn),
    refused::SignIn,
))]
#[post("/v1/auth/login")]
pub(crate) async fn create_session(
    app: web::Data<App>,
    request: HttpRequest,
    address: ClientAddress,
    _: Params<NoParams>,
    body: Body<Login, MAX_BODY>,
) -> Answer {
    let (email, password) = body.value.check()?;
    app.limits.sign_in_address.check(network(address.0, 64))?;
    app.limits.sign_in_account.check(email.key())?;
    let Some(opened) = open(&app, email, password, user_agent(&request)).await? else {
        tracing::warn!(target: "byline::security", "a sign-in was refused");
        let detail = "There is no account with this email and password.";
        return Err(unauthenticated("invalid_credentials", detail).into());
    };
    tracing::info!(target: "byline::security", user = %opened.user.id, session = %opened.session, "signed in");
    signed_in(&app, opened)
}

/// Opens a session if the password is the account's. An account that is not there takes the way of one that is.
async fn open(app: &App, email: Email, password: Password, user_agent: Option<String>) -> Result<Option<Opened>> {
    let (user, kept) = app.read(move |conn, _| users::with_password(conn, &email)).await?.unzip();
    let proven = app.hashing.prove(password, kept).await?;
    let Some((user, Proven { hash, renewed })) = user.zip(proven) else { return Ok(None) };
    let work = move |conn: &mut Conn, now| {
        sessions::sign_in(conn, user.id, &hash, renewed.as_deref(), user_agent.as_deref(), now)
    };
    app.write(work).await
}

/// What the client calls itself, cut to what a list can show.
fn user_agent(request: &HttpRequest) -> Option<String> {
    let text = request.headers().get(header::USER_AGENT)?.to_str().ok()?;
    let text: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
    Some(text).filter(|text| !text.is_empty())
}

/// Renew a sign-in
///
/// Spends the refresh token for a new pair. Of several at once, one wins; the others are told
/// `refresh_token_superseded` and lose nothing. A token spent more than ten seconds ago ends its session.
#[utoipa::path(tag = "accounts", request_body = RefreshToken, responses(
    (status = 200, description = "A new pair of tokens", body = SignedIn),
    refused::Spend,
))]
#[post("/v1/auth/refresh")]
pub(crate) async fn refresh_session(
    app: web::Data<App>,
    _: Params<NoParams>,
    body: Body<RefreshToken, MAX_BODY>,
) -> Answer {
    let hash = body.value.hash()?;
    let ends_it = |outcome: &Refreshed| matches!(outcome, Refreshed::Reused);
    match App::write_accounts_if(&app, ends_it, move |conn, now| sessions::refresh(conn, &hash, now)).await? {
        Refreshed::Opened(opened) => signed_in(&app, *opened),
        Refreshed::Unknown => {
            Err(unauthenticated("invalid_refresh_token", "This refresh token is not good (any more); sign in.").into())
        }
        Refreshed::Superseded => {
            let detail = "This refresh token was spent a moment ago; use the pair that was given for it.";
            Err(unauthenticated("refresh_token_superseded", detail).into())
        }
        Refreshed::Reused => {
            tracing::warn!(target: "byline::security", "a refresh token was used twice; its session is ended");
            let detail = "This refresh token was spent before, so its session was ended; sign in.";
            Err(unauthenticated("refresh_token_reused", detail).into())
        }
    }
}

/// Sign out
///
/// Ends the session of the refresh token; its access tokens are refused from now on. An unknown token is fine.
#[utoipa::path(tag = "accounts", request_body = RefreshToken, responses(
    (status = 204, description = "Signed out"),
    refused::GiveUp,
))]
#[post("/v1/auth/logout")]
pub(crate) async fn delete_session(
    app: web::Data<App>,
    _: Params<NoParams>,
    body: Body<RefreshToken, MAX_BODY>,
) -> Result<HttpResponse, Refusal> {
    let hash = body.value.hash()?;
    App::write_accounts(&app, move |conn, now| sessions::sign_out(conn, &hash, now)).await?;
    Ok(no_content())
}

/// Which sessions to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SessionsQuery {
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u16>,
    /// Where to go on, from `page.next`.
    cursor: Option<String>,
}

/// List your sessions
#[utoipa::path(tag = "accounts", security(("session" = [])), params(SessionsQuery), responses(
    (status = 200, description = "Your live sessions, the newest first", body = Listing<Session>),
    refused::List,
))]
#[get("/v1/auth/sessions")]
pub(crate) async fn list_sessions(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    query: Params<SessionsQuery>,
) -> Answer {
    let limit = limit(query.0.limit)?;
    let own = (caller.user()?, caller.session);
    let cursors = Cursors::new(&app.secrets, "sessions", &own.0)?;
    let after = cursors.read::<SessionId>(query.0.cursor.as_deref())?;
    let sessions = app.read(move |conn, now| sessions::list(conn, own, after, limit + 1, now)).await?;
    list(&app, &request, &cursors.page(sessions, limit, None, |session| session.id)?)
}

/// End one of your sessions
#[utoipa::path(tag = "accounts", security(("session" = [])), params(("id" = SessionId, Path)), responses(
    (status = 204, description = "It has ended"),
    refused::Read,
))]
#[delete("/v1/auth/sessions/{id}")]
pub(crate) async fn revoke_session(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    id: Id<SessionId>,
) -> Result<HttpResponse, Refusal> {
    let user = caller.user()?;
    App::write_accounts(&app, move |conn, now| sessions::revoke(conn, user, id.0, now)).await?;
    Ok(no_content())
}
