//! Pipelines of named stages: typed from one to the next, with concurrency, timeout, error policy and order of their own.
//!
//! Each stage is driven by one task of its own ([`drive`]) and passes its outputs on through a bounded buffer. Tasks instead of
//! one large stream, because futures inside a stream stand still whenever its reader is busy elsewhere: timeouts would strike
//! work that nobody let run. The price is that a run reads ahead, by at most what its stages may have in flight and in their
//! buffers; a run that nobody reads stops there, and its source with it.
//!
//! ```
//! use futures::{TryStreamExt, stream};
//! use homeostat_reactor::{Clock, pipeline::{ErrorPolicy, Pipeline}};
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let prices = Pipeline::<&str>::named("prices")
//!     .stage("parse", |text: &str| async move { text.parse::<u32>() }).concurrency(4).on_error(ErrorPolicy::Skip)
//!     .stage("tax", |price: u32| async move { Ok::<_, String>(price * 121 / 100) })
//!     .build(Clock::machine());
//! let taxed: Vec<u32> = prices.run(stream::iter(["100", "ten", "200"])).try_collect().await?;
//! assert_eq!(taxed, [121, 242]);
//! assert_eq!(prices.snapshot().stages[0].counts.skipped, 1);
//! # Ok(()) }
//! ```

mod builder;
mod drive;
mod letters;
mod mermaid;
mod metrics;
mod outputs;
mod picture;
mod policy;
mod stage;

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{FutureExt, Stream, StreamExt};
use tokio::sync::watch;

use crate::ack::Outcome;
use crate::class::Class;
use crate::clock::Clock;
use crate::delivery::Delivery;
use crate::reactor::Cause;
use builder::Connect;
use drive::{Flow, Launch};
use letters::Tray;
use metrics::StageMetrics;
use policy::{failed, panicked};

pub use builder::{PipelineBuilder, StageBuilder};
pub use letters::{DeadLetter, DeadLetters};
pub use metrics::{PipelineSnapshot, StageCounts, StagePlan, StageSnapshot};
pub use outputs::{Deliveries, Outputs};
pub use policy::{ErrorPolicy, LastResort, PipelineFailed};

/// Most that may be at work in a stage, wait behind it, or wait as dead letters: what is more hides a stage that is too slow.
const ROOM_MAX: usize = 1 << 20;

/// What a pipeline takes in: plain items, or deliveries, whose acknowledgement it carries through.
pub trait Feed<T> {
    /// The item with what travels along.
    fn into_delivery(self, clock: &Clock) -> Delivery<T>;
}

impl<T> Feed<T> for T {
    fn into_delivery(self, clock: &Clock) -> Delivery<T> {
        Delivery::new(self, Class::Bulk, clock.now())
    }
}

impl<T> Feed<T> for Delivery<T> {
    fn into_delivery(self, _: &Clock) -> Self {
        self
    }
}

/// Stages one after the other, ready to run over any stream. Cheap to clone; clones are the same pipeline. Prints as a picture.
pub struct Pipeline<In, Out = In> {
    connect: Connect<In, Out>,
    shared: Arc<Shared>,
}

/// What all runs of a pipeline have in common.
#[derive(Debug)]
struct Shared {
    name: Arc<str>,
    clock: Clock,
    stages: Vec<Arc<StageMetrics>>,
    tray: Tray,
    closed: watch::Sender<bool>,
    runs: AtomicUsize,
}

impl Shared {
    fn new(name: String, clock: Clock, stages: Vec<Arc<StageMetrics>>) -> Self {
        let (tray, closed) = (Tray::default(), watch::Sender::new(false));
        Self { name: name.into(), clock, stages, tray, closed, runs: AtomicUsize::new(0) }
    }

    fn failure(&self, stage: Arc<str>, cause: Cause, attempts: u32) -> PipelineFailed {
        PipelineFailed { pipeline: Arc::clone(&self.name), stage, cause, attempts }
    }
}

impl<In: Send + 'static, Out: Send + 'static> Pipeline<In, Out> {
    /// Runs over a stream, on the tokio runtime this is called in. The stages begin at once and read ahead of the reader, by at
    /// most what they may have in flight and in their buffers. Several runs may go on at a time; their counts add up.
    ///
    /// When the source ends, what is inside comes out, and the run ends. A source that panics fails the run.
    pub fn run<S>(&self, source: S) -> Outputs<Out>
    where
        S: Stream + Send + 'static,
        S::Item: Feed<In>,
    {
        let mut launch = Launch::new(&self.shared);
        let outputs = (self.connect)(self.inputs(source), &mut launch);
        Outputs::of(outputs, launch)
    }

    /// Runs over a stream and gives each output to a sink, one after the other; an item is done when the sink says so.
    ///
    /// # Errors
    /// When a stage whose policy is to fail has failed, or the source or the sink.
    pub async fn run_to<S, F, Fut, E>(&self, source: S, mut sink: F) -> Result<(), PipelineFailed>
    where
        S: Stream + Send + 'static,
        S::Item: Feed<In>,
        F: FnMut(Out) -> Fut,
        Fut: Future<Output = Result<(), E>>,
        E: fmt::Display,
    {
        let mut outputs = self.run(source).deliveries();
        while let Some(output) = outputs.next().await {
            let (output, ack) = output?.into_parts();
            let taken = AssertUnwindSafe(async { sink(output).await.map_err(|error| failed(&error)) }).catch_unwind();
            if let Err(cause) = taken.await.unwrap_or_else(|panic| Err(panicked(&*panic))) {
                ack.fail(&cause.to_string());
                return Err(self.shared.failure("sink".into(), cause, 1));
            }
            ack.settle(Outcome::Done);
        }
        Ok(())
    }

    fn inputs<S>(&self, source: S) -> Flow<In>
    where
        S: Stream + Send + 'static,
        S::Item: Feed<In>,
    {
        let shared = Arc::clone(&self.shared);
        let mut closed = shared.closed.subscribe();
        let inputs = AssertUnwindSafe(source).catch_unwind().map(move |item| match item {
            Ok(item) => Ok((item.into_delivery(&shared.clock), None)),
            Err(panic) => Err(shared.failure("source".into(), panicked(&*panic), 1)),
        });
        inputs.take_until(async move { closed.wait_for(|closed| *closed).await.is_ok() }).boxed()
    }
}

impl<In, Out> Pipeline<In, Out> {
    /// Takes nothing more from any source, now or later: what is inside comes out, and the runs end.
    pub fn close(&self) {
        self.shared.closed.send_replace(true);
    }

    /// The inputs that stages put aside from now on, up to so many waiting to be read. Whoever asks last reads; what comes while
    /// nobody does, or too fast, is counted as lost.
    pub fn dead_letters(&self, letters_max: usize) -> DeadLetters {
        self.shared.tray.read(letters_max.clamp(1, ROOM_MAX))
    }

    /// What it has done so far, over all runs.
    pub fn snapshot(&self) -> PipelineSnapshot {
        PipelineSnapshot {
            name: self.shared.name.to_string(),
            at: self.shared.clock.now(),
            runs: self.shared.runs.load(Ordering::Relaxed),
            closed: *self.shared.closed.borrow(),
            letters_lost: self.shared.tray.lost(),
            stages: self.shared.stages.iter().map(|stage| stage.snapshot()).collect(),
        }
    }

    /// A picture of it as a Mermaid flowchart, with counts once it has run.
    pub fn mermaid(&self) -> String {
        self.snapshot().mermaid()
    }
}

impl<In, Out> Clone for Pipeline<In, Out> {
    fn clone(&self) -> Self {
        Self { connect: Arc::clone(&self.connect), shared: Arc::clone(&self.shared) }
    }
}

impl<In, Out> fmt::Debug for Pipeline<In, Out> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pipeline").field("name", &self.shared.name).finish_non_exhaustive()
    }
}

/// A picture of it, with counts once it has run.
impl<In, Out> fmt::Display for Pipeline<In, Out> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot().fmt(formatter)
    }
}
