//! Letters, and a server to send them to.

#![allow(dead_code, clippy::unwrap_used, reason = "each test binary uses its part; a test may fail loudly")]

#[path = "../../../../tests/smtp_sink.rs"]
pub(crate) mod smtp_sink;

use std::sync::LazyLock;

use domain::Timestamp;
use mail::{Letter, Rendered};

static BODY: LazyLock<Rendered> = LazyLock::new(body);

/// A short body.
pub(crate) fn body() -> Rendered {
    Rendered {
        subject: "Hello".into(),
        text: "Hello, reader.\n".into(),
        html: "<p>Hello, reader.</p>\n".into(),
        language: "en".into(),
    }
}

/// A message of the system to Anna.
pub(crate) fn letter(id: &str) -> Letter<'_> {
    Letter {
        id,
        from_name: "Example Blog",
        from: "news@example.com",
        reply_to: None,
        to: "anna@example.org",
        envelope_from: None,
        date: Timestamp::parse("2026-11-23T08:00:00Z").unwrap(),
        body: &BODY,
        list: None,
    }
}
