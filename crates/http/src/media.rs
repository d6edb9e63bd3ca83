//! Files that articles show or offer, and the addresses under which they were known elsewhere.

use actix_files::NamedFile;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentDisposition, DispositionParam, DispositionType, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, get, web};
use domain::{Error, media};

use crate::App;
use crate::problem::{Answer, Problem};
use crate::refused;

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// A hash names one content forever.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// An old address may come to lead elsewhere.
const A_DAY: HeaderValue = HeaderValue::from_static("public, max-age=86400");

/// Get a file
///
/// The bytes that `hash` names, never others: it may be cached forever. A picture, sound or film is shown where it
/// stands; everything else, drawings (SVG) and pages among it, is offered for saving. `Range` works.
#[utoipa::path(tag = "media",
    params(
        ("hash" = String, Path, description = "SHA-256 of the file, in hexadecimal"),
        ("name" = String, Path, description = "Its name; it tells nothing but how to save it"),
    ),
    responses(
        (status = 200, description = "The file", body = Vec<u8>, content_type = "*/*",
            headers(("ETag" = String, description = "For `If-None-Match`"))),
        (status = 206, description = "The part that `Range` asks for", body = Vec<u8>, content_type = "*/*",
            headers(("ETag" = String, description = "The same as of the whole"))),
        (status = 304, description = "The client has it already",
            headers(("ETag" = String, description = "The one that was sent"))),
        (status = 416, description = "There is no such part", body = Problem, content_type = "application/problem+json"),
        refused::ReadFile,
    ))]
#[get("/media/{hash}/{name}")]
pub(crate) async fn get_media(app: web::Data<App>, request: HttpRequest, path: web::Path<(String, String)>) -> Answer {
    let (hash, name) = path.into_inner();
    let asked = hash.clone();
    let kind = app.read(move |conn, _| persistence::media::content_type(conn, &asked)).await?;
    let (Some(kind), Some(place)) = (kind, app.media.find(&hash)) else { return Err(Error::NotFound("file").into()) };
    let etag = format!("\"{hash}\"");
    let seen = request.headers().get(header::IF_NONE_MATCH).and_then(|seen| seen.to_str().ok());
    let mut response = if seen.is_some_and(|seen| seen == "*" || seen.contains(&etag)) {
        HttpResponse::new(StatusCode::NOT_MODIFIED)
    } else {
        let disposition = if media::is_shown(&kind) { DispositionType::Inline } else { DispositionType::Attachment };
        let parameters = vec![DispositionParam::Filename(media::name(&name))];
        let file = web::block(move || NamedFile::open(place)).await.map_err(Error::from)?.map_err(Error::from)?;
        file.use_etag(false)
            .use_last_modified(false)
            .set_content_type(kind.parse().unwrap_or(mime::APPLICATION_OCTET_STREAM))
            .set_content_disposition(ContentDisposition { disposition, parameters })
            .into_response(&request)
    };
    if response.status().is_client_error() {
        return Ok(response);
    }
    let headers = response.headers_mut();
    headers.insert(header::ETAG, HeaderValue::try_from(etag).map_err(Error::from)?);
    headers.insert(header::CACHE_CONTROL, FOREVER);
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    Ok(response)
}

/// Find a file of WordPress
///
/// Leads from the address that a file had on the WordPress site it came from, or one of its sizes, to the file.
#[utoipa::path(tag = "media",
    params(("path" = String, Path, description = "Below `wp-content/uploads`, such as `2020/01/harbour-300x200.jpg`")),
    responses(
        (status = 301, description = "The file is there", headers(("Location" = String, description = "Where it is"))),
        refused::ReadFile,
    ))]
#[get("/wp-content/uploads/{path:.*}")]
pub(crate) async fn find_wordpress_file(app: web::Data<App>, path: web::Path<String>) -> Answer {
    find(&app, format!("/wp-content/uploads/{path}")).await
}

/// Find a file of Ghost
///
/// Leads from the address that a file had on the Ghost site it came from, or one of its sizes, to the file.
#[utoipa::path(tag = "media",
    params(("path" = String, Path, description = "Below `content`, such as `images/2020/01/harbour.jpg`")),
    responses(
        (status = 301, description = "The file is there", headers(("Location" = String, description = "Where it is"))),
        refused::ReadFile,
    ))]
#[get("/content/{path:.*}")]
pub(crate) async fn find_ghost_file(app: web::Data<App>, path: web::Path<String>) -> Answer {
    find(&app, format!("/content/{path}")).await
}

async fn find(app: &App, path: String) -> Answer {
    let paths = media::known_as(&path);
    let found = app.read(move |conn, _| persistence::media::at(conn, &paths)).await?;
    let Some(found) = found else { return Err(Error::NotFound("file").into()) };
    let mut response = HttpResponse::new(StatusCode::MOVED_PERMANENTLY);
    let location = HeaderValue::try_from(app.config.link(&found.path())).map_err(Error::from)?;
    response.headers_mut().insert(header::LOCATION, location);
    response.headers_mut().insert(header::CACHE_CONTROL, A_DAY);
    Ok(response)
}
