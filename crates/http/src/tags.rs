//! Tags, for those who sign in and for readers.

use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post, web};
use domain::ids::TagId;
use domain::permissions::Action;
use domain::tags::{Tag, TagWrite};
use persistence::tags::{self, Position};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::answer::{Listing, Reply, Versioned, list, no_content, show};
use crate::page::{Cursors, limit};
use crate::problem::{Answer, Refusal};
use crate::refused;
use crate::request::{Body, Caller, Id, IdempotencyKey, IfMatch, Params, Patch};

impl Versioned for Tag {
    fn version(&self) -> u64 {
        self.version
    }
}

/// Which tags to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TagsQuery {
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u16>,
    /// Where to go on, from `page.next`.
    cursor: Option<String>,
    /// Whether to count them all.
    #[serde(default)]
    count: bool,
}

/// List tags
#[utoipa::path(tag = "taxonomy", security(("session" = [])), params(TagsQuery), responses(
    (status = 200, description = "Tags by name", body = Listing<Tag>),
    refused::List,
))]
#[get("/v1/admin/tags")]
pub(crate) async fn list_tags_admin(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    query: Params<TagsQuery>,
) -> Answer {
    let Params(TagsQuery { limit: asked, cursor, count }) = query;
    caller.by.may(Action::ReadTaxonomy)?;
    let limit = limit(asked)?;
    let cursors = Cursors::new(&app.secrets, "admin/tags", &())?;
    let after = cursors.read::<Position>(cursor.as_deref())?;
    let work = move |conn: &mut persistence::Conn, _| {
        let total = if count { Some(tags::count(conn)?) } else { None };
        Ok((tags::list(conn, after, limit + 1)?, total))
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
pub(crate) async fn get_tag_admin(app: web::Data<App>, caller: Caller, id: Id<TagId>) -> Answer {
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
    id: Id<TagId>,
    seen: IfMatch,
    patch: Patch<TagWrite>,
) -> Answer {
    let work = move |conn: &mut persistence::Conn, now| {
        let edit = |tag: &Tag| patch.apply(&TagWrite::from(tag))?.check();
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
    id: Id<TagId>,
    seen: IfMatch,
) -> Result<HttpResponse, Refusal> {
    app.write(move |conn, now| tags::delete(conn, &caller.by, id.0, &seen.seen(), now)).await?;
    Ok(no_content())
}
