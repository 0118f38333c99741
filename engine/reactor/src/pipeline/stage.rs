//! One input in one stage: its attempts, and what becomes of it.
//!
//! Always holds: an error, a panic and a timeout are the same to the stage; the acknowledgement of an input that does not go on
//! is settled with the cause.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tracing::{Instrument, Span, debug, trace_span};

use super::Shared;
use super::letters::DeadLetter;
use super::metrics::{StageMetrics, Visit, Way};
use super::policy::{LastResort, PipelineFailed, panicked};
use crate::ack::Outcome;
use crate::delivery::Delivery;
use crate::reactor::Cause;

/// What a stage does with an input.
pub(super) type Process<In, Out> = Box<dyn Fn(In) -> BoxFuture<'static, Result<Out, Cause>> + Send + Sync>;

pub(super) struct Stage<In, Out> {
    pub(super) metrics: Arc<StageMetrics>,
    pub(super) process: Process<In, Out>,
    /// Copies an input that is needed again after an attempt; there whenever the policy may need it.
    pub(super) copy: Option<fn(&In) -> In>,
}

/// How an input's stay ended.
pub(super) enum Ended<Out> {
    /// Goes on; the stay ends when it has.
    Passes(Delivery<Out>, Visit),
    /// Does not go on.
    Gone,
    /// Ends the pipeline.
    Fails(PipelineFailed),
}

impl<In: Send + 'static, Out: Send + 'static> Stage<In, Out> {
    /// Takes an input through its attempts.
    pub(super) async fn attend(
        self: Arc<Self>,
        shared: Arc<Shared>,
        delivery: Delivery<In>,
        visit: Visit,
    ) -> Ended<Out> {
        let began = shared.clock.now();
        let policy = self.metrics.plan.on_error;
        let mut input = None;
        // The class, the ack and the span stay behind while the stage has the input.
        let envelope = delivery.map(|event| input = Some(event));
        let span = self.span(&envelope);
        let mut attempts = 1;
        let cause = loop {
            let pause = policy.pause_after(attempts);
            let kept = pause.is_some() || policy.last_resort() == LastResort::DeadLetter;
            let cause = match self.attempt(&shared, &mut input, kept).instrument(span.clone()).await {
                Ok(output) => {
                    self.metrics.took(shared.clock.now().since(began));
                    return Ended::Passes(envelope.map(|()| output), visit);
                }
                Err(cause) => cause,
            };
            self.metrics.error(&cause, pause.is_some());
            span.in_scope(|| debug!(target: "homeostat_reactor", stage = %self.metrics.name, %cause, attempts, "an attempt failed"));
            match pause {
                None => break cause,
                Some(pause) => shared.clock.sleep(pause).await,
            }
            attempts += 1;
        };
        self.metrics.took(shared.clock.now().since(began));
        self.give_up(&shared, envelope, input, cause, attempts, visit)
    }

    /// A span within the one that follows the event, where one does.
    fn span(&self, envelope: &Delivery<()>) -> Span {
        let event = envelope.span();
        if event.is_none() {
            return event;
        }
        trace_span!(target: "homeostat_reactor", parent: &event, "stage", stage = &*self.metrics.name)
    }

    async fn attempt(&self, shared: &Shared, input: &mut Option<In>, kept: bool) -> Result<Out, Cause> {
        // Everything that is the user's code is guarded: copying an input, and dropping what took too long, too.
        let guarded = AssertUnwindSafe(async {
            let call = async {
                let input = match (input.as_ref(), self.copy) {
                    (Some(original), Some(copy)) if kept => copy(original),
                    _ => input.take().expect("an input is there until the attempt that nothing comes after"),
                };
                (self.process)(input).await
            };
            match self.metrics.plan.timeout {
                None => call.await,
                Some(limit) => shared.clock.within(limit, call).await.unwrap_or(Err(Cause::TimedOut(limit))),
            }
        });
        guarded.catch_unwind().await.unwrap_or_else(|panic| Err(panicked(&*panic)))
    }

    fn give_up(
        &self,
        shared: &Shared,
        envelope: Delivery<()>,
        input: Option<In>,
        cause: Cause,
        attempts: u32,
        visit: Visit,
    ) -> Ended<Out> {
        let class = envelope.class;
        let ((), ack) = envelope.into_parts();
        match self.metrics.plan.on_error.last_resort() {
            LastResort::Fail => {
                ack.fail(&cause.to_string());
                visit.end(Way::Failed);
                return Ended::Fails(shared.failure(Arc::clone(&self.metrics.name), cause, attempts));
            }
            LastResort::Skip => {
                ack.settle_because(Outcome::Skipped, &cause.to_string());
                visit.end(Way::Skipped);
            }
            LastResort::DeadLetter => {
                let stage = Arc::clone(&self.metrics.name);
                let input = input.map(|input| Box::new(input) as _);
                shared.tray.put(DeadLetter { stage, cause, attempts, at: shared.clock.now(), class, input, ack });
                visit.end(Way::DeadLettered);
            }
        }
        Ended::Gone
    }
}
