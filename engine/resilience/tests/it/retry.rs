//! Retries: when another attempt follows, after which pause, and that it never makes a storm.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use homeostat_reactor::{ManualClock, Moment};
use homeostat_resilience::chance::Chance;
use homeostat_resilience::retry::{Jitter, Pauses};
use homeostat_resilience::stack::{Stack, StackSettings};
use homeostat_resilience::{
    Advice, Budget, BudgetSettings, Call, Failure, Listener, PolicyEvent, Refusal, Retry, RetrySettings, Verdict,
    judge_result,
};
use proptest::prelude::*;

use crate::simulation::{Running, drop_after, run, run_all};
use crate::storm::{Service, advise, any_callers, any_weather, assert_covered, attempts_max, call_number};

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

#[test]
fn pauses_that_end_together_bring_no_more_than_one_window_allows() {
    // Would break: a service that says when it is back, and gets in that second what half a minute has saved up for it.
    for last_ms in [8_000, 30_000] {
        let time = ManualClock::new();
        let clock = time.clock();
        let budget = Budget::new("announced", BudgetSettings { ratio: 0.2, minimum_per_s: 0.0 });
        let settings = RetrySettings { attempts_max: 2, ..RetrySettings::default() };
        let retry =
            Retry::builder("announced", &clock).settings(settings).budget(&budget).chance(Chance::seeded(5)).build();
        let (calls, extra) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
        let running = (0..last_ms).step_by(10).map(|at_ms| -> Running<'_> {
            let (retry, clock, calls, extra) = (&retry, &clock, &calls, &extra);
            Box::pin(async move {
                clock.sleep_until(Moment::from_millis(at_ms)).await;
                let full = |_: &_| Advice::from(Verdict::Full).retry_after(Moment::from_secs(30).since(clock.now()));
                let work = async |attempt: homeostat_resilience::Attempt| {
                    if attempt.number == 1 { calls } else { extra }.borrow_mut().push(clock.now());
                    Err::<(), _>("full")
                };
                assert_eq!(retry.call(&Call::idempotent(), full, work).await, Err(Failure::Inner("full")));
            })
        });
        run_all(&time, running.collect());
        assert_covered(&calls.take(), &extra.borrow(), 0.2, 0.0);
        let (made, snapshot) = (extra.take().len() as u64, retry.snapshot());
        assert_eq!((snapshot.retries, budget.snapshot(clock.now()).extra), (made, made));
        assert_eq!(made > 100, last_ms == 30_000, "{made}: who comes back long after the calls finds nothing");
        assert_eq!(time.sleepers(), 0);
    }
}

#[test]
fn who_waits_for_the_budget_looks_calmly_and_complains_once() {
    // Would break: a call that spins where pauses are none, adds what it was asked to wait to every look, or counts every look.
    for (pause_max_ms, asked_s) in [(0, 0), (100, 3)] {
        let time = ManualClock::new();
        let told = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&told);
        let listener = Listener::new(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let budget = Budget::with_listener("spent", BudgetSettings { ratio: 0.0, minimum_per_s: 0.1 }, listener);
        assert!(budget.pay(&Call::default(), Moment::ZERO));
        let settings = RetrySettings { attempts_max: 3, pause_min_ms: 0, pause_max_ms, ..RetrySettings::default() };
        let settings = RetrySettings { waits_for_budget: true, ..settings };
        let retry = Retry::builder("waits", &time.clock()).settings(settings).budget(&budget).build();
        let advice = Advice::from(Verdict::Full).retry_after(Duration::from_secs(asked_s));
        let call = Call::idempotent().within(Duration::from_secs(60), &time.clock());
        let at = attempts_at(&time, &retry, &call, advice);
        assert!(at.len() == 3 && at[1] >= 10_000 && at[1] <= 10_100, "{at:?}");
        assert!(at[2] >= 20_000 && at[2] <= 20_200, "one in ten seconds: {at:?}");
        assert_eq!((budget.snapshot(Moment::ZERO).refused, told.load(Ordering::Relaxed)), (1, 1));
    }
}

#[test]
fn nobody_waits_for_a_budget_that_can_never_pay() {
    // Would break: every failed call hangs until its deadline, or for ever without one, where retries are switched off.
    let time = ManualClock::new();
    let budget = Budget::new("none", BudgetSettings { ratio: 0.0, minimum_per_s: 0.0 });
    let settings = RetrySettings { waits_for_budget: true, ..RetrySettings::default() };
    let retry = Retry::builder("orders", &time.clock()).settings(settings).budget(&budget).build();
    assert_eq!(attempts_at(&time, &retry, &Call::idempotent(), Verdict::Failed.into()), [0]);
    assert_eq!((time.clock().now(), retry.snapshot().budget_spent), (Moment::ZERO, 1));
}

#[test]
fn no_answer_is_held_during_a_pause() {
    // Would break: thousands of calls in their pauses, each with a connection and a body that nobody will read.
    let time = ManualClock::new();
    let budget = Budget::new("once", BudgetSettings { ratio: 1.0, minimum_per_s: 0.0 });
    let retry = Retry::builder("bodies", &time.clock()).budget(&budget).build();
    let body = Arc::new(());
    let later = |_: &_| Advice::from(Verdict::Full).retry_after(Duration::from_secs(20));
    let call = Call::idempotent();
    let mut calling = Box::pin(retry.call(&call, later, async |_| Ok::<_, ()>(Arc::clone(&body))));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(calling.as_mut().poll(&mut context).is_pending());
    assert_eq!(Arc::strong_count(&body), 1);
    let given_up = run(&time, calling).unwrap_err();
    assert!(matches!(given_up.refusal(), Some(Refusal::TimedOut { .. })), "the budget covers it no more: {given_up:?}");
    assert_eq!(budget.snapshot(Moment::from_secs(60)).refused, 1);
}

#[test]
fn the_last_attempt_of_a_stack_that_answers_has_recovered_the_call() {
    // Would break: a stack whose numbers say that its retries help nobody.
    let time = ManualClock::new();
    let settings = StackSettings { attempts_max: 2, ..StackSettings::default() };
    let stack = Stack::builder("shop", &time.clock()).settings(settings).seed(7).build().unwrap();
    stack.endpoints().insert("only", ());
    let made = Cell::new(0);
    let work = |_, _| {
        made.set(made.get() + 1);
        let result = if made.get() == 1 { Err("down") } else { Ok(()) };
        async move { result }
    };
    let judge = |result: Result<&(), &&str>| if result.is_ok() { Verdict::Good } else { Verdict::Failed };
    assert_eq!(run(&time, stack.call(&Call::idempotent(), judge, work)), Ok(()));
    let retry = stack.snapshot().retry;
    assert_eq!((made.get(), retry.retries, retry.recovered), (2, 1, 1));
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
        let (calls, extra) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
        let running = callers.iter().enumerate().map(|(index, at_ms)| -> Running<'_> {
            let (service, retry, clock, calls, extra) = (&service, &retry, &clock, &calls, &extra);
            Box::pin(async move {
                clock.sleep_until(Moment::from_millis(*at_ms)).await;
                let call = call_number(index, clock);
                let attempt = |attempt: homeostat_resilience::Attempt| {
                    if attempt.number == 1 { calls } else { extra }.borrow_mut().push(clock.now());
                    service.attempt()
                };
                let _ = retry.call(&call, advise, attempt).await;
                assert!(clock.now() <= call.deadline.unwrap(), "no call outlives its deadline");
            })
        });
        run_all(&time, running.collect());
        let most = attempts_max(callers.len() as u64, 0.2, f64::from(minimum), clock.now());
        prop_assert!(service.attempts.get() <= most, "{} attempts, at most {most}", service.attempts.get());
        assert_covered(&calls.take(), &extra.take(), 0.2, f64::from(minimum));
        prop_assert_eq!(budget.snapshot(clock.now()).extra + callers.len() as u64, service.attempts.get());
        prop_assert_eq!(time.sleepers(), 0);
    }
}
