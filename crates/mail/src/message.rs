//! A MIME message: text first, then HTML, with the headers its kind asks for (`community.md`, section 9).

mod address;
mod headers;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt;
use std::time::{Duration, SystemTime};

use domain::error::Faults;
use domain::{Result, Timestamp};
use lettre::Address;
use lettre::address::Envelope;
use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Body, Mailbox, Message as Mime, MultiPart, SinglePart};

use self::headers::{AutoSubmitted, ContentLanguage};
use crate::Rendered;
use crate::text::breaks_lines;

/// Characters of a subject, the label of the line not counted.
pub const SUBJECT_LIMIT: usize = 78;

/// What a message is made of. Every value that reaches a header is checked; none is repaired.
///
/// There is no name for the reader: nothing a stranger typed can reach a mail (T12).
pub struct Letter<'a> {
    /// The Message-ID without its angle brackets, the same on every retry.
    pub id: &'a str,
    /// The name readers see as the sender.
    pub from_name: &'a str,
    /// The address readers see as the sender.
    pub from: &'a str,
    /// Where answers go, if not to the sender.
    pub reply_to: Option<&'a str>,
    /// Whom it is for.
    pub to: &'a str,
    /// Where bounces go, if not to the sender.
    pub envelope_from: Option<&'a str>,
    /// When it was written.
    pub date: Timestamp,
    /// What it says. Without HTML the message is its text alone.
    pub body: &'a Rendered,
    /// What a mailing list adds; without it the message is the system's own (`Auto-Submitted`).
    pub list: Option<List<'a>>,
}

/// What the headers of an issue say about the list it belongs to.
pub struct List<'a> {
    /// List-Id's stable part, such as `weekly.example.com`.
    pub id: &'a str,
    /// List-Id's readable part.
    pub name: &'a str,
    /// One address for both verbs: a page for people, one click for mail programs (RFC 8058).
    pub unsubscribe_url: &'a str,
    /// The address that unsubscribes whoever writes to it; only where inbound mail works.
    pub unsubscribe_mail: Option<&'a str>,
    /// The issue on the web, if it has a page.
    pub archive_url: Option<&'a str>,
    /// Up to four words joined by colons, the same for every reader of an issue.
    pub feedback_id: &'a str,
    /// The delivery, for matching what providers report.
    pub delivery_id: &'a str,
    /// Whether to add `Precedence: bulk`.
    pub bulk: bool,
}

/// A message ready to leave: bytes and envelope.
#[derive(Clone)]
pub struct Message {
    id: String,
    envelope: Envelope,
    bytes: Vec<u8>,
}

impl Message {
    /// The Message-ID without its angle brackets.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The message as it goes over the wire, lines ended by CR LF, dots not yet stuffed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn envelope(&self) -> &Envelope {
        &self.envelope
    }
}

impl fmt::Debug for Message {
    /// Shows neither addresses nor content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("id", &self.id).field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

impl Letter<'_> {
    /// Makes the message. Refused with every fault found: an address that is none, a line break in a header,
    /// a subject that is too long, a placeholder nobody filled.
    pub fn build(&self) -> Result<Message> {
        let mut faults = Faults::default();
        let id = faults.take("/id", headers::message_id(self.id)).unwrap_or_default();
        let from_name = faults.take("/from_name", headers::phrase(self.from_name)).unwrap_or_default();
        let from = faults.take("/from", address::parse(self.from));
        let reply_to = self.reply_to.and_then(|reply_to| faults.take("/reply_to", address::parse(reply_to)));
        let to = faults.take("/to", address::parse(self.to));
        let bounces = self.envelope_from.and_then(|bounces| faults.take("/envelope_from", address::parse(bounces)));
        let mime = Mime::builder()
            .subject(faults.take("/subject", headers::subject(&self.body.subject)).unwrap_or_default())
            .date(faults.take("/date", date(self.date)).unwrap_or(SystemTime::UNIX_EPOCH))
            .message_id(Some(format!("<{id}>")));
        let mime = match &self.list {
            Some(list) => list.add_to(mime, &mut faults),
            None => mime.header(AutoSubmitted("auto-generated".into())),
        };
        let language = faults.take("/language", headers::language(&self.body.language)).unwrap_or_default();
        let text = faults.take("/text", content(&self.body.text)).unwrap_or_default();
        let html = faults.take("/html", content(&self.body.html)).unwrap_or_default();
        faults.finish()?;
        let (Some(from), Some(to)) = (from, to) else {
            return Err(domain::Error::Internal("an address without a fault is missing".into()));
        };

        let mut mime = mime.from(mailbox(from_name, &from)).to(to.clone().into());
        if let Some(reply_to) = reply_to {
            mime = mime.reply_to(reply_to.into());
        }
        let envelope = Envelope::new(Some(bounces.unwrap_or(from)), vec![to])?;
        let mime = mime.header(ContentLanguage(language)).envelope(envelope.clone());
        let mime =
            if html.is_empty() { mime.singlepart(plain(text))? } else { mime.multipart(alternative(text, html))? };
        Ok(Message { id, envelope, bytes: mime.formatted() })
    }
}

fn mailbox(name: String, address: &Address) -> Mailbox {
    Mailbox::new(Some(name).filter(|name| !name.is_empty()), address.clone())
}

/// Years that a Date header can write.
fn date(at: Timestamp) -> Result<SystemTime, domain::error::Wrong> {
    const YEAR_9999: u64 = 253_370_764_800;
    u64::try_from(at.micros())
        .ok()
        .map(Duration::from_micros)
        .filter(|since| since.as_secs() < YEAR_9999)
        .map(|since| SystemTime::UNIX_EPOCH + since)
        .ok_or_else(|| ("out_of_range", "Date the message between 1970 and 9998.".into()))
}

/// A body without controls: none belongs into a mail, and one that is left is a placeholder nobody filled.
fn content(body: &str) -> Result<&str, domain::error::Wrong> {
    if body.chars().any(|c| breaks_lines(c) && !matches!(c, '\n' | '\t')) {
        return Err(("unfinished", "Fill every placeholder, and take controls out of the body.".into()));
    }
    Ok(body)
}

/// Text first: a reader shows the last part it can.
fn alternative(text: &str, html: &str) -> MultiPart {
    // Neither encoding can write `=_`, so this boundary occurs in no body, and a retry has the same bytes.
    MultiPart::alternative()
        .boundary("=_byline_alternative")
        .singlepart(plain(text))
        .singlepart(SinglePart::builder().header(ContentType::TEXT_HTML).body(encoded(html)))
}

fn plain(text: &str) -> SinglePart {
    SinglePart::builder().header(ContentType::TEXT_PLAIN).body(encoded(text))
}

/// Quoted-printable for what is mostly ASCII, base64 for the rest; lines of 76 either way.
fn encoded(body: &str) -> Body {
    let foreign = body.bytes().filter(|byte| !byte.is_ascii()).count();
    // A foreign byte costs three in quoted-printable; base64 costs four for three throughout.
    let encoding = if foreign * 6 > body.len() {
        ContentTransferEncoding::Base64
    } else {
        ContentTransferEncoding::QuotedPrintable
    };
    Body::new_with_encoding(body.to_owned(), encoding).unwrap_or_else(|_| Body::new(body.to_owned()))
}
