//! Tags, for those who sign in and for readers.

use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post, web};
use domain::ids::TagId;
use domain::permissions::Action;
use domain::site::{self, Settings};
use domain::tags::{Tag, TagWrite};
use persistence::site::settings;
use persistence::tags::{self, Position};
use persistence::taxonomy::{Counted, Found};
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

impl Versioned for Tag {
    fn version(&self) -> u64 {
        self.version
    }
}

/// A tag, as readers see it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PublicTag {
    /// Its identity.
    id: TagId,
    /// Its name in addresses.
    slug: String,
    /// Its name for people.
    name: String,
    /// What it stands for.
    #[schema(required = true)]
    description: Option<String>,
    /// Articles that carry it, in every locale.
    article_count: u64,
    /// Its address on the front end.
    #[schema(format = "uri")]
    url: String,
}

/// The members of a tag, for `fields`.
const MEMBERS: [&str; 6] = ["id", "slug", "name", "description", "article_count", "url"];

impl PublicTag {
    pub(crate) fn new(app: &App, settings: &Settings, counted: Counted<Tag>) -> Self {
        let Counted { item: Tag { id, slug, name, description, .. }, articles } = counted;
        let url = site::tag_url(settings, &app.config.public_url, &slug);
        Self { id, slug, name, description, article_count: articles, url }
    }
}

/// List tags for readers
///
/// Counts are of published articles, whatever their locale.
#[utoipa::path(tag = "taxonomy", params(PublicPageQuery), responses(
    (status = 200, description = "Tags by name", body = Listing<PublicTag>,
        headers(("ETag" = String, description = "For `If-None-Match`"),
            ("Link" = String, description = "The next page, `rel=\"next\"`"))),
    (status = 304, description = "The client has it already"),
    refused::ListPublic,
))]
#[get("/v1/tags")]
pub(crate) async fn list_tags(app: web::Data<App>, request: HttpRequest, query: Params<PublicPageQuery>) -> Answer {
    let Params(PublicPageQuery { limit: asked, cursor, count, fields }) = query;
    let limit = limit(asked)?;
    let fields = Fields::read(fields.as_deref(), &MEMBERS)?;
    let cursors = Cursors::new(&app.secrets, "tags", &())?;
    let after = cursors.read::<Position>(cursor.as_deref())?;
    let work = move |conn: &mut persistence::Conn, now| {
        let total = if count { Some(tags::count(conn, false)?) } else { None };
        let tags = tags::list(conn, false, after, limit + 1)?;
        Ok((settings(conn)?, tags::counted(conn, tags, now)?, total))
    };
    let (settings, tags, total) = app.read(work).await?;
    let ids: Vec<String> = tags.iter().map(|tag| format!("tag:{}", tag.item.id)).collect();
    let tags = tags.into_iter().map(|tag| PublicTag::new(&app, &settings, tag)).collect();
    let listing = cursors.page(tags, limit, total, |tag: &PublicTag| (tag.name.clone(), tag.id))?;
    let listing = fields.of_each(listing)?;
    let depends = Depends::on(["list:tags".to_owned()]).and_within(ids);
    Ok(Public::new(&listing, depends)?.next(&app, &request, &listing.page).respond())
}

/// Show a tag to readers
///
/// A slug that it had before leads to the present one.
#[utoipa::path(tag = "taxonomy", params(("slug" = String, Path, description = "Its slug"), FieldsQuery), responses(
    (status = 200, description = "The tag", body = PublicTag,
        headers(("ETag" = String, description = "For `If-None-Match`"))),
    (status = 304, description = "The client has it already"),
    (status = 308, description = "It has another slug now", headers(("Location" = String, description = "Where it is"))),
    refused::ReadPublic,
))]
#[get("/v1/tags/{slug}")]
pub(crate) async fn get_tag(
    app: web::Data<App>,
    request: HttpRequest,
    slug: Name,
    query: Params<FieldsQuery>,
) -> Answer {
    let fields = Fields::read(query.0.fields.as_deref(), &MEMBERS)?;
    let work = move |conn: &mut persistence::Conn, now| Ok((settings(conn)?, tags::show(conn, &slug.0, now)?));
    match app.read(work).await? {
        (_, Found::Moved { id, name }) => {
            Ok(moved(&app, &request, "/v1/tags", &name, Depends::on([format!("tag:{id}")])))
        }
        (settings, Found::Here(tag)) => {
            let depends = Depends::on([format!("tag:{}", tag.item.id)]);
            let tag = fields.of(&PublicTag::new(&app, &settings, tag))?;
            Ok(Public::new(&tag, depends)?.respond())
        }
    }
}

/// List tags
#[utoipa::path(tag = "taxonomy", security(("session" = [])), params(PageQuery), responses(
    (status = 200, description = "Tags by name", body = Listing<Tag>),
    refused::List,
))]
#[get("/v1/admin/tags")]
pub(crate) async fn list_tags_admin(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    query: Params<PageQuery>,
) -> Answer {
    let Params(PageQuery { limit: asked, cursor, count }) = query;
    caller.by.may(Action::ReadTaxonomy)?;
    let limit = limit(asked)?;
    let cursors = Cursors::new(&app.secrets, "admin/tags", &())?;
    let after = cursors.read::<Position>(cursor.as_deref())?;
    let work = move |conn: &mut persistence::Conn, _| {
        let total = if count { Some(tags::count(conn, true)?) } else { None };
        Ok((tags::list(conn, true, after, limit + 1)?, total))
    };
    let (tags, total) = app.read(work).await?;
    list(&app, &request, &cursors.page(tags, limit, total, |tag| (tag.name.clone(), tag.id))?)
}

/// Create a tag
#[utoipa::path(tag = "taxonomy", security(("session" = [])), request_body = TagWrite,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key gives the same answer for 24 h")),
    responses(
        (status = 201, description = "The new tag", body = Tag,
            headers(("Location" = String, description = "Where it is"), ("ETag" = String, description = "Its version"))),
        refused::Create,
))]
#[post("/v1/admin/tags")]
pub(crate) async fn create_tag(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    key: IdempotencyKey,
    body: Body<TagWrite>,
) -> Answer {
    let Body { value, fingerprint } = body;
    app.once(key.of(&caller, fingerprint), move |conn, now| {
        caller.by.may(Action::WriteTags)?;
        let tag = tags::create(conn, &caller.by, &value.check()?, now)?;
        Reply::created(format!("/v1/admin/tags/{}", tag.id), &tag)
    })
    .await
}

/// Show a tag
#[utoipa::path(tag = "taxonomy", security(("session" = [])), params(("id" = TagId, Path)), responses(
    (status = 200, description = "The tag", body = Tag, headers(("ETag" = String, description = "Its version"))),
    refused::Read,
))]
#[get("/v1/admin/tags/{id}")]
pub(crate) async fn get_tag_admin(app: web::Data<App>, caller: Caller, _: Params<NoParams>, id: Id<TagId>) -> Answer {
    caller.by.may(Action::ReadTaxonomy)?;
    show(&app.read(move |conn, _| tags::find(conn, id.0)).await?)
}

/// Change a tag
///
/// A JSON merge patch: what is absent stays, `null` clears. A new slug is public at once; the old one leads to it.
#[utoipa::path(tag = "taxonomy", security(("session" = [])),
    params(("id" = TagId, Path), ("If-Match" = String, Header, description = "The ETag of the version you change")),
    request_body(content((TagWrite = "application/merge-patch+json"), (TagWrite = "application/json"))),
    responses(
        (status = 200, description = "The tag as it is now", body = Tag,
            headers(("ETag" = String, description = "Its version"))),
        refused::Change,
))]
#[patch("/v1/admin/tags/{id}")]
pub(crate) async fn update_tag(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    id: Id<TagId>,
    seen: IfMatch,
    patch: Patch<TagWrite>,
) -> Answer {
    let work = move |conn: &mut persistence::Conn, now| {
        let edit = |tag: &Tag| patch.apply(&TagWrite::from(tag))?.check_change(&tag.slug);
        tags::update(conn, &caller.by, id.0, &seen.seen(), edit, now)
    };
    show(&app.write(work).await?)
}

/// Delete a tag
///
/// Articles lose it at once.
#[utoipa::path(tag = "taxonomy", security(("session" = [])),
    params(("id" = TagId, Path), ("If-Match" = String, Header, description = "The ETag of the version you delete")),
    responses((status = 204, description = "It is gone"), refused::Act),
)]
#[delete("/v1/admin/tags/{id}")]
pub(crate) async fn delete_tag(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    id: Id<TagId>,
    seen: IfMatch,
) -> Result<HttpResponse, Refusal> {
    app.write(move |conn, now| tags::delete(conn, &caller.by, id.0, &seen.seen(), now)).await?;
    Ok(no_content())
}
