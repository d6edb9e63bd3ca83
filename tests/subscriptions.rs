//! Subscriptions: asking, confirming, leaving, and what must never happen on the way.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use diesel::RunQueryDsl;
use domain::ids::{CategoryId, IssueId, SubscriberId};
use domain::permissions::Role;
use domain::subscriptions::{Reason, email_hmac, unsubscribe_token};
use domain::text::Email;
use futures_util::future::join_all;
use mail::Transport;
use persistence::{Conn, messages, subscribers, suppressions};
use serde_json::{Value, json};

use crate::support::{App, Letter, Postbox, Reply, both};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// What tests of subscriptions do again and again.
trait Readers {
    async fn ask(&self, body: Value) -> Reply;
    async fn confirm(&self, token: &str) -> Reply;
    async fn subscribe(&self, postbox: &Postbox, email: &str) -> String;
    async fn with_token(&self, method: Method, path: &str, body: Option<Value>, token: &str) -> Reply;
    async fn form(&self, path: &str, body: &str) -> Reply;
    async fn subscriber(&self, email: &str) -> Value;
    async fn events(&self, id: &str) -> Vec<Value>;
    fn category(&self, slug: &str, name: &str);
    fn suppress(&self, email: &str, reason: Reason);
    fn unsubscribe_path(&self, id: &str) -> String;
}

impl Readers for App {
    async fn ask(&self, body: Value) -> Reply {
        self.anyone().post("/v1/subscriptions", body).await
    }

    async fn confirm(&self, token: &str) -> Reply {
        self.anyone().post("/v1/subscriptions/confirm", json!({"token": token})).await
    }

    /// Subscribes an address; gives its manage token.
    async fn subscribe(&self, postbox: &Postbox, email: &str) -> String {
        self.ask(json!({"email": email})).await.expect(202);
        let confirmed = self.confirm(&token(&postbox.letter(self))).await.expect(200);
        confirmed.json()["manage_token"].as_str().unwrap().to_owned()
    }

    async fn with_token(&self, method: Method, path: &str, body: Option<Value>, token: &str) -> Reply {
        let bearer = format!("Bearer {token}");
        self.anyone().send(method, path, body, &[("authorization", &bearer)]).await
    }

    async fn form(&self, path: &str, body: &str) -> Reply {
        let request = TestRequest::post()
            .uri(path)
            .insert_header(("content-type", "application/x-www-form-urlencoded"))
            .set_payload(body.to_owned());
        self.anyone().raw(request).await
    }

    /// What an administrator sees of an address; null if there is none.
    async fn subscriber(&self, email: &str) -> Value {
        let query: String = url_encoded(email);
        let found = self.admin().get(&format!("/v1/admin/subscribers?q={query}")).await.expect(200).json();
        assert!(found["data"].as_array().unwrap().len() <= 1);
        found["data"][0].clone()
    }

    async fn events(&self, id: &str) -> Vec<Value> {
        let path = format!("/v1/admin/subscribers/{id}/consents?limit=100");
        self.admin().get(&path).await.expect(200).json()["data"].as_array().unwrap().clone()
    }

    fn category(&self, slug: &str, name: &str) {
        let row = format!(
            "INSERT INTO categories (id, slug, path, depth, position, name, version, created_at, updated_at)
             VALUES ('{}', '{slug}', '{slug}', 0, 0, '{name}', 1, 0, 0)",
            CategoryId::new()
        );
        execute(self, &row).unwrap();
    }

    fn suppress(&self, email: &str, reason: Reason) {
        let (hmac, now) = (email_hmac(&self.data.secrets, &Email::parse(email).unwrap()), self.now());
        self.data.db.write_blocking(|conn| suppressions::put(conn, &hmac, reason, None, now)).unwrap();
    }

    fn unsubscribe_path(&self, id: &str) -> String {
        format!("/u/{}", unsubscribe_token(&self.data.secrets, id.parse().unwrap(), IssueId::new()))
    }
}

fn execute(app: &App, statement: &str) -> Result<usize, diesel::result::Error> {
    app.data
        .db
        .write_blocking(|conn| {
            Ok(match conn {
                Conn::Postgres(c) => diesel::sql_query(statement).execute(c),
                Conn::Sqlite(c) => diesel::sql_query(statement).execute(c),
            })
        })
        .unwrap()
}

fn url_encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The token of a confirmation.
fn token(letter: &Letter) -> String {
    let link = letter.links.iter().find_map(|link| link.split_once("/newsletter/confirm/"));
    link.unwrap_or_else(|| panic!("no confirmation: {letter:?}")).1.to_owned()
}

/// The path of a link.
fn path(link: impl AsRef<str>) -> String {
    let link = link.as_ref();
    link.strip_prefix("http://cms.example.org").unwrap_or_else(|| panic!("a foreign link: {link}")).to_owned()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["kind"].as_str().unwrap()).collect()
}

/// What a reader sees of an answer.
fn seen(reply: &Reply) -> (u16, Vec<(String, String)>, String) {
    let mut headers: Vec<_> = reply
        .headers
        .iter()
        .filter(|(name, _)| *name != "x-request-id")
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    (reply.status, headers, reply.text().to_owned())
}

both! {
    async fn a_request_becomes_a_subscription_when_it_is_confirmed(app: App) {
        let postbox = Postbox::new();
        app.category("business", "Business");
        app.category("tax", "Tax");
        let body = json!({"email": "Ann@Example.org", "categories": ["tax"], "frequency": "monthly",
            "timezone": "europe/berlin", "locale": "de-at", "source": "footer", "consent_version": "1", "nickname": ""});
        let asked = app.ask(body).await.expect(202);
        assert_eq!(asked.json(), json!({"status": "check_your_email"}));
        let pending = app.subscriber("ann@example.org").await;
        assert_eq!(pending["state"], "pending");
        assert_eq!(pending["all_categories"], true, "what was asked for waits with the token");

        let letter = postbox.letter(&app);
        assert_eq!(letter.to, "Ann@Example.org");
        let page = app.anyone().get(&path(&letter.links[0])).await.expect(200);
        assert!(page.text().contains("A***@e***.org") && page.text().contains("<li>Tax</li>"));
        assert!(!page.text().contains("Business") && !page.text().contains("Ann@"));

        let first = app.confirm(&token(&letter)).await.expect(200);
        assert_eq!(first.json()["status"], "active");
        assert_eq!(first.json()["next_issue_at"], "2026-12-07T09:00:00Z");
        let manage = first.json()["manage_token"].as_str().unwrap().to_owned();
        assert!(manage.starts_with("mg_"));
        let me = app.with_token(Method::GET, "/v1/subscriptions/me", None, &manage).await.expect(200).json();
        let expected = json!({"email_masked": "A***@e***.org", "state": "active", "all_categories": false,
            "categories": ["tax"], "frequency": "monthly", "timezone": "Europe/Berlin", "send_hour": null,
            "format": "html", "paused_until": null, "locale": "de-AT"});
        assert_eq!(me, expected);

        app.pass(DAY - 1);
        assert_eq!(app.confirm(&token(&letter)).await.expect(200).json(), first.json());
        app.pass(2);
        assert_eq!(app.confirm(&token(&letter)).await.expect(410).code(), "token_expired");
        let events = app.events(pending["id"].as_str().unwrap()).await;
        assert_eq!(kinds(&events), ["requested", "confirm_mail_sent", "confirmed"]);
        assert_eq!(events[2]["categories"], json!(["tax"]));
        assert_eq!(events[2]["consent_text"], events[0]["consent_text"]);
        assert!(events[0]["consent_text"].as_str().unwrap().contains("weekly update"));
        assert_eq!(events[0]["source"], "footer");
        assert_eq!(events[0]["ip_prefix"], "127.0.0.0/24");
    }

    async fn the_form_shows_what_is_needed(app: App) {
        app.category("tax", "Tax");
        let form = app.anyone().get("/v1/newsletter").await.expect(200);
        assert_eq!(form.header("access-control-allow-origin").as_deref(), Some("*"));
        app.anyone().get("/v1/newsletter?fields=name").await.expect(400);
        let mut form = form.json();
        assert!(form["form_token"].as_str().unwrap().len() > 20);
        form["form_token"] = json!("");
        form["consent"]["text"] = json!("");
        assert_eq!(form, json!({"name": "Weekly update", "cadence": "weekly", "weekday": "monday", "hour": 9,
            "timezone": "UTC", "categories": [{"slug": "tax", "name": "Tax"}], "form_token": "",
            "consent": {"version": "1", "text": ""}}));
    }

    async fn the_confirmation_has_two_links_and_no_word_of_a_stranger(app: App) {
        let postbox = Postbox::new();
        app.category("tax", "FREE PHARMA");
        app.ask(json!({"email": "ann@example.org", "categories": ["tax"], "source": "article:free-pharma",
            "locale": "de", "timezone": "Europe/Berlin", "form_token": "free-pharma", "pow": "free-pharma"})).await.expect(202);
        let letter = postbox.letter(&app);
        assert_eq!(letter.links.len(), 2);
        assert_eq!(letter.html.matches("href=").count(), 2);
        for part in [&letter.text, &letter.html, &letter.head] {
            assert!(!part.to_lowercase().contains("pharma"), "{part}");
        }
        assert!(letter.head.contains("Auto-Submitted: auto-generated"));
        assert!(!letter.head.contains("List-"));
        // The outbox keeps nothing of what has left.
        assert!(postbox.letters(&app).is_empty());
        let waiting = app.data.db.read_blocking(messages::waiting).unwrap();
        assert_eq!(waiting, 0);
    }

    async fn the_answer_is_alike_for_every_address_and_the_mail_is_not(app: App) {
        let postbox = Postbox::new();
        app.subscribe(&postbox, "active@example.org").await;
        app.subscribe(&postbox, "gone@example.org").await;
        let gone = app.subscriber("gone@example.org").await;
        app.form(&app.unsubscribe_path(gone["id"].as_str().unwrap()), "List-Unsubscribe=One-Click").await.expect(200);
        app.suppress("hated@example.org", Reason::Complaint);
        app.suppress("bounced@example.org", Reason::HardBounce);
        app.ask(json!({"email": "pending@example.org"})).await.expect(202);
        postbox.letters(&app);
        app.pass(15 * 60);

        let unknown = app.ask(json!({"email": "unknown@example.org"})).await.expect(202);
        for email in ["active", "gone", "hated", "bounced", "pending"] {
            let reply = app.ask(json!({"email": format!("{email}@example.org")})).await;
            assert_eq!(seen(&reply), seen(&unknown), "{email}");
        }
        assert_eq!(seen(&app.ask(json!({"email": "abuse@example.org"})).await), seen(&unknown));
        let trapped = app.ask(json!({"email": "trap@example.org", "nickname": "Ann"})).await;
        assert_eq!(seen(&trapped), seen(&unknown));

        let mut letters: Vec<_> = postbox.letters(&app).into_iter().map(|letter| (letter.to, letter.subject)).collect();
        letters.sort();
        let confirm = "Confirm your subscription to Untitled publication";
        let already = "You already receive the updates of Untitled publication";
        let expected = [("active", already), ("bounced", confirm), ("gone", confirm), ("pending", confirm), ("unknown", confirm)]
            .map(|(name, subject)| (format!("{name}@example.org"), subject.to_owned()));
        assert_eq!(letters, expected);
        assert_eq!(app.subscriber("hated@example.org").await, Value::Null, "no address is kept of whom we must not write to");
        assert_eq!(app.subscriber("trap@example.org").await, Value::Null);
    }

    async fn an_active_subscriber_is_led_to_the_preferences_once_a_week(app: App) {
        let postbox = Postbox::new();
        app.subscribe(&postbox, "ann@example.org").await;
        app.pass(DAY);
        app.ask(json!({"email": "ann@example.org"})).await.expect(202);
        let link = path(&postbox.letter(&app).links[0]);
        assert!(app.anyone().get(&link).await.expect(200).text().contains("a***@e***.org"));
        let manage = link.strip_prefix("/u/").unwrap();
        app.with_token(Method::GET, "/v1/subscriptions/me", None, manage).await.expect(200);
        app.pass(6 * DAY);
        app.ask(json!({"email": "ann@example.org"})).await.expect(202);
        assert!(postbox.letters(&app).is_empty());
        app.pass(DAY);
        app.ask(json!({"email": "ann@example.org"})).await.expect(202);
        postbox.letter(&app);
    }

    async fn an_address_gets_few_confirmations_whoever_asks(app: App) {
        let postbox = Postbox::new();
        let spellings = ["a.nn@gmail.com", "ann+x@googlemail.com", "ANN@gmail.com"];
        let mut arrived = Vec::new();
        // Every five minutes for an hour, then every four hours for 40 days.
        for step in (0..12).map(|_| 300).chain((0..240).map(|_| 4 * HOUR)) {
            let email = spellings[arrived.len() % 3];
            app.ask(json!({"email": email})).await.expect(202);
            arrived.extend(postbox.letters(&app).iter().map(|_| app.now()));
            app.pass(step);
        }
        let within = |seconds: i64| {
            let count = |at: &domain::Timestamp| arrived.iter().filter(|other| (0..seconds).contains(&other.seconds_since(*at))).count();
            arrived.iter().map(count).max().unwrap()
        };
        assert_eq!((within(600), within(DAY), within(30 * DAY)), (1, 3, 5));
        assert!(arrived.len() > 5, "after a month it may be asked again");
        assert_eq!(app.admin().get("/v1/admin/subscribers?count=true").await.json()["page"]["total"], 1);
    }

    async fn only_the_newest_confirmation_counts_and_activates_what_it_asked_for(app: App) {
        let postbox = Postbox::new();
        app.category("tax", "Tax");
        app.ask(json!({"email": "ann@example.org"})).await.expect(202);
        let old = postbox.letter(&app);
        app.pass(601);
        app.ask(json!({"email": "Ann@example.org", "categories": ["tax"], "frequency": "monthly"})).await.expect(202);
        let new = postbox.letter(&app);
        // A request that was capped changes nothing.
        app.ask(json!({"email": "ann@example.org", "frequency": "weekly"})).await.expect(202);
        assert!(postbox.letters(&app).is_empty());
        assert_eq!(app.confirm(&token(&old)).await.expect(410).code(), "token_expired");
        assert_eq!(app.anyone().get(&path(&old.links[0])).await.status, 410);
        app.confirm(&token(&new)).await.expect(200);
        let ann = app.subscriber("ann@example.org").await;
        assert_eq!((&ann["email"], &ann["frequency"], &ann["all_categories"]), (&json!("Ann@example.org"), &json!("monthly"), &json!(false)));
        assert_eq!(ann["categories"][0]["slug"], "tax");
        assert_eq!(app.confirm("").await.expect(410).code(), "token_expired");
        assert_eq!(app.anyone().post("/v1/subscriptions/confirm", json!({})).await.expect(422).code(), "invalid_field");
        // A manage token confirms nothing, and a confirmation manages nothing.
        let manage = app.confirm(&token(&new)).await.json()["manage_token"].as_str().unwrap().to_owned();
        app.confirm(&manage).await.expect(410);
        app.with_token(Method::GET, "/v1/subscriptions/me", None, &token(&new)).await.expect(401);
    }

    async fn a_confirmation_ends_after_three_days(app: App) {
        let postbox = Postbox::new();
        app.ask(json!({"email": "ann@example.org"})).await.expect(202);
        let letter = postbox.letter(&app);
        app.pass(72 * HOUR - 1);
        app.anyone().get(&path(&letter.links[0])).await.expect(200);
        app.pass(1);
        app.anyone().get(&path(&letter.links[0])).await.expect(410);
        app.confirm(&token(&letter)).await.expect(410);
        assert_eq!(app.subscriber("ann@example.org").await["state"], "pending");
    }

    async fn a_week_after_it_was_asked_a_request_is_forgotten(app: App) {
        let postbox = Postbox::new();
        app.subscribe(&postbox, "stays@example.org").await;
        app.ask(json!({"email": "ann@example.org"})).await.expect(202);
        let purge = |app: &App| { let now = app.now(); app.data.db.write_blocking(|conn| subscribers::purge(conn, now)).unwrap() };
        app.pass(7 * DAY - 1);
        purge(&app);
        assert_eq!(app.subscriber("ann@example.org").await["state"], "pending");
        app.pass(1);
        purge(&app);
        assert_eq!(app.subscriber("ann@example.org").await, Value::Null);
        assert_eq!(app.subscriber("stays@example.org").await["state"], "active");
        assert!(postbox.letters(&app).is_empty(), "its message went with it");
    }

    async fn of_many_confirmations_at_once_one_activates_and_all_are_answered(app: App) {
        let postbox = Postbox::new();
        app.ask(json!({"email": "ann@example.org"})).await.expect(202);
        let token = token(&postbox.letter(&app));
        let replies = join_all((0..12).map(|_| app.confirm(&token))).await;
        let bodies: Vec<_> = replies.into_iter().map(|reply| reply.expect(200).json()).collect();
        assert!(bodies.iter().all(|body| *body == bodies[0]));
        let ann = app.subscriber("ann@example.org").await;
        let events = app.events(ann["id"].as_str().unwrap()).await;
        assert_eq!(kinds(&events).iter().filter(|kind| **kind == "confirmed").count(), 1);
    }

    async fn of_many_requests_at_once_one_makes_a_row_and_one_a_mail(app: App) {
        let postbox = Postbox::new();
        let body = || json!({"email": "ann@example.org"});
        let replies = join_all((0..12).map(|_| app.ask(body()))).await;
        for reply in replies {
            reply.expect(202);
        }
        assert_eq!(app.admin().get("/v1/admin/subscribers?count=true").await.json()["page"]["total"], 1);
        let ann = app.subscriber("ann@example.org").await;
        let events = app.events(ann["id"].as_str().unwrap()).await;
        assert_eq!(kinds(&events).iter().filter(|kind| **kind == "requested").count(), 12);
        assert_eq!(kinds(&events).iter().filter(|kind| **kind == "confirm_mail_sent").count(), 1);
        app.confirm(&token(&postbox.letter(&app))).await.expect(200);
    }

    async fn of_many_requests_at_once_of_someone_known_one_makes_a_mail(app: App) {
        let postbox = Postbox::new();
        app.subscribe(&postbox, "ann@example.org").await;
        let id = app.subscriber("ann@example.org").await["id"].as_str().unwrap().to_owned();
        for round in 1..4 {
            app.form(&app.unsubscribe_path(&id), "confirm=1").await.expect(200);
            app.pass(DAY);
            let replies = join_all((0..6).map(|_| app.ask(json!({"email": "ann@example.org"})))).await;
            for reply in replies {
                reply.expect(202);
            }
            app.confirm(&token(&postbox.letter(&app))).await.expect(200);
            let events = app.events(&id).await;
            assert_eq!(kinds(&events).iter().filter(|kind| **kind == "confirm_mail_sent").count(), round + 1);
        }
    }

    async fn looking_at_a_link_changes_nothing(app: App) {
        let postbox = Postbox::new();
        app.ask(json!({"email": "ann@example.org"})).await.expect(202);
        let letter = postbox.letter(&app);
        let ann = app.subscriber("ann@example.org").await;
        let unsubscribe = app.unsubscribe_path(ann["id"].as_str().unwrap());
        let scan = async || {
            for link in letter.links.iter().map(path).chain([unsubscribe.clone()]) {
                for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
                    let reply = app.anyone().send(method, &link, None, &[]).await;
                    assert!(reply.status < 300, "{link} {}", reply.status);
                    assert!(reply.header("set-cookie").is_none());
                }
            }
        };
        scan().await;
        assert_eq!(app.subscriber("ann@example.org").await, ann);
        app.confirm(&token(&letter)).await.expect(200);
        let active = app.subscriber("ann@example.org").await;
        scan().await;
        assert_eq!(app.subscriber("ann@example.org").await, active);
        assert_eq!(active["state"], "active");
    }

    async fn pages_work_without_script_and_are_kept_nowhere(app: App) {
        let postbox = Postbox::new();
        app.ask(json!({"email": "ann@example.org"})).await.expect(202);
        let letter = postbox.letter(&app);
        let confirm = path(&letter.links[0]);
        let id = app.subscriber("ann@example.org").await["id"].as_str().unwrap().to_owned();
        for link in letter.links.iter().map(path).chain([app.unsubscribe_path(&id)]) {
            let page = app.anyone().get(&link).await.expect(200);
            assert_eq!(page.header("cache-control").as_deref(), Some("no-store"));
            assert_eq!(page.header("referrer-policy").as_deref(), Some("no-referrer"));
            assert!(page.header("x-robots-tag").unwrap().contains("noindex"));
            let policy = page.header("content-security-policy").unwrap();
            assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && policy.contains("form-action 'self'"));
            assert!(!policy.contains("script") && !policy.contains("sandbox") && !policy.contains("unsafe"));
            assert!(!page.text().contains("<script") && !page.text().contains(" style="));
            assert!(page.text().contains("<form method=\"post\">") && !page.text().contains("ann@example.org"));
        }
        // As a browser posts a form whose button has no name.
        let done = app.form(&confirm, "").await.expect(200);
        assert!(done.text().contains("30 November 2026") && done.text().contains("http://cms.example.org/u/mg_"));
        assert_eq!(app.subscriber("ann@example.org").await["state"], "active");
        assert!(app.anyone().get(&confirm).await.expect(200).text().contains("active already"));
        app.form(&confirm, "").await.expect(200);
        let unknown = app.form("/newsletter/confirm/unknown", "").await.expect(410);
        assert!(unknown.header("content-type").unwrap().starts_with("text/html"));
    }

    async fn one_click_unsubscribes_at_once(app: App) {
        let postbox = Postbox::new();
        for (email, multipart) in [("ann@example.org", false), ("bob@example.org", true)] {
            app.subscribe(&postbox, email).await;
            let id = app.subscriber(email).await["id"].as_str().unwrap().to_owned();
            let link = app.unsubscribe_path(&id);
            for _ in 0..2 {
                let (kind, body) = if multipart {
                    let part = "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
                    ("multipart/form-data; boundary=b", part)
                } else {
                    ("application/x-www-form-urlencoded", "List-Unsubscribe=One-Click")
                };
                let request = TestRequest::post().uri(&link).insert_header(("content-type", kind)).set_payload(body);
                let reply = app.anyone().raw(request).await.expect(200);
                assert!(reply.body.is_empty());
                assert!(reply.header("location").is_none() && reply.header("set-cookie").is_none());
            }
            assert_eq!(app.subscriber(email).await["state"], "unsubscribed");
            let events = app.events(&id).await;
            assert_eq!(kinds(&events), ["requested", "confirm_mail_sent", "confirmed", "unsubscribed"]);
            assert_eq!(events[3]["source"], "one-click");
        }
    }

    async fn an_unsubscribe_link_takes_nothing_else(app: App) {
        let postbox = Postbox::new();
        app.subscribe(&postbox, "ann@example.org").await;
        let id = app.subscriber("ann@example.org").await["id"].as_str().unwrap().to_owned();
        let link = app.unsubscribe_path(&id);
        for body in ["", "List-Unsubscribe=one-click", "List-Unsubscribe=One-Click&x=1", "confirm=2", "choice=all"] {
            assert_eq!(app.form(&link, body).await.expect(400).code(), "malformed", "{body}");
        }
        assert_eq!(app.anyone().post(&link, json!({"List-Unsubscribe": "One-Click"})).await.expect(415).code(), "unsupported_media_type");
        app.form(&link, &"x".repeat(20_000)).await.expect(413);
        for wrong in ["/u/x", "/u/v1.k.a.b.c", &link[..link.len() - 1], &link.replace(&id, &SubscriberId::new().to_string()), "/u/mg_x"] {
            app.form(wrong, "List-Unsubscribe=One-Click").await.expect(404);
            app.anyone().get(wrong).await.expect(404);
        }
        assert_eq!(app.subscriber("ann@example.org").await["state"], "active");
    }

    async fn a_page_lets_a_reader_receive_less(app: App) {
        let postbox = Postbox::new();
        app.category("business", "Business");
        app.category("tax", "Tax");
        let manage = app.subscribe(&postbox, "ann@example.org").await;
        let me = async || app.with_token(Method::GET, "/v1/subscriptions/me", None, &manage).await.expect(200).json();
        let id = app.subscriber("ann@example.org").await["id"].as_str().unwrap().to_owned();
        let link = app.unsubscribe_path(&id);
        assert!(app.form(&link, "choice=topics").await.expect(422).text().contains("at least one topic"));
        app.form(&link, "category=tax&choice=topics").await.expect(200);
        assert_eq!((&me().await["all_categories"], &me().await["categories"]), (&json!(false), &json!(["tax"])));
        // A link can only lessen what is sent.
        app.form(&link, "category=business&choice=topics").await.expect(422);
        assert_eq!(me().await["categories"], json!(["tax"]));
        app.form(&link, "choice=monthly").await.expect(200);
        app.form(&link, "choice=pause").await.expect(200);
        assert_eq!((&me().await["frequency"], &me().await["paused_until"]), (&json!("monthly"), &json!("2027-02-23T09:00:00Z")));
        let page = app.form(&link, "confirm=1").await.expect(200);
        assert!(page.text().contains("you are unsubscribed") && page.text().contains("name=\"undo\""));
        assert_eq!(me().await["state"], "unsubscribed");
        assert!(app.form(&link, "choice=monthly").await.expect(200).text().contains("you are not subscribed"));
        app.form(&link, "undo=1").await.expect(200);
        assert_eq!(me().await["state"], "active");
        let kinds_of = app.events(&id).await;
        assert_eq!(kinds(&kinds_of)[3..], ["preferences", "preferences", "preferences", "unsubscribed", "resubscribed"]);
    }

    async fn a_link_works_on_when_its_person_was_erased(app: App) {
        let postbox = Postbox::new();
        app.subscribe(&postbox, "ann@example.org").await;
        let id = app.subscriber("ann@example.org").await["id"].as_str().unwrap().to_owned();
        let link = app.unsubscribe_path(&id);
        app.admin().delete(&format!("/v1/admin/subscribers/{id}")).await.expect(204);
        app.form(&link, "List-Unsubscribe=One-Click").await.expect(200);
        assert!(app.anyone().get(&link).await.expect(200).text().contains("not subscribed"));
    }

    async fn an_unsubscription_is_undone_within_a_day_by_the_token_that_did_it(app: App) {
        let postbox = Postbox::new();
        let manage = app.subscribe(&postbox, "ann@example.org").await;
        let id = app.subscriber("ann@example.org").await["id"].as_str().unwrap().to_owned();
        let other = app.unsubscribe_path(&id);
        let act = async |action: &str| app.with_token(Method::POST, &format!("/v1/subscriptions/me/{action}"), None, &manage).await;
        assert_eq!(act("unsubscribe").await.expect(200).json()["state"], "unsubscribed");
        assert_eq!(act("unsubscribe").await.expect(200).json()["state"], "unsubscribed");
        app.form(&other, "undo=1").await.expect(409);
        app.pass(DAY - 1);
        assert_eq!(act("resubscribe").await.expect(200).json()["state"], "active");
        assert_eq!(act("resubscribe").await.expect(200).json()["state"], "active");
        app.form(&other, "confirm=1").await.expect(200);
        assert_eq!(act("resubscribe").await.expect(409).code(), "undo_expired");
        app.form(&other, "undo=1").await.expect(200);
        act("unsubscribe").await.expect(200);
        app.pass(DAY);
        assert_eq!(act("resubscribe").await.expect(409).code(), "undo_expired");
    }

    async fn who_left_comes_back_by_a_new_confirmed_request_alone(app: App) {
        let postbox = Postbox::new();
        app.subscribe(&postbox, "ann@example.org").await;
        let hmac = email_hmac(&app.data.secrets, &Email::parse("ann@example.org").unwrap());
        let suppression = || app.data.db.read_blocking(|conn| suppressions::strongest(conn, &[&hmac])).unwrap();
        let id = app.subscriber("ann@example.org").await["id"].as_str().unwrap().to_owned();
        app.form(&app.unsubscribe_path(&id), "List-Unsubscribe=One-Click").await.expect(200);
        assert_eq!(suppression().unwrap().reason, Reason::Unsubscribed);
        app.pass(HOUR);
        app.ask(json!({"email": "ann@example.org"})).await.expect(202);
        let letter = postbox.letter(&app);
        assert_eq!(app.subscriber("ann@example.org").await["state"], "unsubscribed");
        assert!(suppression().is_some());
        app.confirm(&token(&letter)).await.expect(200);
        assert_eq!(app.subscriber("ann@example.org").await["state"], "active");
        assert!(suppression().is_none());
        assert_eq!(app.subscriber("ann@example.org").await["unsubscribed_at"], Value::Null);
    }

    async fn who_never_asked_is_left_alone_for_a_year(app: App) {
        let postbox = Postbox::new();
        app.ask(json!({"email": "ann@example.org"})).await.expect(202);
        let letter = postbox.letter(&app);
        let objection = path(&letter.links[1]);
        assert!(objection.starts_with("/newsletter/not-me/"));
        app.pass(601);
        app.ask(json!({"email": "ann@example.org"})).await.expect(202);
        app.form(&objection, "").await.expect(200);
        app.form(&objection, "").await.expect(200);
        assert!(postbox.letters(&app).is_empty(), "what waited does not leave any more");
        assert_eq!(app.subscriber("ann@example.org").await, Value::Null, "the address is not kept");
        app.confirm(&token(&letter)).await.expect(410);
        app.pass(364 * DAY);
        app.ask(json!({"email": "ann@example.org"})).await.expect(202);
        assert!(postbox.letters(&app).is_empty());
        app.pass(DAY);
        app.ask(json!({"email": "ann@example.org"})).await.expect(202);
        app.confirm(&token(&postbox.letter(&app))).await.expect(200);
        app.form("/newsletter/not-me/v1.k.x.y", "").await.expect(404);
        app.anyone().get("/newsletter/not-me/x").await.expect(404);
    }

    async fn an_objection_also_ends_a_subscription_and_its_tokens(app: App) {
        let postbox = Postbox::new();
        app.ask(json!({"email": "ann@example.org"})).await.expect(202);
        let letter = postbox.letter(&app);
        let manage = app.confirm(&token(&letter)).await.json()["manage_token"].as_str().unwrap().to_owned();
        app.form(&path(&letter.links[1]), "").await.expect(200);
        assert_eq!(app.subscriber("ann@example.org").await["state"], "unsubscribed");
        assert_eq!(app.with_token(Method::GET, "/v1/subscriptions/me", None, &manage).await.expect(401).code(), "unauthenticated");
        app.confirm(&token(&letter)).await.expect(410);
    }

    async fn a_complaint_meanwhile_makes_a_confirmation_void(app: App) {
        let postbox = Postbox::new();
        app.ask(json!({"email": "ann@example.org"})).await.expect(202);
        let letter = postbox.letter(&app);
        app.suppress("ann@example.org", Reason::Complaint);
        app.suppress("ann@example.org", Reason::Unsubscribed);
        app.confirm(&token(&letter)).await.expect(410);
        assert_eq!(app.subscriber("ann@example.org").await["state"], "pending");
        let hmac = email_hmac(&app.data.secrets, &Email::parse("ann@example.org").unwrap());
        let left = app.data.db.read_blocking(|conn| suppressions::strongest(conn, &[&hmac])).unwrap();
        assert_eq!(left.unwrap().reason, Reason::Complaint, "a weaker reason does not replace a stronger one");
    }

    async fn a_person_changes_what_they_receive(app: App) {
        let postbox = Postbox::new();
        app.category("business", "Business");
        app.category("tax", "Tax");
        let manage = app.subscribe(&postbox, "ann@example.org").await;
        let put = async |body: Value| app.with_token(Method::PUT, "/v1/subscriptions/me", Some(body), &manage).await;
        let changed = put(json!({"categories": ["tax"], "frequency": "monthly", "timezone": "Europe/Vienna", "send_hour": 7,
            "format": "text", "paused_until": "2026-12-24T00:00:00Z", "locale": "de"})).await.expect(200);
        assert_eq!(changed.json(), json!({"email_masked": "a***@e***.org", "state": "active", "all_categories": false,
            "categories": ["tax"], "frequency": "monthly", "timezone": "Europe/Vienna", "send_hour": 7, "format": "text",
            "paused_until": "2026-12-24T00:00:00Z", "locale": "de"}));
        // An answer can be sent back as it is, and what is absent stays.
        assert_eq!(put(changed.json()).await.expect(200).json(), changed.json());
        let cleared = put(json!({"timezone": null, "all_categories": true})).await.expect(200).json();
        assert_eq!((&cleared["timezone"], &cleared["all_categories"], &cleared["categories"], &cleared["send_hour"]),
            (&Value::Null, &json!(true), &json!([]), &json!(7)));
        app.pass(60 * DAY);
        let me = app.with_token(Method::GET, "/v1/subscriptions/me", None, &manage).await.expect(200);
        assert_eq!(me.json()["paused_until"], Value::Null, "a pause ends by itself");
        put(me.json()).await.expect(200);

        let wrong = put(json!({"categories": ["none"], "frequency": "daily", "send_hour": 24})).await.expect(422).json();
        let places: Vec<_> = wrong["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].clone()).collect();
        assert_eq!(places, ["/categories/0", "/frequency", "/send_hour"]);
        assert_eq!(put(json!({"email": "bob@example.org"})).await.expect(400).code(), "malformed");
        let stale = [("authorization", &*format!("Bearer {manage}")), ("if-match", "\"v1\"")];
        app.anyone().send(Method::PUT, "/v1/subscriptions/me", Some(json!({"format": "html"})), &stale).await.expect(412);
    }

    async fn a_manage_token_is_good_for_90_days(app: App) {
        let postbox = Postbox::new();
        let manage = app.subscribe(&postbox, "ann@example.org").await;
        let me = async |token: &str| app.with_token(Method::GET, "/v1/subscriptions/me", None, token).await;
        let refused = app.anyone().get("/v1/subscriptions/me").await.expect(401);
        assert!(refused.header("www-authenticate").is_some());
        for wrong in ["", "mg_", "mg_x", &manage[3..], &format!("{manage}x")] {
            me(wrong).await.expect(401);
        }
        // It is refused before its body is looked at.
        let put = app.with_token(Method::PUT, "/v1/subscriptions/me", Some(json!([])), "mg_x").await;
        put.expect(401);
        app.pass(90 * DAY - 1);
        me(&manage).await.expect(200);
        app.pass(1);
        me(&manage).await.expect(401);
    }

    async fn a_bad_request_is_told_everything_that_is_wrong(app: App) {
        let refused = app.ask(json!({"email": "nobody", "categories": ["none"], "frequency": "daily", "timezone": "Mars",
            "locale": "!", "source": "elsewhere", "consent_version": "0"})).await.expect(422).json();
        let places: Vec<_> = refused["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].clone()).collect();
        assert_eq!(places, ["/email", "/categories/0", "/frequency", "/timezone", "/locale", "/source", "/consent_version"]);
        assert_eq!(app.ask(json!({})).await.expect(422).json()["errors"][0]["code"], "required");
        assert_eq!(app.ask(json!({"email": "ann@example.org", "name": "Ann"})).await.expect(400).code(), "malformed");
        assert_eq!(app.ask(json!({"email": 7})).await.expect(400).code(), "malformed");
        assert_eq!(app.ask(json!({"email": "ann@example.org", "pow": "x".repeat(5_000)})).await.expect(413).code(), "body_too_large");
        for email in ["ann@example.org\r\nBcc: bob@example.org", "ann\u{2028}@example.org", "\"Ann\" <ann@example.org>", "a@b@c.org"] {
            app.ask(json!({"email": email})).await.expect(422);
        }
        assert_eq!(app.ask(json!({"email": "ann\u{0}@example.org"})).await.status, 400);
    }

    async fn no_header_of_a_request_reaches_a_link(app: App) {
        let postbox = Postbox::new();
        let hostile = [("host", "evil.example"), ("x-forwarded-host", "evil.example"), ("x-forwarded-proto", "gopher"),
            ("forwarded", "host=evil.example"), ("origin", "https://evil.example"), ("referer", "https://evil.example/")];
        let body = Some(json!({"email": "ann@example.org"}));
        app.anyone().send(Method::POST, "/v1/subscriptions", body, &hostile).await.expect(202);
        let letter = postbox.letter(&app);
        for part in [&letter.text, &letter.html, &letter.head] {
            assert!(!part.contains("evil"), "{part}");
        }
        let page = app.anyone().send(Method::POST, &path(&letter.links[0]), None, &hostile).await.expect(200);
        assert!(!page.text().contains("evil"));
    }

    async fn a_suppression_outlives_the_person_and_the_history_is_bare(app: App) {
        let postbox = Postbox::new();
        app.category("tax", "Tax");
        app.ask(json!({"email": "ann@example.org", "categories": ["tax"], "source": "footer"})).await.expect(202);
        app.confirm(&token(&postbox.letter(&app))).await.expect(200);
        app.suppress("ann@example.org", Reason::Complaint);
        let id = app.subscriber("ann@example.org").await["id"].as_str().unwrap().to_owned();
        app.admin().delete(&format!("/v1/admin/subscribers/{id}")).await.expect(204);
        let path = format!("/v1/admin/subscribers/{id}");
        assert_eq!(app.admin().get(&path).await.expect(404).code(), "not_found");
        app.admin().delete(&path).await.expect(404);
        assert_eq!(app.subscriber("ann@example.org").await, Value::Null);
        let events = app.events(&id).await;
        assert_eq!(kinds(&events), ["requested", "confirm_mail_sent", "confirmed", "erased"]);
        for event in &events {
            for member in ["source", "categories", "ip_prefix", "user_agent", "actor_name", "consent_text_sha256"] {
                assert_eq!(event[member], Value::Null, "{member}");
            }
        }
        app.pass(40 * DAY);
        app.ask(json!({"email": "ann@example.org"})).await.expect(202);
        assert!(postbox.letters(&app).is_empty());
    }

    async fn the_history_of_consents_only_grows(app: App) {
        let postbox = Postbox::new();
        app.subscribe(&postbox, "ann@example.org").await;
        assert!(execute(&app, "UPDATE consent_events SET kind = 'confirmed'").is_err());
        assert!(execute(&app, "UPDATE consent_events SET ip_prefix = '10.0.0.0/24'").is_err());
        assert!(execute(&app, "UPDATE consent_events SET at = at + 1, source = NULL").is_err());
        assert!(execute(&app, "DELETE FROM consent_events").is_err());
        let bare = "UPDATE consent_events SET source = NULL, consent_text_sha256 = NULL, categories = NULL, ip_prefix = NULL,
            user_agent = NULL, actor_name = NULL";
        assert_eq!(execute(&app, bare).unwrap(), 3);
    }

    async fn only_an_administrator_sees_subscribers(app: App) {
        let postbox = Postbox::new();
        app.subscribe(&postbox, "ann@example.org").await;
        let id = app.subscriber("ann@example.org").await["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/admin/subscribers/{id}");
        for role in [Role::Editor, Role::Author, Role::Contributor, Role::Moderator] {
            let mut caller = app.caller(role);
            for reply in [
                caller.get("/v1/admin/subscribers").await,
                caller.get(&path).await,
                caller.get(&format!("{path}/consents")).await,
                caller.act(&format!("{path}/unsubscribe")).await,
                caller.delete(&path).await,
            ] {
                assert_eq!(reply.expect(403).code(), "forbidden");
            }
        }
        app.anyone().get("/v1/admin/subscribers").await.expect(401);
        let mut admin = app.admin();
        assert_eq!(admin.get(&path).await.expect(200).json()["available_actions"], json!(["unsubscribe", "erase"]));
        let left = admin.act(&format!("{path}/unsubscribe")).await.expect(200).json();
        assert_eq!((&left["state"], &left["available_actions"]), (&json!("unsubscribed"), &json!(["erase"])));
        let events = app.events(&id).await;
        assert_eq!(events.last().unwrap()["actor_name"], "A test admin");
        admin.pretend(&path, "\"v1\"");
        admin.delete(&path).await.expect(412);
    }

    async fn subscribers_are_listed_page_by_page(app: App) {
        let postbox = Postbox::new();
        app.category("tax", "Tax");
        for name in ["a", "b", "c"] {
            app.subscribe(&postbox, &format!("{name}@example.org")).await;
            app.pass(1);
        }
        app.ask(json!({"email": "d@example.org", "categories": ["tax"]})).await.expect(202);
        app.confirm(&token(&postbox.letter(&app))).await.expect(200);
        app.ask(json!({"email": "e@example.org"})).await.expect(202);
        let mut admin = app.admin();
        let emails = |body: &Value| body["data"].as_array().unwrap().iter().map(|one| one["email"].as_str().unwrap()[..1].to_owned()).collect::<String>();
        let first = admin.get("/v1/admin/subscribers?state=active&limit=3&count=true").await.expect(200).json();
        assert_eq!((emails(&first).as_str(), &first["page"]["total"]), ("dcb", &json!(4)));
        let next = format!("/v1/admin/subscribers?state=active&limit=3&cursor={}", first["page"]["next"].as_str().unwrap());
        assert_eq!(emails(&admin.get(&next).await.expect(200).json()), "a");
        let other = next.replace("state=active", "state=pending");
        admin.get(&other).await.expect(400);
        assert_eq!(emails(&admin.get("/v1/admin/subscribers?category=tax").await.json()), "d");
        assert_eq!(emails(&admin.get("/v1/admin/subscribers?category=none").await.expect(200).json()), "");
        assert_eq!(emails(&admin.get("/v1/admin/subscribers?q=B@example.org").await.json()), "b");
        assert_eq!(emails(&admin.get("/v1/admin/subscribers?q=example").await.expect(200).json()), "");
        admin.get("/v1/admin/subscribers?state=sleeping").await.expect(400);
    }

    async fn a_message_waits_when_the_server_is_away_and_leaves_no_token_when_given_up(app: App) {
        let postbox = Postbox::new();
        app.ask(json!({"email": "ann@example.org"})).await.expect(202);
        app.ask(json!({"email": "bob@example.org"})).await.expect(202);
        let nowhere = Transport::open(Some("smtp://127.0.0.1:1"), std::path::Path::new("/")).unwrap();
        let run = || http::outbox::deliver_due(&app.data, &nowhere).unwrap();
        assert_eq!((run().failed, run().failed), (1, 1), "the rest is left when there is no server");
        assert_eq!(run(), http::outbox::Outcome::default());
        assert!(postbox.letters(&app).is_empty(), "none is due yet");
        app.pass(73);
        assert_eq!(postbox.letters(&app).len(), 2);

        app.ask(json!({"email": "carl@example.org"})).await.expect(202);
        let mut tries = 0;
        for _ in 0..60 {
            tries += run().failed;
            app.pass(HOUR);
        }
        assert!((7..=11).contains(&tries), "{tries}");
        assert!(postbox.letters(&app).is_empty());
        let count = |what: &str| execute(&app, &format!("UPDATE messages SET id = id WHERE {what}")).unwrap();
        assert_eq!((count("state = 'failed' AND payload = '{}'"), count("state <> 'failed'")), (1, 0));
    }

    async fn a_message_is_sent_by_one_worker(app: App) {
        for number in 0..20 {
            app.ask(json!({"email": format!("reader{number}@example.org")})).await.expect(202);
        }
        let folder = tempfile::tempdir().unwrap();
        let transport = Transport::open(None, folder.path()).unwrap();
        let sent: usize = std::thread::scope(|scope| {
            let work = || http::outbox::deliver_due(&app.data, &transport).unwrap().sent;
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).sum()
        });
        assert_eq!(sent, 20);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 20);
    }

    async fn a_message_whose_worker_died_is_sent_by_another(app: App) {
        let postbox = Postbox::new();
        app.ask(json!({"email": "ann@example.org"})).await.expect(202);
        let now = app.now();
        let dead = app.data.db.write_blocking(|conn| messages::claim(conn, now)).unwrap().unwrap();
        assert!(postbox.letters(&app).is_empty());
        app.pass(15 * 60);
        let alive = app.data.db.write_blocking(|conn| messages::claim(conn, app.now())).unwrap().unwrap();
        assert_eq!(alive.id, dead.id);
        // The dead one comes back: its word is no longer heard.
        app.data.db.write_blocking(|conn| messages::settle_sent(conn, &dead)).unwrap();
        app.data.db.write_blocking(|conn| messages::settle_failed(conn, &alive, false, "busy", app.now())).unwrap();
        app.pass(15 * 60);
        postbox.letter(&app);
    }

    async fn a_network_asks_twenty_times_an_hour(app: App) {
        let ask = async |number: usize, from: [u8; 4]| {
            let body = json!({"email": format!("reader{number}@example{number}.org")});
            let request = TestRequest::post()
                .uri("/v1/subscriptions")
                .peer_addr(std::net::SocketAddr::from((from, 9)))
                .insert_header(("content-type", "application/json"))
                .insert_header(("x-forwarded-for", format!("10.0.0.{number}")))
                .set_payload(body.to_string());
            app.anyone().raw(request).await
        };
        for number in 0..20 {
            ask(number, [192, 0, 2, 1]).await.expect(202);
        }
        let refused = ask(20, [192, 0, 2, 1]).await.expect(429);
        assert_eq!(refused.code(), "too_many_requests");
        assert_eq!(refused.header("retry-after").as_deref(), Some("180"));
        ask(20, [192, 0, 2, 2]).await.expect(202);
        app.pass(180);
        ask(21, [192, 0, 2, 1]).await.expect(202);
    }

    async fn mail_to_a_domain_that_is_flooded_is_held_back(app: App) {
        let postbox = Postbox::new();
        for number in 0..205_u8 {
            let request = TestRequest::post()
                .uri("/v1/subscriptions")
                .peer_addr(std::net::SocketAddr::from(([192, 0, 2, number], 9)))
                .insert_header(("content-type", "application/json"))
                .set_payload(json!({"email": format!("reader{number}@example.org")}).to_string());
            app.anyone().raw(request).await.expect(202);
        }
        assert_eq!(postbox.letters(&app).len(), 200);
        app.pass(30 * 60);
        assert_eq!(postbox.letters(&app).len(), 5);
    }
}
