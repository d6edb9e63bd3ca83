//! Subscriptions: who asked to receive what, and what may be sent to them (`docs/API.md`).

mod mailing;
mod preferences;
mod request;
mod tokens;

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Timestamp;
use crate::ids::{CategoryId, SubscriberId};
use crate::newsletter::Frequency;
use crate::secrets::{Purpose, Secrets};
use crate::text::Email;

pub use mailing::{CAPS_REACH, Mail, Past, is_role_account, mail_for};
pub use preferences::{Preferences, PreferencesWrite};
pub use request::{Request, Source, SubscriptionWrite};
pub use tokens::{manage_token_of, objection_token, read_objection_token, read_unsubscribe_token, unsubscribe_token};

/// Seconds in which a confirmation can be given.
pub const CONFIRM_WITHIN: i64 = 72 * 3_600;
/// Seconds in which a confirmation that was given already is answered like the first time, and an unsubscription can
/// be undone.
pub const REPEAT_WITHIN: i64 = 24 * 3_600;
/// Seconds that a manage token lives.
pub const MANAGE_FOR: i64 = 90 * 24 * 3_600;
/// Seconds after which a request that nobody confirmed is forgotten.
pub const FORGET_PENDING: i64 = 7 * 24 * 3_600;
/// Seconds that "this was not me" keeps confirmations away.
pub const OBJECTION: i64 = 365 * 24 * 3_600;

/// Declares an enum whose names on the wire are its names in the database. (`tt`, not `literal`: `ToSchema` does not see
/// a renaming through the group that the latter makes.)
macro_rules! names {
    ($(#[$doc:meta])* $name:ident, $what:literal: $($(#[$variant_doc:meta])* $variant:ident = $text:tt),+ $(,)?) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        $(#[$doc])*
        pub enum $name {$(
            $(#[$variant_doc])*
            #[serde(rename = $text)]
            $variant,
        )+}

        impl $name {
            /// Its name on the wire and in the database.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(concat!("Use one of: ", names!(@list $($text),+), ".").into()),
                }
            }
        }
    };
    (@list $first:tt $(, $rest:tt)*) => { concat!("`", $first, "`" $(, ", `", $rest, "`")*) };
}

names! {
    /// Where a subscriber stands.
    #[schema(as = SubscriberState)]
    State, "state":
    /// Asked, and did not confirm yet: receives confirmations alone.
    Pending = "pending",
    /// Confirmed: receives the newsletter.
    Active = "active",
    /// Left: receives nothing until a new request is confirmed.
    Unsubscribed = "unsubscribed",
    /// The mailbox does not take mail: receives nothing until a new request is confirmed.
    Bounced = "bounced",
    /// Called it spam: receives nothing at all.
    Complained = "complained",
}

names! {
    /// What the mail is made of.
    #[schema(as = MailFormat)]
    Format, "format":
    /// Text and HTML.
    Html = "html",
    /// Text alone.
    Text = "text",
}

names! {
    /// Why nothing (or no issue) is sent to an address, whoever asks for it. Weakest first: a stronger reason takes
    /// the place of a weaker one.
    Reason, "reason":
    /// Left; stops issues only, and a new confirmed request lifts it.
    Unsubscribed = "unsubscribed",
    /// The mailbox is gone; stops issues, and a new confirmed request lifts it.
    HardBounce = "hard_bounce",
    /// "This was not me": no confirmations for twelve months.
    Manual = "manual",
    /// No mail to this domain.
    Domain = "domain",
    /// Asked to be erased and never written to again.
    ErasedObjection = "erased_objection",
    /// Called our mail spam.
    Complaint = "complaint",
}

names! {
    /// One step in the history of a consent.
    ConsentKind, "kind":
    /// Someone asked for the address to be subscribed.
    Requested = "requested",
    /// A confirmation was queued.
    ConfirmMailSent = "confirm_mail_sent",
    /// "You already receive our updates" was queued.
    NoticeMailSent = "notice_mail_sent",
    /// The request was confirmed.
    Confirmed = "confirmed",
    /// What is received was changed.
    Preferences = "preferences",
    /// Left.
    Unsubscribed = "unsubscribed",
    /// Took an unsubscription back.
    Resubscribed = "resubscribed",
    /// "This was not me".
    Objected = "objected",
    /// Brought in by an import.
    Imported = "imported",
    /// Everything personal was removed.
    Erased = "erased",
}

/// A suppression of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suppression {
    /// Why.
    pub reason: Reason,
    /// Since when.
    pub since: Timestamp,
}

impl Suppression {
    /// Whether not even a confirmation may be sent.
    pub fn blocks_everything(self, now: Timestamp) -> bool {
        match self.reason {
            Reason::Unsubscribed | Reason::HardBounce => false,
            Reason::Manual => now.seconds_since(self.since) < OBJECTION,
            Reason::Domain | Reason::ErasedObjection | Reason::Complaint => true,
        }
    }

    /// Whether a confirmed request lifts it.
    pub fn is_lifted_by_confirmation(self, now: Timestamp) -> bool {
        !self.blocks_everything(now)
    }
}

impl Reason {
    /// Whether it takes the place of `other`.
    pub fn outweighs(self, other: Self) -> bool {
        self as u8 > other as u8
    }
}

/// A subscriber, as those who run the newsletter see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Subscriber {
    /// Its identity.
    pub id: SubscriberId,
    /// The address, as typed.
    #[serde(serialize_with = "reveal")]
    #[schema(value_type = String, format = "email")]
    pub email: Email,
    /// Stands for the address, in suppressions and in the history of consents.
    #[serde(skip)]
    pub email_hmac: String,
    /// Where the person stands.
    pub state: State,
    /// What the person wants to receive.
    #[serde(flatten)]
    pub preferences: Preferences,
    /// Raised by every change; the `ETag`.
    pub version: u64,
    /// When the person first asked.
    pub created_at: Timestamp,
    /// When something last changed.
    pub updated_at: Timestamp,
    /// When a request was last confirmed.
    #[schema(required = true)]
    pub confirmed_at: Option<Timestamp>,
    /// When the person left.
    #[schema(required = true)]
    pub unsubscribed_at: Option<Timestamp>,
    /// Makes manage tokens of an earlier epoch void.
    #[serde(skip)]
    pub token_epoch: i64,
    /// Stands for the token that unsubscribed: it may take that back.
    #[serde(skip)]
    pub unsubscribed_by: Option<String>,
}

fn reveal<S: serde::Serializer>(email: &Email, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(email.as_str())
}

/// A category that a subscriber chose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Choice {
    /// Its identity.
    pub id: CategoryId,
    /// Its name in addresses.
    pub slug: String,
    /// Its name for people.
    pub name: String,
}

impl Subscriber {
    /// Whether the token that `token_hash` stands for may still undo the unsubscription.
    pub fn may_return(&self, token_hash: &str, now: Timestamp) -> bool {
        self.state == State::Unsubscribed
            && self.unsubscribed_by.as_deref() == Some(token_hash)
            && self.unsubscribed_at.is_some_and(|at| now.seconds_since(at) < REPEAT_WITHIN)
    }

    /// How it appears to whoever holds its manage token: the address is masked.
    pub fn own_view(&self, now: Timestamp) -> OwnSubscription {
        let preferences = &self.preferences;
        OwnSubscription {
            email_masked: self.email.masked(),
            state: self.state,
            all_categories: preferences.all_categories,
            categories: preferences.categories.iter().map(|choice| choice.slug.clone()).collect(),
            frequency: preferences.frequency,
            timezone: preferences.timezone.clone(),
            send_hour: preferences.send_hour,
            format: preferences.format,
            paused_until: preferences.paused_until.filter(|until| *until > now),
            locale: preferences.locale.clone(),
            version: self.version,
        }
    }
}

/// A person's own subscription. It never shows the whole address: the token may have been forwarded.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OwnSubscription {
    /// Enough of the address for its owner to know it by.
    #[schema(example = "a***@e***.org")]
    pub email_masked: String,
    /// Where the person stands.
    pub state: State,
    /// Whether articles of every category are wanted.
    pub all_categories: bool,
    /// Otherwise: the slugs of those that are wanted, with all that is below them.
    pub categories: Vec<String>,
    /// How often.
    pub frequency: Frequency,
    /// The person's IANA time zone; null: the newsletter's.
    #[schema(required = true)]
    pub timezone: Option<String>,
    /// The hour of the day that suits, 0 to 23; null: the newsletter's.
    #[schema(required = true)]
    pub send_hour: Option<u8>,
    /// What the mail is made of.
    pub format: Format,
    /// Until when nothing is sent.
    #[schema(required = true)]
    pub paused_until: Option<Timestamp>,
    /// The language wanted (BCP 47).
    #[schema(required = true)]
    pub locale: Option<String>,
    /// Raised by every change; the `ETag`.
    #[serde(skip)]
    pub version: u64,
}

/// One step in the history of a consent: the proof of who agreed to what, when and how.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ConsentEvent {
    /// Its identity, in the order of time.
    pub id: String,
    /// What happened.
    pub kind: ConsentKind,
    /// When.
    pub at: Timestamp,
    /// Where on the site: `footer`, `comment`, `article:SLUG`, or what did it (`confirmation`, `one-click`, ...).
    #[schema(required = true)]
    pub source: Option<String>,
    /// SHA-256 of the text that was agreed to.
    #[schema(required = true)]
    pub consent_text_sha256: Option<String>,
    /// The text itself.
    #[schema(required = true)]
    pub consent_text: Option<String>,
    /// The slugs of the categories asked for; null: all.
    #[schema(required = true)]
    pub categories: Option<Vec<String>>,
    /// The network it came from (/24 or /48).
    #[schema(required = true)]
    pub ip_prefix: Option<String>,
    /// The family of the browser.
    #[schema(required = true)]
    pub user_agent: Option<String>,
    /// Who of the publication did it, if not the person.
    #[schema(required = true)]
    pub actor_name: Option<String>,
}

/// Stands for an address wherever only equality matters: what suppressions and caps are kept under.
pub fn email_hmac(secrets: &Secrets, email: &Email) -> String {
    secrets.identify(Purpose::Identity, &email.key())
}

/// Stands for the whole domain of an address, in suppressions.
pub fn domain_hmac(secrets: &Secrets, email: &Email) -> String {
    secrets.identify(Purpose::Identity, &format!("@{}", email.domain()))
}
