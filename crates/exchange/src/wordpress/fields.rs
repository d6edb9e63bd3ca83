//! The custom fields of a post: those of the plugins for search engines, and those that an article may keep.

use std::collections::BTreeMap;

use domain::articles::Seo;
use domain::text::{WebUrl, check_custom};
use serde_json::{Map, Value};

use crate::content::plain;
use crate::text::cut;

use super::wxr::Item;

/// Beginnings of names of fields that belong to plugins, not to the publication.
const FOREIGN: [&str; 4] = ["_", "rank_math_", "aioseo", "amazonS3_"];

/// What search engines are told, and what could not be read of it.
pub(super) fn seo(item: &Item, site: &str) -> (Seo, Vec<&'static str>) {
    let field = |names: &[&str]| {
        names.iter().find_map(|name| {
            let found = item.meta.iter().find(|(key, value)| key == name && !value.trim().is_empty());
            found.map(|(_, value)| value.trim())
        })
    };
    let mut left_out = Vec::new();
    let mut text = |names: &[&str], max: usize, what: &'static str| {
        let filled = fill(field(names)?, item, site);
        if filled.is_none() {
            left_out.push(what);
        }
        let filled = plain(&filled?);
        (!filled.is_empty()).then(|| cut(&filled, max))
    };
    let meta_title =
        text(&["_yoast_wpseo_title", "rank_math_title", "_aioseo_title", "_aioseop_title"], 200, "meta_title");
    let meta_description = text(
        &["_yoast_wpseo_metadesc", "rank_math_description", "_aioseo_description", "_aioseop_description"],
        500,
        "meta_description",
    );
    let canonical = field(&["_yoast_wpseo_canonical", "rank_math_canonical_url", "_aioseo_canonical_url"]);
    let canonical_url = canonical.and_then(|url| WebUrl::parse(url).ok()).map(|url| url.to_string());
    if canonical.is_some() && canonical_url.is_none() {
        left_out.push("canonical_url");
    }
    let noindex = field(&["_yoast_wpseo_meta-robots-noindex"]) == Some("1")
        || field(&["rank_math_robots"]).is_some_and(|robots| robots.contains("noindex"))
        || matches!(field(&["_aioseop_noindex"]), Some("on" | "1"));
    (Seo { meta_title, meta_description, canonical_url, noindex }, left_out)
}

/// Fills the templates that these plugins write; nothing, where one is not known.
fn fill(template: &str, item: &Item, site: &str) -> Option<String> {
    let mut filled = template.to_owned();
    let title = plain(&item.title);
    let excerpt = plain(&item.excerpt);
    for (names, value) in [
        (["%%title%%", "%title%", "#post_title"], title.as_str()),
        (["%%sitename%%", "%sitename%", "#site_title"], site),
        (["%%sep%%", "%sep%", "#separator_sa"], "-"),
        (["%%excerpt%%", "%excerpt%", "#post_excerpt"], excerpt.as_str()),
        (["%%page%%", "%page%", "#page_number"], ""),
    ] {
        for name in names {
            filled = filled.replace(name, value);
        }
    }
    let is_template = |word: &str| {
        let inner = word.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '%' | '_'));
        inner.len() > 2 && inner.starts_with('%') && inner.ends_with('%')
    };
    (!filled.split_whitespace().any(is_template)).then_some(filled)
}

/// The number of the category that a plugin calls the primary one.
pub(super) fn primary_category(item: &Item) -> Option<&str> {
    let names = ["_yoast_wpseo_primary_category", "rank_math_primary_category"];
    item.meta.iter().find(|(key, _)| names.contains(&key.as_str())).map(|(_, value)| value.trim())
}

/// The value of a field that WordPress itself keeps.
pub(super) fn meta<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.meta.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
}

/// All values of a field.
pub(super) fn metas<'a>(item: &'a Item, name: &'a str) -> impl Iterator<Item = &'a str> {
    item.meta.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.trim())
}

/// The fields that an article may keep, and the names of those that are too much.
pub(super) fn custom(item: &Item) -> (Map<String, Value>, Vec<String>) {
    let mut values: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (key, value) in &item.meta {
        if !key.is_empty() && !FOREIGN.iter().any(|begin| key.starts_with(begin)) {
            values.entry(key).or_default().push(value);
        }
    }
    let mut custom = Map::new();
    for (key, values) in values {
        let value = match values.as_slice() {
            [one] => Value::from(*one),
            several => Value::from(several.to_vec()),
        };
        custom.insert(key.to_owned(), value);
    }
    let mut left_out = Vec::new();
    while check_custom(&Value::Object(custom.clone())).is_err() {
        // The largest is the least likely to be meant for readers.
        let size = |(_, value): &(&String, &Value)| value.to_string().len();
        let Some(key) = custom.iter().max_by_key(size).map(|(key, _)| key.clone()) else { break };
        custom.remove(&key);
        left_out.push(key);
    }
    (custom, left_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(meta: &[(&str, &str)]) -> Item {
        let meta = meta.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Item { title: "A &amp; b".into(), meta, ..Item::default() }
    }

    #[test]
    fn each_plugins_fields_are_read() {
        let (yoast, left_out) = seo(
            &item(&[
                ("_yoast_wpseo_title", "%%title%% %%page%% %%sep%% %%sitename%%"),
                ("_yoast_wpseo_metadesc", "What it is about"),
                ("_yoast_wpseo_canonical", "https://example.org/a"),
                ("_yoast_wpseo_meta-robots-noindex", "1"),
            ]),
            "The Site",
        );
        assert_eq!(yoast.meta_title.as_deref(), Some("A & b - The Site"));
        assert_eq!(yoast.meta_description.as_deref(), Some("What it is about"));
        assert_eq!((yoast.canonical_url.as_deref(), yoast.noindex), (Some("https://example.org/a"), true));
        assert!(left_out.is_empty());
        let (rank, left_out) = seo(
            &item(&[
                ("rank_math_title", "%title% in %currentyear%"),
                ("rank_math_description", "100% of it"),
                ("rank_math_robots", "a:1:{i:0;s:7:\"noindex\";}"),
            ]),
            "",
        );
        assert_eq!((rank.meta_title, rank.meta_description.as_deref(), rank.noindex), (None, Some("100% of it"), true));
        assert_eq!(left_out, ["meta_title"]);
    }

    #[test]
    fn custom_fields_stay_within_their_bounds() {
        let large = "x".repeat(20_000);
        let (custom, left_out) = custom(&item(&[
            ("mood", "good"),
            ("source", "a"),
            ("source", "b"),
            ("_edit_last", "1"),
            ("rank_math_title", "x"),
            ("dump", &large),
        ]));
        assert_eq!(Value::Object(custom), serde_json::json!({"mood": "good", "source": ["a", "b"]}));
        assert_eq!(left_out, ["dump"]);
    }
}
