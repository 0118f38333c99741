//! What all policies share: calls, chance, failures.

use std::time::Duration;

use homeostat_reactor::{ManualClock, Moment};
use homeostat_resilience::chance::Chance;
use homeostat_resilience::{Call, Failure, Priority, Refusal};

#[test]
fn a_deadline_only_ever_comes_nearer() {
    // Would break: a call deep inside that gives itself more time than whoever waits for it has.
    let manual = ManualClock::new();
    manual.set(Moment::from_secs(10));
    let clock = manual.clock();
    let call = Call::default().within(Duration::from_secs(2), &clock);
    assert_eq!(call.within(Duration::from_secs(5), &clock).deadline, Some(Moment::from_secs(12)));
    assert_eq!(call.within(Duration::from_secs(1), &clock).deadline, Some(Moment::from_secs(11)));
    assert_eq!(call.remaining(Moment::from_secs(11)), Some(Duration::from_secs(1)));
    assert_eq!(call.remaining(Moment::from_secs(20)), Some(Duration::ZERO));
    assert!(call.is_over(Moment::from_secs(12)) && !call.is_over(Moment::from_secs(11)));
    assert!(!Call::default().is_over(Moment(u64::MAX)));
}

#[test]
fn chance_is_the_same_for_the_same_seed_and_even() {
    // Would break: simulations that cannot be repeated, or a balancer that prefers an endpoint for its place in the list.
    let (one, other) = (Chance::seeded(7), Chance::seeded(7));
    assert!((0..100).all(|_| one.next_u64() == other.next_u64()));
    let mut hits = [0_u32; 10];
    (0..100_000).for_each(|_| hits[one.below(10)] += 1);
    assert!(hits.iter().all(|hits| (9_500..10_500).contains(hits)), "{hits:?}");
    let mean = (0..100_000).map(|_| one.fraction()).sum::<f64>() / 100_000.0;
    assert!((0.49..0.51).contains(&mean), "{mean}");
    assert_eq!(one.below(0), 0);
}

#[test]
fn a_failure_tells_the_callers_error_from_a_refusal() {
    // Would break: a caller that takes a refusal for an answer of the other side.
    let own: Failure<String> = Failure::Inner("no such order".to_owned());
    let refused: Failure<String> = Refusal::Shed { name: "orders".to_owned(), priority: Priority::Low }.into();
    assert_eq!((own.to_string(), own.refusal()), ("no such order".to_owned(), None));
    assert_eq!(refused.to_string(), "`orders` sheds calls of priority low");
    assert_eq!(refused.into_inner(), None);
}

#[test]
fn the_least_important_is_the_greatest() {
    // Would break: shedding from the wrong end.
    assert!(Priority::ALL.is_sorted());
    assert!(Priority::Critical < Priority::Background);
}
