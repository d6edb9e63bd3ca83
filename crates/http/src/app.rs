//! What every route needs: the database, the keys, the clock and the configuration.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::secrets::Secrets;
use domain::{Error, Result, Timestamp};
use ipnet::IpNet;
use persistence::files::Files;
use persistence::{Conn, Db, Forms, idempotency};
use tokio::sync::Semaphore;
use url::Url;

use crate::answer::Reply;
use crate::delivery::{Delivery, Follower};
use crate::ghost::ContentKeys;
use crate::hashing::Hashing;
use crate::limits::Limits;
use crate::problem::Answer;
use crate::sessions::Sessions;

/// For how long a transaction of the background work is tried, and how long is waited between.
const INSIST: Duration = Duration::from_secs(45);
const BETWEEN_TRIES: Duration = Duration::from_millis(500);

/// Where the present comes from. Tests own theirs.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's.
    System,
    /// One that stands still until it is moved: microseconds since the epoch.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The present.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::Manual(micros) => Timestamp::from_micros(micros.load(Ordering::SeqCst)),
        }
    }
}

/// How the server answers; every member has its flag, variable and key (see `byline serve --help`).
#[derive(Debug, Clone)]
pub struct Config {
    /// Byline's own address, from which every link to it is made; never taken from a request.
    pub public_url: Url,
    /// Hosts that requests may name; empty: any.
    pub allowed_hosts: Vec<String>,
    /// Origins that may use the routes that are not open to all.
    pub cors_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether attempts are limited at all; off for benchmarks.
    pub limits: bool,
    /// What `/metrics` wants as a bearer token; absent: only loopback may read it.
    pub metrics_token: Option<String>,
    /// How long caches may keep public answers.
    pub cache: CachePolicy,
    /// Bytes that the delivery cache may hold; 0: there is none.
    pub cache_size: u64,
    /// The folder of the media store.
    pub media_store: PathBuf,
    /// Whether WordPress's API is spoken, under `/wp-json`.
    pub wordpress: bool,
    /// Whether Ghost's Content API is spoken, under `/ghost/api/content`.
    pub ghost: bool,
    /// Keys that are good there beside the publication's own: 26 hexadecimal digits each.
    pub ghost_content_keys: Vec<String>,
}

/// `Cache-Control` of public answers, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct CachePolicy {
    /// For browsers.
    pub max_age: u64,
    /// For shared caches.
    pub s_maxage: u64,
    /// How long a stale answer may be shown while a new one is fetched.
    pub stale_while_revalidate: u64,
}

impl CachePolicy {
    /// How long an answer may be kept at all.
    pub(crate) fn longest(&self) -> u64 {
        self.max_age.max(self.s_maxage)
    }

    /// `Cache-Control` of an answer that may change by itself in `left` seconds.
    pub(crate) fn header(&self, left: Option<u64>) -> String {
        let left = left.unwrap_or(u64::MAX);
        let (max_age, s_maxage) = (self.max_age.min(left), self.s_maxage.min(left));
        let stale = self.stale_while_revalidate;
        format!("public, max-age={max_age}, s-maxage={s_maxage}, stale-while-revalidate={stale}")
    }
}

impl Default for CachePolicy {
    fn default() -> Self {
        Self { max_age: 0, s_maxage: 0, stale_while_revalidate: 30 }
    }
}

impl Config {
    /// What suits a server on this address: nothing trusted, nothing open that need not be.
    pub fn new(public_url: Url) -> Self {
        Self {
            public_url,
            allowed_hosts: Vec::new(),
            cors_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            limits: true,
            metrics_token: None,
            cache: CachePolicy::default(),
            cache_size: 64 * 1024 * 1024,
            wordpress: true,
            ghost: true,
            ghost_content_keys: Vec::new(),
            media_store: PathBuf::from("var/media"),
        }
    }

    /// An absolute link to `path` (which begins with `/`) on this server.
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.as_str().trim_end_matches('/'))
    }
}

/// Streams of changes that one node serves at a time; each holds a connection, and no memory to speak of.
const MAX_STREAMS: usize = 1_000;

/// The state of the application, shared by all workers.
pub struct App {
    /// The door to the database.
    pub db: Db,
    /// How the server answers.
    pub config: Config,
    /// The publication's keys.
    pub secrets: Arc<Secrets>,
    /// Where the present comes from.
    pub clock: Clock,
    /// How often clients may try things.
    pub limits: Limits,
    /// The way to Argon2.
    pub hashing: Hashing,
    /// Which sessions are live.
    pub sessions: Sessions,
    /// Public answers, ready to be sent.
    pub delivery: Arc<Delivery>,
    /// What keeps them right.
    pub follower: Arc<Follower>,
    /// What they are made with.
    pub(crate) forms: Arc<Forms>,
    /// Where files are kept.
    pub media: Files,
    /// What clients of Ghost's API show.
    pub(crate) content_keys: ContentKeys,
    /// Places for those who listen to changes.
    pub(crate) streams: Arc<Semaphore>,
    /// Counters for `/metrics`.
    pub metrics: crate::metrics::Metrics,
    running: Running,
    closing: AtomicBool,
}

/// Requests with an idempotency key that are being worked on here; other nodes are kept out by the database.
#[derive(Default)]
struct Running(Arc<Mutex<HashSet<(String, String)>>>);

/// Its request runs as long as this lives.
struct Turn {
    running: Arc<Mutex<HashSet<(String, String)>>>,
    key: (String, String),
}

impl Running {
    /// Refuses a second request under a key whose first is not done yet.
    fn begin(&self, request: &idempotency::Request) -> Result<Turn> {
        let key = (request.caller.clone(), request.key.clone());
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if running.insert(key.clone()) {
            Ok(Turn { running: Arc::clone(&self.0), key })
        } else {
            Err(idempotency::still_running())
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl App {
    /// Puts the application together.
    pub fn new(db: Db, config: Config, secrets: impl Into<Arc<Secrets>>, clock: Clock) -> Result<Self> {
        let limits = Limits::new(&config, &clock);
        let metrics = crate::metrics::Metrics::new()?;
        let (hashing, sessions, running) = (Hashing::new(), Sessions::default(), Running::default());
        let (secrets, closing) = (secrets.into(), AtomicBool::new(false));
        let delivery = Arc::new(Delivery::new(config.cache_size, config.cache));
        let follower = Arc::new(Follower::new(Arc::clone(&delivery)));
        let (follows, present) = (Arc::clone(&follower), clock.clone());
        let streams = Arc::new(Semaphore::new(MAX_STREAMS));
        let media = Files::new(&config.media_store);
        let content_keys = ContentKeys::new(&config, &secrets);
        db.after_commit(move |conn| follows.catch_up(conn, present.now()));
        Ok(Self {
            db,
            config,
            secrets,
            clock,
            limits,
            hashing,
            sessions,
            delivery,
            follower,
            forms: Arc::default(),
            media,
            content_keys,
            streams,
            metrics,
            running,
            closing,
        })
    }

    /// The present.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Ends every connection with its next answer, so that clients go elsewhere before the server does.
    pub fn close_connections(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Runs `work` in one transaction, with the present.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn, Timestamp) -> Result<T> + Send + 'static,
    {
        let now = self.now();
        self.db.write(move |conn| work(conn, now)).await
    }

    /// Runs `work` on a connection that cannot write, with the present.
    pub async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn, Timestamp) -> Result<T> + Send + 'static,
    {
        let now = self.now();
        self.db.read(move |conn| work(conn, now)).await
    }

    /// Runs a transaction of the background work, again and again if the database is held by others or out of reach:
    /// what happened outside and is not noted is a doubt. It blocks.
    ///
    /// A transaction that was committed although its connection broke finds, the second time, nothing to do.
    pub(crate) fn insist<T>(&self, work: impl Fn(&mut Conn) -> Result<T>) -> Result<T> {
        let deadline = Instant::now() + INSIST;
        loop {
            match self.db.write_blocking(&work) {
                Err(Error::Busy { .. } | Error::InDoubt { .. }) if Instant::now() < deadline => {
                    std::thread::sleep(BETWEEN_TRIES);
                }
                outcome => return outcome,
            }
        }
    }
}

impl App {
    /// Runs `work` in one transaction, at most once per idempotency key: asked again, it gives the stored answer.
    pub(crate) async fn once<F>(&self, request: Option<idempotency::Request>, work: F) -> Answer
    where
        F: FnOnce(&mut Conn, Timestamp) -> Result<Reply> + Send + 'static,
    {
        let running = request.as_ref().map(|request| self.running.begin(request)).transpose()?;
        let reply = self.write(move |conn, now| {
            let _running = running;
            let Some(request) = request else { return work(conn, now) };
            if let Some(stored) = idempotency::recall(conn, &request, now)? {
                return Reply::from_parts(stored.status.try_into()?, &stored.headers, stored.body);
            }
            let reply = work(conn, now)?;
            idempotency::store(conn, &request, reply.parts()?, now)?;
            Ok(reply)
        });
        Ok(reply.await?.into())
    }
}
