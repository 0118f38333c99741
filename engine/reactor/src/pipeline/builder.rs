//! Describing a pipeline: stages one after the other, each with its settings.

use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;

use super::drive::{Flow, Launch};
use super::metrics::{StageMetrics, StagePlan};
use super::policy::{ErrorPolicy, failed};
use super::stage::{Process, Stage};
use super::{Pipeline, ROOM_MAX, Shared};
use crate::clock::Clock;

/// Outputs that wait behind a stage unless another number is chosen: enough to even out stages of changing speed, few enough that
/// what waits is never old.
const BUFFER_DEFAULT: usize = 16;

/// Starts the stages of a run, from the source's items to the last stage's outputs.
pub(super) type Connect<In, Out> = Arc<dyn Fn(Flow<In>, &mut Launch) -> Flow<Out> + Send + Sync>;

/// A pipeline without stages yet; made by [`Pipeline::named`].
#[derive(Debug)]
#[must_use = "a pipeline needs a stage"]
pub struct PipelineBuilder<In> {
    name: String,
    source: std::marker::PhantomData<fn(In)>,
}

impl<In: Send + 'static> Pipeline<In, In> {
    /// Begins the description of a pipeline that takes in `In`.
    pub fn named(name: impl Into<String>) -> PipelineBuilder<In> {
        PipelineBuilder { name: name.into(), source: std::marker::PhantomData }
    }
}

impl<In: Send + 'static> PipelineBuilder<In> {
    /// The first stage: what it is called and what it does with an input.
    pub fn stage<Out, F, Fut, E>(self, name: impl Into<String>, process: F) -> StageBuilder<In, In, Out>
    where
        F: Fn(In) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Out, E>> + Send + 'static,
        Out: Send + 'static,
        E: Display,
    {
        let before: Connect<In, In> = Arc::new(|inputs, _| inputs);
        StageBuilder::new(self.name, before, Vec::new(), name.into(), process)
    }
}

/// A pipeline whose last stage can still be set up; made by [`PipelineBuilder::stage`].
#[must_use = "a pipeline is not there until it is built"]
pub struct StageBuilder<In, Mid, Out> {
    pipeline: String,
    before: Connect<In, Mid>,
    stages: Vec<Arc<StageMetrics>>,
    plan: StagePlan,
    process: Process<Mid, Out>,
    copy: Option<fn(&Mid) -> Mid>,
}

impl<In, Mid, Out> StageBuilder<In, Mid, Out>
where
    In: Send + 'static,
    Mid: Send + 'static,
    Out: Send + 'static,
{
    fn new<F, Fut, E>(
        pipeline: String,
        before: Connect<In, Mid>,
        stages: Vec<Arc<StageMetrics>>,
        name: String,
        process: F,
    ) -> Self
    where
        F: Fn(Mid) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Out, E>> + Send + 'static,
        E: Display,
    {
        let plan = StagePlan {
            name,
            concurrency: 1,
            ordered: true,
            buffer: BUFFER_DEFAULT,
            timeout: None,
            on_error: ErrorPolicy::Fail,
        };
        let process: Process<Mid, Out> =
            Box::new(move |input| process(input).map(|result| result.map_err(|error| failed(&error))).boxed());
        Self { pipeline, before, stages, plan, process, copy: None }
    }

    /// Works on up to so many inputs at once, in parallel where the runtime has several threads; 1 by itself, and at least.
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.plan.concurrency = concurrency.clamp(1, ROOM_MAX);
        self
    }

    /// Outputs keep the order of the inputs, so a slow one holds those behind it up; so it is by itself.
    pub fn ordered(mut self) -> Self {
        self.plan.ordered = true;
        self
    }

    /// Outputs go on as they are ready.
    pub fn unordered(mut self) -> Self {
        self.plan.ordered = false;
        self
    }

    /// Up to so many outputs may wait for the next stage, or for the reader behind the last; 16 by itself, at least 1.
    pub fn buffer(mut self, buffer: usize) -> Self {
        self.plan.buffer = buffer.clamp(1, ROOM_MAX);
        self
    }

    /// An attempt that takes longer fails. Only an attempt that awaits something can be ended.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.plan.timeout = Some(limit);
        self
    }

    /// What happens to an input that fails; by itself the pipeline ends. Inputs are cloned only where they are tried again or
    /// become dead letters.
    pub fn on_error(mut self, policy: ErrorPolicy) -> Self
    where
        Mid: Clone,
    {
        self.plan.on_error = policy;
        self.copy = Some(Mid::clone);
        self
    }

    /// As [`ErrorPolicy::Skip`], for inputs that cannot be cloned too.
    pub fn skip_errors(mut self) -> Self {
        self.plan.on_error = ErrorPolicy::Skip;
        self
    }

    /// The next stage.
    pub fn stage<Next, F, Fut, E>(self, name: impl Into<String>, process: F) -> StageBuilder<In, Out, Next>
    where
        F: Fn(Out) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Next, E>> + Send + 'static,
        Next: Send + 'static,
        E: Display,
    {
        let (pipeline, connect, stages) = self.joined();
        StageBuilder::new(pipeline, connect, stages, name.into(), process)
    }

    /// The pipeline as described, living by this clock.
    pub fn build(self, clock: Clock) -> Pipeline<In, Out> {
        let (name, connect, stages) = self.joined();
        Pipeline { connect, shared: Arc::new(Shared::new(name, clock, stages)) }
    }

    fn joined(mut self) -> (String, Connect<In, Out>, Vec<Arc<StageMetrics>>) {
        let metrics = StageMetrics::new(self.plan);
        self.stages.push(Arc::clone(&metrics));
        let stage = Arc::new(Stage { metrics, process: self.process, copy: self.copy });
        let before = self.before;
        let connect: Connect<In, Out> = Arc::new(move |inputs, launch| {
            let inputs = before(inputs, launch);
            launch.start(Arc::clone(&stage), inputs)
        });
        (self.pipeline, connect, self.stages)
    }
}
