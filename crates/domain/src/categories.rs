//! Categories: a tree. Where one stands is its path, made of the slugs from the root down to it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Faults;
use crate::ids::CategoryId;
use crate::text::{Line, Prose, Slug};
use crate::{Error, Fault, Result, Timestamp};

/// Most levels that the tree may have.
pub const MAX_LEVELS: i32 = 8;
/// Highest position among siblings.
const MAX_POSITION: i32 = 1_000_000;

/// A category, as its editors see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Category {
    /// Its identity.
    pub id: CategoryId,
    /// Its name in addresses; unique on the site.
    #[schema(example = "business-succession")]
    pub slug: String,
    /// The slugs from the root of the tree down to it.
    #[schema(example = "business/business-succession")]
    pub path: String,
    /// Its name for people.
    pub name: String,
    /// What it is about.
    #[schema(required = true)]
    pub description: Option<String>,
    /// The category it stands under; null at the root.
    #[schema(required = true)]
    pub parent_id: Option<CategoryId>,
    /// Where it stands among its siblings, which are ordered by position, then name.
    pub position: i32,
    /// How many categories it stands under.
    pub depth: i32,
    /// Raised by every change of its own; the `ETag` that `If-Match` names. A path that changes with that of a category
    /// above does not raise it.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What an editor says of a category. On creation `name` is required, and the slug is made from it if absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CategoryWrite {
    /// Its name in addresses; `tree` is reserved.
    #[schema(pattern = "^[a-z0-9-]{1,100}$", example = "business-succession")]
    pub slug: Option<String>,
    /// Its name for people.
    #[schema(min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// What it is about.
    #[schema(max_length = 1000)]
    pub description: Option<String>,
    /// The category it stands under; absent or null: the root.
    pub parent_id: Option<CategoryId>,
    /// Where it stands among its siblings; absent: 0.
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub position: Option<i32>,
}

/// A category whose members are known to be good in themselves.
#[derive(Debug)]
pub struct Draft {
    /// Its name in addresses; absent: to be made from its name.
    pub slug: Option<Slug>,
    /// Its name for people.
    pub name: Line<100>,
    /// What it is about.
    pub description: Option<Prose<1000>>,
    /// The category it shall stand under.
    pub parent: Option<CategoryId>,
    /// Where it stands among its siblings.
    pub position: i32,
}

impl CategoryWrite {
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
        let position = self.position.unwrap_or(0);
        if !(0..=MAX_POSITION).contains(&position) {
            let detail = format!("Use a number from 0 to {MAX_POSITION}.");
            faults.note(Fault::at("/position", "out_of_range", detail));
        }
        faults.finish()?;
        let name = name.ok_or(Error::Invalid(Vec::new()))?;
        Ok(Draft { slug, name, description, parent: self.parent_id, position })
    }
}

impl From<&Category> for CategoryWrite {
    fn from(category: &Category) -> Self {
        Self {
            slug: Some(category.slug.clone()),
            name: Some(category.name.clone()),
            description: category.description.clone(),
            parent_id: category.parent_id,
            position: Some(category.position),
        }
    }
}

impl Category {
    /// Whether `other` is this category or stands somewhere below it.
    pub fn holds(&self, other: &Self) -> bool {
        other.path.strip_prefix(&self.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Refuses `parent` as the place of a subtree whose root is `node` (absent: a new category) and which has `levels`
    /// levels.
    pub fn may_hold(parent: Option<&Self>, node: Option<&Self>, levels: i32) -> Result<()> {
        if let (Some(parent), Some(node)) = (parent, node)
            && node.holds(parent)
        {
            return Err(conflict("category_cycle", "A category cannot stand under itself or under one below it."));
        }
        if parent.map_or(0, |parent| parent.depth + 1) + levels > MAX_LEVELS {
            let detail = format!("The tree would have more than {MAX_LEVELS} levels.");
            return Err(conflict("category_too_deep", &detail));
        }
        Ok(())
    }
}

fn conflict(code: &'static str, detail: &str) -> Error {
    Error::Conflict { code, detail: detail.to_owned(), faults: vec![Fault::at("/parent_id", code, detail)] }
}
