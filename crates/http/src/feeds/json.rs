//! JSON Feed 1.1.

use domain::{Result, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::feed::{Author, Feed, Item};

/// A feed in JSON (<https://www.jsonfeed.org/version/1.1/>).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JsonFeed {
    /// Always `https://jsonfeed.org/version/1.1`.
    #[schema(format = "uri")]
    version: &'static str,
    /// What it is called.
    title: String,
    /// The page that shows the same.
    #[schema(format = "uri")]
    home_page_url: String,
    /// Its own address.
    #[schema(format = "uri")]
    feed_url: String,
    /// What it is about.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    description: String,
    /// The language of what names none (BCP 47).
    language: String,
    /// Who publishes it.
    authors: Vec<JsonFeedAuthor>,
    /// Where subscribers are told of news.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    hubs: Vec<JsonFeedHub>,
    /// The newest first.
    items: Vec<JsonFeedItem>,
}

/// Who wrote something.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JsonFeedAuthor {
    /// Their name.
    name: String,
    /// Their page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uri")]
    url: Option<String>,
}

/// Where subscribers are told of news.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JsonFeedHub {
    /// Always `WebSub`.
    r#type: &'static str,
    /// Its address.
    #[schema(format = "uri")]
    url: String,
}

/// An article, or a comment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JsonFeedItem {
    /// Stays the same whatever becomes of it.
    id: String,
    /// Its page.
    #[schema(format = "uri")]
    url: String,
    /// Its title.
    title: String,
    /// Safe HTML with absolute addresses.
    content_html: String,
    /// One or two sentences.
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    /// The picture above it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uri")]
    image: Option<String>,
    /// When it was first published.
    date_published: Timestamp,
    /// When what is shown was published.
    date_modified: Timestamp,
    /// Who wrote it.
    authors: Vec<JsonFeedAuthor>,
    /// Its categories and tags.
    tags: Vec<String>,
    /// Its language, if it has one of its own (BCP 47).
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
}

/// The feed in this format.
pub(super) fn write(feed: Feed) -> Result<Vec<u8>> {
    let feed = JsonFeed {
        version: "https://jsonfeed.org/version/1.1",
        title: feed.title,
        home_page_url: feed.home,
        feed_url: feed.own,
        description: feed.description,
        language: feed.language,
        authors: vec![JsonFeedAuthor { name: feed.publisher, url: None }],
        hubs: feed.hub.into_iter().map(|url| JsonFeedHub { r#type: "WebSub", url }).collect(),
        items: feed.items.into_iter().map(item).collect(),
    };
    Ok(serde_json::to_vec(&feed)?)
}

fn item(item: Item) -> JsonFeedItem {
    let author = |author: Author| JsonFeedAuthor { name: author.name, url: author.url };
    JsonFeedItem {
        id: item.id,
        url: item.url,
        title: item.title,
        content_html: item.html,
        summary: item.summary,
        image: item.image,
        date_published: item.published,
        date_modified: item.updated,
        authors: item.authors.into_iter().map(author).collect(),
        tags: item.labels,
        language: item.language,
    }
}
