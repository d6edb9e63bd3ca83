//! What answers are found by: the path and the query, in one form for all that mean the same.

use std::sync::Arc;

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header;
use actix_web::http::uri::{PathAndQuery, Uri};

use crate::feeds::is_old_address;
use crate::wordpress;

/// Longer addresses are not kept: no front end writes them.
const MAX_LENGTH: usize = 2_048;

/// Where answers live that are the same for everyone.
const SHARED: [&str; 7] =
    ["/v1/articles", "/v1/bylines", "/v1/categories", "/v1/resolve", "/v1/search", "/v1/site", "/v1/tags"];

/// The same outside of `/v1`, where of all parameters only [`LOCALE`] means anything.
const OUTSIDE: [&str; 5] = ["/feeds", "/llms.txt", "/robots.txt", "/sitemap.xml", "/sitemaps"];
const LOCALE: &str = "locale";

/// The address of an answer that may be kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Address(Arc<str>);

impl Address {
    /// The address of what is asked for, if its answer may be kept. From here on the request has its parameters in
    /// order, so that the answer depends on the address alone.
    pub(super) fn of(request: &mut ServiceRequest) -> Option<Self> {
        let path = request.path();
        let below =
            |shared: &&str| path.strip_prefix(*shared).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let outside = OUTSIDE.iter().any(below) || is_old_address(path);
        let wordpress = is_wordpress(path, request.uri().query());
        let shared = outside || wordpress || SHARED.iter().any(below);
        // Whoever shows a credential is told what is wrong with it.
        if !shared || request.method() != Method::GET || request.headers().contains_key(header::AUTHORIZATION) {
            return None;
        }
        let whole = request.uri().path_and_query()?;
        if whole.as_str().len() > MAX_LENGTH {
            return None;
        }
        if wordpress {
            keep_known(request)?;
            return request.uri().path_and_query().map(|whole| Self(whole.as_str().into()));
        }
        if outside {
            return Some(Self(with_alone(whole, LOCALE).into()));
        }
        if let Some(ordered) = whole.query().and_then(ordered) {
            let whole: PathAndQuery = format!("{}?{ordered}", whole.path()).parse().ok()?;
            let mut parts = request.uri().clone().into_parts();
            parts.path_and_query = Some(whole);
            request.head_mut().uri = Uri::from_parts(parts).ok()?;
        }
        request.uri().path_and_query().map(|whole| Self(whole.as_str().into()))
    }

    pub(super) fn text(&self) -> &Arc<str> {
        &self.0
    }
}

/// Whether WordPress's API is asked.
fn is_wordpress(path: &str, query: Option<&str>) -> bool {
    path.strip_prefix(wordpress::ROOT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        || (path == "/" && query.is_some_and(|query| query.contains("rest_route=")))
}

/// Puts the parameters in order that mean something to WordPress's API, and drops all others.
fn keep_known(request: &mut ServiceRequest) -> Option<()> {
    let whole = request.uri().path_and_query()?;
    let Some(query) = whole.query() else { return Some(()) };
    let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
    let mut pairs: Vec<&str> = query.split('&').filter(|pair| wordpress::is_known(&name(pair))).collect();
    pairs.sort_by_key(|pair| name(pair));
    let known = pairs.join("&");
    if known == query {
        return Some(());
    }
    let whole: PathAndQuery =
        if known.is_empty() { whole.path().to_owned() } else { format!("{}?{known}", whole.path()) }.parse().ok()?;
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(whole);
    request.head_mut().uri = Uri::from_parts(parts).ok()?;
    Some(())
}

/// An address with this parameter alone, if it has that.
fn with_alone(whole: &PathAndQuery, parameter: &str) -> String {
    let pairs = whole.query().into_iter().flat_map(|query| query.split('&'));
    match pairs.into_iter().find(|pair| pair.split('=').next() == Some(parameter)) {
        Some(pair) => format!("{}?{pair}", whole.path()),
        None => whole.path().to_owned(),
    }
}

/// The parameters in the order of their names; none if they are already.
fn ordered(query: &str) -> Option<String> {
    let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
    if query.split('&').is_sorted_by_key(name) {
        return None;
    }
    let mut pairs: Vec<&str> = query.split('&').collect();
    // The order of those with the same name may mean something.
    pairs.sort_by_key(|pair| name(pair));
    Some(pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn address(uri: &str) -> Option<String> {
        Address::of(&mut TestRequest::with_uri(uri).to_srv_request()).map(|address| address.0.to_string())
    }

    #[test]
    fn parameters_are_put_in_order_for_the_route_too() {
        let mut request = TestRequest::with_uri("/v1/articles?tag=b&limit=3&category=a").to_srv_request();
        let ordered = Address::of(&mut request).unwrap();
        assert_eq!(&*ordered.0, "/v1/articles?category=a&limit=3&tag=b");
        assert_eq!(request.query_string(), "category=a&limit=3&tag=b");
        assert_eq!(address("/v1/articles?a=2&a=1").as_deref(), Some("/v1/articles?a=2&a=1"));
    }

    #[test]
    fn what_wordpress_ignores_is_no_part_of_an_address() {
        let mixed = "/wp-json/wp/v2/posts?utm_source=x&per_page=5&filter%5Bs%5D=a&categories%5B%5D=2&_embed=true";
        let kept = "/wp-json/wp/v2/posts?_embed=true&categories%5B%5D=2&per_page=5";
        assert_eq!(address(mixed).as_deref(), Some(kept));
        assert_eq!(address("/wp-json/wp/v2/posts?utm=1").as_deref(), Some("/wp-json/wp/v2/posts"));
        assert_eq!(address("/?rest_route=%2Fwp%2Fv2&x=1").as_deref(), Some("/?rest_route=%2Fwp%2Fv2"));
        assert_eq!(address("/"), None);
    }

    #[test]
    fn only_what_is_the_same_for_everyone_has_an_address() {
        assert_eq!(address("/v1/articles/x").as_deref(), Some("/v1/articles/x"));
        assert_eq!(address("/v1/articlesque"), None);
        assert_eq!(address("/v1/admin/articles"), None);
        assert_eq!(address("/feeds/all.rss?utm=x&locale=de").as_deref(), Some("/feeds/all.rss?locale=de"));
        for old in ["/feed/", "/feed", "/category/a/b/feed/atom/", "/tag/x/rss"] {
            assert_eq!(address(&format!("{old}?x=1")).as_deref(), Some(old));
        }
        assert_eq!(address("/feeder"), None);
        assert_eq!(address(&format!("/v1/articles?q={}", "x".repeat(3_000))), None);
        let mut signed =
            TestRequest::with_uri("/v1/articles").insert_header(("authorization", "Bearer x")).to_srv_request();
        assert!(Address::of(&mut signed).is_none());
        let mut written = TestRequest::post().uri("/v1/articles/x/comments").to_srv_request();
        assert!(Address::of(&mut written).is_none());
    }
}
