//! The OpenAPI document: made from the code, committed in `openapi/`, compared by a test.

mod complete;
mod examples;

use utoipa::OpenApi as _;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{InfoBuilder, License, OpenApi, OpenApiBuilder, Server, Tag};

use crate::problem::{Current, Problem, ProblemFault};
use crate::routes;

pub(crate) use complete::request_id;

const DESCRIPTION: &str = "A headless CMS for publications. \
Readers' routes need no sign-in and answer published content alone; `/v1/admin` is for people and programs that sign \
in. Ids are UUIDv7, times RFC 3339 in UTC, errors `application/problem+json` with a stable `code`. Every answer has an \
`X-Request-Id`: the one that the request brought, or a new one. With `fields`, an answer has those members alone, \
whatever its schema requires.";

/// The whole document, as `openapi/openapi.json` has it.
pub fn document() -> OpenApi {
    #[derive(utoipa::OpenApi)]
    #[openapi(components(schemas(Problem, ProblemFault, Current)))]
    struct Shared;

    let mut document = OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Byline")
                .version("1")
                .description(Some(DESCRIPTION))
                .license(Some({
                    let mut license = License::new("MIT OR Apache-2.0");
                    license.identifier = Some("MIT OR Apache-2.0".into());
                    license
                }))
                .build(),
        )
        .build();
    document.merge(routes::Open::openapi());
    document.merge(routes::Closed::openapi());
    document.merge(routes::Old::openapi());
    document.merge(Shared::openapi());
    document.servers = Some(vec![Server::new("/")]);
    complete::complete(&mut document);
    examples::add(&mut document);
    let components = document.components.get_or_insert_default();
    let mut scheme = |name: &str, description: &str, format: Option<&str>| {
        let mut http = Http::new(HttpAuthScheme::Bearer);
        http.description = Some(description.into());
        http.bearer_format = format.map(Into::into);
        components.security_schemes.insert(name.into(), SecurityScheme::Http(http).into());
    };
    scheme("session", "An access token from `POST /v1/auth/login`, good for ten minutes.", Some("JWT"));
    scheme("manage", "A manage token (`mg_...`) from a confirmation, good for 90 days.", None);
    scheme("metrics", "The token configured for `/metrics`.", None);
    document.tags = Some(
        [
            ("articles", "What the publication publishes."),
            ("taxonomy", "Categories, tags and bylines."),
            ("changes", "What changed for the public, for replicas, static builds and caches."),
            ("feeds", "What is new, for feed readers and search engines."),
            ("comments", "What readers leave, and what moderators decide."),
            ("newsletter", "Subscriptions and the weekly update."),
            ("accounts", "Who signs in."),
            ("media", "Files that articles show or offer."),
            ("site", "The publication itself."),
            ("wordpress", "WordPress's API, for front ends that speak it."),
            ("ghost", "Ghost's Content API, for front ends that speak it."),
            ("server", "The machine room."),
        ]
        .map(|(name, description)| {
            let mut tag = Tag::new(name);
            tag.description = Some(description.into());
            tag
        })
        .to_vec(),
    );
    document
}

/// The document as text, with a newline at its end.
pub fn text() -> String {
    document().to_pretty_json().map(|text| text + "\n").unwrap_or_default()
}
