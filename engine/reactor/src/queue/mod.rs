//! The bounded queue of five classes between any number of tasks that push and one that drains: in front of the loop, and in
//! front of every handler.
//!
//! Always holds: pushes that wait for room get it in the order of asking, and nobody who asks later takes it from them; a push
//! that is cancelled gives its place back; a close lets what waits be drained and refuses everything else; no user code runs and
//! nobody is woken under the lock, but for [`Event::key`] where a class coalesces.

pub mod lanes;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::class::{Class, PerClass};
use crate::clock::{Clock, Moment};
use crate::delivery::Delivery;
use crate::event::Event;
use crate::overflow::Overflow;
use crate::sync::{AtomicUsize, Mutex, MutexGuard, Ordering};
use lanes::{Lane, LaneSnapshot, Lanes, Loss, Pushed};

/// Why a push was refused; the event comes back with it.
#[derive(Debug)]
pub enum PushError<E> {
    /// There is no room now.
    Full(Delivery<E>),
    /// The queue takes no more events.
    Closed(Delivery<E>),
}

/// What became of a push that does not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtOnce {
    /// It was let in, or lost as its class has it.
    LetIn,
    /// There is no room now.
    Full,
    /// The queue takes no more events.
    Closed,
}

/// Events that a push lost, and why: for whoever settles them.
pub type Lost<E> = Option<(Delivery<E>, Loss)>;

/// Pushes that may share one reading of the clock while the reader is busy: a reading costs as much as the rest of a push.
const STAMPS_A_READING: u32 = 64;

/// The queue.
#[derive(Debug)]
pub struct Queue<E> {
    state: Mutex<State<E>>,
    clock: Clock,
    /// The place of the most urgent class that waits in the lanes, or their number: for the reader to look at between two events
    /// that it has in hand, without the lock.
    urgent: AtomicUsize,
    /// The largest batch that no lane would lose anything of, or hold its emitters back for.
    parcel_max: usize,
}

#[derive(Debug)]
struct State<E> {
    lanes: Lanes<E>,
    /// A batch that came while the reader slept, before all that is in the lanes: handed on as it is, since it is in order already
    /// and moving its events one by one would cost more than the rest of their way.
    parcel: Vec<Delivery<E>>,
    /// Who drains, while it waits.
    reader: Option<Waker>,
    waiting: PerClass<VecDeque<Waiting>>,
    next_ticket: u64,
    /// Classes in which an elastic push went over the capacity and the reader has not come down to half since.
    over: PerClass<bool>,
    /// What the clock showed last, and how many pushes have used that reading.
    now: Moment,
    stamped: u32,
    closed: bool,
}

/// A push that waits for room.
#[derive(Debug)]
struct Waiting {
    ticket: u64,
    waker: Waker,
    /// Room is kept for it.
    granted: bool,
}

impl<E: Event> Queue<E> {
    /// An empty queue.
    pub fn new(lanes: PerClass<Lane>, age_limit: Duration, clock: Clock) -> Self {
        let parcel_max = lanes.0.iter().map(Lane::spare_from_empty).min().unwrap_or(0);
        let state = State {
            lanes: Lanes::new(lanes, age_limit),
            parcel: Vec::new(),
            reader: None,
            waiting: PerClass::default(),
            next_ticket: 0,
            over: PerClass::default(),
            now: clock.now(),
            stamped: 0,
            closed: false,
        };
        Self { state: Mutex::new(state), clock, urgent: AtomicUsize::new(Class::COUNT), parcel_max }
    }

    fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pushes if there is room, or if the class loses events rather than wait. The event is stamped with the time.
    pub fn try_push(&self, delivery: Delivery<E>) -> Result<Lost<E>, PushError<E>> {
        let class = delivery.class;
        let (mut waiting, mut lost) = (Some(delivery), None);
        match self.push_at_once(&mut waiting, &mut lost) {
            AtOnce::LetIn => Ok(lost),
            AtOnce::Full => {
                self.lock().lanes.count_refused(class);
                Err(PushError::Full(waiting.expect("what is not let in stays")))
            }
            AtOnce::Closed => Err(PushError::Closed(waiting.expect("what is not let in stays"))),
        }
    }

    /// As [`Queue::try_push`], for one who will wait if it is full: that is no refusal yet. The event and what is lost over it stay
    /// where the caller has them, because this is the hottest path of all, and moving them about is most of its price.
    #[inline(always)]
    pub fn push_at_once(&self, delivery: &mut Option<Delivery<E>>, lost: &mut Lost<E>) -> AtOnce {
        let mut state = self.lock();
        if state.closed {
            return AtOnce::Closed;
        }
        let now = self.stamp(&mut state);
        let Some(mut pushed) = delivery.take() else { return AtOnce::LetIn };
        let class = pushed.class;
        pushed.emitted_at = now;
        match state.lanes.push(pushed) {
            Pushed::Taken => {}
            Pushed::Lost(victim, loss) => *lost = Some((victim, loss)),
            Pushed::Full(pushed) => {
                *delivery = Some(pushed);
                return AtOnce::Full;
            }
        }
        self.pushed(state, class);
        AtOnce::LetIn
    }

    /// The time, read anew when the reader sleeps, else shared by a few pushes: the reader reads it with every drain. So a stamp may
    /// be too early by as long as the reader has been away, for 64 events at most: they look older than they are, never younger.
    #[inline(always)]
    fn stamp(&self, state: &mut State<E>) -> Moment {
        if state.reader.is_some() || state.stamped >= STAMPS_A_READING {
            state.now = self.clock.now();
            state.stamped = 0;
        }
        state.stamped += 1;
        state.now
    }

    /// Pushes, waiting for room where the class blocks. The event is stamped with the time at which it is let in or begins to wait.
    pub fn push(&self, delivery: Delivery<E>) -> Push<'_, E> {
        Push { queue: self, class: delivery.class, delivery: Some(delivery), ticket: None }
    }

    /// Pushes all, the blocking classes beyond their capacity: for a reader further on, which must not wait for this one. Lost
    /// events go to `lost`. Says which classes have just gone over; they must be held back at the source until
    /// [`Drained::under`] names them. `None` when it takes no more events: the batch stays as it is.
    pub fn push_all_elastic(
        &self,
        batch: &mut Vec<Delivery<E>>,
        lost: &mut Vec<(Delivery<E>, Loss)>,
    ) -> Option<PerClass<bool>> {
        let mut gone_over = PerClass::default();
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        if state.reader.is_some() && batch.len() <= self.parcel_max {
            state.lanes.count_passed_by(batch);
            std::mem::swap(&mut state.parcel, batch);
            let reader = state.reader.take();
            drop(state);
            reader.into_iter().for_each(Waker::wake);
            return Some(gone_over);
        }
        let mut urgent = Class::Bulk;
        for delivery in batch.drain(..) {
            let class = delivery.class;
            urgent = urgent.min(class);
            if let Pushed::Lost(victim, loss) = state.lanes.push_elastic(delivery) {
                lost.push((victim, loss));
            }
            let lane = state.lanes.lane(class);
            if lane.overflow == Overflow::Block && !state.over[class] && state.lanes.depth(class) >= lane.capacity {
                state.over[class] = true;
                gone_over[class] = true;
            }
        }
        self.pushed(state, urgent);
        Some(gone_over)
    }

    /// After a push: the reader is told.
    #[inline(always)]
    fn pushed(&self, mut state: MutexGuard<'_, State<E>>, class: Class) {
        if (class as usize) < self.urgent.load(Ordering::Relaxed) {
            self.urgent.store(class as usize, Ordering::Release);
        }
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// The most urgent class that waits in the lanes. A look without the lock: by the time it is used it may be less urgent.
    #[inline]
    pub fn most_urgent(&self) -> Option<Class> {
        Class::ALL.get(self.urgent.load(Ordering::Acquire)).copied()
    }

    /// Takes up to `max` events out by weight and age, or a batch that came while the reader slept, as it is; waits while there are
    /// none. `None` when the queue is closed and empty.
    pub fn poll_drain(
        &self,
        context: &mut Context<'_>,
        out: &mut Vec<Delivery<E>>,
        max: usize,
    ) -> Poll<Option<Drained>> {
        let mut state = self.lock();
        if !state.parcel.is_empty() {
            state.take_parcel(out);
            return Poll::Ready(Some(Drained::default()));
        }
        if state.lanes.depth_total() == 0 {
            if state.closed {
                return Poll::Ready(None);
            }
            if !state.reader.as_ref().is_some_and(|reader| reader.will_wake(context.waker())) {
                state.reader = Some(context.waker().clone());
            }
            return Poll::Pending;
        }
        state.now = self.clock.now();
        state.stamped = 0;
        let now = state.now;
        state.lanes.drain(out, max, now);
        Poll::Ready(Some(self.drained(state)))
    }

    /// Takes up to `max` events of one class out of its lane, without waiting.
    pub fn drain_class(&self, class: Class, out: &mut Vec<Delivery<E>>, max: usize) -> Drained {
        let mut state = self.lock();
        state.lanes.drain_class(class, out, max);
        self.drained(state)
    }

    /// Takes everything out, without waiting.
    pub fn drain_rest(&self, out: &mut Vec<Delivery<E>>) -> Drained {
        let mut state = self.lock();
        state.take_parcel(out);
        state.lanes.drain(out, usize::MAX - out.len(), Moment::ZERO);
        self.drained(state)
    }

    /// After a drain: room goes to those who wait for it, and classes that came down are named.
    fn drained(&self, mut state: MutexGuard<'_, State<E>>) -> Drained {
        let urgent = Class::ALL.into_iter().position(|class| state.lanes.depth(class) > 0);
        self.urgent.store(urgent.unwrap_or(Class::COUNT), Ordering::Release);
        let mut under = PerClass::default();
        for class in Class::ALL {
            if state.over[class] && state.lanes.depth(class) <= state.lanes.lane(class).capacity / 2 {
                state.over[class] = false;
                under[class] = true;
            }
        }
        let woken = state.grant_all();
        drop(state);
        woken.into_iter().for_each(Waker::wake);
        Drained { under }
    }

    /// Lets nothing more of a class in until it is released as often as it was held.
    pub fn hold(&self, class: Class) {
        self.lock().lanes.hold(class);
    }

    /// Takes one hold back.
    pub fn release(&self, class: Class) {
        let mut state = self.lock();
        state.lanes.release(class);
        let woken = state.grant(class);
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }

    /// Takes no more events. What waits can still be drained; pushes that wait are refused.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let reader = state.reader.take();
        let pushes: Vec<Waker> = state.waiting.0.iter().flatten().map(|waiting| waiting.waker.clone()).collect();
        drop(state);
        reader.into_iter().chain(pushes).for_each(Waker::wake);
    }

    /// The classes whose reader is over its capacity: what must be released when the reader goes away.
    pub fn take_over(&self) -> PerClass<bool> {
        std::mem::take(&mut self.lock().over)
    }

    /// Events waiting in all classes.
    pub fn depth(&self) -> usize {
        let state = self.lock();
        state.parcel.len() + state.lanes.depth_total()
    }

    /// How each class stands, and how many pushes wait for room in it.
    pub fn snapshot(&self) -> PerClass<(LaneSnapshot, usize)> {
        let now = self.clock.now();
        let state = self.lock();
        PerClass::from_fn(|class| {
            let mut lane = state.lanes.snapshot(class, now);
            let mut parcel = state.parcel.iter().filter(|delivery| delivery.class == class).peekable();
            if let Some(oldest) = parcel.peek() {
                lane.oldest_age_ns = now.0.saturating_sub(oldest.emitted_at.0);
            }
            lane.depth += parcel.count();
            (lane, state.waiting[class].len())
        })
    }
}

/// What a drain has changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drained {
    /// Classes that were over their capacity and have come down to half of it.
    pub under: PerClass<bool>,
}

impl<E: Event> State<E> {
    /// The batch that was handed on; an empty one lends its memory in exchange.
    fn take_parcel(&mut self, out: &mut Vec<Delivery<E>>) {
        if out.is_empty() {
            std::mem::swap(&mut self.parcel, out);
        } else {
            out.append(&mut self.parcel);
        }
    }

    /// Keeps room for those who have waited longest in a class; who is to be woken.
    fn grant(&mut self, class: Class) -> Vec<Waker> {
        let mut woken = Vec::new();
        let mut room = self.lanes.room(class);
        for waiting in self.waiting[class].iter_mut().filter(|waiting| !waiting.granted) {
            if room == 0 {
                break;
            }
            room -= 1;
            waiting.granted = true;
            self.lanes.promise(class);
            woken.push(waiting.waker.clone());
        }
        woken
    }

    fn grant_all(&mut self) -> Vec<Waker> {
        let mut woken = Vec::new();
        for class in Class::ALL {
            if !self.waiting[class].is_empty() {
                woken.append(&mut self.grant(class));
            }
        }
        woken
    }

    /// Takes a waiting push off the list; whether room was kept for it, which is given back.
    fn leave(&mut self, class: Class, ticket: u64) -> bool {
        let place = self.waiting[class].iter().position(|waiting| waiting.ticket == ticket);
        let granted = place.and_then(|place| self.waiting[class].remove(place)).is_some_and(|it| it.granted);
        if granted {
            self.lanes.end_promise(class);
        }
        granted
    }
}

/// A push under way; made by [`Queue::push`]. Dropped before it is ready, the event goes with it and the place in the line goes
/// to the next.
#[derive(Debug)]
#[must_use = "a push does nothing until it is awaited"]
pub struct Push<'a, E: Event> {
    queue: &'a Queue<E>,
    class: Class,
    delivery: Option<Delivery<E>>,
    ticket: Option<u64>,
}

/// Nothing in it is pinned.
impl<E: Event> Unpin for Push<'_, E> {}

impl<E: Event> Future for Push<'_, E> {
    type Output = Result<Lost<E>, PushError<E>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let class = this.class;
        let mut state = this.queue.lock();
        let delivery = this.delivery.take().expect("a push is not polled after it was ready");
        if state.closed {
            if let Some(ticket) = this.ticket.take() {
                state.leave(class, ticket);
            }
            return Poll::Ready(Err(PushError::Closed(delivery)));
        }
        if let Some(ticket) = this.ticket {
            let waiting = state.waiting[class].iter_mut().find(|waiting| waiting.ticket == ticket);
            let waiting = waiting.expect("a push that waits is on the list");
            if !waiting.granted {
                waiting.waker.clone_from(context.waker());
                this.delivery = Some(delivery);
                return Poll::Pending;
            }
            state.leave(class, ticket);
            this.ticket = None;
            // The room was kept for it, also if the class has been held since.
            state.lanes.push_elastic(delivery);
            this.queue.pushed(state, class);
            return Poll::Ready(Ok(None));
        }
        let mut delivery = delivery;
        delivery.emitted_at = this.queue.stamp(&mut state);
        match state.lanes.push(delivery) {
            Pushed::Taken => {
                this.queue.pushed(state, class);
                Poll::Ready(Ok(None))
            }
            Pushed::Lost(victim, loss) => {
                this.queue.pushed(state, class);
                Poll::Ready(Ok(Some((victim, loss))))
            }
            Pushed::Full(delivery) if state.lanes.lane(class).overflow == Overflow::Fail => {
                state.lanes.count_refused(class);
                Poll::Ready(Err(PushError::Full(delivery)))
            }
            Pushed::Full(delivery) => {
                let ticket = state.next_ticket;
                state.next_ticket += 1;
                state.waiting[class].push_back(Waiting { ticket, waker: context.waker().clone(), granted: false });
                this.ticket = Some(ticket);
                this.delivery = Some(delivery);
                Poll::Pending
            }
        }
    }
}

impl<E: Event> Drop for Push<'_, E> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let mut state = self.queue.lock();
        let woken = if state.leave(self.class, ticket) { state.grant(self.class) } else { Vec::new() };
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }
}
