//! Categories through the API.

use actix_web::http::Method;
use diesel::prelude::*;
use diesel::sql_types::Text;
use domain::Timestamp;
use domain::permissions::Role;
use serde_json::{Value, json};

use crate::support::{App, Caller, both, list_article};

const ALL: &str = "/v1/admin/categories";

/// Makes a category; gives its address.
async fn make(editor: &mut Caller, slug: &str, under: Option<&str>) -> String {
    let parent = under.map(|path| path.rsplit('/').next().unwrap());
    let body = json!({"name": format!("The {slug}"), "slug": slug, "parent_id": parent});
    editor.post(ALL, body).await.expect(201).header("location").unwrap()
}

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

#[derive(QueryableByName)]
struct Logged {
    #[diesel(sql_type = Text)]
    op: String,
    #[diesel(sql_type = Text)]
    slug: String,
}

/// What the change log says of categories: operation and slug.
fn logged(app: &App) -> Vec<(String, String)> {
    let query = "SELECT op, slug FROM changes WHERE resource = 'category' ORDER BY seq";
    let rows: Vec<Logged> = app.data.db.read_blocking(|conn| Ok(diesel::sql_query(query).load(conn)?)).unwrap();
    rows.into_iter().map(|row| (row.op, row.slug)).collect()
}

/// A category as readers see it.
async fn read(app: &App, path: &str) -> Value {
    app.anyone().get(&format!("/v1/categories/{path}")).await.expect(200).json()
}

both! {
    async fn a_category_is_made_changed_and_deleted(app: App) {
        let mut editor = app.editor();
        let made = editor.post(ALL, json!({"name": "Business", "position": 2})).await.expect(201);
        let expected = json!({
            "id": made.id(), "slug": "business", "path": "business", "name": "Business", "description": null,
            "parent_id": null, "position": 2, "depth": 0, "version": 1,
            "created_at": "2026-11-23T09:00:00Z", "updated_at": "2026-11-23T09:00:00Z",
        });
        assert_eq!(made.json(), expected);
        let path = made.header("location").unwrap();
        let changed = editor.patch(&path, json!({"description": "Firms", "position": null})).await.expect(200);
        assert_eq!((&changed.json()["description"], &changed.json()["position"]), (&json!("Firms"), &json!(0)));
        assert_eq!(changed.header("etag").unwrap(), "\"v2\"");
        assert_eq!(editor.get(&path).await.expect(200).json(), changed.json());
        editor.delete(&path).await.expect(204);
        assert_eq!(editor.get(&path).await.expect(404).code(), "not_found");
        assert_eq!(app.anyone().get("/v1/categories/business").await.expect(404).code(), "not_found");
    }

    async fn stale_and_blind_changes_are_refused(app: App) {
        let mut editor = app.editor();
        let path = make(&mut editor, "one", None).await;
        editor.patch(&path, json!({"name": "Two"})).await.expect(200);
        editor.pretend(&path, "\"v1\"");
        assert_eq!(editor.patch(&path, json!({"name": "Three"})).await.expect(412).json()["current"]["version"], 2);
        assert_eq!(editor.delete(&path).await.expect(412).code(), "stale_version");
        editor.forget();
        assert_eq!(editor.patch(&path, json!({"name": "Three"})).await.expect(428).code(), "precondition_required");
        assert_eq!(editor.delete(&path).await.expect(428).code(), "precondition_required");
    }

    async fn a_slug_is_unique_on_the_site(app: App) {
        let mut editor = app.editor();
        let business = make(&mut editor, "business", None).await;
        let taken = editor.post(ALL, json!({"name": "x", "slug": "business", "parent_id": id(&business)})).await;
        let taken = taken.expect(409);
        assert_eq!(taken.code(), "slug_taken");
        assert!(taken.json()["detail"].as_str().unwrap().contains("`business-2`"));
        let tree = editor.post(ALL, json!({"name": "x", "slug": "tree"})).await.expect(409);
        assert!(tree.json()["detail"].as_str().unwrap().contains("`tree-2`"));
        assert_eq!(editor.post(ALL, json!({"name": "Tree"})).await.expect(201).json()["slug"], "tree-2");
        // A slug of before stays taken, except for its own.
        editor.patch(&business, json!({"slug": "firms"})).await.expect(200);
        editor.post(ALL, json!({"name": "x", "slug": "business"})).await.expect(409);
        editor.patch(&business, json!({"slug": "business"})).await.expect(200);
    }

    async fn every_fault_is_named(app: App) {
        let mut editor = app.editor();
        let refused = editor.post(ALL, json!({"slug": "NO", "name": " ", "position": -1})).await.expect(422);
        let places: Vec<_> = refused.json()["errors"].as_array().unwrap().iter().map(|e| e["pointer"].clone()).collect();
        assert_eq!(places, ["/slug", "/name", "/position"]);
        let nobody = "01936f5e-8c2a-7b3d-9e4f-5a6b7c8d9e0f";
        let refused = editor.post(ALL, json!({"name": "x", "parent_id": nobody})).await.expect(422).json();
        assert_eq!((&refused["errors"][0]["pointer"], &refused["errors"][0]["code"]), (&json!("/parent_id"), &json!("unknown")));
        assert_eq!(editor.post(ALL, json!({"name": "x", "parent_id": "x"})).await.expect(400).json()["errors"][0]["pointer"], "/parent_id");
        assert_eq!(editor.post(ALL, json!({"name": "x", "parent": null})).await.expect(400).json()["errors"][0]["pointer"], "/parent");
        editor.get("/v1/admin/categories/none").await.expect(404);
    }

    async fn a_category_moves_with_everything_below_it(app: App) {
        let mut editor = app.editor();
        let [a, b] = [make(&mut editor, "a", None).await, make(&mut editor, "b", None).await];
        let c = make(&mut editor, "c", Some(&a)).await;
        let d = make(&mut editor, "d", Some(&c)).await;
        editor.patch(&c, json!({"parent_id": id(&b), "slug": "c-new"})).await.expect(200);
        let moved = editor.get(&d).await.expect(200).json();
        assert_eq!((&moved["path"], &moved["depth"], &moved["version"]), (&json!("b/c-new/d"), &json!(2), &json!(1)));
        // `a` has no children any more.
        editor.delete(&a).await.expect(204);
        editor.patch(&b, json!({"slug": "bb"})).await.expect(200);
        assert_eq!(read(&app, "d").await["path"], "bb/c-new/d");
        editor.patch(&c, json!({"parent_id": null})).await.expect(200);
        assert_eq!(read(&app, "c-new/d").await["parent_id"], id(&c));
    }

    async fn a_category_does_not_stand_under_itself(app: App) {
        let mut editor = app.editor();
        let a = make(&mut editor, "a", None).await;
        let b = make(&mut editor, "b", Some(&a)).await;
        // Its path only begins like that of `a`.
        let other = make(&mut editor, "a-1", None).await;
        for parent in [&a, &b] {
            let refused = editor.patch(&a, json!({"parent_id": id(parent)})).await.expect(409);
            assert_eq!(refused.code(), "category_cycle");
            assert_eq!(refused.json()["errors"][0]["pointer"], "/parent_id");
        }
        editor.patch(&a, json!({"parent_id": id(&other)})).await.expect(200);
    }

    async fn the_tree_has_at_most_eight_levels(app: App) {
        let mut editor = app.editor();
        let mut path = make(&mut editor, "level-1", None).await;
        let first = path.clone();
        for level in 2..=8 {
            path = make(&mut editor, &format!("level-{level}"), Some(&path)).await;
        }
        let refused = editor.post(ALL, json!({"name": "x", "parent_id": id(&path)})).await.expect(409);
        assert_eq!(refused.code(), "category_too_deep");
        let top = make(&mut editor, "top", None).await;
        let refused = editor.patch(&first, json!({"parent_id": id(&top)})).await.expect(409);
        assert_eq!(refused.code(), "category_too_deep");
        // What stays where it is may change, however deep.
        editor.get(&path).await.expect(200);
        editor.patch(&path, json!({"name": "Deep"})).await.expect(200);
    }

    async fn a_category_with_children_is_not_deleted(app: App) {
        let mut editor = app.editor();
        let a = make(&mut editor, "a", None).await;
        let b = make(&mut editor, "b", Some(&a)).await;
        assert_eq!(editor.delete(&a).await.expect(409).code(), "category_not_empty");
        editor.delete(&b).await.expect(204);
        editor.delete(&a).await.expect(204);
    }

    async fn roles_reach_as_far_as_the_table_says(app: App) {
        for role in Role::ALL {
            let mut caller = app.caller(role);
            let may = matches!(role, Role::Admin | Role::Editor);
            let made = caller.post(ALL, json!({"name": format!("By {role}")})).await;
            assert_eq!(made.status, if may { 201 } else { 403 }, "{role}");
            caller.get(ALL).await.expect(200);
            let there = caller.get(ALL).await.json()["data"][0]["id"].as_str().unwrap().to_owned();
            let path = format!("{ALL}/{there}");
            caller.get(&path).await.expect(200);
            let changed = caller.patch(&path, json!({"description": "x"})).await;
            assert_eq!(changed.status, if may { 200 } else { 403 }, "{role}");
        }
        let mut anyone = app.anyone();
        anyone.get(ALL).await.expect(401);
        assert_eq!(anyone.post(ALL, json!({"name": "x"})).await.expect(401).code(), "unauthenticated");
    }

    async fn readers_see_a_category_with_its_way_and_its_articles(app: App) {
        let mut editor = app.editor();
        let business = make(&mut editor, "business", None).await;
        let succession = make(&mut editor, "business-succession", Some(&business)).await;
        let (now, never) = (app.now(), Timestamp::NEVER);
        let in_both = [("category", id(&business)), ("category", id(&succession))];
        list_article(&app, "article", now..never, &in_both);
        list_article(&app, "article", now..never, &in_both[1..]);
        list_article(&app, "page", now..never, &in_both[1..]);
        list_article(&app, "article", now.plus_seconds(60)..never, &in_both[1..]);
        list_article(&app, "article", now.plus_seconds(-60)..now, &in_both[1..]);
        let seen = read(&app, "business/business-succession").await;
        let small = |path: &str, slug: &str, whole: &str| json!({
            "id": id(path), "slug": slug, "path": whole, "name": format!("The {slug}"),
        });
        assert_eq!(seen, json!({
            "id": id(&succession), "slug": "business-succession", "path": "business/business-succession",
            "name": "The business-succession", "description": null, "parent_id": id(&business), "position": 0,
            "breadcrumb": [
                small(&business, "business", "business"),
                small(&succession, "business-succession", "business/business-succession"),
            ],
            "article_count": 2, "subtree_count": 2,
            "url": "http://cms.example.org/category/business/business-succession",
        }));
        let above = read(&app, "business").await;
        assert_eq!((&above["article_count"], &above["subtree_count"]), (&json!(1), &json!(2)));
        app.pass(60);
        assert_eq!(read(&app, "business-succession").await["article_count"], 3);
    }

    async fn articles_follow_their_categories(app: App) {
        let mut editor = app.editor();
        let [a, b] = [make(&mut editor, "a", None).await, make(&mut editor, "b", None).await];
        let c = make(&mut editor, "c", Some(&a)).await;
        let shown = app.now()..Timestamp::NEVER;
        list_article(&app, "article", shown.clone(), &[("category", id(&c))]);
        list_article(&app, "article", shown, &[("category", id(&c)), ("category", id(&a))]);
        let counts = async |slug| read(&app, slug).await["subtree_count"].as_u64().unwrap();
        assert_eq!([counts("a").await, counts("b").await, counts("c").await], [2, 0, 2]);
        editor.patch(&c, json!({"parent_id": id(&b)})).await.expect(200);
        assert_eq!([counts("a").await, counts("b").await, counts("c").await], [1, 2, 2]);
        editor.delete(&c).await.expect(204);
        assert_eq!([counts("a").await, counts("b").await], [1, 0]);
        assert_eq!(read(&app, "a").await["article_count"], 1);
    }

    async fn the_change_log_names_all_that_changed(app: App) {
        let mut editor = app.editor();
        let a = make(&mut editor, "a", None).await;
        let b = make(&mut editor, "b", Some(&a)).await;
        let c = make(&mut editor, "c", Some(&b)).await;
        let before = logged(&app).len();
        assert_eq!(before, 3);
        editor.patch(&a, json!({"description": "Only its own"})).await.expect(200);
        editor.patch(&b, json!({"slug": "bb"})).await.expect(200);
        editor.patch(&a, json!({"name": "In every breadcrumb"})).await.expect(200);
        editor.delete(&c).await.expect(204);
        let since: Vec<String> = logged(&app)[before..].iter().map(|(op, slug)| format!("{op} {slug}")).collect();
        let expected =
            ["upsert a", "upsert bb", "upsert c", "upsert a", "upsert bb", "upsert c", "delete c",
            // They may have fewer articles below them.
            "upsert a", "upsert bb"];
        assert_eq!(since, expected);
        // What was refused left nothing.
        editor.patch(&a, json!({"parent_id": id(&b)})).await.expect(409);
        assert_eq!(logged(&app).len(), before + expected.len());
    }

    async fn an_old_slug_or_path_leads_to_the_present_path(app: App) {
        let mut editor = app.editor();
        let [a, b] = [make(&mut editor, "a", None).await, make(&mut editor, "b", None).await];
        let c = make(&mut editor, "c", Some(&a)).await;
        make(&mut editor, "d", Some(&c)).await;
        editor.patch(&c, json!({"parent_id": id(&b), "slug": "see"})).await.expect(200);
        let mut anyone = app.anyone();
        for (old, new) in [("c", "b/see"), ("a/c", "b/see"), ("a/c/d", "b/see/d")] {
            let moved = anyone.get(&format!("/v1/categories/{old}")).await.expect(308);
            assert_eq!(moved.header("location").unwrap(), format!("http://cms.example.org/v1/categories/{new}"));
            assert!(moved.header("cache-control").unwrap().starts_with("public"));
            assert!(moved.header("surrogate-key").unwrap().starts_with("category:"));
            assert_eq!(moved.header("access-control-allow-origin").unwrap(), "*");
        }
        for never in ["b/c", "b/d", "nothing/see", "d/d", "a/see", "", "/", "b/", "b//see"] {
            anyone.get(&format!("/v1/categories/{never}")).await.expect(404);
        }
        // A path that is in use again is no old one.
        let again = make(&mut editor, "x", Some(&a)).await;
        editor.patch(&c, json!({"parent_id": id(&a), "slug": "c"})).await.expect(200);
        assert_eq!(read(&app, "a/c/d").await["path"], "a/c/d");
        editor.delete(&again).await.expect(204);
        anyone.get("/v1/categories/a/x").await.expect(404);
    }

    async fn no_path_is_too_odd(app: App) {
        make(&mut app.editor(), "a", None).await;
        let mut anyone = app.anyone();
        let long = "a/".repeat(30_000);
        let longer = format!("{}a", "a/".repeat(900));
        for odd in [&long, &longer, "a%00", "%00", "%ff", "%2e%2e", "a%2Fb", "%F0%9F%92%A9", "a%0a", "'; DROP TABLE categories"] {
            let path = format!("/v1/categories/{}", odd.replace(' ', "%20"));
            anyone.get(&path).await.expect(404);
            let path = format!("/v1/tags/{}", odd.replace(' ', "%20"));
            anyone.get(&path).await.expect(404);
        }
    }

    async fn readers_get_the_tree_whole(app: App) {
        let mut editor = app.editor();
        let a = make(&mut editor, "a", None).await;
        let b = make(&mut editor, "b", None).await;
        for slug in ["second", "first", "last"] {
            make(&mut editor, slug, Some(&b)).await;
        }
        let last = read(&app, "last").await["id"].as_str().unwrap().to_owned();
        editor.get(&format!("{ALL}/{last}")).await.expect(200);
        editor.patch(&format!("{ALL}/{last}"), json!({"position": 9, "name": "A"})).await.expect(200);
        editor.patch(&a, json!({"position": 1})).await.expect(200);
        let tree = app.anyone().get("/v1/categories/tree").await.expect(200).json();
        let slugs = |nodes: &Value| -> Vec<String> {
            nodes.as_array().unwrap().iter().map(|node| node["slug"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(slugs(&tree["data"]), ["b", "a"]);
        assert_eq!(slugs(&tree["data"][0]["children"]), ["first", "second", "last"]);
        assert_eq!(tree["data"][1]["children"], json!([]));
        assert_eq!(tree["data"][0]["children"][0]["breadcrumb"][0]["slug"], "b");
    }

    async fn readers_page_through_the_list(app: App) {
        let mut editor = app.editor();
        let a = make(&mut editor, "a", None).await;
        for (slug, under) in [("b", None), ("c", Some(&a)), ("a-b", None), ("d", None)] {
            make(&mut editor, slug, under.map(String::as_str)).await;
        }
        for all in ["/v1/categories", ALL] {
            let (mut paths, mut next) = (Vec::new(), format!("{all}?limit=2&count=true"));
            loop {
                let page = editor.get(&next).await.expect(200);
                assert_eq!(page.json()["page"]["total"], 5);
                let data = page.json()["data"].clone();
                paths.extend(data.as_array().unwrap().iter().map(|row| row["path"].as_str().unwrap().to_owned()));
                let Some(cursor) = page.json()["page"]["next"].as_str().map(str::to_owned) else { break };
                assert!(page.header("link").unwrap().contains("rel=\"next\""));
                next = format!("{all}?limit=2&count=true&cursor={cursor}");
            }
            assert_eq!(paths, ["a", "a-b", "a/c", "b", "d"]);
            assert_eq!(editor.get(&format!("{all}?limit=101")).await.expect(400).json()["errors"][0]["parameter"], "limit");
            assert_eq!(editor.get(&format!("{all}?lmit=1")).await.expect(400).json()["errors"][0]["parameter"], "lmit");
        }
        let cursor = editor.get("/v1/categories?limit=1").await.json()["page"]["next"].as_str().unwrap().to_owned();
        editor.get(&format!("{ALL}?cursor={cursor}")).await.expect(400);
    }

    async fn public_answers_have_tags_and_take_no_parameters(app: App) {
        let mut editor = app.editor();
        let path = make(&mut editor, "a", None).await;
        let mut anyone = app.anyone();
        let own = format!("category:{}", id(&path));
        for (public, key) in [
            ("/v1/categories", "list:categories"), ("/v1/categories/tree", "list:categories"), ("/v1/categories/a", &own),
        ] {
            let first = anyone.get(public).await.expect(200);
            let etag = first.header("etag").unwrap();
            let known = [("if-none-match", etag.as_str())];
            let again = anyone.send(Method::GET, public, None, &known).await.expect(304);
            assert!(again.body.is_empty());
            assert_eq!(again.header("etag").unwrap(), etag);
            assert!(first.header("cache-control").unwrap().starts_with("public"));
            assert!(first.header("surrogate-key").unwrap().contains(key));
            let head = anyone.send(Method::HEAD, public, None, &[]).await.expect(200);
            assert_eq!(head.header("etag").unwrap(), etag);
            assert_eq!(anyone.get(&format!("{public}?fieldz=x")).await.expect(400).code(), "malformed");
            assert_eq!(anyone.post(public, json!({})).await.expect(405).header("allow").unwrap(), "GET, HEAD, OPTIONS");
            editor.patch(&path, json!({"name": format!("Not as {public}")})).await.expect(200);
            anyone.send(Method::GET, public, None, &known).await.expect(200);
        }
        let keys = anyone.get("/v1/categories/a").await.header("surrogate-key").unwrap();
        assert!(keys.contains(&format!("category:{}", id(&path))));
    }

    async fn readers_choose_members(app: App) {
        make(&mut app.editor(), "a", None).await;
        let mut anyone = app.anyone();
        let one = anyone.get("/v1/categories/a?fields=path,subtree_count").await.expect(200).json();
        assert_eq!(one, json!({"path": "a", "subtree_count": 0}));
        let list = anyone.get("/v1/categories?fields=slug").await.expect(200).json();
        assert_eq!(list["data"], json!([{"slug": "a"}]));
        let refused = anyone.get("/v1/categories/a?fields=version").await.expect(400).json();
        assert_eq!(refused["errors"][0]["parameter"], "fields");
        assert_eq!(anyone.get("/v1/site?fields=locale").await.expect(200).json(), json!({"locale": "en"}));
    }

    async fn articles_stand_right_when_they_are_published_while_categories_move(app: App) {
        let mut editor = app.editor();
        let [a, b] = [make(&mut editor, "a", None).await, make(&mut editor, "b", None).await];
        let c = make(&mut editor, "c", Some(&a)).await;
        let article = json!({"title": "One", "category_ids": [id(&c)]});
        let article = editor.post("/v1/admin/articles", article).await.expect(201).header("location").unwrap();
        for round in 0..12 {
            let under = if round % 2 == 0 { &b } else { &a };
            editor.get(&article).await.expect(200);
            editor.patch(&article, json!({"title": format!("Title {round}")})).await.expect(200);
            editor.get(&c).await.expect(200);
            let mut other = app.editor();
            other.get(&article).await.expect(200);
            let publish = format!("{article}/publish");
            let parent = json!({"parent_id": id(under)});
            let (moved, published) = futures_util::future::join(editor.patch(&c, parent), other.act(&publish)).await;
            assert_eq!((moved.status, published.status), (200, 200));
            let counts = [read(&app, "a").await["subtree_count"].clone(), read(&app, "b").await["subtree_count"].clone()];
            assert_eq!(counts, if round % 2 == 0 { [0, 1] } else { [1, 0] });
        }
    }
}
