//! What became of a message that was not accepted.

use std::error::Error as _;
use std::fmt;
use std::io;

use lettre::Address;
use lettre::transport::smtp::Error;

use crate::text::cut;

/// Characters of a server's words that are kept.
const DETAIL: usize = 300;

/// Why a message was not accepted. Holds no address: what looks like one in the server's words was taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What to do about it.
    pub kind: FailureKind,
    /// The enhanced status (`5.1.1`, RFC 3463) if the server gave one, else the reply code (`550`); none if there
    /// was no reply.
    pub code: Option<String>,
    /// The server's words, or ours, on one line.
    pub detail: String,
}

/// What a failure means for the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// Not sent; another try may succeed.
    Temporary,
    /// Refused for good; another try will be refused too.
    Permanent,
    /// In doubt: the line broke after the content had begun to flow, so the message may have been accepted.
    Unknown,
    /// Our own fault: credentials, TLS, configuration, standing. No message will pass, and no reader is to blame.
    Sender,
}

/// Where in the conversation a failure lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The greeting, TLS and signing in.
    Connect,
    /// The sender's own address.
    Mail,
    /// The recipient, and the leave to send content.
    Recipient,
    /// The content and its end.
    Content,
}

impl Failure {
    pub(super) fn new(kind: FailureKind, code: Option<&str>, detail: &str) -> Self {
        Self { kind, code: code.map(str::to_owned), detail: cut(detail, DETAIL) }
    }

    /// Classifies what lettre reports.
    pub(super) fn from_smtp(error: &Error, stage: Stage, addresses: &[&Address]) -> Self {
        let words = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        let Some(reply) = error.status().map(u16::from) else {
            return Self::new(without_reply(error, stage), None, &redacted(&words, addresses));
        };
        let code = enhanced(&words).map_or_else(|| reply.to_string(), str::to_owned);
        Self::new(refused(reply, &code, stage), Some(&code), &redacted(&words, addresses))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            FailureKind::Temporary => "not sent for now",
            FailureKind::Permanent => "refused",
            FailureKind::Unknown => "in doubt",
            FailureKind::Sender => "not accepted from this sender",
        };
        match &self.code {
            Some(code) => write!(f, "{kind} ({code}): {}", self.detail),
            None => write!(f, "{kind}: {}", self.detail),
        }
    }
}

impl std::error::Error for Failure {}

/// The server said no.
fn refused(reply: u16, code: &str, stage: Stage) -> FailureKind {
    let ours = matches!(reply, 530 | 534 | 535 | 538)
        // Authentication (RFC 4954), and what Gmail, Yahoo and Microsoft say to senders without SPF, DKIM or DMARC.
        || matches!(code, "5.7.8" | "5.7.9" | "5.7.11" | "5.7.25" | "5.7.26" | "5.7.27" | "5.7.28" | "5.7.29" | "5.7.515");
    match (reply, stage) {
        (400..=499, _) => FailureKind::Temporary,
        // Nothing was said about a recipient yet.
        (_, Stage::Connect | Stage::Mail) => FailureKind::Sender,
        _ if ours => FailureKind::Sender,
        _ => FailureKind::Permanent,
    }
}

/// The server said nothing, or nothing that can be read.
fn without_reply(error: &Error, stage: Stage) -> FailureKind {
    if stage == Stage::Content {
        FailureKind::Unknown
    } else if error.is_tls() || error.is_client() || is_about_certificates(error) {
        // What lettre calls a client error: no STARTTLS, no known way to sign in.
        FailureKind::Sender
    } else {
        FailureKind::Temporary
    }
}

/// rustls reports a certificate it does not trust, and a server that does not speak TLS, as invalid data.
fn is_about_certificates(error: &Error) -> bool {
    let mut source = error.source();
    while let Some(inner) = source {
        if inner.downcast_ref::<io::Error>().is_some_and(|inner| inner.kind() == io::ErrorKind::InvalidData) {
            return true;
        }
        source = inner.source();
    }
    false
}

/// The enhanced status a reply begins with.
fn enhanced(words: &str) -> Option<&str> {
    let word = words.split_whitespace().next()?;
    let parts: Vec<&str> = word.split('.').collect();
    let digits = |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    (parts.len() == 3 && matches!(parts[0], "4" | "5") && parts.iter().all(digits)).then_some(word)
}

/// Takes out what looks like an address, and the part before the `@` of the addresses we know: servers quote both.
pub(super) fn redacted(words: &str, addresses: &[&Address]) -> String {
    let edge = |c: char| !c.is_alphanumeric();
    let known = |word: &str| addresses.iter().any(|address| address.user().eq_ignore_ascii_case(word));
    let quoted = |word: &str| {
        let word = word.to_ascii_lowercase();
        ["@", "%40", "=40", "\u{ff20}"].iter().any(|at| word.contains(at))
    };
    let hidden = |word: &str| known(word) || known(word.trim_matches(edge)) || quoted(word);
    words.split_whitespace().map(|word| if hidden(word) { "[address]" } else { word }).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_out_of_what_servers_say() {
        let reader = &"anna.lee@example.org".parse().unwrap();
        for (said, kept) in [
            ("5.1.1 <anna.lee@example.org>: unknown", "5.1.1 [address] unknown"),
            ("5.1.1 user 'Anna.Lee' does not exist", "5.1.1 user [address] does not exist"),
            ("5.7.1 see https://example.net/?to=anna.lee%40example.org now", "5.7.1 see [address] now"),
            ("bounce+anna=40example.org refused", "[address] refused"),
            ("2.0.0 Ok: queued as 4Bx1", "2.0.0 Ok: queued as 4Bx1"),
        ] {
            assert_eq!(redacted(said, &[reader]), kept);
        }
    }

    #[test]
    fn a_refusal_is_ours_or_the_readers() {
        use FailureKind::{Permanent, Sender, Temporary};
        for (reply, code, stage, kind) in [
            (450, "4.2.1", Stage::Recipient, Temporary),
            (421, "421", Stage::Content, Temporary),
            (454, "4.7.0", Stage::Connect, Temporary),
            (550, "5.1.1", Stage::Recipient, Permanent),
            (550, "5.7.1", Stage::Content, Permanent),
            (550, "5.7.515", Stage::Content, Sender),
            (550, "5.7.26", Stage::Content, Sender),
            (530, "5.7.0", Stage::Recipient, Sender),
            (535, "5.7.8", Stage::Connect, Sender),
            (554, "554", Stage::Connect, Sender),
            (553, "5.1.8", Stage::Mail, Sender),
        ] {
            assert_eq!(refused(reply, code, stage), kind, "{reply} {code} {stage:?}");
        }
    }

    #[test]
    fn the_enhanced_status_is_the_first_word_or_nothing() {
        assert_eq!(enhanced("5.1.10 no such user"), Some("5.1.10"));
        assert_eq!(enhanced("no such user 5.1.10"), None);
        assert_eq!(enhanced("192.168.1.1 is listed"), None);
        assert_eq!(enhanced("2.0.0 ok"), None);
    }
}
