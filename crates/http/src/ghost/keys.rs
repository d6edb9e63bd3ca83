//! Who may ask: whoever shows one of the publication's content keys.

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse};
use domain::secrets::{Secrets, are_equal};

use super::route::Route;
use super::wrong::Wrong;
use super::{content_path, refuse};
use crate::app::{App, Config};
use crate::limits::network;
use crate::request::client_address;

/// The keys that are good here.
pub(crate) struct ContentKeys(Vec<String>);

impl ContentKeys {
    pub(crate) fn new(config: &Config, secrets: &Secrets) -> Self {
        Self(std::iter::once(secrets.content_key()).chain(config.ghost_content_keys.iter().cloned()).collect())
    }

    fn hold(&self, shown: &str) -> bool {
        // All of them are compared, so that the time tells nothing of which it was.
        self.0.iter().fold(false, |held, key| held | are_equal(key, shown))
    }
}

/// What a request is refused with that shows no good key, before any answer is looked for: of all parameters, answers
/// do not depend on this one.
pub(crate) fn admit(app: &App, request: &HttpRequest) -> Option<HttpResponse> {
    let (_, path) = content_path(request.path()).filter(|_| app.config.ghost && request.method() == Method::GET)?;
    Route::of(path)?;
    let wrong = match shown(request.query_string()) {
        Shown::One(key) if app.content_keys.hold(key) => return None,
        Shown::None => Wrong::no_key(),
        Shown::Several => Wrong::several_keys(),
        Shown::One(_) => match app.limits.content_keys.check(network(client_address(request), 64)) {
            Err(domain::Error::TooMany { retry_after, detail }) => Wrong::too_many(retry_after, &detail),
            Ok(()) | Err(_) => Wrong::unknown_key(),
        },
    };
    Some(refuse(&wrong, None))
}

/// What a query says of a key.
enum Shown<'a> {
    None,
    One(&'a str),
    Several,
}

fn shown(query: &str) -> Shown<'_> {
    let mut shown = Shown::None;
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match (name, &shown) {
            ("key", Shown::None) if value.is_empty() => {}
            ("key", Shown::None) => shown = Shown::One(value),
            ("key" | "key[]" | "key%5B%5D", _) => return Shown::Several,
            _ => {}
        }
    }
    shown
}
