//! Messages: how they are drawn, and how they leave, by SMTP or into a folder.
//!
//! Three steps, each of which knows nothing of the next: [`render`] turns what is to be said into a subject and
//! two bodies, [`message`] makes a MIME message of them, [`transport`] hands it over and says what became of it.
//! Nothing here knows the database, and nothing here logs an address.

pub mod message;
pub mod render;
mod text;
pub mod transport;

pub use message::{Letter, List, Message};
pub use render::Rendered;
pub use transport::{Connection, Failure, FailureKind, Receipt, Transport};
