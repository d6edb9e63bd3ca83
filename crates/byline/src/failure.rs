//! Why a command failed, in a sentence that says what to do next.

use std::fmt;

use domain::Error;
use domain::error::Place;

/// What a command prints when it fails.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// What went wrong while doing `what`.
    pub fn during(what: &str, error: Error) -> Self {
        Self(format!("{what}: {}", Self::from(error)))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Failure {
    fn from(sentence: String) -> Self {
        Self(sentence)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(match error {
            Error::Unauthenticated { detail, .. }
            | Error::Forbidden { detail, .. }
            | Error::Gone { detail, .. }
            | Error::Conflict { detail, .. }
            | Error::TooMany { detail, .. } => detail,
            Error::Malformed(fault) | Error::Unprocessable { fault, .. } => fault.detail,
            Error::Invalid(faults) => {
                let sentence = |fault: domain::Fault| match fault.place {
                    Place::Pointer(place) | Place::Parameter(place) => {
                        format!("{}: {}", place.trim_start_matches('/'), fault.detail)
                    }
                };
                faults.into_iter().map(sentence).collect::<Vec<_>>().join("\n")
            }
            Error::NotFound(what) => format!("there is no such {what}"),
            Error::PreconditionRequired | Error::Stale(_) => {
                "it was changed by someone else meanwhile; try again".into()
            }
            Error::Busy { .. } => "the database is busy or out of reach; the lines above say more".into(),
            Error::InDoubt { .. } => "the database was lost at the last moment; look whether it was done".into(),
            Error::Internal(what) => what,
        })
    }
}
