//! One that wants events: what it wants, its mailbox, and what is counted of it. And the reading end of the mailbox.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use serde::{Deserialize, Serialize};
use tokio::task::AbortHandle;

use super::core::Core;
use super::dead_letter::{Cause, DeadLetter};
use super::emitter::trace_end;
use super::guard::{caught, discard};
use super::hand::Hand;
use super::timing::Timing;
use super::turn::{Turn, come_again};
use crate::ack::Outcome;
use crate::class::{Class, PerClass};
use crate::delivery::Delivery;
use crate::event::Event;
use crate::queue::lanes::Loss;
use crate::queue::{Drained, Queue};

/// Events that a reader with a backlog takes from its mailbox at a time: enough to share the lock's price, few enough to give back
/// soon. One that has slept takes the batch that woke it, as it is.
const READ_MAX: usize = 64;

/// Why an event was dropped whose reader ended first.
pub(super) const HANDLER_GONE: &str = "its handler went away";

/// How a handler is.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandlerState {
    /// It takes events.
    Running,
    /// It failed and waits before it begins anew.
    BackingOff,
    /// It failed too often, or was told to stop at the first failure.
    Stopped,
}

type Wants<E> = Box<dyn Fn(&E) -> bool + Send + Sync>;

pub(super) struct Subscriber<E: Event> {
    pub(super) name: Arc<str>,
    pub(super) wants: Wants<E>,
    pub(super) mailbox: Queue<E>,
    pub(super) handled: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) panicked: AtomicU64,
    pub(super) timed_out: AtomicU64,
    pub(super) restarts: AtomicU64,
    pub(super) wants_panicked: AtomicU64,
    pub(super) copies_panicked: AtomicU64,
    pub(super) times: PerClass<Timing>,
    state: AtomicU8,
    ended: AtomicBool,
    /// The task of a handler; a stream has none of its own.
    task: OnceLock<AbortHandle>,
}

impl<E: Event> fmt::Debug for Subscriber<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Subscriber").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<E: Event> Subscriber<E> {
    pub(super) fn new(name: Arc<str>, wants: Wants<E>, mailbox: Queue<E>) -> Self {
        Self {
            name,
            wants,
            mailbox,
            handled: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            panicked: AtomicU64::new(0),
            timed_out: AtomicU64::new(0),
            restarts: AtomicU64::new(0),
            wants_panicked: AtomicU64::new(0),
            copies_panicked: AtomicU64::new(0),
            times: PerClass::default(),
            state: AtomicU8::new(HandlerState::Running as u8),
            ended: AtomicBool::new(false),
            task: OnceLock::new(),
        }
    }

    /// Whether it wants an event. A predicate that panics does not want it.
    pub(super) fn wants(&self, event: &E) -> bool {
        caught(|| (self.wants)(event)).unwrap_or_else(|_| {
            self.wants_panicked.fetch_add(1, Ordering::Relaxed);
            false
        })
    }

    pub(super) fn state(&self) -> HandlerState {
        match self.state.load(Ordering::Relaxed) {
            0 => HandlerState::Running,
            1 => HandlerState::BackingOff,
            _ => HandlerState::Stopped,
        }
    }

    pub(super) fn set_state(&self, state: HandlerState) {
        self.state.store(state as u8, Ordering::Relaxed);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Said once, by whoever has started it.
    pub(super) fn works_in(&self, task: AbortHandle) {
        let _ = self.task.set(task);
    }

    /// Whether it is a handler whose task has not ended.
    pub(super) fn is_at_work(&self) -> bool {
        self.task.get().is_some_and(|task| !task.is_finished())
    }

    /// An event of which there is no copy for it: nothing that a dead letter could hold, but counted, and told to whoever asked.
    #[cold]
    pub(super) fn miss(&self, delivery: &Delivery<E>, cause: &Cause) {
        self.copies_panicked.fetch_add(1, Ordering::Relaxed);
        delivery.share_ack().fail(&format!("{} {cause}", self.name));
    }

    /// An event that it did not take becomes a dead letter.
    pub(super) fn bury(&self, core: &Core<E>, delivery: Delivery<E>, cause: Cause) {
        let (class, span) = (delivery.class, delivery.span());
        trace_end(&span, "dead letter");
        let outcome = match cause {
            Cause::MailboxFull | Cause::Stopped => Outcome::Dropped,
            Cause::Failed(_) | Cause::Panicked(_) | Cause::TimedOut(_) => Outcome::Failed,
        };
        let (event, ack) = delivery.into_parts();
        // In a flood most events are untracked, and a text for nobody would be most of its price.
        if !ack.is_none() {
            ack.settle_because(outcome, &format!("{} {cause}", self.name));
        }
        core.dead_letters.put(DeadLetter {
            event,
            class,
            handler: Arc::clone(&self.name),
            cause,
            at: core.clock.now(),
        });
    }

    /// What its full mailbox has lost.
    pub(super) fn settle_lost(&self, core: &Core<E>, victim: Delivery<E>, loss: Loss) {
        match loss {
            // Its acknowledgement went on with its successor.
            Loss::Coalesced => discard(victim),
            // What is thinned out on purpose is no letter to look after.
            Loss::Sampled => discard(victim.settle(Outcome::Dropped)),
            Loss::Newest | Loss::Oldest => self.bury(core, victim, Cause::MailboxFull),
        }
    }
}

/// The reading end of a mailbox. Dropping it ends the subscription: what still waits is dropped, and held classes are released.
#[derive(Debug)]
pub(super) struct Inbox<E: Event> {
    pub(super) core: Arc<Core<E>>,
    pub(super) subscriber: Arc<Subscriber<E>>,
    hand: Hand<E>,
    /// Empty but for an instant: memory for what overtakes.
    urgent: Vec<Delivery<E>>,
    turn: Turn,
    /// Events of a batch that is not full yet: nobody has begun with them.
    pub(super) gathered: Vec<Delivery<E>>,
    /// Events in a call that waits: cut off if it is dropped there.
    pub(super) in_call: PerClass<u64>,
}

impl<E: Event> Inbox<E> {
    pub(super) fn new(core: Arc<Core<E>>, subscriber: Arc<Subscriber<E>>) -> Self {
        core.add(Arc::clone(&subscriber));
        if core.is_closed() {
            subscriber.mailbox.close();
        }
        Self {
            core,
            subscriber,
            hand: Hand::default(),
            urgent: Vec::new(),
            turn: Turn::default(),
            gathered: Vec::new(),
            in_call: PerClass::default(),
        }
    }

    /// The next event; `None` after the reactor has been shut down and everything was taken.
    #[inline(always)]
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Delivery<E>>> {
        if self.turn.is_over(&self.core.clock) {
            return self.give_way(context);
        }
        if self.hand.is_empty() {
            match self.poll_fill(context) {
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {
                    self.turn.end();
                    return Poll::Pending;
                }
            }
        } else if let Some(class) = self.subscriber.mailbox.most_urgent() {
            let room = self.hand.room_ahead_for(class);
            if room > 0 {
                self.let_overtake(class, room);
            }
        }
        Poll::Ready(self.hand.pop())
    }

    /// Its reader has waited for something else: others have run meanwhile.
    pub(super) fn end_turn(&mut self) {
        self.turn.end();
    }

    #[cold]
    fn give_way(&mut self, context: &mut Context<'_>) -> Poll<Option<Delivery<E>>> {
        self.turn.end();
        come_again(context);
        Poll::Pending
    }

    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<Option<()>> {
        // An inbox that always finds something must let others run as well.
        let coop = ready!(tokio::task::coop::poll_proceed(context));
        // The emptied hand lends its memory to the next batch and takes it back: no event is moved for it.
        let mut batch = self.hand.lend();
        let drained = self.subscriber.mailbox.poll_drain(context, &mut batch, READ_MAX);
        self.hand.take(batch);
        let drained = ready!(drained);
        coop.made_progress();
        let Some(drained) = drained else {
            self.end();
            return Poll::Ready(None);
        };
        self.after(&drained);
        Poll::Ready(Some(()))
    }

    #[cold]
    fn let_overtake(&mut self, class: Class, max: usize) {
        let drained = self.subscriber.mailbox.drain_class(class, &mut self.urgent, max);
        self.hand.put_ahead(&mut self.urgent);
        self.after(&drained);
    }

    fn after(&self, drained: &Drained) {
        if drained.under != PerClass::default() {
            self.core.release(&drained.under);
        }
    }

    /// Up to `max` events of those that wait, without waiting for more.
    pub(super) fn take_ready(&mut self, max: usize, context: &mut Context<'_>, out: &mut Vec<Delivery<E>>) {
        while out.len() < max {
            match self.poll_next(context) {
                Poll::Ready(Some(delivery)) => out.push(delivery),
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
    }

    /// There is nothing more to take.
    fn end(&self) {
        self.subscriber.ended.store(true, Ordering::Release);
        self.core.ended.notify_waiters();
    }

    /// Everything that still waits.
    pub(super) fn rest(&mut self) -> Vec<Delivery<E>> {
        let mut rest = std::mem::take(&mut self.gathered);
        rest.extend(self.hand.empty());
        let drained = self.subscriber.mailbox.drain_rest(&mut rest);
        self.after(&drained);
        rest
    }
}

impl<E: Event> Drop for Inbox<E> {
    fn drop(&mut self) {
        self.subscriber.mailbox.close();
        self.core.remove(&self.subscriber);
        for (class, cut_off) in self.in_call.iter() {
            self.core.cut_off[class].fetch_add(*cut_off, Ordering::Relaxed);
        }
        let rest = self.rest();
        self.core.drop_all(rest, HANDLER_GONE);
        let over = self.subscriber.mailbox.take_over();
        self.core.release(&over);
        self.end();
    }
}
