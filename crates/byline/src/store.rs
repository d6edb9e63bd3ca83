//! What every command stands on: the database, migrated, and the publication's keys.

mod secrets_file;

use domain::secrets::Secrets;
use persistence::{DatabaseUrl, Db, Options, migrations, users};

use crate::config::Settings;
use crate::failure::Failure;

pub use secrets_file::read as read_secrets;

/// Which SQLite files a command makes if they are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Create {
    /// None.
    Never,
    /// The one under `var/` that nobody had to name.
    Default,
    /// Whichever is named.
    Named,
}

/// An open publication.
pub struct Store {
    /// The door to its database.
    pub db: Db,
    /// Its keys.
    pub secrets: Secrets,
    /// The migrations that were applied on the way, oldest first.
    pub applied: Vec<String>,
}

impl Store {
    /// Opens the database, applies the migrations it lacks, and reads or makes the secrets file, unless the keys were given.
    pub fn open(settings: &Settings, create: Create) -> Result<Self, Failure> {
        let db = connect(settings, create)?;
        let applied = migrations::run(&db).map_err(|error| Failure::during("applying migrations", error))?;
        if !applied.is_empty() {
            tracing::info!(count = applied.len(), last = applied.last(), "migrations applied");
        }
        let in_use = db.read_blocking(users::any)?;
        let secrets = match &settings.secrets {
            Some(secrets) => secrets.clone(),
            None => secrets_file::read_or_make(&settings.secrets_file(), in_use)?,
        };
        Ok(Self { db, secrets, applied })
    }
}

/// Opens the database as it is.
pub fn connect(settings: &Settings, create: Create) -> Result<Db, Failure> {
    let named = settings.database_url.is_some();
    let create = match create {
        Create::Never => false,
        Create::Default => !named,
        Create::Named => true,
    };
    let url = settings.database_url();
    if let DatabaseUrl::Sqlite(path) = &url
        && !path.exists()
        && !create
        && !named
    {
        let detail =
            format!("there is no database at {} yet; `byline serve` or `byline demo` makes it", path.display());
        return Err(Failure::from(detail));
    }
    Ok(Db::open(&Options { url, create, connections: settings.database_connections })?)
}
