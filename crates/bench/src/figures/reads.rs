//! Reads, beside a bare route that gives the same bytes and headers from memory.

use persistence::Engine;

use super::{ARTICLES, Figure, at_least, beside, wordpress};
use crate::client::Client;
use crate::data::{self, GHOST_KEY};
use crate::failure::{Failure, Result};
use crate::lab::{Compared, Lab};

const BARE: &str = "a bare actix-web route, the same bytes and headers";

/// Megabytes that the cache may hold where it is on.
pub const CACHE: u32 = 64;

/// A thousand different articles, evenly spread.
pub fn thousand(articles: u64) -> Vec<String> {
    (0..articles).step_by(usize::try_from(articles / 1_000).unwrap_or(1)).map(article).collect()
}

/// The path of an article.
pub fn article(number: u64) -> String {
    format!("/v1/articles/{}", data::slug(number))
}

/// Lists of ten, each of one of the categories.
pub fn lists() -> Vec<String> {
    data::categories().concat().iter().map(|slug| format!("/v1/articles?category={slug}&limit=10")).collect()
}

/// Lists of ten, each of a category that has others below it.
pub fn subtrees() -> Vec<String> {
    let [roots, middle, _] = data::categories();
    [roots, middle].concat().iter().map(|slug| format!("/v1/articles?category={slug}&subtree=true&limit=10")).collect()
}

fn compare(lab: &Lab, cache: u32, paths: &[String]) -> Result<Compared> {
    let store = lab.publication(Engine::Sqlite, ARTICLES)?;
    let byline = lab.byline(&store, cache)?;
    lab.beside_bare(&byline, paths)
}

fn line(what: &str, bound: f64, compared: &Compared) -> Vec<Figure> {
    let ratio = compared.other.micros / compared.byline.micros;
    vec![at_least(what, BARE, bound, ratio, beside("bare", compared))]
}

/// Single articles from the cache.
pub fn single_cached(lab: &Lab) -> Result<Vec<Figure>> {
    let compared = compare(lab, CACHE, &thousand(ARTICLES))?;
    Ok(line("single article, cached, 1,000 different ones", 0.85, &compared))
}

/// Lists from the cache.
pub fn list_cached(lab: &Lab) -> Result<Vec<Figure>> {
    Ok(line("list of ten, filtered by category, cached", 0.85, &compare(lab, CACHE, &lists())?))
}

/// WordPress's lists from the cache.
pub fn wordpress_cached(lab: &Lab) -> Result<Vec<Figure>> {
    let compared = compare(lab, CACHE, &wordpress::pages("&_embed=1"))?;
    Ok(line("WordPress's list of ten with `_embed=1`, cached", 0.80, &compared))
}

/// Ghost's lists from the cache.
pub fn ghost_cached(lab: &Lab) -> Result<Vec<Figure>> {
    let page = |page| format!("/ghost/api/content/posts/?key={GHOST_KEY}&include=tags,authors&page={page}");
    let compared = compare(lab, CACHE, &(1..=20).map(page).collect::<Vec<_>>())?;
    Ok(line("Ghost's list of 15 with `include=tags,authors`, cached", 0.80, &compared))
}

/// Answers that say that nothing has changed.
pub fn not_modified(lab: &Lab) -> Result<Vec<Figure>> {
    let store = lab.publication(Engine::Sqlite, ARTICLES)?;
    let byline = lab.byline(&store, CACHE)?;
    let client = Client::new(&byline.origin);
    let tagged = |path: String| {
        let answer = client.get(&path, &[])?.expect(200)?;
        let etag = answer.header("etag").ok_or_else(|| Failure(format!("{path} has no ETag")))?;
        Ok(format!("{path}\t{etag}"))
    };
    let paths = thousand(ARTICLES).into_iter().map(tagged).collect::<Result<Vec<_>>>()?;
    Ok(line("`If-None-Match` → 304", 0.75, &lab.beside_bare(&byline, &paths)?))
}

/// Single articles from SQLite.
pub fn single_uncached(lab: &Lab) -> Result<Vec<Figure>> {
    Ok(line("single article, cache off, SQLite", 0.35, &compare(lab, 0, &thousand(ARTICLES))?))
}

/// Lists of a subtree from SQLite.
pub fn subtree_uncached(lab: &Lab) -> Result<Vec<Figure>> {
    Ok(line("list of ten of a category subtree, cache off, SQLite", 0.20, &compare(lab, 0, &subtrees())?))
}
