//! What a stage does about an input that fails, and how a failure is told.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::reactor::handler::panic_text;
use crate::reactor::{Backoff, Cause};

/// Longest text of a cause that is kept, in bytes: dead letters and receipts carry it along.
const CAUSE_BYTES_MAX: usize = 1_024;

/// What a stage does about an input that fails: its function gives an error, panics or takes longer than its timeout.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorPolicy {
    /// The pipeline ends: what came before goes on to the end, then comes the failure.
    #[default]
    Fail,
    /// The input is left out and counted.
    Skip,
    /// The input is put aside, for whoever reads the pipeline's dead letters.
    DeadLetter,
    /// The input is tried again after a pause that doubles.
    Retry {
        /// The pauses, and after how many failures it is given up.
        backoff: Backoff,
        /// What happens then.
        then: LastResort,
    },
}

/// What a stage does about an input that it gives up.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LastResort {
    /// As [`ErrorPolicy::Fail`].
    #[default]
    Fail,
    /// As [`ErrorPolicy::Skip`].
    Skip,
    /// As [`ErrorPolicy::DeadLetter`].
    DeadLetter,
}

impl ErrorPolicy {
    /// Tries up to so many times in all, with the usual pauses, before the last resort.
    pub fn retry(attempts_max: u32, then: LastResort) -> Self {
        Self::Retry { backoff: Backoff { failures_max: attempts_max, ..Backoff::default() }, then }
    }

    /// What happens to an input that is given up.
    pub const fn last_resort(self) -> LastResort {
        match self {
            Self::Fail => LastResort::Fail,
            Self::Skip => LastResort::Skip,
            Self::DeadLetter => LastResort::DeadLetter,
            Self::Retry { then, .. } => then,
        }
    }

    /// How often an input is tried at most.
    pub const fn attempts_max(self) -> u32 {
        match self {
            Self::Retry { backoff, .. } if backoff.failures_max > 1 => backoff.failures_max,
            _ => 1,
        }
    }

    /// The pause before the next attempt after so many failures; `None` when the input is given up.
    pub(super) fn pause_after(self, failures: u32) -> Option<Duration> {
        match self {
            Self::Retry { backoff, .. } if failures < self.attempts_max() => Some(backoff.pause(failures)),
            _ => None,
        }
    }
}

/// The cause when the stage says so.
pub(super) fn failed(error: &impl fmt::Display) -> Cause {
    // The alternate form of errors that have one tells their causes too.
    Cause::Failed(shortened(format!("{error:#}")))
}

/// The cause when the stage panics.
pub(super) fn panicked(panic: &(dyn Any + Send)) -> Cause {
    Cause::Panicked(shortened(panic_text(panic)))
}

fn shortened(mut text: String) -> String {
    if text.len() > CAUSE_BYTES_MAX {
        text.truncate(text.floor_char_boundary(CAUSE_BYTES_MAX));
        text.push('…');
    }
    text
}

/// A pipeline has ended because an input failed where the policy was to fail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pipeline `{pipeline}` ended: stage `{stage}` {cause} (attempt {attempts})")]
pub struct PipelineFailed {
    /// The pipeline.
    pub pipeline: Arc<str>,
    /// The stage; `source` and `sink` are what it was fed from and what it fed.
    pub stage: Arc<str>,
    /// Why.
    pub cause: Cause,
    /// How often it was tried.
    pub attempts: u32,
}
