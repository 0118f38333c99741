//! How long an endpoint that works takes, and what it can bear: two profiles.
//!
//! Called by the backends for each attempt and by the arrivals for the rate. Pure.

use std::time::Duration;

use super::draw;

/// What is drawn here, told apart from other draws.
const DRAW_LATENCY: u64 = 11;
const DRAW_ANGLE: u64 = 12;

/// The median and the 99th percentile of the lognormal profile.
const LOGNORMAL_MEDIAN_S: f64 = 0.020;
const LOGNORMAL_P99_S: f64 = 0.300;
/// The 99th percentile of a standard normal distribution.
const NORMAL_P99: f64 = 2.326_347_87;
/// No answer takes longer than this share of a minute: the tail of a lognormal has no end.
const LATENCY_MAX_S: f64 = 30.0;

/// How the latency of good answers is distributed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    /// 0.5 to 3 s, all alike
    Uniform,
    /// Median 20 ms, 99th percentile 300 ms
    Lognormal,
}

impl Profile {
    /// Its name, as on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Lognormal => "lognormal",
        }
    }

    /// The latency of this attempt.
    pub fn latency(self, seed: u64, request: u64, attempt: u64) -> Duration {
        let fraction = draw::fraction(&[seed, DRAW_LATENCY, request, attempt]);
        let seconds = match self {
            Self::Uniform => 0.5 + 2.5 * fraction,
            Self::Lognormal => {
                let angle = draw::fraction(&[seed, DRAW_ANGLE, request, attempt]) * std::f64::consts::TAU;
                // Box and Muller: two even draws make a normal one.
                let normal = (-2.0 * (1.0 - fraction).ln()).sqrt() * angle.cos();
                (LOGNORMAL_MEDIAN_S * (sigma() * normal).exp()).min(LATENCY_MAX_S)
            }
        };
        Duration::from_secs_f64(seconds)
    }

    /// The mean latency.
    pub fn mean_s(self) -> f64 {
        match self {
            Self::Uniform => 1.75,
            Self::Lognormal => LOGNORMAL_MEDIAN_S * (sigma() * sigma() / 2.0).exp(),
        }
    }

    /// Requests a second that so many endpoints with so many slots each can bear.
    pub fn capacity_per_s(self, endpoints: f64, slots: usize) -> f64 {
        endpoints * slots as f64 / self.mean_s()
    }
}

fn sigma() -> f64 {
    (LOGNORMAL_P99_S / LOGNORMAL_MEDIAN_S).ln() / NORMAL_P99
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(profile: Profile) -> Vec<f64> {
        let mut all: Vec<f64> = (0..20_000).map(|request| profile.latency(1, request, 0).as_secs_f64()).collect();
        all.sort_by(f64::total_cmp);
        all
    }

    // Would break: a load that is not the share of the capacity that it is said to be.
    #[test]
    fn capacity_is_slots_by_mean_latency() {
        assert!((Profile::Uniform.capacity_per_s(2.0, 12) - 13.714).abs() < 0.001);
        for profile in [Profile::Uniform, Profile::Lognormal] {
            let all = sorted(profile);
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            assert!((mean / profile.mean_s() - 1.0).abs() < 0.05, "{profile:?}: {mean}");
        }
    }

    // Would break: profiles that are not the published ones.
    #[test]
    fn profiles_have_their_percentiles() {
        let uniform = sorted(Profile::Uniform);
        assert!(uniform[0] >= 0.5 && uniform[uniform.len() - 1] < 3.0);
        let lognormal = sorted(Profile::Lognormal);
        assert!((lognormal[10_000] - 0.020).abs() < 0.001, "{}", lognormal[10_000]);
        assert!((lognormal[19_800] - 0.300).abs() < 0.040, "{}", lognormal[19_800]);
    }
}
