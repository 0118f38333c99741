//! Why a call ended without an answer: its own error, or a policy's refusal.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A call that a policy refused, and what would have to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "refused_by", rename_all = "snake_case")]
pub enum Refusal {
    /// Too much failed lately.
    #[error("the breaker `{name}` is open; it tries again in {} ms", .retry_in.as_millis())]
    Open {
        /// The breaker.
        name: String,
        /// Until it lets a trial through.
        retry_in: Duration,
    },
    /// Too many calls are under way, and the line is full or was too slow.
    #[error("`{name}` is full: {in_flight} calls under way, {waiting} waiting")]
    Full {
        /// The bulkhead or limiter.
        name: String,
        /// Calls under way.
        in_flight: usize,
        /// Calls in the line.
        waiting: usize,
    },
    /// What is less important makes way.
    #[error("`{name}` sheds calls of priority {priority}")]
    Shed {
        /// The limiter.
        name: String,
        /// The priority of the call.
        priority: crate::Priority,
    },
    /// More calls a second than agreed.
    #[error("`{name}` is over its rate; there is room in {} ms", .retry_in.as_millis())]
    RateLimited {
        /// The limiter.
        name: String,
        /// Until the next may pass.
        retry_in: Duration,
    },
    /// The time was up, or what was left of it was not enough, before anybody was asked: it has certainly not begun.
    #[error("the deadline has passed")]
    DeadlinePassed,
    /// Somebody was asked and did not answer in time, whether that was the time of an attempt or all that the call had. The other
    /// side may have begun with it.
    #[error("`{name}` gave up after {} ms without an answer", .after.as_millis())]
    TimedOut {
        /// The policy.
        name: String,
        /// How long it had run.
        after: Duration,
    },
    /// There is no endpoint to ask.
    #[error("`{name}` has no endpoint")]
    NoEndpoint {
        /// The balancer.
        name: String,
    },
}

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure<E> {
    /// The call's own error.
    Inner(E),
    /// A policy's refusal: the inner call was not made, or was given up.
    Refused(Refusal),
}

impl<E> Failure<E> {
    /// The call's own error, if it is one.
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::Inner(error) => Some(error),
            Self::Refused(_) => None,
        }
    }

    /// Whether the other side may have begun with the call, and perhaps done it: what may be done once is then asked about, and not
    /// made again. It is so for every error of your own, whatever you advised on it: you know better what those say.
    pub const fn may_have_begun(&self) -> bool {
        matches!(self, Self::Inner(_) | Self::Refused(Refusal::TimedOut { .. }))
    }

    /// The refusal, if it is one.
    pub const fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Inner(_) => None,
        }
    }
}

impl<E> Failure<Failure<E>> {
    /// One failure of the two that nested policies make.
    pub fn flatten(self) -> Failure<E> {
        match self {
            Self::Inner(failure) => failure,
            Self::Refused(refusal) => Failure::Refused(refusal),
        }
    }
}

impl<E> From<Refusal> for Failure<E> {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inner(error) => error.fmt(formatter),
            Self::Refused(refusal) => refusal.fmt(formatter),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for Failure<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Inner(error) => Some(error),
            Self::Refused(refusal) => Some(refusal),
        }
    }
}
