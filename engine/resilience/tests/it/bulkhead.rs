//! The bulkhead: permits, guarantees, the order of the line, deadlines in it, and that nothing leaks.

mod model;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use homeostat_reactor::{Clock, ManualClock, Moment};
use homeostat_resilience::bulkhead::{Bulkhead, BulkheadSettings};
use homeostat_resilience::shares::PerPriority;
use homeostat_resilience::{Call, Failure, Listener, PolicyEvent, Priority, Refusal};

fn settings(permits: usize, waiting_max: usize) -> BulkheadSettings {
    BulkheadSettings { permits, waiting_max, guaranteed_shares: PerPriority::default(), ..BulkheadSettings::default() }
}

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn the_most_important_goes_first() {
    // Would break: a payment that waits behind a report.
    let time = ManualClock::new();
    let bulkhead = Bulkhead::builder("orders", &time.clock()).settings(settings(1, 8)).build();
    let order = Arc::new(Mutex::new(Vec::new()));
    let held = bulkhead.try_acquire(Priority::Normal).unwrap();
    let tasks: Vec<_> = [Priority::Background, Priority::Low, Priority::Critical, Priority::Normal, Priority::Critical]
        .into_iter()
        .enumerate()
        .map(|(number, priority)| {
            let (bulkhead, order) = (bulkhead.clone(), Arc::clone(&order));
            tokio::spawn(async move {
                let work = || async {
                    order.lock().unwrap().push((priority, number));
                    Ok::<_, ()>(())
                };
                bulkhead.call(&Call::default().priority(priority), work).await
            })
        })
        .collect();
    time.turn(Duration::from_millis(1)).await;
    drop(held);
    time.turn(Duration::from_millis(1)).await;
    assert!(tasks.iter().all(tokio::task::JoinHandle::is_finished));
    let expected = [(Priority::Critical, 2), (Priority::Critical, 4), (Priority::Normal, 3), (Priority::Low, 1)];
    assert_eq!(order.lock().unwrap()[..4], expected);
}

#[tokio::test]
async fn who_waits_past_its_deadline_is_dropped_without_running() {
    // Would break: work for an answer that nobody waits for any more, in front of work that somebody waits for.
    let time = ManualClock::new();
    let clock = time.clock();
    let bulkhead = Bulkhead::builder("orders", &time.clock()).settings(settings(1, 8)).build();
    let held = bulkhead.try_acquire(Priority::Normal).unwrap();
    let (ran, spawned) = (Arc::new(AtomicUsize::new(0)), bulkhead.clone());
    let counter = Arc::clone(&ran);
    let call = Call::default().within(Duration::from_millis(100), &clock);
    let waiting = tokio::spawn(async move {
        let work = || async move { Ok::<_, ()>(counter.fetch_add(1, Ordering::SeqCst)) };
        spawned.call(&call, work).await
    });
    time.turn(Duration::from_millis(99)).await;
    assert!(!waiting.is_finished());
    // The permit and the deadline come at the same moment, before the task is polled again.
    time.set(Moment::from_millis(100));
    drop(held);
    assert_eq!(waiting.await.unwrap(), Err(Failure::Refused(Refusal::DeadlinePassed)));
    assert_eq!((ran.load(Ordering::SeqCst), bulkhead.snapshot().in_flight.normal), (0, 0));
    // And one that is over when it comes does not even ask.
    let over = bulkhead.acquire(&call).await;
    assert_eq!(over.map(drop), Err(Refusal::DeadlinePassed));
}

#[tokio::test]
async fn a_permit_that_comes_in_time_but_is_fetched_late_is_not_used() {
    // Would break: the same, where the runtime is busy and the task is polled only after its deadline.
    let time = ManualClock::new();
    let bulkhead = Bulkhead::builder("orders", &time.clock()).settings(settings(1, 8)).build();
    let held = bulkhead.try_acquire(Priority::Normal).unwrap();
    let call = Call::default().within(Duration::from_millis(100), &time.clock());
    let mut waiting = Box::pin(bulkhead.acquire(&call));
    assert!(poll(waiting.as_mut()).is_pending());
    drop(held);
    time.set(Moment::from_millis(200));
    let Poll::Ready(answer) = poll(waiting.as_mut()) else { panic!("it has an answer") };
    assert_eq!(answer.map(drop), Err(Refusal::DeadlinePassed));
    assert_eq!(bulkhead.snapshot().in_flight.normal, 0);
}

#[tokio::test]
async fn a_full_line_and_a_long_wait_are_refused_and_told() {
    // Would break: a line without end, a wait without end, and refusals that nobody sees.
    let time = ManualClock::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&told);
    let listener = Listener::new(move |event| ear.lock().unwrap().push(event.clone()));
    let bulkhead = Bulkhead::builder("orders", &time.clock()).settings(settings(1, 1)).listener(listener).build();
    let _held = bulkhead.try_acquire(Priority::Normal).unwrap();
    let low = Call::default().priority(Priority::Low);
    let mut first = Box::pin(bulkhead.acquire(&low));
    assert!(poll(first.as_mut()).is_pending());
    let full = Refusal::Full { name: "orders".to_owned(), in_flight: 1, waiting: 1 };
    assert_eq!(bulkhead.acquire(&low).await.map(drop), Err(full));
    // The more important one takes the place of the less important one.
    let normal = Call::default();
    let mut second = Box::pin(bulkhead.acquire(&normal));
    assert!(poll(second.as_mut()).is_pending());
    let Poll::Ready(shed) = poll(first.as_mut()) else { panic!("it made way") };
    assert_eq!(shed.map(drop), Err(Refusal::Shed { name: "orders".to_owned(), priority: Priority::Low }));
    time.set(Moment::from_millis(500));
    let Poll::Ready(late) = poll(second.as_mut()) else { panic!("it waited as long as it may") };
    assert!(matches!(late.map(drop), Err(Refusal::Full { in_flight: 1, waiting: 0, .. })));
    let told = told.lock().unwrap();
    assert_eq!(told.iter().filter(|event| matches!(event, PolicyEvent::Refused { .. })).count(), 3);
    let counts = bulkhead.snapshot();
    assert_eq!((counts.refused.low, counts.shed.low, counts.late.normal), (1, 1, 1));
}

#[tokio::test]
async fn what_hangs_leaves_the_guarantees_free() {
    // Would break: background calls that hang and take the logins with them.
    let bulkhead = Bulkhead::builder("orders", &Clock::machine()).permits(10).build();
    let hung: Vec<_> = std::iter::from_fn(|| bulkhead.try_acquire(Priority::Background).ok()).collect();
    assert_eq!(hung.len(), 8);
    assert!(bulkhead.try_acquire(Priority::Normal).is_err());
    let critical: Vec<_> = std::iter::from_fn(|| bulkhead.try_acquire(Priority::Critical).ok()).collect();
    assert_eq!(critical.len(), 2);
}

#[tokio::test]
async fn a_call_that_is_dropped_anywhere_leaks_nothing() {
    // Would break: a bulkhead that shrinks with every cancelled request until nothing goes through.
    for polls in 0..12 {
        for release_at in 0..4 {
            let bulkhead = Bulkhead::builder("orders", &Clock::machine()).settings(settings(1, 2)).build();
            let mut held = bulkhead.try_acquire(Priority::Normal).ok();
            let call = Call::default();
            let work = || async {
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
                Ok::<_, ()>(())
            };
            let mut future = Box::pin(bulkhead.call(&call, work));
            let behind = bulkhead.acquire(&call);
            let mut behind = Box::pin(behind);
            for number in 0..polls {
                if number == release_at {
                    held = None;
                }
                if poll(future.as_mut()).is_ready() {
                    break;
                }
                if number == 1 {
                    // Somebody behind it, who must get the permit that it leaves.
                    assert!(poll(behind.as_mut()).is_pending());
                }
            }
            drop(future);
            drop(held);
            if polls > 1 {
                let Poll::Ready(Ok(_permit)) = poll(behind.as_mut()) else { panic!("the next gets the permit") };
            }
            drop(behind);
            let after = bulkhead.snapshot();
            assert_eq!((after.in_flight.normal, after.waiting.normal), (0, 0), "{polls} polls, {release_at}");
            assert!(bulkhead.try_acquire(Priority::Normal).is_ok());
        }
    }
}

#[tokio::test]
async fn settings_change_under_way() {
    // Would break: a reload that forgets who is under way, or leaves somebody waiting beside free permits.
    let bulkhead = Bulkhead::builder("orders", &Clock::machine()).settings(settings(2, 4)).build();
    let held = [bulkhead.try_acquire(Priority::Normal).unwrap(), bulkhead.try_acquire(Priority::Normal).unwrap()];
    let call = Call::default();
    let mut waiting = [Box::pin(bulkhead.acquire(&call)), Box::pin(bulkhead.acquire(&call))];
    assert!(waiting.iter_mut().all(|waiting| poll(waiting.as_mut()).is_pending()));
    bulkhead.reload(settings(3, 0));
    assert!(matches!(poll(waiting[0].as_mut()), Poll::Ready(Ok(_))));
    let Poll::Ready(shed) = poll(waiting[1].as_mut()) else { panic!("there is no line any more") };
    assert!(matches!(shed.map(drop), Err(Refusal::Shed { .. })));
    bulkhead.reload(settings(1, 4));
    drop(held);
    assert_eq!(bulkhead.snapshot().permits, 1);
    let one = bulkhead.try_acquire(Priority::Normal).unwrap();
    assert!(bulkhead.try_acquire(Priority::Critical).is_err());
    drop(one);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_threads_never_see_more_than_the_permits() {
    // Would break: a count that two threads change at once.
    let bulkhead = Bulkhead::builder("orders", &Clock::machine()).settings(settings(3, 64)).build();
    let under_way = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..16)
        .map(|number| {
            let (bulkhead, under_way) = (bulkhead.clone(), Arc::clone(&under_way));
            tokio::spawn(async move {
                for _ in 0..200 {
                    let call = Call::default().priority(Priority::ALL[number % 4]);
                    // A refusal after the wait limit is no fault here: only the count is looked at.
                    let Ok(_permit) = bulkhead.acquire(&call).await else { continue };
                    assert!(under_way.fetch_add(1, Ordering::SeqCst) < 3);
                    tokio::task::yield_now().await;
                    under_way.fetch_sub(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(bulkhead.snapshot().in_flight, PerPriority::default());
}
