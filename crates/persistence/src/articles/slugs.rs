//! Which article a slug belongs to: the one whose newest revision has it, or that was ever public under it.

use diesel::prelude::*;
use domain::articles::Article;
use domain::ids::ArticleId;
use domain::text::Slug;
use domain::{Error, Result};
use serde_json::json;

use crate::db::on;
use crate::schema::article_slugs as slugs;
use crate::slugs::taken;
use crate::{Conn, bulk};

/// Tries to make a free slug out of a taken one this often.
const ATTEMPTS: u32 = 200;

/// Gives the article the slug that was asked for, or the first free one made from its title.
pub(super) fn claim(conn: &mut Conn, article: &Article, asked: Option<&Slug>, title: &str) -> Result<String> {
    if let Some(slug) = asked {
        return if try_claim(conn, article, slug)? {
            Ok(slug.to_string())
        } else {
            let free = free_like(conn, &article.locale, slug)?;
            Err(taken(slug, free.as_ref()))
        };
    }
    claim_like(conn, article, &Slug::from_title(title))
}

/// Gives the article this slug, or the first free one like it.
pub(super) fn claim_like(conn: &mut Conn, article: &Article, made: &Slug) -> Result<String> {
    if try_claim(conn, article, made)? {
        return Ok(made.to_string());
    }
    for number in 2..ATTEMPTS {
        let numbered = made.numbered(number);
        if try_claim(conn, article, &numbered)? {
            return Ok(numbered.to_string());
        }
    }
    // So many of one title: the identity tells them apart.
    let unique = Slug::parse(&article.id.to_string()).map_err(|(_, detail)| Error::Internal(detail))?;
    if try_claim(conn, article, &unique)? { Ok(unique.to_string()) } else { Err(taken(made, None)) }
}

/// Gives new articles these slugs, or the first free ones like them to those that cannot have theirs.
pub(super) fn claim_all(conn: &mut Conn, wanted: &[(&Article, &Slug)]) -> Result<Vec<String>> {
    let row = |(article, slug): &(&Article, &Slug)| json!({"locale": article.locale, "slug": slug.as_str(), "article_id": article.id, "was_public": false});
    let rows: Vec<_> = wanted.iter().map(row).collect();
    if bulk::insert(conn, "article_slugs", &rows, "ON CONFLICT DO NOTHING")? == rows.len() {
        return Ok(wanted.iter().map(|(_, slug)| slug.to_string()).collect());
    }
    wanted.iter().map(|(article, slug)| claim_like(conn, article, slug)).collect()
}

/// One statement decides who gets a slug.
fn try_claim(conn: &mut Conn, article: &Article, slug: &Slug) -> Result<bool> {
    let id = article.id.to_string();
    on!(conn, |c| diesel::insert_into(slugs::table)
        .values((
            slugs::locale.eq(&article.locale),
            slugs::slug.eq(slug.as_str()),
            slugs::article_id.eq(&id),
            slugs::was_public.eq(false),
        ))
        .on_conflict_do_nothing()
        .execute(c))?;
    let holder: Option<String> =
        slugs::table.find((&article.locale, slug.as_str())).select(slugs::article_id).first(conn).optional()?;
    Ok(holder == Some(id))
}

fn free_like(conn: &mut Conn, locale: &str, slug: &Slug) -> Result<Option<Slug>> {
    for number in 2..ATTEMPTS {
        let numbered = slug.numbered(number);
        let holder = slugs::table.find((locale, numbered.as_str())).select(slugs::article_id);
        if holder.first::<String>(conn).optional()?.is_none() {
            return Ok(Some(numbered));
        }
    }
    Ok(None)
}

/// Frees the slugs of an article that the public never saw.
pub(super) fn release(conn: &mut Conn, id: ArticleId) -> Result<()> {
    let unseen = slugs::table.filter(slugs::article_id.eq(id.to_string())).filter(slugs::was_public.eq(false));
    diesel::delete(unseen).execute(conn)?;
    Ok(())
}

/// Frees those that it has no more use for, now that its slug is `kept`.
pub(super) fn release_unused(conn: &mut Conn, article: &Article, kept: &str) -> Result<()> {
    let unseen = slugs::table
        .filter(slugs::article_id.eq(article.id.to_string()))
        .filter(slugs::was_public.eq(false))
        .filter(slugs::slug.ne(kept));
    diesel::delete(unseen).execute(conn)?;
    Ok(())
}
