//! Comments: approved ones, and leaving one.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, dev, web};
use domain::comments::CommentWrite;
use domain::{Error, Timestamp};
use persistence::Conn;
use persistence::wordpress::{self, Comment, CommentOrder, CommentQuery, Slice};
use serde_json::{Map, Value, json};

use super::embed::Embed;
use super::params::Params;
use super::shape::{avatars, embeddable, escaped, link, own};
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
    let (body, depends) = drawn(conn, context, &comments, embed, embedded)?;
    let counted = Counted { total, per_page: slice.limit, page };
    Ok(Answered::new(body.into(), depends).counted(counted))
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
    let (mut body, depends) = drawn(conn, context, &comments, embed, embedded)?;
    match body.pop() {
        Some(body) => Ok(Answered::new(body, depends)),
        None => Err(Wrong::not_found("rest_comment_invalid_id", "Invalid comment ID.").into()),
    }
}

/// Comments with the addresses of what they stand under.
fn drawn(
    conn: &mut Conn,
    context: &Context,
    comments: &[Comment],
    embed: &Embed,
    embedded: bool,
) -> Result<(Vec<Value>, Depends), Failure> {
    let mut articles: Vec<String> = comments.iter().map(|comment| comment.article.clone()).collect();
    articles.sort_unstable();
    articles.dedup();
    // With what they stand under, which is on some list.
    let lists = ["lists", "list:all"].map(str::to_owned);
    let depends = Depends::on(["list:comments".to_owned()]).shown_as(lists);
    let depends = depends.and_within(articles.iter().map(|id| format!("article:{id}")));
    let found = persistence::published::addresses(conn, &context.view, &articles)?;
    let body = comments.iter().map(|comment| {
        let (url, title) = found.get(&comment.article).cloned().unwrap_or_default();
        let mut body = draw(context, comment, &url, embedded);
        if embed.wants("up") {
            let post = json!({
                "id": comment.post, "type": "post", "link": url, "title": {"rendered": escaped(&title)},
            });
            body["_embedded"] = json!({"up": [post]});
        }
        body
    });
    Ok((body.collect(), depends))
}

/// A comment under the post at `url`.
pub(super) fn draw(context: &Context, comment: &Comment, url: &str, embedded: bool) -> Value {
    let Comment { number, post, parent, author_name, author_url, html, created_at, .. } = comment;
    let (date, date_gmt) = context.times(*created_at);
    let mut links = json!({
        "self": own(&context.at(&format!("comments/{number}"))),
        "collection": link(&context.at("comments")),
        "up": [{"embeddable": true, "post_type": "post", "href": context.at(&format!("posts/{post}"))}],
    });
    if *parent > 0 {
        links["in-reply-to"] = embeddable(&context.at(&format!("comments/{parent}")));
    }
    if comment.has_replies {
        links["children"] = embeddable(&context.at(&format!("comments?parent={number}")));
    }
    let body = json!({"rendered": html});
    let link = format!("{url}#comment-{number}");
    if embedded {
        return json!({
            "id": number, "parent": parent, "author": 0, "author_name": escaped(author_name),
            "author_url": author_url, "date": date, "content": body, "link": link, "type": "comment",
            "author_avatar_urls": avatars(None), "_links": links,
        });
    }
    json!({
        "id": number, "post": post, "parent": parent, "author": 0, "author_name": escaped(author_name),
        "author_url": author_url, "date": date, "date_gmt": date_gmt, "content": body, "link": link,
        "status": "approved", "type": "comment", "author_avatar_urls": avatars(None), "meta": [], "_links": links,
    })
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
            let mut body = draw(&context, &comment, "", false);
            body["status"] = json!("hold");
            let mut response = HttpResponse::Created();
            for pair in common(&context.root, "GET, POST") {
                response.insert_header(pair);
            }
            response.insert_header((header::LOCATION, context.at(&format!("comments/{number}"))));
            response.content_type("application/json; charset=UTF-8");
            Ok(response.body(serde_json::to_vec(&body).map_err(Error::from)?))
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
