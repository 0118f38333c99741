//! Every call of a stack is counted once, by how it ended.

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use homeostat_reactor::{Clock, ManualClock};
use homeostat_resilience::stack::{Limit, Stack, StackSettings};
use homeostat_resilience::{Advice, Attempt, Call, Failure, Priority, Refusal, Verdict};

use crate::simulation::run;

fn stack_of(clock: &Clock, settings: StackSettings) -> Stack<()> {
    let stack = Stack::builder("orders", clock).settings(settings).seed(1).build().unwrap();
    stack.endpoints().insert("only", ());
    stack
}

/// The error is the verdict, and says that nothing began.
fn judge(result: Result<&u32, &Verdict>) -> Advice {
    match result {
        Ok(_) => Verdict::Good.into(),
        Err(verdict) => (*verdict).into(),
    }
}

async fn ask(stack: &Stack<()>, answer: Result<u32, Verdict>) -> Result<u32, Failure<Verdict>> {
    stack.call(&Call::default(), judge, |_: Attempt, _: Arc<()>| async move { answer }).await
}

#[tokio::test]
async fn a_call_is_counted_once_by_how_it_ended() {
    // Would break: an error rate that is wrong because a refusal, a late answer or a caller's mistake counts as something else.
    let time = ManualClock::new();
    let stack =
        stack_of(&time.clock(), StackSettings { rate_per_s: Some(1), rate_burst: 6, ..StackSettings::default() });
    assert_eq!(ask(&stack, Ok(1)).await, Ok(1));
    for verdict in [Verdict::Failed, Verdict::Ignored, Verdict::Full] {
        assert!(ask(&stack, Err(verdict)).await.is_err());
    }
    let low = Call::default().priority(Priority::Low);
    let silent = stack.call(&low, judge, |_, _| pending::<Result<u32, Verdict>>());
    let (late, ()) = tokio::join!(silent, time.turn(Duration::from_secs(6)));
    assert!(late.is_err());
    {
        let mut given_up = pin!(stack.call(&low, judge, |_, _| pending::<Result<u32, Verdict>>()));
        assert!(given_up.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(stack.snapshot().calls.by_priority.low.under_way(), 1);
    }
    let mut refused = 0;
    while stack.snapshot().calls.by_priority.normal.refused == 0 {
        assert!(refused < 10, "the rate lets six through");
        refused += u32::from(ask(&stack, Ok(1)).await.is_ok());
    }
    let calls = stack.snapshot().calls;
    let normal = calls.by_priority.normal;
    assert_eq!((normal.failed, normal.full, normal.ignored, normal.refused), (1, 1, 1, 1));
    assert_eq!(normal.begun, normal.good + 4);
    let low = calls.by_priority.low;
    assert_eq!((low.begun, low.late, low.given_up, low.under_way()), (2, 1, 1, 0));
    assert_eq!(calls.waits.buckets.iter().sum::<u64>(), normal.good + 4, "all but those refused or given up");
    assert_eq!(calls.waits.total_us, 5_000_000, "the late one had its deadline");
}

#[tokio::test]
async fn an_answer_of_the_fallback_is_told_apart_with_and_without_eternal_mode() {
    // Would break: an outage that nobody sees in the numbers, because the fallback answered for it.
    for essential in [false, true] {
        let time = ManualClock::new();
        let stack = stack_of(&time.clock(), StackSettings { essential, ..StackSettings::default() });
        let fail = |_: Attempt, _: Arc<()>| async { Err(Verdict::Failed) };
        let call = Call::default();
        let instead = stack.call_or(&call, judge, fail, || async { Some(7) });
        assert_eq!(instead.await, Ok(7));
        let without = stack.call_or(&call, judge, fail, || async { None });
        assert_eq!(without.await, Err(Failure::Inner(Verdict::Failed)));
        assert_eq!(stack.call_or(&call, judge, |_, _| async { Ok(8) }, || async { Some(7) }).await, Ok(8));
        let counts = stack.snapshot().calls.by_priority.normal;
        assert_eq!((counts.instead, counts.failed, counts.good, counts.begun), (1, 1, 1, 3), "essential: {essential}");
    }
}

#[test]
fn who_only_waited_for_room_is_told_that_nothing_began() {
    // Would break: an order that nobody was asked for, after which it must be asked about instead of sent.
    let time = ManualClock::new();
    let settings = StackSettings { deadline_ms: 500, limit: Limit::Off, ..StackSettings::default() };
    let (stack, clock, asked) = (stack_of(&time.clock(), settings), time.clock(), std::cell::Cell::new(0));
    let ask = |_: Attempt, _: Arc<()>| {
        asked.set(asked.get() + 1);
        let (is_first, clock) = (asked.get() == 1, clock.clone());
        async move {
            if !is_first {
                return Err(Advice::from(Verdict::Full).never_began());
            }
            clock.sleep(Duration::from_secs(9)).await;
            Ok(1)
        }
    };
    let judge = |result: Result<&u32, &Advice>| result.map_or_else(|advice| *advice, |_| Verdict::Good.into());
    let orders = [500, 500, 5].map(|within_ms| Call::default().within(Duration::from_millis(within_ms), &clock));
    let calls = futures::future::join_all(orders.iter().map(|order| stack.call(order, judge, ask)));
    let failures: Vec<_> = run(&time, calls).into_iter().map(Result::unwrap_err).collect();
    assert!(failures[0].may_have_begun(), "{failures:?}");
    assert_eq!(failures[2], Failure::Refused(Refusal::DeadlinePassed), "there was no room in its five milliseconds");
    assert_eq!(stack.snapshot().calls.by_priority.normal.late, 3);
}

#[test]
fn a_fallback_that_hangs_holds_no_call_whatever_it_is_needed_for() {
    // Would break: essential calls that stay open for an hour, because what is to help them hangs.
    let settings = |settings| StackSettings { deadline_ms: 1_000, fallback_ms: 100, limit: Limit::Off, ..settings };
    let plain = settings(StackSettings::default());
    let essential = StackSettings { essential: true, ..plain };
    let rated = StackSettings { rate_per_s: Some(1), rate_burst: 1, ..essential };
    let fails = |_: Attempt, _: Arc<()>| async { Err(Verdict::Failed) };
    for (case, settings) in [("plain", plain), ("essential", essential), ("rated", rated), ("open", essential)] {
        let time = ManualClock::new();
        let (stack, clock) = (stack_of(&time.clock(), settings), time.clock());
        let call = Call::default();
        match case {
            "rated" => drop(run(&time, stack.call(&call, judge, |_, _| async { Ok(1) }))),
            "open" => stack.force_open(),
            _ => {}
        }
        let began = clock.now();
        let hangs = stack.call_or(&call, judge, fails, pending::<Option<u32>>);
        let failure = run(&time, hangs).unwrap_err();
        assert_eq!(matches!(failure, Failure::Refused(_)), ["rated", "open"].contains(&case), "{case}: {failure:?}");
        assert!(clock.now().since(began) <= Duration::from_millis(1_100), "{case}");
        let counts = stack.snapshot().calls.by_priority.normal;
        assert_eq!((counts.instead, counts.under_way()), (0, 0), "{case}");
    }
}

#[test]
fn a_fallback_has_its_time_from_when_it_is_needed() {
    // Would break: an answer that was being prepared beside the probes is thrown away because the probes took long.
    let time = ManualClock::new();
    let settings = StackSettings { essential: true, limit: Limit::Off, fallback_ms: 100, ..StackSettings::default() };
    let (stack, clock) = (stack_of(&time.clock(), settings), time.clock());
    let call = Call::default().within(Duration::from_millis(500), &clock);
    let fails = |_: Attempt, _: Arc<()>| async { Err(Verdict::Failed) };
    for _ in 0..100 {
        drop(run(&time, stack.call_or(&call, judge, fails, || async { Some(7) })));
    }
    assert_ne!(stack.snapshot().eternal.unwrap().breaker.state, "closed");
    for (slow_ms, answer) in [(550, true), (650, false)] {
        time.set(clock.now() + Duration::from_secs(60));
        let call = Call::default().within(Duration::from_millis(500), &clock);
        let probes = stack.snapshot().eternal.unwrap().probes;
        let slow = async || {
            clock.sleep(Duration::from_millis(slow_ms)).await;
            Some(7)
        };
        let began = clock.now();
        let result = run(&time, stack.call_or(&call, judge, |_, _| pending::<Result<u32, Verdict>>(), slow));
        assert_eq!((result.is_ok(), clock.now().since(began).as_millis()), (answer, slow_ms.min(600).into()));
        assert_eq!(stack.snapshot().eternal.unwrap().probes, probes + 1);
    }
}

#[tokio::test]
async fn attempts_of_endpoints_that_are_gone_stay_counted() {
    // Would break: a counter that goes back when an endpoint is taken away, which a scraper takes for a restart.
    let time = ManualClock::new();
    let stack = stack_of(&time.clock(), StackSettings { limit: Limit::Off, ..StackSettings::default() });
    assert_eq!(ask(&stack, Ok(1)).await, Ok(1));
    assert!(ask(&stack, Err(Verdict::Ignored)).await.is_err());
    assert!(stack.endpoints().remove("only"));
    let counts = stack.snapshot().endpoints.counts;
    assert_eq!((counts.good, counts.ignored, counts.ended()), (1, 1, 2));
}

#[tokio::test]
async fn who_waits_for_room_is_seen_and_how_much_there_was_survives_a_restart() {
    // Would break: callers that hang for seconds, and nobody can tell that all endpoints are full.
    let time = ManualClock::new();
    let clock = time.clock();
    let (stack, in_flight) = (stack_of(&clock, StackSettings::default()), std::cell::Cell::new(0));
    let ask = |_: Attempt, _: Arc<()>| async {
        if in_flight.get() > 0 {
            return Err(Verdict::Full);
        }
        in_flight.set(1);
        clock.sleep(Duration::from_millis(20)).await;
        in_flight.set(0);
        Ok(1)
    };
    let call = Call::idempotent();
    let calls = futures::future::join_all((0..3).map(|_| stack.call(&call, judge, ask)));
    let looks = async {
        time.turn(Duration::from_millis(10)).await;
        let seen = stack.snapshot().endpoints;
        time.turn(Duration::from_secs(4)).await;
        seen
    };
    let (answers, seen) = tokio::join!(calls, looks);
    assert_eq!(answers, vec![Ok(1); 3]);
    assert_eq!((seen.line.waiting.normal, seen.endpoints[0].room), (2, Some(1.0)));
    let after = stack.snapshot().endpoints.line;
    assert_eq!((after.waiting.normal, after.refused.normal), (0, 0));
    assert!(after.entered.normal >= 2);
    for (age_s, room) in [(5, Some(1.0)), (3_600, None)] {
        let next = stack_of(&time.clock(), StackSettings::default());
        next.restore(&stack.state(), Duration::from_secs(age_s)).unwrap();
        let known = next.snapshot().endpoints.endpoints[0].room;
        assert_eq!(known.map(f32::floor), room, "after {age_s} s");
    }
}

#[tokio::test]
async fn no_room_at_the_end_of_an_answer_is_learned_as_at_its_beginning() {
    // Would break: an endpoint that says after its first message that it is full is sent as much as before.
    let time = ManualClock::new();
    let [at_once, at_the_end] = [(); 2].map(|()| stack_of(&time.clock(), StackSettings::default()));
    let mut limits = [0; 2].map(|_| Vec::new());
    for _ in 0..400 {
        let _ = ask(&at_once, Err(Verdict::Full)).await;
        let _ = ask(&at_the_end, Ok(1)).await;
        at_the_end.said_full("only");
        for (stack, limits) in [&at_once, &at_the_end].into_iter().zip(&mut limits) {
            let seen = stack.snapshot();
            let endpoint = &seen.endpoints.endpoints[0];
            assert_eq!((endpoint.is_full, endpoint.room), (true, Some(1.0)));
            limits.push(seen.limiter.unwrap().learned_limit);
        }
        time.set(time.clock().now() + Duration::from_secs(2));
    }
    for limits in limits {
        assert!(limits.last() < limits.first(), "{limits:?}");
    }
    at_the_end.said_full("nobody of this name");
}
