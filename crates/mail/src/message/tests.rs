//! Letters for the tests of this crate.

use super::*;

/// A message of the system to one reader.
pub(crate) fn letter() -> Letter<'static> {
    static BODY: std::sync::LazyLock<Rendered> = std::sync::LazyLock::new(|| Rendered {
        subject: "Hello".into(),
        text: "Hello.\n".into(),
        html: "<p>Hello.</p>\n".into(),
        language: "en".into(),
    });
    Letter {
        id: "abc.2026-W47@example.com",
        from_name: "Example Blog",
        from: "news@example.com",
        reply_to: None,
        to: "anna@example.org",
        envelope_from: None,
        date: Timestamp::from_micros(1_763_805_600_000_000),
        body: &BODY,
        list: None,
    }
}
