//! WordPress: the file is read twice, once for what its items refer to, once to write them.

use std::process::ExitCode;

use domain::Timestamp;
use domain::site::Settings as SiteSettings;
use exchange::content::plain;
use exchange::ids::Identities;
use exchange::report::Report;
use exchange::wordpress::{Plan, Survey, Thing, Wxr};
use persistence::files::Files;

use super::files::{Moved, say_missing};
use super::loader::{From, Loader};
use super::progress::Progress;
use super::{finish, open, people};
use crate::commands::import::WordPress;
use crate::config::Settings;
use crate::failure::Failure;
use crate::store::{Create, Store};

/// Does it.
pub fn run(settings: &Settings, asked: &WordPress) -> Result<ExitCode, Failure> {
    let common = &asked.common;
    let (file, length) = open(&asked.file)?;
    // Before a large file is read for nothing.
    let store = if common.dry_run { None } else { Some(Store::open(settings, Create::Default)?) };
    let mut report = Report::default();
    let mut progress = Progress::new("reading", length);
    let mut survey = Survey::of(file, |at| progress.at(at));
    drop(progress);
    let broken = survey.broken.take();
    report.source.complete = broken.is_none();
    if let Some(broken) = &broken {
        report.fail(broken.code, broken.detail.clone());
        if broken.code == "not_an_export" {
            return finish(&report, common.report.as_deref());
        }
    }
    let site = common.site.clone().unwrap_or_else(|| survey.address().to_owned());
    let mut plan =
        Plan::new(survey, common.site.as_deref(), common.timezone.as_deref(), &mut report).map_err(|zone| {
            Failure::from(format!("there is no time zone `{}`; write one such as Europe/Berlin", zone.0))
        })?;
    let public_url = settings.http(settings.listen)?.public_url;
    let files = Moved::new(common, Files::new(settings.media_store()), public_url);
    let now = Timestamp::now();
    let ids = Identities::of(&site);
    let mut loader = Loader::new(store.as_ref(), From::WordPress, ids.clone(), files, now)?;
    let wanted = SiteSettings {
        name: plain(&plan.survey.site.title),
        description: plain(&plan.survey.site.description),
        timezone: plan.timezone.clone(),
        permalink: plan.permalink.clone().unwrap_or_else(|| SiteSettings::default().permalink),
        ..SiteSettings::default()
    };
    loader.adopt(&wanted, &mut report)?;
    let made_at = plan.made_at;
    loader.categories(&plan.categories, made_at, &mut report)?;
    loader.tags(&plan.tags, made_at, &mut report)?;
    loader.bylines(&plan.bylines, made_at, &mut report)?;
    if common.users {
        people::users(store.as_ref(), &plan.bylines, &mut report)?;
    }
    bring_files(&plan, &ids, common.dry_run, &mut loader, &mut report)?;
    write_items(asked, length, &mut plan, &mut loader, now, &mut report)?;
    loader.finish(&mut report)?;
    finish(&report, common.report.as_deref())
}

fn bring_files(
    plan: &Plan,
    ids: &Identities,
    dry: bool,
    loader: &mut Loader<'_>,
    report: &mut Report,
) -> Result<(), Failure> {
    let attachments = &plan.survey.attachments;
    loader.files().add_host(plan.survey.address());
    let mut progress = Progress::new("files", attachments.len() as u64);
    for (done, attachment) in attachments.values().enumerate() {
        progress.at(done as u64);
        loader.files().add_host(&attachment.url);
        if dry {
            report.count("media").read += 1;
            continue;
        }
        match loader.files().bring(&attachment.url) {
            Ok(mut came) => {
                report.count("media").read += 1;
                let at = attachment.when.stable().unwrap_or(Timestamp::from_micros(0));
                came.file.id = ids.make("media", &attachment.id, at).map_err(domain::Error::from)?;
                came.file.title.clone_from(&attachment.title);
                came.file.alt.clone_from(&attachment.alt);
                came.file.caption = plain(&attachment.caption);
                came.file.created_at = at;
                came.file.article = plan.owner_of(attachment);
                loader.media(&came.file, &came.paths, &attachment.id, report)?;
            }
            Err(why) => say_missing(report, &attachment.id, why),
        }
    }
    Ok(())
}

fn write_items(
    asked: &WordPress,
    length: u64,
    plan: &mut Plan,
    loader: &mut Loader<'_>,
    now: Timestamp,
    report: &mut Report,
) -> Result<(), Failure> {
    let (file, _) = open(&asked.file)?;
    let mut wxr = Wxr::new(file);
    let mut progress = Progress::new("writing", length);
    // The article that the comments belong to that come after it.
    let mut last: Option<(String, Option<domain::ids::ArticleId>)> = None;
    // Where the file breaks off was said already.
    while let Ok(Some(thing)) = wxr.read() {
        progress.at(wxr.position());
        match thing {
            Thing::Item(mut item) => {
                let comments = std::mem::take(&mut item.comments);
                let mut article = None;
                match item.post_type.as_str() {
                    "post" | "page" => {
                        if let Some(entry) = plan.entry(&item, now, report) {
                            let id = entry.id;
                            article = loader.take(entry, report)?.then_some(id);
                        }
                    }
                    // Files have come already.
                    "attachment" => {}
                    other => {
                        let other: String = other.chars().take(50).collect();
                        report.skip(
                            "item",
                            &item.id,
                            "type_not_carried",
                            format!("Its type is `{other}`: {}.", plain(&item.title)),
                        );
                    }
                }
                match article {
                    Some(article) => {
                        let comments = plan.comments(article, comments, report);
                        loader.comment(comments, report)?;
                    }
                    None => plan.skip_comments(&item.id, &comments, report),
                }
                last = Some((item.id, article));
            }
            Thing::Comments(item, comments) => match last.as_ref().filter(|(id, _)| *id == item) {
                Some((_, Some(article))) => {
                    let comments = plan.comments(*article, comments, report);
                    loader.comment(comments, report)?;
                }
                _ => plan.skip_comments(&item, &comments, report),
            },
            Thing::Site(_) | Thing::Author(_) | Thing::Term(_) => {}
        }
    }
    Ok(())
}
