//! The edge: what happens to every request before its route, and to every answer after it.

use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, ResponseError, web};
use uuid::Uuid;

use crate::delivery::{self, Known};
use crate::problem::{Problem, Refusal};
use crate::request::{Caller, Unknown, bearer};
use crate::{App, access, ghost, routes};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What front ends of any origin may read besides the safelisted headers.
const EXPOSED: &str = "Content-Version, ETag, Link, Location, Retry-After, X-Request-Id, X-WP-Total, X-WP-TotalPages";

/// The outermost layer: gives the request its id, shapes problems, sets headers, counts and logs.
pub(crate) async fn outer(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let started = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let app = request.app_data::<web::Data<App>>().cloned();
    let Some(app) = app else { return Ok(request.into_response(HttpResponse::InternalServerError())) };

    // Routes are written for GET; the connection leaves the body out of an answer to HEAD.
    if method == Method::HEAD {
        request.head_mut().method = Method::GET;
    }
    let response = match admit(&app, request.request()) {
        Ok(None) => delivery::answer(&app, request, next).await?,
        Ok(Some(refused)) => request.into_response(refused),
        Err(refusal) => request.into_response(refusal.error_response()),
    };

    let mut response = describe(&app, response, &id);
    let known = response.response().extensions().get::<Known>().cloned();
    let (route, public) = if let Some(Known { route, cache }) = known {
        app.metrics.count_cache(cache);
        (Some(route), true)
    } else {
        let route = response.request().match_pattern();
        let public = route.as_deref().is_some_and(|route| routes::is_public(response.request().method(), route));
        (route.map(Into::into), public)
    };
    set_headers(&app, &mut response, &id, public);
    let (status, took) = (response.status().as_u16(), started.elapsed());
    let route = route.as_deref().unwrap_or("-");
    app.metrics.count(method.as_str(), route, status, took);
    tracing::info!(target: "byline::access", request_id = id, %method, route, status, micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    Ok(response)
}

/// The client's own id, if it is well formed, or a new one.
fn request_id(headers: &HeaderMap) -> String {
    let sent = headers.get(&REQUEST_ID).and_then(|id| id.to_str().ok());
    let good = |id: &&str| {
        (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    sent.filter(good).map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

/// Refuses what no route shall see: another server's requests, and U+0000 in a path, which names nothing; in Ghost's own
/// words, whoever shows none of its keys.
fn admit(app: &App, request: &HttpRequest) -> Result<Option<HttpResponse>, Refusal> {
    if !host_is_allowed(app, request) {
        return Err(Refusal::bare(StatusCode::MISDIRECTED_REQUEST));
    }
    if request.uri().path().contains("%00") {
        return Err(Refusal::bare(StatusCode::NOT_FOUND));
    }
    Ok(ghost::admit(app, request))
}

/// The host is what the request itself names: what a proxy says of it could be said by anyone.
fn host_is_allowed(app: &App, request: &HttpRequest) -> bool {
    let allowed = &app.config.allowed_hosts;
    if allowed.is_empty() {
        return true;
    }
    let named = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let named = request.uri().authority().map(actix_web::http::uri::Authority::as_str).or(named);
    let Some(authority) = named.and_then(|host| host.parse::<actix_web::http::uri::Authority>().ok()) else {
        return false;
    };
    allowed
        .iter()
        .any(|known| known.eq_ignore_ascii_case(authority.host()) || known.eq_ignore_ascii_case(authority.as_str()))
}

/// Gives a refusal its body: the problem document, with the request's id.
fn describe(app: &App, mut response: ServiceResponse<BoxBody>, id: &str) -> ServiceResponse<BoxBody> {
    let status = response.status();
    let problem = response.response_mut().extensions_mut().remove::<Problem>();
    let problem = match problem {
        Some(problem) => problem,
        // What the framework refused by itself; a page of our own has its type.
        None if status.is_client_error() || status.is_server_error() => {
            if response.headers().contains_key(header::CONTENT_TYPE) && !framework_text(response.headers()) {
                return response;
            }
            Problem::of_status(status)
        }
        None => return response,
    };
    let problem = Problem {
        r#type: app.config.link(&format!("/docs/errors/{}", problem.code)),
        instance: id.to_owned(),
        ..problem
    };
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.remove(header::CONTENT_LENGTH);
    response.map_body(|_, _| BoxBody::new(body))
}

fn framework_text(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"))
}

fn set_headers(app: &App, response: &mut ServiceResponse<BoxBody>, id: &str, public: bool) {
    let origin = response.request().headers().get(header::ORIGIN).cloned();
    // The rest of a body that was too large is not read: the connection ends with the answer.
    if response.status() == StatusCode::PAYLOAD_TOO_LARGE || app.is_closing() {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    let headers = response.headers_mut();
    let mut default = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    default(header::CACHE_CONTROL, "no-store");
    default(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; sandbox");
    default(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(header::REFERRER_POLICY, "no-referrer");
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    if public {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    } else if let Some(origin) = origin.filter(|origin| listed(app, origin)) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
}

fn listed(app: &App, origin: &HeaderValue) -> bool {
    app.config.cors_origins.iter().any(|known| known.as_bytes() == origin.as_bytes())
}

/// Finds out who calls, before any route looks at the request: a dead session is refused before a wrong body.
pub(crate) async fn authenticate(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    // Tokens of readers are typed (`cr_`, `mg_`); only a JWT has dots.
    let token = bearer(request.headers()).filter(|token| token.contains('.')).map(str::to_owned);
    if let (Some(token), Some(app)) = (token, request.app_data::<web::Data<App>>().cloned()) {
        match caller(&app, &token).await {
            Ok(caller) => request.extensions_mut().insert(caller),
            // The layers around this one work on answers, not on errors.
            Err(refusal) => return Ok(request.into_response(refusal.error_response()).map_into_right_body()),
        };
    }
    Ok(next.call(request).await?.map_into_left_body())
}

async fn caller(app: &App, token: &str) -> Result<Result<Caller, Unknown>, Refusal> {
    let issuer = app.config.public_url.as_str();
    let Some((user, session)) = access::verify(&app.secrets, issuer, token, app.now()) else {
        return Ok(Err(Unknown("This access token is not good (any more); refresh it, or sign in again.")));
    };
    let by = app.actor(session, user).await?;
    Ok(by.map(|by| Caller { by, session }).ok_or(Unknown("This session has ended; sign in again.")))
}

/// What no route took: 404, or 405 with what the address does take; `OPTIONS` is answered for every address.
pub(crate) async fn unrouted(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Refusal> {
    let methods = routes::methods_at(request.path());
    if methods.is_empty() {
        return Err(Refusal::bare(StatusCode::NOT_FOUND));
    }
    let allow = methods.iter().map(|(method, _)| method.as_str()).collect::<Vec<_>>().join(", ");
    if request.method() != Method::OPTIONS {
        let mut response = Refusal::bare(StatusCode::METHOD_NOT_ALLOWED).error_response();
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_str(&allow).map_err(domain::Error::from)?);
        return Ok(response);
    }
    let mut response = HttpResponse::NoContent();
    response.insert_header((header::ALLOW, allow.clone()));
    let wanted = request.headers().get(header::ACCESS_CONTROL_REQUEST_METHOD);
    let public =
        methods.iter().any(|(method, public)| *public && wanted.is_some_and(|wanted| wanted == method.as_str()));
    let origin = request.headers().get(header::ORIGIN);
    if public {
        response.insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"));
    } else if let Some(origin) = origin.filter(|origin| listed(&app, origin)) {
        response.insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()));
        response.insert_header((header::VARY, "Origin"));
    } else {
        return Ok(response.finish());
    }
    response.insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, allow));
    response.insert_header((
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        "Accept-Version, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id",
    ));
    response.insert_header((header::ACCESS_CONTROL_MAX_AGE, "600"));
    Ok(response.finish())
}
