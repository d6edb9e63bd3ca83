//! The operations of the API, as its OpenAPI document has them, for tests that try them all.

use actix_web::http::Method;
use serde_json::Value;

/// One operation.
#[derive(Debug, Clone)]
pub struct Operation {
    pub id: String,
    pub method: Method,
    /// With `{placeholders}`.
    pub path: String,
    /// Whether it wants a credential of any kind.
    pub secured: bool,
    /// Whether that is an access token.
    pub session: bool,
    pub query: Vec<String>,
    /// The first media type of its body, if it takes one.
    pub body: Option<String>,
    pub responses: Vec<u16>,
}

impl Operation {
    /// Its path with every placeholder filled in.
    pub fn at(&self, fill: impl Fn(&str) -> String) -> String {
        let mut path = String::new();
        let mut rest = self.path.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap();
            path.push_str(before);
            path.push_str(&fill(name));
            rest = after;
        }
        path + rest
    }
}

/// Every operation of the document.
pub fn operations() -> Vec<Operation> {
    let document: Value = serde_json::from_str(&http::openapi_text()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Ok(method) = method.to_uppercase().parse::<Method>() else { continue };
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let query = parameters.iter().filter(|parameter| parameter["in"] == "query");
            let schemes = operation["security"].as_array().cloned().unwrap_or_default();
            let secured = schemes.iter().any(|scheme| scheme.as_object().is_some_and(|names| !names.is_empty()));
            let session = schemes.iter().any(|scheme| scheme.get("session").is_some());
            let responses = operation["responses"].as_object().unwrap().keys();
            operations.push(Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method,
                path: path.clone(),
                secured,
                session,
                query: query.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect(),
                body: operation["requestBody"]["content"].as_object().and_then(|kinds| kinds.keys().next().cloned()),
                responses: responses.map(|status| status.parse().unwrap()).collect(),
            });
        }
    }
    assert!(operations.len() > 20);
    operations
}
