//! What tests stand on: an application of their own, on either engine, and callers to talk to it;
//! or the real binary, and clients of it.

mod app;
pub mod binary;
mod client;
pub mod conformance;
pub mod operations;
mod postbox;
pub mod postgres;
mod read_model;

pub use app::{App, Caller, Engine, Reply};
pub use client::{Broken, Client};
pub use postbox::{Letter, Postbox};
pub use read_model::{list_article, put_under};

/// Makes of one test two, named `sqlite` and `postgres`, each with an application of its own.
macro_rules! both {
    ($($(#[$attribute:meta])* async fn $name:ident($app:ident: App) $body:block)*) => {$(
        mod $name {
            #[allow(unused_imports, reason = "a body may need nothing from around it")]
            use super::*;

            async fn body($app: App) $body

            $(#[$attribute])*
            #[actix_web::test]
            async fn sqlite() {
                body(App::start($crate::support::Engine::Sqlite).await).await;
            }

            $(#[$attribute])*
            #[actix_web::test]
            async fn postgres() {
                body(App::start($crate::support::Engine::Postgres).await).await;
            }
        }
    )*};
}
pub(crate) use both;
