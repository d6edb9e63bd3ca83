//! Bylines: the public names that articles are signed with. They are no accounts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Faults;
use crate::ids::BylineId;
use crate::text::{Line, Prose, Slug, WebUrl};
use crate::{Error, Result, Timestamp};

/// Longest address of a picture or a website, in bytes.
const MAX_URL: usize = 2000;

/// A byline, as its editors see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Byline {
    /// Its identity.
    pub id: BylineId,
    /// Its name in addresses; unique.
    pub slug: String,
    /// The name that is printed.
    pub name: String,
    /// Who it is.
    #[schema(required = true)]
    pub bio: Option<String>,
    /// A picture of the person.
    #[schema(format = "uri", required = true)]
    pub avatar_url: Option<String>,
    /// Where there is more about the person.
    #[schema(format = "uri", required = true)]
    pub website: Option<String>,
    /// Raised by every change; the `ETag` that `If-Match` names.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What an editor says of a byline. On creation `name` is required, and the slug is made from it if absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BylineWrite {
    /// Its name in addresses.
    #[schema(pattern = "^[a-z0-9-]{1,100}$", example = "ann-berger")]
    pub slug: Option<String>,
    /// The name that is printed.
    #[schema(min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// Who it is.
    #[schema(max_length = 2000)]
    pub bio: Option<String>,
    /// A picture of the person: an absolute http or https address.
    #[schema(format = "uri", max_length = 2000)]
    pub avatar_url: Option<String>,
    /// Where there is more about the person: an absolute http or https address.
    #[schema(format = "uri", max_length = 2000)]
    pub website: Option<String>,
}

/// A byline whose members are known to be good.
#[derive(Debug)]
pub struct Draft {
    /// Its name in addresses; absent: to be made from its name.
    pub slug: Option<Slug>,
    /// The name that is printed.
    pub name: Line<100>,
    /// Who it is.
    pub bio: Option<Prose<2000>>,
    /// A picture of the person.
    pub avatar_url: Option<WebUrl>,
    /// Where there is more about the person.
    pub website: Option<WebUrl>,
}

impl BylineWrite {
    /// Checks every member, and names every fault.
    pub fn check(&self) -> Result<Draft> {
        self.check_change("")
    }

    /// The same for a change of what has this slug: that one it may keep, whatever its form.
    pub fn check_change(&self, slug: &str) -> Result<Draft> {
        let text = |member: &Option<String>| member.clone().unwrap_or_default();
        let mut faults = Faults::default();
        let slug = self.slug.as_deref().and_then(|new| faults.take("/slug", Slug::parse_or_keep(new, slug)));
        let name = faults.take("/name", Line::parse(&text(&self.name)));
        let bio = faults.take("/bio", Prose::parse_optional(&text(&self.bio))).flatten();
        let avatar_url = WebUrl::parse_optional(&text(&self.avatar_url), MAX_URL);
        let avatar_url = faults.take("/avatar_url", avatar_url).flatten();
        let website = faults.take("/website", WebUrl::parse_optional(&text(&self.website), MAX_URL)).flatten();
        faults.finish()?;
        Ok(Draft { slug, name: name.ok_or(Error::Invalid(Vec::new()))?, bio, avatar_url, website })
    }
}

impl From<&Byline> for BylineWrite {
    fn from(byline: &Byline) -> Self {
        Self {
            slug: Some(byline.slug.clone()),
            name: Some(byline.name.clone()),
            bio: byline.bio.clone(),
            avatar_url: byline.avatar_url.clone(),
            website: byline.website.clone(),
        }
    }
}
