//! What the log of changes says when an article comes, goes, or says something new: everything whose public document is
//! another one by it.

use std::collections::HashSet;

use diesel::prelude::*;
use domain::articles::{Article, Content, Kind};
use domain::{Result, Timestamp};

use crate::changes::{self, Entry, Op, Relisted, Resource};
use crate::fragments::one_of;
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

    let mut entries = counts(conn, std::slice::from_ref(&relisted))?;
    let mut entry = Entry::new(op, Resource::Article, id, Some(shown.slug.clone()));
    entry.locale = Some(shown.locale.clone());
    entry.touched.relisted = Some(relisted);
    if before.map(Standing::address) != after.map(Standing::address) {
        let slugs = [before, after].into_iter().flatten().map(|seen| seen.slug.as_str());
        entry = entry.touching(addresses(id, slugs));
        let mut groups: Vec<String> = [before, after].into_iter().flatten().map(|seen| seen.group.clone()).collect();
        if shown.kind == Kind::Page {
            // Their addresses begin with its own.
            let below = pages::below(conn, id, at)?;
            entry = entry.touching(below.iter().map(|(page, _)| format!("address:{page}")));
            groups.extend(below.into_iter().map(|(_, group)| group));
        }
        entries.extend(siblings(conn, groups, at)?.into_iter().filter(|entry| entry.id != id));
    }
    entries.push(entry);
    changes::record(conn, &entries, at)?;
    if before.is_some() != after.is_some() {
        changes::record_comments_of(conn, op, id, at)?;
    }
    Ok(())
}

/// Enters that the public sees these articles, which are all new and stand under nothing.
pub(super) fn record_new(conn: &mut Conn, all: &[Standing], at: Timestamp) -> Result<()> {
    let relisted: Vec<Relisted> =
        all.iter().map(|shown| Relisted::new(shown.kind, shown.position, &[], &shown.scopes)).collect();
    let mut entries = counts(conn, &relisted)?;
    let own: HashSet<String> = all.iter().map(|shown| shown.position.1.to_string()).collect();
    let groups = all.iter().map(|shown| shown.group.clone()).collect();
    entries.extend(siblings(conn, groups, at)?.into_iter().filter(|entry| !own.contains(&entry.id)));
    entries.extend(all.iter().zip(relisted).map(|(shown, relisted)| {
        let id = shown.position.1.to_string();
        let addresses = addresses(&id, [shown.slug.as_str()]);
        let mut entry = Entry::new(Op::Upsert, Resource::Article, id, Some(shown.slug.clone())).touching(addresses);
        entry.locale = Some(shown.locale.clone());
        entry.touched.relisted = Some(relisted);
        entry
    }));
    changes::record(conn, &entries, at)
}

/// Enters that an article which the public saw once, and does not see now, answers 404 instead of 410, or the reverse.
pub(super) fn record_fate(conn: &mut Conn, article: &Article, content: &Content, at: Timestamp) -> Result<()> {
    let id = article.id.to_string();
    let addresses = addresses(&id, [content.slug.as_str()]);
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

/// The keys of what says where an article is, or which one has these slugs.
fn addresses<'a>(id: &str, slugs: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut keys = vec![format!("address:{id}"), "addresses".to_owned()];
    keys.extend(slugs.into_iter().map(|slug| format!("slug:{slug}")));
    keys.dedup();
    keys
}

/// Categories, tags and bylines whose number of articles is another one.
fn counts(conn: &mut Conn, relisted: &[Relisted]) -> Result<Vec<Entry>> {
    let articles = relisted.iter().filter(|relisted| relisted.kind == Kind::Article);
    let moved: HashSet<&str> =
        articles.flat_map(|relisted| relisted.comes.iter().chain(&relisted.goes)).map(String::as_str).collect();
    let ids = |names: &[&str]| -> Vec<&str> {
        let named = moved.iter().filter_map(|scope| scope.split_once(':'));
        named.filter(|(name, _)| names.contains(name)).map(|(_, id)| id).collect()
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

/// Articles of these groups: those that name one of them among their translations, and pages below it with theirs.
fn siblings(conn: &mut Conn, groups: Vec<String>, at: Timestamp) -> Result<Vec<Entry>> {
    let rows: Vec<(String, String, String)> = published::table
        .filter(one_of(published::group_id, groups))
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
