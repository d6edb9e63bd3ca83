//! What markup may hold: one allow-list for articles, a narrower one for comments.
//!
//! Never on either: `svg`, `math`, `style`, `iframe`, `script`, `title`, `textarea`, `noscript`, `xmp`, `template`.
//! Every known hole of the sanitiser needed one of them (RUSTSEC-2025-0071, -2026-0193, -2026-0213). The players of
//! known hosts are let in beside the sanitiser (`frames.rs`).

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};
use url::Url;

use super::frames::{self, FRAME};

/// Elements of an article.
pub(super) const ARTICLE_TAGS: &[&str] = &[
    "a",
    "abbr",
    "audio",
    "b",
    "bdi",
    "bdo",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "details",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "input",
    "ins",
    "kbd",
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "rp",
    "rt",
    "ruby",
    "s",
    "samp",
    "section",
    "small",
    "source",
    "span",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "time",
    "tr",
    "u",
    "ul",
    "var",
    "video",
    "wbr",
];

/// Attributes of an article's elements; [`article_attribute`] decides about their values.
pub(super) const ARTICLE_ATTRIBUTES: &[(&str, &[&str])] = &[
    ("a", &["aria-label", "href", "id", "title"]),
    ("abbr", &["title"]),
    ("audio", &["controls", "loop", "preload", "src"]),
    ("blockquote", &["cite"]),
    ("col", &["span"]),
    ("colgroup", &["span"]),
    ("del", &["cite", "datetime"]),
    ("details", &["open"]),
    ("dfn", &["title"]),
    ("img", &["alt", "height", "loading", "src", "title", "width"]),
    ("input", &["checked", "disabled", "type"]),
    ("ins", &["cite", "datetime"]),
    ("li", &["id", "value"]),
    ("ol", &["reversed", "start"]),
    ("q", &["cite"]),
    ("source", &["src", "type"]),
    ("td", &["align", "colspan", "rowspan"]),
    ("th", &["align", "colspan", "rowspan", "scope"]),
    ("time", &["datetime"]),
    ("video", &["controls", "height", "loop", "muted", "playsinline", "poster", "preload", "src", "width"]),
    (FRAME, &["height", "src", "title", "width"]),
];

/// Attributes of every element of an article.
pub(super) const ARTICLE_GENERIC: &[&str] = &["class", "dir", "lang"];

/// Beginnings of classes by which the articles of other systems are laid out.
const LAYOUT: &[&str] = &["align", "has-", "kg-", "size-", "wp-"];
/// Longest list of classes, in bytes.
const MAX_CLASSES: usize = 1_000;

/// Elements of a comment; the only attributes are a link's `href` and our `rel`.
pub(super) const COMMENT_TAGS: &[&str] =
    &["a", "blockquote", "br", "code", "em", "li", "ol", "p", "pre", "strong", "ul"];

/// Elements that go with all they hold, since what they hold is no text.
const EMPTIED: &[&str] = &[
    "iframe",
    "math",
    "noembed",
    "noframes",
    "noscript",
    "object",
    "plaintext",
    "script",
    "select",
    "style",
    "svg",
    "template",
    "textarea",
    "title",
    "xmp",
];

/// The policy for articles.
pub(super) static ARTICLE: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut policy = Builder::empty();
    policy
        .tags(set(ARTICLE_TAGS).into_iter().chain([FRAME]).collect())
        .clean_content_tags(set(EMPTIED))
        .tag_attributes(ARTICLE_ATTRIBUTES.iter().map(|&(tag, attributes)| (tag, set(attributes))).collect())
        .generic_attributes(set(ARTICLE_GENERIC))
        .url_schemes(set(&["http", "https", "mailto"]))
        .url_relative(UrlRelative::PassThrough)
        .link_rel(Some("noopener noreferrer"))
        // A check box can be seen here, never used.
        .set_tag_attribute_value("input", "disabled", "")
        .attribute_filter(article_attribute);
    policy
});

/// The policy for comments: on a page of ours they may only format and link.
pub(super) static COMMENT: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut policy = Builder::empty();
    policy
        .tags(set(COMMENT_TAGS))
        .clean_content_tags(set(EMPTIED))
        .tag_attributes(HashMap::from([("a", set(&["href"]))]))
        // Even an empty builder allows `lang` and `title` everywhere.
        .generic_attributes(HashSet::new())
        .url_schemes(set(&["http", "https"]))
        .url_relative(UrlRelative::Deny)
        .link_rel(Some("nofollow ugc noopener noreferrer"));
    policy
});

fn set(names: &'static [&'static str]) -> HashSet<&'static str> {
    names.iter().copied().collect()
}

/// Keeps, changes or drops the value of an attribute that the allow-list has let pass.
fn article_attribute<'u>(tag: &str, attribute: &str, value: &'u str) -> Option<Cow<'u, str>> {
    let keep = |yes: bool| yes.then_some(Cow::Borrowed(value));
    match attribute {
        "href" => keep(is_relative(value) || Url::parse(value).is_ok()),
        "src" if tag == FRAME => keep(frames::is_known(value)),
        "src" | "cite" | "poster" => keep(is_relative(value) || is_web(value)),
        "id" => keep(is_footnote_id(value)),
        "class" => classes(tag, value),
        "width" | "height" | "colspan" | "rowspan" | "span" | "start" | "value" => keep(is_small_number(value)),
        "dir" => keep(matches!(value, "ltr" | "rtl" | "auto")),
        "lang" => keep(value.len() <= 35 && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')),
        "align" => keep(matches!(value, "left" | "center" | "right")),
        "scope" => keep(matches!(value, "row" | "col" | "rowgroup" | "colgroup")),
        "loading" => keep(matches!(value, "lazy" | "eager")),
        "type" if tag == "source" => keep(is_media_type(value)),
        "type" => keep(value == "checkbox"),
        "preload" => keep(matches!(value, "none" | "metadata" | "auto")),
        "checked" | "controls" | "disabled" | "loop" | "muted" | "open" | "playsinline" | "reversed" => Some("".into()),
        _ => keep(true),
    }
}

fn is_web(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

/// A relative address whose first part holds no colon (RFC 3986, 4.2): one that does was meant as a scheme, and some
/// reader less strict than today's browsers would take it for one.
fn is_relative(address: &str) -> bool {
    Url::parse(address) == Err(url::ParseError::RelativeUrlWithoutBase)
        && !address.split(['/', '?', '#']).next().unwrap_or_default().contains(':')
}

fn is_small_number(value: &str) -> bool {
    (1..=5).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit())
}

/// Ids of the Markdown renderer's footnotes. Any other id could take the place of a name that a page's scripts use.
fn is_footnote_id(id: &str) -> bool {
    id.strip_prefix("fn-").or_else(|| id.strip_prefix("fnref-")).is_some_and(|name| {
        (1..=200).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.%".contains(&b))
    })
}

/// `audio/mpeg`, `video/mp4`, ...
fn is_media_type(value: &str) -> bool {
    let name = value.strip_prefix("audio/").or_else(|| value.strip_prefix("video/"));
    name.is_some_and(|name| {
        (1..=50).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    })
}

/// A class by which the articles of other systems are laid out.
fn is_layout(class: &str) -> bool {
    let plain = class.len() <= 80 && class.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    plain && LAYOUT.iter().any(|begin| class.starts_with(begin))
}

/// The classes that mean something here: layout, a code block's language, and the parts of a footnote.
fn classes<'u>(tag: &str, value: &'u str) -> Option<Cow<'u, str>> {
    let ours = |class: &&str| match tag {
        "code" => class.strip_prefix("language-").is_some_and(|name| {
            (1..=40).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"+#-_.".contains(&b))
        }),
        "section" => *class == "footnotes",
        "sup" => *class == "footnote-ref",
        "a" => *class == "footnote-backref",
        _ => false,
    };
    if value.len() > MAX_CLASSES {
        return None;
    }
    let kept: Vec<&str> = value.split_ascii_whitespace().filter(|class| ours(class) || is_layout(class)).collect();
    (!kept.is_empty()).then(|| kept.join(" ").into())
}
