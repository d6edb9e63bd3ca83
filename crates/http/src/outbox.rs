//! Background work: sends the single messages that wait in the outbox. It lives here because links in mails are made
//! from the server's configuration and keys.

use domain::{Error, Result};
use mail::render::{AlreadySubscribed, Confirmation};
use mail::{Connection, Failure, FailureKind, Letter, Message, Rendered, Transport};
use persistence::messages::{self, Claimed, Content};
use persistence::{newsletters, site};
use url::Host;

use crate::App;

/// What became of the messages that were due.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Taken over by the mail server.
    pub sent: usize,
    /// Not taken: they wait for their next try, or were given up.
    pub failed: usize,
}

/// Sends every message that is due, one after another over one connection, and returns when none is. It blocks: call
/// it on a thread of its own.
///
/// No connection to the database is held while it speaks to the mail server. When the fault is not the message's (no
/// server, no leave to send), the rest is left for the next run.
pub fn deliver_due(app: &App, transport: &Transport) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut connection = None;
    loop {
        let now = app.now();
        let Some(claimed) = app.db.write_blocking(|conn| messages::claim(conn, now))? else { break };
        match send(app, transport, &mut connection, &claimed) {
            Ok(()) => {
                app.insist(|conn| messages::settle_sent(conn, &claimed))?;
                outcome.sent += 1;
            }
            Err(trouble) => {
                tracing::warn!(message = %claimed.id, why = trouble.why, "a message was not sent");
                let settle =
                    |conn: &mut _| messages::settle_failed(conn, &claimed, trouble.for_good, &trouble.why, app.now());
                app.insist(settle)?;
                outcome.failed += 1;
                if trouble.stop {
                    break;
                }
            }
        }
    }
    if let Some(connection) = connection {
        connection.close();
    }
    Ok(outcome)
}

/// Why a message did not leave. Holds no address.
struct Trouble {
    why: String,
    /// Another try would not help.
    for_good: bool,
    /// Other messages would not leave either.
    stop: bool,
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        // In doubt counts as not sent: a second confirmation does no harm, a missing one does.
        Self {
            for_good: failure.kind == FailureKind::Permanent,
            stop: failure.kind == FailureKind::Sender,
            why: failure.to_string(),
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(faults) => {
                let places: Vec<_> = faults.iter().map(|fault| format!("{:?} {}", fault.place, fault.code)).collect();
                Self { why: format!("it cannot be built: {}", places.join(", ")), for_good: true, stop: false }
            }
            other => {
                tracing::error!(?other, "a message could not be made");
                Self { why: "it could not be made; see the log".into(), for_good: false, stop: true }
            }
        }
    }
}

fn send(
    app: &App,
    transport: &Transport,
    connection: &mut Option<Connection>,
    claimed: &Claimed,
) -> Result<(), Trouble> {
    let message = write(app, claimed)?;
    if connection.as_ref().is_none_or(Connection::is_spent) {
        let fresh = transport.connect().map_err(|failure| Trouble { stop: true, ..Trouble::from(failure) })?;
        *connection = Some(fresh);
    }
    if let Some(connection) = connection {
        connection.send(&message)?;
    }
    Ok(())
}

/// The message, with everything the settings say about its sender.
fn write(app: &App, claimed: &Claimed) -> Result<Message> {
    let read = |conn: &mut _| Ok((site::current(conn)?.settings, newsletters::current(conn)?.settings));
    let (site, newsletter) = app.db.read_blocking(read)?;
    let host = match app.config.public_url.host() {
        Some(Host::Domain(name)) => name.to_owned(),
        _ => "localhost".to_owned(),
    };
    let from = newsletter.from_address.unwrap_or_else(|| format!("no-reply@{host}"));
    let body = render(app, &claimed.content, &site.name, newsletter.postal_address.as_deref())?;
    let letter = Letter {
        id: &format!("{}@{host}", claimed.id),
        from_name: newsletter.from_name.as_deref().unwrap_or(&site.name),
        from: &from,
        reply_to: newsletter.reply_to.as_deref(),
        to: claimed.content.to(),
        envelope_from: None,
        date: claimed.created_at,
        body: &body,
        list: None,
    };
    letter.build()
}

/// Links lead to the configured address alone: no request is in sight here (T15).
fn render(app: &App, content: &Content, site_name: &str, postal_address: Option<&str>) -> Result<Rendered> {
    let link = |path: &str, token: &str| app.config.link(&format!("{path}{token}"));
    match content {
        Content::Confirmation { token, objection, .. } => Confirmation {
            site_name,
            confirm_url: &link("/newsletter/confirm/", token),
            not_me_url: &link("/newsletter/not-me/", objection),
            postal_address,
        }
        .render(),
        Content::AlreadySubscribed { manage_token, .. } => {
            AlreadySubscribed { site_name, manage_url: &link("/u/", manage_token), postal_address }.render()
        }
    }
}
