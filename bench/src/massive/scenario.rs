//! What a subject is put through: a schedule, a latency profile, slots, a load and a length. Everything follows from it and a seed.

use std::time::Duration;

use super::arrivals::{self, Arrival};
use super::latency::Profile;
use super::plan::Plan;
use super::schedule::Schedule;

/// Slots of an endpoint in the tight rows: two endpoints bear 13.7 requests a second of 1.75 s each.
pub const TIGHT: usize = 12;
/// Slots of an endpoint in the roomy rows.
pub const ROOMY: usize = 64;
/// The load of a burst's quiet part, in requests a second: enough to learn from, nothing to bear.
const BURST_QUIET_PER_S: f64 = 20.0;
/// The load of `switch-once`, in requests a second.
const SWITCH_ONCE_PER_S: f64 = 12.0;
/// How long a request may take. The client gives up then, and a failure counts as this.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// What a subject is put through.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scenario {
    /// Who works when.
    pub schedule: Schedule,
    /// How long good answers take.
    pub profile: Profile,
    /// Slots of each endpoint.
    pub slots: usize,
    /// The load, as a share of what survives with [`Self::slots_loaded`] slots.
    pub load: f64,
    /// The slots that the load is reckoned by: roomy rows get the load of tight ones, or they would be the same rows again.
    pub slots_loaded: usize,
    /// How long requests are sent.
    pub length: Duration,
}

impl Scenario {
    /// Its name in results.
    pub fn name(&self) -> String {
        let room = Self::room(self.slots);
        let load = match self.schedule {
            Schedule::Burst => "5,000 at once".to_owned(),
            Schedule::SwitchOnce => format!("{SWITCH_ONCE_PER_S} a second"),
            _ => format!("load {}", self.load),
        };
        format!("{}, {}, {room}, {load}", self.schedule.name(), self.profile.name())
    }

    /// How so many slots are called.
    pub fn room(slots: usize) -> String {
        match slots {
            TIGHT => "tight".to_owned(),
            ROOMY => "roomy".to_owned(),
            slots => format!("{slots} slots"),
        }
    }

    /// Requests a second.
    pub fn rate_per_s(&self) -> f64 {
        match self.schedule {
            Schedule::Burst => BURST_QUIET_PER_S,
            Schedule::SwitchOnce => SWITCH_ONCE_PER_S,
            _ => self.load * self.profile.capacity_per_s(self.schedule.survivors(), self.slots_loaded),
        }
    }

    /// What is sent.
    pub fn arrivals(&self, seed: u64) -> Vec<Arrival> {
        let mut arrivals = arrivals::poisson(seed, self.rate_per_s(), self.length, self.schedule == Schedule::Burst);
        if self.schedule == Schedule::SwitchOnce {
            arrivals.iter_mut().for_each(|arrival| arrival.is_post = false);
        }
        arrivals
    }

    /// Who works when. Longer than requests are sent: the last ones are still under way then.
    pub fn plan(&self, seed: u64) -> Plan {
        Plan::new(self.schedule, seed, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Would break: a load of 0.7 that is none, and roomy rows that only repeat the tight ones.
    #[test]
    fn the_rate_is_a_share_of_what_survives() {
        let tight = Scenario {
            schedule: Schedule::Switch80,
            profile: Profile::Uniform,
            slots: TIGHT,
            load: 0.7,
            slots_loaded: TIGHT,
            length: Duration::from_secs(60),
        };
        assert!((tight.rate_per_s() - 9.6).abs() < 1e-9);
        let roomy = Scenario { slots: ROOMY, ..tight };
        assert_eq!(roomy.arrivals(1), tight.arrivals(1));
        assert_eq!(tight.name(), "switch80, uniform, tight, load 0.7");
    }
}
