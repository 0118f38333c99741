//! What is measured when nothing else is asked for: all scenarios with all subjects, and the ablation.

use std::time::Duration;

use super::latency::Profile;
use super::policy::PolicyKind;
use super::proxy::ProxyKind;
use super::scenario::{ROOMY, Scenario, TIGHT};
use super::schedule::Schedule;
use super::subject::Subject;

/// The load of the healthy rows: 180 requests a second for the tail to be seen, little beside what ten endpoints bear.
const HEALTHY_LOAD: f64 = 0.06;
/// The load of broadcast's only row.
const LOW_LOAD: f64 = 0.3;
/// The length of a burst's run: ten quiet seconds and the burst. What is under way then is waited for.
const BURST_LENGTH: Duration = Duration::from_secs(12);
/// Runs side by side where requests take hundredths of a second and are many: one for each processor.
const FAST_JOBS: usize = 2;
/// Runs at a time where processor time decides: it alone.
const ALONE: usize = 1;

/// A scenario and who is put through it.
#[derive(Debug, Clone)]
pub struct Case {
    /// What stands before the scenario's name; empty but in the ablation.
    pub prefix: &'static str,
    /// Through what.
    pub scenario: Scenario,
    /// Who.
    pub subjects: Vec<Subject>,
    /// How many seeds.
    pub seeds: u64,
    /// Runs side by side.
    pub jobs: usize,
}

/// What stands before the name of a scenario in the ablation.
pub const ABLATION: &str = "ablation: ";

impl Case {
    /// Its name in the report.
    pub fn name(&self) -> String {
        format!("{}{}", self.prefix, self.scenario.name())
    }
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// How long requests are sent in most runs.
    pub length: Duration,
    /// How many seeds.
    pub seeds: u64,
    /// Runs side by side where a request takes seconds.
    pub jobs: usize,
}

fn scenario(schedule: Schedule, length: Duration, load: f64) -> Scenario {
    Scenario { schedule, profile: Profile::Uniform, slots: TIGHT, load, slots_loaded: TIGHT, length }
}

fn fast(schedule: Schedule, length: Duration, slots: usize) -> Scenario {
    let profile = Profile::Lognormal;
    Scenario { schedule, profile, slots, load: HEALTHY_LOAD, slots_loaded: TIGHT, length }
}

/// The contest. `switch80` runs half as long again: so two switches follow the start.
pub fn contest(extent: &Extent) -> Vec<Case> {
    let Extent { length, seeds, jobs } = *extent;
    let long = length * 3 / 2;
    let broadcast = Subject::Policy(PolicyKind::Broadcast);
    let all: Vec<Subject> = Subject::contestants().into_iter().filter(|subject| *subject != broadcast).collect();
    let slow = |scenario| Case { prefix: "", scenario, subjects: all.clone(), seeds, jobs };
    let switching = |load| scenario(Schedule::Switch80, long, load);
    let mut low = slow(switching(LOW_LOAD));
    low.subjects.push(broadcast);
    let burst = slow(fast(Schedule::Burst, BURST_LENGTH, ROOMY));
    let healthy = slow(fast(Schedule::Healthy, length / 2, TIGHT));
    vec![
        slow(switching(0.7)),
        slow(Scenario { slots: ROOMY, ..switching(0.7) }),
        slow(scenario(Schedule::Switch80Plain, long, 0.7)),
        low,
        slow(switching(1.2)),
        slow(scenario(Schedule::Static80, length, 0.7)),
        slow(scenario(Schedule::Flap, length, 0.7)),
        slow(scenario(Schedule::Iid80, length, 0.7)),
        slow(scenario(Schedule::Recover, length, 0.7)),
        slow(scenario(Schedule::Overload, length, 1.2)),
        Case { jobs: ALONE, seeds: 1, ..burst },
        Case { jobs: FAST_JOBS, seeds: seeds.min(2), subjects: that_hedge_or_could(), ..healthy },
        beside_the_prototype(&slow(scenario(Schedule::SwitchOnce, long, 0.7))),
        beside_the_prototype(&slow(Scenario { slots: ROOMY, ..scenario(Schedule::SwitchOnce, long, 0.7) })),
    ]
}

/// What the first prototype was measured by is for it, ours and the bound alone: the peers' proxies meet the same in harder cases.
fn beside_the_prototype(case: &Case) -> Case {
    use PolicyKind::{Homeostat, HomeostatTuned, Oracle, Prototype};
    let mut subjects = [Homeostat, HomeostatTuned, Prototype, Oracle].map(Subject::Policy).to_vec();
    subjects.push(Subject::Proxy(ProxyKind::Gateway));
    Case { subjects, ..case.clone() }
}

/// Of the subjects those that the healthy rows are about: whether hedging pays, and what it costs.
fn that_hedge_or_could() -> Vec<Subject> {
    use PolicyKind::{DirectRandom, Homeostat, HomeostatTuned, Oracle, Prototype, TowerResilience};
    let mut subjects: Vec<Subject> =
        [Homeostat, HomeostatTuned, DirectRandom, Prototype, TowerResilience, Oracle].map(Subject::Policy).to_vec();
    subjects.extend([ProxyKind::Gateway, ProxyKind::NginxTuned, ProxyKind::EnvoyTuned].map(Subject::Proxy));
    subjects
}

/// The ablation: its five rows through a switch, a burst, and healthy traffic, where CPU and memory are compared.
pub fn ablation(extent: &Extent) -> Vec<Case> {
    let Extent { length, seeds, jobs } = *extent;
    let case = |scenario| Case { prefix: ABLATION, scenario, subjects: Subject::ablation(), seeds, jobs };
    vec![
        case(scenario(Schedule::Switch80, length * 3 / 2, 0.7)),
        Case { jobs: ALONE, seeds: 1, ..case(fast(Schedule::Burst, BURST_LENGTH, ROOMY)) },
        Case { jobs: ALONE, ..case(fast(Schedule::Healthy, length / 3, TIGHT)) },
    ]
}

/// The shortest that says anything: one switch, and healthy traffic.
pub fn quick(extent: &Extent) -> Vec<Case> {
    let chosen = contest(extent);
    let length = Duration::from_secs(45);
    let healthy = chosen.iter().position(|case| case.scenario.schedule == Schedule::Healthy);
    let wanted = [(0, length), (healthy.expect("the contest has healthy rows"), Duration::from_secs(10))];
    let cases = wanted.map(|(place, length)| {
        let case = chosen[place].clone();
        Case { scenario: Scenario { length, ..case.scenario }, seeds: 1, ..case }
    });
    cases.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXTENT: Extent = Extent { length: Duration::from_secs(60), seeds: 3, jobs: 60 };

    // Would break: rows of the report that cannot be told apart, or without the oracle beside them.
    #[test]
    fn every_case_has_a_name_of_its_own_and_the_oracle() {
        let cases: Vec<Case> = contest(&EXTENT).into_iter().chain(ablation(&EXTENT)).collect();
        let mut names: Vec<String> = cases.iter().map(Case::name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), cases.len());
        assert!(cases.iter().all(|case| case.subjects.contains(&Subject::ORACLE) || case.prefix == ABLATION));
        assert_eq!(quick(&EXTENT).len(), 2);
    }

    // Would break: a full run that nobody has the time for.
    #[test]
    fn a_full_run_takes_less_than_half_an_hour() {
        let cases: Vec<Case> = contest(&EXTENT).into_iter().chain(ablation(&EXTENT)).collect();
        let jobs_seconds = |case: &Case| {
            let runs = case.subjects.len() as u64 * case.seeds;
            (runs * (case.scenario.length.as_secs() + 6)).div_ceil(case.jobs as u64)
        };
        let total: u64 = cases.iter().map(jobs_seconds).sum();
        assert!(total < 30 * 60, "{total} s");
    }
}
