//! What policies tell of themselves: one typed event for everything that somebody may want to see, count or act upon.
//!
//! Told on the task of the call, after the lock of the policy is released. A listener must be quick and must not block; one that
//! panics is the caller's to mend and is not caught here.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::{Priority, Refusal};

/// What a policy did.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum PolicyEvent {
    /// A breaker changed its state.
    BreakerMoved {
        /// The breaker.
        name: Arc<str>,
        /// What it was.
        from: &'static str,
        /// What it is.
        to: &'static str,
        /// Why.
        because: String,
    },
    /// A call was refused.
    Refused {
        /// The policy.
        name: Arc<str>,
        /// Why.
        refusal: Refusal,
        /// How important the call was.
        priority: Priority,
    },
    /// Another attempt follows one that failed.
    Retried {
        /// The policy.
        name: Arc<str>,
        /// The number of the attempt that follows, from 2.
        attempt: u32,
        /// How long it waits before.
        pause: Duration,
    },
    /// An attempt was started beside one that still runs.
    HedgeFired {
        /// The policy.
        name: Arc<str>,
        /// The number of the attempt, from 2.
        attempt: u32,
    },
    /// A hedge answered first.
    HedgeWon {
        /// The policy.
        name: Arc<str>,
        /// The number of the attempt that won.
        attempt: u32,
    },
    /// An attempt was cancelled because another one answered.
    AttemptWasted {
        /// The policy.
        name: Arc<str>,
        /// How long it had run.
        after: Duration,
    },
    /// Another attempt was wanted, and the budget had nothing left.
    BudgetSpent {
        /// The budget.
        name: Arc<str>,
    },
    /// The answer is the fallback's.
    FellBack {
        /// The policy.
        name: Arc<str>,
        /// Why.
        because: String,
    },
    /// The one that asked for all went away, and another one asks now.
    TookOver {
        /// The coalescer.
        name: Arc<str>,
    },
    /// A limit was learned anew.
    LimitMoved {
        /// The limiter.
        name: Arc<str>,
        /// What it was.
        from: usize,
        /// What it is.
        to: usize,
    },
    /// The store of a shared rate is away: the local limiter decides.
    SharedRateLost {
        /// The limiter.
        name: Arc<str>,
        /// Why.
        because: String,
    },
    /// The store of a shared rate answers again, and decides.
    SharedRateBack {
        /// The limiter.
        name: Arc<str>,
    },
    /// An endpoint is left out for a while.
    Ejected {
        /// The balancer.
        name: Arc<str>,
        /// The endpoint.
        endpoint: String,
        /// For how long.
        pause: Duration,
    },
    /// An endpoint is asked again.
    Readmitted {
        /// The balancer.
        name: Arc<str>,
        /// The endpoint.
        endpoint: String,
    },
    /// So many endpoints look broken that all are asked again: it is more likely that the view is wrong.
    Panicking {
        /// The balancer.
        name: Arc<str>,
        /// Whether it begins or ends.
        on: bool,
    },
}

type Tell = dyn Fn(&PolicyEvent) + Send + Sync;

/// Who is told. Cheap to clone; by itself nobody is.
#[derive(Clone, Default)]
pub struct Listener(Option<Arc<Tell>>);

impl Listener {
    /// Somebody.
    pub fn new(tell: impl Fn(&PolicyEvent) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    /// Tells what `make` makes, if anybody listens: an event costs nothing where nobody does.
    pub fn tell(&self, make: impl FnOnce() -> PolicyEvent) {
        if let Some(tell) = &self.0 {
            tell(&make());
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "Listener(somebody)" } else { "Listener(nobody)" })
    }
}
