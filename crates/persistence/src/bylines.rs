//! stub until the branch lands

use diesel::prelude::*;
use domain::Result;

use crate::Conn;
use crate::schema::bylines;

pub(crate) fn id_of(conn: &mut Conn, slug: &str) -> Result<Option<String>> {
    let slug = slug.rsplit('/').next().unwrap_or_default();
    Ok(bylines::table.filter(bylines::slug.eq(slug)).select(bylines::id).first(conn).optional()?)
}
