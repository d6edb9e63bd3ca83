//! Files: stored by what is in them, served forever, never run; and found under the addresses they had before.

use actix_web::http::Method;
use domain::Timestamp;
use domain::ids::MediaId;
use domain::media::{self, Media};
use persistence::Fate;

use crate::support::{App, Engine, both};

/// A picture of one pixel.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";

/// Keeps a file, known as `/wp-content/uploads/NAME`; answers its path.
fn keep(app: &App, name: &str, bytes: &[u8]) -> String {
    let stored = app.data.media.put(bytes, 1_000).unwrap().unwrap();
    let file = Media {
        id: MediaId::new(),
        sha256: stored.sha256,
        name: media::name(name),
        content_type: stored.content_type,
        size: stored.size,
        width: stored.pixels.map(|(width, _)| width),
        height: stored.pixels.map(|(_, height)| height),
        title: "A file".into(),
        alt: "What it shows".into(),
        caption: String::new(),
        credit: String::new(),
        source_url: Some(format!("https://old.example/wp-content/uploads/{name}")),
        created_at: Timestamp::from_micros(1),
        article: None,
    };
    let paths = [format!("/wp-content/uploads/{name}")];
    let keep = |file: &Media| {
        app.data.db.write_blocking(|conn| persistence::media::keep(conn, file, &paths, app.now())).unwrap()
    };
    assert_eq!(keep(&file), Fate::Created);
    assert_eq!(keep(&file), Fate::Unchanged);
    let found = app.data.db.read_blocking(|conn| persistence::media::find(conn, file.id)).unwrap();
    assert_eq!(found.as_ref(), Some(&file));
    file.path()
}

async fn with_store(engine: Engine) -> (App, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("media");
    (App::start_with(engine, |config| config.media_store = store).await, folder)
}

both! {
    async fn a_picture_is_shown_and_may_be_kept_forever(app: App) {
        let (app, _folder) = with_store(app.engine).await;
        let path = keep(&app, "2020/01/harbour.png", PNG);
        let mut anyone = app.anyone();
        let file = anyone.get(&path).await.expect(200);
        assert_eq!((&file.body[..], file.header("content-type").unwrap().as_str()), (PNG, "image/png"));
        assert_eq!(file.header("cache-control").unwrap(), "public, max-age=31536000, immutable");
        assert_eq!(file.header("content-disposition").unwrap(), "inline; filename=\"2020-01-harbour.png\"");
        assert_eq!(file.header("x-content-type-options").unwrap(), "nosniff");
        assert!(file.header("content-security-policy").unwrap().contains("sandbox"));
        assert_eq!(file.header("cross-origin-resource-policy").unwrap(), "cross-origin");
        assert_eq!(file.header("access-control-allow-origin").unwrap(), "*");
        let etag = file.header("etag").unwrap();
        let seen = anyone.send(Method::GET, &path, None, &[("if-none-match", &etag)]).await.expect(304);
        assert!(seen.body.is_empty());
        let part = anyone.send(Method::GET, &path, None, &[("range", "bytes=1-3")]).await.expect(206);
        assert_eq!(part.text(), "PNG");
        anyone.send(Method::GET, &path, None, &[("range", "bytes=900-")]).await.expect(416);
        anyone.send(Method::HEAD, &path, None, &[]).await.expect(200);
    }

    async fn what_could_run_is_only_offered_for_saving(app: App) {
        let (app, _folder) = with_store(app.engine).await;
        let mut anyone = app.anyone();
        for (name, bytes) in [
            ("a.svg", &b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>"[..]),
            ("b.png", b"<html><script>alert(1)</script>"),
            ("c.html", b"plain text"),
        ] {
            let path = keep(&app, name, bytes);
            let file = anyone.get(&path).await.expect(200);
            let disposition = file.header("content-disposition").unwrap();
            assert!(disposition.starts_with("attachment"), "{name}: {disposition}");
        }
    }

    async fn old_addresses_and_sizes_lead_to_the_file(app: App) {
        let (app, _folder) = with_store(app.engine).await;
        let path = keep(&app, "2020/01/über.png", PNG);
        let mut anyone = app.anyone();
        for old in ["%C3%BCber.png", "%C3%BCber-300x200.png", "%c3%bcber-scaled.png?w=5"] {
            let moved = anyone.get(&format!("/wp-content/uploads/2020/01/{old}")).await.expect(301);
            assert_eq!(moved.header("location").unwrap(), format!("http://cms.example.org{path}"), "{old}");
        }
        for missing in ["/wp-content/uploads/none.png", "/content/images/none.png", "/wp-content/uploads/", "/content/"] {
            assert_eq!(anyone.get(missing).await.expect(404).code(), "not_found", "{missing}");
        }
    }

    async fn there_is_no_way_out_of_the_store(app: App) {
        let (app, _folder) = with_store(app.engine).await;
        let path = keep(&app, "a.png", PNG);
        let hash = path.split('/').nth(2).unwrap();
        let mut anyone = app.anyone();
        anyone.get(&format!("/media/{hash}/another-name.gif")).await.expect(200);
        let upper = format!("/media/{}/a.png", hash.to_uppercase());
        let none = format!("/media/{}/a.png", "a".repeat(64));
        for missing in [upper.as_str(), &none, "/media/..%2f..%2fetc/passwd", "/media/coming/a", "/media/%2e%2e/a"] {
            anyone.get(missing).await.expect(404);
        }
    }
}
