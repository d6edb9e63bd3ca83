//! WordPress's API, for front ends that speak it: `wp/v2`, for reading, from what readers see.
//!
//! Its own rules hold here: what is unknown is ignored, faults are worded as WordPress words them, and pages are counted
//! from the beginning. Answers are kept as all public ones are.

mod comments;
mod discovery;
mod embed;
mod files;
mod kinds;
mod params;
mod posts;
mod search;
mod shape;
mod terms;
mod users;
mod wrong;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use domain::site::Settings;
use domain::{Error, Result, Timestamp};
use persistence::Conn;
use persistence::published::View;
use persistence::wordpress::Slice;
use serde::Serialize;
use serde_json::{Value, json};

use crate::App;
use crate::delivery::{Deliverable, Depends, tag};
use crate::problem::Answer;
use crate::reading::view;
use crate::refused;
use crate::request::ClientAddress;
use embed::Embed;
use params::Params;
use wrong::{Failure, Wrong};

pub(crate) use params::is_known;

/// Where it stands.
pub(crate) const ROOT: &str = "/wp-json";
const TOTAL: HeaderName = HeaderName::from_static("x-wp-total");
const PAGES: HeaderName = HeaderName::from_static("x-wp-totalpages");
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

/// What the WordPress API offers
///
/// Its index: the routes that are there, as WordPress describes them. `GET /?rest_route=/` is the same.
#[utoipa::path(tag = "wordpress", responses(
    (status = 200, description = "The index", body = Value,
        headers(("ETag" = String, description = "For `If-None-Match`")), example = json!({"namespaces": ["wp/v2"]})),
    (status = 304, description = "The client has it already"),
    refused::ReadPublic,
))]
#[get("/wp-json")]
pub(crate) async fn get_wordpress_index(app: web::Data<App>, request: HttpRequest) -> Answer {
    answer(&app, "/", request.query_string(), true).await
}

/// Read through the WordPress API
///
/// `wp/v2/posts`, `pages`, `categories`, `tags`, `comments`, `users`, `media`, `search`, `types`, `taxonomies` and
/// `statuses`, each also with `/{id}`, with WordPress's parameters, headers, bodies and refusals. What it does not know
/// it ignores. `GET /?rest_route=/wp/v2/...` is the same.
#[utoipa::path(tag = "wordpress", params(("path" = String, Path, description = "Such as `wp/v2/posts`")), responses(
    (status = 200, description = "As WordPress answers", body = Value,
        headers(("ETag" = String, description = "For `If-None-Match`"),
            ("X-WP-Total" = String, description = "Of a list: how many there are in all"),
            ("X-WP-TotalPages" = String, description = "Of a list: how many pages that makes"),
            ("Link" = String, description = "The pages before and after it")),
        example = json!([{"id": 12, "type": "post"}])),
    (status = 304, description = "The client has it already"),
    (status = 400, description = "A parameter is wrong", body = Value, example = json!({"code": "rest_invalid_param"})),
    (status = 401, description = "It takes a sign-in to WordPress", body = Value,
        example = json!({"code": "rest_forbidden_context"})),
    (status = 404, description = "There is no such thing", body = Value, example = json!({"code": "rest_no_route"})),
))]
#[get("/wp-json/{path:.*}")]
pub(crate) async fn get_wordpress(app: web::Data<App>, request: HttpRequest) -> Answer {
    let path = request.match_info().get("path").unwrap_or_default();
    answer(&app, &format!("/{path}"), request.query_string(), true).await
}

/// Leave a comment through the WordPress API
///
/// JSON or a form: `post`, `parent`, `author_name`, `author_email`, `author_url`, `content`. It waits for a moderator,
/// as every comment does.
#[utoipa::path(tag = "wordpress", request_body(content((Value = "application/json",
        example = json!({"post": 12, "author_name": "Ann", "author_email": "ann@example.org", "content": "Thank you."})),
        (Value = "application/x-www-form-urlencoded",
            example = json!({"post": "12", "author_name": "Ann", "author_email": "ann@example.org", "content": "Thanks."})))),
    responses(
        refused::SendPublic,
        (status = 201, description = "It has arrived, and waits", body = Value,
            headers(("Location" = String, description = "Where it will be")), example = json!({"status": "hold"})),
        (status = 400, description = "Something is missing or wrong", body = Value,
            example = json!({"code": "rest_comment_content_invalid"})),
        (status = 403, description = "The post takes no comments", body = Value,
            example = json!({"code": "rest_comment_closed"})),
        (status = 409, description = "It was sent before", body = Value,
            example = json!({"code": "comment_duplicate"})),
))]
#[post("/wp-json/wp/v2/comments")]
pub(crate) async fn create_wordpress_comment(
    app: web::Data<App>,
    request: HttpRequest,
    address: ClientAddress,
    body: web::Payload,
) -> Answer {
    if !app.config.wordpress {
        return Err(Error::NotFound("resource").into());
    }
    comments::create(&app, &request, address, body.into_inner()).await
}

/// The route that `GET /` names in its query, if it does.
pub(crate) fn rest_route(app: &App, request: &HttpRequest) -> Option<String> {
    if !app.config.wordpress || !request.query_string().contains("rest_route=") {
        return None;
    }
    let route = Params::read(request.query_string()).text("rest_route")?.to_owned();
    Some(if route.starts_with('/') { route } else { format!("/{route}") })
}

/// The link by which a page says that this API is there.
pub(crate) fn discovery_link(app: &App) -> Option<String> {
    let root = app.config.link(&format!("{ROOT}/"));
    app.config.wordpress.then(|| format!("<{root}>; rel=\"https://api.w.org/\""))
}

/// What is asked for.
struct Asked {
    path: Vec<String>,
    params: Params,
    embed: Embed,
}

/// What answers are made of.
struct Context {
    settings: Settings,
    view: View,
    root: String,
}

impl Context {
    /// The address of something of this API; `path` begins with `/`.
    fn link(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }

    /// The address of something of `wp/v2`.
    fn at(&self, path: &str) -> String {
        format!("{}/wp/v2/{path}", self.root)
    }

    /// A time as it is in the site's zone, and in UTC; neither says so.
    fn times(&self, at: Timestamp) -> (String, String) {
        let form = "%Y-%m-%dT%H:%M:%S";
        let local = at.to_jiff().to_zoned(self.settings.zone()).strftime(form).to_string();
        (local, at.to_jiff().strftime(form).to_string())
    }
}

/// What is answered.
struct Answered {
    /// As JSON.
    body: Vec<u8>,
    depends: Depends,
    /// Of a list.
    counted: Option<Counted>,
    /// Where the same is for people.
    alternate: Option<String>,
    allow: &'static str,
}

/// How long a list is, and which part of it is shown.
struct Counted {
    total: i64,
    per_page: i64,
    page: i64,
}

impl Counted {
    fn pages(&self) -> i64 {
        (self.total + self.per_page - 1) / self.per_page
    }

    /// Of posts, pages and files there is no page after the last; what is left out at the beginning is another matter.
    fn refuse_beyond(&self, params: &Params) -> Result<(), Wrong> {
        if self.total == 0 || self.page <= self.pages() || params.has("offset") {
            return Ok(());
        }
        let message = "The page number requested is larger than the number of pages available.";
        Err(Wrong::bad("rest_post_invalid_page_number", message))
    }
}

impl Answered {
    fn new(body: &(impl Serialize + ?Sized), depends: Depends) -> Result<Self> {
        Ok(Self { body: serde_json::to_vec(body)?, depends, counted: None, alternate: None, allow: "GET" })
    }

    fn counted(mut self, counted: Counted) -> Self {
        self.counted = Some(counted);
        self
    }
}

/// `page`, `per_page` and `offset`, which makes `page` idle.
fn slice(params: &mut Params) -> (Slice, i64) {
    let page = params.number("page", 1, 1, None);
    let per_page = params.number("per_page", 10, 1, Some(100));
    let offset = params.has("offset").then(|| params.number("offset", 0, 0, None));
    let offset = offset.unwrap_or_else(|| (page - 1).saturating_mul(per_page));
    (Slice { offset, limit: per_page }, page)
}

/// The part of a list that was put into order here.
fn cut<T>(list: Vec<T>, slice: Slice) -> Vec<T> {
    let (offset, limit) = (usize::try_from(slice.offset), usize::try_from(slice.limit));
    list.into_iter().skip(offset.unwrap_or(usize::MAX)).take(limit.unwrap_or(0)).collect()
}

/// Answers what stands at a path below the root; `tagged`: with an `ETag`.
pub(crate) async fn answer(app: &web::Data<App>, path: &str, query: &str, tagged: bool) -> Answer {
    if !app.config.wordpress {
        return Err(Error::NotFound("resource").into());
    }
    let params = Params::read(query);
    let (fields, enveloped) = (params.texts("_fields"), params.has("_envelope"));
    let embed = Embed::read(params.has("_embed").then(|| params.text("_embed").unwrap_or_default()));
    let path: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let route = format!("/{}", path.join("/"));
    let asked = Asked { path, params, embed };
    let (view, root) = (view(app), app.config.link(ROOT));
    let work = move |conn: &mut Conn| -> Result<_> {
        let settings = persistence::site::settings(conn)?;
        let context = Context { settings, view, root };
        match dispatch(conn, &context, asked) {
            Err(Failure::Ours(error)) => Err(error),
            Err(Failure::Wrong(wrong)) => Ok((Err(wrong), context)),
            Ok(answered) => Ok((Ok(answered), context)),
        }
    };
    let (answered, context) = app.db.read(work).await?;
    let answered = match answered {
        Ok(answered) => answered,
        Err(wrong) => return refuse(&context.root, &wrong, enveloped),
    };
    let mut headers = common(&context.root, answered.allow);
    if let Some(counted) = &answered.counted {
        headers.push((TOTAL, HeaderValue::from(counted.total)));
        headers.push((PAGES, HeaderValue::from(counted.pages())));
        let pages = links(&context.link(&route), query, counted);
        extend_link(&mut headers, &pages)?;
    }
    if let Some(alternate) = &answered.alternate {
        extend_link(&mut headers, &format!("<{alternate}>; rel=\"alternate\"; type=text/html"))?;
    }
    let fields = fields.unwrap_or_default();
    let body = match (fields.is_empty(), enveloped) {
        (true, false) => answered.body,
        _ => reshaped(&answered.body, &fields, enveloped.then_some(&headers))?,
    };
    let whole = Deliverable::whole("application/json; charset=UTF-8", body, answered.depends);
    let etag = whole.etag.filter(|_| tagged);
    Ok(Deliverable { etag, headers, ..whole }.carry())
}

/// Finds what a path means.
fn dispatch(conn: &mut Conn, context: &Context, asked: Asked) -> Result<Answered, Failure> {
    let Asked { path, params, embed } = asked;
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    let id = |text: &str| text.parse::<i64>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    match parts.as_slice() {
        [] => discovery::index(context),
        ["wp", "v2"] => discovery::namespace(context),
        ["wp", "v2", "posts"] => posts::list(conn, context, params, &embed, posts::POSTS),
        ["wp", "v2", "pages"] => posts::list(conn, context, params, &embed, posts::PAGES),
        ["wp", "v2", "media"] => files::list(conn, context, params),
        ["wp", "v2", "categories"] => terms::list(conn, context, params, &embed, terms::CATEGORIES),
        ["wp", "v2", "tags"] => terms::list(conn, context, params, &embed, terms::TAGS),
        ["wp", "v2", "comments"] => comments::list(conn, context, params, &embed),
        ["wp", "v2", "users"] => users::list(conn, context, params),
        ["wp", "v2", "users", "me"] => {
            Err(Wrong::sign_in("rest_not_logged_in", "You are not currently logged in.").into())
        }
        ["wp", "v2", "search"] => search::list(conn, context, params),
        ["wp", "v2", "types"] => kinds::all(&kinds::types(context)),
        ["wp", "v2", "types", name] => {
            kinds::one(&kinds::types(context), name, "rest_type_invalid", "Invalid post type.")
        }
        ["wp", "v2", "taxonomies"] => kinds::all(&kinds::taxonomies(context)),
        ["wp", "v2", "taxonomies", name] => {
            kinds::one(&kinds::taxonomies(context), name, "rest_taxonomy_invalid", "Invalid taxonomy.")
        }
        ["wp", "v2", "statuses"] => kinds::all(&kinds::statuses(context)),
        ["wp", "v2", "statuses", name] => {
            kinds::one(&kinds::statuses(context), name, "rest_status_invalid", "Invalid status.")
        }
        ["wp", "v2", what, number] => {
            let Some(number) = id(number) else { return Err(Wrong::no_route().into()) };
            match *what {
                "posts" => posts::show(conn, context, params, &embed, posts::POSTS, number),
                "pages" => posts::show(conn, context, params, &embed, posts::PAGES, number),
                "media" => files::show(conn, context, params, number),
                "categories" => terms::show(conn, context, params, &embed, terms::CATEGORIES, number),
                "tags" => terms::show(conn, context, params, &embed, terms::TAGS, number),
                "comments" => comments::show(conn, context, params, &embed, number),
                "users" => users::show(conn, context, params, number),
                _ => Err(Wrong::no_route().into()),
            }
        }
        _ => Err(Wrong::no_route().into()),
    }
}

type Headers = Vec<(HeaderName, HeaderValue)>;

/// What every answer of this API has.
fn common(root: &str, allow: &'static str) -> Headers {
    let allowed = "Authorization, X-WP-Nonce, Content-Disposition, Content-MD5, Content-Type";
    let mut headers = vec![
        (ROBOTS, HeaderValue::from_static("noindex")),
        (header::ALLOW, HeaderValue::from_static(allow)),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(allowed)),
        (
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("X-WP-Total, X-WP-TotalPages, Link, ETag, X-Request-Id"),
        ),
    ];
    if let Ok(link) = HeaderValue::try_from(format!("<{root}/>; rel=\"https://api.w.org/\"")) {
        headers.push((header::LINK, link));
    }
    headers
}

/// Adds to the one `Link`.
fn extend_link(headers: &mut Headers, more: &str) -> Result<()> {
    if more.is_empty() {
        return Ok(());
    }
    for (name, value) in headers {
        if *name == header::LINK {
            *value = HeaderValue::try_from(format!("{}, {more}", value.to_str()?))?;
        }
    }
    Ok(())
}

/// The pages before and after this one, with the parameters that were sent.
fn links(base: &str, query: &str, counted: &Counted) -> String {
    let (pages, page) = (counted.pages(), counted.page);
    let mut seen = std::collections::HashMap::<String, usize>::new();
    let mut kept: Vec<(String, String)> = Vec::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if name == "page" || name == "rest_route" {
            continue;
        }
        let name = match name.strip_suffix("[]") {
            Some(base) => {
                let index = seen.entry(base.to_owned()).or_default();
                *index += 1;
                format!("{base}[{}]", *index - 1)
            }
            None => name.into_owned(),
        };
        kept.push((name, value.into_owned()));
    }
    let link = |page: i64, rel: &str| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&kept).append_pair("page", &page.to_string());
        format!("<{base}?{}>; rel=\"{rel}\"", query.finish())
    };
    let before = (page > 1).then(|| link((page - 1).min(pages.max(1)), "prev"));
    let after = (page < pages).then(|| link(page + 1, "next"));
    before.into_iter().chain(after).collect::<Vec<_>>().join(", ")
}

/// A body with the members that were asked for alone, if any were, and inside an answer, if these headers are to be.
fn reshaped(body: &[u8], fields: &[String], enveloped: Option<&Headers>) -> Result<Vec<u8>> {
    let mut body: Value = serde_json::from_slice(body)?;
    if !fields.is_empty() {
        body = shape::chosen(body, fields);
    }
    if let Some(headers) = enveloped {
        body = envelope(body, 200, headers);
    }
    Ok(serde_json::to_vec(&body)?)
}

/// An answer inside an answer.
fn envelope(body: Value, status: u16, headers: &Headers) -> Value {
    let named = headers.iter().map(|(name, value)| {
        let name = if *name == TOTAL {
            "X-WP-Total".to_owned()
        } else if *name == PAGES {
            "X-WP-TotalPages".to_owned()
        } else {
            let words = name.as_str().split('-').map(|word| word[..1].to_uppercase() + &word[1..]);
            words.collect::<Vec<_>>().join("-")
        };
        let text = value.to_str().unwrap_or_default();
        (name, text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number)))
    });
    let named: Value = named.collect::<serde_json::Map<_, _>>().into();
    [("body", body), ("status", status.into()), ("headers", named)]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// A refusal in WordPress's words. It is not kept.
fn refuse(root: &str, wrong: &Wrong, enveloped: bool) -> Answer {
    let headers = common(root, "GET");
    let (mut body, mut status) = (wrong.body(), wrong.status);
    if enveloped {
        (body, status) = (envelope(body, status.as_u16(), &headers), StatusCode::OK);
    }
    let mut response = HttpResponse::build(status);
    for header in headers {
        response.insert_header(header);
    }
    let body = serde_json::to_vec(&body).map_err(Error::from)?;
    if enveloped {
        response.insert_header((header::ETAG, format!("\"{}\"", tag(&body))));
    }
    response.content_type("application/json; charset=UTF-8");
    Ok(response.body(body))
}
