//! Pages of collections: limits, and cursors that are opaque and tamper-evident.

use data_encoding::BASE64URL_NOPAD;
use domain::secrets::{Purpose, Secrets};
use domain::{Error, Fault, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::answer::{Listing, Page};

/// How many items a page may hold.
pub const MAX_LIMIT: u16 = 100;
const DEFAULT_LIMIT: u16 = 20;

/// Which page of a collection, for one that has no filters.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<u16>,
    /// Where to go on, from `page.next`.
    pub cursor: Option<String>,
    /// Whether to count them all.
    #[serde(default)]
    pub count: bool,
}

/// Which page of a public collection that has no filters, and what of its items.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PublicPageQuery {
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<u16>,
    /// Where to go on, from `page.next`.
    pub cursor: Option<String>,
    /// Whether to count them all (`page.total`).
    #[serde(default)]
    pub count: bool,
    /// Only these members, parted by commas.
    #[param(example = "slug,name")]
    pub fields: Option<String>,
}

/// The number of items asked for; over the maximum is refused, never clamped.
pub fn limit(asked: Option<u16>) -> Result<i64> {
    let limit = asked.unwrap_or(DEFAULT_LIMIT);
    if (1..=MAX_LIMIT).contains(&limit) {
        return Ok(limit.into());
    }
    let detail = format!("`limit` is a number from 1 to {MAX_LIMIT}.");
    Err(Error::Malformed(Fault::parameter("limit", "out_of_range", detail)))
}

/// The cursors of one collection under one set of filters: those of another are refused.
pub struct Cursors<'a> {
    secrets: &'a Secrets,
    scope: String,
}

impl<'a> Cursors<'a> {
    /// `collection` and `filters` (everything that decides which items are in it, and in which order) bind a cursor.
    pub fn new(secrets: &'a Secrets, collection: &str, filters: &impl Serialize) -> Result<Self> {
        Ok(Self { secrets, scope: format!("{collection} {}", serde_json::to_string(filters)?) })
    }

    /// Reads the `cursor` parameter; absent is the beginning.
    pub fn read<P: DeserializeOwned>(&self, cursor: Option<&str>) -> Result<Option<P>> {
        let Some(cursor) = cursor else { return Ok(None) };
        let position = cursor.split_once('.').and_then(|(position, signature)| {
            let good = self.secrets.verify(Purpose::Cursor, &[&self.scope, position], signature);
            let bytes = good.then(|| BASE64URL_NOPAD.decode(position.as_bytes()).ok())??;
            serde_json::from_slice(&bytes).ok()
        });
        position.map(Some).ok_or_else(|| {
            let detail = "This cursor is not one of this list with these filters; begin again without it.";
            Error::Malformed(Fault::parameter("cursor", "invalid_cursor", detail))
        })
    }

    /// Writes a cursor that continues after `position`.
    pub fn write(&self, position: &impl Serialize) -> Result<String> {
        let position = BASE64URL_NOPAD.encode(&serde_json::to_vec(position)?);
        let signature = self.secrets.sign(Purpose::Cursor, &[&self.scope, &position]);
        Ok(format!("{position}.{signature}"))
    }

    /// Makes a page of `limit` items from up to one more than that; `position` tells where an item stands.
    pub fn page<T, P: Serialize>(
        &self,
        mut items: Vec<T>,
        limit: i64,
        total: Option<i64>,
        position: impl Fn(&T) -> P,
    ) -> Result<Listing<T>> {
        let limit = usize::try_from(limit)?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = match items.last() {
            Some(last) if more => Some(self.write(&position(last))?),
            _ => None,
        };
        let total = total.map(u64::try_from).transpose()?;
        Ok(Listing { data: items, page: Page { next, total } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_continues_its_own_list_only() {
        let secrets = Secrets::generate().unwrap();
        let tags = Cursors::new(&secrets, "tags", &("news",)).unwrap();
        let cursor = tags.write(&(1, "a")).unwrap();
        assert_eq!(tags.read::<(i32, String)>(Some(&cursor)).unwrap(), Some((1, "a".into())));
        let others = Cursors::new(&secrets, "tags", &("sport",)).unwrap();
        assert!(others.read::<(i32, String)>(Some(&cursor)).is_err());
        for wrong in ["", ".", "x", &format!("{cursor}x"), &cursor[1..]] {
            assert!(tags.read::<(i32, String)>(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
