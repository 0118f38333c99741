//! The task that drives a stage: pulls inputs while it has room, starts work on them, and passes outputs on.
//!
//! A stage that works on several inputs at once spawns a task for each, so that they run in parallel where the runtime has the
//! threads for it; a stage that works on one at a time does so in its own task. Backpressure is nothing but not pulling: while an
//! output waits for room behind the stage, or as many inputs are in flight as may be, no further one is taken.
//!
//! A failure travels behind the outputs that came before it. The task ends when its inputs have ended, when it has passed on a
//! failure, or when nobody is left to pass outputs to; everything it has started ends with it.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesOrdered, FuturesUnordered};
use futures::{FutureExt, StreamExt};
use tokio::sync::mpsc;
use tokio::task::coop::consume_budget;
use tokio::task::{JoinHandle, JoinSet};
use tokio_stream::wrappers::ReceiverStream;

use super::Shared;
use super::metrics::{Seat, Visit, Way};
use super::policy::{PipelineFailed, panicked};
use super::stage::{Ended, Stage};
use crate::delivery::Delivery;

/// What a stage passes on: an item with its place behind the stage, or at last the failure that ended the pipeline.
pub(super) type Passing<T> = Result<(Delivery<T>, Option<Seat>), PipelineFailed>;

/// What comes to a stage.
pub(super) type Flow<T> = BoxStream<'static, Passing<T>>;

/// A run that is being put together.
pub(super) struct Launch {
    pub(super) shared: Arc<Shared>,
    pub(super) tasks: JoinSet<()>,
}

impl Launch {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), tasks: JoinSet::new() }
    }

    /// Starts a stage on its inputs.
    pub(super) fn start<In, Out>(&mut self, stage: Arc<Stage<In, Out>>, inputs: Flow<In>) -> Flow<Out>
    where
        In: Send + 'static,
        Out: Send + 'static,
    {
        let (outputs, behind) = mpsc::channel(stage.metrics.plan.buffer);
        let ordered = stage.metrics.plan.ordered;
        let in_flight = if ordered { InFlight::Ordered(FuturesOrdered::new()) } else { InFlight::default() };
        let driver = Driver { stage, shared: Arc::clone(&self.shared), outputs, in_flight };
        self.tasks.spawn(driver.run(inputs));
        ReceiverStream::new(behind).boxed()
    }
}

struct Driver<In, Out> {
    stage: Arc<Stage<In, Out>>,
    shared: Arc<Shared>,
    outputs: mpsc::Sender<Passing<Out>>,
    in_flight: InFlight<Out>,
}

impl<In: Send + 'static, Out: Send + 'static> Driver<In, Out> {
    async fn run(mut self, mut inputs: Flow<In>) {
        let mut failure = None;
        let mut more = true;
        loop {
            // A source that always has an item and a stage that never waits would let nobody else run, not even who cancels them.
            consume_budget().await;
            let room = self.in_flight.len() < self.stage.metrics.plan.concurrency;
            tokio::select! {
                biased;
                Some(ended) = self.in_flight.next() => match ended {
                    Ended::Passes(output, visit) => {
                        if !self.pass_on(output, visit).await {
                            return;
                        }
                    }
                    Ended::Gone => {}
                    Ended::Fails(cause) => {
                        failure = Some(cause);
                        break;
                    }
                },
                input = inputs.next(), if more && room => match input {
                    Some(Ok((delivery, seat))) => {
                        drop(seat);
                        self.begin(delivery);
                    }
                    Some(Err(earlier)) => (failure, more) = (Some(earlier), false),
                    None => more = false,
                },
                else => break,
            }
        }
        // Nothing that came after the failure goes on, nor is anything more taken in. Guarded, because a source that panics when it
        // is dropped must not take the failure with it.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop((inputs, self.in_flight))));
        if let Err(panic) = dropped {
            let name = Arc::clone(&self.stage.metrics.name);
            failure.get_or_insert_with(|| self.shared.failure(name, panicked(&*panic), 1));
        }
        if let Some(failure) = failure {
            // Nobody to tell: the run was dropped.
            let _ = self.outputs.send(Err(failure)).await;
        }
    }

    fn begin(&mut self, delivery: Delivery<In>) {
        let visit = Visit::begin(&self.stage.metrics);
        let work = Arc::clone(&self.stage).attend(Arc::clone(&self.shared), delivery, visit);
        let name = Arc::clone(&self.stage.metrics.name);
        let shared = Arc::clone(&self.shared);
        // What the stage's function does is guarded already: this is for what panics when it is dropped.
        let work = AssertUnwindSafe(work)
            .catch_unwind()
            .map(move |ended| ended.unwrap_or_else(|panic| Ended::Fails(shared.failure(name, panicked(&*panic), 1))));
        self.in_flight.push(match self.stage.metrics.plan.concurrency {
            1 => work.boxed(),
            _ => Task(tokio::spawn(work)).boxed(),
        });
    }

    /// Whether there was somebody to pass it on to.
    async fn pass_on(&mut self, output: Delivery<Out>, visit: Visit) -> bool {
        let Ok(room) = self.outputs.reserve().await else { return false };
        visit.end(Way::Passed);
        room.send(Ok((output, Some(Seat::take(&self.stage.metrics)))));
        true
    }
}

/// A task that ends when its handle is dropped.
struct Task<Out>(JoinHandle<Ended<Out>>);

impl<Out> Future for Task<Out> {
    type Output = Ended<Out>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Ended<Out>> {
        // The work catches its panics, so only a runtime that shuts down ends it early: nothing goes on then.
        Poll::Ready(ready!(Pin::new(&mut self.0).poll(context)).unwrap_or(Ended::Gone))
    }
}

impl<Out> Drop for Task<Out> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The work under way, which is dropped with it.
enum InFlight<Out> {
    Ordered(FuturesOrdered<BoxFuture<'static, Ended<Out>>>),
    Unordered(FuturesUnordered<BoxFuture<'static, Ended<Out>>>),
}

impl<Out> Default for InFlight<Out> {
    fn default() -> Self {
        Self::Unordered(FuturesUnordered::new())
    }
}

impl<Out> InFlight<Out> {
    fn len(&self) -> usize {
        match self {
            Self::Ordered(work) => work.len(),
            Self::Unordered(work) => work.len(),
        }
    }

    fn push(&mut self, one: BoxFuture<'static, Ended<Out>>) {
        match self {
            Self::Ordered(work) => work.push_back(one),
            Self::Unordered(work) => work.push(one),
        }
    }

    /// The next that has ended; `None` when nothing is under way.
    async fn next(&mut self) -> Option<Ended<Out>> {
        match self {
            Self::Ordered(work) => work.next().await,
            Self::Unordered(work) => work.next().await,
        }
    }
}
