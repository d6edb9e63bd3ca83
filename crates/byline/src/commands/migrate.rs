//! `byline migrate`: brings the database to what this binary knows.

use crate::config::Settings;
use crate::failure::Failure;
use crate::store::{Create, Store};

/// What to migrate.
#[derive(Debug, Clone, clap::Args)]
pub struct Migrate {
    /// Make the SQLite file if it does not exist (a PostgreSQL database is made with `createdb`)
    #[arg(long)]
    create: bool,
}

/// Applies what is pending, and says what it was.
pub fn run(settings: &Settings, asked: &Migrate) -> Result<(), Failure> {
    let store = Store::open(settings, if asked.create { Create::Named } else { Create::Never })?;
    if store.applied.is_empty() {
        crate::print(&format!("{} has every migration already.\n", settings.database_url()));
    }
    for name in &store.applied {
        crate::print(&format!("applied {name}\n"));
    }
    Ok(())
}
