//! The way out without a mail server: one file per message.

use std::fmt;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::Timestamp;

use super::{Failure, FailureKind, OpenError, Receipt};
use crate::Message;

/// A folder that takes one `.eml` per message, whole or not at all.
#[derive(Clone)]
pub(super) struct Folder {
    path: Arc<Path>,
}

impl Folder {
    /// Makes the folder if it is not there, for its owner alone: messages hold addresses and links that act.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        let writable = made.and_then(|()| fs::metadata(path)).and_then(|found| {
            if found.permissions().readonly() { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
        });
        match writable {
            Ok(()) => Ok(Self { path: path.into() }),
            Err(error) => {
                let path = path.display();
                Err(OpenError::Folder(format!("{path}: {error}. Name a folder that the server may write to.")))
            }
        }
    }

    /// Writes beside the folder's messages and renames, so that whoever watches the folder sees whole files only.
    /// It does not wait for the disk: a folder stands in for a server where people try things out.
    pub(super) fn write(&self, message: &Message) -> Result<Receipt, Failure> {
        let name = format!("{}-{}.eml", moment(Timestamp::now()), plain(message.id()));
        let unfinished = self.path.join(format!(".{name}.unfinished"));
        let written =
            write_new(&unfinished, message.bytes()).and_then(|()| fs::rename(&unfinished, self.path.join(&name)));
        match written {
            Ok(()) => Ok(Receipt(name)),
            Err(error) => {
                // What is left has no name that anyone reads; the failure above is the one to report.
                let _ = fs::remove_file(&unfinished);
                Err(Failure::new(FailureKind::Temporary, None, &format!("the mail folder: {error}")))
            }
        }
    }
}

impl fmt::Debug for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "folder {}", self.path.display())
    }
}

fn write_new(path: &PathBuf, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.flush()
}

/// Sorts as it was written: `20261122T100000.123456Z`.
fn moment(at: Timestamp) -> String {
    let seconds = at.micros().div_euclid(1_000_000);
    let whole = Timestamp::from_micros(seconds * 1_000_000).to_string().replace(['-', ':', 'Z'], "");
    format!("{whole}.{:06}Z", at.micros().rem_euclid(1_000_000))
}

/// A Message-ID as part of a file name.
fn plain(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '@') { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_time() {
        let at = Timestamp::parse("2026-11-22T10:00:00.000042Z").unwrap();
        assert_eq!(moment(at), "20261122T100000.000042Z");
        assert_eq!(moment(at.plus_seconds(-1)), "20261122T095959.000042Z");
        assert_eq!(plain("a/b+c=.2026-W47@example.com"), "a_b_c_.2026-W47@example.com");
    }
}
