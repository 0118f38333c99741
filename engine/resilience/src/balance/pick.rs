//! One call at one endpoint, from the choice to its end. Dropped before it is finished, it counts as given up: the count of calls
//! under way is right whenever and wherever a future is dropped.

use std::sync::Arc;

use homeostat_reactor::Moment;

use super::Shared;
use super::roster::EndpointId;
use crate::predictor::Outcome;
use crate::{Advice, Verdict};

/// An endpoint that was chosen for a call, which is under way as long as this lives.
#[must_use = "a pick that is dropped counts as a call that was given up"]
pub struct Pick<T> {
    pub(super) shared: Arc<Shared<T>>,
    pub(super) id: EndpointId,
    pub(super) value: Arc<T>,
    pub(super) began: Moment,
    pub(super) outcome: Outcome,
    /// When it ended, where somebody has looked at the clock already.
    pub(super) ended: Option<Moment>,
}

impl<T> Pick<T> {
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

impl<T> Drop for Pick<T> {
    fn drop(&mut self) {
        let now = self.ended.unwrap_or_else(|| self.shared.clock.now());
        self.shared.with(|core| core.end(now, self.id, self.began, self.outcome));
        self.shared.line.offer();
    }
}

impl<T: std::fmt::Debug> std::fmt::Debug for Pick<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Pick").field("value", &self.value).field("began", &self.began).finish_non_exhaustive()
    }
}
