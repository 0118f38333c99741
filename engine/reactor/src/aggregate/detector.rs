//! What judges how unusual a number is: the trait that makes the judgement of an anomaly exchangeable, and what it says.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::clock::Moment;

/// What a detector says of a number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// How far from the usual, in a measure of the detector's own; above it positive, below it negative.
    pub score: f64,
    /// Whether that is far enough to tell somebody.
    pub unusual: bool,
}

/// Judges each number by those before it, and learns from it. A detector is part of a state: plain data, saved and restored.
pub trait Detector: Clone + Send + Serialize + DeserializeOwned + 'static {
    /// How unusual a number is; `None` as long as too little is known to say. It is never asked of one that is no finite number.
    fn judge(&mut self, at: Moment, number: f64) -> Option<Verdict>;

    /// Learns what another one has learned from other numbers. What was judged stays judged: two detectors that are merged need
    /// not have found what one alone would have found.
    fn merge(&mut self, other: &Self);
}
