//! What eternal mode promises to callers, each by itself.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use homeostat_reactor::{Clock, ManualClock, Moment};
use homeostat_resilience::eternal::{Answer, Eternal, EternalSettings, InvalidEternal};
use homeostat_resilience::{Attempt, Call, Listener, PolicyEvent, Verdict, judge_result};

const GOOD: Result<u32, &str> = Ok(1);
const BAD: Result<u32, &str> = Err("broken");

/// Makes a call whose every attempt gets this at once, and says how many attempts there were.
async fn ask(eternal: &Eternal, call: &Call, result: Result<u32, &'static str>) -> (Answer<u32>, u32) {
    let asked = Cell::new(0);
    let work = |_: Attempt| {
        asked.set(asked.get() + 1);
        async move { result }
    };
    let answer = eternal.call(call, judge_result, work, || async { Ok(0) }).await.unwrap();
    (answer, asked.get())
}

#[tokio::test]
async fn it_answers_through_an_outage_and_closes_after_it() {
    // Would break: an essential call that is refused, or that stays on the fallback when all is well again.
    let (eternal, time) = super::eternal(EternalSettings::default());
    let once = Call::default();
    assert_eq!(ask(&eternal, &once, GOOD).await, (Answer::Fresh(1), 1));
    for second in 1..20 {
        assert_eq!(ask(&eternal, &once, BAD).await.0, Answer::Fallback(0));
        time.set(Moment::from_secs(second));
    }
    assert_eq!(eternal.snapshot().breaker.state, "open");
    for second in 20..24 {
        assert_eq!(ask(&eternal, &once, GOOD).await, (Answer::Fresh(1), 1), "the probe's answer is the caller's");
        time.set(Moment::from_secs(second));
    }
    assert_eq!(eternal.snapshot().breaker.state, "closed");
    assert!(eternal.snapshot().degradation <= 0.3);
}

#[tokio::test]
async fn only_what_may_be_made_twice_is_attempted_twice() {
    // Would break: an order sent twice.
    let (eternal, _time) = super::eternal(EternalSettings::default());
    assert_eq!(ask(&eternal, &Call::idempotent(), BAD).await, (Answer::Fallback(0), 1), "closed, it makes one");
    assert_eq!(ask(&eternal, &Call::default(), BAD).await, (Answer::Fallback(0), 1));
    assert_eq!(ask(&eternal, &Call::idempotent(), BAD).await, (Answer::Fallback(0), 2));
}

#[tokio::test]
async fn without_budget_the_fallback_answers_at_once() {
    // Would break: callers that wait in line for a probe, or a crowd that all probe.
    let (eternal, _time) = super::eternal(EternalSettings::default());
    ask(&eternal, &Call::default(), BAD).await;
    let mut attempts = 0;
    for _ in 0..5_000 {
        attempts += ask(&eternal, &Call::idempotent(), BAD).await.1;
    }
    assert_eq!(attempts, 4, "the burst");
    assert_eq!(eternal.snapshot().fallbacks, 5_001);
}

#[tokio::test]
async fn the_fallback_is_prepared_beside_the_probe_and_waits_for_it() {
    // Would break: a caller that waits for the probe and then once more for the fallback.
    let (eternal, time) = super::eternal(EternalSettings::default());
    ask(&eternal, &Call::default(), BAD).await;
    let clock = time.clock();
    let begun = clock.now();
    let timeout = eternal.snapshot().timeout;
    assert!(timeout < Duration::from_secs(5));
    let slow_fallback = || async {
        clock.sleep(Duration::from_millis(900)).await;
        Ok::<u32, &str>(7)
    };
    let call = Call::default();
    let mut calling = Box::pin(eternal.call(&call, judge_result, |_| pending::<Result<u32, &str>>(), slow_fallback));
    let mut poll = || calling.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll().is_pending());
    time.set(begun + Duration::from_millis(900));
    assert!(poll().is_pending(), "ready, but the probe may still be good");
    time.set(begun + timeout);
    assert_eq!(poll(), std::task::Poll::Ready(Ok(Answer::Fallback(7))));
}

#[test]
fn a_call_dropped_at_any_await_leaves_no_probe_behind() {
    // Would break: places lost with their callers, until nothing is probed any more.
    let (eternal, time) = super::eternal(EternalSettings { probes_in_flight_max: 1, ..EternalSettings::default() });
    let steps = |count: u32| async move {
        for _ in 0..count {
            tokio::task::yield_now().await;
        }
        BAD
    };
    for polls in 0..8 {
        for _ in 0..5 {
            time.set(time.clock().now() + Duration::from_secs(1));
            let call = Call::idempotent();
            let mut calling = Box::pin(eternal.call(&call, judge_result, |_| steps(2), || steps(3)));
            for _ in 0..polls {
                if calling.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                    break;
                }
            }
            drop(calling);
            assert_eq!(eternal.snapshot().probes_in_flight, 0, "after {polls} polls");
        }
    }
    assert!(eternal.snapshot().probes > 0);
}

#[tokio::test]
async fn the_callers_own_error_comes_back_as_it_is() {
    // Would break: "no such order" answered with yesterday's order.
    let (eternal, _time) = super::eternal(EternalSettings::default());
    let judge = |_: &Result<u32, &str>| Verdict::Ignored;
    let fallback = || async { unreachable!("not the fallback's matter") };
    assert_eq!(eternal.call(&Call::default(), judge, |_| async { BAD }, fallback).await, Err("broken"));
    ask(&eternal, &Call::default(), BAD).await;
    let spare = || async { Ok(0) };
    assert_eq!(eternal.call(&Call::default(), judge, |_| async { BAD }, spare).await, Err("broken"), "also of a probe");
}

#[tokio::test]
async fn opened_by_hand_it_probes_nobody() {
    // Would break: maintenance with traffic.
    let (eternal, time) = super::eternal(EternalSettings::default());
    eternal.force_open();
    for second in 0..10 {
        time.set(Moment::from_secs(second));
        assert_eq!(ask(&eternal, &Call::idempotent(), GOOD).await, (Answer::Fallback(0), 0));
    }
    eternal.release();
    for second in 10..14 {
        time.set(Moment::from_secs(second));
        assert_eq!(ask(&eternal, &Call::default(), GOOD).await, (Answer::Fresh(1), 1));
    }
    assert_eq!(eternal.snapshot().breaker.state, "closed");
    eternal.force_closed();
    for _ in 0..10 {
        assert_eq!(ask(&eternal, &Call::default(), BAD).await.1, 1);
    }
}

#[tokio::test]
async fn a_hang_is_cut_off_and_counts() {
    // Would break: a hanging endpoint that keeps essential callers for ever, and looks as if nobody had asked it.
    let (eternal, time) = super::eternal(EternalSettings::default());
    let call = Call::default();
    let mut calling =
        Box::pin(eternal.call(&call, judge_result, |_| pending::<Result<u32, &str>>(), || async { Ok(0) }));
    let mut poll = || calling.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll().is_pending());
    time.set(Moment::from_secs(5));
    assert!(poll().is_ready());
    assert_eq!(eternal.snapshot().breaker.state, "open");
}

#[tokio::test]
async fn a_caller_without_time_does_not_speak_against_anybody() {
    // Would break: hasty callers that open the breaker for all.
    let (eternal, time) = super::eternal(EternalSettings::default());
    let call = Call::default().within(Duration::from_millis(20), &time.clock());
    let mut calling =
        Box::pin(eternal.call(&call, judge_result, |_| pending::<Result<u32, &str>>(), || async { Ok(0) }));
    let mut poll = || calling.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll().is_pending());
    time.set(Moment::from_millis(20));
    assert!(poll().is_ready());
    let snapshot = eternal.snapshot();
    assert_eq!((snapshot.breaker.state.as_str(), snapshot.degradation), ("closed", 0.0));
    ask(&eternal, &Call::default(), BAD).await;
    assert_eq!(ask(&eternal, &call, GOOD).await, (Answer::Fallback(0), 0), "over before it began: nothing is sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_can_be_called_from_any_thread() {
    // Would break: callers whose tasks move between threads.
    let (eternal, _time) = super::eternal(EternalSettings::default());
    for result in [BAD, BAD, GOOD] {
        let eternal = eternal.clone();
        let call = Call::default();
        let called = tokio::spawn(async move {
            eternal.call(&call, judge_result, |_| async move { result }, || async { Ok(0) }).await
        });
        assert!(called.await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn something_that_came_back_slower_is_found() {
    // Would break: an endpoint that answers in a second instead of ten milliseconds, and is cut off for ever.
    let (eternal, time) = super::eternal(EternalSettings { probes_per_s: 1, ..EternalSettings::default() });
    let (clock, call) = (time.clock(), Call::default());
    let took_ms = Rc::new(Cell::new(10));
    let is_broken = Rc::new(Cell::new(false));
    let one = async || {
        let work = |_: Attempt| async {
            clock.sleep(Duration::from_millis(took_ms.get())).await;
            if is_broken.get() { BAD } else { GOOD }
        };
        let mut calling = Box::pin(eternal.call(&call, judge_result, work, || async { Ok(0) }));
        while calling.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            time.set(time.next_due().unwrap());
        }
        time.set(clock.now() + Duration::from_secs(1));
    };
    for (millis, broken, calls) in [(10, false, 50), (10, true, 50), (1_000, false, 25)] {
        took_ms.set(millis);
        is_broken.set(broken);
        for _ in 0..calls {
            one().await;
        }
    }
    assert_eq!(eternal.snapshot().breaker.state, "closed");
}

#[tokio::test]
async fn it_tells_whose_answer_it_was() {
    // Would break: an outage that nobody notices, because there is always an answer.
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Listener::new({
        let told = Arc::clone(&told);
        move |event| {
            if let PolicyEvent::FellBack { because, .. } = event {
                told.lock().unwrap().push(because.clone());
            }
        }
    });
    let mut settings = EternalSettings::default();
    settings.breaker.calls_min = 1;
    let builder = Eternal::builder("prices", &ManualClock::new().clock()).settings(settings).listener(listener);
    let eternal = builder.build().unwrap();
    for _ in 0..6 {
        ask(&eternal, &Call::default(), BAD).await;
    }
    eternal.force_open();
    ask(&eternal, &Call::default(), BAD).await;
    let mut expected = vec!["the call failed"];
    expected.extend(["every probe failed"; 4]);
    expected.extend(["no probe is due", "opened by hand"]);
    assert_eq!(*told.lock().unwrap(), expected);
}

#[tokio::test]
async fn new_settings_keep_what_was_learned() {
    // Would break: a reload in an outage that forgets how bad things are, or fills the budget up.
    let (eternal, _time) = super::eternal(EternalSettings::default());
    for _ in 0..6 {
        ask(&eternal, &Call::default(), BAD).await;
    }
    let before = eternal.snapshot();
    eternal.reload(EternalSettings { timeout_ms: 2_000, close_after: 5, ..EternalSettings::default() }).unwrap();
    let after = eternal.snapshot();
    assert_eq!(
        (before.degradation, before.budget, &before.breaker.state),
        (after.degradation, after.budget, &after.breaker.state)
    );
    assert!(after.timeout < before.timeout);
}

#[test]
fn settings_that_give_up_for_ever_are_refused() {
    // Would break: eternal mode that never probes, or never believes a probe.
    let good = EternalSettings::default();
    let wrong = [
        EternalSettings { timeout_ms: 0, ..good },
        EternalSettings { attempts_max: 0, ..good },
        EternalSettings { probes_per_s: 0, ..good },
        EternalSettings { probes_in_flight_max: 0, ..good },
        EternalSettings { close_after: 0, ..good },
        EternalSettings { close_below: 0.0, ..good },
        EternalSettings { close_below: f64::NAN, ..good },
    ];
    for settings in wrong {
        let refused: Result<_, InvalidEternal> = Eternal::builder("e", &Clock::machine()).settings(settings).build();
        assert!(refused.is_err(), "{settings:?}");
    }
    let mut settings = good;
    settings.breaker.trials = 0;
    assert!(matches!(
        Eternal::builder("e", &Clock::machine()).settings(settings).build(),
        Err(InvalidEternal::Breaker(_))
    ));
}
