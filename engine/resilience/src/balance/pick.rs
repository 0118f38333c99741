//! One call at one endpoint, from the choice to its end. Dropped before it is finished, it counts as given up: the count of calls
//! under way is right whenever and wherever a future is dropped.

use std::borrow::Borrow;
use std::sync::Arc;

use homeostat_reactor::Moment;

use super::Balancer;
use super::roster::EndpointId;
use crate::predictor::Outcome;
use crate::{Advice, Verdict};

/// An endpoint that was chosen for a call, which is under way as long as this lives.
#[must_use = "a pick that is dropped counts as a call that was given up"]
pub struct Pick<T, B: Borrow<Balancer<T>> = Balancer<T>> {
    /// A balancer of its own for whoever takes this along; within a call the balancer is only borrowed, because threads that count
    /// clones of it wait for each other.
    balancer: B,
    id: EndpointId,
    value: Arc<T>,
    began: Moment,
    outcome: Outcome,
    /// When it ended, where somebody has looked at the clock already.
    ended: Option<Moment>,
}

impl<T, B: Borrow<Balancer<T>>> Pick<T, B> {
    pub(super) fn new(balancer: B, began: Moment, (id, value): (EndpointId, Arc<T>)) -> Self {
        Self { balancer, id, value, began, outcome: Outcome::GivenUp, ended: None }
    }

    /// The endpoint.
    pub const fn value(&self) -> &Arc<T> {
        &self.value
    }

    /// Which endpoint it is: for the list of those that were tried.
    pub const fn id(&self) -> EndpointId {
        self.id
    }

    /// When the call began.
    pub(super) const fn began(&self) -> Moment {
        self.began
    }

    pub(super) fn finish_at(mut self, ended: Moment, advice: Advice) {
        self.ended = Some(ended);
        self.finish(advice);
    }

    /// The call ended like this: a [`Verdict`], or an [`Advice`] with how long a full endpoint asks to be left alone. At most ten
    /// seconds of that are believed.
    pub fn finish(mut self, advice: impl Into<Advice>) {
        let advice: Advice = advice.into();
        self.outcome = match advice.verdict {
            Verdict::Good => Outcome::Good,
            Verdict::Failed => Outcome::Failed,
            Verdict::Full => Outcome::Full(advice.retry_after),
            Verdict::Ignored => Outcome::Ignored,
        };
    }
}

impl<T, B: Borrow<Balancer<T>>> Drop for Pick<T, B> {
    fn drop(&mut self) {
        let shared = &*self.balancer.borrow().0;
        let now = self.ended.unwrap_or_else(|| shared.clock.now());
        shared.with(|core| core.end(now, self.id, self.began, self.outcome));
        shared.line.offer();
    }
}

impl<T: std::fmt::Debug, B: Borrow<Balancer<T>>> std::fmt::Debug for Pick<T, B> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Pick").field("value", &self.value).field("began", &self.began).finish_non_exhaustive()
    }
}
