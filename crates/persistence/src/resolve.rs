//! What a path of the front end means now, and where it leads if it was meant for something that has moved.

use diesel::prelude::*;
use domain::articles::Kind;
use domain::ids::ArticleId;
use domain::site::{self, ArticlePlace, Place, Settings, Short};
use domain::{Error, Result, Timestamp};

use crate::pages::Tree;
use crate::schema::{bylines as byline_rows, categories, published_articles as published, published_slugs};
use crate::wordpress_ids::Numbered;
use crate::{Conn, bylines, redirects, tags, wordpress};

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// `article`, `page`, `category`, `tag` or `byline`.
    pub kind: String,
    /// Its identity.
    pub id: String,
    /// Its slug now.
    pub slug: String,
    /// Its path now.
    pub path: String,
    /// Its locale, if it has one. What the path means in the site's own comes before others.
    pub locale: Option<String>,
}

/// What a path means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// This; if its path is another one, the path was its own before, or a rule leads there.
    Resource(Resource),
    /// A rule leads to this path or address, which is nothing of ours.
    Elsewhere(String),
    /// Something that was withdrawn for good.
    Gone,
    /// Nothing, ever.
    Nothing,
}

/// What a path means, and whether something else could come to stand there before it.
#[derive(Debug)]
pub struct Resolved {
    /// What it means.
    pub meaning: Meaning,
    /// Its shape fits several kinds of things, and what is there decides; or nothing has the path itself, and something
    /// could come to have it.
    pub contested: bool,
}

/// Rules that are followed from one path.
const MAX_HOPS: usize = 25;

/// What `path` means: a rule for exactly this path, else what is or was there, else what a pattern says. Where its shape
/// fits several kinds of things, what is there decides. Rules are followed to their end.
pub fn resolve(conn: &mut Conn, settings: &Settings, now: Timestamp, path: &str) -> Result<Resolved> {
    let (mut asked, mut contested) = (path.to_owned(), false);
    for hop in 0..MAX_HOPS {
        let Some(plain) = site::plain_path(settings, &asked) else { break };
        let mut rule = redirects::exact(conn, &plain)?;
        if rule.is_none() {
            let (meaning, unsure) = known(conn, settings, now, &asked)?;
            contested |= unsure;
            if let Meaning::Resource(_) = meaning {
                return Ok(Resolved { meaning, contested });
            }
            rule = redirects::matching(conn, &plain)?;
            if rule.is_none() {
                // A front end has pages of its own.
                let leads = hop > 0 && meaning == Meaning::Nothing;
                let meaning = if leads { Meaning::Elsewhere(asked) } else { meaning };
                return Ok(Resolved { meaning, contested: contested || leads });
            }
        }
        contested = true;
        match rule.and_then(|rule| rule.target) {
            None => return Ok(Resolved { meaning: Meaning::Gone, contested }),
            Some(target) => match site::own_path(settings, &target) {
                Some(path) => asked = path,
                None => return Ok(Resolved { meaning: Meaning::Elsewhere(target), contested }),
            },
        }
    }
    // Only patterns lead in circles; then nobody knows where.
    Ok(Resolved { meaning: Meaning::Nothing, contested })
}

/// What is or was at a path, by the shapes that addresses have, else by those that they had.
fn known(conn: &mut Conn, settings: &Settings, now: Timestamp, path: &str) -> Result<(Meaning, bool)> {
    if let Some(named) = site::match_short(settings, path) {
        let found = short(conn, settings, now, named)?;
        // Something could come to have what it names.
        let contested = found == Meaning::Nothing;
        return Ok((found, contested));
    }
    let places = site::match_path(settings, path);
    let possible = places.len();
    let (found, index) = first(conn, settings, now, places)?;
    if let Meaning::Resource(_) = found {
        // Nothing comes before what is looked for first.
        return Ok((found, index > 0));
    }
    let shapes = redirects::shapes(conn)?;
    let places = site::match_old(settings, &shapes, path);
    let possible = possible + places.len();
    let (before, _) = first(conn, settings, now, places)?;
    Ok((if before == Meaning::Nothing { found } else { before }, possible > 1))
}

/// What a short address names.
fn short(conn: &mut Conn, settings: &Settings, now: Timestamp, named: Short) -> Result<Meaning> {
    let (resource, number) = match named {
        Short::Article(number) => (Numbered::Article, number),
        Short::Category(number) => (Numbered::Category, number),
        Short::Byline(number) => (Numbered::Byline, number),
        Short::Named(place) => return Ok(first(conn, settings, now, vec![place])?.0),
    };
    let Some(id) = wordpress::ids(conn, resource, &[number])?.pop() else { return Ok(Meaning::Nothing) };
    match resource {
        Numbered::Category => {
            let path: Option<String> = categories::table.find(id).select(categories::path).first(conn).optional()?;
            path.map_or(Ok(Meaning::Nothing), |path| category(conn, settings, &path))
        }
        Numbered::Byline => {
            let slug: Option<String> = byline_rows::table.find(id).select(byline_rows::slug).first(conn).optional()?;
            slug.map_or(Ok(Meaning::Nothing), |slug| byline(conn, settings, &slug))
        }
        _ => article(conn, settings, now, (None, Some(id.parse()?), None)),
    }
}

/// What is or was at the first of these places where there is anything, and which of them that is.
fn first(conn: &mut Conn, settings: &Settings, now: Timestamp, places: Vec<Place>) -> Result<(Meaning, usize)> {
    let mut gone = false;
    for (index, place) in places.into_iter().enumerate() {
        let found = match &place {
            Place::Article { slug, id, locale } => article(conn, settings, now, (slug.clone(), *id, locale.clone()))?,
            Place::Page { slugs, locale } => page(conn, settings, now, slugs.clone(), locale.clone())?,
            Place::Category { path } => category(conn, settings, path)?,
            Place::Tag { slug } => tag(conn, settings, slug)?,
            Place::Byline { slug } => byline(conn, settings, slug)?,
        };
        match found {
            Meaning::Nothing => gone |= redirects::is_buried(conn, &place)?,
            Meaning::Gone => gone = true,
            found => return Ok((found, index)),
        }
    }
    Ok((if gone { Meaning::Gone } else { Meaning::Nothing }, 0))
}

/// A page by its slugs: by those it has, and by any that it, or what it stood under, had once.
fn page(
    conn: &mut Conn,
    settings: &Settings,
    now: Timestamp,
    mut slugs: Vec<String>,
    locale: Option<String>,
) -> Result<Meaning> {
    let Some(slug) = slugs.pop() else { return Ok(Meaning::Nothing) };
    let known = published_slugs::table.filter(published_slugs::since.le(now.micros()));
    let known = known.filter(published_slugs::slug.eq_any(&slugs)).select(published_slugs::slug).distinct();
    let known: Vec<String> = known.load(conn)?;
    if !slugs.iter().all(|slug| known.contains(slug)) {
        return Ok(Meaning::Nothing);
    }
    match article(conn, settings, now, (Some(slug), None, locale))? {
        Meaning::Resource(found) if found.kind != Kind::Page.as_str() => Ok(Meaning::Nothing),
        found => Ok(found),
    }
}

/// Kind, parent, slug, locale, first publication and summary of what readers see.
type Found = (String, Option<String>, String, String, i64, String);

type Named = (Option<String>, Option<ArticleId>, Option<String>);

fn article(conn: &mut Conn, settings: &Settings, now: Timestamp, (slug, id, locale): Named) -> Result<Meaning> {
    let mut gone = false;
    for id in candidates(conn, settings, now, (slug, id, locale), &mut gone)? {
        let row: Option<Found> = published::table
            .filter(published::article_id.eq(&id))
            .filter(published::visible_from.le(now.micros()))
            .filter(published::visible_until.gt(now.micros()))
            .select((
                published::kind,
                published::parent_id,
                published::slug,
                published::locale,
                published::published_at,
                published::summary,
            ))
            .first(conn)
            .optional()?;
        if let Some((kind, parent, slug, locale, published_at, summary)) = row {
            let path = if kind == Kind::Page.as_str() {
                let tree = Tree::above(conn, parent.iter().cloned().collect(), now)?;
                Some(tree.path_under(parent.as_deref(), &slug))
            } else {
                None
            };
            let category = primary_category(conn, &summary)?;
            let place = ArticlePlace {
                slug: &slug,
                id: id.parse()?,
                locale: &locale,
                category_path: category.as_deref(),
                published_at: Timestamp::from_micros(published_at),
                page_path: path.as_deref(),
            };
            let path = site::article_path(settings, &place);
            return Ok(Meaning::Resource(Resource { kind, id, slug, path, locale: Some(locale) }));
        }
    }
    Ok(if gone { Meaning::Gone } else { Meaning::Nothing })
}

/// The articles that a path may have been meant for, the likeliest first.
fn candidates(
    conn: &mut Conn,
    settings: &Settings,
    now: Timestamp,
    (slug, id, locale): Named,
    gone: &mut bool,
) -> Result<Vec<String>> {
    if let Some(id) = id.map(|id| id.to_string()) {
        let own = published_slugs::table.filter(published_slugs::article_id.eq(&id));
        *gone = diesel::select(diesel::dsl::exists(own.filter(published_slugs::gone.eq(true)))).get_result(conn)?;
        return Ok(vec![id]);
    }
    let Some(slug) = slug else { return Ok(Vec::new()) };
    let mut led: Vec<(String, String, bool)> = published_slugs::table
        .filter(published_slugs::slug.eq(slug))
        .filter(published_slugs::since.le(now.micros()))
        .select((published_slugs::locale, published_slugs::article_id, published_slugs::gone))
        .load(conn)?;
    if let Some(locale) = locale {
        led.retain(|(known, _, _)| *known == locale);
    }
    led.sort_by_key(|(locale, _, _)| *locale != settings.locale);
    *gone = led.iter().any(|(_, _, gone)| *gone);
    Ok(led.into_iter().filter(|(_, _, gone)| !gone).map(|(_, id, _)| id).collect())
}

fn primary_category(conn: &mut Conn, summary: &str) -> Result<Option<String>> {
    #[derive(serde::Deserialize)]
    struct Ids {
        category_ids: Vec<String>,
    }
    let ids: Ids = serde_json::from_str(summary)?;
    let Some(id) = ids.category_ids.first() else { return Ok(None) };
    Ok(categories::table.find(id).select(categories::path).first(conn).optional()?)
}

/// What was found, where it is now; that there is no such thing is no refusal here.
fn named<T>(found: Result<T>, resource: impl FnOnce(T) -> Resource) -> Result<Meaning> {
    match found {
        Ok(found) => Ok(Meaning::Resource(resource(found))),
        Err(Error::NotFound(_)) => Ok(Meaning::Nothing),
        Err(error) => Err(error),
    }
}

fn category(conn: &mut Conn, settings: &Settings, path: &str) -> Result<Meaning> {
    named(crate::categories::named(conn, path), |category| Resource {
        kind: "category".into(),
        id: category.id.to_string(),
        path: site::category_path(settings, &category.path),
        slug: category.slug,
        locale: None,
    })
}

fn tag(conn: &mut Conn, settings: &Settings, slug: &str) -> Result<Meaning> {
    named(tags::named(conn, slug), |tag| Resource {
        kind: "tag".into(),
        id: tag.id.to_string(),
        path: site::tag_path(settings, &tag.slug),
        slug: tag.slug,
        locale: None,
    })
}

fn byline(conn: &mut Conn, settings: &Settings, slug: &str) -> Result<Meaning> {
    named(bylines::named(conn, slug), |byline| Resource {
        kind: "byline".into(),
        id: byline.id.to_string(),
        path: site::byline_path(settings, &byline.slug),
        slug: byline.slug,
        locale: None,
    })
}
