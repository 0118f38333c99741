//! Who waits for room, and where: in the response, in `poll_ready`, or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use homeostat_reactor::ManualClock;
use homeostat_resilience::rate::{RateLimit, RateSettings};
use homeostat_resilience::tower::{BulkheadLayer, DeadlineLayer, RateLayer, ReserveLayer};
use homeostat_resilience::{Deadline, DeadlineSettings, Failure, Priority, Refusal};
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

use super::cases::CALLS;
use super::limits::one_at_a_time;
use super::probe::{Ask, Probe, ask};
use crate::simulation::{Running, run, run_all};

/// Counts how often it is woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_line_is_stood_in_within_the_response_or_not_at_all() {
    // Would break: a layer that waits where it was told to refuse, or the other way round.
    for (waiting_max, expected) in [(0, 1), (1, 2)] {
        let time = ManualClock::new();
        let service = BulkheadLayer::new(&one_at_a_time(&time, waiting_max), CALLS).layer(Probe::new(&time));
        let answered = AtomicUsize::new(0);
        let call = async |number: u32| match service.clone().oneshot(ask(number)).await {
            Ok(_) => drop(answered.fetch_add(1, Ordering::Relaxed)),
            Err(failure) => assert!(matches!(failure.refusal(), Some(Refusal::Full { .. }))),
        };
        run_all(&time, (0..2).map(|number| -> Running<'_> { Box::pin(call(number)) }).collect());
        assert_eq!(answered.load(Ordering::Relaxed), expected);
    }
}

#[test]
fn a_rate_is_waited_for_within_the_response_or_not_at_all() {
    // Would break: the same for a rate.
    for (wait_ms_max, expected) in [(0, false), (1_000, true)] {
        let time = ManualClock::new();
        let settings = RateSettings { permits: 1, per_ms: 1_000, burst: 1, wait_ms_max };
        let rate = RateLimit::builder("a", &time.clock()).settings(settings).build().unwrap();
        let service = RateLayer::new(&rate, CALLS).layer(Probe::new(&time));
        assert_eq!(run(&time, service.clone().oneshot(ask(1))), Ok(2));
        assert_eq!(run(&time, service.oneshot(ask(2))).is_ok(), expected);
    }
}

#[test]
fn a_reserved_permit_shows_as_readiness_and_wakes_who_waits() {
    // Would break: a server that is not told that it may go on, or that goes on with one permit for two connections.
    let time = ManualClock::new();
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    let mut context = Context::from_waker(&waker);
    let mut first = ReserveLayer::new(&one_at_a_time(&time, 1), Priority::Normal).layer(Probe::new(&time));
    let mut second = first.clone();
    assert!(Service::<Ask>::poll_ready(&mut first, &mut context).is_ready());
    assert!(Service::<Ask>::poll_ready(&mut second, &mut context).is_pending());
    let mut response = Box::pin(first.call(ask(1)));
    assert!(response.as_mut().poll(&mut context).is_pending());
    assert!(Service::<Ask>::poll_ready(&mut second, &mut context).is_pending());
    bell.0.store(0, Ordering::Relaxed);
    assert_eq!(run(&time, response), Ok(2));
    assert_eq!(bell.0.load(Ordering::Relaxed), 1);
    assert!(Service::<Ask>::poll_ready(&mut second, &mut context).is_ready());
    assert!(Service::<Ask>::poll_ready(&mut first, &mut context).is_pending());
    drop(second);
    assert!(Service::<Ask>::poll_ready(&mut first, &mut context).is_ready());
}

#[test]
fn a_refused_reservation_answers_one_call_and_no_more() {
    // Would break: a service that is thrown away because it was full for a moment, or one that refuses for ever after.
    let time = ManualClock::new();
    let bulkhead = one_at_a_time(&time, 0);
    let mut service = ReserveLayer::new(&bulkhead, Priority::Normal).layer(Probe::new(&time));
    let held = bulkhead.try_acquire(Priority::Normal).unwrap();
    let refused = run(&time, async { service.ready().await.unwrap().call(ask(1)).await });
    assert!(matches!(refused, Err(Failure::Refused(Refusal::Full { .. }))));
    drop(held);
    assert_eq!(run(&time, async { service.ready().await.unwrap().call(ask(1)).await }), Ok(2));
}

#[test]
#[should_panic(expected = "only after poll_ready found it ready")]
fn a_reservation_that_was_not_made_is_not_forgiven() {
    // Would break: calls past the limit by whoever forgets to ask for readiness.
    let time = ManualClock::new();
    let mut service = ReserveLayer::new(&one_at_a_time(&time, 0), Priority::Normal).layer(Probe::new(&time));
    drop(service.call(ask(1)));
}

#[test]
fn a_reserved_token_is_spent_whether_or_not_a_call_follows() {
    // Would break: a rate that is exceeded by whoever asks for readiness often enough.
    let time = ManualClock::new();
    let settings = RateSettings { permits: 1, per_ms: 1_000, burst: 1, wait_ms_max: 0 };
    let rate = RateLimit::builder("a", &time.clock()).settings(settings).build().unwrap();
    let mut first = ReserveLayer::new(&rate, Priority::Normal).layer(Probe::new(&time));
    let second = first.clone();
    let mut context = Context::from_waker(Waker::noop());
    // However often it is asked, it takes one.
    for _ in 0..3 {
        assert!(Service::<Ask>::poll_ready(&mut first, &mut context).is_ready());
    }
    assert_eq!(rate.snapshot().admitted, 1);
    drop(first);
    let refused = run(&time, second.oneshot(ask(1)));
    assert!(matches!(refused, Err(Failure::Refused(Refusal::RateLimited { .. }))));
}

#[test]
fn backpressure_comes_through_only_where_it_is_passed_on() {
    // Would break: a server that goes on reading requests for a client that has no room, although it was told to feel that.
    for is_ahead in [false, true] {
        let time = ManualClock::new();
        let bulkhead = one_at_a_time(&time, 1);
        let deadline = Deadline::new("a", DeadlineSettings::default(), time.clock());
        let outer = DeadlineLayer::new(&deadline, CALLS);
        let mut service = ServiceBuilder::new()
            .layer(if is_ahead { outer.ahead() } else { outer })
            .layer(ReserveLayer::new(&bulkhead, Priority::Normal))
            .service(Probe::new(&time));
        let held = bulkhead.try_acquire(Priority::Normal).unwrap();
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(Service::<Ask>::poll_ready(&mut service, &mut context).is_pending(), is_ahead);
        drop(held);
        assert_eq!(run(&time, service.oneshot(ask(1))), Ok(2));
    }
}
