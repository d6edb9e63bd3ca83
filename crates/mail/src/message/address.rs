//! Addresses: read with lettre, domains written the way every server reads them.

use domain::error::Wrong;
use lettre::Address;
use url::Host;

use crate::text::breaks_lines;

/// Bytes of a path in an SMTP command, without its angle brackets (RFC 5321, 4.5.3.1.3).
const LIMIT: usize = 254;

/// An address with its domain in ASCII; what was typed never appears in the refusal.
pub(super) fn parse(text: &str) -> Result<Address, Wrong> {
    let wrong = || ("invalid_address", "Write an address such as name@example.com.".to_owned());
    if text.len() > LIMIT || text.chars().any(breaks_lines) {
        return Err(wrong());
    }
    let address: Address = text.parse().map_err(|_| wrong())?;
    if address.domain().is_ascii() {
        return Ok(address);
    }
    match Host::parse(address.domain()) {
        Ok(Host::Domain(domain)) => Address::new(address.user(), domain).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_become_ascii() {
        assert_eq!(parse("anna@bücher.example").unwrap().to_string(), "anna@xn--bcher-kva.example");
        assert_eq!(parse("Anna.O'Neil+x@Example.com").unwrap().to_string(), "Anna.O'Neil+x@Example.com");
    }

    #[test]
    fn nothing_but_one_address_passes() {
        let long = format!("{}@{}example", "a".repeat(60), "b.".repeat(120));
        for text in [
            "",
            "anna",
            "anna@",
            "@example.com",
            "a@b@c",
            "Anna <anna@example.com>",
            "a@example.com,b@example.com",
            "a@example.com\r\nRCPT TO:<b@example.com>",
            "a@example.com>",
            "\"a\r\nb\"@example.com",
            "a b@example.com",
            "a@exa\u{2028}mple.com",
            "a@example.com\u{0}",
            &long,
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
