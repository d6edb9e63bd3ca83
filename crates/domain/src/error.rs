//! What can go wrong, in the product's own words.
//!
//! [`Error`] deliberately does not implement [`std::error::Error`]: that frees the blanket `From` below,
//! so `?` on any library's error becomes a logged, opaque [`Error::Internal`], and a refusal exists only
//! where someone wrote it.

use serde::Serialize;

/// The outcome of an operation that may be refused.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refusal, or a failure of ours. One mapping in the HTTP layer turns each into a problem document (RFC 9457).
#[derive(Debug)]
pub enum Error {
    /// The request is not of the form that was asked for: not JSON, a wrong type, an unknown member (400).
    Malformed(Fault),
    /// Nobody is signed in, or the credential is no longer good (401).
    Unauthenticated {
        /// Stable code.
        code: &'static str,
        /// What to do about it.
        detail: String,
    },
    /// The caller is known and may not do this (403).
    Forbidden {
        /// Stable code.
        code: &'static str,
        /// What is missing.
        detail: String,
    },
    /// There is no such thing, as far as this caller may know (404).
    NotFound(&'static str),
    /// It was public once and is gone for good (410).
    Gone {
        /// Stable code.
        code: &'static str,
        /// What became of it.
        detail: String,
    },
    /// The request does not fit the current state (409).
    Conflict {
        /// Stable code.
        code: &'static str,
        /// What is in the way, and what would work.
        detail: String,
        /// Where in the request the conflict lies, if it has a place.
        faults: Vec<Fault>,
    },
    /// A change was asked for without naming the version it changes (428).
    PreconditionRequired,
    /// The version named is not the current one (412).
    Stale(Box<Stale>),
    /// Well-formed, and breaks these rules: every one that was found (422).
    Invalid(Vec<Fault>),
    /// Well-formed, and refused for a reason that has a code of its own (422).
    Unprocessable {
        /// Stable code.
        code: &'static str,
        /// Where it lies, and what to do about it.
        fault: Fault,
    },
    /// Too many attempts (429).
    TooMany {
        /// Seconds until another try can succeed.
        retry_after: u64,
        /// What was limited.
        detail: String,
    },
    /// A queue is full: the work was not begun (503).
    Busy {
        /// Seconds until another try is worth it.
        retry_after: u64,
    },
    /// The database was lost during a commit, or right after it: whether the work was done, and is public, is not known
    /// (503).
    InDoubt {
        /// Seconds until another try is worth it.
        retry_after: u64,
    },
    /// A failure of ours (500). What happened is for the log, never for the answer.
    Internal(String),
}

/// What stands now in the place of a version that is no longer current.
#[derive(Debug, Clone, Serialize)]
pub struct Stale {
    /// The current version.
    pub version: u64,
    /// The current state, in the resource's own words.
    pub state: Option<String>,
    /// Who made the current version (a name, never an address).
    pub changed_by: Option<String>,
    /// When it was made.
    pub changed_at: Option<crate::Timestamp>,
}

/// One broken rule and the place of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Where it lies.
    #[serde(flatten)]
    pub place: Place,
    /// Stable code, such as `too_long`.
    pub code: &'static str,
    /// What to do about it.
    pub detail: String,
}

/// Where a fault lies in a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A JSON pointer (RFC 6901) into the body; empty means the whole body.
    Pointer(String),
    /// The name of a query, path or header parameter.
    Parameter(String),
}

impl Fault {
    /// A fault at a JSON pointer such as `/slug`.
    pub fn at(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self { place: Place::Pointer(pointer.into()), code, detail: detail.into() }
    }

    /// A fault in a parameter such as `limit`.
    pub fn parameter(name: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self { place: Place::Parameter(name.into()), code, detail: detail.into() }
    }
}

impl Error {
    /// A conflict without a place in the request.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Conflict { code, detail: detail.into(), faults: Vec::new() }
    }

    /// The caller's role does not reach this.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::Forbidden { code: "forbidden", detail: detail.into() }
    }

    /// One broken rule.
    pub fn invalid(fault: Fault) -> Self {
        Self::Invalid(vec![fault])
    }
}

impl<E: std::error::Error> From<E> for Error {
    #[track_caller]
    fn from(error: E) -> Self {
        Self::Internal(format!("{error} (at {})", std::panic::Location::caller()))
    }
}

/// At most 64 characters of what a client sent, to say it back.
pub fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(64).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(64).is_some() {
        short.push('…');
    }
    short
}

/// Collects the faults of a request, so that one answer names them all.
///
/// ```
/// use domain::error::Faults;
/// let mut faults = Faults::default();
/// let title: Option<String> = faults.take("/title", Err(("required", "Give the article a title.".into())));
/// assert!(title.is_none());
/// assert!(faults.finish().is_err());
/// ```
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

/// What is wrong with one value: a stable code, and what to do about it.
pub type Wrong = (&'static str, String);

impl Faults {
    /// Keeps the value, or notes what is wrong with it at `pointer`.
    pub fn take<T>(&mut self, pointer: &str, value: std::result::Result<T, Wrong>) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err((code, detail)) => {
                self.note(Fault::at(pointer, code, detail));
                None
            }
        }
    }

    /// Notes a fault.
    pub fn note(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Whether nothing was found so far.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses with everything that was found.
    pub fn finish(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self.0)) }
    }
}
