//! Archives: everything that a publication is, the same bytes from either engine, and what was cut or changed refused.

use std::path::Path;

use diesel::RunQueryDsl;
use diesel::sql_types::Text;
use persistence::archive::{LEFT_OUT, TABLES};
use persistence::published::{self, Filters, View};
use persistence::{DatabaseUrl, Db, Options};
use serde_json::json;

use crate::newsroom::Newsroom;
use crate::support::binary::{byline, refused, run};
use crate::support::{App, Engine, both, postgres};

/// An address as the command line takes it.
fn written(url: &DatabaseUrl) -> String {
    match url {
        DatabaseUrl::Sqlite(path) => format!("sqlite://{}", path.display()),
        DatabaseUrl::Postgres(url) => url.to_string(),
    }
}

/// Runs a command that must succeed.
#[track_caller]
fn done(folder: &Path, words: &[&str]) -> String {
    let said = run(folder, words);
    assert_eq!(said.code, 0, "{words:?}: {}", said.err);
    said.out
}

fn read(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap()
}

/// A publication in which much has happened.
async fn lived_in(app: &App) {
    let mut room = Newsroom::new(app, 0x5DEE_CE66_D000_0007);
    for _ in 0..80 {
        room.act(app).await;
    }
    let mut admin = app.admin();
    app.anyone().post("/v1/subscriptions", json!({"email": "reader@example.org"})).await.expect(202);
    admin
        .post("/v1/admin/redirects", json!({"from": "/old", "to": "/new", "note": "ä \"quoted\" \\ <&> \u{1f600}"}))
        .await
        .expect(201);
    admin.get("/v1/admin/settings").await.expect(200);
    admin.patch("/v1/admin/settings", json!({"name": "The Journal", "tag_path": "/topic/{slug}"})).await.expect(200);
    let body = "Control \u{1} characters, \u{2028} and 'quotes' \\u0041.";
    let path = admin
        .post("/v1/admin/articles", json!({"title": "Last", "body": body}))
        .await
        .expect(201)
        .header("location")
        .unwrap();
    admin.act(&format!("{path}/publish")).await.expect(200);
    keep_file(app, PICTURE, "a.png");
    keep_file(app, PICTURE, "again.png");
    keep_file(app, b"No picture at all.", "b.txt");
    app.anyone().post("/v1/auth/login", json!({"email": "nobody@example.org", "password": "x"})).await;
}

const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";

/// Puts a file into the application's store, with its row.
fn keep_file(app: &App, bytes: &[u8], name: &str) {
    let stored = app.data.media.put(bytes, 1_000).unwrap().unwrap();
    let (width, height) = stored.pixels.unzip();
    let (title, alt, caption, credit) = Default::default();
    let file = domain::media::Media {
        id: domain::ids::MediaId::new(),
        sha256: stored.sha256,
        name: name.into(),
        content_type: stored.content_type,
        size: stored.size,
        width,
        height,
        title,
        alt,
        caption,
        credit,
        source_url: None,
        created_at: app.now(),
        article: None,
    };
    let paths = [format!("/wp-content/uploads/{name}")];
    app.data.db.write_blocking(|conn| persistence::media::keep(conn, &file, &paths, app.now())).unwrap();
}

/// A new database of an engine, with nothing in it.
fn empty(folder: &Path, engine: Engine, name: &str) -> String {
    match engine {
        Engine::Sqlite => format!("sqlite://{}", folder.join(name).display()),
        Engine::Postgres => written(&postgres::empty()),
    }
}

/// Slugs of what is found by a word.
fn found(url: &str, word: &str) -> Vec<String> {
    let db = Db::open(&Options { url: url.parse().unwrap(), create: false, connections: 1 }).unwrap();
    let view = View {
        public_url: "http://cms.example.org/".parse().unwrap(),
        now: domain::Timestamp::parse("2027-01-01T00:00:00Z").unwrap(),
        forms: std::sync::Arc::default(),
    };
    let filters = Filters { q: Some(word.into()), locale: Some("*".into()), ..Filters::default() };
    let listed = db.read_blocking(|conn| published::list(conn, &view, &filters, (None, 100), (false, false)));
    let slug = |article: &published::PublicArticle| article.whole().unwrap().summary.slug;
    listed.unwrap().articles.iter().map(slug).collect()
}

/// The indexes of words of a database on PostgreSQL.
fn indexes(url: &str) -> Vec<String> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        indexdef: String,
    }
    let db = Db::open(&Options { url: url.parse().unwrap(), create: false, connections: 1 }).unwrap();
    let asked = "SELECT indexdef::text FROM pg_indexes WHERE indexdef LIKE '%words%' ORDER BY 1";
    let rows: Vec<Row> = db.read_blocking(|conn| Ok(diesel::sql_query(asked).load(conn)?)).unwrap();
    let found: Vec<String> = rows.into_iter().map(|row| row.indexdef).collect();
    assert_eq!(found.iter().filter(|index| index.contains("gin")).count(), 2, "{found:?}");
    found
}

both! {
    async fn an_archive_is_the_same_bytes_wherever_it_is_restored(app: App) {
        let folder = tempfile::tempdir().unwrap();
        let app = app.node(|config| config.media_store = folder.path().join("media")).await;
        lived_in(&app).await;
        let (folder, url) = (folder.path(), written(app.url()));
        done(folder, &["export", "first.tar", "--database-url", &url, "--media-store", "media"]);
        done(folder, &["export", "again.tar", "--database-url", &url, "--media-store", "media"]);
        let first = read(folder, "first.tar");
        assert!(first == read(folder, "again.tar"), "exported twice, they differ");
        for (number, engine) in [Engine::Sqlite, Engine::Postgres].into_iter().enumerate() {
            let to = empty(folder, engine, "restored.db");
            done(folder, &["restore", "first.tar", "--database-url", &to, "--media-store", &format!("media-{number}")]);
            let name = format!("restored-{number}.tar");
            done(folder, &["export", &name, "--database-url", &to, "--media-store", &format!("media-{number}")]);
            assert!(first == read(folder, &name), "restored into {engine:?}, it is another");
            assert!(!found(&url, "words").is_empty());
            assert_eq!(found(&to, "words"), found(&url, "words"));
            if engine == Engine::Postgres {
                assert_eq!(indexes(&to), indexes(&written(&postgres::migrated())));
            }
            let (copied, name) = (empty(folder, engine, "copied.db"), format!("copied-{number}.tar"));
            done(folder, &["copy", "--from", &to, "--to", &copied]);
            done(folder, &["export", &name, "--database-url", &copied, "--media-store", "media"]);
            assert!(first == read(folder, &name), "copied into {engine:?}, it is another");
        }
        let text = String::from_utf8_lossy(&first);
        assert!(text.contains("reader@example.org") && text.contains("\"password_hash\""));
        let files = first.windows(PICTURE.len()).filter(|bytes| *bytes == PICTURE).count();
        assert_eq!(files, 1, "what is twice in the table is once in the archive");
        for table in LEFT_OUT {
            assert!(!text.contains(&format!("tables/{}/", table.0)));
        }
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(folder.join("first.tar")).unwrap().permissions()) & 0o777, 0o600);
    }

    async fn every_table_is_carried_or_left_out_for_a_reason(app: App) {
        #[derive(diesel::QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            name: String,
        }
        let asked = match app.engine {
            Engine::Sqlite => "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') AND name NOT LIKE 'sqlite%'",
            Engine::Postgres => "SELECT table_name::text AS name FROM information_schema.tables WHERE table_schema = current_schema()",
        };
        let rows: Vec<Row> = app.data.db.read_blocking(|conn| Ok(diesel::sql_query(asked).load(conn)?)).unwrap();
        let mut there: Vec<String> = rows.into_iter().map(|row| row.name).filter(|name| name != "__diesel_schema_migrations").collect();
        there.sort();
        let mut known: Vec<&str> = TABLES.iter().map(|table| table.name).chain(LEFT_OUT.iter().map(|(name, _)| *name)).collect();
        known.sort_unstable();
        assert_eq!(there, known, "left: the tables of the database; right: TABLES and LEFT_OUT of persistence/src/archive.rs");
    }

    async fn what_is_broken_is_refused_and_nothing_of_it_restored(app: App) {
        let folder = tempfile::tempdir().unwrap();
        let app = app.node(|config| config.media_store = folder.path().join("media")).await;
        lived_in(&app).await;
        let (folder, url) = (folder.path(), written(app.url()));
        done(folder, &["export", "good.tar", "--database-url", &url, "--media-store", "media"]);
        let refuse = |folder: &Path, name: &str, to: &str| refused(&mut byline(folder, &["restore", name, "--database-url", to, "--media-store", "other"]));
        assert!(refuse(folder, "good.tar", &url).contains("not empty"));
        assert!(refused(&mut byline(folder, &["export", "good.tar", "--database-url", &url, "--media-store", "media"])).contains("there already"));
        let good = read(folder, "good.tar");
        let to = empty(folder, app.engine, "target.db");
        // The end of a tar is a kilobyte of nothing; before that, everything counts.
        let mut cuts: Vec<usize> = (1..8).map(|part| good.len() / 8 * part).collect();
        cuts.extend([0, 1, 511, 512, 1_000, good.len() - 1_500]);
        for cut in cuts {
            std::fs::write(folder.join("cut.tar"), &good[..cut]).unwrap();
            assert!(refuse(folder, "cut.tar", &to).contains("cannot be read"), "cut at {cut}");
        }
        let at = good.windows(11).position(|bytes| bytes == b"The Journal").unwrap();
        let mut changed = good.clone();
        changed[at] = b'X';
        std::fs::write(folder.join("changed.tar"), &changed).unwrap();
        assert!(refuse(folder, "changed.tar", &to).contains("checksums"));
        std::fs::write(folder.join("none.tar"), "no archive at all").unwrap();
        refuse(folder, "none.tar", &to);
        refuse(folder, "missing.tar", &to);
        // After all that it takes the good one.
        done(folder, &["restore", "good.tar", "--database-url", &to, "--media-store", "other"]);
        done(folder, &["export", "same.tar", "--database-url", &to, "--media-store", "other"]);
        assert!(good == read(folder, "same.tar"));
    }

    async fn a_backup_is_made_while_editors_go_on(app: App) {
        let folder = tempfile::tempdir().unwrap();
        let app = app.node(|config| config.media_store = folder.path().join("media")).await;
        lived_in(&app).await;
        let (path, url) = (folder.path().to_owned(), written(app.url()));
        let ended = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let over = std::sync::Arc::clone(&ended);
        let backup = std::thread::spawn(move || {
            let said = done(&path, &["backup", "kept.tar", "--database-url", &url, "--media-store", "media"]);
            over.store(true, std::sync::atomic::Ordering::Relaxed);
            said
        });
        let mut admin = app.admin();
        let mut number = 0;
        while !ended.load(std::sync::atomic::Ordering::Relaxed) {
            number += 1;
            admin.post("/v1/admin/tags", json!({"name": format!("Tag {number}")})).await.expect(201);
        }
        assert!(number > 1);
        assert!(backup.join().unwrap().contains("restored once, and the same"));
        let mut left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["kept.tar", "media"]);
    }
}
