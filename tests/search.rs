//! Search: what is found, in which order, and how it is shown; and what is suggested while someone types.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{App, Caller, both};

/// Makes an article and publishes it; returns its path.
async fn published(editor: &mut Caller, write: Value) -> String {
    let path = editor.post("/v1/admin/articles", write).await.expect(201).header("location").unwrap();
    editor.act(&format!("{path}/publish")).await.expect(200);
    path
}

/// The slugs of what is found, in order.
async fn found(reader: &mut Caller, query: &str) -> Vec<String> {
    let page = reader.get(&format!("/v1/search?{query}")).await.expect(200).json();
    page["data"].as_array().unwrap().iter().map(|article| article["slug"].as_str().unwrap().to_owned()).collect()
}

/// Publishes articles enough, about other things, for words to be rare.
async fn publish_others(editor: &mut Caller) {
    for number in 0..8 {
        published(editor, json!({"title": format!("Weather {number}"), "body": "Rain, and then some more rain."}))
            .await;
    }
}

both! {
    async fn the_best_come_first_and_then_the_newest(app: App) {
        let (mut editor, mut reader) = (app.editor(), app.anyone());
        publish_others(&mut editor).await;
        let filler = "Nothing of note happened. ".repeat(5);
        let write = |slug: &str, title: &str, excerpt: &str, body: &str| {
            json!({"slug": slug, "title": title, "excerpt": excerpt, "body": format!("{filler}{body} {filler}")})
        };
        published(&mut editor, write("in-title", "The oven", "On baking.", "It was hot.")).await;
        app.pass(1);
        published(&mut editor, write("in-excerpt", "The bakery", "An oven.", "It was hot.")).await;
        app.pass(1);
        published(&mut editor, write("in-body", "The bakery", "On baking.", "It had an oven.")).await;
        app.pass(1);
        published(&mut editor, write("in-body-too", "The bakery", "On baking.", "It had an oven.")).await;
        assert_eq!(found(&mut reader, "q=oven").await, ["in-title", "in-excerpt", "in-body-too", "in-body"]);
        // Republished, an article stands where it stood.
        let path = published(&mut editor, write("later", "Later", "On baking.", "It had an oven.")).await;
        app.pass(1);
        editor.patch(&path, json!({"title": "The bakery"})).await.expect(200);
        editor.act(&format!("{path}/publish")).await.expect(200);
        assert_eq!(found(&mut reader, "q=oven&limit=3").await, ["in-title", "in-excerpt", "later"]);
        editor.act(&format!("{path}/unpublish")).await.expect(200);
        assert_eq!(found(&mut reader, "q=oven&limit=3").await, ["in-title", "in-excerpt", "in-body-too"]);
    }

    async fn words_are_found_by_stem_without_accents_and_by_their_beginning(app: App) {
        let (mut editor, mut reader) = (app.editor(), app.anyone());
        let mut admin = app.admin();
        admin.get("/v1/admin/settings").await.expect(200);
        admin.patch("/v1/admin/settings", json!({"locales": ["en", "de", "ja"]})).await.expect(200);
        published(&mut editor, json!({"slug": "en", "title": "Running a café", "body": "Two successors share the costs."})).await;
        published(&mut editor, json!({"slug": "de", "title": "Die Häuser", "body": "Übergaben gelingen.", "locale": "de"})).await;
        published(&mut editor, json!({"slug": "ja", "title": "北京の店", "locale": "ja"})).await;
        for (query, slugs) in [
            ("q=cafe", &["en"] as &[&str]), ("q=CAF%C3%89+run", &["en"]), ("q=succ", &["en"]), ("q=successor+cost", &["en"]),
            ("q=succ+cost", &[]), ("q=co", &[]), ("q=haus", &[]), ("q=haus&locale=de", &["de"]), ("q=h%C3%A4user&locale=*", &["de"]),
            ("q=ubergabe&locale=de", &["de"]), ("q=%E5%8C%97&locale=ja", &["ja"]), ("q=cafe&locale=de", &[]),
            ("q=%22%27%28", &[]), ("q=cafe+OR+nothing", &[]), ("q=*", &[]), ("q=title%3Acafe", &[]),
        ] {
            assert_eq!(found(&mut reader, query).await, slugs, "{query}");
        }
    }

    async fn what_was_found_is_marked_and_all_else_escaped(app: App) {
        let (mut editor, mut reader) = (app.editor(), app.anyone());
        let body = format!("<p>{}</p><p>An <em>oven</em> &lt;img src=x onerror=alert(1)&gt; stood.</p>", "Far away. ".repeat(40));
        let write = json!({"slug": "x", "title": "Ovens <script>alert(1)</script> & \"co\"", "excerpt": "<b>oven</b>",
            "body": body, "body_format": "html"});
        published(&mut editor, write).await;
        let page = reader.get("/v1/search?q=oven").await.expect(200).json();
        let highlights = &page["data"][0]["highlights"];
        assert_eq!(highlights["title"], "<mark>Ovens</mark> &lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;co&quot;");
        assert_eq!(highlights["excerpt"], "&lt;b&gt;<mark>oven</mark>&lt;/b&gt;");
        let body = highlights["body"].as_str().unwrap();
        assert!(body.starts_with("…") && body.contains("An <mark>oven</mark> &lt;img src=x onerror=alert(1)&gt; stood."), "{body}");
        // Everything that a list carries is there.
        let list = reader.get("/v1/articles").await.expect(200).json();
        let mut article = page["data"][0].clone();
        article.as_object_mut().unwrap().remove("highlights");
        assert_eq!(article, list["data"][0]);
        assert!(page.get("ranked").is_none());
    }

    async fn filters_narrow_what_is_found(app: App) {
        let (mut editor, mut reader) = (app.editor(), app.anyone());
        let mut make = async |path: &str, body: Value| editor.post(path, body).await.expect(201).id();
        let above = make("/v1/admin/categories", json!({"name": "Above"})).await;
        let below = make("/v1/admin/categories", json!({"name": "Below", "parent_id": above})).await;
        let tag = make("/v1/admin/tags", json!({"name": "Tag"})).await;
        let byline = make("/v1/admin/bylines", json!({"name": "Ann"})).await;
        published(&mut editor, json!({"slug": "above", "title": "Oven", "category_ids": [above], "tag_ids": [tag]})).await;
        app.pass(86_400);
        published(&mut editor, json!({"slug": "below", "title": "Oven", "category_ids": [below], "byline_ids": [byline]})).await;
        app.pass(86_400);
        published(&mut editor, json!({"slug": "none", "title": "Oven"})).await;
        for (filters, slugs) in [
            ("", &["none", "below", "above"] as &[&str]), ("&category=above", &["above"]),
            ("&category=above&subtree=true", &["below", "above"]), ("&category=above/below", &["below"]), ("&tag=tag", &["above"]),
            ("&byline=ann", &["below"]), ("&tag=tag&byline=ann", &[]), ("&kind=page", &[]), ("&category=nothing", &[]),
            ("&published_after=2026-11-24T09:00:00Z", &["none", "below"]), ("&published_before=2026-11-24T09:00:00Z", &["above"]),
        ] {
            assert_eq!(found(&mut reader, &format!("q=oven{filters}")).await, slugs, "{filters}");
        }
    }

    async fn every_hit_is_on_one_page(app: App) {
        let (mut editor, mut reader) = (app.editor(), app.anyone());
        publish_others(&mut editor).await;
        for number in 0..23 {
            let body = format!("An oven. {}", "Heat. ".repeat(number % 5));
            published(&mut editor, json!({"slug": format!("a-{number}"), "title": "Bread", "body": body})).await;
        }
        let (mut path, mut slugs) = ("q=oven&limit=5".to_owned(), Vec::new());
        loop {
            let page = reader.get(&format!("/v1/search?{path}")).await.expect(200);
            let next = page.header("link");
            let page = page.json();
            slugs.extend(page["data"].as_array().unwrap().iter().map(|one| one["slug"].to_string()));
            assert_eq!(next.is_some(), page["page"]["next"].is_string());
            let Some(next) = page["page"]["next"].as_str() else { break };
            path = format!("q=oven&limit=5&cursor={next}");
        }
        assert_eq!((slugs.len(), slugs.iter().collect::<BTreeSet<_>>().len()), (23, 23));
        let elsewhere = path.replace("q=oven", "q=bread");
        assert_eq!(reader.get(&format!("/v1/search?{elsewhere}")).await.expect(400).code(), "malformed");
    }

    async fn of_very_many_hits_the_newest_are_ranked(app: App) {
        let (mut editor, mut reader) = (app.editor(), app.anyone());
        let tag = editor.post("/v1/admin/tags", json!({"name": "Tag"})).await.expect(201).id();
        published(&mut editor, json!({"slug": "oldest", "title": "Oven", "tag_ids": [tag]})).await;
        app.pass(86_400);
        let last = published(&mut editor, json!({"slug": "newest", "title": "Oven", "body": "An oven."})).await;
        // As many copies of the newest as make the word a common one.
        let id = last.rsplit('/').next().unwrap();
        let numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)";
        app.execute(&format!(
            "INSERT INTO published_articles (article_id, revision, kind, group_id, locale, slug, visible_from, visible_until,
                 published_at, updated_at, comments_open, summary, body, search_id)
             {numbers} SELECT '00000000-0000-7000-8000-' || substr(CAST(1000000000000 + i AS TEXT), 2), 1, kind,
                 article_id || i, locale, 'a-' || i, visible_from, visible_until, published_at - i, updated_at,
                 comments_open, summary, body, search_id - 10000 + i
             FROM n, published_articles WHERE article_id = '{id}'"));
        for statement in match app.engine {
            crate::support::Engine::Sqlite => [
                "INSERT INTO article_words (rowid, title, excerpt, body)
                 SELECT search_id, 'oven', '', 'oven' FROM published_articles WHERE slug LIKE 'a-%'"; 1],
            crate::support::Engine::Postgres => [
                "INSERT INTO article_words (id, words)
                 SELECT search_id, to_tsvector('simple', 'oven') FROM published_articles WHERE slug LIKE 'a-%'"; 1],
        } {
            app.execute(statement);
        }
        for query in ["q=oven", "q=ove"] {
            let page = reader.get(&format!("/v1/search?{query}&limit=100")).await.expect(200).json();
            assert_eq!(page["ranked"], "newest", "{query}");
            assert_eq!(page["data"].as_array().unwrap().len(), 100);
            assert!(!page.to_string().contains("\"oldest\""));
        }
        // Where a filter leaves few, all of them are looked at.
        assert_eq!(found(&mut reader, "q=oven&tag=tag").await, ["oldest"]);
        // A list in the order of time holds them all, by few pages.
        let (mut path, mut count) = ("/v1/articles?q=oven&fields=slug&limit=100&count=true".to_owned(), 0);
        loop {
            let page = reader.get(&path).await.expect(200).json();
            assert_eq!(page["page"]["total"], 1_202);
            count += page["data"].as_array().unwrap().len();
            let Some(next) = page["page"]["next"].as_str() else { break };
            path = format!("/v1/articles?q=oven&fields=slug&limit=100&count=true&cursor={next}");
        }
        assert_eq!(count, 1_202);
    }

    async fn what_cannot_be_searched_is_refused(app: App) {
        let mut reader = app.anyone();
        let (long, many) = (format!("q={}", "a".repeat(201)), format!("q={}", "a+".repeat(21)));
        for path in ["/v1/search", "/v1/search/suggest"] {
            for wrong in ["", &long, &many, "q=a&limit=0", "q=a&limit=101", "q=a&sort=title", "q=a&cursor=x", "q=%00", "q=a&q=b"] {
                assert_eq!(reader.get(&format!("{path}?{wrong}")).await.expect(400).code(), "malformed", "{path}?{wrong}");
            }
        }
        // Common words without end, and beginnings of everything, are answered.
        for q in ["a+".repeat(20), "e".into(), "%F0%9F%98%80".into(), "%E2%80%AE".into(), format!("{}%CC%81", "a".repeat(199))] {
            reader.get(&format!("/v1/search?q={q}")).await.expect(200);
            reader.get(&format!("/v1/search/suggest?q={q}")).await.expect(200);
        }
    }

    async fn titles_are_suggested(app: App) {
        let (mut editor, mut reader) = (app.editor(), app.anyone());
        published(&mut editor, json!({"slug": "one", "title": "Who takes over?", "body": "The bakery."})).await;
        app.pass(86_400);
        published(&mut editor, json!({"slug": "two", "title": "Taking over <the> bakery", "body": "Who?"})).await;
        editor.post("/v1/admin/articles", json!({"title": "Who drafts?"})).await.expect(201);
        for (q, slugs) in [
            ("wh", &["one"] as &[&str]), ("ov", &["two", "one"]), ("over+ta", &["two", "one"]), ("bak", &["two"]), ("w", &[]),
            ("bakery+who", &[]), ("take+ov", &[]), ("takes+ov", &["one"]), ("xyz", &[]), ("", &[]), ("%22", &[]),
        ] {
            let answer = reader.get(&format!("/v1/search/suggest?q={q}")).await.expect(200).json();
            let found: Vec<_> = answer["data"].as_array().unwrap().iter().map(|one| one["slug"].as_str().unwrap()).collect();
            assert_eq!(found, slugs, "{q}");
        }
        let answer = reader.get("/v1/search/suggest?q=bak&limit=1").await.expect(200).json();
        assert_eq!(answer, json!({"data": [{"text": "Taking over <the> bakery", "slug": "two"}]}));
        assert_eq!(reader.get("/v1/search/suggest?q=ov&limit=1").await.expect(200).json()["data"].as_array().unwrap().len(), 1);
    }
}
