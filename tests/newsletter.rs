//! The weekly update: its settings, what is in it, who gets it, and what becomes of every copy.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::path::PathBuf;
use std::time::Duration;

use diesel::RunQueryDsl;
use domain::ids::{ArticleId, CategoryId, IssueId, NewsletterId, SubscriberId};
use domain::issues::IssueState;
use domain::newsletter::{Frequency, NewsletterWrite};
use domain::permissions::Role;
use domain::subscriptions::{domain_hmac, email_hmac, read_unsubscribe_token};
use domain::text::Email;
use domain::{Actor, Seen, Timestamp};
use http::sending::{Report, Tally, send_due};
use mail::Transport;
use mail::transport::Timeouts;
use mail_parser::{MessageParser, PartType};
use persistence::deliveries::{self, Outcome, Worker};
use persistence::{Conn, issues, newsletters};
use serde_json::{Value, json};

use crate::smtp_sink::{Answer, SmtpSink, When};
use crate::support::{App, both};

/// The newsletter of these tests goes out on Thursdays at seven in London: first on this one.
const DUE: &str = "2026-11-26T07:00:00Z";
const WEEK: i64 = 7 * 24 * 3_600;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn due() -> Timestamp {
    at(DUE)
}

/// Does what no operation does, or one of a part that is not built yet.
fn sql(app: &App, statement: &str) -> usize {
    let run = |conn: &mut Conn| Ok(diesel::sql_query(statement).execute(conn)?);
    app.data.db.write_blocking(run).unwrap()
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Gives the newsletter what it needs to be sent.
fn set_up(app: &App) {
    set(app, NewsletterWrite::default());
}

fn set(app: &App, write: NewsletterWrite) {
    let write = NewsletterWrite {
        name: Some("The Thursday Post".into()),
        from_name: Some("Example Blog".into()),
        from_address: Some("post@example.com".into()),
        reply_to: Some("editors@example.com".into()),
        postal_address: Some("4 Tallow Yard\nExampleton".into()),
        weekday: Some("thursday".into()),
        hour: Some(7),
        timezone: Some("Europe/London".into()),
        ..write
    };
    let (settings, now) = (write.check().unwrap(), app.now());
    let update = |conn: &mut Conn| newsletters::update(conn, &Actor::system(), &Seen::Any, || Ok(settings), now);
    app.data.db.write_blocking(update).unwrap();
}

fn newsletter(app: &App) -> NewsletterId {
    app.data.db.read_blocking(newsletters::current).unwrap().id
}

/// A category below another.
fn category(app: &App, slug: &str, parent: Option<CategoryId>) -> CategoryId {
    let id = CategoryId::new();
    let parent = parent.map_or("NULL".into(), |parent| format!("'{parent}'"));
    sql(
        app,
        &format!(
            "INSERT INTO categories (id, parent_id, slug, path, depth, position, name, version, created_at, updated_at) \
             VALUES ('{id}', {parent}, '{slug}', '{slug}', 0, 0, 'About {slug}', 1, 0, 0)"
        ),
    );
    id
}

/// An article that has been public since then; `categories` are its own one and those above it.
fn article(app: &App, title: &str, since: Timestamp, categories: &[CategoryId]) -> ArticleId {
    let id = ArticleId::new();
    let own: Vec<_> = categories.iter().take(1).collect();
    let summary = json!({
        "title": title, "excerpt": format!("This is about {title}. {}", "And more of it. ".repeat(30)),
        "cover_image": null, "byline_ids": [], "category_ids": own, "tag_ids": [],
    });
    let (slug, since) = (format!("a-{id}"), since.micros());
    sql(
        app,
        &format!(
            "INSERT INTO articles (id, kind, group_id, locale, state, version, revision, published_revision, published_at, \
             first_public_at, newsletter_eligible, comments_open, slug, title, created_at, updated_at, updated_by) \
             VALUES ('{id}', 'article', '{id}', 'en', 'published', 1, 1, 1, {since}, {since}, TRUE, TRUE, '{slug}', \
             {}, 0, 0, 'test')",
            quoted(title)
        ),
    );
    show(app, id, &slug, since, &summary.to_string(), categories);
    id
}

fn show(app: &App, id: ArticleId, slug: &str, since: i64, summary: &str, categories: &[CategoryId]) {
    let never = Timestamp::NEVER.micros();
    sql(
        app,
        &format!(
            "INSERT INTO published_articles (article_id, revision, kind, group_id, locale, slug, visible_from, visible_until, \
             published_at, updated_at, comments_open, summary, body) VALUES ('{id}', 1, 'article', '{id}', 'en', '{slug}', \
             {since}, {never}, {since}, {since}, TRUE, {}, '{{}}')",
            quoted(summary)
        ),
    );
    for category in categories {
        sql(
            app,
            &format!(
                "INSERT INTO published_in (scope, scope_id, article_id, revision, kind, locale, visible_from, \
                 visible_until, published_at) VALUES ('subtree', '{category}', '{id}', 1, 'article', 'en', {since}, {never}, {since})"
            ),
        );
    }
}

/// Someone who confirmed, and wants everything every week.
fn subscriber(app: &App, email: &str) -> SubscriberId {
    let (id, now) = (SubscriberId::new(), app.now().micros());
    let hmac = email_hmac(&app.data.secrets, &Email::parse(email).unwrap());
    sql(
        app,
        &format!(
            "INSERT INTO subscribers (id, newsletter_id, email, email_hmac, state, all_categories, frequency, format, \
             token_epoch, version, created_at, updated_at, confirmed_at) VALUES ('{id}', '{}', '{email}', '{hmac}', 'active', \
             TRUE, 'weekly', 'html', 0, 1, {now}, {now}, {now})",
            newsletter(app)
        ),
    );
    id
}

fn change(app: &App, id: SubscriberId, set: &str) {
    assert_eq!(sql(app, &format!("UPDATE subscribers SET {set} WHERE id = '{id}'")), 1);
}

fn wants(app: &App, id: SubscriberId, category: CategoryId) {
    change(app, id, "all_categories = FALSE");
    sql(app, &format!("INSERT INTO subscriber_categories (subscriber_id, category_id) VALUES ('{id}', '{category}')"));
}

/// A folder that takes mail.
struct Post {
    folder: tempfile::TempDir,
}

impl Post {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn transport(&self) -> Transport {
        Transport::open(None, self.folder.path()).unwrap()
    }

    fn send(&self, app: &App, at: Timestamp) -> Report {
        send_due(&app.data, &self.transport(), at).unwrap()
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> =
            std::fs::read_dir(self.folder.path()).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        files
    }

    /// Every message so far.
    fn mails(&self) -> Vec<Mail> {
        self.files().iter().map(|path| Mail::read(&std::fs::read(path).unwrap())).collect()
    }

    /// What the last mail to someone says.
    fn text_to(&self, email: &str) -> Option<String> {
        self.mails().into_iter().rfind(|mail| mail.to == email).map(|mail| mail.text)
    }
}

/// What a mail program makes of a message.
struct Mail {
    to: String,
    subject: String,
    id: String,
    text: String,
    html: Option<String>,
    headers: Vec<(String, String)>,
}

impl Mail {
    fn read(bytes: &[u8]) -> Self {
        let parsed = MessageParser::default().parse(bytes).unwrap();
        let html = parsed.parts.iter().find_map(|part| match &part.body {
            PartType::Html(html) => Some(html.to_string()),
            _ => None,
        });
        Self {
            to: parsed.to().unwrap().first().unwrap().address().unwrap().to_owned(),
            subject: parsed.subject().unwrap().to_owned(),
            id: parsed.message_id().unwrap().to_owned(),
            text: parsed.body_text(0).unwrap().replace("\r\n", "\n"),
            html,
            headers: parsed.headers_raw().map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect(),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// The issues there are, the latest first: period and state.
async fn issues_of(app: &App) -> Vec<(String, String)> {
    let listing = app.editor().get("/v1/admin/issues").await.expect(200).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    listing["data"].as_array().unwrap().iter().map(|issue| (text(&issue["period"]), text(&issue["state"]))).collect()
}

/// The latest issue, whole.
async fn issue(app: &App) -> Value {
    let mut editor = app.editor();
    let listing = editor.get("/v1/admin/issues?limit=1").await.expect(200).json();
    let id = listing["data"][0]["id"].as_str().unwrap();
    editor.get(&format!("/v1/admin/issues/{id}")).await.expect(200).json()
}

/// State and code of each copy of an issue, by masked address.
async fn copies(app: &App, id: &Value) -> Vec<(String, String, Value)> {
    let path = format!("/v1/admin/issues/{}/deliveries?limit=100", id.as_str().unwrap());
    let listing = app.editor().get(&path).await.expect(200).json();
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let copy = |copy: &Value| (text(&copy["email_masked"]), text(&copy["state"]), copy["code"].clone());
    let mut copies: Vec<_> = listing["data"].as_array().unwrap().iter().map(copy).collect();
    copies.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
    copies
}

fn tally(accepted: u64, deferred: u64, failed: u64, in_doubt: u64, skipped: u64) -> Tally {
    Tally { accepted, deferred, failed, in_doubt, skipped }
}

both! {
    async fn an_issue_goes_to_every_reader_once(app: App) {
        set_up(&app);
        article(&app, "Who takes over?", app.now(), &[]);
        let (ann, post) = (subscriber(&app, "ann@example.org"), Post::new());
        subscriber(&app, "ben@example.org");
        assert_eq!(post.send(&app, due().plus_seconds(-1)), Report::default());
        let report = post.send(&app, due());
        assert_eq!(report.tally, tally(2, 0, 0, 0, 0));
        assert_eq!(report.settled, [("2026-W48".to_owned(), IssueState::Sent)]);
        for later in [0, 60, 3_600, 5 * 24 * 3_600] {
            assert_eq!(post.send(&app, due().plus_seconds(later)), Report::default());
        }
        let issue = issue(&app).await;
        assert_eq!((issue["state"].as_str(), issue["audience_count"].as_u64()), (Some("sent"), Some(2)));
        assert_eq!(issue["deliveries"]["accepted"], 2);
        assert_eq!(issue["items"][0]["title"], "Who takes over?");
        assert!(issue["items"][0]["excerpt"].as_str().unwrap().chars().count() <= 200);

        let mails = post.mails();
        assert_eq!(mails.len(), 2);
        let mail = mails.iter().find(|mail| mail.to == "ann@example.org").unwrap();
        assert_eq!(mail.subject, "Weekly update: Who takes over?");
        for (name, value) in [
            ("From", "\"Example Blog\" <post@example.com>"),
            ("Reply-To", "editors@example.com"),
            ("List-Id", "The Thursday Post <weekly.example.com>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            ("Feedback-ID", "2026W48:weekly:newsletter:example-com"),
            ("Content-Language", "en"),
        ] {
            assert_eq!(mail.header(name), Some(value), "{name}");
        }
        let link = mail.header("List-Unsubscribe").unwrap().trim_matches(['<', '>']);
        let token = link.strip_prefix("http://cms.example.org/u/").unwrap();
        let issue_id: IssueId = issue["id"].as_str().unwrap().parse().unwrap();
        assert_eq!(read_unsubscribe_token(&app.data.secrets, token), Some((ann, issue_id)));
        assert!(mail.text.contains(link) && mail.html.as_ref().unwrap().contains(link));
        assert!(mail.text.contains("4 Tallow Yard\nExampleton") && mail.text.contains("http://cms.example.org/a-"));
        assert!(mail.id.ends_with(".2026-W48@example.com"));
        assert_eq!(mail.header("List-Archive"), None);
    }

    async fn racing_schedulers_make_and_send_one_issue(app: App) {
        set_up(&app);
        article(&app, "One", app.now(), &[]);
        for number in 0..40 {
            subscriber(&app, &format!("reader{number}@example.org"));
        }
        let (post, data) = (Post::new(), &app.data);
        let reports: Vec<Report> = std::thread::scope(|scope| {
            let race = || send_due(data, &post.transport(), due()).unwrap();
            let racers: Vec<_> = (0..8).map(|_| scope.spawn(race)).collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        assert_eq!(reports.iter().map(|report| report.made.len()).sum::<usize>(), 1);
        assert_eq!(reports.iter().map(|report| report.settled.len()).sum::<usize>(), 1);
        let mut to: Vec<String> = post.mails().into_iter().map(|mail| mail.to).collect();
        assert_eq!(to.len(), 40);
        to.sort();
        to.dedup();
        assert_eq!(to.len(), 40);
        assert_eq!(issues_of(&app).await, [("2026-W48".to_owned(), "sent".to_owned())]);
    }

    async fn a_missed_issue_is_sent_if_it_is_not_too_late(app: App) {
        set_up(&app);
        article(&app, "One", app.now(), &[]);
        subscriber(&app, "ann@example.org");
        let post = Post::new();
        // Two weeks were missed: the first is gone, the second waits for a person.
        let too_late = due().plus_seconds(WEEK + 12 * 3_600 + 1);
        assert_eq!(post.send(&app, too_late).tally, Tally::default());
        assert_eq!(issues_of(&app).await, [("2026-W49".to_owned(), "needs_review".to_owned())]);
        assert_eq!(post.send(&app, too_late), Report::default());
        // Nothing was lost: the next one carries it, late as it may be.
        let late = due().plus_seconds(2 * WEEK + 12 * 3_600);
        assert_eq!(post.send(&app, late).tally, tally(1, 0, 0, 0, 0));
        assert!(post.text_to("ann@example.org").unwrap().contains("One"));
    }

    async fn what_was_public_after_the_cutoff_waits_for_the_next_issue(app: App) {
        set_up(&app);
        article(&app, "Before", due(), &[]);
        article(&app, "After", due().plus_seconds(1), &[]);
        subscriber(&app, "ann@example.org");
        let post = Post::new();
        post.send(&app, due().plus_seconds(3_600));
        let text = post.text_to("ann@example.org").unwrap();
        assert!(text.contains("Before") && !text.contains("After"));
        post.send(&app, due().plus_seconds(WEEK));
        let text = post.text_to("ann@example.org").unwrap();
        assert!(text.contains("After") && !text.contains("Before"));
    }

    async fn a_week_without_news_sends_nothing(app: App) {
        set_up(&app);
        subscriber(&app, "ann@example.org");
        let post = Post::new();
        let report = post.send(&app, due());
        assert_eq!((report.made.len(), report.tally), (1, Tally::default()));
        assert_eq!(issues_of(&app).await, [("2026-W48".to_owned(), "skipped_empty".to_owned())]);
        // Published the next minute: it waits for the next week, and is in it.
        article(&app, "One", due().plus_seconds(60), &[]);
        assert_eq!(post.send(&app, due().plus_seconds(120)), Report::default());
        assert_eq!(post.send(&app, due().plus_seconds(WEEK)).tally.accepted, 1);
        assert_eq!(post.mails().len(), 1);
    }

    async fn too_few_articles_wait_for_more(app: App) {
        set(&app, NewsletterWrite { min_items: Some(2), ..NewsletterWrite::default() });
        article(&app, "One", app.now(), &[]);
        subscriber(&app, "ann@example.org");
        let post = Post::new();
        assert_eq!(post.send(&app, due()).tally, Tally::default());
        article(&app, "Two", due().plus_seconds(60), &[]);
        assert_eq!(post.send(&app, due().plus_seconds(WEEK)).tally.accepted, 1);
        let text = post.text_to("ann@example.org").unwrap();
        assert!(text.find("Two").unwrap() < text.find("One").unwrap(), "the newest comes first");
    }

    async fn long_issues_end_in_titles_and_a_number(app: App) {
        set(&app, NewsletterWrite { max_items: Some(2), ..NewsletterWrite::default() });
        for number in 0..25 {
            article(&app, &format!("Number {number:02}"), app.now().plus_seconds(number), &[]);
        }
        subscriber(&app, "ann@example.org");
        let post = Post::new();
        post.send(&app, due());
        let text = post.text_to("ann@example.org").unwrap();
        assert_eq!(text.matches("This is about").count(), 2);
        assert!(text.contains("Number 24") && text.contains("Number 03") && !text.contains("Number 02"));
        assert!(text.contains("3 more on the site"));
        // All of them count as sent.
        assert_eq!(post.send(&app, due().plus_seconds(WEEK)).tally, Tally::default());
    }

    async fn readers_get_the_topics_they_chose(app: App) {
        set_up(&app);
        let business = category(&app, "business", None);
        let succession = category(&app, "succession", Some(business));
        let money = category(&app, "money", None);
        article(&app, "Who takes over?", app.now(), &[succession, business]);
        article(&app, "What it costs", app.now(), &[money]);
        article(&app, "Elsewhere", app.now(), &[]);
        let readers = ["all", "business", "succession", "money", "none"].map(|name| {
            (name, subscriber(&app, &format!("{name}@example.org")))
        });
        for (name, id) in readers {
            match name {
                "business" => wants(&app, id, business),
                "succession" => wants(&app, id, succession),
                "money" => wants(&app, id, money),
                "none" => wants(&app, id, category(&app, "quiet", None)),
                _ => {}
            }
        }
        let post = Post::new();
        assert_eq!(post.send(&app, due()).tally, tally(4, 0, 0, 0, 1));
        let has = |name: &str| {
            let text = post.text_to(&format!("{name}@example.org")).unwrap();
            ["Who takes over?", "What it costs", "Elsewhere"].map(|title| text.contains(title))
        };
        assert_eq!(has("all"), [true, true, true]);
        assert_eq!(has("business"), [true, false, false]);
        assert_eq!(has("succession"), [true, false, false]);
        assert_eq!(has("money"), [false, true, false]);
        assert!(post.text_to("business@example.org").unwrap().contains("About succession"));
        assert_eq!(post.text_to("none@example.org"), None);
        let issue = issue(&app).await;
        assert_eq!((&issue["state"], &issue["audience_count"]), (&json!("sent"), &json!(5)));
        let skipped = format!("/v1/admin/issues/{}/deliveries?state=skipped", issue["id"].as_str().unwrap());
        let skipped = app.editor().get(&skipped).await.expect(200).json();
        assert_eq!(skipped["data"][0]["code"], "no_matching_items");
        assert_eq!(skipped["data"][0]["email_masked"], "n***@e***.org");
        assert!(!skipped.to_string().contains("none@"));
    }

    async fn the_ledger_neither_repeats_nor_hides(app: App) {
        set_up(&app);
        let sent = article(&app, "Sent", app.now(), &[]);
        let hidden = article(&app, "Hidden", app.now(), &[]);
        subscriber(&app, "ann@example.org");
        let (take, give) = (
            |id: ArticleId| sql(&app, &format!("UPDATE published_articles SET visible_until = 0 WHERE article_id = '{id}'")),
            |id: ArticleId| sql(&app, &format!("UPDATE published_articles SET visible_until = {} WHERE article_id = '{id}'", i64::MAX)),
        );
        take(hidden);
        let post = Post::new();
        post.send(&app, due());
        assert!(!post.text_to("ann@example.org").unwrap().contains("Hidden"));
        // Unpublished, published again, dated anew: what was sent stays sent, and what was not comes.
        take(sent);
        give(sent);
        give(hidden);
        sql(&app, &format!("UPDATE published_articles SET published_at = {}", due().plus_seconds(60).micros()));
        post.send(&app, due().plus_seconds(WEEK));
        let text = post.text_to("ann@example.org").unwrap();
        assert!(text.contains("Hidden") && !text.contains("Sent"), "{text}");
        post.send(&app, due().plus_seconds(2 * WEEK));
        assert_eq!(post.mails().len(), 2);
    }

    async fn only_what_belongs_in_the_newsletter_enters_it(app: App) {
        set_up(&app);
        article(&app, "Older than the newsletter", app.now().plus_seconds(-1), &[]);
        let imported = article(&app, "Imported", app.now(), &[]);
        sql(&app, &format!("UPDATE articles SET newsletter_eligible = FALSE WHERE id = '{imported}'"));
        let page = article(&app, "A page", app.now(), &[]);
        sql(&app, &format!("UPDATE published_articles SET kind = 'page' WHERE article_id = '{page}'"));
        let german = article(&app, "Auf Deutsch", app.now(), &[]);
        sql(&app, &format!("UPDATE published_articles SET locale = 'de' WHERE article_id = '{german}'"));
        // Scheduled for the day before: public by its time, though no worker has said so.
        let scheduled = article(&app, "Scheduled", due().plus_seconds(-24 * 3_600), &[]);
        sql(&app, &format!("UPDATE articles SET first_public_at = NULL, published_at = NULL, state = 'scheduled' WHERE id = '{scheduled}'"));
        article(&app, "Scheduled for later", due().plus_seconds(1), &[]);
        subscriber(&app, "ann@example.org");
        let post = Post::new();
        post.send(&app, due());
        let titles: Vec<Value> =
            issue(&app).await["items"].as_array().unwrap().iter().map(|item| item["title"].clone()).collect();
        assert_eq!(titles, ["Scheduled"]);
    }

    async fn articles_enter_by_being_published_by_whatever_way(app: App) {
        set_up(&app);
        subscriber(&app, "ann@example.org");
        let mut editor = app.editor();
        let mut draft = async |title: &str| {
            let made = editor.post("/v1/admin/articles", json!({"title": title, "body": "Text."})).await.expect(201);
            made.header("location").unwrap()
        };
        let paths = [draft("Published").await, draft("Scheduled").await, draft("Taken back").await];
        draft("Still a draft").await;
        editor.act(&format!("{}/publish", paths[0])).await.expect(200);
        let time = json!({"publish_at": due().plus_seconds(-3_600)});
        editor.post(&format!("{}/schedule", paths[1]), time).await.expect(200);
        editor.act(&format!("{}/publish", paths[2])).await.expect(200);
        editor.act(&format!("{}/unpublish", paths[2])).await.expect(200);
        let post = Post::new();
        post.send(&app, due());
        let titles = |text: &str| {
            ["Published", "Scheduled", "Taken back", "Still a draft"].map(|title| text.contains(title))
        };
        let text = post.text_to("ann@example.org").unwrap();
        assert_eq!(titles(&text), [true, true, false, false]);
        assert!(text.contains("http://cms.example.org/published"));
        // A week later: one is public again, one was changed and published anew.
        app.pass(4 * 24 * 3_600);
        editor.act(&format!("{}/publish", paths[2])).await.expect(200);
        editor.patch(&paths[1], json!({"title": "Scheduled and changed"})).await.expect(200);
        editor.act(&format!("{}/publish", paths[1])).await.expect(200);
        post.send(&app, due().plus_seconds(WEEK));
        assert_eq!(titles(&post.text_to("ann@example.org").unwrap()), [false, false, true, false]);
    }

    async fn nobody_is_written_to_who_does_not_want_it(app: App) {
        set_up(&app);
        article(&app, "One", app.now(), &[]);
        subscriber(&app, "ann@example.org");
        let other = |name: &str, set: &str| change(&app, subscriber(&app, &format!("{name}@example.org")), set);
        other("pending", "state = 'pending', confirmed_at = NULL");
        other("gone", "state = 'unsubscribed'");
        other("bounced", "state = 'bounced'");
        other("unproven", "confirmed_at = NULL");
        other("monthly", "frequency = 'monthly'");
        other("paused", &format!("paused_until = {}", due().plus_seconds(1).micros()));
        other("returned", &format!("paused_until = {}", due().micros()));
        let suppress = |hmac: &str| {
            sql(&app, &format!("INSERT INTO suppressions (email_hmac, reason, since) VALUES ('{hmac}', 'manual', 0)"))
        };
        subscriber(&app, "suppressed@example.org");
        suppress(&email_hmac(&app.data.secrets, &Email::parse("suppressed@example.org").unwrap()));
        subscriber(&app, "someone@barred.example");
        suppress(&domain_hmac(&app.data.secrets, &Email::parse("someone@barred.example").unwrap()));
        let post = Post::new();
        post.send(&app, due());
        let mut to: Vec<String> = post.mails().into_iter().map(|mail| mail.to).collect();
        to.sort();
        assert_eq!(to, ["ann@example.org", "returned@example.org"]);
    }

    async fn who_leaves_after_the_issue_was_made_gets_none(app: App) {
        set_up(&app);
        article(&app, "One", app.now(), &[]);
        let leaves = subscriber(&app, "leaves@example.org");
        let pauses = subscriber(&app, "pauses@example.org");
        let erased = subscriber(&app, "erased@example.org");
        let narrows = subscriber(&app, "narrows@example.org");
        subscriber(&app, "stays@example.org");
        let url = "http://cms.example.org/".parse().unwrap();
        let build = |conn: &mut Conn| issues::build(conn, Frequency::Weekly, &url, due());
        assert_eq!(app.data.db.write_blocking(build).unwrap().unwrap().audience_count, 5);
        assert_eq!(app.data.db.write_blocking(build).unwrap(), None);
        change(&app, leaves, "state = 'unsubscribed'");
        change(&app, pauses, &format!("paused_until = {}", i64::MAX));
        sql(&app, &format!("DELETE FROM subscribers WHERE id = '{erased}'"));
        wants(&app, narrows, category(&app, "quiet", None));
        let post = Post::new();
        assert_eq!(post.send(&app, due()).settled, [("2026-W48".to_owned(), IssueState::Sent)]);
        assert_eq!(post.mails().len(), 1);
        let issue = issue(&app).await;
        let code = |name: &str, code| (name.to_owned(), "skipped".to_owned(), json!(code));
        assert_eq!(copies(&app, &issue["id"]).await, [
            code("-", "erased"),
            code("l***@e***.org", "unsubscribed"),
            code("n***@e***.org", "no_matching_items"),
            code("p***@e***.org", "paused"),
            ("s***@e***.org".to_owned(), "accepted".to_owned(), Value::Null),
        ]);
    }

    async fn the_last_look_is_just_before_the_content(app: App) {
        set_up(&app);
        article(&app, "One", app.now(), &[]);
        let (ann, ben) = (subscriber(&app, "ann@example.org"), subscriber(&app, "ben@example.org"));
        let (db, clock) = (&app.data.db, app.now());
        let url = "http://cms.example.org/".parse().unwrap();
        let issue = db.write_blocking(|conn| issues::build(conn, Frequency::Weekly, &url, due())).unwrap().unwrap();
        let worker = Worker { name: "one".into(), at: due() };
        let claim = |conn: &mut Conn| deliveries::claim(conn, &worker, &app.data.secrets, issue.id, clock);
        let claims = db.write_blocking(claim).unwrap().unwrap().claims;
        assert_eq!(claims.len(), 2);
        assert!(db.write_blocking(claim).unwrap().is_none(), "nothing is claimed twice");
        change(&app, ann, "state = 'unsubscribed'");
        let go = |id: SubscriberId| {
            let claim = claims.iter().find(|claim| claim.subscriber == id).unwrap();
            db.write_blocking(|conn| deliveries::dispatch(conn, &worker, claim, clock)).unwrap().is_none()
        };
        assert!(!go(ann));
        assert!(go(ben));
        assert!(!go(ben), "nothing is sent twice");
        let found = copies(&app, &json!(issue.id)).await;
        assert_eq!(found[0], ("a***@e***.org".to_owned(), "skipped".to_owned(), json!("unsubscribed")));
        assert_eq!(found[1].1, "dispatching");
    }

    async fn a_worker_that_dies_leaves_nothing_sent_twice_and_nothing_lost(app: App) {
        set_up(&app);
        article(&app, "One", app.now(), &[]);
        for name in ["claimed", "dispatching", "queued"] {
            subscriber(&app, &format!("{name}@example.org"));
        }
        let (db, clock) = (&app.data.db, app.now());
        let url = "http://cms.example.org/".parse().unwrap();
        let issue = db.write_blocking(|conn| issues::build(conn, Frequency::Weekly, &url, due())).unwrap().unwrap();
        let dead = Worker { name: "dead".into(), at: due() };
        let claims = db.write_blocking(|conn| deliveries::claim(conn, &dead, &app.data.secrets, issue.id, clock));
        let claims = claims.unwrap().unwrap().claims;
        let of = |name: &str| claims.iter().find(|claim| claim.email.as_str().starts_with(name)).unwrap();
        let release = Outcome::Released { until: due() };
        assert!(db.write_blocking(|conn| deliveries::finish(conn, &dead, of("queued").id, &release)).unwrap());
        assert!(db.write_blocking(|conn| deliveries::dispatch(conn, &dead, of("dispatching"), clock)).unwrap().is_none());

        let post = Post::new();
        assert_eq!(post.send(&app, due()).tally, tally(1, 0, 0, 0, 0));
        assert_eq!(issues_of(&app).await[0].1, "sending", "two copies are still held");
        app.pass(61);
        assert_eq!(post.send(&app, due()).tally, tally(1, 0, 0, 0, 0));
        assert_eq!(issues_of(&app).await[0].1, "sending", "one is still on its way");
        app.pass(300);
        assert_eq!(post.send(&app, due()).settled, [("2026-W48".to_owned(), IssueState::SentWithFailures)]);
        let mut to: Vec<String> = post.mails().into_iter().map(|mail| mail.to).collect();
        to.sort();
        assert_eq!(to, ["claimed@example.org", "queued@example.org"]);
        let doubt = format!("/v1/admin/issues/{}/deliveries?state=in_doubt", issue.id);
        let doubt = app.editor().get(&doubt).await.expect(200).json();
        assert_eq!((&doubt["data"][0]["code"], doubt["data"].as_array().unwrap().len()), (&json!("worker_lost"), 1));

        // It lives after all: its late answer settles the doubt, and what it lost stays lost to it.
        let accepted = Outcome::Accepted("250 ok".into());
        assert!(db.write_blocking(|conn| deliveries::finish(conn, &dead, of("dispatching").id, &accepted)).unwrap());
        assert!(!db.write_blocking(|conn| deliveries::finish(conn, &dead, of("claimed").id, &release)).unwrap());
        assert!(db.write_blocking(|conn| deliveries::dispatch(conn, &dead, of("claimed"), clock)).unwrap().is_some());
    }

    async fn every_answer_of_a_mail_server_has_its_state(app: App) {
        set_up(&app);
        article(&app, "One", app.now(), &[]);
        for name in ["good", "later", "unknown", "cut", "policy", "lost"] {
            subscriber(&app, &format!("{name}@example.org"));
        }
        let sink = SmtpSink::start();
        sink.answer_once(When::Recipient("later@example.org"), Answer::Reply("451 4.7.1 greylisted"));
        sink.answer(When::Recipient("unknown@example.org"), Answer::Reply("550 5.1.1 unknown@example.org unknown"));
        sink.answer(When::Recipient("policy@example.org"), Answer::Reply("550 5.7.1 no"));
        sink.answer_once(When::Recipient("cut@example.org"), Answer::Cut);
        let limits = Timeouts { connect: Duration::from_secs(5), command: Duration::from_secs(5), content: Duration::from_secs(5) };
        let transport = Transport::open(Some(&sink.url()), "unused".as_ref()).unwrap().with_timeouts(limits);
        // The last one is left for a second run, in which the line breaks after the server has taken the message.
        sql(&app, "UPDATE subscribers SET format = 'text' WHERE email = 'good@example.org'");
        let held = due().plus_seconds(30);
        let url = "http://cms.example.org/".parse().unwrap();
        app.data.db.write_blocking(|conn| issues::build(conn, Frequency::Weekly, &url, due())).unwrap();
        sql(&app, &format!("UPDATE deliveries SET not_before = {} WHERE subscriber_id = (SELECT id FROM subscribers WHERE email = 'lost@example.org')", held.micros()));

        let first = send_due(&app.data, &transport, due()).unwrap();
        assert_eq!(first.tally, tally(1, 2, 2, 0, 0));
        let [received] = &sink.messages()[..] else { panic!("one message") };
        let mail = Mail::read(&received.data);
        assert_eq!((mail.to.as_str(), mail.html), ("good@example.org", None));
        sink.answer_once(When::End, Answer::KeepAndCut);
        let second = send_due(&app.data, &transport, held).unwrap();
        assert_eq!((second.tally, second.settled), (tally(0, 0, 0, 1, 0), vec![]));
        let found = issue(&app).await;
        assert_eq!(found["state"], "sending", "two wait for another try");
        let state = |name: &str, state: &str, code: Value| (name.to_owned(), state.to_owned(), code);
        assert_eq!(copies(&app, &found["id"]).await, [
            state("c***@e***.org", "deferred", json!("no_answer")),
            state("g***@e***.org", "accepted", Value::Null),
            state("l***@e***.org", "deferred", json!("4.7.1")),
            state("l***@e***.org", "in_doubt", json!("no_answer")),
            state("p***@e***.org", "failed", json!("5.7.1")),
            state("u***@e***.org", "failed", json!("5.1.1")),
        ]);

        sink.behave();
        let third = send_due(&app.data, &transport, due().plus_seconds(120)).unwrap();
        assert_eq!(third.tally, tally(2, 0, 0, 0, 0));
        assert_eq!(third.settled, [("2026-W48".to_owned(), IssueState::SentWithFailures)]);
        let messages = sink.messages();
        let mut to: Vec<&str> = messages.iter().map(|message| message.to[0].as_str()).collect();
        to.sort_unstable();
        assert_eq!(to, ["cut@example.org", "good@example.org", "later@example.org", "lost@example.org"]);
        let ids: std::collections::HashSet<String> = messages.iter().map(|message| Mail::read(&message.data).id).collect();
        assert_eq!(ids.len(), 4);
    }

    async fn a_fault_of_ours_stops_the_issue_and_blames_nobody(app: App) {
        set_up(&app);
        article(&app, "One", app.now(), &[]);
        for number in 0..20 {
            subscriber(&app, &format!("reader{number}@example.org"));
        }
        let sink = SmtpSink::start();
        sink.answer(When::Command("MAIL"), Answer::Reply("530 5.7.0 authentication required"));
        let transport = Transport::open(Some(&sink.url()), "unused".as_ref()).unwrap();
        let report = send_due(&app.data, &transport, due()).unwrap();
        assert!(report.stopped.unwrap().contains("5.7.0"));
        let counts = issue(&app).await["deliveries"].clone();
        assert_eq!((&counts["deferred"], &counts["queued"], &counts["failed"]), (&json!(1), &json!(19), &json!(0)));
        drop(transport);
        let nobody = Transport::open(Some("smtp://127.0.0.1:1"), "unused".as_ref()).unwrap();
        assert!(send_due(&app.data, &nobody, due().plus_seconds(1)).unwrap().stopped.is_some());
        sink.behave();
        let transport = Transport::open(Some(&sink.url()), "unused".as_ref()).unwrap();
        let report = send_due(&app.data, &transport, due().plus_seconds(600)).unwrap();
        assert_eq!((report.tally, report.stopped), (tally(20, 0, 0, 0, 0), None));
        assert_eq!(sink.messages().len(), 20);
    }

    async fn an_issue_that_was_stopped_stays_where_it_is(app: App) {
        set_up(&app);
        article(&app, "One", app.now(), &[]);
        subscriber(&app, "ann@example.org");
        let url = "http://cms.example.org/".parse().unwrap();
        let (db, clock) = (&app.data.db, app.now());
        let issue = db.write_blocking(|conn| issues::build(conn, Frequency::Weekly, &url, due())).unwrap().unwrap();
        let worker = Worker { name: "one".into(), at: due() };
        let claims = db.write_blocking(|conn| deliveries::claim(conn, &worker, &app.data.secrets, issue.id, clock));
        let claims = claims.unwrap().unwrap().claims;
        sql(&app, "UPDATE issues SET state = 'paused'");
        let post = Post::new();
        assert_eq!(post.send(&app, due()).tally, Tally::default());
        // Also for a copy that was claimed before: it is given back.
        let stopped = db.write_blocking(|conn| deliveries::dispatch(conn, &worker, &claims[0], clock)).unwrap();
        assert_eq!(stopped, Some(Outcome::Released { until: due() }));
        assert!(db.write_blocking(|conn| deliveries::claim(conn, &worker, &app.data.secrets, issue.id, clock)).unwrap().is_none());
        sql(&app, "UPDATE issues SET state = 'sending'");
        assert_eq!(post.send(&app, due()).tally.accepted, 1);
    }

    async fn what_still_waits_gives_way_to_the_next_issue(app: App) {
        set_up(&app);
        article(&app, "One", app.now(), &[]);
        article(&app, "Two", due().plus_seconds(60), &[]);
        subscriber(&app, "ann@example.org");
        let sink = SmtpSink::start();
        sink.answer_once(When::Command("MAIL"), Answer::Reply("450 4.3.2 later"));
        let transport = Transport::open(Some(&sink.url()), "unused".as_ref()).unwrap();
        assert_eq!(send_due(&app.data, &transport, due()).unwrap().tally.deferred, 1);
        let report = send_due(&app.data, &transport, due().plus_seconds(WEEK)).unwrap();
        assert_eq!(report.tally.accepted, 1);
        assert_eq!(issues_of(&app).await, [
            ("2026-W49".to_owned(), "sent".to_owned()),
            ("2026-W48".to_owned(), "sent_with_failures".to_owned()),
        ]);
        assert!(Mail::read(&sink.messages()[0].data).text.contains("Two"));
    }

    async fn hostile_titles_break_nothing(app: App) {
        set_up(&app);
        let title = "</title><script>alert(1)</script> \r\nBcc: victim@example.net\r\n\r\n=?utf-8?q?hi?= {{ x }} \u{202e}";
        article(&app, title, app.now(), &[]);
        subscriber(&app, "ann@example.org");
        let post = Post::new();
        assert_eq!(post.send(&app, due()).tally.accepted, 1);
        let mails = post.mails();
        let [mail] = &mails[..] else { panic!("one mail") };
        assert!(mail.header("Bcc").is_none());
        // The mailer sets a space into what would read as an encoded word.
        let subject = mail.subject.replace("= ?", "=?");
        assert!(!subject.contains(['\r', '\n']) && subject.chars().count() <= 78, "{subject}");
        let html = mail.html.as_ref().unwrap();
        assert!(!html.contains("<script") && html.contains("&lt;script&gt;") || html.contains("&#60;script&#62;"));
        assert!(mail.text.contains("Bcc: victim@example.net"), "a title is shown on one line, whatever it says");
        assert!(!mail.text.lines().any(|line| line.starts_with("Bcc:")));
    }

    async fn without_a_sender_or_an_address_on_paper_nothing_is_made(app: App) {
        set(&app, NewsletterWrite::default());
        let settings = NewsletterWrite { weekday: Some("thursday".into()), hour: Some(7), ..NewsletterWrite::default() };
        let now = app.now();
        let lacking = |conn: &mut Conn| newsletters::update(conn, &Actor::system(), &Seen::Any, || settings.check(), now);
        app.data.db.write_blocking(lacking).unwrap();
        article(&app, "One", app.now(), &[]);
        subscriber(&app, "ann@example.org");
        let post = Post::new();
        assert_eq!(post.send(&app, due()).lacking, ["from_address", "postal_address"]);
        assert_eq!(issues_of(&app).await, []);
        let mut whole = NewsletterWrite { weekday: Some("thursday".into()), hour: Some(7), ..NewsletterWrite::default() };
        (whole.from_address, whole.postal_address) = (Some("post@example.com".into()), Some("4 Tallow Yard".into()));
        app.data.db.write_blocking(|conn| newsletters::update(conn, &Actor::system(), &Seen::Any, || whole.check(), now)).unwrap();
        assert_eq!(post.send(&app, due().plus_seconds(3_600)).tally.accepted, 1);
    }

    async fn monthly_readers_get_the_month_with_its_first_weekly_slot(app: App) {
        set_up(&app);
        article(&app, "November", app.now(), &[]);
        subscriber(&app, "weekly@example.org");
        let post = Post::new();
        post.send(&app, due());
        let first = due().plus_seconds(WEEK);
        article(&app, "December", first, &[]);
        // Nobody reads it monthly: there is no such issue, and what would have been in it waits.
        post.send(&app, first);
        assert_eq!(issues_of(&app).await.len(), 2);
        change(&app, subscriber(&app, "monthly@example.org"), "frequency = 'monthly'");
        assert_eq!(post.send(&app, first.plus_seconds(60)).tally.accepted, 1);
        let text = post.text_to("monthly@example.org").unwrap();
        assert!(text.contains("November") && text.contains("December") && text.contains("December 2026"));
        let mail = post.mails().pop().unwrap();
        assert_eq!(mail.header("List-Id"), Some("The Thursday Post <monthly.example.com>"));
        assert!(mail.subject.starts_with("Monthly update: "));
        assert!(issues_of(&app).await.contains(&("2026-12".to_owned(), "sent".to_owned())));
        assert_eq!(post.send(&app, first.plus_seconds(WEEK)).tally, Tally::default());
    }

    async fn settings_are_read_and_replaced_by_version(app: App) {
        let mut admin = app.admin();
        let path = "/v1/admin/newsletter";
        let found = admin.get(path).await.expect(200).json();
        assert_eq!((&found["weekday"], &found["hour"], &found["version"]), (&json!("monday"), &json!(9), &json!(1)));
        assert_eq!(found["next_issue_at"], "2026-11-30T09:00:00Z");
        assert_eq!(app.anyone().get(path).await.expect(401).code(), "unauthenticated");
        assert_eq!(app.caller(Role::Author).get(path).await.expect(403).code(), "forbidden");
        let mut editor = app.editor();
        editor.get(path).await.expect(200);
        assert_eq!(editor.put(path, json!({})).await.expect(403).code(), "forbidden");

        // What was answered may be sent back, changed.
        let mut write = found;
        write["weekday"] = json!("thursday");
        write["hour"] = json!(7);
        write["timezone"] = json!("Europe/Berlin");
        let changed = admin.put(path, write.clone()).await.expect(200);
        assert_eq!(changed.header("etag").unwrap(), "\"v2\"");
        assert_eq!(changed.json()["next_issue_at"], "2026-11-26T06:00:00Z");
        admin.pretend(path, "\"v1\"");
        assert_eq!(admin.put(path, write).await.expect(412).json()["current"]["version"], 2);
        admin.forget();
        assert_eq!(admin.put(path, json!({})).await.expect(428).code(), "precondition_required");
        admin.get(path).await.expect(200);
        let wrong = json!({"weekday": "funday", "hour": 24, "reply_to": "x", "consent": {"version": "1", "text": ""}});
        let refused = admin.put(path, wrong).await.expect(422).json();
        let places: Vec<_> = refused["errors"].as_array().unwrap().iter().map(|e| e["pointer"].clone()).collect();
        assert_eq!(places, ["/reply_to", "/weekday", "/hour", "/consent/text"]);
        assert_eq!(admin.put(path, json!({"weekdy": "monday"})).await.expect(400).json()["errors"][0]["pointer"], "/weekdy");
        assert_eq!(admin.put(path, json!({"hour": "7"})).await.expect(400).json()["errors"][0]["pointer"], "/hour");
        // People agreed to version 1: its text stays.
        let other = json!({"consent": {"version": "1", "text": "Another text"}});
        assert_eq!(admin.put(path, other).await.expect(422).json()["errors"][0]["code"], "version_taken");
        let other = json!({"consent": {"version": "2", "text": "Another text"}});
        assert_eq!(admin.put(path, other).await.expect(200).json()["consent"]["version"], "2");
    }

    async fn of_eight_replacements_of_one_version_one_wins(app: App) {
        let (db, now) = (&app.data.db, app.now());
        let replace = |hour: i64| {
            let write = NewsletterWrite { hour: Some(hour), ..NewsletterWrite::default() };
            let seen = Seen::Versions(vec![1]);
            db.write_blocking(|conn| newsletters::update(conn, &Actor::system(), &seen, || write.check(), now)).is_ok()
        };
        let won: usize = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..8).map(|hour| scope.spawn(move || replace(hour))).collect();
            racers.into_iter().map(|racer| usize::from(racer.join().unwrap())).sum()
        });
        assert_eq!(won, 1);
    }

    async fn a_new_schedule_makes_nothing_late(app: App) {
        set_up(&app);
        article(&app, "One", app.now(), &[]);
        subscriber(&app, "ann@example.org");
        // It is Monday, nine in the morning: what would have been due at eight is not made up for.
        set(&app, NewsletterWrite::default());
        let write = NewsletterWrite {
            from_address: Some("post@example.com".into()),
            postal_address: Some("4 Tallow Yard".into()),
            weekday: Some("monday".into()),
            hour: Some(8),
            ..NewsletterWrite::default()
        };
        let now = app.now();
        app.data.db.write_blocking(|conn| newsletters::update(conn, &Actor::system(), &Seen::Any, || write.check(), now)).unwrap();
        let post = Post::new();
        assert_eq!(post.send(&app, app.now()), Report::default());
        assert_eq!(post.send(&app, app.now().plus_seconds(WEEK)).tally.accepted, 1);
    }

    async fn editors_preview_what_would_be_sent(app: App) {
        set_up(&app);
        let money = category(&app, "money", None);
        article(&app, "Who takes over?", app.now(), &[]);
        article(&app, "What it costs", app.now(), &[money]);
        let mut editor = app.editor();
        let whole = editor.get("/v1/admin/issues/preview").await.expect(200).json();
        assert_eq!((whole["items"].as_array().unwrap().len(), &whole["period"]), (2, &json!("2026-W48")));
        assert!(whole["html"].as_str().unwrap().contains("Who takes over?"));
        let some = editor.get("/v1/admin/issues/preview?category=money,nowhere&format=text").await.expect(200).json();
        assert_eq!((&some["subject"], &some["html"]), (&json!("Weekly update: What it costs"), &Value::Null));
        assert!(!some["text"].as_str().unwrap().contains("Who takes over?"));
        assert_eq!(editor.get("/v1/admin/issues/preview?format=pdf").await.expect(400).json()["errors"][0]["parameter"], "format");
        assert_eq!(editor.get("/v1/admin/issues/preview?categry=x").await.expect(400).json()["errors"][0]["parameter"], "categry");
        app.caller(Role::Author).get("/v1/admin/issues/preview").await.expect(403);
        // Nothing was kept of it.
        assert_eq!(issues_of(&app).await, []);
    }

    async fn issues_and_copies_come_in_pages(app: App) {
        set_up(&app);
        let post = Post::new();
        for number in 0..3 {
            subscriber(&app, &format!("reader{number}@example.org"));
            article(&app, "One", due().plus_seconds(number * WEEK - 60), &[]);
            post.send(&app, due().plus_seconds(number * WEEK));
        }
        let mut editor = app.editor();
        let page = editor.get("/v1/admin/issues?limit=2&count=true").await.expect(200).json();
        assert_eq!((&page["data"][0]["period"], &page["page"]["total"]), (&json!("2026-W50"), &json!(3)));
        let next = format!("/v1/admin/issues?limit=2&cursor={}", page["page"]["next"].as_str().unwrap());
        let rest = editor.get(&next).await.expect(200).json();
        assert_eq!((&rest["data"][0]["period"], &rest["page"]["next"]), (&json!("2026-W48"), &Value::Null));
        let path = format!("/v1/admin/issues/{}/deliveries", page["data"][0]["id"].as_str().unwrap());
        let first = editor.get(&format!("{path}?limit=2&state=accepted")).await.expect(200).json();
        let cursor = first["page"]["next"].as_str().unwrap();
        let second = editor.get(&format!("{path}?limit=2&state=accepted&cursor={cursor}")).await.expect(200).json();
        assert_eq!(second["data"].as_array().unwrap().len(), 1);
        editor.get(&format!("{path}?limit=2&state=failed&cursor={cursor}")).await.expect(400);
        editor.get(&format!("{path}?state=lost")).await.expect(400);
        editor.get(&format!("/v1/admin/issues/{}", IssueId::new())).await.expect(404);
        editor.get(&format!("/v1/admin/issues/{}/deliveries", IssueId::new())).await.expect(404);
        app.caller(Role::Moderator).get(&path).await.expect(403);
    }
}
