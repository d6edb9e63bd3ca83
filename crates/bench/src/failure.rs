//! Why a command or a figure could not be had: a sentence for whoever runs it.

use std::fmt::{Debug, Display};

/// A sentence. It is not `Display`, which frees the `From` of everything that is.
pub struct Failure(pub String);

/// What may fail with a sentence.
pub type Result<T> = std::result::Result<T, Failure>;

impl<E: Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// A refusal of the domain, which has no sentence of its own.
#[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub fn refused(error: domain::Error) -> Failure {
    Failure(format!("refused: {error:?}"))
}

impl Debug for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
