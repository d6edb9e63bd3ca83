//! Sending the newsletter: background work that blocks. It makes the issues that are due, and hands their copies to the
//! mail server one after another.
//!
//! Before the content of a mail goes out its row says so, in a transaction that looks once more whether the reader
//! still wants it; after the server's answer the row says what became of it. Whoever is killed in between leaves
//! nothing that is silently sent again: what was being sent is in doubt, everything else simply goes on.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use domain::ids::EventId;
use domain::issues::{Issue, IssueState, Item, Schedule, Wanted, message_id, outcome, period_in_words};
use domain::newsletter::{Frequency, Newsletter, Settings};
use domain::site::Settings as Site;
use domain::subscriptions::{Format, unsubscribe_token};
use domain::text::Email;
use domain::{Error, Place, Result, Timestamp, retry};
use mail::render::{self, UNSUBSCRIBE_URL};
use mail::transport::Offered;
use mail::{Connection, Failure, FailureKind, Letter, List, Message, Rendered, Transport};
use persistence::deliveries::{self, Claim, Outcome, Worker};
use persistence::issues::{self, Plan};
use persistence::{Conn, newsletters, site};
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;

/// Renderings that are kept: readers with equal items share one.
const RENDERINGS: usize = 512;

/// Failures in a row after which the server is left alone for a while.
const PATIENCE: u32 = 20;

/// Seconds for which it is left alone.
const PAUSE: i64 = 60;

/// Copies after which progress is logged.
const PROGRESS: u64 = 1_000;

/// Characters of a sender's name that mail takes.
const NAME: usize = 100;

/// What one run did.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    /// The issues that it made, in whatever state they began.
    pub made: Vec<Issue>,
    /// The issues that it ended, with what they have become.
    pub settled: Vec<(String, IssueState)>,
    /// What became of the copies it touched.
    pub tally: Tally,
    /// The settings without which the issue that is due cannot be made.
    pub lacking: Vec<&'static str>,
    /// Why it stopped before its end: a fault on our side, or a mail server that takes nothing.
    pub stopped: Option<String>,
}

/// What became of copies.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as the states of `DeliveryState`")]
pub struct Tally {
    pub accepted: u64,
    pub deferred: u64,
    pub failed: u64,
    pub in_doubt: u64,
    pub skipped: u64,
}

/// Makes the issues that are due at `at` and sends what is on its way. Blocks, for as long as there is something to
/// send. Any number of processes may do it at once.
pub fn send_due(app: &App, transport: &Transport, at: Timestamp) -> Result<Report> {
    let mut report = Report::default();
    for frequency in [Frequency::Weekly, Frequency::Monthly] {
        make(app, frequency, at, &mut report)?;
    }
    let worker = Worker { name: EventId::new().to_string(), at };
    for issue in app.db.read_blocking(issues::sending)? {
        let clock = app.now();
        let (requeued, doubted) = app.insist(|conn| deliveries::recover(conn, issue.id, clock))?;
        if requeued + doubted > 0 {
            tracing::warn!(period = issue.period, requeued, doubted, "a worker was lost while it sent this issue");
        }
        if report.stopped.is_none() {
            match Run::begin(app, transport, &worker, &issue, report.tally)? {
                Ok(run) => (report.tally, report.stopped) = run.send()?,
                Err(lacking) => report.lacking = lacking,
            }
        }
        settle(app, &issue, at, &mut report)?;
    }
    Ok(report)
}

/// Makes the issue of one frequency, if one is due.
fn make(app: &App, frequency: Frequency, at: Timestamp, report: &mut Report) -> Result<()> {
    // Looks before it takes the lock that makers of issues take: nearly always there is nothing to make.
    let plan = app.db.read_blocking(|conn| {
        let newsletter = newsletters::current(conn)?;
        issues::plan(conn, &newsletter, frequency, at)
    });
    match plan {
        Err(Error::NotFound(_)) | Ok(Plan::Nothing) => Ok(()),
        Err(error) => Err(error),
        Ok(Plan::Lacking(lacking)) => {
            tracing::warn!(?lacking, "an issue of the newsletter is due and cannot be made: settings are missing");
            report.lacking = lacking;
            Ok(())
        }
        Ok(Plan::Make(_) | Plan::Missed(_)) => {
            let public_url = &app.config.public_url;
            let made = app.insist(|conn| issues::build(conn, frequency, public_url, at))?;
            if let Some(issue) = made {
                let (period, state) = (&issue.period, issue.state.as_str());
                tracing::info!(period, state, audience = issue.audience_count, "an issue of the newsletter was made");
                report.made.push(issue);
            }
            Ok(())
        }
    }
}

/// Ends an issue all of whose copies have ended.
fn settle(app: &App, issue: &Issue, at: Timestamp, report: &mut Report) -> Result<()> {
    if outcome(&app.db.read_blocking(|conn| issues::counts(conn, issue.id))?).is_none() {
        return Ok(());
    }
    if let Some(state) = app.insist(|conn| issues::settle(conn, issue.id, at))? {
        tracing::info!(period = issue.period, state = state.as_str(), "an issue of the newsletter has ended");
        report.settled.push((issue.period.clone(), state));
    }
    Ok(())
}

/// What the mails of an issue have in common.
struct Edition {
    settings: Settings,
    site: Site,
    site_url: String,
    frequency: Frequency,
    period: String,
    items: Vec<Item>,
}

impl Edition {
    fn new(
        app: &App,
        newsletter: Newsletter,
        site: Site,
        frequency: Frequency,
        period: String,
        items: Vec<Item>,
    ) -> Self {
        let site_url = site.site_url.clone().unwrap_or_else(|| app.config.public_url.to_string());
        Self { settings: newsletter.settings, site, site_url, frequency, period, items }
    }

    /// Draws the mail for readers who get the items at these positions.
    fn draw(&self, positions: &[usize]) -> Result<Rendered> {
        let (full, more) = positions.split_at(positions.len().min(self.settings.max_items.into()));
        let full: Vec<render::Item<'_>> = full.iter().map(|position| in_full(&self.items[*position])).collect();
        let more: Vec<render::Link<'_>> = more.iter().map(|position| link(&self.items[*position])).collect();
        render::Issue {
            site_name: &self.site.name,
            site_url: &self.site_url,
            newsletter_name: &self.settings.name,
            frequency: match self.frequency {
                Frequency::Weekly => render::Frequency::Weekly,
                Frequency::Monthly => render::Frequency::Monthly,
            },
            subject: None,
            period_label: &period_in_words(&self.period),
            intro: None,
            items: &full,
            more: &more,
            remaining: 0,
            unsubscribe_url: UNSUBSCRIBE_URL,
            manage_url: None,
            archive_url: None,
            postal_address: self.settings.postal_address.as_deref().unwrap_or_default(),
            locale: &self.site.locale,
        }
        .render()
    }

    fn sender_name(&self) -> String {
        self.settings.from_name.as_ref().unwrap_or(&self.site.name).chars().take(NAME).collect()
    }
}

fn in_full(item: &Item) -> render::Item<'_> {
    render::Item {
        title: &item.title,
        excerpt: &item.excerpt,
        category: item.category.as_deref(),
        author: item.author.as_deref(),
        url: &item.url,
    }
}

fn link(item: &Item) -> render::Link<'_> {
    render::Link { title: &item.title, url: &item.url }
}

/// One worker, one connection, one issue.
struct Run<'a> {
    app: &'a App,
    transport: &'a Transport,
    worker: &'a Worker,
    issue: &'a Issue,
    edition: Edition,
    /// The address in `From`, and its domain.
    from: Email,
    drawn: HashMap<Vec<usize>, Rendered>,
    connection: Option<Connection>,
    tally: Tally,
    failures: u32,
    stopped: Option<String>,
}

impl<'a> Run<'a> {
    /// Gets ready to send an issue; or says which settings it cannot be sent without.
    fn begin(
        app: &'a App,
        transport: &'a Transport,
        worker: &'a Worker,
        issue: &'a Issue,
        tally: Tally,
    ) -> Result<Result<Self, Vec<&'static str>>> {
        let load = |conn: &mut Conn| {
            Ok((newsletters::current(conn)?, site::current(conn)?.settings, issues::items(conn, issue.id)?))
        };
        let (newsletter, site, items) = app.db.read_blocking(load)?;
        let lacking = newsletter.settings.missing();
        let from = Email::parse(newsletter.settings.from_address.as_deref().unwrap_or_default());
        let (Ok(from), true) = (from, lacking.is_empty()) else { return Ok(Err(lacking)) };
        let edition = Edition::new(app, newsletter, site, issue.frequency, issue.period.clone(), items);
        let (drawn, connection) = (HashMap::new(), None);
        let (failures, stopped) = (0, None);
        Ok(Ok(Self { app, transport, worker, issue, edition, from, drawn, connection, tally, failures, stopped }))
    }

    /// Sends until nothing is left that is due, or nothing goes any more.
    fn send(mut self) -> Result<(Tally, Option<String>)> {
        while self.stopped.is_none() {
            let (clock, issue) = (self.app.now(), self.issue.id);
            let claim = |conn: &mut Conn| deliveries::claim(conn, self.worker, &self.app.secrets, issue, clock);
            let Some(batch) = self.app.insist(claim)? else { break };
            batch.ended.iter().for_each(|outcome| self.count(outcome));
            for claim in batch.claims {
                if self.stopped.is_some() {
                    self.finish(&claim, &Outcome::Released { until: self.worker.at })?;
                } else {
                    self.deliver(&claim)?;
                }
            }
        }
        if let Some(connection) = self.connection.take() {
            connection.close();
        }
        self.log("sent what was due of an issue of the newsletter");
        Ok((self.tally, self.stopped))
    }

    fn deliver(&mut self, claim: &Claim) -> Result<()> {
        let positions = claim.wanted.of(&self.edition.items);
        if positions.is_empty() {
            return self.finish(claim, &Outcome::Skipped("no_matching_items"));
        }
        let message = match self.message(claim, positions) {
            Ok(message) => message,
            // The reader's own address is one that mail does not take; any other fault would meet every reader.
            Err(Error::Invalid(faults)) if faults.iter().all(|fault| fault.place == Place::Pointer("/to".into())) => {
                return self.finish(claim, &Outcome::Failed("invalid_address".into()));
            }
            Err(Error::Invalid(faults)) => {
                let places: Vec<_> = faults.into_iter().map(|fault| fault.place).collect();
                return self.stop(claim, format!("the mail cannot be made: {places:?}"));
            }
            Err(error) => return Err(error),
        };
        let mut connection = match self.connect() {
            Ok(connection) => connection,
            Err(failure) => return self.stop(claim, failure.to_string()),
        };
        let outcome = match connection.offer(&message) {
            Ok(offered) => self.hand_over(claim, offered)?,
            Err(failure) => Some(Err(failure)),
        };
        self.connection = Some(connection);
        match outcome {
            None => Ok(()),
            Some(Ok(receipt)) => {
                self.failures = 0;
                self.finish(claim, &Outcome::Accepted(receipt))
            }
            Some(Err(failure)) => self.failed(claim, &failure),
        }
    }

    /// Sends the content, unless it must not be sent any more: then `None`.
    fn hand_over(&mut self, claim: &Claim, offered: Offered<'_>) -> Result<Option<Result<String, Failure>>> {
        let clock = self.app.now();
        let dispatch = |conn: &mut Conn| deliveries::dispatch(conn, self.worker, claim, clock);
        let Some(outcome) = self.app.insist(dispatch)? else {
            return Ok(Some(offered.deliver().map(|receipt| receipt.0)));
        };
        self.count(&outcome);
        if let Err(failure) = offered.withdraw() {
            tracing::debug!(%failure, "an offer could not be withdrawn; the connection is not used again");
        }
        Ok(None)
    }

    /// The mail of one reader.
    fn message(&mut self, claim: &Claim, positions: Vec<usize>) -> Result<Message> {
        let token = unsubscribe_token(&self.app.secrets, claim.subscriber, claim.issue);
        let unsubscribe_url = self.app.config.link(&format!("/u/{token}"));
        let mut body = self.drawn(positions)?.personal(&[(UNSUBSCRIBE_URL, &unsubscribe_url)]);
        if claim.format == Format::Text {
            body.html.clear();
        }
        let edition = &self.edition;
        let (domain, frequency) = (self.from.domain(), edition.frequency.as_str());
        let id = message_id(&self.app.secrets, claim.issue, claim.subscriber, &edition.period, domain);
        let feedback_id =
            format!("{}:{frequency}:newsletter:{}", edition.period.replace('-', ""), domain.replace('.', "-"));
        Letter {
            id: &id,
            from_name: &edition.sender_name(),
            from: self.from.as_str(),
            reply_to: edition.settings.reply_to.as_deref(),
            to: claim.email.as_str(),
            envelope_from: None,
            date: self.worker.at,
            body: &body,
            list: Some(List {
                id: &format!("{frequency}.{domain}"),
                name: &edition.settings.name,
                unsubscribe_url: &unsubscribe_url,
                unsubscribe_mail: None,
                archive_url: None,
                feedback_id: &feedback_id,
                delivery_id: &claim.id.to_string(),
                bulk: false,
            }),
        }
        .build()
    }

    fn drawn(&mut self, positions: Vec<usize>) -> Result<&Rendered> {
        if self.drawn.len() >= RENDERINGS && !self.drawn.contains_key(&positions) {
            self.drawn.clear();
        }
        Ok(match self.drawn.entry(positions) {
            Entry::Occupied(drawn) => drawn.into_mut(),
            Entry::Vacant(vacant) => {
                let drawn = self.edition.draw(vacant.key())?;
                vacant.insert(drawn)
            }
        })
    }

    /// The connection there is, or a new one.
    fn connect(&mut self) -> Result<Connection, Failure> {
        match self.connection.take() {
            Some(connection) if !connection.is_spent() => Ok(connection),
            spent => {
                if let Some(spent) = spent {
                    spent.close();
                }
                self.transport.connect()
            }
        }
    }

    /// Decides what a failure means for the copy, and for the run.
    fn failed(&mut self, claim: &Claim, failure: &Failure) -> Result<()> {
        let code = failure.code.clone();
        let again = |code: Option<String>| {
            let code = code.unwrap_or_else(|| "no_answer".into());
            let since = self.issue.created_at;
            match retry::next_attempt(&claim.id.to_string(), claim.attempt, since, self.worker.at) {
                Some(until) => Outcome::Deferred { until, code },
                None => Outcome::Failed(code),
            }
        };
        let outcome = match failure.kind {
            FailureKind::Temporary | FailureKind::Sender => again(code),
            FailureKind::Permanent => Outcome::Failed(code.unwrap_or_else(|| "refused".into())),
            FailureKind::Unknown => Outcome::InDoubt(code.unwrap_or_else(|| "no_answer".into())),
        };
        self.finish(claim, &outcome)?;
        self.failures += 1;
        if failure.kind == FailureKind::Sender {
            tracing::error!(%failure, "the mail server takes nothing from us; the newsletter waits");
            self.stopped = Some(failure.to_string());
        } else if self.failures >= PATIENCE {
            tracing::error!(%failure, failures = self.failures, "the mail server is left alone for a while");
            self.stopped = Some(format!("{} failures in a row; the last: {failure}", self.failures));
        }
        Ok(())
    }

    /// Ends the run for a reason that has nothing to do with the reader, whose copy waits.
    fn stop(&mut self, claim: &Claim, reason: String) -> Result<()> {
        tracing::error!(reason, "the newsletter waits");
        self.stopped = Some(reason);
        self.finish(claim, &Outcome::Released { until: self.worker.at.plus_seconds(PAUSE) })
    }

    fn finish(&mut self, claim: &Claim, outcome: &Outcome) -> Result<()> {
        let noted = self.app.insist(|conn| deliveries::finish(conn, self.worker, claim.id, outcome))?;
        if !noted {
            tracing::warn!(delivery = %claim.id, ?outcome, "a copy was taken from us before its end was noted");
        }
        self.count(outcome);
        Ok(())
    }

    fn count(&mut self, outcome: &Outcome) {
        let count = match outcome {
            Outcome::Accepted(_) => &mut self.tally.accepted,
            Outcome::Deferred { .. } => &mut self.tally.deferred,
            Outcome::Failed(_) => &mut self.tally.failed,
            Outcome::InDoubt(_) => &mut self.tally.in_doubt,
            Outcome::Skipped(_) => &mut self.tally.skipped,
            Outcome::Released { .. } => return,
        };
        *count += 1;
        let Tally { accepted, deferred, failed, in_doubt, skipped } = self.tally;
        if (accepted + deferred + failed + in_doubt + skipped).is_multiple_of(PROGRESS) {
            self.log("sending an issue of the newsletter");
        }
    }

    fn log(&self, what: &str) {
        let Tally { accepted, deferred, failed, in_doubt, skipped } = self.tally;
        tracing::info!(period = self.issue.period, accepted, deferred, failed, in_doubt, skipped, "{what}");
    }
}

/// What an issue would look like that were sent now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Preview {
    /// The period it would be for.
    #[schema(example = "2026-W47")]
    pub period: String,
    /// Its subject.
    pub subject: String,
    /// It as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// It as an HTML document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// What it would say.
    pub items: Vec<Item>,
}

/// Draws the issue that readers who chose these categories (by slug; `None`: all of them) would get if it were sent at
/// `at`. Changes nothing.
pub fn preview(
    app: &App,
    conn: &mut Conn,
    frequency: Frequency,
    categories: Option<&[&str]>,
    at: Timestamp,
) -> Result<Preview> {
    let newsletter = newsletters::current(conn)?;
    let site = site::current(conn)?.settings;
    let items = issues::candidates(conn, &newsletter, frequency, &app.config.public_url, at, at)?;
    let wanted = match categories {
        None => Wanted::Everything,
        Some(slugs) => issues::wanted(conn, slugs)?,
    };
    let positions = wanted.of(&items);
    let period = Schedule::new(&newsletter.settings, frequency, &site.timezone).period(at);
    let edition = Edition::new(app, newsletter, site, frequency, period, items);
    let drawn = edition.draw(&positions)?.personal(&[(UNSUBSCRIBE_URL, &app.config.link("/u/preview"))]);
    Ok(Preview {
        subject: drawn.subject,
        text: Some(drawn.text),
        html: Some(drawn.html),
        items: positions.into_iter().map(|position| edition.items[position].clone()).collect(),
        period: edition.period,
    })
}
