//! Lists of what is public. A list of one thing is one range of an index; a combination walks its smallest range in
//! order and looks its rows up in the others, so many rows at most.

use std::collections::{HashMap, HashSet};
use std::ops::Bound;

use diesel::dsl::{Eq, Filter, case_when, count_star, exists, sql};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use domain::articles::Kind;
use domain::ids::ArticleId;
use domain::site::Settings;
use domain::{Error, Result, Timestamp};
use serde::Serialize;

use super::{Document, PublicArticle, Row, View, draw, steady};
use crate::changes::{Resource, Window};
use crate::db::on;
use crate::fragments::{Head, beyond, one_of};
use crate::schema::{published_articles as published, published_in};
use crate::{Conn, search};

/// The order of a list of articles: newest (or oldest) first publication first, then identity.
pub type Position = (i64, ArticleId);

/// Which articles a list holds. Everything is joined by "and".
#[derive(Debug, Clone, Default, Serialize)]
pub struct Filters {
    /// A category by slug or path.
    pub category: Option<String>,
    /// With everything below that category.
    pub subtree: bool,
    /// A tag by slug.
    pub tag: Option<String>,
    /// A byline by slug.
    pub byline: Option<String>,
    /// A locale; `None`: the site's own; `*`: every one.
    pub locale: Option<String>,
    /// First published at this time or later.
    pub published_after: Option<Timestamp>,
    /// First published before this time.
    pub published_before: Option<Timestamp>,
    /// Holds these words.
    pub q: Option<String>,
    /// Articles or pages.
    pub kind: Option<Kind>,
    /// Oldest first.
    pub oldest_first: bool,
}

impl Filters {
    /// Whether a page of the list is one range of an index, however much there is.
    pub fn is_one_range(&self) -> bool {
        let named = [&self.category, &self.tag, &self.byline].into_iter().flatten().count();
        self.q.is_none() && named <= 1
    }
}

/// A page of a list.
#[derive(Debug, Default)]
pub struct Listed {
    /// The articles of the page.
    pub articles: Vec<PublicArticle>,
    /// How many there are in all, if it was asked.
    pub total: Option<i64>,
    /// Where to go on: after the last article if there are more, or, although the page is not full, where it stopped
    /// looking, since it looked at so many rows.
    pub next: Option<Position>,
    /// What decides what is on it.
    pub shown: Shown,
}

/// What an answer shows of a list.
#[derive(Debug, Default)]
pub struct Shown {
    /// The part of the list; none if nothing can be in it.
    pub window: Option<Window>,
    /// Surrogate keys of what the filters name: whether it exists, and under that name, decides too.
    pub named: Vec<String>,
}

/// Up to `limit` articles after a position. An unknown category, tag or byline is an empty list.
pub fn list(
    conn: &mut Conn,
    view: &View,
    filters: &Filters,
    (after, limit): (Option<Position>, i64),
    (with_body, with_total): (bool, bool),
) -> Result<Listed> {
    // One more tells whether there are more.
    let page = Page { after, limit: limit + 1 };
    let (settings, read) = steady(conn, view, |conn, settings| {
        let mut shown = Shown::default();
        let Some(conditions) = conditions(conn, view, settings, filters, &mut shown)? else {
            let found = Found { total: with_total.then_some(0), ..Found::default() };
            return Ok((None, (None, found, shown)));
        };
        let mut found = found(conn, view, &conditions, page, with_body)?;
        found.total = if with_total { Some(count(conn, &conditions)?) } else { None };
        Ok((found.head, (Some(conditions), found, shown)))
    })?;
    let (conditions, Found { mut documents, total, resume, .. }, mut shown) = read;
    let position = |(row, _): &Document| Ok::<_, Error>((row.published_at, row.article_id.parse()?));
    let limit = usize::try_from(limit)?;
    let beyond = documents.get(limit).map(position).transpose()?;
    documents.truncate(limit);
    let next = if beyond.is_some() { documents.last().map(position).transpose()? } else { resume };
    if let (Some(window), Some(conditions)) = (&mut shown.window, conditions) {
        window.counted = with_total;
        // What matches words is known by its text alone: there, any article may alter the page.
        if conditions.words.is_none() {
            window.next = beyond;
            let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
            let end = next.map_or(Bound::Unbounded, Bound::Included);
            window.seen = if conditions.oldest_first { (begin, end) } else { (end, begin) };
        }
    }
    Ok(Listed { articles: draw(conn, view, &settings, &documents)?, total, next, shown })
}

/// What was found for a page, and the newest entry of the log that was seen with it, if any was.
#[derive(Default)]
struct Found {
    documents: Vec<Document>,
    total: Option<i64>,
    resume: Option<Position>,
    head: Option<i64>,
}

fn found(conn: &mut Conn, view: &View, conditions: &Conditions, page: Page, with_body: bool) -> Result<Found> {
    let seen = match (&conditions.words, conditions.scopes.as_slice()) {
        (None, []) => all(conn, conditions, page, with_body)?,
        (None, [scope]) => within(conn, conditions, scope, page, with_body)?,
        _ => {
            let (keys, resume) = fitting(conn, conditions, page)?;
            let ids: Vec<String> = keys.into_iter().map(|key| key.article_id).collect();
            let documents = documents(conn, &ids, view.now, with_body)?;
            return Ok(Found { documents, resume, ..Found::default() });
        }
    };
    let head = seen.first().map(|(_, _, head)| *head);
    let documents = seen.into_iter().map(|(row, body, _)| (row, body)).collect();
    Ok(Found { documents, head, ..Found::default() })
}

/// Which part of a list.
#[derive(Clone, Copy)]
pub(super) struct Page {
    pub(super) after: Option<Position>,
    pub(super) limit: i64,
}

/// Filters with everything looked up that they name.
pub(super) struct Conditions {
    kind: Kind,
    locale: Option<String>,
    pub(super) scopes: Vec<Scope>,
    pub(super) words: Option<search::Words>,
    after: Option<i64>,
    before: i64,
    oldest_first: bool,
    now: i64,
    /// The site has several languages, so that articles may have translations.
    translated: bool,
}

/// Which kind, in which locale, and visible from when until when.
type Visible = (String, String, i64, i64);

impl Conditions {
    /// What `narrowed!` asks the engine, of a row that is here.
    fn fit(&self, key: &Key, (kind, locale, from, until): &Visible, after: Option<Position>) -> bool {
        let beyond = after.is_none_or(|(at, id)| {
            let id = id.to_string();
            let (place, after) = ((key.published_at, &key.article_id), (at, &id));
            if self.oldest_first { place > after } else { place < after }
        });
        beyond
            && kind == self.kind.as_str()
            && self.locale.as_ref().is_none_or(|wanted| wanted == locale)
            && (*from..*until).contains(&self.now)
            && self.after.is_none_or(|after| key.published_at >= after)
            && key.published_at < self.before
    }
}

/// A thing that articles are listed under, as `published_in` has it.
pub(super) type Scope = (&'static str, String);

/// `None` if nothing can fit, since something named is unknown. `shown` gets what was named, and a window on all of it.
pub(super) fn conditions(
    conn: &mut Conn,
    view: &View,
    settings: &Settings,
    filters: &Filters,
    shown: &mut Shown,
) -> Result<Option<Conditions>> {
    let forms = &view.forms;
    let mut scopes: Vec<Scope> = Vec::new();
    let mut name = |known: Option<String>, scope: &'static str, kind: &str, list: &str| {
        shown.named.push(known.as_ref().map_or_else(|| format!("list:{list}"), |id| format!("{kind}:{id}")));
        known.map(|id| scopes.push((scope, id))).is_some()
    };
    if let Some(category) = &filters.category {
        let scope = if filters.subtree { "subtree" } else { "category" };
        let id = forms.named(conn, Resource::Category, category, |conn| crate::categories::id_of(conn, category))?;
        if !name(id, scope, "category", "categories") {
            return Ok(None);
        }
    }
    if let Some(tag) = &filters.tag {
        let id = forms.named(conn, Resource::Tag, tag, |conn| crate::tags::id_of(conn, tag))?;
        if !name(id, "tag", "tag", "tags") {
            return Ok(None);
        }
    }
    if let Some(byline) = &filters.byline {
        let id = forms.named(conn, Resource::Byline, byline, |conn| crate::bylines::id_of(conn, byline))?;
        if !name(id, "byline", "byline", "bylines") {
            return Ok(None);
        }
    }
    let locale = match filters.locale.as_deref() {
        Some("*") => None,
        Some(locale) => Some(locale),
        None => Some(settings.locale.as_str()),
    };
    let locales: Vec<&str> =
        locale.map_or_else(|| settings.locales.iter().map(String::as_str).collect(), |one| vec![one]);
    let words = match &filters.q {
        None => None,
        Some(q) => match search::words(conn, q, &locales)? {
            None => return Ok(None),
            words => words,
        },
    };
    // What is visible was published: what is to come stands at the beginning of the index, and is not walked over.
    let now = view.now.micros();
    let before = filters.published_before.map_or(now + 1, |before| before.micros().min(now + 1));
    let kind = filters.kind.unwrap_or(Kind::Article);
    let listed = scopes.iter().map(|(scope, id)| format!("{scope}:{id}"));
    shown.window = Some(Window {
        scopes: if scopes.is_empty() { vec!["all".to_owned()] } else { listed.collect() },
        kind,
        locale: locale.map(str::to_owned),
        after: filters.published_after,
        before: filters.published_before,
        seen: (Bound::Unbounded, Bound::Unbounded),
        next: None,
        counted: false,
    });
    Ok(Some(Conditions {
        kind,
        locale: locale.map(str::to_owned),
        scopes,
        words,
        after: filters.published_after.map(Timestamp::micros),
        before,
        oldest_first: filters.oldest_first,
        now,
        translated: settings.locales.len() > 1,
    }))
}

/// The rows of a table that fit, of those after a position: what bounds the range stands once on each side, so that
/// both engines take it for the range of the index.
macro_rules! narrowed {
    ($query:expr, $table:ident, $conditions:expr, $after:expr) => {{
        let (conditions, after): (&Conditions, Option<Position>) = ($conditions, $after);
        let mut query = $query
            .filter($table::kind.eq(conditions.kind.as_str()))
            .filter($table::visible_from.le(conditions.now))
            .filter($table::visible_until.gt(conditions.now))
            .into_boxed();
        if let Some(locale) = &conditions.locale {
            query = query.filter($table::locale.eq(locale));
        }
        if let Some(at) = conditions.after.filter(|_| after.is_none() || !conditions.oldest_first) {
            query = query.filter($table::published_at.ge(at));
        }
        if after.is_none() || conditions.oldest_first {
            query = query.filter($table::published_at.lt(conditions.before));
        }
        if let Some((at, id)) = after {
            let (columns, position) = (($table::published_at, $table::article_id), (at, id.to_string()));
            query = if conditions.oldest_first {
                query.filter(beyond::<_, _, true>(columns, position))
            } else {
                query.filter(beyond::<_, _, false>(columns, position))
            };
        }
        query
    }};
}

/// A page of the rows that fit, in order.
macro_rules! paged {
    ($query:expr, $table:ident, $conditions:expr, $page:expr) => {{
        let query = narrowed!($query, $table, $conditions, $page.after).limit($page.limit);
        if $conditions.oldest_first {
            query.order(($table::published_at.asc(), $table::article_id.asc()))
        } else {
            query.order(($table::published_at.desc(), $table::article_id.desc()))
        }
    }};
}

/// The columns of a document; the body is only read where it is asked for.
macro_rules! document {
    ($with_body:expr) => {
        (Row::as_select(), case_when($with_body.into_sql::<Bool>(), published::body))
    };
    ($with_body:expr, with head) => {
        (Row::as_select(), case_when($with_body.into_sql::<Bool>(), published::body), Head)
    };
    ($with_body:expr, $translated:expr) => {
        (
            published::article_id,
            published::parent_id,
            case_when($translated.into_sql::<Bool>(), published::group_id),
            published::slug,
            published::published_at,
            published::updated_at,
            published::summary,
            case_when($with_body.into_sql::<Bool>(), published::body),
            Head,
        )
    };
}

/// A document, and the newest entry of the log that was seen with it.
type Seen = (Row, Option<String>, i64);

/// What nearly every list is: one locale, newest first, from a position on, and no other bound on dates.
struct Plain<'a> {
    kind: &'static str,
    locale: &'a str,
    now: i64,
    from: (i64, String),
    limit: i64,
    translated: bool,
}

/// What is read for such a list: nothing that is the same in all of it.
#[derive(Queryable)]
struct PlainRow {
    article_id: String,
    parent_id: Option<String>,
    group_id: Option<String>,
    slug: String,
    published_at: i64,
    updated_at: i64,
    summary: String,
    body: Option<String>,
    head: i64,
}

impl PlainRow {
    fn seen(self, kind: &str, locale: &str) -> Seen {
        let Self { article_id, parent_id, group_id, slug, published_at, updated_at, summary, body, head } = self;
        let (kind, locale, group_id) = (kind.to_owned(), locale.to_owned(), group_id.unwrap_or_default());
        (Row { article_id, kind, parent_id, group_id, locale, slug, published_at, updated_at, summary }, body, head)
    }
}

impl Conditions {
    fn plain(&self, page: Page) -> Option<Plain<'_>> {
        let locale = self.locale.as_deref().filter(|_| self.after.is_none() && !self.oldest_first)?;
        // Every identity begins with this digit or a greater one.
        let from = page.after.map_or((self.before, "0".to_owned()), |(at, id)| (at, id.to_string()));
        Some(Plain {
            kind: self.kind.as_str(),
            locale,
            now: self.now,
            from,
            limit: page.limit,
            translated: self.translated,
        })
    }
}

/// The same as [`paged`] and [`document`], but of each engine's own connection and of one type: the text of the
/// statement is made once and not for every request.
macro_rules! plain {
    ($conn:expr, $query:expr, $table:ident, $plain:expr, $with_body:expr) => {{
        let (plain, columns): (Plain<'_>, _) = ($plain, ($table::published_at, $table::article_id));
        let rows: Vec<PlainRow> = on!($conn, |c| $query
            .filter($table::kind.eq(plain.kind))
            .filter($table::locale.eq(plain.locale))
            .filter($table::visible_from.le(plain.now))
            .filter($table::visible_until.gt(plain.now))
            .filter(beyond::<_, _, false>(columns, plain.from))
            .order(($table::published_at.desc(), $table::article_id.desc()))
            .limit(plain.limit)
            .select(document!($with_body, plain.translated))
            .load(c))?;
        rows.into_iter().map(|row| row.seen(plain.kind, plain.locale)).collect()
    }};
}

/// A page of everything.
fn all(conn: &mut Conn, conditions: &Conditions, page: Page, with_body: bool) -> Result<Vec<Seen>> {
    if let Some(plain) = conditions.plain(page) {
        return Ok(plain!(conn, published::table, published, plain, with_body));
    }
    Ok(paged!(published::table, published, conditions, page).select(document!(with_body, with head)).load(conn)?)
}

/// A page of what is listed under one thing.
fn within(conn: &mut Conn, conditions: &Conditions, scope: &Scope, page: Page, with_body: bool) -> Result<Vec<Seen>> {
    let same = published::article_id.eq(published_in::article_id).and(published::revision.eq(published_in::revision));
    let listed = published_in::table
        .inner_join(published::table.on(same))
        .filter(published_in::scope.eq(scope.0))
        .filter(published_in::scope_id.eq(&scope.1));
    if let Some(plain) = conditions.plain(page) {
        return Ok(plain!(conn, listed, published_in, plain, with_body));
    }
    Ok(paged!(listed, published_in, conditions, page).select(document!(with_body, with head)).load(conn)?)
}

/// Articles by identity, in this order; those that are visible now.
pub(super) fn documents(conn: &mut Conn, ids: &[String], now: Timestamp, with_body: bool) -> Result<Vec<Document>> {
    let found: Vec<Document> = published::table
        .filter(one_of(published::article_id, ids.to_vec()))
        .filter(published::visible_from.le(now.micros()))
        .filter(published::visible_until.gt(now.micros()))
        .select(document!(with_body))
        .load(conn)?;
    let mut found: HashMap<String, Document> =
        found.into_iter().map(|document| (document.0.article_id.clone(), document)).collect();
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

/// Where a row stands in a range.
#[derive(Debug, Clone, Queryable, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    published_at: i64,
    pub(super) article_id: String,
    revision: i64,
}

impl Key {
    fn position(&self) -> Result<Position> {
        Ok((self.published_at, self.article_id.parse()?))
    }
}

/// Rows that are walked over at once.
const BATCH: i64 = 256;
/// Most rows that are walked over for one page.
const MAX_EXAMINED: i64 = 5_000;
/// Up to so many rows a range is small: the smallest one is looked for no further.
pub(super) const SMALL: i64 = 1_000;

/// The keys of a page of what fits all conditions, and where to go on if there was too much to look at.
fn fitting(conn: &mut Conn, conditions: &Conditions, page: Page) -> Result<(Vec<Key>, Option<Position>)> {
    if let Some(words) = &conditions.words {
        let hits = search::newest(conn, words, i64::MAX, search::MANY + 1, false)?;
        if hits.len() <= usize::try_from(search::MANY)? {
            return Ok((fitting_hits(conn, conditions, &hits, page)?, None));
        }
    }
    let walked = smallest(conn, conditions)?;
    let mut found: Vec<Key> = Vec::new();
    let (limit, batch) = (usize::try_from(page.limit)?, usize::try_from(BATCH)?);
    let (mut after, mut examined) = (page.after, 0);
    while examined < MAX_EXAMINED {
        let mut keys = keys(conn, conditions, walked, Page { after, limit: BATCH })?;
        let ends = keys.len() < batch;
        after = keys.last().map(Key::position).transpose()?;
        probe(conn, conditions, walked, &mut keys)?;
        if let Some(words) = &conditions.words {
            let ids = keys.iter().map(|key| key.article_id.clone()).collect();
            let numbers = numbers(conn, ids)?;
            let ids: Vec<i64> = numbers.values().copied().collect();
            let holding = search::holding(conn, words, &ids)?;
            let number = |key: &Key| numbers.get(&(key.article_id.clone(), key.revision));
            keys.retain(|key| number(key).is_some_and(|number| holding.contains(number)));
        }
        found.append(&mut keys);
        if ends || found.len() >= limit {
            found.truncate(limit);
            return Ok((found, None));
        }
        examined += BATCH;
    }
    Ok((found, after))
}

/// The numbers by which articles stand in the index of words.
pub(super) fn numbers(conn: &mut Conn, ids: Vec<String>) -> Result<HashMap<(String, i64), i64>> {
    let rows: Vec<((String, i64), Option<i64>)> = published::table
        .filter(one_of(published::article_id, ids))
        .select(((published::article_id, published::revision), published::search_id))
        .load(conn)?;
    Ok(rows.into_iter().filter_map(|(row, number)| Some((row, number?))).collect())
}

/// The same for few hits: all of them, put into order.
fn fitting_hits(conn: &mut Conn, conditions: &Conditions, hits: &[search::Hit], page: Page) -> Result<Vec<Key>> {
    let mut found = Vec::new();
    for hits in hits.chunks(usize::try_from(BATCH)?) {
        let ids = hits.iter().map(|hit| hit.id).collect();
        found.extend(those_that_fit(conn, conditions, ids, page.after)?.into_values());
    }
    found.sort_unstable();
    if !conditions.oldest_first {
        found.reverse();
    }
    found.truncate(usize::try_from(page.limit)?);
    Ok(found)
}

/// Those of some rows, given by their numbers in the index of words, that fit everything but the words.
pub(super) fn those_that_fit(
    conn: &mut Conn,
    conditions: &Conditions,
    numbers: Vec<i64>,
    after: Option<Position>,
) -> Result<HashMap<i64, Key>> {
    // By their numbers alone: given more conditions, SQLite would rather walk the index of all that meets those.
    let rows: Vec<(i64, Key, Visible)> = published::table
        .filter(one_of(published::search_id.assume_not_null(), numbers))
        .select((
            published::search_id.assume_not_null(),
            (published::published_at, published::article_id, published::revision),
            (published::kind, published::locale, published::visible_from, published::visible_until),
        ))
        .load(conn)?;
    let fits = |(number, key, seen)| conditions.fit(&key, &seen, after).then_some((number, key));
    let rows: Vec<(i64, Key)> = rows.into_iter().filter_map(fits).collect();
    let mut keys: Vec<Key> = rows.iter().map(|(_, key)| key.clone()).collect();
    probe(conn, conditions, None, &mut keys)?;
    let keys: HashSet<&Key> = keys.iter().collect();
    Ok(rows.into_iter().filter(|(_, key)| keys.contains(key)).collect())
}

/// The thing with the fewest articles; `None`: everything is walked over.
pub(super) fn smallest<'a>(conn: &mut Conn, conditions: &'a Conditions) -> Result<Option<&'a Scope>> {
    let [scope] = conditions.scopes.as_slice() else {
        let mut least = (usize::MAX, None);
        for scope in &conditions.scopes {
            let rows = narrowed!(listed(scope), published_in, conditions, None);
            let size = rows.select(published_in::revision).limit(SMALL).load::<i64>(conn)?.len();
            if size < least.0 {
                least = (size, Some(scope));
            }
        }
        return Ok(least.1);
    };
    Ok(Some(scope))
}

/// A page of keys, of everything or of one thing: the index alone is read.
pub(super) fn keys(conn: &mut Conn, conditions: &Conditions, scope: Option<&Scope>, page: Page) -> Result<Vec<Key>> {
    match scope {
        None => {
            let columns = (published::published_at, published::article_id, published::revision);
            Ok(paged!(published::table, published, conditions, page).select(columns).load(conn)?)
        }
        Some(scope) => {
            let columns = (published_in::published_at, published_in::article_id, published_in::revision);
            Ok(paged!(listed(scope), published_in, conditions, page).select(columns).load(conn)?)
        }
    }
}

/// Keeps those keys that stand under everything named but the thing whose range they come from.
fn probe(conn: &mut Conn, conditions: &Conditions, walked: Option<&Scope>, keys: &mut Vec<Key>) -> Result<()> {
    for scope in conditions.scopes.iter().filter(|scope| walked != Some(scope)) {
        let ids = keys.iter().map(|key| key.article_id.clone()).collect();
        let rows: Vec<(String, i64)> = listed(scope)
            .filter(one_of(published_in::article_id, ids))
            .select((published_in::article_id, published_in::revision))
            .load(conn)?;
        let rows: HashSet<(String, i64)> = rows.into_iter().collect();
        keys.retain(|key| rows.contains(&(key.article_id.clone(), key.revision)));
    }
    Ok(())
}

pub(super) type Under<'a> =
    Filter<Filter<published_in::table, Eq<published_in::scope, &'a str>>, Eq<published_in::scope_id, &'a str>>;

/// The rows of `published_in` of one thing.
pub(super) fn listed((scope, id): &Scope) -> Under<'_> {
    published_in::table.filter(published_in::scope.eq(*scope)).filter(published_in::scope_id.eq(id.as_str()))
}

/// How many articles a list holds.
fn count(conn: &mut Conn, conditions: &Conditions) -> Result<i64> {
    if let (None, [scope]) = (&conditions.words, conditions.scopes.as_slice()) {
        let rows = narrowed!(listed(scope), published_in, conditions, None);
        return Ok(rows.select(count_star()).get_result(conn)?);
    }
    let mut query = narrowed!(published::table, published, conditions, None);
    if let Some(scope) = smallest(conn, conditions)? {
        query = query.filter(published::article_id.eq_any(listed(scope).select(published_in::article_id)));
    }
    for scope in &conditions.scopes {
        let rows = listed(scope)
            .filter(published_in::article_id.eq(published::article_id))
            .filter(published_in::revision.eq(published::revision));
        query = query.filter(exists(rows));
    }
    if let Some(words) = &conditions.words {
        let (before, query_text, after) = search::condition(conn, words);
        query = query.filter(sql::<Bool>(before).bind::<Text, _>(query_text).sql(after));
    }
    Ok(query.select(count_star()).get_result(conn)?)
}
