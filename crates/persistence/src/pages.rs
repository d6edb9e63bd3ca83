//! Pages stand under pages: what their paths are, and that nothing stands under itself.
//!
//! Where a page stands is part of its revision, so that the tree which editors see is another than the one that readers
//! see. No page may be put where either of them, or one that is scheduled, would make a circle.

use std::collections::HashMap;

use diesel::prelude::*;
use domain::articles::{Article, Kind};
use domain::ids::ArticleId;
use domain::{Error, Fault, Result, Timestamp};

use crate::Conn;
use crate::db::turn;
use crate::fragments::one_of;
use crate::schema::{articles, published_articles as published};

/// Most pages that one may stand under.
const MAX_ABOVE: usize = 20;

/// Lets one transaction at a time change where pages stand and what they are called: each of them tells readers of all
/// that stands below.
pub(crate) fn hold(conn: &mut Conn) -> Result<()> {
    turn(conn, "pages")
}

/// Refuses a parent that a page cannot stand under.
pub(crate) fn check_parent(conn: &mut Conn, page: &Article, parent: ArticleId) -> Result<()> {
    let refuse = |code, detail: &str| Error::invalid(Fault::at("/parent_id", code, detail));
    if page.kind != Kind::Page {
        return Err(refuse("not_a_page", "Only a page stands under another."));
    }
    hold(conn)?;
    let found: Option<(String, String)> =
        articles::table.find(parent.to_string()).select((articles::kind, articles::locale)).first(conn).optional()?;
    match found {
        Some((kind, locale)) if kind == Kind::Page.as_str() && locale == page.locale => {}
        Some((kind, _)) if kind == Kind::Page.as_str() => {
            return Err(refuse("other_locale", "A page stands under one of its own locale."));
        }
        _ => return Err(refuse("unknown_reference", "There is no such page.")),
    }
    let own = page.id.to_string();
    let mut level = vec![parent.to_string()];
    for _ in 0..MAX_ABOVE {
        if level.contains(&own) {
            let detail = "A page cannot stand under itself or under one below it, for editors or for readers.";
            return Err(Error::Conflict {
                code: "page_cycle",
                detail: detail.to_owned(),
                faults: vec![Fault::at("/parent_id", "page_cycle", detail)],
            });
        }
        let newest = articles::table.filter(articles::id.eq_any(&level)).filter(articles::parent_id.is_not_null());
        let shown =
            published::table.filter(published::article_id.eq_any(&level)).filter(published::parent_id.is_not_null());
        let mut above: Vec<String> = newest.select(articles::parent_id.assume_not_null()).load(conn)?;
        above.extend(shown.select(published::parent_id.assume_not_null()).load::<String>(conn)?);
        above.sort_unstable();
        above.dedup();
        if above.is_empty() {
            return Ok(());
        }
        level = above;
    }
    Err(refuse("too_deep", &format!("A page stands under at most {MAX_ABOVE} others.")))
}

/// Pages that readers see, with all above them that they see too.
#[derive(Default)]
pub(crate) struct Tree(HashMap<String, (Option<String>, String)>);

impl Tree {
    /// The tree from these pages upwards.
    pub(crate) fn above(conn: &mut Conn, ids: Vec<String>, now: Timestamp) -> Result<Self> {
        let mut tree = Self::default();
        let mut level = ids;
        for _ in 0..=MAX_ABOVE {
            level.retain(|id| !tree.0.contains_key(id));
            if level.is_empty() {
                break;
            }
            let rows: Vec<(String, Option<String>, String)> = published::table
                .filter(one_of(published::article_id, level))
                .filter(published::visible_from.le(now.micros()))
                .filter(published::visible_until.gt(now.micros()))
                .filter(published::kind.eq(Kind::Page.as_str()))
                .select((published::article_id, published::parent_id, published::slug))
                .load(conn)?;
            level = rows.iter().filter_map(|(_, parent, _)| parent.clone()).collect();
            tree.0.extend(rows.into_iter().map(|(id, parent, slug)| (id, (parent, slug))));
        }
        Ok(tree)
    }

    /// Whether readers see this page.
    pub(crate) fn holds(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// The path of a page of this slug under `parent`: of what is above it, what readers see.
    pub(crate) fn path_under(&self, parent: Option<&str>, slug: &str) -> String {
        let mut slugs = vec![slug];
        let mut next = parent;
        while let Some((parent, slug)) = next.and_then(|id| self.0.get(id))
            && slugs.len() <= MAX_ABOVE
        {
            slugs.push(slug);
            next = parent.as_deref();
        }
        slugs.reverse();
        slugs.join("/")
    }
}

/// Every page that readers see below these, with its group.
pub(crate) fn below(conn: &mut Conn, id: &str, now: Timestamp) -> Result<Vec<(String, String)>> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut level = vec![id.to_owned()];
    while !level.is_empty() {
        let rows: Vec<(String, String)> = published::table
            .filter(published::parent_id.assume_not_null().eq_any(&level))
            .filter(published::visible_from.le(now.micros()))
            .filter(published::visible_until.gt(now.micros()))
            .order(published::article_id)
            .select((published::article_id, published::group_id))
            .load(conn)?;
        let new = rows.into_iter().filter(|(page, _)| page != id && !found.iter().any(|(known, _)| known == page));
        let new: Vec<(String, String)> = new.collect();
        level = new.iter().map(|(id, _)| id.clone()).collect();
        found.extend(new);
    }
    Ok(found)
}
