//! The one worker of a target: takes batches out of its mailbox, delivers them, and says what became of each event.
//!
//! Started with the router and ended with it. Whatever it takes out is settled exactly once: delivered, or a dead letter with its
//! cause. Only when it is cut off (the router goes without a shutdown, or its deadline passes) does an event end as abandoned.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt;

use super::mailbox::Mailbox;
use super::sink::{Batch, Sink, SinkError};
use super::tally::TargetTally;
use super::target::Patience;
use crate::ack::Outcome;
use crate::clock::Clock;
use crate::delivery::Delivery;
use crate::event::Event;
use crate::reactor::handler::panic_text;
use crate::reactor::{Cause, DeadLetter, DeadLetters};

/// Longest wait that another side may ask for: longer would outlast every mailbox.
const AFTER_MAX: Duration = Duration::from_secs(600);

/// What a worker needs.
pub(super) struct Work<E> {
    pub(super) target: Arc<str>,
    pub(super) mailbox: Arc<Mailbox<E>>,
    pub(super) tally: Arc<TargetTally>,
    pub(super) dead: DeadLetters<E>,
    pub(super) batches: Arc<AtomicU64>,
    pub(super) patience: Patience,
    pub(super) clock: Clock,
}

/// Why a batch did not get through in the end.
struct Failure {
    cause: Cause,
    refused: bool,
}

/// Works until the mailbox is closed and empty.
pub(super) async fn work<E: Event>(sink: impl Sink<E>, work: Work<E>) {
    let mut batch = Vec::with_capacity(work.patience.batch_max);
    loop {
        let max = work.patience.batch_max;
        if !poll_fn(|context| work.mailbox.poll_drain(context, &mut batch, max, work.clock.now())).await {
            return;
        }
        work.tally.in_flight.store(batch.len() as u64, Ordering::Relaxed);
        work.carry(&sink, &mut batch).await;
    }
}

impl<E: Event> Work<E> {
    async fn carry(&self, sink: &impl Sink<E>, batch: &mut Vec<Delivery<E>>) {
        match self.attempt(sink, batch).await {
            Ok(()) => batch.drain(..).for_each(|delivery| self.delivered(delivery)),
            Err(failure) if failure.refused && batch.len() > 1 => {
                for delivery in batch.drain(..) {
                    match self.attempt(sink, std::slice::from_ref(&delivery)).await {
                        Ok(()) => self.delivered(delivery),
                        Err(failure) => self.failed(delivery, failure.cause),
                    }
                }
            }
            Err(failure) => batch.drain(..).for_each(|delivery| self.failed(delivery, failure.cause.clone())),
        }
    }

    /// Tries until it gets through, is refused, or has failed often enough.
    async fn attempt(&self, sink: &impl Sink<E>, deliveries: &[Delivery<E>]) -> Result<(), Failure> {
        let id = self.batches.fetch_add(1, Ordering::Relaxed);
        let mut attempt = 1;
        loop {
            let (cause, after) = match self.ask(sink, Batch { id, attempt, deliveries }).await {
                Ok(()) => return Ok(()),
                Err(Failed::Refused(cause)) => return Err(Failure { cause: Cause::Failed(cause), refused: true }),
                Err(Failed::ForNow(cause, after)) => (cause, after),
            };
            if attempt >= self.patience.backoff.failures_max {
                return Err(Failure { cause, refused: false });
            }
            let wait = self.patience.backoff.pause(attempt).max(after.unwrap_or_default()).min(AFTER_MAX);
            tracing::debug!(target: "homeostat_reactor", to = &*self.target, attempt, %cause, ?wait, "a delivery will be tried again");
            self.tally.retries.add(1);
            self.clock.sleep(wait).await;
            attempt += 1;
        }
    }

    /// One attempt; a sink that panics or takes too long has failed, and may do better next time.
    async fn ask(&self, sink: &impl Sink<E>, batch: Batch<'_, E>) -> Result<(), Failed> {
        // The sink is asked again after a panic: if that broke it, it goes on failing and its events become dead letters.
        let asked = AssertUnwindSafe(async { sink.deliver(batch).await }).catch_unwind();
        match self.clock.within(self.patience.time_max, asked).await {
            Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(SinkError::Refused { cause }))) => Err(Failed::Refused(cause)),
            Some(Ok(Err(SinkError::Retry { cause, after }))) => Err(Failed::ForNow(Cause::Failed(cause), after)),
            Some(Err(panic)) => Err(Failed::ForNow(Cause::Panicked(panic_text(&*panic)), None)),
            None => Err(Failed::ForNow(Cause::TimedOut(self.patience.time_max), None)),
        }
    }

    fn delivered(&self, delivery: Delivery<E>) {
        self.tally.delivered.add(1);
        self.tally.in_flight.fetch_sub(1, Ordering::Relaxed);
        delivery.span().in_scope(|| tracing::trace!(target: "homeostat_reactor", to = &*self.target, "delivered"));
        delivery.settle(Outcome::Done);
    }

    fn failed(&self, delivery: Delivery<E>, cause: Cause) {
        self.tally.dead.add(1);
        self.tally.in_flight.fetch_sub(1, Ordering::Relaxed);
        bury(&self.dead, &self.target, &self.clock, delivery, cause);
    }
}

/// Why one attempt failed.
enum Failed {
    Refused(String),
    ForNow(Cause, Option<Duration>),
}

/// Settles an event as failed, and keeps it with the cause.
pub(super) fn bury<E>(dead: &DeadLetters<E>, target: &Arc<str>, clock: &Clock, delivery: Delivery<E>, cause: Cause) {
    delivery.span().in_scope(|| {
        tracing::warn!(target: "homeostat_reactor", to = &**target, %cause, "an event became a dead letter");
    });
    let class = delivery.class;
    let event = delivery.fail(&cause.to_string());
    dead.put(DeadLetter { event, class, handler: Arc::clone(target), cause, at: clock.now() });
}
