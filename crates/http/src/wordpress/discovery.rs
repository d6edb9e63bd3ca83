//! The index: by which clients find out what is there.

use jiff::tz::Offset;
use serde_json::{Map, Value, json};

use super::shape::{Escaped, Links, link};
use super::wrong::Failure;
use super::{Answered, Context};
use crate::delivery::Depends;

/// A route: its pattern, its methods, and the parameters that it knows.
type Route = (&'static str, &'static [&'static str], &'static [&'static str]);

const LIST: &[&str] =
    &["context", "page", "per_page", "search", "exclude", "include", "offset", "order", "orderby", "slug"];
const POSTS: &[&str] = &[
    "context",
    "page",
    "per_page",
    "search",
    "after",
    "modified_after",
    "author",
    "author_exclude",
    "before",
    "modified_before",
    "exclude",
    "include",
    "offset",
    "order",
    "orderby",
    "slug",
    "status",
    "tax_relation",
    "categories",
    "categories_exclude",
    "tags",
    "tags_exclude",
    "sticky",
];
const PAGES: &[&str] = &[
    "context",
    "page",
    "per_page",
    "search",
    "after",
    "modified_after",
    "author",
    "author_exclude",
    "before",
    "modified_before",
    "exclude",
    "include",
    "menu_order",
    "offset",
    "order",
    "orderby",
    "parent",
    "parent_exclude",
    "slug",
    "status",
];
const TERMS: &[&str] = &[
    "context",
    "page",
    "per_page",
    "search",
    "exclude",
    "include",
    "order",
    "orderby",
    "hide_empty",
    "parent",
    "post",
    "slug",
];
const COMMENTS: &[&str] = &[
    "context",
    "page",
    "per_page",
    "search",
    "after",
    "before",
    "exclude",
    "include",
    "offset",
    "order",
    "orderby",
    "parent",
    "parent_exclude",
    "post",
];
const ONE: &[&str] = &["id", "context"];

const ROUTES: &[Route] = &[
    ("/", &["GET"], &["context"]),
    ("/wp/v2", &["GET"], &["namespace", "context"]),
    ("/wp/v2/posts", &["GET"], POSTS),
    ("/wp/v2/posts/(?P<id>[\\d]+)", &["GET"], ONE),
    ("/wp/v2/pages", &["GET"], PAGES),
    ("/wp/v2/pages/(?P<id>[\\d]+)", &["GET"], ONE),
    ("/wp/v2/media", &["GET"], LIST),
    ("/wp/v2/media/(?P<id>[\\d]+)", &["GET"], ONE),
    ("/wp/v2/categories", &["GET"], TERMS),
    ("/wp/v2/categories/(?P<id>[\\d]+)", &["GET"], ONE),
    ("/wp/v2/tags", &["GET"], TERMS),
    ("/wp/v2/tags/(?P<id>[\\d]+)", &["GET"], ONE),
    ("/wp/v2/comments", &["GET", "POST"], COMMENTS),
    ("/wp/v2/comments/(?P<id>[\\d]+)", &["GET"], ONE),
    ("/wp/v2/users", &["GET"], LIST),
    ("/wp/v2/users/(?P<id>[\\d]+)", &["GET"], ONE),
    ("/wp/v2/users/me", &["GET"], &["context"]),
    ("/wp/v2/search", &["GET"], &["context", "page", "per_page", "search", "type", "subtype", "exclude", "include"]),
    ("/wp/v2/types", &["GET"], &["context"]),
    ("/wp/v2/types/(?P<type>[\\w-]+)", &["GET"], &["type", "context"]),
    ("/wp/v2/taxonomies", &["GET"], &["context", "type"]),
    ("/wp/v2/taxonomies/(?P<taxonomy>[\\w-]+)", &["GET"], &["taxonomy", "context"]),
    ("/wp/v2/statuses", &["GET"], &["context"]),
    ("/wp/v2/statuses/(?P<status>[\\w-]+)", &["GET"], &["status", "context"]),
];

/// What the site is, and every route.
pub(super) fn index(context: &Context) -> Result<Answered, Failure> {
    let settings = &context.settings;
    let home = settings.site_url.as_deref().unwrap_or(context.view.public_url.as_str()).trim_end_matches('/');
    let offset: Offset = settings.zone().to_offset(context.view.now.to_jiff());
    let body = json!({
        "name": Escaped(&settings.name),
        "description": Escaped(&settings.description),
        "url": home,
        "home": home,
        "gmt_offset": f64::from(offset.seconds()) / 3600.0,
        "timezone_string": settings.timezone,
        "page_for_posts": 0,
        "page_on_front": 0,
        "show_on_front": "posts",
        "namespaces": ["wp/v2"],
        "authentication": {},
        "routes": routes(context),
        "site_logo": 0,
        "site_icon": 0,
        "site_icon_url": "",
        "_links": Links::default().with("help", link("https://developer.wordpress.org/rest-api/")).with_curies(),
    });
    Ok(Answered::new(&body, Depends::on_site())?)
}

/// The routes alone.
pub(super) fn namespace(context: &Context) -> Result<Answered, Failure> {
    let body = json!({
        "namespace": "wp/v2",
        "routes": routes(context),
        "_links": Links::default().with("up", link(context.link("/"))),
    });
    Ok(Answered::new(&body, Depends::on_site())?)
}

fn routes(context: &Context) -> Value {
    let routes = ROUTES.iter().map(|(pattern, methods, names)| {
        let args: Map<String, Value> =
            names.iter().map(|name| ((*name).to_owned(), json!({"required": false}))).collect();
        let namespace = if *pattern == "/" { "" } else { "wp/v2" };
        let endpoints: Vec<Value> = methods.iter().map(|method| json!({"methods": [method], "args": args})).collect();
        let mut route = json!({"namespace": namespace, "methods": methods, "endpoints": endpoints});
        if !pattern.contains('(') {
            route["_links"] = json!(Links::default().with("self", link(context.link(pattern))));
        }
        ((*pattern).to_owned(), route)
    });
    routes.collect::<Map<_, _>>().into()
}
