//! Acknowledgement from end to end: whoever emits an event can learn what became of it, once, after every copy has ended.
//!
//! An event that is copied (to several handlers) or merged (into a batch) carries a share of the same [`Receipt`] along in each
//! copy. Each share ends in an [`Outcome`]; the receipt is settled when the last share is gone, with the worst outcome of all.
//! A share that ends without a word counts as [`Outcome::Abandoned`], so a cancelled task can never pass for success.
//!
//! Exactly one settlement an event holds by construction: it is sent when the state that all shares hold together is dropped.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

/// What became of an event, from best to worst.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Handled.
    #[default]
    Done,
    /// Left out on purpose: nobody wanted it, a filter said no, a newer one took its place.
    Skipped,
    /// Lost to a limit: a full queue, a shutdown.
    Dropped,
    /// Whoever had it went away without a word.
    Abandoned,
    /// Handling it failed.
    Failed,
}

impl Outcome {
    /// Whether everything went as intended.
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Done | Self::Skipped)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Dropped => "dropped",
            Self::Abandoned => "abandoned",
            Self::Failed => "failed",
        })
    }
}

/// The end of an event: the worst outcome of its copies, and why, where somebody said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The worst outcome.
    pub outcome: Outcome,
    /// The cause given with it.
    pub cause: Option<String>,
}

/// A future of the [`Settlement`]. Dropping it changes nothing for the event.
#[derive(Debug)]
pub struct Receipt(oneshot::Receiver<Settlement>);

impl Future for Receipt {
    type Output = Settlement;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Settlement> {
        let settled = Pin::new(&mut self.0).poll(context);
        settled.map(|sent| sent.unwrap_or(Settlement { outcome: Outcome::Abandoned, cause: None }))
    }
}

/// What all copies of one event hold together.
#[derive(Debug)]
struct Pending {
    worst: Mutex<Settlement>,
    tell: Option<oneshot::Sender<Settlement>>,
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(tell) = self.tell.take() {
            let worst = self.worst.get_mut().unwrap_or_else(PoisonError::into_inner).clone();
            // Whoever asked may have stopped waiting.
            let _ = tell.send(worst);
        }
    }
}

/// One copy's share.
#[derive(Debug)]
struct Share {
    pending: Arc<Pending>,
    settled: bool,
}

impl Share {
    fn settle(&mut self, outcome: Outcome, cause: Option<&str>) {
        self.settled = true;
        let mut worst = self.pending.worst.lock().unwrap_or_else(PoisonError::into_inner);
        if outcome > worst.outcome {
            *worst = Settlement { outcome, cause: cause.map(str::to_owned) };
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if !self.settled {
            self.settle(Outcome::Abandoned, None);
        }
    }
}

/// The shares that travel with an event: none when nobody asked, several when events were merged.
#[must_use = "an ack that is dropped unsettled says that the event was abandoned"]
#[derive(Debug, Default)]
pub struct Ack(Vec<Share>);

impl Ack {
    /// Nobody asked.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// A new share, and the receipt it settles.
    pub fn new() -> (Self, Receipt) {
        let (tell, told) = oneshot::channel();
        let worst = Mutex::new(Settlement { outcome: Outcome::Done, cause: None });
        let pending = Arc::new(Pending { worst, tell: Some(tell) });
        (Self(vec![Share { pending, settled: false }]), Receipt(told))
    }

    /// Says what became of this copy.
    pub fn settle(mut self, outcome: Outcome) {
        self.0.iter_mut().for_each(|share| share.settle(outcome, None));
    }

    /// Says that this copy failed, and why.
    pub fn fail(self, cause: &str) {
        self.settle_because(Outcome::Failed, cause);
    }

    /// Says what became of this copy, and why.
    pub fn settle_because(mut self, outcome: Outcome, cause: &str) {
        self.0.iter_mut().for_each(|share| share.settle(outcome, Some(cause)));
    }

    /// Takes another's shares in: what becomes of the merged event becomes of both.
    pub fn merge(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Whether nobody asked.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }
}

/// A further copy with shares of its own.
impl Clone for Ack {
    fn clone(&self) -> Self {
        Self(self.0.iter().map(|share| Share { pending: Arc::clone(&share.pending), settled: false }).collect())
    }
}
