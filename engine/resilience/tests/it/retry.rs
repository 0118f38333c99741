//! Retries: when another attempt follows, after which pause, and that it never makes a storm.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use homeostat_reactor::{ManualClock, Moment};
use homeostat_resilience::chance::Chance;
use homeostat_resilience::retry::{Jitter, Pauses};
use homeostat_resilience::{
    Advice, Budget, BudgetSettings, Call, Failure, Listener, PolicyEvent, Refusal, Retry, RetrySettings, Verdict,
    judge_result,
};
use proptest::prelude::*;

use crate::simulation::{Running, drop_after, run, run_all};
use crate::storm::{Service, advise, any_callers, any_weather, attempts_max, call_number};

const PLENTY: BudgetSettings = BudgetSettings { ratio: 5.0, minimum_per_s: 100.0 };

fn retry(time: &ManualClock, settings: RetrySettings) -> Retry {
    let budget = Budget::new("plenty", PLENTY);
    Retry::builder("orders", &time.clock()).settings(settings).budget(&budget).chance(Chance::seeded(1)).build()
}

/// The moments of the attempts at a call that fails always, in milliseconds.
fn attempts_at(time: &ManualClock, retry: &Retry, call: &Call, advice: Advice) -> Vec<u64> {
    let moments = RefCell::new(Vec::new());
    let result = run(
        time,
        retry.call(
            call,
            |_| advice,
            |attempt| {
                moments.borrow_mut().push(time.clock().now().0 / 1_000_000);
                async move { Err::<(), _>(attempt.number) }
            },
        ),
    );
    let moments = moments.into_inner();
    assert_eq!(result, Err(Failure::Inner(moments.len() as u32)), "the last attempt's own error");
    moments
}

#[test]
fn another_attempt_follows_a_failure_and_the_good_answer_ends_it() {
    // Would break: giving up at the first failure, or going on after the answer is there.
    let time = ManualClock::new();
    let told = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&told);
    let listener = Listener::new(move |event| {
        let PolicyEvent::Retried { attempt, .. } = event else { panic!("{event:?}") };
        counter.fetch_add(*attempt, Ordering::Relaxed);
    });
    let retry = Retry::builder("orders", &time.clock()).listener(listener).build();
    let work = async |attempt: homeostat_resilience::Attempt| {
        if attempt.number < 3 { Err("not yet") } else { Ok(attempt.number) }
    };
    assert_eq!(run(&time, retry.call(&Call::idempotent(), judge_result, work)), Ok(3));
    let snapshot = retry.snapshot();
    assert_eq!((snapshot.calls, snapshot.retries, snapshot.recovered), (1, 2, 1));
    assert_eq!(told.load(Ordering::Relaxed), 2 + 3);
}

#[test]
fn what_may_have_begun_is_not_done_twice() {
    // Would break: an order that is sent twice. It is tried again only when the other side never began.
    let time = ManualClock::new();
    let retry = retry(&time, RetrySettings::default());
    let failed = Advice::from(Verdict::Failed);
    assert_eq!(attempts_at(&time, &retry, &Call::default(), failed).len(), 1);
    assert_eq!(attempts_at(&time, &retry, &Call::default(), failed.never_began()).len(), 3);
    assert_eq!(attempts_at(&time, &retry, &Call::idempotent(), failed).len(), 3);
    assert_eq!(attempts_at(&time, &retry, &Call::idempotent(), Verdict::Ignored.into()).len(), 1);
    let snapshot = retry.snapshot();
    assert_eq!((snapshot.not_repeatable, snapshot.no_attempts_left, snapshot.recovered), (1, 2, 0));
}

#[test]
fn who_asks_to_be_left_alone_is() {
    // Would break: callers that come back while they are told to stay away, or all in the same instant afterwards.
    let time = ManualClock::new();
    let retry = retry(&time, RetrySettings { attempts_max: 2, ..RetrySettings::default() });
    let full = Advice::from(Verdict::Full);
    let later = full.retry_after(Duration::from_secs(2));
    let returns: Vec<u64> =
        (0..20).map(|_| attempts_at(&time, &retry, &Call::idempotent(), later)).map(|at| at[1] - at[0]).collect();
    assert!(returns.iter().all(|pause| *pause > 2_000 && *pause <= 2_150), "{returns:?}");
    assert!(returns.iter().any(|pause| *pause != returns[0]), "{returns:?}");
    let in_an_hour = full.retry_after(Duration::from_secs(3_600));
    assert_eq!(attempts_at(&time, &retry, &Call::idempotent(), in_an_hour).len(), 1, "nobody waits for that");
}

#[test]
fn a_pause_that_would_not_end_in_time_is_not_begun() {
    // Would break: a caller that waits for nothing, and gets the deadline instead of the error that is known already.
    let time = ManualClock::new();
    let retry = retry(&time, RetrySettings::default());
    let call = Call::idempotent().within(Duration::from_millis(40), &time.clock());
    assert_eq!(attempts_at(&time, &retry, &call, Verdict::Failed.into()), [0]);
    assert_eq!(retry.snapshot().no_time_left, 1);
    assert_eq!(time.clock().now(), Moment::ZERO);
}

#[test]
fn an_attempt_has_its_own_limit_and_never_more_than_is_left() {
    // Would break: one attempt that hangs and takes the time of all, or an attempt that outlives the call.
    let time = ManualClock::new();
    let clock = time.clock();
    let settings = RetrySettings { attempt_limit_ms: 400, attempts_max: 9, ..RetrySettings::default() };
    let retry = retry(&time, settings);
    let call = Call::idempotent().within(Duration::from_millis(1_500), &clock);
    let given = RefCell::new(Vec::new());
    let hang = |attempt: homeostat_resilience::Attempt| {
        given.borrow_mut().push(attempt.call.remaining(clock.now()).unwrap());
        let sleep = clock.sleep_until(Moment::NEVER);
        async {
            sleep.await;
            Ok::<(), ()>(())
        }
    };
    let result = run(&time, retry.call(&call, judge_result, hang));
    assert!(result.unwrap_err().refusal().is_some());
    assert!(clock.now() <= call.deadline.unwrap());
    let over = run(&time, retry.call(&Call { deadline: Some(Moment::ZERO), ..call }, judge_result, hang));
    assert_eq!(over, Err(Failure::Refused(Refusal::DeadlinePassed)));
    let given = given.take();
    assert!(given.len() > 2 && given.iter().all(|left| *left <= Duration::from_millis(400)), "{given:?}");
}

#[test]
fn without_budget_the_failure_comes_at_once() {
    // Would break: a storm in which every caller waits for an attempt that is not made.
    let time = ManualClock::new();
    let budget = Budget::new("none", BudgetSettings { ratio: 0.0, minimum_per_s: 0.0 });
    let retry = Retry::builder("orders", &time.clock()).budget(&budget).build();
    assert_eq!(attempts_at(&time, &retry, &Call::idempotent(), Verdict::Failed.into()), [0]);
    assert_eq!((retry.snapshot().budget_spent, budget.snapshot(Moment::ZERO).refused), (1, 1));
}

#[test]
fn settings_change_for_calls_that_begin() {
    // Would break: a reload that needs a restart, or a number of attempts that allows none.
    let time = ManualClock::new();
    let retry = retry(&time, RetrySettings::default());
    retry.reload(RetrySettings { attempts_max: 0, ..RetrySettings::default() });
    assert_eq!(attempts_at(&time, &retry, &Call::idempotent(), Verdict::Failed.into()).len(), 1);
    retry.reload(RetrySettings { attempts_max: 5, ..RetrySettings::default() });
    assert_eq!(attempts_at(&time, &retry, &Call::idempotent(), Verdict::Failed.into()).len(), 5);
}

#[test]
fn a_call_dropped_anywhere_leaves_nothing_behind() {
    // Would break: timers that stay, or attempts that are paid for and never made.
    for polls in 0..12 {
        let time = ManualClock::new();
        let clock = time.clock();
        let budget = Budget::new("dropped", PLENTY);
        let retry = Retry::builder("orders", &clock).budget(&budget).chance(Chance::seeded(3)).build();
        let begun = Cell::new(0_u64);
        let slow = |_| {
            begun.set(begun.get() + 1);
            let sleep = clock.sleep(Duration::from_millis(10));
            async {
                sleep.await;
                Err::<(), ()>(())
            }
        };
        let call = Call::idempotent().within(Duration::from_secs(60), &clock);
        drop(drop_after(&time, polls, retry.call(&call, judge_result, slow)));
        assert_eq!(time.sleepers(), 0, "after {polls} polls");
        assert_eq!(budget.snapshot(clock.now()).extra, begun.get().saturating_sub(1), "after {polls} polls");
    }
}

proptest! {
    #[test]
    fn pauses_keep_their_bounds(
        fractions in prop::collection::vec(0.0..1.0_f64, 1..50),
        pause_min_ms in 0_u64..10_000,
        pause_max_ms in 0_u64..10_000,
    ) {
        // Would break: a pause of none, so that callers spin, or one without an end.
        for jitter in [Jitter::Decorrelated, Jitter::Exponential] {
            let settings = RetrySettings { pause_min_ms, pause_max_ms, jitter, ..RetrySettings::default() };
            let mut pauses = Pauses::new(settings);
            for fraction in &fractions {
                let pause = pauses.next(*fraction);
                prop_assert!(pause <= Duration::from_millis(pause_max_ms));
                let least = pause_min_ms.min(pause_max_ms);
                prop_assert!(jitter == Jitter::Exponential || pause >= Duration::from_millis(least));
            }
        }
    }

    #[test]
    fn no_failure_makes_a_storm(weather in any_weather(), callers in any_callers(), minimum in 0_u32..3, seed: u64) {
        // Would break: more reaching the service in its worst hour than the ratio and the minimum allow; a call that hangs.
        let time = ManualClock::new();
        let clock = time.clock();
        let budget = Budget::new("storm", BudgetSettings { ratio: 0.2, minimum_per_s: f64::from(minimum) });
        let settings = RetrySettings { attempts_max: 20, pause_min_ms: 1, ..RetrySettings::default() };
        let retry = Retry::builder("storm", &clock).settings(settings).budget(&budget).chance(Chance::seeded(seed)).build();
        let service = Service::new(&time, weather);
        let running = callers.iter().enumerate().map(|(index, at_ms)| -> Running<'_> {
            let (service, retry, clock) = (&service, &retry, &clock);
            Box::pin(async move {
                clock.sleep_until(Moment::from_millis(*at_ms)).await;
                let call = call_number(index, clock);
                let _ = retry.call(&call, advise, |_| service.attempt()).await;
                assert!(clock.now() <= call.deadline.unwrap(), "no call outlives its deadline");
            })
        });
        run_all(&time, running.collect());
        let most = attempts_max(callers.len() as u64, 0.2, f64::from(minimum), clock.now());
        prop_assert!(service.attempts.get() <= most, "{} attempts, at most {most}", service.attempts.get());
        prop_assert_eq!(budget.snapshot(clock.now()).extra + callers.len() as u64, service.attempts.get());
        prop_assert_eq!(time.sleepers(), 0);
    }
}
