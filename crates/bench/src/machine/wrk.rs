//! `wrk`, the load, on a core of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::{Cores, on_core};
use crate::failure::{Failure, Result};

/// What the load consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// Reads.
    Reads,
    /// Reads, counting which of them came from Byline's cache.
    Hits,
    /// Comments; no two rounds have the same.
    Comments(u32),
}

/// How a server is to be loaded.
#[derive(Debug, Clone)]
pub struct Wrk {
    /// The core it runs on.
    pub cores: Cores,
    /// Where its scripts lie.
    pub folder: PathBuf,
    /// Connections at once.
    pub connections: u32,
    /// For so long.
    pub seconds: u64,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Requests that were answered.
    pub requests: f64,
    /// In so many seconds.
    pub seconds: f64,
    /// Half of them came in so many milliseconds.
    pub p50: f64,
    /// 99 of 100 of them came in so many milliseconds.
    pub p99: f64,
    /// Answers from Byline's cache.
    pub hits: f64,
}

impl Load {
    /// Requests per second.
    pub fn rate(&self) -> f64 {
        self.requests / self.seconds
    }
}

impl Wrk {
    /// With another number of connections.
    pub fn connections(&self, connections: u32) -> Self {
        Self { connections, ..self.clone() }
    }

    /// For another time.
    pub fn seconds(&self, seconds: u64) -> Self {
        Self { seconds, ..self.clone() }
    }

    /// Loads a server with the requests of a file. Fails if an answer was an error.
    pub fn run(&self, origin: &str, script: Script, requests: &Path) -> Result<Load> {
        let (name, text) = match script {
            Script::Reads | Script::Hits => ("load.lua", include_str!("../../lua/load.lua")),
            Script::Comments(_) => ("comments.lua", include_str!("../../lua/comments.lua")),
        };
        let lua = self.folder.join(name);
        std::fs::write(&lua, text)?;
        let mut command = on_core(self.cores.loading, "wrk");
        command.args(["--threads", "1", "--timeout", "10s", "--connections"]).arg(self.connections.to_string());
        command.arg("--duration").arg(format!("{}s", self.seconds)).arg("--script").arg(&lua).arg(origin).arg("--");
        command.arg(requests);
        command.args(match script {
            Script::Reads => None,
            Script::Hits => Some("hits".to_owned()),
            Script::Comments(round) => Some(round.to_string()),
        });
        let output = command.stderr(Stdio::inherit()).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().find_map(|line| line.strip_prefix("result "));
        let line = line.ok_or_else(|| Failure(format!("wrk said: {text}")))?;
        let value = |name: &str| -> Result<f64> {
            let pair = line.split(' ').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            Ok(pair.ok_or("wrk's result is short")?.parse::<f64>()?)
        };
        let (refused, broken) = (value("refused")?, value("broken")?);
        if refused + broken > 0.0 {
            let refusal = text.lines().find_map(|line| line.strip_prefix("refusal ")).unwrap_or_default();
            return Err(Failure(format!("{refused} answers were errors, {broken} requests had none {refusal}")));
        }
        Ok(Load {
            requests: value("requests")?,
            seconds: value("micros")? / 1e6,
            p50: value("p50")? / 1e3,
            p99: value("p99")? / 1e3,
            hits: value("hits")?,
        })
    }
}
