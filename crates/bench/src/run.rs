//! `byline-bench run` and `byline-bench wordpress`: the publications, the measurements, the report.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use persistence::Engine;

use crate::failure::{Failure, Result};
use crate::figures::{self, MILLION};
use crate::lab::Lab;
use crate::machine::{description, expect_tools, packages, postgres_version};
use crate::report::{self, Conditions, Part};

/// Where things are.
#[derive(clap::Args)]
struct Places {
    /// Where databases are made and kept for the next run
    #[arg(long, value_name = "FOLDER", default_value = "target/bench")]
    folder: PathBuf,
    /// Where the report is written
    #[arg(long, value_name = "FILE", default_value = "docs/BENCHMARKS.md")]
    report: PathBuf,
}

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    places: Places,
    /// The largest publication: 1000000 measures the figures that need a million articles too
    #[arg(long, value_name = "ARTICLES", default_value_t = 10_000)]
    scale: u64,
    /// Only what has this in its name; the report is then only printed
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// How long one turn of a comparison lasts
    #[arg(long, value_name = "SECONDS", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// How many turns each side has
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
}

/// How to compare with WordPress.
#[derive(clap::Args)]
pub struct WordPressOptions {
    #[command(flatten)]
    places: Places,
    /// How long one turn of a comparison lasts: WordPress answers a few requests a second
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// How many turns each side has
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
}

/// Measures, prints and writes.
pub fn run(options: &Options) -> Result<()> {
    expect_tools()?;
    let start = Instant::now();
    let mut machine = description();
    machine.push(postgres_version());
    let largest = if options.scale >= MILLION { MILLION } else { MILLION - 1 };
    let lab = Lab::open(&options.places.folder, options.seconds, options.rounds)?;
    let only = options.only.as_deref();
    make_publications(&lab, only, largest)?;
    ask_from(lab.cores.loading)?;
    let mut figures = Vec::new();
    for measurement in figures::chosen(only) {
        eprintln!("[{:>4} s] {}", start.elapsed().as_secs(), measurement.what);
        for figure in measurement.figures(&lab, largest) {
            eprintln!("         {}", report::line(&figure));
            figures.push(figure);
        }
    }
    drop(lab);
    let (rounds, seconds) = (options.rounds, options.seconds);
    let conditions = Conditions { machine, rounds, seconds, took: start.elapsed() };
    if only.is_none() {
        report::write(&options.places.report, Part::Bench, &figures, &conditions)?;
    }
    println!("{}", report::table(&figures));
    Ok(())
}

/// Measures Byline beside WordPress, prints and writes. Fails where the two do not answer the same.
pub fn wordpress(options: &WordPressOptions) -> Result<()> {
    let packages = packages()?;
    let start = Instant::now();
    let mut machine = description();
    machine.extend(packages.into_iter().filter(|(name, _)| name != "wrk"));
    let lab = Lab::open(&options.places.folder, options.seconds, options.rounds)?;
    ask_from(lab.cores.loading)?;
    let figures = figures::beside_wordpress(&lab)?;
    drop(lab);
    let (rounds, seconds) = (options.rounds, options.seconds);
    let conditions = Conditions { machine, rounds, seconds, took: start.elapsed() };
    report::write(&options.places.report, Part::WordPress, &figures, &conditions)?;
    println!("{}", report::table(&figures));
    Ok(())
}

/// From here on this process asks, too.
fn ask_from(core: usize) -> Result<()> {
    let (core, this) = (core.to_string(), std::process::id().to_string());
    let mut pin = Command::new("taskset");
    pin.args(["--all-tasks", "--cpu-list", "--pid", &core, &this]).stdout(Stdio::null()).status()?;
    Ok(())
}

/// Says what it takes, and then makes what is missing.
fn make_publications(lab: &Lab, only: Option<&str>, largest: u64) -> Result<()> {
    let mut sizes: Vec<u64> = figures::chosen(only).flat_map(|measurement| [10_000, measurement.articles]).collect();
    sizes.retain(|articles| *articles <= largest);
    sizes.sort_unstable();
    sizes.dedup();
    let mut lines = String::new();
    let (mut all_minutes, mut all_megabytes) = (0, 0);
    for articles in &sizes {
        let missing = lab.missing(*articles)?;
        for (engine, minutes, megabytes) in &missing {
            let _ = writeln!(lines, "  {engine:?}, {articles} articles: {minutes} min, {megabytes} MB");
            all_minutes += minutes;
        }
        let megabytes = missing.iter().map(|(_, _, megabytes)| megabytes);
        // Of the largest one engine's may have to make room for the other's.
        all_megabytes += if *articles < MILLION { megabytes.sum() } else { megabytes.max().copied().unwrap_or(0) };
    }
    if lines.is_empty() {
        return Ok(());
    }
    eprint!("Publications to make in {}, kept for the next run, take about:\n{lines}", lab.folder.display());
    let free = lab.free_megabytes()?;
    eprintln!("  In all {all_minutes} min, and at least {all_megabytes} MB of disk, of which {free} MB are free.");
    // Copies that are written to, and what the engines need while they make indexes.
    if all_megabytes + all_megabytes / 5 > free {
        return Err(Failure("that is too little; --folder names another place".into()));
    }
    // The largest ones are made when their turn comes.
    for articles in sizes.into_iter().filter(|articles| *articles < MILLION) {
        for engine in [Engine::Sqlite, Engine::Postgres] {
            lab.publication(engine, articles)?;
        }
    }
    Ok(())
}
