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
use crate::schema::{article_slugs, published_slugs};
use crate::{Conn, pages, published};

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
}

/// Puts an article as it was elsewhere, and answers what became of it and the slug that it has. It never is in the
/// newsletter.
pub fn put(conn: &mut Conn, by: &Actor, imported: Imported, now: Timestamp) -> Result<(Fate, String)> {
    if imported.kind == Kind::Page {
        pages::hold(conn)?;
    }
    let stored = match rows::load(conn, imported.id) {
        Ok(Stored { article, .. }) => Some(article),
        Err(Error::NotFound(_)) => None,
        Err(error) => return Err(error),
    };
    let known = stored.is_some();
    let mut article = stored.unwrap_or_else(|| begun(by, &imported));
    let before = article.clone();
    let wanted = Slug::parse_imported(&imported.content.slug).map_err(|(_, detail)| Error::Internal(detail))?;
    let slug = slugs::claim_like(conn, &article, &wanted)?;
    let content = Content { slug: slug.clone(), ..imported.content };
    if let Some(parent) = content.parent_id {
        pages::check_parent(conn, &article, parent)?;
    }
    if known {
        let old = rows::content(conn, article.id, article.revision)?;
        let edited = old != content;
        article.revision += u64::from(edited);
        article.comments_open = imported.comments_open;
        if edited {
            slugs::release_unused(conn, &article, &slug)?;
            rows::insert_revision(conn, &article, &content, by, imported.updated_at)?;
        }
    } else {
        rows::insert(conn, &article, &content, false, imported.created_at)?;
        rows::insert_revision(conn, &article, &content, by, imported.updated_at)?;
    }
    let audience = stage(&mut article, imported.state, imported.published_at, imported.publish_at)?;
    if known && article == before {
        return Ok((Fate::Unchanged, slug));
    }
    article.updated_at = imported.updated_at;
    article.updated_by.clone_from(&by.name);
    let seen = article.version;
    article.version += u64::from(known);
    if !rows::save(conn, &article, seen, Some(&content), article.published_at.filter(|at| *at <= now))? {
        return Err(rows::overtaken(conn, article.id));
    }
    show(conn, &article, &content, audience, imported.updated_at.min(now), now)?;
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

/// Remembers that an article was public under this slug once, if nothing else has it; whether it could.
pub fn remember_slug(conn: &mut Conn, id: ArticleId, locale: &str, slug: &Slug, since: Timestamp) -> Result<bool> {
    let id = id.to_string();
    on!(conn, |c| diesel::insert_into(article_slugs::table)
        .values((
            article_slugs::locale.eq(locale),
            article_slugs::slug.eq(slug.as_str()),
            article_slugs::article_id.eq(&id),
            article_slugs::was_public.eq(true),
        ))
        .on_conflict_do_nothing()
        .execute(c))?;
    let holder = article_slugs::table.find((locale, slug.as_str())).select(article_slugs::article_id);
    if holder.first::<String>(conn)? != id {
        return Ok(false);
    }
    on!(conn, |c| diesel::insert_into(published_slugs::table)
        .values((
            published_slugs::locale.eq(locale),
            published_slugs::slug.eq(slug.as_str()),
            published_slugs::article_id.eq(&id),
            published_slugs::since.eq(since.micros()),
            published_slugs::gone.eq(false),
        ))
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(true)
}
