//! Coalescing: one answer for all, and nobody who waits for a call that is not being made.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use homeostat_reactor::{ManualClock, Moment};
use homeostat_resilience::{
    Call, Coalesce, CoalesceSettings, Failure, Fallback, FallbackSettings, Listener, PolicyEvent, Refusal, Verdict,
    judge_result,
};
use proptest::prelude::*;

use crate::simulation::{Running, drop_after, run, run_all};

type Pages = Coalesce<&'static str, u64, &'static str>;

fn pages(time: &ManualClock) -> Pages {
    Coalesce::new("pages", CoalesceSettings::default(), time.clock())
}

#[test]
fn equal_calls_share_one_answer_and_later_ones_ask_anew() {
    // Would break: a cold cache that a thousand callers fill, or an answer that is given for ever.
    let time = ManualClock::new();
    let (pages, clock, made) = (pages(&time), time.clock(), Cell::new(0_u64));
    let work = async |_| {
        made.set(made.get() + 1);
        clock.sleep(Duration::from_millis(50)).await;
        if made.get() == 1 { Ok(7) } else { Err("gone") }
    };
    let ask = async |expected: Result<u64, Failure<&'static str>>| {
        assert_eq!(pages.call(&"home", &Call::idempotent(), work).await, expected);
    };
    run_all(&time, (0..100).map(|_| -> Running<'_> { Box::pin(ask(Ok(7))) }).collect());
    assert_eq!(made.get(), 1);
    run_all(&time, (0..100).map(|_| -> Running<'_> { Box::pin(ask(Err(Failure::Inner("gone")))) }).collect());
    assert_eq!((made.get(), pages.keys()), (2, 0));
    let snapshot = pages.snapshot();
    assert_eq!((snapshot.calls, snapshot.led, snapshot.shared, snapshot.alone), (200, 2, 198, 0));
}

#[test]
fn what_may_not_be_done_twice_is_done_for_each() {
    // Would break: two equal orders that become one.
    let time = ManualClock::new();
    let (pages, clock, made) = (pages(&time), time.clock(), Cell::new(0_u64));
    let ask = async || {
        let work = async |_| {
            made.set(made.get() + 1);
            clock.sleep(Duration::from_millis(50)).await;
            Ok(1)
        };
        pages.call(&"order", &Call::default(), work).await.unwrap();
    };
    run_all(&time, (0..3).map(|_| -> Running<'_> { Box::pin(ask()) }).collect());
    assert_eq!((made.get(), pages.snapshot().alone), (3, 3));
}

#[test]
fn with_too_many_keys_calls_are_made_alone() {
    // Would break: memory without a bound, or a call that is refused because of it.
    let time = ManualClock::new();
    let pages: Coalesce<usize, usize, ()> = Coalesce::new("pages", CoalesceSettings { keys_max: 2 }, time.clock());
    let clock = time.clock();
    let ask = async |key: usize| {
        let work = async |_| {
            clock.sleep(Duration::from_millis(50)).await;
            assert!(pages.keys() <= 2);
            Ok(key)
        };
        assert_eq!(pages.call(&key, &Call::idempotent(), work).await, Ok(key));
    };
    run_all(&time, (0..5).map(|key| -> Running<'_> { Box::pin(ask(key)) }).collect());
    assert_eq!((pages.keys(), pages.snapshot().alone), (0, 3));
}

#[test]
fn a_leader_that_runs_out_of_time_hands_over() {
    // Would break: an impatient caller that takes the patient ones with it, or a follower that outlives its own deadline.
    let time = ManualClock::new();
    let (told, clock, made) = (Arc::new(AtomicU32::new(0)), time.clock(), Cell::new(0_u64));
    let counter = Arc::clone(&told);
    let listener = Listener::new(move |event| match event {
        PolicyEvent::TookOver { .. } => drop(counter.fetch_add(1, Ordering::Relaxed)),
        PolicyEvent::Refused { refusal, .. } => assert!(matches!(refusal, Refusal::TimedOut { .. })),
        other => panic!("{other:?}"),
    });
    let pages: Pages = Coalesce::with_listener("pages", CoalesceSettings::default(), time.clock(), listener);
    let ask = async |within_ms: u64, expected: Result<u64, Failure<&'static str>>| {
        let call = Call::idempotent().within(Duration::from_millis(within_ms), &clock);
        let work = async |_| {
            made.set(made.get() + 1);
            clock.sleep(Duration::from_millis(50)).await;
            Ok(made.get())
        };
        assert_eq!(pages.call(&"home", &call, work).await, expected);
        assert!(clock.now() <= call.deadline.unwrap());
    };
    // Others had begun, so nobody is told that nothing was.
    let over = |after_ms| {
        let after = Duration::from_millis(after_ms);
        Err(Failure::Refused(Refusal::TimedOut { name: "pages".to_owned(), after }))
    };
    let calls: Vec<Running<'_>> = vec![
        Box::pin(ask(20, over(20))),
        Box::pin(ask(30, over(30))),
        Box::pin(ask(500, Ok(3))),
        Box::pin(ask(500, Ok(3))),
    ];
    run_all(&time, calls);
    assert_eq!((clock.now(), pages.keys(), time.sleepers()), (Moment::from_millis(80), 0, 0));
    assert_eq!((pages.snapshot().took_over, told.load(Ordering::Relaxed)), (2, 2));
}

#[test]
fn a_leader_that_panics_hands_over() {
    // Would break: one bad caller that leaves a key blocked for ever.
    let time = ManualClock::new();
    let pages = pages(&time);
    let panics = catch_unwind(AssertUnwindSafe(|| {
        run(&time, pages.call(&"home", &Call::idempotent(), async |_| panic!("the caller's own")))
    }));
    assert!(panics.is_err());
    assert_eq!(run(&time, pages.call(&"home", &Call::idempotent(), async |_| Ok(1))), Ok(1));
    assert_eq!(pages.keys(), 0);
}

proptest! {
    #[test]
    fn whoever_goes_away_nobody_hangs(
        callers in prop::collection::vec((0_u64..100, 0_usize..8, prop::option::of(0_u64..150), 0_usize..2), 1..30),
    ) {
        // Would break: a wake-up that is lost when the one that was told goes away, or a key that stays. Callers come at any time,
        // ask for either of two keys, are dropped after any number of polls or stay, with or without a deadline.
        let time = ManualClock::new();
        let (pages, clock) = (pages(&time), time.clock());
        let (under_way, stayed) = ([Cell::new(0_u32), Cell::new(0_u32)], Cell::new(0_usize));
        let running = callers.iter().map(|(at_ms, polls, within_ms, key)| -> Running<'_> {
            let (pages, clock, stayed, under_way) = (&pages, &clock, &stayed, &under_way[*key]);
            Box::pin(async move {
                clock.sleep_until(Moment::from_millis(*at_ms)).await;
                let call = within_ms.map_or(Call::idempotent(), |limit| {
                    Call::idempotent().within(Duration::from_millis(limit), clock)
                });
                let work = async |_| {
                    let _leaves = Enters::now(under_way);
                    clock.sleep(Duration::from_millis(50)).await;
                    Ok(*key as u64)
                };
                let asking = pages.call(&["home", "news"][*key], &call, work);
                // Seven stands for staying.
                if *polls == 7 {
                    let answer = asking.await;
                    assert!(answer == Ok(*key as u64) || (within_ms.is_some() && answer.is_err()));
                    stayed.set(stayed.get() + 1);
                } else {
                    drop_within(*polls, asking).await;
                }
            })
        });
        run_all(&time, running.collect());
        prop_assert_eq!(stayed.get(), callers.iter().filter(|caller| caller.1 == 7).count());
        prop_assert_eq!((pages.keys(), time.sleepers()), (0, 0));
    }
}

/// Work with one key is never under way twice.
struct Enters<'a>(&'a Cell<u32>);

impl<'a> Enters<'a> {
    fn now(under_way: &'a Cell<u32>) -> Self {
        under_way.set(under_way.get() + 1);
        assert_eq!(under_way.get(), 1);
        Self(under_way)
    }
}

impl Drop for Enters<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Polls at most so often, then drops.
async fn drop_within<T>(polls: usize, future: impl Future<Output = T>) {
    let (mut future, mut left) = (Box::pin(future), polls);
    std::future::poll_fn(|context| {
        if left == 0 || future.as_mut().poll(context).is_ready() {
            return std::task::Poll::Ready(());
        }
        left -= 1;
        std::task::Poll::Pending
    })
    .await;
}

#[test]
fn a_fallback_answers_for_what_failed_and_harms_nothing() {
    // Would break: a failure although yesterday's answer is at hand, a good answer that is replaced, or a fallback that hangs.
    let time = ManualClock::new();
    let fallback = Fallback::new("yesterday", FallbackSettings::default(), time.clock());
    let clock = time.clock();
    let play = |result: Result<u64, Failure<&'static str>>, instead: Option<u64>| {
        run(&time, fallback.call(async { result }, judge_result, |_| async move { instead }))
    };
    let refused = Failure::Refused(Refusal::NoEndpoint { name: "news".to_owned() });
    assert_eq!(play(Ok(1), Some(2)), Ok(1));
    assert_eq!(play(Err(refused.clone()), Some(2)), Ok(2));
    assert_eq!(play(Err(refused), None).unwrap_err().refusal().unwrap().to_string(), "`news` has no endpoint");
    let hangs = |_: &Result<u64, Failure<&'static str>>| {
        let sleep = clock.sleep_until(Moment::NEVER);
        async {
            sleep.await;
            None
        }
    };
    let wrong = |_: &Result<u64, Failure<&'static str>>| Verdict::Failed;
    assert_eq!(run(&time, fallback.call(async { Ok(5) }, wrong, hangs)), Ok(5));
    assert_eq!((clock.now(), time.sleepers()), (Moment::from_millis(100), 0));
    let snapshot = fallback.snapshot();
    assert_eq!((snapshot.calls, snapshot.fell_back, snapshot.without), (4, 1, 2));
    for polls in 0..3 {
        drop(drop_after(&time, polls, fallback.call(async { Ok(5) }, wrong, hangs)));
        assert_eq!(time.sleepers(), 0);
    }
}
