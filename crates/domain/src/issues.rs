//! The weekly update: when it is due, what is in it, for whom, and what becomes of each copy.
//!
//! Which articles were sent is asked of a ledger, never of a span of time; which issues were made is asked of their
//! period, which is unique. So neither a restart nor a second scheduler nor a change of clocks can send twice.

use std::collections::BTreeMap;

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use jiff::Span;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Timestamp;
use crate::ids::{ArticleId, CategoryId, DeliveryId, IssueId, SubscriberId};
use crate::newsletter::{Frequency, Settings};
use crate::secrets::{Purpose, Secrets};

/// How late an issue may be made, in seconds; a later one waits for a person to look at it.
pub const MAX_LATENESS: i64 = 12 * 60 * 60;

/// Characters of an item's excerpt.
pub const EXCERPT_CHARS: usize = 200;

/// Weeks around a time among which the slots of a schedule are looked for: a month and what clocks may shift.
const WEEKS: i64 = 6;

/// When issues of one frequency are due: a day of the week and an hour, in civil time.
#[derive(Debug, Clone)]
pub struct Schedule {
    frequency: Frequency,
    weekday: i8,
    hour: i8,
    zone: TimeZone,
}

/// One issue that a schedule asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Its name: an ISO week (`2026-W47`), or a month (`2026-11`), in the newsletter's zone.
    pub period: String,
    /// When it is due.
    pub due: Timestamp,
}

impl Schedule {
    /// The schedule of a newsletter whose site is in `site_zone`. Monthly readers get theirs with the first weekly
    /// slot of the month.
    pub fn new(settings: &Settings, frequency: Frequency, site_zone: &str) -> Self {
        let hour = i8::try_from(settings.hour.min(23)).unwrap_or_default();
        Self { frequency, weekday: settings.weekday.index(), hour, zone: settings.zone(site_zone) }
    }

    /// The last slot that was due at `at` or before.
    pub fn latest(&self, at: Timestamp) -> Option<Slot> {
        self.around(at).into_iter().rfind(|slot| slot.due <= at)
    }

    /// The first slot after `at`.
    pub fn next(&self, at: Timestamp) -> Option<Slot> {
        self.around(at).into_iter().find(|slot| slot.due > at)
    }

    /// The name of the period that `at` lies in.
    pub fn period(&self, at: Timestamp) -> String {
        period(self.frequency, at.to_jiff().to_zoned(self.zone.clone()).date())
    }

    fn around(&self, at: Timestamp) -> Vec<Slot> {
        let today = at.to_jiff().to_zoned(self.zone.clone()).date();
        let to_slot = i64::from(self.weekday) - i64::from(today.weekday().to_monday_zero_offset());
        let days = (-WEEKS..=WEEKS).map(|week| Span::new().days(to_slot + 7 * week));
        days.filter_map(|days| self.slot(today.checked_add(days).ok()?)).collect()
    }

    /// The slot of a day of the calendar. In a gap the first valid time after it is meant, in a fold the first of the
    /// two; the period is that of the day in the calendar either way.
    fn slot(&self, day: Date) -> Option<Slot> {
        if self.frequency == Frequency::Monthly && day.day() > 7 {
            return None;
        }
        let due = self.zone.to_ambiguous_timestamp(day.at(self.hour, 0, 0, 0)).compatible().ok()?;
        Some(Slot { period: period(self.frequency, day), due: due.into() })
    }
}

fn period(frequency: Frequency, day: Date) -> String {
    match frequency {
        Frequency::Weekly => {
            let week = day.iso_week_date();
            format!("{:04}-W{:02}", week.year(), week.week())
        }
        Frequency::Monthly => format!("{:04}-{:02}", day.year(), day.month()),
    }
}

/// A period in words: `Week 47, 2026`, `November 2026`.
pub fn period_in_words(period: &str) -> String {
    let month = |number: &str| {
        let first = Date::new(2000, number.parse().ok()?, 1).ok()?;
        Some(first.strftime("%B").to_string())
    };
    match period.split_once('-') {
        Some((year, week)) if week.starts_with('W') => {
            format!("Week {}, {year}", week.trim_start_matches('W').trim_start_matches('0'))
        }
        Some((year, number)) => month(number).map_or_else(|| period.to_owned(), |name| format!("{name} {year}")),
        None => period.to_owned(),
    }
}

/// Declares a state whose name is the same on the wire and in the database.
macro_rules! states {
    ($(#[$doc:meta])* $name:ident: $($(#[$of:meta])* $state:ident = $text:literal,)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$of])* $state,)*
        }

        impl $name {
            /// Its name.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$state => $text,)*
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok(Self::$state),)*
                    _ => Err(format!("there is no such state; use {}", [$($text),*].join(", "))),
                }
            }
        }
    };
}

states! {
    /// How far an issue has come.
    IssueState:
    /// Its items are being chosen.
    Building = "building",
    /// It waits for someone to look at it before it is sent.
    Review = "review",
    /// It waits for its time.
    Scheduled = "scheduled",
    /// It is on its way.
    Sending = "sending",
    /// Someone, or a fault on our side, stopped it.
    Paused = "paused",
    /// Every copy has an end.
    Sent = "sent",
    /// Every copy has an end, and some of them no good one.
    SentWithFailures = "sent_with_failures",
    /// Someone called it off.
    Canceled = "canceled",
    /// There was nothing to say: nothing was sent.
    SkippedEmpty = "skipped_empty",
    /// It was missed for so long that someone must decide about it; its articles wait for the next.
    NeedsReview = "needs_review",
    /// It could not be made.
    Failed = "failed",
}

states! {
    /// What became of one copy of an issue.
    DeliveryState:
    /// It waits.
    Queued = "queued",
    /// A worker has it; nothing was sent.
    Claimed = "claimed",
    /// Its content is on the way to the mail server.
    Dispatching = "dispatching",
    /// The mail server took it over.
    Accepted = "accepted",
    /// It is tried again later.
    Deferred = "deferred",
    /// It was refused for good.
    Failed = "failed",
    /// Nobody knows whether the mail server took it over; it is not sent again by itself.
    InDoubt = "in_doubt",
    /// It was not to be sent; `code` says why.
    Skipped = "skipped",
}

impl DeliveryState {
    /// Whether something must still happen to it before its issue is sent.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Claimed | Self::Dispatching | Self::Deferred)
    }
}

/// How many deliveries of an issue are in each state; what is not there is zero.
pub type Counts = BTreeMap<DeliveryState, u64>;

/// What an issue on its way has become once no copy is open any more.
pub fn outcome(counts: &Counts) -> Option<IssueState> {
    let any = |wanted: fn(DeliveryState) -> bool| counts.iter().any(|(state, count)| *count > 0 && wanted(*state));
    if any(DeliveryState::is_open) {
        return None;
    }
    let bad = any(|state| matches!(state, DeliveryState::Failed | DeliveryState::InDoubt));
    Some(if bad { IssueState::SentWithFailures } else { IssueState::Sent })
}

/// What a schedule asks for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing: it lies before the schedule began.
    Nothing,
    /// The issue.
    Now,
    /// An issue that was missed for too long to be sent unasked.
    TooLate,
}

/// What to do about a slot that was due at `due` under a schedule that holds since `since`.
pub fn judge(due: Timestamp, since: Timestamp, now: Timestamp) -> Due {
    if due > now || due < since {
        Due::Nothing
    } else if now.seconds_since(due) > MAX_LATENESS {
        Due::TooLate
    } else {
        Due::Now
    }
}

/// One article in an issue, as it was when the issue was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Item {
    /// The article.
    pub article_id: ArticleId,
    /// Its title.
    pub title: String,
    /// Its first words.
    pub excerpt: String,
    /// Where to read it.
    #[schema(format = "uri")]
    pub url: String,
    /// The name of its first category.
    #[schema(required = true)]
    pub category: Option<String>,
    /// The names it is signed with.
    #[schema(required = true)]
    pub author: Option<String>,
    /// Its categories and all their ancestors: whom it goes to.
    pub category_ids: Vec<CategoryId>,
    /// Its language.
    pub locale: String,
}

/// What a reader asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Every article.
    Everything,
    /// Those of these categories and their descendants.
    Categories(Vec<CategoryId>),
}

impl Wanted {
    /// The positions of the items that go to such a reader. Readers with equal positions get equal mails.
    pub fn of(&self, items: &[Item]) -> Vec<usize> {
        let wants = |item: &Item| match self {
            Self::Everything => true,
            Self::Categories(chosen) => chosen.iter().any(|category| item.category_ids.contains(category)),
        };
        (0..items.len()).filter(|position| wants(&items[*position])).collect()
    }
}

/// The Message-ID of a copy, without brackets: the same on every try, and no help in guessing another.
pub fn message_id(secrets: &Secrets, issue: IssueId, subscriber: SubscriberId, period: &str, domain: &str) -> String {
    // The identity key never rotates, so a retry after a rotation has the same id.
    let mac = secrets.identify(Purpose::MessageId, &format!("{issue}/{subscriber}"));
    let bytes = BASE64URL_NOPAD.decode(mac.as_bytes()).unwrap_or_default();
    format!("{}.{period}@{domain}", BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
}

/// One update of the newsletter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Issue {
    /// Its identity.
    pub id: IssueId,
    /// Which readers it is for.
    pub frequency: Frequency,
    /// The week (`2026-W47`) or month (`2026-11`) it is for: there is one issue for each.
    #[schema(example = "2026-W47")]
    pub period: String,
    /// How far it has come.
    pub state: IssueState,
    /// Raised by every change.
    pub version: u64,
    /// When it was due.
    pub due_at: Timestamp,
    /// Articles that were first public after this wait for the next.
    pub cutoff: Timestamp,
    /// For how many readers it was made.
    pub audience_count: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When its last copy came to an end.
    #[schema(required = true)]
    pub sent_at: Option<Timestamp>,
}

/// One copy of an issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Delivery {
    /// Its identity.
    pub id: DeliveryId,
    /// Whom it is for.
    pub subscriber_id: SubscriberId,
    /// Enough of the address for its owner to know it by; null if the person was erased.
    #[schema(required = true, example = "a***@e***.org")]
    pub email_masked: Option<String>,
    /// What became of it.
    pub state: DeliveryState,
    /// Why: `no_matching_items`, `unsubscribed`, the mail server's status (`5.1.1`), ...
    #[schema(required = true)]
    pub code: Option<String>,
    /// How often it was tried.
    pub attempt: i32,
    /// Not before this is it tried (again).
    pub not_before: Timestamp,
    /// When the mail server took it over.
    #[schema(required = true)]
    pub accepted_at: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::newsletter::Weekday as Day;

    fn schedule(frequency: Frequency, zone: &str, weekday: Day, hour: u8) -> Schedule {
        let settings = Settings { weekday, hour, ..Settings::default() };
        Schedule::new(&settings, frequency, zone)
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[allow(clippy::unnecessary_wraps, reason = "to be compared with what may be none")]
    fn slot(period: &str, due: &str) -> Option<Slot> {
        Some(Slot { period: period.into(), due: at(due) })
    }

    #[test]
    fn a_week_has_one_slot_at_its_civil_time() {
        let weekly = schedule(Frequency::Weekly, "Europe/London", Day::Thursday, 7);
        assert_eq!(weekly.latest(at("2026-11-26T07:00:00Z")), slot("2026-W48", "2026-11-26T07:00:00Z"));
        assert_eq!(weekly.latest(at("2026-11-26T06:59:59Z")), slot("2026-W47", "2026-11-19T07:00:00Z"));
        assert_eq!(weekly.next(at("2026-11-26T07:00:00Z")), slot("2026-W49", "2026-12-03T07:00:00Z"));
        // Summer time: the same hour on the wall.
        assert_eq!(weekly.next(at("2026-07-01T12:00:00Z")), slot("2026-W27", "2026-07-02T06:00:00Z"));
    }

    #[test]
    fn weeks_are_those_of_the_zone_and_of_the_iso_year() {
        let berlin = schedule(Frequency::Weekly, "Europe/Berlin", Day::Monday, 0);
        // Sunday in UTC, Monday in Berlin.
        assert_eq!(berlin.latest(at("2027-01-03T23:00:00Z")), slot("2027-W01", "2027-01-03T23:00:00Z"));
        assert_eq!(berlin.period(at("2027-01-03T22:59:59Z")), "2026-W53");
        let auckland = schedule(Frequency::Weekly, "Pacific/Auckland", Day::Friday, 18);
        assert_eq!(auckland.latest(at("2027-01-01T05:00:00Z")), slot("2026-W53", "2027-01-01T05:00:00Z"));
        assert_eq!(auckland.latest(at("2025-01-03T05:00:00Z")), slot("2025-W01", "2025-01-03T05:00:00Z"));
        let tuesday = schedule(Frequency::Weekly, "UTC", Day::Tuesday, 12);
        assert_eq!(tuesday.latest(at("2024-12-31T12:00:00Z")), slot("2025-W01", "2024-12-31T12:00:00Z"));
    }

    #[test]
    fn a_gap_is_left_at_its_end_and_a_fold_taken_the_first_time() {
        // Clocks went from 02:00 to 03:00 on 2026-03-29, and from 03:00 back to 02:00 on 2026-10-25.
        let berlin = schedule(Frequency::Weekly, "Europe/Berlin", Day::Sunday, 2);
        assert_eq!(berlin.latest(at("2026-03-29T12:00:00Z")), slot("2026-W13", "2026-03-29T01:00:00Z"));
        assert_eq!(berlin.latest(at("2026-10-25T12:00:00Z")), slot("2026-W43", "2026-10-25T00:00:00Z"));
        // Between the first 02:00 and the second nothing is due again.
        assert_eq!(berlin.next(at("2026-10-25T00:00:00Z")), slot("2026-W44", "2026-11-01T01:00:00Z"));
        // Half an hour of Lord Howe: from 02:00 to 02:30.
        let howe = schedule(Frequency::Weekly, "Australia/Lord_Howe", Day::Sunday, 2);
        assert_eq!(howe.latest(at("2026-10-04T00:00:00Z")), slot("2026-W40", "2026-10-03T15:30:00Z"));
        // Midnight that never was: Cairo, 2026-04-24, a Friday.
        let cairo = schedule(Frequency::Weekly, "Africa/Cairo", Day::Friday, 0);
        assert_eq!(cairo.latest(at("2026-04-24T12:00:00Z")), slot("2026-W17", "2026-04-23T22:00:00Z"));
        // A day that never was: Apia, Friday 2011-12-30. It still is that week's, and comes before the next.
        let apia = schedule(Frequency::Weekly, "Pacific/Apia", Day::Friday, 9);
        assert_eq!(apia.latest(at("2011-12-31T00:00:00Z")), slot("2011-W52", "2011-12-30T19:00:00Z"));
        assert_eq!(apia.next(at("2011-12-30T19:00:00Z")), slot("2012-W01", "2012-01-05T19:00:00Z"));
    }

    #[test]
    fn every_week_of_a_decade_has_one_slot_in_every_zone() {
        for zone in ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia", "Asia/Tehran", "Africa/Casablanca"] {
            for (weekday, hour) in [(Day::Sunday, 2), (Day::Monday, 0), (Day::Saturday, 23)] {
                let weekly = schedule(Frequency::Weekly, zone, weekday, hour);
                let mut now = at("2010-01-01T00:00:00Z");
                let mut periods = Vec::new();
                while now < at("2020-01-01T00:00:00Z") {
                    let slot = weekly.next(now).unwrap();
                    assert_eq!(weekly.latest(slot.due).as_ref(), Some(&slot));
                    periods.push(slot.period);
                    now = slot.due;
                }
                let count = periods.len();
                assert!((521..=523).contains(&count), "{zone} {count}");
                periods.dedup();
                assert_eq!(periods.len(), count);
            }
        }
    }

    #[test]
    fn a_month_begins_with_its_first_weekly_slot() {
        let monthly = schedule(Frequency::Monthly, "Europe/London", Day::Thursday, 7);
        assert_eq!(monthly.latest(at("2026-11-30T00:00:00Z")), slot("2026-11", "2026-11-05T07:00:00Z"));
        assert_eq!(monthly.next(at("2026-11-30T00:00:00Z")), slot("2026-12", "2026-12-03T07:00:00Z"));
        assert_eq!(monthly.latest(at("2026-11-05T06:00:00Z")), slot("2026-10", "2026-10-01T06:00:00Z"));
    }

    #[test]
    fn the_ends_of_time_are_no_panic() {
        let weekly = schedule(Frequency::Weekly, "Pacific/Apia", Day::Sunday, 23);
        for end in [Timestamp::from_micros(i64::MIN), Timestamp::NEVER, at("9999-12-30T00:00:00Z")] {
            weekly.latest(end);
            weekly.next(end);
        }
    }

    #[test]
    fn periods_have_words() {
        assert_eq!(period_in_words("2026-W07"), "Week 7, 2026");
        assert_eq!(period_in_words("2026-11"), "November 2026");
        assert_eq!(period_in_words("nonsense"), "nonsense");
    }

    #[test]
    fn what_was_missed_for_long_waits_for_a_person() {
        let (since, due) = (at("2026-11-01T00:00:00Z"), at("2026-11-26T07:00:00Z"));
        assert_eq!(judge(due, since, due), Due::Now);
        assert_eq!(judge(due, since, due.plus_seconds(MAX_LATENESS)), Due::Now);
        assert_eq!(judge(due, since, due.plus_seconds(MAX_LATENESS + 1)), Due::TooLate);
        assert_eq!(judge(due, due.plus_seconds(1), due.plus_seconds(2)), Due::Nothing);
        assert_eq!(judge(due, since, due.plus_seconds(-1)), Due::Nothing);
    }

    #[test]
    fn an_issue_is_sent_when_no_copy_is_open() {
        use DeliveryState::{Accepted, Deferred, InDoubt, Queued, Skipped};
        let counts = |counts: &[(DeliveryState, u64)]| counts.iter().copied().collect::<Counts>();
        assert_eq!(outcome(&Counts::new()), Some(IssueState::Sent));
        assert_eq!(outcome(&counts(&[(Accepted, 3), (Skipped, 1), (Queued, 0)])), Some(IssueState::Sent));
        assert_eq!(outcome(&counts(&[(Accepted, 3), (InDoubt, 1)])), Some(IssueState::SentWithFailures));
        assert_eq!(outcome(&counts(&[(Accepted, 3), (Deferred, 1)])), None);
    }

    #[test]
    fn a_category_brings_its_descendants() {
        let (business, succession, money) = (CategoryId::new(), CategoryId::new(), CategoryId::new());
        let item = |category_ids: Vec<CategoryId>| Item {
            article_id: ArticleId::new(),
            title: "One".into(),
            excerpt: String::new(),
            url: "http://example.org/one".into(),
            category: None,
            author: None,
            category_ids,
            locale: "en".into(),
        };
        let items = [item(vec![succession, business]), item(vec![money]), item(vec![])];
        assert_eq!(Wanted::Everything.of(&items), [0, 1, 2]);
        assert_eq!(Wanted::Categories(vec![business]).of(&items), [0]);
        assert_eq!(Wanted::Categories(vec![money, succession]).of(&items), [0, 1]);
        assert_eq!(Wanted::Categories(vec![]).of(&items), [] as [usize; 0]);
    }

    #[test]
    fn a_message_has_the_same_id_on_every_try() {
        let secrets = Secrets::generate().unwrap();
        let (issue, ann, ben) = (IssueId::new(), SubscriberId::new(), SubscriberId::new());
        let id = message_id(&secrets, issue, ann, "2026-W47", "example.com");
        assert_eq!(id, message_id(&secrets, issue, ann, "2026-W47", "example.com"));
        assert_ne!(id, message_id(&secrets, issue, ben, "2026-W47", "example.com"));
        assert!(id.ends_with(".2026-W47@example.com") && id.find('.') == Some(26), "{id}");
    }
}
