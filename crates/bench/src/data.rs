//! The publication that is measured: made up, always the same, and put straight into the tables.

mod load;
mod publication;
mod random;
mod rows;
mod wordpress;
mod words;

pub use load::{Size, generate};
pub use publication::{GHOST_KEY, PASSWORD, SEED, USER, categories, slug};
pub use wordpress::write_calls;
pub use words::{COMMON, Pair};
