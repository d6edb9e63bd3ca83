//! What Byline takes: memory, and time to start.

use std::time::Duration;

use persistence::Engine;

use super::reads::{CACHE, article};
use super::{ARTICLES, Figure, at_most};
use crate::failure::Result;
use crate::lab::{Lab, median};
use crate::machine::Script;

/// Memory when nobody reads, and while everything is read.
pub fn memory(lab: &Lab) -> Result<Vec<Figure>> {
    let store = lab.publication(Engine::Sqlite, ARTICLES)?;
    let byline = lab.byline(&store, CACHE)?;
    std::thread::sleep(Duration::from_secs(3));
    let (idle, _) = byline.memory()?;
    // More than the cache holds.
    let paths = (0..ARTICLES).map(article).flat_map(|path| [format!("{path}/comments"), path]);
    let requests = lab.requests("memory", &paths.collect::<Vec<_>>())?;
    let load = lab.wrk.connections(64).seconds(10).run(&byline.origin, Script::Reads, &requests)?;
    let (after, most) = byline.memory()?;
    let beside = format!(
        "64 connections, {:.0} reads of 10,000 articles and their comments; {after:.0} MB after it",
        load.requests
    );
    Ok(vec![
        at_most("memory, idle".into(), "RSS", 40.0, idle, " MB", String::new()),
        at_most("memory, under full read load with a 64 MB cache".into(), "RSS", 150.0, most, " MB", beside),
    ])
}

/// From the start of the process to the first 200.
pub fn start(lab: &Lab) -> Result<Vec<Figure>> {
    let store = lab.publication(Engine::Sqlite, ARTICLES)?;
    let times = (0..5).map(|_| Ok(lab.byline(&store, CACHE)?.started_in.as_secs_f64() * 1e3));
    let times = times.collect::<Result<Vec<_>>>()?;
    let shown: Vec<String> = times.iter().map(|millis| format!("{millis:.0}")).collect();
    let beside = format!("SQLite; {} ms", shown.join(", "));
    Ok(vec![at_most(
        "start to first 200 with 10,000 articles".into(),
        "median of 5",
        100.0,
        median(times),
        " ms",
        beside,
    )])
}
