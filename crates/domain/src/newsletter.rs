//! The newsletter: what it is called, who it is from, and when it is sent.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Faults, Wrong};
use crate::ids::NewsletterId;
use crate::text::{Email, Line, Prose, Zone};
use crate::{Error, Fault, Result, Timestamp};

/// The most full entries that an issue may be set to have.
const MOST_ITEMS: u16 = 50;

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "a name says it all")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    const ALL: [(Self, &str); 7] = [
        (Self::Monday, "monday"),
        (Self::Tuesday, "tuesday"),
        (Self::Wednesday, "wednesday"),
        (Self::Thursday, "thursday"),
        (Self::Friday, "friday"),
        (Self::Saturday, "saturday"),
        (Self::Sunday, "sunday"),
    ];

    /// Days since Monday.
    pub fn index(self) -> i8 {
        self as i8
    }

    fn parse(text: &str) -> Result<Self, Wrong> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        let wrong = || ("invalid_weekday", "Use `monday`, `tuesday`, ..., `sunday`.".to_owned());
        found.map(|(weekday, _)| *weekday).ok_or_else(wrong)
    }
}

/// How often a reader hears from the newsletter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Frequency {
    /// Once a week.
    Weekly,
    /// Once a month, with the first weekly update of it.
    Monthly,
}

impl Frequency {
    /// Its name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        }
    }
}

impl std::str::FromStr for Frequency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = [Self::Weekly, Self::Monthly].into_iter().find(|frequency| frequency.as_str() == text);
        found.ok_or_else(|| "a frequency is weekly or monthly".into())
    }
}

/// What people agree to when they subscribe. A new text needs a new version: what was agreed to must stay readable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Consent {
    /// The name of this text.
    pub version: String,
    /// What a sign-up form shows beside its box.
    pub text: String,
}

impl Default for Consent {
    fn default() -> Self {
        Self {
            version: "1".into(),
            text: "Send me the weekly update by email. I can leave at any time with the link in every issue.".into(),
        }
    }
}

/// Settings of the newsletter, whole and good. An absent member has its default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = NewsletterSettings)]
pub struct Settings {
    /// What readers know it as.
    #[schema(required = true)]
    pub name: String,
    /// The name in `From`; absent: the site's.
    #[schema(required = true)]
    pub from_name: Option<String>,
    /// The address in `From`. Nothing is sent without one.
    #[schema(required = true, format = "email")]
    pub from_address: Option<String>,
    /// Where answers go; absent: to the sender.
    #[schema(required = true, format = "email")]
    pub reply_to: Option<String>,
    /// The publisher's address on paper, which the law wants in every issue. No issue is sent without one.
    #[schema(required = true)]
    pub postal_address: Option<String>,
    /// The day it is sent.
    #[schema(required = true)]
    pub weekday: Weekday,
    /// The hour it is sent, 0 to 23, in its time zone.
    #[schema(required = true, maximum = 23)]
    pub hour: u8,
    /// Its IANA time zone; absent: the site's.
    #[schema(required = true, example = "Europe/Berlin")]
    pub timezone: Option<String>,
    /// With fewer new articles there is no issue: they wait for the next.
    #[schema(required = true, minimum = 1)]
    pub min_items: u16,
    /// Articles with an excerpt; up to twenty more follow as titles.
    #[schema(required = true, minimum = 1, maximum = 50)]
    pub max_items: u16,
    /// What people agree to when they subscribe.
    #[schema(required = true)]
    pub consent: Consent,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "Weekly update".into(),
            from_name: None,
            from_address: None,
            reply_to: None,
            postal_address: None,
            weekday: Weekday::Monday,
            hour: 9,
            timezone: None,
            min_items: 1,
            max_items: 10,
            consent: Consent::default(),
        }
    }
}

impl Settings {
    /// Its time zone; `site` is the site's.
    pub fn zone(&self, site: &str) -> jiff::tz::TimeZone {
        let zone = self.timezone.as_deref().unwrap_or(site);
        Zone::parse(zone).map_or(jiff::tz::TimeZone::UTC, |zone| zone.rules())
    }

    /// What an issue still lacks before it may be sent.
    pub fn missing(&self) -> Vec<&'static str> {
        let required =
            [("from_address", self.from_address.is_none()), ("postal_address", self.postal_address.is_none())];
        required.into_iter().filter(|(_, missing)| *missing).map(|(name, _)| name).collect()
    }

    /// Whether both are sent at the same civil times.
    pub fn same_schedule(&self, other: &Self) -> bool {
        (self.weekday, self.hour, &self.timezone) == (other.weekday, other.hour, &other.timezone)
    }
}

/// The newsletter, as those who run it see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Newsletter {
    /// Its identity.
    pub id: NewsletterId,
    /// How it is sent.
    #[serde(flatten)]
    pub settings: Settings,
    /// Raised by every change; the `ETag` that `If-Match` names.
    pub version: u64,
    /// When it was made: articles that were public before are never sent.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Since when its day, hour and zone are what they are: what would have been due before is not.
    #[serde(skip)]
    pub schedule_since: Timestamp,
}

impl Newsletter {
    /// The identity of the one newsletter that every publication has.
    pub const DEFAULT_ID: &'static str = "01936f5e-0000-7000-8000-000000000001";
}

/// What an administrator says of the newsletter. What is absent takes its default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewsletterWrite {
    /// What readers know it as.
    pub name: Option<String>,
    /// The name in `From`; absent: the site's.
    pub from_name: Option<String>,
    /// The address in `From`. Nothing is sent without one.
    #[schema(format = "email")]
    pub from_address: Option<String>,
    /// Where answers go; absent: to the sender.
    #[schema(format = "email")]
    pub reply_to: Option<String>,
    /// The publisher's address on paper, in one or several lines. No issue is sent without one.
    pub postal_address: Option<String>,
    /// The day it is sent: `monday` (default) to `sunday`.
    #[schema(value_type = Option<Weekday>)]
    pub weekday: Option<String>,
    /// The hour it is sent, in its time zone; 9 by default.
    #[schema(minimum = 0, maximum = 23)]
    pub hour: Option<i64>,
    /// Its IANA time zone; absent: the site's.
    #[schema(example = "Europe/Berlin")]
    pub timezone: Option<String>,
    /// With fewer new articles there is no issue; 1 by default.
    #[schema(minimum = 1, maximum = 50)]
    pub min_items: Option<i64>,
    /// Articles with an excerpt; 10 by default.
    #[schema(minimum = 1, maximum = 50)]
    pub max_items: Option<i64>,
    /// What people agree to. A new text needs a new version.
    pub consent: Option<ConsentWrite>,
    /// Read only: what an answer holds may be sent back.
    #[schema(read_only)]
    pub id: Option<String>,
    /// Read only: the version is named by `If-Match`.
    #[schema(read_only)]
    pub version: Option<u64>,
    /// Read only.
    #[schema(read_only)]
    pub created_at: Option<String>,
    /// Read only.
    #[schema(read_only)]
    pub updated_at: Option<String>,
    /// Read only.
    #[schema(read_only)]
    pub next_issue_at: Option<String>,
}

/// What people agree to when they subscribe.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConsentWrite {
    /// The name of this text.
    pub version: Option<String>,
    /// What a sign-up form shows beside its box.
    pub text: Option<String>,
}

impl NewsletterWrite {
    /// Checks every member, and names every fault.
    pub fn check(&self) -> Result<Settings> {
        let mut faults = Faults::default();
        let default = Settings::default();
        let name = line::<100>(&mut faults, "/name", self.name.as_deref());
        let from_name = line::<100>(&mut faults, "/from_name", self.from_name.as_deref());
        let from_address = email(&mut faults, "/from_address", self.from_address.as_deref());
        let reply_to = email(&mut faults, "/reply_to", self.reply_to.as_deref());
        let postal_address = self.postal_address.as_deref().unwrap_or_default();
        let postal_address = faults.take("/postal_address", Prose::<500>::parse_optional(postal_address)).flatten();
        let weekday = self.weekday.as_deref().and_then(|day| faults.take("/weekday", Weekday::parse(day)));
        let hour = within(&mut faults, "/hour", self.hour, 0..=23);
        let timezone = self.timezone.as_deref().and_then(|zone| faults.take("/timezone", Zone::parse(zone)));
        let most = i64::from(MOST_ITEMS);
        let min_items = within(&mut faults, "/min_items", self.min_items, 1..=most).unwrap_or(default.min_items);
        let max_items = within(&mut faults, "/max_items", self.max_items, 1..=most).unwrap_or(default.max_items);
        if min_items > max_items {
            let detail = "Ask for at most as many articles as an issue may have.";
            faults.note(Fault::at("/min_items", "out_of_range", detail));
        }
        let consent = self.consent.as_ref().map(|consent| consent.check(&mut faults));
        faults.finish()?;
        Ok(Settings {
            name: name.unwrap_or(default.name),
            from_name,
            from_address,
            reply_to,
            postal_address: postal_address.map(|address| address.as_str().to_owned()),
            weekday: weekday.unwrap_or(default.weekday),
            hour: hour.unwrap_or(default.hour),
            timezone: timezone.map(|zone| zone.as_str().to_owned()),
            min_items,
            max_items,
            consent: consent.unwrap_or(Some(default.consent)).ok_or(Error::Invalid(Vec::new()))?,
        })
    }
}

impl ConsentWrite {
    fn check(&self, faults: &mut Faults) -> Option<Consent> {
        let version = Line::<40>::parse(self.version.as_deref().unwrap_or_default());
        let version = faults.take("/consent/version", version);
        let text = faults.take("/consent/text", Prose::<2000>::parse(self.text.as_deref().unwrap_or_default()));
        Some(Consent { version: version?.as_str().to_owned(), text: text?.as_str().to_owned() })
    }
}

fn line<const MAX: usize>(faults: &mut Faults, at: &str, text: Option<&str>) -> Option<String> {
    let line = faults.take(at, Line::<MAX>::parse_optional(text.unwrap_or_default())).flatten();
    line.map(|line| line.as_str().to_owned())
}

fn email(faults: &mut Faults, at: &str, text: Option<&str>) -> Option<String> {
    let text = text.filter(|text| !text.trim().is_empty())?;
    faults.take(at, Email::parse(text)).map(|email| email.as_str().to_owned())
}

fn within<T: TryFrom<i64>>(
    faults: &mut Faults,
    at: &str,
    number: Option<i64>,
    bounds: std::ops::RangeInclusive<i64>,
) -> Option<T> {
    let number = number?;
    let fits = bounds.contains(&number).then(|| T::try_from(number).ok()).flatten();
    if fits.is_none() {
        let detail = format!("Use a whole number from {} to {}.", bounds.start(), bounds.end());
        faults.note(Fault::at(at, "out_of_range", detail));
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_takes_its_default() {
        assert_eq!(NewsletterWrite::default().check().unwrap(), Settings::default());
        assert_eq!(Settings::default().missing(), ["from_address", "postal_address"]);
        assert_eq!(serde_json::from_str::<Settings>("{}").unwrap(), Settings::default());
    }

    #[test]
    fn every_fault_is_named() {
        let write = NewsletterWrite {
            name: Some("a\nb".into()),
            from_address: Some("nobody".into()),
            weekday: Some("funday".into()),
            hour: Some(24),
            timezone: Some("Mars/Olympus".into()),
            min_items: Some(20),
            max_items: Some(0),
            consent: Some(ConsentWrite { version: Some("2".into()), text: None }),
            ..NewsletterWrite::default()
        };
        let Err(Error::Invalid(faults)) = write.check() else { panic!("it is refused") };
        let places: Vec<_> = faults.iter().map(|fault| format!("{:?}", fault.place)).collect();
        let expected =
            ["/name", "/from_address", "/weekday", "/hour", "/timezone", "/max_items", "/min_items", "/consent/text"];
        assert_eq!(places, expected.map(|place| format!("Pointer({place:?})")));
    }
}
