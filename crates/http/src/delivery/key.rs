//! What answers are found by: the path and the query, in one form for all that mean the same.

use std::sync::Arc;

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header;
use actix_web::http::uri::{PathAndQuery, Uri};

use crate::feeds::is_old_address;
use crate::{ghost, wordpress};

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

/// Whose rules about parameters hold at an address.
enum Rules {
    /// Ours: each means something.
    Own,
    /// Of all parameters only [`LOCALE`] means anything.
    Outside,
    /// WordPress's: some mean something.
    WordPress,
    /// Ghost's: so do some.
    Ghost,
}

impl Rules {
    /// What holds at a path, if its answers are the same for everyone. What is asked for most is looked at first.
    fn of(path: &str, query: Option<&str>) -> Option<Self> {
        let below =
            |shared: &&str| path.strip_prefix(*shared).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if SHARED.iter().any(below) {
            return Some(Self::Own);
        }
        if below(&wordpress::ROOT) || (path == "/" && query.is_some_and(|query| query.contains("rest_route="))) {
            return Some(Self::WordPress);
        }
        if ghost::content_path(path).is_some() {
            return Some(Self::Ghost);
        }
        (OUTSIDE.iter().any(below) || is_old_address(path)).then_some(Self::Outside)
    }
}

impl Address {
    /// The address of what is asked for, if its answer may be kept. From here on the request has its parameters in
    /// order, so that the answer depends on the address alone.
    pub(super) fn of(request: &mut ServiceRequest) -> Option<Self> {
        // Whoever shows a credential is told what is wrong with it.
        if request.method() != Method::GET || request.headers().contains_key(header::AUTHORIZATION) {
            return None;
        }
        let rules = Rules::of(request.path(), request.uri().query())?;
        let whole = request.uri().path_and_query()?;
        if whole.as_str().len() > MAX_LENGTH {
            return None;
        }
        match rules {
            Rules::Own => put_in_order(request, |_| true)?,
            Rules::WordPress => put_in_order(request, wordpress::is_known)?,
            // Its route does not mind the order.
            Rules::Ghost => return Some(Self(ghost::address(whole).into())),
            Rules::Outside => return Some(Self(with_alone(whole, LOCALE).into())),
        }
        request.uri().path_and_query().map(|whole| Self(whole.as_str().into()))
    }

    pub(super) fn text(&self) -> &Arc<str> {
        &self.0
    }
}

fn name(pair: &str) -> &str {
    pair.split('=').next().unwrap_or_default()
}

/// Puts the parameters that mean something in the order of their names, and drops all others.
fn put_in_order(request: &mut ServiceRequest, means_something: impl Fn(&str) -> bool) -> Option<()> {
    let whole = request.uri().path_and_query()?;
    let Some(query) = whole.query() else { return Some(()) };
    let pairs = || query.split('&');
    if pairs().map(name).all(&means_something) && pairs().is_sorted_by_key(name) {
        return Some(());
    }
    let mut kept: Vec<&str> = pairs().filter(|pair| means_something(name(pair))).collect();
    // The order of those with the same name may mean something.
    kept.sort_by(|one, other| name(one).cmp(name(other)));
    let path = whole.path();
    let whole = if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(whole.parse().ok()?);
    request.head_mut().uri = Uri::from_parts(parts).ok()?;
    Some(())
}

/// An address with this parameter alone, if it has that.
fn with_alone(whole: &PathAndQuery, parameter: &str) -> String {
    let pairs = whole.query().into_iter().flat_map(|query| query.split('&'));
    match pairs.into_iter().find(|pair| name(pair) == parameter) {
        Some(pair) => format!("{}?{pair}", whole.path()),
        None => whole.path().to_owned(),
    }
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
    fn the_key_of_ghosts_clients_is_no_part_of_an_address() {
        let kept = "/ghost/api/content/posts?include=tags&limit=5";
        for written in ["posts/?key=22444f78447824223cefc48062&limit=5&include=tags", "posts?limit=5&include=tags&x=1"]
        {
            assert_eq!(address(&format!("/ghost/api/content/{written}")).as_deref(), Some(kept));
        }
        assert_eq!(address("/ghost/api/v4/content/tags/").as_deref(), Some("/ghost/api/v4/content/tags"));
        assert_eq!(address("/ghost/api/admin/posts"), None);
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
