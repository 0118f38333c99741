//! A handler at work: one task that takes events from its mailbox and calls the handler, and what happens when that fails.
//!
//! Always holds: a failure, a panic or a hang ends one call, never the task, the loop or another handler, whatever of the user's it
//! comes from (the copy of an event, the call, its answer, its drop); what was in the failed call becomes a dead letter with the
//! cause; what was not yet in it stays in the mailbox. Only a call that blocks its thread cannot be ended.

use std::any::Any;
use std::fmt::Display;
use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::slice;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use serde::{Deserialize, Serialize};
use tracing::{Instrument, Span};

use super::core::Core;
use super::dead_letter::Cause;
pub(crate) use super::guard::panic_text;
use super::guard::{caught, discard};
use super::stopwatch::Stopwatch;
use super::subscriber::{HandlerState, Inbox, Subscriber};
use super::timing::add;
use crate::ack::Outcome;
use crate::class::PerClass;
use crate::delivery::Delivery;
use crate::event::{Event, Holds};

/// What a handler returns: nothing, or whether it worked.
#[diagnostic::on_unimplemented(
    message = "a handler returns `()` or a `Result<(), E>` whose `E` implements `Display`, not `{Self}`"
)]
pub trait Answer: Send {
    /// The answer as a result with the cause of the failure.
    fn into_result(self) -> Result<(), String>;
}

impl Answer for () {
    fn into_result(self) -> Result<(), String> {
        Ok(())
    }
}

impl<X: Display + Send> Answer for Result<(), X> {
    fn into_result(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}

/// What happens to a handler after a failure, a panic or a timeout. The failed event becomes a dead letter in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Supervision {
    /// It goes on with the next event, with the state it has.
    #[default]
    Resume,
    /// It begins anew from its first state, after a pause that doubles with each failure in a row.
    Restart(Backoff),
    /// It is stopped; what waits for it and what comes later becomes dead letters.
    Stop,
}

/// Pauses that double, up to a limit.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    /// The first pause.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// After this many failures in a row the handler is stopped.
    pub failures_max: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(100), longest: Duration::from_secs(30), failures_max: 10 }
    }
}

impl Backoff {
    /// The pause after so many failures in a row.
    pub fn pause(&self, failures: u32) -> Duration {
        let doubled = self.first.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
        doubled.min(self.longest)
    }
}

/// How the calls of one handler are made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calls {
    pub(super) supervision: Supervision,
    pub(super) timeout: Option<Duration>,
    pub(super) batch_max: usize,
    pub(super) batch_wait: Duration,
}

/// A handler and all that one task needs to let it work.
struct Work<E: Event, H> {
    inbox: Inbox<E>,
    /// What it begins with.
    pristine: H,
    /// `None` when it is to begin anew.
    handler: Option<H>,
    calls: Calls,
    /// Failures in a row.
    streak: u32,
}

impl<E: Event, H: Clone> Work<E, H> {
    fn new(inbox: Inbox<E>, pristine: H, calls: Calls) -> Self {
        Self { inbox, pristine, handler: None, calls, streak: 0 }
    }

    /// Settles what was in a call that has ended.
    async fn ended(&mut self, failed: Vec<Delivery<E>>, cause: &Cause) {
        count(&self.inbox.subscriber, cause, failed.len() as u64);
        for delivery in failed {
            self.inbox.subscriber.bury(&self.inbox.core, delivery, cause.clone());
        }
        if after_failure(&mut self.inbox, cause, self.calls.supervision, &mut self.streak).await {
            self.handler = None;
        }
    }

    /// Something of the user's panicked outside a call: when the handler was copied to begin with, or an event was dropped. Whether
    /// it goes on.
    async fn panicked_outside(&mut self, panic: Box<dyn Any + Send>) -> bool {
        if self.handler.is_none() && self.calls.supervision == Supervision::Resume {
            // There is nothing to go on with, and nothing that a second copy would do better.
            self.calls.supervision = Supervision::Stop;
        }
        let cause = Cause::Panicked(panic_text(&*panic));
        discard(panic);
        self.inbox.in_call = PerClass::default();
        count(&self.inbox.subscriber, &cause, 1);
        self.ended(Vec::new(), &cause).await;
        self.inbox.subscriber.state() != HandlerState::Stopped
    }
}

/// Takes events one by one.
pub(super) async fn serve_each<E, T, H, F>(inbox: Inbox<E>, pristine: H, calls: Calls)
where
    E: Event + Holds<T>,
    T: Send,
    H: FnMut(T) -> F + Clone + Send,
    F: Future<Output: Answer> + Send,
{
    let mut work = Work::new(inbox, pristine, calls);
    while let Err(panic) = AssertUnwindSafe(each(&mut work)).catch_unwind().await {
        if !work.panicked_outside(panic).await {
            return;
        }
    }
}

/// What the first poll of a call came to.
enum First {
    NotWanted,
    Ended(Option<Cause>),
    Waits,
}

/// Until the mailbox is closed and empty.
async fn each<E, T, H, F>(work: &mut Work<E, H>)
where
    E: Event + Holds<T>,
    T: Send,
    H: FnMut(T) -> F + Clone + Send,
    F: Future<Output: Answer> + Send,
{
    let mut stopwatch = Stopwatch::default();
    loop {
        // Before an event is taken, so that none is in hand when the copy panics.
        let handler = work.handler.get_or_insert_with(|| work.pristine.clone());
        let inbox = &mut work.inbox;
        let Some(delivery) = stopwatch.next(inbox).await else { return };
        let span = handling_span(slice::from_ref(&delivery), &inbox.subscriber.name);
        stopwatch.start(inbox);
        // Most calls never wait: they are spared the timer and the larger future that a waiting one needs.
        let mut call = pin!(None);
        let mut first = |context: &mut Context<'_>| {
            let Some(event) = delivery.event.clone().take() else { return First::NotWanted };
            call.set(Some(handler(event)));
            let Poll::Ready(answer) = call.as_mut().as_pin_mut().expect("the call has begun").poll(context) else {
                return First::Waits;
            };
            call.set(None);
            First::Ended(answer.into_result().err().map(Cause::Failed))
        };
        let polled = poll_fn(|context| Poll::Ready(caught(|| span.in_scope(|| first(context))))).await;
        let cause = match polled {
            Err(cause) => Some(cause),
            Ok(First::NotWanted) => {
                drop(delivery.settle(Outcome::Skipped));
                continue;
            }
            Ok(First::Ended(cause)) => {
                stopwatch.ended_at_once(inbox, delivery.class);
                cause
            }
            Ok(First::Waits) => {
                inbox.in_call[delivery.class] = 1;
                let rest = guarded(&inbox.core, work.calls.timeout, call).instrument(span);
                let cause = stopwatch.time_waiting(inbox, delivery.class, rest).await;
                inbox.in_call[delivery.class] = 0;
                inbox.end_turn();
                cause
            }
        };
        match cause {
            None => {
                work.streak = 0;
                add(&inbox.subscriber.handled, 1);
                drop(delivery.settle(Outcome::Done));
            }
            Some(cause) => {
                stopwatch.stop(inbox);
                work.ended(vec![delivery], &cause).await;
            }
        }
    }
}

/// The span of a call: within that of the first event that has one, and said to follow from the others.
fn handling_span<E>(deliveries: &[Delivery<E>], handler: &str) -> Span {
    let mut traced = deliveries.iter().map(Delivery::span).filter(|span| !span.is_none());
    let Some(first) = traced.next() else { return Span::none() };
    let span = tracing::trace_span!(target: "homeostat_reactor", parent: &first, "handle", handler);
    for event in traced {
        span.follows_from(&event);
    }
    span
}

/// Takes events in batches.
pub(super) async fn serve_batches<E, T, H, F>(inbox: Inbox<E>, pristine: H, calls: Calls)
where
    E: Event + Holds<T>,
    T: Send,
    H: FnMut(Vec<T>) -> F + Clone + Send,
    F: Future<Output: Answer> + Send,
{
    let mut work = Work::new(inbox, pristine, calls);
    while let Err(panic) = AssertUnwindSafe(batches(&mut work)).catch_unwind().await {
        if !work.panicked_outside(panic).await {
            return;
        }
    }
}

/// Until the mailbox is closed and empty.
async fn batches<E, T, H, F>(work: &mut Work<E, H>)
where
    E: Event + Holds<T>,
    T: Send,
    H: FnMut(Vec<T>) -> F + Clone + Send,
    F: Future<Output: Answer> + Send,
{
    loop {
        let handler = work.handler.get_or_insert_with(|| work.pristine.clone());
        let inbox = &mut work.inbox;
        let Some(batch) = next_batch(inbox, &work.calls).await else { return };
        let span = handling_span(&batch, &inbox.subscriber.name);
        batch.iter().for_each(|delivery| inbox.in_call[delivery.class] += 1);
        let started = inbox.core.clock.now();
        let mut waited = false;
        let mut call = pin!(None);
        let begun = caught(|| {
            let copies = batch.iter().filter_map(|delivery| delivery.event.clone().take()).collect();
            call.set(Some(span.in_scope(|| handler(copies))));
        });
        let cause = match begun {
            Err(cause) => Some(cause),
            Ok(()) => {
                let mut rest = pin!(guarded(&inbox.core, work.calls.timeout, call).instrument(span));
                poll_fn(|context| {
                    let ended = rest.as_mut().poll(context);
                    waited |= ended.is_pending();
                    ended
                })
                .await
            }
        };
        inbox.in_call = PerClass::default();
        if waited {
            inbox.end_turn();
        }
        let taken = inbox.core.clock.now().since(started);
        if let Some(class) = batch.iter().map(|delivery| delivery.class).min() {
            inbox.subscriber.times[class].take(taken, 1);
        }
        match cause {
            None => {
                work.streak = 0;
                add(&inbox.subscriber.handled, batch.len() as u64);
                batch.into_iter().for_each(|delivery| discard(delivery.settle(Outcome::Done)));
            }
            Some(cause) => work.ended(batch, &cause).await,
        }
    }
}

/// The next batch: full, or as much as came until the wait since its first event was over.
async fn next_batch<E: Event>(inbox: &mut Inbox<E>, calls: &Calls) -> Option<Vec<Delivery<E>>> {
    let first = poll_fn(|context| inbox.poll_next(context)).await?;
    // They stay in the inbox until the batch is whole: cut off before, they have waited and no more.
    inbox.gathered.push(first);
    let due = inbox.core.clock.sleep(calls.batch_wait);
    tokio::pin!(due);
    while inbox.gathered.len() < calls.batch_max {
        let next = tokio::select! {
            biased;
            next = poll_fn(|context| inbox.poll_next(context)) => next,
            () = &mut due => break,
        };
        match next {
            Some(delivery) => inbox.gathered.push(delivery),
            None => break,
        }
    }
    Some(std::mem::take(&mut inbox.gathered))
}

/// Lets a call come to its end and drops it; why it failed, if it did.
async fn guarded<E: Event, F: Future<Output: Answer>>(
    core: &Core<E>,
    timeout: Option<Duration>,
    mut call: Pin<&mut Option<F>>,
) -> Option<Cause> {
    let ended = {
        let call = call.as_mut().as_pin_mut().expect("the call has begun");
        let answer = AssertUnwindSafe(async { call.await.into_result() }).catch_unwind();
        match timeout {
            None => Some(answer.await),
            Some(limit) => core.clock.within(limit, answer).await,
        }
    };
    // What a call drops at its end, or where it was cut off, is the user's as well.
    let dropped = caught(|| call.set(None));
    let cause = match ended {
        None => timeout.map(Cause::TimedOut),
        Some(Ok(answer)) => answer.err().map(Cause::Failed),
        Some(Err(panic)) => Some(Cause::Panicked(panic_text(&*panic))),
    };
    cause.or(dropped.err())
}

/// Does as the supervision says; whether the handler is to begin anew.
async fn after_failure<E: Event>(
    inbox: &mut Inbox<E>,
    cause: &Cause,
    supervision: Supervision,
    streak: &mut u32,
) -> bool {
    let subscriber = Arc::clone(&inbox.subscriber);
    *streak += 1;
    tracing::warn!(target: "homeostat_reactor", handler = &*subscriber.name, %cause, in_a_row = *streak, "a handler failed");
    match supervision {
        Supervision::Resume => false,
        Supervision::Restart(backoff) if *streak < backoff.failures_max => {
            subscriber.set_state(HandlerState::BackingOff);
            inbox.core.clock.sleep(backoff.pause(*streak)).await;
            subscriber.restarts.fetch_add(1, Ordering::Relaxed);
            subscriber.set_state(HandlerState::Running);
            true
        }
        Supervision::Restart(_) | Supervision::Stop => {
            subscriber.set_state(HandlerState::Stopped);
            tracing::error!(target: "homeostat_reactor", handler = &*subscriber.name, "a handler was stopped after failures");
            bury_everything(inbox).await;
            false
        }
    }
}

/// A stopped handler's events go on becoming dead letters, so that whoever tracks them is answered, until it is unsubscribed.
async fn bury_everything<E: Event>(inbox: &mut Inbox<E>) {
    while let Some(delivery) = poll_fn(|context| inbox.poll_next(context)).await {
        inbox.subscriber.bury(&inbox.core, delivery, Cause::Stopped);
    }
}

fn count<E: Event>(subscriber: &Subscriber<E>, cause: &Cause, events: u64) {
    let counter = match cause {
        Cause::Panicked(_) => &subscriber.panicked,
        Cause::TimedOut(_) => &subscriber.timed_out,
        Cause::Failed(_) | Cause::MailboxFull | Cause::Stopped => &subscriber.failed,
    };
    counter.fetch_add(events, Ordering::Relaxed);
}
