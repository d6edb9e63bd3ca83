//! The rows of files, and the paths under which they were known elsewhere.

use diesel::prelude::*;
use domain::ids::MediaId;
use domain::media::Media;
use domain::{Error, Result, Timestamp};

use crate::changes::{self, Entry, Op, Resource};
use crate::db::on;
use crate::schema::{media, media_paths};
use crate::{Conn, Fate};

#[derive(Queryable, Selectable)]
#[diesel(table_name = media)]
pub(crate) struct Row {
    id: String,
    sha256: String,
    name: String,
    content_type: String,
    size: i64,
    width: Option<i32>,
    height: Option<i32>,
    title: String,
    alt: String,
    caption: String,
    credit: String,
    source_url: Option<String>,
    created_at: i64,
    article_id: Option<String>,
}

impl TryFrom<Row> for Media {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let pixels = |number: Option<i32>| number.map(u32::try_from).transpose();
        Ok(Self {
            id: row.id.parse()?,
            sha256: row.sha256,
            name: row.name,
            content_type: row.content_type,
            size: row.size.try_into()?,
            width: pixels(row.width)?,
            height: pixels(row.height)?,
            title: row.title,
            alt: row.alt,
            caption: row.caption,
            credit: row.credit,
            source_url: row.source_url,
            created_at: Timestamp::from_micros(row.created_at),
            article: row.article_id.map(|id| id.parse()).transpose()?,
        })
    }
}

/// A file by its identity.
pub fn find(conn: &mut Conn, id: MediaId) -> Result<Option<Media>> {
    let row: Option<Row> = media::table.find(id.to_string()).select(Row::as_select()).first(conn).optional()?;
    row.map(Media::try_from).transpose()
}

/// The hashes of all files, in order.
pub fn hashes(conn: &mut Conn) -> Result<Vec<String>> {
    Ok(media::table.select(media::sha256).distinct().order(media::sha256).load(conn)?)
}

/// The type of the file of a hash, if there is one.
pub fn content_type(conn: &mut Conn, sha256: &str) -> Result<Option<String>> {
    Ok(media::table
        .filter(media::sha256.eq(sha256))
        .order(media::created_at)
        .select(media::content_type)
        .first(conn)
        .optional()?)
}

/// The file that was known under the first of these paths that is known.
pub fn at(conn: &mut Conn, paths: &[String]) -> Result<Option<Media>> {
    for path in paths {
        let row: Option<Row> = media_paths::table
            .inner_join(media::table)
            .filter(media_paths::path.eq(path))
            .select(Row::as_select())
            .first(conn)
            .optional()?;
        if let Some(row) = row {
            return row.try_into().map(Some);
        }
    }
    Ok(None)
}

/// Keeps a file under its identity, and under these paths too: whoever had a path before keeps it.
pub fn keep(conn: &mut Conn, file: &Media, paths: &[String], at: Timestamp) -> Result<Fate> {
    let before = find(conn, file.id)?;
    if before.as_ref() == Some(file) {
        return Ok(Fate::Unchanged);
    }
    let id = file.id.to_string();
    let pixels = |number: Option<u32>| number.map(i32::try_from).transpose();
    let values = (
        media::sha256.eq(&file.sha256),
        media::name.eq(&file.name),
        media::content_type.eq(&file.content_type),
        media::size.eq(i64::try_from(file.size)?),
        media::width.eq(pixels(file.width)?),
        media::height.eq(pixels(file.height)?),
        media::title.eq(&file.title),
        media::alt.eq(&file.alt),
        media::caption.eq(&file.caption),
        media::credit.eq(&file.credit),
        media::source_url.eq(&file.source_url),
        media::created_at.eq(file.created_at.micros()),
        media::article_id.eq(file.article.map(|id| id.to_string())),
        media::updated_at.eq(file.created_at.micros()),
    );
    let kept = if before.is_some() {
        diesel::update(media::table.find(&id)).set((values, media::version.eq(media::version + 1))).execute(conn)?;
        Fate::Updated
    } else {
        diesel::insert_into(media::table).values((media::id.eq(&id), values, media::version.eq(1))).execute(conn)?;
        Fate::Created
    };
    for path in paths {
        on!(conn, |c| diesel::insert_into(media_paths::table)
            .values((media_paths::path.eq(path), media_paths::media_id.eq(&id)))
            .on_conflict_do_nothing()
            .execute(c))?;
    }
    let entry = Entry::new(Op::Upsert, Resource::Media, id, None).touching(["list:media".to_owned()]);
    changes::record(conn, &[entry], at)?;
    Ok(kept)
}
