//! The bulk loader: batches of rows straight into the tables, with their indexes made at the end.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use diesel::{Connection, PgConnection, RunQueryDsl, SqliteConnection};
use domain::Actor;
use domain::accounts::UserWrite;
use domain::articles::Content;
use domain::passwords::Typed;
use domain::permissions::Role;
use domain::secrets::Secrets;
use persistence::{Conn, DatabaseUrl, Db, Options, migrations, newsletters, published, users};
use serde_json::Value;

use super::publication::{PASSWORD, Publication, USER};
use super::rows::Rows;
use crate::failure::{Result, refused};

/// Articles (and comments) of one batch, which is one transaction.
const BATCH: u64 = 500;
/// Tables whose indexes are made at the end.
const BULK: [&str; 10] = [
    "articles",
    "revisions",
    "article_slugs",
    "published_articles",
    "published_in",
    "published_slugs",
    "audit",
    "comments",
    "comment_events",
    "published_comments",
];

/// How large a publication is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Articles.
    pub articles: u64,
    /// What the random numbers start from.
    pub seed: u64,
}

impl Size {
    /// The minutes and the megabytes of disk that loading takes, roughly, to be said beforehand.
    pub fn cost(self, url: &DatabaseUrl) -> (u64, u64) {
        // Seen on two virtual cores of 2.4 GHz. Of comments there are 50,000 at most.
        let (micros, kilobytes, comments) = match url {
            DatabaseUrl::Sqlite(_) => (1_600, 35, 150),
            DatabaseUrl::Postgres(_) => (2_600, 32, 150),
        };
        ((self.articles * micros / 60_000_000).max(1), comments + self.articles * kilobytes / 1_000)
    }
}

/// Makes a publication in an empty database, and the file with its keys.
pub fn generate(url: &DatabaseUrl, secrets_file: &Path, size: Size) -> Result<()> {
    let (minutes, megabytes) = size.cost(url);
    eprintln!("{url}: {} articles, about {minutes} min and {megabytes} MB of disk", size.articles);
    let start = Instant::now();
    let db = Db::open(&Options { url: url.clone(), create: true, connections: 1 })?;
    migrations::run(&db).map_err(refused)?;
    let publication = Publication::new(size.seed, size.articles);
    let secrets = Secrets::generate().map_err(refused)?;
    let by = found(&db, &publication)?;
    drop(db);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(secrets_file)?;
    file.write_all(serde_json::to_string_pretty(&secrets)?.as_bytes())?;

    let mut loader = Loader::open(url)?;
    let indexes = loader.drop_indexes()?;
    std::thread::scope(|scope| -> Result<()> {
        // One core makes rows, the other one writes them.
        let (send, batches) = mpsc::sync_channel(4);
        let maker = scope.spawn({
            let (publication, by, secrets) = (&publication, &by, &secrets);
            move || make(publication, by, secrets, &send)
        });
        let mut progress = Progress::new(publication.articles);
        for batch in batches {
            loader.put(&batch)?;
            progress.add(batch.found.len());
        }
        maker.join().map_err(|_| "making rows failed")?
    })?;
    eprintln!("  indexes");
    loader.finish(&indexes)?;
    eprintln!("  done in {} s", start.elapsed().as_secs());
    Ok(())
}

/// The user, and what a server makes at its first start.
fn found(db: &Db, publication: &Publication) -> Result<Actor> {
    let write = UserWrite {
        email: Some(USER.to_owned()),
        name: Some("Bench".to_owned()),
        role: Some(Role::Admin.to_string()),
        disabled: None,
        password: Some(Typed::from(PASSWORD)),
    };
    let (profile, password) = write.check_new(&[]).map_err(refused)?;
    let hash = password.hash().map_err(refused)?;
    let at = publication.founded;
    let user = db
        .write_blocking(|conn| {
            newsletters::ensure(conn, at)?;
            users::add(conn, &Actor::system(), &profile, &hash, at)
        })
        .map_err(refused)?;
    Ok(Actor { user: Some(user.id), name: user.name, role: user.role })
}

/// Rows for one transaction, each table as one JSON array.
struct Batch {
    tables: Vec<Table>,
    /// What is to be found by its words.
    found: Vec<(String, Content)>,
}

struct Table {
    name: &'static str,
    columns: Vec<String>,
    rows: String,
}

impl Batch {
    fn new(rows: Rows, found: Vec<(String, Content)>) -> Result<Self> {
        let table = |(name, rows): (&'static str, Vec<Value>)| {
            let columns = rows.first().and_then(Value::as_object).into_iter().flatten();
            let columns = columns.map(|(column, _)| column.clone()).collect();
            Ok(Table { name, columns, rows: serde_json::to_string(&rows)? })
        };
        Ok(Self { tables: rows.0.into_iter().map(table).collect::<Result<_>>()?, found })
    }
}

fn make(publication: &Publication, by: &Actor, secrets: &Secrets, send: &mpsc::SyncSender<Batch>) -> Result<()> {
    // The receiver hangs up when it could not write: it says why.
    let deliver = |rows, found| Result::Ok(send.send(Batch::new(rows, found)?).is_ok());
    deliver(Rows::taxonomy(publication), Vec::new())?;
    for first in (0..publication.articles).step_by(usize::try_from(BATCH)?) {
        let mut rows = Rows::default();
        let last = (first + BATCH).min(publication.articles);
        let found = (first..last).map(|number| rows.article(publication, by, number)).collect::<Result<_>>()?;
        if !deliver(rows, found)? {
            return Ok(());
        }
    }
    for first in (0..publication.comments).step_by(usize::try_from(BATCH)?) {
        let mut rows = Rows::default();
        for number in first..(first + BATCH).min(publication.comments) {
            rows.comment(publication, by, secrets, number)?;
        }
        if !deliver(rows, Vec::new())? {
            return Ok(());
        }
    }
    Ok(())
}

/// A connection that writes fast, and would lose everything in a crash.
struct Loader(Conn);

/// An index that was dropped, and the statement that makes it again.
#[derive(diesel::QueryableByName)]
struct Index {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    statement: String,
}

impl Loader {
    fn open(url: &DatabaseUrl) -> Result<Self> {
        Ok(Self(match url {
            DatabaseUrl::Sqlite(path) => {
                let mut conn = SqliteConnection::establish(&path.to_string_lossy())?;
                conn.batch_execute(
                    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF;
                     PRAGMA cache_size = -262144; PRAGMA temp_store = FILE;",
                )?;
                Conn::Sqlite(conn)
            }
            DatabaseUrl::Postgres(url) => {
                let mut conn = PgConnection::establish(url.as_str())?;
                conn.batch_execute("SET synchronous_commit = off; SET maintenance_work_mem = '512MB'")?;
                Conn::Postgres(conn)
            }
        }))
    }

    /// Drops every index that is no constraint.
    fn drop_indexes(&mut self) -> Result<Vec<Index>> {
        let tables = BULK.map(|table| format!("'{table}'")).join(", ");
        let query = match &self.0 {
            Conn::Sqlite(_) => format!(
                "SELECT name, sql AS statement FROM sqlite_master
                 WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ({tables})"
            ),
            // The index of words takes longest to keep.
            Conn::Postgres(_) => format!(
                "SELECT indexname::text AS name, indexdef AS statement FROM pg_indexes
                 WHERE schemaname = current_schema() AND tablename IN ({tables}, 'article_words', 'title_words')
                 AND indexname NOT IN (SELECT conname FROM pg_constraint)"
            ),
        };
        let indexes: Vec<Index> = diesel::sql_query(query).load(&mut self.0)?;
        // By this one each article finds its number in the index of words.
        let dropped: Vec<Index> =
            indexes.into_iter().filter(|index| index.name != "published_articles_search_id").collect();
        for Index { name, .. } in &dropped {
            self.0.batch_execute(&format!("DROP INDEX {name}"))?;
        }
        Ok(dropped)
    }

    /// Writes a batch, one statement for each table.
    fn put(&mut self, batch: &Batch) -> Result<()> {
        self.0.batch_execute("BEGIN")?;
        for Table { name, columns, rows } in &batch.tables {
            let names = columns.join(", ");
            let statement = match &self.0 {
                Conn::Sqlite(_) => {
                    let values: Vec<String> = columns.iter().map(|column| format!("value ->> '{column}'")).collect();
                    format!("INSERT INTO {name} ({names}) SELECT {} FROM json_each($1)", values.join(", "))
                }
                Conn::Postgres(_) => format!(
                    "INSERT INTO {name} ({names}) SELECT {names} FROM json_populate_recordset(NULL::{name}, $1::json)"
                ),
            };
            diesel::sql_query(statement).bind::<Text, _>(rows).execute(&mut self.0)?;
        }
        for (id, content) in &batch.found {
            published::make_findable(&mut self.0, id.parse()?, 1, content).map_err(refused)?;
        }
        self.0.batch_execute("COMMIT")?;
        Ok(())
    }

    /// Makes the indexes again, and leaves the database as a server would have it after a while.
    fn finish(mut self, indexes: &[Index]) -> Result<()> {
        for index in indexes {
            self.0.batch_execute(&index.statement)?;
        }
        self.0.batch_execute(match self.0 {
            Conn::Sqlite(_) => "PRAGMA journal_mode = WAL",
            // As autovacuum would.
            Conn::Postgres(_) => "VACUUM ANALYZE",
        })?;
        Ok(())
    }
}

/// Says how far it is, ten times or once a minute.
struct Progress {
    articles: u64,
    done: u64,
    start: Instant,
    said: (u64, Instant),
}

impl Progress {
    fn new(articles: u64) -> Self {
        let now = Instant::now();
        Self { articles, done: 0, start: now, said: (0, now) }
    }

    fn add(&mut self, articles: usize) {
        self.done += articles as u64;
        let tenth = self.done * 10 / self.articles.max(1);
        if articles > 0 && (tenth > self.said.0 || self.said.1.elapsed() > Duration::from_mins(1)) {
            self.said = (tenth, Instant::now());
            let left = self.start.elapsed().as_secs() * (self.articles - self.done) / self.done.max(1);
            eprintln!("  {} of {} articles, {left} s left", self.done, self.articles);
        }
    }
}

#[cfg(test)]
mod tests;
