//! Writing answers: to people who sign in (`no-store`, versions as ETags) and to the public (strong ETags, cacheable).

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use domain::secrets::sha256;
use domain::{Result, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::App;
use crate::problem::Refusal;

/// A resource that is changed by naming its version.
pub trait Versioned: Serialize {
    /// Its current version, the `ETag` that `If-Match` names.
    fn version(&self) -> u64;
}

/// A page of a collection.
#[derive(Debug, Serialize, ToSchema)]
pub struct Listing<T> {
    /// The items.
    pub data: Vec<T>,
    /// Where the next page is.
    pub page: Page,
}

/// Where the next page of a collection is.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Page {
    /// The `cursor` of the next page; null at the end.
    #[schema(required = true)]
    pub next: Option<String>,
    /// How many items there are in all; only with `count=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

/// An answer to a change, in a form that can be stored and given again (see `Idempotency-Key`).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Reply {
    /// 200 with a resource and its version.
    pub fn show(resource: &impl Versioned) -> Result<Self> {
        Ok(Self::json(200, resource)?.with("ETag", format!("\"v{}\"", resource.version())))
    }

    /// 201 with a resource, its version and where it is.
    pub fn created(location: impl Into<String>, resource: &impl Versioned) -> Result<Self> {
        let etag = format!("\"v{}\"", resource.version());
        Ok(Self::json(201, resource)?.with("Location", location).with("ETag", etag))
    }

    /// Any body.
    pub fn json(status: u16, body: &impl Serialize) -> Result<Self> {
        Ok(Self { status, headers: Vec::new(), body: serde_json::to_string(body)? })
    }

    /// With one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Its parts, to be stored: status, headers as JSON, body.
    pub(crate) fn parts(&self) -> Result<(u16, String, &str)> {
        Ok((self.status, serde_json::to_string(&self.headers)?, &self.body))
    }

    /// From its stored parts.
    pub(crate) fn from_parts(status: u16, headers: &str, body: String) -> Result<Self> {
        Ok(Self { status, headers: serde_json::from_str(headers)?, body })
    }
}

impl From<Reply> for HttpResponse {
    fn from(reply: Reply) -> Self {
        let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponse::build(status);
        response.content_type("application/json");
        for header in reply.headers {
            response.insert_header(header);
        }
        response.body(reply.body)
    }
}

/// 200 with a resource and its version.
pub fn show(resource: &impl Versioned) -> Result<HttpResponse, Refusal> {
    Ok(Reply::show(resource)?.into())
}

/// 200 with any body.
pub fn json(body: &impl Serialize) -> Result<HttpResponse, Refusal> {
    Ok(Reply::json(200, body)?.into())
}

/// 204.
pub fn no_content() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

/// A page of a collection for someone who signed in, with `Link: rel="next"`.
pub fn list<T: Serialize>(app: &App, request: &HttpRequest, listing: &Listing<T>) -> Result<HttpResponse, Refusal> {
    let mut reply = Reply::json(200, listing)?;
    if let Some(cursor) = &listing.page.next {
        reply = reply.with("Link", next_link(app, request, cursor));
    }
    Ok(reply.into())
}

/// `Link` (RFC 8288) to the page of this collection that begins at `cursor`.
pub(crate) fn next_link(app: &App, request: &HttpRequest, cursor: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(request.query_string().as_bytes()) {
        if name != "cursor" {
            query.append_pair(&name, &value);
        }
    }
    query.append_pair("cursor", cursor);
    format!("<{}?{}>; rel=\"next\"", app.config.link(request.uri().path()), query.finish())
}

/// A public answer: the same for everyone, cacheable, with a strong ETag over its bytes.
#[derive(Debug)]
pub struct Public {
    body: Vec<u8>,
    surrogate_keys: String,
    cache_control: String,
    link: Option<String>,
}

impl Public {
    /// An answer made of `body`, which depends on what `surrogate_keys` (separated by spaces) name.
    pub fn new(app: &App, body: &impl Serialize, surrogate_keys: impl Into<String>) -> Result<Self> {
        let cache_control = app.config.cache.header(None);
        Ok(Self { body: serde_json::to_vec(body)?, surrogate_keys: surrogate_keys.into(), cache_control, link: None })
    }

    /// Fresh until `due` at the longest: then something falls due that may alter it.
    #[must_use]
    pub fn until(mut self, app: &App, due: Option<Timestamp>) -> Self {
        let left = due.map(|due| u64::try_from(due.seconds_since(app.now())).unwrap_or(0));
        self.cache_control = app.config.cache.header(left);
        self
    }

    /// With another `Cache-Control`.
    #[must_use]
    pub fn cache_control(mut self, value: impl Into<String>) -> Self {
        self.cache_control = value.into();
        self
    }

    /// With a link to the next page, if there is one.
    #[must_use]
    pub fn next(mut self, app: &App, request: &HttpRequest, page: &Page) -> Self {
        self.link = page.next.as_deref().map(|cursor| next_link(app, request, cursor));
        self
    }

    /// 200, or 304 if the client has it already.
    pub fn respond(self, request: &HttpRequest) -> HttpResponse {
        let etag = format!("\"{}\"", &sha256(&self.body)[..32]);
        let known = if_none_match(request, &etag);
        let mut response = if let Some(known) = &known {
            let mut response = HttpResponse::NotModified();
            response.insert_header((header::ETAG, known.as_str()));
            response
        } else {
            let mut response = HttpResponse::Ok();
            response.content_type("application/json").insert_header((header::ETAG, etag));
            response
        };
        response.insert_header((header::CACHE_CONTROL, self.cache_control));
        response.insert_header(("surrogate-key", self.surrogate_keys));
        if let Some(link) = self.link {
            response.insert_header((header::LINK, link));
        }
        if known.is_some() { response.finish() } else { response.body(self.body) }
    }
}

/// What slugs and paths are made of; imported slugs hold more.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'/');

/// 308 to where something public is now: below the address `collection`, under this slug or path.
pub fn moved(app: &App, request: &HttpRequest, collection: &str, name: &str, surrogate_keys: &str) -> HttpResponse {
    let mut location = app.config.link(&format!("{collection}/{}", utf8_percent_encode(name, NAME)));
    if !request.query_string().is_empty() {
        location = format!("{location}?{}", request.query_string());
    }
    HttpResponse::PermanentRedirect()
        .insert_header((header::LOCATION, location))
        .insert_header((header::CACHE_CONTROL, app.config.cache.header(None)))
        .insert_header(("surrogate-key", surrogate_keys))
        .finish()
}

/// Content codings that an answer may come in; the edge appends their names to the ETag.
const CODINGS: [&str; 3] = ["br", "gzip", "zstd"];

/// The client's own tag, if it names this representation in any coding.
fn if_none_match(request: &HttpRequest, etag: &str) -> Option<String> {
    let plain = etag.trim_matches('"');
    let values = request.headers().get_all(header::IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    for tag in values.flat_map(|value| value.split(',')).map(str::trim) {
        let bare = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
        let rest = bare.strip_prefix(plain);
        let coded = rest.and_then(|rest| rest.strip_prefix('-')).is_some_and(|coding| CODINGS.contains(&coding));
        if rest == Some("") || coded {
            return Some(format!("\"{bare}\""));
        }
        if tag == "*" {
            return Some(etag.to_owned());
        }
    }
    None
}

/// Appends the coding of a compressed answer to its ETag: each representation has its own.
pub(crate) fn tag_coding(headers: &mut header::HeaderMap) {
    let coding = headers.get(header::CONTENT_ENCODING).and_then(|coding| coding.to_str().ok());
    let etag = headers.get(header::ETAG).and_then(|etag| etag.to_str().ok());
    if let (Some(coding), Some(etag)) = (coding, etag)
        && CODINGS.contains(&coding)
        && let Ok(tagged) = HeaderValue::from_str(&format!("\"{}-{coding}\"", etag.trim_matches('"')))
    {
        headers.insert(header::ETAG, tagged);
    }
}
