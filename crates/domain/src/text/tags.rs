//! Names that registries keep: languages and time zones.

use icu_locale_core::LanguageIdentifier;

use crate::error::Wrong;

use super::plain::{checked_text, string_schema};

/// Longest language tag, as RFC 5646 (4.4.1) recommends to support.
const MAX_LOCALE: usize = 35;
/// Longest time zone name; the longest known ones have about 30 bytes.
const MAX_ZONE: usize = 64;

checked_text! {
    /// A language tag (BCP 47: language, script, region, variants) in canonical case, such as `de-AT`.
    Locale,
    string_schema(2, MAX_LOCALE)
        .pattern(Some("^[a-z]{2,8}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*$"))
        .description(Some("A BCP 47 language tag in canonical case."))
        .examples(["en", "de-AT", "zh-Hant"])
}

impl Locale {
    /// Checks the form (not whether the language exists) and puts it in canonical case.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let text = text.trim();
        let wrong = || ("invalid_locale", "Use a BCP 47 language tag such as `en`, `de-AT` or `zh-Hant`.".to_owned());
        if text.len() > MAX_LOCALE {
            return Err(wrong());
        }
        LanguageIdentifier::normalize(text).map(|tag| Self(tag.into_owned())).map_err(|_| wrong())
    }
}

checked_text! {
    /// An IANA time zone name, such as `Europe/Berlin`.
    Zone,
    string_schema(1, MAX_ZONE)
        .description(Some("An IANA time zone name."))
        .examples(["Europe/Berlin", "UTC"])
}

impl Zone {
    /// Looks the name up, whatever its case, and keeps it as the database writes it.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let text = text.trim();
        (text.len() <= MAX_ZONE)
            .then(|| jiff::tz::db().get(text).ok())
            .flatten()
            .and_then(|zone| zone.iana_name().map(|name| Self(name.to_owned())))
            .ok_or_else(|| ("invalid_time_zone", "Use an IANA time zone name such as `Europe/Berlin`.".into()))
    }

    /// The zone's rules; UTC if the name has left the database since.
    pub fn rules(&self) -> jiff::tz::TimeZone {
        jiff::tz::db().get(&self.0).unwrap_or(jiff::tz::TimeZone::UTC)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_tags_take_canonical_case() {
        for (typed, kept) in [
            ("EN", "en"),
            ("de-at", "de-AT"),
            ("ZH-hant", "zh-Hant"),
            ("sr-latn-rs", "sr-Latn-RS"),
            ("es-419", "es-419"),
            ("de-1996", "de-1996"),
        ] {
            assert_eq!(Locale::parse(typed).unwrap().as_str(), kept);
        }
        for bad in ["", "e", "english-language", "de_", "de--AT", "../de", "de-AT; q=1", "en-u-ca-buddhist", "<b>"] {
            assert_eq!(Locale::parse(bad).unwrap_err().0, "invalid_locale", "{bad:?}");
        }
    }

    #[test]
    fn time_zones_are_those_of_the_database() {
        assert_eq!(Zone::parse("Europe/Berlin").unwrap().as_str(), "Europe/Berlin");
        assert_eq!(Zone::parse("europe/berlin").unwrap().as_str(), "Europe/Berlin");
        assert_eq!(Zone::parse("UTC").unwrap().rules(), jiff::tz::TimeZone::UTC);
        for bad in ["", "Mars/Olympus", "../../etc/passwd", "+02:00"] {
            assert_eq!(Zone::parse(bad).unwrap_err().0, "invalid_time_zone", "{bad:?}");
        }
    }
}
