//! What a request to subscribe is answered with by mail. The answer over HTTP is always the same.

use crate::Timestamp;
use crate::text::Email;

use super::{ConsentKind, State, Suppression};

/// A mail that a request leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mail {
    /// Asks whether the request is wanted.
    Confirmation,
    /// Tells an active subscriber that nothing is left to do.
    AlreadySubscribed,
}

/// What is known of an address when a request for it comes in.
#[derive(Debug, Clone, Copy)]
pub struct Past<'a> {
    /// Where its subscriber stands; `None` if there is none.
    pub state: Option<State>,
    /// Its strongest suppression.
    pub suppression: Option<Suppression>,
    /// What was mailed to it in the last 30 days because someone asked, in any order.
    pub mails: &'a [(ConsentKind, Timestamp)],
}

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 3_600;

/// Mails of this sort that an address gets at most: so many within so many seconds (T11: a flood of confirmations is
/// a weapon).
const CAPS: [(usize, i64); 3] = [(1, 10 * MINUTE), (3, DAY), (5, 30 * DAY)];

/// The longest of the periods above, in seconds: what was mailed earlier does not count.
pub const CAPS_REACH: i64 = 30 * DAY;

/// Which mail a request leads to, by the state of the address.
pub fn mail_for(past: Past<'_>, now: Timestamp) -> Option<Mail> {
    let within = |seconds: i64| past.mails.iter().filter(move |(_, at)| now.seconds_since(*at) < seconds);
    let blocked = past.suppression.is_some_and(|suppression| suppression.blocks_everything(now));
    if blocked || CAPS.iter().any(|(most, seconds)| within(*seconds).count() >= *most) {
        return None;
    }
    match past.state {
        None | Some(State::Pending | State::Unsubscribed) => Some(Mail::Confirmation),
        Some(State::Active) => {
            let told = within(7 * DAY).any(|(kind, _)| *kind == ConsentKind::NoticeMailSent);
            (!told).then_some(Mail::AlreadySubscribed)
        }
        // On probation: one try in 30 days.
        Some(State::Bounced) => within(30 * DAY).next().is_none().then_some(Mail::Confirmation),
        Some(State::Complained) => None,
    }
}

/// Local parts that stand for an office, not a person (RFC 2142 and custom): who signs them up means harm.
const OFFICES: [&str; 10] =
    ["abuse", "hostmaster", "mailer-daemon", "no-reply", "noc", "noreply", "postmaster", "root", "security", "spam"];

/// Whether an address belongs to an office that must never be written to.
pub fn is_role_account(email: &Email) -> bool {
    let key = email.key();
    let local = key.split('@').next().unwrap_or_default();
    OFFICES.contains(&local.split('+').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn mail(state: Option<State>, reason: Option<Reason>, ago: &[i64]) -> Option<Mail> {
        let mails: Vec<_> =
            ago.iter().map(|seconds| (ConsentKind::ConfirmMailSent, NOW.plus_seconds(-seconds))).collect();
        let suppression = reason.map(|reason| Suppression { reason, since: NOW.plus_seconds(-DAY) });
        mail_for(Past { state, suppression, mails: &mails }, NOW)
    }

    #[test]
    fn the_state_decides_what_is_mailed() {
        use State::{Active, Bounced, Complained, Pending, Unsubscribed};
        assert_eq!(mail(None, None, &[]), Some(Mail::Confirmation));
        assert_eq!(mail(Some(Pending), None, &[]), Some(Mail::Confirmation));
        assert_eq!(mail(Some(Unsubscribed), Some(Reason::Unsubscribed), &[]), Some(Mail::Confirmation));
        assert_eq!(mail(Some(Active), None, &[]), Some(Mail::AlreadySubscribed));
        assert_eq!(mail(Some(Bounced), Some(Reason::HardBounce), &[]), Some(Mail::Confirmation));
        assert_eq!(mail(Some(Complained), None, &[]), None);
        for reason in [Reason::Manual, Reason::Domain, Reason::ErasedObjection, Reason::Complaint] {
            for state in [None, Some(Pending), Some(Active), Some(Unsubscribed), Some(Bounced)] {
                assert_eq!(mail(state, Some(reason), &[]), None, "{state:?} {reason:?}");
            }
        }
    }

    #[test]
    fn an_address_gets_so_many_and_no_more() {
        let pending = Some(State::Pending);
        assert_eq!(mail(pending, None, &[599]), None);
        assert!(mail(pending, None, &[600]).is_some());
        assert!(mail(pending, None, &[600, 1_200]).is_some());
        assert_eq!(mail(pending, None, &[600, 1_200, DAY - 1]), None);
        assert!(mail(pending, None, &[600, 1_200, DAY]).is_some());
        assert_eq!(mail(pending, None, &[DAY, 2 * DAY, 3 * DAY, 4 * DAY, 30 * DAY - 1]), None);
        assert!(mail(pending, None, &[DAY, 2 * DAY, 3 * DAY, 4 * DAY, 30 * DAY]).is_some());
        assert_eq!(mail(Some(State::Bounced), None, &[30 * DAY - 1]), None);
        assert!(mail(Some(State::Bounced), None, &[30 * DAY]).is_some());
    }

    #[test]
    fn an_active_subscriber_is_told_once_a_week() {
        let told = |ago: i64| {
            let mails = [(ConsentKind::NoticeMailSent, NOW.plus_seconds(-ago))];
            mail_for(Past { state: Some(State::Active), suppression: None, mails: &mails }, NOW)
        };
        assert_eq!(told(7 * DAY - 1), None);
        assert_eq!(told(7 * DAY), Some(Mail::AlreadySubscribed));
    }

    #[test]
    fn an_objection_ends_after_a_year() {
        let since = NOW.plus_seconds(-super::super::OBJECTION);
        let suppression = |since| Some(Suppression { reason: Reason::Manual, since });
        let mail = |since| mail_for(Past { state: None, suppression: suppression(since), mails: &[] }, NOW);
        assert_eq!(mail(since.plus_seconds(1)), None);
        assert_eq!(mail(since), Some(Mail::Confirmation));
    }

    #[test]
    fn offices_are_not_written_to() {
        let role = |text: &str| is_role_account(&Email::parse(text).unwrap());
        assert!(role("Abuse@example.org") && role("noc+x@example.org"));
        assert!(!role("abuser@example.org") && !role("ann@abuse.example"));
    }
}
