//! Loading, a function per kind, through the same operations that the API calls.

use std::collections::HashMap;

use domain::articles::{ArticleWrite, CoverImageWrite, Seo};
use domain::bylines::BylineWrite;
use domain::categories::CategoryWrite;
use domain::comments::{CommentWrite, TransitionWrite};
use domain::ids::{ArticleId, BylineId, CategoryId, CommentId, TagId};
use domain::newsletter::{ConsentWrite, NewsletterWrite};
use domain::permissions::Actor;
use domain::secrets::Secrets;
use domain::subscriptions::SubscriptionWrite;
use domain::tags::TagWrite;
use domain::{Error, Result, Seen, Timestamp};
use persistence::messages::Content;
use persistence::subscribers::Means;
use persistence::{
    Conn, articles, bylines, categories, comments, consents, messages, moderation, newsletters, published_comments,
    site, subscribers, subscriptions, tags,
};

use super::data::{Article, ArticleState, Comment, CommentState, Demo, Subscriber, SubscriberState};

const DAY: i64 = 24 * 60 * 60;

/// Who loads, with what, into what.
struct Load<'a> {
    conn: &'a mut Conn,
    by: &'a Actor,
    secrets: &'a Secrets,
    demo: &'a Demo,
    now: Timestamp,
}

/// Loads everything, in the order in which one refers to the other.
pub fn all(conn: &mut Conn, by: &Actor, secrets: &Secrets, demo: &Demo, now: Timestamp) -> Result<()> {
    let mut load = Load { conn, by, secrets, demo, now };
    load.site()?;
    let known = Known { categories: load.categories()?, tags: load.tags()?, bylines: load.bylines()? };
    load.articles(&known)?;
    load.comments()?;
    load.subscribers()
}

/// What articles refer to, by slug.
struct Known {
    categories: HashMap<String, CategoryId>,
    tags: HashMap<String, TagId>,
    bylines: HashMap<String, BylineId>,
}

fn all_of<I: Copy>(slugs: &[String], known: &HashMap<String, I>) -> Vec<I> {
    slugs.iter().filter_map(|slug| known.get(slug).copied()).collect()
}

impl Load<'_> {
    fn site(&mut self) -> Result<()> {
        let demo = &self.demo.site;
        let edit = |before: &domain::site::Settings| {
            Ok(domain::site::Settings {
                name: demo.name.clone(),
                description: demo.description.clone(),
                locale: demo.locale.clone(),
                locales: demo.locales.clone(),
                timezone: demo.timezone.clone(),
                ..before.clone()
            })
        };
        site::update(self.conn, self.by, &Seen::Any, edit, self.now)?;
        let text = |name: &str| demo.newsletter.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        let write = NewsletterWrite {
            name: text("name"),
            from_name: text("from_name"),
            from_address: text("from_address"),
            reply_to: text("reply_to"),
            postal_address: text("postal_address"),
            weekday: text("weekday"),
            hour: demo.newsletter.get("hour").and_then(serde_json::Value::as_i64),
            consent: Some(ConsentWrite { version: Some("2026-11".into()), text: text("consent_text") }),
            ..NewsletterWrite::default()
        };
        newsletters::update(self.conn, self.by, &Seen::Any, || write.check(), self.now)?;
        Ok(())
    }

    fn categories(&mut self) -> Result<HashMap<String, CategoryId>> {
        let mut known = HashMap::new();
        for category in &self.demo.categories {
            let write = CategoryWrite {
                slug: Some(category.slug.clone()),
                name: Some(category.name.clone()),
                description: Some(category.description.clone()),
                parent_id: category.parent.as_ref().and_then(|parent| known.get(parent).copied()),
                position: Some(category.position),
            };
            let made = categories::create(self.conn, self.by, &write.check()?, self.now)?;
            known.insert(category.slug.clone(), made.id);
        }
        Ok(known)
    }

    fn tags(&mut self) -> Result<HashMap<String, TagId>> {
        let mut known = HashMap::new();
        for tag in &self.demo.tags {
            let (slug, name) = (Some(tag.slug.clone()), Some(tag.name.clone()));
            let write = TagWrite { slug, name, description: tag.description.clone(), internal: None };
            known.insert(tag.slug.clone(), tags::create(self.conn, self.by, &write.check()?, self.now)?.id);
        }
        Ok(known)
    }

    fn bylines(&mut self) -> Result<HashMap<String, BylineId>> {
        let mut known = HashMap::new();
        for byline in &self.demo.bylines {
            let write = BylineWrite {
                slug: Some(byline.slug.clone()),
                name: Some(byline.name.clone()),
                bio: Some(byline.bio.clone()),
                avatar_url: byline.avatar_url.clone(),
                website: None,
            };
            known.insert(byline.slug.clone(), bylines::create(self.conn, self.by, &write.check()?, self.now)?.id);
        }
        Ok(known)
    }

    fn articles(&mut self, known: &Known) -> Result<()> {
        let mut loaded: HashMap<&str, ArticleId> = HashMap::new();
        for article in &self.demo.articles {
            let original = article.translation_of.as_deref().and_then(|slug| loaded.get(slug).copied());
            let draft = write(article, original, known).check()?;
            // It was written the day before it was published.
            let published = article.published.unwrap_or(self.now);
            let id = articles::create(self.conn, self.by, draft, published.plus_seconds(-DAY))?;
            match article.state {
                ArticleState::Draft => {}
                ArticleState::Published => articles::publish(self.conn, self.by, id, &Seen::Any, published)?,
                ArticleState::Scheduled => {
                    let at = self.now.plus_seconds(article.publish_in_days.unwrap_or(1) * DAY);
                    articles::schedule(self.conn, self.by, id, &Seen::Any, Some(at), self.now)?;
                }
            }
            loaded.insert(&article.slug, id);
        }
        Ok(())
    }

    fn comments(&mut self) -> Result<()> {
        let mut loaded: HashMap<&str, CommentId> = HashMap::new();
        for (index, comment) in self.demo.comments.iter().enumerate() {
            let article = self.demo.articles.iter().find(|article| article.slug == comment.article);
            let published = article.and_then(|article| article.published).unwrap_or(self.now);
            // One after the other, from the day after the article on.
            let at = published.plus_seconds(DAY + i64::try_from(index)? * 2_000).min(self.now);
            let parent = comment.parent.as_deref().and_then(|key| loaded.get(key).copied());
            let locale = article.map(|article| article.locale.as_str());
            loaded.insert(&comment.key, self.comment(comment, locale, parent, at)?);
        }
        Ok(())
    }

    fn comment(
        &mut self,
        comment: &Comment,
        locale: Option<&str>,
        parent: Option<CommentId>,
        at: Timestamp,
    ) -> Result<CommentId> {
        let write = CommentWrite {
            author_name: Some(comment.author_name.clone()),
            author_email: Some(comment.author_email.clone()),
            author_url: comment.author_url.clone(),
            body: Some(comment.body.clone()),
            parent_id: parent,
            ..CommentWrite::default()
        };
        let article = published_comments::article(self.conn, &comment.article, locale, self.now)?;
        let origin = comments::Origin::default();
        let id = comments::submit(self.conn, self.secrets, article, &write.check()?, origin, at)?;
        let to = match comment.state {
            CommentState::Pending => return Ok(id),
            CommentState::Approved => "approved",
            CommentState::Rejected => "rejected",
            CommentState::Spam => "spam",
            CommentState::Trash => "trash",
        };
        let decision = TransitionWrite {
            to: Some(to.into()),
            reason_code: comment.reason_code.clone(),
            note: comment.note.clone(),
        };
        moderation::transition(self.conn, self.by, self.secrets, id, &Seen::Any, &decision, at.plus_seconds(600))?;
        Ok(id)
    }

    /// Those who confirmed come first: what is then left in the outbox is for those who have not yet.
    fn subscribers(&mut self) -> Result<()> {
        let demo = self.demo;
        let (waiting, confirmed): (Vec<_>, Vec<_>) =
            demo.subscribers.iter().partition(|subscriber| subscriber.state == SubscriberState::Pending);
        for subscriber in confirmed {
            self.request(subscriber)?;
            self.confirm(subscriber)?;
        }
        waiting.into_iter().try_for_each(|subscriber| self.request(subscriber))
    }

    fn request(&mut self, subscriber: &Subscriber) -> Result<()> {
        let write = SubscriptionWrite {
            email: Some(subscriber.email.clone()),
            categories: (!subscriber.categories.is_empty()).then(|| subscriber.categories.clone()),
            frequency: Some(subscriber.frequency.clone()),
            ..SubscriptionWrite::default()
        };
        let origin = consents::Origin::default();
        subscriptions::request(self.conn, self.secrets, &write, &origin, 0, self.now)
    }

    /// Confirms with the token of the mail, which is then not sent.
    fn confirm(&mut self, subscriber: &Subscriber) -> Result<()> {
        let claimed = messages::claim(self.conn, self.now)?;
        let unsent = || Error::Internal("the demo's confirmation was not queued".into());
        let claimed = claimed.ok_or_else(unsent)?;
        let Content::Confirmation { token, .. } = &claimed.content else { return Err(unsent()) };
        let origin = consents::Origin::default();
        let manage = subscriptions::confirm(self.conn, self.secrets, token, &origin, self.now)?;
        messages::settle_sent(self.conn, &claimed)?;
        if subscriber.state == SubscriberState::Unsubscribed {
            let person = subscribers::by_manage_token(self.conn, manage.reveal(), self.now)?;
            let means = Means { source: "manage", ..Means::default() };
            subscribers::unsubscribe(self.conn, person.id, &means, self.now)?;
        }
        Ok(())
    }
}

fn write(article: &Article, original: Option<ArticleId>, known: &Known) -> ArticleWrite {
    ArticleWrite {
        title: Some(article.title.clone()),
        slug: Some(article.slug.clone()),
        locale: Some(article.locale.clone()),
        translation_of: original,
        excerpt: article.excerpt.clone(),
        body: Some(article.body.clone()),
        cover_image: article
            .cover_url
            .as_ref()
            .map(|url| CoverImageWrite { url: Some(url.clone()), alt: article.cover_alt.clone() }),
        seo: Some(Seo {
            meta_title: article.meta_title.clone(),
            meta_description: article.meta_description.clone(),
            ..Seo::default()
        }),
        byline_ids: Some(all_of(&article.bylines, &known.bylines)),
        category_ids: Some(all_of(&article.categories, &known.categories)),
        tag_ids: Some(all_of(&article.tags, &known.tags)),
        custom: Some(article.custom.clone()),
        ..ArticleWrite::default()
    }
}
