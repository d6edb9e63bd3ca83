//! Feeds: what is in them, under which addresses, and when a client has them already.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::newsroom::publish;
use crate::support::{App, Caller, Reply, both};

async fn make(editor: &mut Caller, collection: &str, write: Value) -> String {
    editor.post(&format!("/v1/admin/{collection}"), write).await.expect(201).id()
}

async fn titles(app: &App, path: &str) -> Vec<String> {
    let feed = app.anyone().get(path).await.expect(200).json();
    feed["items"].as_array().unwrap().iter().map(|item| item["title"].as_str().unwrap().to_owned()).collect()
}

async fn ask(app: &App, path: &str, header: (&str, &str)) -> Reply {
    app.anyone().send(Method::GET, path, None, &[header]).await
}

async fn comment(app: &App, moderator: &mut Caller, slug: &str, text: &str) {
    let write = json!({"author_name": "Ann", "author_email": "ann@example.org", "body": text});
    let id = app.anyone().post(&format!("/v1/articles/{slug}/comments"), write).await.expect(202).id();
    let path = format!("/v1/admin/comments/{id}");
    moderator.get(&path).await.expect(200);
    moderator.post(&format!("{path}/transitions"), json!({"to": "approved"})).await.expect(200);
}

both! {
    async fn a_feed_holds_the_newest_articles_of_its_thing(app: App) {
        let mut editor = app.editor();
        let top = make(&mut editor, "categories", json!({"name": "Business"})).await;
        let sub = make(&mut editor, "categories", json!({"name": "Succession", "parent_id": top})).await;
        let tag = make(&mut editor, "tags", json!({"name": "News"})).await;
        let byline = make(&mut editor, "bylines", json!({"name": "Ann"})).await;
        for number in 0..22 {
            app.pass(1);
            publish(&mut editor, json!({"title": format!("Title {number}")})).await;
        }
        app.pass(1);
        publish(&mut editor, json!({"title": "Filed", "category_ids": [sub], "tag_ids": [tag], "byline_ids": [byline]})).await;
        editor.post("/v1/admin/articles", json!({"title": "Draft"})).await.expect(201);
        let all = titles(&app, "/feeds/all.json").await;
        assert_eq!((all.len(), all[0].as_str(), all[19].as_str()), (20, "Filed", "Title 3"));
        for path in ["category/business", "category/succession", "category/business/succession", "tag/news", "byline/ann"] {
            assert_eq!(titles(&app, &format!("/feeds/{path}.json")).await, ["Filed"], "{path}");
        }
        for (path, kind) in [
            ("/feeds/all.rss", "application/rss+xml; charset=utf-8"),
            ("/feeds/all.atom", "application/atom+xml; charset=utf-8"),
            ("/feeds/all.json", "application/feed+json"),
        ] {
            let feed = app.anyone().get(path).await.expect(200);
            assert_eq!(feed.header("content-type").unwrap(), kind);
            assert_eq!(feed.header("link").unwrap(), format!("<http://cms.example.org{path}>; rel=\"self\""));
            for text in ["Filed", "Ann", "Succession", "News", "Some words about succession.", "http://cms.example.org/filed"] {
                assert!(feed.text().contains(text), "{path} lacks {text}");
            }
            assert!(!feed.text().contains("Draft"));
        }
        for none in ["/feeds/none.rss", "/feeds/all.xml", "/feeds/tag/none.rss", "/feeds/category/.rss", "/feeds/", "/feeds/article/filed.rss"] {
            app.anyone().get(none).await.expect(404);
        }
    }

    async fn what_xml_cannot_hold_does_not_break_a_feed(app: App) {
        publish(&mut app.editor(), json!({"title": "A & B <C> ]]>", "body": "Bell \u{7} and \u{fffe}, `<b>` ]]>"})).await;
        for path in ["/feeds/all.rss", "/feeds/all.atom"] {
            let feed = app.anyone().get(path).await.expect(200);
            assert!(feed.text().contains("A &amp; B &lt;C&gt; ]]&gt;"), "{}", feed.text());
            assert!(!feed.text().contains(['\u{7}', '\u{fffe}']));
        }
    }

    async fn addresses_in_a_body_are_whole(app: App) {
        let body = "<p><a href=\"/about?a=1&amp;b=2\">About</a> <img src=\"/media/ab/x.png\" alt=\"\"></p>";
        publish(&mut app.editor(), json!({"title": "One", "body": body, "body_format": "html"})).await;
        let mut admin = app.admin();
        admin.get("/v1/admin/settings").await.expect(200);
        admin.patch("/v1/admin/settings", json!({"site_url": "https://example.org/"})).await.expect(200);
        let feed = app.anyone().get("/feeds/all.json").await.expect(200).json();
        let html = feed["items"][0]["content_html"].as_str().unwrap();
        assert!(html.contains("href=\"https://example.org/about?a=1&amp;b=2\""), "{html}");
        assert!(html.contains("src=\"http://cms.example.org/media/ab/x.png\""), "{html}");
    }

    async fn a_client_that_has_it_is_told_so(app: App) {
        let mut editor = app.editor();
        publish(&mut editor, json!({"title": "Older"})).await;
        app.pass(60);
        let newer = publish(&mut editor, json!({"title": "Newer"})).await;
        // Within the second of the last change there is nothing to go by but the tag.
        assert_eq!(app.anyone().get("/feeds/all.rss").await.header("last-modified"), None);
        app.pass(5);
        let feed = app.anyone().get("/feeds/all.rss").await.expect(200);
        let modified = feed.header("last-modified").unwrap();
        assert_eq!(modified, "Mon, 23 Nov 2026 09:01:00 GMT");
        let tag = feed.header("etag").unwrap();
        ask(&app, "/feeds/all.rss", ("if-none-match", &tag)).await.expect(304);
        let same = ask(&app, "/feeds/all.rss", ("if-modified-since", &modified)).await.expect(304);
        assert!(same.body.is_empty());
        ask(&app, "/feeds/all.rss", ("if-modified-since", "Mon, 23 Nov 2026 09:00:59 GMT")).await.expect(200);
        for nonsense in ["yesterday", "", "Mon, 99 Nov 2026 09:00:59 GMT"] {
            ask(&app, "/feeds/all.rss", ("if-modified-since", nonsense)).await.expect(200);
        }
        // Of both, the tag decides.
        let both = [("if-none-match", "\"other\""), ("if-modified-since", modified.as_str())];
        app.anyone().send(Method::GET, "/feeds/all.rss", None, &both).await.expect(200);
        // What goes changes the list, too.
        app.pass(60);
        editor.get(&newer).await.expect(200);
        editor.act(&format!("{newer}/unpublish")).await.expect(200);
        app.pass(5);
        let shorter = ask(&app, "/feeds/all.rss", ("if-modified-since", &modified)).await.expect(200);
        assert_eq!(shorter.header("last-modified").unwrap(), "Mon, 23 Nov 2026 09:02:05 GMT");
        assert!(!shorter.text().contains("Newer"));
    }

    async fn the_last_change_is_that_of_the_list(app: App) {
        let mut editor = app.editor();
        let tag = make(&mut editor, "tags", json!({"name": "News"})).await;
        app.pass(10);
        publish(&mut editor, json!({"title": "Filed", "tag_ids": [tag]})).await;
        app.pass(60);
        publish(&mut editor, json!({"title": "Elsewhere"})).await;
        app.pass(60);
        let modified = async |path: &str| app.anyone().get(path).await.expect(200).header("last-modified").unwrap();
        assert_eq!(modified("/feeds/tag/news.atom").await, "Mon, 23 Nov 2026 09:00:10 GMT");
        assert_eq!(modified("/feeds/all.atom").await, "Mon, 23 Nov 2026 09:01:10 GMT");
    }

    async fn a_feed_leaves_the_cache_when_it_says_something_else(app: App) {
        let mut editor = app.editor();
        let tag = make(&mut editor, "tags", json!({"name": "News"})).await;
        let paths = ["/feeds/all.rss", "/feeds/tag/news.rss"];
        let how = async || {
            let mut how = Vec::new();
            for path in paths {
                let status = app.anyone().get(path).await.expect(200).header("cache-status").unwrap();
                how.push(status.contains("hit"));
            }
            how
        };
        assert_eq!(how().await, [false, false]);
        assert_eq!(how().await, [true, true]);
        publish(&mut editor, json!({"title": "One"})).await;
        assert_eq!(how().await, [false, true]);
        let path = format!("/v1/admin/tags/{tag}");
        editor.get(&path).await.expect(200);
        editor.patch(&path, json!({"description": "What is new"})).await.expect(200);
        assert_eq!(how().await, [true, false]);
        assert!(app.anyone().get("/feeds/tag/news.rss").await.text().contains("What is new"));
        // What means nothing is no address of its own.
        assert!(app.anyone().get("/feeds/all.rss?utm_source=x").await.header("cache-status").unwrap().contains("hit"));
    }

    async fn an_old_name_leads_to_the_feed(app: App) {
        let mut editor = app.editor();
        let tag = make(&mut editor, "tags", json!({"name": "News"})).await;
        let path = format!("/v1/admin/tags/{tag}");
        editor.get(&path).await.expect(200);
        editor.patch(&path, json!({"slug": "fresh"})).await.expect(200);
        let moved = app.anyone().get("/feeds/tag/news.rss").await.expect(308);
        assert_eq!(moved.header("location").unwrap(), "http://cms.example.org/feeds/tag/fresh.rss");
    }

    async fn feeds_answer_at_their_old_addresses(app: App) {
        let mut editor = app.editor();
        let top = make(&mut editor, "categories", json!({"name": "Business"})).await;
        let sub = make(&mut editor, "categories", json!({"name": "Succession", "parent_id": top})).await;
        let tag = make(&mut editor, "tags", json!({"name": "News"})).await;
        let byline = make(&mut editor, "bylines", json!({"name": "Ann"})).await;
        let path = publish(&mut editor, json!({"title": "One", "category_ids": [sub], "tag_ids": [tag], "byline_ids": [byline]})).await;
        comment(&app, &mut editor, "one", "Indeed.").await;
        for (old, new) in [
            ("/feed/", "all.rss"), ("/feed", "all.rss"), ("/feed/?x=1", "all.rss"), ("/feed/atom/", "all.atom"), ("/feed/rss2/", "all.rss"),
            ("/category/business/succession/feed/", "category/succession.rss"), ("/category/business/feed/atom", "category/business.atom"),
            ("/tag/news/feed/", "tag/news.rss"), ("/author/ann/feed/", "byline/ann.rss"), ("/one/feed/", "article/one/comments.rss"),
            ("/rss/", "all.rss"), ("/tag/news/rss/", "tag/news.rss"), ("/author/ann/rss", "byline/ann.rss"),
        ] {
            let (old, new) = (app.anyone().get(old).await.expect(200), app.anyone().get(&format!("/feeds/{new}")).await.expect(200));
            assert_eq!(old.body, new.body);
            assert_eq!(old.header("content-type"), new.header("content-type"));
        }
        for none in ["/none/feed/", "/feed/rdf/", "/tag/none/rss/", "/feeder"] {
            app.anyone().get(none).await.expect(404);
        }
        assert!(app.anyone().get("/one/feed/").await.header("cache-status").unwrap().contains("hit"));
        editor.get(&path).await.expect(200);
        editor.patch(&path, json!({"slug": "first"})).await.expect(200);
        editor.act(&format!("{path}/publish")).await.expect(200);
        assert!(app.anyone().get("/one/feed/").await.expect(200).text().contains("http://cms.example.org/first"));
        editor.delete(&path).await.expect(204);
        app.anyone().get("/one/feed/").await.expect(410);
    }

    async fn comments_have_a_feed_below_their_article(app: App) {
        let mut editor = app.editor();
        publish(&mut editor, json!({"title": "One"})).await;
        let path = "/feeds/article/one/comments.json";
        assert_eq!(titles(&app, path).await, Vec::<String>::new());
        comment(&app, &mut editor, "one", "Indeed.").await;
        let held = json!({"author_name": "Bob", "author_email": "bob@example.org", "body": "Held."});
        app.anyone().post("/v1/articles/one/comments", held).await.expect(202);
        let feed = app.anyone().get(path).await.expect(200);
        let item = feed.json()["items"][0].clone();
        assert_eq!(item["content_html"], "<p>Indeed.</p>\n");
        assert!(item["url"].as_str().unwrap().starts_with("http://cms.example.org/one#comment-"));
        assert!(!feed.text().contains("Held") && !feed.text().contains("ann@example.org"));
        for ending in ["rss", "atom"] {
            assert!(app.anyone().get(&format!("/feeds/article/one/comments.{ending}")).await.expect(200).text().contains("Indeed."));
        }
        app.anyone().get("/feeds/article/none/comments.rss").await.expect(404);
    }

    async fn a_hub_is_named_where_one_is_set(app: App) {
        let mut admin = app.admin();
        admin.get("/v1/admin/settings").await.expect(200);
        admin.patch("/v1/admin/settings", json!({"websub_hub": "javascript:x"})).await.expect(422);
        admin.patch("/v1/admin/settings", json!({"websub_hub": "https://hub.example.org/"})).await.expect(200);
        for path in ["/feeds/all.rss", "/feeds/all.atom", "/feeds/all.json"] {
            let feed = app.anyone().get(path).await.expect(200);
            assert!(feed.header("link").unwrap().ends_with(", <https://hub.example.org/>; rel=\"hub\""));
            assert!(feed.text().contains("https://hub.example.org/"), "{path}");
        }
        assert_eq!(app.anyone().get("/feeds/all.json").await.json()["hubs"], json!([{"type": "WebSub", "url": "https://hub.example.org/"}]));
    }

    async fn a_locale_has_its_feed(app: App) {
        let mut admin = app.admin();
        admin.get("/v1/admin/settings").await.expect(200);
        admin.patch("/v1/admin/settings", json!({"locales": ["en", "de"]})).await.expect(200);
        publish(&mut admin, json!({"title": "One"})).await;
        app.pass(1);
        publish(&mut admin, json!({"title": "Zwei", "locale": "de"})).await;
        assert_eq!(titles(&app, "/feeds/all.json").await, ["One"]);
        assert_eq!(titles(&app, "/feeds/all.json?locale=de").await, ["Zwei"]);
        assert_eq!(titles(&app, "/feeds/all.json?locale=*").await, ["Zwei", "One"]);
    }
}
