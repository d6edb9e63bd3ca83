//! What an export says, in Byline's own terms: what the importer writes.

use domain::Timestamp;
use domain::articles::{Kind, Seo};
use domain::comments::State;
use domain::ids::{ArticleId, BylineId, CategoryId, CommentId, TagId};
use serde_json::{Map, Value};

/// Where an article stands after it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Public since.
    Published(Timestamp),
    /// Public from a time to come.
    Scheduled(Timestamp),
    /// Never public yet.
    Draft,
}

/// Who may read all of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Readers {
    /// Everyone.
    #[default]
    Everyone,
    /// Members.
    Members,
    /// Those who pay.
    Payers,
}

/// The picture above an article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cover {
    /// Where it is, as the export says it.
    pub url: String,
    /// What it shows.
    pub alt: String,
}

/// An article or a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its identity here.
    pub id: ArticleId,
    /// Its identity in the export.
    pub source_id: String,
    /// What it is.
    pub kind: Kind,
    /// Its title, as text.
    pub title: String,
    /// Its slug, if it had one.
    pub slug: Option<String>,
    /// Slugs that it had before.
    pub old_slugs: Vec<String>,
    /// Its path on the site it comes from, if it was public.
    pub path: Option<String>,
    /// Its body, not sanitised.
    pub html: String,
    /// Its excerpt, if it was written by hand.
    pub excerpt: Option<String>,
    /// Where it stands.
    pub standing: Standing,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Who it is signed with.
    pub bylines: Vec<BylineId>,
    /// Where it belongs, the primary one first.
    pub categories: Vec<CategoryId>,
    /// Its labels.
    pub tags: Vec<TagId>,
    /// The picture above it.
    pub cover: Option<Cover>,
    /// What search engines are told.
    pub seo: Seo,
    /// Custom fields.
    pub custom: Map<String, Value>,
    /// Whether readers may leave comments.
    pub comments_open: bool,
    /// Whether it is set apart.
    pub featured: bool,
    /// Who may read all of it.
    pub readers: Readers,
    /// Of a page: what it stands under.
    pub parent: Option<ArticleId>,
}

/// A category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// Its identity here.
    pub id: CategoryId,
    /// Its identity in the export, if it has one.
    pub source_id: Option<String>,
    /// Its name in addresses.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// What it stands under.
    pub parent: Option<CategoryId>,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Its identity here.
    pub id: TagId,
    /// Its identity in the export, if it has one.
    pub source_id: Option<String>,
    /// Its name in addresses.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// What it stands for.
    pub description: Option<String>,
    /// Whether readers do not see it.
    pub internal: bool,
}

/// A byline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Byline {
    /// Its identity here.
    pub id: Option<BylineId>,
    /// Its identity in the export, if it has one.
    pub source_id: Option<String>,
    /// Its name in addresses.
    pub slug: String,
    /// The name that is printed.
    pub name: String,
    /// Who it is.
    pub bio: Option<String>,
    /// A picture of the person.
    pub avatar_url: Option<String>,
    /// Where there is more about the person.
    pub website: Option<String>,
    /// The address of the person: for an account, if one is wished. Never public.
    pub email: Option<String>,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Its identity here.
    pub id: CommentId,
    /// Its identity in the export.
    pub source_id: String,
    /// What it was left under.
    pub article: ArticleId,
    /// The comment that it answers.
    pub parent: Option<String>,
    /// The name it is signed with.
    pub name: String,
    /// The address of who left it, if there is one.
    pub email: Option<String>,
    /// Their site.
    pub url: Option<String>,
    /// What it says, as HTML, not sanitised.
    pub html: String,
    /// What became of it.
    pub state: State,
    /// When it was left.
    pub created_at: Timestamp,
}
