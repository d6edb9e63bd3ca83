//! The file with the publication's keys: made once, for its owner alone, and never made again for a publication that
//! is in use, since sessions, links in mails and remembered addresses hang on it.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use domain::secrets::Secrets;

use crate::private_file::Draft;

/// Reads the file, or makes it unless the publication is in use already.
pub fn read_or_make(path: &Path, in_use: bool) -> Result<Secrets, String> {
    let shown = path.display();
    match read(path)? {
        Some(secrets) => Ok(secrets),
        None if in_use => Err(format!(
            "there is no secrets file at {shown}, and this database is in use: bring the file back from your backup, \
             or say where it is with --secrets-file. If it is lost for good, put an empty database's file in its place: \
             every session ends, and links in mails that were sent go dead"
        )),
        None => make(path).map_err(|error| format!("cannot make the secrets file {shown}: {error}")),
    }
}

/// Reads the file; `None` if there is none.
pub fn read(path: &Path) -> Result<Option<Secrets>, String> {
    let shown = path.display();
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot read the secrets file {shown}: {error}")),
    };
    let cannot = |error: std::io::Error| format!("cannot read the secrets file {shown}: {error}");
    let mode = file.metadata().map_err(cannot)?.mode();
    // Group-readable is how orchestrators hand secrets to a service's group.
    if mode & 0o027 != 0 {
        let mode = mode & 0o777;
        return Err(format!(
            "others can read or change the secrets file {shown} (mode {mode:o}); run `chmod 600 {shown}`"
        ));
    }
    if mode & 0o040 != 0 {
        tracing::warn!(path = %shown, "the group can read the secrets file");
    }
    let text = std::io::read_to_string(&mut file).map_err(cannot)?;
    serde_json::from_str(&text).map(Some).map_err(|error| {
        // What serde says of a wrong type repeats the value, which is a key.
        let message = error.to_string();
        let why = if message.starts_with("invalid") { "it is not as Byline makes it" } else { message.as_str() };
        format!("the secrets file {shown} is damaged: {why}; bring it back from your backup")
    })
}

/// Makes the file whole or not at all. If another process was faster, its keys are taken.
fn make(path: &Path) -> std::io::Result<Secrets> {
    let secrets = Secrets::generate().map_err(|_| ErrorKind::Unsupported)?;
    let text = serde_json::to_string_pretty(&secrets)? + "\n";
    match Draft::write(path, &text)?.place() {
        Ok(()) => {
            tracing::info!(path = %path.display(), "secrets file made; keep it with your backups");
            Ok(secrets)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            read(path).map_err(std::io::Error::other)?.ok_or_else(|| ErrorKind::NotFound.into())
        }
        Err(error) => Err(error),
    }
}
