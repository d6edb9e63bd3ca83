//! Writing answers: to people who sign in (`no-store`, versions as ETags) and to the public (strong ETags, cacheable).

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use domain::Result;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::App;
use crate::delivery::{Deliverable, Depends};
use crate::problem::{Problem, Refusal};

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

impl Page {
    /// The JSON of a [`Listing`] of documents that are written already.
    pub(crate) fn around(&self, documents: &[String]) -> Result<String> {
        let page = serde_json::to_string(self)?;
        let length = documents.iter().map(|document| document.len() + 1).sum::<usize>() + page.len() + 20;
        let mut json = String::with_capacity(length);
        json.push_str("{\"data\":[");
        for (number, document) in documents.iter().enumerate() {
            if number > 0 {
                json.push(',');
            }
            json.push_str(document);
        }
        json.push_str("],\"page\":");
        json.push_str(&page);
        json.push('}');
        Ok(json)
    }
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

/// What would end an address in `Link`.
const IN_LINK: &AsciiSet = &CONTROLS.add(b' ').add(b'<').add(b'>').add(b'"');

/// `Link` (RFC 8288) to the page of this collection that begins at `cursor`.
pub(crate) fn next_link(app: &App, request: &HttpRequest, cursor: &str) -> String {
    let is_cursor = |pair: &str| percent_decode_str(pair.split('=').next().unwrap_or_default()).eq(*b"cursor");
    let mut link = app.config.link(request.uri().path());
    link.insert(0, '<');
    link.push('?');
    for pair in request.query_string().split('&').filter(|pair| !pair.is_empty() && !is_cursor(pair)) {
        link.extend(utf8_percent_encode(pair, IN_LINK));
        link.push('&');
    }
    // A cursor has nothing in it that would be encoded.
    link.extend(["cursor=", cursor, ">; rel=\"next\""]);
    link
}

/// A public answer: the same for everyone, cacheable, with a strong ETag over its bytes.
#[derive(Debug)]
pub struct Public(Deliverable);

impl Public {
    /// An answer made of `body`, which is what it is until something changes that it depends on.
    pub(crate) fn new(body: &impl Serialize, depends: Depends) -> Result<Self> {
        Ok(Self::document(serde_json::to_string(body)?, depends))
    }

    /// The same, of JSON that is written already.
    pub(crate) fn document(body: String, depends: Depends) -> Self {
        Self(Deliverable::whole("application/json", body, depends))
    }

    /// With another `Cache-Control`.
    #[must_use]
    pub(crate) fn cache_control(mut self, value: &'static str) -> Self {
        self.0.cache_control = Some(value);
        self
    }

    /// With a link to the next page, if there is one.
    #[must_use]
    pub(crate) fn next(mut self, app: &App, request: &HttpRequest, page: &Page) -> Self {
        self.0.link = page.next.as_deref().map(|cursor| next_link(app, request, cursor));
        self
    }

    /// 200; or 304, if the client has it already.
    pub(crate) fn respond(self) -> HttpResponse {
        self.0.carry()
    }
}

/// What slugs and paths are made of; imported slugs hold more.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'/');

/// 308 to where something public is now: below the address `collection`, under this slug or path.
pub(crate) fn moved(app: &App, request: &HttpRequest, collection: &str, name: &str, depends: Depends) -> HttpResponse {
    let mut location = app.config.link(&format!("{collection}/{}", encoded(name)));
    if !request.query_string().is_empty() {
        location = format!("{location}?{}", request.query_string());
    }
    located(&location, depends)
}

/// 308 to this address.
pub(crate) fn located(location: &str, depends: Depends) -> HttpResponse {
    let moved = Deliverable::bare(StatusCode::PERMANENT_REDIRECT, depends);
    Deliverable { location: Some(location.to_owned()), ..moved }.carry()
}

/// A slug or path as it stands in an address.
pub(crate) fn encoded(name: &str) -> String {
    utf8_percent_encode(name, NAME).to_string()
}

/// 410: what was public is gone for good.
pub(crate) fn gone(code: &'static str, detail: &str, depends: Depends) -> HttpResponse {
    let problem = Problem::new(StatusCode::GONE, code, detail);
    Deliverable { problem: Some(problem), ..Deliverable::bare(StatusCode::GONE, depends) }.carry()
}
