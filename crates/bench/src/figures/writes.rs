//! Reads while editors publish, and comments.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use persistence::Engine;
use serde_json::{Value, json};

use super::reads::{CACHE, article, lists};
use super::{ARTICLES, Figure, at_least};
use crate::client::Client;
use crate::failure::{Failure, Result};
use crate::lab::{Lab, median};
use crate::machine::{Byline, Script, syncs_per_second};

/// Editors who publish at the same time, and how often each of them.
const EDITORS: u64 = 4;
const EVERY: Duration = Duration::from_millis(200);
/// For so long.
const SECONDS: u64 = 12;

/// Publishes 20 changes a second while 1,000 articles and 100 lists are read.
pub fn stale(lab: &Lab) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let byline = lab.byline(&lab.copy(engine, ARTICLES)?, CACHE)?;
        // The newest ones, which stand in the lists too.
        let mut paths: Vec<String> = (ARTICLES - 1_000..ARTICLES).map(article).collect();
        paths.extend(lists());
        paths.extend((0..50).map(|topic| format!("/v1/articles?tag=topic-{topic:02}&limit=10")));
        let requests = lab.requests("stale", &paths)?;
        let seen = Seen::default();
        let load = std::thread::scope(|scope| -> Result<_> {
            let (byline, seen) = (&byline, &seen);
            let editors: Vec<_> = (0..EDITORS).map(|editor| scope.spawn(move || edit(byline, editor, seen))).collect();
            let load = lab.wrk.seconds(SECONDS).run(&byline.origin, Script::Hits, &requests);
            seen.over.store(true, Ordering::Relaxed);
            for editor in editors {
                editor.join().map_err(|_| "an editor failed")??;
            }
            load
        })?;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let changes = f64::from(u32::try_from(count(&seen.published))?) / load.seconds;
        let beside = format!("{:.0} reads/s, {changes:.1} changes/s", load.rate());
        let what = format!("reads of 1,000 articles and 100 lists while 20 changes a second are published, {engine:?}");
        figures.push(Figure {
            what: what.clone(),
            against: "stale answers after the 2xx",
            to_reach: "0".into(),
            measured: count(&seen.stale).to_string(),
            // Fewer changes would be easier.
            held: Some(count(&seen.stale) == 0 && changes > 19.0),
            beside: format!("{} answers compared; {beside}", count(&seen.compared)),
        });
        figures.push(at_least(&what, "hit rate", 0.9, load.hits / load.requests, beside));
    }
    Ok(figures)
}

/// What the editors saw.
#[derive(Default)]
struct Seen {
    published: AtomicU64,
    compared: AtomicU64,
    stale: AtomicU64,
    over: AtomicBool,
}

/// Changes one article after the other, and reads each, alone and in a list, as soon as it is published.
fn edit(byline: &Byline, editor: u64, seen: &Seen) -> Result<()> {
    let (client, token) = byline.sign_in()?;
    let signed = ("authorization", token.as_str());
    let start = Instant::now();
    for round in 0_u32.. {
        std::thread::sleep((EVERY * round).saturating_sub(start.elapsed()));
        if seen.over.load(Ordering::Relaxed) {
            break;
        }
        // Of a thousand steps of seven none comes to the same article as another.
        let step = u64::from(round) * EDITORS + editor;
        let path = article(ARTICLES - 1 - step * 7 % 1_000);
        let before = client.get(&path, &[])?.expect(200)?.json()?;
        let id = before["id"].as_str().ok_or("an article without an id")?;
        let title = format!("Title {editor} {round}");
        let admin = format!("/v1/admin/articles/{id}");
        let saved = client.patch(&admin, &json!({"title": title}), &[signed, ("if-match", "*")])?.expect(200)?;
        let version = saved.header("etag").ok_or("no version")?.to_owned();
        client.act(&format!("{admin}/publish"), &[signed, ("if-match", &version)])?.expect(200)?;
        seen.published.fetch_add(1, Ordering::Relaxed);
        compare(&client, &path, &before, &title, seen)?;
    }
    Ok(())
}

/// Whether the article, and the list of its category if it stands there, say what was just published.
fn compare(client: &Client, path: &str, before: &Value, title: &str, seen: &Seen) -> Result<()> {
    let note = |shown: &Value| {
        seen.compared.fetch_add(1, Ordering::Relaxed);
        if shown["title"] != title {
            seen.stale.fetch_add(1, Ordering::Relaxed);
        }
    };
    note(&client.get(path, &[])?.expect(200)?.json()?);
    let category = before["primary_category"]["slug"].as_str().ok_or("an article without a category")?;
    let list = client.get(&format!("/v1/articles?category={category}&limit=10"), &[])?.expect(200)?.json()?;
    let listed = list["data"].as_array().into_iter().flatten().find(|listed| listed["id"] == before["id"]);
    listed.into_iter().for_each(note);
    Ok(())
}

/// Comments of 32 readers at once, each of them on the disk before it is answered.
pub fn comments(lab: &Lab) -> Result<Vec<Figure>> {
    let byline = lab.byline(&lab.copy(Engine::Sqlite, ARTICLES)?, CACHE)?;
    let paths: Vec<String> = (0..1_000).map(|number| format!("{}/comments", article(number * 10))).collect();
    let requests = lab.requests("comments", &paths)?;
    let syncs = syncs_per_second(&lab.folder)?;
    let before = byline.cpu()?;
    let (mut rates, mut all) = (Vec::new(), 0.0);
    for round in 0..lab.rounds {
        let load = lab.wrk.run(&byline.origin, Script::Comments(round), &requests)?;
        all += load.requests;
        rates.push(load.rate());
    }
    let micros = (byline.cpu()? - before) / all;
    let beside = format!("{micros:.0} µs each; the disk syncs 4 KB {syncs:.0} times/s");
    let what = "posting a comment, 32 connections, SQLite with `synchronous=FULL`";
    if all < 1.0 {
        return Err(Failure("no comment was taken".into()));
    }
    Ok(vec![at_least(what, "per second on one core", 1_500.0, median(rates), beside)])
}
