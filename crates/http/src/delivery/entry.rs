//! One answer: what it says, what it depends on, and how it is sent.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue, HttpDate};
use actix_web::web::{self, Bytes};
use domain::Timestamp;
use persistence::changes::{Change, Resource, Window};
use twox_hash::XxHash3_128;

use super::coding::Coding;
use super::{Delivery, Status};
use crate::problem::Problem;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");

/// Smaller bodies do not get smaller.
const WORTH_CODING: usize = 512;
/// Coding more than this would hold up other requests of the thread.
const CODED_ASIDE: usize = 64 * 1024;

/// What an answer depends on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Depends {
    /// Surrogate keys whose changes alter it.
    keys: Vec<String>,
    /// The parts of lists of articles that it shows.
    windows: Vec<Window>,
    /// `Surrogate-Key`: fewer and coarser, since headers have their bounds.
    shown: Vec<String>,
}

impl Depends {
    /// On the settings of the site alone.
    pub(crate) fn on_site() -> Self {
        Self::default()
    }

    /// On these surrogate keys.
    pub(crate) fn on(keys: impl IntoIterator<Item = String>) -> Self {
        let keys: Vec<String> = keys.into_iter().collect();
        Self { shown: keys.clone(), keys, windows: Vec::new() }
    }

    /// And on these, which `Surrogate-Key` stays silent about, since it names a list that holds them.
    pub(crate) fn and_within(mut self, keys: impl IntoIterator<Item = String>) -> Self {
        self.keys.extend(keys);
        self
    }

    /// Names these in `Surrogate-Key`, which is coarser than what it depends on.
    pub(crate) fn shown_as(mut self, keys: impl IntoIterator<Item = String>) -> Self {
        self.shown.extend(keys);
        self
    }

    /// And on what is seen through this window, too.
    pub(crate) fn and_list(mut self, window: Window) -> Self {
        self.shown.push("lists".into());
        self.shown.extend(window.scopes.iter().map(|scope| format!("list:{scope}")));
        self.windows.push(window);
        self
    }

    /// And on what another answer depends on.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.keys.extend(other.keys);
        self.windows.extend(other.windows);
        self.shown.extend(other.shown);
        self
    }

    /// Every key by which changes that may alter it are found.
    pub(super) fn keys(&self) -> impl Iterator<Item = String> + '_ {
        let scopes = self.windows.iter().flat_map(|window| &window.scopes);
        self.keys.iter().cloned().chain(scopes.map(|scope| format!("list:{scope}")))
    }

    /// Whether the answer is another one after a change.
    pub(super) fn is_altered_by(&self, change: &Change) -> bool {
        if change.resource == Resource::Site {
            return true;
        }
        let holds = |key: &str| self.keys.iter().any(|own| own == key);
        let own = format!("{}:{}", change.resource.as_str(), change.id);
        let lists = self.windows.iter().flat_map(|window| &window.scopes);
        holds(&own)
            || change.touched.keys.iter().any(|key| holds(key))
            || lists.clone().any(|scope| change.touched.keys.iter().any(|key| key.strip_prefix("list:") == Some(scope)))
            || self.sees(change)
    }

    /// Whether the change is seen through one of the windows.
    pub(super) fn sees(&self, change: &Change) -> bool {
        let Some(relisted) = &change.touched.relisted else { return false };
        self.windows.iter().any(|window| window.is_altered_by(relisted, change.locale.as_deref()))
    }

    fn header(&self) -> String {
        self.shown.iter().map(String::as_str).chain(["site"]).collect::<Vec<_>>().join(" ")
    }
}

/// A public answer as a route gives it: the same for everyone.
#[derive(Debug)]
pub(crate) struct Deliverable {
    pub(crate) status: StatusCode,
    pub(crate) kind: &'static str,
    pub(crate) body: Bytes,
    /// A hash of what it says; none for what has no representation of its own.
    pub(crate) etag: Option<String>,
    /// Instead of what is configured.
    pub(crate) cache_control: Option<&'static str>,
    pub(crate) link: Option<String>,
    pub(crate) location: Option<String>,
    /// When what it says last changed, for clients that know no tags.
    pub(crate) last_modified: Option<Timestamp>,
    /// A refusal that lasts: its document names the request, so it is written for each.
    pub(crate) problem: Option<Problem>,
    /// Headers of its own.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) depends: Depends,
}

impl Deliverable {
    /// An answer that says nothing but its status.
    pub(crate) fn bare(status: StatusCode, depends: Depends) -> Self {
        let (kind, body) = ("application/json", Bytes::new());
        let (etag, cache_control, link, location) = (None, None, None, None);
        let (last_modified, problem, headers) = (None, None, Vec::new());
        Self { status, kind, body, etag, cache_control, link, location, last_modified, problem, headers, depends }
    }

    /// 200 with a body of this media type, and a tag that is a hash of it.
    pub(crate) fn whole(kind: &'static str, body: impl Into<Bytes>, depends: Depends) -> Self {
        let body = body.into();
        Self { etag: Some(tag(&body)), kind, body, ..Self::bare(StatusCode::OK, depends) }
    }

    /// An answer that carries this one to the edge.
    pub(crate) fn carry(self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status);
        response.extensions_mut().insert(self);
        response
    }

    /// What an answer carries.
    pub(super) fn take(response: &mut HttpResponse<BoxBody>) -> Option<Self> {
        response.extensions_mut().remove::<Self>()
    }
}

/// A tag by which clients know these bytes again. It has to be fast, and to differ by accident alone: whoever can write
/// two articles of the same tag fools nobody but their own readers.
pub(crate) fn tag(body: &[u8]) -> String {
    format!("{:032x}", XxHash3_128::oneshot(body))
}

/// What an answer is known by in the log and the counters.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// The pattern of its route.
    pub(crate) route: Arc<str>,
    /// How it came to be: `hit`, `miss` or `bypass`.
    pub(crate) cache: &'static str,
}

/// An answer, ready to be sent.
#[derive(Debug)]
pub(super) struct Entry {
    answer: Arc<Answer>,
    coding: Coding,
    body: Bytes,
    etag: Option<HeaderValue>,
}

/// What an answer says beside its body.
#[derive(Debug)]
pub(super) struct Answer {
    /// The pattern of its route.
    route: Option<Arc<str>>,
    status: StatusCode,
    kind: HeaderValue,
    tag: Option<String>,
    cache_control: Option<HeaderValue>,
    surrogate_key: Option<HeaderValue>,
    link: Option<HeaderValue>,
    location: Option<HeaderValue>,
    last_modified: Option<Timestamp>,
    problem: Option<Problem>,
    headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) depends: Depends,
}

impl Entry {
    /// An answer that is not coded.
    pub(super) fn whole(deliverable: Deliverable, route: Option<String>) -> Self {
        let header = |text: String| HeaderValue::try_from(text).ok();
        let etag = deliverable.etag.as_ref().and_then(|tag| header(format!("\"{tag}\"")));
        let answer = Answer {
            route: route.map(Into::into),
            status: deliverable.status,
            kind: HeaderValue::from_static(deliverable.kind),
            tag: deliverable.etag,
            cache_control: deliverable.cache_control.map(HeaderValue::from_static),
            surrogate_key: header(deliverable.depends.header()),
            link: deliverable.link.and_then(header),
            location: deliverable.location.and_then(header),
            last_modified: deliverable.last_modified,
            problem: deliverable.problem,
            headers: deliverable.headers,
            depends: deliverable.depends,
        };
        Self { answer: Arc::new(answer), coding: Coding::Identity, body: deliverable.body, etag }
    }

    pub(super) fn coding(&self) -> Coding {
        self.coding
    }

    pub(super) fn answer(&self) -> &Arc<Answer> {
        &self.answer
    }

    /// Roughly what it takes in memory, in bytes.
    pub(super) fn weight(&self) -> u64 {
        // What is shared with its variants is counted with the whole answer alone.
        let shared = if self.coding == Coding::Identity {
            let keys = self.answer.depends.keys.iter().chain(&self.answer.depends.shown);
            1_024 + keys.map(|key| key.len() + 120).sum::<usize>()
        } else {
            256
        };
        (self.body.len() + shared) as u64
    }

    pub(super) fn gains_by_coding(&self) -> bool {
        self.body.len() >= WORTH_CODING && !self.answer.kind.as_bytes().starts_with(b"image/")
    }

    /// The same in a coding; none if that is none, or fails.
    pub(super) fn encode(&self, coding: Coding) -> Option<Self> {
        let name = coding.name()?;
        let body = match coding.encode(&self.body) {
            Ok(body) => Bytes::from(body),
            Err(error) => {
                tracing::error!(%error, ?coding, "an answer could not be coded");
                return None;
            }
        };
        let tag = self.answer.tag.as_ref();
        let etag = tag.and_then(|tag| HeaderValue::try_from(format!("\"{tag}-{name}\"")).ok());
        Some(Self { answer: Arc::clone(&self.answer), coding, body, etag })
    }

    /// The answer to a request: whole, or 304 if the client has it already.
    pub(super) fn respond(
        &self,
        delivery: &Delivery,
        request: &HeaderMap,
        status: Status,
        now: Timestamp,
    ) -> HttpResponse {
        let answer = &*self.answer;
        let known = answer.tag.as_ref().and_then(|tag| self.known_to(request, tag));
        // Within its second it could change once more, and a client could not tell (RFC 9110, 8.8.2.2).
        let modified = answer.last_modified.filter(|at| at.micros() / 1_000_000 < now.micros() / 1_000_000);
        let known = known.or_else(|| {
            let unchanged = modified.is_some_and(|at| is_unmodified(request, at));
            self.etag.clone().filter(|_| unchanged)
        });
        let code = if known.is_some() { StatusCode::NOT_MODIFIED } else { answer.status };
        let mut response = HttpResponse::with_body(code, ());
        let headers = response.headers_mut();
        let mut set = |name: HeaderName, value: Option<HeaderValue>| {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        };
        if known.is_none() && !self.body.is_empty() {
            set(header::CONTENT_TYPE, Some(answer.kind.clone()));
            set(header::CONTENT_ENCODING, self.coding.header());
        }
        set(header::ETAG, known.clone().or_else(|| self.etag.clone()));
        let cache_control = match status {
            // It may be old, so nobody else is to keep it: no purge would find it there.
            Status::Lost(_) => Some(HeaderValue::from_static("no-cache")),
            _ => answer.cache_control.clone().or_else(|| delivery.cache_control(now)),
        };
        set(header::CACHE_CONTROL, cache_control);
        set(header::VARY, Some(HeaderValue::from_static("Accept-Encoding")));
        set(SURROGATE_KEY, answer.surrogate_key.clone());
        set(
            header::LAST_MODIFIED,
            modified.map(|at| HttpDate::from(time(at)).to_string()).and_then(|at| HeaderValue::try_from(at).ok()),
        );
        set(header::LINK, answer.link.clone());
        set(header::LOCATION, answer.location.clone());
        for (name, value) in &answer.headers {
            set(name.clone(), Some(value.clone()));
        }
        set(CACHE_STATUS, cache_status(status));
        if let Some(route) = &answer.route {
            response.extensions_mut().insert(Known { route: Arc::clone(route), cache: status.name() });
        }
        if let Some(problem) = &answer.problem {
            response.extensions_mut().insert(problem.clone());
        }
        if known.is_some() {
            return response.map_into_boxed_body();
        }
        let body = self.body.clone();
        response.map_body(|_, ()| BoxBody::new(body))
    }

    /// The client's own tag, if it names this answer in any coding.
    fn known_to(&self, request: &HeaderMap, tag: &str) -> Option<HeaderValue> {
        if !request.contains_key(header::IF_NONE_MATCH) {
            return None;
        }
        let values = request.get_all(header::IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
        for sent in values.flat_map(|value| value.split(',')).map(str::trim) {
            let bare = sent.strip_prefix("W/").unwrap_or(sent).trim_matches('"');
            let rest = bare.strip_prefix(tag);
            let coded = |rest: &str| {
                Coding::ALL.into_iter().filter_map(Coding::name).any(|name| rest.strip_prefix('-') == Some(name))
            };
            if rest.is_some_and(|rest| rest.is_empty() || coded(rest)) {
                return HeaderValue::try_from(format!("\"{bare}\"")).ok();
            }
            if sent == "*" {
                return self.etag.clone();
            }
        }
        None
    }
}

/// Whether a client that named no tag has it as it was at this time, or later.
fn is_unmodified(request: &HeaderMap, at: Timestamp) -> bool {
    if request.contains_key(header::IF_NONE_MATCH) {
        return false;
    }
    let since = request.get(header::IF_MODIFIED_SINCE).and_then(|since| since.to_str().ok()?.parse::<HttpDate>().ok());
    since.is_some_and(|since| HttpDate::from(time(at)) <= since)
}

/// To the second, as headers have it.
fn time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(at.micros() / 1_000_000).unwrap_or(0))
}

/// `Cache-Status` (RFC 9211).
fn cache_status(status: Status) -> Option<HeaderValue> {
    match status {
        Status::Hit => Some(HeaderValue::from_static("Byline; hit")),
        Status::Stored => Some(HeaderValue::from_static("Byline; fwd=miss; stored")),
        Status::Fixed => None,
        Status::Passed => Some(HeaderValue::from_static("Byline; fwd=bypass")),
        Status::Lost(lost) => {
            let seconds = lost.as_secs();
            HeaderValue::try_from(format!("Byline; hit; detail=\"changes unknown for {seconds} s\"")).ok()
        }
    }
}

/// The answer in this coding; a large one is coded beside the threads that serve.
pub(super) async fn encode(whole: Arc<Entry>, coding: Coding) -> Option<Entry> {
    if whole.body.len() <= CODED_ASIDE {
        return whole.encode(coding);
    }
    web::block(move || whole.encode(coding)).await.ok().flatten()
}
