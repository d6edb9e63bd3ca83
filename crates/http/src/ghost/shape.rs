//! Shapes that all answers share.

use serde_json::{Map, Value};

/// A text, or null: Ghost has no empty ones.
pub(super) fn text(text: Option<&str>) -> Value {
    text.filter(|text| !text.is_empty()).map_or(Value::Null, Value::from)
}

/// These members with nothing in them.
pub(super) fn nulls(names: &[&str]) -> impl Iterator<Item = (String, Value)> {
    names.iter().map(|name| ((*name).to_owned(), Value::Null))
}

/// What Ghost has for other sites to show, and Byline has not.
pub(super) const CARDS: [&str; 6] =
    ["og_image", "og_title", "og_description", "twitter_image", "twitter_title", "twitter_description"];

/// Where someone is elsewhere.
pub(super) const ACCOUNTS: [&str; 9] =
    ["twitter", "threads", "bluesky", "mastodon", "tiktok", "youtube", "instagram", "linkedin", "facebook"];

/// The members that were asked for, and those that were brought along; if no known one was asked for, all.
pub(super) fn chosen(whole: Map<String, Value>, fields: Option<&[String]>, brought: &[&str]) -> Value {
    let Some(fields) = fields.filter(|fields| fields.iter().any(|field| whole.contains_key(field))) else {
        return whole.into();
    };
    let keep = |name: &String| fields.contains(name) || brought.contains(&name.as_str());
    whole.into_iter().filter(|(name, _)| keep(name)).collect::<Map<_, _>>().into()
}

/// The members of an object.
pub(super) fn members(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// A slug, as it stands in a path.
pub(super) fn decoded(slug: &str) -> Option<String> {
    percent_encoding::percent_decode_str(slug).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// Whether something is an identity of Ghost's: 24 hexadecimal digits.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
