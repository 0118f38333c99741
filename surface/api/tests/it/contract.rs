//! The interface and its document say the same: the committed file, every address, every answer.

use crate::client::Reply;
use crate::{Fixture, facts, schema};
use homeostat_vocabulary::Decision;
use serde_json::{Value, json};

fn committed() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Fails unless the answer is one that the document foresees at this address.
fn conforms(document: &Value, method: &str, path: &str, reply: &Reply) {
    let operation = &document["paths"][path][method.to_lowercase()];
    let response = &operation["responses"][reply.status.to_string()];
    let media = &response["content"][&reply.media];
    assert!(
        media.is_object(),
        "{method} {path} answered {} {} as the document does not say",
        reply.status,
        reply.media
    );
    let value = if reply.media.ends_with("json") { reply.json() } else { json!(String::from_utf8_lossy(&reply.body)) };
    let faults = schema::faults(document, &media["schema"], &value);
    assert!(faults.is_empty(), "{method} {path} {}: {faults:#?}", reply.status);
}

#[test]
fn the_committed_document_is_the_one_that_is_served() {
    // Clients are generated from the committed file: it would describe another interface.
    assert!(
        committed() == homeostat_api::openapi_document(),
        "docs/openapi.json is out of date; run `cargo run -q -p homeostat-api --example openapi > docs/openapi.json`"
    );
}

#[test]
fn every_reference_of_the_document_leads_somewhere_and_names_are_unique() {
    // A generator of clients would fail, or two operations would get one name.
    fn walk(document: &Value, value: &Value) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, inner)| match (key.as_str(), inner) {
                ("$ref", Value::String(target)) => assert!(document.pointer(&target[1..]).is_some(), "{target}"),
                _ => walk(document, inner),
            }),
            Value::Array(items) => items.iter().for_each(|item| walk(document, item)),
            _ => {}
        }
    }
    let document = committed();
    walk(&document, &document);
    let items = document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    let mut names: Vec<&str> = items.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
    assert!(names.iter().all(|name| !name.is_empty()));
}

#[tokio::test]
async fn every_address_answers_as_the_document_says() {
    // A client that trusts the document would break on a field that is missing, misspelt or of another type.
    let fixture = Fixture::open().await;
    fixture.record(facts::repair(1)).await;
    fixture.record([facts::plan_made(2, None), facts::guards(2, None, Decision::Go)]).await;
    let mut status = facts::status();
    status.episodes.push(facts::open_episode(3));
    fixture.status.send_replace(std::sync::Arc::new(status));
    let document = committed();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            for named in ["1", "2", "nobody"] {
                let filled = path
                    .replace("{name}", if named == "1" { "web" } else { named })
                    .replace("{code}", if named == "1" { "H0421" } else { named });
                let letter = if path.contains("episodes") { 'E' } else { 'A' };
                let filled = filled.replace("{id}", &format!("{letter}{named}"));
                if path == "/v1/events" {
                    continue;
                }
                let body = match path.as_str() {
                    "/v1/pause" | "/v1/resume" => r#"{"service": "web"}"#,
                    "/v1/shutdown" => r#"{"keep_services": true}"#,
                    _ => "",
                };
                let client = if named == "1" { fixture.tcp() } else { fixture.local() };
                let reply = client.ask(&method.to_uppercase(), &filled, Some(body)).await;
                conforms(&document, method, path, &reply);
                if named == "1" {
                    assert_eq!(reply.status, 200, "{filled}: {reply:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn every_event_is_as_the_document_says() {
    // The console reads events by the generated types.
    let fixture = Fixture::open().await;
    fixture.record(facts::repair(1)).await;
    let document = committed();
    let event = &document["paths"]["/v1/events"]["get"]["responses"]["200"]["content"]["text/event-stream"]["schema"];
    let mut stream = fixture.local().stream("/v1/events?after=0").await.ok().unwrap();
    for _ in 0..facts::repair(1).len() {
        let (_, data) = stream.next().await.unwrap();
        assert_eq!(schema::faults(&document, event, &data), Vec::<String>::new());
        let fact = &document["components"]["schemas"]["Fact"];
        assert_eq!(schema::faults(&document, fact, &data["payload"]), Vec::<String>::new());
    }
}

#[tokio::test]
async fn every_refusal_is_a_problem_with_a_page() {
    // A client that shows `code` and `hint` would show nothing, or lead to a page that is not there.
    let fixture = Fixture::open().await;
    let document = committed();
    let problem = json!({ "$ref": "#/components/schemas/Problem" });
    let local = fixture.local();
    let post = async |body: &'static str| local.post("/v1/pause", body).await;
    for (reply, code) in [
        (local.get("/v1/nothing").await, "H0424"),
        (local.get("/v1/services/../../etc").await, "H0424"),
        (local.get("/v1/services/UPPER").await, "H0424"),
        (local.get("/v1/services/%FF").await, "H0420"),
        (local.get("/v1/episodes/17").await, "H0424"),
        (local.get("/v1/episodes?limit=0").await, "H0420"),
        (local.get("/v1/episodes?limit=101").await, "H0420"),
        (local.get("/v1/episodes?cursor=zzz").await, "H0420"),
        (local.get("/v1/episodes?sate=open").await, "H0420"),
        (local.get("/v1/episodes/E1?lang=tlh").await, "H0420"),
        (local.get("/v1/pause").await, "H0425"),
        (local.post("/v1/status", "{}").await, "H0425"),
        (post("").await, "H0420"),
        (post("{").await, "H0420"),
        (post("{}").await, "H0420"),
        (post("[]").await, "H0420"),
        (post(r#"{"scope": "all"}"#).await, "H0420"),
        (post(r#"{"scope": "everything", "service": "web"}"#).await, "H0420"),
        (post(r#"{"service": "*"}"#).await, "H0420"),
        (post(r#"{"servise": "web"}"#).await, "H0420"),
        (local.clone().with("content-type", "text/plain").post("/v1/pause", r#"{"service": "web"}"#).await, "H0420"),
        (local.post("/v1/shutdown", "{}").await, "H0420"),
        (local.post("/v1/pause", &format!("\"{}\"", "x".repeat(20_000))).await, "H0429"),
    ] {
        assert_eq!(reply.code(), code, "{reply:?}");
        let body = reply.json();
        assert_eq!(schema::faults(&document, &problem, &body), Vec::<String>::new());
        let page = local.get(body["type"].as_str().unwrap()).await;
        assert!(
            String::from_utf8_lossy(&page.body).starts_with(&format!("# {code}: {}", body["title"].as_str().unwrap()))
        );
    }
    assert_eq!(fixture.asked(), Vec::new());
}
