//! stub until the branch lands

use diesel::prelude::*;
use domain::Result;

use crate::Conn;
use crate::schema::categories;

pub(crate) fn id_of(conn: &mut Conn, slug: &str) -> Result<Option<String>> {
    let slug = slug.rsplit('/').next().unwrap_or_default();
    Ok(categories::table.filter(categories::slug.eq(slug)).select(categories::id).first(conn).optional()?)
}
