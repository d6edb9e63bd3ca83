//! Writing an archive.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use domain::secrets::sha256;
use domain::{Error, Result};
use persistence::archive::{self, TABLES};
use persistence::files::Files;
use persistence::{Conn, Db, media};
use serde_json::{Map, Value, json};
use tar::{Builder, EntryType, Header};

use super::{CHECKSUMS, FILES, FORMAT, Hashed, MANIFEST, Manifest, Progress, VERSION};

/// A file of rows ends with the row that makes it so long.
const CHUNK: usize = 4 * 1024 * 1024;

/// Writes everything that there is at this moment. A file that is not in the store is told of, and left out.
pub fn export<W: Write>(db: &Db, files: &Files, to: W, progress: &mut Progress) -> Result<W> {
    let mut archive = Archive { tar: Builder::new(to), checksums: Map::new() };
    let hashes = archive::snapshot(db, |conn| {
        let mut tables = Map::new();
        for table in TABLES {
            let columns = archive::columns(conn, table)?;
            tables.insert(table.name.into(), columns.iter().map(|column| json!(column.name)).collect());
        }
        let manifest = Manifest { format: FORMAT.into(), version: VERSION, tables };
        archive.file(MANIFEST, &serde_json::to_vec_pretty(&manifest)?)?;
        TABLES.iter().try_for_each(|table| archive.table(conn, table, progress))?;
        media::hashes(conn)
    })?;
    for hash in hashes {
        if let Some(path) = files.find(&hash) {
            archive.kept(&hash, &path, progress)?;
        } else {
            tracing::warn!(hash, "a file is not in the media store, and so not in the archive");
        }
    }
    progress.end();
    let checksums = serde_json::to_vec_pretty(&archive.checksums)?;
    archive.file(CHECKSUMS, &checksums)?;
    Ok(archive.tar.into_inner()?)
}

struct Archive<W: Write> {
    tar: Builder<W>,
    /// By name, in order.
    checksums: Map<String, Value>,
}

impl<W: Write> Archive<W> {
    fn table(&mut self, conn: &mut Conn, table: &'static archive::Table, progress: &mut Progress) -> Result<()> {
        let columns = archive::columns(conn, table)?;
        let (mut chunk, mut number) = (Vec::new(), 0);
        let mut name = || {
            number += 1;
            format!("tables/{}/{number:06}.ndjson", table.name)
        };
        archive::read(conn, table, &columns, |row| {
            progress.row(table.name);
            chunk.extend_from_slice(row.as_bytes());
            chunk.push(b'\n');
            if chunk.len() >= CHUNK {
                self.file(&name(), &chunk)?;
                chunk.clear();
            }
            Ok(())
        })?;
        if chunk.is_empty() { Ok(()) } else { self.file(&name(), &chunk) }
    }

    fn file(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        self.checksums.insert(name.to_owned(), sha256(bytes).into());
        Ok(self.tar.append_data(&mut header(bytes.len() as u64), name, bytes)?)
    }

    /// A file of the media store; a damaged one is refused, since nobody could tell later.
    fn kept(&mut self, hash: &str, path: &Path, progress: &mut Progress) -> Result<()> {
        progress.row("files");
        let name = format!("{FILES}{}/{hash}", &hash[..2]);
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut file = Hashed::new(file);
        self.tar.append_data(&mut header(size), &name, &mut file)?;
        if file.finish().0 != hash {
            let detail = format!("the file {} of the media store is damaged", path.display());
            return Err(Error::conflict("damaged_file", detail));
        }
        self.checksums.insert(name, hash.into());
        Ok(())
    }
}

/// What says the same of every file.
fn header(size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_size(size);
    header.set_mode(0o600);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}
