//! Log lines on standard error. No address, token or secret is ever in one.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

use crate::config::{LogFormat, LogLevel, Settings};

/// Our own crates; what others have to say is written from `warn` on.
const OURS: [&str; 5] = ["byline", "byline_http", "domain", "mail", "persistence"];

/// Calls a request that it cannot read an error, which any stranger can send: it is heard from `debug` on.
const EXCITABLE: &str = "actix_http::h1::dispatcher";

/// Starts writing log lines as the settings say. What was started before stays.
pub fn start(settings: &Settings) {
    let level = match settings.log_level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let targets = Targets::new().with_default(level.min(LevelFilter::WARN));
    let targets = OURS.iter().fold(targets, |targets, target| targets.with_target(*target, level));
    let targets = targets.with_target(EXCITABLE, if level < LevelFilter::DEBUG { LevelFilter::OFF } else { level });
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(targets);
    // The subscriber of a process is set once; commands start it first of all.
    let started = match settings.log_format {
        LogFormat::Text => registry.with(lines.with_ansi(false)).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
    debug_assert!(started.is_ok(), "logging is started once");
}
