//! Comments through the API: readers leave them, moderators decide, and nobody sees an address.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};

use actix_web::http::Method;
use actix_web::test::TestRequest;
use domain::ids::CommentId;
use domain::permissions::Role;
use serde_json::{Value, json};

use crate::support::{App, Caller, Reply, both};

const ADDRESS: &str = "secret.ann@example.org";

/// A published article.
async fn article(app: &App, slug: &str) -> String {
    let mut editor = app.editor();
    let write = json!({"title": format!("About {slug}"), "slug": slug, "body": "Words."});
    let made = editor.post("/v1/admin/articles", write).await.expect(201);
    editor.act(&format!("/v1/admin/articles/{}/publish", made.id())).await.expect(200);
    made.id()
}

fn comment(body: &str) -> Value {
    json!({"author_name": "Ann", "author_email": ADDRESS, "body": body})
}

/// Sends a comment from an address of its own.
async fn send(app: &App, path: &str, body: &Value) -> Reply {
    static NEXT: AtomicU16 = AtomicU16::new(1);
    let [high, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let request = TestRequest::post()
        .uri(path)
        .peer_addr(SocketAddr::from(([198, 18, high, low], 9)))
        .insert_header(("content-type", "application/json"))
        .insert_header(("user-agent", "Test/1"))
        .set_payload(body.to_string());
    app.anyone().raw(request).await
}

/// Leaves a comment by a commenter of its own, and answers its id.
async fn leave(app: &App, slug: &str, parent: Option<&str>, body: &str) -> String {
    app.pass(2);
    let email = format!("{}@example.org", CommentId::new());
    let body = json!({"author_name": "Ann", "author_email": email, "body": body, "parent_id": parent});
    send(app, &format!("/v1/articles/{slug}/comments"), &body).await.expect(202).id()
}

async fn decide(by: &mut Caller, id: &str, to: &str) -> Reply {
    let path = format!("/v1/admin/comments/{id}");
    by.get(&path).await.expect(200);
    by.post(&format!("{path}/transitions"), json!({"to": to})).await
}

/// Leaves a comment and approves it.
async fn say(app: &App, slug: &str, parent: Option<&str>, body: &str) -> String {
    let id = leave(app, slug, parent, body).await;
    decide(&mut app.caller(Role::Moderator), &id, "approved").await.expect(200);
    id
}

async fn shown(app: &App, query: &str) -> Value {
    app.anyone().get(&format!("/v1/articles/talk/comments{query}")).await.expect(200).json()
}

fn bodies(list: &Value) -> Vec<String> {
    let data = list["data"].as_array().unwrap();
    data.iter().map(|comment| comment["body_text"].as_str().unwrap().to_owned()).collect()
}

/// Follows pages to their end.
async fn all(app: &App, first: &str) -> Vec<Value> {
    let (mut found, mut path) = (Vec::new(), first.to_owned());
    loop {
        let page = app.anyone().get(&path).await.expect(200);
        let body = page.json();
        found.extend(body["data"].as_array().unwrap().iter().cloned());
        let Some(next) = body["page"]["next"].as_str() else { return found };
        assert!(page.header("link").unwrap().contains("rel=\"next\""));
        path = format!("{first}&cursor={next}");
    }
}

both! {
    async fn a_comment_waits_and_is_public_once_approved(app: App) {
        let article = article(&app, "talk").await;
        let path = "/v1/articles/talk/comments";
        let mut write = comment("It took *two* years.\nAnd you?");
        write["author_url"] = "https://ann.example".into();
        let left = send(&app, path, &write).await.expect(202);
        let id = left.id();
        assert_eq!(left.json(), json!({
            "id": id, "status": "pending", "created_at": "2026-11-23T09:00:00Z",
            "message": "Your comment is awaiting moderation.",
        }));
        assert_eq!(left.header("access-control-allow-origin").as_deref(), Some("*"));
        assert_eq!(left.header("cache-control").as_deref(), Some("no-store"));
        assert_eq!(shown(&app, "").await["data"], json!([]));

        let mut moderator = app.caller(Role::Moderator);
        let done = decide(&mut moderator, &id, "approved").await.expect(200);
        assert_eq!(done.header("etag").as_deref(), Some("\"v2\""));
        assert_eq!(done.json()["state"], "approved");
        assert_eq!(done.json()["available_actions"], json!(["spam", "trash"]));

        let mut list = shown(&app, "").await;
        let seed = list["data"][0]["author"]["avatar_seed"].take();
        assert_eq!(seed.as_str().unwrap().len(), 22);
        assert_eq!(list, json!({"data": [{
            "id": id, "article": article, "parent_id": null, "depth": 0,
            "author": {"name": "Ann", "url": "https://ann.example/", "role": "guest", "avatar_seed": null},
            "body_html": "<p>It took <em>two</em> years.<br>\nAnd you?</p>\n",
            "body_text": "It took two years.\nAnd you?",
            "created_at": "2026-11-23T09:00:00Z", "edited_at": null, "reply_count": 0, "tombstone": false,
            "replies": [],
        }], "page": {"next": null}}));

        decide(&mut moderator, &id, "trash").await.expect(200);
        assert_eq!(shown(&app, "").await["data"], json!([]));
        decide(&mut moderator, &id, "restore").await.expect(200);
        assert_eq!(bodies(&shown(&app, "").await).len(), 1);
        let spam = decide(&mut moderator, &id, "spam").await.expect(200);
        assert_eq!(spam.json()["available_actions"], json!(["approved", "trash", "restore"]));
        assert_eq!(shown(&app, "").await["data"], json!([]));
        assert_eq!(app.changes(), [
            "upsert article", "upsert comment", "delete comment", "upsert comment", "delete comment",
        ]);
    }

    async fn a_public_answer_may_be_cached_and_is_revalidated(app: App) {
        let article = article(&app, "talk").await;
        say(&app, "talk", None, "First of all").await;
        let path = "/v1/articles/talk/comments";
        let list = app.anyone().get(path).await.expect(200);
        assert_eq!(list.header("cache-control").as_deref(), Some("public, max-age=30, stale-while-revalidate=300"));
        assert_eq!(list.header("surrogate-key"), Some(format!("comments:{article} article:{article} site")));
        assert_eq!(list.header("access-control-allow-origin").as_deref(), Some("*"));
        let etag = list.header("etag").unwrap();
        let known = [("if-none-match", etag.as_str())];
        assert!(app.anyone().send(Method::GET, path, None, &known).await.expect(304).body.is_empty());
        say(&app, "talk", None, "Second of all").await;
        app.anyone().send(Method::GET, path, None, &known).await.expect(200);
    }

    async fn only_what_is_public_has_comments(app: App) {
        let id = article(&app, "talk").await;
        let path = "/v1/articles/talk/comments";
        let not_found = |reply: Reply| assert_eq!(reply.expect(404).code(), "article_not_found");
        for unknown in ["/v1/articles/nothing/comments", "/v1/articles/talk/comments?locale=de"] {
            not_found(app.anyone().get(unknown).await);
            not_found(send(&app, unknown, &comment("Hello there")).await);
            // Before the faults of the comment itself.
            not_found(send(&app, unknown, &json!({})).await);
        }
        app.anyone().get("/v1/articles/talk/comments?locale=en").await.expect(200);
        app.anyone().get("/v1/articles/talk/comments?locale=*").await.expect(400);
        app.anyone().get("/v1/articles/a%00b/comments").await.expect(404);

        let mut editor = app.editor();
        let admin = format!("/v1/admin/articles/{id}");
        editor.get(&admin).await.expect(200);
        // Whoever still has the old address reaches the comments.
        editor.patch(&admin, json!({"slug": "speech"})).await.expect(200);
        editor.act(&format!("{admin}/publish")).await.expect(200);
        app.anyone().get("/v1/articles/speech/comments").await.expect(200);
        app.anyone().get(path).await.expect(200);
        send(&app, path, &comment("Sent to the old address")).await.expect(202);

        editor.patch(&admin, json!({"comments": "closed"})).await.expect(200);
        assert_eq!(send(&app, path, &comment("Hello there")).await.expect(409).code(), "comments_closed");
        assert_eq!(send(&app, path, &json!({})).await.expect(409).code(), "comments_closed");
        app.anyone().get(path).await.expect(200);

        editor.act(&format!("{admin}/unpublish")).await.expect(200);
        not_found(app.anyone().get(path).await);
        not_found(send(&app, path, &comment("Hello there")).await);
        editor.act(&format!("{admin}/publish")).await.expect(200);
        editor.delete(&admin).await.expect(204);
        app.pass(60 * 60);
        assert_eq!(app.anyone().get(path).await.expect(410).code(), "article_gone");
        assert_eq!(send(&app, path, &comment("Hello there")).await.expect(410).code(), "article_gone");
    }

    async fn every_fault_of_a_comment_is_named(app: App) {
        article(&app, "talk").await;
        let path = "/v1/articles/talk/comments";
        let faults = |reply: Reply| {
            let problem = reply.expect(422);
            assert_eq!(problem.code(), "invalid_field");
            let errors = problem.json()["errors"].clone();
            errors.as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(faults(send(&app, path, &json!({})).await), ["/author_name", "/author_email", "/body"]);
        let all = json!({
            "author_name": "\u{202e}nnA", "author_email": "ann", "author_url": "javascript:alert(1)", "body": "a",
        });
        assert_eq!(faults(send(&app, path, &all).await), ["/author_name", "/author_email", "/author_url", "/body"]);
        for (member, value) in [
            ("author_name", json!("a".repeat(81))),
            ("author_email", json!(format!("{}@example.org", "a".repeat(65)))),
            ("author_email", json!("a@example.org\r\nBcc: b@example.org")),
            ("author_url", json!(format!("https://example.org/{}", "a".repeat(200)))),
            ("body", json!("a".repeat(10_001))),
            ("body", json!("a\n".repeat(401))),
        ] {
            let mut write = comment("Hello there");
            write[member] = value;
            assert_eq!(faults(send(&app, path, &write).await), [format!("/{member}")]);
        }
    }

    async fn what_is_not_of_the_form_is_refused(app: App) {
        article(&app, "talk").await;
        let path = "/v1/articles/talk/comments";
        for (member, value) in [
            ("author_name", json!(7)),
            ("body", json!({"a": 1})),
            ("parent_id", json!("7")),
            ("notify_replies", json!("yes")),
            ("state", json!("approved")),
            ("author_role", json!("staff")),
            ("body", json!("a\u{0}b")),
        ] {
            let mut write = comment("Hello there");
            write[member] = value;
            let refused = send(&app, path, &write).await.expect(400);
            assert_eq!(refused.json()["errors"][0]["pointer"], format!("/{member}"));
        }
        let raw = |kind: &'static str, body: Vec<u8>| {
            let request = TestRequest::post().uri(path).insert_header(("content-type", kind)).set_payload(body);
            let anyone = app.anyone();
            async move { anyone.raw(request).await }
        };
        raw("application/json", b"{".to_vec()).await.expect(400);
        raw("application/json", b"[]".to_vec()).await.expect(400);
        raw("application/json", b"\xff\xfe".to_vec()).await.expect(400);
        raw("text/plain", b"{}".to_vec()).await.expect(415);
        raw("application/x-www-form-urlencoded", b"body=x".to_vec()).await.expect(415);
        let huge = comment(&"a".repeat(10 * 1024 * 1024)).to_string().into_bytes();
        assert_eq!(raw("application/json", huge).await.expect(413).code(), "body_too_large");
        let just_over = comment(&"a".repeat(32 * 1024)).to_string().into_bytes();
        raw("application/json", just_over).await.expect(413);
        let deep = format!("{{\"body\":{}{}}}", "[".repeat(9_000), "]".repeat(9_000)).into_bytes();
        raw("application/json", deep).await.expect(400);
        let long = format!("/v1/articles/{}/comments", "a".repeat(3_000));
        assert_eq!(send(&app, &long, &comment("Hello there")).await.expect(404).code(), "article_not_found");
    }

    async fn every_member_of_the_contract_is_taken(app: App) {
        article(&app, "talk").await;
        let write = json!({
            "author_name": "Ann", "author_email": ADDRESS, "author_url": "", "body": "Plain text", "parent_id": null,
            "notify_replies": true, "subscribe_weekly": false, "form_token": "x", "pow": "y", "nickname": "",
        });
        let id = send(&app, "/v1/articles/talk/comments", &write).await.expect(202).id();
        let kept = app.admin().get(&format!("/v1/admin/comments/{id}")).await.expect(200).json();
        assert_eq!((kept["notify_replies"].clone(), kept["subscribe_weekly"].clone()), (json!(true), json!(false)));
        assert_eq!(kept["hold_reasons"], json!(["pre_moderation"]));
    }

    async fn who_falls_into_the_trap_hears_nothing_of_it(app: App) {
        article(&app, "talk").await;
        let path = "/v1/articles/talk/comments";
        let honest = send(&app, path, &comment("Hello there")).await.expect(202);
        let mut write = comment("Buy this now");
        write["nickname"] = "Ann".into();
        let trapped = send(&app, path, &write).await.expect(202);
        let without_id = |reply: &Reply| {
            let mut body = reply.json();
            assert_eq!(body["id"].take().as_str().unwrap().len(), 36);
            body
        };
        assert_eq!(without_id(&honest), without_id(&trapped));
        let names = |reply: &Reply| {
            let mut names: Vec<_> = reply.headers.keys().map(ToString::to_string).collect();
            names.sort();
            names
        };
        assert_eq!(names(&honest), names(&trapped));
        // And the second time as well.
        assert_eq!(send(&app, path, &comment("Hello there")).await.expect(409).code(), "duplicate_comment");
        assert_eq!(send(&app, path, &write).await.expect(409).code(), "duplicate_comment");
        let spam = app.caller(Role::Moderator).get("/v1/admin/comments?status=spam&hold_reason=honeypot").await.expect(200);
        assert_eq!(bodies(&spam.json()), ["Buy this now"]);
    }

    async fn the_same_comment_is_taken_once_a_day_and_from_another_held(app: App) {
        article(&app, "talk").await;
        let path = "/v1/articles/talk/comments";
        send(&app, path, &comment("Thank you, all!")).await.expect(202);
        let again = send(&app, path, &comment(" thank  YOU,\nall! ")).await.expect(409);
        assert_eq!(again.code(), "duplicate_comment");
        let mut other = comment("Thank you, all!");
        other["author_email"] = "bob@example.org".into();
        let id = send(&app, path, &other).await.expect(202).id();
        let kept = app.admin().get(&format!("/v1/admin/comments/{id}")).await.expect(200).json();
        assert_eq!(kept["hold_reasons"], json!(["duplicate_text", "pre_moderation"]));
        assert_eq!(kept["trace"][1], json!({"step": "duplicates", "outcome": "hold", "reasons": ["duplicate_text"]}));
        app.pass(24 * 60 * 60);
        send(&app, path, &comment("Thank you, all!")).await.expect(202);
        app.pass(8 * 24 * 60 * 60);
        let mut third = comment("Thank you, all!");
        third["author_email"] = "carol@example.org".into();
        let id = send(&app, path, &third).await.expect(202).id();
        let kept = app.admin().get(&format!("/v1/admin/comments/{id}")).await.expect(200).json();
        assert_eq!(kept["hold_reasons"], json!(["pre_moderation"]));
    }

    async fn of_the_same_comment_sent_at_once_one_is_taken(app: App) {
        article(&app, "talk").await;
        let write = comment("Double click");
        let sent = (0..8).map(|_| send(&app, "/v1/articles/talk/comments", &write));
        let mut statuses: Vec<u16> = join_all(sent).await.iter().map(|reply| reply.status).collect();
        statuses.sort_unstable();
        // The limit per email is five an hour.
        assert_eq!(statuses, [202, 409, 409, 409, 409, 429, 429, 429]);
    }

    async fn the_same_key_gives_the_same_answer(app: App) {
        article(&app, "talk").await;
        let request = |body: &str| {
            TestRequest::post()
                .uri("/v1/articles/talk/comments")
                .insert_header(("content-type", "application/json"))
                .insert_header(("idempotency-key", "\"one\""))
                .set_payload(comment(body).to_string())
        };
        let first = app.anyone().raw(request("Only once")).await.expect(202);
        let again = app.anyone().raw(request("Only once")).await.expect(202);
        assert_eq!(first.body, again.body);
        let other = app.anyone().raw(request("Something else")).await.expect(422);
        assert_eq!(other.json()["errors"][0]["code"], "idempotency_key_reused");
    }

    async fn a_flood_is_told_to_wait(app: App) {
        article(&app, "talk").await;
        let from = |address: [u8; 4], number: u32| {
            let email = format!("ann{number}@example.org");
            let body = json!({"author_name": "Ann", "author_email": email, "body": format!("Number {number}")});
            TestRequest::post()
                .uri("/v1/articles/talk/comments")
                .peer_addr(SocketAddr::from((address, 9)))
                .insert_header(("content-type", "application/json"))
                .set_payload(body.to_string())
        };
        for number in 0..3 {
            app.anyone().raw(from([192, 0, 2, 1], number)).await.expect(202);
        }
        let refused = app.anyone().raw(from([192, 0, 2, 1], 3)).await.expect(429);
        assert_eq!(refused.code(), "too_many_requests");
        assert_eq!(refused.header("retry-after").as_deref(), Some("15"));
        app.anyone().raw(from([192, 0, 2, 2], 3)).await.expect(202);
        app.pass(15);
        app.anyone().raw(from([192, 0, 2, 1], 4)).await.expect(202);
        // An article takes thirty a minute, from however many.
        app.pass(3600);
        for number in 10..40 {
            app.anyone().raw(from([192, 0, 3, u8::try_from(number).unwrap()], number)).await.expect(202);
        }
        app.anyone().raw(from([192, 0, 3, 99], 99)).await.expect(429);
    }

    async fn what_is_limited_per_hour_is_counted_on_every_node(app: App) {
        article(&app, "talk").await;
        let path = "/v1/articles/talk/comments";
        for number in 0..5 {
            send(&app, path, &comment(&format!("Number {number}"))).await.expect(202);
        }
        // Another node, or this one after a restart: it remembers nobody.
        let other = app.node(|_| {}).await;
        let refused = send(&other, path, &comment("Number 5")).await.expect(429);
        let wait: i64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=3_600).contains(&wait), "{wait}");
        app.pass(wait);
        send(&other, path, &comment("Number 5")).await.expect(202);
    }

    async fn an_article_brings_its_first_comments(app: App) {
        article(&app, "talk").await;
        let first = say(&app, "talk", None, "Number 0").await;
        say(&app, "talk", Some(&first), "A reply").await;
        for number in 1..22 {
            say(&app, "talk", None, &format!("Number {number}")).await;
        }
        leave(&app, "talk", None, "Nobody has read it yet").await;
        let whole = app.anyone().get("/v1/articles/talk?include=comments").await.expect(200).json();
        let listed = shown(&app, "").await;
        assert_eq!(whole["comments"], listed);
        assert_eq!(listed["data"].as_array().unwrap().len(), 20);
        let next = whole["comments"]["page"]["next"].as_str().unwrap();
        assert_eq!(bodies(&shown(&app, &format!("?cursor={next}")).await), ["Number 20", "Number 21"]);
        let some = app.anyone().get("/v1/articles/talk?include=comments&fields=slug").await.expect(200).json();
        assert_eq!(some.as_object().unwrap().keys().collect::<Vec<_>>(), ["slug", "comments"]);
    }

    async fn replies_stand_under_what_is_shown_and_not_too_deep(app: App) {
        article(&app, "talk").await;
        article(&app, "other").await;
        let mut parent = say(&app, "talk", None, "Level 0").await;
        let mut ids = vec![parent.clone()];
        for level in 1..=6 {
            parent = say(&app, "talk", Some(&parent), &format!("Level {level}")).await;
            ids.push(parent.clone());
        }
        let flat = shown(&app, "?view=flat").await;
        let places: Vec<_> = flat["data"].as_array().unwrap().iter()
            .map(|comment| (comment["depth"].as_i64().unwrap(), comment["parent_id"].as_str().map(str::to_owned))).collect();
        let depths: Vec<_> = places.iter().map(|(depth, _)| *depth).collect();
        assert_eq!(depths, [0, 1, 2, 3, 4, 4, 4]);
        assert!(places[4..].iter().all(|(_, parent)| parent.as_ref() == Some(&ids[3])));
        let tree = shown(&app, "").await;
        let fourth = &tree["data"][0]["replies"][0]["replies"][0]["replies"][0]["replies"];
        assert_eq!(fourth.as_array().unwrap().len(), 3);
        assert_eq!(tree["data"][0]["replies"][0]["replies"][0]["replies"][0]["reply_count"], 3);
        assert_eq!(flat["data"][3]["reply_count"], 3);
        assert!(flat["data"][0].get("replies").is_none());

        let waiting = leave(&app, "talk", None, "Not shown yet").await;
        let unknown = CommentId::new().to_string();
        for (slug, parent) in [("other", &ids[0]), ("talk", &waiting), ("talk", &unknown)] {
            let mut write = comment("A reply");
            write["parent_id"] = json!(parent);
            let refused = send(&app, &format!("/v1/articles/{slug}/comments"), &write).await.expect(422);
            assert_eq!(refused.code(), "parent_not_available");
            assert_eq!(refused.json()["errors"][0]["pointer"], "/parent_id");
        }
    }

    async fn a_tombstone_keeps_the_place_of_what_has_replies(app: App) {
        article(&app, "talk").await;
        let mut moderator = app.caller(Role::Moderator);
        let top = say(&app, "talk", None, "Top").await;
        let middle = say(&app, "talk", Some(&top), "Middle").await;
        let leaf = say(&app, "talk", Some(&middle), "Leaf").await;
        decide(&mut moderator, &middle, "spam").await.expect(200);
        decide(&mut moderator, &top, "trash").await.expect(200);
        let tree = shown(&app, "?count=true").await;
        assert_eq!(tree["page"]["total"], 1);
        let stone = &tree["data"][0];
        assert_eq!((&stone["id"], &stone["tombstone"]), (&json!(top), &json!(true)));
        assert_eq!(stone["author"], json!({"name": "", "url": null, "role": "guest", "avatar_seed": ""}));
        assert_eq!((&stone["body_html"], &stone["body_text"]), (&json!(""), &json!("")));
        assert_eq!(stone["replies"][0]["tombstone"], true);
        assert_eq!(stone["replies"][0]["replies"][0]["id"], json!(leaf));
        // Nobody replies to what is not there.
        let mut write = comment("A reply");
        write["parent_id"] = json!(middle);
        send(&app, "/v1/articles/talk/comments", &write).await.expect(422);
        // With the last reply, the tombstones above it go.
        decide(&mut moderator, &leaf, "trash").await.expect(200);
        assert_eq!(shown(&app, "?view=flat").await["data"], json!([]));
        // And a reply that comes back brings them again.
        decide(&mut moderator, &leaf, "restore").await.expect(200);
        let flat = shown(&app, "?view=flat&count=true").await;
        assert_eq!(bodies(&flat), ["", "", "Leaf"]);
        assert_eq!(flat["page"]["total"], 3);
        decide(&mut moderator, &top, "restore").await.expect(200);
        assert_eq!(bodies(&shown(&app, "?view=flat").await), ["Top", "", "Leaf"]);
    }

    async fn pages_of_a_tree_and_of_a_line_hold_everything_once(app: App) {
        article(&app, "talk").await;
        let mut ids = Vec::new();
        for number in 0..40 {
            ids.push(leave(&app, "talk", None, &format!("Root {number}")).await);
        }
        approve_all(&app).await;
        for number in 0..15 {
            leave(&app, "talk", Some(&ids[number * 2]), &format!("Reply {number}")).await;
        }
        approve_all(&app).await;
        let roots = all(&app, "/v1/articles/talk/comments?limit=7").await;
        let found: Vec<_> = roots.iter().map(|root| root["id"].as_str().unwrap()).collect();
        assert_eq!(found, ids);
        assert_eq!(roots.iter().map(|root| root["replies"].as_array().unwrap().len()).sum::<usize>(), 15);
        let newest = all(&app, "/v1/articles/talk/comments?limit=9&order=newest").await;
        assert!(newest.iter().rev().map(|root| root["id"].as_str().unwrap()).eq(ids.iter().map(String::as_str)));
        let flat = all(&app, "/v1/articles/talk/comments?view=flat&limit=10").await;
        let texts: Vec<_> = flat.iter().map(|comment| comment["body_text"].as_str().unwrap().to_owned()).collect();
        let expected = (0..40).map(|number| format!("Root {number}")).chain((0..15).map(|number| format!("Reply {number}")));
        assert!(texts.iter().cloned().eq(expected));
        let total = |query: &'static str| { let app = &app; async move { shown(app, query).await["page"]["total"].clone() } };
        assert_eq!(total("?count=true&limit=1").await, 40);
        assert_eq!(total("?count=true&limit=1&view=flat").await, 55);

        let first = shown(&app, "?limit=7").await;
        let cursor = first["page"]["next"].as_str().unwrap();
        for wrong in ["?limit=0", "?limit=101", "?view=thread", "?order=best", "?sort=oldest", "?cursor=x"] {
            app.anyone().get(&format!("/v1/articles/talk/comments{wrong}")).await.expect(400);
        }
        app.anyone().get(&format!("/v1/articles/talk/comments?view=flat&cursor={cursor}")).await.expect(400);
    }

    async fn hostile_text_is_shown_or_refused_but_never_obeyed(app: App) {
        article(&app, "talk").await;
        let corpus = include_str!("../crates/domain/src/text/xss_corpus.txt");
        let attacks: Vec<String> = corpus.lines().filter(|line| line.starts_with('"'))
            .step_by(9).map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(attacks.len() > 10);
        for attack in &attacks {
            app.pass(3);
            let email = format!("{}@example.org", CommentId::new());
            for write in [
                json!({"author_name": "Ann", "author_email": email, "body": attack}),
                json!({"author_name": attack, "author_email": email, "body": format!("On names: {attack}")}),
                json!({"author_name": "Ann", "author_email": email, "author_url": attack, "body": format!("On links: {attack}")}),
            ] {
                let reply = send(&app, "/v1/articles/talk/comments", &write).await;
                assert!(matches!(reply.status, 202 | 422), "{} {write}", reply.status);
            }
        }
        approve_all(&app).await;
        for comment in all(&app, "/v1/articles/talk/comments?view=flat&limit=100").await {
            let html = comment["body_html"].as_str().unwrap().to_ascii_lowercase();
            for tag in html.split('<').skip(1) {
                let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
                let allowed = ["p", "br", "em", "strong", "code", "pre", "blockquote", "ul", "ol", "li", "a", "del", "hr"];
                assert!(allowed.contains(&name.as_str()), "<{tag}");
                let attributes = tag.split('>').next().unwrap();
                assert!(!attributes.contains("on") || name == "a" || name == "strong", "<{attributes}");
                assert!(name != "a" || attributes.starts_with('/') || attributes.is_empty()
                    || attributes == "a" || attributes.starts_with("a href=\"http"), "<{attributes}");
            }
            if let Some(url) = comment["author"]["url"].as_str() {
                assert!(url.starts_with("http://") || url.starts_with("https://"), "{url}");
            }
        }
    }

    async fn no_public_answer_holds_an_address(app: App) {
        article(&app, "talk").await;
        let write = comment("Write to me");
        let left = send(&app, "/v1/articles/talk/comments", &write).await.expect(202);
        decide(&mut app.caller(Role::Moderator), &left.id(), "approved").await.expect(200);
        let twice = send(&app, "/v1/articles/talk/comments", &write).await.expect(409);
        let mut answers = vec![left, twice];
        for query in ["", "?view=flat", "?order=newest&count=true", "?locale=en"] {
            answers.push(app.anyone().get(&format!("/v1/articles/talk/comments{query}")).await.expect(200));
        }
        for answer in answers {
            let (text, headers) = (answer.text().to_lowercase(), format!("{:?}", answer.headers).to_lowercase());
            for secret in ["secret.ann", "@", "198.18", "test/1"] {
                assert!(!text.contains(secret) && !headers.contains(secret), "{secret} in {text} {headers}");
            }
        }
    }

    async fn a_moderator_sees_why_but_not_the_address(app: App) {
        article(&app, "talk").await;
        let top = say(&app, "talk", None, "Top").await;
        let mut write = comment("SEE HTTPS://A.EXAMPLE/ AND https://b.example/");
        write["parent_id"] = json!(top);
        let id = send(&app, "/v1/articles/talk/comments", &write).await.expect(202).id();
        let path = format!("/v1/admin/comments/{id}");
        let seen = app.caller(Role::Moderator).get(&path).await.expect(200);
        assert_eq!(seen.header("etag").as_deref(), Some("\"v1\""));
        assert_eq!(seen.header("cache-control").as_deref(), Some("no-store"));
        let kept = seen.json();
        assert_eq!(kept["author"]["email"], "s***@e***.org");
        assert_eq!(kept["article_slug"], "talk");
        assert_eq!(kept["article_title"], "About talk");
        assert_eq!(kept["parent"]["id"], json!(top));
        assert_eq!(kept["hold_reasons"], json!(["links", "capitals", "pre_moderation"]));
        assert_eq!(kept["source"], "SEE HTTPS://A.EXAMPLE/ AND https://b.example/");
        assert!(kept["ip_prefix"].as_str().unwrap().ends_with(".0/24"));
        assert_eq!(kept["user_agent"], "Test/1");
        assert_eq!(kept["available_actions"], json!(["approved", "rejected", "spam", "trash"]));
        assert_eq!(kept["history"][0]["to"], "pending");
        assert_eq!(app.editor().get(&path).await.expect(200).json()["author"]["email"], "s***@e***.org");
        assert_eq!(app.admin().get(&path).await.expect(200).json()["author"]["email"], ADDRESS);
        assert_eq!(app.admin().get("/v1/admin/comments").await.expect(200).json()["data"][0]["author"]["email"], ADDRESS);
        assert!(!app.editor().get("/v1/admin/comments").await.expect(200).text().contains("secret.ann"));
    }

    async fn only_those_who_moderate_reach_the_queue(app: App) {
        article(&app, "talk").await;
        let id = leave(&app, "talk", None, "Hello there").await;
        let one = format!("/v1/admin/comments/{id}");
        let reads = ["/v1/admin/comments".to_owned(), one.clone(), format!("{one}/events")];
        let bulk = json!({"items": [{"id": id, "version": 1}], "to": "approved"});
        let writes = [(format!("{one}/transitions"), json!({"to": "approved"})), ("/v1/admin/comments/bulk".into(), bulk)];
        for (mut caller, status) in
            [(app.anyone(), 401), (app.caller(Role::Author), 403), (app.caller(Role::Contributor), 403)]
        {
            for path in &reads {
                caller.get(path).await.expect(status);
            }
            for (path, body) in &writes {
                caller.pretend(path, "\"v1\"");
                caller.post(path, body.clone()).await.expect(status);
            }
        }
        for role in [Role::Admin, Role::Editor, Role::Moderator] {
            for path in &reads {
                app.caller(role).get(path).await.expect(200);
            }
        }
        assert_eq!(app.admin().get(&one).await.json()["state"], "pending");
    }

    async fn the_queue_is_filtered_sorted_and_paged(app: App) {
        let first = article(&app, "talk").await;
        article(&app, "other").await;
        for number in 0..5 {
            leave(&app, "talk", None, &format!("Waiting {number}, 100% sure")).await;
        }
        let later = app.now();
        leave(&app, "other", None, "https://junk.example/").await;
        let gone = leave(&app, "other", None, "Rejected one").await;
        let mut moderator = app.caller(Role::Moderator);
        decide(&mut moderator, &gone, "rejected").await.expect(200);
        let mut queue = async |query: &str| moderator.get(&format!("/v1/admin/comments{query}")).await.expect(200).json();
        let page = queue("?limit=4").await;
        assert_eq!(page["counts"], json!({"pending": 6, "approved": 0, "rejected": 1, "spam": 0, "trash": 0}));
        let next = page["page"]["next"].as_str().unwrap().to_owned();
        let rest = queue(&format!("?limit=4&cursor={next}")).await;
        assert_eq!([bodies(&page), bodies(&rest)].concat(), bodies(&queue("").await));
        assert_eq!(rest["page"]["next"], Value::Null);
        let mut newest = bodies(&queue("?sort=newest").await);
        newest.reverse();
        assert_eq!(newest, bodies(&queue("?sort=oldest").await));
        assert_eq!(bodies(&queue("?status=rejected").await), ["Rejected one"]);
        assert_eq!(bodies(&queue("?hold_reason=body_is_url").await), ["https://junk.example/"]);
        assert_eq!(bodies(&queue("?article=other").await), ["https://junk.example/"]);
        assert_eq!(bodies(&queue(&format!("?article={first}")).await).len(), 5);
        assert_eq!(bodies(&queue("?article=nothing").await).len(), 0);
        assert_eq!(bodies(&queue("?category=nothing").await).len(), 0);
        app.execute("INSERT INTO categories (id, slug, path, depth, position, name, version, created_at, updated_at)
            VALUES ('c', 'firms', 'business/firms', 1, 0, 'Firms', 1, 0, 0)");
        app.execute("INSERT INTO published_in
            (scope, scope_id, article_id, revision, kind, locale, visible_from, visible_until, published_at)
            SELECT 'subtree', 'c', article_id, revision, kind, locale, visible_from, visible_until, published_at
            FROM published_articles WHERE slug = 'other'");
        for category in ["firms", "business/firms"] {
            assert_eq!(bodies(&queue(&format!("?category={category}")).await), ["https://junk.example/"]);
        }
        assert_eq!(bodies(&queue("?q=WAITING%203").await), ["Waiting 3, 100% sure"]);
        assert_eq!(bodies(&queue("?q=ann").await).len(), 6);
        assert_eq!(bodies(&queue("?q=100%25").await).len(), 5);
        assert_eq!(bodies(&queue("?q=1%25sure").await).len(), 0);
        assert_eq!(bodies(&queue("?q=_aiting").await).len(), 0);
        // An address is not searched for, nor guessed by what is found.
        assert_eq!(bodies(&queue("?q=example.org").await).len(), 0);
        assert_eq!(bodies(&queue(&format!("?since={}", later.plus_seconds(1))).await), ["https://junk.example/"]);
        for wrong in ["status=all", "hold_reason=x", "sort=risk", "since=yesterday", "email=a", &format!("q={}", "a".repeat(201))] {
            moderator.get(&format!("/v1/admin/comments?{wrong}")).await.expect(400);
        }
        moderator.get(&format!("/v1/admin/comments?status=spam&cursor={next}")).await.expect(400);
    }

    async fn a_decision_names_the_version_it_was_made_on(app: App) {
        article(&app, "talk").await;
        let id = leave(&app, "talk", None, "Hello there").await;
        let (path, transitions) = (format!("/v1/admin/comments/{id}"), format!("/v1/admin/comments/{id}/transitions"));
        let mut moderator = app.caller(Role::Moderator);
        assert_eq!(moderator.post(&transitions, json!({"to": "approved"})).await.expect(428).code(), "precondition_required");
        let mut editor = app.editor();
        editor.get(&path).await.expect(200);
        editor.post(&transitions, json!({"to": "rejected", "reason_code": "off_topic", "note": "Not here"})).await.expect(200);
        moderator.pretend(&path, "\"v1\"");
        let stale = moderator.post(&transitions, json!({"to": "approved"})).await.expect(412);
        assert_eq!(stale.code(), "stale_version");
        let current = &stale.json()["current"];
        assert_eq!((&current["version"], &current["state"]), (&json!(2), &json!("rejected")));
        assert_eq!(current["changed_by"], "A test editor");
        // The version before the state, the state before the faults of the decision.
        moderator.post(&transitions, json!({"to": "nowhere"})).await.expect(412);
        moderator.get(&path).await.expect(200);
        let long = json!({"to": "approved", "note": "a".repeat(501)});
        assert_eq!(moderator.post(&transitions, long).await.expect(409).code(), "illegal_transition");
        let wrong = json!({"to": "nowhere", "note": "a".repeat(501), "reason_code": "No!"});
        let faults = moderator.post(&transitions, wrong).await.expect(422).json();
        assert_eq!(faults["errors"].as_array().unwrap().len(), 3);
        moderator.post(&transitions, json!({"too": "trash"})).await.expect(400);
        moderator.post(&transitions, json!({"to": 1})).await.expect(400);
        let nobody = format!("/v1/admin/comments/{}/transitions", CommentId::new());
        moderator.post(&nobody, json!({"to": "approved"})).await.expect(404);
        moderator.post("/v1/admin/comments/x/transitions", json!({"to": "approved"})).await.expect(404);
    }

    async fn every_decision_is_in_the_history(app: App) {
        article(&app, "talk").await;
        let id = leave(&app, "talk", None, "Hello there").await;
        let mut moderator = app.caller(Role::Moderator);
        decide(&mut moderator, &id, "rejected").await.expect(200);
        decide(&mut moderator, &id, "trash").await.expect(200);
        assert_eq!(decide(&mut moderator, &id, "restore").await.expect(200).json()["state"], "rejected");
        let last = decide(&mut moderator, &id, "restore").await.expect(200);
        assert_eq!(last.json()["state"], "pending");
        let transitions = format!("/v1/admin/comments/{id}/transitions");
        moderator.post(&transitions, json!({"to": "spam", "reason_code": "ads", "note": "Sells shoes"})).await.expect(200);
        let events = format!("/v1/admin/comments/{id}/events");
        let page = moderator.get(&format!("{events}?limit=4")).await.expect(200).json();
        let next = page["page"]["next"].as_str().unwrap();
        let rest = moderator.get(&format!("{events}?limit=4&cursor={next}")).await.expect(200).json();
        let mut all = page["data"].as_array().unwrap().clone();
        all.extend(rest["data"].as_array().unwrap().iter().cloned());
        let steps: Vec<_> = all.iter().map(|event| (event["from"].as_str(), event["to"].as_str().unwrap())).collect();
        assert_eq!(steps, [
            (None, "pending"), (Some("pending"), "rejected"), (Some("rejected"), "trash"), (Some("trash"), "rejected"),
            (Some("rejected"), "pending"), (Some("pending"), "spam"),
        ]);
        assert_eq!(all[0]["actor"], json!({"id": null, "name": "system"}));
        let user = moderator.user.unwrap();
        assert_eq!(all[5]["actor"], json!({"id": user, "name": "A test moderator"}));
        assert_eq!((&all[5]["reason_code"], &all[5]["note"]), (&json!("ads"), &json!("Sells shoes")));
        let history = moderator.get(&format!("/v1/admin/comments/{id}")).await.expect(200).json()["history"].clone();
        assert_eq!(history, json!(all));
    }

    async fn of_many_moderators_one_decides(app: App) {
        article(&app, "talk").await;
        let id = leave(&app, "talk", None, "Hello there").await;
        let path = format!("/v1/admin/comments/{id}");
        let mut callers: Vec<Caller> = (0..8).map(|_| app.caller(Role::Moderator)).collect();
        for caller in &mut callers {
            caller.pretend(&path, "\"v1\"");
        }
        let targets = ["approved", "rejected", "spam", "trash"].into_iter().cycle();
        let decisions = callers.iter_mut().zip(targets).map(|(caller, to)| {
            let path = format!("{path}/transitions");
            async move { caller.post(&path, json!({"to": to})).await }
        });
        let mut statuses: Vec<u16> = join_all(decisions).await.iter().map(|reply| reply.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412]);
        let kept = app.admin().get(&path).await.json();
        assert_eq!((&kept["version"], kept["history"].as_array().unwrap().len()), (&json!(2), 2));
        let public = shown(&app, "").await["data"].as_array().unwrap().len();
        assert_eq!(public, usize::from(kept["state"] == "approved"));
    }

    async fn a_thread_stays_whole_while_many_decide_about_it(app: App) {
        article(&app, "talk").await;
        let top = say(&app, "talk", None, "Top").await;
        let mut replies = Vec::new();
        for number in 0..4 {
            replies.push(leave(&app, "talk", Some(&top), &format!("Reply {number}")).await);
        }
        let mut callers: Vec<Caller> = (0..5).map(|_| app.caller(Role::Moderator)).collect();
        let orders = std::iter::once((&top, "trash")).chain(replies.iter().map(|reply| (reply, "approved")));
        let decisions = callers.iter_mut().zip(orders).map(|(caller, (id, to))| decide(caller, id, to));
        assert!(join_all(decisions).await.iter().all(|reply| reply.status == 200));
        let tree = shown(&app, "").await;
        assert_eq!(tree["data"][0]["tombstone"], true);
        assert_eq!(tree["data"][0]["reply_count"], 4);
    }

    async fn many_are_decided_at_once_and_stale_ones_reported(app: App) {
        article(&app, "talk").await;
        let mut ids = Vec::new();
        for number in 0..4 {
            ids.push(leave(&app, "talk", None, &format!("Comment {number}")).await);
        }
        let mut moderator = app.caller(Role::Moderator);
        decide(&mut moderator, &ids[1], "rejected").await.expect(200);
        decide(&mut moderator, &ids[2], "trash").await.expect(200);
        let unknown = CommentId::new().to_string();
        let items = json!([
            {"id": ids[0], "version": 1}, {"id": ids[1], "version": 1}, {"id": ids[2], "version": 2},
            {"id": unknown, "version": 1}, {"id": ids[3], "version": 1}, {"id": ids[3], "version": 1},
        ]);
        let body = json!({"items": items, "to": "approved", "reason_code": "fine"});
        let key = [("idempotency-key", "bulk-1")];
        let path = "/v1/admin/comments/bulk";
        let done = moderator.send(Method::POST, path, Some(body.clone()), &key).await.expect(200);
        let results = done.json()["data"].clone();
        let statuses: Vec<_> = results.as_array().unwrap().iter().map(|result| result["status"].as_u64().unwrap()).collect();
        assert_eq!(statuses, [200, 412, 409, 404, 200, 412]);
        assert_eq!(results[0], json!({
            "id": ids[0], "status": 200, "code": null, "version": 2, "state": "approved", "changed_by": "A test moderator",
        }));
        assert_eq!(results[1]["code"], "stale_version");
        assert_eq!(results[1]["state"], "rejected");
        assert_eq!(results[2]["code"], "illegal_transition");
        assert_eq!(bodies(&shown(&app, "").await), ["Comment 0", "Comment 3"]);
        let again = moderator.send(Method::POST, path, Some(body), &key).await.expect(200);
        assert_eq!(again.body, done.body);

        let many: Vec<_> = (0..201).map(|_| json!({"id": unknown, "version": 1})).collect();
        let refused = moderator.post(path, json!({"items": many, "to": "approved"})).await.expect(422).json();
        assert_eq!(refused["errors"][0], json!({"pointer": "/items", "code": "too_many", "detail": "Name at most 200 comments."}));
        let refused = moderator.post(path, json!({"items": [{"id": unknown}, {"version": 1}], "to": "x"})).await.expect(422).json();
        let places: Vec<_> = refused["errors"].as_array().unwrap().iter().map(|error| error["pointer"].clone()).collect();
        assert_eq!(places, ["/items/0/version", "/items/1/id", "/to"]);
        moderator.post(path, json!({"items": [], "to": "approved"})).await.expect(422);
        moderator.post(path, json!({"items": [{"id": "x", "version": 1}], "to": "approved"})).await.expect(400);
        moderator.post(path, json!({"items": [{"id": unknown, "version": -1}], "to": "approved"})).await.expect(400);
    }

    async fn bulk_decisions_in_any_order_do_not_block_each_other(app: App) {
        article(&app, "talk").await;
        let mut items = Vec::new();
        for number in 0..6 {
            items.push(json!({"id": leave(&app, "talk", None, &format!("Comment {number}")).await, "version": 1}));
        }
        let mut callers: Vec<Caller> = (0..4).map(|_| app.caller(Role::Moderator)).collect();
        let decisions = callers.iter_mut().enumerate().map(|(number, caller)| {
            let mut items = items.clone();
            if number % 2 == 0 { items.reverse(); }
            async move { caller.post("/v1/admin/comments/bulk", json!({"items": items, "to": "approved"})).await }
        });
        let replies = join_all(decisions).await;
        let done = replies.iter().flat_map(|reply| reply.clone().expect(200).json()["data"].as_array().unwrap().clone())
            .filter(|result| result["status"] == 200).count();
        assert_eq!(done, 6);
        assert_eq!(bodies(&shown(&app, "").await).len(), 6);
    }
}

/// Approves everything that waits, a hundred at a time.
async fn approve_all(app: &App) {
    let mut moderator = app.caller(Role::Moderator);
    loop {
        let waiting = moderator.get("/v1/admin/comments?limit=100").await.expect(200).json();
        let items: Vec<_> = waiting["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|comment| json!({"id": comment["id"], "version": comment["version"]}))
            .collect();
        if items.is_empty() {
            return;
        }
        let body = json!({"items": items, "to": "approved"});
        moderator.post("/v1/admin/comments/bulk", body).await.expect(200);
    }
}

/// Lets all of them run at once.
async fn join_all<T: 'static>(futures: impl IntoIterator<Item: Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.into_iter().map(|future| Ok(Box::pin(future))).collect();
    std::future::poll_fn(move |context| {
        for slot in &mut futures {
            if let Ok(future) = slot
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *slot = Err(Some(value));
            }
        }
        if futures.iter().any(Result::is_ok) {
            return std::task::Poll::Pending;
        }
        std::task::Poll::Ready(futures.iter_mut().filter_map(|slot| slot.as_mut().err()?.take()).collect())
    })
    .await
}
