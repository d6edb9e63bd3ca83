//! The whole publication as one archive: a tar of lines of JSON, table by table. Nothing in it tells when or where it was
//! made, so that two archives of the same publication are the same bytes.

mod read;
mod write;

use std::io::{self, Read, Write};

use aws_lc_rs::digest::{Context, SHA256};
use data_encoding::HEXLOWER;
use domain::Result;
use persistence::archive::{self, TABLES, Table};
use persistence::{Conn, Db};
use serde::{Deserialize, Serialize};

pub use read::restore;
pub use write::export;

/// The first file of an archive says what it is.
const MANIFEST: &str = "manifest.json";
/// The last one holds the SHA-256 of all others: an archive without it is cut off.
const CHECKSUMS: &str = "checksums.json";
const FORMAT: &str = "byline archive";
const VERSION: u32 = 1;

/// What an archive is.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: String,
    version: u32,
    /// The columns of each table.
    tables: serde_json::Map<String, serde_json::Value>,
}

/// Where files lie in an archive: below this, under the first two digits of their hash, named by it.
const FILES: &str = "files/";

/// Rows that are written at once, and bytes of them.
const BATCH_ROWS: usize = 500;
const BATCH_BYTES: usize = 1024 * 1024;

/// Collects rows of a table, and writes them many at a time.
struct Batch<'a> {
    table: &'static Table,
    columns: &'a [String],
    rows: String,
    count: usize,
}

impl<'a> Batch<'a> {
    fn new(table: &'static Table, columns: &'a [String]) -> Self {
        Self { table, columns, rows: String::new(), count: 0 }
    }

    fn add(&mut self, conn: &mut Conn, row: &str) -> Result<()> {
        self.rows.push(if self.count == 0 { '[' } else { ',' });
        self.rows.push_str(row);
        self.count += 1;
        if self.count >= BATCH_ROWS || self.rows.len() >= BATCH_BYTES { self.flush(conn) } else { Ok(()) }
    }

    fn flush(&mut self, conn: &mut Conn) -> Result<()> {
        if self.count > 0 {
            self.rows.push(']');
            archive::write(conn, self.table, self.columns, &self.rows)?;
            self.rows.clear();
            self.count = 0;
        }
        Ok(())
    }
}

/// Copies everything from one database into another, which must be empty. Both are migrated already.
pub fn copy(from: &Db, to: &Db, progress: &mut Progress) -> Result<()> {
    archive::snapshot(from, |source| {
        archive::load(to, |target| {
            refuse_occupied(target)?;
            for table in TABLES {
                let columns = archive::columns(source, table)?;
                let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
                let mut batch = Batch::new(table, &names);
                archive::read(source, table, &columns, |row| {
                    progress.row(table.name);
                    batch.add(target, row)
                })?;
                batch.flush(target)?;
            }
            archive::index_words(target, || progress.row("index of words"))
        })
    })
}

/// Refuses a database that holds something already.
pub fn refuse_occupied(conn: &mut Conn) -> Result<()> {
    match archive::occupied(conn)? {
        None => Ok(()),
        Some(table) => {
            let detail = format!("the database is not empty: there are {table} in it; name one that is new");
            Err(domain::Error::conflict("not_empty", detail))
        }
    }
}

/// Says how far it has come, on standard error.
#[derive(Debug, Default)]
pub struct Progress {
    quiet: bool,
    current: &'static str,
    rows: u64,
    total: u64,
}

/// A line for so many rows.
const EVERY: u64 = 20_000;

impl Progress {
    /// One that says nothing.
    pub fn quiet() -> Self {
        Self { quiet: true, ..Self::default() }
    }

    /// Counts a row of a table, or a step of what is called so.
    fn row(&mut self, of: &'static str) {
        if self.current != of {
            self.end();
            (self.current, self.rows) = (of, 0);
        }
        self.rows += 1;
        self.total += 1;
        if self.rows.is_multiple_of(EVERY) {
            self.say();
        }
    }

    /// Says what came last.
    pub fn end(&mut self) {
        if self.rows > 0 && !self.rows.is_multiple_of(EVERY) {
            self.say();
        }
        self.rows = 0;
    }

    fn say(&self) {
        if !self.quiet {
            eprintln!("{}: {}", self.current, self.rows);
        }
    }
}

/// Hashes what passes through.
pub struct Hashed<T> {
    inner: T,
    context: Context,
}

impl<T> Hashed<T> {
    /// Around where it goes, or comes from.
    pub fn new(inner: T) -> Self {
        Self { inner, context: Context::new(&SHA256) }
    }

    /// The SHA-256 of all that passed, and where it went or came from.
    pub fn finish(self) -> (String, T) {
        (HEXLOWER.encode(self.context.finish().as_ref()), self.inner)
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.context.update(&bytes[..read]);
        Ok(read)
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.context.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
