//! Bylines, and what readers see of bylines and tags, through the API.

use actix_web::http::Method;
use domain::Timestamp;
use domain::permissions::Role;
use serde_json::json;

use crate::support::{App, both, list_article};

const ALL: &str = "/v1/admin/bylines";

both! {
    async fn a_byline_is_made_changed_and_deleted(app: App) {
        let mut editor = app.editor();
        let body = json!({"name": "Ann Berger", "avatar_url": "https://Example.org/ann.jpg", "website": " "});
        let made = editor.post(ALL, body).await.expect(201);
        let expected = json!({
            "id": made.id(), "slug": "ann-berger", "name": "Ann Berger", "bio": null,
            "avatar_url": "https://example.org/ann.jpg", "website": null, "version": 1,
            "created_at": "2026-11-23T09:00:00Z", "updated_at": "2026-11-23T09:00:00Z",
        });
        assert_eq!(made.json(), expected);
        let path = made.header("location").unwrap();
        let changed = editor.patch(&path, json!({"bio": "Writes.", "avatar_url": null})).await.expect(200).json();
        assert_eq!((&changed["bio"], &changed["avatar_url"]), (&json!("Writes."), &json!(null)));
        editor.pretend(&path, "\"v1\"");
        editor.patch(&path, json!({"bio": "x"})).await.expect(412);
        editor.get(&path).await.expect(200);
        editor.delete(&path).await.expect(204);
        editor.get(&path).await.expect(404);
        editor.get(ALL).await.expect(200);
    }

    async fn what_is_wrong_with_a_byline_is_named(app: App) {
        let mut editor = app.editor();
        let body = json!({"slug": "-", "bio": "\u{202e}", "avatar_url": "javascript:alert(1)", "website": "x"});
        let refused = editor.post(ALL, body).await.expect(422).json();
        let places: Vec<_> = refused["errors"].as_array().unwrap().iter().map(|e| e["pointer"].clone()).collect();
        assert_eq!(places, ["/slug", "/name", "/bio", "/avatar_url", "/website"]);
        editor.post(ALL, json!({"name": "Ann"})).await.expect(201);
        let taken = editor.post(ALL, json!({"name": "Ann", "slug": "ann"})).await.expect(409);
        assert!(taken.json()["detail"].as_str().unwrap().contains("`ann-2`"));
    }

    async fn roles_reach_bylines_as_the_table_says(app: App) {
        for role in Role::ALL {
            let mut caller = app.caller(role);
            let may = matches!(role, Role::Admin | Role::Editor);
            let made = caller.post(ALL, json!({"name": format!("By {role}")})).await;
            assert_eq!(made.status, if may { 201 } else { 403 }, "{role}");
            caller.get(ALL).await.expect(200);
        }
        app.anyone().get(ALL).await.expect(401);
    }

    async fn readers_see_bylines_and_tags_with_their_articles(app: App) {
        let mut editor = app.editor();
        for (kind, folder) in [("byline", "author"), ("tag", "tag")] {
            let made = editor.post(&format!("/v1/admin/{kind}s"), json!({"name": "Some One"})).await.expect(201);
            let path = made.header("location").unwrap();
            let shown = app.now()..Timestamp::NEVER;
            list_article(&app, "article", shown.clone(), &[(kind, &made.id())]);
            list_article(&app, "page", shown, &[(kind, &made.id())]);
            let later = app.now().plus_seconds(5)..Timestamp::NEVER;
            list_article(&app, "article", later, &[(kind, &made.id())]);

            let (all, one) = (format!("/v1/{kind}s"), format!("/v1/{kind}s/some-one"));
            let mut anyone = app.anyone();
            let seen = anyone.get(&one).await.expect(200);
            assert_eq!(seen.json()["article_count"], 1);
            assert_eq!(seen.json()["url"], format!("http://cms.example.org/{folder}/some-one"));
            assert!(seen.json().get("version").is_none());
            assert!(seen.header("surrogate-key").unwrap().contains(&format!("{kind}:{}", made.id())));
            let list = anyone.get(&format!("{all}?count=true")).await.expect(200);
            assert_eq!(list.json(), json!({"data": [seen.json()], "page": {"next": null, "total": 1}}));
            for public in [&all, &one] {
                let etag = anyone.get(public).await.header("etag").unwrap();
                anyone.send(Method::GET, public, None, &[("if-none-match", &etag)]).await.expect(304);
                assert_eq!(anyone.send(Method::HEAD, public, None, &[]).await.expect(200).header("etag").unwrap(), etag);
                anyone.get(&format!("{public}?x=1")).await.expect(400);
            }
            editor.patch(&path, json!({"slug": "other"})).await.expect(200);
            let moved = anyone.get(&one).await.expect(308);
            assert_eq!(moved.header("location").unwrap(), format!("http://cms.example.org/v1/{kind}s/other"));
            editor.delete(&path).await.expect(204);
            assert_eq!(anyone.get(&one).await.expect(404).code(), "not_found");
            assert_eq!(anyone.get(&all).await.expect(200).json()["data"], json!([]));
        }
    }

    async fn of_changes_to_one_version_one_wins(app: App) {
        let mut editor = app.editor();
        for kind in ["bylines", "tags", "categories"] {
            let path = editor.post(&format!("/v1/admin/{kind}"), json!({"name": "One"})).await.header("location").unwrap();
            let callers: Vec<_> = (0..8).map(|_| app.editor()).collect();
            let change = async |(number, mut caller): (usize, crate::support::Caller)| {
                caller.pretend(&path, "\"v1\"");
                caller.patch(&path, json!({"name": format!("Name {number}")})).await.status
            };
            let mut statuses = futures_util::future::join_all(callers.into_iter().enumerate().map(change)).await;
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412], "{kind}");
        }
    }
}
