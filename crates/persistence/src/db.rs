//! The two engines behind one door: pools, transactions, and a bound on everything that waits.

mod group;
mod lane;

use std::fmt;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::r2d2::{self, ManageConnection, PooledConnection};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::{Connection, PgConnection, RunQueryDsl, SqliteConnection};
use domain::{Error, Result};
use tokio::sync::Semaphore;

use crate::changes::Listener;
use group::Group;
use lane::Lane;

/// A connection to either engine. Queries are written once and run on both.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    /// PostgreSQL.
    Postgres(PgConnection),
    /// SQLite.
    Sqlite(SqliteConnection),
}

/// Type-checks one query against each engine, for upserts and batches, which `Conn` itself cannot express.
macro_rules! on {
    ($conn:expr, |$c:ident| $query:expr) => {
        match $conn {
            $crate::Conn::Postgres($c) => $query,
            $crate::Conn::Sqlite($c) => $query,
        }
    };
}
pub(crate) use on;

/// Which engine a database runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// PostgreSQL: many nodes may share it.
    Postgres,
    /// SQLite: one file beside the binary.
    Sqlite,
}

/// Where the database is: `sqlite://path/to/file.db` or `postgres://user:password@host/name`.
///
/// Its `Debug` and `Display` hide the password.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A file, relative to the working directory or absolute.
    Sqlite(PathBuf),
    /// A whole connection URL, as libpq takes it.
    Postgres(url::Url),
}

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let hint = "write sqlite://path/to/file.db or postgres://user:password@host/database";
        if let Some(path) = text.strip_prefix("sqlite://") {
            if path.is_empty() || path.contains(['?', '\0']) || path.starts_with(':') || path.ends_with('/') {
                return Err(format!("sqlite:// needs the path of a file, without options; {hint}"));
            }
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            let url = url::Url::parse(text).map_err(|error| format!("not a valid URL ({error}); {hint}"))?;
            if url.path().trim_start_matches('/').is_empty() {
                return Err(format!("the URL names no database; {hint}"));
            }
            return Ok(Self::Postgres(url));
        }
        Err(format!("unknown kind of database; {hint}"))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => {
                let mut shown = url.clone();
                if shown.password().is_some() && shown.set_password(Some("***")).is_err() {
                    return f.write_str("postgres://***");
                }
                shown.set_query(None);
                write!(f, "{shown}")
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How a database is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it is.
    pub url: DatabaseUrl,
    /// Makes a SQLite file that does not exist yet; otherwise a missing one is an error.
    pub create: bool,
    /// Connections for reading (and, on PostgreSQL, as many again for writing).
    pub connections: u32,
}

/// The door to the database. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    engine: Engine,
    readers: Arc<Gate>,
    writers: Arc<Gate>,
    /// On PostgreSQL, the way of short reads.
    lane: Option<Arc<Lane>>,
    /// On SQLite, the way to its one writer.
    group: Option<Arc<Group>>,
    committed: Committed,
}

/// What is done after every commit, before whoever wrote hears of it.
type Committed = Arc<OnceLock<Box<dyn Fn(&mut Conn) -> Result<()> + Send + Sync>>>;

impl Db {
    /// Opens the pools and makes sure that the database answers.
    ///
    /// # Errors
    /// A sentence for the operator that says what to do, and never holds a password.
    pub fn open(options: &Options) -> Result<Self, String> {
        let engine = match &options.url {
            DatabaseUrl::Sqlite(path) => {
                check_file(path, options.create)?;
                Engine::Sqlite
            }
            DatabaseUrl::Postgres(_) => Engine::Postgres,
        };
        let manager = |purpose: Purpose| Manager { url: options.url.clone(), purpose };
        let gate = |size: u32, purpose: Purpose| {
            Gate::open(manager(purpose), size)
                .map(Arc::new)
                .map_err(|error| format!("cannot open the database {}: {error}", options.url))
        };
        // SQLite has one writer at a time; a second connection would only wait inside the engine.
        let writers = gate(if engine == Engine::Sqlite { 1 } else { options.connections }, Purpose::Writes)?;
        let (readers, committed) = (gate(options.connections, Purpose::Reads)?, Committed::default());
        let group = match engine {
            Engine::Sqlite => Some(Group::start(Arc::clone(&writers), Arc::clone(&committed))),
            Engine::Postgres => None,
        };
        let group = group.transpose().map_err(|error| format!("cannot start a thread: {error}"))?.map(Arc::new);
        let lane = (engine == Engine::Postgres).then(|| Arc::new(Lane::new(manager(Purpose::Peeks))));
        Ok(Self { engine, readers, writers, lane, group, committed })
    }

    /// From now on does this after every commit, on the connection that wrote, before its caller hears of it: if it
    /// fails, that is [`Error::InDoubt`]. It can be said once.
    pub fn after_commit(&self, then: impl Fn(&mut Conn) -> Result<()> + Send + Sync + 'static) {
        if self.committed.set(Box::new(then)).is_err() {
            tracing::error!("something else is done after every commit already");
        }
    }

    /// Which engine this is.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Runs `work` on a connection that cannot write, in one blocking hop.
    pub async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        self.readers.run(move |conn| work(conn)).await
    }

    /// [`Db::read`] of a few rows that an index leads to. On SQLite it is done here and now if a connection is free: the
    /// hop to another thread costs more than such a read. On PostgreSQL such reads have a lane of their own.
    pub async fn peek<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        if let Some(lane) = &self.lane {
            return lane.read(work).await;
        }
        if let Ok(_permit) = self.readers.permits.try_acquire() {
            return self.readers.with(work);
        }
        self.read(work).await
    }

    /// Runs `work` in one transaction: everything it did is kept if it returns `Ok`, nothing if it does not. On SQLite,
    /// writes that wait at the same time share a commit.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        if let Some(group) = &self.group {
            return group.write(work).await;
        }
        let committed = Arc::clone(&self.committed);
        self.writers.run(move |conn| commit(conn, work, &committed)).await
    }

    /// [`Db::write`] for commands and workers, which are not async.
    pub fn write_blocking<T>(&self, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
        self.writers.with(|conn| commit(conn, work, &self.committed))
    }

    /// [`Db::read`] for commands and workers, which are not async.
    pub fn read_blocking<T>(&self, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
        self.readers.with(work)
    }

    /// Listens for what other nodes enter in the log of changes; none on SQLite, which tells nobody.
    pub fn listen(&self) -> Result<Option<Listener>> {
        match self.readers.manager.connect()? {
            Conn::Postgres(conn) => Listener::new(conn).map(Some),
            Conn::Sqlite(_) => Ok(None),
        }
    }

    /// A connection for what cannot run inside a transaction: migrations.
    pub(crate) fn connection(&self) -> Result<PooledConnection<Manager>> {
        Ok(self.writers.pool.get()?)
    }
}

fn check_file(path: &Path, create: bool) -> Result<(), String> {
    if path.is_dir() {
        return Err(format!("{} is a directory; name a file in it", path.display()));
    }
    if path.exists() {
        return Ok(());
    }
    if !create {
        return Err(format!(
            "there is no database at {}; check the path, or make one with `byline migrate --create`",
            path.display()
        ));
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("cannot make the folder {}: {error}", folder.display()))?;
    }
    // For its owner alone: it holds addresses and sessions. SQLite gives the files beside it the same mode.
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(format!("cannot make the file {}: {error}", path.display()))
        }
        _ => Ok(()),
    }
}

/// One transaction, and what is done after it.
fn commit<T>(conn: &mut Conn, work: impl FnOnce(&mut Conn) -> Result<T>, committed: &Committed) -> Result<T> {
    let value = transaction(conn, work)?;
    match committed.get().map(|committed| committed(conn)) {
        Some(Err(error)) => {
            tracing::error!(?error, "what is done after a commit could not be done");
            Err(Error::InDoubt { retry_after: COME_BACK })
        }
        _ => Ok(value),
    }
}

/// One transaction. On SQLite it takes the write lock at once, so that a read inside it cannot grow stale.
fn transaction<T>(conn: &mut Conn, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    type Manager = <Conn as Connection>::TransactionManager;
    match conn {
        Conn::Postgres(c) => AnsiTransactionManager::begin_transaction(c)?,
        Conn::Sqlite(c) => begin_immediate(c)?,
    }
    match work(conn) {
        Ok(value) => match Manager::commit_transaction(conn) {
            Ok(()) => Ok(value),
            Err(error) if is_lost(conn) => {
                tracing::error!(%error, "the database was lost during a commit");
                Err(Error::InDoubt { retry_after: COME_BACK })
            }
            Err(error) => Err(busy(error)),
        },
        Err(refusal) => {
            if let Err(error) = Manager::rollback_transaction(conn) {
                tracing::warn!(%error, "a transaction could not be rolled back; its connection is dropped");
            }
            Err(refusal)
        }
    }
}

/// Takes SQLite's write lock, and waits for [`TURN`] while another process has it. SQLite would wait too, but looks
/// ever more rarely, at last ten times a second: beside a process that writes without a pause, whose lock is free for a
/// moment between two transactions, it can miss every one of them.
fn begin_immediate(conn: &mut SqliteConnection) -> Result<()> {
    let begun = Instant::now();
    conn.batch_execute("PRAGMA busy_timeout = 0")?;
    let outcome = loop {
        match AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE") {
            Err(error) if is_locked(&error) && begun.elapsed() < TURN => std::thread::sleep(LOOK),
            outcome => break outcome.map_err(busy),
        }
    };
    conn.batch_execute("PRAGMA busy_timeout = 5000")?;
    outcome
}

/// Another process holds SQLite's write lock for longer than we wait.
fn busy(error: DieselError) -> Error {
    if is_locked(&error) {
        tracing::warn!("the database is locked by another process");
        return Error::Busy { retry_after: 1 };
    }
    error.into()
}

fn is_locked(error: &DieselError) -> bool {
    matches!(error, DieselError::DatabaseError(DatabaseErrorKind::Unknown, info) if info.message().contains("locked"))
}

/// A pool, and a bound on who waits for it.
struct Gate {
    manager: Manager,
    pool: r2d2::Pool<Manager>,
    /// Whether the pool could not open a connection when it was asked last: it goes on trying by itself, and nobody
    /// waits for it meanwhile.
    down: AtomicBool,
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// Requests that may wait for one pool; the next is told to come back.
const MAX_WAITING: usize = 1_024;
/// How long it waits at most: longer, and the database hangs, or there is more to do than it can.
const TURN: Duration = Duration::from_secs(5);
/// How often SQLite's write lock is looked for.
const LOOK: Duration = Duration::from_millis(1);
/// How long a request waits for a connection to be opened. The pool tries again after half of it at the latest, which
/// bounds how soon it notices that the database is back.
const OPENING: Duration = Duration::from_secs(1);
/// How long a process waits for its first connection.
const FIRST: Duration = Duration::from_secs(5);
/// After how many seconds to come back when the database is out of reach.
const COME_BACK: u64 = 2;

impl Gate {
    /// A gate whose database answers.
    fn open(manager: Manager, size: u32) -> Result<Self, ::r2d2::Error> {
        let gate = Self::new(manager, size);
        drop(gate.pool.get_timeout(FIRST)?);
        Ok(gate)
    }

    /// A gate with so many connections at most.
    fn new(manager: Manager, size: u32) -> Self {
        let pool = r2d2::Pool::builder()
            .max_size(size)
            // Without one that it keeps, the pool opens none for whom waits for none: see `connection`.
            .min_idle(Some(1))
            .connection_timeout(OPENING)
            .test_on_check_out(true)
            .error_handler(Box::new(LogPoolError))
            .build_unchecked(manager.clone());
        let permits = Arc::new(Semaphore::new(size as usize));
        Self { manager, pool, down: AtomicBool::new(false), permits, waiting: AtomicUsize::new(0) }
    }

    async fn run<T, F>(self: &Arc<Self>, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        let permit = self.permit().await?;
        let gate = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            // The permit travels with the work: a caller that gives up does not let another one in early.
            let _permit = permit;
            gate.with(work)
        })
        .await?
    }

    fn with<T>(&self, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
        let mut conn = self.connection()?;
        let outcome = work(&mut conn);
        heard(&mut conn, outcome)
    }

    fn connection(&self) -> Result<PooledConnection<Manager>> {
        let known_down = self.down.load(Ordering::Relaxed);
        let conn =
            if known_down { self.pool.try_get() } else { self.pool.get().map_err(|error| self.went_down(&error)).ok() };
        let conn = conn.ok_or(Error::Busy { retry_after: COME_BACK })?;
        if known_down && self.down.swap(false, Ordering::Relaxed) {
            tracing::info!("the database is back");
        }
        Ok(conn)
    }

    fn went_down(&self, error: &::r2d2::Error) {
        if !self.down.swap(true, Ordering::Relaxed) {
            tracing::error!(%error, "no connection to the database; until there is one, nobody waits for it");
        }
    }

    async fn permit(&self) -> Result<tokio::sync::OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= MAX_WAITING {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::Busy { retry_after: 1 });
        }
        // Leaves the queue also when the caller gives up.
        let _place = Place(&self.waiting);
        match tokio::time::timeout(TURN, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(permit) => Ok(permit?),
            Err(_) => Err(Error::Busy { retry_after: COME_BACK }),
        }
    }
}

struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What to say of work that ended like this: if its connection is lost, that the database is out of reach.
fn heard<T>(conn: &mut Conn, outcome: Result<T>) -> Result<T> {
    match outcome {
        Err(Error::Internal(what)) if is_lost(conn) => {
            tracing::error!(what, "the connection to the database was lost");
            Err(Error::Busy { retry_after: COME_BACK })
        }
        outcome => outcome,
    }
}

/// Whether the server on the other side is gone. Ask after a failure: the last word of a server that ends looks like
/// the refusal of one statement.
fn is_lost(conn: &mut Conn) -> bool {
    match conn {
        Conn::Postgres(c) => diesel::sql_query("SELECT 1").execute(c).is_err(),
        Conn::Sqlite(_) => false,
    }
}

/// The pool tries again and again: [`Gate`] says once that it fails, and once that it is over.
#[derive(Debug)]
struct LogPoolError;

impl ::r2d2::HandleError<diesel::r2d2::Error> for LogPoolError {
    fn handle_error(&self, error: diesel::r2d2::Error) {
        tracing::debug!(%error, "the pool could not open a connection");
    }
}

/// How soon a server that has gone without a word is given up: seconds to connect, milliseconds until what was sent
/// must have arrived, and seconds of silence after which the other side is asked whether it is there.
const POSTGRES_PATIENCE: [(&str, &str); 5] = [
    ("connect_timeout", "2"),
    ("tcp_user_timeout", "5000"),
    ("keepalives_idle", "5"),
    ("keepalives_interval", "1"),
    ("keepalives_count", "3"),
];

/// The URL with our patience, where it does not say how much it wants.
fn patient(url: &url::Url) -> url::Url {
    let mut patient = url.clone();
    for (name, value) in POSTGRES_PATIENCE {
        if url.query_pairs().all(|(given, _)| given != name) {
            patient.query_pairs_mut().append_pair(name, value);
        }
    }
    patient
}

/// What holds for a connection to PostgreSQL.
pub(crate) const POSTGRES_SESSION: &str = "SET statement_timeout = '30s'; SET lock_timeout = '10s';
    SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = warning;";

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Few rows that an index leads to.
    Peeks,
    Reads,
    Writes,
}

/// Opens connections of the engine that the URL names.
#[derive(Clone)]
pub(crate) struct Manager {
    url: DatabaseUrl,
    purpose: Purpose,
}

impl ManageConnection for Manager {
    type Connection = Conn;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> Result<Conn, Self::Error> {
        use diesel::r2d2::Error::{ConnectionError, QueryError};
        match &self.url {
            DatabaseUrl::Sqlite(path) => {
                let mut conn = SqliteConnection::establish(&path.to_string_lossy()).map_err(ConnectionError)?;
                conn.batch_execute(
                    "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
                     PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;",
                )
                .map_err(QueryError)?;
                if self.purpose != Purpose::Writes {
                    conn.batch_execute("PRAGMA query_only = ON").map_err(QueryError)?;
                }
                Ok(Conn::Sqlite(conn))
            }
            DatabaseUrl::Postgres(url) => {
                let mut conn = PgConnection::establish(patient(url).as_str()).map_err(ConnectionError)?;
                conn.batch_execute(POSTGRES_SESSION).map_err(QueryError)?;
                if self.purpose != Purpose::Writes {
                    conn.batch_execute("SET default_transaction_read_only = on").map_err(QueryError)?;
                }
                if self.purpose == Purpose::Peeks {
                    // One plan serves all values. Left to itself it makes one each time, and the same one, since it does
                    // not know the number behind LIMIT otherwise: that takes longer than the read.
                    conn.batch_execute("SET plan_cache_mode = force_generic_plan").map_err(QueryError)?;
                }
                Ok(Conn::Postgres(conn))
            }
        }
    }

    /// Costs no round trip: it takes what has arrived since the last use, be it the end of the connection, or a word
    /// about that first.
    fn is_valid(&self, conn: &mut Conn) -> Result<(), Self::Error> {
        if let Conn::Postgres(c) = conn {
            for _ in 0..2 {
                c.notifications_iter().next().transpose().map_err(diesel::r2d2::Error::QueryError)?;
            }
        }
        Ok(())
    }

    /// A connection that is still inside a transaction (its rollback failed, or its work panicked) is not used again.
    fn has_broken(&self, conn: &mut Conn) -> bool {
        let status = <Conn as Connection>::TransactionManager::transaction_manager_status_mut(conn);
        std::thread::panicking() || !matches!(status.transaction_depth(), Ok(None))
    }
}

/// Waits until no other transaction has the turn of `name`, and has it until this one ends. What is read after it is
/// what the one before left. SQLite has one writer anyway.
pub(crate) fn turn(conn: &mut Conn, name: &str) -> Result<()> {
    if let Conn::Postgres(c) = conn {
        diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1, 7310214))")
            .bind::<diesel::sql_types::Text, _>(name)
            .execute(c)?;
    }
    Ok(())
}

/// Turns what the engine says about a row or a constraint into a refusal.
pub(crate) trait Refuse<T> {
    /// No row: there is no such thing.
    fn or_not_found(self, what: &'static str) -> Result<T>;

    /// A unique constraint, named as PostgreSQL names it (`tags_slug_key`), was hit: `refusal`.
    fn or_conflict(self, constraint: &str, refusal: impl FnOnce() -> Error) -> Result<T>;
}

impl<T> Refuse<T> for Result<T, DieselError> {
    fn or_not_found(self, what: &'static str) -> Result<T> {
        self.map_err(|error| match error {
            DieselError::NotFound => Error::NotFound(what),
            other => other.into(),
        })
    }

    fn or_conflict(self, constraint: &str, refusal: impl FnOnce() -> Error) -> Result<T> {
        self.map_err(|error| match &error {
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, info)
                if info.constraint_name() == Some(constraint) || sqlite_name(info.message()) == constraint =>
            {
                refusal()
            }
            _ => error.into(),
        })
    }
}

/// The name PostgreSQL would give to the constraint of which SQLite says
/// `UNIQUE constraint failed: table.first, table.second`.
fn sqlite_name(message: &str) -> String {
    let columns = message.strip_prefix("UNIQUE constraint failed: ").unwrap_or_default();
    let mut table = "";
    let mut name = String::new();
    for column in columns.split(", ") {
        if let Some((of, column)) = column.split_once('.') {
            table = of;
            name = format!("{name}_{column}");
        }
    }
    format!("{table}{name}_key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_told_apart_and_passwords_hidden() {
        assert_eq!("sqlite://var/a.db".parse(), Ok(DatabaseUrl::Sqlite("var/a.db".into())));
        let postgres: DatabaseUrl = "postgres://ann:secret@db.example.org/news?password=x".parse().unwrap();
        assert_eq!(format!("{postgres:?}"), "postgres://ann:***@db.example.org/news");
        for wrong in ["sqlite://", "sqlite:var/a.db", "var/a.db", "mysql://x/y", "postgres://host", "sqlite://:memory:"]
        {
            assert!(wrong.parse::<DatabaseUrl>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn constraints_have_one_name_on_both_engines() {
        assert_eq!(sqlite_name("UNIQUE constraint failed: tags.slug"), "tags_slug_key");
        assert_eq!(
            sqlite_name("UNIQUE constraint failed: issues.newsletter_id, issues.period"),
            "issues_newsletter_id_period_key"
        );
    }
}
