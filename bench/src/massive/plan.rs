//! Which endpoint works when: a pure function of the schedule, the seed and the time since the start.
//!
//! The backends live by it, the oracle is told it, and the results are counted by its switches: all three make the same [`Plan`].
//! It must never depend on what is sent.

use std::time::Duration;

use super::draw;
use super::schedule::{ENDPOINTS, Fault, MILD_MIX, MIX, SURVIVORS, Schedule};

/// How long the working set of `switch80` stays.
const SWITCH_EVERY: Duration = Duration::from_secs(30);
/// The mean time that an endpoint of `flap` works, and that it does not.
const FLAP_MEAN: Duration = Duration::from_secs(10);
/// The share of a run of `recover` in which nothing works.
const RECOVER_AT: f64 = 1.0 / 3.0;
/// No run is longer: the phases of `flap` are made beforehand.
pub const LENGTH_MAX: Duration = Duration::from_secs(3600);
/// The share of attempts that fail in `iid80`.
const CHANCE_TO_FAIL: f64 = 0.8;

/// What is drawn for what, so that no two draws are the same by accident.
const DRAW_SET: u64 = 1;
const DRAW_FAULTS: u64 = 2;
const DRAW_FLAP: u64 = 3;
const DRAW_FATE: u64 = 4;

/// What an endpoint does during a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It works.
    Good,
    /// It fails in this way.
    Bad(Fault),
    /// Each attempt fails by itself, with a chance of four in five.
    Chancy,
}

/// From when on an endpoint does what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Phase {
    from: Duration,
    health: Health,
}

/// A schedule with its seed, worked out for a run of some length.
#[derive(Debug, Clone)]
pub struct Plan {
    seed: u64,
    /// By endpoint, in the order of time; each begins at zero.
    phases: Vec<Vec<Phase>>,
    /// When the set of those that work changes for all at once; the start is the first.
    switches: Vec<Duration>,
}

impl Plan {
    /// The plan of a run of this length.
    pub fn new(schedule: Schedule, seed: u64, length: Duration) -> Self {
        let length = length.min(LENGTH_MAX);
        let (phases, switches) = match schedule {
            Schedule::Healthy => (constant(|_| Health::Good), vec![Duration::ZERO]),
            Schedule::Iid80 => (constant(|_| Health::Chancy), vec![Duration::ZERO]),
            Schedule::Static80 | Schedule::Overload | Schedule::Burst => switching(seed, length, LENGTH_MAX, &MIX),
            Schedule::Switch80 => switching(seed, length, SWITCH_EVERY, &MIX),
            Schedule::Switch80Plain => without_wrong_bodies(switching(seed, length, SWITCH_EVERY, &MIX)),
            // Only until three quarters, or there would be a switch at the end, under what is still under way.
            Schedule::SwitchOnce => switching(seed, length * 3 / 4, length / 2, &MILD_MIX),
            Schedule::Recover => recovering(seed, length),
            Schedule::Flap => ((0..ENDPOINTS).map(|endpoint| flapping(seed, endpoint, length)).collect(), Vec::new()),
        };
        Self { seed, phases, switches }
    }

    /// What an endpoint does at this time.
    pub fn health(&self, endpoint: usize, elapsed: Duration) -> Health {
        let phases = &self.phases[endpoint];
        let later = phases.partition_point(|phase| phase.from <= elapsed);
        phases[later.saturating_sub(1)].health
    }

    /// How an attempt fails that arrives at this time; `None` if it does not. `attempt` tells the attempts of a request apart.
    pub fn fault(&self, endpoint: usize, elapsed: Duration, request: u64, attempt: u64) -> Option<Fault> {
        match self.health(endpoint, elapsed) {
            Health::Good => None,
            Health::Bad(fault) => Some(fault),
            Health::Chancy => {
                let of = [self.seed, DRAW_FATE, request, attempt];
                if draw::fraction(&of) >= CHANCE_TO_FAIL {
                    return None;
                }
                let place = (draw::number(&[draw::number(&of), DRAW_FAULTS]) % MIX.len() as u64) as usize;
                Some(MIX[place])
            }
        }
    }

    /// When an endpoint changes next after this time.
    pub fn next_change(&self, endpoint: usize, elapsed: Duration) -> Option<Duration> {
        let phases = &self.phases[endpoint];
        phases.get(phases.partition_point(|phase| phase.from <= elapsed)).map(|phase| phase.from)
    }

    /// The endpoints that work at this time.
    pub fn working(&self, elapsed: Duration) -> Vec<usize> {
        (0..ENDPOINTS).filter(|endpoint| !matches!(self.health(*endpoint, elapsed), Health::Bad(_))).collect()
    }

    /// When the working set changes for all at once, the start included; none where each endpoint changes by itself.
    pub fn switches(&self) -> &[Duration] {
        &self.switches
    }
}

fn constant(health: impl Fn(usize) -> Health) -> Vec<Vec<Phase>> {
    (0..ENDPOINTS).map(|endpoint| vec![Phase { from: Duration::ZERO, health: health(endpoint) }]).collect()
}

/// The health of all endpoints in the given turn. Two working sets that follow each other have nobody in common.
fn turn(seed: u64, turn: usize, mix: &[Fault]) -> Vec<Health> {
    let order = draw::order(ENDPOINTS, &[seed, DRAW_SET]);
    let first = turn * SURVIVORS % ENDPOINTS;
    let working = &order[first..first + SURVIVORS];
    let deal = draw::order(mix.len(), &[seed, DRAW_FAULTS, turn as u64]);
    let mut faults = deal.iter().map(|place| mix[*place]);
    (0..ENDPOINTS)
        .map(|endpoint| {
            if working.contains(&endpoint) {
                Health::Good
            } else {
                Health::Bad(faults.next().expect("there are as many faults as broken endpoints"))
            }
        })
        .collect()
}

fn switching(seed: u64, length: Duration, every: Duration, mix: &[Fault]) -> (Vec<Vec<Phase>>, Vec<Duration>) {
    let mut phases = vec![Vec::new(); ENDPOINTS];
    let mut switches = Vec::new();
    for number in 0.. {
        let from = every * number;
        if from > length {
            break;
        }
        switches.push(from);
        for (endpoint, health) in turn(seed, number as usize, mix).into_iter().enumerate() {
            phases[endpoint].push(Phase { from, health });
        }
    }
    (phases, switches)
}

fn without_wrong_bodies((mut phases, switches): (Vec<Vec<Phase>>, Vec<Duration>)) -> (Vec<Vec<Phase>>, Vec<Duration>) {
    let grey = phases.iter_mut().flatten().filter(|phase| phase.health == Health::Bad(Fault::WrongBody));
    grey.for_each(|phase| phase.health = Health::Bad(Fault::FastError));
    (phases, switches)
}

fn recovering(seed: u64, length: Duration) -> (Vec<Vec<Phase>>, Vec<Duration>) {
    let at = length.mul_f64(RECOVER_AT);
    // One fault more for each of the two that would work otherwise.
    let deal = draw::order(ENDPOINTS, &[seed, DRAW_FAULTS]);
    let phases = deal.iter().map(|place| {
        let bad = Phase { from: Duration::ZERO, health: Health::Bad(MIX[place % MIX.len()]) };
        vec![bad, Phase { from: at, health: Health::Good }]
    });
    (phases.collect(), vec![Duration::ZERO, at])
}

fn flapping(seed: u64, endpoint: usize, length: Duration) -> Vec<Phase> {
    let per_s = 1.0 / FLAP_MEAN.as_secs_f64();
    let of = |number: u64| [seed, DRAW_FLAP, endpoint as u64, number];
    let mut works = draw::number(&of(0)).is_multiple_of(2);
    let mut phases = Vec::new();
    let mut from = Duration::ZERO;
    for number in 1.. {
        let fault = MIX[(draw::number(&of(number)) % MIX.len() as u64) as usize];
        phases.push(Phase { from, health: if works { Health::Good } else { Health::Bad(fault) } });
        from += Duration::from_secs_f64(draw::wait_s(draw::fraction(&of(number)), per_s));
        works = !works;
        if from > length {
            break;
        }
    }
    phases
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    // Would break: backends and oracle that disagree on who works, or a run that a seed does not repeat.
    #[test]
    fn a_seed_gives_the_same_plan_everywhere() {
        for schedule in [Schedule::Switch80, Schedule::Flap, Schedule::Recover] {
            let (one, other) = (Plan::new(schedule, 3, MINUTE), Plan::new(schedule, 3, MINUTE * 2));
            let same = (0..60).map(Duration::from_secs).all(|at| one.working(at) == other.working(at));
            assert!(same || schedule == Schedule::Recover, "{schedule:?}");
        }
        let (one, other) = (Plan::new(Schedule::Static80, 1, MINUTE), Plan::new(Schedule::Static80, 2, MINUTE));
        assert_ne!(one.working(MINUTE), other.working(MINUTE));
    }

    // Would break: "80 % fail" that is another share, or a switch that leaves a working endpoint in place.
    #[test]
    fn two_of_ten_work_and_a_switch_moves_both() {
        for seed in 1..20 {
            let plan = Plan::new(Schedule::Switch80, seed, MINUTE * 3);
            for turn in 0..6 {
                let at = SWITCH_EVERY * turn;
                let now = plan.working(at);
                assert_eq!(now.len(), SURVIVORS);
                assert_eq!(now, plan.working(at + Duration::from_millis(29_999)));
                assert!(plan.working(at + SWITCH_EVERY).iter().all(|endpoint| !now.contains(endpoint)));
            }
            assert_eq!(plan.switches().len(), 7);
            assert_eq!(plan.next_change(0, Duration::from_secs(31)), Some(SWITCH_EVERY * 2));
        }
    }

    // Would break: rows that are said to have no wrong bodies, and differ from the others in more or less than that.
    #[test]
    fn plain_faults_are_the_same_but_for_wrong_bodies() {
        let (grey, plain) = (Plan::new(Schedule::Switch80, 1, MINUTE), Plan::new(Schedule::Switch80Plain, 1, MINUTE));
        let mut changed = 0;
        for endpoint in 0..ENDPOINTS {
            match (grey.health(endpoint, MINUTE), plain.health(endpoint, MINUTE)) {
                (Health::Bad(Fault::WrongBody), Health::Bad(Fault::FastError)) => changed += 1,
                (one, other) => assert_eq!(one, other),
            }
        }
        assert_eq!(changed, 1);
    }

    // Would break: a mix of faults that a seed changes, so that seeds are easier or harder.
    #[test]
    fn every_seed_has_the_same_mix_of_faults() {
        for seed in 1..20 {
            let plan = Plan::new(Schedule::Static80, seed, MINUTE);
            let all = (0..ENDPOINTS).filter_map(|endpoint| plan.fault(endpoint, MINUTE, 1, 1));
            let mut all: Vec<String> = all.map(|fault| format!("{fault:?}")).collect();
            let mut mix: Vec<String> = MIX.iter().map(|fault| format!("{fault:?}")).collect();
            all.sort();
            mix.sort();
            assert_eq!(all, mix);
        }
    }

    // Would break: `iid80` whose attempts are not independent, or not of 80 %.
    #[test]
    fn independent_attempts_fail_four_times_in_five() {
        let plan = Plan::new(Schedule::Iid80, 1, MINUTE);
        let failed = (0..10_000).filter(|request| plan.fault(0, MINUTE, *request, 0).is_some()).count();
        assert!((7_850..8_150).contains(&failed), "{failed}");
        let both = |request: &u64| (0..2).all(|attempt| plan.fault(0, MINUTE, *request, attempt).is_some());
        let both = (0..10_000).filter(both).count();
        assert!((6_200..6_600).contains(&both), "{both}");
    }

    // Would break: endpoints that flap together, or for other times than said.
    #[test]
    fn endpoints_flap_by_themselves_half_the_time() {
        let plan = Plan::new(Schedule::Flap, 5, LENGTH_MAX);
        let seconds = LENGTH_MAX.as_secs();
        let working: usize = (0..seconds).map(|at| plan.working(Duration::from_secs(at)).len()).sum();
        let mean = working as f64 / seconds as f64;
        assert!((4.5..5.5).contains(&mean), "{mean}");
    }

    // Would break: a recovery that is never told from the outage.
    #[test]
    fn nothing_works_and_then_everything() {
        let plan = Plan::new(Schedule::Recover, 1, MINUTE);
        assert!(plan.working(Duration::from_millis(19_999)).is_empty());
        assert_eq!(plan.working(Duration::from_secs(20)).len(), ENDPOINTS);
    }
}
