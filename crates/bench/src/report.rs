//! The table, and the page around it that says how it came about.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use domain::Timestamp;

use crate::failure::Result;
use crate::figures::Figure;

/// One line for the terminal.
pub fn line(figure: &Figure) -> String {
    let Figure { what, against, to_reach, measured, beside, .. } = figure;
    format!("{what} | {against} | {to_reach} | {measured} | {} | {beside}", held(figure))
}

fn held(figure: &Figure) -> &'static str {
    match figure.held {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "–",
    }
}

/// The table.
pub fn table(figures: &[Figure]) -> String {
    let mut table = String::from("| measured | against | to reach | measured | held | beside it |\n");
    table.push_str("| --- | --- | --- | --- | --- | --- |\n");
    for figure in figures {
        let _ = writeln!(table, "| {} |", line(figure));
    }
    table
}

/// Under which conditions figures were measured.
pub struct Conditions {
    /// The machine and the programs.
    pub machine: Vec<(String, String)>,
    /// How many turns each side had.
    pub rounds: u32,
    /// How long a turn was.
    pub seconds: u64,
    /// How long everything took.
    pub took: Duration,
}

/// The two parts of the page. Each is measured by a command of its own, and stays when the other one is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The page from its beginning on.
    Bench,
    /// Its last section.
    WordPress,
}

/// Writes a part of the page.
pub fn write(path: &Path, part: Part, figures: &[Figure], conditions: &Conditions) -> Result<()> {
    // There is no page before the first time.
    let old = fs::read_to_string(path).unwrap_or_default();
    let text = match part {
        Part::Bench => bench(figures, conditions),
        Part::WordPress => wordpress(figures, conditions),
    };
    fs::write(path, put_into(&old, part, &text))?;
    eprintln!("written: {}", path.display());
    Ok(())
}

/// The page with one part anew.
fn put_into(old: &str, part: Part, text: &str) -> String {
    let (bench, wordpress) = old.split_at(old.find(BESIDE_WORDPRESS).unwrap_or(old.len()));
    let parts = match part {
        Part::Bench => [text, wordpress],
        Part::WordPress => [bench, text],
    };
    parts.map(str::trim).join("\n\n").trim().to_owned() + "\n"
}

/// The heading of the section by which it is found again.
const BESIDE_WORDPRESS: &str = "## Beside WordPress\n";

/// What both parts say: the date, the minutes, the rows of the machine.
fn said(conditions: &Conditions) -> (String, u64, String) {
    let mut facts = String::new();
    for (name, value) in &conditions.machine {
        let _ = writeln!(facts, "| {name} | {value} |");
    }
    let _ = write!(facts, "| Byline | {} |", env!("CARGO_PKG_VERSION"));
    let date = Timestamp::now().to_string();
    (date.split('T').next().unwrap_or_default().to_owned(), conditions.took.as_secs().div_ceil(60), facts)
}

fn bench(figures: &[Figure], conditions: &Conditions) -> String {
    let ((date, minutes, facts), table) = (said(conditions), table(figures));
    let Conditions { rounds, seconds, .. } = conditions;
    let missed = figures.iter().filter(|figure| figure.held == Some(false)).count();
    format!(
        "\
# Benchmarks

`make bench` measured this on {date} in {minutes} minutes and wrote this page; `make bench SCALE=1000000` measures the
figures for a million articles too. Missed: {missed}. The last section is `make bench-wordpress`'s.

{table}
## How

Whatever serves (Byline, the bare route, PostgreSQL, `pgbench`) runs on one core; the load (`wrk`, 32 connections where
nothing else is said) runs on another one. Byline has one worker; its limits and access log are off, its metrics on.
\"Cache off\" is `--cache-size 0`: no answer is kept. Settings, small forms and counts are still in memory, as of an entry
of the log of changes (`persistence/src/forms.rs`, `totals.rs`); the operating system's cache is warm.

- **A ratio to a bare route** is the server's time on the processor per request (user and system, from
  `/proc/PID/stat`), the bare route's divided by Byline's: a load generator saturates first, so rates say less. They
  stand beside it. The bare route is actix-web with one worker and the same memory allocator, which gives back from
  memory the bytes and headers that this Byline gave for the same addresses (with the request id of then). The two take
  turns, {rounds} times {seconds} s each, after a second to warm up; medians count.
- **A ratio to `pgbench`** is of the same kind, with everything that serves counted on both sides: the database, and
  Byline or `pgbench`. On a core that has nothing else to do it is the ratio of the rates. The queries are those that
  PostgreSQL's log shows of Byline for the same requests, prepared and with the same values as parameters, on as many
  connections as Byline reads with; a transaction is the queries of one request.
- **p50 and p99** are of one connection. Ratios of p50 are of two servers that take turns.
- **Stale** is an answer that does not show what was published before it was asked for: after the 2xx of each
  publication the article is read, and the list of its category. Hits are counted by `Cache-Status`.
- **Comments** differ in author and text; the disk's own rate is of 4 KB written and synced, one after another.
- **The publications** are generated from a seed: articles of about 4 KB HTML in a language of made-up words (as
  frequent as words are), 50 categories in a tree, 300 tags, 50,000 comments; pairs of terms are planted in 50 to 1,000
  articles whatever their number, one in 3 %. `byline-bench generate` puts them straight into the tables; a test holds
  it to what publishing leaves there. They are kept in `target/bench` for the next run.

## On what

| | |
| --- | --- |
{facts}"
    )
}

fn wordpress(figures: &[Figure], conditions: &Conditions) -> String {
    let ((date, minutes, facts), table) = (said(conditions), table(figures));
    let Conditions { rounds, seconds, .. } = conditions;
    format!(
        "\
{BESIDE_WORDPRESS}
`make bench-wordpress` measured this on {date} in {minutes} minutes and wrote this section.

{table}
Both have the publication of 10,000 articles that is described above, with the same numbers, and answer
`GET /wp-json/wp/v2/posts?per_page=10` with the pages 1 to 20 one after another. Cores, workers and the rest of Byline's
settings are as above.

- **WordPress** is as Debian packages it, without plugins. Its own functions have filled it (`wp_insert_post` and so on),
  permalinks are pretty, and cron is the system's (`DISABLE_WP_CRON`). nginx has one worker, PHP four processes with
  OPcache, which does not look whether files have changed, and MariaDB a gigabyte of memory, which holds all its tables;
  they speak over sockets and write no access log. The configuration is in `crates/bench/wordpress`.
- **The ratio** is the time on the processor per request (user and system) of everything that serves: nginx, PHP and
  MariaDB, divided by Byline's. The two take turns, {rounds} times {seconds} s each, after a second to warm up; medians
  count. The load has 4 connections, as many as PHP answers at once. What is under way when a turn ends is counted as
  time and not as requests: that is about one in a hundred of WordPress's.
- **It counts only if both answer the same.** Before a list is measured, each of its pages is asked of both and compared:
  the counts, and of every post its number, slug, times, title, the words of its content, author, categories and tags,
  with `_embed` also the author's name, the terms, and each reply with its words. Left out are links, avatars, excerpts,
  the order of terms, and markup (Byline gives headings anchors). An excerpt that nobody wrote is made by Byline when an
  article is published, and by WordPress in every answer.
- **Both are kept** in `target/bench` for the next run.

| | |
| --- | --- |
{facts}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions() -> Conditions {
        let machine = vec![("Processor".into(), "a fast one".into())];
        Conditions { machine, rounds: 3, seconds: 4, took: Duration::from_secs(61) }
    }

    #[test]
    fn a_part_stays_while_the_other_one_is_written() {
        let (bench, wordpress) = (bench(&[], &conditions()), wordpress(&[], &conditions()));
        let both = put_into(&put_into("", Part::Bench, &bench), Part::WordPress, &wordpress);
        assert_eq!(both, format!("{bench}\n\n{wordpress}\n"));
        assert_eq!(put_into(&both, Part::Bench, "# New"), format!("# New\n\n{wordpress}\n"));
        assert_eq!(put_into(&both, Part::WordPress, "## New"), format!("{bench}\n\n## New\n"));
    }

    #[test]
    fn what_was_missed_and_what_was_not_measured_are_shown() {
        let figure = |held| Figure {
            what: "reads".into(),
            against: "a bare route",
            to_reach: "≥ 0.5".into(),
            measured: "0.4".into(),
            held,
            beside: String::new(),
        };
        let figures = [figure(Some(true)), figure(Some(false)), figure(None)];
        let page = bench(&figures, &conditions());
        assert!(
            page.contains("in 2 minutes") && page.contains("Missed: 1.") && page.contains("| Processor | a fast one |")
        );
        let held: Vec<&str> = page.lines().filter_map(|line| line.split(" | ").nth(4)).collect();
        assert_eq!(held, ["held", "---", "yes", "**no**", "–"]);
    }
}
