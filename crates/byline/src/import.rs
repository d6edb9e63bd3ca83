//! Moving in: reads an export (`exchange`), and writes what it says, some at a time, each time whole.

mod files;
mod ghost;
mod loader;
mod people;
mod progress;
mod wordpress;

pub use ghost::run as ghost;
pub use wordpress::run as wordpress;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use domain::{Actor, permissions::Role};
use exchange::report::Report;

use crate::failure::Failure;

/// Who brings things along: its name stands in histories.
fn actor() -> Actor {
    Actor { user: None, name: "import".into(), role: Role::Admin }
}

/// Says what became of everything.
fn finish(report: &Report, to: Option<&Path>) -> Result<ExitCode, Failure> {
    if let Some(path) = to {
        let text = serde_json::to_string_pretty(report).map_err(domain::Error::from)?;
        fs::write(path, text).map_err(|error| Failure::from(format!("cannot write {}: {error}", path.display())))?;
    }
    crate::print(&report.summary());
    Ok(ExitCode::from(report.exit_code()))
}

fn open(path: &Path) -> Result<(fs::File, u64), Failure> {
    let wrong = |error| Failure::from(format!("cannot read {}: {error}", path.display()));
    let file = fs::File::open(path).map_err(wrong)?;
    let size = file.metadata().map_err(wrong)?.len();
    Ok((file, size))
}
