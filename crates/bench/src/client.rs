//! Asking a server, one request after another on one connection.

use std::time::Duration;

use serde_json::Value;

use crate::failure::{Failure, Result};

/// A client of one server.
pub struct Client {
    agent: ureq::Agent,
    origin: String,
}

/// An answer.
pub struct Got {
    /// Its status.
    pub status: u16,
    /// Its headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Got {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }

    /// Fails unless it has this status.
    pub fn expect(self, status: u16) -> Result<Self> {
        if self.status == status {
            return Ok(self);
        }
        Err(Failure(format!("{} instead of {status}: {}", self.status, String::from_utf8_lossy(&self.body))))
    }
}

impl Client {
    /// A client of `http://ADDRESS:PORT`.
    pub fn new(origin: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .accept_encoding("identity")
            .timeout_global(Some(Duration::from_mins(1)))
            .build();
        Self { agent: config.into(), origin: origin.trim_end_matches('/').to_owned() }
    }

    /// Reads.
    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Got> {
        let mut request = self.agent.get(self.link(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        got(request.call()?)
    }

    /// Posts JSON.
    pub fn post(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Result<Got> {
        send(self.agent.post(self.link(path)), body, headers)
    }

    /// Changes by JSON.
    pub fn patch(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Result<Got> {
        send(self.agent.patch(self.link(path)), body, headers)
    }

    /// Asks for an action that has no body.
    pub fn act(&self, path: &str, headers: &[(&str, &str)]) -> Result<Got> {
        let mut request = self.agent.post(self.link(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        got(request.send_empty()?)
    }

    fn link(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

fn send(
    mut request: ureq::RequestBuilder<ureq::typestate::WithBody>,
    body: &Value,
    headers: &[(&str, &str)],
) -> Result<Got> {
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    got(request.content_type("application/json").send(body.to_string())?)
}

fn got(response: ureq::http::Response<ureq::Body>) -> Result<Got> {
    let status = response.status().as_u16();
    let headers = response.headers().iter();
    let headers = headers.map(|(name, value)| Ok((name.as_str().to_owned(), value.to_str()?.to_owned())));
    let headers = headers.collect::<Result<_>>()?;
    Ok(Got { status, headers, body: response.into_body().read_to_vec()? })
}
