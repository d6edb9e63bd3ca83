//! Versions: a write names the one it changes.

use crate::error::Stale;
use crate::{Error, Result, Timestamp};

/// What the writer has seen of the thing it changes (from `If-Match`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It did not say.
    Nothing,
    /// Whatever there is.
    Any,
    /// One of these versions.
    Versions(Vec<u64>),
}

impl Seen {
    /// Refuses a writer who has not seen the current version: 428 if it named none, 412 if it named another.
    pub fn expect(&self, current: u64, stands: impl FnOnce() -> Stale) -> Result<()> {
        match self {
            Self::Nothing => Err(Error::PreconditionRequired),
            Self::Any => Ok(()),
            Self::Versions(versions) if versions.contains(&current) => Ok(()),
            Self::Versions(_) => Err(Error::Stale(Box::new(stands()))),
        }
    }
}

impl Stale {
    /// A version about which only its number and time are known.
    pub fn at(version: u64, changed_at: Timestamp) -> Self {
        Self { version, state: None, changed_by: None, changed_at: Some(changed_at) }
    }
}
