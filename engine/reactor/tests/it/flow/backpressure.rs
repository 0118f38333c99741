//! Backpressure: marks, pauses, who waits and who is let in.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::{FutureExt, StreamExt, stream};
use homeostat_reactor::flow::{Backpressure, FlowExt, FlowState, InvalidMarks, Load, Marks, TooManyWaiting};
use homeostat_reactor::{ManualClock, Moment};
use proptest::prelude::*;

use super::model::Bell;

fn controller(time: &ManualClock, low: u64, high: u64) -> Backpressure {
    Backpressure::named("ingest", Marks::new(low, high).unwrap(), time.clock())
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    future.poll_unpin(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn marks_need_space_between_them() {
    // Would break: a controller that alternates with every item, or never resumes.
    assert_eq!(Marks::new(3, 3), Err(InvalidMarks { low: 3, high: 3 }));
    assert!(Marks::new(0, 1).is_ok());
}

#[tokio::test]
async fn pauses_are_counted_timed_and_named() {
    // Would break: an operator who cannot see that producers are held back, how often, how long, since when and by whom.
    let time = ManualClock::new();
    let pressure = controller(&time, 1, 4);
    let (scraper, importer) = (pressure.producer("scraper"), pressure.producer("importer"));
    let first = scraper.try_admit(3).unwrap();
    time.set(Moment::from_secs(10));
    let second = importer.try_admit(2).unwrap();
    assert_eq!(pressure.state(), FlowState::Paused { since: Moment::from_secs(10), by: "importer".to_owned() });
    time.set(Moment::from_secs(12));
    drop(second);
    assert!(pressure.state().is_paused(), "between the marks nothing changes");
    time.set(Moment::from_secs(15));
    drop(first);
    assert_eq!(pressure.state(), FlowState::Flowing { since: Moment::from_secs(15) });
    scraper.report(4);
    time.set(Moment::from_secs(22));
    let snapshot = pressure.snapshot();
    assert_eq!((snapshot.level, snapshot.level_max, snapshot.pauses), (4, 5, 2));
    assert_eq!(snapshot.paused_total_ns, 12_000_000_000);
    assert_eq!(snapshot.paused_max_ns, 7_000_000_000);
    let producers: Vec<_> = snapshot.producers.iter().map(|one| (one.name.as_str(), one.level, one.pauses)).collect();
    assert_eq!(producers, [("scraper", 4, 1), ("importer", 0, 1)]);
    let json = serde_json::to_value(&snapshot).unwrap();
    assert_eq!(json["state"]["state"], "paused");
    assert_eq!(serde_json::from_value::<homeostat_reactor::flow::BackpressureSnapshot>(json).unwrap(), snapshot);
}

#[tokio::test]
async fn watchers_see_each_pause_and_resume() {
    // Would break: a producer far away that learns of a pause too late or never, and one that watches for ever.
    let time = ManualClock::new();
    let pressure = controller(&time, 1, 2);
    let scraper = pressure.producer("scraper");
    let mut changes = pressure.changes();
    assert!(!changes.next().await.unwrap().is_paused());
    assert!(changes.next().now_or_never().is_none());
    let loads = scraper.try_admit(2).unwrap();
    assert!(changes.next().await.unwrap().is_paused());
    drop(loads);
    assert!(!changes.next().await.unwrap().is_paused());
    drop((scraper, pressure));
    assert_eq!(changes.next().await, None);
}

#[test]
fn a_producer_that_goes_away_takes_its_level_along() {
    // Would break: a level that stays high for ever after the producer that caused it has died.
    let pressure = controller(&ManualClock::new(), 1, 4);
    let scraper = pressure.producer("scraper");
    scraper.report(9);
    let load = pressure.producer("short-lived").try_admit(1);
    assert!(load.is_none());
    let mut waiting = pressure.producer("patient").admit(2);
    assert!(poll(&mut waiting).is_pending());
    drop(scraper);
    assert!(matches!(poll(&mut waiting), Poll::Ready(Ok(load)) if load.amount() == 2));
    assert_eq!(pressure.snapshot().level, 0, "the load was dropped with the answer");
    drop(waiting);
    assert!(pressure.snapshot().producers.is_empty());
}

#[test]
fn too_many_waiters_are_sent_away() {
    // Would break: a line without an end.
    let pressure = controller(&ManualClock::new(), 1, 2).waiters_max(1);
    let scraper = pressure.producer("scraper");
    let _load = scraper.try_admit(2).unwrap();
    let (mut first, mut second) = (scraper.admit(1), scraper.admit(1));
    assert!(poll(&mut first).is_pending());
    assert!(matches!(poll(&mut second), Poll::Ready(Err(TooManyWaiting { waiters_max: 1 }))));
}

#[tokio::test]
async fn a_stream_is_pulled_only_while_the_level_allows() {
    // Would break: a source that is read into memory while its readers are behind.
    let pressure = controller(&ManualClock::new(), 1, 3);
    let queue = pressure.producer("queue");
    let mut source = stream::iter(0..).held_back(pressure.producer("source"));
    for length in 0..3 {
        queue.report(length);
        assert_eq!(source.next().await, Some(length));
    }
    queue.report(3);
    assert!(source.next().now_or_never().is_none());
    queue.report(2);
    assert!(source.next().now_or_never().is_none(), "not below the low mark yet");
    queue.report(1);
    assert_eq!(source.next().await, Some(3));
}

#[derive(Debug, Clone)]
enum Step {
    Admit(u64),
    Leave(usize),
    Release(usize),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0u64..4).prop_map(Step::Admit),
        (1u64..4).prop_map(Step::Admit),
        any::<usize>().prop_map(Step::Leave),
        any::<usize>().prop_map(Step::Release),
        any::<usize>().prop_map(Step::Release),
        (0u64..1_000).prop_map(Step::Pass),
    ];
    proptest::collection::vec(step, 1..120)
}

proptest! {
    #[test]
    fn the_level_keeps_to_the_marks_and_the_line_to_its_order(low in 0u64..5, space in 1u64..5, steps in steps()) {
        // Would break: a level that runs away, a waiter left asleep while there is room, a place or a load lost with a dropped
        // future, somebody who overtakes.
        let time = ManualClock::new();
        let high = low + space;
        let pressure = controller(&time, low, high);
        let producer = pressure.producer("one");
        let mut waiting: Vec<(usize, Arc<Bell>, homeostat_reactor::flow::Admit)> = Vec::new();
        let mut loads: Vec<Load> = Vec::new();
        let (mut came, mut last_let_in) = (0, 0);
        for step in steps {
            match step {
                Step::Admit(amount) => {
                    came += 1;
                    waiting.push((came, Bell::ringing(), producer.admit(amount)));
                }
                Step::Leave(place) => {
                    if let Some(place) = place.checked_rem(waiting.len()) {
                        drop(waiting.remove(place));
                    }
                }
                Step::Release(place) => {
                    if let Some(place) = place.checked_rem(loads.len()) {
                        drop(loads.swap_remove(place));
                    }
                }
                Step::Pass(nanos) => time.set(time.clock().now() + Duration::from_nanos(nanos)),
            }
            // Only who was woken looks, whoever it is first.
            while let Some(place) = waiting.iter().position(|(_, bell, _)| bell.answer()) {
                let waker = Waker::from(Arc::clone(&waiting[place].1));
                if let Poll::Ready(load) = waiting[place].2.poll_unpin(&mut Context::from_waker(&waker)) {
                    loads.push(load.unwrap());
                    let (who, ..) = waiting.remove(place);
                    prop_assert!(who > last_let_in, "{} was let in after {}", who, last_let_in);
                    last_let_in = who;
                }
            }
            let snapshot = pressure.snapshot();
            prop_assert_eq!(snapshot.level, loads.iter().map(Load::amount).sum::<u64>());
            prop_assert!(snapshot.level < high + 4, "the high mark is passed by one item at most");
            prop_assert!(waiting.is_empty() || snapshot.state.is_paused(), "nobody waits while there is room");
            prop_assert!(snapshot.level < high || snapshot.state.is_paused());
            prop_assert!(snapshot.level > low || !snapshot.state.is_paused());
            prop_assert_eq!(snapshot.producers[0].waiting, waiting.len());
        }
        drop((waiting, loads));
        prop_assert_eq!(pressure.snapshot().level, 0);
        prop_assert!(!pressure.state().is_paused());
    }
}
