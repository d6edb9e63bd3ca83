//! Titles, single lines and short prose.

use std::fmt;

use serde::{Serialize, Serializer};
use unicode_segmentation::UnicodeSegmentation;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

use crate::error::Wrong;

use super::plain::{self, at_most, checked_text, string_schema};

/// Longest title, in characters as a reader counts them.
const MAX_TITLE: usize = 200;
/// Longest title in bytes, so that a few letters cannot carry a thousand accents.
const MAX_TITLE_BYTES: usize = 1000;

checked_text! {
    /// The title of an article: a single line.
    Title,
    string_schema(1, MAX_TITLE_BYTES)
        .description(Some("A single line of at most 200 characters as a reader counts them, and 1000 bytes."))
        .examples(["Who takes over?"])
}

impl Title {
    /// Trims and composes (NFC) a title of 1 to 200 graphemes and at most 1000 bytes.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let text = plain::line(text)?;
        at_most(text.graphemes(true).count(), MAX_TITLE, "characters")?;
        at_most(text.len(), MAX_TITLE_BYTES, "bytes")?;
        Ok(Self(text))
    }
}

/// A single line of 1 to `MAX` code points: names, meta fields, alternative texts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line<const MAX: usize>(String);

/// Plain text of 1 to `MAX` code points that may hold line ends (as `\n`): descriptions, biographies, notes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prose<const MAX: usize>(String);

impl<const MAX: usize> Line<MAX> {
    /// Trims and composes (NFC) the text; refuses a blank one.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let text = plain::line(text)?;
        at_most(text.chars().count(), MAX, "characters")?;
        Ok(Self(text))
    }
}

impl<const MAX: usize> Prose<MAX> {
    /// Trims and composes (NFC) the text and makes its line ends `\n`; refuses a blank one.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let text = plain::lines(text)?;
        at_most(text.chars().count(), MAX, "characters")?;
        Ok(Self(text))
    }
}

macro_rules! bounded {
    ($name:ident, $what:literal) => {
        impl<const MAX: usize> $name<MAX> {
            /// As `parse`, for a field that may be left empty: blank is nothing.
            pub fn parse_optional(text: &str) -> Result<Option<Self>, Wrong> {
                plain::optional(text, Self::parse)
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<const MAX: usize> fmt::Display for $name<MAX> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<const MAX: usize> Serialize for $name<MAX> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<const MAX: usize> utoipa::PartialSchema for $name<MAX> {
            fn schema() -> RefOr<Schema> {
                string_schema(1, MAX).description(Some($what)).into()
            }
        }

        // Without the number, `Line<80>` and `Line<300>` would share one entry of the document.
        impl<const MAX: usize> utoipa::ToSchema for $name<MAX> {
            fn name() -> std::borrow::Cow<'static, str> {
                format!("{}{MAX}", stringify!($name)).into()
            }
        }
    };
}

bounded!(Line, "A single line of plain text.");
bounded!(Prose, "Plain text; lines end with \\n.");

#[cfg(test)]
mod tests {
    use utoipa::{PartialSchema, ToSchema};

    use super::*;

    #[test]
    fn a_title_counts_what_a_reader_counts() {
        let family = "👨‍👩‍👧‍👦";
        assert!(Title::parse(&"é".repeat(200)).is_ok());
        assert!(Title::parse(&"e\u{301}".repeat(200)).is_ok());
        assert_eq!(Title::parse(&"a".repeat(201)).unwrap_err().0, "too_long");
        assert!(Title::parse(&family.repeat(40)).is_ok());
        assert_eq!(Title::parse(&family.repeat(41)).unwrap_err(), ("too_long", "Use at most 1000 bytes.".into()));
    }

    #[test]
    fn a_blank_optional_field_is_nothing() {
        assert_eq!(Line::<10>::parse_optional("  ").unwrap(), None);
        assert_eq!(Line::<10>::parse_optional(" a ").unwrap().unwrap().as_str(), "a");
        assert!(Line::<10>::parse("").is_err());
    }

    #[test]
    fn prose_keeps_its_lines_and_a_line_has_none() {
        assert_eq!(Prose::<20>::parse("a\r\n\r\nb").unwrap().as_str(), "a\n\nb");
        assert_eq!(Line::<20>::parse("a\nb").unwrap_err().0, "invalid_characters");
        assert_eq!(Prose::<3>::parse("abcd").unwrap_err().0, "too_long");
    }

    #[test]
    fn limits_are_in_the_document() {
        let schema = serde_json::to_value(Line::<80>::schema()).unwrap();
        assert_eq!(schema["maxLength"], 80);
        assert_eq!(Line::<80>::name(), "Line80");
        assert_eq!(serde_json::to_value(Title::schema()).unwrap()["minLength"], 1);
    }
}
