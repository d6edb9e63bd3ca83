//! The delivery cache: public answers, ready to be sent, for as long as they are what the database would say.
//!
//! An answer is found by its address alone (path and query, parameters in order), computed once however many ask for
//! it, and dropped by exactly the changes that alter it: [`Follower`] reads those from the log of changes, after every
//! commit of this node and a few times a second for those of others. What falls due by its time bounds everything.

mod coding;
mod entry;
mod fixed;
mod follow;
mod key;
mod store;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix_web::ResponseError as _;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderValue;
use actix_web::middleware::Next;
use domain::{Error, Result, Timestamp};
use persistence::changes::Change;

use crate::App;
use crate::app::CachePolicy;
use crate::problem::Refusal;
use coding::Coding;
use entry::Entry;
pub(crate) use entry::{Deliverable, Depends, Known, tag};
pub(crate) use fixed::Fixed;
pub use follow::Follower;
use key::Address;
use store::{Flight, Store};

/// How long cached answers are given after the last contact with the log of changes.
const ALONE: Duration = Duration::from_mins(1);
/// After this long without contact an answer from the cache says so.
const OUT_OF_TOUCH: Duration = Duration::from_secs(2);
/// A clock may be set back by this much without anything being dropped, in microseconds.
const SLACK: i64 = 1_000_000;

/// The cache, and what it knows of the present.
pub struct Delivery {
    store: Option<Store>,
    policy: CachePolicy,
    /// `Cache-Control` while nothing falls due soon.
    cache_control: Option<HeaderValue>,
    started: Instant,
    /// Milliseconds from `started` to the last contact with the log; `u64::MAX` before the first.
    contact: AtomicU64,
    /// Answers are good from here (microseconds since the epoch): a clock that is behind it was set back.
    good_from: AtomicI64,
    /// ... to here: then something falls due.
    good_until: AtomicI64,
}

/// Whether answers in the cache may be given.
enum Touch {
    /// They are what the log says.
    Fresh,
    /// The log was not reached for so long.
    Lost(Duration),
    /// It is not known.
    Unknown,
}

impl Delivery {
    /// A cache of `bytes`; with 0, none.
    pub(crate) fn new(bytes: u64, policy: CachePolicy) -> Self {
        Self {
            store: (bytes > 0).then(|| Store::new(bytes)),
            cache_control: HeaderValue::try_from(policy.header(None)).ok(),
            policy,
            started: Instant::now(),
            contact: AtomicU64::new(u64::MAX),
            good_from: AtomicI64::new(i64::MAX),
            good_until: AtomicI64::new(i64::MIN),
        }
    }

    fn touch(&self, now: Timestamp) -> Touch {
        let now = now.micros();
        if now >= self.good_until.load(Ordering::Acquire)
            || now < self.good_from.load(Ordering::Acquire).saturating_sub(SLACK)
        {
            return Touch::Unknown;
        }
        let contact = Duration::from_millis(self.contact.load(Ordering::Acquire));
        match self.started.elapsed().saturating_sub(contact) {
            lost if lost > ALONE => Touch::Unknown,
            lost if lost > OUT_OF_TOUCH => Touch::Lost(lost),
            _ => Touch::Fresh,
        }
    }

    /// Notes that the log was read at `now`, and when the next thing falls due.
    fn note(&self, now: Timestamp, due: Option<Timestamp>) {
        let contact = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.contact.store(contact, Ordering::Release);
        self.good_from.store(now.micros(), Ordering::Release);
        self.good_until.store(due.map_or(i64::MAX, Timestamp::micros), Ordering::Release);
    }

    /// `Cache-Control` of what may change by itself when something next falls due.
    fn cache_control(&self, now: Timestamp) -> Option<HeaderValue> {
        let until = self.good_until.load(Ordering::Acquire);
        let left = u64::try_from(until.saturating_sub(now.micros()) / 1_000_000).unwrap_or(0);
        if left >= self.policy.longest() {
            return self.cache_control.clone();
        }
        HeaderValue::try_from(self.policy.header(Some(left))).ok()
    }

    /// Drops what these changes alter.
    fn apply(&self, changes: Vec<Change>) {
        if let Some(store) = &self.store {
            store.apply(changes);
        }
    }

    /// Drops everything.
    fn clear(&self) {
        if let Some(store) = &self.store {
            store.clear();
        }
    }

    /// Bytes that the cache holds.
    pub(crate) fn bytes(&self) -> u64 {
        self.store.as_ref().map_or(0, Store::weight)
    }
}

/// Answers a request: from the cache if it can be, by the routes behind it otherwise.
pub(crate) async fn answer<B: MessageBody + 'static>(
    app: &App,
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let Some(address) = Address::of(&mut request) else {
        return next.call(request).await.map(|response| finish(app, response.map_into_boxed_body()));
    };
    let Some(store) = &app.delivery.store else {
        return next.call(request).await.map(|response| finish(app, response.map_into_boxed_body()));
    };
    let now = app.now();
    let coding = Coding::wanted(&request);
    let touch = app.delivery.touch(now);
    let status = match touch {
        Touch::Fresh => Status::Hit,
        Touch::Lost(lost) => Status::Lost(lost),
        Touch::Unknown => {
            let follower = Arc::clone(&app.follower);
            if let Err(error) = app.read(move |conn, now| follower.catch_up(conn, now)).await {
                return Ok(request.into_response(Refusal::from(unreachable_log(error)).error_response()));
            }
            Status::Hit
        }
    };
    if let Some(entry) = store.find(address.text(), coding) {
        let response = entry.respond(&app.delivery, request.headers(), status, now);
        return Ok(request.into_response(response));
    }
    let whole = match store.find(address.text(), Coding::Identity) {
        Some(whole) => Some(whole),
        None => match store.enter(&address) {
            Flight::Join(waiting) => waiting.landed().await,
            Flight::Lead(flight) => {
                let response = next.call(request).await?.map_into_boxed_body();
                let (request, mut response) = response.into_parts();
                let Some(deliverable) = Deliverable::take(&mut response) else {
                    return Ok(ServiceResponse::new(request, response));
                };
                let entry = Arc::new(Entry::whole(deliverable, request.match_pattern()));
                store.keep(&flight, &entry);
                flight.land(&entry);
                let entry = coded(store, &address, entry, coding).await;
                let response = entry.respond(&app.delivery, request.headers(), Status::Stored, now);
                return Ok(ServiceResponse::new(request, response));
            }
        },
    };
    match whole {
        Some(whole) => {
            let entry = coded(store, &address, whole, coding).await;
            let response = entry.respond(&app.delivery, request.headers(), status, now);
            Ok(request.into_response(response))
        }
        // Whoever computed it got a refusal: everyone finds out alone.
        None => next.call(request).await.map(|response| finish(app, response.map_into_boxed_body())),
    }
}

/// The answer in this coding, made once.
async fn coded(store: &Store, address: &Address, whole: Arc<Entry>, coding: Coding) -> Arc<Entry> {
    if coding == Coding::Identity || !whole.gains_by_coding() {
        return whole;
    }
    let coded = entry::encode(Arc::clone(&whole), coding).await;
    match coded {
        Some(coded) => {
            let coded = Arc::new(coded);
            store.keep_variant(address.text(), &coded);
            coded
        }
        None => whole,
    }
}

/// An answer that is not kept.
fn finish(app: &App, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let (request, mut response) = response.into_parts();
    let Some(deliverable) = Deliverable::take(&mut response) else {
        return ServiceResponse::new(request, response);
    };
    let whole = Entry::whole(deliverable, request.match_pattern());
    let coding = Coding::wanted(&request);
    let coded = if whole.gains_by_coding() { whole.encode(coding) } else { None };
    let entry = coded.unwrap_or(whole);
    let response = entry.respond(&app.delivery, request.headers(), Status::Passed, app.now());
    ServiceResponse::new(request, response)
}

fn unreachable_log(error: Error) -> Error {
    match error {
        Error::Internal(what) => {
            tracing::error!(what, "the log of changes cannot be read");
            Error::Busy { retry_after: 1 }
        }
        other => other,
    }
}

/// How an answer came to be, for `Cache-Status` (RFC 9211).
#[derive(Debug, Clone, Copy)]
enum Status {
    /// It was there.
    Hit,
    /// It was there, and the log of changes was not reached for so long.
    Lost(Duration),
    /// It was computed, and is there from now on.
    Stored,
    /// It was computed.
    Passed,
    /// It never changes.
    Fixed,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Hit | Self::Lost(_) => "hit",
            Self::Stored => "miss",
            Self::Passed | Self::Fixed => "bypass",
        }
    }
}
