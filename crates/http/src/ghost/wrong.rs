//! Refusals as Ghost words them.

use actix_web::http::StatusCode;
use domain::Error;
use serde_json::{Value, json};
use uuid::Uuid;

/// Why a request has no other answer: as Ghost says it, or as this server does.
#[derive(Debug)]
pub(super) enum Failure {
    /// In Ghost's words.
    Wrong(Wrong),
    /// In our own.
    Ours(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

impl From<Wrong> for Failure {
    fn from(wrong: Wrong) -> Self {
        Self::Wrong(wrong)
    }
}

/// What Ghost says of a kind of refusal before it says what could not be done.
const WORDS: [(&str, &str); 4] = [
    ("BadRequestError", "Request not understood error"),
    ("IncorrectUsageError", "Incorrect usage error"),
    ("NotFoundError", "Resource not found error"),
    ("ValidationError", "Validation error"),
];

/// A refusal in Ghost's words.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) status: StatusCode,
    kind: &'static str,
    message: String,
    context: Option<String>,
    code: Option<&'static str>,
    property: Option<&'static str>,
    /// Seconds to wait.
    pub(super) retry_after: Option<u64>,
}

impl Wrong {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        let (context, code, property, retry_after) = (None, None, None, None);
        Self { status, kind, message: message.into(), context, code, property, retry_after }
    }

    pub(super) fn not_found(message: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFoundError", message)
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequestError", message)
    }

    /// A parameter that is there and says nothing.
    pub(super) fn misused(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "IncorrectUsageError", message)
    }

    /// A parameter that breaks a rule.
    pub(super) fn invalid(rule: &str, property: &'static str) -> Self {
        let message = format!("Validation ({rule}) failed for {property}");
        let wrong = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "ValidationError", message);
        Self { property: Some(property), ..wrong }
    }

    pub(super) fn no_key() -> Self {
        let context = "Unable to determine the authenticated member or integration. Check the supplied Content API Key \
                       and ensure cookies are being passed through if member auth is failing.";
        let wrong = Self::new(StatusCode::FORBIDDEN, "NoPermissionError", "Authorization failed");
        Self { context: Some(context.into()), ..wrong }
    }

    pub(super) fn unknown_key() -> Self {
        let wrong = Self::new(StatusCode::UNAUTHORIZED, "UnauthorizedError", "Unknown Content API Key");
        Self { code: Some("UNKNOWN_CONTENT_API_KEY"), ..wrong }
    }

    pub(super) fn several_keys() -> Self {
        Self { code: Some("INVALID_REQUEST"), ..Self::bad("Invalid Request") }
    }

    pub(super) fn too_many(retry_after: u64, message: &str) -> Self {
        let wrong = Self::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsError", message);
        Self { retry_after: Some(retry_after), ..wrong }
    }

    /// Its body. If it is known what could not be done, that is its message, and the reason stands behind.
    pub(super) fn body(&self, action: Option<&str>) -> Value {
        let Self { kind, message, context, code, property, .. } = self;
        let words = WORDS.iter().find(|(named, _)| named == kind).map(|(_, words)| *words);
        let (message, context) = match (words, action) {
            (Some(words), Some(action)) => (format!("{words}, cannot {action}."), Some(message.clone())),
            _ => (message.clone(), context.clone()),
        };
        json!({"errors": [{
            "message": message, "context": context, "type": kind, "details": null, "property": property, "help": null,
            "code": code, "id": Uuid::now_v7(), "ghostErrorCode": null,
        }]})
    }
}
