//! How one step stands, and how each record about it moves it.
//!
//! Only [`Saga::apply`](crate::Saga::apply) calls the moves. What always holds: `possible` is true from the first moment
//! an attempt may have taken effect until it is known that none did. No move may turn "unknown" into "failed".

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::call::{Answer, StepKey, Verb};
use crate::definition::{Retry, StepDefinition};

/// An attempt cut short by the executor's own end is not held against the step, but only this often: a call that
/// brings the executor down each time must not be repeated for ever.
pub const INTERRUPTIONS_FORGIVEN: u32 = 3;

/// How one step stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepState {
    /// Where it is.
    pub position: Position,
    /// Attempts so far, over all verbs; the number of the next is one more.
    pub attempts: u32,
    /// An attempt may have taken effect, and nothing since has shown that none did.
    pub possible: bool,
    /// The step's output, once done; kept when it is undone later.
    pub output: Option<Value>,
    /// Tries of `do` counted against the limit.
    pub do_tries: u32,
    /// Tries of `probe` since the last `do`.
    pub probe_tries: u32,
    /// Tries of `undo`.
    pub undo_tries: u32,
    /// Attempts forgiven because the executor ended under them.
    pub interruptions: u32,
    /// When the present run of `do` or `undo` tries began.
    pub since_ms: Option<u64>,
}

/// Where a step is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub enum Position {
    /// Never begun.
    Fresh,
    /// The intent is durable, no answer yet.
    Calling {
        /// What is asked.
        verb: Verb,
        /// Since when.
        since_ms: u64,
    },
    /// Known not to have happened by the last attempt; `do` may be tried again.
    Waiting {
        /// Not before.
        again_at_ms: u64,
        /// What the last try said.
        error: String,
    },
    /// Nobody knows whether it happened.
    Unknown {
        /// Next redo or probe not before.
        again_at_ms: u64,
        /// Why nobody knows.
        why: String,
    },
    /// It happened.
    Done,
    /// Given up; an earlier attempt may have happened all the same, see `possible`.
    Failed {
        /// The last error.
        error: String,
    },
    /// The undo did not succeed yet.
    UndoWaiting {
        /// Next undo not before.
        again_at_ms: u64,
        /// What the last try said.
        error: String,
    },
    /// The undo is given up.
    UndoFailed {
        /// The last error.
        error: String,
    },
    /// Taken back.
    Undone,
}

impl StepState {
    pub(crate) fn fresh() -> Self {
        Self {
            position: Position::Fresh,
            attempts: 0,
            possible: false,
            output: None,
            do_tries: 0,
            probe_tries: 0,
            undo_tries: 0,
            interruptions: 0,
            since_ms: None,
        }
    }

    /// Whether the effect may stand in the world now.
    pub fn may_have_happened(&self) -> bool {
        match self.position {
            Position::Fresh | Position::Undone => false,
            Position::Waiting { .. } | Position::Failed { .. } => self.possible,
            Position::Done
            | Position::Calling { .. }
            | Position::Unknown { .. }
            | Position::UndoWaiting { .. }
            | Position::UndoFailed { .. } => true,
        }
    }

    pub(crate) fn start(&mut self, verb: Verb, attempt: u32, at_ms: u64) {
        self.attempts = attempt;
        match verb {
            Verb::Do => {
                self.do_tries += 1;
                self.probe_tries = 0;
                self.since_ms.get_or_insert(at_ms);
            }
            Verb::Probe => self.probe_tries += 1,
            Verb::Undo => {
                if self.undo_tries == 0 {
                    self.since_ms = Some(at_ms);
                }
                self.undo_tries += 1;
            }
        }
        self.position = Position::Calling { verb, since_ms: at_ms };
    }

    pub(crate) fn end(&mut self, step: &StepDefinition, key: &StepKey, verb: Verb, answer: &Answer, at_ms: u64) {
        match verb {
            Verb::Do => self.end_do(step.retry, key, answer, at_ms),
            Verb::Probe => self.end_probe(step.retry, key, answer, at_ms),
            Verb::Undo => self.end_undo(step.retry, key, answer, at_ms),
        }
    }

    fn end_do(&mut self, retry: Retry, key: &StepKey, answer: &Answer, at_ms: u64) {
        match answer {
            Answer::Done(output) => self.done(output),
            Answer::Failed { error, retryable } => self.not_this_time(retry, key, error, *retryable, at_ms),
            Answer::NeverHappened => self.not_this_time(retry, key, "it never happened", true, at_ms),
            Answer::Unknown { why } => {
                self.possible = true;
                self.unknown(at_ms + backoff_ms(retry, key, self.do_tries), why);
            }
        }
    }

    fn end_probe(&mut self, retry: Retry, key: &StepKey, answer: &Answer, at_ms: u64) {
        match answer {
            Answer::Done(output) => self.done(output),
            Answer::NeverHappened => {
                self.possible = false;
                self.not_this_time(retry, key, "it never happened", true, at_ms);
            }
            Answer::Failed { error: why, .. } | Answer::Unknown { why } => {
                self.unknown(at_ms + backoff_ms(retry, key, self.probe_tries), why);
            }
        }
    }

    fn end_undo(&mut self, retry: Retry, key: &StepKey, answer: &Answer, at_ms: u64) {
        match answer {
            Answer::Done(_) | Answer::NeverHappened => self.undone(),
            Answer::Failed { error, retryable: false } => {
                self.position = Position::UndoFailed { error: error.clone() };
            }
            Answer::Failed { error: why, .. } | Answer::Unknown { why } => {
                self.not_undone(retry, at_ms + backoff_ms(retry, key, self.undo_tries), why);
            }
        }
    }

    /// The executor ended between intent and result: unknown, whatever was asked.
    pub(crate) fn interrupt(&mut self, retry: Retry, at_ms: u64) {
        const WHY: &str = "the executor ended between intent and result";
        let Position::Calling { verb, .. } = self.position else { return };
        let forgiven = u32::from(self.interruptions < INTERRUPTIONS_FORGIVEN);
        self.interruptions += 1;
        match verb {
            Verb::Do => {
                self.possible = true;
                self.do_tries -= forgiven;
                self.unknown(at_ms, WHY);
            }
            Verb::Probe => {
                self.probe_tries -= forgiven;
                self.unknown(at_ms, WHY);
            }
            Verb::Undo => {
                self.undo_tries -= forgiven;
                self.not_undone(retry, at_ms, WHY);
            }
        }
    }

    /// The call was never made: back to where the step was, without a lost try.
    pub(crate) fn withhold(&mut self, retry: Retry, at_ms: u64) {
        const WHY: &str = "acting was switched off before the call";
        let Position::Calling { verb, .. } = self.position else { return };
        match verb {
            Verb::Do => {
                self.do_tries -= 1;
                if self.possible {
                    self.unknown(at_ms, WHY);
                } else {
                    self.position = Position::Waiting { again_at_ms: at_ms, error: WHY.into() };
                }
            }
            Verb::Probe => {
                self.probe_tries -= 1;
                self.unknown(at_ms, WHY);
            }
            Verb::Undo => {
                self.undo_tries -= 1;
                self.not_undone(retry, at_ms, WHY);
            }
        }
    }

    pub(crate) fn done(&mut self, output: &Value) {
        self.possible = true;
        self.output = Some(output.clone());
        self.position = Position::Done;
    }

    pub(crate) fn undone(&mut self) {
        self.possible = false;
        self.position = Position::Undone;
    }

    /// A person allows a new run of tries.
    pub(crate) fn allow_do(&mut self, error: &str, at_ms: u64) {
        self.reset_tries();
        self.position = Position::Waiting { again_at_ms: at_ms, error: error.to_owned() };
    }

    pub(crate) fn allow_probe(&mut self, why: &str, at_ms: u64) {
        self.reset_tries();
        self.unknown(at_ms, why);
    }

    pub(crate) fn allow_undo(&mut self, error: &str, at_ms: u64) {
        self.reset_tries();
        self.position = Position::UndoWaiting { again_at_ms: at_ms, error: error.to_owned() };
    }

    fn reset_tries(&mut self) {
        (self.do_tries, self.probe_tries, self.undo_tries, self.interruptions) = (0, 0, 0, 0);
        self.since_ms = None;
    }

    fn unknown(&mut self, again_at_ms: u64, why: &str) {
        self.position = Position::Unknown { again_at_ms, why: why.to_owned() };
    }

    fn not_this_time(&mut self, retry: Retry, key: &StepKey, error: &str, retryable: bool, at_ms: u64) {
        let error = error.to_owned();
        self.position = if retryable && self.do_tries < retry.attempts_max {
            Position::Waiting { again_at_ms: at_ms + backoff_ms(retry, key, self.do_tries), error }
        } else {
            Position::Failed { error }
        };
    }

    fn not_undone(&mut self, retry: Retry, again_at_ms: u64, error: &str) {
        let error = error.to_owned();
        self.position = if self.undo_tries < retry.attempts_max {
            Position::UndoWaiting { again_at_ms, error }
        } else {
            Position::UndoFailed { error }
        };
    }
}

fn backoff_ms(retry: Retry, key: &StepKey, tried: u32) -> u64 {
    key.backoff_ms(retry.backoff_first_ms, retry.backoff_max_ms, tried)
}
