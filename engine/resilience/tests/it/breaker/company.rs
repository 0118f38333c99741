//! The breaker in company: with other policies around and within it, on many threads, and with somebody who listens.

use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use homeostat_reactor::{ManualClock, Moment};
use homeostat_resilience::breaker::Breaker;
use homeostat_resilience::chance::Chance;
use homeostat_resilience::{
    Attempt, Call, Deadline, DeadlineSettings, Failure, Listener, PolicyEvent, Priority, Retry, Verdict,
    advise_through, judge_result,
};

use super::{answered, breaker, settings, state};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_can_be_called_from_any_thread() {
    // Would break: callers whose tasks move between threads.
    let (breaker, _time) = breaker(settings());
    let called =
        tokio::spawn(async move { breaker.call(&Call::default(), judge_result, || async { Ok::<_, ()>(1) }).await });
    assert_eq!(called.await.unwrap(), Ok(1));
}

#[tokio::test]
async fn with_a_limit_inside_and_a_retry_outside_a_hang_opens_it_and_nobody_insists() {
    // Would break: policies that do not speak the same language: a limit whose end says nothing to the breaker, a breaker whose
    // refusal the retry runs against.
    let (breaker, time) = breaker(settings());
    let limit = Deadline::new("limit", DeadlineSettings::of_millis(50), time.clock());
    let asked = AtomicU32::new(0);
    let own = |_: Result<&(), &()>| Verdict::Good;
    let attempt = |attempt: Attempt| {
        let (limit, breaker, asked) = (&limit, &breaker, &asked);
        async move {
            let work = || {
                asked.fetch_add(1, Ordering::Relaxed);
                limit.call(&attempt.call, |_| pending::<Result<(), ()>>())
            };
            breaker.call(&attempt.call, advise_through(own), work).await.map_err(Failure::flatten)
        }
    };
    let retry = Retry::builder("retry", &time.clock()).chance(Chance::seeded(1)).build();
    for _ in 0..4 {
        let call = Call::idempotent().within(Duration::from_secs(3), &time.clock());
        let mut calling = Box::pin(retry.call(&call, advise_through(own), attempt));
        while calling.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            time.set(time.next_due().unwrap());
        }
    }
    assert_eq!((state(&breaker).as_str(), asked.into_inner()), ("open", 4));
}

#[test]
fn it_tells_each_move_and_each_refusal_once() {
    // Would break: a console that does not see an outage, or sees it in a thousand lines.
    let (told, time) = (Arc::new(Mutex::new(Vec::new())), ManualClock::new());
    let listener = Listener::new({
        let told = Arc::clone(&told);
        move |event| told.lock().unwrap().push(event.clone())
    });
    let builder = Breaker::builder("orders", &time.clock()).settings(settings()).listener(listener);
    let breaker = builder.build().unwrap();
    answered(&breaker, &[Verdict::Failed; 4]);
    assert!(breaker.begin(Priority::Low).is_err());
    time.set(Moment::from_secs(6));
    answered(&breaker, &[Verdict::Good; 3]);
    let told: Vec<_> = told
        .lock()
        .unwrap()
        .iter()
        .map(|event| match event {
            PolicyEvent::BreakerMoved { from, to, because, .. } => format!("{from} -> {to}: {because}"),
            PolicyEvent::Refused { priority, .. } => format!("refused {priority}"),
            other => format!("{other:?}"),
        })
        .collect();
    let expected = [
        "closed -> open: 4 of 4 calls failed",
        "refused low",
        "open -> half_open: the pause is over",
        "half_open -> closed: 3 trials answered, 0 of them failed",
    ];
    assert_eq!(told, expected);
}
