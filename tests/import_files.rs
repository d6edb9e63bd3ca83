//! Files that move in: from a folder, from a ZIP, from where the site was; and as WordPress's API shows them.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::import::{POST, Post, Site, ghost, said, wxr};
use crate::support::Engine;
use crate::support::binary::Server;

/// A picture of so many pixels each way.
fn png(pixels: u8) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89".to_vec();
    (png[19], png[23]) = (pixels, pixels);
    png
}

fn attachment(id: u32, name: &str, status: &str, more: &str) -> String {
    let url =
        format!("<wp:attachment_url>https://harbour.example/wp-content/uploads/2020/{name}</wp:attachment_url>{more}");
    let slug = name.split('.').next().unwrap();
    Post { id, slug, title: slug, kind: "attachment", status, more: &url, date: "2020-03-04 12:00:00", ..POST }.xml()
}

fn alt(text: &str) -> String {
    format!(
        "<wp:postmeta><wp:meta_key>_wp_attachment_image_alt</wp:meta_key><wp:meta_value>{text}</wp:meta_value></wp:postmeta>"
    )
}

/// A public post with a picture of its own, a public one with the picture of a draft, that draft, and files.
fn site_with_pictures(said_of_it: &str) -> String {
    let cover = |number: u32| {
        format!(
            "<wp:postmeta><wp:meta_key>_thumbnail_id</wp:meta_key><wp:meta_value>{number}</wp:meta_value></wp:postmeta>"
        )
    };
    wxr(&[
        Post { more: &cover(11), ..POST }.xml(),
        Post { id: 2, slug: "second", title: "Second", more: &cover(12), ..POST }.xml(),
        Post { id: 3, slug: "draft", status: "draft", ..POST }.xml(),
        attachment(11, "quay.png", "inherit", &format!("<wp:post_parent>1</wp:post_parent>{}", alt(said_of_it))),
        attachment(12, "hidden.png", "inherit", "<wp:post_parent>3</wp:post_parent>"),
        attachment(13, "loose.png", "inherit", ""),
        attachment(14, "private.png", "private", ""),
        attachment(15, "tide.mp3", "inherit", "<wp:post_parent>0</wp:post_parent>"),
        attachment(16, "orphan.png", "inherit", "<wp:post_parent>99</wp:post_parent>"),
    ]
    .concat())
}

fn numbers(list: &Value) -> Vec<i64> {
    list.as_array().unwrap().iter().map(|one| one["id"].as_i64().unwrap()).collect()
}

/// A site with pictures, as it is served.
struct Shown {
    site: Site,
    server: Server,
    here: String,
}

impl Shown {
    fn import(&self, said_of_it: &str) -> (i32, Value) {
        let more = ["--media-dir", "uploads", "--public-url", &self.here];
        self.site.import("wordpress", site_with_pictures(said_of_it), &more)
    }

    /// What WordPress's API answers.
    fn get(&self, path: &str) -> (u16, Value) {
        let reply = self.server.anyone().get(&format!("/wp-json/wp/v2/{path}"));
        (reply.status, serde_json::from_slice(&reply.body).unwrap())
    }
}

fn wordpress_shows_files(engine: Engine) {
    let site = Site::new(engine);
    let uploads = site.folder.path().join("uploads/2020");
    std::fs::create_dir_all(&uploads).unwrap();
    for (pixels, name) in (1..).zip(["quay.png", "hidden.png", "loose.png", "private.png", "orphan.png"]) {
        std::fs::write(uploads.join(name), png(pixels)).unwrap();
    }
    std::fs::write(uploads.join("tide.mp3"), b"ID3\x04\0\0\0\0\0\0").unwrap();
    let server = Server::start(site.folder.path(), &["--database-url", &site.url]);
    let here = format!("http://{}", server.address);
    let shown = Shown { site, server, here };
    let (code, report) = shown.import("The quay");
    assert_eq!((code, &report["counts"]["media"]["created"]), (0, &json!(6)), "{report}");
    files_are_listed(&shown);
    posts_hold_their_picture(&shown);
    what_is_kept_is_dropped(&shown);
}

fn files_are_listed(shown: &Shown) {
    let get = |path: &str| shown.get(path);
    // What belongs to a draft, to nothing that there is, or to nobody else's eyes, is not listed.
    let (_, list) = get("media");
    assert_eq!(numbers(&list), [15, 13, 11]);
    for hidden in [12, 14, 16, 1] {
        assert_eq!(get(&format!("media/{hidden}")).0, 404, "{hidden}");
    }
    let (_, quay) = get("media/11");
    let url = quay["source_url"].as_str().unwrap();
    let details = json!({"width": 1, "height": 1, "file": "2020/quay.png", "filesize": 33, "image_meta": {}, "sizes": {
        "full": {"file": "quay.png", "width": 1, "height": 1, "mime_type": "image/png", "source_url": url},
    }});
    assert_eq!(quay["media_details"], details);
    for (name, value) in [
        ("post", json!(1)),
        ("slug", json!("quay")),
        ("status", json!("inherit")),
        ("type", json!("attachment")),
        ("alt_text", json!("The quay")),
        ("media_type", json!("image")),
        ("mime_type", json!("image/png")),
        ("title", json!({"rendered": "quay"})),
        ("date", json!("2020-03-04T12:00:00")),
        ("guid", json!({"rendered": "https://harbour.example/wp-content/uploads/2020/quay.png"})),
    ] {
        assert_eq!(quay[name], value, "{name}");
    }
    assert_eq!(shown.server.anyone().get(url.strip_prefix(&shown.here).unwrap()).body[..], png(1));
    assert_eq!(get("media/15").1["media_details"], json!({"filesize": 10, "sizes": {}}));

    for (query, found) in [
        ("?media_type=image", &[13, 11][..]),
        ("?media_type[]=audio&media_type[]=video", &[15]),
        ("?mime_type=audio/mpeg", &[15]),
        ("?parent=1", &[11]),
        ("?parent=0", &[15, 13]),
        ("?parent_exclude=1", &[15, 13]),
        ("?slug=loose,quay&orderby=include_slugs", &[13, 11]),
        ("?include=11,13,12&orderby=include", &[11, 13]),
        ("?exclude=15", &[13, 11]),
        ("?search=LOO", &[13]),
        ("?orderby=title&order=asc", &[13, 11, 15]),
        ("?orderby=id&order=asc&per_page=1&page=2", &[13]),
        ("?after=2021-01-01T00:00:00", &[]),
        ("?author=1", &[]),
    ] {
        assert_eq!(numbers(&get(&format!("media{query}")).1), found, "{query}");
    }
    for (query, status, code) in [
        ("?page=4&per_page=1", 400, "rest_post_invalid_page_number"),
        ("?media_type=film", 400, "rest_invalid_param"),
        ("?status=private", 400, "rest_invalid_param"),
        ("?context=edit", 401, "rest_forbidden_context"),
    ] {
        let (found, refused) = get(&format!("media{query}"));
        assert_eq!((found, refused["code"].as_str()), (status, Some(code)), "{query}");
    }
}

/// Posts name their picture, and hold it if asked: unless it belongs to what is not public.
fn posts_hold_their_picture(shown: &Shown) {
    let get = |path: &str| shown.get(path);
    let (_, first) = get("posts/1?_embed");
    assert_eq!(first["featured_media"], 11);
    assert_eq!(
        first["_links"]["wp:featuredmedia"],
        json!([{"embeddable": true, "href": format!("{}/wp-json/wp/v2/media/11", shown.here)}])
    );
    let embedded = &first["_embedded"]["wp:featuredmedia"][0];
    assert_eq!(
        (&embedded["alt_text"], &embedded["source_url"]),
        (&json!("The quay"), &get("media/11").1["source_url"])
    );
    let (_, second) = get("posts/2?_embed=wp:featuredmedia");
    assert_eq!(second["featured_media"], 12);
    assert_eq!(second["_embedded"]["wp:featuredmedia"][0]["code"], "rest_forbidden");
    let (_, none) = get("posts?_embed=author&_fields=_embedded,featured_media");
    assert!(none.as_array().unwrap().iter().all(|post| post["_embedded"]["wp:featuredmedia"].is_null()), "{none}");
}

/// What is kept is dropped when a second import says something else of a file.
fn what_is_kept_is_dropped(shown: &Shown) {
    let is_kept =
        || shown.server.anyone().get("/wp-json/wp/v2/posts/1?_embed").header("cache-status").unwrap().contains("hit");
    let deadline = Instant::now() + Duration::from_secs(5);
    while !is_kept() {
        assert!(Instant::now() < deadline, "it is not kept");
        thread::sleep(Duration::from_millis(50));
    }
    let (code, report) = shown.import("The old quay");
    assert_eq!((code, &report["counts"]["media"]["updated"]), (0, &json!(1)), "{report}");
    let deadline = Instant::now() + Duration::from_secs(2);
    let said_now = || {
        let (_, post) = shown.get("posts/1?_embed");
        let list = shown.get("media?include=11").1;
        (post["_embedded"]["wp:featuredmedia"][0]["alt_text"].clone(), list[0]["alt_text"].clone())
    };
    let new = (json!("The old quay"), json!("The old quay"));
    while said_now() != new {
        assert!(Instant::now() < deadline, "{:?}", said_now());
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn wordpress_shows_files_on_sqlite() {
    wordpress_shows_files(Engine::Sqlite);
}

#[test]
fn wordpress_shows_files_on_postgres() {
    wordpress_shows_files(Engine::Postgres);
}

/// The server that a site was on: it has one picture, and leads elsewhere for others. What it was asked is forgotten.
fn old_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).unwrap() > 0 {}
            let path = head.split(' ').nth(1).unwrap_or_default();
            let (status, more, body) = match path.rsplit('/').next().unwrap_or_default() {
                "a.png" => ("200 OK", String::new(), png(1)),
                "moved.png" => ("302 Found", "Location: /wp-content/uploads/a.png\r\n".into(), Vec::new()),
                "round.png" => ("302 Found", "Location: round.png\r\n".into(), Vec::new()),
                "away.png" => ("302 Found", "Location: http://169.254.169.254/latest\r\n".into(), Vec::new()),
                "cut.png" => ("200 OK", "X-Cut: yes\r\n".into(), png(3)[..20].to_vec()),
                _ => ("404 Not Found", String::new(), Vec::new()),
            };
            let length = if path.ends_with("cut.png") { 5_000 } else { body.len() };
            let head = format!("HTTP/1.1 {status}\r\n{more}Content-Length: {length}\r\nConnection: close\r\n\r\n");
            let stream = stream.get_mut();
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).unwrap();
        }
    });
    address
}

#[test]
fn files_are_fetched_from_where_they_were_and_from_nowhere_else() {
    let old = old_server();
    let site = Site::new(Engine::Sqlite);
    let names = ["a.png", "moved.png", "round.png", "away.png", "missing.png", "cut.png"];
    let files: String = (11..).zip(names).map(|(id, name)| attachment(id, name, "inherit", "")).collect();
    let elsewhere =
        attachment(20, "b.png", "inherit", "").replace("harbour.example/wp-content", "elsewhere.example/wp-content");
    let picture =
        Post { content: "<img src=\"https://harbour.example/wp-content/uploads/2020/a-300x200.png\">", ..POST };
    let file = wxr(&format!("{}{files}", picture.xml()))
        .replace("https://harbour.example/wp-content", &format!("http://{old}/wp-content"))
        .replace("</channel>", &format!("{elsewhere}</channel>"));
    let origin = format!("http://{old}");
    let (code, report) = site.import("wordpress", &file, &["--fetch-media", "--media-origin", &origin]);
    assert_eq!((code, &report["counts"]["media"]["created"]), (2, &json!(2)), "{report}");
    let missing = ["media 13", "media 14", "media 15", "media 20"];
    assert_eq!(said(&report, "file_not_fetched"), missing, "{report}");
    assert_eq!(said(&report, "file_unreadable"), ["media 16"], "half a file is none: {report}");
    let why = |number: &str| {
        let items = report["items"].as_array().unwrap().iter();
        items
            .filter(|item| item["source_id"] == number)
            .map(|item| item["detail"].as_str().unwrap().to_owned())
            .next()
            .unwrap()
    };
    assert!(why("14").contains("http://169.254.169.254 is no --media-origin"), "{}", why("14"));
    assert!(why("13").contains("too many redirects") && why("15").contains("404"), "{report}");
    let (_, article) = site.get("/v1/articles/first");
    assert!(article["body_html"].as_str().unwrap().contains("/media/"), "{article}");
    // What came is there already; what did not is tried again.
    let (_, again) = site.import("wordpress", &file, &["--fetch-media", "--media-origin", &origin]);
    assert_eq!((&again["counts"]["media"]["unchanged"], &again["counts"]["media"]["skipped"]), (&json!(2), &json!(5)));
}

/// A Ghost site in a ZIP, as its parts lie on the server, with rules for old paths beside it.
fn a_zip_moves_in(engine: Engine) {
    let site = Site::new(engine);
    let mut export = ghost();
    let posts = &mut export["db"][0]["data"]["posts"];
    posts[0]["html"] = json!(
        "<p><img src=\"__GHOST_URL__/content/images/size/w600/2020/01/quay.png\"><img src=\"/content/images/none.png\"></p>"
    );
    posts[0]["feature_image"] = json!("__GHOST_URL__/content/images/2020/01/cover.png");
    let path = site.folder.path().join("site.zip");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    let plain = zip::write::SimpleFileOptions::default();
    for (name, bytes) in [
        ("the-quay/data/site.ghost.json", export.to_string().into_bytes()),
        ("the-quay/content/images/2020/01/quay.png", png(1)),
        ("the-quay/content/images/2020/01/cover.png", png(2)),
        ("../../escaped.png", png(3)),
    ] {
        zip.start_file(name, plain).unwrap();
        zip.write_all(&bytes).unwrap();
    }
    zip.finish().unwrap();
    let rules =
        "301:\n  /about-us/: /imprint/\n  /^\\/old\\/([a-z]+)/i: /$1/\n302:\n  /now/: https://elsewhere.example/\n";
    std::fs::write(site.folder.path().join("redirects.yaml"), rules).unwrap();
    let words = ["import", "ghost", path.to_str().unwrap(), "--redirects", "redirects.yaml", "--report", "report.json"];
    let done = site.run(&words);
    assert_eq!(done.code, 2, "{}", done.err);
    let report: Value =
        serde_json::from_slice(&std::fs::read(site.folder.path().join("report.json")).unwrap()).unwrap();
    assert_eq!(
        (&report["counts"]["media"]["created"], &report["counts"]["redirect"]["created"]),
        (&json!(2), &json!(3)),
        "{report}"
    );
    assert_eq!(said(&report, "file_missing"), ["media /content/images/none.png"]);
    assert_eq!(said(&report, "permanent"), ["redirect /now/"]);

    let server = Server::start(site.folder.path(), &["--database-url", &site.url]);
    let anyone = server.anyone();
    let get = |path: &str| -> Value { serde_json::from_slice(&anyone.get(path).body).unwrap() };
    let open = get("/v1/articles/open");
    let body = open["body_html"].as_str().unwrap();
    assert!(body.contains("/media/") && !body.contains("w600") && body.contains("none.png"), "{body}");
    assert!(open["cover_image"]["url"].as_str().unwrap().contains("/media/"), "{open}");
    for old in ["/content/images/2020/01/quay.png", "/content/images/size/w300/2020/01/cover.png"] {
        assert_eq!(anyone.get(old).status, 301, "{old}");
    }
    for (old, status, path) in [
        ("/about-us/", 301, "/imprint/"),
        ("/OLD/open/", 301, "/open/"),
        ("/now/", 301, "https://elsewhere.example/"),
        ("/open/", 200, "/open/"),
    ] {
        let resolved = get(&format!("/v1/resolve?path={old}"));
        assert_eq!((&resolved["status"], resolved["path"].as_str()), (&json!(status), Some(path)), "{old}: {resolved}");
    }
}

#[test]
fn a_zip_moves_in_on_sqlite() {
    a_zip_moves_in(Engine::Sqlite);
}

#[test]
fn a_zip_moves_in_on_postgres() {
    a_zip_moves_in(Engine::Postgres);
}
