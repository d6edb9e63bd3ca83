//! An application in this process: its own database, its own clock, no port.

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::Service;
use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::{Bytes, Data};
use diesel::RunQueryDsl;
use domain::Timestamp;
use domain::ids::UserId;
use domain::permissions::Role;
use domain::secrets::Secrets;
use http::{Clock, Config};
use persistence::{DatabaseUrl, Db, Options};
use serde_json::Value;

use super::{conformance, postgres};

/// Which engine a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

type Call = dyn Fn(actix_web::test::TestRequest) -> Pin<Box<dyn Future<Output = Reply>>>;

/// An application of a test's own.
pub struct App {
    pub engine: Engine,
    pub data: Data<http::App>,
    clock: Arc<AtomicI64>,
    call: Rc<Call>,
    url: DatabaseUrl,
    // Holds the SQLite file as long as the test runs.
    folder: Rc<tempfile::TempDir>,
}

/// A migrated SQLite file, to be copied.
static TEMPLATE: LazyLock<PathBuf> = LazyLock::new(|| {
    let path = tempfile::Builder::new()
        .prefix("sqlite-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .unwrap()
        .keep()
        .join("template.db");
    let db = Db::open(&Options { url: DatabaseUrl::Sqlite(path.clone()), create: true, connections: 1 }).unwrap();
    persistence::migrations::run(&db).unwrap();
    drop(db);
    path
});

impl App {
    /// Starts an application on a database of its own.
    pub async fn start(engine: Engine) -> Self {
        Self::start_with(engine, |_| {}).await
    }

    /// Starts one with another configuration.
    pub async fn start_with(engine: Engine, configure: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = match engine {
            Engine::Postgres => postgres::migrated(),
            Engine::Sqlite => {
                let path = folder.path().join("test.db");
                std::fs::copy(&*TEMPLATE, &path).unwrap();
                DatabaseUrl::Sqlite(path)
            }
        };
        let db = open(&url);
        let mut config = Config::new("http://cms.example.org/".parse().unwrap());
        configure(&mut config);
        let start = Timestamp::parse("2026-11-23T09:00:00Z").unwrap();
        let clock = Arc::new(AtomicI64::new(start.micros()));
        db.write_blocking(|conn| persistence::newsletters::ensure(conn, start)).unwrap();
        let secrets = Secrets::generate().unwrap();
        let data = Data::new(http::App::new(db, config, secrets, Clock::Manual(Arc::clone(&clock))).unwrap());
        let call = serve(&data).await;
        Self { engine, data, clock, call, url, folder: Rc::new(folder) }
    }

    /// Another node on the same database, with the same keys and the same clock.
    pub async fn node(&self, configure: impl FnOnce(&mut Config)) -> Self {
        let mut config = self.data.config.clone();
        configure(&mut config);
        let (secrets, clock) = (Arc::clone(&self.data.secrets), Clock::Manual(Arc::clone(&self.clock)));
        let data = Data::new(http::App::new(open(&self.url), config, secrets, clock).unwrap());
        let call = serve(&data).await;
        let (url, clock, folder) = (self.url.clone(), Arc::clone(&self.clock), Rc::clone(&self.folder));
        Self { engine: self.engine, data, clock, call, url, folder }
    }

    /// Where its database is.
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Reads what other nodes entered in the log of changes, as a running server does a few times a second.
    pub fn catch_up(&self) {
        let now = self.now();
        self.data.db.read_blocking(|conn| self.data.follower.catch_up(conn, now)).unwrap();
    }

    /// The present of this application.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.clock.load(Ordering::SeqCst))
    }

    /// Moves the clock on.
    pub fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    /// Someone without a credential.
    pub fn anyone(&self) -> Caller {
        Caller { call: Rc::clone(&self.call), token: None, user: None, etags: HashMap::default() }
    }

    /// Someone with this access token.
    pub fn bearer(&self, token: &str) -> Caller {
        let token = token.to_owned();
        Caller { token: Some(Rc::new(move || token.clone())), ..self.anyone() }
    }

    /// A new user of this role, signed in.
    pub fn caller(&self, role: Role) -> Caller {
        let (user, now) = (self.user(role), self.now());
        let session = self.data.db.write_blocking(|conn| persistence::sessions::open(conn, user, None, now)).unwrap();
        // A token of the moment with every request: only the session ages.
        let (data, clock) = (self.data.clone(), Arc::clone(&self.clock));
        let token = move || {
            let now = Timestamp::from_micros(clock.load(Ordering::SeqCst));
            let issuer = data.config.public_url.as_str();
            http::issue_access_token(&data.secrets, issuer, user, session, now).unwrap()
        };
        Caller { token: Some(Rc::new(token)), user: Some(user), ..self.anyone() }
    }

    /// A new administrator, signed in.
    pub fn admin(&self) -> Caller {
        self.caller(Role::Admin)
    }

    /// A new editor, signed in.
    pub fn editor(&self) -> Caller {
        self.caller(Role::Editor)
    }

    /// Runs one statement on the database.
    pub fn execute(&self, statement: &str) {
        let run = |conn: &mut persistence::Conn| Ok(diesel::sql_query(statement).execute(conn)?);
        self.data.db.write_blocking(run).unwrap();
    }

    /// The log of changes, as `upsert article`.
    pub fn changes(&self) -> Vec<String> {
        #[derive(diesel::QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Text)]
            entry: String,
        }
        let entries = "SELECT op || ' ' || resource AS entry FROM changes ORDER BY seq";
        let load = |conn: &mut persistence::Conn| Ok(diesel::sql_query(entries).load::<Row>(conn)?);
        self.data.db.read_blocking(load).unwrap().into_iter().map(|row| row.entry).collect()
    }

    fn user(&self, role: Role) -> UserId {
        let email = format!("{}@example.org", domain::ids::EventId::new());
        let email = domain::text::Email::parse(&email).unwrap();
        let name = domain::text::Line::parse(&format!("A test {role}")).unwrap();
        let profile = domain::accounts::Profile { email, name, role, disabled: false };
        let (by, now) = (domain::Actor::system(), self.now());
        let add = |conn: &mut persistence::Conn| persistence::users::add(conn, &by, &profile, "no password", now);
        self.data.db.write_blocking(add).unwrap().id
    }
}

fn open(url: &DatabaseUrl) -> Db {
    Db::open(&Options { url: url.clone(), create: false, connections: 4 }).unwrap()
}

async fn serve(data: &Data<http::App>) -> Rc<Call> {
    let service = Rc::new(init_service(http::application(data.clone())).await);
    Rc::new(move |request: TestRequest| -> Pin<Box<dyn Future<Output = Reply>>> {
        let service = Rc::clone(&service);
        Box::pin(async move {
            let request = request.to_request();
            let (method, uri) = (request.method().clone(), request.uri().clone());
            let response = service.call(request).await.expect("the edge turns errors into answers");
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let body = if headers.get("content-type").is_some_and(|kind| kind == "text/event-stream") {
                beginning(response.into_body()).await
            } else {
                actix_web::body::to_bytes(response.into_body()).await.map_err(Into::into).expect("a body")
            };
            let reply = Reply { status, headers, body };
            conformance::check_answer(&method, &uri, &reply);
            reply
        })
    })
}

/// What a stream says before it waits for something to happen.
async fn beginning(body: impl MessageBody) -> Bytes {
    let mut body = std::pin::pin!(body);
    let mut said = Vec::new();
    loop {
        let next = std::future::poll_fn(|context| body.as_mut().poll_next(context));
        match tokio::time::timeout(Duration::from_millis(100), next).await {
            Ok(Some(Ok(bytes))) => said.extend_from_slice(&bytes),
            _ => return said.into(),
        }
    }
}

/// Someone who talks to the application. Sends, as `If-Match`, the version it saw last of each address.
pub struct Caller {
    call: Rc<Call>,
    token: Option<Rc<dyn Fn() -> String>>,
    pub user: Option<UserId>,
    etags: HashMap<String, String>,
}

impl Caller {
    pub async fn get(&mut self, path: &str) -> Reply {
        self.send(Method::GET, path, None, &[]).await
    }

    pub async fn post(&mut self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, Some(body), &[]).await
    }

    /// Posts without a body: an action such as `/publish`.
    pub async fn act(&mut self, path: &str) -> Reply {
        self.send(Method::POST, path, None, &[]).await
    }

    pub async fn put(&mut self, path: &str, body: Value) -> Reply {
        self.send(Method::PUT, path, Some(body), &[]).await
    }

    pub async fn patch(&mut self, path: &str, body: Value) -> Reply {
        self.send(Method::PATCH, path, Some(body), &[]).await
    }

    pub async fn delete(&mut self, path: &str) -> Reply {
        self.send(Method::DELETE, path, None, &[]).await
    }

    /// Sends a request with these headers; a header given here wins over what would be sent by itself.
    pub async fn send(&mut self, method: Method, path: &str, body: Option<Value>, headers: &[(&str, &str)]) -> Reply {
        let mut request =
            TestRequest::with_uri(path).method(method.clone()).peer_addr(SocketAddr::from(([127, 0, 0, 1], 9)));
        request = self.signed(request);
        let resource = resource(path);
        if method != Method::GET
            && let Some(etag) = self.etags.get(&resource)
        {
            request = request.insert_header(("if-match", etag.as_str()));
        }
        if let Some(body) = &body {
            request = request.insert_header(("content-type", "application/json")).set_payload(body.to_string());
        }
        for (name, value) in headers {
            request = request.insert_header((*name, *value));
        }
        let reply = self.raw(request).await;
        if let Some(body) = body.filter(|_| (200..300).contains(&reply.status)) {
            conformance::check_body(&method, path, &body);
        }
        if let Some(etag) = reply.header("etag").filter(|etag| etag.starts_with("\"v")) {
            let location = reply.header("location").map_or(resource, |location| self::resource(&location));
            self.etags.insert(location, etag);
        }
        reply
    }

    /// A request with this caller's credential.
    pub fn signed(&self, request: TestRequest) -> TestRequest {
        match &self.token {
            Some(token) => request.insert_header(("authorization", format!("Bearer {}", token()))),
            None => request,
        }
    }

    /// Sends a request exactly as it is.
    pub async fn raw(&self, request: TestRequest) -> Reply {
        (self.call)(request).await
    }

    /// Forgets the versions it saw.
    pub fn forget(&mut self) {
        self.etags.clear();
    }

    /// Sends this version of a resource from now on.
    pub fn pretend(&mut self, path: &str, etag: &str) {
        self.etags.insert(resource(path), etag.to_owned());
    }
}

/// The address of the resource that an action belongs to: `/v1/admin/articles/ID/publish` → `/v1/admin/articles/ID`.
fn resource(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let mut parts: Vec<&str> = path.split('/').collect();
    if let Some(id) = parts.iter().position(|part| part.len() == 36 && part.parse::<UserId>().is_ok()) {
        parts.truncate(id + 1);
    }
    parts.join("/")
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).map(|value| value.to_str().unwrap().to_owned())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {} {:?}", self.status, self.body))
    }

    /// The stable code of a problem, after checking that it is one in full.
    pub fn code(&self) -> String {
        let problem = self.json();
        assert_eq!(self.header("content-type").as_deref(), Some("application/problem+json"));
        assert_eq!(problem["status"], self.status);
        assert_eq!(self.header("x-request-id").as_deref(), problem["instance"].as_str());
        let code = problem["code"].as_str().unwrap();
        assert!(http::catalogue::find(code).is_some(), "the catalogue lacks {code}");
        assert!(problem["type"].as_str().unwrap().ends_with(&format!("/docs/errors/{code}")));
        code.to_owned()
    }

    /// Fails unless the answer has this status; says what it was instead.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// The `id` of the resource in the answer.
    pub fn id(&self) -> String {
        self.json()["id"].as_str().expect("an id").to_owned()
    }
}
