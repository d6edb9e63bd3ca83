//! What becomes of something that is put as it was elsewhere.

/// What putting it changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It was not there before.
    Created,
    /// It was there, and is another one now.
    Updated,
    /// It was there already.
    Unchanged,
}
