//! Texts of other systems, made to fit.

use domain::text::Slug;
use percent_encoding::percent_decode_str;

/// The text, or as much of it as `max` code points hold.
pub fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => text[..end].trim_end().to_owned(),
        None => text.to_owned(),
    }
}

/// A slug as it was, decoded: it makes the same address. None, if it could be none of ours.
pub fn slug(text: &str) -> Option<String> {
    let decoded = percent_decode_str(text.trim()).decode_utf8().ok()?;
    Slug::parse_imported(&decoded).ok().map(|slug| slug.to_string())
}

/// A slug made from a name.
pub fn slug_of(name: &str) -> String {
    Slug::from_title(name).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_stay_as_they_were_but_decoded() {
        assert_eq!(slug("hello_World.html").as_deref(), Some("hello_World.html"));
        assert_eq!(slug("%e6%97%a5%e6%9c%ac").as_deref(), Some("日本"));
        for none in ["", "a/b", "%2F", "..", "%ff", "a%0Ab"] {
            assert_eq!(slug(none), None, "{none}");
        }
        assert_eq!(cut("äöü", 2), "äö");
    }
}
