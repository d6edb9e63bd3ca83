//! What an operator can set, once: a flag, a `BYLINE_*` variable, a key of a TOML file, a default and its help.
//!
//! A flag wins over a variable, a variable over the file, the file over the default.

mod file;
mod parse;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, ValueEnum};
use domain::secrets::Secrets;
use ipnet::IpNet;
use persistence::DatabaseUrl;
use url::Url;

/// Where the database is if nothing else is said.
pub const DEFAULT_DATABASE: &str = "sqlite://var/byline.db";

/// Every setting. Lists take several values separated by commas, or an array in the file.
#[derive(Debug, Clone, clap::Args)]
#[allow(clippy::doc_markdown, reason = "the docs are the help text")]
pub struct Settings {
    /// A TOML file with settings: the long names below, with `_` for `-`
    ///
    /// For example `public_url = "https://cms.example.org"`. Flags and variables win over it; a key that is not known
    /// is an error.
    #[arg(long, env = "BYLINE_CONFIG", value_name = "FILE", global = true, help_heading = "Settings")]
    pub config: Option<PathBuf>,

    /// The database: `sqlite://PATH` or `postgres://USER:PASSWORD@HOST/NAME` [default: sqlite://var/byline.db]
    ///
    /// A SQLite file that you name must exist, so that a typo is an error and not an empty publication; `byline migrate
    /// --create` makes it. The default file is made by `byline serve`.
    #[arg(long, env = "BYLINE_DATABASE_URL", value_name = "URL", global = true, help_heading = "Settings")]
    #[arg(value_parser = parse::Quiet(str::parse::<DatabaseUrl>), hide_env_values = true)]
    pub database_url: Option<DatabaseUrl>,

    /// How many connections to the database to keep for reading (on PostgreSQL as many again for writing)
    #[arg(long, env = "BYLINE_DATABASE_CONNECTIONS", value_name = "NUMBER", default_value_t = 8, global = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=256), help_heading = "Settings", hide_short_help = true)]
    pub database_connections: u32,

    /// The file with the publication's keys [default: secrets.json beside the SQLite file, or var/secrets.json]
    ///
    /// Made at first start, readable by its owner only. Keep it with your backups: without it every session ends and
    /// every link in a mail that was sent goes dead.
    #[arg(long, env = "BYLINE_SECRETS_FILE", value_name = "FILE", global = true, help_heading = "Settings")]
    #[arg(hide_short_help = true)]
    pub secrets_file: Option<PathBuf>,

    /// The publication's keys themselves, instead of the file: the text of such a file, JSON
    ///
    /// For nodes that get their secrets as variables. Set the variable rather than the flag: other users of the machine
    /// can see flags.
    #[arg(long, env = "BYLINE_SECRETS", value_name = "JSON", global = true, help_heading = "Settings")]
    #[arg(value_parser = parse::Quiet(parse::secrets), hide_env_values = true, hide_short_help = true)]
    #[arg(conflicts_with = "secrets_file")]
    pub secrets: Option<Secrets>,

    /// Where to listen; `[::]:8080` or `0.0.0.0:8080` for every network, port 0 for any free port
    #[arg(long, env = "BYLINE_LISTEN", value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080", global = true)]
    #[arg(value_parser = parse::listen, help_heading = "Settings")]
    pub listen: SocketAddr,

    /// Byline's own address as others reach it, such as https://cms.example.org
    ///
    /// Every link to Byline is made from it, never from a request. It may be left out on loopback only, where it
    /// follows from --listen.
    #[arg(long, env = "BYLINE_PUBLIC_URL", value_name = "URL", global = true, help_heading = "Settings")]
    #[arg(value_parser = parse::public_url)]
    pub public_url: Option<Url>,

    /// Hosts that requests may name; any other is refused with 421. Absent: any
    #[arg(long, env = "BYLINE_ALLOWED_HOSTS", value_name = "HOST,...", value_delimiter = ',', global = true)]
    #[arg(value_parser = parse::host, help_heading = "Settings", hide_short_help = true)]
    pub allowed_hosts: Vec<String>,

    /// Origins whose scripts may use the routes that need a sign-in, such as https://desk.example.org
    ///
    /// Reading, commenting and subscribing are open to every origin without it.
    #[arg(long, env = "BYLINE_CORS_ORIGINS", value_name = "ORIGIN,...", value_delimiter = ',', global = true)]
    #[arg(value_parser = parse::origin, help_heading = "Settings", hide_short_help = true)]
    pub cors_origins: Vec<String>,

    /// Proxies whose `X-Forwarded-For` is believed: addresses or networks, such as 10.0.0.0/8
    #[arg(long, env = "BYLINE_TRUSTED_PROXIES", value_name = "NETWORK,...", value_delimiter = ',', global = true)]
    #[arg(value_parser = parse::network, help_heading = "Settings", hide_short_help = true)]
    pub trusted_proxies: Vec<IpNet>,

    /// The bearer token that `/metrics` wants; absent: only loopback may read it
    ///
    /// Set the variable rather than the flag: other users of the machine can see flags.
    #[arg(long, env = "BYLINE_METRICS_TOKEN", value_name = "TOKEN", global = true, help_heading = "Settings")]
    #[arg(value_parser = parse::Quiet(parse::token), hide_env_values = true, hide_short_help = true)]
    pub metrics_token: Option<String>,

    /// Whether attempts (signing in, commenting, subscribing) are limited; `off` is for benchmarks
    #[arg(long, env = "BYLINE_LIMITS", default_value = "on", global = true, help_heading = "Settings")]
    #[arg(hide_short_help = true)]
    pub limits: Switch,

    /// Seconds that browsers may keep a public answer without asking again
    #[arg(long, env = "BYLINE_CACHE_MAX_AGE", value_name = "SECONDS", default_value_t = 0, global = true)]
    #[arg(value_parser = parse::seconds(), help_heading = "Settings", hide_short_help = true)]
    pub cache_max_age: u64,

    /// Seconds that shared caches (a CDN) may keep a public answer without asking again
    #[arg(long, env = "BYLINE_CACHE_S_MAXAGE", value_name = "SECONDS", default_value_t = 0, global = true)]
    #[arg(value_parser = parse::seconds(), help_heading = "Settings", hide_short_help = true)]
    pub cache_s_maxage: u64,

    /// Seconds that caches may show a stale answer while they fetch the new one
    #[arg(long, env = "BYLINE_CACHE_STALE_WHILE_REVALIDATE", value_name = "SECONDS", default_value_t = 30)]
    #[arg(value_parser = parse::seconds(), global = true, help_heading = "Settings", hide_short_help = true)]
    pub cache_stale_while_revalidate: u64,

    /// Megabytes of public answers to keep ready in memory; 0 keeps none
    #[arg(long, env = "BYLINE_CACHE_SIZE", value_name = "MEGABYTES", default_value_t = 64, global = true)]
    #[arg(value_parser = clap::value_parser!(u64).range(..=1_048_576), help_heading = "Settings", hide_short_help = true)]
    pub cache_size: u64,

    /// The folder in which files (pictures and the like) are kept [default: media beside the SQLite file, or var/media]
    ///
    /// Several nodes need one folder that all of them see. Keep it with your backups.
    #[arg(long, env = "BYLINE_MEDIA_STORE", value_name = "FOLDER", global = true, help_heading = "Settings")]
    #[arg(hide_short_help = true)]
    pub media_store: Option<PathBuf>,

    /// Other systems' APIs to speak, for front ends that are moved in: `wordpress`, `ghost`, or `none`
    ///
    /// WordPress's is under /wp-json, Ghost's Content API under /ghost/api/content. What is not named answers 404.
    #[arg(long, env = "BYLINE_COMPAT", value_name = "API,...", value_delimiter = ',', global = true)]
    #[arg(default_values = ["wordpress", "ghost"], help_heading = "Settings", hide_short_help = true)]
    pub compat: Vec<Api>,

    /// More keys that are good for Ghost's Content API, so that a front end that is moved in keeps its own
    ///
    /// 26 hexadecimal digits each. The publication has one of its own besides; `byline doctor` shows it.
    #[arg(long, env = "BYLINE_GHOST_CONTENT_KEYS", value_name = "KEY,...", value_delimiter = ',', global = true)]
    #[arg(value_parser = parse::content_key, help_heading = "Settings", hide_short_help = true)]
    pub ghost_content_keys: Vec<String>,

    /// Threads that serve requests [default: one per core]
    #[arg(long, env = "BYLINE_WORKERS", value_name = "NUMBER", global = true, help_heading = "Settings")]
    #[arg(value_parser = parse::workers(), hide_short_help = true)]
    pub workers: Option<u16>,

    /// The mail server: smtps://USER:PASSWORD@HOST or smtp://... Absent: messages become files, see --mail-dir
    #[arg(long, env = "BYLINE_SMTP_URL", value_name = "URL", global = true, help_heading = "Settings")]
    #[arg(hide_env_values = true)]
    pub smtp_url: Option<String>,

    /// Where messages are written as .eml files if there is no --smtp-url
    #[arg(long, env = "BYLINE_MAIL_DIR", value_name = "FOLDER", default_value = "var/mail", global = true)]
    #[arg(help_heading = "Settings", hide_short_help = true)]
    pub mail_dir: PathBuf,

    /// How log lines look; they go to standard error
    #[arg(long, env = "BYLINE_LOG_FORMAT", default_value = "text", global = true, help_heading = "Settings")]
    #[arg(hide_short_help = true)]
    pub log_format: LogFormat,

    /// The least severe log lines to write; `info` has one line for every request
    #[arg(long, env = "BYLINE_LOG_LEVEL", default_value = "info", global = true, help_heading = "Settings")]
    #[arg(hide_short_help = true)]
    pub log_level: LogLevel,
}

/// An API of another system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Api {
    /// WordPress's.
    Wordpress,
    /// Ghost's.
    Ghost,
    /// None at all.
    None,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// As it should be.
    On,
    /// Not at all.
    Off,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// How severe a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// What failed.
    Error,
    /// And what is not as it should be.
    Warn,
    /// And what happened.
    Info,
    /// And how.
    Debug,
    /// And everything else.
    Trace,
}

impl Settings {
    /// Where the database is.
    pub fn database_url(&self) -> DatabaseUrl {
        let default = || DatabaseUrl::Sqlite(DEFAULT_DATABASE.trim_start_matches("sqlite://").into());
        self.database_url.clone().unwrap_or_else(default)
    }

    /// Where the publication's keys are.
    pub fn secrets_file(&self) -> PathBuf {
        self.secrets_file.clone().unwrap_or_else(|| match self.database_url() {
            DatabaseUrl::Sqlite(path) => path.with_file_name("secrets.json"),
            DatabaseUrl::Postgres(_) => Path::new("var").join("secrets.json"),
        })
    }

    /// Where files are kept.
    pub fn media_store(&self) -> PathBuf {
        self.media_store.clone().unwrap_or_else(|| match self.database_url() {
            DatabaseUrl::Sqlite(path) => path.with_file_name("media"),
            DatabaseUrl::Postgres(_) => Path::new("var").join("media"),
        })
    }

    /// How the server answers, once it is known where it listens.
    pub fn http(&self, listen: SocketAddr) -> Result<http::Config, String> {
        let mut config = http::Config::new(self.public_url(listen)?);
        config.allowed_hosts.clone_from(&self.allowed_hosts);
        config.cors_origins.clone_from(&self.cors_origins);
        config.trusted_proxies.clone_from(&self.trusted_proxies);
        config.limits = self.limits == Switch::On;
        config.metrics_token.clone_from(&self.metrics_token);
        config.media_store = self.media_store();
        config.wordpress = self.compat.contains(&Api::Wordpress);
        config.ghost = self.compat.contains(&Api::Ghost);
        config.ghost_content_keys.clone_from(&self.ghost_content_keys);
        config.cache_size = self.cache_size * 1024 * 1024;
        config.cache = http::CachePolicy {
            max_age: self.cache_max_age,
            s_maxage: self.cache_s_maxage,
            stale_while_revalidate: self.cache_stale_while_revalidate,
        };
        Ok(config)
    }

    fn public_url(&self, listen: SocketAddr) -> Result<Url, String> {
        match &self.public_url {
            Some(url) => Ok(url.clone()),
            None if listen.ip().to_canonical().is_loopback() => {
                Url::parse(&format!("http://{listen}/")).map_err(|error| error.to_string())
            }
            None => Err(format!(
                "--public-url is missing: {listen} is reached from other machines, and links in mails and answers \
                 must not come from a request; say how others reach this server, such as --public-url \
                 https://cms.example.org"
            )),
        }
    }
}

/// Reads the command line, the environment and the configuration file.
///
/// # Errors
/// Prints as what is wrong and what to write instead; `--help` comes this way too.
pub fn read<T: CommandFactory + FromArgMatches>(
    words: impl IntoIterator<Item = std::ffi::OsString>,
) -> Result<T, clap::Error> {
    let words: Vec<_> = words.into_iter().collect();
    // A variable that is set to nothing is not set: compose files and units cannot leave one out.
    let command = || T::command().mut_args(without_empty_variable);
    let mut matches = command().try_get_matches_from(&words)?;
    if let Some(path) = matches.get_one::<PathBuf>("config") {
        let with_file = file::apply(command(), path).map_err(|wrong| T::command().error(ErrorKind::Io, wrong))?;
        matches = with_file.try_get_matches_from(&words)?;
    }
    T::from_arg_matches(&matches)
}

fn without_empty_variable(arg: clap::Arg) -> clap::Arg {
    let empty = arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
    if empty { arg.env(Resettable::Reset) } else { arg }
}

/// Variables that begin with `BYLINE_` and mean nothing, each with the nearest that does.
pub fn unknown_variables<T: CommandFactory>() -> Vec<(String, Option<String>)> {
    let command = T::command();
    let arguments = command.get_arguments().chain(command.get_subcommands().flat_map(clap::Command::get_arguments));
    let mut known: Vec<String> = arguments.filter_map(|arg| Some(arg.get_env()?.to_str()?.to_owned())).collect();
    known.extend(crate::demo::VARIABLES.map(str::to_owned));
    std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("BYLINE_") && !known.contains(name))
        .map(|name| {
            let hint = nearest(&name, known.iter().map(String::as_str));
            (name, hint)
        })
        .collect()
}

/// The known name that an unknown one was probably meant to be.
pub fn nearest<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    known
        .map(|name| (strsim::jaro_winkler(unknown, name), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name.to_owned())
}
