//! How long one reader waits, with one connection: searches, and reads as the publication grows a hundredfold.

use std::path::Path;

use persistence::Engine;

use super::{ARTICLES, Figure, MILLION, SEARCHED, at_most, reads};
use crate::client::Client;
use crate::data::{COMMON, Pair};
use crate::failure::Result;
use crate::lab::{Lab, median};
use crate::machine::{Byline, Load, Script};

const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];

fn search_for(q: &str) -> String {
    format!("/v1/search?q={q}&limit=10")
}

fn pairs() -> Vec<String> {
    Pair::all().map(|pair| search_for(&pair.terms().join("+"))).collect()
}

fn one_reader(lab: &Lab, byline: &Byline, requests: &Path) -> Result<Load> {
    lab.wrk.connections(1).run(&byline.origin, Script::Reads, requests)
}

/// Two terms with up to 1,000 hits.
pub fn search(lab: &Lab) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for engine in ENGINES {
        let byline = lab.byline(&lab.publication(engine, SEARCHED)?, 0)?;
        let requests = lab.requests("search", &pairs())?;
        expect_hits(&byline)?;
        lab.wrk.seconds(1).connections(1).run(&byline.origin, Script::Reads, &requests)?;
        let load = lab.wrk.connections(1).seconds(8).run(&byline.origin, Script::Reads, &requests)?;
        let what = format!("search, 100,000 articles, cache off, two terms with 50 to 1,000 hits, {engine:?}");
        figures.push(at_most(what.clone(), "p50", 5.0, load.p50, " ms", beside(&load)));
        figures.push(at_most(what, "p99", 25.0, load.p99, " ms", beside(&load)));
    }
    Ok(figures)
}

/// A search that finds nothing would be fast.
fn expect_hits(byline: &Byline) -> Result<()> {
    let client = Client::new(&byline.origin);
    for path in pairs() {
        let found = client.get(&path, &[])?.expect(200)?.json()?;
        if found["data"].as_array().is_none_or(|data| data.len() < 10) {
            return Err(format!("{path} finds less than was planted").into());
        }
    }
    Ok(())
}

fn beside(load: &Load) -> String {
    format!("{:.0} searches", load.requests)
}

/// A million articles on SQLite.
pub fn sqlite_million(lab: &Lab) -> Result<Vec<Figure>> {
    million(lab, Engine::Sqlite, 100.0)
}

/// A million articles on PostgreSQL.
pub fn postgres_million(lab: &Lab) -> Result<Vec<Figure>> {
    million(lab, Engine::Postgres, 300.0)
}

/// A term in 3 % of all articles, and the same reads of a hundred times as many articles.
fn million(lab: &Lab, engine: Engine, bound: f64) -> Result<Vec<Figure>> {
    let large = lab.byline(&lab.publication(engine, MILLION)?, 0)?;
    let requests = lab.requests("common", &[search_for(COMMON)])?;
    Client::new(&large.origin).get(&search_for(COMMON), &[])?.expect(200)?;
    let load = lab.wrk.connections(1).seconds(10).run(&large.origin, Script::Reads, &requests)?;
    let what = format!("search, 1,000,000 articles, cache off, a term in 3 %, {engine:?}");
    let mut figures = vec![at_most(what, "p99", bound, load.p99, " ms", beside(&load))];

    let small = lab.byline(&lab.publication(engine, ARTICLES)?, 0)?;
    let mut add = |what: &str, bound: f64, paths: [Vec<String>; 2]| -> Result<()> {
        let [small_p50, large_p50] = p50s(lab, [&small, &large], &paths)?;
        let what = format!("1,000,000 articles against 10,000, cache off: {what}, {engine:?}");
        let seen = format!("{large_p50:.2} ms against {small_p50:.2} ms");
        figures.push(at_most(what, "p50 ratio", bound, large_p50 / small_p50, "", seen));
        Ok(())
    };
    let same = |paths: Vec<String>| [paths.clone(), paths];
    add("single", 1.5, [reads::thousand(ARTICLES), reads::thousand(MILLION)])?;
    add("list", 1.5, same(vec!["/v1/articles?limit=10".into()]))?;
    add("subtree list", 1.5, same(reads::subtrees()))?;
    add("page 1,000 by cursor", 1.5, [vec![page(&small, 1_000)?], vec![page(&large, 1_000)?]])?;
    add("search, terms with equally many hits", 2.0, same(pairs()))?;
    Ok(figures)
}

fn p50s(lab: &Lab, bylines: [&Byline; 2], paths: &[Vec<String>; 2]) -> Result<[f64; 2]> {
    let requests = [lab.requests("small", &paths[0])?, lab.requests("large", &paths[1])?];
    let mut p50s = [Vec::new(), Vec::new()];
    for round in 0..=lab.rounds {
        for side in [0, 1] {
            let load = one_reader(lab, bylines[side], &requests[side])?;
            // The first one warms up.
            if round > 0 {
                p50s[side].push(load.p50);
            }
        }
    }
    Ok(p50s.map(median))
}

/// The path of a page of the list of all articles, found page by page.
fn page(byline: &Byline, number: u32) -> Result<String> {
    let client = Client::new(&byline.origin);
    let mut path = "/v1/articles?limit=10".to_owned();
    for _ in 1..number {
        let page = client.get(&path, &[])?.expect(200)?.json()?;
        let cursor = page["page"]["next"].as_str().ok_or("the list is shorter than it should be")?;
        path = format!("/v1/articles?limit=10&cursor={cursor}");
    }
    Ok(path)
}
