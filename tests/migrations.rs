//! The two sets of migrations: the same numbers, the same tables and columns, and a way back from each.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::Duration;

use diesel::sql_types::Text;
use diesel::{Connection, PgConnection, RunQueryDsl};
use persistence::{DatabaseUrl, Db, Options};

use crate::support::{App, both, postgres};

pub fn columns(engine: &str) -> BTreeMap<String, Vec<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(engine);
    let mut tables = BTreeMap::new();
    for migration in std::fs::read_dir(folder).unwrap() {
        let migration = migration.unwrap().path();
        assert!(migration.join("down.sql").is_file(), "{} has no way back", migration.display());
        let number = migration.file_name().unwrap().to_str().unwrap().to_owned();
        for statement in std::fs::read_to_string(migration.join("up.sql")).unwrap().split("CREATE ").skip(1) {
            let Some((name, rest)) = statement.split_once(" (") else { continue };
            let Some(name) = name.strip_prefix("TABLE ").or_else(|| name.strip_prefix("VIRTUAL TABLE ")) else {
                continue;
            };
            let name = name.split_whitespace().next().unwrap();
            let columns = rest.lines().filter_map(|line| {
                let word = line.trim().split([' ', ',']).next()?;
                let known = word.chars().all(|c| c.is_ascii_lowercase() || c == '_') && !word.is_empty();
                (known && word != "tokenize" && word != "terms" && word != "setweight").then(|| word.to_owned())
            });
            tables.insert(format!("{number}/{name}"), columns.collect());
        }
    }
    tables
}

#[test]
fn both_engines_have_the_same_tables() {
    let (mut sqlite, mut postgres) = (columns("sqlite"), columns("postgres"));
    assert!(sqlite.len() > 20);
    // The index of words is each engine's own: FTS5 with a column per text, and a `tsvector` with weights.
    for table in ["0008_lists_and_search/article_words", "0008_lists_and_search/title_words"] {
        assert!(sqlite.remove(table).is_some() && postgres.remove(table).is_some(), "{table}");
    }
    assert_eq!(sqlite, postgres);
}

both! {
    async fn a_migrated_database_is_ready_and_another_is_not(app: App) {
        let mut anyone = app.anyone();
        anyone.get("/readyz").await.expect(200);
        app.execute("DELETE FROM __diesel_schema_migrations WHERE version = '0007'");
        let refused = anyone.get("/readyz").await.expect(503);
        assert!(refused.header("retry-after").is_some());
    }
}

#[test]
fn a_node_waits_while_another_migrates_postgres() {
    let url = postgres::empty();
    let DatabaseUrl::Postgres(address) = &url else { panic!("PostgreSQL is meant") };
    let mut other = PgConnection::establish(address.as_str()).unwrap();
    diesel::sql_query("SELECT pg_advisory_lock(7310211)").execute(&mut other).unwrap();
    let db = Db::open(&Options { url, create: false, connections: 1 }).unwrap();
    let theirs = db.clone();
    let waiting = thread::spawn(move || persistence::migrations::run(&theirs).unwrap());
    // Longer than anything else waits for a lock.
    thread::sleep(Duration::from_secs(11));
    assert!(!waiting.is_finished(), "it did not wait");
    drop(other);
    assert!(!waiting.join().unwrap().is_empty());
    // The one connection that waited so patiently is like any other again.
    let limits =
        diesel::dsl::sql::<Text>("current_setting('lock_timeout') || ' ' || current_setting('statement_timeout')");
    let limits: String = db.write_blocking(|conn| Ok(diesel::select(limits).get_result(conn)?)).unwrap();
    assert_eq!(limits, "10s 30s");
}
