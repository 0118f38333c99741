//! The engine is killed at every single point of every scenario: around each write to the journal and each driver call. The
//! next engine must bring it to its end, with nothing lost and nothing done twice.

use crate::scenarios::{NAMES, folder};
use homeostat_simulator::{Counts, KillPoint, Setup, Simulation, scenario};
use std::fs;

/// A run of a script with the engine killed at this point, from its beginning to its rest. What the script expects to see is
/// left out: a crash in between rightly changes it.
fn run(name: &str, setup: &Setup, length: homeostat_vocabulary::Millis, kill: Option<KillPoint>) -> Counts {
    let mut setup = Setup { kill, supervised: true, ..setup.clone() };
    setup.script.retain(|(_, deed)| !matches!(deed, homeostat_simulator::Deed::Expect(_)));
    let mut simulation = Simulation::new(setup);
    let result = simulation.run_for(length);
    let counts = simulation.counts();
    let result = result.and_then(|()| simulation.settle());
    assert_eq!(result, Ok(()), "{name} with {kill:?}:\n{}", simulation.story());
    counts
}

fn crash_everywhere(names: &[&str]) {
    let mut runs = 0;
    for name in names {
        let text = fs::read_to_string(folder().join(format!("{name}.scenario"))).unwrap();
        let scenario = scenario::parse(&text).unwrap();
        let (setup, length) = (&scenario.setup, scenario.length);
        let counts = run(name, setup, length, None);
        for number in 1..=counts.writes {
            run(name, setup, length, Some(KillPoint::AfterWrite(number)));
            run(name, setup, length, Some(KillPoint::BeforeWrite(number)));
        }
        for number in 1..=counts.calls {
            run(name, setup, length, Some(KillPoint::AfterCall(number)));
            run(name, setup, length, Some(KillPoint::BeforeCall(number)));
        }
        runs += 1 + 2 * (counts.writes + counts.calls);
    }
    println!("{runs} runs");
}

#[test]
fn crashes_at_every_step_of_the_first_scenarios() {
    // A record lost, an effect doubled, or a saga that never ends, after a crash at one particular instant.
    crash_everywhere(&NAMES[..NAMES.len() / 2]);
}

#[test]
fn crashes_at_every_step_of_the_other_scenarios() {
    // A record lost, an effect doubled, or a saga that never ends, after a crash at one particular instant.
    crash_everywhere(&NAMES[NAMES.len() / 2..]);
}
