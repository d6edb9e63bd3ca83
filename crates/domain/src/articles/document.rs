//! An article and its revisions as editors see them on the wire.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Act, ArticleWrite, Comments, Kind, State};
use crate::Timestamp;
use crate::ids::{ArticleId, UserId};
use crate::published::{Body, Joined, Summary};
use crate::text::BodyFormat;

/// An article as its editors see it: its newest revision, and where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ArticleDocument {
    /// Its identity.
    pub id: ArticleId,
    /// What sort of thing it is.
    pub kind: Kind,
    /// Its name in addresses.
    pub slug: String,
    /// Its language.
    #[schema(example = "en")]
    pub locale: String,
    #[serde(flatten)]
    #[allow(missing_docs, reason = "its members are described where they are")]
    pub joined: Joined,
    #[serde(flatten)]
    #[allow(missing_docs, reason = "its members are described where they are")]
    pub summary: Summary,
    /// When it was first published; never moves. Null while it never was.
    #[schema(required = true)]
    pub published_at: Option<Timestamp>,
    /// When it last changed in any way.
    pub updated_at: Timestamp,
    /// Where it stands.
    pub state: State,
    /// Raised by every change; the `ETag` that `If-Match` names.
    #[schema(minimum = 1)]
    pub version: u64,
    /// What the body is written in.
    pub body_format: BodyFormat,
    /// The number of the newest revision, which is shown here.
    #[schema(minimum = 1)]
    pub revision: u64,
    /// The number of the revision that the public sees.
    #[schema(required = true)]
    pub published_revision: Option<u64>,
    /// Whether the newest revision is another than the one that the public sees, or will see.
    pub has_unpublished_changes: bool,
    /// When the scheduled revision becomes public.
    #[schema(required = true)]
    pub publish_at: Option<Timestamp>,
    /// What this caller may do with it now.
    pub available_actions: Vec<Act>,
    /// Whether readers may leave comments.
    pub comments: Comments,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = EditorsBody)]
    #[allow(missing_docs, reason = "its members are described where they are")]
    pub body: Option<EditorsBody>,
}

/// The body of an article, as it is written and as it is shown. A list has it with `include=body`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EditorsBody {
    /// What the editor wrote; HTML is sanitised.
    #[schema(required = false)]
    pub body: String,
    #[serde(flatten)]
    #[allow(missing_docs, reason = "its members are described where they are")]
    pub shown: Body,
}

/// A revision: an immutable, whole version of an article's content.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Revision {
    /// 1, 2, 3, ...
    #[schema(minimum = 1)]
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Who saved it; null for the system, or someone who is no longer a user.
    #[schema(required = true)]
    pub author_id: Option<UserId>,
    /// The name of who saved it.
    pub author_name: String,
    /// When it was saved.
    pub created_at: Timestamp,
    /// The content, as it would be written again. A list leaves it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<ArticleWrite>,
}
