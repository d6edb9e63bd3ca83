//! Files, as WordPress lists them: those of what readers see, and those that belong to nothing.

use std::collections::HashMap;

use diesel::dsl::exists;
use diesel::prelude::*;
use domain::media::Media;
use domain::{Result, Timestamp};

use super::{PostOrder, Slice, ids};
use crate::Conn;
use crate::fragments::one_of;
use crate::media::Row;
use crate::schema::{media, published_articles, wordpress_ids as numbers};
use crate::wordpress_ids::Numbered;

/// Which files to list.
#[derive(Debug, Clone, Default)]
pub struct FileQuery {
    /// With this in the title or the name.
    pub search: Option<String>,
    /// Of after this time.
    pub after: Option<Timestamp>,
    /// Of before this time.
    pub before: Option<Timestamp>,
    /// One of these.
    pub include: Option<Vec<i64>>,
    /// None of these.
    pub exclude: Vec<i64>,
    /// With any of these slugs.
    pub slugs: Option<Vec<String>>,
    /// Uploaded for any of these posts; 0: for none.
    pub parents: Option<Vec<i64>>,
    /// Uploaded for none of these posts.
    pub parents_exclude: Vec<i64>,
    /// Of any of these media types: `image/png`, or `image/` for all that begin so.
    pub types: Option<Vec<String>>,
    /// In which order.
    pub order: PostOrder,
    /// The first come first.
    pub ascending: bool,
}

/// A file.
#[derive(Debug, Clone)]
pub struct File {
    /// Its number.
    pub number: i64,
    /// What is known of it.
    pub media: Media,
    /// The number of the post that it was uploaded for; none, if that is not public.
    pub post: Option<i64>,
}

impl File {
    /// The slug of its page.
    pub fn slug(&self) -> String {
        slug(&self.media.name)
    }

    /// Whether readers may know of it by itself.
    pub fn is_listed(&self) -> bool {
        self.media.article.is_none() || self.post.is_some()
    }
}

/// The slug of a file: its name, without what tells the type.
fn slug(name: &str) -> String {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_lowercase()
}

/// What files are chosen and sorted by.
#[derive(Queryable)]
struct Key {
    id: String,
    name: String,
    title: String,
    content_type: String,
    created_at: i64,
    article: Option<String>,
    number: i64,
}

/// A page of files, and how many there are in all. What they are chosen by is short: that is looked through here.
pub fn files(conn: &mut Conn, query: &FileQuery, slice: Slice, now: Timestamp) -> Result<(Vec<File>, i64)> {
    use published_articles::{article_id, visible_from, visible_until};
    let public = published_articles::table
        .filter(article_id.nullable().eq(media::article_id))
        .filter(visible_from.le(now.micros()))
        .filter(visible_until.gt(now.micros()));
    let of = || numbers::resource.eq(Numbered::Media.as_str()).and(numbers::id.eq(media::id));
    let mut keys = media::table
        .inner_join(numbers::table.on(of()))
        .filter(media::article_id.is_null().or(exists(public)))
        .into_boxed();
    // What few are named by leads to them.
    if let Some(include) = &query.include {
        keys = keys.filter(one_of(media::id, ids(conn, Numbered::Media, include)?));
    }
    if let Some(parents) = &query.parents {
        let under = one_of(media::article_id.assume_not_null(), ids(conn, Numbered::Article, parents)?);
        keys =
            if parents.contains(&0) { keys.filter(media::article_id.is_null().or(under)) } else { keys.filter(under) };
    }
    let mut keys: Vec<Key> = keys
        .select((
            media::id,
            media::name,
            media::title,
            media::content_type,
            media::created_at,
            media::article_id,
            numbers::number,
        ))
        .load(conn)?;
    let search = query.search.as_ref().map(|text| text.to_lowercase());
    let holds = |text: &str| search.as_ref().is_none_or(|search| text.to_lowercase().contains(search));
    let others = ids(conn, Numbered::Article, &query.parents_exclude)?;
    keys.retain(|key| {
        let is_of = |wanted: &String| match wanted.strip_suffix('/') {
            Some(kind) => key.content_type.split('/').next() == Some(kind),
            None => key.content_type == *wanted,
        };
        (holds(&key.title) || holds(&key.name))
            && query.after.is_none_or(|after| key.created_at > after.micros())
            && query.before.is_none_or(|before| key.created_at < before.micros())
            && !query.exclude.contains(&key.number)
            && query.slugs.as_ref().is_none_or(|slugs| slugs.contains(&slug(&key.name)))
            && query.types.as_ref().is_none_or(|types| types.iter().any(is_of))
            && key.article.as_ref().is_none_or(|own| !others.contains(own))
    });
    let total = i64::try_from(keys.len())?;
    let place = |list: Option<usize>| list.and_then(|place| i64::try_from(place).ok()).unwrap_or(i64::MAX);
    keys.sort_by_cached_key(|key| {
        let (number, text) = match query.order {
            PostOrder::Date | PostOrder::Modified => (key.created_at, String::new()),
            PostOrder::Number => (key.number, String::new()),
            PostOrder::Slug => (0, slug(&key.name)),
            PostOrder::Title => (0, key.title.to_lowercase()),
            PostOrder::Include => {
                let named = query.include.iter().flatten().position(|number| *number == key.number);
                (place(named), String::new())
            }
            PostOrder::IncludeSlugs => {
                let own = slug(&key.name);
                (place(query.slugs.iter().flatten().position(|named| *named == own)), String::new())
            }
        };
        (number, text, key.number)
    });
    if !query.ascending && !matches!(query.order, PostOrder::Include | PostOrder::IncludeSlugs) {
        keys.reverse();
    }
    let (skip, take) = (usize::try_from(slice.offset)?, usize::try_from(slice.limit)?);
    let wanted: Vec<String> = keys.into_iter().skip(skip).take(take).map(|key| key.id).collect();
    let rows = media::table.inner_join(numbers::table.on(of())).filter(one_of(media::id, wanted.clone()));
    let rows = rows.select((Row::as_select(), numbers::number)).load(conn)?;
    let mut found: HashMap<String, File> =
        with_posts(conn, rows, now)?.into_iter().map(|file| (file.media.id.to_string(), file)).collect();
    Ok((wanted.iter().filter_map(|id| found.remove(id)).collect(), total))
}

/// The files of these hashes, by hash and name, whether they are [listed](File::is_listed) or not; of several alike, the
/// one with the lowest number.
pub fn files_of(conn: &mut Conn, hashes: Vec<String>, now: Timestamp) -> Result<HashMap<(String, String), File>> {
    if hashes.is_empty() {
        return Ok(HashMap::new());
    }
    let of = || numbers::resource.eq(Numbered::Media.as_str()).and(numbers::id.eq(media::id));
    let rows: Vec<(Row, i64)> = media::table
        .inner_join(numbers::table.on(of()))
        .filter(one_of(media::sha256, hashes))
        .order(numbers::number.desc())
        .select((Row::as_select(), numbers::number))
        .load(conn)?;
    let files = with_posts(conn, rows, now)?.into_iter();
    Ok(files.map(|file| ((file.media.sha256.clone(), file.media.name.clone()), file)).collect())
}

/// Adds what they were uploaded for, as far as it is public.
fn with_posts(conn: &mut Conn, rows: Vec<(Row, i64)>, now: Timestamp) -> Result<Vec<File>> {
    let mut files = Vec::with_capacity(rows.len());
    for (row, number) in rows {
        files.push(File { number, media: row.try_into()?, post: None });
    }
    let owners = files.iter().filter_map(|file| file.media.article).map(|id| id.to_string()).collect();
    let public: Vec<String> = published_articles::table
        .filter(one_of(published_articles::article_id, owners))
        .filter(published_articles::visible_from.le(now.micros()))
        .filter(published_articles::visible_until.gt(now.micros()))
        .select(published_articles::article_id)
        .load(conn)?;
    let posts = super::numbers_of(conn, public)?;
    for file in &mut files {
        file.post = file.media.article.and_then(|id| posts.get(&id.to_string()).copied());
    }
    Ok(files)
}
