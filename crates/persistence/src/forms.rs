//! What nearly every public answer is made with, kept in memory: the settings, small forms of categories, tags and
//! bylines, and which names lead to them.
//!
//! It is what the database says, as of one entry of the log of changes. A read tells which entry was the newest that it
//! saw (`head`); if that is a later one, what the entries in between name is forgotten before the answer is drawn. So a
//! rename is in every answer to a request that came after its 2xx, on every node, and a read needs no query for any of
//! this in between.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use diesel::prelude::*;
use domain::Result;
use domain::ids::{BylineId, CategoryId, TagId};
use domain::published::{BylineSmall, CategorySmall, TagSmall};
use domain::site::Settings;
use serde::Serialize;

use crate::changes::{self, Resource};
use crate::fragments::one_of;
use crate::schema::{bylines, categories, changes as log, tags};
use crate::totals::Totals;
use crate::{Conn, site};

/// A small form, and its JSON.
#[derive(Debug)]
pub(crate) struct Form<T> {
    pub(crate) small: T,
    pub(crate) json: String,
    /// Whether readers are not to see it: an internal tag.
    pub(crate) internal: bool,
}

impl<T: Serialize> Form<T> {
    fn new(small: T, internal: bool) -> Result<Arc<Self>> {
        Ok(Arc::new(Self { json: serde_json::to_string(&small)?, small, internal }))
    }
}

/// Forms by identity; none for what does not exist.
type Shelf<I, T> = HashMap<I, Option<Arc<Form<T>>>>;

#[derive(Debug, Default)]
struct Shelves {
    categories: Shelf<CategoryId, CategorySmall>,
    bylines: Shelf<BylineId, BylineSmall>,
    tags: Shelf<TagId, TagSmall>,
}

/// What refers to categories, bylines and tags.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_field_names, reason = "they are named as in the document")]
pub(crate) struct References<'a> {
    pub(crate) category_ids: &'a [CategoryId],
    pub(crate) byline_ids: &'a [BylineId],
    pub(crate) tag_ids: &'a [TagId],
}

/// The small forms of what is referred to, in its order; what no longer exists is left out.
#[derive(Debug, Default)]
pub(crate) struct Referred {
    pub(crate) categories: Vec<Arc<Form<CategorySmall>>>,
    pub(crate) bylines: Vec<Arc<Form<BylineSmall>>>,
    pub(crate) tags: Vec<Arc<Form<TagSmall>>>,
}

#[derive(Debug)]
struct Memo {
    /// The newest entry of the log that it heeds; none while it knows nothing.
    seq: Option<i64>,
    settings: Option<Arc<Settings>>,
    shelves: Shelves,
    /// What names lead to, as filters name it. Only what exists is kept: anything can be asked for.
    names: HashMap<(Resource, String), String>,
}

/// Settings, small forms and names, in memory. See the module. And how many there are of what is listed.
#[derive(Debug)]
pub struct Forms {
    memo: RwLock<Memo>,
    pub(crate) totals: Totals,
}

impl Default for Forms {
    fn default() -> Self {
        let shelves = Shelves::default();
        let memo = Memo { seq: None, settings: None, shelves, names: HashMap::new() };
        Self { memo: RwLock::new(memo), totals: Totals::default() }
    }
}

/// Most things that are kept of each kind; with more, it begins anew.
const MAX_KEPT: usize = 50_000;
/// Most entries of the log that are looked at one by one.
const MAX_ENTRIES: i64 = 1_000;

impl Forms {
    /// The settings, and the entry of the log up to which everything here is heeded.
    pub(crate) fn settings(&self, conn: &mut Conn) -> Result<(Arc<Settings>, i64)> {
        loop {
            let seq = {
                let memo = self.memo();
                if let (Some(settings), Some(seq)) = (&memo.settings, memo.seq) {
                    return Ok((Arc::clone(settings), seq));
                }
                memo.seq
            };
            let Some(seq) = seq else {
                let head = changes::head(conn)?;
                self.advance(conn, head)?;
                continue;
            };
            let settings = Arc::new(site::settings(conn)?);
            self.memo_at(seq, |memo| memo.settings = Some(Arc::clone(&settings)));
            return Ok((settings, seq));
        }
    }

    /// Forgets what the entries up to `head` name.
    pub(crate) fn advance(&self, conn: &mut Conn, head: i64) -> Result<()> {
        loop {
            let seq = self.memo().seq;
            let Some(known) = seq else {
                self.memo_mut().seq.get_or_insert(head);
                return Ok(());
            };
            if head <= known {
                return Ok(());
            }
            let entries = if head - known > MAX_ENTRIES || changes::log(conn)?.gone > known {
                None
            } else {
                Some(between(conn, known, head)?)
            };
            self.memo_at(known, |memo| {
                memo.seq = Some(head);
                memo.forget(entries);
            });
        }
    }

    /// The identity of what a name leads to, found by `look` if it is not known yet.
    pub(crate) fn named(
        &self,
        conn: &mut Conn,
        resource: Resource,
        name: &str,
        look: impl FnOnce(&mut Conn) -> Result<Option<String>>,
    ) -> Result<Option<String>> {
        let key = (resource, name.to_owned());
        let seq = {
            let memo = self.memo();
            if let Some(id) = memo.names.get(&key) {
                return Ok(Some(id.clone()));
            }
            memo.seq
        };
        let found = look(conn)?;
        if let (Some(id), Some(seq)) = (&found, seq) {
            self.memo_at(seq, |memo| {
                if memo.names.len() >= MAX_KEPT {
                    memo.names.clear();
                }
                memo.names.insert(key, id.clone());
            });
        }
        Ok(found)
    }

    /// The small forms of what several things refer to, with one query for each kind of which some are not known yet.
    pub(crate) fn of(&self, conn: &mut Conn, things: &[References<'_>]) -> Result<Vec<Referred>> {
        let mut loaded = Shelves::default();
        loop {
            let mut missing = Missing::default();
            let (found, seq): (Vec<Referred>, _) = {
                let memo = self.memo();
                let shelves = (&memo.shelves, &loaded);
                (things.iter().map(|thing| missing.pick(thing, shelves)).collect(), memo.seq)
            };
            if missing.is_empty() {
                return Ok(found);
            }
            missing.load(conn, &mut loaded)?;
            if let Some(seq) = seq {
                self.memo_at(seq, |memo| memo.shelves.take(&loaded));
            }
        }
    }

    fn memo(&self) -> RwLockReadGuard<'_, Memo> {
        self.memo.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn memo_mut(&self) -> RwLockWriteGuard<'_, Memo> {
        self.memo.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what was read after `seq` was heeded, unless a later entry has been heeded since.
    fn memo_at(&self, seq: i64, write: impl FnOnce(&mut Memo)) {
        let mut memo = self.memo_mut();
        if memo.seq == Some(seq) {
            write(&mut memo);
        }
    }
}

/// What the entries after one, up to another, are about.
fn between(conn: &mut Conn, after: i64, until: i64) -> Result<Vec<(String, String)>> {
    let entries = log::table.filter(log::seq.gt(after)).filter(log::seq.le(until));
    Ok(entries.select((log::resource, log::resource_id)).load(conn)?)
}

impl Memo {
    /// Forgets these things; `None`: everything.
    fn forget(&mut self, entries: Option<Vec<(String, String)>>) {
        let Some(entries) = entries else {
            self.settings = None;
            self.shelves = Shelves::default();
            self.names.clear();
            return;
        };
        for (resource, id) in entries {
            let Some(resource) = Resource::ALL.into_iter().find(|known| known.as_str() == resource) else { continue };
            match resource {
                Resource::Site => self.settings = None,
                Resource::Category => drop(id.parse().map(|id| self.shelves.categories.remove(&id))),
                Resource::Tag => drop(id.parse().map(|id| self.shelves.tags.remove(&id))),
                Resource::Byline => drop(id.parse().map(|id| self.shelves.bylines.remove(&id))),
                Resource::Article | Resource::Comment | Resource::Redirect | Resource::Media => continue,
            }
            self.names.retain(|(kind, _), _| *kind != resource);
        }
    }
}

impl Shelves {
    fn take(&mut self, loaded: &Self) {
        fn take<I: Hash + Eq + Copy, T>(shelf: &mut Shelf<I, T>, loaded: &Shelf<I, T>) {
            if shelf.len() + loaded.len() > MAX_KEPT {
                shelf.clear();
            }
            shelf.extend(loaded.iter().map(|(id, form)| (*id, form.clone())));
        }
        take(&mut self.categories, &loaded.categories);
        take(&mut self.bylines, &loaded.bylines);
        take(&mut self.tags, &loaded.tags);
    }
}

/// What is to be loaded.
#[derive(Default)]
struct Missing {
    categories: Vec<CategoryId>,
    bylines: Vec<BylineId>,
    tags: Vec<TagId>,
}

impl Missing {
    /// What is known of what a thing refers to; the rest is noted.
    fn pick(&mut self, thing: &References<'_>, (memo, loaded): (&Shelves, &Shelves)) -> Referred {
        fn pick<I: Hash + Eq + Copy, T>(
            ids: &[I],
            shelves: [&Shelf<I, T>; 2],
            missing: &mut Vec<I>,
        ) -> Vec<Arc<Form<T>>> {
            let find = |id: &I| shelves.iter().find_map(|shelf| shelf.get(id));
            let mut found = Vec::with_capacity(ids.len());
            for id in ids {
                match find(id) {
                    Some(form) => found.extend(form.clone()),
                    None => missing.push(*id),
                }
            }
            found
        }
        Referred {
            categories: pick(thing.category_ids, [&loaded.categories, &memo.categories], &mut self.categories),
            bylines: pick(thing.byline_ids, [&loaded.bylines, &memo.bylines], &mut self.bylines),
            tags: pick(thing.tag_ids, [&loaded.tags, &memo.tags], &mut self.tags),
        }
    }

    fn is_empty(&self) -> bool {
        self.categories.is_empty() && self.bylines.is_empty() && self.tags.is_empty()
    }

    fn load(self, conn: &mut Conn, loaded: &mut Shelves) -> Result<()> {
        if !self.categories.is_empty() {
            let rows: Vec<(String, String, String, String)> = categories::table
                .filter(one_of(categories::id, texts(&self.categories)))
                .select((categories::id, categories::slug, categories::path, categories::name))
                .load(conn)?;
            loaded.categories.extend(self.categories.into_iter().map(|id| (id, None)));
            for (id, slug, path, name) in rows {
                let id = id.parse()?;
                loaded.categories.insert(id, Some(Form::new(CategorySmall { id, slug, path, name }, false)?));
            }
        }
        if !self.bylines.is_empty() {
            let rows: Vec<(String, String, String, Option<String>)> = bylines::table
                .filter(one_of(bylines::id, texts(&self.bylines)))
                .select((bylines::id, bylines::slug, bylines::name, bylines::avatar_url))
                .load(conn)?;
            loaded.bylines.extend(self.bylines.into_iter().map(|id| (id, None)));
            for (id, slug, name, avatar_url) in rows {
                let id = id.parse()?;
                loaded.bylines.insert(id, Some(Form::new(BylineSmall { id, slug, name, avatar_url }, false)?));
            }
        }
        if !self.tags.is_empty() {
            let rows: Vec<(String, String, String, bool)> = tags::table
                .filter(one_of(tags::id, texts(&self.tags)))
                .select((tags::id, tags::slug, tags::name, tags::internal))
                .load(conn)?;
            loaded.tags.extend(self.tags.into_iter().map(|id| (id, None)));
            for (id, slug, name, internal) in rows {
                let id = id.parse()?;
                loaded.tags.insert(id, Some(Form::new(TagSmall { id, slug, name }, internal)?));
            }
        }
        Ok(())
    }
}

fn texts<I: ToString>(ids: &[I]) -> Vec<String> {
    let mut ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
