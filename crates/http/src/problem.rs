//! Refusals on the wire: RFC 9457 problem documents. The one mapping from the domain's errors.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError, get};
use domain::error::Stale;
use domain::{Error, Fault};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{catalogue, html};

/// A refusal, ready to be sent. `?` turns the domain's errors into it.
#[derive(Debug)]
pub struct Refusal {
    problem: Box<Problem>,
    retry_after: Option<u64>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        if let Error::Internal(what) = &error {
            tracing::error!(what, "internal error");
        }
        let retry_after = match &error {
            Error::TooMany { retry_after, .. } | Error::Busy { retry_after } | Error::InDoubt { retry_after } => {
                Some((*retry_after).max(1))
            }
            _ => None,
        };
        Self { problem: Box::new(Problem::from(error)), retry_after }
    }
}

impl Refusal {
    /// A refusal that only has a status.
    pub(crate) fn bare(status: StatusCode) -> Self {
        Self { problem: Box::new(Problem::of_status(status)), retry_after: None }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

/// What a route answers.
pub type Answer = Result<HttpResponse, Refusal>;

/// An error, described (RFC 9457). `type` leads to a page about its `code`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// The address of a page about this code.
    #[schema(format = "uri", example = "https://cms.example.org/docs/errors/not_found")]
    pub r#type: String,
    /// What kind of problem it is; the same for every one of this code.
    #[schema(example = "Not found")]
    pub title: String,
    /// The status code.
    #[schema(example = 404)]
    pub status: u16,
    /// What happened here, and what to do about it.
    pub detail: String,
    /// The id of the request, as in `X-Request-Id`.
    pub instance: String,
    /// A stable name for the kind of problem.
    #[schema(example = "not_found")]
    pub code: String,
    /// Every broken rule that was found, with its place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<ProblemFault>, required = false)]
    pub errors: Vec<Fault>,
    /// With 412: what stands there now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Current>)]
    pub current: Option<Stale>,
}

/// One broken rule: `pointer` says where in the body it lies, or `parameter` which parameter it is.
#[derive(Serialize, ToSchema)]
pub struct ProblemFault {
    /// A JSON pointer into the body (RFC 6901).
    #[schema(example = "/slug")]
    pub pointer: Option<String>,
    /// The name of a query, path or header parameter.
    #[schema(example = "limit")]
    pub parameter: Option<String>,
    /// A stable name for the rule.
    #[schema(example = "too_long")]
    pub code: String,
    /// What to do about it.
    pub detail: String,
}

/// What stands in the place of a version that is no longer current.
#[derive(Serialize, ToSchema)]
pub struct Current {
    /// The current version: `If-Match: "v7"` would name 7.
    pub version: u64,
    /// The current state.
    pub state: Option<String>,
    /// Who made the current version.
    pub changed_by: Option<String>,
    /// When it was made.
    #[schema(value_type = Option<domain::Timestamp>)]
    pub changed_at: Option<String>,
}

impl Problem {
    /// A problem of a code that the catalogue knows.
    pub(crate) fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self {
            r#type: String::new(),
            title: catalogue::title(code).to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            instance: String::new(),
            code: code.to_owned(),
            errors: Vec::new(),
            current: None,
        }
    }

    /// What a bare status of the framework means.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => ("not_found", "There is nothing at this address."),
            StatusCode::METHOD_NOT_ALLOWED => ("method_not_allowed", "This address does not take this method."),
            StatusCode::MISDIRECTED_REQUEST => ("misdirected", "This server does not answer for that host."),
            StatusCode::PAYLOAD_TOO_LARGE => ("body_too_large", "The body is larger than this address takes."),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ("unsupported_media_type", "Send JSON."),
            StatusCode::REQUEST_TIMEOUT => ("request_timeout", "The request took too long to arrive."),
            status if status.is_client_error() => ("malformed", "The request could not be understood."),
            _ => ("internal", "Something went wrong on our side; the log knows this request by its id."),
        };
        Self::new(status, code, detail)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        use StatusCode as S;
        match error {
            Error::Malformed(fault) => {
                let mut problem = Self::new(S::BAD_REQUEST, "malformed", fault.detail.clone());
                problem.errors = vec![fault];
                problem
            }
            Error::Unauthenticated { code, detail } => Self::new(S::UNAUTHORIZED, code, detail),
            Error::Forbidden { code, detail } => Self::new(S::FORBIDDEN, code, detail),
            Error::NotFound(what) => {
                Self::new(S::NOT_FOUND, catalogue::not_found(what), format!("There is no such {what}."))
            }
            Error::Gone { code, detail } => Self::new(S::GONE, code, detail),
            Error::Conflict { code, detail, faults } => {
                let mut problem = Self::new(S::CONFLICT, code, detail);
                problem.errors = faults;
                problem
            }
            Error::PreconditionRequired => Self::new(
                S::PRECONDITION_REQUIRED,
                "precondition_required",
                "Name the version you change: send its ETag as If-Match.",
            ),
            Error::Stale(stale) => {
                let mut problem = Self::new(
                    S::PRECONDITION_FAILED,
                    "stale_version",
                    format!("It has changed since you read it; it is at version {} now.", stale.version),
                );
                problem.current = Some(*stale);
                problem
            }
            Error::Invalid(faults) => {
                let detail = match faults.as_slice() {
                    [fault] => fault.detail.clone(),
                    many => format!("{} rules are broken; `errors` names each.", many.len()),
                };
                let mut problem = Self::new(S::UNPROCESSABLE_ENTITY, "invalid_field", detail);
                problem.errors = faults;
                problem
            }
            Error::Unprocessable { code, fault } => {
                let mut problem = Self::new(S::UNPROCESSABLE_ENTITY, code, fault.detail.clone());
                problem.errors = vec![fault];
                problem
            }
            Error::TooMany { detail, .. } => Self::new(S::TOO_MANY_REQUESTS, "too_many_requests", detail),
            Error::Busy { .. } => {
                let detail = "Too much is waiting already, or the database is out of reach; try again shortly.";
                Self::new(S::SERVICE_UNAVAILABLE, "busy", detail)
            }
            Error::InDoubt { .. } => {
                let detail = "The database was lost at the last moment: it may have been done. Look before you repeat \
                              it, or send the same again with the same Idempotency-Key or If-Match.";
                Self::new(S::SERVICE_UNAVAILABLE, "outcome_unknown", detail)
            }
            Error::Internal(_) => Self::of_status(S::INTERNAL_SERVER_ERROR),
        }
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The body is written at the edge, which knows the request's id.
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status_code());
        let headers = response.headers_mut();
        if self.status_code() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"byline\""));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert((*self.problem).clone());
        response
    }
}

/// The page of an error code
///
/// Where the `type` of a problem leads.
#[utoipa::path(tag = "server", params(("code" = String, Path, description = "A stable code, such as `slug_taken`")), responses(
    (status = 200, description = "What the code means", body = String, content_type = "text/html"),
    (status = 404, description = "There is no such code", body = Problem, content_type = "application/problem+json"),
))]
#[get("/docs/errors/{code}")]
pub(crate) async fn get_error_page(code: actix_web::web::Path<String>) -> Answer {
    let entry = catalogue::find(&code).ok_or(Error::NotFound("code"))?;
    html::page(StatusCode::OK, &ErrorPage { entry })
}

#[derive(askama::Template)]
#[template(path = "error.html")]
struct ErrorPage {
    entry: &'static catalogue::Entry,
}
