//! `byline import`: a WordPress or Ghost site moves in with its file.

use std::path::PathBuf;
use std::process::ExitCode;

use persistence::members::Attestation;
use url::Url;

use crate::config::Settings;
use crate::failure::Failure;
use crate::import;

/// What to bring along.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Bring a WordPress site along: posts, pages, categories, tags, authors, comments, pictures
    ///
    /// FILE is what WordPress makes under Tools → Export. It may be run again, also after it was interrupted: what is
    /// there already is changed to what the file says, unless someone changed it here. Ends with 0, with 2 if something
    /// did not come, with 1 if it failed. docs/MOVING.md says what becomes of everything.
    #[command(name = "wordpress")]
    WordPress(WordPress),
    /// Bring a Ghost site along: posts, pages, tags, authors, members, redirects, pictures
    ///
    /// FILE is what Ghost makes under Settings → Migration tools → Export, or a ZIP with it and the folder
    /// `content/images`. It may be run again, as for WordPress.
    Ghost(Ghost),
}

/// What holds for every import.
#[derive(Debug, clap::Args)]
#[allow(clippy::doc_markdown, reason = "the docs are the help text")]
pub struct Common {
    /// Read everything and say what would come, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The site's files, as they lie on its server: `wp-content/uploads`, or `content`
    #[arg(long, value_name = "FOLDER", conflicts_with = "fetch_media")]
    pub media_dir: Option<PathBuf>,
    /// Fetch the site's files from --media-origin
    #[arg(long, requires = "media_origin")]
    pub fetch_media: bool,
    /// Where files may be fetched from, such as https://blog.example.org; nothing else is spoken to
    #[arg(long, value_name = "URL", requires = "fetch_media")]
    pub media_origin: Vec<Url>,
    /// Make accounts for the authors, too: contributors without a password, until `byline user set-password` gives one
    #[arg(long)]
    pub users: bool,
    /// The site's time zone, such as Europe/Berlin; absent: found from the dates in the file
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,
    /// What tells this site from others, if that is not its address
    #[arg(long, value_name = "NAME")]
    pub site: Option<String>,
    /// Write what became of everything, as JSON
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct WordPress {
    /// The export (WXR)
    pub file: PathBuf,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, clap::Args)]
pub struct Ghost {
    /// The export (JSON), or a ZIP with it
    pub file: PathBuf,
    #[command(flatten)]
    pub common: Common,
    /// The members, as Ghost exports them (CSV); they receive nothing until they confirm
    #[arg(long, value_name = "FILE")]
    pub members: Option<PathBuf>,
    /// Let the members receive the newsletter at once, since they agreed to it: TEXT says where, when and to what, and is
    /// kept as the proof. Only for those who can answer for it
    #[arg(long, value_name = "TEXT", requires = "members", value_parser = attestation)]
    pub attest_consent: Option<Attestation>,
    /// The redirects, as Ghost exports them (JSON or YAML)
    #[arg(long, value_name = "FILE")]
    pub redirects: Option<PathBuf>,
}

fn attestation(text: &str) -> Result<Attestation, String> {
    Attestation::parse(text).map_err(|(_, detail)| detail)
}

/// Does it, and answers how it went.
pub fn run(settings: &Settings, command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::WordPress(asked) => import::wordpress(settings, asked),
        Command::Ghost(asked) => import::ghost(settings, asked),
    }
}
