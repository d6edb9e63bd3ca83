//! Ghost: the JSON file, or a ZIP with it and the site's files; members and redirects from files of their own.

use std::fs::File;
use std::io::Read;
use std::process::ExitCode;

use domain::Timestamp;
use domain::redirects::RedirectWrite;
use domain::site::Settings as SiteSettings;
use exchange::ghost::{Ghost as Site, Rows, redirects};
use exchange::ids::Identities;
use exchange::report::{Fate, Report};
use persistence::files::Files;

use super::files::Moved;
use super::loader::{From, Loader};
use super::progress::Progress;
use super::{finish, open, people};
use crate::commands::import::Ghost;
use crate::config::Settings;
use crate::failure::Failure;
use crate::store::{Create, Store};

/// Largest JSON that is read, in bytes: it is held whole.
const MAX_JSON: u64 = 1024 * 1024 * 1024;

/// Does it.
pub fn run(settings: &Settings, asked: &Ghost) -> Result<ExitCode, Failure> {
    let common = &asked.common;
    // Before a large file is read for nothing.
    let store = if common.dry_run { None } else { Some(Store::open(settings, Create::Default)?) };
    let mut report = Report::default();
    let (rows, zip) = match read(asked)? {
        Ok(read) => read,
        Err(why) => {
            report.source.format = "ghost".into();
            report.fail("unreadable", why);
            return finish(&report, common.report.as_deref());
        }
    };
    let now = Timestamp::now();
    let mut site = Site::new(rows, common.site.as_deref(), &mut report);
    let public_url = settings.http(settings.listen)?.public_url;
    let mut files = Moved::new(common, Files::new(settings.media_store()), public_url);
    if let Some(zip) = zip {
        files.or_zip(zip);
    }
    let ids = Identities::of(common.site.as_deref().unwrap_or("ghost"));
    let mut loader = Loader::new(store.as_ref(), From::Ghost, ids.clone(), files, now)?;
    let wanted = SiteSettings {
        name: site.name.clone().unwrap_or_default(),
        description: site.description.clone().unwrap_or_default(),
        timezone: common.timezone.clone().or_else(|| site.timezone.clone()).unwrap_or_default(),
        permalink: "/{slug}/".into(),
        ..SiteSettings::default()
    };
    loader.adopt(&wanted, &mut report)?;
    let made_at = site.made_at;
    loader.tags(&site.tags, made_at, &mut report)?;
    let posts = site.take_posts();
    let mut entries = Vec::with_capacity(posts.len());
    for post in &posts {
        entries.extend(site.entry(post, now, &mut report));
    }
    drop(posts);
    if !common.dry_run {
        bring_files(&site, &entries, &ids, &mut loader, &mut report)?;
    }
    loader.bylines(&site.bylines, made_at, &mut report)?;
    if common.users {
        people::users(store.as_ref(), &site.bylines, &mut report)?;
    }
    let mut progress = Progress::new("writing", entries.len() as u64);
    for (done, entry) in (0..).zip(entries) {
        progress.at(done);
        loader.take(entry, &mut report)?;
    }
    drop(progress);
    if let Some(path) = &asked.redirects {
        let mut text = String::new();
        open(path)?
            .0
            .read_to_string(&mut text)
            .map_err(|error| Failure::from(format!("cannot read {}: {error}", path.display())))?;
        let rules = redirects(&text).map_err(|why| Failure::from(format!("{}: {}", path.display(), why.0)))?;
        loader.redirect(rules.into_iter().filter_map(|rule| write(rule, &mut report)).collect(), made_at);
    }
    loader.finish(&mut report)?;
    if let Some(path) = &asked.members {
        people::members(store.as_ref(), path, asked.attest_consent.as_ref(), &ids, &mut report)?;
    }
    finish(&report, common.report.as_deref())
}

type Read_ = (Rows, Option<zip::ZipArchive<File>>);

/// The rows of the file, and the ZIP that it lies in.
fn read(asked: &Ghost) -> Result<Result<Read_, String>, Failure> {
    let (file, size) = open(&asked.file)?;
    if asked.file.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("zip")) {
        if size > MAX_JSON {
            return Ok(Err(format!("The file is larger than {} MB.", MAX_JSON / 1_048_576)));
        }
        return Ok(Rows::read(file).map(|rows| (rows, None)).map_err(|why| why.0));
    }
    let mut zip = match zip::ZipArchive::new(file) {
        Ok(zip) => zip,
        Err(error) => return Ok(Err(format!("This is no ZIP, or it is cut off: {error}."))),
    };
    let names = zip.file_names().filter_map(Result::ok).map(std::borrow::Cow::into_owned);
    let names = names.filter(|name| name.to_ascii_lowercase().ends_with(".json") && !name.starts_with("__MACOSX"));
    let name = names.min_by_key(|name| (name.matches('/').count(), name.clone()));
    let Some(name) = name else { return Ok(Err("The ZIP holds no JSON file.".into())) };
    let rows = match zip.by_name(&name) {
        Ok(json) => Rows::read(json.take(MAX_JSON)).map_err(|why| format!("{name}: {}", why.0)),
        Err(error) => Err(format!("{name}: {error}")),
    };
    Ok(rows.map(|rows| (rows, Some(zip))))
}

/// Brings the files that articles show.
fn bring_files(
    site: &Site,
    entries: &[exchange::model::Entry],
    ids: &Identities,
    loader: &mut Loader<'_>,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut addresses = std::collections::BTreeSet::new();
    for entry in entries {
        exchange::content::relink(&entry.html, |address| {
            addresses.insert(address.to_owned());
            None
        });
        addresses.extend(entry.cover.as_ref().map(|cover| cover.url.clone()));
    }
    addresses.extend(site.bylines.iter().filter_map(|byline| byline.avatar_url.clone()));
    // Of a picture, the largest: the others are its sizes.
    let own = addresses.into_iter().filter(|address| {
        address.contains("/content/images/")
            || address.contains("/content/media/")
            || address.contains("/content/files/")
    });
    let whole: std::collections::BTreeSet<String> = own
        .filter(|address| address.starts_with('/'))
        .map(|address| domain::media::known_as(&address).pop().unwrap_or(address))
        .collect();
    for address in whole {
        match loader.files().bring(&address) {
            Ok(mut came) => {
                report.count("media").read += 1;
                came.file.id = ids.make("media", &address, Timestamp::from_micros(0)).map_err(domain::Error::from)?;
                came.file.created_at = site.made_at;
                loader.media(&came.file, &came.paths, &address, report)?;
            }
            Err((code, detail)) => report.skip("media", &address, code, detail),
        }
    }
    Ok(())
}

fn write(rule: exchange::ghost::Redirect, report: &mut Report) -> Option<RedirectWrite> {
    if let Some(code) = rule.refused {
        report.skip("redirect", &rule.from, code, "Its pattern cannot be carried.");
        return None;
    }
    let pattern = rule.path.is_none();
    if !rule.permanent {
        report.say("redirect", &rule.from, Fate::Changed, "permanent", "It was temporary; here it is for good.");
    }
    Some(RedirectWrite {
        from: Some(rule.path.unwrap_or(rule.pattern)),
        pattern: Some(pattern),
        to: Some(rule.to),
        note: Some("Brought along.".into()),
    })
}
