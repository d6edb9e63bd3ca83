//! The clocks of a WordPress site: its own, and UTC.

use std::collections::BTreeMap;

use domain::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Most pairs of dates that are remembered.
const MAX_PAIRS: usize = 4_000;
/// Zones that are tried first: of several that fit, the best known.
const KNOWN: [&str; 40] = [
    "UTC",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Paris",
    "Europe/Madrid",
    "Europe/Rome",
    "Europe/Vienna",
    "Europe/Athens",
    "Europe/Helsinki",
    "Europe/Istanbul",
    "Europe/Moscow",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "America/Anchorage",
    "America/Halifax",
    "America/Toronto",
    "America/Sao_Paulo",
    "America/Argentina/Buenos_Aires",
    "America/Bogota",
    "America/Mexico_City",
    "Pacific/Honolulu",
    "Africa/Lagos",
    "Africa/Cairo",
    "Africa/Johannesburg",
    "Africa/Nairobi",
    "Asia/Dubai",
    "Asia/Karachi",
    "Asia/Kolkata",
    "Asia/Dhaka",
    "Asia/Bangkok",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Australia/Brisbane",
    "Australia/Sydney",
    "Australia/Adelaide",
    "Pacific/Auckland",
    "Asia/Jerusalem",
];

/// Reads `2020-01-02 03:04:05`; nothing from the year 0000, which WordPress writes where there is no date.
fn civil(text: &str) -> Option<DateTime> {
    let date: DateTime = text.trim().parse().ok()?;
    (date.year() > 0).then_some(date)
}

fn as_utc(date: DateTime) -> Option<Timestamp> {
    date.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp().into())
}

/// A date of an export: on the site's clock, in UTC, or both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct When {
    /// On the site's clock, read as if that were UTC.
    local: Option<Timestamp>,
    /// In UTC.
    gmt: Option<Timestamp>,
}

impl When {
    /// Reads a pair of dates.
    pub fn read(local: &str, gmt: &str) -> Self {
        Self { local: civil(local).and_then(as_utc), gmt: civil(gmt).and_then(as_utc) }
    }

    /// The date that an identity is made of: the same whatever the zone.
    pub fn stable(self) -> Option<Timestamp> {
        self.gmt.or(self.local)
    }

    /// The point in time.
    pub fn at(self, zone: &TimeZone) -> Option<Timestamp> {
        let local = || {
            let civil = self.local?.to_jiff().to_zoned(TimeZone::UTC).datetime();
            zone.to_ambiguous_zoned(civil).compatible().ok().map(|zoned| zoned.timestamp().into())
        };
        self.gmt.or_else(local)
    }

    /// The day on the site's clock.
    pub fn day(self, zone: &TimeZone) -> Option<jiff::civil::Date> {
        let local = self.local.map(|local| local.to_jiff().to_zoned(TimeZone::UTC).date());
        local.or_else(|| Some(self.gmt?.to_jiff().to_zoned(zone.clone()).date()))
    }
}

/// Pairs of dates, from which the zone of a site is found.
#[derive(Debug, Clone, Default)]
pub struct Pairs {
    /// Seconds ahead of UTC, by the hour in UTC at which they were.
    offsets: BTreeMap<i64, i32>,
}

impl Pairs {
    /// Remembers a pair.
    pub fn note(&mut self, when: When) {
        const HOUR: i64 = 3_600_000_000;
        if let When { local: Some(local), gmt: Some(gmt) } = when
            && self.offsets.len() < MAX_PAIRS
            && let Ok(seconds) = i32::try_from(local.seconds_since(gmt))
            && seconds.abs() <= 16 * 3600
        {
            self.offsets.insert(gmt.micros() / HOUR * HOUR, seconds);
        }
    }

    /// The zone that fits most pairs, and how many of them; none without a pair.
    pub fn zone(&self) -> Option<(String, usize, usize)> {
        let all = self.offsets.len();
        if all == 0 {
            return None;
        }
        let others = jiff::tz::db().available().map(|name| name.as_str().to_owned());
        let places = others.filter(|name| name.contains('/') && !KNOWN.contains(&name.as_str()));
        let mut best: Option<(String, usize)> = None;
        for name in KNOWN.iter().map(ToString::to_string).chain(places) {
            let Ok(zone) = TimeZone::get(&name) else { continue };
            let fits = self
                .offsets
                .iter()
                .filter(|(at, offset)| zone.to_offset(Timestamp::from_micros(**at).to_jiff()).seconds() == **offset);
            let fits = fits.count();
            if best.as_ref().is_none_or(|(_, most)| fits > *most) {
                best = Some((name, fits));
            }
            if fits == all {
                break;
            }
        }
        best.filter(|(_, fits)| *fits > 0).map(|(name, fits)| (name, fits, all))
    }
}

/// Reads the date of a channel or an item, as RFC 2822 writes it.
pub fn rfc2822(text: &str) -> Option<Timestamp> {
    let read = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
    (read.year() > 0).then(|| read.timestamp().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_date_is_no_date() {
        for none in ["", "0000-00-00 00:00:00", "-0001-11-30 00:00:00", "2020-13-01 00:00:00", "0000-01-01 00:00:00"] {
            assert_eq!(When::read(none, none), When::default(), "{none}");
        }
        assert_eq!(rfc2822("Wed, 30 Nov -0001 00:00:00 +0000"), None);
        assert_eq!(rfc2822("Mon, 26 Jul 2010 02:40:01 +0000"), Timestamp::parse("2010-07-26T02:40:01Z"));
    }

    #[test]
    fn a_draft_has_a_date_on_the_sites_clock_alone() {
        let when = When::read("2020-07-01 12:00:00", "0000-00-00 00:00:00");
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(when.at(&berlin), Timestamp::parse("2020-07-01T10:00:00Z"));
        assert_eq!(when.stable(), Timestamp::parse("2020-07-01T12:00:00Z"));
        // Between two clocks there is an hour that was not.
        assert_eq!(When::read("2020-03-29 02:30:00", "").at(&berlin), Timestamp::parse("2020-03-29T01:30:00Z"));
    }

    #[test]
    fn the_zone_follows_from_pairs() {
        let zone = |pairs: &[(&str, &str)]| {
            let mut found = Pairs::default();
            for (local, gmt) in pairs {
                found.note(When::read(local, gmt));
            }
            found.zone()
        };
        let summer = ("2020-07-01 12:00:00", "2020-07-01 10:00:00");
        let winter = ("2020-01-01 12:00:00", "2020-01-01 11:00:00");
        assert_eq!(zone(&[summer, winter]), Some(("Europe/Berlin".into(), 2, 2)));
        assert_eq!(zone(&[("2020-07-01 15:30:00", "2020-07-01 10:00:00")]), Some(("Asia/Kolkata".into(), 1, 1)));
        assert_eq!(zone(&[("2020-07-01 00:00:00", "2020-07-01 00:00:00")]), Some(("UTC".into(), 1, 1)));
        assert_eq!(zone(&[]), None);
    }
}
