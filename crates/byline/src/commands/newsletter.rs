//! `byline newsletter`: the weekly update by hand.

use domain::Timestamp;
use domain::issues::IssueState;
use domain::newsletter::Frequency;
use http::sending::{self, Report};
use http::{App, Clock, outbox};
use mail::Transport;
use persistence::newsletters;

use crate::config::Settings;
use crate::failure::Failure;
use crate::store::{Create, Store};

/// What to do with the newsletter.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print what the next issue would say if it were sent now; nothing is sent or noted
    Preview(Preview),
    /// Send the issue that is due, and what is left of earlier ones, and end
    ///
    /// There is at most one issue per ISO week, however often this runs. It says what it did, in numbers.
    SendDue(SendDue),
}

#[derive(Debug, clap::Args)]
pub struct Preview {
    /// For readers who chose these categories, by slug; absent: all of them
    #[arg(long, value_name = "SLUG", value_delimiter = ',')]
    category: Vec<String>,
    /// The issue of monthly readers
    #[arg(long)]
    monthly: bool,
    /// Print the HTML part instead of the text
    #[arg(long)]
    html: bool,
}

#[derive(Debug, clap::Args)]
pub struct SendDue {
    /// Act as if it were this time (RFC 3339, such as 2026-11-26T07:00:00Z); absent: now
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Timestamp>,
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "write a time with its offset, such as 2026-11-26T07:00:00Z".into())
}

/// Does it.
pub fn run(settings: &Settings, command: &Command) -> Result<(), Failure> {
    let store = Store::open(settings, Create::Never)?;
    let app = App::new(store.db, settings.http(settings.listen)?, store.secrets, Clock::System)?;
    let now = Timestamp::now();
    app.db.write_blocking(|conn| newsletters::ensure(conn, now))?;
    match command {
        Command::Preview(asked) => preview(&app, asked, now),
        Command::SendDue(asked) => send_due(settings, &app, asked.at.unwrap_or(now)),
    }
}

fn preview(app: &App, asked: &Preview, now: Timestamp) -> Result<(), Failure> {
    let frequency = if asked.monthly { Frequency::Monthly } else { Frequency::Weekly };
    let slugs: Vec<&str> = asked.category.iter().map(String::as_str).collect();
    let categories = (!slugs.is_empty()).then_some(slugs.as_slice());
    let preview = app.db.read_blocking(|conn| sending::preview(app, conn, frequency, categories, now))?;
    let body = if asked.html { preview.html } else { preview.text };
    crate::print(&format!("Subject: {}\n\n{}", preview.subject, body.unwrap_or_default()));
    Ok(())
}

fn send_due(settings: &Settings, app: &App, at: Timestamp) -> Result<(), Failure> {
    let transport = Transport::open(settings.smtp_url.as_deref(), &settings.mail_dir);
    let transport = transport.map_err(|error| Failure::from(error.to_string()))?;
    let report = sending::send_due(app, &transport, at)?;
    let messages = outbox::deliver_due(app, &transport)?;
    crate::print(&told(&report, messages.sent));
    if !report.lacking.is_empty() {
        let missing = report.lacking.join(", ");
        return Err(Failure::from(format!(
            "an issue is due and cannot be made: fill in {missing} with PUT /v1/admin/newsletter"
        )));
    }
    match report.stopped {
        Some(why) => Err(Failure::from(format!("stopped before the end: {why}; run it again to go on"))),
        None => Ok(()),
    }
}

/// What a run did, for people.
fn told(report: &Report, messages: usize) -> String {
    let made = match report.made.as_slice() {
        [] => "No new issue was due.".to_owned(),
        issues => issues
            .iter()
            .map(|issue| {
                let settled = report.settled.iter().find(|(period, _)| *period == issue.period);
                let state = settled.map_or(issue.state, |(_, state)| *state);
                let why = match state {
                    IssueState::NeedsReview => " (it was due long ago, so it was not sent by itself)",
                    IssueState::SkippedEmpty => " (too little was published since the last one)",
                    _ => "",
                };
                format!("Issue {}: {}{why}.", issue.period, state.as_str().replace('_', " "))
            })
            .collect::<Vec<_>>()
            .join("\n"),
    };
    let tally = report.tally;
    let copies = format!(
        "Copies: {} accepted, {} deferred, {} failed, {} in doubt, {} skipped.",
        tally.accepted, tally.deferred, tally.failed, tally.in_doubt, tally.skipped
    );
    format!("{made}\n{copies}\nOther messages sent: {messages}.")
}
