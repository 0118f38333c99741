//! How the engine itself does: its event path as JSON, and metrics for Prometheus and its kin.

use super::Shared;
use crate::engine::ReactorView;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use homeostat_reactor::ReactorSnapshot;
use homeostat_reactor::reactor::ReactorMetrics;
use hyper::{StatusCode, header};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::sync::Arc;

/// The media type of the metrics.
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything that is measured of this engine.
pub fn registry(version: &str, reactor: &ReactorView) -> Registry {
    let mut registry = Registry::with_prefix("homeostat");
    registry.register("build", "The engine's version", Info::new(vec![("version", version.to_owned())]));
    let look = Arc::clone(reactor);
    registry.register_collector(Box::new(ReactorMetrics::of(move || look())));
    registry
}

pub async fn reactor(State(shared): State<Shared>) -> Json<ReactorSnapshot> {
    Json((shared.reactor)())
}

pub async fn metrics(State(shared): State<Shared>) -> Response {
    let mut text = String::new();
    match encode(&mut text, &shared.metrics) {
        Ok(()) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        // Writing into a string does not fail.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
