//! The control of a running gateway: questions and orders over a unix socket that only its owner may open.
//!
//! Spoken by the engine, the command line and whoever writes a script. Always holds: it runs on a runtime of its own, so that no
//! question slows a request; every answer is made from counters and lists that stand anyway; whatever is ordered is checked whole before any
//! of it is in force.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::cache::Purge;
use crate::gateway::Gateway;
use crate::telemetry::{Filter, StatusFilter, line};
use crate::upstream::Place;

/// The longest that a question may wait for news.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// What an order may weigh: ten thousand endpoints are a megabyte.
const BODY_MAX: usize = 8 << 20;

/// All that can be asked and ordered.
pub fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/routes", get(async |State(gateway): State<Arc<Gateway>>| Json(gateway.routes())))
        .route(
            "/v1/endpoints",
            get(async |State(gateway): State<Arc<Gateway>>| Json(gateway.endpoints())).put(put_endpoints),
        )
        .route("/v1/leaving", get(async |State(gateway): State<Arc<Gateway>>| Json(gateway.leaving())))
        .route("/v1/activations", get(activations))
        .route("/v1/signals", get(signals))
        .route("/v1/reload", post(reload))
        .route("/v1/drain", post(drain))
        .route("/v1/cache", get(async |State(gateway): State<Arc<Gateway>>| Json(gateway.plan().answers.advice())))
        .route("/v1/cache/purge", post(purge))
        .route("/v1/tap", get(tap))
        .route("/v1/spans", get(spans))
        .route("/metrics", get(metrics))
        .layer(axum::extract::DefaultBodyLimit::max(BODY_MAX))
        .with_state(gateway)
}

/// Well only when every worker is: whoever asks for its health asks this.
async fn status(State(gateway): State<Arc<Gateway>>) -> Response {
    let status = gateway.status();
    let code = if status.stuck.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(status)).into_response()
}

/// Only the numbers, for an address that a scraper can reach.
pub fn metrics_router(gateway: Arc<Gateway>) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(gateway)
}

#[derive(Debug, Serialize)]
struct Problem {
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
}

fn problem(status: StatusCode, title: &'static str, detail: Option<String>, problems: Vec<String>) -> Response {
    let body = Problem { title, status: status.as_u16(), detail, problems };
    let head = [(header::CONTENT_TYPE, "application/problem+json")];
    (status, head, serde_json::to_vec(&body).unwrap_or_default()).into_response()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists {
    services: BTreeMap<String, Vec<Listed>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    name: String,
    address: SocketAddr,
}

async fn put_endpoints(State(gateway): State<Arc<Gateway>>, body: Bytes) -> Response {
    let lists: Lists = match serde_json::from_slice(&body) {
        Ok(lists) => lists,
        Err(error) => {
            return problem(StatusCode::BAD_REQUEST, "not a list of endpoints", Some(error.to_string()), vec![]);
        }
    };
    for (service, listed) in lists.services {
        let places: Vec<Place> = listed.into_iter().map(|Listed { name, address }| Place { name, address }).collect();
        gateway.put_endpoints(&service, &places);
    }
    StatusCode::NO_CONTENT.into_response()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct News {
    #[serde(default)]
    after: u64,
    #[serde(default)]
    wait_ms: u64,
}

impl News {
    fn wait(&self) -> Duration {
        Duration::from_millis(self.wait_ms).min(WAIT_MAX)
    }
}

#[derive(Debug, Serialize)]
struct Activations {
    number: u64,
    services: Vec<Waiting>,
}

#[derive(Debug, Serialize)]
struct Waiting {
    service: String,
    waiting: usize,
}

async fn activations(State(gateway): State<Arc<Gateway>>, Query(news): Query<News>) -> Json<Activations> {
    let (number, services) = gateway.calls().look(news.after, news.wait()).await;
    let services =
        services.into_iter().map(|service| Waiting { waiting: gateway.waiting_for(&service), service }).collect();
    Json(Activations { number, services })
}

async fn signals(State(gateway): State<Arc<Gateway>>, Query(news): Query<News>) -> Response {
    Json(gateway.signals().read(news.after, news.wait()).await).into_response()
}

#[derive(Debug, Serialize)]
struct Reloaded {
    changed: bool,
    fingerprint: String,
}

async fn reload(State(gateway): State<Arc<Gateway>>) -> Response {
    match gateway.reload().await {
        Ok((changed, fingerprint)) => Json(Reloaded { changed, fingerprint }).into_response(),
        Err(problems) => problem(
            StatusCode::UNPROCESSABLE_ENTITY,
            "the configuration is not valid; the last good one stays in force",
            None,
            problems,
        ),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Purging {
    Tag(String),
    Pattern(String),
    All(bool),
}

async fn purge(State(gateway): State<Arc<Gateway>>, body: Bytes) -> Response {
    let purge = match serde_json::from_slice(&body) {
        Ok(Purging::Tag(tag)) => Purge::Tag(tag),
        Ok(Purging::Pattern(pattern)) => Purge::Pattern(pattern),
        Ok(Purging::All(true)) => Purge::All,
        Ok(Purging::All(false)) => return StatusCode::NO_CONTENT.into_response(),
        Err(error) => {
            let what = "not a purge: {\"tag\": ..}, {\"pattern\": ..} or {\"all\": true}";
            return problem(StatusCode::BAD_REQUEST, what, Some(error.to_string()), vec![]);
        }
    };
    match gateway.plan().answers.purge(&purge) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(why) => problem(StatusCode::UNPROCESSABLE_ENTITY, "it was not purged", Some(why), vec![]),
    }
}

async fn drain(State(gateway): State<Arc<Gateway>>) -> StatusCode {
    gateway.drain();
    StatusCode::ACCEPTED
}

async fn metrics(State(gateway): State<Arc<Gateway>>) -> Response {
    let head = [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")];
    (head, gateway.metrics()).into_response()
}

async fn spans(State(gateway): State<Arc<Gateway>>) -> Response {
    let Some(taken) = gateway.spans().open() else {
        return problem(StatusCode::TOO_MANY_REQUESTS, "too many collect at once", None, vec![]);
    };
    let lines = futures::stream::unfold(taken, async |mut taken: mpsc::Receiver<_>| {
        let span = taken.recv().await?;
        Some((Ok::<_, Infallible>(Bytes::from(line(&span))), taken))
    });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Look {
    route: Option<String>,
    status: Option<String>,
    path: Option<String>,
    #[serde(default)]
    slower_than_ms: u64,
    /// Of those that fit, one of so many.
    #[serde(default)]
    sample: u64,
}

async fn tap(State(gateway): State<Arc<Gateway>>, Query(look): Query<Look>) -> Response {
    let status = match look.status.as_deref().map(str::parse::<StatusFilter>).transpose() {
        Ok(status) => status,
        Err(why) => return problem(StatusCode::BAD_REQUEST, "not a status", Some(why), vec![]),
    };
    let filter = Filter {
        route: look.route,
        status,
        path: look.path,
        took_us_min: look.slower_than_ms.saturating_mul(1_000),
        one_in: look.sample,
    };
    let Some(seen) = gateway.tap().open(filter) else {
        return problem(StatusCode::TOO_MANY_REQUESTS, "too many look at once", None, vec![]);
    };
    let lines = futures::stream::unfold(seen, async |mut seen: mpsc::Receiver<_>| {
        let tapped = seen.recv().await?;
        let mut line = serde_json::to_vec(&tapped).unwrap_or_default();
        line.push(b'\n');
        Some((Ok::<_, Infallible>(Bytes::from(line)), seen))
    });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}
