//! What the log of changes says when an article comes, goes, or says something new: everything whose public document is
//! another one by it.

use diesel::prelude::*;
use domain::articles::{Article, Content, Kind};
use domain::{Result, Timestamp};

use crate::changes::{self, Entry, Op, Relisted, Resource};
use crate::published::Standing;
use crate::schema::{bylines, categories, published_articles as published, tags};
use crate::{Conn, pages};

/// Enters that the public saw `before` and sees `after`.
pub(super) fn record(
    conn: &mut Conn,
    id: &str,
    before: Option<&Standing>,
    after: Option<&Standing>,
    at: Timestamp,
) -> Result<()> {
    let Some(shown) = after.or(before) else { return Ok(()) };
    let op = if after.is_some() { Op::Upsert } else { Op::Delete };
    let scopes = |standing: Option<&Standing>| standing.map(|standing| standing.scopes.clone()).unwrap_or_default();
    let relisted = Relisted::new(shown.kind, shown.position, &scopes(before), &scopes(after));

    let mut entries = counts(conn, &relisted)?;
    let mut entry = Entry::new(op, Resource::Article, id, Some(shown.slug.clone()));
    entry.locale = Some(shown.locale.clone());
    entry.touched.relisted = Some(relisted);
    if before.map(Standing::address) != after.map(Standing::address) {
        entry = entry.touching([format!("address:{id}"), "addresses".to_owned()]);
        let mut groups: Vec<String> = [before, after].into_iter().flatten().map(|seen| seen.group.clone()).collect();
        if shown.kind == Kind::Page {
            // Their addresses begin with its own.
            let below = pages::below(conn, id, at)?;
            entry = entry.touching(below.iter().map(|(page, _)| format!("address:{page}")));
            groups.extend(below.into_iter().map(|(_, group)| group));
        }
        entries.extend(siblings(conn, id, groups, at)?);
    }
    entries.push(entry);
    changes::record(conn, &entries, at)?;
    if before.is_some() != after.is_some() {
        changes::record_comments_of(conn, op, id, at)?;
    }
    Ok(())
}

/// Enters that an article which the public saw once, and does not see now, answers 404 instead of 410, or the reverse.
pub(super) fn record_fate(conn: &mut Conn, article: &Article, content: &Content, at: Timestamp) -> Result<()> {
    let id = article.id.to_string();
    let addresses = [format!("address:{id}"), "addresses".to_owned()];
    let mut entry = Entry::new(Op::Delete, Resource::Article, id, Some(content.slug.clone())).touching(addresses);
    entry.locale = Some(article.locale.clone());
    changes::record(conn, &[entry], at)
}

/// Enters that an article takes comments from now on, or no longer, if readers see it: `/v1` does not say so.
pub(super) fn record_comments(conn: &mut Conn, article: &Article, at: Timestamp) -> Result<()> {
    let id = article.id.to_string();
    let Some(shown) = crate::published::standing(conn, &id, at)? else { return Ok(()) };
    let mut entry = Entry::new(Op::Upsert, Resource::Article, id, Some(shown.slug.clone())).hidden(true);
    entry.locale = Some(shown.locale.clone());
    changes::record(conn, &[entry], at)
}

/// Categories, tags and bylines whose number of articles is another one.
fn counts(conn: &mut Conn, relisted: &Relisted) -> Result<Vec<Entry>> {
    if relisted.kind != Kind::Article {
        return Ok(Vec::new());
    }
    let ids = |names: &[&str]| -> Vec<&str> {
        let moved = relisted.comes.iter().chain(&relisted.goes);
        moved
            .filter_map(|scope| scope.split_once(':'))
            .filter(|(name, _)| names.contains(name))
            .map(|(_, id)| id)
            .collect()
    };
    let (in_categories, in_tags, in_bylines) = (ids(&["category", "subtree"]), ids(&["tag"]), ids(&["byline"]));
    let mut entries = Vec::new();
    let enter = |entries: &mut Vec<Entry>, resource: Resource, rows: Vec<(String, String)>| {
        // Whether there is anything in it at all may be another matter now.
        let used = format!("used:{}", resource.as_str());
        let entry = |(id, slug)| Entry::new(Op::Upsert, resource, id, Some(slug)).touching([used.clone()]);
        entries.extend(rows.into_iter().map(entry));
    };
    if !in_categories.is_empty() {
        let rows = categories::table.filter(categories::id.eq_any(in_categories)).order(categories::path);
        enter(&mut entries, Resource::Category, rows.select((categories::id, categories::slug)).load(conn)?);
    }
    if !in_tags.is_empty() {
        let rows = tags::table.filter(tags::id.eq_any(in_tags)).order(tags::id);
        let rows: Vec<(String, String, bool)> = rows.select((tags::id, tags::slug, tags::internal)).load(conn)?;
        let (internal, open): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(_, _, internal)| *internal);
        enter(&mut entries, Resource::Tag, open.into_iter().map(|(id, slug, _)| (id, slug)).collect());
        let hidden = |(id, slug, _)| Entry::new(Op::Upsert, Resource::Tag, id, Some(slug)).hidden(true);
        entries.extend(internal.into_iter().map(hidden));
    }
    if !in_bylines.is_empty() {
        let rows = bylines::table.filter(bylines::id.eq_any(in_bylines)).order(bylines::id);
        enter(&mut entries, Resource::Byline, rows.select((bylines::id, bylines::slug)).load(conn)?);
    }
    Ok(entries)
}

/// Articles that name this one among their translations, and pages below it with theirs.
fn siblings(conn: &mut Conn, id: &str, groups: Vec<String>, at: Timestamp) -> Result<Vec<Entry>> {
    let rows: Vec<(String, String, String)> = published::table
        .filter(published::group_id.eq_any(groups))
        .filter(published::article_id.ne(id))
        .filter(published::visible_from.le(at.micros()))
        .filter(published::visible_until.gt(at.micros()))
        .order(published::article_id)
        .select((published::article_id, published::slug, published::locale))
        .load(conn)?;
    let entry = |(id, slug, locale): (String, String, String)| Entry {
        locale: Some(locale),
        ..Entry::new(Op::Upsert, Resource::Article, id, Some(slug))
    };
    Ok(rows.into_iter().map(entry).collect())
}
