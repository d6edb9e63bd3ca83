//! Points in time, to the microsecond, in UTC.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A point in time as microseconds since 1970-01-01T00:00:00Z: what both engines store and order alike.
///
/// On the wire it is RFC 3339 in UTC (`2026-11-22T10:00:00Z`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Later than everything: the end of what has none.
    pub const NEVER: Self = Self(i64::MAX);

    /// The present, cut to microseconds.
    pub fn now() -> Self {
        Self(jiff::Timestamp::now().as_microsecond())
    }

    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// This much later (or earlier).
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// Seconds from `earlier` to here, rounded down; negative if `earlier` is later.
    pub const fn seconds_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0).div_euclid(1_000_000)
    }

    /// Reads RFC 3339 with any offset; leap seconds and more than microseconds are cut.
    /// Years are 0000 to 9999, as the RFC has them.
    pub fn parse(text: &str) -> Option<Self> {
        let read: jiff::Timestamp = text.parse().ok()?;
        (0..=9999).contains(&read.to_zoned(jiff::tz::TimeZone::UTC).year()).then(|| read.into())
    }

    /// Reads a time with an offset, or one without, or a date, in this zone; `T` or a space stands between the two.
    pub fn parse_in(text: &str, zone: &jiff::tz::TimeZone) -> Option<Self> {
        let text = text.trim();
        let civil = || {
            let at: jiff::civil::DateTime = text.replace(' ', "T").parse().ok()?;
            Some(at.to_zoned(zone.clone()).ok()?.timestamp())
        };
        text.parse::<jiff::Timestamp>().ok().or_else(civil).map(Self::from)
    }

    /// As a `jiff` timestamp, for civil time.
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::MAX)
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(at: jiff::Timestamp) -> Self {
        Self(at.as_microsecond())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_jiff().fmt(f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom("expected a time in RFC 3339 with an offset, such as 2026-11-22T10:00:00Z")
        })
    }
}

impl utoipa::PartialSchema for Timestamp {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("A point in time, RFC 3339; answers are in UTC."))
            .examples(["2026-11-22T10:00:00Z"])
            .into()
    }
}

impl utoipa::ToSchema for Timestamp {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_rfc_3339() {
        let at = Timestamp::parse("2026-11-22T11:00:00.1234567+01:00").unwrap();
        assert_eq!(at.to_string(), "2026-11-22T10:00:00.123456Z");
        assert_eq!(at.plus_seconds(-1).seconds_since(at), -1);
        assert!(Timestamp::parse("2026-11-22").is_none());
        let in_berlin = |text| {
            let berlin = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
            Timestamp::parse_in(text, &berlin).map(|at| at.to_string())
        };
        assert_eq!(in_berlin("2026-11-22").as_deref(), Some("2026-11-21T23:00:00Z"));
        assert_eq!(in_berlin(" 2026-11-22 11:00:00").as_deref(), Some("2026-11-22T10:00:00Z"));
        assert_eq!(in_berlin("2026-11-22T11:00:00Z").as_deref(), Some("2026-11-22T11:00:00Z"));
        assert_eq!(in_berlin("soon"), None);
        assert!(Timestamp::parse("-000001-01-01T00:00:00Z").is_none());
    }
}
