//! Every operation with wrong, huge and hostile input: a clear refusal, never a failure of ours.

use actix_web::http::Method;
use actix_web::test::TestRequest;

use crate::support::operations::{Operation, operations};
use crate::support::{App, Caller, Reply, both};

/// Bodies that are not what any operation wants, or only nearly.
fn bodies() -> Vec<Vec<u8>> {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(5_000), close.repeat(5_000)).into_bytes();
    let mut bodies: Vec<Vec<u8>> = [
        "",
        "null",
        "true",
        "1",
        "-1e999",
        "\"text\"",
        "[]",
        "{}",
        "{",
        "[1,",
        "{\"a\":1,\"a\":2}",
        "{\"a\":\"\\ud800\"}",
        "{\"title\":\"a\\u0000b\"}",
        "{\"\\u0000\":1}",
        "{\"title\":{\"title\":[]}}",
        "{\"email\":[],\"password\":{}}",
        "{\"email\":\"a@b\\r\\nBcc: c@d.example\",\"password\":\"x\"}",
        "{\"to\":\"approved\",\"items\":null}",
        "{\"__proto__\":{\"admin\":true}}",
        "{\"role\":\"admin\",\"id\":\"x\",\"version\":99999999999999999999}",
        "{\"publish_at\":\"0000-01-01T00:00:00Z\"}",
        "{\"publish_at\":\"9999-12-31T23:59:59Z\"}",
        "{\"publish_at\":\"2026-02-30T00:00:00Z\"}",
        "{\"publish_at\":1e400}",
        "{\"title\":\"\u{202e}evil\"}",
        "\u{feff}{}",
        "<?xml version=\"1.0\"?><a/>",
        "a=b&c=d",
    ]
    .iter()
    .map(|body| body.as_bytes().to_vec())
    .collect();
    bodies.push(deep("[", "]"));
    bodies.push(deep("{\"a\":", "}"));
    bodies.push(vec![0xff, 0xfe, 0x7b, 0x7d]);
    bodies.push("{\"title\":\"é\"}".encode_utf16().flat_map(u16::to_le_bytes).collect());
    bodies.push(b"{\"title\":\"\xc3\x28\"}".to_vec());
    bodies
}

/// Addresses that ignore parameters they do not know: feed readers and whoever counts clicks add their own, and so do
/// front ends that were written for Ghost.
const TOLERANT: [&str; 3] = ["/feeds/{path}", "/ghost/api/content/{path}", "/ghost/api/{version}/content/{path}"];

/// Values for a place in a path or a query, percent-encoded.
const VALUES: [&str; 19] = [
    "x",
    "0",
    "-1",
    "99999999999999999999",
    "%00",
    "%ff%fe",
    "%F0%9F%92%A9",
    "..",
    "%2e%2e%2f%2e%2e",
    "a%20b",
    "'",
    "%22%27--",
    "%25%00",
    "1e3",
    "*",
    "%3Cscript%3E",
    "00000000-0000-0000-0000-000000000000",
    "%ED%A0%80",
    "null",
];

fn check(operation: &Operation, what: &str, reply: &Reply) {
    let fine = reply.status < 500 || reply.status == 503;
    assert!(fine, "{} with {what}: {} {}", operation.id, reply.status, String::from_utf8_lossy(&reply.body));
    if reply.status == 503 {
        assert!(reply.header("retry-after").is_some(), "{} sheds without Retry-After", operation.id);
    }
    let json = reply.header("content-type").is_some_and(|kind| kind.starts_with("application/problem+json"));
    if reply.status >= 400 && json {
        reply.code();
    }
}

async fn attempt(caller: &mut Caller, operation: &Operation, path: &str, body: Option<(&[u8], &str)>) -> Reply {
    let mut request = TestRequest::with_uri(path).method(operation.method.clone());
    if let Some((body, kind)) = body {
        request = request.insert_header(("content-type", kind)).set_payload(body.to_vec());
    }
    caller.raw(caller.signed(request).insert_header(("if-match", "*"))).await
}

fn id(_: &str) -> String {
    "01936f5e-8c2a-7b3d-9e4f-5a6b7c8d9e0f".into()
}

both! {
    async fn no_body_makes_an_operation_fail(app: App) {
        let mut admin = app.admin();
        let bodies = bodies();
        for operation in operations().iter().filter(|operation| operation.method != Method::GET) {
            let path = operation.at(id);
            for body in &bodies {
                for kind in [operation.body.as_deref().unwrap_or("application/json"), "text/plain"] {
                    let reply = attempt(&mut admin, operation, &path, Some((body, kind))).await;
                    check(operation, &String::from_utf8_lossy(&body[..body.len().min(60)]), &reply);
                }
            }
            let none = attempt(&mut admin, operation, &path, None).await;
            check(operation, "no body", &none);
        }
    }

    async fn a_huge_body_is_refused_with_413(app: App) {
        let mut admin = app.admin();
        let huge = format!("{{\"title\":\"{}\"}}", "x".repeat(10_000_000)).into_bytes();
        // An access token is not what the others want: they refuse before they look at a body.
        let ours = |operation: &&Operation| operation.session || !operation.secured;
        for operation in operations().iter().filter(ours).filter(|operation| operation.body.is_some()) {
            let kind = operation.body.as_deref().unwrap();
            let reply = attempt(&mut admin, operation, &operation.at(id), Some((&huge, kind))).await;
            assert_eq!(reply.status, 413, "{}: {}", operation.id, String::from_utf8_lossy(&reply.body));
        }
    }

    async fn no_path_or_query_makes_an_operation_fail(app: App) {
        let (mut admin, mut reader) = (app.admin(), app.anyone());
        for operation in operations() {
            for value in VALUES {
                let path = operation.at(|_| value.to_owned());
                check(&operation, &path, &attempt(&mut admin, &operation, &path, None).await);
                for name in operation.query.iter().map(String::as_str).chain(["x", "", "%00", "limit%5B%5D"]) {
                    let path = format!("{}?{name}={value}", operation.at(id));
                    let reply = attempt(&mut reader, &operation, &path, None).await;
                    check(&operation, &path, &reply);
                    if operation.secured {
                        assert_eq!(reply.status, 401, "{path}");
                    } else if operation.method == Method::GET && !operation.query.iter().any(|known| known == name)
                        && !operation.query.is_empty() && !TOLERANT.contains(&operation.path.as_str()) {
                        assert_eq!(reply.status, 400, "{path} has an unknown parameter");
                    }
                    let reply = attempt(&mut admin, &operation, &path, None).await;
                    check(&operation, &path, &reply);
                    // With its parameters in order, whatever else is wrong with a change comes after.
                    if operation.method != Method::GET && operation.path.starts_with("/v1/")
                        && (operation.session || !operation.secured)
                        && !operation.query.iter().any(|known| known == name) {
                        assert_eq!(reply.status, 400, "{} {path} has an unknown parameter", operation.method);
                    }
                }
            }
        }
    }

    async fn a_path_of_a_million_segments_is_refused(app: App) {
        let mut reader = app.anyone();
        for path in ["/v1/categories/", "/v1/articles/", "/v1/resolve?path=/", "/v1/articles?category="] {
            // The longest that the server's head admits by far; a URI type has its own bound of 64 KiB.
            let long = format!("{path}{}", "a/".repeat(31_000));
            let started = std::time::Instant::now();
            let reply = reader.get(&long).await;
            assert!([200, 400, 404, 414].contains(&reply.status), "{path}: {}", reply.status);
            assert!(started.elapsed() < std::time::Duration::from_secs(2), "{path} {:?}", started.elapsed());
        }
    }
}
