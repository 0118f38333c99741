//! What passes between the engine and the driver that does the work: a [`Call`] out, an [`Answer`] back.
//!
//! The executor makes calls, [`Hands`] answers them. What always holds: a call is made only after its intent is durable,
//! and its key is the same for every attempt and verb of one step. A driver must never answer [`Answer::Failed`] when the
//! effect may have happened: that is [`Answer::Unknown`].

use std::fmt;
use std::future::Future;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::definition::hex;

/// The caller's own name for a saga; submitting the same id twice runs it once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SagaId(pub String);

impl fmt::Display for SagaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for SagaId {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Idempotency key of one step of one saga: the same for every attempt, for its undo and for its probe.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepKey(String);

impl StepKey {
    /// Hash of saga id and step, never of the attempt.
    pub fn of(saga: &SagaId, step: usize) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"homeostat saga step 1\n");
        hash.update((step as u64).to_be_bytes());
        hash.update(saga.0.as_bytes());
        Self(hex(&hash.finalize()))
    }

    /// 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Wait before try number `tried + 1`: exponential, capped, and spread over its upper half by the key, so that
    /// sagas that failed together do not come back together and a replay still waits the same time.
    pub(crate) fn backoff_ms(&self, first_ms: u64, max_ms: u64, tried: u32) -> u64 {
        let doublings = tried.saturating_sub(1).min(40);
        let full = first_ms.saturating_mul(1 << doublings).min(max_ms);
        let spread = full / 2 + 1;
        let hash = Sha256::new().chain_update(self.0.as_bytes()).chain_update(tried.to_be_bytes()).finalize();
        let draw = u64::from_be_bytes(hash[..8].try_into().expect("a SHA-256 has 32 bytes"));
        full - draw % spread
    }
}

impl fmt::Display for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the driver is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Bring the effect about.
    Do,
    /// Take it back; safe when it never happened.
    Undo,
    /// Find out whether it happened; changes nothing.
    Probe,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Do => "do",
            Self::Undo => "undo",
            Self::Probe => "probe",
        })
    }
}

/// One request to the driver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The saga it belongs to.
    pub saga: SagaId,
    /// The trace given at submission.
    pub trace: String,
    /// What is acted upon.
    pub target: String,
    /// Index of the step.
    pub step: usize,
    /// Name of the step.
    pub name: String,
    /// What is asked.
    pub verb: Verb,
    /// The idempotency key.
    pub key: StepKey,
    /// The executor's fencing number: a driver that has seen a higher one should refuse.
    pub fencing: u64,
    /// Number of this attempt, counted over all verbs of the step.
    pub attempt: u32,
    /// The step's input, or the undo's.
    pub input: Value,
    /// Outputs of all steps done so far, by step; null where there is none. An undo finds its own step's output here.
    pub outputs: Vec<Value>,
}

/// What the driver says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It happened (do), is taken back (undo), or is found to have happened (probe); with the step's output.
    Done(Value),
    /// It did not happen and will not.
    Failed {
        /// What went wrong.
        error: String,
        /// Whether another try could help.
        retryable: bool,
    },
    /// It may or may not have happened.
    Unknown {
        /// Why nobody knows.
        why: String,
    },
    /// Probe only: it did not happen and no earlier attempt will still land.
    NeverHappened,
}

/// An output beyond this is replaced by a note of its size: it would be written again with every later record of the
/// saga, and one driver's flood must not bring the ledger to refuse.
pub const OUTPUT_BYTES_MAX: usize = 32 * 1024;

/// Errors and reasons are cut to this.
pub const REASON_BYTES_MAX: usize = 2 * 1024;

impl Answer {
    /// The answer within the limits a log can bear.
    pub(crate) fn bounded(self) -> Self {
        match self {
            Self::Done(output) => {
                let bytes = output.to_string().len();
                let omitted = || serde_json::json!({ "omitted_bytes": bytes });
                Self::Done(if bytes > OUTPUT_BYTES_MAX { omitted() } else { output })
            }
            Self::Failed { error, retryable } => Self::Failed { error: cut(error), retryable },
            Self::Unknown { why } => Self::Unknown { why: cut(why) },
            Self::NeverHappened => Self::NeverHappened,
        }
    }
}

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(REASON_BYTES_MAX));
    text
}

/// The driver side of a saga.
pub trait Hands: Send + Sync + 'static {
    /// Carries out one call. Dropped when the attempt times out; a panic counts as [`Answer::Unknown`].
    fn call(&self, call: Call) -> impl Future<Output = Answer> + Send;
}
