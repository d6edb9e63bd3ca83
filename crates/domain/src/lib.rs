//! What a publication is: types that cannot be wrong and functions that decide.
//!
//! No SQL, no HTTP, no async: time and identity are arguments, so that every rule can be tested in microseconds.

pub mod accounts;
pub mod articles;
pub mod bylines;
pub mod categories;
pub mod comments;
pub mod error;
pub mod ids;
pub mod issues;
pub mod media;
pub mod merge;
pub mod moderation;
pub mod newsletter;
pub mod passwords;
pub mod permissions;
pub mod published;
pub mod redirects;
pub mod retry;
pub mod secrets;
pub mod site;
pub mod subscriptions;
pub mod tags;
pub mod text;
mod time;
mod version;

pub use error::{Error, Fault, Place, Result};
pub use permissions::Actor;
pub use time::Timestamp;
pub use version::Seen;
