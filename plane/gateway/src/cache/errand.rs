//! An errand to an upstream that can outlive the client that caused it: everything that is needed to ask, and nothing borrowed.

use std::sync::Arc;

use homeostat_edge::Trace;
use homeostat_resilience::Call;
use homeostat_routing::{RouteId, UpstreamId};
use homeostat_wire::{Body, Response, strip_hop_by_hop};
use http::request::Parts;

use crate::forward::{NoAnswer, Way};
use crate::gateway::Gateway;
use crate::plan::Plan;

/// Where to ask, and as whom. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Errand {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// The plan that the request began with.
    pub plan: Arc<Plan>,
    /// Its route.
    pub route: RouteId,
    /// The upstream that was dealt to it.
    pub upstream: UpstreamId,
    /// The worker that it is on.
    pub worker: usize,
    /// How important it is.
    pub call: Call,
    /// The trace that it belongs to.
    pub trace: Trace,
}

impl Errand {
    /// Asks the upstream.
    ///
    /// # Errors
    /// When it gives no answer.
    pub async fn go(&self, head: &Parts, body: Body) -> Result<Response, NoAnswer> {
        let way = self.way().ok_or(NoAnswer::NoWay)?;
        let mut response =
            way.go(self.worker, head, body, self.call, &self.trace, |upstream| self.gateway.call_for(upstream)).await?;
        strip_hop_by_hop(response.headers_mut());
        Ok(response)
    }

    /// The way to its upstream.
    pub fn way(&self) -> Option<&Way> {
        self.plan.routes[self.route.0].way(self.upstream)
    }
}
