//! What can be set about eternal mode. The rest it learns: how long a good answer takes, and how bad things are.

use serde::{Deserialize, Serialize};

use crate::breaker::{BreakerSettings, InvalidBreaker};

/// How an essential call is kept alive while what it calls is not.
///
/// ```
/// # use homeostat_resilience::eternal::EternalSettings;
/// assert_eq!(EternalSettings::default().close_after, 3);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EternalSettings {
    /// What opens the breaker inside. What it has to close itself, its pause and its trials, is not used: probes close it.
    pub breaker: BreakerSettings,
    /// How many milliseconds an attempt may take when all is well; by default 5 s. When it is not, less, but never less than good
    /// answers usually take.
    pub timeout_ms: u64,
    /// How many probes one call may make, each after the other; only a call that may be made twice makes more than one. By
    /// default 2.
    pub attempts_max: u32,
    /// How many probes a second all calls together may make, with a burst of one more than close it again; by default 2.
    pub probes_per_s: u32,
    /// How many probes may be under way at once; by default 3.
    pub probes_in_flight_max: u32,
    /// How many good probes in a row prove recovery; by default 3.
    pub close_after: u32,
    /// How low the degradation must be besides, from 0 for all well to 1 for nothing works; by default 0.3. After a total outage
    /// that takes four good probes.
    pub close_below: f64,
}

impl Default for EternalSettings {
    fn default() -> Self {
        Self {
            breaker: BreakerSettings::default(),
            timeout_ms: 5_000,
            attempts_max: 2,
            probes_per_s: 2,
            probes_in_flight_max: 3,
            close_after: 3,
            close_below: 0.3,
        }
    }
}

/// Settings under which eternal mode cannot work.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum InvalidEternal {
    /// The breaker inside cannot be made.
    #[error(transparent)]
    Breaker(#[from] InvalidBreaker),
    /// Without it nothing would ever be probed, or proven.
    #[error("`{key}` is 0: at least 1 is needed, or it would give up for ever")]
    Nothing {
        /// Which.
        key: &'static str,
    },
    /// A degradation that is never reached, or always.
    #[error("`close_below` is {close_below}: a share above 0 and at most 1 is needed")]
    CloseBelow {
        /// What was asked for.
        close_below: f64,
    },
}

impl EternalSettings {
    /// Whether eternal mode can work with them.
    ///
    /// # Errors
    /// With the first that cannot be.
    pub fn check(&self) -> Result<(), InvalidEternal> {
        self.breaker.check()?;
        let counts = [
            ("timeout_ms", self.timeout_ms),
            ("attempts_max", self.attempts_max.into()),
            ("probes_per_s", self.probes_per_s.into()),
            ("probes_in_flight_max", self.probes_in_flight_max.into()),
            ("close_after", self.close_after.into()),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Err(InvalidEternal::Nothing { key });
        }
        if !(self.close_below > 0.0 && self.close_below <= 1.0) {
            return Err(InvalidEternal::CloseBelow { close_below: self.close_below });
        }
        Ok(())
    }

    /// How many probes can be saved up: so many that recovery can be proven at once, and one that fails before.
    pub(super) const fn burst(&self) -> u32 {
        self.close_after.saturating_add(1)
    }
}
