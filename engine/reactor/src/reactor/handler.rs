//! A handler at work: one task that takes events from its mailbox and calls the handler, and what happens when that fails.
//!
//! Always holds: a failure, a panic or a hang ends one call, never the task, the loop or another handler; what was in the failed
//! call becomes a dead letter with the cause; what was not yet in it stays in the mailbox.

use std::fmt::Display;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use serde::{Deserialize, Serialize};
use tracing::{Instrument, Span};

use super::core::Core;
use super::dead_letter::Cause;
use super::stopwatch::Stopwatch;
use super::subscriber::{HandlerState, Inbox, Subscriber};
use super::timing::add;
use crate::ack::Outcome;
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

/// Takes events one by one.
pub(super) async fn serve_each<E, T, H, F>(mut inbox: Inbox<E>, pristine: H, calls: Calls)
where
    E: Event + Holds<T>,
    T: Send,
    H: FnMut(T) -> F + Clone + Send,
    F: Future<Output: Answer> + Send,
{
    let mut handler = pristine.clone();
    let mut streak = 0;
    let mut stopwatch = Stopwatch::default();
    while let Some(delivery) = stopwatch.next(&mut inbox).await {
        let Some(event) = delivery.event.clone().take() else {
            drop(delivery.settle(Outcome::Skipped));
            continue;
        };
        let span = handling_span(&delivery, &inbox.subscriber.name);
        stopwatch.start(&inbox);
        // Most calls never wait: they are spared the timer and the larger future that a waiting one needs.
        let mut call = pin!(None);
        let mut begin = Some(|| handler(event));
        let mut first = |context: &mut Context<'_>| {
            if let Some(begin) = begin.take() {
                call.set(Some(begin()));
            }
            call.as_mut().as_pin_mut().expect("the call has begun").poll(context)
        };
        let polled = poll_fn(|context| Poll::Ready(caught(|| span.in_scope(|| first(context))))).await;
        let cause = match polled {
            Err(cause) => Some(cause),
            Ok(Poll::Ready(answer)) => {
                stopwatch.ended_at_once(&inbox, delivery.class);
                answer.into_result().err().map(Cause::Failed)
            }
            Ok(Poll::Pending) => {
                let call = call.as_pin_mut().expect("the call has begun");
                let rest = guarded(&inbox.core, calls.timeout, call).instrument(span);
                let cause = stopwatch.time_waiting(&inbox, delivery.class, rest).await;
                inbox.end_turn();
                cause
            }
        };
        match cause {
            None => {
                streak = 0;
                add(&inbox.subscriber.handled, 1);
                drop(delivery.settle(Outcome::Done));
            }
            Some(cause) => {
                stopwatch.stop(&inbox);
                let anew = after_failure(&mut inbox, vec![delivery], &cause, calls.supervision, &mut streak).await;
                if anew {
                    handler = pristine.clone();
                }
            }
        }
    }
}

fn handling_span<E>(delivery: &Delivery<E>, handler: &str) -> Span {
    let event = delivery.span();
    if event.is_none() {
        return event;
    }
    tracing::trace_span!(target: "homeostat_reactor", parent: &event, "handle", handler)
}

/// Runs a piece of the handler; a panic becomes a cause.
fn caught<R>(piece: impl FnOnce() -> R) -> Result<R, Cause> {
    catch_unwind(AssertUnwindSafe(piece)).map_err(|panic| Cause::Panicked(panic_text(&*panic)))
}

/// Takes events in batches.
pub(super) async fn serve_batches<E, T, H, F>(mut inbox: Inbox<E>, pristine: H, calls: Calls)
where
    E: Event + Holds<T>,
    T: Send,
    H: FnMut(Vec<T>) -> F + Clone + Send,
    F: Future<Output: Answer> + Send,
{
    let mut handler = pristine.clone();
    let mut streak = 0;
    while let Some(batch) = next_batch(&mut inbox, &calls).await {
        let copies = batch.iter().filter_map(|delivery| delivery.event.clone().take()).collect();
        let started = inbox.core.clock.now();
        let cause = match caught(|| handler(copies)) {
            Err(cause) => Some(cause),
            Ok(call) => guarded(&inbox.core, calls.timeout, call).await,
        };
        let taken = inbox.core.clock.now().since(started);
        if let Some(class) = batch.iter().map(|delivery| delivery.class).min() {
            inbox.subscriber.times[class].take(taken, 1);
        }
        match cause {
            None => {
                streak = 0;
                add(&inbox.subscriber.handled, batch.len() as u64);
                batch.into_iter().for_each(|delivery| drop(delivery.settle(Outcome::Done)));
            }
            Some(cause) => {
                if after_failure(&mut inbox, batch, &cause, calls.supervision, &mut streak).await {
                    handler = pristine.clone();
                }
            }
        }
    }
}

/// The next batch: full, or as much as came until the wait since its first event was over.
async fn next_batch<E: Event>(inbox: &mut Inbox<E>, calls: &Calls) -> Option<Vec<Delivery<E>>> {
    let first = poll_fn(|context| inbox.poll_next(context)).await?;
    let mut batch = Vec::with_capacity(calls.batch_max.min(1_024));
    batch.push(first);
    let due = inbox.core.clock.sleep(calls.batch_wait);
    tokio::pin!(due);
    while batch.len() < calls.batch_max {
        let next = tokio::select! {
            biased;
            next = poll_fn(|context| inbox.poll_next(context)) => next,
            () = &mut due => break,
        };
        match next {
            Some(delivery) => batch.push(delivery),
            None => break,
        }
    }
    Some(batch)
}

/// Lets a call come to its end; why it failed, if it did.
async fn guarded<E: Event, F: Future<Output: Answer>>(
    core: &Core<E>,
    timeout: Option<Duration>,
    call: F,
) -> Option<Cause> {
    let call = AssertUnwindSafe(call).catch_unwind();
    let ended = match timeout {
        None => Some(call.await),
        Some(limit) => core.clock.within(limit, call).await,
    };
    match ended {
        None => timeout.map(Cause::TimedOut),
        Some(Ok(answer)) => answer.into_result().err().map(Cause::Failed),
        Some(Err(panic)) => Some(Cause::Panicked(panic_text(&*panic))),
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a text".to_owned())
}

/// Buries what failed and does as the supervision says; whether the handler is to begin anew.
async fn after_failure<E: Event>(
    inbox: &mut Inbox<E>,
    failed: Vec<Delivery<E>>,
    cause: &Cause,
    supervision: Supervision,
    streak: &mut u32,
) -> bool {
    let subscriber = inbox.subscriber.clone();
    count(&subscriber, cause, failed.len() as u64);
    for delivery in failed {
        subscriber.bury(&inbox.core, delivery, cause.clone());
    }
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
