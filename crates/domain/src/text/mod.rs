//! Turns what people typed into safe, stored forms.
//!
//! Value types parse once, at the edge, and cannot be wrong afterwards; markup leaves here only through an allow-list.

mod absolute;
mod body;
mod bounds;
mod comment;
mod custom;
mod email;
mod excerpt;
mod fields;
mod frames;
mod outline;
mod paywall;
mod plain;
mod policy;
mod sanitise;
mod search;
mod slug;
mod tags;
#[cfg(test)]
mod tests_bombs;
#[cfg(test)]
mod tests_xss;
mod web_url;

pub use absolute::absolute;
pub use body::{BodyFormat, MAX_BODY_BYTES, Rendered, render};
pub use comment::{CommentBody, CommenterName, RENDERER_VERSION, clean_comment, render_comment};
pub use custom::check_custom;
pub use email::Email;
pub use excerpt::{EXCERPT_CHARS, body_excerpt, excerpt};
pub use fields::{Line, Prose, Title};
pub use outline::{Heading, plain_text};
pub use paywall::{before_mark, sanitise_parts};
pub use sanitise::sanitise;
pub use search::{Highlighter, MAX_QUERY_CHARS, MAX_TERMS, Term, indexed, terms};
pub use slug::Slug;
pub use tags::{Locale, Zone};
pub use web_url::WebUrl;
