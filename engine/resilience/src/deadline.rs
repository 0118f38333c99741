//! Until when an answer is of use: limits on calls and attempts, and how what is left of them travels along.
//!
//! Around a retry a [`Deadline`] limits the whole call, within it an attempt. The [`Call`] that the work gets carries what is left,
//! so that whoever is called next neither waits longer than its caller nor works for nobody. Work that is too late is dropped; it
//! is never left running.

use std::fmt;
use std::future::Future;
use std::num::NonZeroU64;
use std::pin::{Pin, pin};
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use homeostat_reactor::{Clock, Moment};
use serde::{Deserialize, Serialize};

use crate::live::Live;
use crate::tally::{count, tally};
use crate::{Call, Failure, Listener, PolicyEvent, Refusal};

/// The header that carries what is left of a call, in milliseconds.
pub const REMAINING_HEADER: &str = "x-remaining-ms";
/// More digits than this are no number of milliseconds that anybody waits (it would be more than eleven days): taken for a mistake.
const DIGITS_MAX: usize = 9;

/// What is left of a call, as it is written in [`REMAINING_HEADER`]. A duration and not an instant: two machines never agree on
/// what time it is, and the way between them is short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remaining(pub Duration);

/// What was to tell what is left is not a number of milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what is left of a call is given as one to nine digits, in milliseconds")]
pub struct NotRemaining;

impl Remaining {
    /// What is left of a call; `None` if it has no deadline.
    pub fn of(call: &Call, now: Moment) -> Option<Self> {
        call.remaining(now).map(Self)
    }
}

impl fmt::Display for Remaining {
    /// Whole milliseconds, rounded down: the other side must not believe that it has more than there is.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = 10_u128.pow(DIGITS_MAX as u32) - 1;
        write!(formatter, "{}", self.0.as_millis().min(longest))
    }
}

impl FromStr for Remaining {
    type Err = NotRemaining;

    /// Digits only, spaces around them allowed. It comes from outside, so nothing is guessed.
    fn from_str(text: &str) -> Result<Self, NotRemaining> {
        let digits = text.trim_matches([' ', '\t']);
        if digits.is_empty() || digits.len() > DIGITS_MAX || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotRemaining);
        }
        digits.parse().map(|millis| Self(Duration::from_millis(millis))).map_err(|_| NotRemaining)
    }
}

/// Waits for `future`, but not beyond `deadline`: `None` when it took longer, and it is dropped.
///
/// The timer is made when the future has to wait, so that an answer that is there at once costs none; and in this frame, so that it
/// allocates nothing. A large future is best handed in as `pin!(future)`: by value it would have its room twice in the frame of the
/// caller, and be copied from one place to the other.
pub async fn until<F: Future>(clock: &Clock, deadline: Option<Moment>, future: F) -> Option<F::Output> {
    let Some(deadline) = deadline else { return Some(future.await) };
    let mut future = pin!(future);
    let mut late = pin!(None);
    std::future::poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        poll_timer(late.as_mut(), || clock.wait_until(deadline), context).map(|()| None)
    })
    .await
}

/// Polls a timer that is made only now that there is something to wait for.
pub(crate) fn poll_timer<S: Future<Output = ()>>(
    mut timer: Pin<&mut Option<S>>,
    make: impl FnOnce() -> S,
    context: &mut Context<'_>,
) -> Poll<()> {
    if timer.is_none() {
        timer.set(Some(make()));
    }
    timer.as_pin_mut().map_or(Poll::Pending, |timer| timer.poll(context))
}

/// How long a call or an attempt may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeadlineSettings {
    /// Milliseconds from the start; an earlier deadline of the call stays. 5,000 by default: about as long as a person waits. Left
    /// out, only the call's own deadline counts.
    pub limit_ms: Option<NonZeroU64>,
}

impl Default for DeadlineSettings {
    fn default() -> Self {
        Self { limit_ms: NonZeroU64::new(5_000) }
    }
}

impl DeadlineSettings {
    /// So many milliseconds; none with 0.
    pub const fn of_millis(limit_ms: u64) -> Self {
        Self { limit_ms: NonZeroU64::new(limit_ms) }
    }
}

tally! {
    /// What a deadline has seen.
    pub struct DeadlineSnapshot, Tally {
        /// Calls begun.
        calls,
        /// Given up because the limit of this policy was over.
        timed_out,
        /// Given up, or not begun, because the call's own deadline was over.
        too_late,
    }
}

/// Limits how long work may take. Clones are the same policy.
#[derive(Debug, Clone)]
pub struct Deadline(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    name: Arc<str>,
    clock: Clock,
    listener: Listener,
    settings: Live<DeadlineSettings>,
    tally: Tally,
}

impl Deadline {
    /// A limit on this clock that tells nobody.
    pub fn new(name: &str, settings: DeadlineSettings, clock: Clock) -> Self {
        Self::with_listener(name, settings, clock, Listener::default())
    }

    /// A limit on this clock, and who is told when it is over.
    pub fn with_listener(name: &str, settings: DeadlineSettings, clock: Clock, listener: Listener) -> Self {
        Self(Arc::new(Shared {
            name: name.into(),
            clock,
            listener,
            settings: Live::new(settings),
            tally: Tally::default(),
        }))
    }

    /// Makes the call, which is told how long it has.
    ///
    /// # Errors
    /// The work's own error, [`Refusal::DeadlinePassed`] when the call was over before the work was asked, or
    /// [`Refusal::TimedOut`] when it was asked and did not answer in time, whether the time of this policy or the call's own was
    /// up: whoever tries again knows whether any is left.
    pub async fn call<T, E, F>(&self, call: &Call, work: impl FnOnce(Call) -> F) -> Result<T, Failure<E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        let shared = &*self.0;
        count(&shared.tally.calls);
        let started = shared.clock.now();
        if call.is_over(started) {
            return Err(shared.refuse(call, Refusal::DeadlinePassed, started).into());
        }
        let inner = match shared.settings.get().limit_ms {
            Some(limit_ms) => call.until(started + Duration::from_millis(limit_ms.get())),
            None => *call,
        };
        match until(&shared.clock, inner.deadline, pin!(work(inner))).await {
            Some(result) => result.map_err(Failure::Inner),
            None => {
                let now = shared.clock.now();
                let timed_out = Refusal::TimedOut { name: shared.name.to_string(), after: now.since(started) };
                Err(shared.refuse(call, timed_out, now).into())
            }
        }
    }

    /// Another limit for calls that begin from now on.
    pub fn reload(&self, settings: DeadlineSettings) {
        self.0.settings.set(settings);
    }

    /// Its numbers.
    pub fn snapshot(&self) -> DeadlineSnapshot {
        self.0.tally.snapshot()
    }
}

impl Shared {
    fn refuse(&self, call: &Call, refusal: Refusal, now: Moment) -> Refusal {
        count(if call.is_over(now) { &self.tally.too_late } else { &self.tally.timed_out });
        self.listener.tell(|| PolicyEvent::Refused {
            name: Arc::clone(&self.name),
            refusal: refusal.clone(),
            priority: call.priority,
        });
        refusal
    }
}
