//! The JSON file: its tables, as far as they are read. What a row lacks is empty; what is of another type is none.

use std::collections::HashMap;
use std::io::Read;

use domain::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::Others;

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable(pub String);

/// The rows of an export.
#[derive(Debug, Default)]
pub struct Rows {
    /// Ghost's version.
    pub(super) version: String,
    /// When it was made, in milliseconds since 1970.
    pub(super) exported_on: Option<i64>,
    pub(super) posts: Vec<Post>,
    pub(super) meta: HashMap<String, Meta>,
    pub(super) tags: Vec<Tag>,
    pub(super) users: Vec<User>,
    pub(super) tags_of: HashMap<String, Vec<(i64, String)>>,
    pub(super) authors_of: HashMap<String, Vec<(i64, String)>>,
    settings: HashMap<String, String>,
    pub(super) others: Others,
}

/// Tables that hold nothing of a publication's own.
const WITHOUT_CONTENT: [&str; 8] = [
    "roles",
    "roles_users",
    "settings",
    "permissions",
    "permissions_roles",
    "permissions_users",
    "custom_theme_settings",
    "migrations",
];

impl Rows {
    /// Reads a file.
    pub fn read(file: impl Read) -> Result<Self, Unreadable> {
        let file: Value = serde_json::from_reader(std::io::BufReader::new(file))
            .map_err(|error| Unreadable(format!("This is no JSON, or it is cut off: {error}.")))?;
        Self::from_value(file)
    }

    fn from_value(mut file: Value) -> Result<Self, Unreadable> {
        let export = match file.get_mut("db").and_then(|db| db.get_mut(0)) {
            Some(export) => export.take(),
            None => file,
        };
        let Value::Object(mut export) = export else { return Err(no_export()) };
        let Some(Value::Object(mut data)) = export.remove("data") else { return Err(no_export()) };
        let meta = export.remove("meta").unwrap_or_default();
        let mut rows = Self {
            version: meta.get("version").and_then(Value::as_str).unwrap_or_default().to_owned(),
            exported_on: meta.get("exported_on").and_then(Value::as_i64),
            ..Self::default()
        };
        rows.posts = table(&mut data, "posts");
        rows.tags = table(&mut data, "tags");
        rows.users = table(&mut data, "users");
        let meta: Vec<Meta> = table(&mut data, "posts_meta");
        rows.meta = meta.into_iter().map(|meta| (meta.post_id.clone(), meta)).collect();
        for link in table::<TagLink>(&mut data, "posts_tags") {
            rows.tags_of.entry(link.post_id).or_default().push((link.sort_order, link.tag_id));
        }
        for link in table::<AuthorLink>(&mut data, "posts_authors") {
            rows.authors_of.entry(link.post_id).or_default().push((link.sort_order, link.author_id));
        }
        // Before there were several authors of a post, it had one.
        for post in &rows.posts {
            if !post.author_id.is_empty() && !rows.authors_of.contains_key(&post.id) {
                rows.authors_of.insert(post.id.clone(), vec![(0, post.author_id.clone())]);
            }
        }
        for setting in data.get("settings").and_then(Value::as_array).into_iter().flatten() {
            let text = |key: &str| setting.get(key).and_then(Value::as_str).map(str::to_owned);
            if let (Some(key), Some(value)) = (text("key"), text("value")) {
                rows.settings.insert(key, value);
            }
        }
        for (name, table) in data {
            let number = table.as_array().map_or(0, Vec::len);
            if number > 0 && !WITHOUT_CONTENT.contains(&name.as_str()) {
                rows.others.insert(name, number);
            }
        }
        Ok(rows)
    }

    pub(super) fn setting(&self, key: &str) -> Option<String> {
        self.settings.get(key).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }
}

fn no_export() -> Unreadable {
    Unreadable("This is no export of Ghost: it holds no `db[0].data`.".into())
}

/// Takes a table; a row that is none is left out.
fn table<T: for<'a> Deserialize<'a>>(data: &mut Map<String, Value>, name: &str) -> Vec<T> {
    let Some(Value::Array(rows)) = data.remove(name) else { return Vec::new() };
    rows.into_iter().filter_map(|row| serde_json::from_value(row).ok()).collect()
}

/// Text; a number as it is written; nothing for anything else.
fn text<'a, D: Deserializer<'a>>(value: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(value)? {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    })
}

/// True, or a number that is not 0.
fn flag<'a, D: Deserializer<'a>>(value: D) -> Result<bool, D::Error> {
    Ok(match Value::deserialize(value)? {
        Value::Bool(flag) => flag,
        Value::Number(number) => number.as_i64() != Some(0),
        _ => false,
    })
}

fn number<'a, D: Deserializer<'a>>(value: D) -> Result<i64, D::Error> {
    Ok(Value::deserialize(value)?.as_i64().unwrap_or(0))
}

macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident { $($field:ident),* $(,)? $(; flags: $($flag:ident),*)? $(; numbers: $($number:ident),*)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default, Deserialize)]
        #[serde(default)]
        pub struct $name {
            $(#[serde(deserialize_with = "text")] pub(super) $field: String,)*
            $($(#[serde(deserialize_with = "flag")] pub(super) $flag: bool,)*)?
            $($(#[serde(deserialize_with = "number")] pub(super) $number: i64,)*)?
        }
    )*};
}

rows! {
    /// A tag.
    Tag { id, name, slug, description, visibility, created_at }
    /// An author.
    User { id, name, slug, email, bio, website, profile_image, created_at }
    /// That a post has a tag.
    TagLink { post_id, tag_id; numbers: sort_order }
    /// That a post is signed by an author.
    AuthorLink { post_id, author_id; numbers: sort_order }
}

/// A post or page.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Post {
    #[serde(deserialize_with = "text")]
    pub(super) id: String,
    #[serde(deserialize_with = "text")]
    pub(super) title: String,
    #[serde(deserialize_with = "text")]
    pub(super) slug: String,
    #[serde(deserialize_with = "text")]
    pub(super) html: String,
    #[serde(deserialize_with = "text")]
    pub(super) lexical: String,
    #[serde(deserialize_with = "text")]
    pub(super) mobiledoc: String,
    #[serde(deserialize_with = "text")]
    pub(super) feature_image: String,
    #[serde(deserialize_with = "flag")]
    featured: bool,
    #[serde(deserialize_with = "flag")]
    page: bool,
    #[serde(rename = "type", deserialize_with = "text")]
    kind: String,
    #[serde(deserialize_with = "text")]
    pub(super) status: String,
    #[serde(deserialize_with = "text")]
    pub(super) visibility: String,
    #[serde(deserialize_with = "text")]
    created_at: String,
    #[serde(deserialize_with = "text")]
    updated_at: String,
    #[serde(deserialize_with = "text")]
    published_at: String,
    #[serde(deserialize_with = "text")]
    pub(super) custom_excerpt: String,
    #[serde(deserialize_with = "text")]
    codeinjection_head: String,
    #[serde(deserialize_with = "text")]
    codeinjection_foot: String,
    #[serde(deserialize_with = "text")]
    pub(super) custom_template: String,
    #[serde(deserialize_with = "text")]
    pub(super) canonical_url: String,
    #[serde(deserialize_with = "text")]
    author_id: String,
}

impl Post {
    /// Its identity in the export.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn is_page(&self) -> bool {
        self.page || self.kind == "page"
    }

    pub(super) fn featured(&self) -> bool {
        self.featured
    }

    pub(super) fn has_code(&self) -> bool {
        !self.codeinjection_head.is_empty() || !self.codeinjection_foot.is_empty()
    }

    pub(super) fn created_at(&self) -> Option<Timestamp> {
        date(&self.created_at)
    }

    pub(super) fn updated_at(&self) -> Option<Timestamp> {
        date(&self.updated_at)
    }

    pub(super) fn published_at(&self) -> Option<Timestamp> {
        date(&self.published_at)
    }
}

impl Tag {
    pub(super) fn created_at(&self) -> Option<Timestamp> {
        date(&self.created_at)
    }
}

impl User {
    pub(super) fn created_at(&self) -> Option<Timestamp> {
        date(&self.created_at)
    }
}

/// What else is known of a post.
#[derive(Debug, Clone, Default)]
#[allow(clippy::struct_field_names, reason = "they are named as in the file")]
pub(super) struct Meta {
    post_id: String,
    pub(super) meta_title: String,
    pub(super) meta_description: String,
    pub(super) feature_image_alt: String,
    pub(super) feature_image_caption: String,
    pub(super) email_only: bool,
    /// What is told to social networks.
    pub(super) social: Vec<(String, String)>,
}

impl<'a> Deserialize<'a> for Meta {
    fn deserialize<D: Deserializer<'a>>(row: D) -> Result<Self, D::Error> {
        let row = Map::<String, Value>::deserialize(row)?;
        let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let social =
            ["og_image", "og_title", "og_description", "twitter_image", "twitter_title", "twitter_description"];
        Ok(Self {
            post_id: text("post_id"),
            meta_title: text("meta_title"),
            meta_description: text("meta_description"),
            feature_image_alt: text("feature_image_alt"),
            feature_image_caption: text("feature_image_caption"),
            email_only: row
                .get("email_only")
                .is_some_and(|only| only.as_i64() == Some(1) || only.as_bool() == Some(true)),
            social: social
                .iter()
                .map(|key| ((*key).to_owned(), text(key)))
                .filter(|(_, value)| !value.is_empty())
                .collect(),
        })
    }
}

/// A date as Ghost writes it: of its database, or RFC 3339, or milliseconds since 1970.
pub(super) fn date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(millis) = text.parse::<i64>() {
        return Some(Timestamp::from_micros(millis.checked_mul(1000)?));
    }
    if let Some(at) = Timestamp::parse(text) {
        return Some(at);
    }
    let civil: DateTime = text.parse().ok()?;
    (civil.year() > 0).then(|| civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp().into())).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_whatever_they_lack() {
        let file = r#"{"db":[{"meta":{"version":"6.0.0","exported_on":1000},"data":{"posts":[{"id":"a","featured":1},{"id":2,"title":null},"x"],
            "posts_tags":[{"post_id":"a","tag_id":"t","sort_order":1}],"settings":[{"key":"title","value":"Our site"}],"offers":[{}],"roles":[{}]}}]}"#;
        let rows = Rows::read(file.as_bytes()).unwrap();
        assert_eq!((rows.posts.len(), rows.posts[0].featured, rows.posts[1].id.as_str()), (2, true, "2"));
        assert_eq!(rows.setting("title").as_deref(), Some("Our site"));
        assert_eq!(rows.others, Others::from([("offers".to_owned(), 1)]));
    }

    #[test]
    fn what_is_no_export_is_refused() {
        for none in ["", "[]", "{}", "{\"db\":[]}", "{\"db\":[{\"data\":", "1"] {
            assert!(Rows::read(none.as_bytes()).is_err(), "{none}");
        }
    }

    #[test]
    fn dates_come_in_three_forms() {
        let at = Timestamp::parse("2020-01-02T03:04:05Z");
        for text in ["2020-01-02 03:04:05", "2020-01-02T03:04:05.000Z", "1577934245000"] {
            assert_eq!(date(text), at, "{text}");
        }
        assert_eq!(date("0000-00-00 00:00:00"), None);
    }
}
