//! `byline export`, `restore`, `backup` and `copy`: the whole publication in one file, and from one database to another.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use persistence::files::Files;
use persistence::{DatabaseUrl, Db, Options, migrations};

use crate::archive::{self, Hashed, Progress};
use crate::config::Settings;
use crate::failure::Failure;
use crate::store::{self, Create, Store};

/// Where to write it.
#[derive(Debug, clap::Args)]
pub struct Export {
    /// The archive to make; one that is there is left alone
    ///
    /// It holds addresses and password hashes, and only its owner can read it. The file with the publication's keys
    /// (`secrets.json`) is not in it: keep both.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// What to read.
#[derive(Debug, clap::Args)]
pub struct Restore {
    /// The archive, from `byline export` or `byline backup` of this version or an older one
    ///
    /// A SQLite file is made if it does not exist; a database that is there must be empty.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Where to write it.
#[derive(Debug, clap::Args)]
pub struct Backup {
    /// The archive to make; one that is there is left alone
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// From where to where.
#[derive(Debug, clap::Args)]
#[allow(clippy::doc_markdown, reason = "the docs are the help text")]
pub struct Copy {
    /// The database to read: `sqlite://PATH` or `postgres://USER:PASSWORD@HOST/NAME`
    #[arg(long, value_name = "URL", hide_env_values = true)]
    from: DatabaseUrl,

    /// The database to fill, which must be empty; a SQLite file is made if it does not exist
    #[arg(long, value_name = "URL", hide_env_values = true)]
    to: DatabaseUrl,
}

/// Writes an archive.
pub fn export(settings: &Settings, asked: &Export) -> Result<(), Failure> {
    let db = ready(settings)?;
    let (draft, files) = (Draft::new(&asked.file)?, Files::new(settings.media_store()));
    let hash = draft.fill(&db, &files)?;
    draft.keep()?;
    crate::print(&format!("{hash}  {}", asked.file.display()));
    Ok(())
}

/// Writes an archive, restores it into a database of its own, and keeps it if that gives the same archive again.
pub fn backup(settings: &Settings, asked: &Backup) -> Result<(), Failure> {
    let db = ready(settings)?;
    let (draft, files) = (Draft::new(&asked.file)?, Files::new(settings.media_store()));
    let hash = draft.fill(&db, &files)?;
    let folder = asked.file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let scratch = tempfile::tempdir_in(folder).map_err(|error| cannot("make a folder in", folder, &error))?;
    let again = {
        let url = DatabaseUrl::Sqlite(scratch.path().join("restored.db"));
        let restored = open(&url, true)?;
        archive::restore(&restored, None, draft.read()?, &mut Progress::quiet())?;
        archive::export(&restored, &files, Hashed::new(io::sink()), &mut Progress::quiet())?.finish().0
    };
    if again != hash {
        let why = "what was restored from it is not the same; please report this, and use a copy of the database";
        return Err(Failure::from(format!("the backup is not good: {why}")));
    }
    draft.keep()?;
    crate::print(&format!("{hash}  {} (restored once, and the same)", asked.file.display()));
    Ok(())
}

/// Reads an archive into a new database.
pub fn restore(settings: &Settings, asked: &Restore) -> Result<(), Failure> {
    let file = File::open(&asked.file).map_err(|error| cannot("read", &asked.file, &error))?;
    let db = store::connect(settings, Create::Named)?;
    migrations::run(&db)?;
    db.read_blocking(archive::refuse_occupied)?;
    drop(db);
    // It has no users yet: keys are made where there are none.
    let store = Store::open(settings, Create::Named)?;
    let files = Files::new(settings.media_store());
    archive::restore(&store.db, Some(&files), BufReader::new(file), &mut Progress::default())?;
    let secrets = settings.secrets_file();
    crate::print(&format!(
        "{} is restored. Links in mails that were sent need the keys of then: put that secrets.json at {}.",
        settings.database_url(),
        secrets.display()
    ));
    Ok(())
}

/// Copies a database into another one.
pub fn copy(asked: &Copy) -> Result<(), Failure> {
    let from = Db::open(&Options { url: asked.from.clone(), create: false, connections: 1 })?;
    from.read_blocking(migrations::check)?;
    let to = open(&asked.to, true)?;
    let mut progress = Progress::default();
    archive::copy(&from, &to, &mut progress)?;
    progress.end();
    crate::print(&format!("{} is in {} now.", asked.from, asked.to));
    Ok(())
}

/// The database, if it is as this binary knows it.
fn ready(settings: &Settings) -> Result<Db, Failure> {
    let db = store::connect(settings, Create::Never)?;
    db.read_blocking(migrations::check)?;
    Ok(db)
}

fn open(url: &DatabaseUrl, create: bool) -> Result<Db, Failure> {
    let db = Db::open(&Options { url: url.clone(), create, connections: 1 })?;
    migrations::run(&db)?;
    Ok(db)
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::from(format!("cannot {what} {}: {error}", path.display()))
}

/// An archive that is not good yet: it has its name only once it is whole.
struct Draft<'a> {
    path: &'a Path,
    draft: PathBuf,
}

impl<'a> Draft<'a> {
    fn new(path: &'a Path) -> Result<Self, Failure> {
        if path.exists() {
            return Err(Failure::from(format!("{} is there already; choose another name", path.display())));
        }
        let mut draft = path.as_os_str().to_owned();
        draft.push(".partial");
        Ok(Self { path, draft: draft.into() })
    }

    /// Writes the archive to the disk; answers its SHA-256.
    fn fill(&self, db: &Db, files: &Files) -> Result<String, Failure> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&self.draft);
        let file = file.map_err(|error| cannot("write", &self.draft, &error))?;
        let written = archive::export(db, files, Hashed::new(BufWriter::new(file)), &mut Progress::default())?;
        let (hash, mut file) = written.finish();
        file.flush().and_then(|()| file.get_ref().sync_all()).map_err(|error| cannot("write", &self.draft, &error))?;
        Ok(hash)
    }

    fn read(&self) -> Result<BufReader<File>, Failure> {
        File::open(&self.draft).map(BufReader::new).map_err(|error| cannot("read", &self.draft, &error))
    }

    fn keep(&self) -> Result<(), Failure> {
        // Another one that came meanwhile is not overwritten.
        fs::hard_link(&self.draft, self.path).map_err(|error| cannot("make", self.path, &error))
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.draft) {
            tracing::debug!(%error, "a draft of an archive was not there to be removed");
        }
    }
}
