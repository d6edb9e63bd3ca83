//! The publication itself: its names, addresses and languages.

use serde::{Deserialize, Serialize};

/// Settings of the site, whole. An absent member has its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The publication's name.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// One or two sentences about it.
    #[schema(max_length = 1000)]
    pub description: String,
    /// The locale of what names none (BCP 47).
    #[schema(example = "en")]
    pub locale: String,
    /// Every locale it publishes in; holds `locale`.
    pub locales: Vec<String>,
    /// Its IANA time zone.
    #[schema(example = "Europe/Berlin")]
    pub timezone: String,
    /// The front end's address; absent: Byline's own public URL.
    #[schema(format = "uri")]
    pub site_url: Option<String>,
    /// The shape of an article's path on the front end. Placeholders: `{slug}`, `{id}`, `{locale}`, `{category}`,
    /// `{year}`, `{month}`, `{day}`.
    #[schema(example = "/{slug}")]
    pub permalink: String,
    /// The shape of a category's path on the front end.
    #[schema(example = "/category/{path}")]
    pub category_path: String,
    /// The shape of a tag's path on the front end.
    #[schema(example = "/tag/{slug}")]
    pub tag_path: String,
    /// The shape of a byline's path on the front end.
    #[schema(example = "/author/{slug}")]
    pub byline_path: String,
    /// Whether new articles take comments.
    pub comments: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "Untitled publication".into(),
            description: String::new(),
            locale: "en".into(),
            locales: vec!["en".into()],
            timezone: "UTC".into(),
            site_url: None,
            permalink: "/{slug}".into(),
            category_path: "/category/{path}".into(),
            tag_path: "/tag/{slug}".into(),
            byline_path: "/author/{slug}".into(),
            comments: true,
        }
    }
}
