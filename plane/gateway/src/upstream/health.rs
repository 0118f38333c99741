//! Active checks: every endpoint is asked now and then whether it works, also when no request goes there.
//!
//! One task for each upstream that has checks, on the runtime of the control. What it finds is a hint for the policies: an endpoint
//! that answers checks and fails requests is left out all the same, and one that fails its checks and answers requests is not.
//! Always holds: so many checks run at once and not more, and each has a time limit.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use homeostat_wire::Body;

use super::{Endpoint, Terms, Upstream};

/// Checks of one upstream at once: with a thousand endpoints and a time limit of a second still quick.
const AT_ONCE_MAX: usize = 16;

/// How endpoints are checked.
#[derive(Debug, Clone)]
pub struct CheckTerms {
    /// What is asked for.
    pub path: http::Uri,
    /// The host that is named in the request.
    pub host: http::HeaderValue,
    /// How often.
    pub every: Duration,
    /// How long an answer may take.
    pub within: Duration,
}

/// Checks all endpoints until it is dropped.
pub async fn watch_health(upstream: Arc<Upstream>, terms: Terms, check: CheckTerms) {
    let mut ticks = tokio::time::interval(check.every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let checks = upstream.endpoints().into_iter().map(|endpoint| {
            let (terms, check) = (&terms, &check);
            async move {
                let works = tokio::time::timeout(check.within, answers(&endpoint, terms, check)).await;
                (endpoint, works.unwrap_or(false))
            }
        });
        let mut checks = futures::stream::iter(checks).buffer_unordered(AT_ONCE_MAX);
        while let Some((endpoint, works)) = checks.next().await {
            upstream.hint(&endpoint.place.name, works);
        }
    }
}

/// Whether the endpoint answers with a status below 400.
async fn answers(endpoint: &Endpoint, terms: &Terms, check: &CheckTerms) -> bool {
    let mut request = http::Request::new(Body::empty());
    *request.uri_mut() = check.path.clone();
    request.headers_mut().insert(http::header::HOST, check.host.clone());
    request.headers_mut().insert(http::header::USER_AGENT, http::HeaderValue::from_static("homeostat-gateway-check"));
    match terms.ask(endpoint.place.address, request).await {
        Ok(response) => response.status().as_u16() < 400,
        Err(_) => false,
    }
}
