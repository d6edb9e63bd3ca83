//! The last part of an address: `a-z`, `0-9` and hyphens.

use crate::error::Wrong;

use super::plain::{checked_text, string_schema};

/// Longest slug, in characters.
const MAX: usize = 100;
/// Longest slug that comes from elsewhere, in bytes.
const MAX_IMPORTED: usize = 200;
/// Longest slug made from a title: short enough to be numbered and to be read aloud.
const MAX_MADE: usize = 80;
/// Of a title's characters, those that are looked at: enough to fill a slug whatever they are written in.
const MAX_READ: usize = 400;

checked_text! {
    /// The last part of an address, such as `business-succession`. Which words are reserved is the caller's matter.
    Slug,
    string_schema(1, MAX)
        .pattern(Some("^-*[a-z0-9][a-z0-9-]*$"))
        .description(Some("The last part of an address: a-z, 0-9 and hyphens, with at least one letter or digit."))
        .examples(["business-succession"])
}

impl Slug {
    /// Accepts exactly `[a-z0-9-]{1,100}` with a letter or a digit in it.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        if text.len() > MAX {
            return Err(("too_long", format!("Use at most {MAX} characters.")));
        }
        let shaped = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if !shaped || text.bytes().all(|b| b == b'-') {
            return Err((
                "invalid_slug",
                "Use only a-z, 0-9 and hyphens, with at least one letter or digit, such as `business-succession`."
                    .into(),
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// Accepts the same, and `kept` whatever its form: a slug that came from elsewhere may stay.
    pub fn parse_or_keep(text: &str, kept: &str) -> Result<Self, Wrong> {
        if text == kept && !kept.is_empty() { Ok(Self(text.to_owned())) } else { Self::parse(text) }
    }

    /// Accepts what other systems take for one: at most 200 bytes, no `/`, no control characters, neither `.` nor
    /// `..`. Case and writing stay.
    pub fn parse_imported(text: &str) -> Result<Self, Wrong> {
        if text.len() > MAX_IMPORTED {
            return Err(("too_long", format!("Use at most {MAX_IMPORTED} bytes.")));
        }
        if matches!(text.trim(), "" | "." | "..") || text.contains('/') || text.chars().any(char::is_control) {
            return Err(("invalid_slug", "Use no `/`, no control characters, and neither `.` nor `..`.".into()));
        }
        Ok(Self(text.to_owned()))
    }

    /// Writes a title in Latin letters and cuts it between words; what has no words becomes `untitled`.
    pub fn from_title(title: &str) -> Self {
        Self(hyphenated(title, MAX_MADE).unwrap_or_else(|| "untitled".into()))
    }

    /// The same slug with a number at its end, for when it is taken: `foo` becomes `foo-2`.
    #[must_use]
    pub fn numbered(&self, n: u32) -> Self {
        let number = format!("-{n}");
        let mut room = self.0.len().min(MAX - number.len());
        while !self.0.is_char_boundary(room) {
            room -= 1;
        }
        let stem = match self.0[..room].trim_end_matches('-') {
            "" => "untitled",
            stem => stem,
        };
        Self(format!("{stem}{number}"))
    }
}

/// Words in `a-z0-9` joined by single hyphens, at most `max` bytes, cut between words where there is a between.
pub(super) fn hyphenated(text: &str, max: usize) -> Option<String> {
    let read: String = text.chars().take(MAX_READ).collect();
    // Letters without a Latin writing part words, as a space does.
    let latin = deunicode::deunicode_with_tofu(&read, " ").to_ascii_lowercase().replace('\'', "");
    let mut made = String::new();
    for word in latin.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        if made.is_empty() {
            made.push_str(&word[..word.len().min(max)]);
        } else if made.len() + 1 + word.len() <= max {
            made.push('-');
            made.push_str(word);
        } else {
            break;
        }
    }
    (!made.is_empty()).then_some(made)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn titles_become_readable_slugs() {
        for (title, slug) in [
            ("Business Succession: Who's Next?", "business-succession-whos-next"),
            ("Übergabe – so geht’s", "ubergabe-so-gehts"),
            ("Straße", "strasse"),
            ("北京", "bei-jing"),
            ("  --C++ & Rust--  ", "c-rust"),
            ("!!!", "untitled"),
            ("", "untitled"),
            ("\u{200B}", "untitled"),
        ] {
            assert_eq!(Slug::from_title(title).as_str(), slug, "{title:?}");
        }
    }

    #[test]
    fn long_titles_are_cut_between_words() {
        let slug = Slug::from_title(&"succession ".repeat(20));
        assert_eq!(slug.as_str(), ["succession"; 7].join("-"));
        assert_eq!(Slug::from_title(&"a".repeat(500)).as_str().len(), 80);
    }

    #[test]
    fn a_taken_slug_is_numbered_within_the_limit() {
        assert_eq!(Slug::from_title("foo").numbered(2).as_str(), "foo-2");
        let long = Slug::parse(&"a".repeat(100)).unwrap().numbered(u32::MAX);
        assert_eq!(long.as_str().len(), 100);
        let hyphens = Slug::parse(&format!("{}a", "-".repeat(99))).unwrap().numbered(2);
        assert!(Slug::parse(hyphens.as_str()).is_ok());
    }

    #[test]
    fn parsing_refuses_all_but_the_pattern() {
        for bad in ["", "-", "---", "Foo", "a b", "a/b", "a_b", "ä", "a\n", ".."] {
            assert_eq!(Slug::parse(bad).unwrap_err().0, "invalid_slug", "{bad:?}");
        }
        assert_eq!(Slug::parse(&"a".repeat(101)).unwrap_err().0, "too_long");
        assert_eq!(Slug::parse("-a--b-").unwrap().as_str(), "-a--b-");
    }

    #[test]
    fn what_comes_from_elsewhere_may_be_wider() {
        for good in ["Über_uns", "a.b", "100%", "日本", " x", "A b"] {
            let slug = Slug::parse_imported(good).unwrap();
            assert_eq!(slug.as_str(), good);
            assert!(slug.numbered(2).as_str().ends_with("-2"));
        }
        for bad in ["", ".", "..", "a/b", "a\n", "a\0", " ", &"ä".repeat(101)] {
            assert!(Slug::parse_imported(bad).is_err(), "{bad:?}");
        }
        assert!(Slug::parse_imported(&"日".repeat(66)).unwrap().numbered(10).as_str().len() <= 100);
        assert!(Slug::parse_or_keep("Ü", "Ä").is_err() && Slug::parse_or_keep("Ä", "Ä").is_ok());
    }

    proptest! {
        #[test]
        fn any_title_gives_a_valid_slug(title in "\\PC{0,300}", n in any::<u32>()) {
            let slug = Slug::from_title(&title);
            prop_assert_eq!(Slug::parse(slug.as_str()).unwrap(), slug.clone());
            prop_assert!(slug.as_str().len() <= 80 && !slug.as_str().contains("--"));
            prop_assert!(!slug.as_str().starts_with('-') && !slug.as_str().ends_with('-'));
            prop_assert!(Slug::parse(slug.numbered(n).as_str()).is_ok());
        }

        #[test]
        fn what_parses_comes_back_as_it_was(text in "[a-z0-9-]{1,100}") {
            if let Ok(slug) = Slug::parse(&text) {
                prop_assert_eq!(slug.as_str(), text);
            }
        }
    }
}
