//! Mobiledoc, in which Ghost 1 to 4 kept what was written.

use std::fmt::Write as _;

use serde_json::Value;

use super::cards;
use crate::content::{Converted, escape};

/// The HTML of a document; none, if it is none.
pub(super) fn html(document: &str, converted: &mut Converted) -> Option<String> {
    let document: Value = serde_json::from_str(document).ok()?;
    let mut html = String::new();
    for section in document.get("sections")?.as_array()? {
        put(&document, section, &mut html, converted);
    }
    Some(html)
}

fn put(document: &Value, section: &Value, html: &mut String, converted: &mut Converted) {
    let part = |index: usize| section.get(index).unwrap_or(&Value::Null);
    match part(0).as_u64() {
        Some(1) => {
            let tag = known(part(1), &["p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "aside"]).unwrap_or("p");
            let tag = if tag == "aside" { "blockquote" } else { tag };
            let _ = write!(html, "<{tag}>");
            markers(document, part(2), html);
            let _ = write!(html, "</{tag}>");
        }
        Some(2) => {
            let _ = write!(html, "<img src=\"{}\" alt=\"\">", escape(part(1).as_str().unwrap_or_default()));
        }
        Some(3) => {
            let tag = known(part(1), &["ul", "ol"]).unwrap_or("ul");
            let _ = write!(html, "<{tag}>");
            for item in part(2).as_array().into_iter().flatten() {
                html.push_str("<li>");
                markers(document, item, html);
                html.push_str("</li>");
            }
            let _ = write!(html, "</{tag}>");
        }
        Some(10) => {
            let card = numbered(document, "cards", part(1));
            let name = card.and_then(|card| card.get(0)?.as_str()).unwrap_or_default();
            let payload = card.and_then(|card| card.get(1)).unwrap_or(&Value::Null);
            match cards::card(name, payload, converted) {
                Some(card) => html.push_str(&card),
                None => converted.note("card_left_out", name),
            }
        }
        _ => converted.note("card_left_out", "section"),
    }
}

fn known<'a>(tag: &Value, tags: &[&'a str]) -> Option<&'a str> {
    let tag = tag.as_str()?;
    tags.iter().copied().find(|known| known.eq_ignore_ascii_case(tag))
}

fn numbered<'a>(document: &'a Value, of: &str, number: &Value) -> Option<&'a Value> {
    document.get(of)?.get(usize::try_from(number.as_u64()?).ok()?)
}

/// Runs of text: each opens some marks, and closes some of those that are open.
fn markers(document: &Value, markers: &Value, html: &mut String) {
    let mut open: Vec<&str> = Vec::new();
    for marker in markers.as_array().into_iter().flatten() {
        for number in marker.get(1).and_then(Value::as_array).into_iter().flatten() {
            let markup = numbered(document, "markups", number);
            let name = markup.and_then(|markup| markup.get(0)).unwrap_or(&Value::Null);
            let tags = ["a", "strong", "b", "em", "i", "code", "s", "u", "sub", "sup", "mark"];
            let tag = known(name, &tags).unwrap_or("span");
            if tag == "a" {
                let attributes = markup.and_then(|markup| markup.get(1)?.as_array());
                let attributes: Vec<&str> = attributes.into_iter().flatten().filter_map(Value::as_str).collect();
                let href = attributes.chunks(2).find(|pair| pair[0] == "href").and_then(|pair| pair.get(1));
                let _ = write!(html, "<a href=\"{}\">", escape(href.unwrap_or(&"")));
            } else {
                let _ = write!(html, "<{tag}>");
            }
            open.push(tag);
        }
        let value = marker.get(3).unwrap_or(&Value::Null);
        if marker.get(0).and_then(Value::as_u64) == Some(1) {
            let atom = numbered(document, "atoms", value);
            match atom.and_then(|atom| atom.get(0)?.as_str()) {
                Some("soft-return") => html.push_str("<br>"),
                _ => html.push_str(&escape(atom.and_then(|atom| atom.get(1)?.as_str()).unwrap_or_default())),
            }
        } else {
            html.push_str(&escape(value.as_str().unwrap_or_default()));
        }
        for _ in 0..marker.get(2).and_then(Value::as_u64).unwrap_or(0) {
            let Some(tag) = open.pop() else { break };
            let _ = write!(html, "</{tag}>");
        }
    }
    for tag in open.iter().rev() {
        let _ = write!(html, "</{tag}>");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_become_html() {
        let document = r#"{"version":"0.3.1","markups":[["strong"],["a",["href","https://example.org/?a&b"]]],
            "atoms":[["soft-return","",{}]],"cards":[["hr",{}],["image",{"src":"/a.jpg"}],["x",{}]],
            "sections":[[1,"h2",[[0,[],0,"A < b"]]],[1,"p",[[0,[0],0,"c"],[1,[],0,0],[0,[1],2,"d"]]],
            [3,"ol",[[[0,[],0,"e"]],[[0,[],0,"f"]]]],[10,0],[10,1],[10,2],[10,99]]}"#;
        let mut converted = Converted::default();
        assert_eq!(
            html(document, &mut converted).unwrap(),
            "<h2>A &lt; b</h2><p><strong>c<br><a href=\"https://example.org/?a&amp;b\">d</a></strong></p>\
             <ol><li>e</li><li>f</li></ol><hr><figure class=\"kg-card kg-image-card\"><img src=\"/a.jpg\" alt=\"\"></figure>"
        );
        assert_eq!(converted.notes["card_left_out"], ["x", ""]);
    }

    #[test]
    fn what_is_no_document_is_none() {
        for none in ["", "{}", "[]", "{\"sections\":1}"] {
            assert_eq!(html(none, &mut Converted::default()), None, "{none}");
        }
    }
}
