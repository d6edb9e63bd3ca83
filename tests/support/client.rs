//! Someone who talks to a running server over HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use ureq::{Agent, http};

use super::Reply;

/// A client with the headers that it always sends. Each request has a connection of its own.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    address: SocketAddr,
    headers: Vec<(String, String)>,
}

/// Why there was no answer.
#[derive(Debug)]
pub enum Broken {
    /// Nobody listens.
    Refused,
    /// Nobody asked: the test has seen enough.
    Told,
    /// The connection broke, or nothing came for a minute.
    Cut(#[allow(dead_code, reason = "it is for the one who reads a failure")] ureq::Error),
}

impl Client {
    /// Someone without a credential.
    pub fn of(address: SocketAddr) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_idle_connections(0)
            .proxy(None)
            .timeout_global(Some(Duration::from_mins(1)));
        Self { agent: config.build().into(), address, headers: Vec::new() }
    }

    /// The same with another header.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut other = self.clone();
        other.headers.push((name.to_owned(), value.to_owned()));
        other
    }

    /// The same with this access token.
    pub fn bearer(&self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Reply {
        self.attempt("GET", path, "").unwrap()
    }

    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.try_post(path, body).unwrap()
    }

    /// Posts what the form of a page would.
    #[track_caller]
    pub fn form(&self, path: &str, fields: &str) -> Reply {
        self.with("content-type", "application/x-www-form-urlencoded").attempt("POST", path, fields).unwrap()
    }

    /// Changes a resource, or acts on it, as it is now.
    #[track_caller]
    pub fn change(&self, method: &str, resource: &str, action: &str, body: Option<&Value>) -> Reply {
        self.try_change(method, resource, action, body).unwrap()
    }

    pub fn try_get(&self, path: &str) -> Result<Reply, Broken> {
        self.attempt("GET", path, "")
    }

    pub fn try_post(&self, path: &str, body: &Value) -> Result<Reply, Broken> {
        self.with("content-type", "application/json").attempt("POST", path, &body.to_string())
    }

    pub fn try_change(
        &self,
        method: &str,
        resource: &str,
        action: &str,
        body: Option<&Value>,
    ) -> Result<Reply, Broken> {
        let seen = self.attempt("GET", resource, "")?.expect(200).header("etag").unwrap();
        let client = self.with("if-match", &seen);
        let path = format!("{resource}{action}");
        match body {
            Some(body) => client.with("content-type", "application/json").attempt(method, &path, &body.to_string()),
            None => client.attempt(method, &path, ""),
        }
    }

    fn attempt(&self, method: &str, path: &str, body: &str) -> Result<Reply, Broken> {
        let mut request = http::Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let response = match method {
            "GET" => self.agent.run(request.body(()).unwrap()),
            _ => self.agent.run(request.body(body).unwrap()),
        };
        let (head, mut body) = response.map_err(broken)?.into_parts();
        let body = body.read_to_vec().map_err(Broken::Cut)?.into();
        let mut headers = HeaderMap::new();
        for (name, value) in &head.headers {
            let name = HeaderName::from_bytes(name.as_ref()).unwrap();
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Ok(Reply { status: head.status.as_u16(), headers, body })
    }
}

fn broken(error: ureq::Error) -> Broken {
    match error {
        ureq::Error::ConnectionFailed => Broken::Refused,
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => Broken::Refused,
        other => Broken::Cut(other),
    }
}
