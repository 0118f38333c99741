//! The limiter around calls: what it lets in, tells and gives back.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use homeostat_reactor::{Clock, ManualClock};
use homeostat_resilience::chance::Chance;
use homeostat_resilience::concurrency::{ConcurrencyLimiter, ConcurrencySettings, Running};
use homeostat_resilience::{Call, Failure, Listener, PolicyEvent, Priority, Refusal, Verdict, judge_result};
use proptest::prelude::*;

fn fixed(limit: usize) -> ConcurrencySettings {
    ConcurrencySettings { limit_at_start: limit, limit_min: limit, limit_max: limit, ..ConcurrencySettings::default() }
}

fn fill(limiter: &ConcurrencyLimiter, priority: Priority) -> Vec<Running> {
    let call = Call::default().priority(priority);
    std::iter::from_fn(|| limiter.try_start(&call).ok()).collect()
}

#[test]
fn the_least_important_makes_way_first() {
    // Would break: prefetches that fill the limit, and a payment that finds it full.
    let limiter = ConcurrencyLimiter::builder("stock", &Clock::machine()).settings(fixed(20)).build();
    let mut all = Vec::new();
    for (priority, more) in
        [(Priority::Background, 10), (Priority::Low, 5), (Priority::Normal, 3), (Priority::Critical, 2)]
    {
        let let_in = fill(&limiter, priority);
        assert_eq!(let_in.len(), more, "{priority}");
        all.extend(let_in);
        let refusal = limiter.try_start(&Call::default().priority(priority)).unwrap_err();
        let expected = match priority {
            Priority::Critical => Refusal::Full { name: "stock".to_owned(), in_flight: 20, waiting: 0 },
            _ => Refusal::Shed { name: "stock".to_owned(), priority },
        };
        assert_eq!(refusal, expected);
    }
    drop(all);
    assert_eq!(limiter.snapshot().in_flight, 0);
}

proptest! {
    #[test]
    fn nobody_is_let_in_beyond_the_limit(
        steps in prop::collection::vec((0..4_usize, any::<bool>(), 0..50_u64, any::<usize>(), 0..4_usize), 1..600),
    ) {
        // Would break: in-flight counts that drift from what is under way, or a limit that is only a suggestion.
        let time = ManualClock::new();
        let settings = ConcurrencySettings { limit_at_start: 12, limit_min: 2, limit_max: 20, ..ConcurrencySettings::default() };
        let limiter =
            ConcurrencyLimiter::builder("stock", &time.clock()).settings(settings).chance(Chance::seeded(1)).build();
        let mut running: Vec<Running> = Vec::new();
        let verdicts = [Verdict::Good, Verdict::Failed, Verdict::Full, Verdict::Ignored];
        for (priority, is_start, millis, which, verdict) in steps {
            time.set(time.clock().now() + Duration::from_millis(millis));
            if is_start {
                let before = limiter.snapshot();
                let started = limiter.try_start(&Call::default().priority(Priority::ALL[priority]));
                let ceiling = before.ceilings[Priority::ALL[priority]];
                prop_assert_eq!(started.is_ok(), before.in_flight < ceiling);
                prop_assert!(ceiling <= before.limit && before.limit <= 20);
                running.extend(started);
            } else if !running.is_empty() {
                let one = running.swap_remove(which % running.len());
                if which % 5 == 0 { drop(one) } else { one.finish(verdicts[verdict]) }
            }
            prop_assert_eq!(limiter.snapshot().in_flight, running.len());
        }
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_anywhere_leaks_nothing() {
    // Would break: a limiter that fills up with calls that were cancelled long ago.
    for polls in 0..6 {
        let limiter = ConcurrencyLimiter::builder("stock", &Clock::machine()).settings(fixed(1)).build();
        let call = Call::default();
        let work = || async {
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            Ok::<_, ()>(())
        };
        let mut future = Box::pin(limiter.call(&call, work));
        for _ in 0..polls {
            if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                break;
            }
            assert_eq!(limiter.snapshot().in_flight, 1);
        }
        drop(future);
        assert_eq!(limiter.snapshot().in_flight, 0, "{polls} polls");
    }
}

#[tokio::test]
async fn work_that_panics_is_not_under_way_any_more() {
    // Would break: a limiter that one faulty handler fills for good.
    let limiter = ConcurrencyLimiter::builder("stock", &Clock::machine()).settings(fixed(1)).build();
    let inner = limiter.clone();
    let task = tokio::spawn(async move {
        let work = || async { if true { panic!("a faulty handler") } else { Ok::<(), ()>(()) } };
        inner.call(&Call::default(), work).await
    });
    assert!(task.await.is_err());
    assert_eq!(limiter.snapshot().in_flight, 0);
    let answer = limiter.call(&Call::default(), || async { Err::<(), _>("no") }).await;
    assert_eq!(answer, Err(Failure::Inner("no")));
}

#[tokio::test]
async fn what_is_over_or_refused_is_not_made() {
    // Would break: work for nobody.
    let time = ManualClock::new();
    let limiter = ConcurrencyLimiter::builder("stock", &time.clock()).settings(fixed(1)).build();
    let never = || async { unreachable!("it is refused") };
    let over = Call::default().within(Duration::ZERO, &time.clock());
    let answer: Result<(), Failure<()>> = limiter.call(&over, never).await;
    assert_eq!(answer, Err(Failure::Refused(Refusal::DeadlinePassed)));
    let _one = limiter.try_start(&Call::default()).unwrap();
    let answer: Result<(), Failure<()>> = limiter.call_judged(&Call::default(), &judge_result, never).await;
    assert!(matches!(answer, Err(Failure::Refused(Refusal::Full { .. }))));
}

#[test]
fn a_limit_that_moves_is_told_and_stays_when_settings_change() {
    // Would break: a limit that moves without a trace, or a reload that forgets what was learned.
    let time = ManualClock::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&told);
    let listener = Listener::new(move |event| ear.lock().unwrap().push(event.clone()));
    let limiter =
        ConcurrencyLimiter::builder("stock", &time.clock()).chance(Chance::seeded(1)).listener(listener).build();
    for _ in 0..200 {
        let running = fill(&limiter, Priority::Critical);
        time.set(time.clock().now() + Duration::from_millis(20));
        running.into_iter().for_each(|running| running.finish(Verdict::Good));
    }
    let grown = limiter.snapshot();
    assert!(grown.learned_limit > 100.0, "{grown:?}");
    assert_eq!(grown.least_latency_secs.map(|secs| (secs * 1e3).round()), Some(20.0));
    let moves: Vec<_> = told
        .lock()
        .unwrap()
        .iter()
        .filter_map(|event| match event {
            PolicyEvent::LimitMoved { from, to, .. } => Some((*from, *to)),
            _ => None,
        })
        .collect();
    assert!(!moves.is_empty() && moves.len() < 40 && moves.iter().all(|(from, to)| to > from), "{moves:?}");
    assert!(moves.windows(2).all(|pair| pair[0].1 == pair[1].0));
    limiter.reload(ConcurrencySettings { limit_max: 2_000, ..ConcurrencySettings::default() });
    assert_eq!(limiter.snapshot().limit, grown.limit);
    limiter.reload(fixed(10));
    assert_eq!((limiter.snapshot().limit, fill(&limiter, Priority::Critical).len()), (10, 10));
}

#[test]
fn a_poll_of_a_ready_call_counts_once() {
    // Would break: learning twice from one call, once from its end and once from its drop.
    let limiter = ConcurrencyLimiter::builder("stock", &Clock::machine()).settings(fixed(1)).build();
    let call = Call::default();
    let mut future = Box::pin(limiter.call(&call, || async { Ok::<_, ()>(()) }));
    let ready = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(ready, Poll::Ready(Ok(()))));
    drop(future);
    let after = limiter.snapshot();
    assert_eq!((after.in_flight, after.admitted.normal), (0, 1));
}
