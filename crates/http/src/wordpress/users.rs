//! Users: the bylines of what is public, and nobody who signs in.

use domain::site;
use persistence::Conn;
use persistence::wordpress::{self, Author};
use serde::Serialize;

use super::params::Params;
use super::shape::{Avatars, Empty, Escaped, Links, link, own};
use super::wrong::{Failure, Wrong};
use super::{Answered, Context, Counted, cut, slice};
use crate::delivery::Depends;

const ORDERS: [&str; 8] = ["id", "include", "name", "registered_date", "slug", "include_slugs", "email", "url"];

/// A page of them.
pub(super) fn list(conn: &mut Conn, context: &Context, mut params: Params) -> Result<Answered, Failure> {
    let (slice, page) = slice(&mut params);
    let embedded = params.embedded("users")?;
    let orderby = params.choice("orderby", &ORDERS, "name");
    let ascending = params.choice("order", &["asc", "desc"], "asc") == "asc";
    let search = params.text("search").map(str::to_lowercase).filter(|text| !text.trim().is_empty());
    let include = params.numbers("include").filter(|list| !list.is_empty());
    let exclude = params.numbers("exclude").unwrap_or_default();
    let slugs = params.texts("slug").filter(|list| !list.is_empty());
    params.finish()?;
    if params.has("roles") || params.has("capabilities") {
        let message = "Sorry, you are not allowed to filter users by role.";
        return Err(Wrong::sign_in("rest_user_cannot_view", message).into());
    }
    if params.has("who") {
        let message = "Sorry, you are not allowed to query users by this parameter.";
        return Err(Wrong::sign_in("rest_forbidden_who", message).into());
    }
    if matches!(orderby, "email" | "registered_date") {
        let message = "Sorry, you are not allowed to order users by this parameter.";
        return Err(Wrong::sign_in("rest_forbidden_orderby", message).into());
    }
    let all = wordpress::authors(conn, &context.view)?;
    let depends = depends(&all);
    let mut authors = all;
    authors.retain(|author| {
        include.as_ref().is_none_or(|include| include.contains(&author.number))
            && !exclude.contains(&author.number)
            && slugs.as_ref().is_none_or(|slugs| slugs.contains(&author.slug))
            && search.as_ref().is_none_or(|text| author.name.to_lowercase().contains(text))
    });
    authors.sort_by_cached_key(|author| {
        let place = include.as_ref().and_then(|list| list.iter().position(|one| *one == author.number));
        match orderby {
            "id" => (author.number, String::new()),
            "include" => (place.and_then(|place| i64::try_from(place).ok()).unwrap_or(i64::MAX), String::new()),
            "slug" | "include_slugs" => (0, author.slug.clone()),
            "url" => (0, author.website.clone()),
            _ => (0, author.name.to_lowercase()),
        }
    });
    if !ascending {
        authors.reverse();
    }
    let total = i64::try_from(authors.len()).unwrap_or(i64::MAX);
    let authors = cut(authors, slice);
    let drawn: Vec<User<'_>> = authors.iter().map(|author| draw(context, author, embedded)).collect();
    Ok(Answered::new(&drawn, depends)?.counted(Counted { total, per_page: slice.limit, page }))
}

/// One of them.
pub(super) fn show(conn: &mut Conn, context: &Context, mut params: Params, number: i64) -> Result<Answered, Failure> {
    let embedded = params.embedded("this user")?;
    params.finish()?;
    let all = wordpress::authors(conn, &context.view)?;
    let Some(author) = all.iter().find(|author| author.number == number) else {
        return Err(Wrong::not_found("rest_user_invalid_id", "Invalid user ID.").into());
    };
    Ok(Answered::new(&draw(context, author, embedded), depends(&all))?)
}

/// What they all depend on: who there is, and who has signed something.
fn depends(authors: &[Author]) -> Depends {
    let keys = ["list:bylines", "used:byline"].map(str::to_owned);
    Depends::on(keys).and_within(authors.iter().map(|author| format!("byline:{}", author.id)))
}

/// A user.
#[derive(Serialize)]
pub(super) struct User<'a> {
    id: i64,
    name: Escaped<'a>,
    url: &'a str,
    description: Escaped<'a>,
    link: String,
    slug: &'a str,
    avatar_urls: Avatars<'a>,
    /// None where it is embedded.
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<Empty>,
    _links: Links,
}

/// A user, whole or as it is embedded.
pub(super) fn draw<'a>(context: &Context, author: &'a Author, embedded: bool) -> User<'a> {
    let number = author.number;
    User {
        id: number,
        name: Escaped(&author.name),
        url: &author.website,
        description: Escaped(&author.bio),
        link: site::byline_url(&context.settings, &context.view.public_url, &author.slug),
        slug: &author.slug,
        avatar_urls: Avatars::of(author.avatar_url.as_deref()),
        meta: (!embedded).then_some([]),
        _links: Links::default()
            .with("self", own(context.at(&format!("users/{number}"))))
            .with("collection", link(context.at("users"))),
    }
}
