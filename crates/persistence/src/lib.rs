//! What a publication remembers: per aggregate, the operations (load, let the domain decide, save, record what
//! changed) and, private beneath them, the SQL. Every query is written once and runs on both engines.

pub mod audit;
pub mod changes;
mod db;
pub mod deliveries;
pub mod idempotency;
pub mod issues;
pub mod migrations;
pub mod newsletters;
mod schema;
pub mod sessions;
pub mod site;
mod slugs;
pub mod tags;
pub mod users;

pub use db::{Conn, DatabaseUrl, Db, Engine, Options};
