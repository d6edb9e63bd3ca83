//! Bylines, for those who sign in and for readers.

use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post, web};
use domain::bylines::{Byline, BylineWrite};
use domain::ids::BylineId;
use domain::permissions::Action;
use domain::site::{self, Settings};
use persistence::bylines::{self, Position};
use persistence::site::settings;
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

impl Versioned for Byline {
    fn version(&self) -> u64 {
        self.version
    }
}

/// A byline, as readers see it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PublicByline {
    /// Its identity.
    id: BylineId,
    /// Its name in addresses.
    slug: String,
    /// The name that is printed.
    name: String,
    /// Who it is.
    #[schema(required = true)]
    bio: Option<String>,
    /// A picture of the person.
    #[schema(format = "uri", required = true)]
    avatar_url: Option<String>,
    /// Where there is more about the person.
    #[schema(format = "uri", required = true)]
    website: Option<String>,
    /// Articles that are signed with it, in every locale.
    article_count: u64,
    /// Its address on the front end.
    #[schema(format = "uri")]
    url: String,
}

/// The members of a byline, for `fields`.
const MEMBERS: [&str; 8] = ["id", "slug", "name", "bio", "avatar_url", "website", "article_count", "url"];

impl PublicByline {
    pub(crate) fn new(app: &App, settings: &Settings, counted: Counted<Byline>) -> Self {
        let Counted { item: Byline { id, slug, name, bio, avatar_url, website, .. }, articles } = counted;
        let url = site::byline_url(settings, &app.config.public_url, &slug);
        Self { id, slug, name, bio, avatar_url, website, article_count: articles, url }
    }
}

/// List bylines for readers
///
/// Counts are of published articles, whatever their locale.
#[utoipa::path(tag = "taxonomy", params(PublicPageQuery), responses(
    (status = 200, description = "Bylines by name", body = Listing<PublicByline>,
        headers(("ETag" = String, description = "For `If-None-Match`"),
            ("Link" = String, description = "The next page, `rel=\"next\"`"))),
    (status = 304, description = "The client has it already"),
    refused::ListPublic,
))]
#[get("/v1/bylines")]
pub(crate) async fn list_bylines(app: web::Data<App>, request: HttpRequest, query: Params<PublicPageQuery>) -> Answer {
    let Params(PublicPageQuery { limit: asked, cursor, count, fields }) = query;
    let limit = limit(asked)?;
    let fields = Fields::read(fields.as_deref(), &MEMBERS)?;
    let cursors = Cursors::new(&app.secrets, "bylines", &())?;
    let after = cursors.read::<Position>(cursor.as_deref())?;
    let work = move |conn: &mut persistence::Conn, now| {
        let total = if count { Some(bylines::count(conn)?) } else { None };
        let bylines = bylines::list(conn, after, limit + 1)?;
        Ok((settings(conn)?, bylines::counted(conn, bylines, now)?, total))
    };
    let (settings, bylines, total) = app.read(work).await?;
    let ids: Vec<String> = bylines.iter().map(|byline| format!("byline:{}", byline.item.id)).collect();
    let bylines = bylines.into_iter().map(|byline| PublicByline::new(&app, &settings, byline)).collect();
    let listing = cursors.page(bylines, limit, total, |byline: &PublicByline| (byline.name.clone(), byline.id))?;
    let listing = fields.of_each(listing)?;
    let depends = Depends::on(["list:bylines".to_owned()]).and_within(ids);
    Ok(Public::new(&listing, depends)?.next(&app, &request, &listing.page).respond())
}

/// Show a byline to readers
///
/// A slug that it had before leads to the present one.
#[utoipa::path(tag = "taxonomy", params(("slug" = String, Path, description = "Its slug"), FieldsQuery), responses(
    (status = 200, description = "The byline", body = PublicByline,
        headers(("ETag" = String, description = "For `If-None-Match`"))),
    (status = 304, description = "The client has it already"),
    (status = 308, description = "It has another slug now", headers(("Location" = String, description = "Where it is"))),
    refused::ReadPublic,
))]
#[get("/v1/bylines/{slug}")]
pub(crate) async fn get_byline(
    app: web::Data<App>,
    request: HttpRequest,
    slug: Name,
    query: Params<FieldsQuery>,
) -> Answer {
    let fields = Fields::read(query.0.fields.as_deref(), &MEMBERS)?;
    let work = move |conn: &mut persistence::Conn, now| Ok((settings(conn)?, bylines::show(conn, &slug.0, now)?));
    match app.read(work).await? {
        (_, Found::Moved { id, name }) => {
            Ok(moved(&app, &request, "/v1/bylines", &name, Depends::on([format!("byline:{id}")])))
        }
        (settings, Found::Here(byline)) => {
            let depends = Depends::on([format!("byline:{}", byline.item.id)]);
            let byline = fields.of(&PublicByline::new(&app, &settings, byline))?;
            Ok(Public::new(&byline, depends)?.respond())
        }
    }
}

/// List bylines
#[utoipa::path(tag = "taxonomy", security(("session" = [])), params(PageQuery), responses(
    (status = 200, description = "Bylines by name", body = Listing<Byline>),
    refused::List,
))]
#[get("/v1/admin/bylines")]
pub(crate) async fn list_bylines_admin(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    query: Params<PageQuery>,
) -> Answer {
    let Params(PageQuery { limit: asked, cursor, count }) = query;
    caller.by.may(Action::ReadTaxonomy)?;
    let limit = limit(asked)?;
    let cursors = Cursors::new(&app.secrets, "admin/bylines", &())?;
    let after = cursors.read::<Position>(cursor.as_deref())?;
    let work = move |conn: &mut persistence::Conn, _| {
        let total = if count { Some(bylines::count(conn)?) } else { None };
        Ok((bylines::list(conn, after, limit + 1)?, total))
    };
    let (bylines, total) = app.read(work).await?;
    list(&app, &request, &cursors.page(bylines, limit, total, |byline| (byline.name.clone(), byline.id))?)
}

/// Create a byline
#[utoipa::path(tag = "taxonomy", security(("session" = [])), request_body = BylineWrite,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key gives the same answer for 24 h")),
    responses(
        (status = 201, description = "The new byline", body = Byline,
            headers(("Location" = String, description = "Where it is"), ("ETag" = String, description = "Its version"))),
        refused::Create,
))]
#[post("/v1/admin/bylines")]
pub(crate) async fn create_byline(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    key: IdempotencyKey,
    body: Body<BylineWrite>,
) -> Answer {
    let Body { value, fingerprint } = body;
    app.once(key.of(&caller, fingerprint), move |conn, now| {
        caller.by.may(Action::WriteBylines)?;
        let byline = bylines::create(conn, &caller.by, &value.check()?, now)?;
        Reply::created(format!("/v1/admin/bylines/{}", byline.id), &byline)
    })
    .await
}

/// Show a byline
#[utoipa::path(tag = "taxonomy", security(("session" = [])), params(("id" = BylineId, Path)), responses(
    (status = 200, description = "The byline", body = Byline, headers(("ETag" = String, description = "Its version"))),
    refused::Read,
))]
#[get("/v1/admin/bylines/{id}")]
pub(crate) async fn get_byline_admin(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    id: Id<BylineId>,
) -> Answer {
    caller.by.may(Action::ReadTaxonomy)?;
    show(&app.read(move |conn, _| bylines::find(conn, id.0)).await?)
}

/// Change a byline
///
/// A JSON merge patch: what is absent stays, `null` clears. A new slug is public at once; the old one leads to it.
#[utoipa::path(tag = "taxonomy", security(("session" = [])),
    params(("id" = BylineId, Path), ("If-Match" = String, Header, description = "The ETag of the version you change")),
    request_body(content((BylineWrite = "application/merge-patch+json"), (BylineWrite = "application/json"))),
    responses(
        (status = 200, description = "The byline as it is now", body = Byline,
            headers(("ETag" = String, description = "Its version"))),
        refused::Change,
))]
#[patch("/v1/admin/bylines/{id}")]
pub(crate) async fn update_byline(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    id: Id<BylineId>,
    seen: IfMatch,
    patch: Patch<BylineWrite>,
) -> Answer {
    let work = move |conn: &mut persistence::Conn, now| {
        let edit = |byline: &Byline| patch.apply(&BylineWrite::from(byline))?.check_change(&byline.slug);
        bylines::update(conn, &caller.by, id.0, &seen.seen(), edit, now)
    };
    show(&app.write(work).await?)
}

/// Delete a byline
///
/// Articles lose it at once.
#[utoipa::path(tag = "taxonomy", security(("session" = [])),
    params(("id" = BylineId, Path), ("If-Match" = String, Header, description = "The ETag of the version you delete")),
    responses((status = 204, description = "It is gone"), refused::Act),
)]
#[delete("/v1/admin/bylines/{id}")]
pub(crate) async fn delete_byline(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    id: Id<BylineId>,
    seen: IfMatch,
) -> Result<HttpResponse, Refusal> {
    app.write(move |conn, now| bylines::delete(conn, &caller.by, id.0, &seen.seen(), now)).await?;
    Ok(no_content())
}
