//! Shapes that all answers share.

use std::fmt::{self, Display, Formatter, Write as _};

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;

/// `meta`, which is empty everywhere.
pub(super) type Empty = [u8; 0];

/// What is shown as it is rendered.
#[derive(Serialize)]
pub(super) struct Rendered<T> {
    pub(super) rendered: T,
}

/// What could be protected by a password. Nothing is.
#[derive(Serialize)]
pub(super) struct Open<T> {
    rendered: T,
    protected: bool,
}

impl<T> Open<T> {
    pub(super) fn new(rendered: T) -> Self {
        Self { rendered, protected: false }
    }
}

/// Text as it stands in HTML.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, html: &mut Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => html.write_str("&amp;"),
                '<' => html.write_str("&lt;"),
                '>' => html.write_str("&gt;"),
                '"' => html.write_str("&quot;"),
                '\'' => html.write_str("&#039;"),
                other => html.write_char(other),
            }?;
        }
        Ok(())
    }
}

impl Serialize for Escaped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_string())
    }
}

/// Text as a paragraph of HTML; without any, nothing.
pub(super) struct Paragraph<'a>(pub(super) &'a str);

impl Serialize for Paragraph<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            "" => serializer.serialize_str(""),
            text => serializer.serialize_str(&format!("<p>{}</p>\n", Escaped(text))),
        }
    }
}

/// Where a relation leads, and what WordPress says of that.
#[derive(Serialize, Default)]
pub(super) struct Link {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    taxonomy: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    embeddable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    post_type: Option<&'static str>,
    href: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    templated: bool,
    #[serde(rename = "targetHints", skip_serializing_if = "Option::is_none")]
    hints: Option<Hints>,
}

impl Link {
    /// To terms of this taxonomy.
    pub(super) fn of_taxonomy(self, taxonomy: &'static str) -> Self {
        Self { taxonomy: Some(taxonomy), ..self }
    }

    /// To a post of this type.
    pub(super) fn of_type(self, post_type: &'static str) -> Self {
        Self { post_type: Some(post_type), ..self }
    }
}

#[derive(Serialize)]
struct Hints {
    allow: [&'static str; 1],
}

/// A link.
pub(super) fn link(href: impl Into<String>) -> Link {
    Link { href: href.into(), ..Link::default() }
}

/// A link to what can be embedded.
pub(super) fn embeddable(href: String) -> Link {
    Link { embeddable: true, ..link(href) }
}

/// The link of a thing to itself.
pub(super) fn own(href: String) -> Link {
    Link { hints: Some(Hints { allow: ["GET"] }), ..link(href) }
}

/// `_links`: relations, and where they lead.
#[derive(Default)]
pub(super) struct Links(Vec<(&'static str, Vec<Link>)>);

impl Links {
    /// With one more.
    pub(super) fn with(mut self, relation: &'static str, link: Link) -> Self {
        match self.0.last_mut() {
            Some((last, links)) if *last == relation => links.push(link),
            _ => self.0.push((relation, vec![link])),
        }
        self
    }

    /// With one more, if there is such a thing.
    pub(super) fn with_some(self, relation: &'static str, link: Option<Link>) -> Self {
        match link {
            Some(link) => self.with(relation, link),
            None => self,
        }
    }

    /// With what says what `wp:` stands for.
    pub(super) fn with_curies(self) -> Self {
        let wp = link("https://api.w.org/{rel}");
        self.with("curies", Link { name: Some("wp"), templated: true, ..wp })
    }
}

impl Serialize for Links {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (relation, links) in &self.0 {
            map.serialize_entry(relation, links)?;
        }
        map.end()
    }
}

/// Pictures of someone, in three sizes; without one, none.
#[derive(Serialize)]
pub(super) struct Avatars<'a> {
    #[serde(rename = "24")]
    small: &'a str,
    #[serde(rename = "48")]
    middling: &'a str,
    #[serde(rename = "96")]
    large: &'a str,
}

impl<'a> Avatars<'a> {
    pub(super) fn of(url: Option<&'a str>) -> Self {
        let url = url.unwrap_or_default();
        Self { small: url, middling: url, large: url }
    }
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
    use serde_json::json;

    use super::*;

    #[test]
    fn dots_lead_into_members() {
        let body = json!([{"id": 1, "title": {"rendered": "A", "raw": "B"}, "titles": 2, "_links": {}}]);
        let fields = ["id".to_owned(), "title.rendered".to_owned()];
        assert_eq!(chosen(body, &fields), json!([{"id": 1, "title": {"rendered": "A"}}]));
    }

    #[test]
    fn links_say_what_there_is_to_say() {
        let links = Links::default().with("self", own("/a".into())).with_some("up", None).with_curies();
        let expected = r#"{"self":[{"href":"/a","targetHints":{"allow":["GET"]}}],"curies":[{"name":"wp","href":"https://api.w.org/{rel}","templated":true}]}"#;
        assert_eq!(serde_json::to_string(&links).unwrap(), expected);
        assert_eq!(
            serde_json::to_string(&Paragraph("\"<A> & 'B'\"")).unwrap(),
            r#""<p>&quot;&lt;A&gt; &amp; &#039;B&#039;&quot;</p>\n""#
        );
    }
}
