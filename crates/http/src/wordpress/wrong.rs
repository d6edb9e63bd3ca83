//! Refusals as WordPress words them.

use actix_web::http::StatusCode;
use domain::Error;
use serde_json::{Map, Value, json};

/// Why a request has no other answer: as WordPress says it, or as this server does.
#[derive(Debug)]
pub(super) enum Failure {
    /// In WordPress's words.
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

/// A refusal in WordPress's words.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) status: StatusCode,
    code: &'static str,
    message: String,
    more: Map<String, Value>,
}

impl Wrong {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), more: Map::new() }
    }

    pub(super) fn not_found(code: &'static str, message: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    pub(super) fn forbidden(code: &'static str, message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    pub(super) fn bad(code: &'static str, message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// For whoever would have to sign in to WordPress.
    pub(super) fn sign_in(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, message)
    }

    pub(super) fn no_route() -> Self {
        Self::not_found("rest_no_route", "No route was found matching the URL and request method.")
    }

    /// Parameters that are not what they should be: name, code and message of each.
    pub(super) fn parameters(faults: &[(String, &'static str, String)]) -> Self {
        let names: Vec<&str> = faults.iter().map(|(name, _, _)| name.as_str()).collect();
        let mut wrong = Self::bad("rest_invalid_param", &format!("Invalid parameter(s): {}", names.join(", ")));
        let params: Map<String, Value> =
            faults.iter().map(|(name, _, message)| (name.clone(), json!(message))).collect();
        let details = faults.iter().map(|(name, code, message)| {
            let data = if *code == "rest_forbidden_status" { json!({"status": 401}) } else { Value::Null };
            (name.clone(), json!({"code": code, "message": message, "data": data}))
        });
        wrong.more.insert("params".into(), params.into());
        wrong.more.insert("details".into(), details.collect::<Map<_, _>>().into());
        wrong
    }

    /// Its body.
    pub(super) fn body(&self) -> Value {
        let mut data = Map::new();
        data.insert("status".into(), json!(self.status.as_u16()));
        data.extend(self.more.clone());
        json!({"code": self.code, "message": self.message, "data": data})
    }
}
