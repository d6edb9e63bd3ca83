//! The numbers by which WordPress's API names things. They count upwards within a family, and a number stays with what
//! had it first, so that an old address never leads to something else.

use std::collections::HashMap;

use diesel::dsl::max;
use diesel::prelude::*;
use domain::{Error, Result};
use serde_json::json;

use crate::db::on;
use crate::fragments::one_of;
use crate::schema::wordpress_ids as numbers;
use crate::{Conn, bulk};

/// What has a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Numbered {
    /// An article, or a page.
    Article,
    /// A file.
    Media,
    /// A category.
    Category,
    /// A tag.
    Tag,
    /// A byline.
    Byline,
    /// A comment.
    Comment,
}

impl Numbered {
    /// As it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Article => "article",
            Self::Media => "media",
            Self::Category => "category",
            Self::Tag => "tag",
            Self::Byline => "byline",
            Self::Comment => "comment",
        }
    }

    /// What it is counted with.
    pub const fn family(self) -> &'static str {
        match self {
            Self::Article | Self::Media => "post",
            Self::Category | Self::Tag => "term",
            Self::Byline => "byline",
            Self::Comment => "comment",
        }
    }
}

/// The number of something new: the next of its family.
pub fn take(conn: &mut Conn, resource: Numbered, id: &str) -> Result<i64> {
    loop {
        let family = numbers::table.filter(numbers::family.eq(resource.family()));
        let last: Option<i64> = family.select(max(numbers::number)).first(conn)?;
        let next = last.unwrap_or(0).checked_add(1).ok_or_else(|| Error::Internal("the numbers are used up".into()))?;
        // Another transaction may take it at the same time: the row count tells who did.
        if put(conn, resource, id, next)? {
            return Ok(next);
        }
        if let Some(own) = of(conn, resource, id)? {
            return Ok(own);
        }
    }
}

/// The number of something that comes from WordPress: its own, if nothing else has it, or else the next. What has a
/// number already keeps that. Whether it is the one that was wanted is seen by comparing.
pub fn reserve(conn: &mut Conn, resource: Numbered, id: &str, wanted: i64) -> Result<i64> {
    if let Some(own) = of(conn, resource, id)? {
        return Ok(own);
    }
    if wanted > 0 && put(conn, resource, id, wanted)? { Ok(wanted) } else { take(conn, resource, id) }
}

/// [`reserve`] for many new things, and [`take`] for those of them that want no number: what number each has.
pub(crate) fn reserve_all(
    conn: &mut Conn,
    resource: Numbered,
    wanted: &[(String, Option<i64>)],
) -> Result<HashMap<String, i64>> {
    let (family, kind) = (resource.family(), resource.as_str());
    let row = |id: &str, number: i64| json!({"family": family, "number": number, "resource": kind, "id": id});
    let own = wanted.iter().filter_map(|(id, number)| Some(row(id, (*number).filter(|number| *number > 0)?)));
    bulk::insert(conn, "wordpress_ids", &own.collect::<Vec<_>>(), "ON CONFLICT DO NOTHING")?;
    let last: Option<i64> =
        numbers::table.filter(numbers::family.eq(family)).select(max(numbers::number)).first(conn)?;
    let next = (last.unwrap_or(0)..i64::MAX).map(|last| last + 1);
    let others = wanted.iter().filter(|(_, number)| number.is_none()).zip(next).map(|((id, _), next)| row(id, next));
    bulk::insert(conn, "wordpress_ids", &others.collect::<Vec<_>>(), "ON CONFLICT DO NOTHING")?;
    let mut found = HashMap::with_capacity(wanted.len());
    for some in wanted.chunks(bulk::AT_ONCE) {
        let ids = some.iter().map(|(id, _)| id.clone()).collect();
        let rows = numbers::table.filter(numbers::resource.eq(kind)).filter(one_of(numbers::id, ids));
        found.extend(rows.select((numbers::id, numbers::number)).load::<(String, i64)>(conn)?);
    }
    for (id, _) in wanted {
        if !found.contains_key(id) {
            found.insert(id.clone(), take(conn, resource, id)?);
        }
    }
    Ok(found)
}

fn put(conn: &mut Conn, resource: Numbered, id: &str, number: i64) -> Result<bool> {
    let row = (
        numbers::family.eq(resource.family()),
        numbers::number.eq(number),
        numbers::resource.eq(resource.as_str()),
        numbers::id.eq(id),
    );
    Ok(on!(conn, |c| diesel::insert_into(numbers::table).values(row).on_conflict_do_nothing().execute(c))? == 1)
}

/// The number that something has.
pub fn of(conn: &mut Conn, resource: Numbered, id: &str) -> Result<Option<i64>> {
    let own = numbers::table.filter(numbers::resource.eq(resource.as_str())).filter(numbers::id.eq(id));
    Ok(own.select(numbers::number).first(conn).optional()?)
}
