//! Types of posts, taxonomies and states: there are always the same.

use serde_json::{Map, Value, json};

use super::shape::{Links, link};
use super::wrong::{Failure, Wrong};
use super::{Answered, Context};
use crate::delivery::Depends;

/// Types of posts.
pub(super) fn types(context: &Context) -> Map<String, Value> {
    let of = |slug: &str, name: &str, base: &str, hierarchical: bool, taxonomies: &[&str]| {
        let links = items(context, "types", base);
        let kind = json!({
            "description": "", "hierarchical": hierarchical, "has_archive": false, "name": name, "slug": slug,
            "icon": null, "taxonomies": taxonomies, "rest_base": base, "rest_namespace": "wp/v2", "_links": links,
        });
        (slug.to_owned(), kind)
    };
    let all = [
        of("post", "Posts", "posts", false, &["category", "post_tag"]),
        of("page", "Pages", "pages", true, &[]),
        of("attachment", "Media", "media", false, &[]),
    ];
    all.into_iter().collect()
}

/// Taxonomies.
pub(super) fn taxonomies(context: &Context) -> Map<String, Value> {
    let of = |slug: &str, name: &str, base: &str, hierarchical: bool| {
        let links = items(context, "taxonomies", base);
        let taxonomy = json!({
            "name": name, "slug": slug, "description": "", "types": ["post"], "hierarchical": hierarchical,
            "rest_base": base, "rest_namespace": "wp/v2", "_links": links,
        });
        (slug.to_owned(), taxonomy)
    };
    let all = [of("category", "Categories", "categories", true), of("post_tag", "Tags", "tags", false)];
    all.into_iter().collect()
}

/// States; the public knows one.
pub(super) fn statuses(context: &Context) -> Map<String, Value> {
    let links = Links::default().with("archives", link(context.at("posts")));
    let publish = json!({
        "name": "Published", "public": true, "queryable": true, "slug": "publish", "date_floating": false,
        "_links": links,
    });
    Map::from_iter([("publish".to_owned(), publish)])
}

/// The links of a list of such things, whose items stand at `base`.
fn items(context: &Context, list: &str, base: &str) -> Links {
    let links = Links::default().with("collection", link(context.at(list)));
    links.with("wp:items", link(context.at(base))).with_curies()
}

/// All of them.
pub(super) fn all(all: &Map<String, Value>) -> Result<Answered, Failure> {
    Ok(Answered::new(all, Depends::on_site())?)
}

/// One of them.
pub(super) fn one(
    all: &Map<String, Value>,
    name: &str,
    code: &'static str,
    message: &str,
) -> Result<Answered, Failure> {
    match all.get(name) {
        Some(one) => Ok(Answered::new(one, Depends::on_site())?),
        None => Err(Wrong::not_found(code, message).into()),
    }
}
