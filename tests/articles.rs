//! Articles: writing, publishing, scheduling, withdrawing; and what readers see of it.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::support::{App, Caller, both};

/// Makes a draft and returns its path.
async fn draft(editor: &mut Caller, write: Value) -> String {
    editor.post("/v1/admin/articles", write).await.expect(201).header("location").unwrap()
}

/// Makes an article and publishes it.
async fn published(editor: &mut Caller, write: Value) -> String {
    let path = draft(editor, write).await;
    editor.act(&format!("{path}/publish")).await.expect(200);
    path
}

async fn titles(caller: &mut Caller, path: &str) -> Vec<String> {
    let page = caller.get(path).await.expect(200).json();
    page["data"].as_array().unwrap().iter().map(|article| article["title"].as_str().unwrap().to_owned()).collect()
}

both! {
    async fn the_public_sees_an_article_from_its_publication_on(app: App) {
        let (mut editor, mut reader) = (app.editor(), app.anyone());
        let write = json!({
            "title": "Who takes over?", "body": "## First\n\nAsk *early*. <script>alert(1)</script>",
            "cover_image": {"url": "https://images.example.org/a.jpg", "alt": "A door"},
            "seo": {"meta_title": "Succession"}, "custom": {"layout": "wide"},
        });
        let path = draft(&mut editor, write).await;
        assert_eq!(reader.get("/v1/articles/who-takes-over").await.expect(404).code(), "article_not_found");
        let admin = editor.get(&path).await.expect(200).json();
        assert_eq!(admin["state"], "draft");
        assert_eq!(admin["available_actions"], json!(["edit", "publish", "schedule", "trash"]));
        app.pass(60);
        let admin = editor.act(&format!("{path}/publish")).await.expect(200).json();
        assert_eq!(admin["state"], "published");
        assert_eq!(admin["available_actions"], json!(["edit", "unpublish", "trash"]));
        let shown = reader.get("/v1/articles/who-takes-over").await.expect(200);
        let expected = json!({
            "id": admin["id"], "kind": "article", "slug": "who-takes-over", "locale": "en", "parent_id": null,
            "visibility": "public", "featured": false,
            "url": "http://cms.example.org/who-takes-over", "title": "Who takes over?",
            "excerpt": "Ask early.", "body_html": "<h2 id=\"first\">First</h2>\n<p>Ask <em>early</em>. </p>\n",
            "toc": [{"level": 2, "text": "First", "anchor": "first"}],
            "cover_image": {"url": "https://images.example.org/a.jpg", "alt": "A door"},
            "seo": {"meta_title": "Succession", "meta_description": null, "canonical_url": null, "noindex": false},
            "bylines": [], "primary_category": null, "categories": [], "tags": [], "translations": {},
            "custom": {"layout": "wide"}, "word_count": 3, "reading_minutes": 1,
            "published_at": "2026-11-23T09:01:00Z", "updated_at": "2026-11-23T09:01:00Z",
        });
        assert_eq!(shown.json(), expected);
        let list = reader.get("/v1/articles").await.expect(200).json();
        let mut summary = expected;
        summary.as_object_mut().unwrap().retain(|name, _| name != "body_html" && name != "toc");
        assert_eq!(list, json!({"data": [summary], "page": {"next": null}}));
    }

    async fn what_someone_wrote_is_never_taken_for_what_is_stored_with_it(app: App) {
        let (mut editor, mut reader) = (app.editor(), app.anyone());
        let tag = editor.post("/v1/admin/tags", json!({"name": "Flour"})).await.expect(201).id();
        let title = "A \",\"byline_ids\":[\"x\"],\"tag_ids\":[]}";
        let custom = json!({"byline_ids": ["x"], "inner": {"a": 1, "byline_ids": []}, "tag_ids": "none", "z": ",\"byline_ids\":["});
        published(&mut editor, json!({"title": title, "slug": "odd", "custom": custom, "tag_ids": [tag]})).await;
        let shown = reader.get("/v1/articles/odd").await.expect(200).json();
        assert_eq!((&shown["title"], &shown["custom"]), (&json!(title), &custom));
        assert_eq!((&shown["tags"][0]["name"], &shown["bylines"]), (&json!("Flour"), &json!([])));
        assert_eq!(shown.get("tag_ids"), None);
    }

    async fn an_edit_reaches_the_public_at_the_next_publication(app: App) {
        let (mut editor, mut reader) = (app.editor(), app.anyone());
        let path = published(&mut editor, json!({"title": "One", "slug": "one", "body": "Old."})).await;
        app.pass(10);
        let edited = editor.patch(&path, json!({"title": "Two", "slug": "two", "excerpt": null})).await.expect(200).json();
        assert_eq!((&edited["revision"], &edited["published_revision"]), (&json!(2), &json!(1)));
        assert_eq!(edited["has_unpublished_changes"], true);
        assert_eq!(reader.get("/v1/articles/one").await.expect(200).json()["title"], "One");
        reader.get("/v1/articles/two").await.expect(404);
        editor.act(&format!("{path}/publish")).await.expect(200);
        let shown = reader.get("/v1/articles/two").await.expect(200).json();
        assert_eq!((&shown["title"], &shown["published_at"]), (&json!("Two"), &json!("2026-11-23T09:00:00Z")));
        assert_eq!(shown["updated_at"], "2026-11-23T09:00:10Z");
        let moved = reader.get("/v1/articles/one?fields=title").await.expect(308);
        assert_eq!(moved.header("location").unwrap(), "http://cms.example.org/v1/articles/two?fields=title");
        assert_eq!(editor.act(&format!("{path}/publish")).await.expect(409).code(), "already_published");
    }

    async fn a_scheduled_article_is_public_at_its_time_by_itself(app: App) {
        let (mut editor, mut reader) = (app.editor(), app.anyone());
        let path = draft(&mut editor, json!({"title": "Later"})).await;
        let past = editor.post(&format!("{path}/schedule"), json!({"publish_at": "2026-11-23T08:00:00Z"})).await;
        assert_eq!(past.expect(422).json()["errors"][0]["code"], "in_the_past");
        let none = editor.post(&format!("{path}/schedule"), json!({})).await.expect(422).json();
        assert_eq!(none["errors"][0]["code"], "required");
        let at = json!({"publish_at": "2026-11-23T10:00:00+00:00"});
        let scheduled = editor.post(&format!("{path}/schedule"), at).await.expect(200).json();
        assert_eq!((&scheduled["state"], &scheduled["publish_at"]), (&json!("scheduled"), &json!("2026-11-23T10:00:00Z")));
        reader.get("/v1/articles/later").await.expect(404);
        assert_eq!(titles(&mut reader, "/v1/articles").await, [""; 0]);
        app.pass(3600);
        let shown = reader.get("/v1/articles/later").await.expect(200).json();
        assert_eq!(shown["published_at"], "2026-11-23T10:00:00Z");
        assert_eq!(titles(&mut reader, "/v1/articles").await, ["Later"]);
        assert_eq!(editor.get(&path).await.json()["state"], "published");
        assert_eq!(titles(&mut editor, "/v1/admin/articles?state=published").await, ["Later"]);
        assert_eq!(titles(&mut editor, "/v1/admin/articles?state=scheduled").await, [""; 0]);
        let now = app.now();
        let settle = |conn: &mut persistence::Conn| persistence::articles::settle_due(conn, now, 10);
        assert_eq!(app.data.db.write_blocking(settle).unwrap(), 1);
        assert_eq!(app.data.db.write_blocking(settle).unwrap(), 0);
        assert_eq!(editor.get(&path).await.json()["version"], 2);
    }

    async fn a_scheduled_revision_leaves_the_live_one_until_then(app: App) {
        let (mut editor, mut reader) = (app.editor(), app.anyone());
        let path = published(&mut editor, json!({"title": "One", "slug": "one"})).await;
        editor.patch(&path, json!({"title": "Two", "slug": "two"})).await.expect(200);
        let at = json!({"publish_at": "2026-11-23T10:00:00Z"});
        editor.post(&format!("{path}/schedule"), at.clone()).await.expect(200);
        assert_eq!(reader.get("/v1/articles/one").await.expect(200).json()["title"], "One");
        reader.get("/v1/articles/two").await.expect(404);
        let back = editor.act(&format!("{path}/unschedule")).await.expect(200).json();
        assert_eq!(back["state"], "published");
        app.pass(7200);
        assert_eq!(titles(&mut reader, "/v1/articles").await, ["One"]);
        editor.post(&format!("{path}/schedule"), json!({"publish_at": "2026-11-23T12:00:00Z"})).await.expect(200);
        app.pass(3600);
        assert_eq!(titles(&mut reader, "/v1/articles?count=true").await, ["Two"]);
        reader.get("/v1/articles/one").await.expect(308);
        reader.get("/v1/articles/two").await.expect(200);
    }

    async fn what_is_withdrawn_says_so(app: App) {
        let (mut editor, mut reader) = (app.editor(), app.anyone());
        let path = published(&mut editor, json!({"title": "Gone"})).await;
        editor.act(&format!("{path}/unpublish")).await.expect(200);
        reader.get("/v1/articles/gone").await.expect(404);
        editor.act(&format!("{path}/publish")).await.expect(200);
        editor.delete(&path).await.expect(204);
        assert_eq!(reader.get("/v1/articles/gone").await.expect(410).code(), "article_gone");
        let resolved = reader.get("/v1/resolve?path=/gone").await.expect(200).json();
        assert_eq!(resolved, json!({"status": 410, "path": "/gone", "resource": null}));
        editor.get(&path).await.expect(200);
        assert_eq!(editor.patch(&path, json!({"title": "No"})).await.expect(409).code(), "trashed");
        let restored = editor.act(&format!("{path}/restore")).await.expect(200).json();
        assert_eq!(restored["state"], "unpublished");
        reader.get("/v1/articles/gone").await.expect(404);
        assert_eq!(editor.act(&format!("{path}/purge")).await.expect(409).code(), "not_trashed");
        editor.act(&format!("{path}/trash")).await.expect(200);
        editor.act(&format!("{path}/purge")).await.expect(204);
        editor.get(&path).await.expect(404);
        reader.get("/v1/articles/gone").await.expect(410);
        let taken = editor.post("/v1/admin/articles", json!({"title": "Gone", "slug": "gone"})).await.expect(409);
        assert_eq!(taken.code(), "slug_taken");
    }

    async fn a_draft_that_was_never_public_leaves_no_trace(app: App) {
        let (mut editor, mut reader) = (app.editor(), app.anyone());
        let path = draft(&mut editor, json!({"title": "Quiet"})).await;
        editor.patch(&path, json!({"slug": "quieter"})).await.expect(200);
        draft(&mut editor, json!({"title": "Other", "slug": "quiet"})).await;
        editor.delete(&path).await.expect(204);
        reader.get("/v1/articles/quieter").await.expect(404);
        reader.get("/v1/resolve?path=/quieter").await.expect(404);
    }

    async fn one_of_many_publications_wins(app: App) {
        let mut editor = app.editor();
        let path = draft(&mut editor, json!({"title": "Race"})).await;
        let id: domain::ids::ArticleId = path.rsplit('/').next().unwrap().parse().unwrap();
        let (db, by, now) = (app.data.db.clone(), domain::Actor::system(), app.now());
        let won: usize = std::thread::scope(|scope| {
            let race = || {
                let seen = domain::Seen::Versions(vec![1]);
                db.write_blocking(|conn| persistence::articles::publish(conn, &by, id, &seen, now)).is_ok()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(race)).collect();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
        });
        assert_eq!(won, 1);
    }

    async fn one_slug_goes_to_one_of_many(app: App) {
        let (db, by, now) = (app.data.db.clone(), domain::Actor::system(), app.now());
        let write = domain::articles::ArticleWrite {
            title: Some("Wanted".into()), slug: Some("wanted".into()), ..Default::default()
        };
        let won: usize = std::thread::scope(|scope| {
            let race = || {
                let draft = write.clone().check()?;
                db.write_blocking(|conn| persistence::articles::create(conn, &by, draft, now))
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(race)).collect();
            let outcomes = threads.into_iter().map(|thread| thread.join().unwrap());
            outcomes.map(|outcome| match outcome {
                Ok(_) => 1,
                Err(domain::Error::Conflict { code: "slug_taken", .. }) => 0,
                Err(other) => panic!("{other:?}"),
            }).sum()
        });
        assert_eq!(won, 1);
    }

    async fn lists_filter_page_count_and_select(app: App) {
        let (mut editor, mut reader) = (app.editor(), app.anyone());
        let tag = editor.post("/v1/admin/tags", json!({"name": "Tax"})).await.expect(201).id();
        for number in 0..5 {
            app.pass(60);
            let tags = if number % 2 == 0 { json!([tag]) } else { json!([]) };
            published(&mut editor, json!({"title": format!("Article {number}"), "tag_ids": tags})).await;
        }
        assert_eq!(titles(&mut reader, "/v1/articles?tag=tax").await, ["Article 4", "Article 2", "Article 0"]);
        assert_eq!(titles(&mut reader, "/v1/articles?tag=unknown").await, [""; 0]);
        assert_eq!(titles(&mut reader, "/v1/articles?sort=published_at&limit=2").await, ["Article 0", "Article 1"]);
        let range = "/v1/articles?published_after=2026-11-23T09:02:00Z&published_before=2026-11-23T09:04:00Z";
        assert_eq!(titles(&mut reader, range).await, ["Article 2", "Article 1"]);
        let mut seen = Vec::new();
        let mut path = "/v1/articles?limit=2&count=true".to_owned();
        loop {
            let page = reader.get(&path).await.expect(200);
            seen.extend(page.json()["data"].as_array().unwrap().iter().map(|a| a["title"].as_str().unwrap().to_owned()));
            assert_eq!(page.json()["page"]["total"], 5);
            let Some(link) = page.header("link") else { break };
            link.trim_start_matches("<http://cms.example.org").split('>').next().unwrap().clone_into(&mut path);
        }
        assert_eq!(seen, ["Article 4", "Article 3", "Article 2", "Article 1", "Article 0"]);
        let cursor = reader.get("/v1/articles?limit=2").await.json()["page"]["next"].as_str().unwrap().to_owned();
        reader.get(&format!("/v1/articles?limit=2&tag=tax&cursor={cursor}")).await.expect(400);
        let selected = reader.get("/v1/articles?fields=title,slug&limit=1").await.expect(200).json();
        assert_eq!(selected["data"], json!([{"title": "Article 4", "slug": "article-4"}]));
        let body = reader.get("/v1/articles?include=body&limit=1").await.expect(200).json();
        assert_eq!(body["data"][0]["body_html"], "");
        let unknown = reader.get("/v1/articles?fields=titel").await.expect(400).json();
        assert!(unknown["detail"].as_str().unwrap().contains("Did you mean `title`?"));
        for wrong in ["limit=0", "limit=x", "limit=101", "sort=title", "count=yes", "tag=a&tag=b", "state=draft",
                      "published_after=yesterday", "subtree=1x", "include=secrets", "kind=user"] {
            assert_eq!(reader.get(&format!("/v1/articles?{wrong}")).await.expect(400).code(), "malformed", "{wrong}");
        }
    }

    async fn readers_find_words(app: App) {
        let (mut editor, mut reader) = (app.editor(), app.anyone());
        published(&mut editor, json!({"title": "Übergabe an die Enkel", "body": "Der Notar wartet."})).await;
        app.pass(1);
        published(&mut editor, json!({"title": "Selling the bakery", "body": "Three valuations, one oven."})).await;
        draft(&mut editor, json!({"title": "Secret oven", "body": "oven"})).await;
        for (q, found) in [("ubergabe", 1), ("ENKEL notar", 1), ("oven", 1), ("valu", 1), ("valu bakery", 0), ("valuation bakery", 1),
                           ("bakery valuation", 1), ("nothing", 0), ("%22%27(", 0), ("oven OR NEAR(", 0), ("*", 0)] {
            let count = titles(&mut reader, &format!("/v1/articles?q={}", q.replace(' ', "%20"))).await.len();
            assert_eq!(count, found, "{q}");
        }
        reader.get(&format!("/v1/articles?q={}", "a".repeat(201))).await.expect(400);
        reader.get(&format!("/v1/articles?q={}", "a+".repeat(21))).await.expect(400);
    }

    async fn a_reader_who_has_it_gets_304(app: App) {
        let (mut editor, mut reader) = (app.editor(), app.anyone());
        published(&mut editor, json!({"title": "Same", "body": "word ".repeat(500)})).await;
        let path = "/v1/articles/same";
        let plain = reader.get(path).await.expect(200);
        let etag = plain.header("etag").unwrap();
        assert!(plain.header("cache-control").unwrap().starts_with("public, max-age=0, s-maxage=0"));
        let coded = reader.send(Method::GET, path, None, &[("accept-encoding", "gzip")]).await.expect(200);
        let coded_etag = coded.header("etag").unwrap();
        assert_eq!(coded_etag, format!("{}-gzip\"", etag.trim_end_matches('"')));
        assert!(coded.body.len() < plain.body.len() / 4);
        for known in [etag.clone(), coded_etag, format!("\"x\", {etag}"), format!("W/{etag}"), "*".into()] {
            let same = reader.send(Method::GET, path, None, &[("if-none-match", known.as_str())]).await.expect(304);
            assert!(same.body.is_empty() && same.header("etag").is_some());
        }
        reader.send(Method::GET, path, None, &[("if-none-match", "\"other\"")]).await.expect(200);
    }

    async fn translations_have_slugs_and_states_of_their_own(app: App) {
        let (mut admin, mut reader) = (app.admin(), app.anyone());
        let now = app.now();
        let settings = domain::site::Settings { locales: vec!["en".into(), "de".into()], ..Default::default() };
        let settings = serde_json::to_string(&settings).unwrap();
        app.execute(&format!("INSERT INTO site (id, version, settings, updated_at) VALUES (1, 2, '{settings}', {})", now.micros()));
        let english = published(&mut admin, json!({"title": "House", "slug": "house"})).await;
        let id = english.rsplit('/').next().unwrap();
        let write = json!({"title": "Haus", "slug": "house", "locale": "de", "translation_of": id});
        let german = draft(&mut admin, write.clone()).await;
        assert_eq!(reader.get("/v1/articles/house").await.json()["translations"], json!({}));
        reader.get("/v1/articles/house?locale=de").await.expect(404);
        admin.act(&format!("{german}/publish")).await.expect(200);
        let shown = reader.get("/v1/articles/house?locale=de").await.expect(200).json();
        assert_eq!(shown["title"], "Haus");
        assert_eq!(shown["translations"], json!({"en": {"slug": "house", "url": "http://cms.example.org/house"}}));
        assert_eq!(titles(&mut reader, "/v1/articles").await, ["House"]);
        assert_eq!(titles(&mut reader, "/v1/articles?locale=*").await.len(), 2);
        let second = admin.post("/v1/admin/articles", json!({"title": "Heim", "locale": "de", "translation_of": id})).await;
        assert_eq!(second.expect(409).code(), "translation_exists");
        let foreign = admin.post("/v1/admin/articles", json!({"title": "Maison", "locale": "fr"})).await.expect(422);
        assert_eq!(foreign.json()["errors"][0]["code"], "unknown_locale");
        assert_eq!(admin.patch(&german, json!({"locale": "en"})).await.expect(409).code(), "locale_fixed");
        let apart = admin.patch(&german, json!({"translation_of": null})).await.expect(200);
        assert_eq!(apart.json()["version"], 3);
        assert_eq!(reader.get("/v1/articles/house").await.json()["translations"]["de"]["slug"], "house");
        admin.patch(&german, json!({"title": "Haus!"})).await.expect(200);
        admin.act(&format!("{german}/publish")).await.expect(200);
        assert_eq!(reader.get("/v1/articles/house").await.json()["translations"], json!({}));
    }

    async fn every_save_makes_a_revision_and_an_old_one_can_come_back(app: App) {
        let mut editor = app.editor();
        let path = draft(&mut editor, json!({"title": "One", "body": "First."})).await;
        editor.patch(&path, json!({"title": "Two", "body": "Second."})).await.expect(200);
        let same = editor.patch(&path, json!({"title": "Two"})).await.expect(200).json();
        assert_eq!((&same["revision"], &same["version"]), (&json!(2), &json!(3)));
        let list = editor.get(&format!("{path}/revisions")).await.expect(200).json();
        assert_eq!(list["data"].as_array().unwrap().len(), 2);
        assert_eq!(list["data"][0]["author_name"], "A test editor");
        let first = editor.get(&format!("{path}/revisions/1")).await.expect(200).json();
        assert_eq!(first["content"]["body"], "First.");
        let back = editor.act(&format!("{path}/revisions/1/restore")).await.expect(200).json();
        assert_eq!((&back["title"], &back["revision"]), (&json!("One"), &json!(3)));
        editor.get(&format!("{path}/revisions/9")).await.expect(404);
        editor.get(&format!("{path}/revisions/x")).await.expect(404);
    }

    async fn a_merge_patch_changes_what_it_names(app: App) {
        let mut editor = app.editor();
        let write = json!({"title": "T", "excerpt": "E", "custom": {"a": 1, "b": {"c": 2, "d": 3}},
            "cover_image": {"url": "https://a.example/x.png", "alt": "X"}, "seo": {"meta_title": "M", "noindex": true}});
        let path = draft(&mut editor, write).await;
        let changes = json!({"custom": {"a": null, "b": {"c": 4}}, "cover_image": {"alt": "Y"}, "seo": {"meta_title": null}});
        let patched = editor.patch(&path, changes).await.expect(200).json();
        assert_eq!(patched["custom"], json!({"b": {"c": 4, "d": 3}}));
        assert_eq!(patched["cover_image"], json!({"url": "https://a.example/x.png", "alt": "Y"}));
        assert_eq!(patched["seo"]["noindex"], true);
        assert_eq!(patched["seo"]["meta_title"], Value::Null);
        assert_eq!(patched["excerpt"], "E");
        let cleared = editor.patch(&path, json!({"cover_image": null, "excerpt": null})).await.expect(200).json();
        assert_eq!(cleared["cover_image"], Value::Null);
        let typed = editor.send(Method::PATCH, &path, Some(json!({"title": "U"})),
            &[("content-type", "application/merge-patch+json")]).await;
        assert_eq!(typed.expect(200).json()["title"], "U");
        for (wrong, pointer) in [
            (json!({"title": 1}), "/title"), (json!({"titel": "x"}), "/titel"), (json!({"seo": {"x": 1}}), "/seo/x"),
            (json!({"tag_ids": ["x"]}), "/tag_ids/0"), (json!({"body_format": "latex"}), "/body_format"),
            (json!({"custom": []}), "/custom"), (json!({"title": "a\u{0}"}), "/title"), (json!([]), ""),
        ] {
            let refused = editor.patch(&path, wrong.clone()).await.expect(400).json();
            assert_eq!(refused["errors"][0]["pointer"], pointer, "{wrong}");
        }
        let null = editor.patch(&path, json!({"title": null})).await.expect(422).json();
        assert_eq!(null["errors"][0]["pointer"], "/title");
    }

    async fn roles_reach_what_the_table_says(app: App) {
        use domain::permissions::Role;
        let (mut ann, mut bob) = (app.caller(Role::Author), app.caller(Role::Author));
        let mut contributor = app.caller(Role::Contributor);
        let mut moderator = app.caller(Role::Moderator);
        let mut editor = app.editor();
        let path = draft(&mut ann, json!({"title": "Ann's"})).await;
        bob.get(&path).await.expect(404);
        bob.patch(&path, json!({"title": "Bob's"})).await.expect(404);
        moderator.get(&path).await.expect(403);
        moderator.get("/v1/admin/articles").await.expect(403);
        assert_eq!(titles(&mut bob, "/v1/admin/articles").await, [""; 0]);
        editor.get(&path).await.expect(200);
        editor.patch(&path, json!({"title": "Edited"})).await.expect(200);
        ann.get(&path).await.expect(200);
        ann.act(&format!("{path}/publish")).await.expect(200);
        let own = draft(&mut contributor, json!({"title": "Mine"})).await;
        assert_eq!(contributor.get(&own).await.json()["available_actions"], json!(["edit", "trash"]));
        contributor.act(&format!("{own}/publish")).await.expect(403);
        editor.get(&own).await.expect(200);
        editor.act(&format!("{own}/publish")).await.expect(200);
        contributor.get(&own).await.expect(200);
        contributor.patch(&own, json!({"title": "No"})).await.expect(403);
        app.anyone().get(&own).await.expect(401);
    }

    async fn every_public_change_is_in_the_log(app: App) {
        let mut editor = app.editor();
        let path = draft(&mut editor, json!({"title": "Log"})).await;
        editor.patch(&path, json!({"title": "Logged"})).await.expect(200);
        assert_eq!(app.changes(), [""; 0]);
        editor.act(&format!("{path}/publish")).await.expect(200);
        editor.patch(&path, json!({"title": "Again"})).await.expect(200);
        editor.act(&format!("{path}/publish")).await.expect(200);
        editor.act(&format!("{path}/unpublish")).await.expect(200);
        // Its address answers 410 instead of 404 then.
        editor.delete(&path).await.expect(204);
        assert_eq!(app.changes(), ["upsert article", "upsert article", "delete article", "delete article"]);
    }

    async fn a_path_means_what_stands_there_now(app: App) {
        let (mut editor, mut reader) = (app.editor(), app.anyone());
        let path = published(&mut editor, json!({"title": "First name", "slug": "first"})).await;
        let id = path.rsplit('/').next().unwrap();
        editor.patch(&path, json!({"slug": "second"})).await.expect(200);
        editor.act(&format!("{path}/publish")).await.expect(200);
        let resource = json!({"kind": "article", "id": id, "slug": "second"});
        let here = reader.get("/v1/resolve?path=/second").await.expect(200).json();
        assert_eq!(here, json!({"status": 200, "path": "/second", "resource": resource}));
        let moved = reader.get("/v1/resolve?path=/first%3Fa=b").await.expect(200).json();
        assert_eq!(moved, json!({"status": 301, "path": "/second", "resource": resource}));
        reader.get("/v1/resolve?path=/never").await.expect(404);
        for wrong in ["", "?path=", "?path=relative", "?path=//%00", "?pth=/"] {
            reader.get(&format!("/v1/resolve{wrong}")).await.expect(400);
        }
    }
}
