//! Migrations: one set for each engine, with the same numbers.

use std::collections::HashSet;

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::migration::{Migration, MigrationSource};
use diesel::sql_types::{Bool, Text};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use domain::{Error, Result};

use crate::db::POSTGRES_SESSION;
use crate::{Conn, Db};

const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

#[allow(missing_docs, reason = "it is what `ghost_id` of the domain is")]
#[diesel::declare_sql_function]
extern "SQL" {
    fn ghost_id(kind: Text, id: Text) -> Text;
}

/// Applies what is pending and returns its names, oldest first.
///
/// On PostgreSQL a lock keeps two nodes that start together from doing it twice: the second waits for as long as the
/// first needs.
pub fn run(db: &Db) -> Result<Vec<String>> {
    let mut conn = db.connection()?;
    let applied = match &mut *conn {
        Conn::Postgres(c) => {
            c.batch_execute("SET statement_timeout = 0; SET lock_timeout = 0")?;
            let free = diesel::select(sql::<Bool>("pg_try_advisory_lock(7310211)")).get_result::<bool>(c)?;
            if !free {
                tracing::info!("another node is applying migrations; waiting for it");
                diesel::sql_query("SELECT pg_advisory_lock(7310211)").execute(c)?;
            }
            // A table in use is not waited for as long: all who need it would wait behind us.
            c.batch_execute("SET lock_timeout = '10s'")?;
            let applied = apply(c, POSTGRES);
            diesel::sql_query("SELECT pg_advisory_unlock(7310211)").execute(c)?;
            c.batch_execute(POSTGRES_SESSION)?;
            applied
        }
        Conn::Sqlite(c) => {
            // PostgreSQL hashes by itself.
            ghost_id_utils::register_impl(c, |kind: String, id: String| domain::ids::ghost_id(&kind, &id))?;
            apply(c, SQLITE)
        }
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

/// The names of what is not applied yet, oldest first. It only reads: a connection that cannot write will do. Fails on
/// a database that was never migrated.
pub fn pending(conn: &mut Conn) -> Result<Vec<String>> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        version: String,
    }
    let rows: Vec<Row> = diesel::sql_query("SELECT version FROM __diesel_schema_migrations").load(conn)?;
    let applied: HashSet<String> = rows.into_iter().map(|row| row.version).collect();
    let known = match conn {
        Conn::Postgres(_) => names::<diesel::pg::Pg>(&POSTGRES),
        Conn::Sqlite(_) => names::<diesel::sqlite::Sqlite>(&SQLITE),
    };
    let mut pending = known.map_err(Error::Internal)?;
    pending.retain(|(version, _)| !applied.contains(version));
    pending.sort();
    Ok(pending.into_iter().map(|(_, name)| name).collect())
}

/// Version and name of every migration that is built in.
fn names<DB: diesel::backend::Backend>(set: &impl MigrationSource<DB>) -> Result<Vec<(String, String)>, String> {
    let migrations = set.migrations().map_err(|error| error.to_string())?;
    let names =
        migrations.iter().map(|migration| (migration.name().version().to_string(), migration.name().to_string()));
    Ok(names.collect())
}

fn apply<DB: diesel::backend::Backend>(
    conn: &mut impl MigrationHarness<DB>,
    set: EmbeddedMigrations,
) -> Result<Vec<String>, String> {
    let applied = conn.run_pending_migrations(set).map_err(|error| error.to_string())?;
    Ok(applied.iter().map(ToString::to_string).collect())
}
