//! The public cannot reach what is private: every private column, through every public parameter.

use serde_json::json;

use crate::support::operations::operations;
use crate::support::{App, both};

/// A word that stands in private places alone.
const MARK: &str = "xanthophyll";

/// The columns of the editors' tables, as the migrations have them.
fn private_columns() -> Vec<String> {
    let tables =
        ["articles", "revisions", "article_slugs", "users", "sessions", "comments", "comment_events", "subscribers"];
    let columns = crate::migrations::columns("sqlite");
    let mut names: Vec<String> = columns
        .into_iter()
        .filter(|(table, _)| tables.iter().any(|name| table.ends_with(&format!("/{name}"))))
        .flat_map(|(_, columns)| columns)
        .collect();
    names.extend(
        ["state", "body", "version", "author_email", "email", "ip", "user_agent", "drafts", "comments"].map(Into::into),
    );
    names.sort();
    names.dedup();
    assert!(names.len() > 50);
    names
}

/// Fills the application with private things that hold the mark, and returns identities that no answer may tell.
async fn fill(app: &App) -> Vec<String> {
    let mut admin = app.admin();
    let secret = |title: &str| json!({"title": format!("{title} {MARK}"), "body": MARK, "custom": {"note": MARK}});
    let mut hidden = Vec::new();
    // A draft, one in the trash, one that is scheduled, and a public one with a newer revision.
    let draft = admin.post("/v1/admin/articles", secret("Draft")).await.expect(201);
    hidden.push(draft.id());
    let trashed = admin.post("/v1/admin/articles", secret("Trashed")).await.expect(201);
    hidden.push(trashed.id());
    admin.delete(&trashed.header("location").unwrap()).await.expect(204);
    let scheduled = admin.post("/v1/admin/articles", secret("Scheduled")).await.expect(201);
    hidden.push(scheduled.id());
    let path = scheduled.header("location").unwrap();
    admin.post(&format!("{path}/schedule"), json!({"publish_at": "2027-01-01T00:00:00Z"})).await.expect(200);
    let public = admin.post("/v1/admin/articles", json!({"title": "Public", "slug": "public"})).await.expect(201);
    let path = public.header("location").unwrap();
    admin.act(&format!("{path}/publish")).await.expect(200);
    admin.patch(&path, json!({"title": MARK, "slug": format!("{MARK}-slug"), "body": MARK})).await.expect(200);
    hidden.push(admin.user.unwrap().to_string());
    // A comment that is held, the address of one that is shown, and a subscriber.
    let comment =
        |body: &str| json!({"author_name": "Ann", "author_email": format!("{MARK}@example.org"), "body": body});
    let mut reader = app.anyone();
    let held = reader.post("/v1/articles/public/comments", comment(&format!("Held {MARK}"))).await.expect(202);
    hidden.push(held.id());
    let shown = reader.post("/v1/articles/public/comments", comment("Shown to all")).await.expect(202).id();
    let decision = json!({"to": "approved", "note": MARK});
    let path = format!("/v1/admin/comments/{shown}");
    admin.get(&path).await.expect(200);
    admin.post(&format!("{path}/transitions"), decision).await.expect(200);
    reader.post("/v1/subscriptions", json!({"email": format!("{MARK}@example.net")})).await.expect(202);
    hidden
}

both! {
    async fn no_public_parameter_reaches_a_private_column(app: App) {
        let hidden = fill(&app).await;
        let mut reader = app.anyone();
        let columns = private_columns();
        let mut values: Vec<String> = columns.clone();
        values.extend([MARK.to_owned(), format!("draft-{MARK}"), format!("scheduled-{MARK}"), format!("{MARK}-slug")]);
        values.extend(hidden.iter().cloned());
        let public: Vec<_> = operations().into_iter().filter(|operation| !operation.secured && operation.method == "GET").collect();
        assert!(public.len() > 5);
        let mut tried = 0;
        for operation in public {
            let mut paths: Vec<String> = values.iter().map(|value| operation.at(|_| value.clone())).collect();
            let at = operation.at(|_| "public".into());
            for name in &operation.query {
                paths.extend(values.iter().map(|value| format!("{at}?{name}={value}")));
                paths.push(format!("{at}?{name}=/{MARK}-slug"));
            }
            // Parameters that do not exist, named after what is private.
            paths.extend(columns.iter().map(|column| format!("{at}?{column}={MARK}")));
            paths.extend(columns.iter().map(|column| format!("{at}?filter%5B{column}%5D={MARK}")));
            paths.dedup();
            for path in paths {
                let reply = reader.get(&path).await;
                tried += 1;
                // What the request itself said may be said back in a refusal.
                let said = reply.text().to_owned();
                let leaks = if reply.status >= 400 { false } else { said.contains(MARK) };
                let named = hidden.iter().any(|id| said.contains(id) && !path.contains(id));
                assert!(!leaks && !named, "{path} tells what is private: {said}");
                let known = ["\"password_hash\"", "\"owner_id\"", "\"author_email\"", "\"email\"", "\"version\"", "\"state\""];
                // The contract itself, and the version of a consent's text.
                let document = ["get_openapi", "get_sign_up_form"].contains(&operation.id.as_str());
                assert!(reply.status >= 400 || document || known.iter().all(|name| !said.contains(name)), "{path}: {said}");
            }
        }
        assert!(tried > 1_000);
    }

    async fn nor_does_any_parameter_of_ghosts(app: App) {
        let hidden = fill(&app).await;
        let mut reader = app.anyone();
        let key = app.data.secrets.content_key();
        let mut paths = Vec::new();
        for list in ["posts", "pages", "tags", "authors"] {
            for column in private_columns() {
                for query in ["filter=#:~%27MARK%27", "filter=authors.#:-x,tags.#:-x", "order=#%20desc", "fields=#", "include=#", "formats=#"] {
                    paths.push(format!("{list}/?{}", query.replace('#', &column).replace("MARK", MARK)));
                }
            }
            for id in &hidden {
                paths.push(format!("{list}/{}/", domain::ids::ghost_id("article", id)));
                paths.push(format!("{list}/?filter=uuid:{id}"));
            }
            for slug in [MARK.to_owned(), format!("draft-{MARK}"), format!("scheduled-{MARK}"), format!("{MARK}-slug")] {
                paths.push(format!("{list}/slug/{slug}/"));
            }
            paths.push(format!("{list}/?filter=status:[draft,scheduled,sent]"));
        }
        paths.extend(["posts", "tags", "authors"].map(|list| format!("search-index/{list}/?")));
        for path in paths {
            let joint = if path.contains('?') { '&' } else { '?' };
            let reply = reader.get(&format!("/ghost/api/content/{path}{joint}key={key}")).await;
            assert!([200, 400, 404, 422].contains(&reply.status), "{path}");
            if reply.status > 200 {
                continue;
            }
            let said = reply.text();
            assert!(!said.contains(MARK) && !hidden.iter().any(|id| said.contains(id)), "{path} tells what is private: {said}");
            let total = reply.json()["meta"]["pagination"]["total"].as_i64();
            assert!(total.is_none_or(|total| total <= 1), "{path} counts what is private: {said}");
        }
    }

    async fn what_is_hidden_is_not_counted(app: App) {
        fill(&app).await;
        let mut reader = app.anyone();
        for (path, total) in [
            ("/v1/articles?count=true", 1),
            (&format!("/v1/articles?count=true&q={MARK}") as &str, 0),
            ("/v1/articles?count=true&locale=*", 1),
        ] {
            let page = reader.get(path).await.expect(200).json();
            assert_eq!(page["page"]["total"], total, "{path}");
        }
        // Neither the status nor the body tells a draft from nothing.
        let draft = reader.get(&format!("/v1/articles/draft-{MARK}")).await.expect(404).json();
        let nothing = reader.get("/v1/articles/nothing-at-all").await.expect(404).json();
        let without_id = |mut problem: serde_json::Value| {
            problem["instance"] = json!(null);
            problem
        };
        assert_eq!(without_id(draft), without_id(nothing));
    }
}
