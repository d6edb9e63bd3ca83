//! Files for their owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{Result, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file, mode 0600, that is written and not yet in its place; dropped, it is gone.
pub struct Draft {
    path: PathBuf,
    target: PathBuf,
}

impl Draft {
    /// Writes `text` beside `target`, whose folder is made if it is not there.
    pub fn write(target: &Path, text: &str) -> Result<Self> {
        let folder = folder(target);
        fs::create_dir_all(folder)?;
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let path = folder.join(format!(".{name}.{}", std::process::id()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let draft = Self { path, target: target.to_owned() };
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        Ok(draft)
    }

    /// Puts it into its place if nothing is there; `AlreadyExists` if something is.
    pub fn place(self) -> Result<()> {
        // Unlike a rename, a link never takes the place of a file that is there.
        fs::hard_link(&self.path, &self.target)?;
        File::open(folder(&self.target))?.sync_all()
    }

    /// Puts it into its place, whatever is there.
    pub fn replace(self) -> Result<()> {
        fs::rename(&self.path, &self.target)?;
        File::open(folder(&self.target))?.sync_all()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove.
        let _ = fs::remove_file(&self.path);
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
