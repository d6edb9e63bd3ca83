//! `byline redirects import`: rules for paths of the front end, from a table.

use std::fs::File;
use std::path::PathBuf;

use csv::StringRecord;
use domain::ids::RedirectId;
use domain::redirects::{Draft, RedirectWrite};
use domain::site::Settings as Site;
use domain::{Actor, Error, Timestamp};
use persistence::redirects::{self, Brought, Imported};
use persistence::site;

use crate::config::Settings;
use crate::failure::Failure;
use crate::store::{self, Create};

/// What to do with redirects.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make rules of the lines of a CSV file: all of them, or none if one is wrong
    Import(Import),
}

/// The file, and whether it is meant.
#[derive(Debug, clap::Args)]
#[allow(clippy::doc_markdown, reason = "the docs are the help text")]
pub struct Import {
    /// A CSV file in UTF-8: `from,to` or, named by a first line, `from`, `to`, `pattern` and `note` in any order
    ///
    /// `from` is a path of the front end, or a regular expression where `pattern` is `true`. Without `to` the path is gone
    /// (410). A path for which there is a rule already gets this one.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Say what would be done, and what is wrong, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Does it.
pub fn run(settings: &Settings, asked: &Command) -> Result<(), Failure> {
    let Command::Import(asked) = asked;
    let db = store::connect(settings, Create::Never)?;
    let site = db.read_blocking(site::settings)?;
    let (drafts, mut wrong) = read(asked, &site)?;
    let mut done = None;
    let outcome = db.write_blocking(|conn| {
        let now = Timestamp::now();
        let brought = |(_, draft): &(_, Draft)| Brought { id: RedirectId::new(), made_at: now, draft: draft.clone() };
        let rules: Vec<Brought> = drafts.iter().map(brought).collect();
        let imported = redirects::import(conn, &Actor::system(), &rules, now)?;
        let kept = wrong.is_empty() && imported.refused.is_empty() && !asked.dry_run;
        done = Some(imported);
        // A refusal takes back what was done.
        if kept { Ok(()) } else { Err(Error::conflict("not_imported", "Nothing was changed.")) }
    });
    let Some(Imported { created, updated, unchanged, refused }) = done else {
        return outcome.map_err(Failure::from);
    };
    let line = |place: usize| drafts.get(place).map_or(0, |(line, _)| *line);
    wrong.extend(refused.into_iter().map(|(place, error)| (line(place), said(error))));
    wrong.sort();
    for (line, what) in &wrong {
        eprintln!("line {line}: {what}");
    }
    if !wrong.is_empty() {
        return Err(Failure::from(format!("{} of the lines cannot be rules, so nothing was changed", wrong.len())));
    }
    let would = if asked.dry_run { "would be " } else { "" };
    let counts = format!("{created} {would}made, {updated} {would}changed, {unchanged} there already");
    if !asked.dry_run {
        outcome?;
    }
    crate::print(&counts);
    Ok(())
}

type Wrong = Vec<(u64, String)>;

/// The rules of the file with their lines, and what is wrong with the other lines.
fn read(asked: &Import, site: &Site) -> Result<(Vec<(u64, Draft)>, Wrong), Failure> {
    let unreadable =
        |error: &dyn std::fmt::Display| Failure::from(format!("cannot read {}: {error}", asked.file.display()));
    let file = File::open(&asked.file).map_err(|error| unreadable(&error))?;
    let mut lines = csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(file);
    let mut columns: Option<Columns> = None;
    let (mut drafts, mut wrong) = (Vec::new(), Vec::new());
    for record in lines.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) if error.is_io_error() => return Err(unreadable(&error)),
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                wrong.push((line, "it is no CSV in UTF-8".to_owned()));
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        let Some(columns) = &columns else {
            let (named, is_header) = Columns::of(&record);
            if !is_header {
                take(&named, &record, site, line, &mut drafts, &mut wrong);
            }
            columns = Some(named);
            continue;
        };
        take(columns, &record, site, line, &mut drafts, &mut wrong);
    }
    Ok((drafts, wrong))
}

fn take(
    columns: &Columns,
    record: &StringRecord,
    site: &Site,
    line: u64,
    drafts: &mut Vec<(u64, Draft)>,
    wrong: &mut Wrong,
) {
    match columns.rule(record).and_then(|rule| rule.check(site).map_err(said)) {
        Ok(draft) => drafts.push((line, draft)),
        Err(what) => wrong.push((line, what)),
    }
}

/// Where in a line what stands.
struct Columns {
    from: usize,
    to: Option<usize>,
    pattern: Option<usize>,
    note: Option<usize>,
}

impl Columns {
    /// As the first line names them, or in their usual order; and whether it did name them.
    fn of(first: &StringRecord) -> (Self, bool) {
        let find = |names: &[&str]| {
            first.iter().position(|column| {
                let column = column.trim_start_matches('\u{feff}');
                names.iter().any(|name| column.eq_ignore_ascii_case(name))
            })
        };
        match find(&["from", "source", "old"]) {
            Some(from) => {
                let to = find(&["to", "target", "destination", "new"]);
                (Self { from, to, pattern: find(&["pattern", "regex"]), note: find(&["note"]) }, true)
            }
            None => (Self { from: 0, to: Some(1), pattern: Some(2), note: Some(3) }, false),
        }
    }

    fn rule(&self, record: &StringRecord) -> Result<RedirectWrite, String> {
        let text = |column: Option<usize>| {
            let text = column.and_then(|column| record.get(column)).unwrap_or_default();
            Some(text.trim_start_matches('\u{feff}').to_owned()).filter(|text| !text.is_empty())
        };
        let pattern = match text(self.pattern).map(|text| text.to_ascii_lowercase()).as_deref() {
            None | Some("false" | "no" | "0") => false,
            Some("true" | "yes" | "1") => true,
            Some(other) => {
                return Err(format!("`pattern` is `true` or `false`, not `{}`", domain::error::shorten(other)));
            }
        };
        Ok(RedirectWrite {
            from: text(Some(self.from)),
            to: text(self.to),
            pattern: Some(pattern),
            note: text(self.note),
        })
    }
}

/// Every fault of a line, in one.
fn said(error: Error) -> String {
    Failure::from(error).to_string().replace('\n', " ")
}
