//! Reading requests: extractors that share one way of refusing, in the order that `docs/API.md` gives.

use std::borrow::Cow;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use domain::error::Stale;
use domain::ids::{SessionId, UserId};
use domain::secrets::sha256;
use domain::{Actor, Error, Fault, Result, Timestamp};
use persistence::idempotency;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::IntoParams;

use crate::App;
use crate::problem::Refusal;

type Extracting<T> = Pin<Box<dyn Future<Output = Result<T, Refusal>>>>;

/// Who calls: put into the request at the edge, once the access token and its session were found good.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who acts.
    pub by: Actor,
    /// The session that the token names.
    pub session: SessionId,
}

impl Caller {
    /// The user who calls, for what only a person can have: sessions, a name, a password.
    pub(crate) fn user(&self) -> Result<UserId> {
        self.by.user.ok_or_else(|| Error::forbidden("This is for people who signed in."))
    }
}

impl FromRequest for Caller {
    type Error = Refusal;
    type Future = std::future::Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = match request.extensions().get::<Result<Caller, Unknown>>() {
            Some(Ok(caller)) => Ok(caller.clone()),
            Some(Err(Unknown(detail))) => Err(unauthenticated(detail)),
            None => Err(unauthenticated("Send an access token as `Authorization: Bearer`.")),
        };
        std::future::ready(caller.map_err(Refusal::from))
    }
}

/// Why a credential that was sent is not good.
#[derive(Debug, Clone)]
pub(crate) struct Unknown(pub(crate) &'static str);

fn unauthenticated(detail: &str) -> Error {
    Error::Unauthenticated { code: "unauthenticated", detail: detail.to_owned() }
}

/// The bearer token of a request.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A JSON body of at most `LIMIT` bytes.
#[derive(Debug)]
pub struct Body<T, const LIMIT: usize = 65_536> {
    /// What was sent.
    pub value: T,
    /// Stands for the whole request, for [`IdempotencyKey`].
    pub fingerprint: String,
}

impl<T: DeserializeOwned + 'static, const LIMIT: usize> FromRequest for Body<T, LIMIT> {
    type Error = Refusal;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            let bytes = read(&request, payload, LIMIT, &["application/json"]).await?;
            let fingerprint =
                sha256([request.method().as_str().as_bytes(), request.path().as_bytes(), &bytes].join(&0));
            let document = json(&bytes)?;
            // Serde would take the members of a struct from an array, too.
            if !document.is_object() {
                return Err(malformed(Fault::at("", "wrong_type", "Send a JSON object.")).into());
            }
            Ok(Self { value: typed(document)?, fingerprint })
        })
    }
}

/// A JSON merge patch (RFC 7396) for a `T` all of whose members may be absent. Its form has been checked.
#[derive(Debug)]
pub struct Patch<T, const LIMIT: usize = 65_536> {
    document: Value,
    of: std::marker::PhantomData<T>,
}

impl<T: DeserializeOwned + Serialize, const LIMIT: usize> Patch<T, LIMIT> {
    /// What `current` becomes.
    pub fn apply(&self, current: &T) -> Result<T> {
        let mut merged = serde_json::to_value(current)?;
        domain::merge::apply(&mut merged, &self.document);
        typed(merged)
    }
}

impl<T: DeserializeOwned + 'static, const LIMIT: usize> FromRequest for Patch<T, LIMIT> {
    type Error = Refusal;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            let kinds = ["application/merge-patch+json", "application/json"];
            let document = json(&read(&request, payload, LIMIT, &kinds).await?)?;
            if !document.is_object() {
                return Err(malformed(Fault::at("", "wrong_type", "Send a JSON object.")).into());
            }
            // Merged into nothing, the patch shows unknown members and wrong types before anything is looked up.
            let mut alone = Value::Object(serde_json::Map::new());
            domain::merge::apply(&mut alone, &document);
            typed::<T>(alone)?;
            Ok(Self { document, of: std::marker::PhantomData })
        })
    }
}

fn malformed(fault: Fault) -> Error {
    Error::Malformed(fault)
}

/// The bytes of a body, of one of the media types `kinds`.
pub(crate) async fn read(
    request: &HttpRequest,
    payload: Payload,
    limit: usize,
    kinds: &[&str],
) -> Result<web::Bytes, Refusal> {
    use actix_web::http::StatusCode;
    let headers = request.headers();
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(Refusal::bare(StatusCode::PAYLOAD_TOO_LARGE));
    }
    let encoded = headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity");
    if encoded || !kinds.contains(&request.content_type().to_ascii_lowercase().as_str()) {
        return Err(Refusal::bare(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let mut payload = payload;
    match web::Payload::from_request(request, &mut payload)
        .await
        .map_err(|error| internal(&error))?
        .to_bytes_limited(limit)
        .await
    {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(malformed(Fault::at("", "unreadable", "The body broke off; send it again.")).into()),
        Err(_) => Err(Refusal::bare(StatusCode::PAYLOAD_TOO_LARGE)),
    }
}

fn internal(error: &actix_web::Error) -> Error {
    Error::Internal(error.to_string())
}

/// Reads JSON; U+0000 is refused here, once for all: SQLite would keep it and PostgreSQL fail on it.
pub(crate) fn json(bytes: &[u8]) -> Result<Value> {
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| malformed(Fault::at("", "not_json", format!("The body is not valid JSON: {error}."))))?;
    match nul(&value, &mut String::new()) {
        Some(pointer) => Err(malformed(Fault::at(pointer, "nul", "Remove the character U+0000."))),
        None => Ok(value),
    }
}

fn nul(value: &Value, at: &mut String) -> Option<String> {
    let here = at.len();
    let mut within = |segment: &str, value: &Value| {
        step(at, segment);
        let found = if segment.contains('\0') { Some(at.replace('\0', "\u{fffd}")) } else { nul(value, at) };
        at.truncate(here);
        found
    };
    match value {
        Value::String(text) => text.contains('\0').then(|| at.clone()),
        Value::Array(items) => items.iter().enumerate().find_map(|(index, item)| within(&index.to_string(), item)),
        Value::Object(members) => members.iter().find_map(|(name, member)| within(name, member)),
        _ => None,
    }
}

/// One step further into a document (RFC 6901).
fn step(pointer: &mut String, segment: &str) {
    pointer.push('/');
    pointer.push_str(&segment.replace('~', "~0").replace('/', "~1"));
}

/// Turns JSON into `T`; the first wrong type or unknown member is refused with its pointer.
fn typed<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        use serde_path_to_error::Segment;
        let mut pointer = String::new();
        for segment in error.path() {
            match segment {
                Segment::Seq { index } => step(&mut pointer, &index.to_string()),
                Segment::Map { key } => step(&mut pointer, key),
                Segment::Enum { .. } | Segment::Unknown => {}
            }
        }
        let message = error.inner().to_string();
        let (code, detail) = explain(&message, "member");
        malformed(Fault::at(pointer, code, detail))
    })
}

/// What serde says, in a sentence, with the nearest known name if it met an unknown one.
fn explain(message: &str, what: &str) -> (&'static str, String) {
    let Some(rest) = message.strip_prefix("unknown field `") else {
        return ("wrong_type", format!("{}.", capitalised(message.trim_end_matches('.'))));
    };
    let mut names = rest.split('`').step_by(2);
    let unknown = names.next().unwrap_or_default();
    let hint = nearest(unknown, names).map(|known| format!(" Did you mean `{known}`?")).unwrap_or_default();
    ("unknown", format!("There is no {what} `{}`.{hint}", domain::error::shorten(unknown)))
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

pub(crate) fn nearest<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let unknown: String = unknown.chars().take(64).collect();
    known
        .map(|name| (strsim::jaro_winkler(&unknown, name), name))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}

/// Query parameters: a closed set, each at most once.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned + IntoParams> FromRequest for Params<T> {
    type Error = Refusal;
    type Future = std::future::Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(params(request.query_string()).map(Self).map_err(Refusal::from))
    }
}

fn params<T: DeserializeOwned + IntoParams>(query: &str) -> Result<T> {
    let refuse = |name: &str, code, detail| malformed(Fault::parameter(domain::error::shorten(name), code, detail));
    let mut seen: Vec<Cow<'_, str>> = Vec::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if value.contains(['\0', '\u{fffd}']) {
            return Err(refuse(&name, "not_utf8", "Send UTF-8 without U+0000.".into()));
        }
        if seen.contains(&name) {
            return Err(refuse(&name, "repeated", "Send this parameter once.".into()));
        }
        seen.push(name);
    }
    let deserializer = serde_urlencoded::Deserializer::new(url::form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        // Each set denies what it does not know; that is told first, with what may have been meant.
        let known = T::into_params(|| None);
        if let Some(unknown) = seen.iter().find(|name| known.iter().all(|parameter| parameter.name != **name)) {
            let hint = nearest(unknown, known.iter().map(|parameter| parameter.name.as_str()))
                .map(|known| format!(" Did you mean `{known}`?"))
                .unwrap_or_default();
            let detail = format!("There is no parameter `{}` here.{hint}", domain::error::shorten(unknown));
            return refuse(unknown, "unknown", detail);
        }
        let name = error.path().to_string();
        let name = seen.iter().find(|known| **known == name).map_or("", |known| &**known);
        let (code, detail) = explain(&error.inner().to_string(), "parameter");
        refuse(name, code, detail)
    })
}

/// The `{id}` of a path. What is no id names nothing: 404.
#[derive(Debug)]
pub struct Id<T>(pub T);

impl<T: FromStr> FromRequest for Id<T> {
    type Error = Refusal;
    type Future = std::future::Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.match_info().get("id").and_then(|id| id.parse().ok()).map(Self);
        std::future::ready(id.ok_or(Refusal::from(Error::NotFound("resource"))))
    }
}

/// The `{slug}` or `{path}` of an address. What is too long for one, or holds U+0000, names nothing: 404.
#[derive(Debug)]
pub struct Name(pub String);

/// Longest name that is looked up, in bytes: eight imported slugs fit.
const MAX_NAME: usize = 2_000;

impl FromRequest for Name {
    type Error = Refusal;
    type Future = std::future::Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        // Decoded it may be a third as long.
        let short = request.match_info().iter().all(|(_, segment)| segment.len() <= 3 * MAX_NAME);
        let name = short.then(|| web::Path::<String>::from_request(request, payload).into_inner().ok()).flatten();
        let name = name.map(web::Path::into_inner).filter(|name| name.len() <= MAX_NAME && !name.contains('\0'));
        std::future::ready(name.map(Self).ok_or(Refusal::from(Error::NotFound("resource"))))
    }
}

/// The parameters of an address that takes none.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoParams {}

impl IntoParams for NoParams {
    fn into_params(
        _: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
    ) -> Vec<utoipa::openapi::path::Parameter> {
        Vec::new()
    }
}

/// `If-Match`: the version that a change was decided on.
#[derive(Debug, Clone)]
pub enum IfMatch {
    /// Not sent.
    Absent,
    /// `*`: whatever there is.
    Any,
    /// Any of these versions; what is not one of our tags matches nothing.
    Versions(Vec<u64>),
}

impl IfMatch {
    /// As the domain takes it.
    pub fn seen(&self) -> domain::Seen {
        match self {
            Self::Absent => domain::Seen::Nothing,
            Self::Any => domain::Seen::Any,
            Self::Versions(versions) => domain::Seen::Versions(versions.clone()),
        }
    }

    /// For what may also be changed unseen: refuses only a writer who names another version than the current one.
    pub fn expect_if_sent(&self, current: u64, changed_at: Timestamp) -> Result<()> {
        match self {
            Self::Absent => Ok(()),
            _ => self.seen().expect(current, || Stale::at(current, changed_at)),
        }
    }
}

impl FromRequest for IfMatch {
    type Error = Refusal;
    type Future = std::future::Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut values = request.headers().get_all(header::IF_MATCH).peekable();
        if values.peek().is_none() {
            return std::future::ready(Ok(Self::Absent));
        }
        let tags: Vec<&str> =
            values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).collect();
        let version = |tag: &&str| tag.trim().strip_prefix("\"v")?.strip_suffix('"')?.parse().ok();
        let read = if tags.iter().any(|tag| tag.trim() == "*") {
            Self::Any
        } else {
            Self::Versions(tags.iter().filter_map(version).collect())
        };
        std::future::ready(Ok(read))
    }
}

/// `Idempotency-Key`: quoted or bare; the same key gives the same answer for 24 h.
#[derive(Debug, Clone)]
pub struct IdempotencyKey(pub Option<String>);

impl IdempotencyKey {
    /// What identifies a request of a signed-in caller; `None` if it has no key.
    pub fn of(self, caller: &Caller, fingerprint: String) -> Option<idempotency::Request> {
        let caller = caller.by.user.map(|user| user.to_string()).unwrap_or_default();
        self.0.map(|key| idempotency::Request { caller, key, fingerprint })
    }

    /// What identifies a request of a reader.
    pub fn anonymous(self, fingerprint: String) -> Option<idempotency::Request> {
        self.0.map(|key| idempotency::Request { caller: "anonymous".into(), key, fingerprint })
    }
}

impl FromRequest for IdempotencyKey {
    type Error = Refusal;
    type Future = std::future::Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(value) = request.headers().get("idempotency-key") else {
            return std::future::ready(Ok(Self(None)));
        };
        let key = value.to_str().unwrap_or_default();
        let key = key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key);
        let good = (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        std::future::ready(if good {
            Ok(Self(Some(key.to_owned())))
        } else {
            let detail = "Send 1 to 255 printable ASCII characters without spaces.";
            Err(malformed(Fault::parameter("Idempotency-Key", "wrong_type", detail)).into())
        })
    }
}

/// The client's address: the right-most hop of `X-Forwarded-For` that is not one of our own proxies.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub IpAddr);

impl FromRequest for ClientAddress {
    type Error = Refusal;
    type Future = std::future::Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(Ok(Self(client_address(request))))
    }
}

/// Whoever sent a request.
pub(crate) fn client_address(request: &HttpRequest) -> IpAddr {
    let peer = request.peer_addr().map_or(IpAddr::from([127, 0, 0, 1]), |peer| peer.ip().to_canonical());
    let Some(app) = request.app_data::<web::Data<App>>() else { return peer };
    let trusted = |address: &IpAddr| app.config.trusted_proxies.iter().any(|network| network.contains(address));
    if !trusted(&peer) {
        return peer;
    }
    let hops: Vec<&str> = request
        .headers()
        .get_all("x-forwarded-for")
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    let mut client = peer;
    for hop in hops.iter().rev() {
        match hop.trim().parse::<IpAddr>().map(|address| address.to_canonical()) {
            Ok(address) => client = address,
            Err(_) => break,
        }
        if !trusted(&client) {
            break;
        }
    }
    client
}
