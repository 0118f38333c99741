//! The promises of the matrix, each asked of every layer.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use homeostat_reactor::ManualClock;
use homeostat_resilience::{Call, Failure};
use tower::{Service, ServiceExt};

use super::cases::{Boxed, CASES, Case, Ending, INSTEAD, Made, Ready};
use super::probe::{Ask, BROKEN, Probe, Readiness, Seen, ask};
use crate::simulation::{drop_after, run};

/// More polls than any call needs here.
const POLLS: usize = 10;

/// Every layer around a probe of its own.
fn for_every_layer(check: impl Fn(&Case, &ManualClock, &Seen, Made)) {
    for case in &CASES {
        let time = ManualClock::new();
        let probe = Probe::new(&time);
        let seen = Arc::clone(&probe.seen);
        check(case, &time, &seen, (case.make)(&time, probe));
    }
}

fn poll_ready(service: &mut Boxed) -> Poll<Result<(), Failure<&'static str>>> {
    service.poll_ready(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn it_is_ready_when_the_matrix_says() {
    // Would break: a layer that keeps callers waiting for a service that they would not be let through to anyway.
    for_every_layer(|case, _, seen, made| {
        let mut service = made.service;
        seen.set(Readiness::Never);
        for _ in 0..2 {
            let is_ready = poll_ready(&mut service).is_ready();
            assert_eq!(is_ready, case.ready == Ready::Always, "{}", case.name);
        }
        assert_eq!(seen.touches() == (0, 0), case.ready == Ready::Always, "{}", case.name);
        seen.set(Readiness::AtOnce);
        assert_eq!(poll_ready(&mut service), Poll::Ready(Ok(())), "{}", case.name);
        // Once ready it stays ready, and what was reserved for it is there once.
        assert_eq!(poll_ready(&mut service), Poll::Ready(Ok(())), "{}", case.name);
        let reserved = usize::from(case.ready != Ready::Always);
        assert_eq!(seen.reserved.load(Ordering::Relaxed), reserved, "{}", case.name);
    });
}

#[test]
fn a_service_that_is_ready_and_never_called_gives_back_what_it_holds() {
    // Would break: a client that is dropped between readiness and its request, and takes a permit along for ever.
    for_every_layer(|case, time, seen, made| {
        let mut service = made.service;
        assert_eq!(poll_ready(&mut service), Poll::Ready(Ok(())), "{}", case.name);
        let other = service.clone();
        drop(service);
        assert!(seen.is_clear() && (made.is_clear)(), "{}", case.name);
        assert_eq!(run(time, other.oneshot(ask(1))), Ok(2), "{}", case.name);
    });
}

#[test]
fn the_inner_service_is_only_called_when_it_was_found_ready() {
    // Would break: a layer that calls a clone of what was found ready. The probe panics then.
    for_every_layer(|case, time, seen, made| {
        let mut service = made.service;
        seen.set(Readiness::AfterAStep);
        for number in 0..2 {
            let answer = run(time, async { service.ready().await.unwrap().call(ask(number)).await });
            assert_eq!(answer, Ok(number + 1), "{}", case.name);
        }
        // The clone of a service that is ready is not.
        let mut clone = run(time, async { service.ready().await.unwrap().clone() });
        drop(service);
        assert_eq!(poll_ready(&mut clone).is_ready(), case.ready == Ready::Always, "{}", case.name);
        assert_eq!(run(time, clone.oneshot(ask(7))), Ok(8), "{}", case.name);
        assert!(seen.is_clear() && (made.is_clear)(), "{}", case.name);
    });
}

#[test]
fn what_is_refused_never_touches_the_inner_service() {
    // Would break: an open circuit that still waits behind the service it was to cut off.
    for_every_layer(|case, time, seen, made| {
        let mut service = made.service;
        let Some((ask, ending)) = (made.refuse)() else { return };
        // Whoever asked to wait for the inner service ahead does so, and reserves in vain.
        let waits = case.ready == Ready::WithTheInner;
        seen.set(if waits { Readiness::AtOnce } else { Readiness::Never });
        assert_eq!(poll_ready(&mut service), Poll::Ready(Ok(())), "{}", case.name);
        assert_eq!(poll_ready(&mut service), Poll::Ready(Ok(())), "{}", case.name);
        let answer = run(time, service.call(ask));
        match ending {
            Ending::Refused => assert!(answer.unwrap_err().refusal().is_some(), "{}", case.name),
            Ending::Instead => assert_eq!(answer, Ok(INSTEAD), "{}", case.name),
        }
        assert_eq!(seen.touches(), (if waits { 2 } else { 0 }, 0), "{}", case.name);
        assert!(seen.is_clear(), "{}", case.name);
    });
}

#[test]
fn an_inner_service_that_cannot_become_ready_fails_the_call() {
    // Would break: an error that is lost, a layer that calls what is broken, or a permit that stays with it.
    for_every_layer(|case, time, seen, made| {
        let mut service = made.service;
        seen.set(Readiness::Broken);
        let expected = if case.has_fallback { Ok(INSTEAD) } else { Err(BROKEN) };
        match case.ready {
            Ready::Always => {
                assert_eq!(poll_ready(&mut service), Poll::Ready(Ok(())), "{}", case.name);
                assert_eq!(run(time, service.call(ask(1))), expected, "{}", case.name);
            }
            Ready::WithTheInner | Ready::WithRoom => {
                assert_eq!(poll_ready(&mut service), Poll::Ready(Err(BROKEN)), "{}", case.name);
            }
        }
        assert_eq!(seen.touches().1, 0, "{}", case.name);
        assert!(seen.is_clear() && (made.is_clear)(), "{}", case.name);
    });
}

#[test]
fn a_response_that_is_dropped_anywhere_holds_nothing() {
    // Would break: a service that shrinks with every request that its caller gives up.
    for readiness in [Readiness::AtOnce, Readiness::AfterAStep, Readiness::Never] {
        for polls in 0..POLLS {
            for_every_layer(|case, time, seen, made| {
                if readiness == Readiness::Never && case.ready != Ready::Always {
                    return;
                }
                let mut service = made.service;
                // Ready ahead where that is possible: then the response holds what was reserved.
                seen.set(if case.ready == Ready::Always { readiness } else { Readiness::AtOnce });
                assert!(run(time, service.ready()).is_ok());
                let response = service.call(ask(1));
                seen.set(readiness);
                drop(drop_after(time, polls, response));
                let place = format!("{}, {readiness:?}, {polls} polls", case.name);
                assert!(seen.is_clear() && (made.is_clear)(), "{place}");
                assert_eq!(time.sleepers(), 0, "{place}");
                seen.set(Readiness::AtOnce);
                assert_eq!(run(time, service.oneshot(ask(1))), Ok(2), "{place}");
            });
        }
    }
}

#[test]
fn readiness_that_is_given_up_holds_nothing() {
    // Would break: a place in a line that nobody stands in any more.
    for_every_layer(|case, time, seen, made| {
        seen.set(Readiness::AfterAStep);
        let mut service = made.service;
        drop(poll_ready(&mut service));
        let clone = service.clone();
        drop(service);
        assert!(seen.is_clear() && (made.is_clear)(), "{}", case.name);
        assert_eq!(time.sleepers(), 0, "{}", case.name);
        assert_eq!(run(time, clone.oneshot(ask(1))), Ok(2), "{}", case.name);
    });
}

#[test]
fn clones_are_under_the_same_policy() {
    // Would break: a server that clones its client for every connection, and has a breaker for each of them.
    for_every_layer(|case, time, seen, made| {
        let clone = made.service.clone();
        let Some((ask, ending)) = (made.refuse)() else { return };
        let answer = run(time, clone.oneshot(ask));
        assert_eq!(answer.is_err(), ending == Ending::Refused, "{}", case.name);
        assert_eq!(seen.touches().1, 0, "{}", case.name);
    });
}

#[test]
fn requests_are_cloned_only_for_those_who_may_make_them_again() {
    // Would break: large bodies that are copied for nothing.
    for_every_layer(|case, time, _, made| {
        let ask = ask(1);
        let clones = Arc::clone(&ask.clones);
        assert_eq!(run(time, made.service.oneshot(ask)), Ok(2), "{}", case.name);
        assert_eq!(clones.load(Ordering::Relaxed), case.clones, "{}", case.name);
    });
}

#[test]
fn nothing_happens_before_a_response_is_polled() {
    // Would break: a permit or a trial for a request that is never sent.
    for_every_layer(|case, time, seen, made| {
        let mut service = made.service;
        assert!(run(time, service.ready()).is_ok());
        let response = service.call(ask(1));
        // What is ready ahead of the call is what it holds, and an inner service that is ready may be called at once.
        if case.ready == Ready::Always {
            assert!(seen.touches() == (0, 0) && (made.is_clear)(), "{}", case.name);
        }
        drop(response);
        assert!(seen.is_clear() && (made.is_clear)(), "{}", case.name);
    });
}

#[test]
fn a_deadline_ends_the_wait_for_an_inner_service_that_is_never_ready() {
    // Would break: a timeout that does not count the time in front of the call.
    for_every_layer(|case, time, seen, made| {
        let ends = ["deadline", "retry", "hedge", "coalesce", "eternal"];
        if !ends.contains(&case.name) && !case.name.starts_with("stack") {
            return;
        }
        seen.set(Readiness::Never);
        let call = Call::idempotent().within(Duration::from_millis(20), &time.clock());
        let mut response = pin!(made.service.oneshot(Ask::new(1, call)));
        let answer = run(time, response.as_mut());
        assert_eq!(answer.is_ok(), case.has_fallback, "{}", case.name);
        assert_eq!(seen.touches().1, 0, "{}", case.name);
        assert!(seen.is_clear() && time.clock().now() <= call.deadline.unwrap(), "{}", case.name);
    });
}
