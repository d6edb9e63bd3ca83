//! Reading an archive.

use std::io::{self, Read};

use domain::secrets::sha256;
use domain::{Error, Result};
use persistence::archive;
use persistence::files::Files;
use persistence::{Conn, Db};
use serde_json::{Map, Value};
use tar::{Archive, Entry};

use super::{Batch, CHECKSUMS, FILES, FORMAT, Hashed, MANIFEST, Manifest, Progress, VERSION, refuse_occupied};

/// The largest file of rows that is read: one row may be long, and ours end soon after 4 MB.
const MAX_FILE: u64 = 256 * 1024 * 1024;

/// Reads an archive into a database that is migrated and empty: all of it, or nothing. Without a store files are looked
/// at only.
pub fn restore(db: &Db, files: Option<&Files>, from: impl Read, progress: &mut Progress) -> Result<()> {
    archive::load(db, |conn| {
        refuse_occupied(conn)?;
        let mut reading = Reading::default();
        let mut tar = Archive::new(from);
        for entry in tar.entries().map_err(|error| broken(&error))? {
            let mut entry = entry.map_err(|error| broken(&error))?;
            let name = entry.path().map_err(|error| broken(&error))?.to_string_lossy().into_owned();
            if let Some(hash) = name.strip_prefix(FILES).and_then(|name| name.get(3..)) {
                let hash = hash.to_owned();
                progress.row("files");
                kept(&hash, files, &mut entry)?;
                reading.seen(&name, hash)?;
                continue;
            }
            if entry.size() > MAX_FILE {
                return Err(wrong(&format!("`{name}` is larger than anything that Byline writes")));
            }
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(|error| broken(&error))?;
            if bytes.len() as u64 != entry.size() {
                return Err(wrong("it ends too early"));
            }
            reading.file(conn, &name, &bytes, progress)?;
        }
        if !reading.complete {
            return Err(wrong("it ends too early"));
        }
        archive::index_words(conn, || progress.row("index of words"))?;
        progress.end();
        Ok(())
    })
}

/// Puts a file into the store, and makes sure that it is the one that its name says.
fn kept(hash: &str, files: Option<&Files>, entry: &mut Entry<'_, impl Read>) -> Result<()> {
    let size = entry.size();
    let found = if let Some(files) = files {
        files.put(&mut *entry, size)?.map(|stored| stored.sha256)
    } else {
        let mut hashed = Hashed::new(&mut *entry);
        io::copy(&mut hashed, &mut io::sink()).map_err(|error| broken(&error))?;
        Some(hashed.finish().0)
    };
    if found.as_deref() == Some(hash) { Ok(()) } else { Err(wrong(&format!("the file {hash} is another one"))) }
}

/// What is known of an archive so far.
#[derive(Default)]
struct Reading {
    manifest: Option<Manifest>,
    /// SHA-256 of the files that were read, by name.
    seen: Map<String, Value>,
    complete: bool,
}

impl Reading {
    /// Notes a file of the archive.
    fn seen(&mut self, name: &str, hash: String) -> Result<()> {
        if self.complete {
            return Err(wrong(&format!("`{name}` comes after its end")));
        }
        self.seen.insert(name.to_owned(), hash.into());
        Ok(())
    }

    fn file(&mut self, conn: &mut Conn, name: &str, bytes: &[u8], progress: &mut Progress) -> Result<()> {
        if name == CHECKSUMS && !self.complete {
            let checksums: Map<String, Value> = serde_json::from_slice(bytes).map_err(|error| broken(&error))?;
            self.complete = checksums == self.seen;
            return if self.complete { Ok(()) } else { Err(wrong("its checksums do not fit what is in it")) };
        }
        self.seen(name, sha256(bytes))?;
        match &self.manifest {
            None if name == MANIFEST => {
                self.manifest = Some(manifest(conn, bytes)?);
                Ok(())
            }
            None => Err(wrong("it does not begin as an archive of Byline does")),
            Some(manifest) => rows(conn, manifest, name, bytes, progress),
        }
    }
}

/// What the archive is; refused if this Byline cannot hold what is in it.
fn manifest(conn: &mut Conn, bytes: &[u8]) -> Result<Manifest> {
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| broken(&error))?;
    if manifest.format != FORMAT || manifest.version != VERSION {
        return Err(wrong(&format!("it is a `{}` of version {}", manifest.format, manifest.version)));
    }
    for (name, columns) in &manifest.tables {
        let known = archive::columns(conn, archive::named(name)?)?;
        let unknown = texts(columns).find(|column| known.iter().all(|known| known.name != *column));
        if let Some(column) = unknown {
            return Err(wrong(&format!("a newer Byline made it: `{name}` has `{column}`")));
        }
    }
    Ok(manifest)
}

fn texts(columns: &Value) -> impl Iterator<Item = &str> {
    columns.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn rows(conn: &mut Conn, manifest: &Manifest, name: &str, bytes: &[u8], progress: &mut Progress) -> Result<()> {
    let unknown = || wrong(&format!("`{name}` is nothing that Byline knows"));
    let (table, _) = name.strip_prefix("tables/").and_then(|name| name.split_once('/')).ok_or_else(unknown)?;
    let columns: Vec<String> = texts(manifest.tables.get(table).ok_or_else(unknown)?).map(str::to_owned).collect();
    let table = archive::named(table)?;
    let mut batch = Batch::new(table, &columns);
    for row in std::str::from_utf8(bytes).map_err(|error| broken(&error))?.lines() {
        progress.row(table.name);
        batch.add(conn, row)?;
    }
    batch.flush(conn)
}

fn broken(error: &impl std::fmt::Display) -> Error {
    wrong(&error.to_string())
}

fn wrong(what: &str) -> Error {
    Error::conflict("broken_archive", format!("the archive cannot be read: {what}; nothing was restored"))
}
