//! The table, and the page around it that says how it came about.

use std::fmt::Write as _;
use std::time::Duration;

use domain::Timestamp;

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

/// The page.
pub fn text(figures: &[Figure], machine: &[(String, String)], rounds: u32, seconds: u64, took: Duration) -> String {
    let mut facts = String::new();
    for (name, value) in machine {
        let _ = writeln!(facts, "| {name} | {value} |");
    }
    let date = Timestamp::now().to_string();
    let date = date.split('T').next().unwrap_or_default();
    let (table, minutes) = (table(figures), took.as_secs().div_ceil(60));
    let (version, missed) = (env!("CARGO_PKG_VERSION"), figures.iter().filter(|f| f.held == Some(false)).count());
    format!(
        "\
# Benchmarks

`make bench` measured this on {date} in {minutes} minutes and wrote this page; `make bench SCALE=1000000` measures the
figures for a million articles too. Missed: {missed}.

{table}
## How

Whatever serves (Byline, the bare route, PostgreSQL, `pgbench`) runs on one core; the load (`wrk`, 32 connections where
nothing else is said) runs on another one. Byline has one worker; its limits and access log are off, its metrics on.
\"Cache off\" is `--cache-size 0`; the operating system's cache is warm.

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
{facts}| Byline | {version} |
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let page = text(&figures, &[("Processor".into(), "a fast one".into())], 3, 4, Duration::from_secs(61));
        assert!(
            page.contains("in 2 minutes") && page.contains("Missed: 1.") && page.contains("| Processor | a fast one |")
        );
        let held: Vec<&str> = page.lines().filter_map(|line| line.split(" | ").nth(4)).collect();
        assert_eq!(held, ["held", "---", "yes", "**no**", "–"]);
    }
}
