//! Where paths lead that are nobody's own any more: rules, old shapes, what is gone.

use serde_json::{Value, json};

use crate::newsroom::publish;
use crate::support::{App, Caller, Engine, both};

async fn make(editor: &mut Caller, write: Value) -> String {
    editor.post("/v1/admin/redirects", write).await.expect(201).header("location").unwrap()
}

/// What a path means: `301 /new`, `200 /x article`, `410`, `404`.
async fn meaning(app: &App, path: &str) -> String {
    let path: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
    let reply = app.anyone().get(&format!("/v1/resolve?path={path}")).await;
    if reply.status == 404 {
        return "404".into();
    }
    let said = reply.expect(200).json();
    let kind = said["resource"]["kind"].as_str().map(|kind| format!(" {kind}")).unwrap_or_default();
    match said["status"].as_u64().unwrap() {
        410 => "410".into(),
        status => format!("{status} {}{kind}", said["path"].as_str().unwrap()),
    }
}

async fn settings(app: &App, patch: Value) {
    let mut admin = app.admin();
    admin.get("/v1/admin/settings").await.expect(200);
    admin.patch("/v1/admin/settings", patch).await.expect(200);
}

both! {
    async fn a_rule_is_made_changed_and_deleted(app: App) {
        let mut editor = app.editor();
        let made = editor.post("/v1/admin/redirects", json!({"from": "/old%20page/", "to": "/new"})).await.expect(201);
        let expected = json!({"id": made.id(), "from": "/old page", "pattern": false, "to": "/new", "note": null, "version": 1,
            "created_at": "2026-11-23T09:00:00Z", "updated_at": "2026-11-23T09:00:00Z"});
        assert_eq!(made.json(), expected);
        let path = made.header("location").unwrap();
        assert_eq!(meaning(&app, "/old page").await, "301 /new");
        editor.patch(&path, json!({"to": "https://other.example.org/x", "note": "Moved out"})).await.expect(200);
        assert_eq!(meaning(&app, "/old page").await, "301 https://other.example.org/x");
        editor.patch(&path, json!({"to": null})).await.expect(200);
        assert_eq!(meaning(&app, "/old page").await, "410");
        assert_eq!(editor.get("/v1/admin/redirects?count=true").await.expect(200).json()["page"]["total"], 1);
        editor.pretend(&path, "\"v1\"");
        assert_eq!(editor.delete(&path).await.expect(412).code(), "stale_version");
        editor.get(&path).await.expect(200);
        editor.delete(&path).await.expect(204);
        assert_eq!(meaning(&app, "/old page").await, "404");
        editor.get(&path).await.expect(404);
    }

    async fn what_cannot_be_a_rule_is_refused(app: App) {
        let mut editor = app.editor();
        let mut refused = async |write: Value| {
            let reply = editor.post("/v1/admin/redirects", write).await.expect(422).json();
            let errors = reply["errors"].as_array().unwrap().clone();
            errors.iter().map(|e| format!("{} {}", e["pointer"].as_str().unwrap(), e["code"].as_str().unwrap())).collect::<Vec<_>>()
        };
        assert_eq!(refused(json!({})).await, ["/from required"]);
        assert_eq!(refused(json!({"from": "x", "to": "//y", "note": "a\u{7}"})).await, ["/from not_a_path", "/to not_a_path", "/note invalid_characters"]);
        assert_eq!(refused(json!({"from": "(", "pattern": true, "to": "/a"})).await, ["/from invalid_pattern"]);
        assert_eq!(refused(json!({"from": "/a", "to": "/a/"})).await, ["/to redirect_loop"]);
        make(&mut editor, json!({"from": "/a", "to": "/b"})).await;
        assert_eq!(editor.post("/v1/admin/redirects", json!({"from": "/a/", "to": "/c"})).await.expect(409).code(), "redirect_exists");
        app.caller(domain::permissions::Role::Author).post("/v1/admin/redirects", json!({"from": "/z", "to": "/y"})).await.expect(403);
    }

    async fn chains_collapse_and_circles_are_refused(app: App) {
        let mut editor = app.editor();
        for (from, to) in [("/a", "/b"), ("/b", "/c"), ("/c", "/d?x=1")] {
            make(&mut editor, json!({"from": from, "to": to})).await;
        }
        for from in ["/a", "/b", "/c", "/a?utm=1"] {
            assert_eq!(meaning(&app, from).await, "301 /d?x=1", "{from}");
        }
        let refused = editor.post("/v1/admin/redirects", json!({"from": "/d", "to": "/a"})).await.expect(422).json();
        assert_eq!(refused["errors"][0]["code"], "redirect_loop");
        // Patterns may lead in circles; that is found on the way.
        make(&mut editor, json!({"from": "^/x(.*)$", "to": "/y$1", "pattern": true})).await;
        make(&mut editor, json!({"from": "^/y(.*)$", "to": "/x$1", "pattern": true})).await;
        assert_eq!(meaning(&app, "/x/1").await, "404");
    }

    async fn a_rule_leads_to_what_is_there_in_one_hop(app: App) {
        let mut editor = app.editor();
        let path = publish(&mut editor, json!({"title": "One", "slug": "one"})).await;
        editor.get(&path).await.expect(200);
        editor.patch(&path, json!({"slug": "two"})).await.expect(200);
        editor.act(&format!("{path}/publish")).await.expect(200);
        make(&mut editor, json!({"from": "/?p=12", "to": "/one"})).await;
        make(&mut editor, json!({"from": "^/blog/(\\d{4})/(.+)$", "to": "/$2", "pattern": true})).await;
        assert_eq!(meaning(&app, "/one").await, "301 /two article");
        assert_eq!(meaning(&app, "/?p=12").await, "301 /two article");
        assert_eq!(meaning(&app, "/?p=13").await, "404");
        assert_eq!(meaning(&app, "/blog/2019/one").await, "301 /two article");
        assert_eq!(meaning(&app, "/blog/2019/none").await, "301 /none");
        // A rule for exactly this path comes before what is there, a pattern after it.
        make(&mut editor, json!({"from": "^/two$", "to": "/pattern", "pattern": true})).await;
        assert_eq!(meaning(&app, "/two").await, "200 /two article");
        let rule = make(&mut editor, json!({"from": "/two", "to": "/elsewhere"})).await;
        assert_eq!(meaning(&app, "/two").await, "301 /elsewhere");
        editor.delete(&rule).await.expect(204);
        assert_eq!(meaning(&app, "/two").await, "200 /two article");
    }

    async fn another_node_hears_of_a_rule(app: App) {
        let other = app.node(|_| {}).await;
        let mut editor = app.editor();
        publish(&mut editor, json!({"title": "One", "slug": "one"})).await;
        assert_eq!(meaning(&other, "/one").await, "200 /one article");
        make(&mut editor, json!({"from": "/one", "to": "/two"})).await;
        other.catch_up();
        assert_eq!(meaning(&other, "/one").await, "301 /two");
        // It is no document.
        let changes = app.anyone().get("/v1/changes").await.expect(200).json();
        assert!(!changes.to_string().contains("redirect"));
        let token = changes["token"].as_str().unwrap();
        make(&mut editor, json!({"from": "/x", "to": "/two"})).await;
        assert_eq!(app.anyone().get(&format!("/v1/changes?since={token}")).await.expect(200).json()["data"], json!([]));
    }

    async fn addresses_of_old_shapes_lead_to_the_new_ones(app: App) {
        let mut editor = app.editor();
        let category = editor.post("/v1/admin/categories", json!({"name": "Business"})).await.expect(201).id();
        editor.post("/v1/admin/tags", json!({"name": "News"})).await.expect(201);
        publish(&mut editor, json!({"title": "One", "slug": "one", "category_ids": [category]})).await;
        assert_eq!(meaning(&app, "/one").await, "200 /one article");
        settings(&app, json!({"permalink": "/{category}/{slug}.html", "tag_path": "/topics/{slug}"})).await;
        settings(&app, json!({"permalink": "/{year}/{slug}", "category_path": "/c/{path}"})).await;
        for (old, new) in [
            ("/one", "301 /2026/one article"), ("/business/one.html", "301 /2026/one article"), ("/2026/one", "200 /2026/one article"),
            ("/tag/news", "301 /topics/news tag"), ("/category/business", "301 /c/business category"), ("/c/business", "200 /c/business category"),
            ("/category/none", "404"), ("/x/y/z", "404"),
        ] {
            assert_eq!(meaning(&app, old).await, new, "{old}");
        }
    }

    async fn a_category_that_moves_takes_its_subtree_along(app: App) {
        let mut editor = app.editor();
        let mut category = async |name: &str, parent: Option<&str>| {
            editor.post("/v1/admin/categories", json!({"name": name, "parent_id": parent})).await.expect(201).id()
        };
        let (top, other) = (category("Top", None).await, category("Other", None).await);
        let middle = category("Middle", Some(&top)).await;
        let leaf = category("Leaf", Some(&middle)).await;
        settings(&app, json!({"permalink": "/{category}/{slug}"})).await;
        publish(&mut editor, json!({"title": "One", "slug": "one", "category_ids": [leaf]})).await;
        assert_eq!(meaning(&app, "/top/middle/leaf/one").await, "200 /top/middle/leaf/one article");
        let path = format!("/v1/admin/categories/{middle}");
        editor.get(&path).await.expect(200);
        editor.patch(&path, json!({"parent_id": other, "slug": "between"})).await.expect(200);
        for (old, new) in [
            ("/category/top/middle", "301 /category/other/between category"), ("/category/top/middle/leaf", "301 /category/other/between/leaf category"),
            ("/category/leaf", "301 /category/other/between/leaf category"), ("/top/middle/leaf/one", "301 /other/between/leaf/one article"),
            ("/other/between/leaf/one", "200 /other/between/leaf/one article"),
        ] {
            assert_eq!(meaning(&app, old).await, new, "{old}");
        }
    }

    async fn what_is_gone_on_purpose_says_so(app: App) {
        let mut editor = app.editor();
        let top = editor.post("/v1/admin/categories", json!({"name": "Top"})).await.expect(201).id();
        let leaf = editor.post("/v1/admin/categories", json!({"name": "Leaf", "parent_id": top})).await.expect(201).header("location").unwrap();
        let tag = editor.post("/v1/admin/tags", json!({"name": "News"})).await.expect(201).header("location").unwrap();
        let byline = editor.post("/v1/admin/bylines", json!({"name": "Ann"})).await.expect(201).header("location").unwrap();
        editor.patch(&tag, json!({"slug": "fresh"})).await.expect(200);
        let article = publish(&mut editor, json!({"title": "One", "slug": "one"})).await;
        editor.get(&article).await.expect(200);
        for path in [&leaf, &tag, &byline, &article] {
            editor.delete(path).await.expect(204);
        }
        for path in ["/category/top/leaf", "/category/leaf", "/tag/news", "/tag/fresh", "/author/ann", "/one"] {
            assert_eq!(meaning(&app, path).await, "410", "{path}");
        }
        // A name may be given again.
        editor.post("/v1/admin/tags", json!({"name": "News"})).await.expect(201);
        assert_eq!(meaning(&app, "/tag/news").await, "200 /tag/news tag");
        assert_eq!(meaning(&app, "/tag/fresh").await, "410");
    }

    async fn a_number_leads_to_what_has_it(app: App) {
        let mut editor = app.editor();
        assert_eq!(meaning(&app, "/?p=1").await, "404");
        let category = editor.post("/v1/admin/categories", json!({"name": "Tax"})).await.expect(201).id();
        let path = publish(&mut editor, json!({"title": "Early", "category_ids": [category]})).await;
        let number = async |name: &str| {
            let list = app.anyone().get(&format!("/wp-json/wp/v2/{name}")).await.expect(200).json();
            list[0]["id"].as_i64().unwrap()
        };
        let (post, tax) = (number("posts").await, number("categories").await);
        assert_eq!(meaning(&app, &format!("/?p={post}")).await, "301 /early article");
        assert_eq!(meaning(&app, &format!("/?utm_source=x&cat={tax}#top")).await, "301 /category/tax category");
        assert_eq!(meaning(&app, "/?category_name=tax").await, "301 /category/tax category");
        for nothing in [format!("/?p={}", post + 1), format!("/?cat={post}x"), format!("/other?p={post}"), "/?p=".into()] {
            assert_eq!(meaning(&app, &nothing).await, "404", "{nothing}");
        }
        let place = format!("/v1/admin/categories/{category}");
        editor.get(&place).await.expect(200);
        editor.patch(&place, json!({"slug": "taxes"})).await.expect(200);
        assert_eq!(meaning(&app, &format!("/?cat={tax}")).await, "301 /category/taxes category");
        // A rule for the very address comes first.
        make(&mut editor, json!({"from": format!("/?cat={tax}"), "to": "/elsewhere"})).await;
        assert_eq!(meaning(&app, &format!("/?cat={tax}")).await, "301 /elsewhere");
        editor.delete(&path).await.expect(204);
        assert_eq!(meaning(&app, &format!("/?p={post}")).await, "410");
    }

    async fn two_rules_at_once_make_no_circle(app: App) {
        for round in 0..10 {
            let together = std::sync::Arc::new(std::sync::Barrier::new(2));
            let rules = [(format!("/a{round}"), format!("/b{round}")), (format!("/b{round}"), format!("/a{round}"))].map(|(from, to)| {
                let (db, together) = (app.data.db.clone(), std::sync::Arc::clone(&together));
                std::thread::spawn(move || {
                    let write = domain::redirects::RedirectWrite { from: Some(from), to: Some(to), ..Default::default() };
                    let draft = write.check(&domain::site::Settings::default()).unwrap();
                    together.wait();
                    db.write_blocking(|conn| persistence::redirects::create(conn, &domain::Actor::system(), &draft, domain::Timestamp::now())).is_ok()
                })
            });
            let made = rules.map(|thread| thread.join().unwrap());
            assert_eq!(made.iter().filter(|made| **made).count(), 1, "{:?}", app.engine == Engine::Sqlite);
        }
    }
}
