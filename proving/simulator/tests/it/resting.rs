//! Services that start when they are asked for, under more than a script tells.

use homeostat_simulator::{Simulation, scenario};
use homeostat_vocabulary::{Chance, Fact, Millis};

fn facts_after(text: &str, wanted: fn(&Fact) -> bool) -> usize {
    let scenario = scenario::parse(text).unwrap();
    let mut simulation = Simulation::new(scenario.setup);
    assert_eq!(simulation.run_for(scenario.length), Ok(()), "{}", simulation.story());
    simulation.facts().iter().filter(|(_, fact)| wanted(fact)).count()
}

#[test]
fn a_storm_of_wishes_starts_it_once_and_writes_one_fact() {
    // Every request that waits would cost a write to disk, or a start.
    let mut text = String::from("service shop on-request warm-up=2s health\nservice web\nend 20s\n");
    for millis in 0..1_000 {
        text.push_str(&format!("at {}ms activate shop\n", 5_000 + millis));
    }
    assert_eq!(facts_after(&text, |fact| matches!(fact, Fact::ServiceActivated { .. })), 1);
    assert_eq!(facts_after(&text, |fact| matches!(fact, Fact::ActionBegun { .. })), 2);
}

#[test]
fn whatever_the_requests_it_ends_resting_and_never_in_use() {
    // At some rhythm of requests, crashes and new engines it would be stopped while it is used, or run on for ever. That it is
    // never stopped in use is the auditor's to see.
    for seed in 1..=40 {
        let mut chance = Chance::from_seed(seed);
        let mut text =
            String::from("service store on-request=3s health\nservice shop on-request=5s depends=store\nsupervised\n");
        for _ in 0..12 {
            let at = chance.below(120_000);
            let what = match chance.below(6) {
                0 => "crash shop/0".to_owned(),
                1 => "kill-engine".to_owned(),
                2 => format!("requests store {}ms", chance.below(15_000)),
                _ => format!("requests shop {}ms", chance.below(15_000)),
            };
            text.push_str(&format!("at {at}ms {what}\n"));
        }
        text.push_str("at 120s requests shop 1ms\nat 1000s expect shop/0 resting\nat 1000s expect store/0 resting\n");
        text.push_str("at 1000s expect episodes 0\nend 1000s\n");
        let scenario = scenario::parse(&text).unwrap();
        let mut simulation = Simulation::new(scenario.setup);
        assert_eq!(simulation.run_for(Millis(1_000_000)), Ok(()), "{text}\n{}", simulation.story());
    }
}
