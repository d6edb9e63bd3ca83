//! Shapes that all answers share.

use serde_json::{Map, Value, json};

/// Text as it stands in HTML.
pub(super) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#039;"),
            other => html.push(other),
        }
    }
    html
}

/// `curies` of every answer that has links of its own.
pub(super) fn curies() -> Value {
    json!([{"name": "wp", "href": "https://api.w.org/{rel}", "templated": true}])
}

/// The link of a thing to itself.
pub(super) fn own(href: &str) -> Value {
    json!([{"href": href, "targetHints": {"allow": ["GET"]}}])
}

/// A link.
pub(super) fn link(href: &str) -> Value {
    json!([{"href": href}])
}

/// A link to what can be embedded.
pub(super) fn embeddable(href: &str) -> Value {
    json!([{"embeddable": true, "href": href}])
}

/// Pictures of someone, in three sizes; without one, none.
pub(super) fn avatars(url: Option<&str>) -> Value {
    let sizes = ["24", "48", "96"];
    sizes.into_iter().map(|size| (size.to_owned(), json!(url.unwrap_or_default()))).collect::<Map<_, _>>().into()
}

/// The members of a body, or of each item of a list, that were asked for; dots lead into members.
pub(super) fn chosen(body: Value, fields: &[String]) -> Value {
    match body {
        Value::Array(items) => items.into_iter().map(|item| chosen(item, fields)).collect(),
        Value::Object(members) => {
            let keep = |(name, value): (String, Value)| {
                let inner: Vec<String> = fields
                    .iter()
                    .filter_map(|field| field.strip_prefix(&name)?.strip_prefix('.').map(str::to_owned))
                    .collect();
                if fields.contains(&name) {
                    Some((name, value))
                } else if inner.is_empty() {
                    None
                } else {
                    Some((name, chosen(value, &inner)))
                }
            };
            Value::Object(members.into_iter().filter_map(keep).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_lead_into_members() {
        let body = json!([{"id": 1, "title": {"rendered": "A", "raw": "B"}, "titles": 2, "_links": {}}]);
        let fields = ["id".to_owned(), "title.rendered".to_owned()];
        assert_eq!(chosen(body, &fields), json!([{"id": 1, "title": {"rendered": "A"}}]));
    }
}
