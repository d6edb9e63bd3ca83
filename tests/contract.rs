//! The contract: the OpenAPI document against the committed file, against itself, and against the server.

use std::collections::{BTreeSet, HashMap};

use actix_web::http::Method;
use actix_web::test::TestRequest;
use data_encoding::{BASE64, HEXLOWER};
use serde_json::Value;

use crate::support::conformance::{Reading, validate};
use crate::support::{App, Engine};

/// Operations that anyone may call. A new one is public by decision, not by omission: it is entered here.
const PUBLIC: &[&str] = &[
    "check_health",
    "check_readiness",
    "confirm_on_page",
    "confirm_subscription",
    "create_comment",
    "create_session",
    "create_subscription",
    "create_wordpress_comment",
    "delete_session",
    "find_ghost_file",
    "find_wordpress_file",
    "get_article",
    "get_article_markdown",
    "get_byline",
    "get_category",
    "get_category_tree",
    "get_confirmation_page",
    "get_error_page",
    "get_explorer",
    "get_explorer_file",
    "get_feed",
    "get_front_page",
    "get_wordpress",
    "get_wordpress_index",
    "get_ghost",
    "get_ghost_feed",
    "get_ghost_feed_of",
    "get_ghost_version",
    "get_llms",
    "get_media",
    "get_objection_page",
    "get_openapi",
    "get_robots",
    "get_sign_up_form",
    "get_site",
    "get_sitemap",
    "get_sitemap_index",
    "get_tag",
    "get_unsubscribe_page",
    "get_wordpress_feed",
    "get_wordpress_feed_as",
    "get_wordpress_feed_of",
    "get_wordpress_feed_of_as",
    "list_articles",
    "list_bylines",
    "list_categories",
    "list_changes",
    "list_comments",
    "list_tags",
    "object_on_page",
    "refresh_session",
    "resolve_path",
    "search_articles",
    "stream_changes",
    "suggest_titles",
    "unsubscribe_on_page",
];

/// Operations with a security scheme that do not answer 401 without a credential. This list only shrinks.
const ANSWERS_WITHOUT_CREDENTIAL: &[&str] = &[
    // From loopback it needs no token, and tests call from loopback; tests/cli.rs asks it with a token set.
    "get_metrics",
];

/// Statuses whose answers have no body.
const BODILESS: [&str; 5] = ["204", "301", "303", "304", "308"];

struct Operation<'a> {
    method: Method,
    path: &'a str,
    id: &'a str,
    spec: &'a Value,
}

fn document() -> Value {
    serde_json::to_value(http::openapi_document()).unwrap()
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, spec) in item.as_object().unwrap() {
            let method = method.to_uppercase().parse().unwrap();
            operations.push(Operation { method, path, id: spec["operationId"].as_str().unwrap(), spec });
        }
    }
    operations
}

/// Follows a reference.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    value["$ref"].as_str().map_or(value, |reference| document.pointer(&reference[1..]).unwrap())
}

fn is_secured(operation: &Operation<'_>) -> bool {
    operation.spec["security"].as_array().is_some_and(|schemes| !schemes.is_empty())
}

#[test]
fn the_committed_document_is_that_of_the_code() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi/openapi.json");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == http::openapi_text(), "openapi/openapi.json is not what the code says: run `make openapi`");
}

#[test]
fn every_operation_has_an_id_of_its_own_and_says_what_it_is() {
    let document = document();
    let mut seen = HashMap::new();
    for Operation { method, path, id, spec } in operations(&document) {
        let place = format!("{method} {path}");
        if let Some(other) = seen.insert(id, place.clone()) {
            panic!("{place} and {other} share the id {id}");
        }
        assert!(spec["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{place} has no summary");
        assert!(spec["tags"].as_array().is_some_and(|tags| tags.len() == 1), "{place} has not one tag");
    }
}

#[test]
fn every_operation_has_a_known_tag() {
    let document = document();
    let known: BTreeSet<_> =
        document["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).map(Value::to_string).collect();
    for Operation { id, spec, .. } in operations(&document) {
        assert!(known.contains(&spec["tags"][0].to_string()), "{id} has the unknown tag {}", spec["tags"][0]);
    }
}

#[test]
fn every_placeholder_of_a_path_is_a_parameter() {
    let document = document();
    for Operation { method, path, spec, .. } in operations(&document) {
        let none = Vec::new();
        let parameters = spec["parameters"].as_array().unwrap_or(&none);
        let declared: BTreeSet<&str> = parameters
            .iter()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let used: BTreeSet<&str> = path.split('{').skip(1).map(|rest| rest.split_once('}').unwrap().0).collect();
        assert_eq!(declared, used, "{method} {path}");
        let mut seen = BTreeSet::new();
        for parameter in parameters {
            let name = format!("{} {}", parameter["in"], parameter["name"]);
            assert!(parameter["schema"].is_object(), "{method} {path}: {name} has no schema");
            assert!(seen.insert(name.clone()), "{method} {path}: {name} stands twice");
        }
    }
}

#[test]
fn every_response_has_a_description_and_a_schema() {
    let document = document();
    for Operation { id, spec, .. } in operations(&document) {
        let responses = spec["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with(['2', '3'])), "{id} never succeeds");
        for (status, response) in responses {
            let response = resolve(&document, response);
            let described = response["description"].as_str().is_some_and(|description| !description.is_empty());
            assert!(described, "{id} {status} has no description");
            let content = response["content"].as_object();
            if BODILESS.contains(&status.as_str()) {
                assert!(content.is_none(), "{id} {status} has a body");
                continue;
            }
            let content = content.unwrap_or_else(|| panic!("{id} {status} has no body"));
            for (kind, body) in content {
                assert!(body["schema"].is_object(), "{id} {status} {kind} has no schema");
                // Refusals are problems, but for people who follow a link in a mail: those see a page; and clients of
                // WordPress and Ghost get theirs.
                let refusal = status.starts_with(['4', '5']);
                let foreign =
                    ["wordpress", "ghost"].map(Value::from).contains(&spec["tags"][0]) && kind == "application/json";
                let fits = if refusal {
                    foreign || ["application/problem+json", "text/html"].contains(&kind.as_str())
                } else {
                    !kind.contains("problem")
                };
                assert!(fits, "{id} {status} is {kind}");
            }
        }
    }
}

#[test]
fn every_body_has_an_example_that_fits_its_schema() {
    let document = document();
    for Operation { id, spec, .. } in operations(&document) {
        let request = spec.get("requestBody").map(|body| ("request", body));
        let responses = spec["responses"].as_object().unwrap().iter().map(|(status, body)| (status.as_str(), body));
        for (part, body) in request.into_iter().chain(responses) {
            let content = resolve(&document, body)["content"].as_object();
            for (kind, content) in content.into_iter().flatten() {
                if part != "request" && !kind.ends_with("json") {
                    continue;
                }
                let named = content["examples"].as_object().into_iter().flatten();
                let named = named.map(|(_, example)| &resolve(&document, example)["value"]);
                let examples: Vec<_> = content.get("example").into_iter().chain(named).collect();
                assert!(!examples.is_empty(), "{id} {part} {kind} has no example");
                for example in examples {
                    validate(&format!("the example of {id} {part}"), &content["schema"], Reading::Answer, example);
                }
            }
        }
    }
}

#[test]
fn every_reference_leads_to_a_schema() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    let lost: Vec<_> = found.iter().filter(|reference| document.pointer(&reference[1..]).is_none()).collect();
    assert!(lost.is_empty(), "these lead nowhere: {lost:?}");
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let unused: Vec<_> =
        schemas.keys().filter(|name| !found.contains(&format!("#/components/schemas/{name}"))).collect();
    assert!(unused.is_empty(), "no operation uses the schemas {unused:?}");
}

#[test]
fn every_operation_is_secured_or_public_by_decision() {
    let document = document();
    let operations = operations(&document);
    let open: BTreeSet<&str> = operations.iter().filter(|one| !is_secured(one)).map(|one| one.id).collect();
    assert_eq!(open, PUBLIC.iter().copied().collect(), "left: without a security scheme; right: the list PUBLIC");
    for operation in operations.iter().filter(|one| is_secured(one)) {
        let refuses = operation.spec["responses"].get("401").is_some();
        assert!(refuses, "{} does not say that it refuses strangers", operation.id);
    }
    for id in ANSWERS_WITHOUT_CREDENTIAL {
        assert!(operations.iter().any(|operation| operation.id == *id), "there is no operation {id} any more");
    }
}

#[actix_web::test]
async fn every_secured_operation_refuses_strangers() {
    let app = App::start(Engine::Sqlite).await;
    let document = document();
    for operation in operations(&document).into_iter().filter(is_secured) {
        let path = operation.path.replace("{id}", "01936e5e-0000-7000-8000-000000000000");
        let path = path.split(['{', '}']).collect::<Vec<_>>().concat();
        for credential in [None, Some("Bearer a.b.c"), Some("Basic YTpi"), Some("Bearer")] {
            let mut request = TestRequest::with_uri(&path).method(operation.method.clone());
            request = request.peer_addr(([127, 0, 0, 1], 9).into());
            if let Some(credential) = credential {
                request = request.insert_header(("authorization", credential));
            }
            let reply = app.anyone().raw(request).await;
            let excepted = ANSWERS_WITHOUT_CREDENTIAL.contains(&operation.id);
            assert_eq!(reply.status == 401, !excepted, "{} answers {} to {credential:?}", operation.id, reply.status);
            if !excepted {
                assert!(reply.header("www-authenticate").is_some(), "{}", operation.id);
            }
        }
    }
}

#[actix_web::test]
async fn our_pages_need_no_other_host() {
    let app = App::start(Engine::Sqlite).await;
    let front = app.anyone().get("/").await.expect(200);
    assert!(front.header("link").unwrap().contains("/openapi.json>; rel=\"service-desc\""));
    let page = app.anyone().get("/docs").await.expect(200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("http"), "{policy}");
    for page in [&front, &page] {
        assert_eq!(page.header("content-type").unwrap(), "text/html; charset=utf-8");
        assert!(!page.text().contains("//"), "it names another host");
        let quoted = page.text().split('"').skip(1).step_by(2);
        // `/v1/articles` needs a published article to be worth following; everything else is one of our files.
        for link in quoted.filter(|text| text.starts_with("docs") || *text == "openapi.json") {
            let file = app.anyone().get(&format!("/{link}")).await.expect(200);
            assert!(file.body.len() > 10, "{link} is empty");
        }
    }
    let script = app.anyone().get("/docs/assets/swagger-ui-bundle.js").await.expect(200);
    let again = TestRequest::with_uri("/docs/assets/swagger-ui-bundle.js")
        .insert_header(("if-none-match", script.header("etag").unwrap()));
    app.anyone().raw(again).await.expect(304);
    app.anyone().get("/docs/assets/index.html").await.expect(404);
    app.anyone().get("/docs/assets/..%2fstart.js").await.expect(404);
}

#[actix_web::test]
async fn our_pages_wear_the_style_that_their_policy_allows() {
    let app = App::start(Engine::Sqlite).await;
    let pages = std::iter::once("/".to_owned());
    for path in pages.chain(http::catalogue::ENTRIES.iter().map(|entry| format!("/docs/errors/{}", entry.code))) {
        let page = app.anyone().get(&path).await.expect(200);
        let style = page.text().split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        let hash = HEXLOWER.decode(domain::secrets::sha256(style).as_bytes()).unwrap();
        let allowed = format!("style-src 'sha256-{}'", BASE64.encode(&hash));
        assert!(page.header("content-security-policy").unwrap().contains(&allowed), "{path}");
        assert!(!page.text().contains('`'), "{path} shows marks of Markdown");
    }
}
