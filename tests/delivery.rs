//! The delivery cache: it answers what the database would say, and forgets exactly what a change alters.

use std::collections::BTreeMap;

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::newsroom::{Newsroom, publish};
use crate::support::{App, Caller, Reply, both};

/// How an answer came to be: `hit`, `fwd=miss; stored`, `fwd=bypass`.
///
/// Nothing follows the log here: an answer that is asked for seconds after the last commit says that too.
fn cached(reply: &Reply) -> String {
    let status = reply.header("cache-status").unwrap_or_default();
    let how = status.trim_start_matches("Byline; ");
    how.split("; detail=").next().unwrap_or_default().to_owned()
}

/// Whether an address is answered from the cache.
async fn hits(app: &App, path: &str) -> bool {
    cached(&app.anyone().get(path).await) == "hit"
}

/// Makes something that has a name; answers its id.
async fn make(editor: &mut Caller, collection: &str, name: &str, more: Value) -> String {
    let mut write = json!({"name": name});
    write.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    editor.post(&format!("/v1/admin/{collection}"), write).await.expect(201).id()
}

/// Leaves a comment and lets it through; answers its address for moderators.
async fn comment(app: &App, moderator: &mut Caller, slug: &str, text: &str, parent: Option<&str>) -> String {
    let write = json!({"author_name": "Ann", "author_email": "ann@example.org", "body": text, "parent_id": parent});
    let id = app.anyone().post(&format!("/v1/articles/{slug}/comments"), write).await.expect(202).id();
    let path = format!("/v1/admin/comments/{id}");
    moderator.get(&path).await.expect(200);
    moderator.post(&format!("{path}/transitions"), json!({"to": "approved"})).await.expect(200);
    path
}

both! {
    async fn the_second_answer_comes_from_the_cache(app: App) {
        let mut editor = app.editor();
        publish(&mut editor, json!({"title": "One"})).await;
        let first = app.anyone().get("/v1/articles/one").await.expect(200);
        assert_eq!(cached(&first), "fwd=miss; stored");
        let second = app.anyone().get("/v1/articles/one").await.expect(200);
        assert_eq!(cached(&second), "hit");
        assert_eq!((&first.body, first.headers.len()), (&second.body, second.headers.len()));
        for name in ["etag", "cache-control", "surrogate-key", "vary", "access-control-allow-origin", "content-type"] {
            assert!(second.headers.contains_key(name), "{name}");
            assert_eq!(first.headers.get(name), second.headers.get(name));
        }
        let head = app.anyone().send(Method::HEAD, "/v1/articles/one", None, &[]).await.expect(200);
        assert_eq!(cached(&head), "hit");
        let known = [("if-none-match", second.header("etag").unwrap())];
        let known = known.each_ref().map(|(name, value)| (*name, value.as_str()));
        let same = app.anyone().send(Method::GET, "/v1/articles/one", None, &known).await.expect(304);
        assert!(same.body.is_empty() && !same.headers.contains_key("content-type"));
        assert_eq!(cached(&same), "hit");
    }

    async fn the_order_of_parameters_does_not_matter(app: App) {
        publish(&mut app.editor(), json!({"title": "One"})).await;
        let one = app.anyone().get("/v1/articles?limit=5&locale=en").await.expect(200);
        let other = app.anyone().get("/v1/articles?locale=en&limit=5").await.expect(200);
        assert_eq!((cached(&other).as_str(), one.body), ("hit", other.body));
    }

    async fn refusals_and_personal_answers_are_not_kept(app: App) {
        let mut anyone = app.anyone();
        for (path, status) in [("/v1/articles/none", 404), ("/v1/articles?limit=0", 400), ("/v1/resolve?path=/none", 404)] {
            for _ in 0..2 {
                assert_eq!(cached(&anyone.get(path).await.expect(status)), "");
            }
        }
        let mut editor = app.editor();
        publish(&mut editor, json!({"title": "One"})).await;
        for _ in 0..2 {
            let signed = editor.get("/v1/articles/one").await.expect(200);
            assert_eq!(cached(&signed), "fwd=bypass");
        }
        assert!(app.anyone().get("/v1/newsletter").await.header("cache-status").is_none());
    }

    async fn every_coding_is_made_once_and_has_a_tag_of_its_own(app: App) {
        publish(&mut app.editor(), json!({"title": "Long", "body": "Succession, again and again. ".repeat(100)})).await;
        let plain = app.anyone().get("/v1/articles/long").await.expect(200);
        let tag = plain.header("etag").unwrap().trim_matches('"').to_owned();
        for (asked, coding) in [("br", "br"), ("zstd", "zstd"), ("gzip;q=0.5", "gzip"), ("gzip, deflate, br;q=0.9, zstd;q=0.1", "gzip")] {
            for _ in 0..2 {
                let accept = [("accept-encoding", asked)];
                let coded = app.anyone().send(Method::GET, "/v1/articles/long", None, &accept).await.expect(200);
                assert_eq!(coded.header("content-encoding").as_deref(), Some(coding), "{asked}");
                assert_eq!(coded.header("etag"), Some(format!("\"{tag}-{coding}\"")));
                assert!(coded.body.len() < plain.body.len() / 2);
                assert_eq!(decode(coding, &coded.body), plain.body);
                assert_eq!(cached(&coded), "hit");
            }
        }
        let known = [("if-none-match", format!("W/\"{tag}-br\", \"other\"")), ("accept-encoding", "gzip".to_owned())];
        let known = known.each_ref().map(|(name, value)| (*name, value.as_str()));
        let same = app.anyone().send(Method::GET, "/v1/articles/long", None, &known).await.expect(304);
        assert_eq!(same.header("etag"), Some(format!("\"{tag}-br\"")));
        for none in ["identity", "deflate", "br;q=0", "*;q=0, identity"] {
            let accept = [("accept-encoding", none)];
            let reply = app.anyone().send(Method::GET, "/v1/articles/long", None, &accept).await.expect(200);
            assert_eq!((reply.header("content-encoding"), reply.body), (None, plain.body.clone()), "{none}");
        }
    }

    async fn a_change_drops_what_it_alters_and_nothing_else(app: App) {
        let mut editor = app.editor();
        let tag = make(&mut editor, "tags", "News", json!({})).await;
        let top = make(&mut editor, "categories", "Business", json!({})).await;
        let sub = make(&mut editor, "categories", "Succession", json!({"parent_id": top})).await;
        make(&mut editor, "categories", "Other", json!({})).await;
        let mut paths = Vec::new();
        for name in ["a", "b", "c", "d", "e"] {
            app.pass(1);
            let write = json!({"title": name, "slug": name, "category_ids": [sub], "tag_ids": [tag]});
            paths.push(publish(&mut editor, write).await);
        }
        let first = app.anyone().get("/v1/articles?limit=2").await.expect(200).json();
        let next = format!("/v1/articles?limit=2&cursor={}", first["page"]["next"].as_str().unwrap());
        let counted = format!("{next}&count=true");
        let all = [
            "/v1/articles/a", "/v1/articles/e", "/v1/articles?limit=2", &next, &counted, "/v1/articles?sort=published_at&limit=2",
            "/v1/articles?category=other", "/v1/articles?category=business&subtree=true", "/v1/articles?tag=news",
            "/v1/categories/succession", "/v1/categories/other", "/v1/categories/tree", "/v1/tags/news", "/v1/tags",
            "/v1/articles/a/comments", "/v1/resolve?path=/a", "/v1/site", "/v1/articles?tag=none", "/v1/articles?category=none",
        ];
        let dropped = async |what: &str, expected: &[&str]| {
            let mut missed = Vec::new();
            for path in all {
                if !hits(&app, path).await {
                    missed.push(path);
                }
            }
            assert_eq!(missed, expected, "{what}");
        };
        dropped("the first time", &all.into_iter().filter(|path| *path != "/v1/articles?limit=2").collect::<Vec<_>>()).await;
        dropped("nothing happened", &[]).await;

        // A new revision of the oldest: only where it is shown.
        editor.patch(&paths[0], json!({"title": "A"})).await.expect(200);
        dropped("a draft is nobody's business", &[]).await;
        editor.act(&format!("{}/publish", paths[0])).await.expect(200);
        dropped("an edit", &["/v1/articles/a", "/v1/articles?sort=published_at&limit=2",
            "/v1/articles?category=business&subtree=true", "/v1/articles?tag=news"]).await;

        // A new article at the top, under nothing: the first page, and what counts.
        app.pass(1);
        publish(&mut editor, json!({"title": "f"})).await;
        dropped("a new article", &["/v1/articles?limit=2", &counted]).await;

        let id = app.anyone().get("/v1/articles/a").await.json()["id"].as_str().unwrap().to_owned();
        comment(&app, &mut editor, "a", "Indeed.", None).await;
        dropped("a comment", &["/v1/articles/a/comments"]).await;

        make(&mut editor, "tags", "Old", json!({})).await;
        dropped("a new tag", &["/v1/tags", "/v1/articles?tag=none"]).await;

        let path = format!("/v1/admin/tags/{tag}");
        editor.get(&path).await.expect(200);
        editor.patch(&path, json!({"description": "What is new"})).await.expect(200);
        dropped("a description", &["/v1/tags/news", "/v1/tags"]).await;

        let slug = app.anyone().get(&format!("/v1/articles/{}", "a")).await;
        assert_eq!(slug.json()["id"], id.as_str());
        editor.act(&format!("{}/unpublish", paths[0])).await.expect(200);
        // The second page has no next one any more.
        dropped("an article goes", &["/v1/articles/a", &next, &counted, "/v1/articles?sort=published_at&limit=2",
            "/v1/articles?category=business&subtree=true", "/v1/articles?tag=news", "/v1/categories/succession",
            "/v1/categories/tree", "/v1/tags/news", "/v1/tags", "/v1/articles/a/comments", "/v1/resolve?path=/a"]).await;

        let mut admin = app.admin();
        admin.get("/v1/admin/settings").await.expect(200);
        admin.patch("/v1/admin/settings", json!({"name": "The Journal"})).await.expect(200);
        dropped("the site", &all).await;
    }

    async fn what_leads_elsewhere_or_is_gone_is_kept_too(app: App) {
        let mut editor = app.editor();
        let path = publish(&mut editor, json!({"title": "Old", "slug": "old"})).await;
        editor.patch(&path, json!({"slug": "new"})).await.expect(200);
        editor.act(&format!("{path}/publish")).await.expect(200);
        for expected in ["fwd=miss; stored", "hit"] {
            let moved = app.anyone().get("/v1/articles/old?fields=title").await.expect(308);
            assert_eq!(moved.header("location").unwrap(), "http://cms.example.org/v1/articles/new?fields=title");
            assert_eq!(cached(&moved), expected);
        }
        editor.delete(&path).await.expect(204);
        for expected in ["fwd=miss; stored", "hit"] {
            let gone = app.anyone().get("/v1/articles/old").await.expect(410);
            assert_eq!((gone.code(), cached(&gone).as_str()), ("article_gone".to_owned(), expected));
        }
        editor.get(&path).await.expect(200);
        editor.act(&format!("{path}/restore")).await.expect(200);
        app.anyone().get("/v1/articles/old").await.expect(404);
    }

    async fn what_falls_due_is_seen_at_its_time(app: App) {
        let mut editor = app.editor();
        let path = editor.post("/v1/admin/articles", json!({"title": "Later", "body": "x"})).await.expect(201).header("location").unwrap();
        assert_eq!(app.anyone().get("/v1/articles").await.json()["data"], json!([]));
        assert!(hits(&app, "/v1/articles").await);
        let due = app.now().plus_seconds(60);
        editor.post(&format!("{path}/schedule"), json!({"publish_at": due})).await.expect(200);
        assert!(hits(&app, "/v1/articles").await, "nothing is public yet");
        app.pass(59);
        assert!(hits(&app, "/v1/articles").await);
        app.pass(1);
        assert_eq!(app.anyone().get("/v1/articles").await.json()["data"][0]["slug"], "later");
        app.anyone().get("/v1/articles/later").await.expect(200);
        assert!(hits(&app, "/v1/articles").await);
        // A clock that was set back shows what was there then.
        app.pass(-30);
        assert_eq!(app.anyone().get("/v1/articles").await.json()["data"], json!([]));
    }

    async fn a_cache_in_front_does_not_outlive_what_falls_due(app: App) {
        let app = app.node(|config| config.cache.s_maxage = 600).await;
        let mut editor = app.editor();
        let policy = async || app.anyone().get("/v1/articles").await.header("cache-control").unwrap();
        assert!(policy().await.contains("s-maxage=600"));
        let path = editor.post("/v1/admin/articles", json!({"title": "Later", "body": "x"})).await.expect(201).header("location").unwrap();
        editor.post(&format!("{path}/schedule"), json!({"publish_at": app.now().plus_seconds(60)})).await.expect(200);
        assert!(policy().await.contains("s-maxage=60,"), "{}", policy().await);
        app.pass(45);
        assert!(policy().await.contains("s-maxage=15,"));
    }

    async fn another_node_forgets_when_it_hears_of_it(app: App) {
        let other = app.node(|_| {}).await;
        let mut editor = app.editor();
        let path = publish(&mut editor, json!({"title": "One"})).await;
        publish(&mut editor, json!({"title": "Two"})).await;
        other.anyone().get("/v1/articles/one").await.expect(200);
        other.anyone().get("/v1/articles/two").await.expect(200);
        editor.patch(&path, json!({"title": "One, again"})).await.expect(200);
        editor.act(&format!("{path}/publish")).await.expect(200);
        other.catch_up();
        assert!(hits(&other, "/v1/articles/two").await);
        assert_eq!(other.anyone().get("/v1/articles/one").await.expect(200).json()["title"], "One, again");
    }

    async fn a_flood_of_addresses_stays_within_the_bound(app: App) {
        let app = app.node(|config| config.cache_size = 1024 * 1024).await;
        publish(&mut app.editor(), json!({"title": "Wanted"})).await;
        for number in 0..2_000 {
            app.anyone().get(&format!("/v1/articles?published_before=20{:02}-01-01T00:00:{:02}Z", number % 70, number / 70)).await.expect(200);
            // What is asked for again and again is not pushed out by what is asked for once.
            app.anyone().get("/v1/articles/wanted").await.expect(200);
        }
        assert!(hits(&app, "/v1/articles/wanted").await);
        let metrics = app.anyone().get("/metrics").await.expect(200);
        let bytes: u64 = metrics.text().lines().find_map(|line| line.strip_prefix("byline_cache_bytes ")).unwrap().parse().unwrap();
        assert!((1..=1024 * 1024).contains(&bytes), "{bytes}");
    }

    async fn a_stampede_on_a_cold_address_computes_it_once(app: App) {
        publish(&mut app.editor(), json!({"title": "Wanted"})).await;
        let asked = (0..50).map(|_| async { cached(&app.anyone().get("/v1/articles/wanted").await.expect(200)) });
        let mut how: BTreeMap<String, usize> = BTreeMap::new();
        for came in futures_util::future::join_all(asked).await {
            *how.entry(came).or_default() += 1;
        }
        assert_eq!(how.get("fwd=miss; stored"), Some(&1), "{how:?}");
        assert_eq!(how.get("hit"), Some(&49));
    }

    async fn no_read_after_a_publish_is_older_than_it(app: App) {
        let mut editor = app.editor();
        let path = publish(&mut editor, json!({"title": "0", "slug": "race"})).await;
        let read = async || {
            let seen = app.anyone().get("/v1/articles/race?fields=title").await.expect(200).json();
            seen["title"].as_str().unwrap().parse::<u32>().unwrap()
        };
        for round in 1..40_u32 {
            editor.patch(&path, json!({"title": round.to_string()})).await.expect(200);
            let action = format!("{path}/publish");
            // Readers ask all the while it is published: before, during, and right after.
            let publishing = async {
                editor.act(&action).await.expect(200);
                read().await
            };
            let reading = futures_util::future::join_all((0..8).map(|_| read()));
            let (after, during) = futures_util::future::join(publishing, reading).await;
            assert_eq!(after, round, "stale after the 2xx");
            assert!(during.iter().all(|seen| (round - 1..=round).contains(seen)), "{during:?}");
            assert_eq!(read().await, round, "a stale answer was kept");
        }
    }
}

fn decode(coding: &str, body: &[u8]) -> Vec<u8> {
    use std::io::Read as _;
    let mut plain = Vec::new();
    match coding {
        "br" => brotli::Decompressor::new(body, 4_096).read_to_end(&mut plain).unwrap(),
        "gzip" => flate2::read::GzDecoder::new(body).read_to_end(&mut plain).unwrap(),
        _ => zstd::stream::read::Decoder::new(body).unwrap().read_to_end(&mut plain).unwrap(),
    };
    plain
}

/// Every address that a reader may ask for.
async fn addresses(oracle: &App, room: &Newsroom) -> Vec<String> {
    let mut reader = oracle.anyone();
    let mut all: Vec<String> = [
        "/v1/articles",
        "/v1/articles?locale=*",
        "/v1/articles?sort=published_at&limit=3&count=true",
        "/v1/articles?q=words",
        "/v1/articles?limit=4&include=body",
        "/v1/categories",
        "/v1/categories/tree",
        "/v1/tags?count=true",
        "/v1/bylines",
        "/v1/site",
        "/v1/articles?published_after=2026-11-23T09:01:00Z",
        "/feeds/all.rss",
        "/feeds/all.json?locale=*",
        "/feed/atom/",
        "/sitemap.xml",
        "/sitemaps/articles-1.xml",
        "/sitemaps/categories-1.xml",
        "/sitemaps/tags-1.xml",
        "/llms.txt",
    ]
    .map(str::to_owned)
    .into();
    let mut page = "/v1/articles?limit=3".to_owned();
    loop {
        all.push(page.clone());
        let next = reader.get(&page).await.expect(200).json()["page"]["next"].as_str().map(str::to_owned);
        let Some(next) = next else { break };
        page = format!("/v1/articles?limit=3&cursor={next}");
    }
    for collection in ["categories", "tags", "bylines"] {
        let filter = match collection {
            "categories" => "category",
            "tags" => "tag",
            _ => "byline",
        };
        let shown = reader.get(&format!("/v1/{collection}?limit=100")).await.expect(200).json();
        for thing in shown["data"].as_array().unwrap() {
            let slug = thing["slug"].as_str().unwrap();
            all.push(format!("/v1/{collection}/{slug}"));
            all.push(format!("/v1/articles?{filter}={slug}&limit=3"));
            all.push(format!("/feeds/{filter}/{slug}.atom"));
            if collection == "categories" {
                all.push(format!("/v1/articles?category={slug}&subtree=true&count=true"));
                all.push(format!("/v1/articles?category={slug}&subtree=true&locale=*&limit=2"));
            }
        }
    }
    let mut slugs = room.slugs.clone();
    slugs.sort_unstable();
    slugs.dedup();
    all.extend(ghost_addresses(oracle, &slugs).await);
    all.extend(wordpress_addresses(oracle, &slugs).await);
    for slug in slugs {
        all.push(format!("/v1/articles/{slug}"));
        all.push(format!("/v1/articles/{slug}?locale=de"));
        all.push(format!("/v1/articles/{slug}?include=comments,related"));
        all.push(format!("/v1/articles/{slug}.md"));
        all.push(format!("/v1/articles/{slug}/comments"));
        all.push(format!("/feeds/article/{slug}/comments.rss"));
        all.push(format!("/{slug}/feed/"));
        all.push(format!("/v1/resolve?path=/{slug}"));
        all.push(format!("/v1/resolve?path=/2026/{slug}"));
    }
    all
}

/// The same of WordPress's API.
async fn wordpress_addresses(oracle: &App, slugs: &[String]) -> Vec<String> {
    let mut reader = oracle.anyone();
    let at = |path: &str| format!("/wp-json/wp/v2/{path}");
    let mut all = [
        "posts?per_page=100&orderby=title&order=asc",
        "posts?search=words&_embed=1",
        "posts?sticky=true",
        "pages?_embed=1",
        "categories?hide_empty=true&orderby=count",
        "comments?order=asc&_embed=1",
        "search?search=1",
        "media",
        "types",
    ]
    .map(at)
    .to_vec();
    for list in ["posts", "categories", "tags", "users", "comments"] {
        let first = reader.get(&at(&format!("{list}?per_page=100"))).await.expect(200).json();
        let things = first.as_array().unwrap();
        for page in 1..=things.len().div_ceil(3).max(1) {
            all.push(at(&format!("{list}?per_page=3&page={page}&_embed=1")));
        }
        for thing in things {
            let number = &thing["id"];
            all.push(at(&format!("{list}/{number}")));
            all.push(at(&format!("{list}/{number}?_embed=1")));
            match list {
                "posts" => {
                    all.push(at(&format!("comments?post={number}")));
                    all.push(at(&format!("tags?post={number}")));
                    all.push(format!("/v1/resolve?path=/%3Fp={number}"));
                }
                "categories" => {
                    all.push(at(&format!("posts?categories={number}&per_page=2&_embed=1")));
                    all.push(at(&format!("posts?categories_exclude={number}&_fields=id,slug,categories")));
                }
                "tags" => all.push(at(&format!("posts?tags={number}&per_page=2"))),
                "users" => all.push(at(&format!("posts?author={number}&per_page=2&_embed=author"))),
                _ => {}
            }
        }
    }
    all.extend(slugs.iter().map(|slug| at(&format!("posts?slug={slug}&_embed=1"))));
    all
}

/// The same of Ghost's API.
async fn ghost_addresses(oracle: &App, slugs: &[String]) -> Vec<String> {
    let mut reader = oracle.anyone();
    let at = |path: &str| format!("/ghost/api/content/{path}&key={}", oracle.data.secrets.content_key());
    let mut all = [
        "posts/?limit=all&fields=title,slug&order=title%20desc",
        "posts/?filter=featured:true&include=tags",
        "posts/?filter=title:~'1'%2Bauthor:-none",
        "pages/?",
        "settings/?",
        "search-index/posts/?",
        "search-index/tags/?",
    ]
    .map(&at)
    .to_vec();
    for list in ["posts", "tags", "authors"] {
        let mut page = Some(json!(1));
        while let Some(Value::Number(number)) = page {
            let path = at(&format!("{list}/?limit=3&page={number}&include=tags,authors,count.posts"));
            page = Some(reader.get(&path).await.expect(200).json()["meta"]["pagination"]["next"].clone());
            all.push(path);
        }
        for thing in reader.get(&at(&format!("{list}/?limit=all"))).await.expect(200).json()[list].as_array().unwrap() {
            let slug = thing["slug"].as_str().unwrap();
            all.push(at(&format!("{list}/slug/{slug}/?include=count.posts")));
            match list {
                "tags" => {
                    all.push(at(&format!("posts/?filter=tag:{slug}&limit=2")));
                    all.push(at(&format!("posts/?filter=primary_tag:{slug}&include=tags")));
                }
                "authors" => all.push(at(&format!("posts/?filter=author:{slug}%2Bfeatured:false&include=authors"))),
                _ => {}
            }
        }
    }
    all.extend(slugs.iter().map(|slug| at(&format!("posts/slug/{slug}/?include=tags,authors"))));
    all
}

/// A cache in front: it keeps what may be kept, whatever its age, until one of its surrogate keys is named.
struct Cdn {
    kept: BTreeMap<String, (Said, Vec<String>)>,
    seq: i64,
    given: u32,
}

impl Cdn {
    /// What a purger does.
    fn purge(&mut self, app: &App) {
        let (seq, all) = (self.seq, 1_000_000);
        for change in app.data.db.read_blocking(|conn| persistence::changes::after(conn, seq, all)).unwrap() {
            self.seq = change.seq;
            let named = change.surrogate_keys();
            self.kept.retain(|_, (_, keys)| keys.iter().all(|key| !named.contains(key)));
        }
    }

    async fn get(&mut self, app: &App, path: &str) -> Said {
        if let Some((said, _)) = self.kept.get(path) {
            self.given += 1;
            return said.clone();
        }
        let reply = app.anyone().get(path).await;
        let policy = reply.header("cache-control").unwrap_or_default();
        if let Some(keys) = reply.header("surrogate-key").filter(|_| !policy.contains("no-")) {
            let keys = keys.split(' ').map(str::to_owned).collect();
            self.kept.insert(path.to_owned(), (said(&reply), keys));
        }
        said(&reply)
    }
}

type Said = (u16, Option<String>, Option<String>, String);

/// What an answer says; a problem also names its request.
fn said(reply: &Reply) -> Said {
    let body = if reply.status < 400 { reply.text().to_owned() } else { reply.json()["code"].to_string() };
    (reply.status, reply.header("etag"), reply.header("location"), body)
}

both! {
    async fn two_nodes_say_what_is_true_through_a_storm_of_changes(app: App) {
        let other = app.node(|_| {}).await;
        let uncached = app.node(|config| config.cache_size = 0).await;
        let seed = 0x5DEE_CE66_D000_0001 + u64::from(app.engine == crate::support::Engine::Sqlite);
        let mut room = Newsroom::new(&app, seed);
        let (mut hits, mut asked, mut in_vain) = (0, 0, 0);
        let mut cdn = Cdn { kept: BTreeMap::new(), seq: 0, given: 0 };
        let mut before: BTreeMap<String, Said> = BTreeMap::new();
        let mut emptied = false;
        for step in 0..120 {
            let did = room.act(&app).await;
            // These drop everything, altered or not.
            emptied |= did.starts_with("settings") || did.starts_with("time passes");
            if did.starts_with("time passes") {
                // No cache may keep an answer for longer than until something falls due.
                cdn.kept.clear();
            }
            if step % 3 > 0 {
                continue;
            }
            other.catch_up();
            app.catch_up();
            cdn.purge(&app);
            // One that knows nothing yet.
            let oracle = app.node(|config| config.cache_size = 0).await;
            for path in addresses(&oracle, &room).await {
                let truth = said(&oracle.anyone().get(&path).await);
                assert_eq!(said(&uncached.anyone().get(&path).await), truth, "{path} uncached after step {step}: {did}");
                assert_eq!(cdn.get(&app, &path).await, truth, "{path} from the CDN after step {step}: {did}");
                for node in [&app, &other] {
                    let reply = node.anyone().get(&path).await;
                    assert_eq!(said(&reply), truth, "{path} after step {step}: {did}");
                    if cached(&reply).is_empty() {
                        continue;
                    }
                    asked += 1;
                    hits += u32::from(cached(&reply) == "hit");
                    let same = !emptied && before.get(&path) == Some(&truth);
                    in_vain += u32::from(same && cached(&reply) == "fwd=miss; stored");
                }
                before.insert(path, truth);
            }
            emptied = false;
        }
        println!("{asked} answers, {hits} from the cache, {in_vain} dropped in vain; {} from the CDN", cdn.given);
        assert!(cdn.given * 4 > asked / 2, "{} of {}", cdn.given, asked / 2);
        assert!(asked > 1_000 && hits * 2 > asked, "{hits} of {asked}");
        assert!(in_vain * 20 < asked, "{in_vain} of {asked} were dropped in vain");
    }
}
