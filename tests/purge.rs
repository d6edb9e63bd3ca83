//! `byline purge`, against a cache that writes down what it is told.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::journey::Publication;
use crate::support::Engine;
use crate::support::binary::{refused, said};

/// A server that takes purges, or refuses them as it is told.
#[derive(Clone)]
struct Cdn {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<VecDeque<&'static str>>>,
}

impl Cdn {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let cdn = Self { address: listener.local_addr().unwrap(), requests: Arc::default(), answers: Arc::default() };
        let own = cdn.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).unwrap() > 0 {}
                let answer = own.answers.lock().unwrap().pop_front().unwrap_or("204 No Content");
                own.requests.lock().unwrap().push(head);
                let close = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                stream.get_mut().write_all(close.as_bytes()).unwrap();
                let _ = stream.read(&mut [0]);
            }
        });
        cdn
    }

    /// What it was told since it was asked last: the first line, and the keys.
    fn told(&self) -> Vec<(String, Vec<String>)> {
        let requests = std::mem::take(&mut *self.requests.lock().unwrap());
        let keys = |head: &str, name: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.map(|line| line.split(' ').map(str::to_owned).collect())
        };
        let read = |head: String| {
            let found = keys(&head, "surrogate-key").or_else(|| keys(&head, "xkey"));
            (head.lines().next().unwrap().to_owned(), found.unwrap_or_else(|| panic!("no keys: {head}")))
        };
        requests.into_iter().map(read).collect()
    }
}

fn purge(paper: &Publication, cdn: &Cdn, more: &[&str]) -> Command {
    let url = format!("http://{}/service/7/purge", cdn.address);
    let mut command = paper.command(&["purge", "--to", &url]);
    command.args(more);
    command
}

#[track_caller]
fn once(mut command: Command) {
    let said = said(command.arg("--once").output().unwrap());
    assert_eq!(said.code, 0, "{}", said.err);
}

/// Publishes an article; answers its id.
fn publish(paper: &Publication, token: &str, title: &str) -> String {
    let editor = paper.anyone().bearer(token);
    let id = editor.post("/v1/admin/articles", &json!({"title": title, "body": "Short."})).expect(201).id();
    editor.change("POST", &format!("/v1/admin/articles/{id}"), "/publish", None).expect(200);
    id
}

fn everything_is_told_and_nothing_forgotten(engine: Engine) {
    let paper = Publication::open(engine);
    let editor = paper.hire("editor").access;
    let cdn = Cdn::start();

    // Nobody knows what it holds: everything goes.
    once(purge(&paper, &cdn, &[]));
    let site = ("PURGE /service/7/purge HTTP/1.1".to_owned(), vec!["site".to_owned()]);
    assert_eq!(cdn.told(), [site.clone(), site]);
    once(purge(&paper, &cdn, &[]));
    assert_eq!(cdn.told(), []);

    // A refusal is not the end of it.
    let id = publish(&paper, &editor, "One");
    cdn.answers
        .lock()
        .unwrap()
        .extend(["503 Service Unavailable", "307 Temporary Redirect\r\nLocation: http://127.0.0.1:9/"]);
    let mut command = purge(&paper, &cdn, &["--method", "post", "--header", "xkey", "--token-header", "Fastly-Key"]);
    command.env("BYLINE_PURGE_TOKEN", "hunter2hunter2");
    let requests = Arc::clone(&cdn.requests);
    let ended = said(command.arg("--once").output().unwrap());
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(!ended.err.contains("hunter2") && !ended.err.contains("means nothing"), "{}", ended.err);
    assert!(requests.lock().unwrap().iter().all(|head| head.contains("\r\nfastly-key: hunter2hunter2\r\n")));
    let told = cdn.told();
    assert_eq!(told.len(), 4, "two refusals, and twice");
    for (line, keys) in told {
        assert_eq!(line, "POST /service/7/purge HTTP/1.1");
        assert!(keys.contains(&format!("article:{id}")) && keys.contains(&"list:all".to_owned()), "{keys:?}");
    }

    // What was told once, and perhaps too early, is told again by whoever goes on.
    let mut running = Running(purge(&paper, &cdn, &[]).stderr(Stdio::null()).spawn().unwrap());
    let id = publish(&paper, &editor, "Two");
    let deadline = Instant::now() + Duration::from_secs(20);
    while cdn.requests.lock().unwrap().is_empty() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    running.0.kill().unwrap();
    assert_eq!(cdn.told().len(), 1);
    once(purge(&paper, &cdn, &[]));
    let told = cdn.told();
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|(_, keys)| keys.contains(&format!("article:{id}"))), "{told:?}");
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn everything_is_told_and_nothing_forgotten_on_sqlite() {
    everything_is_told_and_nothing_forgotten(Engine::Sqlite);
}

#[test]
fn everything_is_told_and_nothing_forgotten_on_postgres() {
    everything_is_told_and_nothing_forgotten(Engine::Postgres);
}

#[test]
fn what_cannot_work_is_refused_before_anything_is_told() {
    let paper = Publication::open(Engine::Sqlite);
    let refused = |words: &[&str]| refused(&mut paper.command(words));
    assert!(refused(&["purge"]).contains("--to"));
    assert!(refused(&["purge", "--to", "ftp://cdn.example.org"]).contains("it must begin with https://"));
    assert!(refused(&["purge", "--to", "http://127.0.0.1:9", "--header", "a b"]).contains("--header"));
    std::fs::create_dir_all(paper.folder.path().join("var")).unwrap();
    std::fs::write(paper.folder.path().join("var/purge.json"), "{").unwrap();
    assert!(refused(&["purge", "--to", "http://127.0.0.1:9"]).contains("purge.json is damaged"));
    std::fs::remove_file(paper.folder.path().join("var/purge.json")).unwrap();
    // Nobody listens there.
    let told = refused(&["purge", "--once", "--to", "http://127.0.0.1:9"]);
    assert!(told.contains("did not take a purge"), "{told}");
}
