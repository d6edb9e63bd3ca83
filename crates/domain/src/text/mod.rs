//! Turns what people typed into safe, stored forms.
//!
//! Value types parse once, at the edge, and cannot be wrong afterwards; markup leaves here only through an allow-list.

mod email;
mod fields;
mod plain;
mod slug;
mod tags;
mod web_url;

pub use email::Email;
pub use fields::{Line, Prose, Title};
pub use slug::Slug;
pub use tags::{Locale, Zone};
pub use web_url::WebUrl;
