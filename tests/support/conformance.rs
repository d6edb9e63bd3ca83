//! Holds every answer that any test gets to the OpenAPI document: its status, its headers, its body, and no member more.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use actix_web::dev::ResourceDef;
use actix_web::http::{Method, Uri};
use jsonschema::{Registry, Validator};
use serde_json::{Value, json};

use super::Reply;

/// Headers that an answer has if, and only if, the document says so.
const HEADERS: [&str; 5] = ["ETag", "Location", "Retry-After", "WWW-Authenticate", "X-Request-Id"];

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(&http::openapi_text()).unwrap());

/// An operation, and what matches its addresses.
struct Route {
    method: Method,
    address: ResourceDef,
    operation: &'static Value,
}

/// Every operation; those without placeholders first, as they win.
static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    let mut paths: Vec<_> = DOCUMENT["paths"].as_object().unwrap().iter().collect();
    paths.sort_by_key(|(path, _)| (path.contains('{'), path.ends_with('}')));
    let mut routes = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            let method = method.to_uppercase().parse().unwrap();
            // A category's path has slashes in it.
            let address = ResourceDef::new(path.replace("{path}", "{path:.*}"));
            routes.push(Route { method, address, operation });
        }
    }
    routes
});

fn find(method: &Method, path: &str) -> Option<&'static Value> {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let mut routes = ROUTES.iter();
    routes.find(|route| route.method == method && route.address.is_match(path)).map(|route| route.operation)
}

/// Fails if the document has the operation and does not describe this answer of it.
pub fn check_answer(method: &Method, uri: &Uri, reply: &Reply) {
    let Some(operation) = find(method, uri.path()) else { return };
    let status = reply.status.to_string();
    let place = format!("{} {uri} → {status}", operation["operationId"]);
    let response = resolve(&operation["responses"][&status]);
    assert!(response.is_object(), "{place}: the document lacks this status");
    for name in HEADERS {
        let documented = response["headers"].get(name).is_some();
        assert_eq!(reply.header(name).is_some(), documented, "{place}: {name}, answered and documented");
    }
    if reply.body.is_empty() || reply.header("content-encoding").is_some() {
        return;
    }
    let kind = reply.header("content-type").unwrap_or_else(|| panic!("{place}: a body without a type"));
    let kind = kind.split(';').next().unwrap();
    // A file is of any type.
    let content = response["content"].get(kind).unwrap_or(&response["content"]["*/*"]);
    assert!(content.is_object(), "{place}: the document lacks {kind}");
    if kind.ends_with("json") {
        if reply.status < 300 {
            check_query(&place, operation, uri);
        }
        let reads =
            if uri.query().is_some_and(|query| query.contains("fields=")) { Reading::Part } else { Reading::Answer };
        validate(&place, &content["schema"], reads, &reply.json());
    }
}

/// Fails if the document forbids a parameter that an operation took. Outside `/v1` parameters are ignored.
fn check_query(place: &str, operation: &'static Value, uri: &Uri) {
    for (name, value) in url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        let mut parameters = operation["parameters"].as_array().into_iter().flatten();
        let parameter = parameters.find(|parameter| parameter["in"] == "query" && parameter["name"] == *name);
        let Some(parameter) = parameter else {
            assert!(!uri.path().starts_with("/v1/"), "{place}: the document lacks the parameter {name}");
            continue;
        };
        // A number and a text look alike here.
        let readings = [serde_json::from_str(&value).unwrap_or_default(), Value::from(value.as_ref())];
        let validator = validator(&parameter["schema"], Reading::Request);
        assert!(readings.iter().any(|value| validator.is_valid(value)), "{place}: {name}={value} is not documented");
    }
}

/// Fails if the document forbids a body that an operation took.
pub fn check_body(method: &Method, path: &str, body: &Value) {
    let path = path.split('?').next().unwrap_or_default();
    let Some(operation) = find(method, path) else { return };
    let place = format!("the body of {} {path}", operation["operationId"]);
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    assert!(schema.is_object(), "{place}: the document has none");
    validate(&place, schema, Reading::Request, body);
}

/// How a schema is read.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reading {
    /// As it says.
    Answer,
    /// Nothing is required: `fields` chose the members.
    Part,
    /// Formats are left alone: the server takes space around an address, and an empty text for none.
    Request,
}

/// Fails unless a value is what its schema, a part of the document, says; names every fault.
pub fn validate(place: &str, schema: &Value, reading: Reading, instance: &Value) {
    let validator = validator(schema, reading);
    let faults: Vec<_> =
        validator.iter_errors(instance).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
    assert!(faults.is_empty(), "{place} is not what the document says:\n{}", faults.join("\n"));
}

/// The document twice, as it is read whole and in part.
static REGISTRY: LazyLock<Registry<'static>> = LazyLock::new(|| {
    let mut whole = DOCUMENT.clone();
    close(&mut whole);
    let mut part = whole.clone();
    require_nothing(&mut part);
    Registry::new().add("urn:whole", whole).unwrap().add("urn:part", part).unwrap().prepare().unwrap()
});

fn validator(schema: &Value, reading: Reading) -> Arc<Validator> {
    type Compiled = HashMap<(String, Reading), Arc<Validator>>;
    static COMPILED: LazyLock<Mutex<Compiled>> = LazyLock::new(Mutex::default);
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let validator = compiled.entry((schema.to_string(), reading)).or_insert_with_key(|(text, _)| {
        let base = if reading == Reading::Part { "urn:part" } else { "urn:whole" };
        let mut schema: Value = serde_json::from_str(&text.replace("\"#/", &format!("\"{base}#/"))).unwrap();
        close_use(&mut schema);
        let options = jsonschema::options().should_validate_formats(reading != Reading::Request);
        Arc::new(options.with_registry(&REGISTRY).build(&schema).unwrap())
    });
    Arc::clone(validator)
}

/// Lets schemas take the members alone that they describe: a member that nobody described is found so.
fn close(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::Object(properties)) = members.get_mut("properties") {
                properties.values_mut().for_each(close_use);
            }
            for used in ["items", "additionalProperties"] {
                members.get_mut(used).into_iter().for_each(close_use);
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// Where a schema is used, and not where it is part of another one: there the other has members too.
fn close_use(schema: &mut Value) {
    if ["$ref", "allOf", "oneOf"].iter().any(|composed| schema.get(composed).is_some()) {
        schema["unevaluatedProperties"] = json!(false);
    }
}

fn require_nothing(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("required");
            members.values_mut().for_each(require_nothing);
        }
        Value::Array(items) => items.iter_mut().for_each(require_nothing),
        _ => {}
    }
}

/// Follows a reference within the document.
fn resolve(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => DOCUMENT.pointer(&reference[1..]).unwrap(),
        None => value,
    }
}
