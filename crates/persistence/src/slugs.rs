//! Slugs of categories, tags and bylines: each unique within its kind, the old ones remembered.
//!
//! Articles have their own (`article_slugs`), since theirs depend on locale and on what was ever public.

use diesel::prelude::*;
use domain::text::Slug;
use domain::{Error, Fault, Result, Timestamp};

use crate::schema::{bylines, categories, old_slugs, tags};
use crate::{Conn, redirects};

/// What has a slug of this sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Category,
    Tag,
    Byline,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Category => "category",
            Self::Tag => "tag",
            Self::Byline => "byline",
        }
    }
}

/// The slug that a new thing, or `own` one, shall have: the one asked for, or the first free one made from `name`.
/// One that was asked for and is taken is refused (409), with a free one in the detail.
pub(crate) fn choose(conn: &mut Conn, kind: Kind, asked: Option<&Slug>, name: &str, own: Option<&str>) -> Result<Slug> {
    match asked {
        Some(slug) if is_free(conn, kind, slug, own)? => Ok(slug.clone()),
        Some(slug) => {
            let free = first_free(conn, kind, slug, own)?;
            Err(taken(slug, Some(&free)))
        }
        None => first_free(conn, kind, &Slug::from_title(name), own),
    }
}

/// The refusal of a slug that another one has.
pub(crate) fn taken(slug: &Slug, free: Option<&Slug>) -> Error {
    let hint = free.map(|free| format!(" `{free}` is free.")).unwrap_or_default();
    let detail = format!("The slug `{slug}` is taken.{hint}");
    Error::Conflict { code: "slug_taken", faults: vec![Fault::at("/slug", "taken", &detail)], detail }
}

/// This slug, or the first free one like it, for something new or `own`.
pub(crate) fn first_free(conn: &mut Conn, kind: Kind, slug: &Slug, own: Option<&str>) -> Result<Slug> {
    if is_free(conn, kind, slug, own)? {
        return Ok(slug.clone());
    }
    for number in 2..1_000 {
        let numbered = slug.numbered(number);
        if is_free(conn, kind, &numbered, own)? {
            return Ok(numbered);
        }
    }
    Err(taken(slug, None))
}

fn is_free(conn: &mut Conn, kind: Kind, slug: &Slug, own: Option<&str>) -> Result<bool> {
    // Readers find the tree beside the categories themselves.
    if kind == Kind::Category && slug.as_str() == "tree" {
        return Ok(false);
    }
    let slug = slug.as_str();
    let holder: Option<String> = match kind {
        Kind::Category => categories::table.filter(categories::slug.eq(slug)).select(categories::id).first(conn),
        Kind::Tag => tags::table.filter(tags::slug.eq(slug)).select(tags::id).first(conn),
        Kind::Byline => bylines::table.filter(bylines::slug.eq(slug)).select(bylines::id).first(conn),
    }
    .optional()?;
    let before: Option<String> =
        old_slugs::table.find((kind.as_str(), slug)).select(old_slugs::target_id).first(conn).optional()?;
    Ok([holder, before].iter().flatten().all(|holder| Some(holder.as_str()) == own))
}

/// Remembers that `id` was known as `old` until now and is known as `new` from now on.
pub(crate) fn renamed(conn: &mut Conn, kind: Kind, id: &str, old: &str, new: &str, at: Timestamp) -> Result<()> {
    if old == new {
        return Ok(());
    }
    diesel::delete(old_slugs::table.find((kind.as_str(), new))).execute(conn)?;
    diesel::insert_into(old_slugs::table)
        .values((
            old_slugs::kind.eq(kind.as_str()),
            old_slugs::slug.eq(old),
            old_slugs::target_id.eq(id),
            old_slugs::since.eq(at.micros()),
        ))
        .execute(conn)?;
    Ok(())
}

/// The thing that was once known as `slug`.
pub(crate) fn was(conn: &mut Conn, kind: Kind, slug: &str) -> Result<Option<String>> {
    Ok(old_slugs::table.find((kind.as_str(), slug)).select(old_slugs::target_id).first(conn).optional()?)
}

/// Frees the slugs of something that is no more, the old ones too, and remembers that what had them is gone.
pub(crate) fn forget(conn: &mut Conn, kind: Kind, id: &str, slug: &str, at: Timestamp) -> Result<()> {
    let of = old_slugs::table.filter(old_slugs::kind.eq(kind.as_str())).filter(old_slugs::target_id.eq(id));
    let old: Vec<String> = of.select(old_slugs::slug).load(conn)?;
    diesel::delete(of).execute(conn)?;
    let names: Vec<_> = old.into_iter().chain([slug.to_owned()]).map(|name| (kind.as_str().to_owned(), name)).collect();
    redirects::bury(conn, &names, at)
}
