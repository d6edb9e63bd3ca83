//! Tags: flat labels.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Faults;
use crate::ids::TagId;
use crate::text::{Line, Prose, Slug};
use crate::{Error, Result, Timestamp};

/// A tag, as its editors see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Tag {
    /// Its identity.
    pub id: TagId,
    /// Its name in addresses; unique.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// What it stands for.
    #[schema(required = true)]
    pub description: Option<String>,
    /// Whether it is for editors and their tools alone: readers do not see it.
    pub internal: bool,
    /// Raised by every change; the `ETag` that `If-Match` names.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What an editor says of a tag. On creation `name` is required, and the slug is made from it if absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TagWrite {
    /// Its name in addresses.
    pub slug: Option<String>,
    /// Its name for people.
    pub name: Option<String>,
    /// What it stands for.
    pub description: Option<String>,
    /// Whether it is for editors and their tools alone; false if absent.
    pub internal: Option<bool>,
}

/// A tag whose members are known to be good.
#[derive(Debug)]
pub struct Draft {
    /// Its name in addresses; absent: to be made from its name.
    pub slug: Option<Slug>,
    /// Its name for people.
    pub name: Line<100>,
    /// What it stands for.
    pub description: Option<Prose<1000>>,
    /// Whether it is for editors and their tools alone.
    pub internal: bool,
}

impl TagWrite {
    /// Checks every member, and names every fault.
    pub fn check(&self) -> Result<Draft> {
        self.check_change("")
    }

    /// The same for a change of what has this slug: that one it may keep, whatever its form.
    pub fn check_change(&self, slug: &str) -> Result<Draft> {
        let mut faults = Faults::default();
        let slug = self.slug.as_deref().and_then(|new| faults.take("/slug", Slug::parse_or_keep(new, slug)));
        let name = faults.take("/name", Line::parse(self.name.as_deref().unwrap_or_default()));
        let description = self.description.as_deref().unwrap_or_default();
        let description = faults.take("/description", Prose::parse_optional(description)).flatten();
        faults.finish()?;
        let internal = self.internal.unwrap_or_default();
        Ok(Draft { slug, name: name.ok_or(Error::Invalid(Vec::new()))?, description, internal })
    }
}

impl From<&Tag> for TagWrite {
    fn from(tag: &Tag) -> Self {
        Self {
            slug: Some(tag.slug.clone()),
            name: Some(tag.name.clone()),
            description: tag.description.clone(),
            internal: Some(tag.internal),
        }
    }
}
