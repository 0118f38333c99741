//! The settings of an adaptive limit. Most of what it needs it learns.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::algorithm::{Aimd, Algorithm, Gradient, Vegas};
use crate::shares::PerPriority;

/// How a limit is found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlgorithmKind {
    /// Up by one, down by a tenth: for services that refuse what is too much. Where they queue instead, it settles half above.
    Aimd,
    /// Keeps a few calls queueing at the other side: the tightest, and the slowest to grow.
    Vegas,
    /// Follows the ratio of the least to the present latency: settles a little above what is needed, and moves fastest.
    #[default]
    Gradient,
}

impl AlgorithmKind {
    /// The algorithm with its own defaults.
    pub fn algorithm(self) -> Box<dyn Algorithm> {
        match self {
            Self::Aimd => Box::new(Aimd::default()),
            Self::Vegas => Box::new(Vegas::default()),
            Self::Gradient => Box::new(Gradient::default()),
        }
    }
}

/// The settings of an adaptive limit. Any values are good: what cannot be is held at the nearest that can.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConcurrencySettings {
    /// How the limit is found.
    pub algorithm: AlgorithmKind,
    /// The limit to begin with.
    pub limit_at_start: usize,
    /// The limit never falls below this; at least 1. A few calls must always go through, or nothing would be learned any more.
    pub limit_min: usize,
    /// The limit never grows beyond this.
    pub limit_max: usize,
    /// The share of the limit, from 0 to 1, that calls of each priority may fill. The less important stop being let in earlier, so
    /// that what is left is for the more important. Every priority may have one call under way when there is none.
    pub fill_shares: PerPriority<f64>,
    /// How often the least latency is measured anew, in milliseconds, more or less by a quarter. For that moment the limit is
    /// halved. Where calls take long it is less often, so that it never takes more than a tenth of the time.
    pub probe_every_ms: u64,
}

impl Default for ConcurrencySettings {
    fn default() -> Self {
        Self {
            algorithm: AlgorithmKind::default(),
            limit_at_start: 20,
            limit_min: 4,
            limit_max: 1_000,
            fill_shares: PerPriority { critical: 1.0, normal: 0.9, low: 0.75, background: 0.5 },
            probe_every_ms: 30_000,
        }
    }
}

impl ConcurrencySettings {
    pub(super) const fn probe_every(&self) -> Duration {
        Duration::from_millis(self.probe_every_ms)
    }

    /// The bounds of the limit.
    pub fn bounds(&self) -> Bounds {
        Bounds::new(self.limit_min, self.limit_max)
    }

    /// How many calls may be under way for one more of each priority to be let in, under a limit: rounded up, at least one.
    pub fn ceilings(&self, limit: usize) -> PerPriority<usize> {
        PerPriority::from_fn(|priority| {
            // A share that is no number becomes 0 in the conversion, and so 1.
            let ceiling = (limit as f64 * self.fill_shares[priority].clamp(0.0, 1.0)).ceil() as usize;
            ceiling.clamp(1, limit.max(1))
        })
    }
}

/// The most a limit may be: far beyond any service, and where whole numbers of floats are still exact.
const LIMIT_MAX: usize = 1 << 32;

/// What a limit is held between.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    min: f64,
    max: f64,
}

impl Bounds {
    /// From the least, at least 1, to the most, at least the least.
    pub fn new(min: usize, max: usize) -> Self {
        let min = min.clamp(1, LIMIT_MAX);
        Self { min: min as f64, max: max.clamp(min, LIMIT_MAX) as f64 }
    }

    /// A limit within the bounds: `wanted`, or what it was if that is no number.
    pub const fn hold(&self, wanted: f64, before: f64) -> f64 {
        let limit = if wanted.is_nan() { before } else { wanted };
        limit.clamp(self.min, self.max)
    }
}
