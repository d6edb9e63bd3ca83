//! Articles: what editors write, and what becomes of it.

mod content;
mod document;
mod workflow;

pub use content::{ArticleWrite, Content, CoverImage, CoverImageWrite, Draft, Seo, Teaser};
pub use document::{ArticleDocument, EditorsBody, Revision};
pub use workflow::{Act, Article, Audience, State};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What sort of thing is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An article: listed, fed, mailed.
    Article,
    /// A page that stands by itself, such as an imprint.
    Page,
}

impl Kind {
    /// As it is stored and sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Article => "article",
            Self::Page => "page",
        }
    }
}

/// Who may read all of an article.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Everyone.
    #[default]
    Public,
    /// Members; the public, what stands before the mark.
    Members,
    /// Those who pay; the public, what stands before the mark.
    Paid,
}

impl Visibility {
    /// As it is stored and sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Members => "members",
            Self::Paid => "paid",
        }
    }
}

/// Whether readers may leave comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Comments {
    /// They may.
    Open,
    /// They may not; those that are there stay.
    Closed,
}

impl Comments {
    /// From the flag that is stored.
    pub const fn from_open(open: bool) -> Self {
        if open { Self::Open } else { Self::Closed }
    }
}
