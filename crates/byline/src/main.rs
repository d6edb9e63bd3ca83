//! Byline, the binary: commands, configuration, wiring and background work.

mod accounts;
mod archive;
mod background;
mod commands;
mod config;
mod demo;
mod failure;
mod import;
mod logging;
mod private_file;
mod store;

use std::io::Write;
use std::process::ExitCode;

use commands::Cli;

/// Gives memory back within seconds. The system's keeps what each thread once needed, 19 MiB for every one that ever
/// hashed a password: 140 MB after a few sign-ins, where this one holds 30.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli: Cli = match config::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    logging::start(&cli.settings);
    for (name, hint) in config::unknown_variables::<Cli>() {
        let hint = hint.map(|known| format!("; did you mean {known}?")).unwrap_or_default();
        eprintln!("byline: the variable {name} means nothing{hint}");
    }
    match cli.run() {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("byline: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Prints to standard output, and ends the line; that nobody reads it is no reason to stop.
fn print(text: &str) {
    let mut output = std::io::stdout().lock();
    let _ = writeln!(output, "{}", text.trim_end_matches('\n')).and_then(|()| output.flush());
}
