//! `byline doctor`: looks at everything a server stands on, and changes nothing.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use mail::Transport;
use persistence::{DatabaseUrl, Db, Engine, migrations, users};

use crate::config::{Api, Settings};
use crate::failure::Failure;
use crate::store::{self, Create};

/// What came of one check.
enum Finding {
    /// As it should be.
    Fine(String),
    /// It works, and is probably not meant like that.
    Odd(String),
    /// It has to be changed.
    Wrong(String),
}

use Finding::{Fine, Odd, Wrong};

/// Prints a line per check; fails if something is wrong.
pub fn run(settings: &Settings) -> Result<(), Failure> {
    let db = store::connect(settings, Create::Never);
    let in_use = matches!(&db, Ok(db) if db.read_blocking(users::any).unwrap_or(false));
    let findings = [
        ("settings", file(settings)),
        ("address", address(settings)),
        ("database", db.as_ref().map_or_else(|failure| Wrong(failure.to_string()), |db| database(settings, db))),
        ("users", people(db.is_ok(), in_use)),
        ("secrets", secrets(settings, in_use)),
        ("ghost", ghost(settings)),
        ("mail", post(settings)),
    ];
    let mut text = String::new();
    for (what, finding) in &findings {
        let (word, sentence) = match finding {
            Fine(sentence) => ("fine", sentence),
            Odd(sentence) => ("odd", sentence),
            Wrong(sentence) => ("wrong", sentence),
        };
        let _ = writeln!(text, "{word:<6}{what:<10}{sentence}");
    }
    crate::print(&text);
    let wrong = findings.iter().filter(|(_, finding)| matches!(finding, Wrong(_))).count();
    if wrong == 0 { Ok(()) } else { Err(Failure::from(format!("{wrong} of {} checks failed", findings.len()))) }
}

fn file(settings: &Settings) -> Finding {
    Fine(match &settings.config {
        Some(path) => format!("from {}, variables and flags", path.display()),
        None => "from variables and flags, without a file".into(),
    })
}

fn address(settings: &Settings) -> Finding {
    let config = match settings.http(settings.listen) {
        Ok(config) => config,
        Err(wrong) => return Wrong(wrong),
    };
    let url = &config.public_url;
    let host = url.host_str().unwrap_or_default();
    let local = url.host().is_some_and(|host| match host {
        url::Host::Domain(name) => name == "localhost",
        url::Host::Ipv4(address) => address.is_loopback(),
        url::Host::Ipv6(address) => address.is_loopback(),
    });
    let named = |known: &String| known.rsplit_once(':').map_or(known.as_str(), |(name, _)| name) == host;
    if !config.allowed_hosts.is_empty() && !config.allowed_hosts.iter().any(|known| known == host || named(known)) {
        return Wrong(format!("--allowed-hosts leaves out {host}, the host of the public URL {url}"));
    }
    if url.scheme() == "http" && !local {
        return Odd(format!("{url} is not https: passwords and tokens travel in clear text"));
    }
    Fine(format!("{url}, listening on {}", settings.listen))
}

fn database(settings: &Settings, db: &Db) -> Finding {
    let engine = match db.engine() {
        Engine::Sqlite => "SQLite",
        Engine::Postgres => "PostgreSQL",
    };
    match db.read_blocking(migrations::pending) {
        Ok(pending) if pending.is_empty() => match open_to_others(&settings.database_url()) {
            Some(warning) => Odd(warning),
            None => Fine(format!("{engine} answers and has every migration")),
        },
        Ok(pending) => Wrong(format!("{} migrations are pending: run `byline migrate`", pending.len())),
        Err(error) => Wrong(Failure::from(error).to_string()),
    }
}

/// What to do about a SQLite file that is not for its owner alone.
fn open_to_others(url: &DatabaseUrl) -> Option<String> {
    let DatabaseUrl::Sqlite(path) = url else { return None };
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let shown = path.display();
    let advice = format!("{shown} has mode {mode:o}, so that others can read addresses: run `chmod 600 {shown}*`");
    (mode & 0o077 != 0).then_some(advice)
}

fn people(reachable: bool, any: bool) -> Finding {
    match (reachable, any) {
        (false, _) => Wrong("unknown without the database".into()),
        (true, false) => Odd("nobody can sign in yet: run `byline user add`".into()),
        (true, true) => Fine("someone can sign in".into()),
    }
}

fn secrets(settings: &Settings, in_use: bool) -> Finding {
    if let Some(secrets) = &settings.secrets {
        return Fine(format!("from BYLINE_SECRETS, with {} key(s)", secrets.kids().count()));
    }
    let path = settings.secrets_file();
    let shown = path.display();
    match store::read_secrets(&path) {
        Ok(Some(secrets)) => Fine(format!("{shown}, with {} key(s), for its owner only", secrets.kids().count())),
        Ok(None) if in_use => {
            Wrong(format!("{shown} is missing, and the database is in use: bring it back from your backup"))
        }
        Ok(None) => Odd(format!("{shown} is not there yet; `byline serve` makes it")),
        Err(wrong) => Wrong(wrong),
    }
}

fn ghost(settings: &Settings) -> Finding {
    if !settings.compat.contains(&Api::Ghost) {
        return Fine("its Content API is off".into());
    }
    let own = match &settings.secrets {
        Some(secrets) => Some(secrets.content_key()),
        None => store::read_secrets(&settings.secrets_file()).ok().flatten().map(|secrets| secrets.content_key()),
    };
    match (own, settings.ghost_content_keys.len()) {
        (None, _) => Odd("its Content API has no key yet: it comes with the secrets".into()),
        (Some(own), 0) => Fine(format!("its Content API takes the key {own}")),
        (Some(own), more) => Fine(format!("its Content API takes the key {own}, and {more} of yours")),
    }
}

fn post(settings: &Settings) -> Finding {
    let folder = settings.mail_dir.display();
    let to_files = || Odd(format!("messages become files in {folder}: nobody receives them"));
    if settings.smtp_url.is_none() && !settings.mail_dir.exists() {
        return to_files();
    }
    let transport = match Transport::open(settings.smtp_url.as_deref(), &settings.mail_dir) {
        Ok(transport) => transport,
        Err(error) => return Wrong(error.to_string()),
    };
    match transport.connect() {
        Ok(connection) => {
            connection.close();
            match settings.smtp_url {
                Some(_) => Fine("the mail server answers and lets us in".into()),
                None => to_files(),
            }
        }
        Err(failure) => Wrong(format!("the mail server: {}", failure.detail)),
    }
}
