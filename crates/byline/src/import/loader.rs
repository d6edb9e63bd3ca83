//! Writes what an export says: in transactions of some, so that whatever interrupts it leaves no half of anything.

use std::collections::{HashMap, HashSet, hash_map};

use domain::articles::{ArticleWrite, Comments, CoverImageWrite, Kind, State, Visibility};
use domain::bylines::BylineWrite;
use domain::categories::CategoryWrite;
use domain::ids::{ArticleId, CategoryId, CommentId, GroupId};
use domain::media::Media;
use domain::redirects::RedirectWrite;
use domain::site::{ArticlePlace, Settings, article_path, plain_path, same_path};
use domain::tags::TagWrite;
use domain::text::{BodyFormat, Slug, clean_comment};
use domain::{Actor, Seen, Timestamp};
use exchange::ids::Identities;
use exchange::model::{Byline, Category, Comment, Entry, Readers, Standing, Tag};
use exchange::report::{Count, Fate, Report};
use persistence::ghost_ids::{self, Kind as GhostKind};
use persistence::wordpress_ids::{self, Numbered};
use persistence::{Conn, articles, bylines, categories, imports, media, redirects, site, tags};

use super::files::Moved;
use crate::failure::Failure;
use crate::store::Store;

/// Articles, and comments, of one transaction.
const ARTICLES: usize = 100;
const COMMENTS: usize = 2_000;
/// No article is waited for beyond so many bytes of bodies: they are in memory several times while they are written.
const BYTES: usize = 4 * 1024 * 1024;

/// Whose identities the things of an export have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// Numbers.
    WordPress,
    /// 24 hexadecimal digits.
    Ghost,
}

/// An article that is ready to be written.
struct Ready {
    imported: articles::Imported,
    source_id: String,
    path: Option<String>,
    wanted: String,
}

/// Writes what an export says.
pub struct Loader<'a> {
    /// None: it is only tried.
    store: Option<&'a Store>,
    from: From,
    by: Actor,
    now: Timestamp,
    ids: Identities,
    settings: Settings,
    files: Moved,
    /// Paths of categories, as they are here.
    category_paths: HashMap<CategoryId, String>,
    /// Paths of pages that were written.
    pages: HashMap<ArticleId, String>,
    waiting_pages: Vec<Ready>,
    articles: Vec<Ready>,
    comments: Vec<imports::Imported>,
    /// The article whose comments are being taken, and theirs so far: they may come in several parts.
    thread: Option<(ArticleId, HashMap<String, CommentId>)>,
    redirects: Vec<(RedirectWrite, Timestamp)>,
    /// Paths of what was written: no rule leads away from them.
    own_paths: HashSet<String>,
}

/// Counts what became of a thing.
pub fn count(fate: persistence::Fate, count: &mut Count) {
    match fate {
        persistence::Fate::Created => count.created += 1,
        persistence::Fate::Updated => count.updated += 1,
        persistence::Fate::Unchanged => count.unchanged += 1,
    }
}

impl<'a> Loader<'a> {
    /// Writes into this publication; without one, it only tries.
    pub fn new(
        store: Option<&'a Store>,
        from: From,
        ids: Identities,
        files: Moved,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let settings = match store {
            Some(store) => {
                store.db.write_blocking(imports::begin)?;
                store.db.read_blocking(site::settings)?
            }
            None => Settings::default(),
        };
        Ok(Self {
            store,
            from,
            by: super::actor(),
            now,
            ids,
            settings,
            files,
            category_paths: HashMap::new(),
            pages: HashMap::new(),
            waiting_pages: Vec::new(),
            articles: Vec::new(),
            comments: Vec::new(),
            thread: None,
            redirects: Vec::new(),
            own_paths: HashSet::new(),
        })
    }

    /// The files of the site.
    pub fn files(&mut self) -> &mut Moved {
        &mut self.files
    }

    fn write<T>(
        &self,
        work: impl FnOnce(&mut Conn, &Actor, Timestamp) -> domain::Result<T>,
    ) -> Result<Option<T>, Failure> {
        let Some(store) = self.store else { return Ok(None) };
        Ok(Some(store.db.write_blocking(|conn| work(conn, &self.by, self.now))?))
    }

    /// Sets what the site has not set itself yet.
    pub fn adopt(&mut self, wanted: &Settings, report: &mut Report) -> Result<(), Failure> {
        let fresh = Settings::default();
        let take = |now: &Settings| {
            let mut next = now.clone();
            let text = |own: &mut String, fresh: &String, wanted: &String| {
                if own == fresh && !wanted.is_empty() {
                    own.clone_from(wanted);
                }
            };
            text(&mut next.name, &fresh.name, &wanted.name);
            text(&mut next.description, &fresh.description, &wanted.description);
            text(&mut next.timezone, &fresh.timezone, &wanted.timezone);
            text(&mut next.permalink, &fresh.permalink, &wanted.permalink);
            next
        };
        let next = take(&self.settings);
        if next.permalink != wanted.permalink {
            let detail = format!(
                "The site has {} already; the old addresses ({}) lead to it.",
                next.permalink, wanted.permalink
            );
            report.say("site", "", Fate::Changed, "permalink_kept", detail);
        }
        if next != self.settings {
            self.write(|conn, by, now| site::update(conn, by, &Seen::Any, |now| Ok(take(now)), now))?;
            self.settings = next;
        }
        Ok(())
    }

    /// Writes categories, each after the one above it.
    pub fn categories(&mut self, all: &[Category], at: Timestamp, report: &mut Report) -> Result<(), Failure> {
        for some in all.chunks(ARTICLES) {
            let done = self.write(|conn, by, _| {
                let mut done = Vec::new();
                for one in some {
                    let write = CategoryWrite {
                        slug: Some(one.slug.clone()),
                        name: Some(one.name.clone()),
                        description: one.description.clone(),
                        parent_id: one.parent,
                        position: None,
                    };
                    let own = number(conn, Numbered::Category, &one.id.to_string(), one.source_id.as_deref())?;
                    done.push((categories::put(conn, by, one.id, write.check_change(&one.slug)?, at)?, own));
                }
                Ok(done)
            })?;
            for (one, ((fate, category), own)) in some.iter().zip(done.into_iter().flatten()) {
                count(fate, report.count("category"));
                say_number(own, "category", one.source_id.as_deref(), report);
                self.category_paths.insert(category.id, category.path);
            }
        }
        Ok(())
    }

    /// Writes tags.
    pub fn tags(&mut self, all: &[Tag], at: Timestamp, report: &mut Report) -> Result<(), Failure> {
        for some in all.chunks(ARTICLES) {
            let done = self.write(|conn, by, _| {
                let mut done = Vec::new();
                for one in some {
                    let write = TagWrite {
                        slug: Some(one.slug.clone()),
                        name: Some(one.name.clone()),
                        description: one.description.clone(),
                        internal: Some(one.internal),
                    };
                    let (id, source) = (one.id.to_string(), one.source_id.as_deref());
                    let own = self.identify(conn, Numbered::Tag, GhostKind::Tag, &id, source)?;
                    done.push((tags::put(conn, by, one.id, write.check_change(&one.slug)?, at)?.0, own));
                }
                Ok(done)
            })?;
            for (one, (fate, own)) in some.iter().zip(done.into_iter().flatten()) {
                count(fate, report.count("tag"));
                say_number(own, "tag", one.source_id.as_deref(), report);
            }
        }
        Ok(())
    }

    /// Writes bylines.
    pub fn bylines(&mut self, all: &[Byline], at: Timestamp, report: &mut Report) -> Result<(), Failure> {
        for some in all.chunks(ARTICLES) {
            let done = self.write(|conn, by, _| {
                let mut done = Vec::new();
                for one in some {
                    let Some(id) = one.id else { continue };
                    let avatar =
                        one.avatar_url.as_deref().map(|url| self.files.find(url).unwrap_or_else(|| url.to_owned()));
                    let write = BylineWrite {
                        slug: Some(one.slug.clone()),
                        name: Some(one.name.clone()),
                        bio: one.bio.clone(),
                        avatar_url: avatar.filter(|url| domain::text::WebUrl::parse(url).is_ok()),
                        website: one.website.clone(),
                    };
                    let source = one.source_id.as_deref();
                    let own = self.identify(conn, Numbered::Byline, GhostKind::Byline, &id.to_string(), source)?;
                    done.push((bylines::put(conn, by, id, write.check_change(&one.slug)?, at)?.0, own, source));
                }
                Ok(done)
            })?;
            for (fate, own, source) in done.into_iter().flatten() {
                count(fate, report.count("byline"));
                say_number(own, "byline", source, report);
            }
        }
        Ok(())
    }

    fn identify(
        &self,
        conn: &mut Conn,
        numbered: Numbered,
        kind: GhostKind,
        id: &str,
        source: Option<&str>,
    ) -> domain::Result<bool> {
        match self.from {
            From::WordPress => number(conn, numbered, id, source),
            From::Ghost => {
                let Some(wanted) = source else { return Ok(true) };
                Ok(ghost_ids::reserve(conn, kind, id, wanted)? == wanted)
            }
        }
    }

    /// Writes a file.
    pub fn media(&mut self, file: &Media, paths: &[String], source: &str, report: &mut Report) -> Result<(), Failure> {
        let done = self.write(|conn, _, now| {
            let wanted = Some(source).filter(|_| self.from == From::WordPress);
            let own = number(conn, Numbered::Media, &file.id.to_string(), wanted)?;
            Ok((media::keep(conn, file, paths, now)?, own))
        })?;
        let Some((kept, own)) = done else { return Ok(()) };
        count(kept, report.count("media"));
        say_number(own, "media", Some(source), report);
        Ok(())
    }

    /// Takes an article or page; what was taken is written some at a time. Answers whether it can be written.
    pub fn take(&mut self, entry: Entry, report: &mut Report) -> Result<bool, Failure> {
        let (kind, source_id) = (entry.kind, entry.source_id.clone());
        let ready = match self.ready(entry) {
            Ok(ready) => ready,
            Err(error) => {
                report.count(kind.as_str()).skipped += 1;
                let detail = Failure::from(error).to_string();
                report.say(kind.as_str(), &source_id, Fate::Skipped, "not_valid", detail);
                return Ok(false);
            }
        };
        if self.store.is_none() {
            return Ok(true);
        }
        if kind == Kind::Page {
            self.waiting_pages.push(ready);
            return Ok(true);
        }
        self.articles.push(ready);
        let bytes: usize = self.articles.iter().map(|ready| ready.imported.content.body.len()).sum();
        if self.articles.len() >= ARTICLES || bytes >= BYTES {
            self.flush(report)?;
        }
        Ok(true)
    }

    fn ready(&self, entry: Entry) -> domain::Result<Ready> {
        let slug = entry.slug.clone().unwrap_or_else(|| Slug::from_title(&entry.title).to_string());
        let cover = entry.cover.as_ref().map(|cover| CoverImageWrite {
            url: Some(self.files.find(&cover.url).unwrap_or_else(|| cover.url.clone())),
            alt: Some(cover.alt.clone()),
        });
        let fits =
            |cover: &CoverImageWrite| cover.url.as_deref().is_some_and(|url| domain::text::WebUrl::parse(url).is_ok());
        let write = ArticleWrite {
            kind: Some(entry.kind),
            parent_id: entry.parent,
            title: Some(entry.title),
            slug: Some(slug.clone()),
            excerpt: entry.excerpt,
            body: Some(self.files.relink(&entry.html)),
            body_format: Some(BodyFormat::Html),
            visibility: Some(match entry.readers {
                Readers::Everyone => Visibility::Public,
                Readers::Members => Visibility::Members,
                Readers::Payers => Visibility::Paid,
            }),
            featured: Some(entry.featured),
            cover_image: cover.filter(fits),
            seo: Some(entry.seo),
            byline_ids: Some(entry.bylines),
            category_ids: Some(entry.categories),
            tag_ids: Some(entry.tags),
            custom: Some(entry.custom),
            comments: Some(Comments::from_open(entry.comments_open)),
            ..ArticleWrite::default()
        };
        let mut content = write.check_change(&slug)?.content;
        content.slug.clone_from(&slug);
        let (state, published_at, publish_at) = match entry.standing {
            Standing::Published(at) => (State::Published, Some(at), None),
            Standing::Scheduled(at) => (State::Scheduled, None, Some(at)),
            Standing::Draft => (State::Draft, None, None),
        };
        let group: GroupId = self.ids.make("group", &entry.source_id, entry.created_at)?;
        let imported = articles::Imported {
            id: entry.id,
            kind: entry.kind,
            group,
            locale: self.settings.locale.clone(),
            state,
            content,
            comments_open: entry.comments_open,
            created_at: entry.created_at,
            updated_at: entry.updated_at,
            published_at,
            publish_at,
            old_slugs: entry.old_slugs.iter().filter_map(|old| Slug::parse_imported(old).ok()).collect(),
            number: (self.from == From::WordPress).then(|| entry.source_id.parse().ok()).flatten(),
            ghost_id: (self.from == From::Ghost).then(|| entry.source_id.clone()),
        };
        Ok(Ready { imported, source_id: entry.source_id, path: entry.path, wanted: slug })
    }

    /// Takes comments of an article that was taken.
    pub fn comment(&mut self, all: Vec<Comment>, report: &mut Report) -> Result<(), Failure> {
        let Some(article) = all.first().map(|one| one.article) else { return Ok(()) };
        let mut thread = self.thread.take().filter(|(of, _)| *of == article).unwrap_or((article, HashMap::new()));
        thread.1.extend(all.iter().map(|one| (one.source_id.clone(), one.id)));
        for one in all {
            let parent = one.parent.as_ref().and_then(|source| thread.1.get(source).copied());
            if one.parent.is_some() && parent.is_none() {
                let detail = "What it answers is not under the same article; it stands by itself.";
                report.say("comment", &one.source_id, Fate::Changed, "parent_missing", detail);
            }
            let (html, text) = match clean_comment(&one.html) {
                Ok((html, text)) if !text.trim().is_empty() => (html, text),
                Ok(_) => {
                    report.count("comment").skipped += 1;
                    report.say("comment", &one.source_id, Fate::Skipped, "empty", "It says nothing that can be seen.");
                    continue;
                }
                Err((code, detail)) => {
                    report.count("comment").skipped += 1;
                    report.say("comment", &one.source_id, Fate::Skipped, code, detail);
                    continue;
                }
            };
            let event = self.ids.make("comment-event", &one.source_id, one.created_at).map_err(domain::Error::from)?;
            self.comments.push(imports::Imported {
                id: one.id,
                event,
                article: one.article,
                parent,
                name: one.name,
                email: one.email,
                url: one.url,
                source: text.clone(),
                html,
                text,
                state: one.state,
                created_at: one.created_at,
                number: (self.from == From::WordPress).then(|| one.source_id.parse().ok()).flatten(),
            });
        }
        self.thread = Some(thread);
        if self.comments.len() >= COMMENTS {
            self.flush(report)?;
        }
        Ok(())
    }

    /// Writes what was taken and waits.
    fn flush(&mut self, report: &mut Report) -> Result<(), Failure> {
        let ready = std::mem::take(&mut self.articles);
        self.put(ready, report)?;
        let comments = std::mem::take(&mut self.comments);
        // Those of pages wait for them.
        let waiting: HashSet<ArticleId> = self.waiting_pages.iter().map(|page| page.imported.id).collect();
        let (later, comments): (Vec<_>, Vec<_>) = comments.into_iter().partition(|one| waiting.contains(&one.article));
        self.comments = later;
        self.put_comments(&comments, report)
    }

    fn put_comments(&self, comments: &[imports::Imported], report: &mut Report) -> Result<(), Failure> {
        let Some(store) = self.store else { return Ok(()) };
        // Threads stay together, since they are given whole.
        let done = self.write(|conn, by, now| imports::comments(conn, &store.secrets, by, comments, now))?;
        let Some(done) = done else { return Ok(()) };
        let counts = report.count("comment");
        counts.created += done.created;
        counts.unchanged += done.unchanged;
        let sources: HashMap<CommentId, i64> = comments.iter().filter_map(|one| Some((one.id, one.number?))).collect();
        let source = |id: &CommentId| sources.get(id).map(ToString::to_string).unwrap_or_default();
        for id in &done.detached {
            report.say("comment", &source(id), Fate::Changed, "detached", "It stands by itself.");
        }
        for id in &done.renumbered {
            say_number(false, "comment", Some(&source(id)), report);
        }
        Ok(())
    }

    fn put(&mut self, ready: Vec<Ready>, report: &mut Report) -> Result<(), Failure> {
        if ready.is_empty() {
            return Ok(());
        }
        let ids: Vec<ArticleId> = ready.iter().map(|one| one.imported.id).collect();
        let places: Vec<_> =
            ready.iter().map(|one| (one.imported.kind, one.source_id.clone(), one.wanted.clone())).collect();
        let seen: Vec<_> = ready
            .iter()
            .map(|one| {
                (
                    one.path.clone(),
                    one.imported.content.category_ids.first().copied(),
                    one.imported.published_at,
                    one.imported.content.parent_id,
                )
            })
            .collect();
        let done = self.write(|conn, by, now| {
            let changed = imports::changed_here(conn, by, &ids)?;
            let all = ready.into_iter().map(|one| one.imported).filter(|one| !changed.contains(&one.id)).collect();
            let mut done = articles::put(conn, by, all, now)?.into_iter();
            Ok(ids.iter().map(|id| if changed.contains(id) { None } else { done.next() }).collect::<Vec<_>>())
        })?;
        for (((id, (kind, source, wanted)), (path, category, published_at, parent)), done) in
            ids.into_iter().zip(places).zip(seen).zip(done.into_iter().flatten())
        {
            let name = kind.as_str();
            let Some(articles::Put { fate, slug, as_elsewhere }) = done else {
                report.count(name).skipped += 1;
                report.say(
                    name,
                    &source,
                    Fate::Skipped,
                    "changed_here",
                    "Someone has changed it here; it stays as it is.",
                );
                continue;
            };
            count(fate, report.count(name));
            if slug != wanted {
                let detail = format!("Something else has the slug `{wanted}`; it is `{slug}`.");
                report.say(name, &source, Fate::Changed, "slug_changed", detail);
            }
            say_number(as_elsewhere, name, Some(&source), report);
            let page_path = (kind == Kind::Page).then(|| match parent.and_then(|parent| self.pages.get(&parent)) {
                Some(above) => format!("{above}/{slug}"),
                None => slug.clone(),
            });
            if let (Some(path), Some(published_at)) = (path, published_at) {
                let category = category.and_then(|id| self.category_paths.get(&id));
                let place = ArticlePlace {
                    slug: &slug,
                    id,
                    locale: &self.settings.locale,
                    category_path: category.map(String::as_str),
                    published_at,
                    page_path: page_path.as_deref(),
                };
                self.lead(&path, &article_path(&self.settings, &place), published_at);
            }
            if let Some(path) = page_path {
                self.pages.insert(id, path);
            }
        }
        Ok(())
    }

    /// Leads from an old path, if it is another one than the new. A number after `?p=` leads by itself.
    fn lead(&mut self, from: &str, to: &str, since: Timestamp) {
        self.own_paths.extend(plain_path(&self.settings, to));
        if !from.contains('?') && !from.trim_matches('/').is_empty() && !same_path(&self.settings, from, to) {
            let (from, to) = (Some(from.to_owned()), Some(to.to_owned()));
            let rule = RedirectWrite { from, to, pattern: None, note: Some("Brought along.".into()) };
            self.redirects.push((rule, since));
        }
    }

    /// Adds rules for paths that have moved, made at this time: a little one after another, since patterns are tried in
    /// the order in which they were made.
    pub fn redirect(&mut self, rules: Vec<RedirectWrite>, made_at: Timestamp) {
        let later = |place: i64| Timestamp::from_micros(made_at.micros() + place * 1_000);
        self.redirects.extend(rules.into_iter().zip((0..).map(later)));
    }

    /// Writes all that waits: pages, each after the one above it, then comments, then redirects; and ends the import.
    pub fn finish(&mut self, report: &mut Report) -> Result<(), Failure> {
        while !self.waiting_pages.is_empty() {
            let waiting = std::mem::take(&mut self.waiting_pages);
            let coming: HashSet<ArticleId> = waiting.iter().map(|page| page.imported.id).collect();
            let (later, mut ready): (Vec<_>, Vec<_>) = waiting
                .into_iter()
                .partition(|page| page.imported.content.parent_id.is_some_and(|parent| coming.contains(&parent)));
            self.waiting_pages = later;
            if ready.is_empty() {
                // A circle has no beginning: it is cut open.
                let mut first = self.waiting_pages.remove(0);
                first.imported.content.parent_id = None;
                let detail = "It stands under itself; it was put at the top.";
                report.say("page", &first.source_id, Fate::Changed, "page_cycle", detail);
                ready.push(first);
            }
            for page in &mut ready {
                let lost = page.imported.content.parent_id.is_some_and(|parent| !self.pages.contains_key(&parent));
                if lost && self.store.is_some() {
                    page.imported.content.parent_id = None;
                    report.say(
                        "page",
                        &page.source_id,
                        Fate::Changed,
                        "parent_missing",
                        "The page above it did not come.",
                    );
                }
            }
            let mut ready = ready.into_iter().peekable();
            while ready.peek().is_some() {
                let some: Vec<Ready> = ready.by_ref().take(ARTICLES).collect();
                self.put(some, report)?;
            }
        }
        self.flush(report)?;
        self.write_redirects(report)?;
        self.write(|conn, _, _| imports::end(conn))?;
        Ok(())
    }

    fn write_redirects(&mut self, report: &mut Report) -> Result<(), Failure> {
        let mut rules: Vec<redirects::Brought> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for (rule, made_at) in std::mem::take(&mut self.redirects) {
            let from = rule.from.clone().unwrap_or_default();
            report.count("redirect").read += 1;
            let mut skip = |code: &str, detail: String| {
                report.count("redirect").skipped += 1;
                report.say("redirect", &from, Fate::Skipped, code, detail);
            };
            if plain_path(&self.settings, &from).is_some_and(|from| self.own_paths.contains(&from)) {
                skip("address_taken", "Something else that came has this address now.".into());
                continue;
            }
            let draft = match rule.check(&self.settings) {
                Ok(draft) => draft,
                Err(error) => {
                    skip("not_valid", Failure::from(error).to_string());
                    continue;
                }
            };
            let id = self.ids.make("redirect", &draft.from, made_at).map_err(domain::Error::from)?;
            let rule = redirects::Brought { id, made_at, draft };
            // Written one after the other, each run would change the rule there and back.
            match places.entry(rule.draft.from.clone()) {
                hash_map::Entry::Occupied(place) => {
                    skip("said_again", "A later rule is about the same path.".into());
                    rules[*place.get()] = rule;
                }
                hash_map::Entry::Vacant(place) => {
                    place.insert(rules.len());
                    rules.push(rule);
                }
            }
        }
        for some in rules.chunks(COMMENTS) {
            let done = self.write(|conn, by, now| redirects::import(conn, by, some, now))?;
            let Some(done) = done else { continue };
            let counts = report.count("redirect");
            counts.created += done.created;
            counts.updated += done.updated;
            counts.unchanged += done.unchanged;
            for (place, error) in done.refused {
                report.count("redirect").skipped += 1;
                let from = some.get(place).map(|rule| rule.draft.from.clone()).unwrap_or_default();
                report.say("redirect", &from, Fate::Skipped, "not_valid", Failure::from(error).to_string());
            }
        }
        Ok(())
    }
}

/// Gives a thing the number it had in WordPress; whether nothing else has it.
fn number(conn: &mut Conn, numbered: Numbered, id: &str, source: Option<&str>) -> domain::Result<bool> {
    let Some(wanted) = source.and_then(|source| source.parse::<i64>().ok()) else { return Ok(true) };
    Ok(wordpress_ids::reserve(conn, numbered, id, wanted)? == wanted)
}

/// Says that a thing has another number here than where it comes from, unless it is its own.
fn say_number(own: bool, kind: &str, source: Option<&str>, report: &mut Report) {
    if !own {
        let detail = "Something else here has its number.";
        report.say(kind, source.unwrap_or_default(), Fate::Changed, "renumbered", detail);
    }
}
