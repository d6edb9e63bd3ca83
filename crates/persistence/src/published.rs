//! The read model of articles: finished documents, indexes over them, and which slugs lead where.
//!
//! Readers' routes know nothing else of articles. A row is visible while `visible_from <= now < visible_until`, so that
//! what is scheduled turns public at its time by itself.

mod lists;
mod located;
mod ranges;
mod related;
mod searching;
mod under;
mod written;

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::str::FromStr;
use std::sync::Arc;

use diesel::dsl::case_when;
use diesel::prelude::*;
use domain::articles::Kind;
use domain::ids::{ArticleId, BylineId, CategoryId, TagId};
use domain::published::PublishedArticle;
use domain::site::Settings;
use domain::{Error, Result, Timestamp};
use serde::Serialize;
use serde_json::Value;
use url::Url;

use crate::db::on;
use crate::forms::{self, Forms};
use crate::fragments::{Head, one_of};
use crate::joins::{self, Joint, Refers};
use crate::schema::{published_articles as published, published_in, published_slugs};
use crate::{Conn, changes};

pub use lists::{Filters, Listed, Position, Shown, list};
pub use located::{Located, Locates, PART, part, parts};
pub(crate) use ranges::Range;
pub use related::{Related, related};
pub use searching::{FoundArticle, Rank, Searched, search, suggest};
pub(crate) use under::{Condition, any_of, listed_under, under};
pub use written::make_findable;
pub(crate) use written::{Showing, open_comments, put, show, show_since, sweep};

/// What is joined to an article.
#[derive(Serialize)]
#[allow(clippy::struct_field_names, reason = "they are named as in the document")]
pub(crate) struct References {
    byline_ids: Vec<BylineId>,
    pub(crate) category_ids: Vec<CategoryId>,
    tag_ids: Vec<TagId>,
}

impl References {
    pub(crate) fn as_form(&self) -> forms::References<'_> {
        let Self { byline_ids, category_ids, tag_ids } = self;
        forms::References { category_ids, byline_ids, tag_ids }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = published)]
pub(crate) struct Row {
    pub(crate) article_id: String,
    pub(crate) kind: String,
    pub(crate) parent_id: Option<String>,
    /// Its translations are of the same group; a list of a site of one language leaves it empty.
    pub(crate) group_id: String,
    pub(crate) locale: String,
    pub(crate) slug: String,
    pub(crate) published_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) summary: String,
}

/// An article as the public sees it: a finished JSON document, as [`domain::published::PublishedArticle`] is written.
#[derive(Debug)]
pub struct PublicArticle {
    /// Its identity.
    pub id: ArticleId,
    /// Its first publication.
    pub published_at: Timestamp,
    /// The document.
    pub json: String,
}

impl PublicArticle {
    /// The document, to add to or to take from.
    pub fn value(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.json)?)
    }

    /// The document, to be told in another form.
    pub fn whole(&self) -> Result<PublishedArticle> {
        Ok(serde_json::from_str(&self.json)?)
    }
}

/// What a slug leads to.
#[derive(Debug)]
pub enum Found {
    /// The article.
    Article(PublicArticle),
    /// The article, under this slug now.
    Moved(ArticleId, String),
    /// An article that was public and is gone for good.
    Gone(ArticleId),
    /// Nothing that is or was public.
    Nothing,
}

/// How documents are drawn: for this present, with this server's address.
#[derive(Debug, Clone)]
pub struct View {
    /// Byline's own address, for links where the site has none of its own.
    pub public_url: Url,
    /// The present.
    pub now: Timestamp,
    /// What documents are made with. Shared by reads; a transaction that writes has one of its own, since what it sees
    /// may never be committed.
    pub forms: Arc<Forms>,
}

/// A moment in the life of the database: reads until nothing was entered in the log that the settings and forms of the
/// view do not heed. `read` tells the newest entry that it saw; if it saw nothing, it is asked for.
fn steady<T>(
    conn: &mut Conn,
    view: &View,
    mut read: impl FnMut(&mut Conn, &Settings) -> Result<(Option<i64>, T)>,
) -> Result<(Arc<Settings>, T)> {
    const TRIES: usize = 3;
    let mut tries = 1;
    loop {
        let (settings, seq) = view.forms.settings(conn)?;
        let (head, found) = read(conn, &settings)?;
        let head = head.map_or_else(|| changes::head(conn), Ok)?;
        // Where something is entered all the time, the forms are as new as the request by the second try.
        if head <= seq || tries == TRIES {
            return Ok((settings, found));
        }
        view.forms.advance(conn, head)?;
        tries += 1;
    }
}

/// What `slug` leads to in a locale (`None`: the site's own).
pub fn find(conn: &mut Conn, view: &View, locale: Option<&str>, slug: &str) -> Result<Found> {
    let (settings, found) = steady(conn, view, |conn, settings| {
        let locale = locale.unwrap_or(&settings.locale);
        if let Some(live) = live(conn, locale, slug, view.now)? {
            return Ok((Some(live.head), Ok(live)));
        }
        let found = match leads(conn, locale, slug, view.now)? {
            None => Found::Nothing,
            Some((id, true)) => Found::Gone(id.parse()?),
            Some((id, false)) => match live_slug(conn, &id, view.now)? {
                Some(slug) => Found::Moved(id.parse()?, slug),
                None => Found::Nothing,
            },
        };
        Ok((None, Err(found)))
    })?;
    match found {
        Ok(Live { document, translations, .. }) => {
            let drawn = draw_with(conn, view, &settings, &[document], &translations)?.pop();
            drawn.map(Found::Article).ok_or_else(|| Error::Internal("a row was not drawn".into()))
        }
        Err(found) => Ok(found),
    }
}

pub(crate) fn kind_of(stored: &str) -> Kind {
    if stored == Kind::Page.as_str() { Kind::Page } else { Kind::Article }
}

/// An article with its body, its translations, and the newest entry of the log.
struct Live {
    document: Document,
    translations: Vec<Row>,
    head: i64,
}

/// The article of this slug with all of its group, in one statement.
fn live(conn: &mut Conn, locale: &str, slug: &str, now: Timestamp) -> Result<Option<Live>> {
    let asked = diesel::alias!(published as asked);
    let is_asked = published::article_id.eq(asked.field(published::article_id));
    let same = published::group_id.eq(asked.field(published::group_id));
    // Of each engine's own connection, so that the text of the statement is made once and not for every request.
    let rows: Vec<(Row, Option<String>, i64)> = on!(conn, |c| asked
        .inner_join(published::table.on(same))
        .filter(asked.field(published::slug).eq(slug))
        .filter(asked.field(published::locale).eq(locale))
        .filter(asked.field(published::visible_from).le(now.micros()))
        .filter(asked.field(published::visible_until).gt(now.micros()))
        .filter(published::visible_from.le(now.micros()))
        .filter(published::visible_until.gt(now.micros()))
        .select((Row::as_select(), case_when(is_asked, published::body), Head))
        .load(c))?;
    let mut live = None;
    let mut translations = Vec::with_capacity(rows.len());
    for (row, body, head) in rows {
        match body {
            Some(_) => live = Some(((row, body), head)),
            None => translations.push(row),
        }
    }
    Ok(live.map(|(document, head)| Live { document, translations, head }))
}

/// The article that a slug leads or led to, and whether it is gone.
fn leads(conn: &mut Conn, locale: &str, slug: &str, now: Timestamp) -> Result<Option<(String, bool)>> {
    Ok(published_slugs::table
        .find((locale, slug))
        .filter(published_slugs::since.le(now.micros()))
        .select((published_slugs::article_id, published_slugs::gone))
        .first(conn)
        .optional()?)
}

fn live_slug(conn: &mut Conn, id: &str, now: Timestamp) -> Result<Option<String>> {
    Ok(published::table
        .filter(published::article_id.eq(id))
        .filter(published::visible_from.le(now.micros()))
        .filter(published::visible_until.gt(now.micros()))
        .select(published::slug)
        .first(conn)
        .optional()?)
}

/// A stored summary, parted: the members that readers get, and what is joined. [`written`] has them so: its last
/// three arrays hold identities and nothing else. Every article of every list is read so, and serde would take several
/// times as long.
fn parted(summary: &str) -> Result<(&str, References)> {
    let parts = || {
        let (rest, tags) = at_last_bracket(summary)?;
        let (rest, categories) = at_last_bracket(rest)?;
        let (rest, bylines) = at_last_bracket(rest)?;
        Some((rest.strip_suffix(",\"byline_ids\":")?.strip_prefix('{')?, bylines, categories, tags))
    };
    let (members, bylines, categories, tags) =
        parts().ok_or_else(|| Error::Internal("a stored summary has another form".into()))?;
    Ok((members, References { byline_ids: ids(bylines)?, category_ids: ids(categories)?, tag_ids: ids(tags)? }))
}

fn at_last_bracket(text: &str) -> Option<(&str, &str)> {
    let at = memchr::memrchr(b'[', text.as_bytes())?;
    Some((&text[..at], &text[at + 1..]))
}

/// The identities of a JSON array that has begun already.
fn ids<I: FromStr>(array: &str) -> Result<Vec<I>>
where
    Error: From<I::Err>,
{
    // Each is of 36 characters, in quotes, with a comma behind it.
    let ids = &array[..memchr::memchr(b']', array.as_bytes()).unwrap_or(0)];
    let number = (ids.len() + 1) / 39;
    let mut read = Vec::with_capacity(number);
    for place in 0..number {
        read.push(ids.get(place * 39 + 1..place * 39 + 37).unwrap_or_default().parse()?);
    }
    Ok(read)
}

/// What a stored summary refers to.
pub(crate) fn references_of(summary: &str) -> Result<References> {
    Ok(parted(summary)?.1)
}

/// Finishes documents, with what is read of their translations.
fn draw(conn: &mut Conn, view: &View, settings: &Settings, rows: &[Document]) -> Result<Vec<PublicArticle>> {
    let groups = rows.iter().map(|(row, _)| row.group_id.clone()).collect();
    let translations = joins::translations(conn, settings, groups, view.now)?;
    draw_with(conn, view, settings, rows, &translations)
}

/// Finishes documents: what was stored, as it is, with what is joined. Their text is put together, not read and written
/// anew: that is most of what an uncached answer costs.
fn draw_with(
    conn: &mut Conn,
    view: &View,
    settings: &Settings,
    rows: &[Document],
    translations: &[Row],
) -> Result<Vec<PublicArticle>> {
    let stored: Vec<(&str, References)> = rows.iter().map(|(row, _)| parted(&row.summary)).collect::<Result<_>>()?;
    let refers: Vec<Refers<'_>> =
        rows.iter().zip(&stored).map(|((row, _), (_, stored))| Refers::of(row, stored)).collect::<Result<_>>()?;
    let joined = joins::join(conn, view, settings, &refers, translations)?;
    let drawn = rows.iter().zip(&stored).zip(joined).map(|(((row, body), (members, _)), joint)| {
        let json = document(row, members, &joint, body.as_deref())?;
        Ok(PublicArticle { id: row.article_id.parse()?, published_at: Timestamp::from_micros(row.published_at), json })
    });
    drawn.collect()
}

/// `members`: those that are stored.
fn document(row: &Row, members: &str, joint: &Joint, body: Option<&str>) -> Result<String> {
    let mut json = String::with_capacity(members.len() + body.map_or(0, str::len) + 2_000);
    let named = ["{\"id\":\"", &row.article_id, "\",\"kind\":\"", &row.kind, "\",\"slug\":"];
    json.extend(named);
    push_text(&mut json, &row.slug)?;
    json.push_str(",\"locale\":");
    push_text(&mut json, &row.locale)?;
    json.push(',');
    joint.write(&mut json)?;
    json.push_str(members);
    let (published_at, updated_at) = (Timestamp::from_micros(row.published_at), Timestamp::from_micros(row.updated_at));
    write!(json, ",\"published_at\":\"{published_at}\",\"updated_at\":\"{updated_at}\"")?;
    if let Some(members) = body.and_then(|body| body.strip_prefix('{')) {
        json.push(',');
        json.push_str(members);
    } else {
        json.push('}');
    }
    Ok(json)
}

/// Writes a text as JSON has it. Slugs and addresses hardly ever have anything in them that is written otherwise.
pub(crate) fn push_text(json: &mut String, text: &str) -> Result<()> {
    // Counted, and not looked for: without a way out in the middle, many bytes are looked at together.
    if text.bytes().filter(|byte| *byte < b' ' || matches!(byte, b'"' | b'\\')).count() == 0 {
        json.extend(["\"", text, "\""]);
    } else {
        json.push_str(&serde_json::to_string(text)?);
    }
    Ok(())
}

/// A row, with its body where that is shown.
type Document = (Row, Option<String>);

/// The articles of these identities that the public sees, whole, in no order.
pub fn with_ids(conn: &mut Conn, view: &View, ids: &[String]) -> Result<Vec<PublicArticle>> {
    let (settings, rows) = steady(conn, view, |conn, _| {
        let rows: Vec<(Row, Option<String>)> = published::table
            .filter(published::article_id.eq_any(ids))
            .filter(published::visible_from.le(view.now.micros()))
            .filter(published::visible_until.gt(view.now.micros()))
            .select((Row::as_select(), published::body.nullable()))
            .load(conn)?;
        Ok((None, rows))
    })?;
    draw(conn, view, &settings, &rows)
}

/// The articles of these identities that the public sees, in this order.
pub(crate) fn in_order(conn: &mut Conn, view: &View, ids: &[String], with_body: bool) -> Result<Vec<PublishedArticle>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let read = |conn: &mut Conn, _: &Settings| Ok((None, lists::documents(conn, ids, view.now, with_body)?));
    let (settings, found) = steady(conn, view, read)?;
    draw(conn, view, &settings, &found)?.iter().map(PublicArticle::whole).collect()
}

/// Those of these articles that take comments.
pub(crate) fn open_among(conn: &mut Conn, ids: &[String]) -> Result<HashSet<String>> {
    let open: Vec<String> = published::table
        .filter(one_of(published::article_id, ids.to_vec()))
        .filter(published::comments_open)
        .select(published::article_id)
        .load(conn)?;
    Ok(open.into_iter().collect())
}

/// The address and the title of each of these articles that the public sees.
pub(crate) fn addresses(conn: &mut Conn, view: &View, ids: &[String]) -> Result<HashMap<String, (String, String)>> {
    let titled = |PublishedArticle { summary, .. }: PublishedArticle| {
        (summary.id.to_string(), (summary.joined.url, summary.stored.title))
    };
    Ok(in_order(conn, view, ids, false)?.into_iter().map(titled).collect())
}

/// How an article stands before the public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    revision: i64,
    updated_at: i64,
    pub(crate) kind: Kind,
    pub(crate) group: String,
    pub(crate) locale: String,
    pub(crate) slug: String,
    parent: Option<String>,
    primary_category: Option<CategoryId>,
    /// Its place in every list.
    pub(crate) position: Position,
    /// What it is listed under, as [`crate::changes::Relisted`] names it.
    pub(crate) scopes: Vec<String>,
}

impl Standing {
    /// Whether nothing was published in between.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        (self.revision, self.updated_at) == (other.revision, other.updated_at)
    }

    /// What its address is made of, and who names it among their translations.
    pub(crate) fn address(&self) -> impl PartialEq + '_ {
        (&self.group, &self.locale, &self.slug, &self.parent, &self.primary_category)
    }
}

/// How an article stands now, if the public sees it.
pub(crate) fn standing(conn: &mut Conn, id: &str, now: Timestamp) -> Result<Option<Standing>> {
    Ok(standings(conn, vec![id.to_owned()], now)?.pop())
}

/// How those of some articles stand now that the public sees, by identity.
pub(crate) fn standings(conn: &mut Conn, ids: Vec<String>, now: Timestamp) -> Result<Vec<Standing>> {
    let live = published::visible_from.le(now.micros()).and(published::visible_until.gt(now.micros()));
    stand(conn, ids, Box::new(live))
}

/// How an article stood until the revision came that is there now.
pub(crate) fn replaced(conn: &mut Conn, id: &str, now: Timestamp) -> Result<Option<Standing>> {
    Ok(stand(conn, vec![id.to_owned()], Box::new(published::visible_until.le(now.micros())))?.pop())
}

/// How some articles stand, by the newest of their revisions that are seen.
fn stand(conn: &mut Conn, ids: Vec<String>, seen: Condition) -> Result<Vec<Standing>> {
    let rows: Vec<(i64, Row)> = published::table
        .filter(one_of(published::article_id, ids.clone()))
        .filter(seen)
        .order((published::article_id, published::visible_from.desc()))
        .select((published::revision, Row::as_select()))
        .load(conn)?;
    let mut newest: Vec<(i64, Row)> = Vec::with_capacity(rows.len());
    for row in rows {
        if newest.last().is_none_or(|(_, last)| last.article_id != row.1.article_id) {
            newest.push(row);
        }
    }
    if newest.is_empty() {
        return Ok(Vec::new());
    }
    let listed: Vec<((String, i64), (String, String))> = published_in::table
        .filter(one_of(published_in::article_id, ids))
        .order((published_in::scope, published_in::scope_id))
        .select(((published_in::article_id, published_in::revision), (published_in::scope, published_in::scope_id)))
        .load(conn)?;
    let mut scopes: HashMap<(String, i64), Vec<String>> = HashMap::new();
    for (row, (scope, id)) in listed {
        scopes.entry(row).or_default().push(format!("{scope}:{id}"));
    }
    let stands = |(revision, row): (i64, Row)| {
        let listed = scopes.remove(&(row.article_id.clone(), revision)).unwrap_or_default();
        Ok(Standing {
            revision,
            updated_at: row.updated_at,
            kind: kind_of(&row.kind),
            primary_category: references_of(&row.summary)?.category_ids.first().copied(),
            position: (row.published_at, row.article_id.parse()?),
            group: row.group_id,
            locale: row.locale,
            slug: row.slug,
            parent: row.parent_id,
            scopes: std::iter::once("all".to_owned()).chain(listed).collect(),
        })
    };
    newest.into_iter().map(stands).collect()
}
