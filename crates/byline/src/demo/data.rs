//! The demo publication as its files have it (see `demo/README.md`), built into the binary.

use domain::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

macro_rules! embedded {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../demo/", $name)))),*]
    };
}

const SITE: [(&str, &str); 1] = embedded!["site.toml"];
const LISTS: [(&str, &str); 5] =
    embedded!["categories.toml", "tags.toml", "bylines.toml", "comments.toml", "subscribers.toml"];

/// In the order in which they are loaded: a translation stands after its original.
const ARTICLES: [(&str, &str); 17] = embedded![
    "articles/01-thirteen-weeks-of-cash.md",
    "articles/02-a-summer-job.md",
    "articles/03-what-to-pay-your-brother.md",
    "articles/04-six-clauses.md",
    "articles/05-the-two-year-handover.md",
    "articles/06-three-valuations-of-one-bakery.md",
    "articles/07-the-red-folder.md",
    "articles/08-the-first-outside-director.md",
    "articles/09-the-desk-by-the-window.md",
    "articles/10-when-one-customer-is-41-per-cent.md",
    "articles/11-what-the-buyer-reads-first.md",
    "articles/12-hiring-a-manager.md",
    "articles/13-what-the-works-manager-can-afford.md",
    "articles/14-closing-a-sound-firm-well.md",
    "articles/15-zwei-jahre-bis-zur-uebergabe.md",
    "articles/16-the-price-letter.md",
    "articles/17-a-family-meeting-that-ends-on-time.md",
];

/// The whole publication.
#[derive(Debug)]
pub struct Demo {
    pub site: Site,
    pub categories: Vec<Category>,
    pub tags: Vec<Tag>,
    pub bylines: Vec<Byline>,
    pub articles: Vec<Article>,
    pub comments: Vec<Comment>,
    pub subscribers: Vec<Subscriber>,
}

/// The publication itself, and its weekly letter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    pub name: String,
    pub description: String,
    pub locale: String,
    pub locales: Vec<String>,
    pub timezone: String,
    /// Settings of the newsletter, as its own module names them.
    pub newsletter: Map<String, Value>,
}

/// A node of the tree; its parent stands before it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    pub slug: String,
    pub name: String,
    pub description: String,
    pub parent: Option<String>,
    pub position: i32,
}

/// A flat label.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tag {
    pub slug: String,
    pub name: String,
    pub description: Option<String>,
}

/// A public name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Byline {
    pub slug: String,
    pub name: String,
    pub bio: String,
    pub avatar_url: Option<String>,
}

/// An article; everything it refers to is named by slug.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Article {
    pub title: String,
    pub slug: String,
    pub excerpt: Option<String>,
    pub bylines: Vec<String>,
    pub categories: Vec<String>,
    pub tags: Vec<String>,
    pub state: ArticleState,
    pub locale: String,
    /// When it was published; with `published`.
    pub published: Option<Timestamp>,
    /// Days from the load; with `scheduled`.
    pub publish_in_days: Option<i64>,
    pub translation_of: Option<String>,
    pub cover_url: Option<String>,
    pub cover_alt: Option<String>,
    pub meta_title: Option<String>,
    pub meta_description: Option<String>,
    #[serde(default)]
    pub custom: Map<String, Value>,
    /// Markdown.
    #[serde(skip)]
    pub body: String,
}

/// Where an article stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArticleState {
    Draft,
    Scheduled,
    Published,
}

/// A reader's letter. `parent` is the key of one that stands before it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comment {
    pub key: String,
    pub article: String,
    pub parent: Option<String>,
    pub author_name: String,
    pub author_email: String,
    pub author_url: Option<String>,
    pub state: CommentState,
    pub reason_code: Option<String>,
    pub note: Option<String>,
    pub body: String,
}

/// What was decided about a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommentState {
    Pending,
    Approved,
    Rejected,
    Spam,
    Trash,
}

/// A reader of the weekly letter; no categories means all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscriber {
    pub email: String,
    pub state: SubscriberState,
    pub frequency: String,
    pub categories: Vec<String>,
}

/// Whether a subscriber receives anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriberState {
    Pending,
    Active,
    Unsubscribed,
}

impl Demo {
    /// Reads the files.
    ///
    /// # Errors
    /// Which file is wrong, and what is wrong with it.
    pub fn read() -> Result<Self, String> {
        let [categories, tags, bylines, comments, subscribers] = LISTS;
        let [site] = SITE;
        Ok(Self {
            site: parse(site.0, site.1)?,
            categories: list(categories, "category")?,
            tags: list(tags, "tag")?,
            bylines: list(bylines, "byline")?,
            articles: ARTICLES.iter().map(|(name, text)| article(name, text)).collect::<Result<_, _>>()?,
            comments: list(comments, "comment")?,
            subscribers: list(subscribers, "subscriber")?,
        })
    }
}

impl Demo {
    /// What it holds, for people.
    pub fn summary(&self) -> String {
        format!(
            "{} articles in {} categories, {} comments, {} subscribers",
            self.articles.len(),
            self.categories.len(),
            self.comments.len(),
            self.subscribers.len()
        )
    }
}

fn parse<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| format!("demo/{name}: {error}"))
}

/// The items of a file of `[[what]]` tables.
fn list<T: DeserializeOwned>((name, text): (&str, &str), what: &str) -> Result<Vec<T>, String> {
    let mut file: toml::Table = parse(name, text)?;
    let items = file.remove(what).filter(|_| file.is_empty());
    let items = items.ok_or_else(|| format!("demo/{name}: it holds something else than [[{what}]]"))?;
    items.try_into().map_err(|error| format!("demo/{name}: {error}"))
}

/// An article: front matter between lines of `+++`, then Markdown.
fn article(name: &str, text: &str) -> Result<Article, String> {
    let parts = text.strip_prefix("+++\n").and_then(|text| text.split_once("\n+++\n"));
    let (front, body) = parts.ok_or_else(|| format!("demo/{name}: it does not begin with front matter"))?;
    Ok(Article { body: body.trim().to_owned(), ..parse(name, front)? })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_file_of_the_demo_is_built_in() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("demo");
        let names = |folder: &std::path::Path| -> HashSet<String> {
            let files = std::fs::read_dir(folder).unwrap();
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
        };
        let built: Vec<&str> = SITE.iter().chain(&LISTS).chain(&ARTICLES).map(|(name, _)| *name).collect();
        for name in names(&folder).into_iter().filter(|name| name.contains(".toml")) {
            assert!(built.contains(&name.as_str()), "{name} is not built in");
        }
        let articles: HashSet<_> = ARTICLES.iter().map(|(name, _)| name["articles/".len()..].to_owned()).collect();
        assert_eq!(articles, names(&folder.join("articles")));
    }

    /// The slugs of `items`, after checking that they are slugs and that each stands once.
    fn slugs<'a>(items: impl Iterator<Item = &'a str>) -> HashSet<&'a str> {
        let mut seen = HashSet::new();
        for slug in items {
            assert!(domain::text::Slug::parse(slug).is_ok(), "{slug} is no slug");
            assert!(seen.insert(slug), "{slug} stands twice");
        }
        seen
    }

    #[test]
    fn all_data_are_read_and_every_reference_leads_somewhere() {
        let demo = Demo::read().unwrap();
        let tags = slugs(demo.tags.iter().map(|tag| tag.slug.as_str()));
        let bylines = slugs(demo.bylines.iter().map(|byline| byline.slug.as_str()));
        let categories = slugs(demo.categories.iter().map(|category| category.slug.as_str()));
        let articles = slugs(demo.articles.iter().map(|article| article.slug.as_str()));

        let mut above = HashSet::new();
        for category in &demo.categories {
            assert!(category.parent.as_deref().is_none_or(|parent| above.contains(parent)), "{}", category.slug);
            above.insert(category.slug.as_str());
        }
        let mut above = HashSet::new();
        for article in &demo.articles {
            let known = |names: &[String], all: &HashSet<&str>| names.iter().all(|name| all.contains(name.as_str()));
            assert!(known(&article.tags, &tags) && known(&article.bylines, &bylines), "{}", article.slug);
            assert!(known(&article.categories, &categories) && !article.categories.is_empty(), "{}", article.slug);
            assert!(article.translation_of.as_deref().is_none_or(|of| above.contains(of)), "{}", article.slug);
            assert!(demo.site.locales.contains(&article.locale), "{}", article.slug);
            above.insert(article.slug.as_str());
        }
        let mut above = HashSet::new();
        for comment in &demo.comments {
            assert!(articles.contains(comment.article.as_str()), "{}", comment.key);
            assert!(comment.parent.as_deref().is_none_or(|parent| above.contains(parent)), "{}", comment.key);
            assert!(domain::text::Email::parse(&comment.author_email).is_ok(), "{}", comment.key);
            assert!(above.insert(comment.key.as_str()), "{} stands twice", comment.key);
        }
        for subscriber in &demo.subscribers {
            assert!(
                subscriber.categories.iter().all(|slug| categories.contains(slug.as_str())),
                "{}",
                subscriber.email
            );
        }
    }

    #[test]
    fn the_demo_is_what_was_promised() {
        use CommentState::{Approved, Pending, Rejected, Spam, Trash};
        let demo = Demo::read().unwrap();
        assert!(demo.categories.iter().any(|category| category.name == "Business Succession"));
        let published = demo.articles.iter().filter(|article| article.state == ArticleState::Published);
        assert!(published.count() >= 12);
        for article in &demo.articles {
            let words = article.body.split_whitespace().count();
            assert!((400..=1_250).contains(&words), "{} has {words} words", article.slug);
            assert_eq!(article.published.is_some(), article.state == ArticleState::Published, "{}", article.slug);
            assert_eq!(article.publish_in_days.is_some(), article.state == ArticleState::Scheduled, "{}", article.slug);
            assert_eq!(article.cover_url.is_some(), article.cover_alt.is_some(), "{}", article.slug);
        }
        for state in [Pending, Approved, Rejected, Spam, Trash] {
            assert!(demo.comments.iter().any(|comment| comment.state == state), "no comment is {state:?}");
        }
    }
}
