//! The category tree, for those who sign in and for readers.

use std::collections::HashMap;

use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post, web};
use domain::categories::{Category, CategoryWrite};
use domain::ids::CategoryId;
use domain::permissions::Action;
use domain::published::CategorySmall;
use domain::site::{self, Settings};
use persistence::categories::{self, Shown};
use persistence::site::settings;
use persistence::taxonomy::Found;
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::answer::{Listing, Public, Reply, Versioned, list, moved, no_content, show};
use crate::delivery::Depends;
use crate::fields::{Fields, FieldsQuery};
use crate::page::{Cursors, PageQuery, PublicPageQuery, limit};
use crate::problem::{Answer, Refusal};
use crate::refused;
use crate::request::{Body, Caller, Id, IdempotencyKey, IfMatch, Name, NoParams, Params, Patch};

impl Versioned for Category {
    fn version(&self) -> u64 {
        self.version
    }
}

/// A category, as readers see it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PublicCategory {
    /// Its identity.
    id: CategoryId,
    /// Its name in addresses; unique on the site.
    #[schema(example = "business-succession")]
    slug: String,
    /// The slugs from the root of the tree down to it.
    #[schema(example = "business/business-succession")]
    path: String,
    /// Its name for people.
    name: String,
    /// What it is about.
    #[schema(required = true)]
    description: Option<String>,
    /// The category it stands under; null at the root.
    #[schema(required = true)]
    parent_id: Option<CategoryId>,
    /// Where it stands among its siblings, which are ordered by position, then name.
    position: i32,
    /// The way from the root of the tree down to it, itself included.
    breadcrumb: Vec<CategorySmall>,
    /// Articles in it, in every locale.
    article_count: u64,
    /// Articles in it or below it, in every locale; one that is in several counts once.
    subtree_count: u64,
    /// Its address on the front end.
    #[schema(format = "uri")]
    url: String,
}

/// A category with everything below it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CategoryNode {
    #[serde(flatten)]
    #[allow(missing_docs, reason = "its members are described where they are")]
    category: PublicCategory,
    /// The categories right under it, by position, then name.
    #[schema(no_recursion)]
    children: Vec<CategoryNode>,
}

/// The whole tree.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CategoryTree {
    /// The categories at the root, by position, then name.
    data: Vec<CategoryNode>,
}

/// The members of a category, for `fields`.
const MEMBERS: [&str; 11] = [
    "id",
    "slug",
    "path",
    "name",
    "description",
    "parent_id",
    "position",
    "breadcrumb",
    "article_count",
    "subtree_count",
    "url",
];

impl PublicCategory {
    pub(crate) fn new(app: &App, settings: &Settings, shown: Shown) -> Self {
        let Shown { category, breadcrumb, articles, articles_below } = shown;
        Self {
            url: site::category_url(settings, &app.config.public_url, &category.path),
            id: category.id,
            slug: category.slug,
            path: category.path,
            name: category.name,
            description: category.description,
            parent_id: category.parent_id,
            position: category.position,
            breadcrumb,
            article_count: articles,
            subtree_count: articles_below,
        }
    }
}

/// List categories for readers
///
/// Flat, by path. Counts are of published articles, whatever their locale.
#[utoipa::path(tag = "taxonomy", params(PublicPageQuery), responses(
    (status = 200, description = "Categories by path", body = Listing<PublicCategory>,
        headers(("ETag" = String, description = "For `If-None-Match`"),
            ("Link" = String, description = "The next page, `rel=\"next\"`"))),
    (status = 304, description = "The client has it already"),
    refused::ListPublic,
))]
#[get("/v1/categories")]
pub(crate) async fn list_categories(
    app: web::Data<App>,
    request: HttpRequest,
    query: Params<PublicPageQuery>,
) -> Answer {
    let Params(PublicPageQuery { limit: asked, cursor, count, fields }) = query;
    let limit = limit(asked)?;
    let fields = Fields::read(fields.as_deref(), &MEMBERS)?;
    let cursors = Cursors::new(&app.secrets, "categories", &())?;
    let after = cursors.read::<String>(cursor.as_deref())?;
    let work = move |conn: &mut persistence::Conn, now| {
        let total = if count { Some(categories::count(conn)?) } else { None };
        let categories = categories::list(conn, after.as_deref(), limit + 1)?;
        Ok((settings(conn)?, categories::shown(conn, categories, now)?, total))
    };
    let (settings, shown, total) = app.read(work).await?;
    let ids: Vec<String> = shown.iter().map(|shown| format!("category:{}", shown.category.id)).collect();
    let shown = shown.into_iter().map(|shown| PublicCategory::new(&app, &settings, shown)).collect();
    let listing = cursors.page(shown, limit, total, |category: &PublicCategory| category.path.clone())?;
    let listing = fields.of_each(listing)?;
    let depends = Depends::on(["list:categories".to_owned()]).and_within(ids);
    Ok(Public::new(&listing, depends)?.next(&app, &request, &listing.page).respond())
}

/// Show the category tree to readers
///
/// Whole, so that a front end draws its navigation from one answer. Counts are of published articles, whatever their locale.
#[utoipa::path(tag = "taxonomy", responses(
    (status = 200, description = "The tree from its root", body = CategoryTree,
        headers(("ETag" = String, description = "For `If-None-Match`"))),
    (status = 304, description = "The client has it already"),
    refused::ListPublic,
))]
#[get("/v1/categories/tree")]
pub(crate) async fn get_category_tree(app: web::Data<App>, _: Params<NoParams>) -> Answer {
    let work = |conn: &mut persistence::Conn, now| {
        let categories = categories::list(conn, None, i64::MAX)?;
        Ok((settings(conn)?, categories::shown(conn, categories, now)?))
    };
    let (settings, mut shown) = app.read(work).await?;
    let ids: Vec<String> = shown.iter().map(|shown| format!("category:{}", shown.category.id)).collect();
    let place = |shown: &Shown| (shown.category.position, shown.category.name.clone(), shown.category.id);
    shown.sort_by_cached_key(place);
    let mut children: HashMap<Option<CategoryId>, Vec<PublicCategory>> = HashMap::new();
    for shown in shown {
        let parent = shown.category.parent_id;
        children.entry(parent).or_default().push(PublicCategory::new(&app, &settings, shown));
    }
    let tree = CategoryTree { data: under(None, &mut children) };
    let depends = Depends::on(["list:categories".to_owned()]).and_within(ids);
    Ok(Public::new(&tree, depends)?.respond())
}

fn under(
    parent: Option<CategoryId>,
    children: &mut HashMap<Option<CategoryId>, Vec<PublicCategory>>,
) -> Vec<CategoryNode> {
    let here = children.remove(&parent).unwrap_or_default();
    here.into_iter().map(|category| CategoryNode { children: under(Some(category.id), children), category }).collect()
}

/// Show a category to readers
///
/// By its slug or its whole path. A slug or path that it had before leads to the present path. Counts are of published
/// articles, whatever their locale.
#[utoipa::path(tag = "taxonomy",
    params(("path" = String, Path, description = "Slug or whole path", example = "business/business-succession"),
        FieldsQuery),
    responses(
        (status = 200, description = "The category", body = PublicCategory,
            headers(("ETag" = String, description = "For `If-None-Match`"))),
        (status = 304, description = "The client has it already"),
        (status = 308, description = "It has another path now",
            headers(("Location" = String, description = "Where it is"))),
        refused::ReadPublic,
))]
#[get("/v1/categories/{path:.*}")]
pub(crate) async fn get_category(
    app: web::Data<App>,
    request: HttpRequest,
    path: Name,
    query: Params<FieldsQuery>,
) -> Answer {
    let fields = Fields::read(query.0.fields.as_deref(), &MEMBERS)?;
    let work = move |conn: &mut persistence::Conn, now| Ok((settings(conn)?, categories::show(conn, &path.0, now)?));
    match app.read(work).await? {
        (_, Found::Moved { id, name }) => {
            Ok(moved(&app, &request, "/v1/categories", &name, Depends::on([format!("category:{id}")])))
        }
        (settings, Found::Here(shown)) => {
            let category = PublicCategory::new(&app, &settings, shown);
            let depends = Depends::on([format!("category:{}", category.id)]);
            Ok(Public::new(&fields.of(&category)?, depends)?.respond())
        }
    }
}

/// List categories
#[utoipa::path(tag = "taxonomy", security(("session" = [])), params(PageQuery), responses(
    (status = 200, description = "Categories by path", body = Listing<Category>),
    refused::List,
))]
#[get("/v1/admin/categories")]
pub(crate) async fn list_categories_admin(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    query: Params<PageQuery>,
) -> Answer {
    let Params(PageQuery { limit: asked, cursor, count }) = query;
    caller.by.may(Action::ReadTaxonomy)?;
    let limit = limit(asked)?;
    let cursors = Cursors::new(&app.secrets, "admin/categories", &())?;
    let after = cursors.read::<String>(cursor.as_deref())?;
    let work = move |conn: &mut persistence::Conn, _| {
        let total = if count { Some(categories::count(conn)?) } else { None };
        Ok((categories::list(conn, after.as_deref(), limit + 1)?, total))
    };
    let (categories, total) = app.read(work).await?;
    list(&app, &request, &cursors.page(categories, limit, total, |category| category.path.clone())?)
}

/// Create a category
#[utoipa::path(tag = "taxonomy", security(("session" = [])), request_body = CategoryWrite,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key gives the same answer for 24 h")),
    responses(
        (status = 201, description = "The new category", body = Category,
            headers(("Location" = String, description = "Where it is"), ("ETag" = String, description = "Its version"))),
        refused::Create,
))]
#[post("/v1/admin/categories")]
pub(crate) async fn create_category(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    key: IdempotencyKey,
    body: Body<CategoryWrite>,
) -> Answer {
    let Body { value, fingerprint } = body;
    app.once(key.of(&caller, fingerprint), move |conn, now| {
        caller.by.may(Action::WriteCategories)?;
        let category = categories::create(conn, &caller.by, &value.check()?, now)?;
        Reply::created(format!("/v1/admin/categories/{}", category.id), &category)
    })
    .await
}

/// Show a category
#[utoipa::path(tag = "taxonomy", security(("session" = [])), params(("id" = CategoryId, Path)), responses(
    (status = 200, description = "The category", body = Category,
        headers(("ETag" = String, description = "Its version"))),
    refused::Read,
))]
#[get("/v1/admin/categories/{id}")]
pub(crate) async fn get_category_admin(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    id: Id<CategoryId>,
) -> Answer {
    caller.by.may(Action::ReadTaxonomy)?;
    show(&app.read(move |conn, _| categories::find(conn, id.0)).await?)
}

/// Change or move a category
///
/// A JSON merge patch: what is absent stays, `null` clears. Everything below it moves along: paths and lists are right
/// as soon as this answers, and the old paths lead to the new ones.
#[utoipa::path(tag = "taxonomy", security(("session" = [])),
    params(("id" = CategoryId, Path),
        ("If-Match" = String, Header, description = "The ETag of the version you change")),
    request_body(content((CategoryWrite = "application/merge-patch+json"), (CategoryWrite = "application/json"))),
    responses(
        (status = 200, description = "The category as it is now", body = Category,
            headers(("ETag" = String, description = "Its version"))),
        refused::Change,
))]
#[patch("/v1/admin/categories/{id}")]
pub(crate) async fn update_category(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    id: Id<CategoryId>,
    seen: IfMatch,
    patch: Patch<CategoryWrite>,
) -> Answer {
    let work = move |conn: &mut persistence::Conn, now| {
        let edit = |category: &Category| patch.apply(&CategoryWrite::from(category))?.check_change(&category.slug);
        categories::update(conn, &caller.by, id.0, &seen.seen(), edit, now)
    };
    show(&app.write(work).await?)
}

/// Delete a category
///
/// Only one under which no other stands (409 `category_not_empty`). Articles lose it at once.
#[utoipa::path(tag = "taxonomy", security(("session" = [])),
    params(("id" = CategoryId, Path),
        ("If-Match" = String, Header, description = "The ETag of the version you delete")),
    responses((status = 204, description = "It is gone"), refused::Act),
)]
#[delete("/v1/admin/categories/{id}")]
pub(crate) async fn delete_category(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    id: Id<CategoryId>,
    seen: IfMatch,
) -> Result<HttpResponse, Refusal> {
    app.write(move |conn, now| categories::delete(conn, &caller.by, id.0, &seen.seen(), now)).await?;
    Ok(no_content())
}
