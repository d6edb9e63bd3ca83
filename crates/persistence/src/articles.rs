//! Articles and their revisions: what editors do with them, each in one transaction.

mod documents;
mod imported;
mod log;
mod references;
mod rows;
mod slugs;

pub use documents::{Listed, Query, document, list, revision, revisions};
pub use imported::{Imported, Put, put};
pub use rows::Position;

use domain::articles::{Act, Article, ArticleWrite, Audience, Comments, Content, Draft, Kind, State};
use domain::ids::{ArticleId, GroupId};
use domain::permissions::Action;
use domain::{Actor, Error, Fault, Result, Seen, Timestamp};

use crate::db::turn;
use crate::{Conn, audit, pages, published, site};
use rows::Stored;

/// Creates a draft, and its first revision.
pub fn create(conn: &mut Conn, by: &Actor, draft: Draft, at: Timestamp) -> Result<ArticleId> {
    by.reach(Action::WriteArticles)?;
    let settings = site::current(conn)?.settings;
    let locale = references::locale(&settings, draft.locale.as_ref())?;
    references::check(conn, &draft.content)?;
    let kind = draft.kind.unwrap_or(Kind::Article);
    let group = references::group(conn, by, (None, kind), draft.translation_of, at)?;
    let article = Article {
        id: ArticleId::new(),
        kind,
        group: group.unwrap_or_else(GroupId::new),
        locale,
        state: State::Draft,
        version: 1,
        revision: 1,
        published_revision: None,
        scheduled_revision: None,
        publish_at: None,
        published_at: None,
        comments_open: draft.comments.map_or(settings.comments, |comments| comments == Comments::Open),
        owner: by.user,
        updated_at: at,
        updated_by: by.name.clone(),
    };
    let mut content = draft.content;
    if let Some(parent) = content.parent_id {
        pages::check_parent(conn, &article, parent)?;
    }
    content.slug = slugs::claim(conn, &article, draft.slug.as_ref(), &content.title)?;
    rows::insert(conn, &article, &content, article.kind == Kind::Article, at)?;
    rows::insert_revision(conn, &article, &content, by, at)?;
    Ok(article.id)
}

/// Changes an article to what `edit` makes of what an editor would have to say to get it as it is.
///
/// What the public sees stays, until it is published again; but comments open or close at once.
pub fn update(
    conn: &mut Conn,
    by: &Actor,
    id: ArticleId,
    seen: &Seen,
    edit: impl FnOnce(&ArticleWrite) -> Result<Draft>,
    at: Timestamp,
) -> Result<()> {
    let editing = Editing::begin(conn, by, (Act::Edit, seen), id, at)?;
    let before = rows::content(conn, id, editing.article.revision)?;
    let write = ArticleWrite {
        kind: Some(editing.article.kind),
        locale: Some(editing.article.locale.clone()),
        translation_of: references::sibling(conn, &editing.article)?,
        comments: Some(Comments::from_open(editing.article.comments_open)),
        ..ArticleWrite::from(&before)
    };
    let draft = edit(&write)?;
    editing.revise(conn, by, &before, draft, at)
}

/// Makes an old revision the newest one again.
pub fn restore_revision(
    conn: &mut Conn,
    by: &Actor,
    id: ArticleId,
    number: u64,
    seen: &Seen,
    at: Timestamp,
) -> Result<()> {
    by.reach(Action::WriteArticles)?;
    rows::load(conn, id)?.article.at(at).see(by)?;
    let old = rows::content(conn, id, number)?;
    let restore = |now: &ArticleWrite| {
        let was = ArticleWrite::from(&old);
        let slug = old.slug.as_str();
        ArticleWrite {
            kind: now.kind,
            locale: now.locale.clone(),
            translation_of: now.translation_of,
            comments: now.comments,
            ..was
        }
        .check_change(slug)
    };
    update(conn, by, id, seen, restore, at)
}

/// Shows the newest revision to the public.
pub fn publish(conn: &mut Conn, by: &Actor, id: ArticleId, seen: &Seen, at: Timestamp) -> Result<()> {
    act(conn, by, id, (Act::Publish, seen), at, |article| Ok(article.publish(at)))
}

/// Shows the newest revision to the public from `publish_at` on; a live one stays until then.
pub fn schedule(
    conn: &mut Conn,
    by: &Actor,
    id: ArticleId,
    seen: &Seen,
    publish_at: Option<Timestamp>,
    at: Timestamp,
) -> Result<()> {
    act(conn, by, id, (Act::Schedule, seen), at, |article| article.schedule(publish_at, at))
}

/// Takes the set time back.
pub fn unschedule(conn: &mut Conn, by: &Actor, id: ArticleId, seen: &Seen, at: Timestamp) -> Result<()> {
    act(conn, by, id, (Act::Unschedule, seen), at, |article| Ok(article.unschedule()))
}

/// Takes an article from the public (404).
pub fn unpublish(conn: &mut Conn, by: &Actor, id: ArticleId, seen: &Seen, at: Timestamp) -> Result<()> {
    act(conn, by, id, (Act::Unpublish, seen), at, |article| Ok(article.unpublish()))
}

/// Puts an article into the trash; if it was public, its addresses answer 410.
pub fn trash(conn: &mut Conn, by: &Actor, id: ArticleId, seen: &Seen, at: Timestamp) -> Result<()> {
    act(conn, by, id, (Act::Trash, seen), at, |article| Ok(article.trash()))
}

/// Takes an article out of the trash; it does not become public by that.
pub fn restore(conn: &mut Conn, by: &Actor, id: ArticleId, seen: &Seen, at: Timestamp) -> Result<()> {
    act(conn, by, id, (Act::Restore, seen), at, |article| Ok(article.restore()))
}

/// Removes an article from the trash for good. Slugs that were public stay taken and answer 410.
pub fn purge(conn: &mut Conn, by: &Actor, id: ArticleId, seen: &Seen, at: Timestamp) -> Result<()> {
    let editing = Editing::begin(conn, by, (Act::Purge, seen), id, at)?;
    if !rows::delete(conn, &editing.article)? {
        return Err(rows::overtaken(conn, id));
    }
    slugs::release(conn, id)?;
    audit::record(conn, by, "purged", "article", Some(id.to_string()), None, at)
}

/// Notes as published up to `limit` articles that fell due by their schedule, and returns how many there were.
///
/// Readers saw them at their time; this enters them in the log of changes, and tidies up after the revisions they
/// replaced.
pub fn settle_due(conn: &mut Conn, now: Timestamp, limit: i64) -> Result<usize> {
    // One node at a time: what two settle at once would be entered twice.
    turn(conn, "settle publications")?;
    pages::hold(conn)?;
    let due = rows::due(conn, now, limit)?;
    let mut settled = 0;
    for id in due {
        let editing = Editing::load(conn, id, now)?;
        if editing.fell_due {
            editing.settle(conn, now)?;
            settled += 1;
        }
    }
    Ok(settled)
}

/// One step of the workflow: load, let the domain decide, save, show, record.
fn act(
    conn: &mut Conn,
    by: &Actor,
    id: ArticleId,
    (act, seen): (Act, &Seen),
    at: Timestamp,
    decide: impl FnOnce(&mut Article) -> Result<Audience>,
) -> Result<()> {
    let mut editing = Editing::begin(conn, by, (act, seen), id, at)?;
    let audience = decide(&mut editing.article)?;
    let content = rows::content(conn, id, editing.article.revision)?;
    editing.save(conn, by, &content, audience, at)
}

/// An article that is being changed.
struct Editing {
    article: Article,
    /// It fell due by its schedule since it was last saved: that is entered in the log with the next save.
    fell_due: bool,
    first_public_at: Option<Timestamp>,
}

impl Editing {
    /// Loads an article for an act of `by`, and refuses it in the order that the API promises.
    fn begin(conn: &mut Conn, by: &Actor, (act, seen): (Act, &Seen), id: ArticleId, at: Timestamp) -> Result<Self> {
        by.reach(Action::ReadArticles)?;
        by.reach(act.right())?;
        let editing = Self::load(conn, id, at)?;
        editing.article.admit(by, act, seen)?;
        Ok(editing)
    }

    fn load(conn: &mut Conn, id: ArticleId, at: Timestamp) -> Result<Self> {
        let Stored { article, first_public_at } = rows::load(conn, id)?;
        if article.kind == Kind::Page {
            pages::hold(conn)?;
        }
        let was = article.state;
        let article = article.at(at);
        Ok(Self { fell_due: was != article.state, article, first_public_at })
    }

    /// Saves that the article fell due, without another change: its version stays.
    fn settle(self, conn: &mut Conn, at: Timestamp) -> Result<()> {
        let id = self.article.id.to_string();
        if rows::save(conn, &self.article, self.article.version, None, self.first_public(at))? {
            let before = published::replaced(conn, &id, at)?;
            published::sweep(conn, &id, at)?;
            let after = published::standing(conn, &id, at)?;
            log::record(conn, &id, before.as_ref(), after.as_ref(), at)?;
        }
        Ok(())
    }

    /// Saves new content as a revision; without any, only what is not part of it.
    fn revise(mut self, conn: &mut Conn, by: &Actor, before: &Content, draft: Draft, at: Timestamp) -> Result<()> {
        if draft.kind.is_some_and(|kind| kind != self.article.kind) {
            let detail = "What was begun as an article stays one, and so does a page.";
            return Err(Error::invalid(Fault::at("/kind", "fixed", detail)));
        }
        let settings = site::current(conn)?.settings;
        references::check(conn, &draft.content)?;
        let locale = references::locale(&settings, draft.locale.as_ref())?;
        let relocated = locale != self.article.locale;
        if relocated {
            if self.article.published_at.is_some() || self.article.is_public() {
                let detail = "The locale of an article that was public is fixed; make a translation.";
                return Err(Error::conflict("locale_fixed", detail));
            }
            slugs::release(conn, self.article.id)?;
            self.article.locale = locale;
        }
        // One that stood there before may be no more: that is said when it changes.
        let moves = draft.content.parent_id != before.parent_id || relocated;
        if let Some(parent) = draft.content.parent_id.filter(|_| moves) {
            pages::check_parent(conn, &self.article, parent)?;
        }
        if let Some(group) =
            references::group(conn, by, (Some(&self.article), self.article.kind), draft.translation_of, at)?
        {
            self.article.group = group;
        }
        let open = draft.comments.map_or(self.article.comments_open, |comments| comments == Comments::Open);
        let opened = open != self.article.comments_open;
        self.article.comments_open = open;
        let mut content = draft.content;
        content.slug = slugs::claim(conn, &self.article, draft.slug.as_ref(), &content.title)?;
        slugs::release_unused(conn, &self.article, &content.slug)?;
        if content != *before {
            self.article.revision += 1;
            rows::insert_revision(conn, &self.article, &content, by, at)?;
        }
        if opened {
            published::open_comments(conn, self.article.id, open)?;
            log::record_comments(conn, &self.article, at)?;
        }
        self.save(conn, by, &content, Audience::AsBefore, at)
    }

    fn save(mut self, conn: &mut Conn, by: &Actor, content: &Content, audience: Audience, at: Timestamp) -> Result<()> {
        let id = self.article.id.to_string();
        let seen = self.article.version;
        self.article.version += 1;
        self.article.updated_at = at;
        self.article.updated_by.clone_from(&by.name);
        if !rows::save(conn, &self.article, seen, Some(content), self.first_public(at))? {
            return Err(rows::overtaken(conn, self.article.id));
        }
        // Nobody heard yet of what came by its time: it is told now, with what replaces it.
        let before =
            if self.fell_due { published::replaced(conn, &id, at)? } else { published::standing(conn, &id, at)? };
        published::sweep(conn, &id, at)?;
        published::show(conn, &self.article, content, audience, at)?;
        let after = published::standing(conn, &id, at)?;
        if audience != Audience::AsBefore {
            audit::record(conn, by, self.article.state.as_str(), "article", Some(id.clone()), None, at)?;
        }
        match (&before, &after) {
            (None, None) if self.article.published_at.is_some() && audience != Audience::AsBefore => {
                log::record_fate(conn, &self.article, content, at)
            }
            (Some(before), Some(after)) if before.is_same_as(after) => Ok(()),
            _ => log::record(conn, &id, before.as_ref(), after.as_ref(), at),
        }
    }

    /// When the server first showed it to the public, if it has.
    fn first_public(&self, at: Timestamp) -> Option<Timestamp> {
        self.first_public_at.or(self.article.published_at.filter(|shown| *shown <= at))
    }
}
