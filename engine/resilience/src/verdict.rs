//! What became of an attempt, in the terms that policies learn from.
//!
//! The judge is the caller's: only it knows that a 200 with a wrong body failed, that a 404 is an answer like any other, and that a
//! 503 of a busy endpoint says "full" and not "broken".

use serde::{Deserialize, Serialize};

/// What an attempt says about whoever answered it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It works.
    Good,
    /// It is broken: counts against it everywhere.
    Failed,
    /// It works, and has no room: load goes elsewhere, but it is not broken, and nobody is told to stay away for long.
    Full,
    /// Nothing: the caller's own mistake, or an answer that any endpoint would give.
    Ignored,
}

impl Verdict {
    /// Whether another attempt, elsewhere or later, may end better.
    pub const fn is_worth_another(self) -> bool {
        matches!(self, Self::Failed | Self::Full)
    }
}

/// Tells what a result says. Called once for each attempt, on the caller's task; it must not block.
pub trait Judge<T, E>: Send + Sync {
    /// The verdict on a result.
    fn judge(&self, result: &Result<T, E>) -> Verdict;
}

impl<T, E, F: Fn(&Result<T, E>) -> Verdict + Send + Sync> Judge<T, E> for F {
    fn judge(&self, result: &Result<T, E>) -> Verdict {
        self(result)
    }
}

/// What suits where every error is a failure and every value an answer.
pub const fn judge_result<T, E>(result: &Result<T, E>) -> Verdict {
    match result {
        Ok(_) => Verdict::Good,
        Err(_) => Verdict::Failed,
    }
}
