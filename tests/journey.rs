//! The main job, walked from outside: the real binary, its commands, HTTP and SMTP, and a power cut here and there.
//! What was answered with 2xx must be there after each.

use std::fs::{self, OpenOptions};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use diesel::sql_types::Text;
use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection};
use domain::Timestamp;
use domain::ids::EventId;
use jiff::ToSpan;
use mail_parser::{Message, MessageParser, MimeHeaders};
use persistence::DatabaseUrl;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::smtp_sink::{Received, SmtpSink};
use crate::support::binary::{Server, byline, run_with_input, said};
use crate::support::{Broken, Client, Engine, Letter, Reply, postgres};

const PASSWORD: &str = "heron-lantern-quarry-52";
const WEEK: i64 = 7 * 24 * 3_600;
/// How long a mail may take to arrive.
const POST: Duration = Duration::from_secs(20);

#[test]
fn the_main_job_on_sqlite() {
    the_main_job(Engine::Sqlite);
}

#[test]
fn the_main_job_on_postgres() {
    the_main_job(Engine::Postgres);
}

#[test]
fn a_kill_among_writes_on_sqlite() {
    let paper = a_kill_among_writes(Engine::Sqlite);
    sound(&paper);
}

#[test]
fn a_kill_among_writes_on_postgres() {
    a_kill_among_writes(Engine::Postgres);
}

#[test]
fn a_restart_among_requests_on_sqlite() {
    a_restart_among_requests(Engine::Sqlite);
}

#[test]
fn a_restart_among_requests_on_postgres() {
    a_restart_among_requests(Engine::Postgres);
}

fn the_main_job(engine: Engine) {
    let mut paper = Publication::open(engine);
    let (admin, editor, moderator) = (paper.hire("admin"), paper.hire("editor"), paper.hire("moderator"));
    let due = set_up_newsletter(&paper.as_(&admin));
    let topic = create_category(&paper.as_(&editor), "Business Succession", Some("Business"));
    let article = publish(&paper, &editor, "Who takes over?", &topic);
    let comment = comment_and_approve(&paper, &moderator, "who-takes-over");
    for reader in ["rita@example.org", "theo@example.org"] {
        subscribe(&paper, &admin, reader);
    }

    paper.lose_power();
    stands(&paper, &editor, &article, "who-takes-over");
    stands(&paper, &moderator, &comment, "approved");
    assert_eq!(public_comments(&paper, "who-takes-over"), ["We began when my father was 61."]);
    let mut staff = [admin, editor, moderator];
    for person in &mut staff {
        person.stays_signed_in(&paper);
    }
    let [admin, editor, _] = &staff;
    for reader in ["rita@example.org", "theo@example.org"] {
        assert_eq!(subscriber(&paper, admin, reader)["state"], "active");
    }

    send_at_once_and_again(&paper, due);
    paper.everything_is_sent(admin);
    let issue = paper.issues_to("rita@example.org");
    assert_eq!((issue.len(), paper.issues_to("theo@example.org").len()), (1, 1));
    let way_out = check_issue(&issue[0], "Who takes over?");
    leave_by_one_click(&paper.anyone(), &way_out);
    assert_eq!(subscriber(&paper, admin, "rita@example.org")["state"], "unsubscribed");

    paper.lose_power();
    assert_eq!(subscriber(&paper, admin, "rita@example.org")["state"], "unsubscribed");
    publish(&paper, editor, "What it costs", &topic);
    send_at_once_and_again(&paper, due.plus_seconds(WEEK));
    paper.everything_is_sent(admin);
    assert_eq!(paper.issues_to("rita@example.org").len(), 1, "who left hears no more");
    let issues = paper.issues_to("theo@example.org");
    assert_eq!(issues.len(), 2);
    check_issue(&issues[1], "What it costs");
    assert!(!String::from_utf8_lossy(&issues[1].data).contains("Who takes over?"), "an article is sent once");
    paper.had_a_quiet_time();
}

/// A publication: its folder, its database, its mail server, and a running Byline.
pub struct Publication {
    pub folder: TempDir,
    pub database: DatabaseUrl,
    sink: SmtpSink,
    // Empty only while it is restarted.
    server: Option<Server>,
}

impl Publication {
    /// Founds one on an empty database.
    pub fn open(engine: Engine) -> Self {
        Self::open_on(match engine {
            Engine::Sqlite => DatabaseUrl::Sqlite("var/byline.db".into()),
            Engine::Postgres => postgres::empty(),
        })
    }

    /// Founds one on this database, which is empty.
    pub fn open_on(database: DatabaseUrl) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut paper = Self { folder, database, sink: SmtpSink::start(), server: None };
        paper.start();
        paper
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = byline(self.folder.path(), words);
        if let DatabaseUrl::Postgres(url) = &self.database {
            command.env("BYLINE_DATABASE_URL", url.as_str());
        }
        // The port is another after each start; what has to outlive it is made from the public address.
        command.env("BYLINE_PUBLIC_URL", "http://cms.example.org").env("BYLINE_SMTP_URL", self.sink.url());
        command.env("BYLINE_LIMITS", "off").env("BYLINE_LOG_LEVEL", "warn");
        command
    }

    fn start(&mut self) {
        self.server = Some(self.node());
    }

    /// Starts a node; the publication keeps its own besides.
    pub fn node(&self) -> Server {
        let log = OpenOptions::new().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let mut command = self.command(&[]);
        command.stderr(log);
        Server::start_as(command)
    }

    /// Nothing that an operator would have to look at was logged.
    fn had_a_quiet_time(&self) {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
        assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
    }

    pub fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    /// Kills the server with -9 and starts it again.
    fn lose_power(&mut self) {
        self.server.take().unwrap().kill();
        self.start();
    }

    pub fn anyone(&self) -> Client {
        self.server().anyone()
    }

    pub fn as_(&self, person: &Person) -> Client {
        self.anyone().bearer(&person.access)
    }

    /// Adds a user of this role from the machine itself, and signs them in over HTTP.
    pub fn hire(&self, role: &str) -> Person {
        let email = format!("{role}@example.org");
        let mut command = self.command(&["user", "add", "--role", role, &email, "--password-stdin"]);
        let added = run_with_input(&mut command, PASSWORD);
        assert_eq!(added.code, 0, "{}", added.err);
        let login = json!({"email": email, "password": PASSWORD});
        Person::of(&self.anyone().post("/v1/auth/login", &login))
    }

    /// The mails that came for an address.
    pub fn mails_to(&self, email: &str) -> Vec<Received> {
        self.sink.messages().into_iter().filter(|mail| mail.to == [email]).collect()
    }

    /// The issues of the newsletter that came for an address.
    fn issues_to(&self, email: &str) -> Vec<Received> {
        let is_issue = |mail: &Received| parse(mail).header_raw("List-Unsubscribe").is_some();
        self.mails_to(email).into_iter().filter(is_issue).collect()
    }

    /// The first mail for an address, once it has come.
    fn first_mail_to(&self, email: &str) -> Received {
        until(|| self.mails_to(email).into_iter().next()).unwrap_or_else(|| panic!("no mail for {email}"))
    }

    /// Waits until no copy of an issue is on its way: the server sends beside the commands.
    fn everything_is_sent(&self, admin: &Person) {
        let sent = || {
            let issues = self.as_(admin).get("/v1/admin/issues").expect(200).json();
            let states: Vec<_> =
                issues["data"].as_array().unwrap().iter().map(|issue| issue["state"].clone()).collect();
            states.iter().all(|state| state == "sent").then_some(())
        };
        until(sent).expect("the issues are sent");
    }
}

/// What `look` finds, once it does; nothing if that takes too long.
pub fn until<T>(look: impl Fn() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + POST;
    while Instant::now() < deadline {
        if let Some(found) = look() {
            return Some(found);
        }
        thread::sleep(Duration::from_millis(20));
    }
    None
}

fn parse(mail: &Received) -> Message<'_> {
    MessageParser::default().parse(&mail.data).unwrap()
}

/// Someone on the staff, signed in.
pub struct Person {
    pub access: String,
    pub refresh: String,
}

impl Person {
    fn of(tokens: &Reply) -> Self {
        let tokens = tokens.clone().expect(200).json();
        let token = |name: &str| tokens[name].as_str().unwrap().to_owned();
        Self { access: token("access_token"), refresh: token("refresh_token") }
    }

    /// The session holds, and its refresh token is good: once.
    fn stays_signed_in(&mut self, paper: &Publication) {
        paper.as_(self).get("/v1/me").expect(200);
        let old = json!({"refresh_token": self.refresh});
        *self = Self::of(&paper.anyone().post("/v1/auth/refresh", &old));
        let again = paper.anyone().post("/v1/auth/refresh", &old).expect(401);
        assert_eq!(again.code(), "refresh_token_superseded");
        let sessions = paper.as_(self).get("/v1/auth/sessions").expect(200).json();
        assert_eq!(sessions["data"].as_array().unwrap().len(), 1, "{sessions}");
    }
}

/// Gives the newsletter what it needs, on a day that does not come while the test runs; answers when it is due.
fn set_up_newsletter(admin: &Client) -> Timestamp {
    let day = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC).saturating_add(3.days());
    let settings = json!({
        "name": "The Friday Letter", "from_name": "Example Trade Journal", "from_address": "letter@example.com",
        "postal_address": "4 Tallow Yard\nExampleton", "weekday": day.strftime("%A").to_string().to_lowercase(),
        "hour": 7, "timezone": "UTC",
    });
    let newsletter = admin.change("PUT", "/v1/admin/newsletter", "", Some(&settings)).expect(200).json();
    Timestamp::parse(newsletter["next_issue_at"].as_str().unwrap()).unwrap()
}

/// Makes a category, below another if that is named; answers its id.
fn create_category(editor: &Client, name: &str, below: Option<&str>) -> String {
    let parent = below.map(|parent| create_category(editor, parent, None));
    editor.post("/v1/admin/categories", &json!({"name": name, "parent_id": parent})).expect(201).id()
}

/// Writes an article and publishes it: a reader finds it then, and not before. Answers its address.
fn publish(paper: &Publication, editor: &Person, title: &str, category: &str) -> String {
    let (editor, reader) = (paper.as_(editor), paper.anyone());
    let write =
        json!({"title": title, "body": "## First\n\nAsk *early*, and ask in writing.", "category_ids": [category]});
    let made = editor.post("/v1/admin/articles", &write).expect(201);
    let public = format!("/v1/articles/{}", made.json()["slug"].as_str().unwrap());
    reader.get(&public).expect(404);
    let article = format!("/v1/admin/articles/{}", made.id());
    editor.change("POST", &article, "/publish", None).expect(200);
    let shown = reader.get(&public).expect(200).json();
    assert_eq!(
        (&shown["title"], &shown["primary_category"]["path"]),
        (&json!(title), &json!("business/business-succession"))
    );
    assert!(shown["body_html"].as_str().unwrap().contains("<em>early</em>"), "{shown}");
    article
}

/// A reader's comment waits, unseen, until a moderator lets it through. Answers its address.
fn comment_and_approve(paper: &Publication, moderator: &Person, slug: &str) -> String {
    let write = json!({
        "author_name": "Rita", "author_email": "rita@example.org", "body": "We began when my father was 61.",
    });
    let left = paper.anyone().post(&format!("/v1/articles/{slug}/comments"), &write).expect(202);
    assert_eq!(left.json()["status"], "pending");
    assert!(public_comments(paper, slug).is_empty(), "it is public before anyone read it");
    let comment = format!("/v1/admin/comments/{}", left.id());
    paper.as_(moderator).change("POST", &comment, "/transitions", Some(&json!({"to": "approved"}))).expect(200);
    assert_eq!(public_comments(paper, slug), ["We began when my father was 61."]);
    comment
}

/// What readers see below an article.
fn public_comments(paper: &Publication, slug: &str) -> Vec<String> {
    let shown = paper.anyone().get(&format!("/v1/articles/{slug}/comments")).expect(200);
    assert!(!shown.text().contains("rita@example.org"), "an address is public: {}", shown.text());
    let texts = shown.json()["data"].as_array().unwrap().clone();
    texts.iter().map(|comment| comment["body_text"].as_str().unwrap().to_owned()).collect()
}

/// A reader asks for the newsletter, gets a mail, looks at the page behind its link, and presses the button.
fn subscribe(paper: &Publication, admin: &Person, email: &str) {
    let reader = paper.anyone();
    reader.post("/v1/subscriptions", &json!({"email": email, "categories": ["business"]})).expect(202);
    let letter = Letter::read(&paper.first_mail_to(email).data);
    assert_eq!(letter.to, email);
    let page = letter.links.iter().find(|link| link.contains("/newsletter/confirm/")).expect("a link");
    for _ in 0..2 {
        assert!(reader.get(path(page)).expect(200).text().contains("<form method=\"post\">"));
        assert_eq!(subscriber(paper, admin, email)["state"], "pending", "looking changes nothing");
    }
    reader.form(path(page), "").expect(200);
    assert_eq!(subscriber(paper, admin, email)["state"], "active");
}

/// What an administrator sees of a subscriber.
fn subscriber(paper: &Publication, admin: &Person, email: &str) -> Value {
    let found = paper.as_(admin).get(&format!("/v1/admin/subscribers?q={email}")).expect(200).json();
    assert_eq!(found["data"][0]["email"], email, "{found}");
    found["data"][0].clone()
}

/// The path of one of our links.
fn path(link: &str) -> &str {
    link.strip_prefix("http://cms.example.org").unwrap_or_else(|| panic!("a foreign link: {link}"))
}

/// Sends what is due at that time: two processes at once, and one more after them.
fn send_at_once_and_again(paper: &Publication, at: Timestamp) {
    let at = at.to_string();
    let words = ["newsletter", "send-due", "--at", &at];
    let start = || paper.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut made = 0;
    for running in [start(), start()] {
        let said = said(running.wait_with_output().unwrap());
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        made += said.out.matches("Issue ").count();
    }
    assert_eq!(made, 1, "one of the two makes the issue");
    let again = said(paper.command(&words).output().unwrap());
    assert!(again.code == 0 && again.out.starts_with("No new issue was due."), "{}{}", again.out, again.err);
}

/// Checks an issue as mail programs read it; answers its address for leaving by one click.
fn check_issue(mail: &Received, title: &str) -> String {
    assert_eq!(mail.from, "letter@example.com");
    let message = parse(mail);
    let kind = message.content_type().unwrap();
    assert_eq!((kind.ctype(), kind.subtype()), ("multipart", Some("alternative")));
    assert_eq!((message.text_body_count(), message.html_body_count()), (1, 1));
    assert!(message.subject().unwrap().contains(title), "{:?}", message.subject());
    let (text, html) = (message.body_text(0).unwrap(), message.body_html(0).unwrap());
    let header = |name| message.header_raw(name).unwrap_or_else(|| panic!("no {name}")).trim().to_owned();
    assert_eq!(header("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    let link = header("List-Unsubscribe");
    let link = link.strip_prefix('<').and_then(|link| link.strip_suffix('>')).expect("one address in brackets");
    for part in [&text, &html] {
        assert!(part.contains(title) && part.contains("4 Tallow Yard") && part.contains(link), "{part}");
    }
    path(link).to_owned()
}

/// What a mail program does when its reader presses "unsubscribe"; impatient ones press twice.
fn leave_by_one_click(anyone: &Client, way_out: &str) {
    for _ in 0..2 {
        assert!(anyone.form(way_out, "List-Unsubscribe=One-Click").expect(200).body.is_empty());
    }
}

/// What is at this address says this.
#[track_caller]
fn stands(paper: &Publication, person: &Person, resource: &str, says: &str) {
    let found = paper.as_(person).get(resource).expect(200);
    assert!(found.text().contains(&format!("\"{says}\"")), "{resource} does not say {says}: {}", found.text());
}

/// Several people write as fast as they can while the power fails, again and again.
fn a_kill_among_writes(engine: Engine) -> Publication {
    let mut paper = Publication::open(engine);
    let editor = paper.hire("editor");
    let topic = create_category(&paper.as_(&editor), "Business Succession", Some("Business"));
    publish(&paper, &editor, "Who takes over?", &topic);
    for moment in random_moments(3) {
        let writers = start_writers(&paper, &editor);
        thread::sleep(moment);
        paper.lose_power();
        let written: Vec<_> = writers.into_iter().map(Writer::end).collect();
        assert!(written.iter().all(|written| !written.acknowledged.is_empty()), "killed after {moment:?}: too early");
        for acknowledged in written.iter().flat_map(|written| &written.acknowledged) {
            stands(&paper, &editor, &acknowledged.address, &acknowledged.says);
            if let Some(public) = &acknowledged.public {
                paper.anyone().get(public).expect(200);
            }
        }
    }
    paper
}

/// A server that is told to end finishes what it took in: nobody's connection breaks.
fn a_restart_among_requests(engine: Engine) {
    let mut paper = Publication::open(engine);
    let editor = paper.hire("editor");
    let topic = create_category(&paper.as_(&editor), "Business Succession", Some("Business"));
    publish(&paper, &editor, "Who takes over?", &topic);
    for moment in random_moments(2) {
        let writers = start_writers(&paper, &editor);
        thread::sleep(moment);
        let mut server = paper.server.take().unwrap();
        server.terminate();
        let written: Vec<_> = writers.into_iter().map(Writer::end).collect();
        assert_eq!(server.ended(Duration::from_secs(30)), Some(0));
        paper.start();
        for written in written {
            assert!(matches!(written.end, Broken::Refused), "told to end after {moment:?}: {:?}", written.end);
            for acknowledged in written.acknowledged {
                stands(&paper, &editor, &acknowledged.address, &acknowledged.says);
            }
        }
    }
    paper.had_a_quiet_time();
}

/// Moments to fail at, between 0.3 and 1.3 seconds.
pub fn random_moments(count: u32) -> impl Iterator<Item = Duration> {
    let random = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_micros() % 1_000;
    (0..count).map(move |_| Duration::from_millis(300 + u64::from(random())))
}

/// Someone who writes without a pause until the line breaks.
pub struct Writer {
    hand: thread::JoinHandle<Written>,
}

/// What came of it.
pub struct Written {
    pub acknowledged: Vec<Acknowledged>,
    pub end: Broken,
}

/// A write that was answered with 2xx.
pub struct Acknowledged {
    pub address: String,
    pub says: String,
    /// Where readers find it, if they may.
    pub public: Option<String>,
}

impl Writer {
    /// Calls `write` with an ever new text until it cannot reach the server any more.
    pub fn start(
        client: Client,
        begun: mpsc::Sender<()>,
        write: impl Fn(&Client, &str, &mut Vec<Acknowledged>) -> Result<(), Broken> + Send + 'static,
    ) -> Self {
        let work = move || {
            let mut acknowledged = Vec::new();
            loop {
                if let Err(end) = write(&client, &format!("Note {}", EventId::new()), &mut acknowledged) {
                    return Written { acknowledged, end };
                }
                let _ = begun.send(());
            }
        };
        Self { hand: thread::spawn(work) }
    }

    /// What it has written, once the server is gone.
    pub fn end(self) -> Written {
        self.hand.join().unwrap()
    }
}

/// Several people write at once; answers once each has been heard.
fn start_writers(paper: &Publication, editor: &Person) -> Vec<Writer> {
    let start = |client: Client, write| {
        let (begun, waiting) = mpsc::channel();
        let writer = Writer::start(client, begun, write);
        waiting.recv_timeout(Duration::from_mins(1)).expect("a writer is heard");
        writer
    };
    vec![
        start(paper.as_(editor), write_tag as fn(&Client, &str, &mut Vec<Acknowledged>) -> Result<(), Broken>),
        start(paper.as_(editor), write_article),
        start(paper.as_(editor), write_article),
        start(paper.anyone(), leave_comment),
    ]
}

fn write_tag(editor: &Client, says: &str, done: &mut Vec<Acknowledged>) -> Result<(), Broken> {
    let made = editor.try_post("/v1/admin/tags", &json!({"name": says}))?.expect(201);
    done.push(Acknowledged { address: format!("/v1/admin/tags/{}", made.id()), says: says.into(), public: None });
    Ok(())
}

pub fn write_article(editor: &Client, says: &str, done: &mut Vec<Acknowledged>) -> Result<(), Broken> {
    let made = editor.try_post("/v1/admin/articles", &json!({"title": says, "body": "Short."}))?.expect(201);
    let address = format!("/v1/admin/articles/{}", made.id());
    done.push(Acknowledged { address: address.clone(), says: says.into(), public: None });
    editor.try_change("POST", &address, "/publish", None)?.expect(200);
    let public = format!("/v1/articles/{}", made.json()["slug"].as_str().unwrap());
    done.push(Acknowledged { address, says: "published".into(), public: Some(public) });
    Ok(())
}

pub fn leave_comment(reader: &Client, says: &str, done: &mut Vec<Acknowledged>) -> Result<(), Broken> {
    let write = json!({"author_name": "Rita", "author_email": "rita@example.org", "body": says});
    let left = reader.try_post("/v1/articles/who-takes-over/comments", &write)?.expect(202);
    done.push(Acknowledged { address: format!("/v1/admin/comments/{}", left.id()), says: says.into(), public: None });
    Ok(())
}

/// The file is whole, and every reference in it leads somewhere.
fn sound(paper: &Publication) {
    #[derive(QueryableByName)]
    struct Verdict {
        #[diesel(sql_type = Text)]
        integrity_check: String,
    }
    #[derive(QueryableByName)]
    struct Dangling {
        #[diesel(sql_type = Text)]
        table: String,
    }
    let file = paper.folder.path().join("var/byline.db");
    let mut conn = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    let verdict: Vec<Verdict> = diesel::sql_query("PRAGMA integrity_check").load(&mut conn).unwrap();
    assert_eq!(verdict.iter().map(|verdict| &verdict.integrity_check).collect::<Vec<_>>(), ["ok"]);
    let dangling: Vec<Dangling> = diesel::sql_query("PRAGMA foreign_key_check").load(&mut conn).unwrap();
    assert!(dangling.is_empty(), "references from {} lead nowhere", dangling[0].table);
}
