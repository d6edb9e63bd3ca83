//! What every plain text obeys: NFC, no control characters, nothing that makes it read differently from what it says.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

use crate::error::Wrong;

/// Declares a text that was checked once: a private `String` with its limits in the OpenAPI document.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $schema:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                $schema.into()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}
pub(super) use checked_text;

/// A schema of strings between two lengths, in code points.
pub(super) fn string_schema(min: usize, max: usize) -> utoipa::openapi::schema::ObjectBuilder {
    utoipa::openapi::schema::ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::Type::String)
        .min_length(Some(min))
        .max_length(Some(max))
}

/// A single line: trimmed, NFC, with something to see in it.
pub(super) fn line(text: &str) -> Result<String, Wrong> {
    let text: String = text.trim().nfc().collect();
    if text.chars().any(|c| c.is_control() || is_line_end(c) || is_bidi_control(c)) {
        return Err((
            "invalid_characters",
            "Use a single line without control characters and without characters that change the direction of writing."
                .into(),
        ));
    }
    visible(text)
}

/// Several lines: trimmed, NFC, line ends as `\n`, with something to see in them.
///
/// Direction marks are allowed, since right-to-left prose needs them; overrides, which make text read backwards, are not.
pub(super) fn lines(text: &str) -> Result<String, Wrong> {
    let text: String = unix_lines(text).trim().nfc().collect();
    if text.chars().any(|c| (c.is_control() && !matches!(c, '\n' | '\t')) || is_bidi_override(c)) {
        return Err((
            "invalid_characters",
            "Remove control characters and characters that override the direction of writing.".into(),
        ));
    }
    visible(text)
}

/// Refuses more than `max` of what was counted.
pub(super) fn at_most(count: usize, max: usize, unit: &str) -> Result<(), Wrong> {
    if count <= max { Ok(()) } else { Err(("too_long", format!("Use at most {max} {unit}."))) }
}

/// The value, or nothing if it is blank: for fields that may be left empty.
pub(super) fn optional<T>(text: &str, parse: impl FnOnce(&str) -> Result<T, Wrong>) -> Result<Option<T>, Wrong> {
    if text.trim().is_empty() { Ok(None) } else { parse(text).map(Some) }
}

fn visible(text: String) -> Result<String, Wrong> {
    if text.chars().all(is_invisible) {
        return Err(("required", "Enter some text that can be seen.".into()));
    }
    Ok(text)
}

fn unix_lines(text: &str) -> Cow<'_, str> {
    if text.contains(|c| c == '\r' || is_line_end(c)) {
        text.replace("\r\n", "\n").replace(|c| c == '\r' || is_line_end(c), "\n").into()
    } else {
        text.into()
    }
}

/// LINE SEPARATOR and PARAGRAPH SEPARATOR, which end a line although they are no control characters.
fn is_line_end(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

fn is_bidi_override(c: char) -> bool {
    matches!(c, '\u{202D}' | '\u{202E}')
}

/// Embeddings, overrides and isolates: they reach beyond the value they stand in.
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// White space, what Unicode calls default-ignorable, and the letters that are drawn as nothing.
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(
            c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
                | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}'
                | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}'
                | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_trimmed_and_composed() {
        assert_eq!(line("  Cafe\u{301} ").unwrap(), "Café");
    }

    #[test]
    fn a_line_refuses_what_breaks_or_turns_it() {
        for bad in ["a\nb", "a\0b", "a\u{7f}", "a\u{85}b", "a\u{2028}b", "a\u{202E}b", "a\u{2066}b"] {
            assert_eq!(line(bad).unwrap_err().0, "invalid_characters", "{bad:?}");
        }
    }

    #[test]
    fn text_that_cannot_be_seen_is_missing() {
        for blank in ["", " ", "\u{200B}", "\u{FEFF}\u{200D}", "\u{3164}", "\u{E0020}"] {
            assert_eq!(line(blank).unwrap_err().0, "required", "{blank:?}");
            assert_eq!(lines(blank).unwrap_err().0, "required", "{blank:?}");
        }
    }

    #[test]
    fn lines_end_alike_and_keep_tabs() {
        assert_eq!(lines("a\r\nb\rc\u{2029}\td\n").unwrap(), "a\nb\nc\n\td");
        assert_eq!(lines("a\u{202E}b").unwrap_err().0, "invalid_characters");
        assert!(lines("\u{2067}שלום\u{2069}").is_ok());
    }
}
