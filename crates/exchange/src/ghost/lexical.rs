//! Lexical, in which Ghost 5 and 6 keep what is written.

use std::fmt::Write as _;

use serde_json::Value;

use super::cards;
use crate::content::{Converted, escape};

/// Nodes within nodes.
const MAX_DEPTH: usize = 100;

/// Marks of a text, by their bits, the outermost first.
const MARKS: [(u64, &str); 8] =
    [(1, "strong"), (2, "em"), (4, "s"), (8, "u"), (16, "code"), (32, "sub"), (64, "sup"), (128, "mark")];

/// The HTML of a document; none, if it is none.
pub(super) fn html(document: &str, converted: &mut Converted) -> Option<String> {
    let document: Value = serde_json::from_str(document).ok()?;
    let mut html = String::new();
    children(document.get("root")?, 0, &mut html, converted);
    Some(html)
}

fn children(node: &Value, depth: usize, html: &mut String, converted: &mut Converted) {
    for child in node.get("children").and_then(Value::as_array).into_iter().flatten() {
        if depth < MAX_DEPTH {
            put(child, depth + 1, html, converted);
        }
    }
}

fn put(node: &Value, depth: usize, html: &mut String, converted: &mut Converted) {
    let text = |key: &str| node.get(key).and_then(Value::as_str).unwrap_or_default();
    let kind = text("type");
    let mut within = |tag: &str, html: &mut String| {
        let _ = write!(html, "<{tag}>");
        children(node, depth, html, converted);
        let _ = write!(html, "</{tag}>");
    };
    match kind {
        "paragraph" => within("p", html),
        "heading" | "extended-heading" => {
            let tag = Some(text("tag")).filter(|tag| matches!(*tag, "h1" | "h2" | "h3" | "h4" | "h5" | "h6"));
            within(tag.unwrap_or("h2"), html);
        }
        "quote" | "extended-quote" | "aside" => within("blockquote", html),
        "list" => {
            let start = node.get("start").and_then(Value::as_u64).filter(|start| *start > 1);
            if text("tag") == "ol" || text("listType") == "number" {
                let start = start.map(|start| format!(" start=\"{start}\"")).unwrap_or_default();
                let _ = write!(html, "<ol{start}>");
                children(node, depth, html, converted);
                html.push_str("</ol>");
            } else {
                within("ul", html);
            }
        }
        "listitem" => within("li", html),
        "link" | "autolink" | "at-link" => {
            let _ = write!(html, "<a href=\"{}\">", escape(text("url")));
            children(node, depth, html, converted);
            html.push_str("</a>");
        }
        "linebreak" => html.push_str("<br>"),
        "tab" => html.push('\t'),
        "text" | "extended-text" | "zwnj" | "code-highlight" => put_text(node, text("text"), html),
        _ => {
            if let Some(card) = cards::card(kind, node, converted) {
                html.push_str(&card);
            } else {
                converted.note("card_left_out", kind);
                children(node, depth, html, converted);
            }
        }
    }
}

fn put_text(node: &Value, text: &str, html: &mut String) {
    let format = node.get("format").and_then(Value::as_u64).unwrap_or(0);
    let marks: Vec<&str> = MARKS.iter().filter(|(bit, _)| format & bit != 0).map(|(_, tag)| *tag).collect();
    for tag in &marks {
        let _ = write!(html, "<{tag}>");
    }
    html.push_str(&escape(text));
    for tag in marks.iter().rev() {
        let _ = write!(html, "</{tag}>");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(children: &Value) -> (String, Converted) {
        let mut converted = Converted::default();
        let document = json!({"root": {"type": "root", "children": children}}).to_string();
        (html(&document, &mut converted).unwrap(), converted)
    }

    fn text(text: &str, format: u64) -> Value {
        json!({"type": "extended-text", "text": text, "format": format})
    }

    #[test]
    fn what_is_written_becomes_html() {
        let (html, converted) = of(&json!([
            {"type": "extended-heading", "tag": "h3", "children": [text("A < b", 0)]},
            {"type": "paragraph", "children": [text("c", 3), {"type": "linebreak"}, {"type": "link", "url": "/d?e&f", "children": [text("g", 16)]}]},
            {"type": "list", "listType": "number", "tag": "ol", "start": 3, "children": [{"type": "listitem", "children": [text("h", 0)]}]},
            {"type": "extended-quote", "children": [text("i", 0)]},
            {"type": "horizontalrule"},
        ]));
        assert_eq!(
            html,
            "<h3>A &lt; b</h3><p><strong><em>c</em></strong><br><a href=\"/d?e&amp;f\"><code>g</code></a></p>\
             <ol start=\"3\"><li>h</li></ol><blockquote>i</blockquote><hr>"
        );
        assert!(converted.notes.is_empty());
    }

    #[test]
    fn cards_become_html_and_unknown_ones_are_told() {
        let (html, converted) = of(&json!([
            {"type": "image", "src": "__GHOST_URL__/content/images/a.jpg", "alt": "A \"b\"", "caption": "<em>c</em>", "width": 10},
            {"type": "codeblock", "code": "a < b", "language": "rust"},
            {"type": "embed", "url": "https://youtu.be/x", "html": "<iframe src=\"https://evil.example\"></iframe>"},
            {"type": "paywall"},
            {"type": "email", "html": "only by mail"},
            {"type": "teleporter", "children": [text("stays", 0)]},
        ]));
        assert!(html.starts_with("<figure class=\"kg-card kg-image-card\"><img src=\"__GHOST_URL__/content/images/a.jpg\" alt=\"A &quot;b&quot;\" width=\"10\"><figcaption><em>c</em></figcaption></figure>"), "{html}");
        assert!(html.contains("<pre><code class=\"language-rust\">a &lt; b</code></pre>"));
        assert!(html.contains("youtube-nocookie.com/embed/x") && !html.contains("evil"));
        assert!(html.contains("<!--members-only-->") && html.ends_with("stays") && !html.contains("by mail"));
        assert_eq!(converted.notes["card_left_out"], ["email", "teleporter"]);
    }

    #[test]
    fn what_is_nested_without_end_ends() {
        let deep = (0..60).fold(text("x", 0), |inner, _| json!({"type": "paragraph", "children": [inner]}));
        assert!(of(&json!([deep])).0.contains('x'));
        let too_deep = (0..120).fold(text("x", 0), |inner, _| json!({"type": "quote", "children": [inner]}));
        let too_deep = json!({"root": {"children": [too_deep]}}).to_string();
        assert_eq!(html(&too_deep, &mut Converted::default()), None);
        assert_eq!(html("{", &mut Converted::default()), None);
    }
}
