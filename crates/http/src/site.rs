//! The publication itself: what readers see of it, and its settings.

use actix_web::{get, patch, web};
use domain::permissions::Action;
use domain::site::{Settings, Site};
use persistence::site;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::App;
use crate::answer::{Public, Versioned, show};
use crate::delivery::Depends;
use crate::fields::{Fields, FieldsQuery};
use crate::problem::Answer;
use crate::refused;
use crate::request::{Caller, IfMatch, NoParams, Params, Patch};

/// The settings of the site, and what follows from its secrets.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AdminSite {
    #[serde(flatten)]
    #[allow(missing_docs, reason = "its members are described where they are")]
    site: Site,
    /// The key that clients of Ghost's Content API show. It is no secret: every front end holds it.
    #[schema(example = "22444f78447824223cefc48062")]
    ghost_content_key: String,
}

impl AdminSite {
    fn new(app: &App, site: Site) -> Self {
        Self { site, ghost_content_key: app.secrets.content_key() }
    }
}

impl Versioned for AdminSite {
    fn version(&self) -> u64 {
        self.site.version
    }
}

/// The publication, as readers see it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PublicSite {
    /// Its name.
    name: String,
    /// One or two sentences about it.
    description: String,
    /// The locale of what names none (BCP 47).
    #[schema(example = "en")]
    locale: String,
    /// Every locale it publishes in.
    locales: Vec<String>,
    /// Its IANA time zone.
    #[schema(example = "Europe/Berlin")]
    timezone: String,
    /// The front end's address.
    #[schema(format = "uri")]
    site_url: String,
    /// The shape of an article's path on the front end.
    #[schema(example = "/{slug}")]
    permalink: String,
    /// The shape of a category's path on the front end.
    #[schema(example = "/category/{path}")]
    category_path: String,
    /// The shape of a tag's path on the front end.
    #[schema(example = "/tag/{slug}")]
    tag_path: String,
    /// The shape of a byline's path on the front end.
    #[schema(example = "/author/{slug}")]
    byline_path: String,
}

impl PublicSite {
    pub(crate) fn new(app: &App, settings: Settings) -> Self {
        Self {
            name: settings.name,
            description: settings.description,
            locale: settings.locale,
            locales: settings.locales,
            timezone: settings.timezone,
            site_url: settings.site_url.unwrap_or_else(|| app.config.public_url.to_string()),
            permalink: settings.permalink,
            category_path: settings.category_path,
            tag_path: settings.tag_path,
            byline_path: settings.byline_path,
        }
    }
}

/// The members of the site, for `fields`.
const MEMBERS: [&str; 10] = [
    "name",
    "description",
    "locale",
    "locales",
    "timezone",
    "site_url",
    "permalink",
    "category_path",
    "tag_path",
    "byline_path",
];

/// Show the site to readers
#[utoipa::path(tag = "site", params(FieldsQuery), responses(
    (status = 200, description = "The publication", body = PublicSite,
        headers(("ETag" = String, description = "For `If-None-Match`"))),
    (status = 304, description = "The client has it already"),
    refused::ListPublic,
))]
#[get("/v1/site")]
pub(crate) async fn get_site(app: web::Data<App>, query: Params<FieldsQuery>) -> Answer {
    let fields = Fields::read(query.0.fields.as_deref(), &MEMBERS)?;
    let settings = app.read(|conn, _| site::current(conn)).await?.settings;
    let site = PublicSite::new(&app, settings);
    Ok(Public::new(&fields.of(&site)?, Depends::on_site())?.respond())
}

/// Show the settings of the site
#[utoipa::path(tag = "site", security(("session" = [])), responses(
    (status = 200, description = "The settings", body = AdminSite,
        headers(("ETag" = String, description = "Their version"))),
    refused::List,
))]
#[get("/v1/admin/settings")]
pub(crate) async fn get_settings(app: web::Data<App>, caller: Caller, _: Params<NoParams>) -> Answer {
    caller.by.may(Action::WriteSettings)?;
    let site = app.read(|conn, _| site::current(conn)).await?;
    show(&AdminSite::new(&app, site))
}

/// Settings to change. What is absent stays, `null` gives the default back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it stands for its schema; the patch is applied to `Settings`")]
struct SiteWrite {
    /// The publication's name.
    #[schema(max_length = 200)]
    name: Option<String>,
    /// One or two sentences about it.
    #[schema(max_length = 1000)]
    description: Option<String>,
    /// The locale of what names none (BCP 47).
    locale: Option<String>,
    /// Every locale it publishes in; holds `locale`.
    locales: Option<Vec<String>>,
    /// Its IANA time zone.
    timezone: Option<String>,
    /// The front end's address.
    #[schema(format = "uri")]
    site_url: Option<String>,
    /// The shape of an article's path on the front end; the answer says which placeholders there are.
    permalink: Option<String>,
    /// The shape of a category's path on the front end.
    category_path: Option<String>,
    /// The shape of a tag's path on the front end.
    tag_path: Option<String>,
    /// The shape of a byline's path on the front end.
    byline_path: Option<String>,
    /// Whether new articles take comments.
    comments: Option<bool>,
    /// The hub that feeds name (`WebSub`).
    #[schema(format = "uri")]
    websub_hub: Option<String>,
}

/// Change the settings of the site
///
/// A JSON merge patch: what is absent stays, `null` gives the default back. Every address follows at once.
#[utoipa::path(tag = "site", security(("session" = [])),
    params(("If-Match" = String, Header, description = "The ETag of the version you change")),
    request_body(content((SiteWrite = "application/merge-patch+json"), (SiteWrite = "application/json"))),
    responses(
        (status = 200, description = "The settings as they are now", body = AdminSite,
            headers(("ETag" = String, description = "Their version"))),
        refused::Change,
))]
#[patch("/v1/admin/settings")]
pub(crate) async fn update_settings(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    seen: IfMatch,
    patch: Patch<Settings>,
) -> Answer {
    let edit = move |settings: &Settings| patch.apply(settings);
    let site = app.write(move |conn, now| site::update(conn, &caller.by, &seen.seen(), edit, now)).await?;
    show(&AdminSite::new(&app, site))
}
