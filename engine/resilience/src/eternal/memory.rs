//! What eternal mode had learned, kept over a restart: how bad things were, and how long good answers usually take.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Eternal;
use super::core::Core;
use crate::breaker::BreakerMemory;
use crate::predictor::left_after;

/// After this time without the process, what was bad counts half as much: outages end within minutes.
const DEGRADATION_HALF_LIFE: Duration = Duration::from_secs(5 * 60);
/// How long good answers take changes with releases: what is older than a day is not recalled.
const USUAL_AGE_MAX: Duration = Duration::from_secs(24 * 3_600);
/// No good answer takes longer than this many seconds; more was never measured.
const USUAL_SECS_MAX: f64 = 3_600.0;

/// What eternal mode had learned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EternalMemory {
    /// Its breaker.
    pub breaker: BreakerMemory,
    /// How bad things were, from 0 to 1.
    pub degradation: f64,
    /// Mean and mean deviation of how long good answers take, in seconds.
    pub usual_secs: Option<(f64, f64)>,
}

impl Eternal {
    /// What it has learned, to be kept for the next start.
    pub fn memory(&self) -> EternalMemory {
        let breaker = self.0.breaker.memory();
        EternalMemory { breaker, ..self.core().memory() }
    }

    /// What it had learned this long ago, before the last stop. What is known by now stays.
    pub fn recall(&self, memory: &EternalMemory, age: Duration) {
        self.0.breaker.recall(&memory.breaker, age);
        self.core().recall(memory, age);
    }
}

impl Core {
    /// What it has learned; it knows nothing of the breaker.
    pub fn memory(&self) -> EternalMemory {
        EternalMemory { breaker: BreakerMemory::Closed, degradation: self.degradation, usual_secs: self.usual }
    }

    /// What it had learned this long ago, where nothing is known yet. What cannot have been learned is passed over.
    pub fn recall(&mut self, memory: &EternalMemory, age: Duration) {
        if self.degradation > 0.0 || self.usual.is_some() {
            return;
        }
        if memory.degradation.is_finite() {
            self.degradation = memory.degradation.clamp(0.0, 1.0) * f64::from(left_after(age, DEGRADATION_HALF_LIFE));
        }
        let possible = 0.0..=USUAL_SECS_MAX;
        self.usual = memory.usual_secs.filter(|(mean, deviation)| {
            age <= USUAL_AGE_MAX && possible.contains(mean) && possible.contains(deviation)
        });
    }
}
