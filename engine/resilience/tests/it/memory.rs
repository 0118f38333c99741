//! What is remembered over a restart, and what others may say.

use std::collections::BTreeMap;
use std::time::Duration;

use homeostat_reactor::{Clock, ManualClock};
use homeostat_resilience::balance::{Balancer, Standing};
use homeostat_resilience::chance::Chance;
use homeostat_resilience::memory::{Evidence, Memory, Opinion};
use homeostat_resilience::{Call, Verdict};
use proptest::prelude::*;

fn balancer(clock: Clock) -> Balancer<()> {
    let balancer = Balancer::builder("shop").clock(clock).chance(Chance::seeded(1)).build();
    ["a", "b", "c"].into_iter().for_each(|name| balancer.insert(name, ()));
    balancer
}

/// Calls of 100 ms, of which those to `broken` fail.
fn learn(time: &ManualClock, balancer: &Balancer<()>, broken: &str) {
    let numbers: BTreeMap<_, _> = ["a", "b", "c"].into_iter().zip(0..).collect();
    for _ in 0..300 {
        let before: Vec<u32> = balancer.snapshot().endpoints.iter().map(|endpoint| endpoint.in_flight).collect();
        let pick = balancer.pick(&Call::idempotent()).unwrap();
        let after = balancer.snapshot().endpoints;
        time.set(time.clock().now() + Duration::from_millis(100));
        let is_broken = numbers.get(broken).is_some_and(|number| after[*number].in_flight > before[*number]);
        pick.finish(if is_broken { Verdict::Failed } else { Verdict::Good });
    }
}

fn works(balancer: &Balancer<()>, number: usize) -> f32 {
    balancer.snapshot().endpoints[number].works
}

fn says(node: usize, good: f32, bad: f32) -> Evidence {
    let endpoints = [("a".to_owned(), Opinion { good, bad })].into();
    Evidence { node: format!("node-{node}"), endpoints }
}

#[test]
fn a_restart_does_not_forget_who_was_broken() {
    // Would break: each restart sends a share of the calls to endpoints that were known to be broken.
    let time = ManualClock::new();
    let old = balancer(time.clock());
    learn(&time, &old, "b");
    let text = format!("{:?}", old.memory());
    let new = balancer(time.clock());
    new.recall(&old.memory(), Duration::from_secs(5));
    let shown = new.snapshot();
    assert_eq!(shown.endpoints[1].standing, Standing::Doubted, "{text}");
    assert_eq!(shown.endpoints[0].standing, Standing::Liked);
    let p50 = shown.endpoints[0].p50_ms.unwrap();
    assert!((80.0..125.0).contains(&p50), "{p50}");
}

#[test]
fn an_old_memory_counts_little() {
    // Would break: yesterday's fault decides where today's calls go.
    let time = ManualClock::new();
    let old = balancer(time.clock());
    learn(&time, &old, "b");
    let new = balancer(time.clock());
    new.recall(&old.memory(), Duration::from_secs(86_400));
    assert_eq!(new.snapshot().endpoints[1].standing, Standing::Liked);
    assert!(works(&new, 1) > 0.7);
}

#[test]
fn a_memory_does_not_overrule_what_is_known() {
    // Would break: a memory that is loaded late undoes what real calls have told.
    let time = ManualClock::new();
    let old = balancer(time.clock());
    learn(&time, &old, "b");
    let new = balancer(time.clock());
    learn(&time, &new, "nobody");
    let before = works(&new, 1);
    new.recall(&old.memory(), Duration::ZERO);
    assert_eq!(works(&new, 1), before);
}

#[test]
fn others_are_heard_from_three_on_and_weigh_little() {
    // Would break: one node that is cut off, or lies, takes an endpoint from everybody: the shared switch that must not be.
    let time = ManualClock::new();
    let balancer = balancer(time.clock());
    let before = works(&balancer, 0);
    balancer.merge(&says(1, 0.0, 1e30));
    (0..100).for_each(|_| balancer.merge(&says(2, 0.0, 29.0)));
    assert_eq!(works(&balancer, 0), before, "two are no quorum, however loud and often");
    balancer.merge(&says(3, 0.0, 29.0));
    let warned = works(&balancer, 0);
    assert!(warned < 0.5, "three who agree are believed where nothing is known: {warned}");
    assert_eq!(balancer.snapshot().ejected, 0, "but nobody is ejected on hearsay");
    let experienced = self::balancer(time.clock());
    learn(&time, &experienced, "nobody");
    (1..=16).for_each(|node| experienced.merge(&says(node, 0.0, 29.0)));
    assert!(works(&experienced, 0) > 0.5, "own calls outweigh all others: {}", works(&experienced, 0));
}

#[test]
fn a_liar_among_three_changes_nothing() {
    // Would break: a quorum that is as bad as its worst member.
    let time = ManualClock::new();
    let balancer = balancer(time.clock());
    balancer.merge(&says(1, 20.0, 0.0));
    balancer.merge(&says(2, 19.0, 1.0));
    balancer.merge(&says(3, 0.0, 29.0));
    assert!(works(&balancer, 0) > 0.8, "{}", works(&balancer, 0));
}

#[test]
fn what_others_said_fades() {
    // Would break: a rumour outlives its cause.
    let time = ManualClock::new();
    let balancer = balancer(time.clock());
    (1..=5).for_each(|node| balancer.merge(&says(node, 0.0, 29.0)));
    assert!(works(&balancer, 0) < 0.5);
    time.set(time.clock().now() + Duration::from_secs(300));
    assert!(works(&balancer, 0) > 0.7, "{}", works(&balancer, 0));
}

#[test]
fn evidence_is_only_what_was_seen() {
    // Would break: nodes repeat each other's rumours until all believe what nobody saw.
    let time = ManualClock::new();
    let balancer = balancer(time.clock());
    (1..=5).for_each(|node| balancer.merge(&says(node, 0.0, 29.0)));
    assert!(balancer.evidence("me").endpoints.is_empty());
    learn(&time, &balancer, "b");
    let evidence = balancer.evidence("me");
    assert!(evidence.endpoints["b"].bad > evidence.endpoints["b"].good);
}

proptest! {
    #[test]
    fn no_memory_and_no_evidence_breaks_it(
        good in any::<f32>(), bad in any::<f32>(), weights in prop::collection::vec(any::<f32>(), 0..120), age in any::<u32>(),
    ) {
        // Would break: a damaged file or a hostile node makes a probability that is none, and every choice after it is wrong.
        let time = ManualClock::new();
        let balancer = balancer(time.clock());
        let remembered = homeostat_resilience::memory::Remembered { good, bad, latencies: weights.clone(), room: good };
        let memory = Memory { endpoints: [("a".to_owned(), remembered)].into(), latencies: weights };
        balancer.recall(&memory, Duration::from_secs(age.into()));
        (0..20).for_each(|node| balancer.merge(&says(node, good, bad)));
        prop_assert!((0.0..=1.0).contains(&works(&balancer, 0)));
        for _ in 0..20 {
            let pick = balancer.pick(&Call::idempotent()).unwrap();
            time.set(time.clock().now() + Duration::from_millis(1));
            pick.finish(Verdict::Good);
        }
        prop_assert!((1..3).all(|number| works(&balancer, number) > 0.5));
    }
}
