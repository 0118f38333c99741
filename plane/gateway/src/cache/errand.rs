//! An errand to an upstream that can outlive the client that caused it: everything that is needed to ask, and nothing borrowed.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use homeostat_edge::Trace;
use homeostat_reactor::Moment;
use homeostat_resilience::{Call, Refusal};
use homeostat_routing::{RouteId, UpstreamId};
use homeostat_wire::{Body, Response, strip_hop_by_hop};
use http::HeaderValue;
use http::header::AUTHORIZATION;
use http::request::Parts;

use crate::forward::{Answered, NoAnswer, Way};
use crate::gateway::Gateway;
use crate::plan::{Plan, resilience_of};
use crate::upstream::Upstream;

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
    /// Whether the edge knows who asks, by a key or a token.
    pub is_of_known: bool,
}

impl Errand {
    /// Asks the upstream.
    ///
    /// # Errors
    /// When it gives no answer.
    pub async fn go(&self, head: &Parts, body: Body) -> Result<Answered, NoAnswer> {
        let way = self.way().ok_or(NoAnswer::NoWay)?;
        let _changing = (!head.method.is_safe()).then(|| Changing::begin(&way.upstream));
        let mut answered =
            way.go(self.worker, head, body, self.call, &self.trace, |upstream| self.gateway.call_for(upstream)).await?;
        strip_hop_by_hop(answered.response.headers_mut());
        Ok(answered)
    }

    /// The same for an answer that others may get too: it carries with it where it came from.
    ///
    /// # Errors
    /// As [`go`](Self::go).
    pub async fn fetch(&self, head: &Parts, body: Body) -> Result<Response, NoAnswer> {
        let Answered { mut response, trail } = self.go(head, body).await?;
        response.extensions_mut().insert(trail);
        Ok(response)
    }

    /// What is judged of what was asked. Who is known by a key of any kind is as one who sent `Authorization`: the upstream does not
    /// see the key, but is told the name, and its answer may be for that one alone.
    pub fn judged<'a>(&self, asked: &'a Parts) -> Cow<'a, Parts> {
        if !self.is_of_known || asked.headers.contains_key(AUTHORIZATION) {
            return Cow::Borrowed(asked);
        }
        let mut asked = asked.clone();
        asked.headers.insert(AUTHORIZATION, HeaderValue::from_static("known"));
        Cow::Owned(asked)
    }

    /// The same, to be done within the time that its route has, counted from now: who first waits for what another request fetches
    /// has no more time than who asks at once.
    pub fn in_time(&self) -> Self {
        let table = &self.plan.table;
        let resilience = resilience_of(table, &table.routes()[self.route.0], self.upstream);
        let deadline = Duration::from_millis(resilience.deadline_ms);
        Self { call: self.call.within(deadline, self.gateway.clock()), ..self.clone() }
    }

    /// Until when it has time; now, if nothing was said of that.
    pub fn latest(&self) -> Moment {
        self.call.deadline.unwrap_or_else(|| self.gateway.clock().now())
    }

    /// Why it has no answer, if its time is over.
    pub fn too_late(&self) -> Option<NoAnswer> {
        self.call.is_over(self.gateway.clock().now()).then_some(NoAnswer::Refused(Refusal::DeadlinePassed))
    }

    /// The way to its upstream.
    pub fn way(&self) -> Option<&Way> {
        self.plan.routes[self.route.0].way(self.upstream)
    }
}

/// A request that may change something, from before it goes out until there is an answer or nobody waits for one any more: what became of
/// it is not always told.
struct Changing<'a>(&'a Upstream);

impl<'a> Changing<'a> {
    fn begin(upstream: &'a Upstream) -> Self {
        upstream.was_changed();
        Self(upstream)
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.0.was_changed();
    }
}
