//! Sitemaps, `robots.txt`, `llms.txt`, and articles as Markdown.

use serde_json::{Value, json};

use crate::newsroom::publish;
use crate::support::{App, Caller, both};

async fn make(editor: &mut Caller, collection: &str, write: Value) -> String {
    editor.post(&format!("/v1/admin/{collection}"), write).await.expect(201).id()
}

async fn text(app: &App, path: &str) -> String {
    app.anyone().get(path).await.expect(200).text().to_owned()
}

/// The texts of an element, in order.
fn all(xml: &str, element: &str) -> Vec<String> {
    let open = format!("<{element}>");
    xml.split(&open).skip(1).map(|rest| rest.split_once('<').unwrap().0.to_owned()).collect()
}

both! {
    async fn sitemaps_say_where_everything_is(app: App) {
        let mut editor = app.editor();
        let empty = text(&app, "/sitemap.xml").await;
        assert_eq!(all(&empty, "loc"), ["http://cms.example.org/sitemaps/home.xml"]);
        let top = make(&mut editor, "categories", json!({"name": "Business"})).await;
        let sub = make(&mut editor, "categories", json!({"name": "Succession", "parent_id": top})).await;
        make(&mut editor, "categories", json!({"name": "Empty"})).await;
        let tag = make(&mut editor, "tags", json!({"name": "News"})).await;
        let image = json!({"url": "https://img.example.org/a.jpg?x=1&y=2", "alt": "A"});
        let write = json!({"title": "One", "category_ids": [sub], "tag_ids": [tag], "cover_image": image});
        let one = publish(&mut editor, write).await;
        app.pass(60);
        publish(&mut editor, json!({"title": "Two"})).await;
        publish(&mut editor, json!({"title": "Hidden", "seo": {"noindex": true}})).await;
        publish(&mut editor, json!({"title": "Copied", "seo": {"canonical_url": "https://other.example.org/"}})).await;
        editor.post("/v1/admin/articles", json!({"title": "Draft"})).await.expect(201);
        let index = text(&app, "/sitemap.xml").await;
        let parts: Vec<String> = all(&index, "loc").iter().map(|part| part.rsplit('/').next().unwrap().to_owned()).collect();
        assert_eq!(parts, ["home.xml", "articles-1.xml", "categories-1.xml", "tags-1.xml"]);
        assert!(all(&index, "lastmod").iter().all(|at| at == "2026-11-23T09:01:00Z"));
        let articles = text(&app, "/sitemaps/articles-1.xml").await;
        assert_eq!(all(&articles, "loc"), ["http://cms.example.org/one", "http://cms.example.org/two"]);
        assert_eq!(all(&articles, "lastmod"), ["2026-11-23T09:00:00Z", "2026-11-23T09:01:00Z"]);
        assert_eq!(all(&articles, "image:loc"), ["https://img.example.org/a.jpg?x=1&amp;y=2"]);
        let categories = text(&app, "/sitemaps/categories-1.xml").await;
        assert_eq!(all(&categories, "loc"), ["http://cms.example.org/category/business", "http://cms.example.org/category/business/succession"]);
        assert_eq!(all(&text(&app, "/sitemaps/tags-1.xml").await, "loc"), ["http://cms.example.org/tag/news"]);
        assert_eq!(all(&text(&app, "/sitemaps/home.xml").await, "loc"), ["http://cms.example.org/"]);
        for none in ["articles-2", "articles-0", "x-1", "tags", "home-1"] {
            app.anyone().get(&format!("/sitemaps/{none}.xml")).await.expect(404);
        }
        // What goes, goes from here too.
        editor.get(&one).await.expect(200);
        editor.act(&format!("{one}/unpublish")).await.expect(200);
        assert_eq!(all(&text(&app, "/sitemaps/articles-1.xml").await, "loc"), ["http://cms.example.org/two"]);
        assert_eq!(all(&text(&app, "/sitemap.xml").await, "loc").len(), 2);
    }

    async fn a_part_holds_fifty_thousand(app: App) {
        let mut editor = app.editor();
        publish(&mut editor, json!({"title": "First"})).await;
        let numbers = match app.engine {
            crate::support::Engine::Sqlite => "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50001) SELECT i FROM n",
            crate::support::Engine::Postgres => "SELECT i FROM generate_series(1, 50001) AS n (i)",
        };
        app.execute(&format!(
            "INSERT INTO published_articles (article_id, revision, kind, group_id, locale, slug, visible_from, visible_until,
                 published_at, updated_at, comments_open, summary, body)
             SELECT substr(p.article_id, 1, 8) || '-0000-7000-8000-' || substr('00000000000' || n.i, -12 + length(n.i || ''), 12), 1, p.kind, p.group_id, p.locale, 's' || n.i,
                 p.visible_from, p.visible_until, p.published_at + n.i, p.updated_at, p.comments_open, p.summary, p.body
             FROM published_articles p, ({numbers}) AS n"
        ).replace("substr('00000000000' || n.i, -12 + length(n.i || ''), 12)", match app.engine {
            crate::support::Engine::Sqlite => "substr('000000000000' || n.i, -12)",
            crate::support::Engine::Postgres => "right('000000000000' || n.i, 12)",
        }));
        app.pass(10);
        let node = app.node(|_| {}).await;
        let index = text(&node, "/sitemap.xml").await;
        assert!(index.contains("articles-2.xml") && !index.contains("articles-3.xml"));
        let (one, two) = (text(&node, "/sitemaps/articles-1.xml").await, text(&node, "/sitemaps/articles-2.xml").await);
        let (one, two) = (all(&one, "loc"), all(&two, "loc"));
        assert_eq!((one.len(), two.len()), (50_000, 2));
        assert_eq!((one[0].as_str(), one[1].as_str()), ("http://cms.example.org/first", "http://cms.example.org/s1"));
        assert_eq!(two, ["http://cms.example.org/s50000", "http://cms.example.org/s50001"]);
        node.anyone().get("/sitemaps/articles-3.xml").await.expect(404);
    }

    async fn crawlers_are_told_where_to_look(app: App) {
        let robots = app.anyone().get("/robots.txt").await.expect(200);
        assert_eq!(robots.header("content-type").unwrap(), "text/plain; charset=utf-8");
        assert!(robots.text().ends_with("Sitemap: http://cms.example.org/sitemap.xml\n"));
    }

    async fn an_article_is_told_in_markdown(app: App) {
        let mut editor = app.editor();
        let byline = make(&mut editor, "bylines", json!({"name": "Ann"})).await;
        let body = "## Month 0\n\nName *a* date, and [tell](/staff) the staff.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```rust\nlet x = 1;\n```\n";
        let path = publish(&mut editor, json!({"title": "The \"two\" years", "slug": "two", "body": body, "byline_ids": [byline]})).await;
        let told = app.anyone().get("/v1/articles/two.md").await.expect(200);
        assert_eq!(told.header("content-type").unwrap(), "text/markdown; charset=utf-8");
        for part in ["title: \"The \\\"two\\\" years\"\n", "url: \"http://cms.example.org/two\"\n", "authors: [\"Ann\"]\n", "published: 2026-11-23T09:00:00Z\n",
            "\n# The \"two\" years\n", "\n## Month 0\n", "*a*", "[tell](http://cms.example.org/staff)", "| 1 | 2 |", "```rust\nlet x = 1;\n```"] {
            assert!(told.text().contains(part), "{part} is not in {}", told.text());
        }
        editor.get(&path).await.expect(200);
        editor.patch(&path, json!({"slug": "second", "body": "A draft."})).await.expect(200);
        assert!(!app.anyone().get("/v1/articles/two.md").await.expect(200).text().contains("draft"));
        editor.act(&format!("{path}/publish")).await.expect(200);
        let moved = app.anyone().get("/v1/articles/two.md").await.expect(308);
        assert_eq!(moved.header("location").unwrap(), "http://cms.example.org/v1/articles/second.md");
        assert_eq!(app.anyone().get("/v1/articles/none.md").await.expect(404).code(), "article_not_found");
        editor.get(&path).await.expect(200);
        editor.delete(&path).await.expect(204);
        assert_eq!(app.anyone().get("/v1/articles/second.md").await.expect(410).code(), "article_gone");
    }

    async fn what_there_is_to_read_is_listed(app: App) {
        let mut editor = app.editor();
        publish(&mut editor, json!({"title": "One [1]", "slug": "one", "excerpt": "What it says."})).await;
        publish(&mut editor, json!({"title": "Hidden", "seo": {"noindex": true}})).await;
        let list = text(&app, "/llms.txt").await;
        assert!(list.starts_with("# Untitled publication\n"), "{list}");
        assert!(list.contains("- [One \\[1\\]](http://cms.example.org/v1/articles/one.md): What it says.\n"), "{list}");
        assert!(!list.contains("Hidden"));
    }
}
