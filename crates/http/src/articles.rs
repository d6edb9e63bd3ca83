//! Articles for those who write and publish them.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post, web};
use domain::articles::{ArticleDocument, ArticleWrite, Kind, Revision, State};
use domain::ids::ArticleId;
use domain::permissions::Action;
use domain::{Actor, Error, Fault, Result, Timestamp};
use persistence::Conn;
use persistence::articles::{self, Position, Query};
use persistence::published::View;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::answer::{Listing, Reply, Versioned, list, no_content, show};
use crate::fields::names;
use crate::page::{Cursors, limit};
use crate::problem::{Answer, Refusal};
use crate::refused;
use crate::request::{Body, Caller, Id, IdempotencyKey, IfMatch, NoParams, Params, Patch};

/// Room for a body of 1 MiB whose every other character is escaped in JSON.
const LIMIT: usize = 3 * 1024 * 1024;

/// How documents are drawn for editors: what a transaction sees that is not committed yet is nobody else's.
fn view(app: &App) -> View {
    View { forms: Arc::default(), ..crate::reading::view(app) }
}

impl Versioned for ArticleDocument {
    fn version(&self) -> u64 {
        self.version
    }
}

/// Which articles to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AdminArticlesQuery {
    /// In this state now.
    state: Option<State>,
    /// Articles, or pages; absent: both.
    kind: Option<Kind>,
    /// In this locale; absent: every one.
    locale: Option<String>,
    /// With this in the title, whatever the case.
    #[param(max_length = 200)]
    q: Option<String>,
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u16>,
    /// Where to go on, from `page.next`.
    cursor: Option<String>,
    /// Whether to count them all.
    #[serde(default)]
    count: bool,
    /// `body`: with `body`, `body_html` and `toc`.
    #[param(example = "body")]
    include: Option<String>,
}

/// List articles for editors
///
/// Those that the caller may see, last changed first, whatever their state.
#[utoipa::path(tag = "articles", security(("session" = [])), params(AdminArticlesQuery), responses(
    (status = 200, description = "A page of articles", body = Listing<ArticleDocument>),
    refused::List,
))]
#[get("/v1/admin/articles")]
pub(crate) async fn list_articles_admin(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    query: Params<AdminArticlesQuery>,
) -> Answer {
    let Params(AdminArticlesQuery { state, kind, locale, q, limit: asked, cursor, count, include }) = query;
    let limit = limit(asked)?;
    if q.as_ref().is_some_and(|q| q.chars().count() > 200) {
        return Err(Error::Malformed(Fault::parameter("q", "too_long", "Search for at most 200 characters.")).into());
    }
    let include = include.as_deref().map(|asked| names("include", asked, &["body"])).transpose()?;
    let query = Query { state, kind, locale, q };
    let cursors = Cursors::new(&app.secrets, "admin/articles", &query)?;
    let after = cursors.read::<Position>(cursor.as_deref())?;
    let (view, with) = (view(&app), (include.is_some(), count));
    let read = move |conn: &mut Conn| articles::list(conn, &caller.by, &query, (after, limit + 1), with, &view);
    let listed = app.db.read(read).await?;
    let position = |article: &ArticleDocument| (article.updated_at.micros(), article.id);
    list(&app, &request, &cursors.page(listed.articles, limit, listed.total, position)?)
}

/// Create an article
///
/// It begins as a draft. The slug is made from the title if absent.
#[utoipa::path(tag = "articles", security(("session" = [])), request_body = ArticleWrite,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key gives the same answer for 24 h")),
    responses(
        (status = 201, description = "The new draft", body = ArticleDocument,
            headers(("Location" = String, description = "Where it is"), ("ETag" = String, description = "Its version"))),
        refused::Create,
))]
#[post("/v1/admin/articles")]
pub(crate) async fn create_article(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    key: IdempotencyKey,
    body: Body<ArticleWrite, LIMIT>,
) -> Answer {
    let Body { value, fingerprint } = body;
    let view = view(&app);
    app.once(key.of(&caller, fingerprint), move |conn, now| {
        caller.by.reach(Action::WriteArticles)?;
        let id = articles::create(conn, &caller.by, value.check()?, now)?;
        Reply::created(format!("/v1/admin/articles/{id}"), &articles::document(conn, &caller.by, id, &view)?)
    })
    .await
}

/// Show an article to its editors
#[utoipa::path(tag = "articles", security(("session" = [])), params(("id" = ArticleId, Path)), responses(
    (status = 200, description = "The article, at its newest revision", body = ArticleDocument,
        headers(("ETag" = String, description = "Its version"))),
    refused::Read,
))]
#[get("/v1/admin/articles/{id}")]
pub(crate) async fn get_article_admin(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    id: Id<ArticleId>,
) -> Answer {
    let view = view(&app);
    show(&app.db.read(move |conn| articles::document(conn, &caller.by, id.0, &view)).await?)
}

/// Change an article
///
/// A JSON merge patch: what is absent stays, `null` clears. It makes a revision; the public sees it at the next
/// publication.
#[utoipa::path(tag = "articles", security(("session" = [])),
    params(("id" = ArticleId, Path), ("If-Match" = String, Header, description = "The ETag of the version you change")),
    request_body(content((ArticleWrite = "application/merge-patch+json"), (ArticleWrite = "application/json"))),
    responses(
        (status = 200, description = "The article as it is now", body = ArticleDocument,
            headers(("ETag" = String, description = "Its version"))),
        refused::Change,
))]
#[patch("/v1/admin/articles/{id}")]
pub(crate) async fn update_article(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    id: Id<ArticleId>,
    seen: IfMatch,
    patch: Patch<ArticleWrite, LIMIT>,
) -> Answer {
    change(&app, caller.by, id.0, move |conn, by, now| {
        articles::update(
            conn,
            by,
            id.0,
            &seen.seen(),
            |write| patch.apply(write)?.check_change(write.slug.as_deref().unwrap_or_default()),
            now,
        )
    })
    .await
}

/// Changes an article, and answers with it as it is then.
async fn change<F>(app: &App, by: Actor, id: ArticleId, work: F) -> Answer
where
    F: FnOnce(&mut Conn, &Actor, Timestamp) -> Result<()> + Send + 'static,
{
    let view: View = view(app);
    let document = app.db.write(move |conn| {
        work(conn, &by, view.now)?;
        articles::document(conn, &by, id, &view)
    });
    show(&document.await?)
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident $path:literal => $operation:path;)*) => {$(
        $(#[$doc])*
        #[utoipa::path(tag = "articles", security(("session" = [])),
            params(("id" = ArticleId, Path),
                ("If-Match" = String, Header, description = "The ETag of the version you decide on")),
            responses(
                (status = 200, description = "The article as it is now", body = ArticleDocument,
                    headers(("ETag" = String, description = "Its version"))),
                refused::Act,
        ))]
        #[post($path)]
        pub(crate) async fn $name(
            app: web::Data<App>,
            caller: Caller,
            _: Params<NoParams>,
            id: Id<ArticleId>,
            seen: IfMatch,
        ) -> Answer {
            change(&app, caller.by, id.0, move |conn, by, now| $operation(conn, by, id.0, &seen.seen(), now)).await
        }
    )*};
}

actions! {
    /// Publish an article
    ///
    /// The public sees its newest revision from now on.
    publish_article "/v1/admin/articles/{id}/publish" => articles::publish;

    /// Unschedule an article
    ///
    /// Takes the set time back; what is live stays.
    unschedule_article "/v1/admin/articles/{id}/unschedule" => articles::unschedule;

    /// Unpublish an article
    ///
    /// Its addresses answer 404 until it is published again.
    unpublish_article "/v1/admin/articles/{id}/unpublish" => articles::unpublish;

    /// Put an article into the trash
    ///
    /// If it was public, its addresses answer 410. The same as `DELETE`, with the article in the answer.
    trash_article "/v1/admin/articles/{id}/trash" => articles::trash;

    /// Take an article out of the trash
    ///
    /// It is a draft then, or unpublished; it does not become public by that.
    restore_article "/v1/admin/articles/{id}/restore" => articles::restore;
}

/// When to publish.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ScheduleWrite {
    /// A time to come (RFC 3339).
    #[schema(required = true)]
    publish_at: Option<Timestamp>,
}

/// Schedule an article
///
/// The public sees its newest revision from that time on, whether or not anything runs then. What is live stays until
/// then. A revision that is made later is not part of it: schedule again to include it.
#[utoipa::path(tag = "articles", security(("session" = [])), request_body = ScheduleWrite,
    params(("id" = ArticleId, Path), ("If-Match" = String, Header, description = "The ETag of the version you decide on")),
    responses(
        (status = 200, description = "The article as it is now", body = ArticleDocument,
            headers(("ETag" = String, description = "Its version"))),
        refused::Change,
))]
#[post("/v1/admin/articles/{id}/schedule")]
pub(crate) async fn schedule_article(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    id: Id<ArticleId>,
    seen: IfMatch,
    body: Body<ScheduleWrite>,
) -> Answer {
    let publish_at = body.value.publish_at;
    change(&app, caller.by, id.0, move |conn, by, now| {
        articles::schedule(conn, by, id.0, &seen.seen(), publish_at, now)
    })
    .await
}

/// Delete an article
///
/// Moves it to the trash. If it was public, its addresses answer 410.
#[utoipa::path(tag = "articles", security(("session" = [])),
    params(("id" = ArticleId, Path), ("If-Match" = String, Header, description = "The ETag of the version you delete")),
    responses((status = 204, description = "It is in the trash"), refused::Act),
)]
#[delete("/v1/admin/articles/{id}")]
pub(crate) async fn delete_article(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    id: Id<ArticleId>,
    seen: IfMatch,
) -> Result<HttpResponse, Refusal> {
    app.write(move |conn, now| articles::trash(conn, &caller.by, id.0, &seen.seen(), now)).await?;
    Ok(no_content())
}

/// Remove an article for good
///
/// Only from the trash. Slugs that were public stay taken, and answer 410.
#[utoipa::path(tag = "articles", security(("session" = [])),
    params(("id" = ArticleId, Path), ("If-Match" = String, Header, description = "The ETag of the version you remove")),
    responses((status = 204, description = "It is gone"), refused::Act),
)]
#[post("/v1/admin/articles/{id}/purge")]
pub(crate) async fn purge_article(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    id: Id<ArticleId>,
    seen: IfMatch,
) -> Result<HttpResponse, Refusal> {
    app.write(move |conn, now| articles::purge(conn, &caller.by, id.0, &seen.seen(), now)).await?;
    Ok(no_content())
}

/// A page of revisions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RevisionsQuery {
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u16>,
    /// Where to go on, from `page.next`.
    cursor: Option<String>,
}

/// List the revisions of an article
///
/// Newest first, without their content.
#[utoipa::path(tag = "articles", security(("session" = [])), params(("id" = ArticleId, Path), RevisionsQuery), responses(
    (status = 200, description = "A page of revisions", body = Listing<Revision>),
    refused::ListOf,
))]
#[get("/v1/admin/articles/{id}/revisions")]
pub(crate) async fn list_revisions(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    id: Id<ArticleId>,
    query: Params<RevisionsQuery>,
) -> Answer {
    let Params(RevisionsQuery { limit: asked, cursor }) = query;
    let limit = limit(asked)?;
    let cursors = Cursors::new(&app.secrets, "admin/revisions", &id.0)?;
    let before = cursors.read::<u64>(cursor.as_deref())?;
    let read = move |conn: &mut Conn, now| articles::revisions(conn, &caller.by, id.0, (before, limit + 1), now);
    let revisions = app.read(read).await?;
    list(&app, &request, &cursors.page(revisions, limit, None, |revision| revision.number)?)
}

/// Show a revision
#[utoipa::path(tag = "articles", security(("session" = [])),
    params(("id" = ArticleId, Path), ("number" = u64, Path, description = "1, 2, 3, ...")),
    responses((status = 200, description = "The revision with its content", body = Revision), refused::Read),
)]
#[get("/v1/admin/articles/{id}/revisions/{number}")]
pub(crate) async fn get_revision(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    _: Params<NoParams>,
    id: Id<ArticleId>,
) -> Answer {
    let number = number(&request)?;
    let revision = app.read(move |conn, now| articles::revision(conn, &caller.by, id.0, number, now)).await?;
    Ok(Reply::json(200, &revision)?.into())
}

/// Make a revision the newest again
///
/// Its content becomes a new revision; the public sees it at the next publication.
#[utoipa::path(tag = "articles", security(("session" = [])),
    params(("id" = ArticleId, Path), ("number" = u64, Path, description = "1, 2, 3, ..."),
        ("If-Match" = String, Header, description = "The ETag of the version you change")),
    responses(
        (status = 200, description = "The article as it is now", body = ArticleDocument,
            headers(("ETag" = String, description = "Its version"))),
        refused::Change,
))]
#[post("/v1/admin/articles/{id}/revisions/{number}/restore")]
pub(crate) async fn restore_revision(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    _: Params<NoParams>,
    id: Id<ArticleId>,
    seen: IfMatch,
) -> Answer {
    let number = number(&request)?;
    change(&app, caller.by, id.0, move |conn, by, now| {
        articles::restore_revision(conn, by, id.0, number, &seen.seen(), now)
    })
    .await
}

fn number(request: &HttpRequest) -> Result<u64> {
    let number = request.match_info().get("number").and_then(|number| number.parse().ok());
    number.ok_or(Error::NotFound("revision"))
}
