//! Signing in, staying signed in, and signing out.

use std::future::Future;

use actix_web::http::Method;
use domain::accounts::Profile;
use domain::passwords::Password;
use domain::permissions::Role;
use domain::text::{Email, Line};
use serde_json::{Value, json};

use crate::support::{App, Caller, Engine, Reply, both};

const PASSWORD: &str = "seven quiet herons by the weir";

/// Adds a user with [`PASSWORD`].
fn user(app: &App, email: &str, role: Role) -> String {
    let hash = Password::attempt(&PASSWORD.into()).unwrap().hash().unwrap();
    user_with_hash(app, email, role, &hash)
}

fn user_with_hash(app: &App, email: &str, role: Role, hash: &str) -> String {
    let email = Email::parse(email).unwrap();
    let profile = Profile { email, name: Line::parse("Ann Lee").unwrap(), role, disabled: false };
    let (by, now) = (domain::Actor::system(), app.now());
    let add = |conn: &mut persistence::Conn| persistence::users::add(conn, &by, &profile, hash, now);
    app.data.db.write_blocking(add).unwrap().id.to_string()
}

fn login(app: &App, email: &str, password: &str) -> impl Future<Output = Reply> + use<> {
    post(app, "/v1/auth/login", json!({"email": email, "password": password}))
}

fn refresh(app: &App, token: &Value) -> impl Future<Output = Reply> + use<> {
    post(app, "/v1/auth/refresh", json!({"refresh_token": token}))
}

fn post(app: &App, path: &'static str, body: Value) -> impl Future<Output = Reply> + use<> {
    let mut anyone = app.anyone();
    async move { anyone.post(path, body).await }
}

/// Sends all of these requests at once.
async fn at_once<R: Future<Output = Reply> + 'static>(requests: impl Iterator<Item = R>) -> Vec<Reply> {
    let sent: Vec<_> = requests.map(actix_web::rt::spawn).collect();
    let mut replies = Vec::new();
    for reply in sent {
        replies.push(reply.await.unwrap());
    }
    replies
}

/// Asks who the bearer of this access token is.
async fn me(app: &App, token: &Value) -> Reply {
    let bearer = format!("Bearer {}", token.as_str().unwrap());
    app.anyone().send(Method::GET, "/v1/me", None, &[("authorization", &bearer)]).await
}

/// Someone who signed in with a password.
async fn signed_in(app: &App, email: &str) -> (Caller, Value) {
    let tokens = login(app, email, PASSWORD).await.expect(200).json();
    (app.bearer(tokens["access_token"].as_str().unwrap()), tokens)
}

both! {
    async fn signing_in_gives_tokens_that_work(app: App) {
        let id = user(&app, "Ann@example.org", Role::Editor);
        let reply = login(&app, " ann@EXAMPLE.org ", PASSWORD).await.expect(200);
        assert_eq!(reply.header("cache-control").unwrap(), "no-store");
        let tokens = reply.json();
        assert_eq!(tokens["token_type"], "Bearer");
        assert_eq!(tokens["expires_in"], 600);
        assert!(tokens["refresh_token"].as_str().unwrap().starts_with("rt_"));
        let ann = json!({
            "id": id, "email": "Ann@example.org", "name": "Ann Lee", "role": "editor", "disabled": false, "version": 1,
            "created_at": "2026-11-23T09:00:00Z", "updated_at": "2026-11-23T09:00:00Z",
        });
        assert_eq!(tokens["user"], ann);
        assert_eq!(me(&app, &tokens["access_token"]).await.expect(200).json(), ann);
        app.pass(600);
        assert_eq!(me(&app, &tokens["access_token"]).await.expect(401).code(), "unauthenticated");
        let next = refresh(&app, &tokens["refresh_token"]).await.expect(200).json();
        assert_eq!(next["user"], ann);
        assert_eq!(next.as_object().unwrap().len(), 5);
        me(&app, &next["access_token"]).await.expect(200);
    }

    async fn every_wrong_pair_gets_the_same_answer(app: App) {
        user(&app, "ann@example.org", Role::Editor);
        let disabled = user(&app, "dora@example.org", Role::Editor);
        user_with_hash(&app, "eve@example.org", Role::Editor, "no hash at all");
        let disable = Some(json!({"disabled": true}));
        let path = format!("/v1/admin/users/{disabled}");
        app.admin().send(Method::PATCH, &path, disable, &[("if-match", "*")]).await.expect(200);
        let mut answers = Vec::new();
        for (email, password) in [
            ("ann@example.org", "wrong"),
            ("ann@example.org", ""),
            ("nobody@example.org", PASSWORD),
            ("dora@example.org", PASSWORD),
            ("eve@example.org", PASSWORD),
            ("eve@example.org", "no hash at all"),
        ] {
            let reply = login(&app, email, password).await.expect(401);
            assert_eq!(reply.code(), "invalid_credentials", "{email}");
            assert!(reply.header("www-authenticate").unwrap().starts_with("Bearer"));
            let mut problem = reply.json();
            problem["instance"] = Value::Null;
            answers.push(problem);
        }
        assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    }

    async fn what_is_no_pair_is_refused_with_its_faults(app: App) {
        let mut anyone = app.anyone();
        let missing = anyone.post("/v1/auth/login", json!({})).await.expect(422).json();
        let places: Vec<_> = missing["errors"].as_array().unwrap().iter().map(|e| e["pointer"].clone()).collect();
        assert_eq!(places, ["/email", "/password"]);
        let long = json!({"email": "ann@example.org", "password": "x".repeat(1025)});
        let long = anyone.post("/v1/auth/login", long).await.expect(422).json();
        assert_eq!(long["errors"][0]["code"], "too_long");
        let body = json!({"email": "ann@example.org", "password": "x", "otp": "1"});
        anyone.post("/v1/auth/login", body).await.expect(400);
        anyone.post("/v1/auth/login", json!({"email": "ann@example.org", "password": 15})).await.expect(400);
        let huge = json!({"email": "ann@example.org", "password": "x".repeat(9_000)});
        assert_eq!(anyone.post("/v1/auth/login", huge).await.expect(413).code(), "body_too_large");
        assert_eq!(anyone.post("/v1/auth/refresh", json!({})).await.expect(422).code(), "invalid_field");
        anyone.post("/v1/auth/logout", json!({"refresh_token": null})).await.expect(422);
    }

    async fn a_password_kept_with_old_parameters_is_hashed_anew(app: App) {
        let weak = "$argon2id$v=19$m=8,t=1,p=1$w6QEpEpVKYI7099knzesSA$YEH0Ffv5So+RVIfAyoIgQXzZ0Z00dLSa0UG/BpcuCUQ";
        user_with_hash(&app, "ann@example.org", Role::Editor, weak);
        login(&app, "ann@example.org", PASSWORD).await.expect(200);
        let kept = |conn: &mut persistence::Conn| {
            persistence::users::with_password(conn, &Email::parse("ann@example.org").unwrap())
        };
        let (_, kept) = app.data.db.read_blocking(kept).unwrap().unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        login(&app, "ann@example.org", PASSWORD).await.expect(200);
    }

    async fn a_refresh_token_is_good_once(app: App) {
        user(&app, "ann@example.org", Role::Editor);
        let (_, first) = signed_in(&app, "ann@example.org").await;
        let second = refresh(&app, &first["refresh_token"]).await.expect(200).json();
        assert_ne!(first["refresh_token"], second["refresh_token"]);
        app.pass(9);
        assert_eq!(refresh(&app, &first["refresh_token"]).await.expect(401).code(), "refresh_token_superseded");
        me(&app, &second["access_token"]).await.expect(200);
        let third = refresh(&app, &second["refresh_token"]).await.expect(200).json();
        app.pass(1);
        assert_eq!(refresh(&app, &first["refresh_token"]).await.expect(401).code(), "refresh_token_reused");
        // The family has ended, at once.
        assert_eq!(me(&app, &third["access_token"]).await.expect(401).code(), "unauthenticated");
        assert_eq!(refresh(&app, &third["refresh_token"]).await.expect(401).code(), "invalid_refresh_token");
        assert_eq!(refresh(&app, &first["refresh_token"]).await.expect(401).code(), "invalid_refresh_token");
        assert_eq!(refresh(&app, &json!("rt_unknown")).await.expect(401).code(), "invalid_refresh_token");
    }

    async fn of_parallel_refreshes_one_wins_and_the_family_lives(app: App) {
        user(&app, "ann@example.org", Role::Editor);
        let (_, tokens) = signed_in(&app, "ann@example.org").await;
        let replies = at_once((0..8).map(|_| refresh(&app, &tokens["refresh_token"]))).await;
        let (won, lost): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 200);
        assert_eq!(won.len(), 1);
        for reply in lost {
            assert_eq!(reply.expect(401).code(), "refresh_token_superseded");
        }
        let next = refresh(&app, &won[0].json()["refresh_token"]).await.expect(200).json();
        me(&app, &next["access_token"]).await.expect(200);
    }

    async fn a_session_ends_when_it_is_not_used_and_after_ninety_days_anyway(app: App) {
        const DAY: i64 = 24 * 60 * 60;
        user(&app, "ann@example.org", Role::Editor);
        let (_, idle) = signed_in(&app, "ann@example.org").await;
        let (_, mut used) = signed_in(&app, "ann@example.org").await;
        for _ in 0..4 {
            app.pass(20 * DAY);
            used = refresh(&app, &used["refresh_token"]).await.expect(200).json();
        }
        assert_eq!(refresh(&app, &idle["refresh_token"]).await.expect(401).code(), "invalid_refresh_token");
        app.pass(10 * DAY);
        assert_eq!(refresh(&app, &used["refresh_token"]).await.expect(401).code(), "invalid_refresh_token");
        let now = app.now().plus_seconds(31 * DAY);
        assert_eq!(app.data.db.write_blocking(|conn| persistence::sessions::purge(conn, now)).unwrap(), 2);
    }

    async fn signing_out_ends_the_session_at_once(app: App) {
        user(&app, "ann@example.org", Role::Editor);
        let (mut ann, tokens) = signed_in(&app, "ann@example.org").await;
        let (mut elsewhere, _) = signed_in(&app, "ann@example.org").await;
        ann.get("/v1/me").await.expect(200);
        let token = json!({"refresh_token": tokens["refresh_token"]});
        for _ in 0..2 {
            app.anyone().post("/v1/auth/logout", token.clone()).await.expect(204);
        }
        app.anyone().post("/v1/auth/logout", json!({"refresh_token": "rt_unknown"})).await.expect(204);
        assert_eq!(ann.get("/v1/me").await.expect(401).code(), "unauthenticated");
        assert_eq!(refresh(&app, &tokens["refresh_token"]).await.expect(401).code(), "invalid_refresh_token");
        elsewhere.get("/v1/me").await.expect(200);
    }

    async fn users_see_and_end_their_own_sessions(app: App) {
        user(&app, "ann@example.org", Role::Editor);
        let mut bob = app.editor();
        let (mut old, _) = signed_in(&app, "ann@example.org").await;
        app.pass(60);
        let (mut ann, _) = signed_in(&app, "ann@example.org").await;
        let page = ann.get("/v1/auth/sessions?limit=1").await.expect(200).json();
        assert_eq!(page["data"][0]["current"], true);
        assert_eq!(page["data"][0]["created_at"], "2026-11-23T09:01:00Z");
        let next = format!("/v1/auth/sessions?limit=1&cursor={}", page["page"]["next"].as_str().unwrap());
        let page = ann.get(&next).await.expect(200).json();
        assert_eq!(page["page"]["next"], Value::Null);
        assert_eq!(page["data"][0]["current"], false);
        let path = format!("/v1/auth/sessions/{}", page["data"][0]["id"].as_str().unwrap());
        assert_eq!(bob.delete(&path).await.expect(404).code(), "not_found");
        old.get("/v1/me").await.expect(200);
        ann.delete(&path).await.expect(204);
        old.get("/v1/me").await.expect(401);
        ann.delete(&path).await.expect(404);
        assert_eq!(ann.get("/v1/auth/sessions").await.expect(200).json()["data"].as_array().unwrap().len(), 1);
        app.anyone().get("/v1/auth/sessions").await.expect(401);
    }

    async fn a_new_password_ends_the_other_sessions(app: App) {
        let new = "another five kestrels at noon";
        user(&app, "ann@example.org", Role::Editor);
        let (mut old, tokens) = signed_in(&app, "ann@example.org").await;
        let (mut ann, _) = signed_in(&app, "ann@example.org").await;
        old.get("/v1/me").await.expect(200);
        let change = |old: &str, new: &str| json!({"current_password": old, "new_password": new});
        let wrong = ann.post("/v1/me/password", change("wrong", new)).await.expect(422).json();
        assert_eq!(wrong["errors"][0]["code"], "wrong_password");
        let weak = ann.post("/v1/me/password", change(PASSWORD, "ann@example.org ann")).await.expect(422).json();
        assert_eq!(weak["errors"][0]["pointer"], "/new_password");
        assert_eq!(weak["errors"][0]["code"], "too_common");
        let none = ann.post("/v1/me/password", json!({})).await.expect(422).json();
        assert_eq!(none["errors"].as_array().unwrap().len(), 2);
        old.get("/v1/me").await.expect(200);
        ann.post("/v1/me/password", change(PASSWORD, new)).await.expect(204);
        old.get("/v1/me").await.expect(401);
        refresh(&app, &tokens["refresh_token"]).await.expect(401);
        ann.get("/v1/me").await.expect(200);
        login(&app, "ann@example.org", PASSWORD).await.expect(401);
        login(&app, "ann@example.org", new).await.expect(200);
    }

    async fn a_sign_in_under_way_does_not_outlive_the_password(app: App) {
        let id = user(&app, "ann@example.org", Role::Editor).parse().unwrap();
        let (db, now, changed) = (app.data.db.clone(), app.now(), std::sync::Barrier::new(2));
        let proven = db.read_blocking(|conn| persistence::users::password_hash(conn, id)).unwrap();
        let opened = std::thread::scope(|scope| {
            scope.spawn(|| {
                let slowly = |conn: &mut persistence::Conn| {
                    persistence::users::set_password(conn, &domain::Actor::system(), id, "another hash", now)?;
                    changed.wait();
                    std::thread::sleep(std::time::Duration::from_millis(300));
                    Ok(())
                };
                db.write_blocking(slowly).unwrap();
            });
            changed.wait();
            db.write_blocking(|conn| persistence::sessions::sign_in(conn, id, &proven, None, None, now)).unwrap()
        });
        assert!(opened.is_none());
    }

    async fn users_change_their_name_and_nothing_else(app: App) {
        user(&app, "ann@example.org", Role::Author);
        let (mut ann, _) = signed_in(&app, "ann@example.org").await;
        assert_eq!(ann.patch("/v1/me", json!({"name": "Ann"})).await.expect(428).code(), "precondition_required");
        assert_eq!(ann.get("/v1/me").await.expect(200).header("etag").unwrap(), "\"v1\"");
        let renamed = ann.patch("/v1/me", json!({"name": " Ann Brook "})).await.expect(200);
        assert_eq!(renamed.json()["name"], "Ann Brook");
        assert_eq!(renamed.header("etag").unwrap(), "\"v2\"");
        ann.pretend("/v1/me", "\"v1\"");
        assert_eq!(ann.patch("/v1/me", json!({"name": "Ann"})).await.expect(412).code(), "stale_version");
        ann.pretend("/v1/me", "\"v2\"");
        ann.patch("/v1/me", json!({"name": null})).await.expect(422);
        for member in ["role", "email", "disabled", "password", "id"] {
            ann.patch("/v1/me", json!({member: "admin"})).await.expect(400);
        }
        assert_eq!(ann.get("/v1/me").await.expect(200).json()["role"], "author");
    }

    async fn attempts_are_limited_per_account(app: App) {
        user(&app, "ann@example.org", Role::Editor);
        for _ in 0..10 {
            login(&app, "ann@example.org", "wrong").await.expect(401);
        }
        let refused = login(&app, "ANN@example.org", PASSWORD).await.expect(429);
        assert_eq!(refused.code(), "too_many_requests");
        assert_eq!(refused.header("retry-after").unwrap(), "90");
        for _ in 0..10 {
            login(&app, "nobody@example.org", "wrong").await.expect(401);
        }
        login(&app, "nobody@example.org", "wrong").await.expect(429);
        app.pass(90);
        login(&app, "ann@example.org", PASSWORD).await.expect(200);
        login(&app, "ann@example.org", PASSWORD).await.expect(429);
    }

    async fn attempts_are_limited_per_address(app: App) {
        for number in 0..50 {
            login(&app, &format!("user{number}@example.org"), "wrong").await.expect(401);
        }
        let refused = login(&app, "another@example.org", "wrong").await.expect(429);
        assert_eq!(refused.header("retry-after").unwrap(), "18");
        // Nobody behind another address suffers, and the refused attempt was not counted against the account.
        let request = actix_web::test::TestRequest::post()
            .uri("/v1/auth/login")
            .peer_addr("192.0.2.1:9".parse().unwrap())
            .set_json(json!({"email": "another@example.org", "password": "wrong"}));
        app.anyone().raw(request).await.expect(401);
    }
}

#[actix_web::test]
async fn a_rush_is_shed_and_leaves_nothing_behind() {
    let app = App::start_with(Engine::Sqlite, |config| config.limits = false).await;
    user(&app, "ann@example.org", Role::Editor);
    let password = |n: i32| if n % 2 == 0 { PASSWORD } else { "wrong" };
    let replies = at_once((0..200).map(|n| login(&app, "ann@example.org", password(n)))).await;
    let of = |status| replies.iter().filter(|reply| reply.status == status).count();
    assert_eq!(of(200) + of(401) + of(503), 200);
    // Served are those who found room at once, and the 32 who waited.
    assert!(of(200) + of(401) > 32 && of(503) > 0, "{} served", of(200) + of(401));
    for reply in replies.iter().filter(|reply| reply.status == 503) {
        assert_eq!(reply.code(), "busy");
        assert_eq!(reply.header("retry-after").unwrap(), "2");
    }
    login(&app, "ann@example.org", PASSWORD).await.expect(200);
}
