//! Warming: pages that are asked for once after a start, so that the first visitors find them.
//!
//! One task beside the requests, which asks the gateway's own front at a bounded rate. Always holds: it begins when somebody is there to
//! answer, asks for each page once, and a page that fails is left to the first visitor.

use std::sync::Arc;
use std::time::Duration;

use homeostat_wire::{Body, Handler, Peer};
use http::header;
use http_body_util::BodyExt;

use crate::front::Front;
use crate::gateway::Gateway;

/// So long it is waited for the first endpoint; after that the pages are left to visitors.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// Asks for the pages of the settings. Paths alone are asked for under the name `localhost`.
pub async fn warm(gateway: Arc<Gateway>) {
    let plan = gateway.plan();
    let (pages, per_s) = (plan.settings.cache.warm.clone(), plan.settings.cache.warm_per_s.max(1));
    drop(plan);
    if pages.is_empty() {
        return;
    }
    let somebody = async {
        for upstream in gateway.upstreams() {
            upstream.somebody().await;
        }
    };
    if tokio::time::timeout(READY_WITHIN, somebody).await.is_err() {
        return;
    }
    let front = Front::new(Arc::clone(&gateway), 0);
    let here = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let peer = Arc::new(Peer::direct(here, here));
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_s);
    for page in pages {
        ticks.tick().await;
        let (host, path) = split(&page);
        let request = http::Request::builder().uri(path).header(header::HOST, host).body(());
        let Ok(request) = request else {
            tracing::warn!(page, "a page to warm is no address");
            continue;
        };
        let response = front.handle(request.map(|()| Body::empty()), &peer).await;
        let mut body = response.into_body();
        while let Some(Ok(_)) = body.frame().await {}
    }
}

/// `//shop.example.org/cart`, or a whole URL, into host and path; a path alone is for `localhost`.
fn split(page: &str) -> (&str, &str) {
    let rest = page.split_once("://").map_or(page, |(_, rest)| rest);
    let rest = if rest.len() == page.len() { page.strip_prefix("//") } else { Some(rest) };
    match rest {
        None => ("localhost", page),
        Some(rest) => match rest.find('/') {
            Some(at) => (&rest[..at], &rest[at..]),
            None => (rest, "/"),
        },
    }
}
