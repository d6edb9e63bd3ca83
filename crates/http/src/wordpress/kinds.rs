//! Types of posts, taxonomies and states: there are always the same.

use serde_json::{Map, Value, json};

use super::shape::{curies, link};
use super::wrong::{Failure, Wrong};
use super::{Answered, Context};
use crate::delivery::Depends;

/// Types of posts.
pub(super) fn types(context: &Context) -> Answered {
    let of = |slug: &str, name: &str, base: &str, hierarchical: bool, taxonomies: &[&str]| {
        let links = json!({
            "collection": link(&context.at("types")),
            "wp:items": link(&context.at(base)),
            "curies": curies(),
        });
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
    Answered::new(all.into_iter().collect::<Map<_, _>>().into(), Depends::on_site())
}

/// Taxonomies.
pub(super) fn taxonomies(context: &Context) -> Answered {
    let of = |slug: &str, name: &str, base: &str, hierarchical: bool| {
        let links = json!({
            "collection": link(&context.at("taxonomies")),
            "wp:items": link(&context.at(base)),
            "curies": curies(),
        });
        let taxonomy = json!({
            "name": name, "slug": slug, "description": "", "types": ["post"], "hierarchical": hierarchical,
            "rest_base": base, "rest_namespace": "wp/v2", "_links": links,
        });
        (slug.to_owned(), taxonomy)
    };
    let all = [of("category", "Categories", "categories", true), of("post_tag", "Tags", "tags", false)];
    Answered::new(all.into_iter().collect::<Map<_, _>>().into(), Depends::on_site())
}

/// States; the public knows one.
pub(super) fn statuses(context: &Context) -> Answered {
    let archives = link(&context.at("posts"));
    let publish = json!({
        "name": "Published", "public": true, "queryable": true, "slug": "publish", "date_floating": false,
        "_links": {"archives": archives},
    });
    Answered::new(json!({"publish": publish}), Depends::on_site())
}

/// One of them.
pub(super) fn one(all: Answered, name: &str, code: &'static str, message: &str) -> Result<Answered, Failure> {
    match all.body.get(name) {
        Some(one) => Ok(Answered::new(Value::clone(one), all.depends)),
        None => Err(Wrong::not_found(code, message).into()),
    }
}
