//! What a publication is: types that cannot be wrong and functions that decide.
//!
//! No SQL, no HTTP, no async: time and identity are arguments, so that every rule can be tested in microseconds.

pub mod error;
pub mod ids;
pub mod text;
mod time;

pub use error::{Error, Fault, Place, Result};
pub use time::Timestamp;
