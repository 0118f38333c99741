//! What is out of the ordinary: counts and keeps what a detector says of each number. The judgement is the detector's; here it is
//! only fed, never with what is no finite number.

use serde::{Deserialize, Serialize};

use crate::aggregate::Aggregator;
use crate::aggregate::detector::Detector;
use crate::aggregate::reading::{Reading, Tally};
use crate::aggregate::robust_score::RobustScore;
use crate::clock::Moment;

/// A number and what the detector said of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// When it was so.
    pub at: Moment,
    /// The number.
    pub number: f64,
    /// How far from the usual; above it positive, below it negative.
    pub score: f64,
    /// Whether that is far enough to tell somebody.
    pub unusual: bool,
}

/// What a detector found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Anomalies {
    /// How many numbers were judged; those before were learned from.
    pub judged: u64,
    /// How many of them were unusual.
    pub unusual: u64,
    /// The latest that was judged.
    pub latest: Finding,
    /// The one farthest from the usual.
    pub farthest: Finding,
}

/// Finds numbers that are out of the ordinary, by a [`Detector`]. Numbers it refuses (not finite) the detector never sees.
///
/// Merging adds up what either found (counts, the latest, the farthest) and joins what the detectors learned, each in its own
/// way: it does not judge the numbers of one by what the other knew, so it can find less than one alone would have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Anomaly<D = RobustScore> {
    tally: Tally,
    detector: D,
    found: Option<Anomalies>,
}

impl Anomaly {
    /// With the detector that is here.
    pub fn new() -> Self {
        Self::by(RobustScore::new())
    }
}

impl<D: Detector> Anomaly<D> {
    /// With another detector, or the one that is here set otherwise.
    pub fn by(detector: D) -> Self {
        Self { tally: Tally::default(), detector, found: None }
    }

    fn join(&mut self, other: Anomalies) {
        self.found = Some(match self.found {
            None => other,
            Some(own) => Anomalies {
                judged: own.judged.saturating_add(other.judged),
                unusual: own.unusual.saturating_add(other.unusual),
                latest: if other.latest.at >= own.latest.at { other.latest } else { own.latest },
                farthest: if other.farthest.score.abs() > own.farthest.score.abs() {
                    other.farthest
                } else {
                    own.farthest
                },
            },
        });
    }
}

impl<D: Detector> Aggregator for Anomaly<D> {
    type Input = f64;
    type Output = Reading<Anomalies>;

    fn add(&mut self, at: Moment, value: &f64) {
        if !self.tally.admits(*value) {
            return;
        }
        if let Some(verdict) = self.detector.judge(at, *value) {
            let finding = Finding { at, number: *value, score: verdict.score, unusual: verdict.unusual };
            let unusual = u64::from(verdict.unusual);
            self.join(Anomalies { judged: 1, unusual, latest: finding, farthest: finding });
        }
    }

    fn merge(&mut self, other: &Self) {
        self.tally.merge(other.tally);
        self.detector.merge(&other.detector);
        if let Some(found) = other.found {
            self.join(found);
        }
    }

    fn output(&self) -> Reading<Anomalies> {
        self.tally.reading(self.found)
    }
}
