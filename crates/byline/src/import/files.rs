//! The files of a site: found in a folder or a ZIP, or fetched; kept in the media store; and put in the place of their
//! old addresses.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use domain::media::{self, Media, below_site, known_as};
use exchange::report::Report;
use persistence::files::Files;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use url::Url;

use crate::commands::import::Common;
use crate::failure::Failure;

/// Largest file that is taken.
const MAX: u64 = 512 * 1024 * 1024;
/// Most redirects that are followed to one file.
const MAX_HOPS: usize = 5;

/// Where the files come from.
enum Source {
    None,
    Folder(PathBuf),
    Zip(Box<zip::ZipArchive<File>>),
    Net(Box<Agent>, Vec<Url>),
}

/// The files of a site.
pub struct Moved {
    source: Source,
    store: Files,
    public_url: Url,
    /// Addresses of files here, by the paths under which they were known.
    known: HashMap<String, String>,
    hosts: HashSet<String>,
}

/// A file that came.
pub struct Came {
    /// What is known of it, without what the export says of it.
    pub file: Media,
    /// The paths under which it was known.
    pub paths: Vec<String>,
}

impl Moved {
    /// The files that were asked for.
    pub fn new(asked: &Common, store: Files, public_url: Url) -> Self {
        let source = match &asked.media_dir {
            Some(folder) => Source::Folder(folder.clone()),
            None if asked.fetch_media => Source::Net(Box::new(agent()), asked.media_origin.clone()),
            None => Source::None,
        };
        Self { source, store, public_url, known: HashMap::new(), hosts: HashSet::new() }
    }

    /// Takes files from this ZIP, unless a folder or the net was named.
    pub fn or_zip(&mut self, zip: zip::ZipArchive<File>) {
        if matches!(self.source, Source::None) {
            self.source = Source::Zip(Box::new(zip));
        }
    }

    /// Files of these hosts are those of the site.
    pub fn add_host(&mut self, address: &str) {
        if let Some(host) = Url::parse(address).ok().and_then(|url| url.host_str().map(str::to_owned)) {
            self.hosts.insert(host);
        }
    }

    /// Brings the file of an address here; else says why it does not come.
    pub fn bring(&mut self, address: &str) -> Result<Came, (&'static str, String)> {
        let path = known_as(address).into_iter().next().unwrap_or_default();
        let stored = match &mut self.source {
            Source::None => {
                return Err(("file_not_given", format!("{address}: name --media-dir, or --fetch-media.")));
            }
            Source::Folder(folder) => match in_folder(folder, &path) {
                Some(file) => self.store.put(file, MAX),
                None => return Err(("file_missing", format!("{path} is not in the folder."))),
            },
            Source::Zip(zip) => match in_zip(zip, &path) {
                Some(index) => {
                    let file = zip.by_index(index).map_err(|error| ("file_unreadable", error.to_string()))?;
                    self.store.put(file, MAX)
                }
                None => return Err(("file_missing", format!("{path} is not in the ZIP."))),
            },
            Source::Net(agent, origins) => {
                let body =
                    fetch(agent, origins, address).map_err(|why| ("file_not_fetched", format!("{address}: {why}")))?;
                self.store.put(body, MAX)
            }
        };
        let stored = match stored {
            Ok(Some(stored)) => stored,
            Ok(None) => return Err(("file_too_large", format!("{address} is larger than {} MB.", MAX / 1_048_576))),
            Err(error) => return Err(("file_unreadable", format!("{address}: {}", Failure::from(error)))),
        };
        let name = media::name(path.rsplit('/').next().unwrap_or_default());
        let mut paths = vec![path.clone()];
        let below = below_site(&path);
        if below != path {
            paths.push(below.to_owned());
        }
        let here = self.link(&media::path(&stored.sha256, &name));
        for path in &paths {
            self.known.entry(path.clone()).or_insert_with(|| here.clone());
        }
        let file = Media {
            id: domain::ids::MediaId::new(),
            sha256: stored.sha256,
            name,
            content_type: stored.content_type,
            size: stored.size,
            width: stored.pixels.map(|(width, _)| width),
            height: stored.pixels.map(|(_, height)| height),
            title: String::new(),
            alt: String::new(),
            caption: String::new(),
            credit: String::new(),
            source_url: Some(address.to_owned()),
            created_at: domain::Timestamp::from_micros(0),
            article: None,
        };
        Ok(Came { file, paths })
    }

    fn link(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.as_str().trim_end_matches('/'))
    }

    /// Where the file of an old address is now, if it came.
    pub fn find(&self, address: &str) -> Option<String> {
        if let Ok(url) = Url::parse(address) {
            let host = url.host_str()?;
            // WordPress.com's image servers put a host before the path.
            let by_proxy = host.ends_with(".wp.com") && host.starts_with('i');
            if by_proxy {
                let (_, rest) = address.split_once("//")?;
                let (_, original) = rest.split_once('/')?;
                return self.find(&format!("https://{original}"));
            }
            if !self.hosts.contains(host) {
                return None;
            }
        } else if !address.starts_with('/') || address.starts_with("//") {
            return None;
        }
        let paths = known_as(address);
        paths.iter().find_map(|path| self.known.get(path).or_else(|| self.known.get(below_site(path)))).cloned()
    }

    /// Puts files in the place of their old addresses; those that have none stay.
    pub fn relink(&self, html: &str) -> String {
        exchange::content::relink(html, |address| self.find(address))
    }
}

/// A file of the folder: by its whole path, or by any end of it.
fn in_folder(folder: &Path, path: &str) -> Option<File> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    // `..` would lead out of the folder.
    if parts.iter().any(|part| matches!(*part, "." | "..") || part.contains(['\\', '\0'])) {
        return None;
    }
    (0..parts.len()).find_map(|from| {
        let path = parts[from..].iter().fold(folder.to_owned(), |path, part| path.join(part));
        path.is_file().then(|| File::open(path).ok()).flatten()
    })
}

fn in_zip(zip: &zip::ZipArchive<File>, path: &str) -> Option<usize> {
    let end = path.trim_start_matches('/');
    let mut names = zip.file_names().filter_map(Result::ok);
    let found = names.find(|name| *name == end || name.ends_with(&format!("/{end}")))?.into_owned();
    zip.index_for_name(&found)
}

fn agent() -> Agent {
    let found = rustls_native_certs::load_native_certs();
    let roots: Vec<_> = found.certs.iter().map(|root| Certificate::from_der(root).to_owned()).collect();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::from(roots))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    let agent = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .timeout_global(Some(Duration::from_mins(5)))
        .timeout_connect(Some(Duration::from_secs(10)))
        .tls_config(tls.build())
        .user_agent(concat!("byline/", env!("CARGO_PKG_VERSION")));
    agent.build().into()
}

/// Fetches a file, from these origins alone, wherever a redirect leads.
fn fetch(agent: &Agent, origins: &[Url], address: &str) -> Result<impl Read + use<>, String> {
    let mut url = Url::parse(address).map_err(|error| error.to_string())?;
    for _ in 0..MAX_HOPS {
        let is_allowed = origins.iter().any(|origin| origin.origin() == url.origin());
        if !is_allowed {
            // The same file may lie on the origin that was named, whatever the scheme or host of old.
            let Some(origin) = origins.iter().find(|origin| origin.host_str() == url.host_str()) else {
                return Err(format!("{} is no --media-origin", url.origin().ascii_serialization()));
            };
            let mut there = origin.clone();
            there.set_path(url.path());
            there.set_query(url.query());
            url = there;
        }
        let answer = agent.get(url.as_str()).call().map_err(|error| error.to_string())?;
        let status = answer.status();
        if status.is_redirection() {
            let to = answer.headers().get("location").and_then(|to| to.to_str().ok()).ok_or("a redirect to nowhere")?;
            url = url.join(to).map_err(|error| error.to_string())?;
            continue;
        }
        if !status.is_success() {
            return Err(format!("it answers {status}"));
        }
        return Ok(answer.into_body().into_reader());
    }
    Err("too many redirects".into())
}

/// Says of a file that it does not come.
pub fn say_missing(report: &mut Report, id: &str, (code, detail): (&'static str, String)) {
    report.skip("media", id, code, detail);
}
