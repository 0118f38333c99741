//! What a pipeline has done so far, stage by stage: counted while it runs, read by anybody at any time.
//!
//! Always holds, also for inputs that are cancelled at any await: whatever has entered a stage has left it in exactly one way or
//! is in flight ([`StageCounts::is_balanced`]).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::policy::ErrorPolicy;
use crate::clock::Moment;
use crate::reactor::{Cause, TimingSnapshot};

/// How a stage was described.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagePlan {
    /// Its name.
    pub name: String,
    /// How many inputs it works on at once.
    pub concurrency: usize,
    /// Whether outputs keep the order of the inputs.
    pub ordered: bool,
    /// How many outputs may wait behind it.
    pub buffer: usize,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// What it does about an input that fails.
    pub on_error: ErrorPolicy,
}

/// What a stage has done, over all runs.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageCounts {
    /// Inputs it has taken in.
    pub entered: u64,
    /// Outputs it has passed on.
    pub passed: u64,
    /// Inputs left out because they failed.
    pub skipped: u64,
    /// Inputs put aside because they failed.
    pub dead_lettered: u64,
    /// Inputs that failed where that ends the run: more than one when several failed at the same time.
    pub failed: u64,
    /// Inputs that were under way when their run was dropped or had failed.
    pub cancelled: u64,
    /// Inputs it has now: worked on, or waiting for room behind the stage or for their turn.
    pub in_flight: u64,
    /// Outputs that wait behind it now.
    pub waiting: u64,
    /// Attempts that failed in any way.
    pub errors: u64,
    /// Of these, attempts that panicked.
    pub panicked: u64,
    /// Of these, attempts that took too long.
    pub timed_out: u64,
    /// Attempts beyond the first.
    pub retried: u64,
    /// How long inputs took, all attempts and the pauses between them.
    pub time: TimingSnapshot,
}

impl StageCounts {
    /// Whether every input that has entered is accounted for, once.
    pub const fn is_balanced(&self) -> bool {
        let left = self.passed + self.skipped + self.dead_lettered + self.failed + self.cancelled;
        self.entered == left + self.in_flight
    }

    fn error(&mut self, cause: &Cause) {
        self.errors += 1;
        match cause {
            Cause::Failed(_) | Cause::MailboxFull | Cause::Stopped => {}
            Cause::Panicked(_) => self.panicked += 1,
            Cause::TimedOut(_) => self.timed_out += 1,
        }
    }
}

/// A stage at one moment.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageSnapshot {
    /// How it was described.
    pub plan: StagePlan,
    /// What it has done.
    pub counts: StageCounts,
}

/// A pipeline at one moment. Prints as a picture.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineSnapshot {
    /// Its name.
    pub name: String,
    /// When.
    pub at: Moment,
    /// Runs that are under way.
    pub runs: usize,
    /// Whether it was closed: takes nothing more from its sources.
    pub closed: bool,
    /// Dead letters that nobody read, or that came faster than they were read.
    pub letters_lost: u64,
    /// Its stages, from the source on.
    pub stages: Vec<StageSnapshot>,
}

/// The plan of a stage and its running counts.
#[derive(Debug)]
pub(super) struct StageMetrics {
    pub(super) plan: StagePlan,
    pub(super) name: Arc<str>,
    counts: Mutex<StageCounts>,
}

impl StageMetrics {
    pub(super) fn new(plan: StagePlan) -> Arc<Self> {
        let name = plan.name.as_str().into();
        Arc::new(Self { plan, name, counts: Mutex::default() })
    }

    pub(super) fn snapshot(&self) -> StageSnapshot {
        StageSnapshot { plan: self.plan.clone(), counts: *self.counts() }
    }

    pub(super) fn error(&self, cause: &Cause, again: bool) {
        let mut counts = self.counts();
        counts.error(cause);
        counts.retried += u64::from(again);
    }

    pub(super) fn took(&self, time: Duration) {
        self.counts().time.take(time);
    }

    fn counts(&self) -> MutexGuard<'_, StageCounts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How an input left a stage.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    Passed,
    Skipped,
    DeadLettered,
    Failed,
    Cancelled,
}

/// An input's stay in a stage: cancelled unless it is told how it ended.
#[derive(Debug)]
pub(super) struct Visit {
    metrics: Arc<StageMetrics>,
    way: Way,
}

impl Visit {
    pub(super) fn begin(metrics: &Arc<StageMetrics>) -> Self {
        let mut counts = metrics.counts();
        counts.entered += 1;
        counts.in_flight += 1;
        drop(counts);
        Self { metrics: Arc::clone(metrics), way: Way::Cancelled }
    }

    pub(super) fn end(mut self, way: Way) {
        self.way = way;
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut counts = self.metrics.counts();
        counts.in_flight -= 1;
        *match self.way {
            Way::Passed => &mut counts.passed,
            Way::Skipped => &mut counts.skipped,
            Way::DeadLettered => &mut counts.dead_lettered,
            Way::Failed => &mut counts.failed,
            Way::Cancelled => &mut counts.cancelled,
        } += 1;
        debug_assert!(counts.is_balanced(), "an input leaves a stage in exactly one way");
    }
}

/// An output's place behind a stage, until the next takes it.
#[derive(Debug)]
pub(super) struct Seat(Arc<StageMetrics>);

impl Seat {
    pub(super) fn take(metrics: &Arc<StageMetrics>) -> Self {
        metrics.counts().waiting += 1;
        Self(Arc::clone(metrics))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.counts().waiting -= 1;
    }
}
