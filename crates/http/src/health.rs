//! Whether the server lives, whether it can work, and what it counted.

use actix_web::{HttpRequest, HttpResponse, get, web};
use domain::Error;
use domain::secrets::sha256;
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::answer::json;
use crate::problem::{Answer, Problem};
use crate::request::bearer;

/// How the server is.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// Always `ok` in an answer of 200.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Whether the process lives
///
/// It says nothing of the database; see `/readyz`.
#[utoipa::path(tag = "server", responses((status = 200, description = "It lives", body = Health)))]
#[get("/healthz")]
pub(crate) async fn check_health() -> Answer {
    json(&Health { status: "ok" })
}

/// Whether the server can work
///
/// Its database answers and has every migration.
#[utoipa::path(tag = "server", responses(
    (status = 200, description = "It can work", body = Health),
    (status = 503, description = "It cannot work now", body = Problem, content_type = "application/problem+json"),
))]
#[get("/readyz")]
pub(crate) async fn check_readiness(app: web::Data<App>) -> Answer {
    app.read(|conn, _| persistence::migrations::check(conn)).await.map_err(|error| match error {
        Error::Internal(what) => {
            tracing::error!(what, "not ready");
            Error::Busy { retry_after: 5 }
        }
        other => other,
    })?;
    json(&Health { status: "ok" })
}

/// What the server counted
///
/// In Prometheus' text format. With the bearer token that is configured for it, or from loopback.
#[utoipa::path(tag = "server", security(("metrics" = [])), responses(
    (status = 200, description = "The counters", body = String, content_type = "text/plain"),
    (status = 401, description = "Neither the token nor loopback", body = Problem, content_type = "application/problem+json"),
))]
#[get("/metrics")]
pub(crate) async fn get_metrics(app: web::Data<App>, request: HttpRequest) -> Answer {
    let allowed = match &app.config.metrics_token {
        // Hashes are compared, so that time tells nothing of the token.
        Some(token) => bearer(request.headers()).is_some_and(|sent| sha256(sent) == sha256(token)),
        // Behind a proxy on this machine everyone would be loopback.
        None => {
            request.peer_addr().is_some_and(|peer| peer.ip().to_canonical().is_loopback())
                && !request.headers().contains_key("x-forwarded-for")
        }
    };
    if !allowed {
        let detail = "Send the metrics token as `Authorization: Bearer`, or ask from loopback.";
        return Err(Error::Unauthenticated { code: "unauthenticated", detail: detail.into() }.into());
    }
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(app.metrics.text(app.delivery.bytes())?))
}
