//! The rows that publishing leaves, for editors and for readers alike.
//!
//! The log of changes has none: what is as old as this publication has been pruned from it.

use domain::Actor;
use domain::articles::Content;
use domain::comments::State;
use domain::ids::ghost_id;
use domain::moderation::{self, Submission};
use domain::published::{Body, Summary};
use domain::secrets::{Purpose, Secrets};
use serde_json::{Value, json};

use super::publication::{Article, Comment, Kind, Label, Publication, uuid};
use crate::failure::{Failure, Result, refused};

/// Rows of several tables, in the order in which one refers to the other.
#[derive(Default)]
pub struct Rows(pub Vec<(&'static str, Vec<Value>)>);

impl Rows {
    fn put(&mut self, table: &'static str, row: Value) {
        match self.0.iter_mut().find(|(known, _)| *known == table) {
            Some((_, rows)) => rows.push(row),
            None => self.0.push((table, vec![row])),
        }
    }

    /// What the APIs of WordPress and Ghost name something by; `index` counts from 0.
    fn name_elsewhere(&mut self, (family, index): (&str, Option<u64>), ghost: Option<&str>, id: &str) {
        let number = index.map(|index| index + 1);
        let resource = ghost.unwrap_or(family);
        self.put("wordpress_ids", json!({"family": family, "number": number, "resource": resource, "id": id}));
        if let Some(kind) = ghost {
            self.put("ghost_ids", json!({"kind": kind, "ghost_id": ghost_id(kind, id), "id": id}));
        }
    }

    /// Categories, tags and bylines.
    pub fn taxonomy(publication: &Publication) -> Self {
        let mut rows = Self::default();
        let founded = publication.founded.micros();
        let mut terms = 0..;
        for node in &publication.categories {
            rows.name_elsewhere(("term", terms.next()), Some("category"), &node.id);
            rows.put(
                "categories",
                json!({
                    "id": node.id, "parent_id": node.parent.map(|parent| &publication.categories[parent].id),
                    "slug": node.slug, "path": node.path, "depth": node.depth, "position": node.position,
                    "name": node.name, "description": null, "version": 1, "created_at": founded, "updated_at": founded,
                }),
            );
        }
        let label = |label: &Label, mut rest: Value| {
            for (name, value) in [("id", &label.id), ("slug", &label.slug), ("name", &label.name)] {
                rest[name] = json!(value);
            }
            for name in ["created_at", "updated_at"] {
                rest[name] = json!(founded);
            }
            rest["version"] = json!(1);
            rest
        };
        for tag in &publication.tags {
            rows.name_elsewhere(("term", terms.next()), Some("tag"), &tag.id);
            rows.put("tags", label(tag, json!({"description": null, "internal": false})));
        }
        for (number, byline) in (0..).zip(&publication.bylines) {
            rows.name_elsewhere(("byline", Some(number)), Some("byline"), &byline.id);
            rows.put("bylines", label(byline, json!({"bio": null, "avatar_url": null, "website": null})));
        }
        rows
    }

    /// An article that `by` wrote one day and published the next. Answers its content.
    pub fn article(&mut self, publication: &Publication, by: &Actor, number: u64) -> Result<(String, Content)> {
        let Article { id, group, write, created_at, published_at } = publication.article(number)?;
        let draft = write.check().map_err(refused)?;
        let slug = draft.slug.ok_or_else(|| Failure("the article has no slug".into()))?.to_string();
        let content = Content { slug: slug.clone(), ..draft.content };
        let (created, published) = (created_at.micros(), published_at.micros());
        let user = by.user.map(|user| user.to_string());
        self.name_elsewhere(("post", Some(number)), Some("article"), &id);
        self.put(
            "articles",
            json!({
                "id": id, "kind": "article", "group_id": group, "locale": "en", "state": "published", "version": 2,
                "revision": 1, "published_revision": 1, "scheduled_revision": null, "publish_at": null,
                "published_at": published, "first_public_at": published, "newsletter_eligible": true,
                "comments_open": true, "owner_id": user, "slug": slug, "title": content.title, "created_at": created,
                "updated_at": published, "updated_by": by.name, "parent_id": null,
            }),
        );
        self.put(
            "revisions",
            json!({
                "article_id": id, "number": 1, "content": serde_json::to_string(&content)?, "title": content.title,
                "author_id": user, "author_name": by.name, "created_at": created,
            }),
        );
        self.put("article_slugs", json!({"locale": "en", "slug": slug, "article_id": id, "was_public": true}));
        self.put(
            "published_articles",
            json!({
                "article_id": id, "revision": 1, "kind": "article", "group_id": group, "locale": "en", "slug": slug,
                "visible_from": published, "visible_until": i64::MAX, "published_at": published,
                "updated_at": published, "comments_open": true, "summary": summary(&content)?, "body": serde_json::to_string(&Body::of(&content))?,
                "parent_id": null,
            }),
        );
        for (scope, scope_id) in scopes(publication, &content) {
            self.put(
                "published_in",
                json!({
                    "scope": scope, "scope_id": scope_id, "article_id": id, "revision": 1, "kind": "article",
                    "locale": "en", "visible_from": published, "visible_until": i64::MAX, "published_at": published,
                }),
            );
        }
        self.put(
            "published_slugs",
            json!({
                "locale": "en", "slug": slug, "article_id": id, "since": published, "gone": false,
            }),
        );
        let mut random = publication.random(Kind::Article, number);
        let audit = uuid(published_at, &mut random);
        self.put(
            "audit",
            json!({
                "id": audit, "at": published, "actor_id": user, "actor_name": by.name, "action": "published",
                "resource": "article", "resource_id": id, "detail": null,
            }),
        );
        Ok((id, content))
    }

    /// A comment that `by` approved.
    pub fn comment(&mut self, publication: &Publication, by: &Actor, secrets: &Secrets, number: u64) -> Result<()> {
        let comment = publication.comment(number)?;
        let Comment { id, article, parent, root, depth, ref write, created_at, decided_at } = comment;
        let checked = write.check().map_err(refused)?;
        let decision = moderation::decide(&Submission {
            comment: &checked,
            article_open: true,
            sent_before: false,
            known_from_others: false,
        });
        let article = publication.article_id(article);
        let parent = parent.map(|parent| publication.comment_id(parent));
        let root = publication.comment_id(root);
        let email_hmac = secrets.identify(Purpose::Identity, &checked.email.key());
        self.put(
            "comments",
            json!({
                "id": id, "article_id": article, "parent_id": parent, "root_id": root, "depth": depth,
                "state": State::Approved.as_str(), "previous_state": null, "version": 2,
                "author_name": checked.name.as_str(), "author_email": checked.email.as_str(), "email_hmac": email_hmac,
                "author_url": null, "source": checked.body.as_str(), "html": checked.html, "text": checked.text,
                "text_hash": checked.text_hash(), "hold_reasons": serde_json::to_string(&decision.reasons)?,
                "trace": serde_json::to_string(&decision.trace)?, "notify_replies": false, "subscribe_weekly": false,
                "ip_prefix": null, "user_agent": null, "created_at": created_at.micros(),
                "decided_at": decided_at.micros(),
            }),
        );
        self.name_elsewhere(("comment", Some(number)), None, &id);
        let mut random = publication.random(Kind::Comment, number);
        let system = Actor::system();
        let decisions = [
            (&system, created_at, None, decision.state),
            (by, decided_at, Some(decision.state.as_str()), State::Approved),
        ];
        for (version, (actor, at, from, to)) in (1..).zip(decisions) {
            self.put(
                "comment_events",
                json!({
                    "id": uuid(at, &mut random), "comment_id": id, "version": version,
                    "actor_id": actor.user.map(|user| user.to_string()), "actor_name": actor.name, "from_state": from,
                    "to_state": to.as_str(), "reason_code": null, "note": null, "at": at.micros(),
                }),
            );
        }
        self.put(
            "published_comments",
            json!({
                "id": id, "article_id": article, "parent_id": parent, "root_id": root, "depth": depth,
                "tombstone": false, "author_name": checked.name.as_str(), "author_url": null, "author_role": "guest",
                "avatar_seed": secrets.identify(Purpose::Avatar, &email_hmac), "html": checked.html,
                "text": checked.text, "created_at": created_at.micros(), "edited_at": null,
            }),
        );
        Ok(())
    }
}

fn summary(content: &Content) -> Result<String> {
    let mut summary = serde_json::to_value(Summary::of(content))?;
    summary["byline_ids"] = json!(content.byline_ids);
    summary["category_ids"] = json!(content.category_ids);
    summary["tag_ids"] = json!(content.tag_ids);
    Ok(summary.to_string())
}

/// Everything under which an article is listed.
fn scopes(publication: &Publication, content: &Content) -> Vec<(&'static str, String)> {
    let own: Vec<String> = content.category_ids.iter().map(ToString::to_string).collect();
    let mut scopes: Vec<(&'static str, String)> = own.iter().map(|id| ("category", id.clone())).collect();
    let mut above: Vec<usize> = Vec::new();
    for id in &own {
        let mut next = publication.categories.iter().position(|node| node.id == *id);
        while let Some(index) = next {
            if !above.contains(&index) {
                above.push(index);
            }
            next = publication.categories[index].parent;
        }
    }
    scopes.extend(above.into_iter().map(|index| ("subtree", publication.categories[index].id.clone())));
    scopes.extend(content.tag_ids.iter().map(|id| ("tag", id.to_string())));
    scopes.extend(content.byline_ids.iter().map(|id| ("byline", id.to_string())));
    scopes
}
