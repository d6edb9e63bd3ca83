//! Comments, for readers: reading the approved ones, and leaving one.

use std::net::IpAddr;
use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpRequest, get, post, web};
use domain::comments::{CommentWrite, NewComment, PublicComment};
use domain::ids::{ArticleId, CommentId};
use domain::secrets::{Purpose, Secrets};
use domain::{Error, Fault, Result, Timestamp, moderation};
use ipnet::IpNet;
use persistence::attempts::{self, Allowance};
use persistence::comments::{self, Origin};
use persistence::published_comments::{self as published, Listed, Position};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::answer::{Listing, Public, Reply};
use crate::app::{Clock, Config};
use crate::delivery::Depends;
use crate::limits::{Limit, network};
use crate::page::{Cursors, limit};
use crate::problem::Answer;
use crate::refused;
use crate::request::{Body, ClientAddress, IdempotencyKey, Params};

/// Largest body of a comment, in bytes.
const MAX_BODY: usize = 32_768;

/// Longest part of `User-Agent` that is kept.
const MAX_USER_AGENT: usize = 256;

/// Comments change by a moderator's hand, and may be half a minute old.
const CACHE_CONTROL: &str = "public, max-age=30, stale-while-revalidate=300";

/// Which article is meant.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CommentedQuery {
    /// The article's locale; absent: the site's own.
    locale: Option<String>,
}

/// Which comments to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CommentsQuery {
    /// `tree`: those that reply to nothing, each with its `replies`; `flat`: all in one line. `tree` by default.
    #[serde(default)]
    #[param(inline)]
    view: View,
    /// Which come first; by default `oldest`. Replies in a tree are always oldest first.
    #[serde(default)]
    #[param(inline)]
    order: Order,
    /// The article's locale; absent: the site's own.
    locale: Option<String>,
    /// How many, 1 to 100; of a tree, how many that reply to nothing.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u16>,
    /// Where to go on, from `page.next`.
    cursor: Option<String>,
    /// Whether to count them all; of a tree, those that reply to nothing.
    #[serde(default)]
    count: bool,
}

/// In which form comments are listed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum View {
    /// With what stands under each.
    #[default]
    Tree,
    /// All in one line.
    Flat,
}

/// In which order comments are listed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// The oldest come first.
    #[default]
    Oldest,
    /// The newest come first.
    Newest,
}

/// List the comments of an article
///
/// Approved ones alone. A tombstone keeps the place of one that is no longer shown while others stand under it.
#[utoipa::path(tag = "comments",
    params(("slug" = String, Path, description = "The article's slug"), CommentsQuery),
    responses(
        (status = 200, description = "Comments by the time they were left", body = Listing<PublicComment>,
            headers(("ETag" = String, description = "Stands for exactly these bytes"))),
        (status = 304, description = "As the client has it"),
        refused::ReadPublic,
))]
#[get("/v1/articles/{slug}/comments")]
pub(crate) async fn list_comments(
    app: web::Data<App>,
    request: HttpRequest,
    slug: web::Path<String>,
    query: Params<CommentsQuery>,
) -> Answer {
    let Params(CommentsQuery { view, order, locale, limit: asked, cursor, count }) = query;
    let (slug, locale, limit) = (slug.into_inner(), one(locale)?, limit(asked)?);
    let cursors = Cursors::new(&app.secrets, "comments", &(&slug, &locale, view, order))?;
    let after = cursors.read::<Position>(cursor.as_deref())?;
    let listed = Listed { flat: view == View::Flat, newest: order == Order::Newest };
    let work = move |conn: &mut persistence::Conn, now| {
        let article = published::article(conn, &slug, locale.as_deref(), now)?.id;
        let total = if count { Some(published::count(conn, article, listed)?) } else { None };
        Ok((article, published::list(conn, article, listed, after, limit + 1)?, total))
    };
    let (article, comments, total) = app.read(work).await?;
    let listing = cursors.page(comments, limit, total, position)?;
    let depends = Depends::on([format!("comments:{article}")]).and_within([format!("address:{article}")]);
    let answer = Public::new(&listing, depends.shown_as([format!("article:{article}")]))?;
    Ok(answer.cache_control(CACHE_CONTROL).next(&app, &request, &listing.page).respond())
}

/// The first comments of an article, as they are listed if nothing else is asked for.
pub(crate) async fn first(
    app: &App,
    (slug, locale): (String, Option<String>),
    article: ArticleId,
) -> Result<Listing<PublicComment>> {
    let cursors = Cursors::new(&app.secrets, "comments", &(&slug, &locale, View::default(), Order::default()))?;
    let (limit, listed) = (limit(None)?, Listed { flat: false, newest: false });
    let comments = app.read(move |conn, _| published::list(conn, article, listed, None, limit + 1)).await?;
    cursors.page(comments, limit, None, position)
}

/// Where a comment stands in its list.
fn position(comment: &PublicComment) -> Position {
    (comment.created_at.micros(), comment.id)
}

/// What a commenter hears: the same whatever became of the comment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CommentReceipt {
    /// The comment's identity.
    id: CommentId,
    /// Always `pending`: it is not public yet.
    #[schema(example = "pending")]
    status: &'static str,
    /// When it arrived.
    created_at: Timestamp,
    /// What to tell its author.
    #[schema(example = "Your comment is awaiting moderation.")]
    message: &'static str,
}

/// Leave a comment
///
/// It waits for a moderator. The address is never published.
#[utoipa::path(tag = "comments", request_body = CommentWrite,
    params(
        ("slug" = String, Path, description = "The article's slug"),
        CommentedQuery,
        ("Idempotency-Key" = Option<String>, Header, description = "The same key gives the same answer for 24 h"),
    ),
    responses(
        (status = 202, description = "It has arrived, and waits", body = CommentReceipt),
        refused::SendPublic,
))]
#[post("/v1/articles/{slug}/comments")]
pub(crate) async fn create_comment(
    app: web::Data<App>,
    request: HttpRequest,
    slug: web::Path<String>,
    query: Params<CommentedQuery>,
    address: ClientAddress,
    key: IdempotencyKey,
    body: Body<CommentWrite, MAX_BODY>,
) -> Answer {
    let Body { value, fingerprint } = body;
    let (slug, locale) = (slug.into_inner(), one(query.0.locale)?);
    let origin = Origin { ip_prefix: Some(prefix(address.0)), user_agent: user_agent(&request) };
    let find = move |conn: &mut persistence::Conn, now| {
        let article = published::article(conn, &slug, locale.as_deref(), now)?;
        moderation::expect_open(article.comments_open).map(|()| article)
    };
    let comment = match value.check() {
        Ok(comment) => comment,
        // What the article says is told first; but what is no comment does not take the turn of one that is.
        Err(faults) => return Err(app.read(find).await.err().unwrap_or(faults).into()),
    };
    app.limits.comments.check(address.0, &comment)?;
    let (secrets, state) = (app.secrets.clone(), app.clone());
    let allowances = if app.config.limits { allowances(&app.secrets, address.0, &comment) } else { Vec::new() };
    app.once(key.anonymous(fingerprint), move |conn, now| {
        let article = find(conn, now)?;
        state.limits.comments.article.check(article.id)?;
        for allowance in &allowances {
            attempts::count(conn, allowance, now)?;
        }
        let id = comments::submit(conn, &secrets, article, &comment, origin, now)?;
        let message = "Your comment is awaiting moderation.";
        Reply::json(202, &CommentReceipt { id, status: "pending", created_at: now, message })
    })
    .await
}

/// Leaves a comment that came another way, under what `find` finds, with what it replies to. Answers its identity, what it
/// looks like, and when it arrived.
pub(crate) async fn leave<F>(
    app: &web::Data<App>,
    request: &HttpRequest,
    address: ClientAddress,
    write: CommentWrite,
    find: F,
) -> Result<(CommentId, String, Timestamp)>
where
    F: Fn(&mut persistence::Conn, Timestamp) -> Result<(published::Article, Option<CommentId>)>
        + Clone
        + Send
        + 'static,
{
    let origin = Origin { ip_prefix: Some(prefix(address.0)), user_agent: user_agent(request) };
    let find_open = move |conn: &mut persistence::Conn, now| {
        let (article, parent) = find(conn, now)?;
        moderation::expect_open(article.comments_open).map(|()| (article, parent))
    };
    let mut comment = match write.check() {
        Ok(comment) => comment,
        Err(faults) => return Err(app.read(find_open).await.err().unwrap_or(faults)),
    };
    app.limits.comments.check(address.0, &comment)?;
    let (secrets, state) = (app.secrets.clone(), app.clone());
    app.write(move |conn, now| {
        let (article, parent) = find_open(conn, now)?;
        comment.parent = parent;
        state.limits.comments.article.check(article.id)?;
        let id = comments::submit(conn, &secrets, article, &comment, origin, now)?;
        Ok((id, comment.html, now))
    })
    .await
}

/// How often comments may be left (`community.md`, section 2).
pub struct CommentLimits {
    burst: Limit,
    hour: Limit,
    day: Limit,
    email: Limit,
    article: Limit,
    site: Limit,
}

const HOUR: u32 = 3_600;
const DAY: u32 = 24 * HOUR;
/// Comments of one address in an hour.
const PER_HOUR: u32 = 10;
/// Comments of one customer's network in a day.
const PER_DAY: u32 = 40;
/// Comments under one email address in an hour.
const PER_EMAIL: u32 = 5;

/// What of this the database counts too, across restarts and nodes.
fn allowances(secrets: &Secrets, address: IpAddr, comment: &NewComment) -> Vec<Allowance> {
    let allow = |what: &str, who: &str, count, seconds: u32| Allowance {
        key: secrets.sign(Purpose::Identity, &["comments", what, who]),
        count,
        seconds: seconds.into(),
    };
    let (home, customer) = (network(address, 64).to_string(), network(address, 48).to_string());
    vec![
        allow("hour", &home, PER_HOUR, HOUR),
        allow("day", &customer, PER_DAY, DAY),
        allow("email", &comment.email.key(), PER_EMAIL, HOUR),
    ]
}

impl CommentLimits {
    /// The limits of this configuration.
    pub(crate) fn new(config: &Config, clock: &Clock) -> Self {
        let limit = |count, seconds| {
            let detail = "Too many comments at once; wait and send it again.";
            Limit::new(config, clock, count, Duration::from_secs(seconds), detail)
        };
        Self {
            burst: limit(3, 3 * 15),
            hour: limit(PER_HOUR, HOUR.into()),
            day: limit(PER_DAY, DAY.into()),
            email: limit(PER_EMAIL, HOUR.into()),
            article: limit(30, 60),
            site: limit(300, 60),
        }
    }

    /// Counts a comment against everything that is known before the database is asked.
    fn check(&self, address: IpAddr, comment: &NewComment) -> Result<()> {
        let (home, customer) = (network(address, 64), network(address, 48));
        self.burst.check(home)?;
        self.hour.check(home)?;
        self.day.check(customer)?;
        self.email.check(comment.email.key())?;
        self.site.check(())
    }
}

/// The locale of an article: one, or none for the site's own.
fn one(locale: Option<String>) -> Result<Option<String>> {
    match locale.as_deref() {
        Some("*") => {
            let detail = "Name one locale: slugs are unique within theirs.";
            Err(Error::Malformed(Fault::parameter("locale", "not_one", detail)))
        }
        _ => Ok(locale),
    }
}

/// The network of an address: /24 or /48.
fn prefix(address: IpAddr) -> String {
    let bits = if address.is_ipv4() { 24 } else { 48 };
    IpNet::new(address, bits).map_or_else(|_| String::new(), |network| network.trunc().to_string())
}

fn user_agent(request: &HttpRequest) -> Option<String> {
    let name = request.headers().get(header::USER_AGENT)?.to_str().ok()?;
    Some(name.chars().take(MAX_USER_AGENT).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_network_of_an_address_is_kept() {
        assert_eq!(prefix("192.0.2.77".parse().unwrap()), "192.0.2.0/24");
        assert_eq!(prefix("2001:db8:1:2::3".parse().unwrap()), "2001:db8:1::/48");
    }
}
