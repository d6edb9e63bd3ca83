//! From what WordPress keeps of a post to HTML that stands by itself: blocks, classic paragraphs, shortcodes, embedded
//! addresses. The result goes through the sanitiser like anybody's.

mod autop;
mod blocks;
mod embeds;
mod links;
mod shortcodes;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use regex::Regex;

pub use autop::autop;
pub use embeds::embed;
pub use links::relink;

/// A picture or file that a shortcode may name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attached {
    /// Where it is.
    pub url: String,
    /// What it shows, for those who do not see it.
    pub alt: String,
    /// What is said below it.
    pub caption: String,
}

/// What content refers to.
pub trait Library {
    /// The attachment of a number.
    fn attachment(&self, id: &str) -> Option<Attached>;
    /// The pictures that were uploaded for a post, in their order.
    fn pictures_of(&self, post: &str) -> Vec<Attached>;
    /// The content of a reusable block.
    fn block(&self, id: &str) -> Option<String>;
}

/// HTML that stands by itself, and what could not be carried into it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Converted {
    /// The HTML, not sanitised.
    pub html: String,
    /// What was changed or kept as text: code, and for each what it was, once.
    pub notes: BTreeMap<&'static str, Vec<String>>,
}

impl Converted {
    pub(crate) fn note(&mut self, code: &'static str, what: impl Into<String>) {
        let what = what.into();
        let noted = self.notes.entry(code).or_default();
        if noted.len() < 50 && !noted.contains(&what) {
            noted.push(what);
        }
    }
}

/// Turns the content of a post into HTML, as WordPress would show it.
pub fn convert(content: &str, post: &str, library: &dyn Library) -> Converted {
    let mut converted = Converted::default();
    // WordPress embeds what stands alone on a line before it makes paragraphs.
    let content = shortcodes::embeds(content);
    let html = if blocks::are_in(&content) {
        let html = blocks::strip(&content, library, &mut converted);
        embeds::lines(&html)
    } else {
        shortcodes::unwrap(&autop(&embeds::lines(&content)))
    };
    converted.html = shortcodes::expand(&html, post, library, &mut converted);
    converted
}

/// Compiles a pattern that is written in this program.
#[allow(clippy::expect_used, reason = "patterns are constants, and tests use every one")]
pub(crate) fn pattern(text: &str) -> Regex {
    Regex::new(text).expect(text)
}

/// Text as HTML, fit for a value in double quotes.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// HTML as a single line of text: tags go, entities are read.
pub fn plain(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(begin) = rest.find('<') {
        text.push_str(&rest[..begin]);
        let after = &rest[begin + 1..];
        // A `<` that begins no tag is a `<`.
        let begins = after.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!'));
        let Some(end) = after.find('>').filter(|_| begins) else {
            text.push('<');
            rest = after;
            continue;
        };
        let tag = after[..end].trim_start_matches('/');
        if ["br", "div", "li", "p"].iter().any(|parts| tag.starts_with(parts)) {
            text.push(' ');
        }
        rest = &after[end + 1..];
    }
    text.push_str(rest);
    let text = entities(&text);
    let visible = text.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c });
    let visible: String = visible.filter(|c| !matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Entities of HTML as what they stand for.
pub fn entities(text: &str) -> String {
    let mut read = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find('&') {
        read.push_str(&rest[..begin]);
        rest = &rest[begin..];
        let end = rest.bytes().take(34).position(|byte| byte == b';');
        if let Some((end, meaning)) = end.and_then(|end| Some((end, entity(&rest[1..end])?))) {
            read.push_str(&meaning);
            rest = &rest[end + 1..];
        } else {
            read.push('&');
            rest = &rest[1..];
        }
    }
    read + rest
}

fn entity(name: &str) -> Option<String> {
    let Some(number) = name.strip_prefix('#') else {
        return quick_xml::escape::resolve_html5_entity(name).map(str::to_owned);
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => number.parse().ok()?,
    };
    char::from_u32(code).filter(|c| *c != '\0').map(String::from)
}

/// A figure around HTML, with what is said below it.
pub(crate) fn figure(class: &str, inner: &str, caption: &str) -> String {
    let mut figure = String::from("<figure");
    if !class.is_empty() {
        let _ = write!(figure, " class=\"{}\"", escape(class));
    }
    let _ = write!(figure, ">{inner}");
    if !caption.trim().is_empty() {
        let _ = write!(figure, "<figcaption>{}</figcaption>", caption.trim());
    }
    figure.push_str("</figure>");
    figure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_becomes_a_line_of_text() {
        assert_eq!(plain("<em>a</em> &amp; b<br/>c &lt; d"), "a & b c < d");
        assert_eq!(plain("1 < 2 &nbsp;\n3 &#8211; &#x41; &bogus; &"), "1 < 2 3 – A &bogus; &");
        assert_eq!(plain("a\u{202E}b\u{7}c"), "ab c");
    }
}
