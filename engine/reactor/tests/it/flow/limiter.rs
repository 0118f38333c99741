//! The rate limiter: limits, errors, cancelled waits, streams.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::{StreamExt, stream};
use homeostat_reactor::flow::{FlowExt, InvalidLimit, Rate, RateError, RateLimiter};
use homeostat_reactor::{Clock, ManualClock, Moment};

use super::model::World;

const SECOND: Duration = Duration::from_secs(1);

fn one_a_second(time: &ManualClock, burst: u32) -> RateLimiter {
    RateLimiter::token_bucket(Rate::per_second(1), burst, time.clock()).unwrap()
}

#[test]
fn a_limit_that_lets_nothing_through_is_refused() {
    // Would break: a limiter that hangs for ever because of a zero in a configuration.
    let clock = Clock::machine;
    let refused = |rate, burst| RateLimiter::gcra(rate, burst, clock()).unwrap_err();
    assert_eq!(refused(Rate::per_second(0), 1), InvalidLimit::NoPermits);
    assert_eq!(refused(Rate::new(1, Duration::ZERO), 1), InvalidLimit::NoPeriod);
    assert_eq!(refused(Rate::new(1, Duration::MAX), 1), InvalidLimit::NoPeriod);
    assert_eq!(refused(Rate::per_minute(1), 0), InvalidLimit::NoBurst);
}

#[test]
fn what_can_never_be_granted_is_refused_at_once() {
    // Would break: a request above the burst that waits for ever, and the whole line behind it.
    let mut world = World::new(|time| one_a_second(time, 3));
    world.ask(4);
    assert_eq!(world.refused, [(1, RateError::MoreThanBurst { asked: 4, burst: 3 })]);
    assert_eq!(world.limiter.try_acquire(4), Err(RateError::MoreThanBurst { asked: 4, burst: 3 }));
    assert_eq!(world.limiter.try_acquire(0), Ok(()));
    assert_eq!(world.limiter.snapshot().refused, 2);
}

#[test]
fn more_waiters_than_the_limit_are_sent_away_with_the_wait() {
    // Would break: a line without an end.
    let mut world = World::new(|time| one_a_second(time, 1).waiters_max(2));
    for _ in 0..4 {
        world.ask(1);
    }
    let wait = 3 * SECOND;
    assert_eq!(world.refused, [(4, RateError::TooManyWaiting { waiters_max: 2, wait })]);
}

#[test]
fn a_small_request_does_not_overtake_a_large_one() {
    // Would break: a large request that starves behind a stream of small ones.
    let mut world = World::new(|time| one_a_second(time, 3));
    world.ask(2);
    world.ask(3);
    world.ask(1);
    assert_eq!(world.limiter.try_acquire(1), Err(RateError::NotYet { wait: 4 * SECOND }));
    world.pass(10_000_000_000);
    let at: Vec<_> = world.granted.iter().map(|(who, at, _)| (*who, at / 1_000_000_000)).collect();
    assert_eq!(at, [(1, 0), (2, 2), (3, 3)]);
}

#[test]
fn who_is_slow_to_come_for_its_tokens_does_not_hold_up_the_line() {
    // Would break: one stuck task that stops everybody behind it; its tokens lost, or replaced twice, when it gives up.
    let time = ManualClock::new();
    let limiter = one_a_second(&time, 1);
    assert_eq!(limiter.try_acquire(1), Ok(()));
    let mut context = Context::from_waker(Waker::noop());
    let mut stuck = Box::pin(limiter.acquire(1));
    let mut next = pin!(limiter.acquire(1));
    assert!(stuck.as_mut().poll(&mut context).is_pending());
    assert!(next.as_mut().poll(&mut context).is_pending());
    time.set(Moment::from_secs(2));
    // A jump over two seconds earns a burst of one, which is the stuck one's.
    assert!(next.as_mut().poll(&mut context).is_pending());
    time.set(Moment::from_secs(3));
    assert_eq!(next.as_mut().poll(&mut context), Poll::Ready(Ok(())));
    time.set(Moment::from_secs(4));
    assert_eq!(limiter.snapshot().available, 1);
    drop(stuck);
    assert_eq!(limiter.snapshot().available, 1, "time has replaced what it gives back");
}

#[test]
fn tokens_granted_to_who_then_gives_up_go_to_the_next_at_once() {
    // Would break: a token lost with a future dropped between its grant and its next poll.
    let time = ManualClock::new();
    let limiter = one_a_second(&time, 2);
    assert_eq!(limiter.try_acquire(2), Ok(()));
    let mut context = Context::from_waker(Waker::noop());
    let mut first = Box::pin(limiter.acquire(2));
    let mut second = pin!(limiter.acquire(2));
    assert!(first.as_mut().poll(&mut context).is_pending());
    assert!(second.as_mut().poll(&mut context).is_pending());
    time.set(Moment::from_secs(2));
    assert_eq!(limiter.snapshot().waiting, 1, "granted to the first");
    drop(first);
    assert_eq!(second.as_mut().poll(&mut context), Poll::Ready(Ok(())));
    assert_eq!((limiter.snapshot().granted, limiter.snapshot().cancelled), (4, 1));
}

#[tokio::test]
async fn a_stream_keeps_to_the_rate_and_two_streams_take_turns() {
    // Would break: items lost or let through too early, one stream that starves the other.
    let time = ManualClock::new();
    let limiter = one_a_second(&time, 1);
    let (told, mut heard) = tokio::sync::mpsc::channel(16);
    let streams: Vec<_> = ["left", "right"]
        .into_iter()
        .map(|side| {
            let (told, clock) = (told.clone(), time.clock());
            let limited = stream::iter(0..3).rate_limited(limiter.clone());
            tokio::spawn(limited.for_each(move |item| {
                let (told, at) = (told.clone(), clock.now());
                async move { told.send((side, item, at)).await.unwrap() }
            }))
        })
        .collect();
    time.turn(10 * SECOND).await;
    assert!(streams.iter().all(tokio::task::JoinHandle::is_finished));
    drop(told);
    let mut seen = Vec::new();
    heard.recv_many(&mut seen, 16).await;
    let (left, right) = ("left", "right");
    // The left one was in line for its second item before the right one came for its first.
    let expected = [(left, 0, 0), (left, 1, 1), (right, 0, 2), (left, 2, 3), (right, 1, 4), (right, 2, 5)];
    let seen: Vec<_> = seen.into_iter().map(|(side, item, at)| (side, item, at.0 / 1_000_000_000)).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_stream_that_finds_the_line_full_comes_again_and_loses_nothing() {
    // Would break: an item dropped, or a loop that asks for ever without waiting.
    let time = ManualClock::new();
    let limiter = one_a_second(&time, 1).waiters_max(1);
    let streams: Vec<_> =
        (0..4).map(|_| tokio::spawn(stream::iter(0..5).rate_limited(limiter.clone()).count())).collect();
    time.turn(60 * SECOND).await;
    for stream in streams {
        assert_eq!(stream.await.unwrap(), 5);
    }
    assert_eq!(limiter.snapshot().granted, 20);
}

#[tokio::test(start_paused = true)]
async fn the_machines_clock_serves_many_waiters_in_order() {
    // Would break: waits that do not end, or end out of order, on the clock that is used in earnest.
    let clock = Clock::machine();
    let limiter = RateLimiter::gcra(Rate::per_second(100), 1, clock.clone()).unwrap();
    let mut order: stream::FuturesOrdered<_> = (0..200)
        .map(|_| {
            let (limiter, clock) = (limiter.clone(), clock.clone());
            async move {
                limiter.acquire(1).await.unwrap();
                clock.now()
            }
        })
        .collect();
    let mut last = Moment::ZERO;
    while let Some(at) = order.next().await {
        assert!(at >= last);
        last = at;
    }
    assert!(last >= Moment::from_millis(1_990), "{last:?}");
}
