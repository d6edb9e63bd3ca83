//! Turns what people typed into safe, stored forms.
//!
//! Value types parse once, at the edge, and cannot be wrong afterwards; markup leaves here only through an allow-list.

mod custom;
mod email;
mod excerpt;
mod fields;
mod plain;
mod search;
mod slug;
mod tags;
mod web_url;

pub use custom::check_custom;
pub use email::Email;
pub use excerpt::{EXCERPT_CHARS, excerpt};
pub use fields::{Line, Prose, Title};
pub use search::{MAX_QUERY_CHARS, MAX_TERMS, terms};
pub use slug::Slug;
pub use tags::{Locale, Zone};
pub use web_url::WebUrl;
