//! Identities of what is imported: the same for the same thing of the same site, however often it comes.

use std::str::FromStr;

use data_encoding::HEXLOWER;
use domain::Timestamp;
use domain::secrets::sha256;
use uuid::Builder;

/// Makes identities of the things of one site.
#[derive(Debug, Clone)]
pub struct Identities {
    site: String,
}

impl Identities {
    /// `site` is what tells this site from every other: its address.
    pub fn of(site: &str) -> Self {
        Self { site: site.trim_end_matches('/').to_owned() }
    }

    /// `UUIDv7` with the time of the thing, and bits from a hash of site, kind and the thing's own identity.
    ///
    /// # Errors
    /// None, for a type that takes every UUID.
    pub fn make<T: FromStr<Err = uuid::Error>>(&self, kind: &str, id: &str, at: Timestamp) -> Result<T, uuid::Error> {
        let hash = HEXLOWER.decode(sha256(format!("{}\0{kind}\0{id}", self.site)).as_bytes()).unwrap_or_default();
        let mut random = [0; 10];
        random.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        let millis = u64::try_from(at.micros() / 1000).unwrap_or(0);
        Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string().parse()
    }
}

#[cfg(test)]
mod tests {
    use domain::ids::ArticleId;

    use super::*;

    #[test]
    fn the_same_thing_has_the_same_identity_and_others_have_others() {
        let at = Timestamp::parse("2020-01-02T03:04:05Z").unwrap();
        let make = |site: &str, kind: &str, id: &str| -> ArticleId { Identities::of(site).make(kind, id, at).unwrap() };
        let id = make("https://example.org", "post", "12");
        assert_eq!(id, make("https://example.org/", "post", "12"));
        assert_eq!(&id.to_string()[..15], "016f6435-cc88-7");
        for other in [make("https://example.com", "post", "12"), make("https://example.org", "comment", "12")] {
            assert_ne!(id, other);
        }
        let early: ArticleId = Identities::of("a").make("b", "c", Timestamp::from_micros(-5)).unwrap();
        assert_eq!(&early.to_string()[..14], "00000000-0000-");
    }
}
