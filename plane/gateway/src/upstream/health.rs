//! Active checks: every endpoint is asked now and then whether it works, also when no request goes there.
//!
//! One task for each upstream that has checks, on the runtime of the control. What it finds is a hint for the policies: an endpoint
//! that answers checks and fails requests is left out all the same, and one that fails its checks and answers requests is not.
//! Always holds: so many checks run at once and not more, and each has a time limit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use homeostat_wire::Body;

use super::{Endpoint, Upstream};

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
    /// So many failures in a row are told.
    pub failures: u32,
    /// So many good answers in a row are told.
    pub successes: u32,
}

/// What the checks of one endpoint found lately.
#[derive(Debug, Default)]
struct Row {
    works: bool,
    length: u32,
}

impl Row {
    /// How many in a row have ended like this one.
    fn add(&mut self, works: bool) -> u32 {
        self.length = if self.works == works { self.length.saturating_add(1) } else { 1 };
        self.works = works;
        self.length
    }
}

/// Checks all endpoints until it is dropped.
pub async fn watch_health(upstream: Arc<Upstream>, check: CheckTerms) {
    let mut ticks = tokio::time::interval(check.every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    loop {
        ticks.tick().await;
        let endpoints = upstream.endpoints();
        let are_there: BTreeSet<&str> = endpoints.iter().map(|endpoint| &*endpoint.place.name).collect();
        rows.retain(|name, _| are_there.contains(&**name));
        let checks = endpoints.iter().cloned().map(|endpoint| {
            let check = &check;
            async move {
                let works = tokio::time::timeout(check.within, answers(&endpoint, check)).await;
                (endpoint, works.unwrap_or(false))
            }
        });
        let mut checks = futures::stream::iter(checks).buffer_unordered(AT_ONCE_MAX);
        while let Some((endpoint, works)) = checks.next().await {
            let length = rows.entry(endpoint.place.name.clone()).or_default().add(works);
            if length >= if works { check.successes } else { check.failures } {
                upstream.hint(&endpoint.place.name, works);
            }
        }
    }
}

/// Whether the endpoint answers with a status below 400.
async fn answers(endpoint: &Endpoint, check: &CheckTerms) -> bool {
    let mut request = http::Request::new(Body::empty());
    *request.uri_mut() = check.path.clone();
    request.headers_mut().insert(http::header::HOST, check.host.clone());
    request.headers_mut().insert(http::header::USER_AGENT, http::HeaderValue::from_static("homeostat-gateway-check"));
    match endpoint.terms.ask(endpoint.place.address, request).await {
        Ok(response) => response.status().as_u16() < 400,
        Err(_) => false,
    }
}
