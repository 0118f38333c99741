//! The OpenAPI 3.1 document, made from the declared addresses and the types of their answers.
//!
//! Served at `/v1/openapi.json` and committed as docs/openapi.json, where a test compares the two.

use crate::code::Code;
use crate::problem::Problem;
use crate::route::{Payload, Route, SchemaOf, schema};
use crate::routes;
use homeostat_vocabulary::Fact;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Refusals that every address behind the gate has.
const EVERYWHERE: [Code; 6] =
    [Code::NoToken, Code::OtherUser, Code::OtherSite, Code::TooSlow, Code::Unreadable, Code::Fault];

/// The document.
#[must_use]
pub fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes::all() {
        let item = paths.entry(route.path).or_insert_with(|| json!({}));
        item[route.method.as_str().to_ascii_lowercase()] = operation(&route, &mut generator);
    }
    // An event's payload is open, for steps of sagas are events too; what nearly all of them hold is a fact.
    let _ = schema::<Fact>(&mut generator);
    let mut schemas = generator.take_definitions(true);
    schemas.sort_keys();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Homeostat",
            "version": "1",
            "description": "Keeps services inside their objectives. Over TCP every request but the health check bears the token from the file `token` of the data folder; on the unix socket the same user needs none.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "http://127.0.0.1:5000" }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas,
        },
    })
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let mut operation = json!({
        "operationId": route.operation,
        "summary": route.summary,
        "parameters": parameters(route, generator),
        "responses": responses(route, generator),
    });
    if route.path == routes::HEALTH {
        operation["security"] = json!([]);
    }
    if let Some(body) = route.body {
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": body(generator) } } });
    }
    operation
}

fn parameters(route: &Route, generator: &mut SchemaGenerator) -> Vec<Value> {
    let mut found = Vec::new();
    if let Some(named) = route.named {
        let name = route.path.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(name, _)| name);
        found.push(json!({ "name": name, "in": "path", "required": true, "schema": named(generator) }));
    }
    if let Some(query) = route.query {
        found.extend(query_parameters(query));
    }
    for (name, what) in route.headers {
        found.push(json!({ "name": name, "in": "header", "required": false, "description": what, "schema": { "type": "string" } }));
    }
    found
}

/// The properties of a parameters type, each as a parameter. Its schema is made apart, so that the type itself does not stand
/// among the components, where nothing would refer to it.
fn query_parameters(query: SchemaOf) -> Vec<Value> {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let inline = query(&mut settings.into_generator());
    let Some(properties) = inline.get("properties").and_then(Value::as_object) else { return Vec::new() };
    let parameter = |(name, schema): (&String, &Value)| {
        let mut schema = schema.clone();
        let what = schema.as_object_mut().and_then(|schema| schema.remove("description")).unwrap_or_default();
        json!({ "name": name, "in": "query", "required": false, "description": what, "schema": schema })
    };
    properties.iter().map(parameter).collect()
}

fn responses(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let content = match route.payload {
        Payload::Json(schema) => json!({ "application/json": { "schema": schema(generator) } }),
        // Each event's data is one such document; OpenAPI 3.1 has no word for a stream of them.
        Payload::Events(schema) => json!({ "text/event-stream": { "schema": schema(generator) } }),
        Payload::Text(media) => json!({ media: { "schema": { "type": "string" } } }),
    };
    let mut responses = Map::new();
    for status in std::iter::once(200).chain(route.also) {
        let what = if status == 200 { "Granted." } else { "The same, said with another status." };
        responses.insert(status.to_string(), json!({ "description": what, "content": content.clone() }));
    }
    let mut by_status: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for code in EVERYWHERE.iter().chain(route.refusals) {
        by_status.entry(code.status()).or_default().push(format!("{}: {}.", code.as_str(), code.title()));
    }
    let problem = schema::<Problem>(generator);
    for (status, mut whats) in by_status {
        whats.dedup();
        let content = json!({ "application/problem+json": { "schema": problem } });
        // An address that answers under this status itself (health) keeps its own answer.
        let entry = responses.entry(status.to_string());
        entry.or_insert_with(|| json!({ "description": whats.join(" "), "content": content }));
    }
    Value::Object(responses)
}
