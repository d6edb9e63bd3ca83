//! Tags through the API.

use serde_json::json;

use crate::support::{App, both};

both! {
    async fn a_tag_is_made_changed_and_deleted(app: App) {
        let mut editor = app.editor();
        let made = editor.post("/v1/admin/tags", json!({"name": "Family firms"})).await.expect(201);
        let expected = json!({
            "id": made.id(), "slug": "family-firms", "name": "Family firms", "description": null, "internal": false, "version": 1,
            "created_at": "2026-11-23T09:00:00Z", "updated_at": "2026-11-23T09:00:00Z",
        });
        assert_eq!(made.json(), expected);
        let path = made.header("location").unwrap();
        let changed = editor.patch(&path, json!({"slug": "firms", "description": "Owned at home"})).await.expect(200);
        assert_eq!(changed.json()["slug"], "firms");
        assert_eq!(changed.header("etag").unwrap(), "\"v2\"");
        editor.delete(&path).await.expect(204);
        assert_eq!(editor.get(&path).await.expect(404).code(), "not_found");
    }

    async fn a_stale_change_is_refused_and_a_blind_one_too(app: App) {
        let mut editor = app.editor();
        let path = editor.post("/v1/admin/tags", json!({"name": "One"})).await.header("location").unwrap();
        editor.patch(&path, json!({"name": "Two"})).await.expect(200);
        editor.pretend(&path, "\"v1\"");
        let stale = editor.patch(&path, json!({"name": "Three"})).await.expect(412);
        assert_eq!(stale.code(), "stale_version");
        assert_eq!(stale.json()["current"]["version"], 2);
        editor.forget();
        assert_eq!(editor.patch(&path, json!({"name": "Three"})).await.expect(428).code(), "precondition_required");
    }

    async fn a_taken_slug_is_refused_with_a_free_one(app: App) {
        let mut editor = app.editor();
        editor.post("/v1/admin/tags", json!({"name": "Tax"})).await.expect(201);
        let taken = editor.post("/v1/admin/tags", json!({"name": "Tax", "slug": "tax"})).await.expect(409);
        assert_eq!(taken.code(), "slug_taken");
        assert!(taken.json()["detail"].as_str().unwrap().contains("`tax-2`"));
        assert_eq!(editor.post("/v1/admin/tags", json!({"name": "Tax"})).await.expect(201).json()["slug"], "tax-2");
    }

    async fn every_fault_is_named(app: App) {
        let mut editor = app.editor();
        let refused = editor.post("/v1/admin/tags", json!({"slug": "NO", "name": " "})).await.expect(422);
        let places: Vec<_> = refused.json()["errors"].as_array().unwrap().iter().map(|e| e["pointer"].clone()).collect();
        assert_eq!(places, ["/slug", "/name"]);
        let unknown = editor.post("/v1/admin/tags", json!({"nam": "x"})).await.expect(400).json();
        assert_eq!(unknown["errors"][0]["pointer"], "/nam");
        assert_eq!(unknown["detail"], "There is no member `nam`. Did you mean `name`?");
        let wrong = editor.get("/v1/admin/tags?limt=1").await.expect(400).json();
        assert_eq!(wrong["errors"][0]["parameter"], "limt");
        assert!(wrong["detail"].as_str().unwrap().contains("`limit`"));
        let over = editor.get("/v1/admin/tags?limit=101").await.expect(400).json();
        assert_eq!(over["errors"][0]["parameter"], "limit");
        assert!(over["detail"].as_str().unwrap().contains("100"));
    }

    async fn the_same_key_gives_the_same_answer(app: App) {
        let mut editor = app.editor();
        let method = actix_web::http::Method::POST;
        let key = [("idempotency-key", "\"one\"")];
        let body = json!({"name": "Once"});
        let first = editor.send(method.clone(), "/v1/admin/tags", Some(body.clone()), &key).await.expect(201);
        let again = editor.send(method.clone(), "/v1/admin/tags", Some(body), &key).await.expect(201);
        assert_eq!(first.body, again.body);
        let other = editor.send(method, "/v1/admin/tags", Some(json!({"name": "Two"})), &key).await.expect(422);
        assert_eq!(other.json()["errors"][0]["code"], "idempotency_key_reused");
    }

    async fn pages_follow_each_other(app: App) {
        let mut editor = app.editor();
        for number in 0..5 {
            editor.post("/v1/admin/tags", json!({"name": format!("Tag {number}")})).await.expect(201);
        }
        let mut names = Vec::new();
        let mut path = "/v1/admin/tags?limit=2&count=true".to_owned();
        loop {
            let page = editor.get(&path).await.expect(200);
            let body = page.json();
            assert_eq!(body["page"]["total"], 5);
            names.extend(body["data"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap().to_owned()));
            let Some(next) = body["page"]["next"].as_str() else { break };
            assert!(page.header("link").unwrap().contains("rel=\"next\""));
            path = format!("/v1/admin/tags?limit=2&count=true&cursor={next}");
        }
        assert_eq!(names, ["Tag 0", "Tag 1", "Tag 2", "Tag 3", "Tag 4"]);
        editor.get("/v1/admin/tags?cursor=absurd").await.expect(400);
    }
}
