//! What readers left elsewhere, brought along many at a time; and what must not be overwritten by what comes again.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use domain::comments::{AuthorRole, MAX_DEPTH, State};
use domain::ids::{ArticleId, CommentId, EventId};
use domain::secrets::{Purpose, Secrets, sha256};
use domain::text::Email;
use domain::{Actor, Result, Timestamp};
use serde_json::json;

use crate::bulk::{self, AT_ONCE};
use crate::changes::{self, Entry, Op, Resource};
use crate::schema::{articles, comments, published_comments};
use crate::wordpress_ids::Numbered;
use crate::{Conn, moderation, search, wordpress_ids};

/// A comment as it was elsewhere.
#[derive(Debug, Clone)]
pub struct Imported {
    /// Its identity.
    pub id: CommentId,
    /// The identity of the entry of its history.
    pub event: EventId,
    /// What it was left under; it must be there.
    pub article: ArticleId,
    /// The comment that it answers, under the same article.
    pub parent: Option<CommentId>,
    /// The name it is signed with.
    pub name: String,
    /// The address of who left it; an unfit one is left out.
    pub email: Option<String>,
    /// Their site.
    pub url: Option<String>,
    /// What was written.
    pub source: String,
    /// The same as safe HTML.
    pub html: String,
    /// The same as plain text.
    pub text: String,
    /// What became of it.
    pub state: State,
    /// When it was left.
    pub created_at: Timestamp,
    /// Its number in WordPress.
    pub number: Option<i64>,
}

/// What became of comments that were brought along.
#[derive(Debug, Default)]
pub struct Brought {
    /// They were not there before.
    pub created: u64,
    /// They were there already, and stay as moderators left them.
    pub unchanged: u64,
    /// They stand by themselves, since what they answer is not there.
    pub detached: Vec<CommentId>,
    /// Something else has their number in WordPress, so they got another one.
    pub renumbered: Vec<CommentId>,
}

/// Where a comment stands.
#[derive(Debug, Clone)]
struct Place {
    article: String,
    parent: Option<String>,
    root: String,
    depth: i32,
}

/// Prepares for much to come, until its [`end`].
pub fn begin(conn: &mut Conn) -> Result<()> {
    search::gather(conn, true)
}

/// Ends what [`begin`] began, here or in a process that is no more.
pub fn end(conn: &mut Conn) -> Result<()> {
    search::gather(conn, false)
}

/// Those of these articles that someone here has changed since they were brought along by `by`.
pub fn changed_here(conn: &mut Conn, by: &Actor, ids: &[ArticleId]) -> Result<HashSet<ArticleId>> {
    let mut changed = HashSet::new();
    for ids in ids.chunks(AT_ONCE) {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let found: Vec<String> = articles::table
            .filter(articles::id.eq_any(ids))
            .filter(articles::updated_by.ne(&by.name))
            .select(articles::id)
            .load(conn)?;
        for id in found {
            changed.insert(id.parse()?);
        }
    }
    Ok(changed)
}

/// Brings comments along: each once, whatever its state, in the thread that it stood in.
pub fn comments(conn: &mut Conn, secrets: &Secrets, by: &Actor, all: &[Imported], now: Timestamp) -> Result<Brought> {
    moderation::begin(conn)?;
    let mut brought = Brought::default();
    let mut places = known(conn, all)?;
    let mut waiting: Vec<&Imported> = all.iter().filter(|one| !places.contains_key(&one.id.to_string())).collect();
    brought.unchanged = (all.len() - waiting.len()) as u64;
    let mut ordered: Vec<&Imported> = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let coming: HashSet<CommentId> = waiting.iter().map(|one| one.id).collect();
        let (later, ready): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|one| one.parent.is_some_and(|parent| parent != one.id && coming.contains(&parent)));
        // A circle has no beginning: it is cut open where it was met first.
        let (later, ready, cut) =
            if ready.is_empty() { (later[1..].to_vec(), later[..1].to_vec(), true) } else { (later, ready, false) };
        for one in ready {
            let id = one.id.to_string();
            let above = one
                .parent
                .filter(|_| !cut)
                .and_then(|parent| places.get(&parent.to_string()).cloned().map(|place| (parent, place)));
            let above = above.filter(|(_, place)| place.article == one.article.to_string());
            if above.is_none() && one.parent.is_some() {
                brought.detached.push(one.id);
            }
            let (article, root) = (one.article.to_string(), id.clone());
            let place = match above {
                None => Place { article, parent: None, root, depth: 0 },
                Some((_, Place { parent: Some(parent), root, depth, .. })) if depth >= MAX_DEPTH => {
                    Place { article, parent: Some(parent), root, depth }
                }
                Some((parent, place)) => {
                    Place { article, parent: Some(parent.to_string()), root: place.root, depth: place.depth + 1 }
                }
            };
            places.insert(id, place);
            ordered.push(one);
        }
        waiting = later;
    }
    brought.created = ordered.len() as u64;
    for some in ordered.chunks(AT_ONCE) {
        write(conn, secrets, by, some, &places)?;
        brought.renumbered.extend(number(conn, some)?);
    }
    let approved: Vec<&Imported> = ordered.into_iter().filter(|one| one.state == State::Approved).collect();
    let mut entries = bury_above(conn, &approved)?;
    entries.extend(approved.iter().map(|one| shown(one.id.to_string(), one.article)));
    changes::record(conn, &entries, now)?;
    Ok(brought)
}

fn shown(id: String, article: ArticleId) -> Entry {
    Entry::new(Op::Upsert, Resource::Comment, id, None)
        .touching([format!("comments:{article}"), "list:comments".to_owned()])
}

/// Where those stand that are there already, and what these answer.
fn known(conn: &mut Conn, all: &[Imported]) -> Result<HashMap<String, Place>> {
    let ids: HashSet<String> =
        all.iter().flat_map(|one| [Some(one.id), one.parent]).flatten().map(|id| id.to_string()).collect();
    let ids: Vec<String> = ids.into_iter().collect();
    let mut places = HashMap::new();
    for ids in ids.chunks(AT_ONCE) {
        let rows: Vec<(String, String, Option<String>, String, i32)> = comments::table
            .filter(comments::id.eq_any(ids))
            .select((comments::id, comments::article_id, comments::parent_id, comments::root_id, comments::depth))
            .load(conn)?;
        places.extend(
            rows.into_iter().map(|(id, article, parent, root, depth)| (id, Place { article, parent, root, depth })),
        );
    }
    Ok(places)
}

fn write(
    conn: &mut Conn,
    secrets: &Secrets,
    by: &Actor,
    some: &[&Imported],
    places: &HashMap<String, Place>,
) -> Result<()> {
    let (mut rows, mut events, mut published) = (Vec::new(), Vec::new(), Vec::new());
    for one in some {
        let id = one.id.to_string();
        let Some(place) = places.get(&id) else { continue };
        let email = one.email.as_deref().and_then(|email| Email::parse(email).ok());
        let identity = email.as_ref().map_or_else(|| format!("comment:{id}"), Email::key);
        let email_hmac = secrets.identify(Purpose::Identity, &identity);
        let text_hash = sha256(one.text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" "));
        let put_away = matches!(one.state, State::Trash | State::Spam | State::Rejected);
        let at = one.created_at.micros();
        rows.push(json!({
            "id": id, "article_id": place.article, "parent_id": place.parent, "root_id": place.root, "depth": place.depth,
            "state": one.state.as_str(), "previous_state": put_away.then_some("pending"), "version": 1,
            "author_name": one.name, "author_email": email.as_ref().map_or("", Email::as_str), "email_hmac": email_hmac,
            "author_url": one.url, "source": one.source, "html": one.html, "text": one.text, "text_hash": text_hash,
            "hold_reasons": "[]", "trace": "[]", "notify_replies": false, "subscribe_weekly": false,
            "created_at": at, "decided_at": (one.state != State::Pending).then_some(at),
        }));
        events.push(json!({
            "id": one.event.to_string(), "comment_id": id, "version": 1, "actor_name": by.name,
            "to_state": one.state.as_str(), "at": at,
        }));
        if one.state == State::Approved {
            published.push(json!({
                "id": id, "article_id": place.article, "parent_id": place.parent, "root_id": place.root,
                "depth": place.depth, "tombstone": false, "author_name": one.name, "author_url": one.url,
                "author_role": AuthorRole::Guest.as_str(), "avatar_seed": secrets.identify(Purpose::Avatar, &email_hmac),
                "html": one.html, "text": one.text, "created_at": at,
            }));
        }
    }
    bulk::insert(conn, "comments", &rows, "")?;
    bulk::insert(conn, "comment_events", &events, "")?;
    bulk::insert(conn, "published_comments", &published, "")?;
    Ok(())
}

/// Gives each the number it had in WordPress, or the next; answers those whose number something else has.
fn number(conn: &mut Conn, some: &[&Imported]) -> Result<Vec<CommentId>> {
    let wanted: Vec<(String, Option<i64>)> = some.iter().map(|one| (one.id.to_string(), one.number)).collect();
    let numbers = wordpress_ids::reserve_all(conn, Numbered::Comment, &wanted)?;
    let own = |one: &&&Imported| one.number.is_none_or(|wanted| numbers.get(&one.id.to_string()) == Some(&wanted));
    Ok(some.iter().filter(|one| !own(one)).map(|one| one.id).collect())
}

/// Puts tombstones above what is shown, where what it answers is not.
fn bury_above(conn: &mut Conn, approved: &[&Imported]) -> Result<Vec<Entry>> {
    let articles: HashSet<ArticleId> = approved.iter().map(|one| one.article).collect();
    let mut entries = Vec::new();
    for article in articles {
        loop {
            let rows: Vec<(String, Option<String>)> = published_comments::table
                .filter(published_comments::article_id.eq(article.to_string()))
                .select((published_comments::id, published_comments::parent_id))
                .load(conn)?;
            let there: HashSet<&str> = rows.iter().map(|(id, _)| id.as_str()).collect();
            let missing: HashSet<&String> = rows
                .iter()
                .filter_map(|(_, parent)| parent.as_ref())
                .filter(|parent| !there.contains(parent.as_str()))
                .collect();
            if missing.is_empty() {
                break;
            }
            for id in missing {
                crate::published_comments::bury(conn, id)?;
                entries.push(shown(id.clone(), article));
            }
        }
    }
    Ok(entries)
}
