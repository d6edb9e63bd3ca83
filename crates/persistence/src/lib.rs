//! What a publication remembers: per aggregate, the operations (load, let the domain decide, save, record what
//! changed) and, private beneath them, the SQL. Every query is written once and runs on both engines.

pub mod archive;
pub mod articles;
pub mod attempts;
pub mod audit;
pub mod bylines;
pub mod categories;
pub mod changes;
pub mod comments;
pub mod consents;
mod db;
pub mod deliveries;
mod fate;
pub mod files;
mod forms;
mod fragments;
pub mod ghost_ids;
pub mod idempotency;
pub mod imports;
pub mod issues;
mod joins;
pub mod media;
pub mod messages;
pub mod migrations;
pub mod moderation;
pub mod newsletters;
mod pages;
pub mod published;
pub mod published_comments;
pub mod redirects;
pub mod resolve;
mod schema;
mod search;
pub mod sessions;
pub mod site;
mod slugs;
pub mod subscribers;
pub mod subscriptions;
pub mod suppressions;
pub mod tags;
pub mod taxonomy;
pub mod users;
pub mod wordpress_ids;

pub use db::{Conn, DatabaseUrl, Db, Engine, Options};
pub use fate::Fate;
pub use forms::Forms;
