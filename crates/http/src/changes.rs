//! What changed for the public: for replicas and static builds, and live.

mod documents;
mod stream;

pub(crate) use stream::*;

use actix_web::{get, web};
use data_encoding::BASE64URL_NOPAD;
use domain::{Error, Fault, Result, Timestamp};
use persistence::changes::delta::{self, Delta, Place};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::answer::{Page, json};
use crate::fields::names;
use crate::page::limit;
use crate::problem::Answer;
use crate::reading::view;
use crate::refused;
use crate::request::Params;

/// From where on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ChangesQuery {
    /// A token from an answer before. Absent: everything that is public, from the beginning.
    since: Option<String>,
    /// `page.next` of the answer before; the same as `since`.
    cursor: Option<String>,
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u16>,
    /// `documents`: with the document of everything that is there.
    #[param(example = "documents")]
    include: Option<String>,
}

/// Something that came, changed or went.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PublicChange {
    /// `upsert`: it is there, in this form. `delete`: it is no longer there.
    #[schema(example = "upsert")]
    op: &'static str,
    /// `article` (or page), `category`, `tag`, `byline`, `comment` or `site`.
    #[schema(example = "article")]
    resource: &'static str,
    /// Its identity; of the site, `site`.
    id: String,
    /// Its slug, if it has one.
    #[schema(required = true)]
    slug: Option<String>,
    /// Its locale, if it has one.
    #[schema(required = true)]
    locale: Option<String>,
    /// When it changed.
    at: Timestamp,
    /// As its own route shows it; of a comment, without its replies. Only with `include=documents`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    document: Option<Value>,
}

impl PublicChange {
    fn new(delta: Delta, document: Option<Value>) -> Self {
        let Delta { op, resource, id, slug, locale, at, .. } = delta;
        Self { op: op.as_str(), resource: resource.as_str(), id, slug, locale, at, document }
    }
}

/// Some of what changed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Changes {
    /// In the order in which it is to be applied.
    data: Vec<PublicChange>,
    /// Where to go on at once.
    page: Page,
    /// What to send as `since` to hear of what comes after these.
    token: String,
}

/// What changed for the public
///
/// Without `since`, everything that is public; then, from the token of the last answer on, every change in the order in
/// which it was made. Whoever applies them all has what the other routes say. An article takes its comments along when
/// it comes or goes. A token from another database, or from before what is still known, is refused with 410: start over.
#[utoipa::path(tag = "changes", params(ChangesQuery), responses(
    (status = 200, description = "Some of what changed", body = Changes),
    refused::Follow,
))]
#[get("/v1/changes")]
pub(crate) async fn list_changes(app: web::Data<App>, query: Params<ChangesQuery>) -> Answer {
    let Params(ChangesQuery { since, cursor, limit: asked, include }) = query;
    let limit = limit(asked)?;
    let documents = with_documents(include.as_deref())?;
    let place = match (since, cursor) {
        (Some(_), Some(_)) => {
            let detail = "`cursor` goes on where `since` began: send one of them.";
            return Err(Error::Malformed(Fault::parameter("cursor", "one_too_many", detail)).into());
        }
        (Some(token), None) => Some(read_token("since", &token)?),
        (None, Some(token)) => Some(read_token("cursor", &token)?),
        (None, None) => None,
    };
    let (deltas, changes) = read(&app, place, limit, documents).await?;
    let token = write_token(&deltas.1)?;
    let page = Page { next: deltas.0.then(|| token.clone()), total: None };
    json(&Changes { data: changes.into_iter().map(|(change, _)| change).collect(), page, token })
}

fn with_documents(include: Option<&str>) -> Result<bool> {
    Ok(include.map(|asked| names("include", asked, &["documents"])).transpose()?.is_some())
}

/// Some changes, each with where a reader stands who knows of it; whether there are more, and where it stands then.
async fn read(
    app: &web::Data<App>,
    place: Option<Place>,
    limit: i64,
    documents: bool,
) -> Result<((bool, Place), Vec<(PublicChange, Place)>)> {
    let (view, config) = (view(app), app.clone());
    let work = move |conn: &mut persistence::Conn| {
        let deltas = delta::read(conn, place, limit, view.now)?;
        let mut found =
            if documents { documents::of(conn, &config, &view, &deltas.data)? } else { documents::Found::default() };
        let change = |mut delta: Delta| {
            let place = delta.place.clone();
            let document = found.remove(&(delta.resource.as_str(), delta.id.clone()));
            // It is gone by now; that it went comes later.
            if documents && document.is_none() {
                delta.op = persistence::changes::Op::Delete;
            }
            (PublicChange::new(delta, document), place)
        };
        let changes = deltas.data.into_iter().map(change).collect();
        Ok(((deltas.more, deltas.place), changes))
    };
    app.db.read(work).await
}

fn write_token(place: &Place) -> Result<String> {
    Ok(BASE64URL_NOPAD.encode(&serde_json::to_vec(place)?))
}

fn read_token(parameter: &str, token: &str) -> Result<Place> {
    let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).ok();
    let place = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    place.ok_or_else(|| {
        let detail = format!("`{parameter}` is a token from an answer before, as it was.");
        Error::Malformed(Fault::parameter(parameter, "malformed", detail))
    })
}
