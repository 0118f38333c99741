//! A rate that several processes keep to together, through a store: the trait for it, and what happens when the store is away.
//!
//! It fails open: a store that errs or is slow never refuses a call. It is left alone for a while, and the local limiter decides.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use homeostat_reactor::{Clock, Moment};

use crate::{Listener, PolicyEvent};

/// How long a store may take for an answer. A limiter is asked before every call: one that takes longer does more harm than
/// a rate that is exceeded for a while.
const ANSWER_MAX: Duration = Duration::from_millis(50);

/// How long a store that erred is left alone, so that its failure costs one call a second its patience, and not every call.
const REST: Duration = Duration::from_secs(1);

/// What a store says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedAnswer {
    /// The token is taken.
    Granted,
    /// There is none; ask again after this time.
    NotYet {
        /// Until there is one.
        wait: Duration,
    },
}

/// A store that could not answer, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{because}")]
pub struct SharedRateError {
    /// Why.
    pub because: String,
}

/// The answer of a store, to be awaited.
pub type SharedTake<'a> = Pin<Box<dyn Future<Output = Result<SharedAnswer, SharedRateError>> + Send + 'a>>;

/// A rate kept in a store that several processes share. The store knows the rate and the burst; it takes a token or none.
///
/// The future may be dropped at any time. A token that was taken meanwhile is lost: the shared rate is never exceeded by it.
pub trait SharedRate: Send + Sync {
    /// Takes one token, if there is one.
    fn take(&self) -> SharedTake<'_>;
}

/// A store and how it fares.
pub(super) struct Store {
    pub(super) inner: Arc<dyn SharedRate>,
    is_lost: AtomicBool,
    /// In nanoseconds of the clock; until then it is left alone.
    rests_until: AtomicU64,
}

impl Store {
    pub(super) fn new(inner: Arc<dyn SharedRate>) -> Self {
        Self { inner, is_lost: AtomicBool::new(false), rests_until: AtomicU64::new(0) }
    }

    pub(super) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Relaxed)
    }

    /// What the store says; `None` when it is away, and the local limiter decides.
    pub(super) async fn take(&self, clock: &Clock, name: &Arc<str>, listener: &Listener) -> Option<SharedAnswer> {
        if !self.may_be_asked(clock.now()) {
            return None;
        }
        let because = match clock.within(ANSWER_MAX, self.inner.take()).await {
            Some(Ok(answer)) => {
                if self.is_lost.swap(false, Ordering::Relaxed) {
                    listener.tell(|| PolicyEvent::SharedRateBack { name: Arc::clone(name) });
                }
                return Some(answer);
            }
            Some(Err(error)) => error.because,
            None => format!("no answer within {ANSWER_MAX:?}"),
        };
        self.rests_until.store((clock.now() + REST).0, Ordering::Relaxed);
        if !self.is_lost.swap(true, Ordering::Relaxed) {
            listener.tell(|| PolicyEvent::SharedRateLost { name: Arc::clone(name), because });
        }
        None
    }

    /// While it works everybody asks it; while it is lost, one call a rest.
    fn may_be_asked(&self, now: Moment) -> bool {
        if !self.is_lost() {
            return true;
        }
        let rest = |until: u64| {
            // Further away than a rest is only what a clock that went back has left.
            let is_resting = now.0 < until && Moment(until).since(now) <= REST;
            (!is_resting).then_some((now + REST).0)
        };
        self.rests_until.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest).is_ok()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Store").field("is_lost", &self.is_lost).field("rests_until", &self.rests_until).finish()
    }
}
