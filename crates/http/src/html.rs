//! What our own pages for people share: one style, and a policy that lets nothing else in.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use askama::Template;
use data_encoding::{BASE64, HEXLOWER};
use domain::Error;
use domain::secrets::sha256;

use crate::problem::Answer;

/// The style of every page, named in its `Content-Security-Policy` by its hash.
pub(crate) const STYLE: &str = ":root{color-scheme:light dark}body{font:1.1rem/1.5 system-ui,sans-serif;margin:0}\
main{max-width:36rem;margin:0 auto;padding:2rem 1rem}.site{font-weight:bold}h1{font-size:1.6rem;line-height:1.2}\
h2{font-size:1.25rem}button{font:inherit;padding:.6rem 1.2rem;margin:.5rem .5rem .5rem 0}\
fieldset{border:1px solid;margin:1rem 0}label{display:block;padding:.3rem 0}.said{border:1px solid;padding:.6rem 1rem}";

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = BASE64.encode(&HEXLOWER.decode(sha256(STYLE).as_bytes()).unwrap_or_default());
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
});

/// An answer that is a page.
pub(crate) fn page(status: StatusCode, template: &impl Template) -> Answer {
    Ok(HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY.as_str()))
        .body(template.render().map_err(Error::from)?))
}
