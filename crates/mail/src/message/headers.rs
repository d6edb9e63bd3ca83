//! Header fields: their names, and what may stand in them. Every name is a constant, every value is checked.

use domain::error::{Faults, Wrong};
use lettre::message::MessageBuilder;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use url::Url;

use super::{List, SUBJECT_LIMIT, address};
use crate::text::{breaks_lines, line};

/// Bytes of a value that cannot be folded: a line ends at 998 (RFC 5322, 2.1.1), the field's name included.
const UNFOLDABLE: usize = 900;

type Checked<T = String> = Result<T, Wrong>;

/// Fields that lettre does not know; the builder takes only types that carry their own name.
macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident = $text:literal),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone)]
        pub(super) struct $name(pub(super) String);

        impl Header for $name {
            fn name() -> HeaderName {
                HeaderName::new_from_ascii_str($text)
            }

            fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
                Ok(Self(text.to_owned()))
            }

            fn display(&self) -> HeaderValue {
                HeaderValue::new(Self::name(), self.0.clone())
            }
        }
    )*};
}

fields! {
    /// No person wrote it, so no machine answers it (RFC 3834).
    AutoSubmitted = "Auto-Submitted",
    /// The language of the words around the content (RFC 3282).
    ContentLanguage = "Content-Language",
    /// What mailbox providers group complaints by.
    FeedbackId = "Feedback-ID",
    /// The list on the web (RFC 2369).
    ListArchive = "List-Archive",
    /// The list's identity (RFC 2919).
    ListId = "List-Id",
    /// How to leave the list (RFC 2369).
    ListUnsubscribe = "List-Unsubscribe",
    /// That one POST leaves it (RFC 8058).
    ListUnsubscribePost = "List-Unsubscribe-Post",
    /// Keeps old vacation programs quiet.
    Precedence = "Precedence",
    /// The delivery, for matching what providers report.
    DeliveryId = "X-Delivery-Id",
}

impl List<'_> {
    /// Adds the list's fields; a value with a fault is left empty, and the faults refuse the message.
    pub(super) fn add_to(&self, mime: MessageBuilder, faults: &mut Faults) -> MessageBuilder {
        let id = faults.take("/list/id", domain_name(self.id)).unwrap_or_default();
        let name = faults.take("/list/name", phrase(self.name)).unwrap_or_default();
        let url = faults.take("/list/unsubscribe_url", web_address(self.unsubscribe_url)).unwrap_or_default();
        let mail = self.unsubscribe_mail.and_then(|mail| faults.take("/list/unsubscribe_mail", address::parse(mail)));
        let archive = self.archive_url.and_then(|url| faults.take("/list/archive_url", web_address(url)));
        let feedback = faults.take("/list/feedback_id", word(self.feedback_id)).unwrap_or_default();
        let delivery = faults.take("/list/delivery_id", word(self.delivery_id)).unwrap_or_default();
        let unsubscribe = match mail {
            Some(mail) => format!("<{url}>, <mailto:{mail}>"),
            None => format!("<{url}>"),
        };
        let mime = mime
            .header(ListId(line(&format!("{} <{id}>", unstructured(&name)))))
            .header(ListUnsubscribe(unsubscribe))
            .header(ListUnsubscribePost("List-Unsubscribe=One-Click".into()));
        let mime = match archive {
            Some(archive) => mime.header(ListArchive(format!("<{archive}>"))),
            None => mime,
        };
        let mime = mime.header(FeedbackId(feedback)).header(DeliveryId(delivery));
        if self.bulk { mime.header(Precedence("bulk".into())) } else { mime }
    }
}

/// A subject of 1 to 78 characters.
pub(super) fn subject(text: &str) -> Checked {
    let text = one_line(text)?;
    match text.chars().count() {
        0 => Err(("required", "Give the message a subject.".into())),
        1..=SUBJECT_LIMIT => Ok(unencoded(text)),
        _ => Err(("too_long", format!("Cut the subject to {SUBJECT_LIMIT} characters."))),
    }
}

/// A name of a sender or a list: one line of at most 128 characters.
pub(super) fn phrase(text: &str) -> Checked {
    let text = one_line(text)?;
    if text.chars().count() > 128 {
        return Err(("too_long", "Cut the name to 128 characters.".into()));
    }
    Ok(unencoded(text))
}

/// `left@right` in characters that every server leaves alone.
pub(super) fn message_id(text: &str) -> Checked {
    match text.split_once('@') {
        Some((left, right)) if text.len() <= 250 && dotted(left) && dotted(right) => Ok(text.to_owned()),
        _ => Err((
            "invalid_message_id",
            "Write left@right in letters, digits, dots, hyphens and underscores, without brackets.".into(),
        )),
    }
}

/// A language tag such as `en` or `pt-BR`.
pub(super) fn language(text: &str) -> Checked {
    let fits = (2..=35).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if fits { Ok(text.into()) } else { Err(("invalid_language", "Write a language tag such as en or pt-BR.".into())) }
}

fn domain_name(text: &str) -> Checked {
    if text.len() <= 250 && dotted(text) {
        return Ok(text.to_owned());
    }
    Err(("invalid_list_id", "Write a list's identity as a domain name, such as weekly.example.com.".into()))
}

/// Printable ASCII without spaces.
fn word(text: &str) -> Checked {
    if (1..=250).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(("invalid_word", "Write one word of 1 to 250 printable ASCII characters.".into()))
}

/// An address of the web, written in ASCII.
fn web_address(text: &str) -> Checked {
    // The URL parser would drop tabs and line breaks without a word.
    let url = one_line(text).ok().and_then(|text| Url::parse(text).ok()).map(String::from);
    url.filter(|url| url.starts_with("https://") || url.starts_with("http://"))
        .filter(|url| url.len() <= UNFOLDABLE && !url.contains(['<', '>', ' ']))
        .ok_or_else(|| ("invalid_url", format!("Write an http or https address of at most {UNFOLDABLE} bytes.")))
}

fn one_line(text: &str) -> Checked<&str> {
    if text.chars().any(breaks_lines) {
        return Err(("control_character", "Take line breaks and control characters out.".into()));
    }
    Ok(text.trim())
}

/// Without the mark of an encoded word: lettre passes ASCII on as it stands, and a reader would decode it.
fn unencoded(text: &str) -> String {
    text.replace("=?", "= ?")
}

/// Without what has a meaning in a structured field.
fn unstructured(text: &str) -> String {
    text.replace(['"', '(', ')', '<', '>', '[', ']', ':', ';', '@', '\\', ','], " ")
}

fn dotted(text: &str) -> bool {
    text.split('.').all(|part| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '='))
    })
}
