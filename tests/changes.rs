//! The log of changes as others read it: whoever applies it has what the other routes say.

use std::collections::BTreeMap;

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::newsroom::{Newsroom, publish};
use crate::support::{App, both};

/// What a replica knows: documents by kind and identity.
#[derive(Default)]
struct Replica {
    documents: BTreeMap<(String, String), Value>,
    token: Option<String>,
}

impl Replica {
    /// Applies up to `pages` pages; whether there is more.
    async fn follow(&mut self, app: &App, limit: u8, pages: usize) -> bool {
        for _ in 0..pages {
            let since = self.token.as_ref().map_or(String::new(), |token| format!("&since={token}"));
            let path = format!("/v1/changes?include=documents&limit={limit}{since}");
            let reply = app.anyone().get(&path).await;
            if reply.status == 410 {
                assert_eq!(reply.code(), "changes_gone");
                *self = Self::default();
                continue;
            }
            let answer = reply.expect(200).json();
            for change in answer["data"].as_array().unwrap() {
                self.apply(change);
            }
            self.token = Some(answer["token"].as_str().unwrap().to_owned());
            if answer["page"]["next"].is_null() {
                return false;
            }
        }
        true
    }

    fn apply(&mut self, change: &Value) {
        let text = |name: &str| change[name].as_str().unwrap().to_owned();
        let key = (text("resource"), text("id"));
        if text("op") == "upsert" {
            assert!(change["document"].is_object(), "{change}");
            self.documents.insert(key, change["document"].clone());
        } else {
            assert!(change["document"].is_null(), "{change}");
            self.documents.remove(&key);
        }
    }
}

/// Everything that the public routes say, in the same form.
async fn public(app: &App) -> BTreeMap<(String, String), Value> {
    let mut documents = BTreeMap::new();
    let mut reader = app.anyone();
    let site = reader.get("/v1/site").await.expect(200).json();
    documents.insert(("site".to_owned(), "site".to_owned()), site);
    for (kind, path) in [
        ("category", "/v1/categories"),
        ("tag", "/v1/tags"),
        ("byline", "/v1/bylines"),
        ("article", "/v1/articles?locale=*&include=body"),
    ] {
        for item in all(&mut reader, path).await {
            documents.insert((kind.to_owned(), item["id"].as_str().unwrap().to_owned()), item);
        }
    }
    let articles: Vec<Value> =
        documents.iter().filter(|((kind, _), _)| kind == "article").map(|(_, item)| item.clone()).collect();
    for article in articles {
        let (slug, locale) = (article["slug"].as_str().unwrap(), article["locale"].as_str().unwrap());
        for item in all(&mut reader, &format!("/v1/articles/{slug}/comments?view=flat&locale={locale}")).await {
            documents.insert(("comment".to_owned(), item["id"].as_str().unwrap().to_owned()), item);
        }
    }
    documents
}

/// Every item of a collection.
async fn all(reader: &mut crate::support::Caller, path: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let glue = if path.contains('?') { '&' } else { '?' };
    let mut page = format!("{path}{glue}limit=100");
    loop {
        let answer = reader.get(&page).await.expect(200).json();
        items.extend(answer["data"].as_array().unwrap().iter().cloned());
        let Some(next) = answer["page"]["next"].as_str() else { return items };
        page = format!("{path}{glue}limit=100&cursor={next}");
    }
}

both! {
    async fn a_replica_has_what_the_public_has_after_a_storm(app: App) {
        let mut room = Newsroom::new(&app, 0x0BAD_5EED_0000_0001);
        let mut replica = Replica::default();
        let mut young = Replica::default();
        for step in 0..150 {
            let did = room.act(&app).await;
            // A first run takes many pages, while editors go on.
            young.follow(&app, 3, 1).await;
            if step % 5 > 0 {
                continue;
            }
            while replica.follow(&app, 7, 50).await {}
            let (known, truth) = (&replica.documents, public(&app).await);
            for (key, document) in &truth {
                assert_eq!(known.get(key), Some(document), "{key:?} after step {step}: {did}");
            }
            let more: Vec<_> = known.keys().filter(|key| !truth.contains_key(*key)).collect();
            assert!(more.is_empty(), "{more:?} after step {step}: {did}");
            // What fell due by itself is in the log within a second.
            let now = app.now();
            app.data.db.write_blocking(|conn| persistence::articles::settle_due(conn, now, 100)).unwrap();
        }
        while young.follow(&app, 100, 50).await {}
        while replica.follow(&app, 100, 50).await {}
        assert_eq!(young.documents, public(&app).await);
        assert_eq!(young.documents, replica.documents);
        assert!(young.documents.len() > 20, "{}", young.documents.len());
    }

    async fn entries_are_small_without_documents(app: App) {
        let mut editor = app.editor();
        let token = app.anyone().get("/v1/changes").await.expect(200).json()["token"].as_str().unwrap().to_owned();
        let path = publish(&mut editor, json!({"title": "One"})).await;
        let id = path.rsplit('/').next().unwrap();
        let answer = app.anyone().get(&format!("/v1/changes?since={token}")).await.expect(200).json();
        let expected = json!({"op": "upsert", "resource": "article", "id": id, "slug": "one", "locale": "en", "at": app.now()});
        assert_eq!(answer["data"], json!([expected]));
        assert_eq!(answer["page"], json!({"next": null}));
        editor.act(&format!("{path}/unpublish")).await.expect(200);
        let token = answer["token"].as_str().unwrap();
        let answer = app.anyone().get(&format!("/v1/changes?cursor={token}&include=documents")).await.expect(200).json();
        assert_eq!((&answer["data"][0]["op"], &answer["data"][0]["slug"]), (&json!("delete"), &json!("one")));
    }

    async fn a_token_that_says_nothing_here_is_refused(app: App) {
        let elsewhere = App::start(app.engine).await;
        // The databases of the tests are copies of one.
        elsewhere.execute("UPDATE change_log SET log_id = 'another'");
        let foreign = elsewhere.anyone().get("/v1/changes").await.expect(200).json()["token"].as_str().unwrap().to_owned();
        let mut anyone = app.anyone();
        assert_eq!(anyone.get(&format!("/v1/changes?since={foreign}")).await.expect(410).code(), "changes_gone");
        for wrong in ["since=x", "since=", "since=%00", "cursor=bnVsbA", "limit=101", "include=everything", "sinc=x", "since=a&cursor=b"] {
            anyone.get(&format!("/v1/changes?{wrong}")).await.expect(400);
        }
        let own = anyone.get("/v1/changes").await.expect(200).json()["token"].as_str().unwrap().to_owned();
        publish(&mut app.editor(), json!({"title": "One"})).await;
        publish(&mut app.editor(), json!({"title": "Two"})).await;
        anyone.get(&format!("/v1/changes?since={own}")).await.expect(200);
        let later = app.now().plus_seconds(1);
        app.data.db.write_blocking(|conn| persistence::changes::prune(conn, later)).unwrap();
        assert_eq!(anyone.get(&format!("/v1/changes?since={own}")).await.expect(410).code(), "changes_gone");
        let fresh = anyone.get("/v1/changes?limit=100").await.expect(200).json();
        assert_eq!(fresh["data"].as_array().unwrap().iter().filter(|change| change["resource"] == "article").count(), 2);
        let stream = anyone.send(Method::GET, "/v1/changes/stream", None, &[("last-event-id", &own)]).await.expect(200);
        assert!(stream.text().starts_with("event: reset\n"), "{}", stream.text());
        anyone.get("/v1/changes/stream?since=x").await.expect(400);
    }
}
