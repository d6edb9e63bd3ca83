//! The numbers by which WordPress's API names things. They count upwards within a family, and a number stays with what
//! had it first, so that an old address never leads to something else.

use diesel::dsl::max;
use diesel::prelude::*;
use domain::{Error, Result};

use crate::Conn;
use crate::db::on;
use crate::schema::wordpress_ids as numbers;

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
