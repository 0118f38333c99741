//! What the breaker promises to callers, each by itself.

use std::future::pending;
use std::task::{Context, Waker};
use std::time::Duration;

use homeostat_reactor::{Clock, Moment};
use homeostat_resilience::breaker::{Breaker, BreakerSettings, InvalidBreaker, WindowShape};
use homeostat_resilience::{Call, Failure, Priority, Refusal, Verdict, judge_result};

use super::{answered, breaker, on, settings, state};

#[tokio::test]
async fn an_open_one_never_touches_what_it_guards() {
    // Would break: an open breaker that first makes, or polls, the inner call: a hung endpoint would hang its callers.
    let (breaker, _time) = breaker(settings());
    answered(&breaker, &[Verdict::Failed; 4]);
    let refused = breaker
        .call(&Call::default(), judge_result, || -> std::future::Pending<Result<(), ()>> { unreachable!() })
        .await;
    let Err(Failure::Refused(Refusal::Open { name, retry_in })) = refused else { panic!("{refused:?}") };
    assert_eq!(name, "orders");
    assert!((Duration::from_secs(5)..=Duration::from_millis(5_500)).contains(&retry_in), "{retry_in:?}");
    assert_eq!(breaker.snapshot().refused, 1);
}

#[test]
fn what_is_full_or_the_callers_own_fault_never_opens_it() {
    // Would break: a busy healthy endpoint that is cut off for being busy; a client that opens it for all with its own mistakes.
    let (breaker, _time) = breaker(settings());
    answered(&breaker, &[Verdict::Full; 50]);
    answered(&breaker, &[Verdict::Ignored; 50]);
    assert_eq!((state(&breaker).as_str(), breaker.snapshot().calls), ("closed", 0));
    // And it does not hide behind being busy: of what it took up, all failed.
    answered(
        &breaker,
        &[Verdict::Full, Verdict::Failed, Verdict::Full, Verdict::Failed, Verdict::Failed, Verdict::Failed],
    );
    assert_eq!(state(&breaker), "open");
}

#[test]
fn a_full_trial_proves_life() {
    // Would break: an endpoint that recovers under load and is kept out for having no room.
    let (breaker, time) = breaker(settings());
    answered(&breaker, &[Verdict::Failed; 4]);
    on(&time, Duration::from_secs(6));
    answered(&breaker, &[Verdict::Full; 3]);
    assert_eq!(state(&breaker), "closed");
}

#[test]
fn slow_calls_open_it_also_those_given_up() {
    // Would break: a hanging endpoint behind callers that give up: no answer ever says that it failed.
    let (breaker, time) = breaker(settings());
    let permits: Vec<_> = (0..4).map(|_| breaker.begin(Priority::Normal).unwrap()).collect();
    drop(breaker.begin(Priority::Normal));
    assert_eq!(breaker.snapshot().calls, 0, "given up at once: that says nothing");
    on(&time, Duration::from_secs(1));
    drop(permits);
    assert_eq!((state(&breaker).as_str(), breaker.snapshot().slow_rate), ("open", 1.0));
}

#[test]
fn pauses_double_up_to_their_limit_and_start_anew() {
    // Would break: an endpoint that is dead for a day and is tried every five seconds, or one that recovered and is punished.
    let (breaker, time) = breaker(settings());
    answered(&breaker, &[Verdict::Failed; 4]);
    for expected_secs in [5, 10, 20, 40, 60, 60] {
        let pause = breaker.snapshot().retry_in.as_secs_f64();
        let least = f64::from(expected_secs);
        assert!((least..=least * 1.1).contains(&pause), "{pause} for {least}");
        on(&time, Duration::from_secs(70));
        answered(&breaker, &[Verdict::Failed; 2]);
    }
    on(&time, Duration::from_secs(70));
    answered(&breaker, &[Verdict::Good; 3]);
    assert_eq!((state(&breaker).as_str(), breaker.snapshot().calls), ("closed", 0));
    answered(&breaker, &[Verdict::Failed; 4]);
    assert!(breaker.snapshot().retry_in < Duration::from_secs(6));
}

#[test]
fn a_clock_that_goes_back_does_not_keep_it_open_for_longer() {
    // Would break: an hour back on the clock that becomes an hour without service.
    let (breaker, time) = breaker(settings());
    time.set(Moment::from_secs(7_200));
    answered(&breaker, &[Verdict::Failed; 4]);
    time.set(Moment::from_secs(3_600));
    assert!(breaker.snapshot().retry_in < Duration::from_secs(6));
    on(&time, Duration::from_secs(6));
    answered(&breaker, &[Verdict::Good; 3]);
    assert_eq!(state(&breaker), "closed");
    time.set(Moment(u64::MAX));
    time.set(Moment::ZERO);
    answered(&breaker, &[Verdict::Good]);
    assert_eq!(state(&breaker), "closed");
}

#[test]
fn trials_that_hang_are_written_off() {
    // Would break: a half-open breaker whose trials never answer, and which therefore never tries again.
    let (breaker, time) = breaker(BreakerSettings { slow_after_ms: None, ..settings() });
    answered(&breaker, &[Verdict::Failed; 4]);
    on(&time, Duration::from_secs(6));
    let hung: Vec<_> = (0..3).map(|_| breaker.begin(Priority::Normal).unwrap()).collect();
    assert!(breaker.begin(Priority::Normal).is_err());
    on(&time, Duration::from_secs(60));
    assert!(breaker.begin(Priority::Normal).is_err());
    assert_eq!(state(&breaker), "open");
    on(&time, Duration::from_secs(12));
    answered(&breaker, &[Verdict::Good]);
    hung.into_iter().for_each(|permit| permit.end(Verdict::Failed));
    assert_eq!(state(&breaker), "half_open", "what they say in the end is of an earlier round");
    answered(&breaker, &[Verdict::Good; 2]);
    assert_eq!(state(&breaker), "closed");
}

#[test]
fn a_call_dropped_at_any_await_leaves_nothing_behind() {
    // Would break: a trial lost with its caller, so that after a few of them the breaker never closes.
    let (breaker, time) = breaker(settings());
    answered(&breaker, &[Verdict::Failed; 4]);
    on(&time, Duration::from_secs(6));
    for polls in 0..4 {
        for _ in 0..5 {
            let work = || async {
                for _ in 0..2 {
                    tokio::task::yield_now().await;
                }
                pending::<Result<(), ()>>().await
            };
            let call = Call::default();
            let mut calling = Box::pin(breaker.call(&call, judge_result, work));
            for _ in 0..polls {
                assert!(calling.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            }
            drop(calling);
            assert_eq!(breaker.snapshot().trials_under_way, 0, "after {polls} polls");
        }
    }
    answered(&breaker, &[Verdict::Good; 3]);
    assert_eq!(state(&breaker), "closed");
}

#[test]
fn a_call_that_panics_has_failed() {
    // Would break: an endpoint whose answers make the client panic, and which looks as if nobody had asked it.
    let (breaker, _time) = breaker(BreakerSettings { calls_min: 1, ..settings() });
    let inside = breaker.clone();
    let panicked = std::thread::spawn(move || {
        let _permit = inside.begin(Priority::Normal).unwrap();
        panic!("a bad answer");
    });
    assert!(panicked.join().is_err());
    assert_eq!(state(&breaker), "open");
}

#[test]
fn the_hand_overrules_it_until_released() {
    // Would break: a breaker that cannot be opened for maintenance, or closed when it is wrong.
    let (breaker, _time) = breaker(settings());
    let before = breaker.begin(Priority::Normal).unwrap();
    breaker.force_open();
    breaker.force_open();
    assert!(breaker.begin(Priority::Normal).is_err());
    before.end(Verdict::Good);
    breaker.release();
    answered(&breaker, &[Verdict::Good]);
    assert_eq!(state(&breaker), "half_open", "by way of trials");
    breaker.force_closed();
    answered(&breaker, &[Verdict::Failed; 20]);
    assert_eq!((state(&breaker).as_str(), breaker.snapshot().failure_rate), ("forced_closed", 1.0));
    breaker.release();
    answered(&breaker, &[Verdict::Failed]);
    assert_eq!(state(&breaker), "open", "with all that it counted");
}

#[test]
fn new_settings_keep_what_was_learned() {
    // Would break: a reload in the middle of an outage that makes it begin from nothing.
    let shapes =
        [WindowShape::Calls(20), WindowShape::Calls(8), WindowShape::TimeMs(5_000), WindowShape::TimeMs(60_000)];
    for (from, to) in shapes.iter().flat_map(|from| shapes.map(|to| (*from, to))) {
        let with = |window| BreakerSettings { window, calls_min: 8, failure_rate: 0.9, ..settings() };
        let (breaker, _time) = breaker(with(from));
        answered(
            &breaker,
            &[Verdict::Good, Verdict::Failed, Verdict::Good, Verdict::Failed, Verdict::Good, Verdict::Failed],
        );
        breaker.reload(with(to)).unwrap();
        let snapshot = breaker.snapshot();
        assert_eq!((snapshot.calls, snapshot.failure_rate), (6, 0.5), "{from:?} to {to:?}");
    }
    let (breaker, _time) = breaker(BreakerSettings { open_ms_max: 60_000, open_ms: 60_000, ..settings() });
    answered(&breaker, &[Verdict::Failed; 4]);
    breaker.reload(settings()).unwrap();
    assert_eq!(state(&breaker), "open");
    breaker.reload(BreakerSettings { open_ms_max: 5_000, ..settings() }).unwrap();
    assert!(breaker.snapshot().retry_in <= Duration::from_millis(5_500));
}

#[test]
fn a_smaller_window_keeps_the_newest_calls() {
    // Would break: a reload that forgets the outage and keeps the good times before it.
    let with =
        |calls| BreakerSettings { window: WindowShape::Calls(calls), calls_min: 4, failure_rate: 1.0, ..settings() };
    let (breaker, _time) = breaker(with(10));
    answered(&breaker, &[Verdict::Good; 7]);
    answered(&breaker, &[Verdict::Failed; 3]);
    breaker.reload(with(4)).unwrap();
    assert_eq!(breaker.snapshot().failure_rate, 0.75);
}

#[test]
fn settings_that_make_no_breaker_are_refused() {
    // Would break: a breaker that never opens, or never closes, because of a slip in a file.
    let wrong = [
        BreakerSettings { window: WindowShape::Calls(0), ..settings() },
        BreakerSettings { window: WindowShape::TimeMs(1), ..settings() },
        BreakerSettings { window: WindowShape::Calls(5), calls_min: 6, ..settings() },
        BreakerSettings { failure_rate: 0.0, ..settings() },
        BreakerSettings { slow_rate: f64::NAN, ..settings() },
        BreakerSettings { open_ms: 0, ..settings() },
        BreakerSettings { open_ms: 9, open_ms_max: 8, ..settings() },
        BreakerSettings { trials: 0, ..settings() },
    ];
    for settings in wrong {
        let refused: Result<_, InvalidBreaker> = Breaker::builder("b", &Clock::machine()).settings(settings).build();
        assert!(refused.is_err(), "{settings:?}");
        let (breaker, _time) = breaker(BreakerSettings::default());
        assert!(breaker.reload(settings).is_err());
    }
}
