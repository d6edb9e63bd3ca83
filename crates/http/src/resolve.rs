//! What a path of the front end means now. It never redirects itself: the front end does.

use actix_web::{get, web};
use domain::site::Settings;
use domain::{Error, Fault};
use persistence::resolve::{self, Meaning, Resolved, Resource};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::answer::Public;
use crate::delivery::Depends;
use crate::problem::Answer;
use crate::refused;
use crate::request::Params;

/// Longest path that is looked at, in bytes.
const MAX_PATH: usize = 2_000;

/// Which path.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ResolveQuery {
    /// A path on the front end; it may carry a query.
    #[param(required = true, example = "/who-takes-over", max_length = 2000)]
    path: Option<String>,
}

/// What a path means.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Resolution {
    /// 200: it is the path of `resource`. 301: `resource` is at `path` now, or a rule leads there. 410: it was withdrawn
    /// for good.
    #[schema(example = 200)]
    status: u16,
    /// The path as it is now; or, where a rule leads elsewhere, a whole address.
    #[schema(example = "/who-takes-over")]
    path: String,
    /// What stands there; null with 410, and where it is nothing of Byline's.
    #[schema(required = true)]
    resource: Option<ResolvedResource>,
}

/// What stands at a path.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResolvedResource {
    /// `article`, `page`, `category`, `tag` or `byline`.
    #[schema(example = "article")]
    kind: String,
    /// Its identity.
    #[schema(format = "uuid")]
    id: String,
    /// Its slug.
    slug: String,
}

/// Resolve a path
///
/// Says what a path of the front end means now. It always answers 200 for what is or was there, and never redirects.
#[utoipa::path(tag = "site", params(ResolveQuery), responses(
    (status = 200, description = "What the path means", body = Resolution,
        headers(("ETag" = String, description = "For `If-None-Match`"))),
    (status = 304, description = "The client has it already"),
    refused::ReadPublic,
))]
#[get("/v1/resolve")]
pub(crate) async fn resolve_path(app: web::Data<App>, query: Params<ResolveQuery>) -> Answer {
    let asked = query.0.path.unwrap_or_default();
    if !asked.starts_with('/') || asked.len() > MAX_PATH {
        let detail = format!("`path` is a path that begins with `/`, of at most {MAX_PATH} bytes.");
        return Err(Error::Malformed(Fault::parameter("path", "not_a_path", detail)).into());
    }
    let path = asked.clone();
    let work = move |conn: &mut persistence::Conn, now| {
        let settings = persistence::site::current(conn)?.settings;
        Ok((resolve::resolve(conn, &settings, now, &path)?, settings))
    };
    let (resolved, settings) = app.read(work).await?;
    let depends = depends(&resolved, &settings);
    let resolution = match resolved.meaning {
        Meaning::Nothing => return Err(Error::NotFound("path").into()),
        Meaning::Gone => Resolution { status: 410, path: asked, resource: None },
        Meaning::Elsewhere(path) => Resolution { status: 301, path, resource: None },
        Meaning::Resource(resource) => Resolution {
            status: if domain::site::same_path(&settings, &asked, &resource.path) { 200 } else { 301 },
            path: resource.path,
            resource: Some(ResolvedResource { kind: resource.kind, id: resource.id, slug: resource.slug }),
        },
    };
    Ok(Public::new(&resolution, depends)?.respond())
}

/// What the meaning of a path depends on: where the thing is, and on everything that could come before it.
pub(crate) fn depends(resolved: &Resolved, settings: &Settings) -> Depends {
    // The path of a category moves without the article; what its articles say of it is entered for each of them.
    let moves = settings.permalink.contains("{category}");
    let address = |id: &str| {
        let keys = [format!("address:{id}")].into_iter().chain(moves.then(|| format!("article:{id}")));
        Depends::default().and_within(keys).shown_as([format!("article:{id}")])
    };
    // A rule for the path would come first.
    let rules = Depends::on(["redirect:all".to_owned()]);
    rules.and(match &resolved.meaning {
        _ if resolved.contested || resolved.meaning == Meaning::Gone => {
            Depends::on(["addresses", "list:categories", "list:tags", "list:bylines"].map(str::to_owned))
        }
        Meaning::Resource(Resource { id, locale: Some(locale), .. }) if *locale == settings.locale => address(id),
        Meaning::Resource(Resource { kind, id, locale: None, .. }) => Depends::on([format!("{kind}:{id}")]),
        _ => Depends::on(["addresses".to_owned()]),
    })
}
