//! Pages: under pages, at their slugs, apart from articles.

use diesel::RunQueryDsl;
use serde_json::{Value, json};

use crate::support::{App, Caller, both};

/// Publishes a page, and answers its path for editors and its identity.
async fn page(editor: &mut Caller, slug: &str, parent: Option<&str>) -> (String, String) {
    let body = json!({"kind": "page", "title": slug, "slug": slug, "parent_id": parent});
    let made = editor.post("/v1/admin/articles", body).await.expect(201);
    let path = made.header("location").unwrap();
    editor.act(&format!("{path}/publish")).await.expect(200);
    (path, made.id())
}

/// What a path means: its status, the path now, and the slug of what is there.
async fn resolved(reader: &mut Caller, path: &str) -> (u64, String, Option<String>) {
    let reply = reader.get(&format!("/v1/resolve?path={path}")).await;
    if reply.status == 404 {
        return (404, String::new(), None);
    }
    let found = reply.expect(200).json();
    let slug = found["resource"]["slug"].as_str().map(str::to_owned);
    (found["status"].as_u64().unwrap(), found["path"].as_str().unwrap().to_owned(), slug)
}

fn at(status: u64, path: &str, slug: &str) -> (u64, String, Option<String>) {
    (status, path.to_owned(), Some(slug.to_owned()))
}

/// The codes of a refusal's faults.
fn codes(refusal: &Value) -> Vec<&str> {
    refusal["errors"].as_array().unwrap().iter().map(|error| error["code"].as_str().unwrap()).collect()
}

both! {
    async fn a_page_stands_at_its_slugs_apart_from_articles(app: App) {
        let (mut editor, mut reader) = (app.editor(), app.anyone());
        let (_, about) = page(&mut editor, "about", None).await;
        let (path, team) = page(&mut editor, "team", Some(&about)).await;
        let shown = reader.get("/v1/articles/team").await.expect(200).json();
        assert_eq!((&shown["kind"], &shown["parent_id"]), (&json!("page"), &json!(about)));
        assert_eq!(shown["url"], "http://cms.example.org/about/team");
        assert_eq!(resolved(&mut reader, "/about/team").await, at(200, "/about/team", "team"));
        assert_eq!(resolved(&mut reader, "/team").await, at(301, "/about/team", "team"));
        assert_eq!(resolved(&mut reader, "/nowhere/team").await.0, 404);
        let pages = reader.get("/v1/articles?kind=page&count=true").await.expect(200).json();
        assert_eq!(pages["page"]["total"], 2);
        assert_eq!(reader.get("/v1/articles?count=true").await.expect(200).json()["page"]["total"], 0);
        let listed = editor.get("/v1/admin/articles?kind=page").await.expect(200).json();
        assert_eq!(listed["data"].as_array().unwrap().len(), 2);
        assert_eq!(editor.get("/v1/admin/articles?kind=article").await.json()["data"], json!([]));
        assert_eq!(editor.get(&path).await.json()["parent_id"], json!(about));
        // A page that readers do not see is not told of.
        editor.act(&format!("/v1/admin/articles/{about}/unpublish")).await.expect(200);
        let shown = reader.get("/v1/articles/team").await.expect(200).json();
        assert_eq!((&shown["parent_id"], &shown["url"]), (&json!(null), &json!("http://cms.example.org/team")));
        assert_eq!(resolved(&mut reader, "/about/team").await, at(301, "/team", "team"));
        assert_eq!(editor.get(&path).await.json()["parent_id"], json!(about));
        assert_eq!(editor.get(&format!("/v1/admin/articles/{team}")).await.json()["kind"], "page");
    }

    async fn what_stands_below_follows_a_page_to_its_new_address_at_once(app: App) {
        let (mut editor, mut reader) = (app.editor(), app.anyone());
        let (about_path, about) = page(&mut editor, "about", None).await;
        let (_, team) = page(&mut editor, "team", Some(&about)).await;
        page(&mut editor, "board", Some(&team)).await;
        // Now all of it is cached.
        let url = |shown: Value| shown["url"].as_str().unwrap().to_owned();
        for _ in 0..2 {
            let shown = reader.get("/v1/articles/board").await.expect(200).json();
            assert_eq!(url(shown), "http://cms.example.org/about/team/board");
            assert_eq!(resolved(&mut reader, "/about/team/board").await.0, 200);
        }
        let token = token(&mut reader).await;
        editor.patch(&about_path, json!({"slug": "about-us"})).await.expect(200);
        assert_eq!(resolved(&mut reader, "/about/team/board").await.0, 200, "readers see it at the next publication");
        editor.act(&format!("{about_path}/publish")).await.expect(200);
        assert_eq!(url(reader.get("/v1/articles/board").await.expect(200).json()), "http://cms.example.org/about-us/team/board");
        for old in ["/about/team/board", "/board", "/about-us/board"] {
            assert_eq!(resolved(&mut reader, old).await, at(301, "/about-us/team/board", "board"), "{old}");
        }
        let changes = reader.get(&format!("/v1/changes?since={token}")).await.expect(200).json();
        let mut slugs: Vec<&str> =
            changes["data"].as_array().unwrap().iter().map(|change| change["slug"].as_str().unwrap()).collect();
        slugs.sort_unstable();
        assert_eq!(slugs, ["about-us", "board", "team"]);
        // The same when it moves, and when it goes.
        let (_, other) = page(&mut editor, "company", None).await;
        let team_path = format!("/v1/admin/articles/{team}");
        editor.get(&team_path).await.expect(200);
        editor.patch(&team_path, json!({"parent_id": other})).await.expect(200);
        editor.act(&format!("{team_path}/publish")).await.expect(200);
        assert_eq!(resolved(&mut reader, "/about/team/board").await, at(301, "/company/team/board", "board"));
        editor.delete(&team_path).await.expect(204);
        assert_eq!(resolved(&mut reader, "/company/team/board").await, at(301, "/board", "board"));
        assert_eq!(resolved(&mut reader, "/company/team").await.0, 410);
    }

    async fn no_page_stands_under_itself(app: App) {
        let mut editor = app.editor();
        let (first_path, first) = page(&mut editor, "first", None).await;
        let (second_path, second) = page(&mut editor, "second", Some(&first)).await;
        let (third_path, third) = page(&mut editor, "third", Some(&second)).await;
        for parent in [&first, &second, &third] {
            let refused = editor.patch(&first_path, json!({"parent_id": parent})).await.expect(409);
            assert_eq!(refused.code(), "page_cycle");
        }
        // What readers see counts too: they see the third below the second still.
        editor.patch(&third_path, json!({"parent_id": null})).await.expect(200);
        assert_eq!(editor.patch(&second_path, json!({"parent_id": third})).await.expect(409).code(), "page_cycle");
        editor.act(&format!("{third_path}/publish")).await.expect(200);
        editor.patch(&second_path, json!({"parent_id": third})).await.expect(200);
    }

    async fn what_cannot_be_a_parent_is_refused(app: App) {
        let mut editor = app.editor();
        let (path, about) = page(&mut editor, "about", None).await;
        let article = editor.post("/v1/admin/articles", json!({"title": "An article"})).await.expect(201);
        let under = |parent: &str| json!({"parent_id": parent});
        let refused = editor.patch(&path, under(&article.id())).await.expect(422).json();
        assert_eq!(codes(&refused), ["unknown_reference"]);
        let refused = editor.patch(&path, under("01936f5e-8c2a-7b3d-9e4f-5a6b7c8d9e0f")).await.expect(422).json();
        assert_eq!(codes(&refused), ["unknown_reference"]);
        let article_path = article.header("location").unwrap();
        let refused = editor.patch(&article_path, under(&about)).await.expect(422).json();
        assert_eq!(codes(&refused), ["not_a_page"]);
        let refused = editor.patch(&article_path, json!({"kind": "page"})).await.expect(422).json();
        assert_eq!(codes(&refused), ["fixed"]);
        let body = json!({"title": "Über uns", "locale": "de", "kind": "page", "translation_of": article.id()});
        editor.get("/v1/admin/site").await;
        editor.post("/v1/admin/articles", body).await.expect(422);
    }

    async fn pages_are_not_in_the_newsletter(app: App) {
        let mut editor = app.editor();
        let (_, id) = page(&mut editor, "imprint", None).await;
        assert_eq!(newsletter_holds(&app, &id), [false]);
        let article = editor.post("/v1/admin/articles", json!({"title": "News"})).await.expect(201).id();
        assert_eq!(newsletter_holds(&app, &article), [true]);
    }
}

fn newsletter_holds(app: &App, id: &str) -> Vec<bool> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Bool)]
        newsletter_eligible: bool,
    }
    let query = format!("SELECT newsletter_eligible FROM articles WHERE id = '{id}'");
    let read = |conn: &mut persistence::Conn| Ok(diesel::sql_query(query).load::<Row>(conn)?);
    app.data.db.read_blocking(read).unwrap().into_iter().map(|row| row.newsletter_eligible).collect()
}

async fn token(reader: &mut Caller) -> String {
    let mut page = reader.get("/v1/changes?limit=100").await.expect(200).json();
    while let Some(next) = page["page"]["next"].as_str() {
        page = reader.get(&format!("/v1/changes?cursor={next}")).await.expect(200).json();
    }
    page["token"].as_str().unwrap().to_owned()
}
