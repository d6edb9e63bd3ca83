//! A request to subscribe.

use std::collections::HashMap;

use serde::Deserialize;
use utoipa::ToSchema;

use crate::error::{Faults, Wrong};
use crate::newsletter::Frequency;
use crate::text::{Email, Slug};
use crate::{Error, Result};

use super::{Choice, preferences};

/// A request to subscribe. Only `email` is needed.
///
/// There is no name: nothing that a stranger typed can reach a mail (T12).
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SubscriptionWrite {
    /// Where to send it.
    #[schema(required = true, value_type = String, format = "email", max_length = 254)]
    pub email: Option<String>,
    /// Slugs of the categories wanted, with all that is below them; absent: all.
    #[schema(max_items = 100)]
    pub categories: Option<Vec<String>>,
    /// How often; weekly by default.
    #[schema(value_type = Option<Frequency>)]
    pub frequency: Option<String>,
    /// An IANA time zone; absent: the newsletter's.
    #[schema(example = "Europe/Berlin")]
    pub timezone: Option<String>,
    /// A language (BCP 47); absent: the site's.
    #[schema(example = "de-AT")]
    pub locale: Option<String>,
    /// From `GET /v1/newsletter`.
    #[schema(max_length = 200)]
    pub form_token: Option<String>,
    /// A proof of work.
    #[schema(max_length = 500)]
    pub pow: Option<String>,
    /// Must be empty: a form hides it from people, and programs fill it in.
    #[schema(max_length = 1000)]
    pub nickname: Option<String>,
    /// Where on the site it was asked: `footer`, `comment` or `article:SLUG`.
    #[schema(example = "footer")]
    pub source: Option<String>,
    /// The version of the consent that the form showed; absent: today's.
    #[schema(example = "1")]
    pub consent_version: Option<String>,
}

/// Where on the site someone asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source(String);

impl Source {
    fn parse(text: &str) -> Result<Self, Wrong> {
        let known = matches!(text, "footer" | "comment")
            || text.strip_prefix("article:").is_some_and(|slug| Slug::parse(slug).is_ok());
        let wrong = || ("invalid_source", "Use `footer`, `comment` or `article:SLUG`.".to_owned());
        known.then(|| Self(text.to_owned())).ok_or_else(wrong)
    }

    /// As it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A request whose members are known to be good.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where to send it.
    pub email: Email,
    /// What is wanted; `None`: all.
    pub categories: Option<Vec<Choice>>,
    /// How often.
    pub frequency: Frequency,
    /// The person's IANA time zone.
    pub timezone: Option<String>,
    /// The language wanted.
    pub locale: Option<String>,
    /// Where on the site it was asked.
    pub source: Option<Source>,
}

impl SubscriptionWrite {
    /// Checks every member, and names every fault. `known` are the categories there are, by slug;
    /// `consent_is_known` tells whether there is a text of `consent_version`.
    pub fn check(&self, known: &HashMap<String, Choice>, consent_is_known: bool) -> Result<Request> {
        let mut faults = Faults::default();
        let email = faults.take("/email", Email::parse(self.email.as_deref().unwrap_or_default()));
        let categories =
            self.categories.as_deref().and_then(|slugs| preferences::categories(&mut faults, slugs, known));
        let frequency = preferences::frequency(&mut faults, self.frequency.as_deref());
        let timezone = preferences::zone(&mut faults, self.timezone.as_deref());
        let locale = preferences::locale(&mut faults, self.locale.as_deref());
        let source = faults.take("/source", self.source.as_deref().map(Source::parse).transpose()).flatten();
        if !consent_is_known {
            let detail = "There is no such version of the consent; load the form again.";
            faults.note(crate::Fault::at("/consent_version", "unknown_version", detail));
        }
        faults.finish()?;
        Ok(Request {
            email: email.ok_or(Error::Invalid(Vec::new()))?,
            categories,
            frequency: frequency.unwrap_or(Frequency::Weekly),
            timezone,
            locale,
            source,
        })
    }

    /// Whether a program filled in what people do not see.
    pub fn is_trapped(&self) -> bool {
        self.nickname.as_deref().is_some_and(|nickname| !nickname.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_enough() {
        let write = SubscriptionWrite { email: Some(" Ann@example.org".into()), ..Default::default() };
        let request = write.check(&HashMap::new(), true).unwrap();
        assert_eq!(request.email.as_str(), "Ann@example.org");
        assert_eq!((request.categories, request.frequency), (None, Frequency::Weekly));
    }

    #[test]
    fn every_fault_is_named() {
        let write = SubscriptionWrite {
            email: Some("ann@example.org\r\nBcc: bob@example.org".into()),
            categories: Some(vec!["nowhere".into()]),
            frequency: Some("hourly".into()),
            timezone: Some("Mars".into()),
            locale: Some("!".into()),
            source: Some("article:../x".into()),
            consent_version: Some("0".into()),
            ..Default::default()
        };
        let Err(Error::Invalid(faults)) = write.check(&HashMap::new(), false) else { panic!("it is refused") };
        let places: Vec<_> = faults.iter().map(|fault| format!("{:?}", fault.place)).collect();
        let expected = ["/email", "/categories/0", "/frequency", "/timezone", "/locale", "/source", "/consent_version"];
        assert_eq!(places, expected.map(|place| format!("Pointer({place:?})")));
    }
}
