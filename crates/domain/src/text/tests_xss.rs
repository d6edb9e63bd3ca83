//! Attacks that others have collected, through every door that markup comes in by.

use html5ever::tendril::TendrilSink;
use html5ever::{ParseOpts, QualName, local_name, ns, parse_fragment};
use markup5ever_rcdom::{Handle, NodeData, RcDom};
use proptest::prelude::*;

use super::policy::{ARTICLE_ATTRIBUTES, ARTICLE_GENERIC, ARTICLE_TAGS, COMMENT_TAGS};
use super::*;

/// Where a payload comes from, and the payload.
fn corpus() -> Vec<String> {
    let lines = include_str!("xss_corpus.txt").lines();
    lines.filter(|line| !line.starts_with('#')).map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Everything in `html` that a browser would see and that must not be there.
fn offences(html: &str, tags: &[&str], attributes: &[(&str, &[&str])], generic: &[&str]) -> Vec<String> {
    let context = QualName::new(None, ns!(html), local_name!("body"));
    let dom = parse_fragment(RcDom::default(), ParseOpts::default(), context, vec![], false).one(html);
    // The parser puts a fragment under an `html` of its own.
    let mut waiting: Vec<Handle> = dom.document.children.borrow()[0].children.borrow().clone();
    let mut found = Vec::new();
    while let Some(node) = waiting.pop() {
        waiting.extend(node.children.borrow().iter().cloned());
        match &node.data {
            NodeData::Text { .. } => {}
            NodeData::Element { name, attrs, .. } => {
                let tag = &*name.local;
                if name.ns != ns!(html) || !tags.contains(&tag) {
                    found.push(format!("<{tag}>"));
                }
                let own = attributes.iter().find(|(named, _)| *named == tag).map_or(&[][..], |(_, own)| own);
                for attr in attrs.borrow().iter() {
                    let (attribute, value) = (&*attr.name.local, &*attr.value);
                    let known = own.contains(&attribute) || generic.contains(&attribute);
                    if !known || !is_harmless(tag, attribute, value) {
                        found.push(format!("<{tag} {attribute}={value:?}>"));
                    }
                }
            }
            _ => found.push("no element and no text".into()),
        }
    }
    found
}

fn is_harmless(tag: &str, attribute: &str, value: &str) -> bool {
    if tag == "iframe" {
        return frames::tests::is_ours(attribute, value);
    }
    match attribute {
        "href" | "src" | "cite" | "poster" => {
            // What a browser skips before and within a scheme.
            let read: String = value.chars().filter(|c| !c.is_ascii_control() && *c != ' ').collect();
            let scheme =
                read.split(['/', '?', '#']).next().unwrap_or_default().split_once(':').map(|(scheme, _)| scheme);
            scheme.is_none_or(|scheme| {
                ["http", "https"]
                    .iter()
                    .chain((tag == "a").then_some(&"mailto"))
                    .any(|s| scheme.eq_ignore_ascii_case(s))
            })
        }
        "type" => {
            value == "checkbox" || (tag == "source" && (value.starts_with("audio/") || value.starts_with("video/")))
        }
        "id" => tag.starts_with('h') || value.starts_with("fn-") || value.starts_with("fnref-"),
        "class" => value.split(' ').all(|class| {
            ["language-", "footnote", "wp-", "kg-", "align", "size-", "has-"]
                .iter()
                .any(|begin| class.starts_with(begin))
        }),
        _ => !attribute.starts_with("on") && attribute != "style",
    }
}

fn article_offences(html: &str) -> Vec<String> {
    let mut attributes = ARTICLE_ATTRIBUTES.to_vec();
    let tags: Vec<&str> = ARTICLE_TAGS.iter().copied().chain(["iframe"]).collect();
    let frame = ["allowfullscreen", "height", "loading", "referrerpolicy", "sandbox", "src", "title", "width"];
    attributes.push(("iframe", &frame));
    attributes.iter_mut().filter(|(tag, _)| *tag == "a").for_each(|(_, own)| {
        *own = &["aria-label", "href", "id", "rel", "title"];
    });
    attributes.extend(["h1", "h2", "h3", "h4", "h5", "h6"].map(|tag| (tag, &["id"][..])));
    offences(html, &tags, &attributes, ARTICLE_GENERIC)
}

fn comment_offences(html: &str) -> Vec<String> {
    offences(html, COMMENT_TAGS, &[("a", &["href", "rel"])], &[])
}

/// Asserts that no door lets anything of `attack` through.
fn assert_stopped(attack: &str) {
    for format in [BodyFormat::Html, BodyFormat::Markdown] {
        if let Ok(rendered) = render(attack, format) {
            assert_eq!(
                article_offences(&rendered.html),
                Vec::<String>::new(),
                "{format} {attack:?}: {}",
                rendered.html
            );
        }
    }
    if let Ok(stored) = sanitise(attack) {
        assert_eq!(article_offences(&stored), Vec::<String>::new(), "{attack:?}: {stored}");
        assert_eq!(sanitise(&stored).as_ref(), Ok(&stored), "{attack:?}");
    }
    if let Ok(body) = CommentBody::parse(attack) {
        let (html, _) = render_comment(&body);
        assert_eq!(comment_offences(&html), Vec::<String>::new(), "{attack:?}: {html}");
    }
}

#[test]
fn the_checker_finds_what_it_looks_for() {
    for (bad, found) in [
        ("<script>a</script>", "<script>"),
        ("<p onclick=a>b</p>", "<p onclick=\"a\">"),
        ("<p style=a>b</p>", "<p style=\"a\">"),
        ("<a href=' jAva\tscript:a'>b</a>", "<a href=\" jAva\\tscript:a\">"),
        ("<img src=data:a>", "<img src=\"data:a\">"),
        ("<svg></svg>", "<svg>"),
        ("<!--a-->", "no element and no text"),
    ] {
        assert!(article_offences(bad).contains(&found.to_owned()), "{:?}", article_offences(bad));
    }
    assert!(comment_offences("<h1>a</h1>").contains(&"<h1>".to_owned()));
}

#[test]
fn no_known_attack_passes_alone() {
    let corpus = corpus();
    assert!(corpus.len() >= 150);
    for attack in &corpus {
        assert_stopped(attack);
    }
}

#[test]
fn no_known_attack_passes_in_company() {
    for attack in corpus() {
        for (before, after) in
            [("<p>", "</p>"), ("<table><tr><td>", ""), ("# ", "\n\ntext"), ("<a title='", "'>x</a>"), ("[a](", ")")]
        {
            assert_stopped(&format!("{before}{attack}{after}"));
        }
    }
}

#[test]
fn attacks_are_refused_or_plain_text_in_small_fields() {
    for attack in corpus() {
        if let Ok(url) = WebUrl::parse_max(&attack, 200) {
            assert!(url.as_str().starts_with("http") && !url.as_str().contains(['<', '"', ' ']), "{attack}");
        }
        assert!(Email::parse(&attack).is_err(), "{attack}");
        assert!(Slug::parse(Slug::from_title(&attack).as_str()).is_ok(), "{attack}");
    }
}

#[rustfmt::skip]
const TAGS: &[&str] = &[
    "a", "a href='//b'", "b", "i", "p", "div", "span", "table", "caption", "colgroup", "tbody", "tr", "td", "th", "ul",
    "li", "dl", "dt", "dd", "h1", "h2", "pre", "code", "blockquote", "select", "option", "button", "form", "input",
    "svg", "math", "mi", "style", "script", "title", "textarea", "template", "noscript", "iframe", "xmp", "object",
    "ruby", "rb", "rt", "rtc", "br", "hr", "img src=x onerror=a", "li id=fn-1", "details", "summary", "nobr", "font",
    "center", "marquee", "body", "html", "head", "frameset", "foreignObject", "annotation-xml", "mglyph", "desc",
    "sup class=footnote-ref", "plaintext", "section", "figure", "input type=checkbox", "listing", "image",
];

#[rustfmt::skip]
const WORDS: &[&str] = &[
    "x", " ", "\n", "\n\n", "&lt;", "&amp;", "\u{a0}", "<!--", "-->", "<![CDATA[", "]]>", "\"", "'", "/>", "<", ">",
    "# ", "- ", "> ", "1. ", "    ", "```", "`", "*", "**", "_", "~~", "[", "](", ")", "![", "[^1]", "[^1]: ", "|",
    "\n|-|\n", "javascript:x", "http://a.b", "&#0;", "\r", "\0", "é", "日", "- [x] ", "\\", "</", "=",
];

/// Pieces of HTML and Markdown in any order: what no generator of valid documents would think of.
pub(super) fn soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(TAGS).prop_map(|tag| format!("<{tag}>")),
        prop::sample::select(TAGS).prop_map(|tag| format!("</{}>", tag.split(' ').next().unwrap())),
        prop::sample::select(WORDS).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_soup_passes(soup in soup()) {
        assert_stopped(&soup);
    }

    #[test]
    fn no_text_makes_the_renderer_fail(text in any::<String>()) {
        assert_stopped(&text);
    }
}
