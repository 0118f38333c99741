//! The rate limit: never more than the arithmetic bound, waiting, deadlines, and a shared store that may be away.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use homeostat_reactor::{ManualClock, Moment};
use homeostat_resilience::rate::{RateLimit, RateSettings, SharedAnswer, SharedRate, SharedRateError, SharedTake};
use homeostat_resilience::{Call, Listener, PolicyEvent, Refusal};
use proptest::prelude::*;

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Whether a limit that has nobody wait lets a call through now.
fn takes(limit: &RateLimit) -> bool {
    let call = Call::default();
    let Poll::Ready(answer) = poll(Box::pin(limit.acquire(&call)).as_mut()) else { panic!("nobody waits here") };
    answer.is_ok()
}

fn limit(settings: RateSettings, time: &ManualClock) -> RateLimit {
    RateLimit::builder("mail", &time.clock()).settings(settings).build().unwrap()
}

proptest! {
    #[test]
    fn over_any_span_no_more_than_the_arithmetic_bound(
        permits in 1..500_u32, per_ms in 1..5_000_u64, burst in 1..20_u32,
        pauses_us in prop::collection::vec(0..200_000_u64, 1..300),
    ) {
        // Would break: an agreement with the other side, at the edge of a window or after a pause.
        let time = ManualClock::new();
        let limit = limit(RateSettings { permits, per_ms, burst, wait_ms_max: 0 }, &time);
        let mut admitted: Vec<u64> = Vec::new();
        for pause_us in pauses_us {
            time.set(time.clock().now() + Duration::from_micros(pause_us));
            if takes(&limit) {
                admitted.push(time.clock().now().0);
            }
        }
        for (first, from) in admitted.iter().enumerate() {
            for (count, to) in (1_u128..).zip(&admitted[first..]) {
                // In whole numbers: count <= burst + rate * span, both sides times the period.
                let period_nanos = u128::from(per_ms) * 1_000_000;
                let bound = u128::from(burst) * period_nanos + u128::from(permits) * u128::from(to - from);
                prop_assert!(count * period_nanos <= bound, "{count} in {} ns", to - from);
            }
        }
    }

    #[test]
    fn who_always_asks_gets_the_bound(permits in 1..50_u32, burst in 1..20_u32, per_ms in 200..2_000_u64) {
        // Would break: a limiter that is safe because it gives less than was agreed.
        let time = ManualClock::new();
        let limit = limit(RateSettings { permits, per_ms, burst, wait_ms_max: 0 }, &time);
        let (mut admitted, span_ms, call) = (0_u64, 5_000, Call::default());
        while time.clock().now() <= Moment::from_millis(span_ms) {
            match poll(Box::pin(limit.acquire(&call)).as_mut()) {
                Poll::Ready(Ok(())) => admitted += 1,
                Poll::Ready(Err(Refusal::RateLimited { retry_in, .. })) => time.set(time.clock().now() + retry_in),
                other => panic!("{other:?}"),
            }
        }
        let bound = u64::from(burst) + u64::from(permits) * span_ms / per_ms;
        // With a burst of one, the nanosecond that each wait is rounded up by is lost: at the end of the span that may be one call.
        prop_assert!(admitted == bound || admitted + 1 == bound, "{admitted} of {bound}");
    }
}

#[tokio::test]
async fn who_may_wait_waits_its_turn() {
    // Would break: waiting calls that overtake each other, or come through faster than the rate.
    let time = ManualClock::new();
    let limit = limit(RateSettings { permits: 10, per_ms: 1_000, burst: 1, wait_ms_max: 1_000 }, &time);
    let order = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..12_u64)
        .map(|number| {
            let (limit, order, clock) = (limit.clone(), Arc::clone(&order), time.clock());
            tokio::spawn(async move {
                let taken = limit.acquire(&Call::default()).await;
                order.lock().unwrap().push((number, clock.now(), taken.is_ok()));
            })
        })
        .collect();
    time.turn(Duration::from_secs(2)).await;
    assert!(tasks.iter().all(tokio::task::JoinHandle::is_finished));
    let through: Vec<_> =
        order.lock().unwrap().iter().filter(|(.., ok)| *ok).map(|(number, at, _)| (*number, *at)).collect();
    assert_eq!(through, (0..11).map(|number| (number, Moment::from_millis(number * 100))).collect::<Vec<_>>());
    // The twelfth would have had to wait longer than it may, and was told so at once.
    assert!(order.lock().unwrap().contains(&(11, Moment::ZERO, false)));
    assert_eq!((limit.snapshot().admitted, limit.snapshot().refused, limit.snapshot().waiting), (11, 1, 0));
}

#[tokio::test]
async fn nobody_waits_beyond_its_deadline() {
    // Would break: a place under the rate for an answer that nobody wants any more.
    let time = ManualClock::new();
    let limit = limit(RateSettings { permits: 1, per_ms: 1_000, burst: 1, wait_ms_max: 5_000 }, &time);
    assert_eq!(limit.acquire(&Call::default()).await, Ok(()));
    let call = Call::default().within(Duration::from_millis(1_000), &time.clock());
    assert_eq!(limit.acquire(&call).await, Err(Refusal::DeadlinePassed));
    time.set(Moment::from_secs(1));
    assert_eq!(limit.acquire(&call).await, Err(Refusal::DeadlinePassed));
    assert_eq!(limit.acquire(&Call::default()).await, Ok(()));
    limit.reload(&RateSettings { permits: 2, per_ms: 1_000, burst: 1, wait_ms_max: 0 }).unwrap();
    let retry_in = Duration::from_millis(500);
    assert_eq!(limit.acquire(&Call::default()).await, Err(Refusal::RateLimited { name: "mail".to_owned(), retry_in }));
    assert!(limit.reload(&RateSettings { permits: 0, ..RateSettings::default() }).is_err());
    assert_eq!(limit.snapshot().rate.permits, 2);
}

#[tokio::test]
async fn a_call_that_is_dropped_anywhere_gives_its_place_back() {
    // Would break: a rate that cancelled calls use up.
    for polls in 0..4 {
        let time = ManualClock::new();
        let limit = limit(RateSettings { permits: 10, per_ms: 1_000, burst: 1, wait_ms_max: 1_000 }, &time);
        assert!(takes(&limit));
        let call = Call::default();
        let mut future = Box::pin(limit.acquire(&call));
        for _ in 0..polls {
            assert!(poll(future.as_mut()).is_pending());
        }
        // Its turn comes, and it does not come for it.
        time.set(Moment::from_millis(100));
        drop(future);
        assert!(takes(&limit), "{polls} polls");
        assert_eq!(limit.snapshot().waiting, 0);
    }
}

#[test]
fn a_clock_that_goes_back_earns_nothing_and_blocks_nothing() {
    // Would break: a second burst for a clock that was set back, or none until it has caught up.
    let time = ManualClock::new();
    time.set(Moment::from_secs(1_000));
    let limit = limit(RateSettings { permits: 10, per_ms: 1_000, burst: 2, wait_ms_max: 0 }, &time);
    assert!(takes(&limit) && takes(&limit) && !takes(&limit));
    time.set(Moment::ZERO);
    assert!(!takes(&limit));
    time.set(Moment::from_millis(100));
    assert!(takes(&limit) && !takes(&limit));
}

/// A store that answers from a script; with nothing left, it never answers.
struct Scripted {
    script: Mutex<VecDeque<Result<SharedAnswer, SharedRateError>>>,
    asked: Mutex<u32>,
}

impl SharedRate for Scripted {
    fn take(&self) -> SharedTake<'_> {
        Box::pin(async {
            *self.asked.lock().unwrap() += 1;
            let next = self.script.lock().unwrap().pop_front();
            match next {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        })
    }
}

type Told = Arc<Mutex<Vec<PolicyEvent>>>;

fn with_store(
    script: impl IntoIterator<Item = Result<SharedAnswer, SharedRateError>>,
    time: &ManualClock,
    wait_ms_max: u64,
) -> (RateLimit, Arc<Scripted>, Told) {
    let store = Arc::new(Scripted { script: Mutex::new(script.into_iter().collect()), asked: Mutex::new(0) });
    let told: Told = Arc::default();
    let ear = Arc::clone(&told);
    let limit = RateLimit::builder("mail", &time.clock())
        .settings(RateSettings { permits: 1, per_ms: 60_000, burst: 2, wait_ms_max })
        .listener(Listener::new(move |event| ear.lock().unwrap().push(event.clone())))
        .store(Arc::clone(&store) as Arc<dyn SharedRate>)
        .build()
        .unwrap();
    (limit, store, told)
}

#[tokio::test]
async fn the_store_decides_while_it_answers() {
    // Would break: a local limit on top of the shared one, or a shared refusal that is ignored.
    let time = ManualClock::new();
    let wait = Duration::from_millis(30);
    let not_yet = Ok(SharedAnswer::NotYet { wait });
    let granted = || Ok(SharedAnswer::Granted);
    let script = [granted(), granted(), granted(), not_yet.clone(), not_yet.clone(), granted(), not_yet];
    let (limit, store, told) = with_store(script, &time, 40);
    for _ in 0..3 {
        assert_eq!(limit.acquire(&Call::default()).await, Ok(()));
    }
    // Waits once, and then would have to wait longer than it may.
    let waiting = tokio::spawn({
        let limit = limit.clone();
        async move { limit.acquire(&Call::default()).await }
    });
    time.turn(wait).await;
    assert_eq!(waiting.await.unwrap(), Err(Refusal::RateLimited { name: "mail".to_owned(), retry_in: wait }));
    assert_eq!(limit.acquire(&Call::default()).await, Ok(()));
    let soon = Call::default().within(Duration::from_millis(10), &time.clock());
    assert_eq!(limit.acquire(&soon).await, Err(Refusal::DeadlinePassed));
    assert_eq!(*store.asked.lock().unwrap(), 7);
    assert!(told.lock().unwrap().iter().all(|event| matches!(event, PolicyEvent::Refused { .. })));
}

#[tokio::test]
async fn a_store_that_is_away_fails_open_to_the_local_limit() {
    // Would break: an outage of the store that becomes an outage of everything behind it, or no limit at all meanwhile.
    let time = ManualClock::new();
    let lost = || Err(SharedRateError { because: "connection refused".to_owned() });
    let (limit, store, told) = with_store([lost(), lost(), Ok(SharedAnswer::Granted)], &time, 0);
    assert!(takes(&limit) && takes(&limit), "the local burst");
    assert!(!takes(&limit), "and no more");
    assert!(limit.snapshot().is_store_lost);
    assert_eq!(*store.asked.lock().unwrap(), 1, "it is left alone");
    time.set(Moment::from_secs(1));
    assert!(!takes(&limit) && !takes(&limit));
    assert_eq!(*store.asked.lock().unwrap(), 2, "one call a rest asks it");
    time.set(Moment::from_secs(2));
    assert!(takes(&limit), "it is back");
    assert!(!limit.snapshot().is_store_lost);
    let told = told.lock().unwrap();
    let of_store: Vec<_> = told.iter().filter(|event| !matches!(event, PolicyEvent::Refused { .. })).cloned().collect();
    let because = "connection refused".to_owned();
    let expected = [
        PolicyEvent::SharedRateLost { name: "mail".into(), because },
        PolicyEvent::SharedRateBack { name: "mail".into() },
    ];
    assert_eq!(of_store, expected);
}

#[tokio::test]
async fn a_store_that_hangs_costs_one_call_its_patience() {
    // Would break: every call that waits for a store that never answers; and a cancelled one that leaves the store asked for ever.
    let time = ManualClock::new();
    let (limit, store, told) = with_store([], &time, 0);
    let call = Call::default();
    let mut asking = Box::pin(limit.acquire(&call));
    assert!(poll(asking.as_mut()).is_pending());
    drop(asking);
    assert_eq!((time.sleepers(), limit.snapshot().refused), (0, 0));
    let mut asking = Box::pin(limit.acquire(&call));
    assert!(poll(asking.as_mut()).is_pending());
    time.set(Moment::from_millis(50));
    assert_eq!(poll(asking.as_mut()), Poll::Ready(Ok(())));
    assert!(takes(&limit) && !takes(&limit));
    assert_eq!(*store.asked.lock().unwrap(), 2);
    assert!(matches!(told.lock().unwrap()[0], PolicyEvent::SharedRateLost { .. }));
    // A clock that went back does not keep it resting.
    time.set(Moment::ZERO);
    drop(poll(Box::pin(limit.acquire(&call)).as_mut()));
    assert_eq!(*store.asked.lock().unwrap(), 3);
}
