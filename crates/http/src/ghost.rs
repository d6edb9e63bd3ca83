//! Ghost's Content API, for front ends that speak it: what readers see, as Ghost shows it.
//!
//! Its own rules hold here: whoever asks shows a key, what is unknown is ignored, faults are worded as Ghost words them,
//! and pages are counted from the beginning. Answers are kept as all public ones are, whatever the key.

mod authors;
mod few;
mod filters;
mod keys;
mod nql;
mod params;
mod posts;
mod reading_time;
mod route;
mod settings;
mod shape;
mod tags;
mod wrong;

use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, get, web};
use domain::site::Settings;
use domain::{Error, Result, Timestamp};
use persistence::Conn;
use persistence::published::View;
use serde_json::{Value, json};

use crate::App;
use crate::delivery::{Deliverable, Depends, tag};
use crate::problem::Answer;
use crate::reading::view;
use params::{Page, Params};
use route::Route;
use wrong::{Failure, Wrong};

pub(crate) use keys::{ContentKeys, admit};
pub(crate) use params::address;

/// The version of Ghost that answers look like.
const VERSION: &str = "6.65";
/// The same for `Content-Version`.
const SHOWN_VERSION: HeaderValue = HeaderValue::from_static("v6.65");
/// Versions that clients may name in the path; all of them get the same.
const OLD_VERSIONS: [&str; 4] = ["v2", "v3", "v4", "canary"];
const KIND: &str = "application/json; charset=utf-8";
const CONTENT_VERSION: HeaderName = HeaderName::from_static("content-version");
const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");

/// Read through the Ghost Content API
///
/// `posts`, `pages`, `tags`, `authors` (each also by id, or by `slug/…`), `settings`, `tiers`, `newsletters`,
/// `recommendations`, `offers/…` and `search-index/posts`, `/tags`, `/authors`, as Ghost answers them, with its
/// parameters, of which unknown ones are ignored. The settings of the site name a key. Of `filter`, the language NQL is
/// understood.
#[utoipa::path(tag = "ghost", params(("path" = String, Path, description = "What to read, such as `posts/slug/hello`"), ContentQuery),
    responses(ContentAnswers))]
#[get("/ghost/api/content/{path:.*}")]
pub(crate) async fn get_ghost(app: web::Data<App>, request: HttpRequest) -> Answer {
    answer(&app, &request).await
}

/// Read through an older Ghost Content API
///
/// The same as the present one.
#[utoipa::path(tag = "ghost", params(("version" = String, Path, description = "`v2`, `v3`, `v4` or `canary`"),
    ("path" = String, Path, description = "What to read, such as `posts/slug/hello`"), ContentQuery),
    responses(ContentAnswers))]
#[get("/ghost/api/{version}/content/{path:.*}")]
pub(crate) async fn get_ghost_version(app: web::Data<App>, request: HttpRequest) -> Answer {
    answer(&app, &request).await
}

/// What may be asked for.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it stands for its schema; `Params` reads them")]
struct ContentQuery {
    /// One of the publication's content keys.
    #[param(example = "22444f78447824223cefc48062")]
    key: String,
    /// How many, 1 to 100; `all` is 100.
    #[param(example = "15")]
    limit: Option<String>,
    /// Which page, counted from 1.
    page: Option<String>,
    /// Such as `published_at desc, title asc`.
    order: Option<String>,
    /// What to bring along: `tags`, `authors`, `tiers`, `count.posts`.
    #[param(example = "tags,authors")]
    include: Option<String>,
    /// Only these members, parted by commas.
    #[param(example = "title,slug,url")]
    fields: Option<String>,
    /// `html` (the default), `plaintext`.
    formats: Option<String>,
    /// Which, in NQL.
    #[param(example = "tag:advice+featured:true")]
    filter: Option<String>,
}

/// What may be answered.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "it stands for the document")]
enum ContentAnswers {
    /// What it is, as Ghost shows it
    #[response(status = 200, headers(("ETag" = String, description = "For `If-None-Match`"),
        ("Content-Version" = String, description = "The version of Ghost that it looks like")),
        example = json!({"posts": [], "meta": {"pagination": {"page": 1, "limit": 15, "pages": 1, "total": 0,
            "next": null, "prev": null}}}))]
    Found(Value),
    /// The client has it already
    #[response(status = 304)]
    Known,
    /// A parameter, or the filter, is not understood
    #[response(status = 400, example = json!({"errors": [{"type": "BadRequestError"}]}))]
    Malformed(Value),
    /// The key is not good
    #[response(status = 401, example = json!({"errors": [{"type": "UnauthorizedError"}]}))]
    UnknownKey(Value),
    /// There is no key
    #[response(status = 403, example = json!({"errors": [{"type": "NoPermissionError"}]}))]
    NoKey(Value),
    /// There is no such thing
    #[response(status = 404, example = json!({"errors": [{"type": "NotFoundError"}]}))]
    NotFound(Value),
    /// A parameter breaks a rule
    #[response(status = 422, example = json!({"errors": [{"type": "ValidationError", "property": "page"}]}))]
    Invalid(Value),
    /// Too many keys were not good
    #[response(status = 429, headers(("Retry-After" = i32, description = "Seconds to wait")),
        example = json!({"errors": [{"type": "TooManyRequestsError"}]}))]
    TooMany(Value),
}

/// What stands below `/content/` at a path of this API, and the old version that the path names.
pub(crate) fn content_path(path: &str) -> Option<(Option<&str>, &str)> {
    let rest = path.strip_prefix("/ghost/api/")?;
    let (version, rest) = if let Some(rest) = rest.strip_prefix("content") {
        (None, rest)
    } else {
        let (version, rest) = rest.split_once('/')?;
        (Some(OLD_VERSIONS.into_iter().find(|known| *known == version)?), rest.strip_prefix("content")?)
    };
    rest.starts_with('/').then_some((version, rest))
}

/// What answers are made of.
struct Context {
    settings: Settings,
    view: View,
}

impl Context {
    /// A time in the site's zone, with its offset.
    fn time(&self, at: Timestamp) -> String {
        at.to_jiff().to_zoned(self.settings.zone()).strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
    }
}

/// What is answered.
struct Answered {
    body: Value,
    depends: Depends,
    /// Whether it stays true until something changes.
    lasts: bool,
}

impl Answered {
    fn new(body: Value, depends: Depends) -> Self {
        Self { body, depends, lasts: true }
    }
}

/// A page of a list as Ghost shows it.
fn list(name: &str, items: &[Value], page: Page, total: i64) -> Value {
    let Page { page, limit } = page;
    let pages = ((total + limit - 1) / limit).max(1);
    let next = (page < pages).then(|| page + 1);
    let prev = (page > 1).then(|| (page - 1).min(pages));
    let pagination = json!({"page": page, "limit": limit, "pages": pages, "total": total, "next": next, "prev": prev});
    json!({name: items, "meta": {"pagination": pagination}})
}

async fn answer(app: &web::Data<App>, request: &HttpRequest) -> Answer {
    if !app.config.ghost {
        return Err(Error::NotFound("resource").into());
    }
    let (view, params) = (view(app), Params::read(request.query_string()));
    let path = request.path().to_owned();
    let work = move |conn: &mut Conn| -> Result<_> {
        let Some(route) = content_path(&path).and_then(|(_, rest)| Route::of(rest)) else {
            return Ok(Err((Wrong::not_found("Resource not found"), None)));
        };
        let settings = persistence::site::settings(conn)?;
        match dispatch(conn, &Context { settings, view }, &params, route) {
            Ok(answered) => Ok(Ok(answered)),
            Err(Failure::Wrong(wrong)) => Ok(Err((wrong, Some(route.action())))),
            Err(Failure::Ours(error)) => Err(error),
        }
    };
    let Answered { body, depends, lasts } = match app.db.read(work).await? {
        Ok(answered) => answered,
        Err((wrong, action)) => return Ok(refuse(&wrong, action)),
    };
    let mut headers = common();
    if let Some((Some(version), rest)) = content_path(request.path()) {
        let latest = app.config.link(&format!("/ghost/api/content{rest}"));
        let mut add = |name, value: String| -> Result<()> {
            headers.push((name, HeaderValue::try_from(value)?));
            Ok(())
        };
        add(DEPRECATION, format!("version=\"{version}\""))?;
        add(header::LINK, format!("<{latest}>; rel=\"latest-version\""))?;
    }
    let body = serde_json::to_vec(&body).map_err(Error::from)?;
    if !lasts {
        let mut response = HttpResponse::Ok();
        for pair in headers {
            response.insert_header(pair);
        }
        return Ok(response.content_type(KIND).insert_header((header::ETAG, format!("\"{}\"", tag(&body)))).body(body));
    }
    Ok(Deliverable { headers, ..Deliverable::whole(KIND, body, depends) }.carry())
}

fn dispatch(conn: &mut Conn, context: &Context, params: &Params, route: Route<'_>) -> Result<Answered, Failure> {
    match route {
        Route::Articles(kind, which) => posts::answer(conn, context, params, kind, which),
        Route::Tags(which) => tags::answer(conn, context, params, which),
        Route::Authors(which) => authors::answer(conn, context, params, which),
        Route::Settings => Ok(settings::show(context)),
        Route::Tiers => settings::tiers(params),
        Route::Newsletters => settings::nothing("newsletters", params),
        Route::Recommendations => settings::nothing("recommendations", params),
        Route::Offer => Err(Wrong::not_found("Offer not found.").into()),
        Route::SearchIndex(indexed) => match indexed {
            route::Indexed::Posts => posts::index(conn, context),
            route::Indexed::Tags => tags::index(conn, context),
            route::Indexed::Authors => authors::index(conn, context),
        },
    }
}

type Headers = Vec<(HeaderName, HeaderValue)>;

/// What every answer of this API has.
fn common() -> Headers {
    vec![
        (CONTENT_VERSION, SHOWN_VERSION),
        (header::VARY, HeaderValue::from_static("Accept-Version, Accept-Encoding")),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    ]
}

/// A refusal in Ghost's words; `action` is what cannot be done by it. It is not kept.
fn refuse(wrong: &Wrong, action: Option<&str>) -> HttpResponse {
    let mut response = HttpResponse::build(wrong.status);
    for pair in common() {
        response.insert_header(pair);
    }
    if let Some(seconds) = wrong.retry_after {
        response.insert_header((header::RETRY_AFTER, seconds));
    }
    response.content_type(KIND).body(wrong.body(action).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_point_to_those_around_them() {
        let around = |page, total| {
            let list = list("posts", &[], Page { page, limit: 15 }, total);
            let of = |name: &str| list["meta"]["pagination"][name].clone();
            (of("pages"), of("prev"), of("next"))
        };
        assert_eq!(around(1, 0), (json!(1), json!(null), json!(null)));
        assert_eq!(around(1, 16), (json!(2), json!(null), json!(2)));
        assert_eq!(around(2, 16), (json!(2), json!(1), json!(null)));
        assert_eq!(around(9, 16), (json!(2), json!(2), json!(null)));
    }

    #[test]
    fn old_versions_are_found_in_paths() {
        assert_eq!(content_path("/ghost/api/content/posts/"), Some((None, "/posts/")));
        assert_eq!(content_path("/ghost/api/v3/content/posts"), Some((Some("v3"), "/posts")));
        for none in
            ["/ghost/api/content", "/ghost/api/contents/", "/ghost/api/v9/content/posts", "/ghost/api/admin/posts"]
        {
            assert_eq!(content_path(none), None);
        }
    }
}
