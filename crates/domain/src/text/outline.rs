//! Reads cleaned HTML: its headings get anchors, its text is taken out.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{BufferQueue, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::slug::hyphenated;

/// Longest anchor before its number, in bytes.
const MAX_ANCHOR: usize = 80;
/// Headings down to this level are in the table of contents.
const TOC_DEPTH: u8 = 4;

/// An entry of an article's table of contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Heading {
    /// 1 to 4, from `h1` to `h4`.
    #[schema(minimum = 1, maximum = 4)]
    pub level: u8,
    /// Its plain text.
    pub text: String,
    /// The `id` of its element, unique in the article.
    pub anchor: String,
}

/// Cleaned HTML with what was read from it.
pub(super) struct Outline {
    /// The same HTML with an `id` on every heading that has a text.
    pub(super) html: String,
    /// The headings `h1` to `h4`, in order.
    pub(super) toc: Vec<Heading>,
    /// The plain text: blocks are parted by an empty line, list items, rows and line breaks by a line end.
    pub(super) text: String,
}

/// The text of HTML that the sanitiser wrote: blocks are parted by an empty line.
pub fn plain_text(html: &str) -> String {
    read(html).text
}

/// Reads HTML that the sanitiser wrote.
pub(super) fn read(html: &str) -> Outline {
    let reader = tokens(html);
    let anchors = anchors(&reader);
    let html = with_anchors(html, &anchors);
    let toc = reader
        .headings
        .into_iter()
        .zip(anchors)
        .filter_map(|((level, text), anchor)| Some(Heading { level, text: text.out, anchor: anchor? }))
        .filter(|heading| heading.level <= TOC_DEPTH)
        .collect();
    Outline { html, toc, text: reader.text.out }
}

/// The plain text alone.
pub(super) fn text(html: &str) -> String {
    tokens(html).text.out
}

// The sanitiser's output is balanced and holds no element with a syntax of its own, so its tags can be read one after
// the other, without building a document again.
fn tokens(html: &str) -> Reader {
    let tokenizer = Tokenizer::new(Tokens::default(), TokenizerOpts::default());
    let queue = BufferQueue::default();
    queue.push_back(StrTendril::from_slice(html));
    let _ = tokenizer.feed(&queue);
    tokenizer.end();
    tokenizer.sink.0.into_inner()
}

/// One anchor per heading, none for a heading without text.
fn anchors(reader: &Reader) -> Vec<Option<String>> {
    let mut taken: HashSet<String> = reader.ids.clone();
    let mut next: HashMap<String, u32> = HashMap::new();
    let mut unique = |text: &str| {
        let stem = hyphenated(text, MAX_ANCHOR).unwrap_or_else(|| "section".into());
        let number = next.entry(stem.clone()).or_insert(1);
        loop {
            let anchor = if *number == 1 { stem.clone() } else { format!("{stem}-{number}") };
            *number += 1;
            if taken.insert(anchor.clone()) {
                return anchor;
            }
        }
    };
    reader.headings.iter().map(|(_, text)| (!text.out.is_empty()).then(|| unique(&text.out))).collect()
}

/// Puts the n-th anchor into the n-th heading's tag. `<` stands for nothing but a tag in the serializer's output.
fn with_anchors(html: &str, anchors: &[Option<String>]) -> String {
    let mut out = String::with_capacity(html.len() + anchors.len() * 32);
    let mut anchors = anchors.iter();
    let mut rest = html;
    while let Some(at) = rest.find("<h") {
        // `<h1` to `<h6`, not `<hr`; both have a byte more.
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        rest = after;
        if before.ends_with(|c: char| c.is_ascii_digit())
            && let Some(Some(anchor)) = anchors.next()
        {
            out.extend([" id=\"", anchor, "\""]);
        }
    }
    out + rest
}

/// Gathers what the tokenizer reports.
#[derive(Default)]
struct Tokens(RefCell<Reader>);

#[derive(Default)]
struct Reader {
    text: Plain,
    headings: Vec<(u8, Plain)>,
    in_heading: bool,
    ids: HashSet<String>,
    /// How many elements deep the reader is in something that is no text: a footnote's number, its way back.
    skipping: u32,
    in_pre: u32,
}

impl TokenSink for Tokens {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        let mut reader = self.0.borrow_mut();
        match token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => {
                let attribute = |name: &str| tag.attrs.iter().find(|attr| &*attr.name.local == name);
                reader.ids.extend(attribute("id").map(|id| id.value.to_string()));
                let marks_footnote = attribute("class").is_some_and(|class| class.value.starts_with("footnote-"));
                reader.open(&tag.name, marks_footnote);
            }
            Token::TagToken(tag) => reader.close(&tag.name),
            Token::CharacterTokens(text) => reader.characters(&text),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

impl Reader {
    fn open(&mut self, name: &str, marks_footnote: bool) {
        if self.skipping > 0 || marks_footnote {
            self.skipping += u32::from(!matches!(name, "br" | "hr" | "img" | "input" | "wbr" | "col"));
            return;
        }
        self.text.part(gap(name));
        match name {
            "pre" => self.in_pre += 1,
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.headings.push((name.as_bytes()[1] - b'0', Plain::default()));
                self.in_heading = true;
            }
            "br" if self.in_heading => self.characters(" "),
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        if self.skipping > 0 {
            self.skipping -= 1;
            return;
        }
        self.text.part(gap(name));
        match name {
            "pre" => self.in_pre = self.in_pre.saturating_sub(1),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.in_heading = false,
            _ => {}
        }
    }

    fn characters(&mut self, text: &str) {
        if self.skipping > 0 {
            return;
        }
        self.text.push(text, self.in_pre > 0);
        if self.in_heading
            && let Some((_, heading)) = self.headings.last_mut()
        {
            heading.push(text, false);
        }
    }
}

/// What parts two words, from nothing to an empty line.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    Space,
    Line,
    Block,
}

/// How far the beginning or the end of an element parts the text around it.
fn gap(name: &str) -> Gap {
    match name {
        "td" | "th" | "rt" | "rp" => Gap::Space,
        "br" | "li" | "dt" | "dd" | "tr" | "caption" | "summary" | "figcaption" => Gap::Line,
        "blockquote" | "details" | "div" | "dl" | "figure" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "hr" | "ol"
        | "p" | "pre" | "section" | "table" | "ul" => Gap::Block,
        _ => Gap::None,
    }
}

/// Plain text that grows; a gap is written only once something follows it.
#[derive(Default)]
struct Plain {
    out: String,
    gap: Gap,
}

impl Plain {
    fn part(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    fn push(&mut self, text: &str, keep_space: bool) {
        for c in text.chars() {
            match c {
                '\n' if keep_space => self.part(Gap::Line),
                c if c.is_whitespace() && !(keep_space && self.gap == Gap::None) => self.part(Gap::Space),
                c => {
                    let gap = std::mem::take(&mut self.gap);
                    if !self.out.is_empty() {
                        self.out.push_str(["", " ", "\n", "\n\n"][gap as usize]);
                    }
                    self.out.push(c);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_get_anchors_that_are_unique() {
        let outline = read("<h1>Foo</h1><h2>Foo</h2><h3>Foo 2</h3><h5>Foo</h5><h2>日</h2><h2>!</h2><h2></h2><hr>");
        assert_eq!(
            outline.html,
            "<h1 id=\"foo\">Foo</h1><h2 id=\"foo-2\">Foo</h2><h3 id=\"foo-2-2\">Foo 2</h3><h5 id=\"foo-3\">Foo</h5>\
             <h2 id=\"ri\">日</h2><h2 id=\"section\">!</h2><h2></h2><hr>"
        );
        assert_eq!(outline.toc.iter().map(|heading| heading.level).collect::<Vec<_>>(), [1, 2, 3, 2, 2]);
        assert_eq!(outline.toc[1], Heading { level: 2, text: "Foo".into(), anchor: "foo-2".into() });
    }

    #[test]
    fn an_anchor_does_not_take_a_footnotes_id() {
        let outline = read("<h2>fn 1</h2><ol><li id=\"fn-1\">a</li></ol>");
        assert_eq!(outline.toc[0].anchor, "fn-1-2");
    }

    #[test]
    fn a_headings_text_is_one_line_without_footnote_numbers() {
        let outline = read(
            "<h2>A <em>b</em><br>\n c<sup class=\"footnote-ref\"><a href=\"#fn-1\" id=\"fnref-1\">1</a></sup></h2><p>d</p>",
        );
        assert_eq!(outline.toc[0].text, "A b c");
        assert_eq!(outline.text, "A b\nc\n\nd");
    }

    #[test]
    fn text_is_parted_by_blocks() {
        assert_eq!(
            text(
                "<p>a\n b&nbsp; c</p><ul>\n<li>d</li>\n<li><p>e</p></li></ul><table><tr><td>f</td><td>g</td></tr></table>h<br>i"
            ),
            "a b c\n\nd\n\ne\n\nf g\n\nh\ni"
        );
        assert_eq!(text("<pre><code>a  b\n  c &lt;\n</code></pre>"), "a  b\nc <");
        assert_eq!(text(""), "");
    }
}
