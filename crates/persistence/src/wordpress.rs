//! What WordPress's API lists: the read model, by number, with pages that are counted from the beginning.

mod comments;
mod files;
mod posts;
mod terms;

use std::collections::HashMap;

use diesel::prelude::*;
use domain::Result;

use crate::Conn;
use crate::fragments::one_of;
use crate::schema::wordpress_ids as numbers;
use crate::wordpress_ids::Numbered;

pub use comments::{Comment, CommentOrder, CommentQuery, commented, comments, latest_comments};
pub use files::{File, FileQuery, files, files_of};
pub use posts::{PostOrder, PostQuery, Posts, Relation, TermFilter, Titled, post_titles, posts, posts_named};
pub use terms::{Author, Term, Which, authors, authors_named, categories, count, listed_under, tags};

/// A part of a list: how many to leave out, and how many to show.
#[derive(Debug, Clone, Copy)]
pub struct Slice {
    /// Left out at the beginning.
    pub offset: i64,
    /// Shown.
    pub limit: i64,
}

/// The identities that these numbers of a family name, each with what sort of thing it is.
pub fn named(conn: &mut Conn, family: Numbered, wanted: &[i64]) -> Result<HashMap<i64, (String, String)>> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(i64, String, String)> = numbers::table
        .filter(numbers::family.eq(family.family()))
        .filter(one_of(numbers::number, wanted.to_vec()))
        .select((numbers::number, numbers::resource, numbers::id))
        .load(conn)?;
    Ok(rows.into_iter().map(|(number, resource, id)| (number, (resource, id))).collect())
}

/// The identities of one sort of thing that these numbers name; what there is not is left out.
pub(crate) fn ids(conn: &mut Conn, resource: Numbered, wanted: &[i64]) -> Result<Vec<String>> {
    let named = named(conn, resource, wanted)?.into_values();
    Ok(named.filter(|(sort, _)| sort == resource.as_str()).map(|(_, id)| id).collect())
}

/// The numbers of these things.
pub fn numbers_of(conn: &mut Conn, ids: Vec<String>) -> Result<HashMap<String, i64>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let resources = ["article", "byline", "category", "comment", "media", "tag"];
    let rows: Vec<(String, i64)> = numbers::table
        .filter(one_of(numbers::resource, resources.map(str::to_owned).to_vec()))
        .filter(one_of(numbers::id, ids))
        .select((numbers::id, numbers::number))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}
