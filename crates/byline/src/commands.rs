//! The commands, one file each.

mod archives;
mod doctor;
pub mod import;
mod migrate;
mod newsletter;
mod purge;
mod redirects;
mod serve;
mod user;

use std::process::ExitCode;

use crate::config::Settings;
use crate::failure::Failure;

/// A headless CMS for publications: articles, comments and a weekly update behind one API
#[derive(Debug, clap::Parser)]
#[command(name = "byline", version, after_help = AFTER_HELP, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    pub settings: Settings,
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Settings come from a flag, else its BYLINE_ variable, else the file given by --config, else the default.
`byline --help` lists them all.

To try it:    byline demo && byline serve
To start one: byline migrate --create && byline user add --role admin you@example.org && byline serve";

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Serve the API, and do what falls due (publications, mail)
    Serve,
    /// Bring the database to what this binary knows; `serve` does so by itself
    Migrate(migrate::Migrate),
    /// Add users, list them, and change their password or role
    #[command(subcommand)]
    User(user::Command),
    /// Load the demo publication into an empty database
    Demo,
    /// Preview the newsletter, or send what is due of it; `serve` does so by itself
    #[command(subcommand)]
    Newsletter(newsletter::Command),
    /// Bring a WordPress or Ghost site along
    #[command(subcommand)]
    Import(import::Command),
    /// Bring rules along for paths that have moved or are gone
    #[command(subcommand)]
    Redirects(redirects::Command),
    /// Write the whole publication into one archive: the same bytes as long as nothing changes
    Export(archives::Export),
    /// Read an archive into an empty database
    Restore(archives::Restore),
    /// Write an archive, and make sure that it can be restored; while the server runs
    Backup(archives::Backup),
    /// Copy the publication into an empty database, on the other engine too
    Copy(archives::Copy),
    /// Tell a CDN what to drop, as it changes
    Purge(purge::Purge),
    /// Print the OpenAPI document
    Openapi,
    /// Check settings, database, secrets and mail, a line each
    Doctor,
}

impl Cli {
    /// Does it.
    pub fn run(&self) -> Result<ExitCode, Failure> {
        let settings = &self.settings;
        match &self.command {
            Command::Import(asked) => return import::run(settings, asked),
            Command::Serve => serve::run(settings),
            Command::Migrate(asked) => migrate::run(settings, asked),
            Command::User(asked) => user::run(settings, asked),
            Command::Newsletter(asked) => newsletter::run(settings, asked),
            Command::Redirects(asked) => redirects::run(settings, asked),
            Command::Export(asked) => archives::export(settings, asked),
            Command::Restore(asked) => archives::restore(settings, asked),
            Command::Backup(asked) => archives::backup(settings, asked),
            Command::Copy(asked) => archives::copy(asked),
            Command::Purge(asked) => purge::run(settings, asked),
            Command::Demo => crate::demo::run(settings),
            Command::Openapi => {
                crate::print(&http::openapi_text());
                Ok(())
            }
            Command::Doctor => doctor::run(settings),
        }
        .map(|()| ExitCode::SUCCESS)
    }
}
