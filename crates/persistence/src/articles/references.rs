//! What an article refers to must exist.

use diesel::prelude::*;
use domain::articles::{Article, Content, Kind};
use domain::error::Faults;
use domain::ids::{ArticleId, GroupId};
use domain::site::Settings;
use domain::text::Locale;
use domain::{Actor, Error, Fault, Result, Timestamp};

use super::rows;
use crate::Conn;
use crate::schema::{articles, bylines, categories, tags};

/// The locale that was asked for, one of the site's, or the site's own.
pub(super) fn locale(settings: &Settings, asked: Option<&Locale>) -> Result<String> {
    let Some(asked) = asked else { return Ok(settings.locale.clone()) };
    if settings.locales.iter().any(|locale| locale == asked.as_str()) {
        return Ok(asked.to_string());
    }
    let detail =
        format!("The site publishes in {}; add the locale to its settings first.", settings.locales.join(", "));
    Err(Error::invalid(Fault::at("/locale", "unknown_locale", detail)))
}

/// Refuses content that names a byline, category or tag that does not exist, with the place of each.
pub(super) fn check(conn: &mut Conn, content: &Content) -> Result<()> {
    let mut faults = Faults::default();
    let ids: Vec<String> = content.byline_ids.iter().map(ToString::to_string).collect();
    let known: Vec<String> = bylines::table.filter(bylines::id.eq_any(&ids)).select(bylines::id).load(conn)?;
    note_unknown("byline", &ids, &known, &mut faults);
    let ids: Vec<String> = content.category_ids.iter().map(ToString::to_string).collect();
    let known: Vec<String> = categories::table.filter(categories::id.eq_any(&ids)).select(categories::id).load(conn)?;
    note_unknown("category", &ids, &known, &mut faults);
    let ids: Vec<String> = content.tag_ids.iter().map(ToString::to_string).collect();
    let known: Vec<String> = tags::table.filter(tags::id.eq_any(&ids)).select(tags::id).load(conn)?;
    note_unknown("tag", &ids, &known, &mut faults);
    faults.finish()
}

fn note_unknown(what: &str, ids: &[String], known: &[String], faults: &mut Faults) {
    for (index, id) in ids.iter().enumerate() {
        if !known.contains(id) {
            let detail = format!("There is no {what} {id}.");
            faults.note(Fault::at(format!("/{what}_ids/{index}"), "unknown_reference", detail));
        }
    }
}

/// The group that an article joins or leaves for; `None` if it stays where it is.
pub(super) fn group(
    conn: &mut Conn,
    by: &Actor,
    (article, kind): (Option<&Article>, Kind),
    translation_of: Option<ArticleId>,
    at: Timestamp,
) -> Result<Option<GroupId>> {
    let Some(original) = translation_of else {
        let shared = article.map(|article| sibling(conn, article)).transpose()?.flatten();
        return Ok(shared.map(|_| GroupId::new()));
    };
    let unknown = || Error::invalid(Fault::at("/translation_of", "unknown_reference", "There is no such article."));
    if article.is_some_and(|article| article.id == original) {
        let detail = "An article is not a translation of itself.";
        return Err(Error::invalid(Fault::at("/translation_of", "self_reference", detail)));
    }
    let original = match rows::load(conn, original) {
        Err(Error::NotFound(_)) => return Err(unknown()),
        found => found?.article.at(at),
    };
    match original.see(by) {
        Err(Error::NotFound(_)) => Err(unknown()),
        Err(refusal) => Err(refusal),
        Ok(()) if original.kind != kind => {
            let detail = "A page is translated as a page, and an article as an article.";
            Err(Error::invalid(Fault::at("/translation_of", "other_kind", detail)))
        }
        Ok(()) => Ok(Some(original.group)),
    }
}

/// Another article of the same group.
pub(super) fn sibling(conn: &mut Conn, article: &Article) -> Result<Option<ArticleId>> {
    let sibling: Option<String> = articles::table
        .filter(articles::group_id.eq(article.group.to_string()))
        .filter(articles::id.ne(article.id.to_string()))
        .order(articles::id)
        .select(articles::id)
        .first(conn)
        .optional()?;
    Ok(sibling.map(|id| id.parse()).transpose()?)
}
