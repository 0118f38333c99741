//! The event loop: typed events in five classes of urgency, and handlers that cannot harm each other.
//!
//! An [`Emitter`] puts an event into the lane of its class. The loop takes events by weight and age and lays a copy into the
//! mailbox of everyone who subscribed to its type and whose predicate wants it. Each handler is a task of its own.
//!
//! What always holds:
//! - a critical event waits behind no other class, in front of the loop as in a mailbox, and no class starves;
//! - a handler that is slow, fails, panics or hangs delays and loses events for itself alone;
//! - every event is handled, or counted where it was lost, and whoever tracks it learns which;
//! - everything is bounded: lanes, mailboxes (a lossless one by its capacity and that of the lane before it), dead letters.
//!
//! ```
//! use homeostat_reactor::{Reactor, events};
//! use std::time::Duration;
//!
//! #[derive(Clone, Debug)]
//! struct OrderPlaced { amount: u64 }
//! events! { #[derive(Debug)] enum Shop { OrderPlaced } }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let reactor = Reactor::<Shop>::builder().start();
//! let billing = reactor.on::<OrderPlaced>().named("billing").when(|order| order.amount > 0).each(|order| async move {
//!     println!("an invoice over {}", order.amount);
//! });
//! let receipt = reactor.emitter().emit_tracked(OrderPlaced { amount: 30 }).await?;
//! assert!(receipt.await.outcome.is_good());
//!
//! drop(billing); // unsubscribes
//! assert!(reactor.shutdown(Duration::from_secs(1)).await.is_clean());
//! # Ok(())
//! # }
//! ```

mod core;
mod dead_letter;
mod dispatch;
mod emitter;
mod events;
mod guard;
mod hand;
pub(crate) mod handler;
mod inlet;
#[cfg(feature = "metrics")]
mod metrics;
mod snapshot;
mod stopwatch;
mod subscribe;
mod subscriber;
mod timing;
mod turn;

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::class::{Class, PerClass};
use crate::clock::Clock;
use crate::event::{Event, Holds};
use crate::overflow::Overflow;
use crate::queue::Queue;
use crate::queue::lanes::Lane;
use core::Core;
use subscriber::Subscriber;

pub use dead_letter::{Cause, DeadLetter, DeadLetterSnapshot, DeadLetters};
pub use emitter::{Emitter, Refused, RefusedWhy};
pub use events::{Events, Taken};
pub use handler::{Answer, Backoff, Supervision};
pub use inlet::Inlet;
#[cfg(feature = "metrics")]
pub use metrics::ReactorMetrics;
pub use snapshot::{ClassSnapshot, HandlerSnapshot, ReactorSnapshot};
pub use subscribe::{On, Subscription};
pub use subscriber::HandlerState;
pub use timing::{BUCKET_BOUNDS_NS, TimingSnapshot};

/// How long an event waits before it goes ahead of all but the critical, unless told otherwise: longer than any healthy queue,
/// shorter than a person's patience.
const AGE_LIMIT: Duration = Duration::from_millis(250);

/// Dead letters kept for whoever looks after them, unless told otherwise.
const DEAD_LETTERS_MAX: usize = 1_024;

/// How long a shutdown waits, after its deadline, for handlers that were cut off to be gone: they are where they wait, so that it
/// takes them microseconds, but one that blocks its thread may never come back.
const CUT_OFF_GRACE: Duration = Duration::from_millis(100);

/// Describes a reactor before it starts.
#[derive(Debug, Clone)]
#[must_use = "nothing runs until `start`"]
pub struct Builder<E> {
    lanes: PerClass<Lane>,
    age_limit: Duration,
    dead_letters_max: usize,
    clock: Option<Clock>,
    event: PhantomData<fn(E)>,
}

impl<E: Event> Builder<E> {
    /// How much may wait in a class, and what happens then; else [`Lane::default_for`] it.
    pub fn lane(mut self, class: Class, lane: Lane) -> Self {
        self.lanes[class] = lane;
        self
    }

    /// Every class blocks when it is full: who emits waits, and no event that was let in is lost to a limit in front of the loop.
    pub fn lossless(mut self) -> Self {
        self.lanes.0.iter_mut().for_each(|lane| lane.overflow = Overflow::Block);
        self
    }

    /// How long an event waits before it goes ahead of all but the critical; 250 ms by itself.
    pub fn age_limit(mut self, limit: Duration) -> Self {
        self.age_limit = limit;
        self
    }

    /// How many dead letters are kept; 1,024 by itself.
    pub fn dead_letters_max(mut self, max: usize) -> Self {
        self.dead_letters_max = max;
        self
    }

    /// The time it lives by; by itself the machine's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Starts the loop on the tokio runtime this is called in.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[track_caller]
    pub fn start(self) -> Reactor<E> {
        let runtime = tokio::runtime::Handle::try_current().expect("`start` is called within a tokio runtime");
        let clock = self.clock.unwrap_or_else(Clock::machine);
        let inlet = Queue::new(self.lanes, self.age_limit, clock.clone());
        let letters = DeadLetters::new(self.dead_letters_max);
        let core = Arc::new(Core::new(inlet, clock, letters, self.age_limit));
        let dispatching = runtime.spawn(dispatch::run(Arc::clone(&core)));
        Reactor { core, dispatching }
    }
}

/// The event loop. Dropping it ends it at once: handlers are cut off, streams end after what they have in hand, and whoever tracks
/// an event that still waits is told. [`Reactor::shutdown`] lets it finish.
#[derive(Debug)]
pub struct Reactor<E: Event> {
    core: Arc<Core<E>>,
    dispatching: JoinHandle<()>,
}

impl<E: Event> Reactor<E> {
    /// Begins the description of a reactor.
    pub fn builder() -> Builder<E> {
        Builder {
            lanes: PerClass::from_fn(Lane::default_for),
            age_limit: AGE_LIMIT,
            dead_letters_max: DEAD_LETTERS_MAX,
            clock: None,
            event: PhantomData,
        }
    }

    /// The way in.
    pub fn emitter(&self) -> Emitter<E> {
        Emitter(Arc::clone(&self.core))
    }

    /// Begins a subscription to events of one type.
    pub fn on<T: Send + 'static>(&self) -> On<E, T>
    where
        E: Holds<T>,
    {
        On::new(Arc::clone(&self.core))
    }

    /// The time it lives by: what its events are stamped with can only be compared with this clock.
    pub fn clock(&self) -> Clock {
        self.core.clock.clone()
    }

    /// What handlers did not take.
    pub fn dead_letters(&self) -> DeadLetters<E> {
        self.core.dead_letters.clone()
    }

    /// How it stands.
    pub fn snapshot(&self) -> ReactorSnapshot {
        ReactorSnapshot::of(&self.core)
    }

    /// A look at how it stands, for those who have no hold of the reactor itself.
    pub fn observer(&self) -> Observer<E> {
        Observer(Arc::clone(&self.core))
    }

    /// Takes no more events, lets everyone finish with those that wait, and ends. What is not finished when the deadline is over is
    /// dropped, and named. Dropped before it is ready, it ends the reactor at once, as dropping that does.
    ///
    /// It is back soon after the deadline, also when a handler blocks its thread: such a one cannot be cut off, and is named as
    /// stuck.
    pub async fn shutdown(mut self, deadline: Duration) -> ShutdownReport {
        let core = Arc::clone(&self.core);
        core.close();
        let finishing = async {
            // The loop ends when its inlet is empty, and closes the mailboxes; a handler ends when its mailbox is empty.
            let _ = (&mut self.dispatching).await;
            until_all_ended(&core).await;
        };
        let in_time = core.clock.within(deadline, finishing).await.is_some();
        self.dispatching.abort();
        let unfinished: Vec<_> = core.subscribers().iter().filter(|one| !one.has_ended()).cloned().collect();
        core.end_at_once();
        let mut tasks = std::mem::take(&mut *core.lock_tasks());
        tasks.abort_all();
        let joining = async { while tasks.join_next().await.is_some() {} };
        core.clock.within(CUT_OFF_GRACE, joining).await;
        let named = |subscriber: &Arc<Subscriber<E>>| subscriber.name.to_string();
        ShutdownReport {
            in_time,
            dropped: PerClass::from_fn(|class| core.orphaned[class].load(Ordering::Relaxed)),
            cut_off: PerClass::from_fn(|class| core.cut_off[class].load(Ordering::Relaxed)),
            unfinished: unfinished.iter().map(named).collect(),
            stuck: unfinished.iter().filter(|subscriber| subscriber.is_at_work()).map(named).collect(),
        }
    }
}

/// Waits until everyone has read what there was.
async fn until_all_ended<E: Event>(core: &Core<E>) {
    loop {
        let ended = core.ended.notified();
        tokio::pin!(ended);
        ended.as_mut().enable();
        if core.subscribers().iter().all(|subscriber| subscriber.has_ended()) {
            return;
        }
        ended.await;
    }
}

impl<E: Event> Drop for Reactor<E> {
    fn drop(&mut self) {
        self.dispatching.abort();
        self.core.lock_tasks().abort_all();
        self.core.end_at_once();
    }
}

/// Looks at a reactor without keeping it running. Cheap to clone.
#[derive(Debug)]
pub struct Observer<E: Event>(Arc<Core<E>>);

impl<E: Event> Clone for Observer<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E: Event> Observer<E> {
    /// How the reactor stands.
    pub fn snapshot(&self) -> ReactorSnapshot {
        ReactorSnapshot::of(&self.0)
    }
}

/// How a shutdown went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShutdownReport {
    /// Whether everything was finished before the deadline.
    pub in_time: bool,
    /// Events dropped since the reactor started because their reader went away or the deadline was over, before anybody had begun
    /// to handle them, by class.
    pub dropped: PerClass<u64>,
    /// Events since the reactor started in calls that were cut off where they waited, by class: nobody knows how far they got.
    pub cut_off: PerClass<u64>,
    /// Handlers and streams that still had something to do at the deadline.
    pub unfinished: Vec<String>,
    /// Those of them that could not be cut off, because they block their thread. What they have in hand is in neither count: it is
    /// settled when they come back.
    pub stuck: Vec<String>,
}

impl ShutdownReport {
    /// Whether everybody finished in time. What was lost to full lanes before is in the [`ReactorSnapshot`].
    pub fn is_clean(&self) -> bool {
        self.in_time && self.unfinished.is_empty()
    }
}
