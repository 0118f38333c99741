//! How a balancer chooses. The defaults are right for most; what is tuned further is in constants beside the code it tunes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::predictor::PredictorSettings;

/// The settings of a balancer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BalanceSettings {
    /// How an endpoint is judged.
    pub predictor: PredictorSettings,
    /// An endpoint is left out after this many failures in a row.
    pub eject_after_failures: u16,
    /// It is left out for this long, twice as long each time until it answers well again...
    pub eject_pause: Duration,
    /// ...and never longer than this.
    pub eject_pause_max: Duration,
    /// At most this share of the endpoints is left out at any time. One that is alone is never.
    pub eject_share_max: f32,
    /// When more than this share of the endpoints fail, none is left out: then the view is more likely wrong than all of them, and
    /// the predictor alone says where a call has the best chance.
    pub panic_share: f32,
    /// An endpoint that is new, or was left out, gets its full share of calls after this time.
    pub slow_start: Duration,
    /// At most this share of calls goes first to an endpoint that is doubted, to see whether it works again.
    pub explore_share: f32,
    /// A doubted endpoint is asked again after this time, twice as long each time it fails...
    pub explore_pause: Duration,
    /// ...and never later than this, if there are calls.
    pub explore_pause_max: Duration,
}

impl Default for BalanceSettings {
    fn default() -> Self {
        Self {
            predictor: PredictorSettings::default(),
            eject_after_failures: 5,
            eject_pause: Duration::from_secs(10),
            eject_pause_max: Duration::from_secs(60),
            eject_share_max: 0.5,
            panic_share: 0.5,
            slow_start: Duration::from_secs(10),
            explore_share: 0.05,
            explore_pause: Duration::from_secs(2),
            explore_pause_max: Duration::from_secs(30),
        }
    }
}

impl BalanceSettings {
    /// How many of so many endpoints may be left out.
    pub fn ejected_max(&self, endpoints: usize) -> usize {
        ((endpoints as f32 * self.eject_share_max.clamp(0.0, 1.0)) as usize).min(endpoints.saturating_sub(1))
    }

    /// Whether so many failing endpoints mean that none is left out. It ends a little below where it begins, so as not to flutter.
    pub(crate) fn is_panic(&self, failing: usize, endpoints: usize, is_panicking: bool) -> bool {
        /// Where panic ends, as a part of where it begins.
        const ENDS_AT: f32 = 0.8;
        let share = self.panic_share.clamp(0.0, 1.0) * if is_panicking { ENDS_AT } else { 1.0 };
        failing as f32 > endpoints as f32 * share
    }
}
