//! The refusals that kinds of operations share, for the OpenAPI document.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::{ContentBuilder, HeaderBuilder, Ref, RefOr, Response, ResponseBuilder};

/// What a status means in this API.
const MEANINGS: [(u16, &str); 13] = [
    (400, "Not of the form this operation takes; `errors` names the place"),
    (401, "No credential, or one that is no longer good"),
    (403, "Known, and not allowed"),
    (404, "There is no such thing, or none that the caller may know of"),
    (409, "It does not fit the current state; `code` says why"),
    (410, "It was there once and is gone for good"),
    (412, "It has changed since the version that `If-Match` names; `current` says what stands now"),
    (413, "The body is too large"),
    (415, "Not a media type that this operation takes"),
    (422, "Well-formed, and breaks rules; `errors` names every one"),
    (428, "`If-Match` is missing"),
    (429, "Too many attempts; wait for `Retry-After`"),
    (503, "Too much is waiting; try again after `Retry-After`"),
];

fn responses(statuses: &[u16]) -> BTreeMap<String, RefOr<Response>> {
    MEANINGS
        .iter()
        .filter(|(status, _)| statuses.contains(status))
        .map(|(status, meaning)| {
            let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            let mut response =
                ResponseBuilder::new().description(*meaning).content("application/problem+json", problem);
            if matches!(status, 429 | 503) {
                let header = HeaderBuilder::new().description(Some("Seconds to wait")).build();
                response = response.header("Retry-After", header);
            }
            (status.to_string(), response.build().into())
        })
        .collect()
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
    /// Following the log of changes.
    Follow: 400 410 503;
    /// Listing without a credential.
    ListPublic: 400 503;
    /// Sending something without a credential.
    SendPublic: 400 404 409 410 413 415 422 429 503;
    /// Reading one thing with a credential.
    Read: 401 403 404 503;
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
    Own: 401 503;
    /// Changing one's own with a typed token.
    ChangeOwn: 400 401 412 413 415 422 503;
    /// Doing something to one's own with a typed token.
    ActOwn: 401 409 503;
    /// Doing something to it without a body; a version may be named.
    ActUnseen: 401 403 404 412 503;
    /// Doing something to it without a body, by its version.
    Act: 401 403 404 409 412 428 503;
}
