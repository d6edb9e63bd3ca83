//! Our own pages: what this server is, and the explorer of its API. Nothing in them comes from another host.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse, get};
use askama::Template;
use domain::Error;

use crate::delivery::Fixed;
use crate::problem::{Answer, Problem};
use crate::{App, html, openapi, wordpress};

/// The page needs the explorer's script and style, and may ask this server.
const EXPLORER_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// What this server is
#[utoipa::path(tag = "server", responses(
    (status = 200, description = "A page with links to the API, its document and its explorer; with `rest_route`, what \
        WordPress's API has at that route", content((String = "text/html"), (Value = "application/json", example = json!({"namespaces": ["wp/v2"]}))),
        headers(("Link" = String, description = "Where the APIs and the OpenAPI document are"))),
))]
#[get("/")]
pub(crate) async fn get_front_page(app: Data<App>, request: HttpRequest) -> Answer {
    #[derive(Template)]
    #[template(path = "front.html")]
    struct FrontPage {
        version: &'static str,
    }
    if let Some(route) = wordpress::rest_route(&app, &request) {
        // The page at this address has no tag either.
        return wordpress::answer(&app, &route, request.query_string(), false).await;
    }
    let mut page = html::page(StatusCode::OK, &FrontPage { version: env!("CARGO_PKG_VERSION") })?;
    let (document, explorer) = (app.config.link("/openapi.json"), app.config.link("/docs"));
    let links = format!("<{document}>; rel=\"service-desc\", <{explorer}>; rel=\"service-doc\"");
    let links = wordpress::discovery_link(&app).map_or(links.clone(), |link| format!("{link}, {links}"));
    let links = HeaderValue::from_str(&links).map_err(Error::from)?;
    page.headers_mut().insert(header::LINK, links);
    Ok(page)
}

/// The explorer of this API
#[utoipa::path(tag = "server", responses(
    (status = 200, description = "A page that shows every operation and sends requests", body = String,
        content_type = "text/html"),
))]
#[get("/docs")]
pub(crate) async fn get_explorer() -> Answer {
    #[derive(Template)]
    #[template(path = "explorer.html")]
    struct Explorer;
    let page = Explorer.render().map_err(Error::from)?;
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, EXPLORER_POLICY))
        .body(page))
}

/// A picture.
#[derive(utoipa::ToSchema)]
#[schema(format = Binary, value_type = String)]
struct Image(#[allow(dead_code, reason = "it stands for its schema")] Vec<u8>);

/// A file of the explorer
#[utoipa::path(tag = "server", params(("file" = String, Path, description = "Its name, such as `swagger-ui.css`")),
    responses(
        (status = 200, description = "The file", headers(("ETag" = String, description = "For `If-None-Match`")),
            content((String = "text/css"), (String = "text/javascript"), (Image = "image/png"))),
        (status = 304, description = "You have it already"),
        (status = 404, description = "There is no such file", body = Problem, content_type = "application/problem+json"),
))]
#[get("/docs/assets/{file}")]
pub(crate) async fn get_explorer_file(app: Data<App>, request: HttpRequest, file: Path<String>) -> Answer {
    let file = ASSETS.iter().find(|(name, _)| *name == *file).ok_or(Error::NotFound("file"))?;
    Ok(file.1.respond(&app, &request))
}

/// Starts the explorer; a script of its own, since the page's policy allows none inside it.
const START: &str = "window.ui = SwaggerUIBundle({ url: 'openapi.json', dom_id: '#explorer', deepLinking: true, \
    displayRequestDuration: true, filter: true, validatorUrl: null });\n";

static ASSETS: LazyLock<Vec<(&str, Fixed)>> = LazyLock::new(|| {
    let mut assets = vec![("start.js", Fixed::new("text/javascript", Bytes::from_static(START.as_bytes())))];
    let config = Arc::new(utoipa_swagger_ui::Config::default());
    for (name, kind) in [
        ("swagger-ui.css", "text/css"),
        ("swagger-ui-bundle.js", "text/javascript"),
        ("favicon-32x32.png", "image/png"),
    ] {
        // They are built in: none is missing.
        let Ok(Some(file)) = utoipa_swagger_ui::serve(name, Arc::clone(&config)) else { continue };
        let bytes = match file.bytes {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        assets.push((name, Fixed::new(kind, bytes)));
    }
    assets
});

/// The OpenAPI document of this API
#[utoipa::path(tag = "server", responses(
    (status = 200, description = "OpenAPI 3.1", body = Object,
        headers(("ETag" = String, description = "For `If-None-Match`")), example = json!({"openapi": "3.1.0"})),
    (status = 304, description = "You have it already"),
))]
#[get("/openapi.json")]
pub(crate) async fn get_openapi(app: Data<App>, request: HttpRequest) -> Answer {
    static DOCUMENT: LazyLock<Fixed> = LazyLock::new(|| Fixed::new("application/json", openapi::text().into()));
    Ok(DOCUMENT.respond(&app, &request))
}
