//! Ghost's cards, which Lexical and Mobiledoc have in common, as the HTML that Ghost makes of them.

use std::fmt::Write as _;

use domain::text::{BodyFormat, render};
use serde_json::Value;

use crate::content::{Converted, embed, escape, figure};

/// Behind it an article is for members or payers alone.
pub(super) const PAYWALL: &str = "<!--members-only-->";

/// The HTML of a card; none, if it is not known.
pub(super) fn card(name: &str, card: &Value, converted: &mut Converted) -> Option<String> {
    let text = |key: &str| card.get(key).and_then(Value::as_str).unwrap_or_default();
    Some(match name {
        "image" => image(card),
        "gallery" => gallery(card),
        "horizontalrule" | "hr" => "<hr>".into(),
        "codeblock" | "code" => code(card),
        "html" => text("html").to_owned(),
        "markdown" | "card-markdown" => markdown(text("markdown"), converted),
        "embed" => embedded(card),
        "bookmark" => bookmark(card),
        "callout" => callout(card),
        "toggle" => format!(
            "<details class=\"kg-toggle-card\"><summary>{}</summary>{}</details>",
            text("heading"),
            text("content")
        ),
        "button" => button(text("buttonText"), text("buttonUrl")),
        "video" => player("video", card),
        "audio" => player("audio", card),
        "file" => file(card),
        "product" => product(card),
        "header" => header(card),
        "call-to-action" => call_to_action(card),
        "paywall" => PAYWALL.into(),
        // For mails, and for forms that only Ghost can answer.
        "email" | "email-cta" | "signup" => {
            converted.note("card_left_out", name);
            String::new()
        }
        _ => return None,
    })
}

fn string<'a>(card: &'a Value, keys: &[&str]) -> &'a str {
    keys.iter().find_map(|key| card.get(*key)?.as_str().filter(|text| !text.is_empty())).unwrap_or_default()
}

fn number(card: &Value, key: &str) -> Option<u64> {
    card.get(key)?.as_u64()
}

fn img(card: &Value) -> String {
    let mut img = format!("<img src=\"{}\"", escape(string(card, &["src"])));
    let _ = write!(img, " alt=\"{}\"", escape(string(card, &["alt"])));
    let title = string(card, &["title"]);
    if !title.is_empty() {
        let _ = write!(img, " title=\"{}\"", escape(title));
    }
    for side in ["width", "height"] {
        if let Some(pixels) = number(card, side) {
            let _ = write!(img, " {side}=\"{pixels}\"");
        }
    }
    img.push('>');
    img
}

fn image(card: &Value) -> String {
    if string(card, &["src"]).is_empty() {
        return String::new();
    }
    let href = string(card, &["href"]);
    let picture = if href.is_empty() { img(card) } else { format!("<a href=\"{}\">{}</a>", escape(href), img(card)) };
    let class = match string(card, &["cardWidth"]) {
        width @ ("wide" | "full") => format!("kg-card kg-image-card kg-width-{width}"),
        _ => "kg-card kg-image-card".into(),
    };
    figure(&class, &picture, string(card, &["caption"]))
}

fn gallery(card: &Value) -> String {
    let pictures = card.get("images").and_then(Value::as_array).into_iter().flatten();
    let mut inner = String::new();
    for picture in pictures {
        let _ = write!(inner, "<div class=\"kg-gallery-image\">{}</div>", img(picture));
    }
    let inner = format!("<div class=\"kg-gallery-container\">{inner}</div>");
    figure("kg-card kg-gallery-card kg-width-wide", &inner, string(card, &["caption"]))
}

fn code(card: &Value) -> String {
    let language = string(card, &["language"]);
    let class = if language.is_empty() { String::new() } else { format!(" class=\"language-{}\"", escape(language)) };
    let code = format!("<pre><code{class}>{}</code></pre>", escape(string(card, &["code"])));
    let caption = string(card, &["caption"]);
    if caption.is_empty() { code } else { figure("kg-card kg-code-card", &code, caption) }
}

fn markdown(source: &str, converted: &mut Converted) -> String {
    match render(source, BodyFormat::Markdown) {
        Ok(rendered) => rendered.html,
        Err((code, _)) => {
            converted.note("card_left_out", format!("markdown ({code})"));
            String::new()
        }
    }
}

fn embedded(card: &Value) -> String {
    let (url, html, caption) = (string(card, &["url"]), string(card, &["html"]), string(card, &["caption"]));
    let made = embed(url);
    // A player of our own, where the host is known; else what the host gave, of which the sanitiser keeps the text.
    if made.contains("<iframe") || html.is_empty() {
        let inner = made.replace("<figure class=\"wp-block-embed\">", "").replace("</figure>", "");
        return figure("kg-card kg-embed-card", &inner, caption);
    }
    let link = if html.contains("<iframe") { String::new() } else { made };
    figure("kg-card kg-embed-card", &format!("{html}{link}"), caption)
}

fn bookmark(card: &Value) -> String {
    let about = card.get("metadata").unwrap_or(card);
    let url = escape(string(card, &["url"]));
    let title = string(about, &["title"]);
    let mut inner = format!("<a class=\"kg-bookmark-container\" href=\"{url}\">");
    let _ = write!(
        inner,
        "<strong class=\"kg-bookmark-title\">{}</strong>",
        if title.is_empty() { url.clone() } else { escape(title) }
    );
    for (key, class) in [
        ("description", "kg-bookmark-description"),
        ("author", "kg-bookmark-author"),
        ("publisher", "kg-bookmark-publisher"),
    ] {
        let text = string(about, &[key]);
        if !text.is_empty() {
            let _ = write!(inner, " <span class=\"{class}\">{}</span>", escape(text));
        }
    }
    let picture = string(about, &["thumbnail"]);
    if !picture.is_empty() {
        let _ = write!(inner, " <img src=\"{}\" alt=\"\">", escape(picture));
    }
    inner.push_str("</a>");
    figure("kg-card kg-bookmark-card", &inner, string(card, &["caption"]))
}

fn callout(card: &Value) -> String {
    let emoji = string(card, &["calloutEmoji"]);
    let emoji = if emoji.is_empty() {
        String::new()
    } else {
        format!("<span class=\"kg-callout-emoji\">{}</span> ", escape(emoji))
    };
    format!(
        "<div class=\"kg-card kg-callout-card\">{emoji}<div class=\"kg-callout-text\">{}</div></div>",
        string(card, &["calloutText"])
    )
}

fn button(text: &str, url: &str) -> String {
    if text.is_empty() || url.is_empty() {
        return String::new();
    }
    format!(
        "<div class=\"kg-card kg-button-card\"><a class=\"kg-btn\" href=\"{}\">{}</a></div>",
        escape(url),
        escape(text)
    )
}

fn player(kind: &str, card: &Value) -> String {
    let source = string(card, &["src"]);
    if source.is_empty() {
        return String::new();
    }
    let poster = string(card, &["customThumbnailSrc", "thumbnailSrc"]);
    let poster =
        if kind == "video" && !poster.is_empty() { format!(" poster=\"{}\"", escape(poster)) } else { String::new() };
    let title = string(card, &["title"]);
    let title =
        if title.is_empty() { String::new() } else { format!("<div class=\"kg-audio-title\">{}</div>", escape(title)) };
    let player = format!("{title}<{kind} controls src=\"{}\"{poster}></{kind}>", escape(source));
    figure(&format!("kg-card kg-{kind}-card"), &player, string(card, &["caption"]))
}

fn file(card: &Value) -> String {
    let title = string(card, &["fileTitle", "fileName"]);
    let mut inner = format!(
        "<a class=\"kg-file-card-container\" href=\"{}\">{}</a>",
        escape(string(card, &["src"])),
        escape(title)
    );
    let caption = string(card, &["fileCaption"]);
    if !caption.is_empty() {
        let _ = write!(inner, " <span class=\"kg-file-card-caption\">{}</span>", escape(caption));
    }
    format!("<div class=\"kg-card kg-file-card\">{inner}</div>")
}

fn product(card: &Value) -> String {
    let mut inner = String::new();
    let picture = string(card, &["productImageSrc"]);
    if !picture.is_empty() {
        let _ = write!(inner, "<img src=\"{}\" alt=\"\">", escape(picture));
    }
    let _ = write!(inner, "<h4>{}</h4>", string(card, &["productTitle"]));
    let _ = write!(inner, "<div>{}</div>", string(card, &["productDescription"]));
    inner.push_str(&button(string(card, &["productButton"]), string(card, &["productUrl"])));
    format!("<div class=\"kg-card kg-product-card\">{inner}</div>")
}

fn header(card: &Value) -> String {
    let mut inner = String::new();
    for (key, tag) in [("header", "h2"), ("heading", "h2"), ("subheader", "h3"), ("subheading", "h3")] {
        let text = string(card, &[key]);
        if !text.is_empty() {
            let _ = write!(inner, "<{tag}>{text}</{tag}>");
        }
    }
    inner.push_str(&button(string(card, &["buttonText"]), string(card, &["buttonUrl"])));
    format!("<div class=\"kg-card kg-header-card\">{inner}</div>")
}

fn call_to_action(card: &Value) -> String {
    let picture = string(card, &["imageUrl"]);
    let picture =
        if picture.is_empty() { String::new() } else { format!("<img src=\"{}\" alt=\"\">", escape(picture)) };
    let button = button(string(card, &["buttonText"]), string(card, &["buttonUrl"]));
    format!("<div class=\"kg-card kg-cta-card\">{picture}{}{button}</div>", string(card, &["textValue"]))
}
