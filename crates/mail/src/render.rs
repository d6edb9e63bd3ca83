//! What messages say: a subject, a text and an HTML document, drawn from templates that only fill in words.
//!
//! Titles, names and excerpts lose their line breaks and controls here, so that a title can break neither a
//! subject nor a plain-text line. In HTML everything is escaped.

mod issue;
mod system;

use std::fmt;

pub use issue::{Frequency, Issue, Item, Link};
pub use system::{AlreadySubscribed, Confirmation};

/// Stands for the address that unsubscribes a reader, until [`Rendered::personal`] puts theirs in its place.
///
/// No content can spell it: it holds a control character, and content loses those.
pub const UNSUBSCRIBE_URL: &str = "\u{1}unsubscribe_url\u{1}";

/// Stands for the address of a reader's preferences.
pub const MANAGE_URL: &str = "\u{1}manage_url\u{1}";

/// A message's words, ready for [`Letter`](crate::Letter).
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// At most 78 characters on one line.
    pub subject: String,
    /// The words alone, in lines of at most 76 characters; an address has a line of its own, however long.
    pub text: String,
    /// The same as an HTML document.
    pub html: String,
    /// The language around the content, such as `en`.
    pub language: String,
}

impl Rendered {
    /// One reader's copy: each placeholder, such as [`UNSUBSCRIBE_URL`], with the value in its place. Readers with
    /// equal preferences share one rendering, which is drawn once.
    #[must_use]
    pub fn personal(&self, values: &[(&str, &str)]) -> Self {
        let mut copy = self.clone();
        for (placeholder, value) in values {
            copy.text = copy.text.replace(placeholder, value);
            copy.html = copy.html.replace(placeholder, &escaped(value));
        }
        copy
    }
}

impl fmt::Debug for Rendered {
    /// Leaves the bodies out: they hold links that act for a reader.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rendered").field("subject", &self.subject).finish_non_exhaustive()
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// An address for a line of its own: without white space and controls.
fn address(url: &str) -> String {
    url.chars().filter(|c| !c.is_whitespace() && !crate::text::breaks_lines(*c)).collect()
}

/// An address that differs from reader to reader: it may be a placeholder.
fn personal_address(url: &str) -> String {
    if [UNSUBSCRIBE_URL, MANAGE_URL].contains(&url) { url.to_owned() } else { address(url) }
}

/// Blank lines more than one in a row come from parts that were left out.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut blank = true;
    for line in text.lines().map(str::trim_end) {
        if !(line.is_empty() && blank) {
            tidy.push_str(line);
            tidy.push('\n');
        }
        blank = line.is_empty();
    }
    tidy.truncate(tidy.trim_end().len());
    tidy.push('\n');
    tidy
}
