//! Migrations: one set for each engine, with the same numbers.

use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use domain::{Error, Result};

use crate::{Conn, Db};

const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// Applies what is pending and returns its names, oldest first.
///
/// On PostgreSQL a lock keeps two nodes that start together from doing it twice.
pub fn run(db: &Db) -> Result<Vec<String>> {
    let mut conn = db.connection()?;
    let applied = match &mut *conn {
        Conn::Postgres(c) => {
            use diesel::RunQueryDsl;
            diesel::sql_query("SELECT pg_advisory_lock(7310211)").execute(c)?;
            let applied = apply(c, POSTGRES);
            diesel::sql_query("SELECT pg_advisory_unlock(7310211)").execute(c)?;
            applied
        }
        Conn::Sqlite(c) => apply(c, SQLITE),
    };
    applied.map_err(Error::Internal)
}

/// Fails unless the database answers and has every migration of this binary.
pub fn check(conn: &mut Conn) -> Result<()> {
    match pending(conn)?.as_slice() {
        [] => Ok(()),
        names => Err(Error::Internal(format!("migrations are pending: {}", names.join(", ")))),
    }
}

/// The names of what is not applied yet, oldest first.
pub fn pending(conn: &mut Conn) -> Result<Vec<String>> {
    match conn {
        Conn::Postgres(c) => names_of_pending(c, POSTGRES),
        Conn::Sqlite(c) => names_of_pending(c, SQLITE),
    }
    .map_err(Error::Internal)
}

fn apply<DB: diesel::backend::Backend>(
    conn: &mut impl MigrationHarness<DB>,
    set: EmbeddedMigrations,
) -> Result<Vec<String>, String> {
    let applied = conn.run_pending_migrations(set).map_err(|error| error.to_string())?;
    Ok(applied.iter().map(ToString::to_string).collect())
}

fn names_of_pending<DB: diesel::backend::Backend>(
    conn: &mut impl MigrationHarness<DB>,
    set: EmbeddedMigrations,
) -> Result<Vec<String>, String> {
    let pending = conn.pending_migrations(set).map_err(|error| error.to_string())?;
    Ok(pending.iter().map(|migration| migration.name().to_string()).collect())
}
