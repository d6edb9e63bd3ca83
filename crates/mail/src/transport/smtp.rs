//! One SMTP conversation. lettre speaks it; when which command is due, and what an answer means, is decided here.

use std::fmt::{self, Display};
use std::time::{Duration, Instant};

use lettre::Address;
use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::client::{SmtpConnection, Tls};
use lettre::transport::smtp::commands::{Data, Mail, Quit, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;

use super::failure::{Stage, redacted};
use super::smtp_url::Server;
use super::{Failure, FailureKind, Receipt, Timeouts};
use crate::Message;

/// Messages over one connection, and the age of one: servers close what stays too long.
const MESSAGES: u32 = 100;
const AGE: Duration = Duration::from_mins(5);

/// How long to wait for an answer to QUIT, which changes nothing.
const FAREWELL: Duration = Duration::from_secs(2);

/// Ways to sign in; LOGIN only for servers that know nothing better.
const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

type Answer = Result<Response, lettre::transport::smtp::Error>;

/// A server that is ready for a message.
pub(super) struct Session {
    line: SmtpConnection,
    timeouts: Timeouts,
    since: Instant,
    sent: u32,
    /// A transaction was begun and not ended: the next one needs RSET first.
    begun: bool,
    /// What the server would say next is no longer known: the line is not used again.
    broken: bool,
}

impl Session {
    /// Connects, secures the line as the server's URL asks, and signs in.
    pub(super) fn connect(server: &Server, timeouts: Timeouts) -> Result<Self, Failure> {
        let failed = |error| Failure::from_smtp(&error, Stage::Connect, &[]);
        let myself = ClientId::default();
        let wrapper = if let Tls::Wrapper(tls) = &server.tls { Some(tls) } else { None };
        let at = (&*server.host, server.port);
        let mut line = SmtpConnection::connect(at, Some(timeouts.connect), &myself, wrapper, None).map_err(failed)?;
        if let Tls::Required(tls) = &server.tls {
            line.starttls(tls, &myself).map_err(failed)?;
        }
        if let Some(credentials) = &server.credentials {
            line.auth(&MECHANISMS, credentials).map_err(failed)?;
        }
        let mut session = Self { line, timeouts, since: Instant::now(), sent: 0, begun: false, broken: false };
        session.wait(timeouts.command)?;
        Ok(session)
    }

    /// Names sender and recipient. Whatever fails here, nothing was sent.
    pub(super) fn offer(&mut self, message: &Message) -> Result<(), Failure> {
        if self.begun {
            self.withdraw()?;
        }
        let parameters = self.parameters(message)?;
        self.begun = true;
        self.ask(Mail::new(message.envelope().from().cloned(), parameters), Stage::Mail, message)?;
        for recipient in message.envelope().to() {
            self.ask(Rcpt::new(recipient.clone(), Vec::new()), Stage::Recipient, message)?;
        }
        Ok(())
    }

    /// Sends the content of the message that was offered last.
    pub(super) fn deliver(&mut self, message: &Message) -> Result<Receipt, Failure> {
        let leave = self.ask(Data, Stage::Recipient, message)?;
        if !leave.has_code(354) {
            self.broken = true;
            return Err(Failure::new(FailureKind::Temporary, None, "the server did not wait for the content"));
        }
        self.wait(self.timeouts.content)?;
        self.begun = false;
        let answer = self.line.command(Content(message.bytes()));
        let answer = self.heard(answer, Stage::Content, message)?;
        self.sent += 1;
        // The message was accepted: a line that cannot be set back is one not to use again, no more.
        if self.wait(self.timeouts.command).is_err() {
            self.broken = true;
        }
        let words = answer.message().collect::<Vec<_>>().join(" ");
        Ok(Receipt(redacted(&format!("{} {words}", answer.code()), &parties(message))))
    }

    /// Takes back what was offered.
    pub(super) fn withdraw(&mut self) -> Result<(), Failure> {
        self.usable()?;
        let answer = self.line.command(Rset);
        if let Err(error) = &answer {
            self.broken = true;
            return Err(Failure { kind: FailureKind::Temporary, ..Failure::from_smtp(error, Stage::Mail, &[]) });
        }
        self.begun = false;
        Ok(())
    }

    pub(super) fn is_spent(&self) -> bool {
        self.broken || self.sent >= MESSAGES || self.since.elapsed() >= AGE
    }

    /// Says goodbye; the answer changes nothing.
    pub(super) fn close(mut self) {
        if !self.broken && self.wait(FAREWELL).is_ok() {
            let _ = self.line.command(Quit);
        }
    }

    fn ask(&mut self, command: impl Display, stage: Stage, message: &Message) -> Result<Response, Failure> {
        self.usable()?;
        let answer = self.line.command(command);
        self.heard(answer, stage, message)
    }

    /// Keeps the line only after an answer that leaves no doubt about what comes next.
    fn heard(&mut self, answer: Answer, stage: Stage, message: &Message) -> Result<Response, Failure> {
        answer.map_err(|error| {
            self.broken |= error.status().is_none_or(|code| u16::from(code) == 421);
            Failure::from_smtp(&error, stage, &parties(message))
        })
    }

    fn usable(&self) -> Result<(), Failure> {
        if self.broken {
            return Err(Failure::new(FailureKind::Temporary, None, "the connection is closed: connect again"));
        }
        Ok(())
    }

    /// Announces what the message needs. Content is ASCII always; an address may not be.
    fn parameters(&mut self, message: &Message) -> Result<Vec<MailParameter>, Failure> {
        if parties(message).iter().all(|address| address.to_string().is_ascii()) && message.bytes().is_ascii() {
            return Ok(Vec::new());
        }
        if self.line.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Ok(vec![MailParameter::SmtpUtfEight, MailParameter::Body(MailBodyParameter::EightBitMime)]);
        }
        let detail = "the mail server takes no addresses with letters beyond ASCII";
        Err(Failure::new(FailureKind::Permanent, Some("5.6.7"), detail))
    }

    fn wait(&mut self, limit: Duration) -> Result<(), Failure> {
        self.line.set_timeout(Some(limit)).map_err(|error| {
            self.broken = true;
            Failure::new(FailureKind::Temporary, None, &error.to_string())
        })
    }
}

/// The content with its dots stuffed, and the dot that ends it. lettre's own way writes that dot apart from the rest,
/// where Nagle's algorithm holds it back until the server acknowledged the rest: 40 ms for every message.
struct Content<'a>(&'a [u8]);

impl Display for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in String::from_utf8_lossy(self.0).split_inclusive("\r\n") {
            if line.starts_with('.') {
                f.write_str(".")?;
            }
            f.write_str(line)?;
        }
        f.write_str(".\r\n")
    }
}

fn parties(message: &Message) -> Vec<&Address> {
    message.envelope().from().into_iter().chain(message.envelope().to()).collect()
}
