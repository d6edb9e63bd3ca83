//! What a reader left: their name, their words, and these as HTML.

use comrak::nodes::{AstNode, NodeValue};
use comrak::{Arena, Node};
use unicode_segmentation::UnicodeSegmentation;

use crate::error::Wrong;

use super::body::MAX_BODY_BYTES;
use super::plain::{self, at_most, checked_text, string_schema};
use super::{outline, sanitise};

/// Stands beside stored comment HTML; a higher one says that stored HTML is to be rendered again.
pub const RENDERER_VERSION: u32 = 1;

/// Shortest comment, in characters.
const MIN_CHARS: usize = 2;
/// Longest comment, in characters.
const MAX_CHARS: usize = 10_000;
/// Longest comment, in bytes.
const MAX_BYTES: usize = 32_768;
/// Most lines of a comment.
const MAX_LINES: usize = 400;
/// Longest name, in characters as a reader counts them.
const MAX_NAME: usize = 80;
/// Longest name in bytes.
const MAX_NAME_BYTES: usize = 320;

checked_text! {
    /// The source of a comment: plain text or CommonMark.
    CommentBody,
    string_schema(MIN_CHARS, MAX_CHARS)
        .description(Some("Plain text or CommonMark without HTML; at most 32768 bytes and 400 lines."))
        .examples(["Thank you. How long did it take?"])
}

impl CommentBody {
    /// Trims and composes (NFC) 2 to 10,000 characters, at most 32,768 bytes and 400 lines; line ends become `\n`.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let text = plain::lines(text)?;
        let chars = text.chars().count();
        if chars < MIN_CHARS {
            return Err(("too_short", format!("Write at least {MIN_CHARS} characters.")));
        }
        at_most(chars, MAX_CHARS, "characters")?;
        at_most(text.len(), MAX_BYTES, "bytes")?;
        at_most(text.lines().count(), MAX_LINES, "lines")?;
        Ok(Self(text))
    }
}

checked_text! {
    /// The name a comment is signed with: plain text, never HTML.
    CommenterName,
    string_schema(1, MAX_NAME_BYTES)
        .description(Some("A single line of at most 80 characters as a reader counts them, and 320 bytes."))
        .examples(["Ann"])
}

impl CommenterName {
    /// Trims and composes (NFC) a name of 1 to 80 graphemes and at most 320 bytes.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let text = plain::line(text)?;
        at_most(text.graphemes(true).count(), MAX_NAME, "characters")?;
        at_most(text.len(), MAX_NAME_BYTES, "bytes")?;
        Ok(Self(text))
    }
}

/// Renders a comment: its HTML and its plain text.
///
/// HTML in the source is shown, not obeyed; headings become bold paragraphs, images their alternative text, and links
/// lead to `http` and `https` only. Never fails: a comment whose markup is out of bounds is shown as it was typed.
pub fn render_comment(body: &CommentBody) -> (String, String) {
    let html =
        sanitise::comment(markdown(body.as_str())).unwrap_or_else(|_| format!("<p>{}</p>", escaped(body.as_str())));
    let text = outline::text(&html);
    (html, text)
}

/// Cleans the HTML of a comment that was left elsewhere: it and its plain text. Refuses what is out of bounds.
pub fn clean_comment(html: &str) -> Result<(String, String), Wrong> {
    at_most(html.len(), MAX_BODY_BYTES, "bytes")?;
    let html = sanitise::comment(html.to_owned())?;
    let text = outline::text(&html);
    Ok((html, text))
}

/// Exactly as the sanitiser's serializer would write it, so that this form is stable too.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\u{a0}', "&nbsp;");
    text.replace('\n', "<br>")
}

fn markdown(source: &str) -> String {
    let mut options = comrak::Options::default();
    options.extension.autolink = true;
    options.render.escape = true;
    // Most readers type no Markdown, and mean the line ends that they type.
    options.render.hardbreaks = true;
    let arena = Arena::new();
    let root = comrak::parse_document(&arena, source, &options);
    let nodes: Vec<Node<'_>> = root.descendants().collect();
    for node in nodes {
        let value = node.data.borrow().value.clone();
        match value {
            NodeValue::Heading(_) => {
                let strong = arena.alloc(AstNode::from(NodeValue::Strong));
                node.children().collect::<Vec<_>>().into_iter().for_each(|child| strong.append(child));
                node.append(strong);
                node.data.borrow_mut().value = NodeValue::Paragraph;
            }
            NodeValue::HtmlBlock(block) => {
                for line in block.literal.lines() {
                    node.append(arena.alloc(AstNode::from(NodeValue::Text(line.to_owned().into()))));
                    node.append(arena.alloc(AstNode::from(NodeValue::LineBreak)));
                }
                if let Some(last_break) = node.last_child() {
                    last_break.detach();
                }
                node.data.borrow_mut().value = NodeValue::Paragraph;
            }
            NodeValue::Image(_) => {
                node.children().collect::<Vec<_>>().into_iter().for_each(|child| node.insert_before(child));
                node.detach();
            }
            _ => {}
        }
    }
    let mut html = String::new();
    match comrak::format_html(root, &options, &mut html) {
        Ok(()) => html,
        // A `String` takes all that is written to it; were that to change, the text would still be shown.
        Err(std::fmt::Error) => escaped(source),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests_xss::soup;
    use super::*;

    fn rendered(source: &str) -> (String, String) {
        render_comment(&CommentBody::parse(source).unwrap())
    }

    fn html(source: &str) -> String {
        rendered(source).0
    }

    #[test]
    fn a_comment_may_format_and_link() {
        assert_eq!(
            rendered("*Thank* **you**.\nSee `a < b` and https://example.org/?a=1&b\n\n> quoted\n\n- one\n- two"),
            (
                "<p><em>Thank</em> <strong>you</strong>.<br>\nSee <code>a &lt; b</code> and \
                 <a href=\"https://example.org/?a=1&amp;b\" rel=\"nofollow ugc noopener noreferrer\">\
                 https://example.org/?a=1&amp;b</a></p>\n<blockquote>\n<p>quoted</p>\n</blockquote>\n\
                 <ul>\n<li>one</li>\n<li>two</li>\n</ul>\n"
                    .into(),
                "Thank you.\nSee a < b and https://example.org/?a=1&b\n\nquoted\n\none\ntwo".into()
            )
        );
    }

    #[test]
    fn html_in_a_comment_is_shown_not_obeyed() {
        assert_eq!(html("<b>a</b> <script>b</script>"), "<p>&lt;b&gt;a&lt;/b&gt; &lt;script&gt;b&lt;/script&gt;</p>\n");
        assert_eq!(rendered("<div>\na\n</div>").1, "<div>\na\n</div>");
    }

    #[test]
    fn headings_are_bold_and_images_their_words() {
        assert_eq!(html("# A *b*"), "<p><strong>A <em>b</em></strong></p>\n");
        assert_eq!(html("![a *b*](https://example.org/i.png) c"), "<p>a <em>b</em> c</p>\n");
        assert_eq!(
            html("[![a](i.png)](https://example.org)"),
            "<p><a href=\"https://example.org\" rel=\"nofollow ugc noopener noreferrer\">a</a></p>\n"
        );
    }

    #[test]
    fn links_lead_to_the_web_only() {
        for source in ["[a](javascript:b)", "[a](/b)", "[a](mailto:b@c.d)", "[a](data:b)", "[a](//b.c)"] {
            assert!(!html(source).contains("href"), "{source}: {}", html(source));
        }
    }

    #[test]
    fn a_body_keeps_its_limits() {
        assert_eq!(CommentBody::parse(" a\r\nb ").unwrap().as_str(), "a\nb");
        for (bad, code) in [
            (" a ".to_owned(), "too_short"),
            (String::new(), "required"),
            ("\u{200B}\u{200B}".into(), "required"),
            ("a".repeat(10_001), "too_long"),
            ("日".repeat(10_001), "too_long"),
            ("😀".repeat(9_000), "too_long"),
            ("a\n".repeat(401), "too_long"),
            ("a\0b".into(), "invalid_characters"),
            ("a\u{1b}b".into(), "invalid_characters"),
            ("a\u{202E}b".into(), "invalid_characters"),
        ] {
            assert_eq!(CommentBody::parse(&bad).unwrap_err().0, code);
        }
        assert!(CommentBody::parse(&"a\n".repeat(400)).is_ok());
        assert!(CommentBody::parse(&"a".repeat(10_000)).is_ok());
    }

    #[test]
    fn a_name_is_plain_text_that_can_be_seen() {
        assert_eq!(CommenterName::parse(" <b>Ann</b> ").unwrap().as_str(), "<b>Ann</b>");
        assert!(CommenterName::parse(&"é".repeat(80)).is_ok());
        for (bad, code) in [
            ("\u{200D}\u{200B}".to_owned(), "required"),
            ("a\u{202E}b".into(), "invalid_characters"),
            ("a\nb".into(), "invalid_characters"),
            ("a".repeat(81), "too_long"),
            ("👨‍👩‍👧‍👦".repeat(20), "too_long"),
        ] {
            assert_eq!(CommenterName::parse(&bad).unwrap_err().0, code);
        }
    }

    #[test]
    fn markup_out_of_bounds_is_shown_as_typed() {
        let source = format!("{}a & b", "> ".repeat(200));
        let (html, text) = rendered(&source);
        assert_eq!(html, format!("<p>{}a &amp; b</p>", "&gt; ".repeat(200)));
        assert_eq!(text, source);
    }

    proptest! {
        #[test]
        fn a_rendered_comment_is_stable(source in soup()) {
            if let Ok(body) = CommentBody::parse(&source) {
                let (html, _) = render_comment(&body);
                prop_assert_eq!(sanitise::comment(html.clone()).unwrap(), html);
            }
        }
    }
}
