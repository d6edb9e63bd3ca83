//! `byline purge`: follows the log of changes, and tells a cache in front (a CDN) what to drop.
//!
//! Everything is told twice: at once, and again when every node has surely dropped it from its own cache, so that what
//! the CDN fetched from a slower one meanwhile goes too. Only then it is noted as told: whoever starts again from the
//! note misses nothing.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use persistence::{Db, changes};
use serde::{Deserialize, Serialize};
use ureq::Agent;
use ureq::http::{HeaderName, HeaderValue, Request};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use url::Url;

use crate::config::Settings;
use crate::failure::Failure;
use crate::private_file::Draft;
use crate::store::{self, Create};

/// How long a node may answer from its cache after a change elsewhere (one second while it reaches the log, two until it
/// tells caches to keep nothing), and an answer may be on its way to the CDN.
const SETTLED: Duration = Duration::from_secs(4);
/// How often the log is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// Changes that are read at a time.
const PORTION: i64 = 500;
/// What one request may name; Fastly takes 256 keys, and servers 8 KB of headers.
const MAX_KEYS: usize = 256;
const MAX_LENGTH: usize = 7_800;
/// How long to wait before the second try, and before the last ones.
const WAITS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// Tries of `--once`.
const TRIES: u32 = 5;

/// Whom to tell, and how.
#[derive(Debug, clap::Args)]
#[allow(clippy::doc_markdown, reason = "the docs are the help text")]
pub struct Purge {
    /// The address that takes purges, such as `https://api.fastly.com/service/ID/purge`
    #[arg(long, value_name = "URL", value_parser = address)]
    to: Url,

    /// The method of the requests
    #[arg(long, value_name = "METHOD", default_value = "PURGE", ignore_case = true)]
    method: Method,

    /// The header that names the keys to drop, separated by spaces
    #[arg(long, value_name = "NAME", default_value = "Surrogate-Key")]
    header: HeaderName,

    /// A secret that the CDN wants to see, whole: with `Authorization`, write `Bearer ...`
    #[arg(long, env = "BYLINE_PURGE_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    token: Option<String>,

    /// The header that carries it, such as Fastly-Key
    #[arg(long, value_name = "NAME", default_value = "Authorization")]
    token_header: HeaderName,

    /// The file that remembers what was told; one for each CDN
    ///
    /// Without it, everything is dropped once, and what changes from then on.
    #[arg(long, value_name = "FILE", default_value = "var/purge.json")]
    state: PathBuf,

    /// Tell what is there to tell, and end
    #[arg(long)]
    once: bool,
}

/// The methods that CDNs know for it.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Method {
    #[value(name = "PURGE")]
    Purge,
    #[value(name = "POST")]
    Post,
}

fn address(text: &str) -> Result<Url, String> {
    let hint = "write the address that takes purges, such as https://cdn.example.org/purge";
    let url = Url::parse(text).map_err(|error| format!("{error}; {hint}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("it must begin with https:// or http://; {hint}"));
    }
    Ok(url)
}

/// A place in the log of changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    log: String,
    seq: i64,
}

/// What is to be told, and the place up to which that is all.
struct News {
    keys: Vec<String>,
    upto: Place,
}

/// Does it, until the process ends; with `--once`, until there is nothing more to tell.
pub fn run(settings: &Settings, asked: &Purge) -> Result<(), Failure> {
    let cdn = Cdn::new(asked)?;
    let db = store::connect(settings, Create::Never)?;
    let mut read = remembered(asked)?;
    let mut told: VecDeque<(Instant, News)> = VecDeque::new();
    loop {
        match next(&db, read.as_ref()) {
            Ok(Some(news)) => {
                cdn.tell(&news)?;
                read = Some(news.upto.clone());
                told.push_back((Instant::now(), news));
            }
            Ok(None) if told.is_empty() && asked.once => return Ok(()),
            Ok(None) => std::thread::sleep(LOOK),
            Err(error) if asked.once => return Err(error.into()),
            Err(error) => {
                let why = Failure::from(error);
                tracing::error!(%why, "the log of changes cannot be read; it is tried again");
                std::thread::sleep(WAITS.0);
            }
        }
        while let Some((at, news)) = told.pop_front() {
            if at.elapsed() < SETTLED {
                told.push_front((at, news));
                break;
            }
            cdn.tell(&news)?;
            remember(asked, &news.upto)?;
        }
    }
}

/// What changed after a place; everything, if that cannot be told.
fn next(db: &Db, read: Option<&Place>) -> domain::Result<Option<News>> {
    db.read_blocking(|conn| {
        let head = changes::head(conn)?;
        let found = match read {
            Some(place) => changes::after(conn, place.seq, PORTION)?,
            None => Vec::new(),
        };
        // Asked last: what was pruned before is known by now, and what is pruned later was found.
        let log = changes::log(conn)?;
        let goes_on = |place: &&Place| place.log == log.id && (log.gone..=head).contains(&place.seq);
        if !read.as_ref().is_some_and(goes_on) {
            let keys = vec!["site".to_owned()];
            return Ok(Some(News { keys, upto: Place { log: log.id, seq: head } }));
        }
        let Some(last) = found.last() else { return Ok(None) };
        let upto = Place { log: log.id, seq: last.seq };
        let mut keys: BTreeSet<String> = found.iter().flat_map(changes::Change::surrogate_keys).collect();
        // Every answer has this one.
        if keys.contains("site") {
            keys = BTreeSet::from(["site".to_owned()]);
        }
        Ok(Some(News { keys: keys.into_iter().collect(), upto }))
    })
}

fn remembered(asked: &Purge) -> Result<Option<Place>, Failure> {
    let path = asked.state.display();
    let text = match fs::read_to_string(&asked.state) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::from(format!("cannot read {path}: {error}"))),
    };
    let place = serde_json::from_str(&text);
    place.map(Some).map_err(|error| {
        Failure::from(format!("{path} is damaged ({error}): remove it, and everything is dropped once more"))
    })
}

fn remember(asked: &Purge, place: &Place) -> Result<(), Failure> {
    let text = serde_json::to_string(place).map_err(domain::Error::from)?;
    let written = Draft::write(&asked.state, &text).and_then(Draft::replace);
    written.map_err(|error| Failure::from(format!("cannot write {}: {error}", asked.state.display())))
}

/// The cache in front.
struct Cdn<'a> {
    asked: &'a Purge,
    agent: Agent,
    token: Option<HeaderValue>,
}

impl<'a> Cdn<'a> {
    fn new(asked: &'a Purge) -> Result<Self, Failure> {
        let token = asked.token.as_deref().filter(|token| !token.is_empty()).map(HeaderValue::from_str).transpose();
        let token = token.map_err(|_| Failure::from("the token holds what no header can".to_owned()))?;
        let found = rustls_native_certs::load_native_certs();
        let roots: Vec<_> = found.certs.iter().map(|root| Certificate::from_der(root).to_owned()).collect();
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::from(roots))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .allow_non_standard_methods(true)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(30)))
            .tls_config(tls.build())
            .user_agent(concat!("byline/", env!("CARGO_PKG_VERSION")));
        Ok(Self { asked, agent: agent.build().into(), token })
    }

    /// Tells it until it takes it.
    fn tell(&self, news: &News) -> Result<(), Failure> {
        for keys in lines(&news.keys) {
            let (mut wait, mut tries) = (WAITS.0, 0);
            while let Err(why) = self.send(&keys) {
                tries += 1;
                if self.asked.once && tries == TRIES {
                    return Err(Failure::from(format!("{} did not take a purge: {why}", self.asked.to)));
                }
                tracing::warn!(why, tries, "a purge was not taken; it is tried again");
                std::thread::sleep(wait);
                wait = (wait * 2).min(WAITS.1);
            }
        }
        tracing::info!(keys = news.keys.len(), seq = news.upto.seq, "told what to drop");
        Ok(())
    }

    fn send(&self, keys: &str) -> Result<(), String> {
        let method = match self.asked.method {
            Method::Purge => "PURGE",
            Method::Post => "POST",
        };
        let mut request = Request::builder().method(method).uri(self.asked.to.as_str());
        request = request.header(&self.asked.header, keys);
        if let Some(token) = &self.token {
            request = request.header(&self.asked.token_header, token);
        }
        let request = request.body("").map_err(|error| error.to_string())?;
        let answer = self.agent.run(request).map_err(|error| error.to_string())?;
        if answer.status().is_success() { Ok(()) } else { Err(format!("it answered {}", answer.status())) }
    }
}

/// The keys, as many in a line as one request takes.
fn lines(keys: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut in_last = 0;
    for key in keys {
        match lines.last_mut() {
            Some(line) if in_last < MAX_KEYS && line.len() + 1 + key.len() <= MAX_LENGTH => {
                line.push(' ');
                line.push_str(key);
                in_last += 1;
            }
            _ => {
                lines.push(key.clone());
                in_last = 1;
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_request_names_more_than_servers_take() {
        let short: Vec<String> = (0..600).map(|number| format!("k{number}")).collect();
        let long: Vec<String> = (0..600).map(|number| format!("list:subtree:{number:036}")).collect();
        for keys in [&short, &long] {
            let lines = lines(keys);
            assert!(lines.iter().all(|line| line.len() <= 7_800 && line.split(' ').count() <= 256));
            assert_eq!(lines.join(" "), keys.join(" "));
        }
        assert_eq!(lines(&short).len(), 3);
        assert!(lines(&[]).is_empty());
    }
}
