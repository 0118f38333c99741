//! What it costs to choose among endpoints, and to take in how the call there ended; in virtual time, without the lock around it.
//!
//! What grows with the number of endpoints is the way to memory: nothing is looked through.

use std::time::Duration;

use homeostat_reactor::Moment;
use homeostat_resilience::balance::{BalanceCore, BalanceSettings, Wish};
use homeostat_resilience::chance::Chance;
use homeostat_resilience::predictor::Outcome;

use super::Length;
use crate::machine::thread_cpu;
use crate::report::{OURS, Report};

const WISH: Wish<'static> = Wish { within: Some(Duration::from_secs(1)), is_idempotent: true, tried: &[] };
/// Calls before anything is timed, for each endpoint: so many that all of them are known.
const WARM_UP: usize = 20;
/// One call in so many fails, so that all that follows from failures is there.
const FAILS_ONE_IN: usize = 200;

/// The case with so many endpoints.
pub fn case(endpoints: usize) -> String {
    format!("choice among {endpoints}")
}

/// Endpoints that are chosen among, with some learned of each.
struct Choosing {
    core: BalanceCore,
    chance: Chance,
    now: Moment,
}

impl Choosing {
    fn among(endpoints: usize) -> Self {
        let mut core = BalanceCore::new(BalanceSettings::default());
        for number in 0..endpoints {
            core.insert(Moment::ZERO, &number.to_string());
        }
        let mut choosing = Self { core, chance: Chance::seeded(1), now: Moment::from_secs(1) };
        (0..WARM_UP * endpoints).for_each(|_| choosing.call());
        choosing
    }

    fn call(&mut self) {
        let id = self.core.choose(self.now, WISH, &self.chance).expect("there are endpoints");
        self.core.begin(self.now, id);
        let outcome = if self.chance.below(FAILS_ONE_IN) == 0 { Outcome::Failed } else { Outcome::Good };
        self.core.end(self.now + Duration::from_millis(5), id, self.now, outcome);
        self.now = self.now + Duration::from_micros(50);
    }

    fn choose(&mut self) {
        assert!(self.core.choose(self.now, WISH, &self.chance).is_some(), "there are endpoints");
    }
}

/// Choices among a few endpoints and many.
pub fn selections(report: &mut Report, length: &Length) {
    if !"balancer".contains(&length.only) {
        return;
    }
    let mut choosing: Vec<Choosing> = length.endpoints.iter().map(|endpoints| Choosing::among(*endpoints)).collect();
    let mut samples = vec![(Vec::new(), Vec::new()); choosing.len()];
    for _ in 0..length.rounds {
        for (choosing, (choices, calls)) in choosing.iter_mut().zip(&mut samples) {
            choices.push(timed(length.choices, || choosing.choose()));
            calls.push(timed(length.choices, || choosing.call()));
        }
    }
    for (endpoints, (choices, calls)) in length.endpoints.iter().zip(&samples) {
        report.add(OURS, &case(*endpoints), "choice_cpu_ns", "ns", choices);
        report.add(OURS, &case(*endpoints), "choice_and_end_cpu_ns", "ns", calls);
    }
}

fn timed(count: u32, mut once: impl FnMut()) -> f64 {
    let before = thread_cpu();
    (0..count).for_each(|_| once());
    (thread_cpu().saturating_sub(before)).as_secs_f64() * 1e9 / f64::from(count)
}
