//! Articles as they were elsewhere: with identities, slugs and times of their own. What comes again changes what came
//! before, or nothing.

use diesel::prelude::*;
use domain::articles::{Article, Audience, Content, Kind, State};
use domain::ids::{ArticleId, GroupId};
use domain::text::Slug;
use domain::{Actor, Error, Result, Timestamp};

use super::rows::{self, Stored};
use super::{log, slugs};
use crate::db::on;
use crate::fate::Fate;
use crate::fragments::one_of;
use crate::published::Showing;
use crate::schema::{article_slugs, articles, published_slugs};
use crate::wordpress_ids::{self, Numbered};
use crate::{Conn, bulk, categories, ghost_ids, pages, published};

/// An article as it was elsewhere. What its content refers to must be there.
#[derive(Debug)]
pub struct Imported {
    /// Its identity.
    pub id: ArticleId,
    /// What sort of thing it is.
    pub kind: Kind,
    /// What it is a translation of, or is translated as.
    pub group: GroupId,
    /// Its language, one of the site's.
    pub locale: String,
    /// Where it stands. Scheduled: `publish_at` says until when; unpublished is a draft.
    pub state: State,
    /// Its content. The slug is the one it had; it gets another one if something else has that.
    pub content: Content,
    /// Whether readers may leave comments.
    pub comments_open: bool,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was first published; of what is published, it must not be to come.
    pub published_at: Option<Timestamp>,
    /// When it becomes public, if it is scheduled.
    pub publish_at: Option<Timestamp>,
    /// Slugs that led to it before, once it was public.
    pub old_slugs: Vec<Slug>,
    /// Its number in WordPress.
    pub number: Option<i64>,
    /// Its identity in Ghost.
    pub ghost_id: Option<String>,
}

/// What became of an article that was put.
#[derive(Debug)]
pub struct Put {
    /// Whether it is new.
    pub fate: Fate,
    /// The slug that it has.
    pub slug: String,
    /// Whether it has the number, or the identity, that it had elsewhere: something else may have that.
    pub as_elsewhere: bool,
}

/// Puts articles as they were elsewhere, each once; none of them is ever in the newsletter. If there are only new ones, and no page,
/// whose place depends on others, they are written together.
pub fn put(conn: &mut Conn, by: &Actor, all: Vec<Imported>, now: Timestamp) -> Result<Vec<Put>> {
    let ids = all.iter().map(|one| one.id.to_string()).collect();
    let known: i64 = articles::table.filter(one_of(articles::id, ids)).count().get_result(conn)?;
    if known > 0 || all.iter().any(|one| one.kind == Kind::Page) {
        return all.into_iter().map(|one| put_one(conn, by, one, now)).collect();
    }
    put_new(conn, by, all, now)
}

fn put_new(conn: &mut Conn, by: &Actor, mut all: Vec<Imported>, now: Timestamp) -> Result<Vec<Put>> {
    let mut begun: Vec<Article> = all.iter().map(|one| begun(by, one)).collect();
    let wanted: Vec<Slug> = all.iter().map(slug).collect::<Result<_>>()?;
    let slugs = slugs::claim_all(conn, &begun.iter().zip(&wanted).collect::<Vec<_>>())?;
    let (mut rows, mut revisions, mut audiences) = (Vec::new(), Vec::new(), Vec::new());
    for ((one, article), slug) in all.iter_mut().zip(&mut begun).zip(&slugs) {
        one.content.slug.clone_from(slug);
        audiences.push(stage(article, one.state, one.published_at, one.publish_at)?);
        let first_public_at = article.published_at.filter(|at| *at <= now);
        rows.push(rows::row(article, &one.content, false, one.created_at, first_public_at));
        revisions.push(rows::revision_row(article, &one.content, by, one.updated_at)?);
    }
    bulk::insert(conn, "articles", &rows, "")?;
    bulk::insert(conn, "revisions", &revisions, "")?;
    let numbers = all.iter().map(|one| (one.id.to_string(), one.number)).collect::<Vec<_>>();
    let numbers = wordpress_ids::reserve_all(conn, Numbered::Article, &numbers)?;
    let ghost_ids = all.iter().map(|one| (one.id.to_string(), one.ghost_id.clone())).collect::<Vec<_>>();
    let ghost_ids = ghost_ids::reserve_all(conn, ghost_ids::Kind::Article, &ghost_ids)?;
    // From now on no category moves.
    categories::hold_tree(conn)?;
    let showing = begun.iter().zip(&all).zip(&audiences).filter_map(|((article, one), audience)| {
        let (from, at) = match (audience, article.published_at) {
            (Audience::SeesNewest, Some(from)) => (from.min(now), one.updated_at.min(now)),
            (Audience::WillSeeNewest(from), _) => (*from, *from),
            _ => return None,
        };
        Some(Showing { article, content: &one.content, from, at })
    });
    let showing: Vec<Showing<'_>> = showing.collect();
    published::put(conn, &showing)?;
    let shown = showing.iter().map(|one| one.article.id.to_string()).collect();
    let standings = published::standings(conn, shown, now)?;
    log::record_new(conn, &standings, now)?;
    let mut done = Vec::with_capacity(all.len());
    for (one, slug) in all.iter().zip(slugs) {
        remember_slugs(conn, one, &slug)?;
        let id = one.id.to_string();
        let as_elsewhere = one.number.is_none_or(|wanted| numbers.get(&id) == Some(&wanted))
            && one.ghost_id.as_ref().is_none_or(|wanted| ghost_ids.get(&id) == Some(wanted));
        done.push(Put { fate: Fate::Created, slug, as_elsewhere });
    }
    Ok(done)
}

fn slug(imported: &Imported) -> Result<Slug> {
    Slug::parse_imported(&imported.content.slug).map_err(|(_, detail)| Error::Internal(detail))
}

fn put_one(conn: &mut Conn, by: &Actor, mut imported: Imported, now: Timestamp) -> Result<Put> {
    let id = imported.id.to_string();
    let own_number = match imported.number {
        Some(wanted) => wordpress_ids::reserve(conn, Numbered::Article, &id, wanted)? == wanted,
        None => true,
    };
    let own_ghost_id = match &imported.ghost_id {
        Some(wanted) => ghost_ids::reserve(conn, ghost_ids::Kind::Article, &id, wanted)? == *wanted,
        None => true,
    };
    let (fate, slug) = bring(conn, by, &mut imported, now)?;
    remember_slugs(conn, &imported, &slug)?;
    Ok(Put { fate, slug, as_elsewhere: own_number && own_ghost_id })
}

fn bring(conn: &mut Conn, by: &Actor, imported: &mut Imported, now: Timestamp) -> Result<(Fate, String)> {
    if imported.kind == Kind::Page {
        pages::hold(conn)?;
    }
    let stored = match rows::load(conn, imported.id) {
        Ok(Stored { article, .. }) => Some(article),
        Err(Error::NotFound(_)) => None,
        Err(error) => return Err(error),
    };
    let known = stored.is_some();
    let mut article = stored.unwrap_or_else(|| begun(by, imported));
    let before = article.clone();
    let slug = slugs::claim_like(conn, &article, &slug(imported)?)?;
    imported.content.slug.clone_from(&slug);
    let content = &imported.content;
    if let Some(parent) = content.parent_id {
        pages::check_parent(conn, &article, parent)?;
    }
    if known {
        let old = rows::content(conn, article.id, article.revision)?;
        let edited = old != *content;
        article.revision += u64::from(edited);
        article.comments_open = imported.comments_open;
        if edited {
            slugs::release_unused(conn, &article, &slug)?;
            rows::insert_revision(conn, &article, content, by, imported.updated_at)?;
        }
    } else {
        rows::insert(conn, &article, content, false, imported.created_at)?;
        rows::insert_revision(conn, &article, content, by, imported.updated_at)?;
    }
    let audience = stage(&mut article, imported.state, imported.published_at, imported.publish_at)?;
    if known && article == before {
        return Ok((Fate::Unchanged, slug));
    }
    article.updated_at = imported.updated_at;
    article.updated_by.clone_from(&by.name);
    let seen = article.version;
    article.version += u64::from(known);
    if !rows::save(conn, &article, seen, Some(content), article.published_at.filter(|at| *at <= now))? {
        return Err(rows::overtaken(conn, article.id));
    }
    show(conn, &article, content, audience, imported.updated_at.min(now), now)?;
    Ok((if known { Fate::Updated } else { Fate::Created }, slug))
}

fn begun(by: &Actor, imported: &Imported) -> Article {
    Article {
        id: imported.id,
        kind: imported.kind,
        group: imported.group,
        locale: imported.locale.clone(),
        state: State::Draft,
        version: 1,
        revision: 1,
        published_revision: None,
        scheduled_revision: None,
        publish_at: None,
        published_at: None,
        comments_open: imported.comments_open,
        owner: by.user,
        updated_at: imported.updated_at,
        updated_by: by.name.clone(),
    }
}

/// Leads an article to the state that it had.
fn stage(
    article: &mut Article,
    state: State,
    published_at: Option<Timestamp>,
    publish_at: Option<Timestamp>,
) -> Result<Audience> {
    let was_public = article.is_public();
    (article.published_revision, article.scheduled_revision, article.publish_at) = (None, None, None);
    article.state = state;
    match state {
        State::Published => {
            let at = published_at.ok_or_else(|| Error::Internal("a published article has no time".into()))?;
            article.published_at = Some(at);
            article.published_revision = Some(article.revision);
            Ok(Audience::SeesNewest)
        }
        State::Scheduled => {
            let at = publish_at.ok_or_else(|| Error::Internal("a scheduled article has no time".into()))?;
            article.scheduled_revision = Some(article.revision);
            article.publish_at = Some(at);
            Ok(Audience::WillSeeNewest(at))
        }
        State::Draft | State::Unpublished | State::Trashed if was_public => Ok(Audience::SeesNothing),
        State::Draft | State::Unpublished | State::Trashed => Ok(Audience::AsBefore),
    }
}

/// Makes the read model show it since its first publication, and tells of it.
fn show(
    conn: &mut Conn,
    article: &Article,
    content: &Content,
    audience: Audience,
    updated_at: Timestamp,
    now: Timestamp,
) -> Result<()> {
    let id = article.id.to_string();
    let before = published::standing(conn, &id, now)?;
    published::sweep(conn, &id, now)?;
    match (audience, article.published_at) {
        (Audience::SeesNewest, Some(from)) => published::show_since(conn, article, content, from.min(now), updated_at)?,
        _ => published::show(conn, article, content, audience, now)?,
    }
    let after = published::standing(conn, &id, now)?;
    log::record(conn, &id, before.as_ref(), after.as_ref(), now)
}

/// Remembers under which slugs an article was public once, of those that nothing else has.
fn remember_slugs(conn: &mut Conn, imported: &Imported, slug: &str) -> Result<()> {
    let Some(since) = imported.published_at else { return Ok(()) };
    let (id, locale) = (imported.id.to_string(), &imported.locale);
    for old in imported.old_slugs.iter().filter(|old| old.as_str() != slug) {
        on!(conn, |c| diesel::insert_into(article_slugs::table)
            .values((
                article_slugs::locale.eq(locale),
                article_slugs::slug.eq(old.as_str()),
                article_slugs::article_id.eq(&id),
                article_slugs::was_public.eq(true),
            ))
            .on_conflict_do_nothing()
            .execute(c))?;
        let holder = article_slugs::table.find((locale, old.as_str())).select(article_slugs::article_id);
        if holder.first::<String>(conn)? != id {
            continue;
        }
        on!(conn, |c| diesel::insert_into(published_slugs::table)
            .values((
                published_slugs::locale.eq(locale),
                published_slugs::slug.eq(old.as_str()),
                published_slugs::article_id.eq(&id),
                published_slugs::since.eq(since.micros()),
                published_slugs::gone.eq(false),
            ))
            .on_conflict_do_nothing()
            .execute(c))?;
    }
    Ok(())
}
