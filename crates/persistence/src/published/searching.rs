//! Searching what is public: by rank, with what was found marked; and titles, while someone types.

use domain::Result;
use domain::published::{Body, Highlights, Suggestion, Summary};
use domain::site::Settings;
use domain::text::Highlighter;

use super::lists::{self, Conditions, Filters, Page, SMALL, Shown};
use super::{PublicArticle, View, draw, steady};
use crate::Conn;
use crate::search::{self, Hit, MANY, Words};

/// The order of what was found: the best first, then the newest.
pub type Rank = (i64, i64);

/// An article that was found by its words.
#[derive(Debug)]
pub struct FoundArticle {
    /// The article, without its body.
    pub article: PublicArticle,
    /// Where the words stand in it.
    pub highlights: Highlights,
    /// Its place among all that were found.
    pub rank: Rank,
}

/// A page of what was found.
#[derive(Debug, Default)]
pub struct Searched {
    /// The articles of the page.
    pub found: Vec<FoundArticle>,
    /// Whether there were so many hits that only the newest of them were ranked.
    pub newest: bool,
    /// What decides what is on it.
    pub shown: Shown,
}

/// Up to `limit` articles that hold the words of `filters.q`, ranked, after a place in that order.
pub fn search(
    conn: &mut Conn,
    view: &View,
    filters: &Filters,
    (after, limit): (Option<Rank>, i64),
) -> Result<Searched> {
    // What is found later is as new as the settings and names at least.
    let (settings, (conditions, depends)) = steady(conn, view, |conn, settings| {
        let mut depends = Shown::default();
        let conditions = lists::conditions(conn, view, settings, filters, &mut depends)?;
        Ok((None, (conditions, depends)))
    })?;
    let Some(conditions) = conditions else { return Ok(Searched { shown: depends, ..Searched::default() }) };
    let Some(words) = &conditions.words else { return Ok(Searched { shown: depends, ..Searched::default() }) };
    let mut hits = search::newest(conn, words, i64::MAX, MANY + 1, true)?;
    let newest = hits.len() > usize::try_from(MANY)?;
    if newest {
        hits = among_many(conn, &conditions, words, hits)?;
    }
    hits.sort_unstable_by_key(|hit| std::cmp::Reverse((hit.rank, hit.id)));
    if let Some(after) = after {
        hits.retain(|hit| (hit.rank, hit.id) < after);
    }
    let limit = usize::try_from(limit)?;
    let mut places = Vec::new();
    // From the best on, only so many are looked at as the page takes.
    for hits in hits.chunks(CHUNK) {
        let mut fitting = lists::those_that_fit(conn, &conditions, hits.iter().map(|hit| hit.id).collect(), None)?;
        places.extend(hits.iter().filter_map(|hit| Some((fitting.remove(&hit.id)?.article_id, (hit.rank, hit.id)))));
        if places.len() >= limit {
            places.truncate(limit);
            break;
        }
    }
    Ok(Searched { found: shown(conn, view, &settings, words, places)?, newest, shown: depends })
}

/// Hits that are looked up at once.
const CHUNK: usize = 64;
/// So many times `MANY` hits are looked at for those that fit the filters.
const MAX_LOOKS: usize = 10;

/// The newest hits that fit the filters, of so many that not all are looked at. Where the filters leave few articles,
/// all of these are, unranked.
fn among_many(conn: &mut Conn, conditions: &Conditions, words: &Words, first: Vec<Hit>) -> Result<Vec<Hit>> {
    let many = usize::try_from(MANY)?;
    if let Some(scope) = lists::smallest(conn, conditions)? {
        let keys = lists::keys(conn, conditions, Some(scope), Page { after: None, limit: SMALL })?;
        if keys.len() < usize::try_from(SMALL)? {
            let ids = keys.into_iter().map(|key| key.article_id).collect();
            let numbers: Vec<i64> = lists::numbers(conn, ids)?.into_values().collect();
            let hits = search::holding(conn, words, &numbers)?;
            return Ok(numbers.into_iter().filter(|id| hits.contains(id)).map(|id| Hit { id, rank: 0 }).collect());
        }
    }
    let (mut fitting, mut hits) = (Vec::new(), first);
    for _ in 0..MAX_LOOKS {
        let those = lists::those_that_fit(conn, conditions, hits.iter().map(|hit| hit.id).collect(), None)?;
        fitting.extend(hits.iter().filter(|hit| those.contains_key(&hit.id)));
        match hits.last() {
            Some(last) if hits.len() > many && fitting.len() < many => {
                hits = search::newest(conn, words, last.id, MANY + 1, true)?;
            }
            _ => break,
        }
    }
    fitting.truncate(many);
    Ok(fitting)
}

/// Finishes what is shown of a page.
fn shown(
    conn: &mut Conn,
    view: &View,
    settings: &Settings,
    words: &Words,
    places: Vec<(String, Rank)>,
) -> Result<Vec<FoundArticle>> {
    let (ids, ranks): (Vec<String>, Vec<Rank>) = places.into_iter().unzip();
    let (mut rows, mut highlights) = (Vec::new(), Vec::new());
    for (row, body) in lists::documents(conn, &ids, view.now, true)? {
        let summary: Summary = serde_json::from_str(&row.summary)?;
        let body = body.map(|body| serde_json::from_str::<Body>(&body)).transpose()?;
        let marks = Highlighter::new(&words.terms, &row.locale);
        highlights.push(Highlights {
            title: marks.mark(&summary.title),
            excerpt: marks.mark(&summary.excerpt),
            body: body.map(|body| marks.snippet(&body.body_html)).unwrap_or_default(),
        });
        rows.push((row, None));
    }
    let articles = draw(conn, view, settings, &rows)?.into_iter().zip(highlights).zip(ranks);
    Ok(articles.map(|((article, highlights), rank)| FoundArticle { article, highlights, rank }).collect())
}

/// Titles that are looked at for suggestions.
const TITLES: i64 = 200;

/// The newest articles whose titles have all the words of `q`, the last one as a beginning; and what decides which.
pub fn suggest(
    conn: &mut Conn,
    view: &View,
    q: &str,
    locale: Option<&str>,
    limit: i64,
) -> Result<(Vec<Suggestion>, Shown)> {
    let filters = Filters { locale: locale.map(str::to_owned), ..Filters::default() };
    let (_, (conditions, depends)) = steady(conn, view, |conn, settings| {
        let mut depends = Shown::default();
        let conditions = lists::conditions(conn, view, settings, &filters, &mut depends)?;
        Ok((None, (conditions, depends)))
    })?;
    let Some(conditions) = conditions else { return Ok((Vec::new(), depends)) };
    let limit = usize::try_from(limit)?;
    let mut ids = Vec::new();
    for numbers in search::titles(conn, q, TITLES)?.chunks(CHUNK) {
        let mut fitting = lists::those_that_fit(conn, &conditions, numbers.to_vec(), None)?;
        ids.extend(numbers.iter().filter_map(|number| Some(fitting.remove(number)?.article_id)));
        if ids.len() >= limit {
            ids.truncate(limit);
            break;
        }
    }
    let rows = lists::documents(conn, &ids, view.now, false)?;
    let suggestions = rows.into_iter().map(|(row, _)| {
        let summary: Summary = serde_json::from_str(&row.summary)?;
        Ok(Suggestion { text: summary.title, slug: row.slug })
    });
    Ok((suggestions.collect::<Result<_>>()?, depends))
}
