//! The refusals that kinds of operations share, for the OpenAPI document.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::IntoResponses;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{Content, ContentBuilder, HeaderBuilder, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder};

use crate::{catalogue, openapi};

/// A kind of refusal: its status, its name in the document, what it means in this API, and the code of its example.
struct Meaning(u16, &'static str, &'static str, &'static str);

#[rustfmt::skip]
const MEANINGS: [Meaning; 15] = [
    Meaning(400, "Malformed", "Not of the form this operation takes; `errors` names the place", "malformed"),
    Meaning(401, "Unauthenticated", "No credential, or one that is no longer good", "unauthenticated"),
    Meaning(403, "Forbidden", "Known, and not allowed", "forbidden"),
    Meaning(404, "NotFound", "There is no such thing, or none that the caller may know of", "not_found"),
    Meaning(409, "Conflict", "It does not fit the current state; `code` says why", "slug_taken"),
    Meaning(410, "Gone", "It was there once and is gone for good", "article_gone"),
    Meaning(412, "Stale", "It has changed since the version that `If-Match` names; `current` says what stands now", "stale_version"),
    Meaning(413, "TooLarge", "The body is too large", "body_too_large"),
    Meaning(415, "UnsupportedMediaType", "Not a media type that this operation takes", "unsupported_media_type"),
    Meaning(421, "Misdirected", "This server does not answer for the host that the request names", "misdirected"),
    Meaning(422, "Invalid", "Well-formed, and breaks rules; `errors` names every one", "invalid_field"),
    Meaning(428, "VersionRequired", "`If-Match` is missing", "precondition_required"),
    Meaning(429, "TooManyRequests", "Too many attempts; wait for `Retry-After`", "too_many_requests"),
    Meaning(500, "Internal", "Something went wrong on this side; the log knows the request by its id", "internal"),
    Meaning(503, "Busy", "Too much is waiting; try again after `Retry-After`", "busy"),
];

/// What they are written in.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// What every operation may answer, whatever it does.
pub(crate) const ANY: [u16; 2] = [421, 500];

/// The refusals that operations refer to, by name.
pub(crate) fn shared() -> BTreeMap<String, RefOr<Response>> {
    MEANINGS.iter().map(|meaning| (meaning.1.to_owned(), describe(meaning).into())).collect()
}

/// A problem of this status.
pub(crate) fn content(status: u16) -> Content {
    let code = MEANINGS.iter().find(|meaning| meaning.0 == status).map_or("internal", |meaning| meaning.3);
    ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).example(Some(example(status, code))).build()
}

fn describe(&Meaning(status, _, description, _): &Meaning) -> Response {
    let mut response = ResponseBuilder::new()
        .description(description)
        .content(MEDIA_TYPE, content(status))
        .header_ref("X-Request-Id", openapi::request_id());
    let mut header = |name: &str, description: &str, kind: Type| {
        let header = HeaderBuilder::new().schema(Some(ObjectBuilder::new().schema_type(kind)));
        let given = std::mem::take(&mut response);
        response = given.header(name, header.description(Some(description)).build());
    };
    match status {
        401 => header("WWW-Authenticate", "`Bearer`", Type::String),
        429 | 503 => header("Retry-After", "Seconds to wait", Type::Integer),
        _ => {}
    }
    response.build()
}

fn example(status: u16, code: &str) -> serde_json::Value {
    let help = catalogue::find(code).map_or("", |entry| entry.help);
    let mut problem = json!({
        "type": format!("https://cms.example.org/docs/errors/{code}"),
        "title": catalogue::title(code),
        "status": status,
        "detail": help,
        "instance": "01936f5e-8c2a-7b3d-9e4f-5a6b7c8d9e0f",
        "code": code,
    });
    let (member, more) = match status {
        400 => {
            let detail = "`limit` is a number from 1 to 100.";
            ("errors", json!([{"parameter": "limit", "code": "out_of_range", "detail": detail}]))
        }
        412 => {
            let at = "2026-11-22T10:00:00Z";
            ("current", json!({"version": 8, "state": "published", "changed_by": "Oren Tabard", "changed_at": at}))
        }
        422 => ("errors", json!([{"pointer": "/title", "code": "required", "detail": "Give it a title."}])),
        _ => return problem,
    };
    problem[member] = more;
    problem
}

/// A reference to the refusal of this status.
pub(crate) fn reference(status: u16) -> Ref {
    let name = MEANINGS.iter().find(|meaning| meaning.0 == status).map_or("Internal", |meaning| meaning.1);
    Ref::from_response_name(name)
}

fn responses(statuses: &[u16]) -> BTreeMap<String, RefOr<Response>> {
    statuses.iter().map(|status| (status.to_string(), RefOr::Ref(reference(*status)))).collect()
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident: $($status:literal)*;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                responses(&[$($status),*])
            }
        }
    )*};
}

refusals! {
    /// Reading without a credential.
    ReadPublic: 400 404 410 503;
    /// Reading a file.
    ReadFile: 404 503;
    /// Following the log of changes.
    Follow: 400 410 503;
    /// Listing without a credential.
    ListPublic: 400 503;
    /// Sending something without a credential.
    SendPublic: 400 404 409 410 413 415 422 429 503;
    /// Asking for something without a credential; what is answered tells nothing.
    AskPublic: 400 413 415 422 429 503;
    /// Reading one thing with a credential.
    Read: 400 401 403 404 503;
    /// Listing with a credential.
    List: 400 401 403 503;
    /// Listing what belongs to one thing, with a credential.
    ListOf: 400 401 403 404 503;
    /// Creating something.
    Create: 400 401 403 409 413 415 422 503;
    /// Changing something with a body, by its version.
    Change: 400 401 403 404 409 412 413 415 422 428 503;
    /// Signing in.
    SignIn: 400 401 413 415 422 429 503;
    /// Spending a refresh token.
    Spend: 400 401 413 415 422 503;
    /// Giving up a refresh token.
    GiveUp: 400 413 415 422 503;
    /// Sending a password with a credential.
    Prove: 400 401 403 413 415 422 429 503;
    /// Confirming with a token.
    Confirm: 400 410 413 415 422 503;
    /// Posting a form of one of our pages.
    Form: 400 413 415 503;
    /// Pressing the button of one of our pages.
    Page: 503;
    /// Reading one's own with a typed token.
    Own: 400 401 503;
    /// Changing one's own with a typed token.
    ChangeOwn: 400 401 412 413 415 422 503;
    /// Doing something to one's own with a typed token.
    ActOwn: 400 401 409 503;
    /// Doing something to it without a body; a version may be named.
    ActUnseen: 400 401 403 404 412 503;
    /// Doing something to it without a body, by its version.
    Act: 400 401 403 404 409 412 428 503;
}
