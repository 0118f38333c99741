//! The backpressure controller: holds producers back while too much is under way.
//!
//! Producers either let items in one by one ([`Producer::admit`], which waits and gives a guard that takes the item off the level
//! when it is dropped) or report the length of a queue of theirs ([`Producer::report`]) and ask before they fill it
//! ([`Producer::flowing`]). Whoever waits is let in, in the order of asking, as soon as the level is down at the low mark and as
//! long as it is below the high mark: so the level passes the high mark by at most one item.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures::stream::{self, Stream};
use tokio::sync::watch;
use tracing::debug;

use super::line::{Left, Line, TooManyWaiting, WAITERS_MAX_DEFAULT};
use super::pressure::{BackpressureSnapshot, FlowState, Marks, Pressure, ProducerSnapshot, Turned};
use crate::clock::{Clock, Moment};

/// Pauses producers at a high mark and lets them go on at a low one. Cheap to clone; clones share the level.
///
/// ```
/// use homeostat_reactor::{Clock, flow::{Backpressure, Marks}};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pressure = Backpressure::named("ingest", Marks::new(1, 3)?, Clock::machine());
/// let scraper = pressure.producer("scraper");
/// let loads = [scraper.admit(1).await?, scraper.admit(2).await?];
/// assert_eq!(pressure.state().to_string(), "paused by scraper");
/// assert!(scraper.try_admit(1).is_none());
/// drop(loads);
/// assert!(!pressure.state().is_paused());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Backpressure(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    name: String,
    clock: Clock,
    state: Mutex<State>,
    /// Sent under the lock of `state`, so that watchers see the changes in their order.
    changes: watch::Sender<FlowState>,
}

#[derive(Debug)]
struct State {
    pressure: Pressure,
    line: Line<Asking, ()>,
    waiters_max: usize,
    next_producer: u64,
    producers: BTreeMap<u64, Account>,
}

#[derive(Debug)]
struct Asking {
    producer: u64,
    amount: u64,
}

/// What a producer has on the level.
#[derive(Debug)]
struct Account {
    name: Arc<str>,
    admitted: u64,
    reported: u64,
    pauses: u64,
}

impl Account {
    /// Saturating: what a producer reports is not ours to trust.
    const fn level(&self) -> u64 {
        self.admitted.saturating_add(self.reported)
    }
}

impl Backpressure {
    /// A controller that lets everybody go on until the level reaches the high mark.
    pub fn named(name: impl Into<String>, marks: Marks, clock: Clock) -> Self {
        let pressure = Pressure::new(marks, clock.now());
        let changes = watch::Sender::new(pressure.state.clone());
        let state = State {
            pressure,
            line: Line::new(),
            waiters_max: WAITERS_MAX_DEFAULT,
            next_producer: 0,
            producers: BTreeMap::new(),
        };
        Self(Arc::new(Shared { name: name.into(), clock, state: Mutex::new(state), changes }))
    }

    /// With another limit on how many may wait.
    #[must_use]
    pub fn waiters_max(self, waiters_max: usize) -> Self {
        self.0.lock().waiters_max = waiters_max;
        self
    }

    /// Somebody who adds to the level, under a name that pauses are accounted to; its part is taken off when it and all its loads
    /// are gone.
    pub fn producer(&self, name: &str) -> Producer {
        let mut state = self.0.lock();
        state.next_producer += 1;
        let number = state.next_producer;
        state.producers.insert(number, Account { name: name.into(), admitted: 0, reported: 0, pauses: 0 });
        Producer(Arc::new(Membership { shared: Arc::clone(&self.0), number }))
    }

    /// Whether producers wait, since when, and because of whom.
    pub fn state(&self) -> FlowState {
        self.0.lock().pressure.state.clone()
    }

    /// The state now, and each later one as it comes; a watcher that is slow sees the latest. Ends when nobody is left who could
    /// change it.
    pub fn changes(&self) -> impl Stream<Item = FlowState> + Send + Unpin + use<> {
        let mut changes = self.0.changes.subscribe();
        changes.mark_changed();
        Box::pin(stream::unfold(changes, |mut changes| async move {
            changes.changed().await.ok()?;
            let state = changes.borrow_and_update().clone();
            Some((state, changes))
        }))
    }

    /// What it looks like now.
    pub fn snapshot(&self) -> BackpressureSnapshot {
        let now = self.0.clock.now();
        let state = &mut *self.0.lock();
        let mut waiting: BTreeMap<u64, usize> = BTreeMap::new();
        for (_, asking, _) in state.line.each() {
            *waiting.entry(asking.producer).or_default() += 1;
        }
        let producers = state.producers.iter().map(|(number, account)| ProducerSnapshot {
            name: account.name.to_string(),
            level: account.level(),
            waiting: waiting.get(number).copied().unwrap_or(0),
            pauses: account.pauses,
        });
        let (paused_total_ns, paused_max_ns) = state.pressure.paused(now);
        BackpressureSnapshot {
            name: self.0.name.clone(),
            marks: state.pressure.marks,
            level: state.pressure.level,
            level_max: state.pressure.level_max,
            state: state.pressure.state.clone(),
            pauses: state.pressure.pauses,
            paused_total_ns,
            paused_max_ns,
            producers: producers.collect(),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the state, then lets in and wakes whoever may go on.
    fn turn<T>(&self, act: impl FnOnce(&mut State, Moment) -> (T, Option<Turned>)) -> T {
        let now = self.clock.now();
        let mut wakers = Vec::new();
        let output = {
            let mut state = self.lock();
            let (output, turned) = act(&mut state, now);
            self.tell(&state, turned);
            while let Some(turned) = state.let_in(now, &mut wakers) {
                self.tell(&state, turned);
            }
            output
        };
        wakers.into_iter().for_each(Waker::wake);
        output
    }

    fn tell(&self, state: &State, turned: Option<Turned>) {
        let level = state.pressure.level;
        match turned {
            None => return,
            Some(Turned::Paused) => {
                debug!(controller = %self.name, level, state = %state.pressure.state, "producers paused");
            }
            Some(Turned::Resumed { after }) => debug!(controller = %self.name, level, ?after, "producers go on"),
        }
        self.changes.send_replace(state.pressure.state.clone());
    }
}

impl State {
    /// Changes what a producer has on the level.
    fn account(&mut self, producer: u64, now: Moment, change: impl FnOnce(&mut Account)) -> Option<Turned> {
        let account = self.producers.get_mut(&producer).expect("a producer has an account until it is gone");
        let before = account.level();
        change(account);
        let level = self.pressure.level.saturating_sub(before).saturating_add(account.level());
        let turned = self.pressure.move_to(level, now, &account.name);
        account.pauses += u64::from(turned == Some(Turned::Paused));
        turned
    }

    fn admit(&mut self, producer: u64, amount: u64, now: Moment) -> Option<Turned> {
        self.account(producer, now, |account| account.admitted = account.admitted.saturating_add(amount))
    }

    fn take_off(&mut self, producer: u64, amount: u64, now: Moment) -> Option<Turned> {
        self.account(producer, now, |account| account.admitted = account.admitted.saturating_sub(amount))
    }

    fn is_open(&self) -> bool {
        !self.pressure.state.is_paused() && self.line.is_empty()
    }

    /// Lets the first of the line in, if it may, and says what that has brought about.
    fn let_in(&mut self, now: Moment, wakers: &mut Vec<Waker>) -> Option<Option<Turned>> {
        if self.pressure.state.is_paused() {
            return None;
        }
        let (ticket, &mut Asking { producer, amount }) = self.line.head()?;
        wakers.extend(self.line.serve(ticket, ()));
        Some(self.admit(producer, amount, now))
    }
}

/// Somebody who adds to a level; made by [`Backpressure::producer`]. Cheap to clone; clones are the same producer.
#[derive(Debug, Clone)]
pub struct Producer(Arc<Membership>);

#[derive(Debug)]
struct Membership {
    shared: Arc<Shared>,
    number: u64,
}

impl Membership {
    /// Takes an item off the level.
    fn take_off(&self, amount: u64) {
        self.shared.turn(|state, now| ((), state.take_off(self.number, amount, now)));
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.shared.turn(|state, now| {
            let turned = state.account(self.number, now, |account| (account.admitted, account.reported) = (0, 0));
            state.producers.remove(&self.number);
            ((), turned)
        });
    }
}

impl Producer {
    /// Waits until it may go on and adds so much to the level, until the load is dropped. Dropping the future gives the place up.
    ///
    /// Gives an error when too many wait already; asking for nothing (0) always finds a place.
    pub fn admit(&self, amount: u64) -> Admit {
        Admit { producer: self.clone(), amount, ticket: None }
    }

    /// Adds so much to the level if it may go on now and nobody waits.
    pub fn try_admit(&self, amount: u64) -> Option<Load> {
        let number = self.0.number;
        let admitted = self.0.shared.turn(|state, now| match state.is_open() {
            true => (true, state.admit(number, amount, now)),
            false => (false, None),
        });
        admitted.then(|| Load { producer: self.clone(), amount })
    }

    /// Says how much of the level is this producer's besides its loads: the length of its queue, its memory in use.
    pub fn report(&self, level: u64) {
        self.0.shared.turn(|state, now| ((), state.account(self.0.number, now, |account| account.reported = level)));
    }

    /// Waits until it may go on, without adding anything.
    pub async fn flowing(&self) {
        // Asking for nothing is never refused.
        let _ = self.admit(0).await;
    }
}

/// Waits to be let in; made by [`Producer::admit`].
#[derive(Debug)]
#[must_use = "nobody is let in until it is awaited"]
pub struct Admit {
    producer: Producer,
    amount: u64,
    ticket: Option<u64>,
}

impl Future for Admit {
    type Output = Result<Load, TooManyWaiting>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let (number, amount, ticket) = (this.producer.0.number, this.amount, &mut this.ticket);
        let let_in = this.producer.0.shared.turn(|state, now| {
            if let Some(waiting) = *ticket {
                if let Some((_, waker)) = state.line.waiting(waiting) {
                    waker.clone_from(context.waker());
                    return (Poll::Pending, None);
                }
                state.line.pick_up(waiting);
                *ticket = None;
                return (Poll::Ready(Ok(())), None);
            }
            if state.is_open() {
                return (Poll::Ready(Ok(())), state.admit(number, amount, now));
            }
            if amount > 0 && state.line.len() >= state.waiters_max {
                return (Poll::Ready(Err(TooManyWaiting { waiters_max: state.waiters_max })), None);
            }
            *ticket = Some(state.line.join(Asking { producer: number, amount }, context.waker().clone()));
            (Poll::Pending, None)
        });
        let_in.map_ok(|()| Load { producer: this.producer.clone(), amount })
    }
}

impl Drop for Admit {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let Membership { shared, number } = &*self.producer.0;
            shared.turn(|state, now| match state.line.leave(ticket) {
                Left::Served(()) => ((), state.take_off(*number, self.amount, now)),
                Left::Waiting(_) | Left::Nothing => ((), None),
            });
        }
    }
}

/// An item on the level, until it is dropped.
#[derive(Debug)]
#[must_use = "the item leaves the level when this is dropped"]
pub struct Load {
    producer: Producer,
    amount: u64,
}

impl Load {
    /// How much it is.
    pub const fn amount(&self) -> u64 {
        self.amount
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.producer.0.take_off(self.amount);
    }
}
