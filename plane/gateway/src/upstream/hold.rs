//! Scale from zero: requests for an upstream that has nobody yet are held while somebody is started.
//!
//! Called by the forwarding when an upstream is empty. The first request that waits makes the upstream be asked for, and the engine
//! is told; as soon as an endpoint is there, all go on. Always holds: so many wait and so long, and not more; an engine that is dead or
//! slow costs those who wait their time and nobody else anything.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::Upstream;

/// How many requests may wait, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct HoldTerms {
    /// Requests that may wait at once.
    pub waiting_max: usize,
    /// How long each may.
    pub within: Duration,
}

/// Why a request is not held any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotHeld {
    /// So many wait already.
    #[error("too many requests wait for the service to start")]
    TooMany,
    /// Nobody was there in time.
    #[error("the service did not start in time")]
    TooLate,
}

/// Who waits for an upstream.
#[derive(Debug, Default)]
pub struct Hold {
    waiting: AtomicUsize,
}

/// A request that waits; dropped, it does not any more.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Hold {
    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn enter(&self, waiting_max: usize) -> Option<Waiting<'_>> {
        let place = self.waiting.fetch_add(1, Ordering::Relaxed);
        let waiting = Waiting(&self.waiting);
        (place < waiting_max).then_some(waiting)
    }
}

impl Upstream {
    /// Waits until the upstream has an endpoint; `call` is told that one is needed.
    ///
    /// # Errors
    /// When too many wait, or it took too long.
    pub async fn hold(&self, terms: HoldTerms, call: impl FnOnce()) -> Result<(), NotHeld> {
        let _waiting = self.hold.enter(terms.waiting_max).ok_or(NotHeld::TooMany)?;
        call();
        tokio::time::timeout(terms.within, self.somebody()).await.map_err(|_| NotHeld::TooLate)
    }
}
