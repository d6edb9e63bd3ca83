//! What every operation has alike, so that no annotation repeats it.

use std::collections::BTreeSet;
use std::collections::btree_map::Entry;

use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ArrayItems, Components, Type};
use utoipa::openapi::{Header, HeaderBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Response, Schema};

use crate::refused;

const REQUEST_ID: &str = "RequestId";
const ETAG: &str = "ETag";

/// Adds it.
pub(super) fn complete(document: &mut OpenApi) {
    for (path, operation) in operations(document) {
        // An operation without a credential says so by an empty list; absent, tools take it for forgotten.
        operation.security.get_or_insert_default();
        let responses = &mut operation.responses.responses;
        for status in refused::ANY {
            responses.entry(status.to_string()).or_insert_with(|| RefOr::Ref(refused::reference(status)));
        }
        if path.contains('{') {
            add_no_such_address(responses.entry("404".into()));
        }
        for (status, response) in responses {
            complete_response(status, response);
        }
    }
    let components = document.components.get_or_insert_default();
    components.responses = refused::shared();
    components.headers.insert(REQUEST_ID.into(), header("The id of the request, as the log has it").into());
    components.headers.insert(ETAG.into(), header("What the client has, and may keep").into());
    refer_to_items(components);
    drop_defaults(components);
    open_parts(components);
}

fn complete_response(status: &str, response: &mut RefOr<Response>) {
    let RefOr::T(answer) = response else { return };
    if answer.content.contains_key(refused::MEDIA_TYPE) && answer.content.len() == 1 {
        // It is a shared refusal; its own description says more.
        let mut refusal = refused::reference(status.parse().unwrap_or_default());
        refusal.description.clone_from(&answer.description);
        *response = RefOr::Ref(refusal);
        return;
    }
    answer.headers.insert("X-Request-Id".into(), RefOr::Ref(request_id()));
    if status == "304" {
        answer.headers.insert("ETag".into(), RefOr::Ref(Ref::new(format!("#/components/headers/{ETAG}"))));
    }
}

/// What fills a placeholder may be no text at all (`%00`). Pages have a page for 404, and here still a problem.
fn add_no_such_address(response: Entry<'_, String, RefOr<Response>>) {
    if let RefOr::T(page) = response.or_insert_with(|| RefOr::Ref(refused::reference(404))) {
        page.content.insert(refused::MEDIA_TYPE.into(), refused::content(404).into());
    }
}

/// Every operation of the document, with its path.
pub(super) fn operations(document: &mut OpenApi) -> impl Iterator<Item = (&str, &mut Operation)> {
    document.paths.paths.iter_mut().flat_map(|(path, item)| {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        operations.into_iter().flatten().map(|operation| (path.as_str(), operation))
    })
}

/// A reference to the header that every answer has.
pub(crate) fn request_id() -> Ref {
    Ref::new(format!("#/components/headers/{REQUEST_ID}"))
}

fn header(description: &str) -> Header {
    HeaderBuilder::new()
        .description(Some(description))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
}

/// The derived schema of a collection repeats that of its items: let it refer to it, so that clients get one type.
fn refer_to_items(components: &mut Components) {
    for (name, schema) in &mut components.schemas {
        if let Some(item) = name.strip_prefix("Listing_")
            && let RefOr::T(Schema::Object(listing)) = schema
            && let Some(RefOr::T(Schema::Array(data))) = listing.properties.get_mut("data")
        {
            data.items = ArrayItems::RefOrSchema(Box::new(Ref::from_schema_name(item).into()));
        }
    }
}

/// Generators take a member that has a default for one that is always there: only what is required may have one.
fn drop_defaults(components: &mut Components) {
    for schema in components.schemas.values_mut() {
        let RefOr::T(Schema::Object(object)) = schema else { continue };
        for (name, member) in &mut object.properties {
            if object.required.contains(name) {
                continue;
            }
            match member {
                RefOr::T(Schema::Object(member)) => member.default = None,
                RefOr::T(Schema::Array(member)) => member.default = None,
                RefOr::T(Schema::OneOf(member)) => member.default = None,
                _ => {}
            }
        }
    }
}

/// A schema that takes no other members cannot be part of another schema: let it take them.
fn open_parts(components: &mut Components) {
    let mut parts = BTreeSet::new();
    for schema in components.schemas.values() {
        if let RefOr::T(Schema::AllOf(whole)) = schema {
            parts.extend(whole.items.iter().filter_map(schema_name).map(str::to_owned));
        }
    }
    for (name, schema) in &mut components.schemas {
        if parts.contains(name)
            && let RefOr::T(Schema::Object(part)) = schema
        {
            part.additional_properties = None;
        }
    }
}

/// The name of the schema that is referred to.
pub(super) fn schema_name(schema: &RefOr<Schema>) -> Option<&str> {
    match schema {
        RefOr::Ref(reference) => reference.ref_location.strip_prefix("#/components/schemas/"),
        RefOr::T(_) => None,
    }
}
