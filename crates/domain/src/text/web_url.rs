//! Addresses on the web.

use url::Url;

use crate::error::Wrong;

use super::plain::{self, at_most, checked_text, string_schema};

/// Longest address, in bytes, of what is kept.
const MAX: usize = 2000;

checked_text! {
    /// An absolute `http` or `https` address with a host and without credentials, as the URL standard writes it.
    WebUrl,
    string_schema(1, MAX)
        .format(Some(utoipa::openapi::SchemaFormat::Custom("uri".into())))
        .pattern(Some("^https?://"))
        .description(Some("An absolute http or https address without credentials."))
        .examples(["https://example.org/"])
}

impl WebUrl {
    /// Reads an address of at most 2000 bytes.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        Self::parse_max(text, MAX)
    }

    /// As [`WebUrl::parse`], for a field with a limit of its own.
    pub fn parse_max(text: &str, max: usize) -> Result<Self, Wrong> {
        // The standard's parser skips line ends and tabs; here they are refused, as in every single line.
        let text = plain::line(text)?;
        at_most(text.len(), max, "bytes")?;
        let wrong = |detail: &str| ("invalid_url", detail.to_owned());
        let url = Url::parse(&text).map_err(|_| wrong("Use an absolute address such as `https://example.org/`."))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(wrong("Use an address that begins with http:// or https:// and names a host."));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("Remove the user name and password from the address."));
        }
        let written = String::from(url);
        at_most(written.len(), max, "bytes")?;
        Ok(Self(written))
    }

    /// As [`WebUrl::parse_max`], for a field that may be left empty: blank is nothing.
    pub fn parse_optional(text: &str, max: usize) -> Result<Option<Self>, Wrong> {
        plain::optional(text, |text| Self::parse_max(text, max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_the_standard_writes_them() {
        for (typed, kept) in [
            (" HTTPS://Example.ORG ", "https://example.org/"),
            ("http://bücher.example/ä?q=\"1\"", "http://xn--bcher-kva.example/%C3%A4?q=%221%22"),
            ("https://example.org/a/../b", "https://example.org/b"),
        ] {
            assert_eq!(WebUrl::parse(typed).unwrap().as_str(), kept);
        }
    }

    #[test]
    fn other_schemes_credentials_and_control_characters_are_refused() {
        for bad in [
            "javascript:alert(1)",
            "JaVaScRiPt://example.org/%0aalert(1)",
            "data:text/html,x",
            "mailto:a@example.org",
            "ftp://example.org",
            "//example.org",
            "example.org",
            "https://",
            "https://user@example.org/",
            "https://:secret@example.org/",
        ] {
            assert_eq!(WebUrl::parse(bad).unwrap_err().0, "invalid_url", "{bad}");
        }
        assert_eq!(WebUrl::parse("https://example.org/\n").map(|url| url.to_string()).unwrap(), "https://example.org/");
        assert_eq!(WebUrl::parse("https://exa\tmple.org/").unwrap_err().0, "invalid_characters");
        assert_eq!(WebUrl::parse("").unwrap_err().0, "required");
    }

    #[test]
    fn limits_hold_for_what_is_kept() {
        let typed = format!("https://example.org/{}", "ä".repeat(60));
        assert!(WebUrl::parse(&typed).is_ok());
        assert_eq!(WebUrl::parse_max(&typed, 200).unwrap_err().0, "too_long");
        assert_eq!(WebUrl::parse_optional(" ", 200).unwrap(), None);
    }
}
