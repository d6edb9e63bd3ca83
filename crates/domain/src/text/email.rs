//! Email addresses: personal data, so nothing here writes itself into a log or an answer.

use std::fmt;

use lettre::Address;
use url::Host;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

use crate::error::Wrong;

use super::plain::{at_most, string_schema};

/// Longest address that SMTP carries (RFC 5321 with erratum 1690), in bytes.
const MAX: usize = 254;
/// Longest part before the `@` (RFC 5321, 4.5.3.1.1), in bytes.
const MAX_LOCAL: usize = 64;
/// Longest domain in its ASCII form (RFC 1035).
const MAX_DOMAIN: usize = 253;

/// An address that the mailer will accept, as it was typed.
///
/// It implements neither `Display` nor `Serialize`, and its `Debug` is redacted: whoever wants the address in the
/// open says [`Email::as_str`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email {
    typed: String,
    /// Where the `@` is.
    at: usize,
    /// The domain in ASCII (IDNA) and lower case.
    ascii_domain: String,
}

impl Email {
    /// Reads a single bare address: no display name, an ASCII local part, a domain name with a dot.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let typed = text.trim();
        let wrong = || ("invalid_email", "Use a single address such as `name@example.org`.".to_owned());
        if typed.is_empty() {
            return Err(("required", "Enter an email address.".into()));
        }
        at_most(typed.len(), MAX, "bytes")?;
        if typed.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(wrong());
        }
        let address: Address = typed.parse().map_err(|_| wrong())?;
        let at = address.user().len();
        if at > MAX_LOCAL || !address.user().is_ascii() {
            return Err(wrong());
        }
        let Ok(Host::Domain(ascii_domain)) = Host::parse(address.domain()) else {
            return Err(wrong());
        };
        // Without a dot, mail would go to a machine of the operator's own network.
        if ascii_domain.len() > MAX_DOMAIN || !ascii_domain.contains('.') {
            return Err(wrong());
        }
        Ok(Self { typed: typed.to_owned(), at, ascii_domain })
    }

    /// The address as it was typed, without surrounding white space.
    pub fn as_str(&self) -> &str {
        &self.typed
    }

    /// The domain in ASCII (IDNA) and lower case.
    pub fn domain(&self) -> &str {
        &self.ascii_domain
    }

    /// What is equal for addresses that reach the same mailbox: for uniqueness and HMACs only, never to send to.
    ///
    /// Lower case, ASCII domain; for Gmail without dots and `+tag`, which it ignores.
    pub fn key(&self) -> String {
        let local = self.typed[..self.at].to_ascii_lowercase();
        if !matches!(self.ascii_domain.as_str(), "gmail.com" | "googlemail.com") {
            return format!("{local}@{}", self.ascii_domain);
        }
        match local.split('+').next().unwrap_or_default().replace('.', "") {
            mailbox if mailbox.is_empty() => format!("{local}@gmail.com"),
            mailbox => format!("{mailbox}@gmail.com"),
        }
    }

    /// Enough for its owner to know it by, too little to write to: `a***@e***.org`.
    pub fn masked(&self) -> String {
        let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
        let last_label = self.ascii_domain.rsplit('.').next().unwrap_or_default();
        format!("{}***@{}***.{last_label}", first(&self.typed), first(&self.ascii_domain))
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(***)")
    }
}

impl utoipa::PartialSchema for Email {
    fn schema() -> RefOr<Schema> {
        use utoipa::openapi::schema::{KnownFormat, SchemaFormat};
        string_schema(3, MAX)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Email)))
            .description(Some("An email address; at most 64 bytes before the @, ASCII only."))
            .examples(["name@example.org"])
            .into()
    }
}

impl utoipa::ToSchema for Email {}

#[cfg(test)]
mod tests {
    use super::*;

    fn email(text: &str) -> Email {
        Email::parse(text).unwrap()
    }

    #[test]
    fn an_address_stays_as_typed() {
        let ann = email(" Ann.Lee+news@Example.ORG ");
        assert_eq!(ann.as_str(), "Ann.Lee+news@Example.ORG");
        assert_eq!(ann.key(), "ann.lee+news@example.org");
        assert_eq!(ann.domain(), "example.org");
        assert_eq!(email("a@bücher.example").key(), "a@xn--bcher-kva.example");
    }

    #[test]
    fn gmail_addresses_of_one_mailbox_share_a_key() {
        for typed in ["annlee@gmail.com", "Ann.Lee@googlemail.com", "a.n.n.lee+x+y@GMAIL.com"] {
            assert_eq!(email(typed).key(), "annlee@gmail.com");
        }
        assert_eq!(email("+x@gmail.com").key(), "+x@gmail.com");
        assert_ne!(email("ann.lee@example.org").key(), email("annlee@example.org").key());
    }

    #[test]
    fn it_shows_itself_only_masked() {
        let ann = email("ann@example.org");
        assert_eq!(format!("{ann:?}"), "Email(***)");
        assert_eq!(ann.masked(), "a***@e***.org");
    }

    #[test]
    fn what_is_no_single_address_is_refused() {
        for bad in [
            "ann",
            "@example.org",
            "ann@",
            "ann@localhost",
            "ann@1.1.1.1",
            "ann@[127.0.0.1]",
            "Ann <ann@example.org>",
            "ann@example.org,bob@example.org",
            "ann@example.org\r\nBcc: bob@example.org",
            "änn@example.org",
            "a\0nn@example.org",
            "\"a b\"@example.org",
            "ann@exa mple.org",
            "ann@-example-.org",
            "ann@xn--a.org",
        ] {
            assert_eq!(Email::parse(bad).unwrap_err().0, "invalid_email", "{bad:?}");
        }
        assert_eq!(Email::parse(&format!("{}@example.org", "a".repeat(65))).unwrap_err().0, "invalid_email");
        assert_eq!(Email::parse(&format!("a@{}.org", "a.".repeat(130))).unwrap_err().0, "too_long");
        assert_eq!(Email::parse(" ").unwrap_err().0, "required");
    }
}
