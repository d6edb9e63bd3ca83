//! The two servers that are compared: Byline, and the bare route with its answers.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{Cores, Running, cpu, memory, on_core, start_server};
use crate::client::Client;
use crate::data::{GHOST_KEY, PASSWORD, USER};
use crate::failure::{Failure, Result};

/// A publication that can be served: where its database and its keys are.
#[derive(Debug, Clone)]
pub struct Store {
    /// The database's URL.
    pub url: String,
    /// The file with its keys.
    pub secrets: std::path::PathBuf,
}

/// A running Byline.
pub struct Byline {
    running: Running,
    /// `http://ADDRESS:PORT`.
    pub origin: String,
    /// From its start to its first 200.
    pub started_in: Duration,
}

impl Byline {
    /// Starts one with so many megabytes for its cache, and waits until it has answered for an article.
    pub fn start(cores: Cores, folder: &Path, store: &Store, cache: u32) -> Result<Self> {
        let binary = std::env::current_exe()?.with_file_name("byline");
        if !binary.exists() {
            return Err(Failure(format!("{} is missing: cargo build --release -p byline", binary.display())));
        }
        let mut command = on_core(cores.serving, binary);
        command.arg("serve").args(["--listen", "127.0.0.1:0", "--workers", "1", "--database-url", &store.url]);
        command.arg("--secrets-file").arg(&store.secrets).arg("--mail-dir").arg(folder.join("mail"));
        command.env("BYLINE_CACHE_SIZE", cache.to_string()).env("BYLINE_LIMITS", "off");
        command.env("BYLINE_LOG_LEVEL", "warn").env("BYLINE_GHOST_CONTENT_KEYS", GHOST_KEY);
        let start = Instant::now();
        let (running, origin) = start_server(command, &folder.join("byline.log"), |line| {
            let (_, address) = line.split_once("API")?;
            Some(address.trim().trim_end_matches("/v1").to_owned())
        })?;
        let first = format!("/v1/articles/{}", crate::data::slug(0));
        Client::new(&origin).get(&first, &[])?.expect(200)?;
        Ok(Self { running, origin, started_in: start.elapsed() })
    }

    /// A client that has signed in: what it has to send with every request.
    pub fn sign_in(&self) -> Result<(Client, String)> {
        let client = Client::new(&self.origin);
        let answer = client.post("/v1/auth/login", &json!({"email": USER, "password": PASSWORD}), &[])?.expect(200)?;
        let answer = answer.json()?;
        let token = answer["access_token"].as_str().ok_or("no access token")?;
        Ok((client, format!("Bearer {token}")))
    }

    /// Microseconds on the processor so far.
    pub fn cpu(&self) -> Result<f64> {
        cpu(self.running.pid())
    }

    /// Memory in MB: now, and at most so far.
    pub fn memory(&self) -> Result<(f64, f64)> {
        memory(self.running.pid())
    }
}

/// A running bare route that gives the answers which a Byline gave.
pub struct Bare {
    running: Running,
    /// `http://ADDRESS:PORT`.
    pub origin: String,
}

impl Bare {
    /// Asks `byline` for what the file names, and serves it.
    pub fn start(cores: Cores, folder: &Path, byline: &Byline, requests: &Path) -> Result<Self> {
        let mut command = on_core(cores.serving, std::env::current_exe()?);
        command.arg("bare").args(["--from", &byline.origin]).arg("--requests").arg(requests);
        let log = folder.join("bare.log");
        let (running, origin) =
            start_server(command, &log, |line| line.starts_with("http://").then(|| line.to_owned()))?;
        Ok(Self { running, origin })
    }

    /// Microseconds on the processor so far.
    pub fn cpu(&self) -> Result<f64> {
        cpu(self.running.pid())
    }
}

/// Writes the requests of a load: a path a line, with the value of `If-None-Match` after a tab.
pub fn write_requests(file: &Path, paths: &[String]) -> Result<()> {
    fs::write(file, paths.join("\n") + "\n")?;
    Ok(())
}
