//! What the public sees. These types have no draft, no address, no hash in them: there is nothing to filter out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::Timestamp;
use crate::articles::{Content, CoverImage, Kind, Seo, Visibility};
use crate::ids::{ArticleId, BylineId, CategoryId, TagId};
use crate::text::Heading;

/// A category, as an article carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CategorySmall {
    /// Its identity.
    pub id: CategoryId,
    /// Its name in addresses.
    pub slug: String,
    /// The slugs from the root of the tree down to it.
    #[schema(example = "business/business-succession")]
    pub path: String,
    /// Its name for people.
    pub name: String,
}

/// A tag, as an article carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TagSmall {
    /// Its identity.
    pub id: TagId,
    /// Its name in addresses.
    pub slug: String,
    /// Its name for people.
    pub name: String,
}

/// A byline, as an article carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BylineSmall {
    /// Its identity.
    pub id: BylineId,
    /// Its name in addresses.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// A picture of the person.
    #[schema(format = "uri", required = true)]
    pub avatar_url: Option<String>,
}

/// Where an article stands in another language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Translation {
    /// Its slug in that locale.
    pub slug: String,
    /// Its address on the front end.
    #[schema(format = "uri")]
    pub url: String,
}

/// What is joined to an article when an answer is built, so that it is always as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Joined {
    /// Of a page: the page that it stands under; to readers, if that is public.
    #[schema(required = true)]
    pub parent_id: Option<ArticleId>,
    /// Its address on the front end.
    #[schema(format = "uri")]
    pub url: String,
    /// Who it is signed with.
    pub bylines: Vec<BylineSmall>,
    /// The first of its categories.
    #[schema(required = true)]
    pub primary_category: Option<CategorySmall>,
    /// Where it belongs.
    pub categories: Vec<CategorySmall>,
    /// Its labels.
    pub tags: Vec<TagSmall>,
    /// The same in other languages, by locale.
    pub translations: BTreeMap<String, Translation>,
}

/// What a list carries of an article: everything but the body and its headings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ArticleSummary {
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
    pub stored: Summary,
    /// When it was first published; never moves.
    pub published_at: Timestamp,
    /// When the revision that is shown was published.
    pub updated_at: Timestamp,
}

/// The members of a summary that are written once, when the article is published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Summary {
    /// Its title.
    pub title: String,
    /// One or two sentences.
    pub excerpt: String,
    /// Who may read all of it. What is not for everyone is here as far as it is.
    #[serde(default)]
    #[schema(required = true)]
    pub visibility: Visibility,
    /// Whether front ends are to set it apart.
    #[serde(default)]
    #[schema(required = true)]
    pub featured: bool,
    /// The picture above it.
    #[schema(required = true)]
    pub cover_image: Option<CoverImage>,
    /// What search engines are told.
    pub seo: Seo,
    /// Anything a front end needs.
    #[schema(value_type = BTreeMap<String, Value>)]
    pub custom: Map<String, Value>,
    /// Words of the body.
    pub word_count: u32,
    /// Minutes it takes to read, rounded up.
    pub reading_minutes: u32,
}

impl Summary {
    /// What is stored of this content, which is [for readers](Content::for_readers).
    pub fn of(content: &Content) -> Self {
        Self {
            title: content.title.clone(),
            excerpt: content.excerpt(),
            visibility: content.visibility,
            featured: content.featured,
            cover_image: content.cover_image.clone(),
            seo: content.seo.clone(),
            custom: content.custom.clone(),
            word_count: content.word_count,
            reading_minutes: content.reading_minutes,
        }
    }
}

/// The body of an article, where it was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Body {
    /// Safe HTML.
    #[schema(required = false)]
    pub body_html: String,
    /// Its headings, each with the anchor that leads to it.
    #[schema(required = false)]
    pub toc: Vec<Heading>,
}

impl Body {
    /// The body of this content, which is [for readers](Content::for_readers).
    pub fn of(content: &Content) -> Self {
        Self { body_html: content.body_html.clone(), toc: content.toc.clone() }
    }
}

/// An article, or a summary of one; the body only where it was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PublishedArticle {
    #[serde(flatten)]
    #[allow(missing_docs, reason = "its members are described where they are")]
    pub summary: ArticleSummary,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Body)]
    #[allow(missing_docs, reason = "its members are described where they are")]
    pub body: Option<Body>,
}

/// An article that was found by its words.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FoundArticle {
    #[serde(flatten)]
    #[allow(missing_docs, reason = "its members are described where they are")]
    pub summary: ArticleSummary,
    /// Where the words stand in it.
    pub highlights: Highlights,
}

/// Where the words that were looked for stand, as safe HTML: all but `<mark>` is escaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Highlights {
    /// The title.
    #[schema(example = "Who takes <mark>over</mark>?")]
    pub title: String,
    /// The excerpt.
    pub excerpt: String,
    /// A piece of the body around the first word that was found in it.
    pub body: String,
}

/// A title that someone may be typing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Suggestion {
    /// The title.
    pub text: String,
    /// The slug of its article.
    pub slug: String,
}
