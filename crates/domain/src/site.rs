//! The publication itself: its names, addresses and languages.

mod addresses;
mod shape;
mod short;

use serde::{Deserialize, Serialize};

use crate::error::{Faults, Wrong};
use crate::text::{Line, Locale, Prose, WebUrl, Zone};
use crate::{Fault, Result, Timestamp};

pub use addresses::{
    ArticlePlace, ArticleUrls, Place, Shaped, article_path, article_url, byline_path, byline_url, category_path,
    category_url, match_old, match_path, own_path, plain_path, same_path, tag_path, tag_url,
};
pub use short::{Short, match_short};

/// The settings as they stand, with their version.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Site {
    /// The settings, whole.
    #[serde(flatten)]
    pub settings: Settings,
    /// Raised by every change; the `ETag` that `If-Match` names. 1 while nothing was ever changed.
    pub version: u64,
    /// When they last changed; null while they never have.
    #[schema(required = true)]
    pub updated_at: Option<Timestamp>,
}

impl Default for Site {
    /// The site before anyone has changed its settings.
    fn default() -> Self {
        Self { settings: Settings::default(), version: 1, updated_at: None }
    }
}

/// Settings of the site, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = SiteSettings)]
pub struct Settings {
    /// The publication's name.
    #[schema(required = true, min_length = 1, max_length = 200)]
    pub name: String,
    /// One or two sentences about it.
    #[schema(required = true, max_length = 1000)]
    pub description: String,
    /// The locale of what names none (BCP 47).
    #[schema(required = true, example = "en")]
    pub locale: String,
    /// Every locale it publishes in; holds `locale`.
    #[schema(required = true)]
    pub locales: Vec<String>,
    /// Its IANA time zone.
    #[schema(required = true, example = "Europe/Berlin")]
    pub timezone: String,
    /// The front end's address; absent: Byline's own public URL.
    #[schema(required = true, format = "uri")]
    pub site_url: Option<String>,
    /// The shape of an article's path on the front end. Placeholders: `{slug}` or `{id}`, and `{locale}`, `{category}`
    /// (the path of its first category, nothing without one), `{year}`, `{month}`, `{day}` (of its first publication,
    /// in the site's time zone).
    #[schema(required = true, example = "/{slug}")]
    pub permalink: String,
    /// The shape of a category's path on the front end. Placeholders: `{path}`, or `{slug}`.
    #[schema(required = true, example = "/category/{path}")]
    pub category_path: String,
    /// The shape of a tag's path on the front end. Placeholder: `{slug}`.
    #[schema(required = true, example = "/tag/{slug}")]
    pub tag_path: String,
    /// The shape of a byline's path on the front end. Placeholder: `{slug}`.
    #[schema(required = true, example = "/author/{slug}")]
    pub byline_path: String,
    /// Whether new articles take comments.
    #[schema(required = true)]
    pub comments: bool,
    /// The hub that feeds name (`WebSub`); absent: none.
    #[schema(required = true, format = "uri")]
    pub websub_hub: Option<String>,
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
            websub_hub: None,
        }
    }
}

/// Most locales of one site.
const MAX_LOCALES: usize = 50;

impl Settings {
    /// The settings in the form in which they are kept: texts trimmed, names as their registries write them.
    /// Refuses with every fault.
    pub fn check(&self) -> Result<Self> {
        let mut faults = Faults::default();
        let name = faults.take("/name", Line::<200>::parse(&self.name));
        let description = faults.take("/description", Prose::<1000>::parse_optional(&self.description)).flatten();
        let locale = faults.take("/locale", Locale::parse(&self.locale));
        let locales = self.check_locales(locale.as_ref(), &mut faults);
        let timezone = faults.take("/timezone", Zone::parse(&self.timezone));
        let site_url = faults.take("/site_url", site_url(self.site_url.as_deref().unwrap_or_default())).flatten();
        let hub = WebUrl::parse_optional(self.websub_hub.as_deref().unwrap_or_default(), 500);
        let websub_hub = faults.take("/websub_hub", hub).flatten();
        let [permalink, category_path, tag_path, byline_path] = addresses::check(self, &mut faults);
        faults.finish()?;
        Ok(Self {
            name: name.map(|name| name.to_string()).unwrap_or_default(),
            description: description.map(|text| text.to_string()).unwrap_or_default(),
            locale: locale.map(|locale| locale.to_string()).unwrap_or_default(),
            locales,
            timezone: timezone.map(|zone| zone.to_string()).unwrap_or_default(),
            site_url: site_url.map(|url| url.to_string()),
            permalink,
            category_path,
            tag_path,
            byline_path,
            comments: self.comments,
            websub_hub: websub_hub.map(|url| url.to_string()),
        })
    }

    /// Whether every address on the front end is made as those `other` settings make it, and translations are named as
    /// they name them: a site with one locale has none.
    pub fn addresses_as(&self, other: &Self) -> bool {
        if (self.locales.len() > 1) != (other.locales.len() > 1) {
            return false;
        }
        let made_of = |settings: &Self| {
            let Self { locale, timezone, site_url, permalink, category_path, tag_path, byline_path, .. } = settings;
            [
                Some(locale),
                Some(timezone),
                site_url.as_ref(),
                Some(permalink),
                Some(category_path),
                Some(tag_path),
                Some(byline_path),
            ]
            .map(Option::<&String>::cloned)
        };
        made_of(self) == made_of(other)
    }

    fn check_locales(&self, default: Option<&Locale>, faults: &mut Faults) -> Vec<String> {
        let mut locales = Vec::new();
        if self.locales.len() > MAX_LOCALES {
            faults.note(Fault::at("/locales", "too_long", format!("Name at most {MAX_LOCALES} locales.")));
            return locales;
        }
        for (index, locale) in self.locales.iter().enumerate() {
            let pointer = format!("/locales/{index}");
            let Some(locale) = faults.take(&pointer, Locale::parse(locale)) else { continue };
            if locales.iter().any(|known| known == locale.as_str()) {
                faults.note(Fault::at(pointer, "repeated", "Name each locale once."));
            }
            locales.push(locale.to_string());
        }
        if let Some(default) = default
            && !locales.iter().any(|locale| locale == default.as_str())
        {
            let detail = format!("Name the default locale `{default}` among the locales.");
            faults.note(Fault::at("/locales", "default_missing", detail));
        }
        locales
    }

    /// The rules of the site's time zone.
    pub fn zone(&self) -> jiff::tz::TimeZone {
        Zone::parse(&self.timezone).map_or(jiff::tz::TimeZone::UTC, |zone| zone.rules())
    }
}

/// Paths are appended to it, so nothing may follow its own.
fn site_url(text: &str) -> Result<Option<WebUrl>, Wrong> {
    let url = WebUrl::parse_optional(text, 500)?;
    match &url {
        Some(url) if url.as_str().contains(['?', '#']) => {
            Err(("invalid_url", "Use an address without a query and without a fragment.".into()))
        }
        _ => Ok(url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, Place};

    #[test]
    fn settings_are_kept_as_their_registries_write_them() {
        let settings = Settings {
            name: " The Ledger ".into(),
            locale: "DE-at".into(),
            locales: vec!["en".into(), "de-AT".into()],
            timezone: "europe/vienna".into(),
            site_url: Some("HTTPS://Example.org".into()),
            ..Settings::default()
        };
        let kept = settings.check().unwrap();
        assert_eq!((kept.name.as_str(), kept.locale.as_str()), ("The Ledger", "de-AT"));
        assert_eq!((kept.timezone.as_str(), kept.site_url.as_deref()), ("Europe/Vienna", Some("https://example.org/")));
        assert_eq!(kept.check().unwrap(), kept);
        assert!(Settings::default().check().is_ok());
    }

    #[test]
    fn every_fault_of_the_settings_is_named() {
        let settings = Settings {
            name: " ".into(),
            locale: "fr".into(),
            locales: vec!["en".into(), "EN".into(), "?".into()],
            timezone: "Mars/Olympus".into(),
            site_url: Some("https://example.org/?x".into()),
            permalink: "/".into(),
            category_path: "/c".into(),
            tag_path: "t/{slug}".into(),
            byline_path: "/{id}".into(),
            ..Settings::default()
        };
        let Err(Error::Invalid(faults)) = settings.check() else { panic!("taken") };
        let places: Vec<_> = faults.into_iter().map(|fault| fault.place).collect();
        let expected = [
            "/name",
            "/locales/1",
            "/locales/2",
            "/locales",
            "/timezone",
            "/site_url",
            "/permalink",
            "/category_path",
            "/tag_path",
            "/byline_path",
        ];
        assert_eq!(places, expected.map(|pointer| Place::Pointer(pointer.into())));
    }
}
