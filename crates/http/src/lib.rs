//! The API: turns a request into one call and one transaction, and its outcome into an answer.

mod access;
mod answer;
mod app;
mod articles;
mod auth;
mod bylines;
pub mod catalogue;
mod categories;
mod changes;
mod comments;
mod delivery;
mod edge;
mod explorer;
mod feeds;
mod fields;
mod form;
mod ghost;
mod hashing;
mod health;
mod html;
mod issues;
pub mod limits;
mod markdown;
mod me;
mod media;
mod metrics;
mod moderation;
mod newsletter_admin;
mod openapi;
pub mod outbox;
mod page;
mod problem;
mod reading;
mod redirects;
mod refused;
mod request;
mod resolve;
mod routes;
mod search;
pub mod sending;
mod sessions;
mod site;
mod sitemaps;
mod subscribers;
mod subscription_pages;
mod subscriptions;
mod tags;
mod users;
mod wordpress;
mod xml;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::web;

pub use access::{LIFETIME as ACCESS_TOKEN_SECONDS, issue as issue_access_token};
pub use app::{App, CachePolicy, Clock, Config};
pub use auth::SignedIn;
pub use delivery::{Delivery, Follower};
pub use openapi::{document as openapi_document, text as openapi_text};

/// The application as the server runs it, and as tests call it.
pub fn application(
    app: web::Data<App>,
) -> actix_web::App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    actix_web::App::new()
        .app_data(app)
        .configure(routes::configure)
        .default_service(web::route().to(edge::unrouted))
        .wrap(from_fn(edge::authenticate))
        .wrap(from_fn(edge::outer))
}
