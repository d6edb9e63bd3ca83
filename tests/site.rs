//! The site's settings through the API, and what paths of the front end mean under them.

use actix_web::http::Method;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use domain::permissions::Role;
use serde_json::{Value, json};

use crate::support::{App, Caller, both};

const SETTINGS: &str = "/v1/admin/settings";

#[derive(QueryableByName)]
struct Noted {
    #[diesel(sql_type = Text)]
    detail: String,
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// What a path stands for: kind, slug and, if it is another one, the present path.
async fn resolved(app: &App, path: &str) -> Option<(String, String, Option<String>)> {
    let reply = app.anyone().get(&format!("/v1/resolve?path={path}")).await;
    if reply.status == 404 {
        return None;
    }
    let found = reply.expect(200).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let moved = (found["status"] == 301).then(|| text(&found["path"]));
    Some((text(&found["resource"]["kind"]), text(&found["resource"]["slug"]), moved))
}

both! {
    async fn a_new_site_has_defaults(app: App) {
        let site = app.anyone().get("/v1/site").await.expect(200);
        assert_eq!(site.json(), json!({
            "name": "Untitled publication", "description": "", "locale": "en", "locales": ["en"], "timezone": "UTC",
            "site_url": "http://cms.example.org/", "permalink": "/{slug}", "category_path": "/category/{path}",
            "tag_path": "/tag/{slug}", "byline_path": "/author/{slug}",
        }));
        assert_eq!(site.header("surrogate-key").unwrap(), "site");
        let settings = app.admin().get(SETTINGS).await.expect(200);
        assert_eq!(settings.header("etag").unwrap(), "\"v1\"");
        assert_eq!((&settings.json()["site_url"], &settings.json()["updated_at"]), (&json!(null), &json!(null)));
    }

    async fn settings_change_and_the_public_sees_it(app: App) {
        let mut admin = app.admin();
        admin.get(SETTINGS).await.expect(200);
        let mut anyone = app.anyone();
        let etag = anyone.get("/v1/site").await.header("etag").unwrap();
        let changed = admin.patch(SETTINGS, json!({
            "name": " The Ledger ", "locale": "de", "locales": ["en", "DE"], "timezone": "europe/berlin",
            "site_url": "https://ledger.example/blog/", "permalink": "/{year}/{slug}", "tag_path": "/topics/{slug}/",
        })).await.expect(200);
        assert_eq!(changed.header("etag").unwrap(), "\"v2\"");
        assert_eq!(changed.json()["version"], 2);
        let site = anyone.send(Method::GET, "/v1/site", None, &[("if-none-match", &etag)]).await.expect(200).json();
        assert_eq!((&site["name"], &site["timezone"]), (&json!("The Ledger"), &json!("Europe/Berlin")));
        assert_eq!(site["locales"], json!(["en", "de"]));
        admin.post("/v1/admin/tags", json!({"name": "Tax"})).await.expect(201);
        assert_eq!(anyone.get("/v1/tags/tax").await.json()["url"], "https://ledger.example/blog/topics/tax/");
        // `null` gives the default back.
        let back = admin.patch(SETTINGS, json!({"site_url": null, "name": null, "tag_path": null})).await.expect(200);
        assert_eq!((&back.json()["site_url"], &back.json()["name"]), (&json!(null), &json!("Untitled publication")));
        let etag = anyone.get("/v1/site").await.header("etag").unwrap();
        anyone.send(Method::GET, "/v1/site", None, &[("if-none-match", &etag)]).await.expect(304);
    }

    async fn settings_are_changed_by_version(app: App) {
        let mut admin = app.admin();
        assert_eq!(admin.patch(SETTINGS, json!({"name": "x"})).await.expect(428).code(), "precondition_required");
        admin.get(SETTINGS).await.expect(200);
        admin.patch(SETTINGS, json!({"name": "x"})).await.expect(200);
        admin.pretend(SETTINGS, "\"v1\"");
        let stale = admin.patch(SETTINGS, json!({"name": "y"})).await.expect(412);
        assert_eq!(stale.json()["current"]["version"], 2);
    }

    async fn of_changes_to_one_version_one_wins(app: App) {
        for version in ["\"v1\"", "\"v2\""] {
            let callers: Vec<Caller> = (0..8).map(|_| app.admin()).collect();
            let change = async |(number, mut caller): (usize, Caller)| {
                caller.pretend(SETTINGS, version);
                caller.patch(SETTINGS, json!({"name": format!("Name {number}")})).await.status
            };
            let mut statuses = futures_util::future::join_all(callers.into_iter().enumerate().map(change)).await;
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412], "{version}");
        }
    }

    async fn every_fault_of_the_settings_is_named(app: App) {
        let mut admin = app.admin();
        admin.get(SETTINGS).await.expect(200);
        let refused = admin.patch(SETTINGS, json!({
            "name": "", "locale": "fr", "timezone": "Mars/Olympus", "site_url": "ftp://x", "permalink": "/{title}",
            "category_path": "c/{path}", "tag_path": "/tag", "byline_path": "/{slug}/{slug}",
        })).await.expect(422).json();
        let places: Vec<_> = refused["errors"].as_array().unwrap().iter().map(|e| e["pointer"].clone()).collect();
        let expected = [
            "/name", "/locales", "/timezone", "/site_url", "/permalink", "/category_path", "/tag_path", "/byline_path",
        ];
        assert_eq!(places, expected);
        assert_eq!(admin.patch(SETTINGS, json!({"nam": "x"})).await.expect(400).json()["errors"][0]["pointer"], "/nam");
        assert_eq!(admin.patch(SETTINGS, json!({"name": 1})).await.expect(400).code(), "malformed");
    }

    async fn only_an_administrator_reaches_the_settings(app: App) {
        for role in Role::ALL {
            let mut caller = app.caller(role);
            let may = role == Role::Admin;
            assert_eq!(caller.get(SETTINGS).await.status, if may { 200 } else { 403 }, "{role}");
            caller.pretend(SETTINGS, "\"v1\"");
            assert_eq!(caller.patch(SETTINGS, json!({})).await.status, if may { 200 } else { 403 }, "{role}");
        }
        app.anyone().get(SETTINGS).await.expect(401);
    }

    async fn a_change_of_settings_is_noted(app: App) {
        let mut admin = app.admin();
        admin.get(SETTINGS).await.expect(200);
        admin.patch(SETTINGS, json!({"name": "Noted", "timezone": "Europe/Paris", "locale": "en"})).await.expect(200);
        let noted = app.data.db.read_blocking(|conn| {
            let query = "SELECT max(detail) AS detail, count(*) AS count FROM audit WHERE resource = 'settings'";
            Ok(diesel::sql_query(query).get_result::<Noted>(conn)?)
        });
        let noted = noted.unwrap();
        assert_eq!((noted.detail.as_str(), noted.count), (r#"["name","timezone"]"#, 1));
    }

    async fn paths_of_the_front_end_lead_to_categories_tags_and_bylines(app: App) {
        let mut admin = app.admin();
        let business = admin.post("/v1/admin/categories", json!({"name": "Business"})).await.expect(201);
        let child = json!({"name": "Business Succession", "parent_id": business.id()});
        let succession = admin.post("/v1/admin/categories", child).await.expect(201).header("location").unwrap();
        admin.post("/v1/admin/tags", json!({"name": "X"})).await.expect(201);
        let byline = admin.post("/v1/admin/bylines", json!({"name": "Y"})).await.header("location").unwrap();
        let is = |kind: &str, slug: &str, moved: Option<&str>| {
            Some((kind.to_owned(), slug.to_owned(), moved.map(str::to_owned)))
        };
        let place = "/category/business/business-succession";
        assert_eq!(resolved(&app, place).await, is("category", "business-succession", None));
        assert_eq!(resolved(&app, &format!("{place}/?page=2")).await, is("category", "business-succession", None));
        let short = "/category/business-succession";
        assert_eq!(resolved(&app, short).await, is("category", "business-succession", Some(place)));
        assert_eq!(resolved(&app, "/tag/x").await, is("tag", "x", None));
        assert_eq!(resolved(&app, "/author/y").await, is("byline", "y", None));
        for nothing in ["/", "/tag/y", "/author", "/category/none", "/category/none/business", "/x"] {
            assert_eq!(resolved(&app, nothing).await, None, "{nothing}");
        }
        // Old names lead to the present path.
        admin.patch(&succession, json!({"slug": "succession", "parent_id": null})).await.expect(200);
        admin.patch(&byline, json!({"slug": "yy"})).await.expect(200);
        let there = is("category", "succession", Some("/category/succession"));
        assert_eq!(resolved(&app, place).await, there);
        assert_eq!(resolved(&app, short).await, there);
        assert_eq!(resolved(&app, "/author/y").await, is("byline", "yy", Some("/author/yy")));
        // Shapes that overlap: what is there decides.
        admin.get(SETTINGS).await.expect(200);
        admin.patch(SETTINGS, json!({"category_path": "/{path}", "tag_path": "/{slug}"})).await.expect(200);
        assert_eq!(resolved(&app, "/business").await, is("category", "business", None));
        assert_eq!(resolved(&app, "/x").await, is("tag", "x", None));
    }
}
