//! The newsletter's settings, for those who run it.

use actix_web::{get, put, web};
use domain::issues::Schedule;
use domain::newsletter::{Frequency, Newsletter, NewsletterWrite};
use domain::permissions::Action;
use domain::{Result, Timestamp};
use persistence::{Conn, newsletters, site};
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::answer::{Versioned, show};
use crate::problem::Answer;
use crate::refused;
use crate::request::{Body, Caller, IfMatch, NoParams, Params};

/// The newsletter, and when it is sent next.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewsletterAdmin {
    #[serde(flatten)]
    newsletter: Newsletter,
    /// When the next weekly issue is due.
    #[schema(required = true)]
    next_issue_at: Option<Timestamp>,
}

impl Versioned for NewsletterAdmin {
    fn version(&self) -> u64 {
        self.newsletter.version
    }
}

fn shown(conn: &mut Conn, newsletter: Newsletter, now: Timestamp) -> Result<NewsletterAdmin> {
    let zone = site::current(conn)?.settings.timezone;
    let next = Schedule::new(&newsletter.settings, Frequency::Weekly, &zone).next(now);
    Ok(NewsletterAdmin { newsletter, next_issue_at: next.map(|slot| slot.due) })
}

/// Show the newsletter
///
/// What it is called, who it is from and when it is sent.
#[utoipa::path(tag = "newsletter", security(("session" = [])), responses(
    (status = 200, description = "The newsletter", body = NewsletterAdmin,
        headers(("ETag" = String, description = "Its version"))),
    refused::Read,
))]
#[get("/v1/admin/newsletter")]
pub(crate) async fn get_newsletter_admin(app: web::Data<App>, caller: Caller, _: Params<NoParams>) -> Answer {
    caller.by.may(Action::ReadNewsletter)?;
    show(&app.read(|conn, now| newsletters::current(conn).and_then(|found| shown(conn, found, now))).await?)
}

/// Replace the newsletter's settings
///
/// What is absent takes its default. A new day, hour or zone holds from now on: it makes nothing due that is past.
#[utoipa::path(tag = "newsletter", security(("session" = [])),
    params(("If-Match" = String, Header, description = "The ETag of the version you change")),
    request_body = NewsletterWrite,
    responses(
        (status = 200, description = "The newsletter as it is now", body = NewsletterAdmin,
            headers(("ETag" = String, description = "Its version"))),
        refused::Change,
))]
#[put("/v1/admin/newsletter")]
pub(crate) async fn replace_newsletter(
    app: web::Data<App>,
    caller: Caller,
    _: Params<NoParams>,
    seen: IfMatch,
    body: Body<NewsletterWrite>,
) -> Answer {
    let work = move |conn: &mut Conn, now| {
        let newsletter = newsletters::update(conn, &caller.by, &seen.seen(), || body.value.check(), now)?;
        shown(conn, newsletter, now)
    };
    show(&app.write(work).await?)
}
