//! Moving in: the real binary reads exports of our own making, whole and broken, on both engines.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use diesel::sql_types::Text;
use diesel::{QueryableByName, RunQueryDsl};
use persistence::archive::{self, TABLES};
use persistence::{DatabaseUrl, Db, Options, imports};
use serde_json::{Value, json};

use crate::support::binary::{Said, Server, byline, run};
use crate::support::{Engine, postgres};

/// A file of WordPress around these items.
pub fn wxr(items: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8" ?>
<!-- generator="WordPress" -->
<rss version="2.0" xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:wp="http://wordpress.org/export/1.2/">
<channel><title>The Harbour</title><link>https://harbour.example</link><description>News of the quay</description>
<pubDate>Mon, 04 Jan 2021 10:00:00 +0000</pubDate><language>en-US</language><wp:wxr_version>1.2</wp:wxr_version>
<wp:base_site_url>https://harbour.example</wp:base_site_url><wp:base_blog_url>https://harbour.example</wp:base_blog_url>
<wp:author><wp:author_id>3</wp:author_id><wp:author_login><![CDATA[ann]]></wp:author_login><wp:author_email>ann@example.org</wp:author_email><wp:author_display_name><![CDATA[Ann Berger]]></wp:author_display_name></wp:author>
<wp:category><wp:term_id>8</wp:term_id><wp:category_nicename>quay</wp:category_nicename><wp:category_parent>news</wp:category_parent><wp:cat_name><![CDATA[The Quay]]></wp:cat_name></wp:category>
<wp:category><wp:term_id>7</wp:term_id><wp:category_nicename>news</wp:category_nicename><wp:category_parent></wp:category_parent><wp:cat_name><![CDATA[News &amp; Views]]></wp:cat_name></wp:category>
<wp:category><wp:term_id>9</wp:term_id><wp:category_nicename>round</wp:category_nicename><wp:category_parent>about</wp:category_parent><wp:cat_name>Round</wp:cat_name></wp:category>
<wp:category><wp:term_id>10</wp:term_id><wp:category_nicename>about</wp:category_nicename><wp:category_parent>round</wp:category_parent><wp:cat_name>About</wp:cat_name></wp:category>
<wp:tag><wp:term_id>20</wp:term_id><wp:tag_slug>tide</wp:tag_slug><wp:tag_name><![CDATA[Tide]]></wp:tag_name></wp:tag>
{items}</channel></rss>"#
    )
}

pub struct Post<'a> {
    pub id: u32,
    pub slug: &'a str,
    pub title: &'a str,
    pub kind: &'a str,
    pub status: &'a str,
    pub date: &'a str,
    pub content: &'a str,
    pub more: &'a str,
}

pub const POST: Post<'static> = Post {
    id: 1,
    slug: "first",
    title: "First",
    kind: "post",
    status: "publish",
    date: "2020-03-04 12:00:00",
    content: "Words.",
    more: "",
};

impl Post<'_> {
    pub fn xml(&self) -> String {
        let Post { id, slug, title, kind, status, date, content, more } = self;
        let gmt = date.replace(" 12:", " 11:");
        let link =
            if *kind == "page" { format!("/{slug}/") } else { format!("/{}/{}/{slug}/", &date[..4], &date[5..7]) };
        format!(
            "<item><title>{title}</title><link>https://harbour.example{link}</link><dc:creator>ann</dc:creator>\
             <content:encoded><![CDATA[{content}]]></content:encoded><excerpt:encoded><![CDATA[]]></excerpt:encoded>\
             <wp:post_id>{id}</wp:post_id><wp:post_date>{date}</wp:post_date><wp:post_date_gmt>{gmt}</wp:post_date_gmt>\
             <wp:comment_status>open</wp:comment_status><wp:post_name>{slug}</wp:post_name><wp:status>{status}</wp:status>\
             <wp:post_type>{kind}</wp:post_type>{more}</item>\n"
        )
    }
}

fn comment(id: u32, parent: u32, approved: &str, more: &str) -> String {
    format!(
        "<wp:comment><wp:comment_id>{id}</wp:comment_id><wp:comment_author><![CDATA[Bo]]></wp:comment_author>\
         <wp:comment_author_email>bo@example.org</wp:comment_author_email><wp:comment_date>2020-03-05 12:00:00</wp:comment_date>\
         <wp:comment_date_gmt>2020-03-05 11:00:00</wp:comment_date_gmt><wp:comment_content><![CDATA[Comment {id}]]></wp:comment_content>\
         <wp:comment_approved>{approved}</wp:comment_approved><wp:comment_parent>{parent}</wp:comment_parent>{more}</wp:comment>"
    )
}

/// A publication to move into.
pub struct Site {
    pub folder: tempfile::TempDir,
    pub url: String,
}

impl Site {
    pub fn new(engine: Engine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = match engine {
            Engine::Sqlite => format!("sqlite://{}", folder.path().join("site.db").display()),
            Engine::Postgres => match postgres::empty() {
                DatabaseUrl::Postgres(url) => url.to_string(),
                DatabaseUrl::Sqlite(_) => unreachable!(),
            },
        };
        let site = Self { folder, url };
        assert_eq!(site.run(&["migrate", "--create"]).code, 0);
        site
    }

    pub fn run(&self, words: &[&str]) -> Said {
        let mut all = words.to_vec();
        all.extend(["--database-url", self.url.as_str(), "--log-level", "error"]);
        run(self.folder.path(), &all)
    }

    pub fn import(&self, kind: &str, file: impl AsRef<[u8]>, more: &[&str]) -> (i32, Value) {
        let path = self.folder.path().join(if kind == "ghost" { "site.json" } else { "site.xml" });
        std::fs::write(&path, file).unwrap();
        let mut words = vec!["import", kind, path.to_str().unwrap(), "--report", "report.json"];
        words.extend(more);
        let said = self.run(&words);
        assert!(!said.err.contains("panicked"), "{}", said.err);
        let report = std::fs::read(self.folder.path().join("report.json")).unwrap_or_else(|_| panic!("{}", said.err));
        (said.code, serde_json::from_slice(&report).unwrap())
    }

    pub fn query(&self, query: &str) -> Vec<String> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            value: String,
        }
        let db = Db::open(&Options { url: self.url.parse().unwrap(), create: false, connections: 1 }).unwrap();
        let rows: Vec<Row> = db.read_blocking(|conn| Ok(diesel::sql_query(query).load(conn)?)).unwrap();
        rows.into_iter().map(|row| row.value).collect()
    }

    pub fn get(&self, path: &str) -> (u16, Value) {
        let server = Server::start(self.folder.path(), &["--database-url", &self.url]);
        let reply = server.anyone().get(path);
        (reply.status, serde_json::from_slice(&reply.body).unwrap_or_default())
    }
}

/// What the report says of a code: kind and source id of each.
pub fn said(report: &Value, code: &str) -> Vec<String> {
    let items = report["items"].as_array().unwrap().iter().filter(|item| item["code"] == code);
    items.map(|item| format!("{} {}", item["kind"].as_str().unwrap(), item["source_id"].as_str().unwrap())).collect()
}

fn whole() -> String {
    let with_comments = [
        comment(101, 0, "1", ""),
        comment(102, 101, "1", ""),
        comment(103, 0, "0", ""),
        comment(104, 103, "1", ""),
        comment(105, 0, "spam", ""),
        comment(106, 999, "1", ""),
        comment(107, 0, "1", "<wp:comment_type>pingback</wp:comment_type>"),
    ]
    .concat();
    let labels = "<category domain=\"category\" nicename=\"quay\"><![CDATA[The Quay]]></category>\
                  <category domain=\"post_tag\" nicename=\"tide\"><![CDATA[Tide]]></category>\
                  <category domain=\"post_tag\" nicename=\"moon\"><![CDATA[Moon]]></category>\
                  <wp:postmeta><wp:meta_key>_wp_old_slug</wp:meta_key><wp:meta_value>zeroth</wp:meta_value></wp:postmeta>\
                  <wp:postmeta><wp:meta_key>_yoast_wpseo_metadesc</wp:meta_key><wp:meta_value>About it</wp:meta_value></wp:postmeta>\
                  <wp:postmeta><wp:meta_key>mood</wp:meta_key><wp:meta_value>calm</wp:meta_value></wp:postmeta>\
                  <wp:is_sticky>1</wp:is_sticky>";
    let protected = "<wp:post_password>secret</wp:post_password>";
    let more = format!("{labels}{with_comments}");
    let child = "<wp:post_parent>5</wp:post_parent>";
    [
        Post { more: &more, content: "One\ntwo\n\n[caption width=\"9\"]<img src=\"https://harbour.example/wp-content/uploads/2020/a-30x20.png\"> Said[/caption]\n\n[poll id=\"3\"]", ..POST }.xml(),
        Post { id: 2, slug: "second", status: "draft", ..POST }.xml(),
        Post { id: 3, slug: "private", status: "private", content: "hush", ..POST }.xml(),
        Post { id: 4, slug: "locked", more: protected, content: "hush", ..POST }.xml(),
        Post { id: 6, slug: "team", title: "Team", kind: "page", more: child, ..POST }.xml(),
        Post { id: 5, slug: "about", title: "About", kind: "page", ..POST }.xml(),
        Post { id: 8, slug: "late", status: "future", content: "hush", ..POST }.xml(),
        Post { id: 9, slug: "first", title: "The other first", date: "2020-03-09 12:00:00", ..POST }.xml(),
        Post { id: 10, slug: "menu", kind: "nav_menu_item", ..POST }.xml(),
        Post { id: 11, slug: "a", kind: "attachment", status: "inherit", more: "<wp:attachment_url>https://harbour.example/wp-content/uploads/2020/a.png</wp:attachment_url>", ..POST }.xml(),
    ]
    .concat()
}

fn moves_in(engine: Engine) {
    let site = Site::new(engine);
    let uploads = site.folder.path().join("uploads/2020");
    std::fs::create_dir_all(&uploads).unwrap();
    std::fs::write(
        uploads.join("a.png"),
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89",
    )
    .unwrap();
    let (code, report) = site.import("wordpress", wxr(&whole()), &["--media-dir", "uploads"]);
    assert_eq!(code, 2, "{report}");
    assert_eq!(
        report["counts"]["article"],
        json!({"read": 6, "created": 6, "updated": 0, "unchanged": 0, "skipped": 0})
    );
    assert_eq!(
        report["counts"]["comment"],
        json!({"read": 6, "created": 6, "updated": 0, "unchanged": 0, "skipped": 0})
    );
    assert_eq!(report["counts"]["media"]["created"], 1);
    for (code, things) in [
        ("private", &["article 3"][..]),
        ("password", &["article 4"]),
        ("future_past", &["article 8"]),
        ("pingback", &["pingback 107"]),
        ("type_not_carried", &["item 10"]),
        ("slug_changed", &["article 9"]),
        ("address_taken", &["redirect /2020/03/first/"]),
        ("category_cycle", &["category 9"]),
        ("parent_missing", &["comment 106"]),
        ("shortcode_kept", &["article 1"]),
    ] {
        assert_eq!(said(&report, code), things, "{code}");
    }
    let states = site.query("SELECT slug || ' ' || state AS value FROM articles ORDER BY slug");
    assert_eq!(
        states,
        [
            "about published",
            "first published",
            "first-2 published",
            "late draft",
            "locked draft",
            "private draft",
            "second draft",
            "team published"
        ]
    );
    assert!(
        site.query("SELECT summary || body AS value FROM published_articles")
            .iter()
            .all(|shown| !shown.contains("hush"))
    );
    let mailed = site.query("SELECT id AS value FROM articles WHERE newsletter_eligible");
    assert!(mailed.is_empty(), "nothing that moves in is mailed: {mailed:?}");
    let threads = "SELECT CAST(depth AS TEXT) || ' ' || text AS value FROM published_comments ORDER BY text";
    assert_eq!(site.query(threads), ["0 ", "0 Comment 101", "1 Comment 102", "1 Comment 104", "0 Comment 106"]);
    let numbers = "SELECT CAST(number AS TEXT) || ' ' || slug AS value FROM wordpress_ids w JOIN articles a ON a.id = w.id ORDER BY number";
    assert_eq!(site.query(numbers)[..2], ["1 first", "2 second"]);

    let server = Server::start(site.folder.path(), &["--database-url", &site.url]);
    let anyone = server.anyone();
    let get = |path: &str| -> Value { serde_json::from_slice(&anyone.get(path).body).unwrap() };
    let first = get("/v1/articles/first");
    let body = first["body_html"].as_str().unwrap();
    assert!(body.starts_with("<p>One<br>\ntwo</p>\n<figure class=\"wp-caption alignnone\"><img src=\"http"), "{body}");
    assert!(body.contains("/media/") && body.contains("[poll id=\"3\"]") && !body.contains("wp-content"), "{body}");
    assert_eq!((&first["featured"], &first["custom"]), (&json!(true), &json!({"mood": "calm"})));
    assert_eq!(first["seo"]["meta_description"], "About it");
    assert_eq!(first["primary_category"]["path"], "news/quay");
    assert_eq!(first["published_at"], "2020-03-04T11:00:00Z");
    for (old, status, path) in [
        ("/2020/03/first/", 200, "/2020/03/first/"),
        ("/2020/03/zeroth/", 301, "/2020/03/first/"),
        ("/category/news/quay/", 200, "/category/news/quay"),
        ("/about/team/", 200, "/about/team/"),
        ("/?p=1", 301, "/2020/03/first/"),
        ("/?page_id=6", 301, "/about/team/"),
        ("/?cat=8", 301, "/category/news/quay"),
        ("/?author=3", 301, "/author/ann"),
        ("/?tag=tide", 301, "/tag/tide"),
    ] {
        let resolved = get(&format!("/v1/resolve?path={old}"));
        assert_eq!((&resolved["status"], resolved["path"].as_str()), (&json!(status), Some(path)), "{old}: {resolved}");
    }
    for hidden in [2, 3, 4, 8, 11, 999] {
        assert_eq!(get(&format!("/v1/resolve?path=/?p={hidden}"))["status"], 404, "{hidden}");
    }
    drop(server);

    let before = site.query("SELECT id || slug || state || CAST(version AS TEXT) AS value FROM articles ORDER BY id");
    let (code, report) = site.import("wordpress", wxr(&whole()), &["--media-dir", "uploads"]);
    assert_eq!(
        (code, &report["counts"]["article"]["unchanged"], &report["counts"]["comment"]["unchanged"]),
        (2, &json!(6), &json!(6)),
        "{report}"
    );
    assert_eq!(
        site.query("SELECT id || slug || state || CAST(version AS TEXT) AS value FROM articles ORDER BY id"),
        before
    );
}

#[test]
fn a_wordpress_site_moves_in_on_sqlite() {
    moves_in(Engine::Sqlite);
}

#[test]
fn a_wordpress_site_moves_in_on_postgres() {
    moves_in(Engine::Postgres);
}

#[test]
fn a_second_site_is_told_whose_numbers_are_taken() {
    let site = Site::new(Engine::Sqlite);
    site.import("wordpress", wxr(&POST.xml()), &[]);
    let other = wxr(&Post { slug: "other", ..POST }.xml())
        .replace("harbour.example", "lake.example")
        .replace("wp:category_nicename>", "wp:category_nicename>lake-")
        .replace("</wp:category_nicename>lake-", "</wp:category_nicename>")
        .replace("[CDATA[ann]]", "[CDATA[lena]]")
        .replace("<dc:creator>ann", "<dc:creator>lena")
        .replace("tag_slug>tide", "tag_slug>wave");
    let (_, report) = site.import("wordpress", other, &[]);
    for thing in ["category 7", "category 8", "tag 20", "byline 3", "article 1"] {
        assert!(said(&report, "renumbered").contains(&thing.to_owned()), "{thing}: {report}");
    }
    let (_, again) = site.import("wordpress", wxr(&POST.xml()), &[]);
    assert_eq!(said(&again, "renumbered"), [""; 0]);
}

#[test]
fn what_is_tried_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.xml");
    std::fs::write(&path, wxr(&POST.xml())).unwrap();
    let said = run(folder.path(), &["import", "wordpress", path.to_str().unwrap(), "--dry-run"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("article"), "{}", said.out);
    assert!(!Path::new(&folder.path().join("var")).exists());
}

#[test]
fn broken_files_are_read_as_far_as_they_go() {
    let site = Site::new(Engine::Sqlite);
    let good = Post { id: 50, slug: "good", ..POST }.xml();
    let cut = wxr(&format!("{good}{}", Post { id: 51, slug: "cut", ..POST }.xml()));
    let cut = &cut[..cut.len() - 200];
    let (code, report) = site.import("wordpress", cut, &[]);
    assert_eq!((code, &report["source"]["complete"]), (1, &json!(false)));
    assert_eq!((said(&report, "cut_off").len(), &report["counts"]["article"]["created"]), (1, &json!(1)));

    let laughs = "<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;&lol;\">]>";
    let laughing = wxr(&Post { id: 52, slug: "laughs", title: "Ha &lol2; &nbsp;&#x41;", ..POST }.xml()).replacen(
        "<rss",
        &format!("{laughs}<rss"),
        1,
    );
    let (code, report) = site.import("wordpress", laughing, &[]);
    assert_eq!((code, said(&report, "entity_unknown")), (0, vec!["article 52".to_owned()]));
    assert_eq!(site.query("SELECT title AS value FROM articles WHERE slug = 'laughs'"), ["Ha &lol2; A"]);

    let mut latin = wxr(&Post { id: 53, slug: "latin", title: "Caf~\u{1}", ..POST }.xml()).into_bytes();
    latin.iter_mut().filter(|byte| **byte == b'~').for_each(|byte| *byte = 0xE9);
    let (code, report) = site.import("wordpress", latin, &[]);
    assert_eq!(code, 0);
    assert_eq!((said(&report, "encoding").len(), said(&report, "characters_left_out").len()), (1, 1), "{report}");
    assert_eq!(site.query("SELECT title AS value FROM articles WHERE slug = 'latin'"), ["Café"]);

    let large = "x".repeat(9_000_000);
    let (code, report) = site.import(
        "wordpress",
        wxr(&format!("{}{good}", Post { id: 54, slug: "large", content: &large, ..POST }.xml())),
        &[],
    );
    assert_eq!((code, said(&report, "too_long")), (2, vec!["article 54".to_owned()]));

    let dateless = Post { id: 55, slug: "dateless", date: "0000-00-00 00:00:00", ..POST }.xml();
    let twice = Post { id: 50, slug: "another", ..POST }.xml();
    let (code, report) = site.import("wordpress", wxr(&format!("{good}{good}{twice}{dateless}")), &[]);
    assert_eq!((code, said(&report, "date_missing")), (2, vec!["article 55".to_owned()]));
    assert_eq!(said(&report, "duplicate_id"), ["article 50", "article 50/another"]);

    for nothing in ["", "no XML", "<html></html>", "{}"] {
        let (code, report) = site.import("wordpress", nothing, &[]);
        assert_eq!(code, 1, "{nothing}: {report}");
    }
}

pub fn ghost() -> Value {
    let post = |id: &str, slug: &str, more: Value| {
        let mut post = json!({"id": format!("6b03672967{id:0>14}"), "title": slug, "slug": slug, "status": "published", "visibility": "public",
            "type": "post", "html": "<p>Seen.</p>", "created_at": "2020-01-01 10:00:00", "updated_at": "2020-01-03 10:00:00", "published_at": "2020-01-02 10:00:00"});
        post.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        post
    };
    let lexical = json!({"root": {"children": [{"type": "paragraph", "children": [{"type": "text", "text": "From Lexical", "format": 1}]}]}}).to_string();
    json!({"db": [{"meta": {"exported_on": 1_600_000_000_000_u64, "version": "6.65.0"}, "data": {
        "posts": [
            post("1", "open", json!({})),
            post("2", "written", json!({"html": null, "lexical": lexical})),
            post("3", "members", json!({"visibility": "members", "html": "<p>Open part.</p><!--members-only--><p>Hidden part.</p>"})),
            post("4", "paid", json!({"visibility": "paid", "html": "<p>Hidden part.</p>", "featured": 1})),
            post("5", "draft", json!({"status": "draft", "html": "<p>Hidden part.</p>", "published_at": null})),
            post("6", "later", json!({"status": "scheduled", "html": "<p>Hidden part.</p>", "published_at": "2999-01-01 00:00:00"})),
            post("7", "mailed", json!({"status": "sent", "html": "<p>Hidden part.</p>"})),
            post("8", "imprint", json!({"type": "page"})),
        ],
        "tags": [{"id": "t1", "name": "Tide", "slug": "tide", "visibility": "public"}, {"id": "t2", "name": "#inside", "slug": "hash-inside", "visibility": "internal"}],
        "posts_tags": [{"post_id": "6b0367296700000000000001", "tag_id": "t1", "sort_order": 0}, {"post_id": "6b0367296700000000000001", "tag_id": "t2", "sort_order": 1}],
        "users": [{"id": "u1", "name": "Ann Berger", "slug": "ann", "email": "ann@example.org"}],
        "posts_authors": [{"post_id": "6b0367296700000000000001", "author_id": "u1", "sort_order": 0}],
        "settings": [{"key": "title", "value": "The Quay"}, {"key": "timezone", "value": "Europe/Berlin"}],
    }}]})
}

fn ghost_moves_in(engine: Engine) {
    let site = Site::new(engine);
    let (code, report) = site.import("ghost", ghost().to_string(), &[]);
    assert_eq!(code, 0, "{report}");
    assert_eq!(said(&report, "email_only"), ["article 6b0367296700000000000007"]);
    let public = site.query("SELECT summary || body AS value FROM published_articles WHERE slug <> 'later'");
    assert!(public.len() == 5 && public.iter().all(|shown| !shown.contains("Hidden")), "{public:?}");
    let ids = site.query("SELECT ghost_id AS value FROM ghost_ids WHERE kind = 'article' ORDER BY ghost_id");
    assert_eq!((ids.len(), ids[0].as_str()), (8, "6b0367296700000000000001"));
    let (status, open) = site.get("/v1/articles/open");
    assert_eq!(
        (status, open["tags"].as_array().unwrap().len(), &open["bylines"][0]["name"]),
        (200, 1, &json!("Ann Berger"))
    );
    let (_, written) = site.get("/v1/articles/written");
    assert_eq!(written["body_html"], "<p><strong>From Lexical</strong></p>");
    let (_, again) = site.import("ghost", ghost().to_string(), &[]);
    assert_eq!(
        (&again["counts"]["article"]["unchanged"], &again["counts"]["page"]["unchanged"]),
        (&json!(7), &json!(1))
    );
    let (code, _) = site.import("ghost", "{\"db\": [{\"data\":", &[]);
    assert_eq!(code, 1);
}

/// Rules that lead in a circle would be followed for ever: the one that closes it does not come, and is named.
fn no_circle_of_redirects_moves_in(engine: Engine) {
    let site = Site::new(engine);
    let rules = json!([
        {"from": "^/tide/$", "to": "/ebb/"}, {"from": "^/ebb/$", "to": "/tide/"}, {"from": "^/quay/$", "to": "/first/"},
    ]);
    std::fs::write(site.folder.path().join("rules.json"), rules.to_string()).unwrap();
    for _ in 0..2 {
        let (code, report) = site.import("ghost", ghost().to_string(), &["--redirects", "rules.json"]);
        assert_eq!((code, said(&report, "not_valid")), (2, vec!["redirect /ebb".to_owned()]), "{report}");
        assert_eq!(report["counts"]["redirect"]["skipped"], 1, "{report}");
        let kept =
            site.query("SELECT source AS value FROM redirects WHERE source IN ('/tide', '/ebb', '/quay') ORDER BY 1");
        assert_eq!(kept, ["/quay", "/tide"]);
    }
}

#[test]
fn no_circle_of_redirects_moves_in_on_sqlite() {
    no_circle_of_redirects_moves_in(Engine::Sqlite);
}

#[test]
fn no_circle_of_redirects_moves_in_on_postgres() {
    no_circle_of_redirects_moves_in(Engine::Postgres);
}

#[test]
fn a_ghost_site_moves_in_on_sqlite() {
    ghost_moves_in(Engine::Sqlite);
}

#[test]
fn a_ghost_site_moves_in_on_postgres() {
    ghost_moves_in(Engine::Postgres);
}

/// Everything that an archive carries, but for what says when and how often someone moved in: the trail of what was done
/// here, since when addresses have had the shapes that came with the site, and when and how often the settings and the
/// newsletter's came to be what they are.
fn carried(site: &Site) -> Vec<String> {
    let db = Db::open(&Options { url: site.url.parse().unwrap(), create: false, connections: 1 }).unwrap();
    let mut lines = Vec::new();
    let read = |conn: &mut persistence::Conn| {
        for table in TABLES.iter().filter(|table| table.name != "audit") {
            let columns = archive::columns(conn, table)?;
            archive::read(conn, table, &columns, |line| {
                let mut row: Value = serde_json::from_str(line)?;
                if matches!(table.name, "site" | "newsletters" | "old_shapes") {
                    for moment in ["created_at", "updated_at", "schedule_since", "since", "version"] {
                        row.as_object_mut().unwrap().remove(moment);
                    }
                }
                lines.push(format!("{} {row}", table.name));
                Ok(())
            })?;
        }
        Ok(())
    };
    db.read_blocking(read).unwrap();
    lines
}

/// An import that is killed, wherever, and run again leaves what one leaves that nobody disturbed.
fn a_killed_import_goes_on(engine: Engine) {
    let posts = (1..=260).map(|id| {
        let (slug, date) = (format!("post-{id}"), format!("20{:02}-0{}-1{} 12:00:00", id % 20, id % 9 + 1, id % 10));
        let comments = [comment(3 * id, 0, "1", ""), comment(3 * id + 1, 3 * id, "0", "")].concat();
        let labels = "<category domain=\"category\" nicename=\"quay\"><![CDATA[The Quay]]></category>\
                      <category domain=\"post_tag\" nicename=\"tide\"><![CDATA[Tide]]></category>";
        let more = format!("{labels}{comments}");
        let slug = if id % 7 == 0 { "again" } else { &slug };
        Post { id, slug, title: &format!("Post {id}"), date: &date, more: &more, ..POST }.xml()
    });
    let pages = (301..=310).map(|id| {
        let (slug, above) = (format!("page-{id}"), format!("<wp:post_parent>{}</wp:post_parent>", id - 1));
        Post { id, slug: &slug, kind: "page", more: &above, ..POST }.xml()
    });
    let file = wxr(&posts.chain(pages).collect::<String>());
    let undisturbed = Site::new(engine);
    assert_eq!(undisturbed.import("wordpress", &file, &[]).0, 0);
    let wanted = carried(&undisturbed);
    let keys = |site: &Site| {
        let of = |name: &str| site.folder.path().join(name);
        if engine == Engine::Sqlite { of("secrets.json") } else { of("var/secrets.json") }
    };
    // On PostgreSQL words wait in a list while an import goes on.
    let waiting = |site: &Site| -> usize {
        if engine == Engine::Sqlite {
            return 0;
        }
        let indexes = site.query("SELECT indexdef AS value FROM pg_indexes WHERE indexdef LIKE '% USING gin %'");
        indexes.iter().filter(|index| !index.contains("fastupdate=off")).count()
    };
    let mut amid = 0;
    for step in 0..6_u64 {
        let site = Site::new(engine);
        std::fs::copy(keys(&undisturbed), keys(&site)).unwrap();
        let path = site.folder.path().join("site.xml");
        std::fs::write(&path, &file).unwrap();
        let words = ["import", "wordpress", path.to_str().unwrap(), "--database-url", &site.url];
        let mut import =
            byline(site.folder.path(), &words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(60 << step));
        import.kill().unwrap();
        import.wait().unwrap();
        let count = carried(&site).len();
        let is_amid = count > 20 && count < wanted.len();
        amid += usize::from(is_amid);
        if is_amid && engine == Engine::Postgres {
            assert_eq!(waiting(&site), 2);
        }
        assert_eq!(site.import("wordpress", &file, &[]).0, 0);
        assert_eq!(waiting(&site), 0);
        let found = carried(&site);
        let differs = wanted.iter().zip(&found).find(|(wanted, found)| wanted != found);
        assert!(differs.is_none() && found.len() == wanted.len(), "killed after {} ms: {differs:?}", 60 << step);
    }
    assert!(amid > 0, "no kill came in the middle");
    let db = Db::open(&Options { url: undisturbed.url.parse().unwrap(), create: false, connections: 1 }).unwrap();
    db.write_blocking(imports::begin).unwrap();
    assert_eq!(waiting(&undisturbed), if engine == Engine::Postgres { 2 } else { 0 });
    Server::start(undisturbed.folder.path(), &["--database-url", &undisturbed.url]).kill();
    assert_eq!(waiting(&undisturbed), 0, "a server ends what was interrupted");
}

#[test]
fn a_killed_import_goes_on_on_sqlite() {
    a_killed_import_goes_on(Engine::Sqlite);
}

#[test]
fn a_killed_import_goes_on_on_postgres() {
    a_killed_import_goes_on(Engine::Postgres);
}
