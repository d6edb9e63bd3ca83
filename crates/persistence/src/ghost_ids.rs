//! The identities by which Ghost's API names things: Ghost's own of what came from there, a hash of all else.

use std::collections::HashMap;

use diesel::prelude::*;
use domain::Result;
use domain::ids::ghost_id;
use serde_json::json;

use crate::db::on;
use crate::fragments::one_of;
use crate::schema::ghost_ids as ids;
use crate::{Conn, bulk};

/// What has such an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An article, or a page.
    Article,
    /// A category.
    Category,
    /// A tag.
    Tag,
    /// A byline.
    Byline,
}

impl Kind {
    /// As it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Article => "article",
            Self::Category => "category",
            Self::Tag => "tag",
            Self::Byline => "byline",
        }
    }
}

/// The identity of something new.
pub fn take(conn: &mut Conn, kind: Kind, id: &str) -> Result<String> {
    reserve(conn, kind, id, &ghost_id(kind.as_str(), id))
}

/// The identity of something that comes from Ghost: its own, if nothing else of this kind has it, or else a hash. What
/// has one already keeps that. Whether it is the one that was wanted is seen by comparing.
pub fn reserve(conn: &mut Conn, kind: Kind, id: &str, wanted: &str) -> Result<String> {
    let made = ghost_id(kind.as_str(), id);
    for ghost_id in [wanted, &made] {
        let row = (ids::kind.eq(kind.as_str()), ids::ghost_id.eq(ghost_id), ids::id.eq(id));
        on!(conn, |c| diesel::insert_into(ids::table).values(row).on_conflict_do_nothing().execute(c))?;
        if let Some(own) = of(conn, kind, id)? {
            return Ok(own);
        }
    }
    Ok(made)
}

/// [`reserve`] for many new things, and [`take`] for those of them that want none: what each has.
pub(crate) fn reserve_all(
    conn: &mut Conn,
    kind: Kind,
    wanted: &[(String, Option<String>)],
) -> Result<HashMap<String, String>> {
    let row = |(id, wanted): &(String, Option<String>)| {
        let own = wanted.clone().unwrap_or_else(|| ghost_id(kind.as_str(), id));
        json!({"kind": kind.as_str(), "ghost_id": own, "id": id})
    };
    let rows: Vec<_> = wanted.iter().map(row).collect();
    bulk::insert(conn, "ghost_ids", &rows, "ON CONFLICT DO NOTHING")?;
    let mut found = HashMap::with_capacity(wanted.len());
    for some in wanted.chunks(bulk::AT_ONCE) {
        found.extend(of_all(conn, kind, some.iter().map(|(id, _)| id.clone()).collect())?);
    }
    for (id, _) in wanted {
        if !found.contains_key(id) {
            found.insert(id.clone(), take(conn, kind, id)?);
        }
    }
    Ok(found)
}

/// The identity that something has.
pub fn of(conn: &mut Conn, kind: Kind, id: &str) -> Result<Option<String>> {
    let own = ids::table.filter(ids::kind.eq(kind.as_str())).filter(ids::id.eq(id));
    Ok(own.select(ids::ghost_id).first(conn).optional()?)
}

/// The identities that these things have.
pub(crate) fn of_all(conn: &mut Conn, kind: Kind, ids: Vec<String>) -> Result<HashMap<String, String>> {
    let own = ids::table.filter(ids::kind.eq(kind.as_str())).filter(one_of(ids::id, ids));
    Ok(own.select((ids::id, ids::ghost_id)).load(conn)?.into_iter().collect())
}

/// The things that these identities name; what there is not is left out.
pub(crate) fn named(conn: &mut Conn, kind: Kind, wanted: Vec<String>) -> Result<Vec<String>> {
    let named = ids::table.filter(ids::kind.eq(kind.as_str())).filter(one_of(ids::ghost_id, wanted));
    Ok(named.select(ids::id).load(conn)?)
}
