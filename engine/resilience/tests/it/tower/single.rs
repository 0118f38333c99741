//! What only some layers promise, beside the matrix: what a service that is never ready does to each, what attempts are made of, and
//! what a request is told.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Waker};

use homeostat_reactor::{ManualClock, Moment};
use homeostat_resilience::breaker::{Breaker, BreakerSettings};
use homeostat_resilience::tower::{
    BalanceService, BreakerLayer, CoalesceLayer, DeadlineLayer, EternalLayer, FallbackLayer, HedgeLayer, RetryLayer,
    StackService,
};
use homeostat_resilience::{
    Balancer, Call, Coalesce, CoalesceSettings, Deadline, DeadlineSettings, Eternal, Failure, Fallback,
    FallbackSettings, Hedge, Refusal, Retry, Stack, Verdict, advise_through, judge_result,
};
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

use super::cases::CALLS;
use super::probe::{Ask, BROKEN, FAILED, Probe, Readiness, STEP, ask};
use crate::simulation::{Running, run, run_all};

#[test]
fn a_service_that_never_becomes_ready_opens_the_breaker_around_it() {
    // Would break: a dependency that hangs before the call, which no breaker sees, so that callers pile up in front of it.
    let time = ManualClock::new();
    let probe = Probe::new(&time);
    let seen = Arc::clone(&probe.seen);
    seen.set(Readiness::Never);
    let settings = BreakerSettings { slow_after_ms: Some(10), calls_min: 5, ..BreakerSettings::default() };
    let breaker = Breaker::builder("a", &time.clock()).settings(settings).build().unwrap();
    let deadline = Deadline::new("a", DeadlineSettings::of_millis(10), time.clock());
    let service = ServiceBuilder::new()
        .layer(DeadlineLayer::new(&deadline, CALLS))
        .layer(BreakerLayer::new(&breaker, CALLS, judge_result))
        .service(probe);
    for _ in 0..5 {
        let answer = run(&time, service.clone().oneshot(ask(1)));
        assert!(matches!(answer, Err(Failure::Refused(Refusal::TimedOut { .. }))));
    }
    let polls = seen.touches().0;
    let before = time.clock().now();
    let answer = run(&time, service.clone().oneshot(ask(1)));
    assert!(matches!(answer, Err(Failure::Refused(Refusal::Open { .. }))));
    assert_eq!((seen.touches(), time.clock().now()), ((polls, 0), before));
    // And when it is ready again, trials find it out.
    seen.set(Readiness::AtOnce);
    time.set(Moment::from_millis(10_000));
    for number in 0..3 {
        assert_eq!(run(&time, service.clone().oneshot(ask(number))), Ok(number + 1));
    }
    assert_eq!(breaker.snapshot().state, "closed");
}

#[test]
fn failing_to_become_ready_counts_as_a_failure() {
    // Would break: the same with a service that errs before the call.
    let time = ManualClock::new();
    let probe = Probe::new(&time);
    probe.seen.set(Readiness::Broken);
    let settings = BreakerSettings { calls_min: 2, ..BreakerSettings::default() };
    let breaker = Breaker::builder("a", &time.clock()).settings(settings).build().unwrap();
    let service = BreakerLayer::new(&breaker, CALLS, judge_result).layer(probe);
    for _ in 0..2 {
        assert_eq!(run(&time, service.clone().oneshot(ask(1))), Err(BROKEN));
    }
    assert!(matches!(run(&time, service.oneshot(ask(1))), Err(Failure::Refused(Refusal::Open { .. }))));
}

#[test]
fn each_retry_asks_a_service_that_is_ready() {
    // Would break: second attempts through a clone that nobody asked, or with a request that is gone.
    for readiness in [Readiness::AtOnce, Readiness::AfterAStep] {
        for is_ahead in [false, true] {
            let time = ManualClock::new();
            let probe = Probe::new(&time);
            let seen = Arc::clone(&probe.seen);
            seen.set(readiness);
            seen.failures.store(2, Ordering::Relaxed);
            let layer = RetryLayer::new(&Retry::builder("a", &time.clock()).build(), CALLS, judge_result);
            let service = if is_ahead { layer.ahead() } else { layer }.layer(probe);
            assert_eq!(run(&time, service.oneshot(ask(1))), Ok(2));
            assert_eq!(seen.touches().1, 3);
            assert!(seen.is_clear());
        }
    }
}

#[test]
fn a_pause_between_attempts_holds_nothing_of_the_inner_service() {
    // Would break: connections that are kept from others by those who wait to try again.
    let time = ManualClock::new();
    let probe = Probe::new(&time);
    let seen = Arc::clone(&probe.seen);
    seen.failures.store(1, Ordering::Relaxed);
    let layer = RetryLayer::new(&Retry::builder("a", &time.clock()).build(), CALLS, judge_result);
    let mut response = Box::pin(layer.layer(probe).oneshot(ask(1)));
    let mut context = Context::from_waker(Waker::noop());
    // Two steps to the failure, and then the pause.
    for _ in 0..3 {
        assert!(response.as_mut().poll(&mut context).is_pending());
        assert_eq!(seen.is_clear(), seen.failures.load(Ordering::Relaxed) == 0);
        time.set(time.next_due().unwrap());
    }
    assert_eq!(run(&time, response), Ok(2));
}

#[test]
fn a_hedge_starts_beside_an_attempt_that_never_becomes_ready() {
    // Would break: a hedge that cannot help where help is needed most.
    let time = ManualClock::new();
    let probe = Probe::new(&time);
    let seen = Arc::clone(&probe.seen);
    seen.set(Readiness::StuckOnce);
    let pace = |_: &Call, _: u32, _: Moment| Some(STEP);
    let hedge = Hedge::builder("a", &time.clock()).pace(pace).build();
    let mut service = HedgeLayer::new(&hedge, CALLS, judge_result).layer(probe);
    let ask = ask(1);
    let clones = Arc::clone(&ask.clones);
    assert_eq!(run(&time, service.call(ask)), Ok(2));
    assert!(seen.is_clear());
    let snapshot = hedge.snapshot();
    assert_eq!((snapshot.won, clones.load(Ordering::Relaxed) as u64), (1, 1 + snapshot.fired));
}

#[test]
fn the_request_is_told_what_is_left_of_its_call() {
    // Would break: a deadline that ends at the first layer, and a call that two layers count into one budget.
    let time = ManualClock::new();
    let probe = Probe::new(&time);
    let seen = Arc::clone(&probe.seen);
    let deadline = Deadline::new("a", DeadlineSettings::of_millis(300), time.clock());
    let retry = Retry::builder("a", &time.clock()).build();
    let service = ServiceBuilder::new()
        .layer(DeadlineLayer::new(&deadline, CALLS))
        .layer(RetryLayer::new(&retry, CALLS, judge_result))
        .service(probe);
    assert_eq!(run(&time, service.oneshot(ask(1))), Ok(2));
    let told = seen.calls.lock().unwrap()[0];
    assert_eq!((told.deadline, told.is_idempotent, told.is_counted), (Some(Moment::from_millis(300)), true, true));
}

#[test]
fn one_kind_of_call_or_a_closure_will_do() {
    // Would break: a pair of closures where there is nothing to write.
    let time = ManualClock::new();
    let probe = Probe::new(&time);
    let deadline = Deadline::new("a", DeadlineSettings::default(), time.clock());
    let same = DeadlineLayer::new(&deadline, Call::idempotent()).layer(probe.clone());
    assert_eq!(run(&time, same.oneshot(ask(1))), Ok(2));
    let by_closure = DeadlineLayer::new(&deadline, |ask: &Ask| ask.call).layer(probe);
    assert_eq!(run(&time, by_closure.oneshot(ask(1))), Ok(2));
}

#[test]
fn who_follows_takes_nothing_of_the_inner_service() {
    // Would break: a thousand equal requests that take a thousand permits for one answer.
    let time = ManualClock::new();
    let probe = Probe::new(&time);
    let seen = Arc::clone(&probe.seen);
    let coalesce = Coalesce::new("a", CoalesceSettings::default(), time.clock());
    let service = CoalesceLayer::new(&coalesce, CALLS, |ask: &Ask| ask.number).layer(probe);
    let call = async || assert_eq!(service.clone().oneshot(ask(1)).await, Ok(2));
    run_all(&time, (0..5).map(|_| -> Running<'_> { Box::pin(call()) }).collect());
    assert_eq!(seen.touches(), (1, 1));
}

#[test]
fn an_essential_call_is_answered_although_the_service_never_becomes_ready() {
    // Would break: eternal mode that waits for ever.
    let time = ManualClock::new();
    let probe = Probe::new(&time);
    probe.seen.set(Readiness::Never);
    let eternal = Eternal::builder("a", &time.clock()).build().unwrap();
    let prepare = |ask: &Ask| {
        let number = ask.number;
        move || ready(Ok(number * 100))
    };
    let service = EternalLayer::new(&eternal, CALLS, judge_result, prepare).layer(probe);
    for number in 0..20 {
        let answer = run(&time, service.clone().oneshot(ask(number))).unwrap();
        assert_eq!((answer.is_fresh(), answer.into_inner()), (false, number * 100));
    }
}

#[test]
fn a_fallback_knows_the_request_that_failed() {
    // Would break: yesterday's answer to another question.
    let time = ManualClock::new();
    let probe = Probe::new(&time);
    probe.seen.failures.store(1, Ordering::Relaxed);
    let fallback = Fallback::new("a", FallbackSettings::default(), time.clock());
    let prepare = |ask: &Ask| {
        let number = ask.number;
        move |failed: &Result<u32, Failure<&'static str>>| {
            assert_eq!(failed, &Err(FAILED));
            ready(Some(number * 100))
        }
    };
    let service = FallbackLayer::new(&fallback, judge_result, prepare).layer(probe);
    assert_eq!(run(&time, service.clone().oneshot(ask(3))), Ok(300));
    assert_eq!(run(&time, service.oneshot(ask(3))), Ok(4));
}

#[test]
fn an_endpoint_that_never_becomes_ready_is_left_to_itself() {
    // Would break: a balancer that takes the silence before a call for health.
    let time = ManualClock::new();
    let (well, stuck) = (Probe::new(&time), Probe::new(&time));
    stuck.seen.set(Readiness::Never);
    let (seen, seen_stuck) = (Arc::clone(&well.seen), Arc::clone(&stuck.seen));
    let balancer =
        Balancer::builder("a").clock(time.clock()).chance(homeostat_resilience::chance::Chance::seeded(7)).build();
    balancer.insert("well", well);
    balancer.insert("stuck", stuck);
    let deadline = Deadline::new("a", DeadlineSettings::of_millis(100), time.clock());
    let service = ServiceBuilder::new().layer(DeadlineLayer::new(&deadline, CALLS)).service(BalanceService::new(
        &balancer,
        CALLS,
        judge_result,
    ));
    for _ in 0..100 {
        drop(run(&time, service.clone().oneshot(ask(1))));
    }
    let (asked, answered) = (seen_stuck.touches().0, seen.touches().1);
    assert!(answered >= 90 && asked < 20, "{answered} answered, {asked} polls of the other");
    assert!(balancer.snapshot().endpoints.iter().all(|endpoint| endpoint.in_flight == 0));
}

#[test]
fn attempts_of_a_stack_know_of_each_other() {
    // Would break: a second attempt at the endpoint that has just failed, or judges who see more than the service's own words.
    for number in 0..20 {
        let time = ManualClock::new();
        let (broken, well) = (Probe::new(&time), Probe::new(&time));
        broken.seen.failures.store(usize::MAX, Ordering::Relaxed);
        let (seen_broken, seen) = (Arc::clone(&broken.seen), Arc::clone(&well.seen));
        let stack = Stack::builder("a", &time.clock()).seed(number).build().unwrap();
        stack.endpoints().insert("broken", broken);
        stack.endpoints().insert("well", well);
        let own = |result: Result<&u32, &&'static str>| match result {
            Ok(_) => Verdict::Good,
            Err(error) => {
                assert_eq!(Failure::Inner(*error), FAILED);
                Verdict::Failed
            }
        };
        assert_eq!(run(&time, StackService::new(&stack, CALLS, own).oneshot(ask(1))), Ok(2));
        assert!(seen_broken.touches().1 <= 1 && seen.touches().1 == 1);
        let told = seen.calls.lock().unwrap()[0];
        assert_eq!((told.deadline, told.is_counted), (Some(Moment::from_millis(5_000)), true));
    }
}

#[test]
fn layers_fail_alike_so_that_each_may_be_left_out() {
    // Would break: a stack whose type changes with its configuration, so that no layer can be optional.
    let time = ManualClock::new();
    for has_breaker in [false, true] {
        let breaker = Breaker::builder("a", &time.clock()).build().unwrap();
        breaker.force_open();
        let own = |result: Result<&u32, &&'static str>| judge_result(&result);
        let layer = BreakerLayer::new(&breaker, CALLS, advise_through(own));
        let deadline = Deadline::new("a", DeadlineSettings::default(), time.clock());
        let service = ServiceBuilder::new()
            .layer(DeadlineLayer::new(&deadline, CALLS))
            .option_layer(has_breaker.then_some(layer))
            .service(Probe::new(&time));
        assert_eq!(run(&time, service.oneshot(ask(1))).is_err(), has_breaker);
    }
}
