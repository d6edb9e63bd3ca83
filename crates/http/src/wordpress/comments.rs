//! Comments: approved ones, and leaving one.

use std::collections::{HashMap, HashSet};

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, dev, web};
use domain::comments::CommentWrite;
use domain::published::PublishedArticle;
use domain::{Error, Timestamp};
use persistence::Conn;
use persistence::wordpress::{self, Comment, CommentOrder, CommentQuery, Slice};
use serde::Serialize;
use serde_json::{Map, Value};

use super::embed::Embed;
use super::params::Params;
use super::posts::{Drawing, Small};
use super::shape::{Avatars, Empty, Escaped, Links, Rendered, embeddable, link, own};
use super::wrong::{Failure, Wrong};
use super::{Answered, Context, Counted, ROOT, common, refuse, slice};
use crate::App;
use crate::comments::leave;
use crate::delivery::Depends;
use crate::problem::Answer;
use crate::reading::view;
use crate::request::{ClientAddress, read};

const ORDERS: [&str; 7] = ["date", "date_gmt", "id", "include", "post", "parent", "type"];
/// What only editors may ask for.
const CLOSED: [&str; 3] = ["author", "author_exclude", "author_email"];
/// Largest body, in bytes.
const MAX_BODY: usize = 32_768;

/// A page of comments.
pub(super) fn list(conn: &mut Conn, context: &Context, mut params: Params, embed: &Embed) -> Result<Answered, Failure> {
    let (slice, page) = slice(&mut params);
    let embedded = params.embedded("comments")?;
    let mut closed: Vec<&str> = CLOSED.into_iter().filter(|name| params.has(name)).collect();
    closed.extend(["type", "status"].into_iter().filter(|name| {
        let public = if *name == "type" { "comment" } else { "approve" };
        params.text(name).is_some_and(|value| value != public)
    }));
    if !closed.is_empty() {
        let message = format!("Query parameter not permitted: {}", closed.join(", "));
        return Err(Wrong::sign_in("rest_forbidden_param", message).into());
    }
    let order = match params.choice("orderby", &ORDERS, "date_gmt") {
        "post" => CommentOrder::Post,
        "parent" => CommentOrder::Parent,
        _ => CommentOrder::Date,
    };
    let settings = &context.settings;
    let query = CommentQuery {
        posts: params.numbers("post").filter(|list| !list.is_empty()),
        parents: params.numbers("parent").filter(|list| !list.is_empty()),
        parents_exclude: params.numbers("parent_exclude").unwrap_or_default(),
        include: params.numbers("include").filter(|list| !list.is_empty()),
        exclude: params.numbers("exclude").unwrap_or_default(),
        after: params.time("after", settings),
        before: params.time("before", settings),
        search: params.text("search").filter(|text| !text.is_empty()).map(str::to_owned),
        order,
        ascending: params.choice("order", &["asc", "desc"], "desc") == "asc",
    };
    params.finish()?;
    let (comments, total) = wordpress::comments(conn, &context.view, &query, slice)?;
    let posts = commented(conn, context, &comments)?;
    let around = Around::read(conn, context, &comments, &posts, embed)?;
    let counted = Counted { total, per_page: slice.limit, page };
    let depends = around.depends.clone();
    Ok(Answered::new(&around.draw_all(context, &comments, embedded), depends)?.counted(counted))
}

/// One comment.
pub(super) fn show(
    conn: &mut Conn,
    context: &Context,
    mut params: Params,
    embed: &Embed,
    number: i64,
) -> Result<Answered, Failure> {
    let embedded = params.embedded("this comment")?;
    params.finish()?;
    let query = CommentQuery { include: Some(vec![number]), ..CommentQuery::default() };
    let (comments, _) = wordpress::comments(conn, &context.view, &query, Slice { offset: 0, limit: 1 })?;
    let posts = commented(conn, context, &comments)?;
    let around = Around::read(conn, context, &comments, &posts, embed)?;
    match around.draw_all(context, &comments, embedded).first() {
        Some(drawn) => Ok(Answered::new(drawn, around.depends.clone())?),
        None => Err(Wrong::not_found("rest_comment_invalid_id", "Invalid comment ID.").into()),
    }
}

/// What is embedded in posts that are embedded themselves.
static NOTHING: Embed = Embed::None;

/// The articles that comments stand under.
fn commented(conn: &mut Conn, context: &Context, comments: &[Comment]) -> Result<Vec<PublishedArticle>, Failure> {
    let mut articles: Vec<String> = comments.iter().map(|comment| comment.article.clone()).collect();
    articles.sort_unstable();
    articles.dedup();
    Ok(wordpress::posts_named(conn, &context.view, &articles)?)
}

/// What comments stand under, and reply to.
struct Around<'a> {
    /// By identity.
    posts: HashMap<String, &'a PublishedArticle>,
    /// If they are to be embedded.
    up: Option<Drawing<'a>>,
    /// What they reply to, if it is to be embedded.
    parents: Vec<Comment>,
    depends: Depends,
}

impl<'a> Around<'a> {
    fn read(
        conn: &mut Conn,
        context: &'a Context,
        comments: &[Comment],
        posts: &'a [PublishedArticle],
        embed: &Embed,
    ) -> Result<Self, Failure> {
        // With what they stand under, which is on some list.
        let mut depends = Depends::on(["list:comments".to_owned()])
            .shown_as(["lists", "list:all"].map(str::to_owned))
            .and_within(posts.iter().map(|article| article.summary.id.prefixed("article:")));
        let mut up = None;
        if embed.wants("up") {
            let drawing = Drawing::read(conn, context, posts, HashSet::new(), &NOTHING)?;
            depends = depends.and(drawing.depends.clone());
            up = Some(drawing);
        }
        let mut replied: Vec<i64> =
            comments.iter().map(|comment| comment.parent).filter(|parent| *parent > 0).collect();
        let mut parents = Vec::new();
        if embed.wants("in-reply-to") && !replied.is_empty() {
            replied.sort_unstable();
            replied.dedup();
            let all = Slice { offset: 0, limit: i64::try_from(replied.len()).unwrap_or(i64::MAX) };
            let query = CommentQuery { include: Some(replied), ..CommentQuery::default() };
            (parents, _) = wordpress::comments(conn, &context.view, &query, all)?;
        }
        let posts = posts.iter().map(|article| (article.summary.id.to_string(), article)).collect();
        Ok(Self { posts, up, parents, depends })
    }

    fn draw_all<'b>(&'b self, context: &Context, comments: &'b [Comment], embedded: bool) -> Vec<Shown<'b>> {
        let drawn = comments.iter().map(|comment| {
            let post = self.posts.get(&comment.article).copied();
            let url = post.map_or("", |post| &post.summary.joined.url);
            let parent = self.parents.iter().find(|parent| parent.number == comment.parent);
            let embeds = Embedded {
                up: self.up.as_ref().zip(post).map(|(drawing, post)| [Box::new(drawing.small(post))]),
                parent: parent.map(|parent| [Box::new(draw(context, parent, url, true))]),
            };
            let embeds = Some(embeds).filter(|embeds| embeds.up.is_some() || embeds.parent.is_some());
            Shown { _embedded: embeds, ..draw(context, comment, url, embedded) }
        });
        drawn.collect()
    }
}

/// A comment. What is none is left out where it is embedded.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    post: Option<i64>,
    parent: i64,
    author: i64,
    author_name: Escaped<'a>,
    author_url: &'a str,
    date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    date_gmt: Option<String>,
    content: Rendered<&'a str>,
    link: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(rename = "type")]
    sort: &'static str,
    author_avatar_urls: Avatars<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<Empty>,
    _links: Links,
    #[serde(skip_serializing_if = "Option::is_none")]
    _embedded: Option<Embedded<'a>>,
}

#[derive(Serialize)]
struct Embedded<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    up: Option<[Box<Small<'a>>; 1]>,
    #[serde(rename = "in-reply-to", skip_serializing_if = "Option::is_none")]
    parent: Option<[Box<Shown<'a>>; 1]>,
}

/// A comment under the post at `url`, whole or as it is embedded.
pub(super) fn draw<'a>(context: &Context, comment: &'a Comment, url: &str, embedded: bool) -> Shown<'a> {
    let Comment { number, post, parent, has_replies, .. } = *comment;
    let (date, date_gmt) = context.times(comment.created_at);
    Shown {
        id: number,
        post: (!embedded).then_some(post),
        parent,
        author: 0,
        author_name: Escaped(&comment.author_name),
        author_url: &comment.author_url,
        date,
        date_gmt: (!embedded).then_some(date_gmt),
        content: Rendered { rendered: &comment.html },
        link: format!("{url}#comment-{number}"),
        status: (!embedded).then_some("approved"),
        sort: "comment",
        author_avatar_urls: Avatars::of(None),
        meta: (!embedded).then_some([]),
        _links: Links::default()
            .with("self", own(context.at(&format!("comments/{number}"))))
            .with("collection", link(context.at("comments")))
            .with("up", embeddable(context.at(&format!("posts/{post}"))).of_type("post"))
            .with_some("in-reply-to", (parent > 0).then(|| embeddable(context.at(&format!("comments/{parent}")))))
            .with_some("children", has_replies.then(|| embeddable(context.at(&format!("comments?parent={number}"))))),
        _embedded: None,
    }
}

/// Leaves a comment, as every other one is left.
pub(super) async fn create(
    app: &web::Data<App>,
    request: &HttpRequest,
    address: ClientAddress,
    payload: dev::Payload,
) -> Answer {
    let root = app.config.link(ROOT);
    let kinds = ["application/json", "application/x-www-form-urlencoded"];
    let bytes = read(request, payload, MAX_BODY, &kinds).await?;
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let sent: Map<String, Value> = if kind.starts_with("application/json") {
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(members)) => members,
            _ => return refuse(&root, &Wrong::bad("rest_invalid_json", "Invalid JSON body passed."), false),
        }
    } else {
        let pairs = url::form_urlencoded::parse(&bytes);
        pairs.map(|(name, value)| (name.into_owned(), Value::from(value.into_owned()))).collect()
    };
    let (write, post, parent) = match written(&sent) {
        Ok(written) => written,
        Err(wrong) => return refuse(&root, &wrong, false),
    };
    let find = move |conn: &mut Conn, now: Timestamp| wordpress::commented(conn, post, parent, now);
    match leave(app, request, address, write, find).await {
        Ok((id, html, created_at)) => {
            let view = view(app);
            let work = move |conn: &mut Conn| {
                let numbers = wordpress::numbers_of(conn, vec![id.to_string()])?;
                let number = numbers.get(&id.to_string()).copied().unwrap_or(0);
                Ok((persistence::site::settings(conn)?, number))
            };
            let (settings, number) = app.db.read(work).await?;
            let context = Context { settings, view, root };
            let text = |name: &str| sent.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let comment = Comment {
                id: id.to_string(),
                number,
                article: String::new(),
                post,
                parent: parent.unwrap_or(0),
                author_name: text("author_name"),
                author_url: text("author_url"),
                html,
                created_at,
                has_replies: false,
            };
            let waiting = Shown { status: Some("hold"), ..draw(&context, &comment, "", false) };
            let mut response = HttpResponse::Created();
            for pair in common(&context.root, "GET, POST") {
                response.insert_header(pair);
            }
            response.insert_header((header::LOCATION, context.at(&format!("comments/{number}"))));
            response.content_type("application/json; charset=UTF-8");
            Ok(response.body(serde_json::to_vec(&waiting).map_err(Error::from)?))
        }
        Err(error) => match refusal(&error) {
            Some(wrong) => refuse(&root, &wrong, false),
            None => Err(error.into()),
        },
    }
}

/// What was sent, as every comment is; the post, and what it replies to.
fn written(sent: &Map<String, Value>) -> Result<(CommentWrite, i64, Option<i64>), Wrong> {
    let text = |name: &str| sent.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let number = |name: &str| match sent.get(name) {
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    let Some(post) = number("post").filter(|post| *post > 0) else {
        let message = "Sorry, you are not allowed to create this comment without a post.";
        return Err(Wrong::forbidden("rest_comment_invalid_post_id", message));
    };
    if text("author_name").is_none() || text("author_email").is_none() {
        let message = "Creating a comment requires valid author name and email values.";
        return Err(Wrong::bad("rest_comment_author_data_required", message));
    }
    let content = text("content").or_else(|| {
        let raw = sent.get("content")?.get("raw")?.as_str()?;
        Some(raw.trim()).filter(|raw| !raw.is_empty())
    });
    let Some(content) = content else {
        return Err(Wrong::bad("rest_comment_content_invalid", "Invalid comment content."));
    };
    let write = CommentWrite {
        author_name: text("author_name").map(str::to_owned),
        author_email: text("author_email").map(str::to_owned),
        author_url: text("author_url").map(str::to_owned),
        body: Some(content.to_owned()),
        ..CommentWrite::default()
    };
    Ok((write, post, number("parent").filter(|parent| *parent > 0)))
}

/// A refusal of ours in WordPress's words, if it has any for it.
fn refusal(error: &Error) -> Option<Wrong> {
    Some(match error {
        Error::NotFound(_) | Error::Gone { .. } => {
            let message = "Sorry, you are not allowed to create this comment without a post.";
            Wrong::forbidden("rest_comment_invalid_post_id", message)
        }
        Error::Conflict { code: "comments_closed", .. } => {
            Wrong::forbidden("rest_comment_closed", "Sorry, comments are closed for this item.")
        }
        Error::Conflict { code: "duplicate_comment", .. } => Wrong::new(
            actix_web::http::StatusCode::CONFLICT,
            "comment_duplicate",
            "Duplicate comment detected; it looks as though you've already said that!",
        ),
        Error::Unprocessable { code: "parent_not_available", .. } => {
            Wrong::bad("rest_comment_invalid_parent", "The comment you reply to is not shown under this post.")
        }
        Error::Invalid(faults) => {
            let details: Vec<&str> = faults.iter().map(|fault| fault.detail.as_str()).collect();
            Wrong::bad("rest_comment_content_invalid", &details.join(" "))
        }
        _ => return None,
    })
}
