//! The loop never gives up silently.

use homeostat_simulator::{BEGINNING, Simulation, scenario};
use homeostat_vocabulary::{Fact, Millis, Timestamp};

/// Times at which facts of one kind were recorded.
fn times(simulation: &Simulation, kind: &str) -> Vec<Timestamp> {
    simulation.facts().iter().filter(|(_, fact)| fact.kind() == kind).map(|(at, _)| *at).collect()
}

fn run(text: &str) -> Simulation {
    let scenario = scenario::parse(text).unwrap();
    let mut simulation = Simulation::new(scenario.setup);
    assert_eq!(simulation.run_for(scenario.length), Ok(()), "{}", simulation.story());
    simulation
}

#[test]
fn a_service_that_dies_at_once_for_ever_is_tried_for_ever() {
    // A service given up on would stay down after its cause is gone, and nobody would know.
    let simulation = run("service web\nat 1s dies-after web/0 20ms\nend 6h");
    assert_eq!(times(&simulation, "episode.escalated").len(), 1, "a person is called once an episode");
    let begun = times(&simulation, "action.begun");
    let last_hour = BEGINNING.after(Millis::from_secs(5 * 3600));
    let late = begun.iter().filter(|at| **at >= last_hour).count();
    // One a `backoff_max` of 60 s, whose jitter takes up to half off; the budget holds it to the full minute.
    assert!((50..=65).contains(&late), "{late} attempts in the sixth hour");
}

#[test]
fn a_stop_that_never_works_is_tried_ever_more_slowly() {
    // A driver that cannot end a process would be asked every second for ever, and the journal would fill with it.
    let faults = "impossible ".repeat(500);
    let text = format!("service web\nat 1s calls web/0 {faults}\nat 2s reload web removed\nend 3h");
    let simulation = run(&text);
    let ended = simulation.facts().iter().filter(|(_, fact)| matches!(fact, Fact::ActionEnded { .. })).count();
    assert!((100..=400).contains(&ended), "{ended} stops were tried");
}

#[test]
fn a_replacement_that_fails_leaves_the_old_life_alone_and_is_tried_again() {
    // A failed replacement opened an episode about an instance that was well, and nothing ever closed it.
    let text = "service web autonomy=observe\nat 5s calls web/0 fail impossible\nat 6s reload web argument=--new\n\
                at 7s expect episodes 0\nat 30s expect web/0 ready\nat 30s expect web/0 lives 2\nat 30s expect episodes 0\nend 30s";
    let simulation = run(text);
    assert_eq!(times(&simulation, "finding.made"), [], "nothing was wrong with it");
}
