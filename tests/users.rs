//! Users through the API.

use std::future::Future;

use actix_web::http::Method;
use diesel::RunQueryDsl;
use domain::Seen;
use domain::ids::UserId;
use domain::permissions::Role;
use serde_json::{Value, json};

use crate::support::{App, Caller, both};

const PASSWORD: &str = "seven quiet herons by the weir";

fn ann() -> Value {
    json!({"email": "Ann@example.org", "name": "Ann Lee", "role": "author", "password": PASSWORD})
}

fn path(id: Option<UserId>) -> String {
    format!("/v1/admin/users/{}", id.unwrap())
}

/// Changes a user whatever their version is.
fn patch(caller: &mut Caller, path: &str, body: Value) -> impl Future<Output = crate::support::Reply> {
    caller.send(Method::PATCH, path, Some(body), &[("if-match", "*")])
}

/// What the audit says of users, oldest first.
fn audit(app: &App) -> Vec<String> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        entry: String,
    }
    let entries =
        "SELECT action || ' ' || coalesce(detail, '') AS entry FROM audit WHERE resource = 'user' ORDER BY id";
    let load = |conn: &mut persistence::Conn| Ok(diesel::sql_query(entries).load::<Row>(conn)?);
    app.data.db.read_blocking(load).unwrap().into_iter().map(|row| row.entry).collect()
}

both! {
    async fn a_user_is_added_changed_and_deleted(app: App) {
        let mut admin = app.admin();
        let made = admin.post("/v1/admin/users", ann()).await.expect(201);
        let expected = json!({
            "id": made.id(), "email": "Ann@example.org", "name": "Ann Lee", "role": "author", "disabled": false,
            "version": 1, "created_at": "2026-11-23T09:00:00Z", "updated_at": "2026-11-23T09:00:00Z",
        });
        assert_eq!(made.json(), expected);
        let path = made.header("location").unwrap();
        assert_eq!(admin.get(&path).await.expect(200).json(), expected);
        let changed = admin.patch(&path, json!({"role": "editor", "email": "ann@example.com"})).await.expect(200);
        assert_eq!(changed.header("etag").unwrap(), "\"v2\"");
        assert_eq!(changed.json()["role"], "editor");
        admin.pretend(&path, "\"v1\"");
        assert_eq!(admin.patch(&path, json!({"name": "A"})).await.expect(412).code(), "stale_version");
        admin.forget();
        assert_eq!(admin.patch(&path, json!({"name": "A"})).await.expect(428).code(), "precondition_required");
        assert_eq!(admin.delete(&path).await.expect(428).code(), "precondition_required");
        admin.pretend(&path, "\"v2\"");
        admin.delete(&path).await.expect(204);
        assert_eq!(admin.get(&path).await.expect(404).code(), "not_found");
        let noted = audit(&app);
        assert_eq!(noted[noted.len() - 3..], ["created author", "updated role editor email", "deleted "]);
        assert!(!noted.concat().contains('@'));
    }

    async fn every_fault_of_a_user_is_named(app: App) {
        let mut admin = app.admin();
        let places = |reply: crate::support::Reply| -> Vec<String> {
            let errors = reply.expect(422).json()["errors"].as_array().unwrap().clone();
            errors.iter().map(|e| format!("{} {}", e["pointer"].as_str().unwrap(), e["code"].as_str().unwrap())).collect()
        };
        let nothing = admin.post("/v1/admin/users", json!({})).await;
        assert_eq!(places(nothing), ["/email required", "/name required", "/role required", "/password too_short"]);
        let wrong = json!({"email": "ann", "name": "", "role": "boss", "password": "AnnLee2026AnnLee"});
        let wrong = admin.post("/v1/admin/users", wrong).await;
        assert_eq!(places(wrong)[..3], ["/email invalid_email", "/name required", "/role unknown_role"]);
        let weak = json!({"email": "ann.lee@example.org", "name": "Ann", "role": "author", "password": "cms.example.org+2026"});
        assert_eq!(places(admin.post("/v1/admin/users", weak).await), ["/password too_common"]);
        for member in ["id", "version", "password_hash", "created_at"] {
            let mut body = ann();
            body[member] = json!("x");
            admin.post("/v1/admin/users", body).await.expect(400);
        }
        let id = admin.post("/v1/admin/users", ann()).await.expect(201).header("location").unwrap();
        assert_eq!(places(admin.patch(&id, json!({"role": null, "password": "short"})).await), ["/role required", "/password too_short"]);
    }

    async fn an_address_is_one_users(app: App) {
        let mut admin = app.admin();
        admin.post("/v1/admin/users", ann()).await.expect(201);
        let mut again = ann();
        again["email"] = json!("ann@EXAMPLE.org");
        let taken = admin.post("/v1/admin/users", again.clone()).await.expect(409);
        assert_eq!(taken.code(), "email_taken");
        assert_eq!(taken.json()["errors"][0]["pointer"], "/email");
        again["email"] = json!("bob@example.org");
        let bob = admin.post("/v1/admin/users", again).await.expect(201).header("location").unwrap();
        let taken = admin.patch(&bob, json!({"email": "ann@example.org"})).await.expect(409);
        assert_eq!(taken.code(), "email_taken");
    }

    async fn adding_a_user_twice_with_one_key_adds_one(app: App) {
        let mut admin = app.admin();
        let key = [("idempotency-key", "\"one\"")];
        let first = admin.send(Method::POST, "/v1/admin/users", Some(ann()), &key).await.expect(201);
        let again = admin.send(Method::POST, "/v1/admin/users", Some(ann()), &key).await.expect(201);
        assert_eq!(first.body, again.body);
        let mut other = ann();
        other["password"] = json!("another five kestrels at noon");
        admin.send(Method::POST, "/v1/admin/users", Some(other), &key).await.expect(422);
    }

    async fn only_administrators_see_users(app: App) {
        let mut admin = app.admin();
        let target = path(admin.user);
        for role in [Role::Editor, Role::Author, Role::Contributor, Role::Moderator] {
            let mut caller = app.caller(role);
            assert_eq!(caller.get("/v1/admin/users").await.expect(403).code(), "forbidden");
            caller.get(&target).await.expect(403);
            caller.post("/v1/admin/users", json!({})).await.expect(403);
            patch(&mut caller, &target, json!({"name": "x"})).await.expect(403);
            caller.delete(&target).await.expect(403);
            let own = path(caller.user);
            patch(&mut caller, &own, json!({"role": "admin"})).await.expect(403);
        }
        app.anyone().get("/v1/admin/users").await.expect(401);
        let page = admin.get("/v1/admin/users?limit=2&count=true").await.expect(200);
        assert_eq!(page.json()["page"]["total"], 5);
        assert_eq!(page.json()["data"].as_array().unwrap().len(), 2);
        let next = format!("/v1/admin/users?limit=100&cursor={}", page.json()["page"]["next"].as_str().unwrap());
        let rest = admin.get(&next).await.expect(200);
        assert_eq!(rest.json()["data"].as_array().unwrap().len(), 3);
        assert!(!page.text().contains("password") && !rest.text().contains("password"));
        admin.get("/v1/admin/users?sort=email").await.expect(400);
    }

    async fn another_role_or_password_or_being_disabled_ends_sessions_at_once(app: App) {
        let mut admin = app.admin();
        let (role, password) = (json!({"role": "moderator"}), json!({"password": PASSWORD}));
        for change in [role, password, json!({"disabled": true})] {
            let mut ann = app.editor();
            ann.get("/v1/me").await.expect(200);
            let path = path(ann.user);
            patch(&mut admin, &path, json!({"name": "Renamed", "disabled": false})).await.expect(200);
            assert_eq!(ann.get("/v1/me").await.expect(200).json()["name"], "Renamed");
            patch(&mut admin, &path, change.clone()).await.expect(200);
            assert_eq!(ann.get("/v1/me").await.expect(401).code(), "unauthenticated", "{change}");
        }
        // Nor does a session come back with the permission to sign in.
        let mut ann = app.editor();
        let path = path(ann.user);
        patch(&mut admin, &path, json!({"disabled": true})).await.expect(200);
        patch(&mut admin, &path, json!({"disabled": false})).await.expect(200);
        ann.get("/v1/me").await.expect(401);
        // And one that is deleted has none.
        let mut bob = app.editor();
        bob.get("/v1/me").await.expect(200);
        let gone = self::path(bob.user);
        admin.send(Method::DELETE, &gone, None, &[("if-match", "*")]).await.expect(204);
        bob.get("/v1/me").await.expect(401);
    }

    async fn another_node_learns_of_it_within_five_seconds(app: App) {
        let mut ann = app.editor();
        ann.get("/v1/me").await.expect(200);
        let (id, by, now) = (ann.user.unwrap(), domain::Actor::system(), app.now());
        let demote = |conn: &mut persistence::Conn| persistence::users::set_role(conn, &by, id, Role::Author, now);
        app.data.db.write_blocking(demote).unwrap();
        app.pass(5);
        ann.get("/v1/me").await.expect(401);
    }

    async fn the_last_administrator_stays(app: App) {
        let mut admin = app.admin();
        let own = path(admin.user);
        for change in [json!({"role": "editor"}), json!({"disabled": true})] {
            assert_eq!(patch(&mut admin, &own, change).await.expect(409).code(), "last_admin");
        }
        let delete = admin.send(Method::DELETE, &own, None, &[("if-match", "*")]).await.expect(409);
        assert_eq!(delete.code(), "last_admin");
        patch(&mut admin, &own, json!({"name": "Still here"})).await.expect(200);
        // One who may not sign in does not count.
        let other = app.admin();
        patch(&mut admin, &path(other.user), json!({"disabled": true})).await.expect(200);
        assert_eq!(patch(&mut admin, &own, json!({"role": "editor"})).await.expect(409).code(), "last_admin");
        patch(&mut admin, &path(other.user), json!({"disabled": false})).await.expect(200);
        patch(&mut admin, &own, json!({"role": "editor"})).await.expect(200);
    }

    async fn of_administrators_who_all_resign_at_once_one_stays(app: App) {
        let ids: Vec<UserId> = (0..6).map(|_| app.admin().user.unwrap()).collect();
        let (db, now) = (app.data.db.clone(), app.now());
        let resigned: usize = std::thread::scope(|scope| {
            let resign = |index: usize, id: UserId| {
                let by = domain::Actor::system();
                let outcome = if index.is_multiple_of(2) {
                    let demote = |conn: &mut persistence::Conn| persistence::users::set_role(conn, &by, id, Role::Author, now);
                    db.write_blocking(demote).map(drop)
                } else {
                    db.write_blocking(|conn| persistence::users::delete(conn, &by, id, &Seen::Any, now))
                };
                match outcome {
                    Ok(()) => 1,
                    Err(domain::Error::Conflict { code: "last_admin", .. }) => 0,
                    Err(other) => panic!("{other:?}"),
                }
            };
            let threads: Vec<_> = ids.iter().enumerate().map(|(index, id)| scope.spawn(move || resign(index, *id))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(resigned, 5);
    }

    async fn two_administrators_cannot_each_count_on_the_other(app: App) {
        let (one, other) = (app.admin().user.unwrap(), app.admin().user.unwrap());
        let (db, now, resigned) = (app.data.db.clone(), app.now(), std::sync::Barrier::new(2));
        let resign = |conn: &mut persistence::Conn, id| {
            persistence::users::set_role(conn, &domain::Actor::system(), id, Role::Author, now)
        };
        let outcome = std::thread::scope(|scope| {
            scope.spawn(|| {
                let slowly = |conn: &mut persistence::Conn| {
                    resign(conn, one)?;
                    resigned.wait();
                    std::thread::sleep(std::time::Duration::from_millis(300));
                    Ok(())
                };
                db.write_blocking(slowly).unwrap();
            });
            resigned.wait();
            db.write_blocking(|conn| resign(conn, other))
        });
        assert!(matches!(outcome, Err(domain::Error::Conflict { code: "last_admin", .. })), "{outcome:?}");
    }

    async fn of_many_users_with_one_address_one_is_added(app: App) {
        let mut admin = app.admin();
        let sent: Vec<_> = (0..6)
            .map(|_| {
                let mut caller = app.admin();
                actix_web::rt::spawn(async move { caller.post("/v1/admin/users", ann()).await })
            })
            .collect();
        let mut statuses = Vec::new();
        for reply in sent {
            statuses.push(reply.await.unwrap().status);
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409, 409, 409, 409, 409]);
        assert_eq!(admin.get("/v1/admin/users?count=true").await.expect(200).json()["page"]["total"], 8);
    }

    async fn a_user_who_wrote_something_is_disabled_not_deleted(app: App) {
        let mut admin = app.admin();
        let mut author = app.caller(Role::Author);
        author.post("/v1/admin/articles", json!({"title": "Mine"})).await.expect(201);
        let path = path(author.user);
        let refused = admin.send(Method::DELETE, &path, None, &[("if-match", "*")]).await.expect(409);
        assert_eq!(refused.code(), "user_has_articles");
        patch(&mut admin, &path, json!({"disabled": true})).await.expect(200);
    }

    async fn the_command_line_has_what_it_needs(app: App) {
        let db = &app.data.db;
        assert!(!db.read_blocking(persistence::users::any).unwrap());
        let id = app.caller(Role::Editor).user.unwrap();
        assert!(db.read_blocking(persistence::users::any).unwrap());
        let (by, now) = (domain::Actor::system(), app.now());
        let user = db.write_blocking(|conn| persistence::users::set_role(conn, &by, id, Role::Admin, now)).unwrap();
        assert_eq!((user.role, user.version), (Role::Admin, 2));
        db.write_blocking(|conn| persistence::users::set_password(conn, &by, id, "a hash", now)).unwrap();
        let email = domain::text::Email::parse(&user.email).unwrap();
        let found = db.read_blocking(|conn| persistence::users::find_by_email(conn, &email)).unwrap();
        assert_eq!(found.version, 3);
        assert_eq!(audit(&app), ["created editor", "updated role admin", "updated password"]);
    }
}
