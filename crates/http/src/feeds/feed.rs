//! A feed as all its formats see it.

use domain::Timestamp;

/// A feed, and what is in it.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) title: String,
    pub(super) description: String,
    /// The page that shows the same.
    pub(super) home: String,
    /// Its own address.
    pub(super) own: String,
    pub(super) language: String,
    /// Where subscribers are told of news (`WebSub`).
    pub(super) hub: Option<String>,
    /// Who publishes it.
    pub(super) publisher: String,
    /// The last change of the list behind it, as far as that is known.
    pub(super) updated: Option<Timestamp>,
    /// Whether it is made of comments.
    pub(super) below_an_article: bool,
    /// The newest first.
    pub(super) items: Vec<Item>,
}

/// An article, or a comment.
#[derive(Debug)]
pub(super) struct Item {
    /// Stays the same whatever becomes of it.
    pub(super) id: String,
    pub(super) url: String,
    pub(super) title: String,
    pub(super) language: Option<String>,
    pub(super) authors: Vec<Author>,
    pub(super) labels: Vec<String>,
    pub(super) summary: Option<String>,
    /// Safe HTML with absolute addresses.
    pub(super) html: String,
    pub(super) image: Option<String>,
    pub(super) published: Timestamp,
    pub(super) updated: Timestamp,
}

/// Who wrote it.
#[derive(Debug)]
pub(super) struct Author {
    pub(super) name: String,
    pub(super) url: Option<String>,
}

impl Feed {
    /// When the newest of what it shows became what it is; nothing happened in an empty one. Unlike `updated` it is told
    /// by what is shown alone, as the whole body of the feed is.
    pub(super) fn newest(&self) -> Option<Timestamp> {
        self.items.iter().map(|item| item.updated).max()
    }
}
