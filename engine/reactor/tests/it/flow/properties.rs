//! Whatever is asked, given up and waited for, a limiter does what the model does.

use std::time::Duration;

use homeostat_reactor::Moment;
use homeostat_reactor::flow::{Rate, RateLimiter};
use proptest::prelude::*;

use super::model::{Model, World};

#[derive(Debug, Clone)]
enum Step {
    Pass(u64),
    Ask(u32),
    TryAsk(u32),
    Leave(usize),
}

fn steps(burst: u32) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0u64..400_000_000).prop_map(Step::Pass),
        (1..=burst).prop_map(Step::Ask),
        (1..=burst).prop_map(Step::Ask),
        (1..=burst).prop_map(Step::TryAsk),
        any::<usize>().prop_map(Step::Leave),
    ];
    proptest::collection::vec(step, 1..80)
}

fn rates() -> impl Strategy<Value = (Rate, u32)> {
    let per = prop_oneof![Just(Duration::from_secs(1)), (1u64..3_000_000_000).prop_map(Duration::from_nanos)];
    (1u32..50, per, 1u32..8).prop_map(|(permits, per, burst)| (Rate::new(permits, per), burst))
}

/// A limiter of either kind.
fn limiter(gcra: bool, rate: Rate, burst: u32) -> World {
    World::new(|time| match gcra {
        true => RateLimiter::gcra(rate, burst, time.clock()).unwrap(),
        false => RateLimiter::token_bucket(rate, burst, time.clock()).unwrap(),
    })
}

/// Whether any window of these grants holds more than the burst and what the rate earns in it.
fn exceeds(grants: &[(usize, u64, u32)], rate: Rate, burst: u32) -> bool {
    let per = rate.per.as_nanos();
    (0..grants.len()).any(|first| {
        let mut units = 0;
        grants[first..].iter().any(|(_, at, tokens)| {
            units += u128::from(*tokens) * per;
            units > u128::from(burst) * per + u128::from(at - grants[first].1) * u128::from(rate.permits)
        })
    })
}

proptest! {
    #[test]
    fn both_kinds_do_what_the_model_does(
        ((rate, burst), steps) in rates().prop_flat_map(|(rate, burst)| (Just((rate, burst)), steps(burst))),
        gcra in any::<bool>(),
    ) {
        // Would break: a grant too early or too late, a token lost with a waiter who gave up, somebody who overtakes, a waking
        // that is lost, a limiter that spins, a timer that stays behind.
        let mut world = limiter(gcra, rate, burst);
        let mut model = Model::new(rate, burst);
        let mut gave_up = false;
        for step in steps {
            match step {
                Step::Pass(nanos) => {
                    world.pass(nanos);
                    model.pass(nanos);
                }
                Step::Ask(tokens) => {
                    let who = world.ask(tokens);
                    model.ask(who, tokens);
                }
                Step::TryAsk(tokens) => {
                    prop_assert_eq!(world.limiter.try_acquire(tokens).is_ok(), model.try_ask(tokens));
                }
                Step::Leave(place) => {
                    gave_up = true;
                    if let Some(who) = world.leave(place) {
                        model.leave(who);
                    }
                }
            }
            let snapshot = world.limiter.snapshot();
            prop_assert_eq!(snapshot.waiting, model.line.len());
            prop_assert!(world.time.sleepers() <= model.line.len());
            // Who is served in the same moment is polled in any order.
            let mut seen: Vec<_> = world.granted.iter().map(|(who, at, _)| (*who, *at)).collect();
            seen.sort_by_key(|(who, at)| (*at, *who));
            prop_assert_eq!(&seen, &model.granted);
        }
        prop_assert!(!exceeds(&world.granted, rate, burst));
        // Asked once and told once: only somebody else's giving up may cost a further look, and a rate of which no whole number
        // of nanoseconds lies between two tokens, whose waits are known to within one a waiter ahead.
        let even = rate.per.as_nanos() % u128::from(rate.permits) == 0;
        prop_assert!(gave_up || !even || world.polls_max <= 2, "{} polls", world.polls_max);
        world.pass(u64::MAX / 4);
        prop_assert!(world.askers.is_empty());
        prop_assert_eq!(world.time.sleepers(), 0);
    }

    #[test]
    fn tokens_granted_to_who_gives_up_before_it_looks_are_not_lost(
        (rate, burst) in rates(),
        rounds in proptest::collection::vec((0u64..3_000_000_000, proptest::collection::vec(any::<bool>(), 8)), 1..30),
        gcra in any::<bool>(),
    ) {
        // Would break: tokens lost or made when a future is dropped between its grant and its next poll.
        let mut world = limiter(gcra, rate, burst);
        let mut model = Model::new(rate, burst);
        for (nanos, leaves) in rounds {
            while world.askers.len() < 8 {
                let tokens = 1 + u32::try_from(world.askers.len()).unwrap() % burst;
                let who = world.ask(tokens);
                model.ask(who, tokens);
            }
            world.time.set(world.time.clock().now() + Duration::from_nanos(nanos));
            // Has the limiter grant; nobody who is granted something looks before some have left.
            world.limiter.snapshot();
            let leavers = world.askers.iter().zip(&leaves).filter(|(_, leaves)| **leaves).map(|(asker, _)| asker.who);
            let leavers: Vec<usize> = leavers.collect();
            world.askers.retain(|asker| !leavers.contains(&asker.who));
            world.poll_the_woken();
            model.line.retain(|(who, _)| !leavers.contains(who));
            model.jump(nanos);
            let mut seen: Vec<_> = world.granted.iter().map(|(who, at, _)| (*who, *at)).collect();
            seen.sort_by_key(|(who, at)| (*at, *who));
            prop_assert_eq!(&seen, &model.granted);
        }
        prop_assert!(!exceeds(&world.granted, rate, burst));
    }

    #[test]
    fn the_wait_that_is_told_is_the_wait_it_takes(
        (rate, burst) in rates(), waiting in proptest::collection::vec(1u32..8, 0..6), asked in 1u32..8, gcra in any::<bool>(),
    ) {
        // Would break: a hint that sends callers away for too long or has them come back too soon.
        let mut world = limiter(gcra, rate, burst);
        let asked = asked.min(burst);
        world.ask(burst);
        for tokens in &waiting {
            world.ask(*tokens.min(&burst));
        }
        let Err(homeostat_reactor::flow::RateError::NotYet { wait }) = world.limiter.try_acquire(asked) else {
            return Err(TestCaseError::fail("the burst is used up"));
        };
        let nanos = u64::try_from(wait.as_nanos()).unwrap();
        world.pass(nanos - 1);
        prop_assert!(world.limiter.try_acquire(asked).is_err());
        // Each wait ahead is rounded up to a nanosecond.
        world.pass(1 + u64::try_from(waiting.len()).unwrap());
        prop_assert_eq!(world.limiter.try_acquire(asked), Ok(()));
    }

    #[test]
    fn a_clock_that_goes_back_neither_grants_a_burst_nor_hangs(
        (rate, burst) in rates(), jumps in proptest::collection::vec((0u64..2_000_000_000, 0u64..2_000_000_000), 1..10), gcra in any::<bool>(),
    ) {
        // Would break: a bucket that is refilled by the same time twice, or that waits for the old time to come again.
        let mut world = limiter(gcra, rate, burst);
        world.jump(Moment::from_secs(3_600));
        let mut forward = 0;
        for (ahead, back) in jumps {
            while world.askers.len() < 4 {
                world.ask(burst);
            }
            world.pass(ahead);
            forward += ahead;
            world.jump(world.time.clock().now().before(Duration::from_nanos(back)));
            // The clock tells nobody that it was turned back; whoever comes next does.
            world.limiter.snapshot();
            world.poll_the_woken();
            let granted: u128 = world.granted.iter().map(|(_, _, tokens)| u128::from(*tokens)).sum();
            let allowed = u128::from(burst) * rate.per.as_nanos() + u128::from(forward) * u128::from(rate.permits);
            prop_assert!(granted * rate.per.as_nanos() <= allowed);
        }
        let full = u128::from(burst) * rate.per.as_nanos();
        let longest = u64::try_from(full.div_ceil(u128::from(rate.permits))).unwrap() * 4;
        world.pass(longest);
        prop_assert!(world.askers.is_empty(), "whoever waited is served within the time it takes from here");
    }

    #[test]
    fn a_change_of_rate_holds_for_those_who_wait(
        (rate, burst) in rates(), (next, next_burst) in rates(), asks in proptest::collection::vec(1u32..8, 1..8), gcra in any::<bool>(),
    ) {
        // Would break: waiters that sleep on by the old rate, or tokens made or lost by the change.
        let mut world = limiter(gcra, rate, burst);
        world.ask(burst);
        let mut line: Vec<u32> = asks.iter().map(|tokens| (*tokens).min(burst)).collect();
        for tokens in &line {
            world.ask(*tokens);
        }
        world.limiter.change(next, next_burst).unwrap();
        world.poll_the_woken();
        prop_assert_eq!(world.refused.len(), line.iter().filter(|tokens| **tokens > next_burst).count());
        line.retain(|tokens| *tokens <= next_burst);
        // The bucket was empty and nothing has been earned since: the line is served as by a new one that starts empty.
        let mut model = Model::new(next, next_burst);
        model.ask(usize::MAX, next_burst);
        line.iter().enumerate().for_each(|(who, tokens)| model.ask(who, *tokens));
        world.pass(u64::MAX / 4);
        model.pass(u64::MAX / 4);
        let times: Vec<_> = world.granted.iter().map(|(_, at, _)| *at).collect();
        let expected: Vec<_> = model.granted.iter().map(|(_, at)| *at).collect();
        prop_assert_eq!(times, expected);
    }
}
