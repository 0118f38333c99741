//! The event loop: who gets what, who is kept from harming whom, and how it ends.

mod ending;
mod faults;
mod letters;
mod spans;

use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use homeostat_reactor::reactor::{Backoff, Cause, HandlerState, Supervision};
use homeostat_reactor::{Class, Lane, ManualClock, Outcome, Overflow, Reactor, events};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, PartialEq)]
pub struct Order(u64);
#[derive(Clone, Debug, PartialEq)]
pub struct Page(u64);
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm(u64);
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    name: u64,
    value: u64,
}

events! {
    #[derive(Debug, PartialEq)]
    pub enum Shop { Order, Page, Alarm, Level }

    fn class(&self) -> Class {
        match self {
            Self::Alarm(_) => Class::Critical,
            Self::Order(_) => Class::Act,
            Self::Level(_) => Class::Detect,
            Self::Page(_) => Class::Bulk,
        }
    }

    fn key(&self) -> Option<u64> {
        match self { Self::Level(level) => Some(level.name), _ => None }
    }
}

/// What handlers write down.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<u64>>>);

impl Notes {
    fn write(&self, number: u64) {
        self.0.lock().unwrap().push(number);
    }

    fn all(&self) -> Vec<u64> {
        self.0.lock().unwrap().clone()
    }
}

/// What must come to be, and would hang if it did not.
async fn soon<F: Future>(awaited: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(30), awaited).await.expect("it comes to be")
}

/// Lets everybody else on this thread do what they can.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

async fn until(mut holds: impl FnMut() -> bool) {
    tokio::time::timeout(Duration::from_secs(30), async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .expect("it comes to hold");
}

#[tokio::test]
async fn handlers_get_their_type_and_what_their_predicate_wants() {
    // Would break: a handler that sees events it did not ask for, or misses some it did.
    let reactor = Reactor::<Shop>::builder().start();
    let (big, all) = (Notes::default(), Notes::default());
    let to = big.clone();
    let _big = reactor.on::<Order>().when(|order| order.0 >= 10).each(move |order| {
        to.write(order.0);
        async {}
    });
    let to = all.clone();
    let _all = reactor.on::<Shop>().each(move |_| {
        to.write(1);
        async {}
    });
    let emitter = reactor.emitter();
    for number in [5, 10, 15] {
        emitter.emit(Order(number)).await.unwrap();
        emitter.emit(Page(number)).await.unwrap();
    }
    assert!(reactor.shutdown(SECOND * 10).await.is_clean());
    assert_eq!(big.all(), [10, 15]);
    assert_eq!(all.all().len(), 6);
}

#[tokio::test]
async fn dropping_the_guard_unsubscribes_and_leaves_nothing_behind() {
    // Would break: handlers that pile up in the loop after their owners have gone.
    let reactor = Reactor::<Shop>::builder().start();
    for _ in 0..1_000 {
        let guard = reactor.on::<Order>().each(|_| async {});
        let events = reactor.on::<Page>().events();
        drop((guard, events));
        tokio::task::yield_now().await;
    }
    until(|| reactor.snapshot().handlers.is_empty()).await;
    let receipt = reactor.emitter().emit_tracked(Order(1)).await.unwrap();
    assert_eq!(receipt.await.outcome, Outcome::Skipped);
}

#[tokio::test]
async fn a_panicking_a_failing_and_a_hanging_handler_cost_a_good_one_nothing() {
    // Would break: isolation, the reason why every handler has a task and a mailbox of its own.
    let reactor = Reactor::<Shop>::builder().start();
    let small = Lane { capacity: 4, overflow: Overflow::DropOldest };
    let _panics = reactor.on::<Order>().named("panics").mailbox(small).each(|order: Order| async move {
        assert!(order.0 == u64::MAX, "order {}", order.0);
    });
    let _fails = reactor.on::<Order>().named("fails").mailbox(small).each(|_| async { Err::<(), _>("no") });
    let _hangs = reactor.on::<Order>().named("hangs").mailbox(small).each(|_| pending::<()>());
    let _odd = reactor.on::<Order>().named("odd").when(|_| panic!("what a predicate")).each(|_| async {});
    let good = Notes::default();
    let to = good.clone();
    let _good = reactor.on::<Order>().named("good").lossless().each(move |order| {
        to.write(order.0);
        async {}
    });
    let emitter = reactor.emitter();
    for number in 0..500 {
        emitter.emit(Order(number)).await.unwrap();
    }
    until(|| good.all().len() == 500).await;
    assert_eq!(good.all(), (0..500).collect::<Vec<_>>());
    let snapshot = reactor.snapshot();
    let of = |name: &str| snapshot.handlers.iter().find(|handler| handler.name == name).unwrap();
    assert_eq!((of("hangs").handled, of("odd").handled), (0, 0));
    assert!(of("panics").panicked > 0 && of("fails").failed > 0);
    assert_eq!(of("odd").predicate_panics, 500);
    // What is left in the small mailboxes is handled at last: a panic that is told with all its callers takes its time.
    until(|| {
        let handlers = reactor.snapshot().handlers;
        ["panics", "fails"].iter().all(|name| {
            let handler = handlers.iter().find(|handler| handler.name == *name).unwrap();
            handler.panicked + handler.failed + handler.mailbox[Class::Act].losses.dropped() == 500
        })
    })
    .await;
    let report = reactor.shutdown(Duration::from_millis(50)).await;
    assert_eq!(report.unfinished, ["hangs"]);
}

#[tokio::test]
async fn dead_letters_name_the_handler_and_the_cause() {
    // Would break: a failure that nobody can look into afterwards.
    let reactor = Reactor::<Shop>::builder().start();
    let _guard =
        reactor.on::<Order>().named("billing").timeout(Duration::from_millis(20)).each(|order: Order| async move {
            match order.0 {
                0 => Err("no paper".to_owned()),
                1 => panic!("printer on fire"),
                _ => pending().await,
            }
        });
    let letters = reactor.dead_letters();
    let expected = [
        Cause::Failed("no paper".into()),
        Cause::Panicked("printer on fire".into()),
        Cause::TimedOut(Duration::from_millis(20)),
    ];
    for (number, cause) in expected.into_iter().enumerate() {
        let receipt = reactor.emitter().emit_tracked(Order(number as u64)).await.unwrap();
        let letter = letters.next().await.unwrap();
        assert_eq!((&*letter.handler, letter.event), ("billing", Shop::Order(Order(number as u64))));
        assert_eq!(letter.cause, cause);
        let settlement = receipt.await;
        assert_eq!(settlement.outcome, Outcome::Failed);
        assert_eq!(settlement.cause.unwrap(), format!("billing {cause}"));
    }
}

#[tokio::test]
async fn a_restarted_handler_begins_with_its_first_state_after_a_pause() {
    // Would break: a restart that keeps the state that made it fail, or that storms.
    let time = ManualClock::new();
    let reactor = Reactor::<Shop>::builder().clock(time.clock()).start();
    let notes = Notes::default();
    let to = notes.clone();
    let mut seen = 0;
    let backoff = Backoff { first: SECOND, longest: SECOND * 2, failures_max: 3 };
    let _guard = reactor.on::<Order>().supervise(Supervision::Restart(backoff)).each(move |order: Order| {
        seen += 1;
        to.write(seen);
        async move { if order.0 == 0 { Err("bad") } else { Ok(()) } }
    });
    let emitter = reactor.emitter();
    for number in [1, 1, 0, 1] {
        emitter.emit(Order(number)).await.unwrap();
    }
    time.turn(Duration::from_millis(999)).await;
    assert_eq!(notes.all(), [1, 2, 3]);
    assert_eq!(reactor.snapshot().handlers[0].state, HandlerState::BackingOff);
    time.turn(Duration::from_millis(1)).await;
    assert_eq!(notes.all(), [1, 2, 3, 1], "the fourth event meets a handler that has seen nothing");
    for _ in 0..3 {
        emitter.emit(Order(0)).await.unwrap();
        time.turn(SECOND * 2).await;
    }
    assert_eq!(reactor.snapshot().handlers[0].state, HandlerState::Stopped);
    let receipt = reactor.emitter().emit_tracked(Order(1)).await.unwrap();
    time.turn(SECOND).await;
    let settlement = receipt.await;
    assert_eq!(settlement.outcome, Outcome::Dropped, "{settlement:?}");
}

#[tokio::test]
async fn batches_are_full_or_their_wait_is_over() {
    // Would break: a handler that asked for batches and waits for ever for the last of one.
    let time = ManualClock::new();
    let reactor = Reactor::<Shop>::builder().clock(time.clock()).start();
    let notes = Notes::default();
    let to = notes.clone();
    let _guard = reactor.on::<Order>().batches(3, SECOND, move |orders: Vec<Order>| {
        to.write(orders.len() as u64);
        async {}
    });
    for number in 0..7 {
        reactor.emitter().emit(Order(number)).await.unwrap();
    }
    time.turn(Duration::from_millis(999)).await;
    assert_eq!(notes.all(), [3, 3]);
    time.turn(Duration::from_millis(1)).await;
    assert_eq!(notes.all(), [3, 3, 1]);
}

#[tokio::test]
async fn critical_events_overtake_bulk_in_front_of_the_loop_and_in_mailboxes() {
    // Would break: an alarm that waits behind a flood.
    let reactor = Reactor::<Shop>::builder().start();
    let notes = Notes::default();
    let to = notes.clone();
    let _guard = reactor.on::<Shop>().lossless().each(move |event: Shop| {
        to.write(u64::from(matches!(event, Shop::Alarm(_))));
        async { tokio::task::yield_now().await }
    });
    let emitter = reactor.emitter();
    for number in 0..2_000 {
        emitter.emit(Page(number)).await.unwrap();
    }
    until(|| notes.all().len() > 10).await;
    let before = notes.all().len();
    let receipt = emitter.emit_tracked(Alarm(1)).await.unwrap();
    assert!(receipt.await.outcome.is_good());
    let place = notes.all().iter().position(|alarm| *alarm == 1).unwrap();
    assert!(place - before < 70, "{} bulk events went before the alarm", place - before);
}

#[tokio::test]
async fn a_lossless_reader_that_stalls_has_emitters_wait_and_loses_nothing() {
    // Would break: backpressure from a stream back to whoever emits.
    let lane = Lane { capacity: 8, overflow: Overflow::Block };
    let reactor = Reactor::<Shop>::builder().lane(Class::Act, lane).start();
    let mut events = reactor.on::<Order>().mailbox(lane).lossless().events();
    let emitted = Arc::new(AtomicU64::new(0));
    let (emitter, count) = (reactor.emitter(), emitted.clone());
    let emitting = tokio::spawn(async move {
        for number in 0..1_000 {
            emitter.emit(Order(number)).await.unwrap();
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    until(|| reactor.snapshot().classes[Class::Act as usize].emitters_waiting == 1).await;
    let snapshot = reactor.snapshot();
    assert!(snapshot.classes[Class::Act as usize].lane.holds == 1);
    assert!(emitted.load(Ordering::Relaxed) <= 24, "bounded by the mailbox and the lane before it");
    // Others are not delayed by the stall.
    let mut pages = reactor.on::<Page>().events();
    reactor.emitter().emit(Page(7)).await.unwrap();
    assert_eq!(pages.next_batch(1).await.unwrap()[0].event, Page(7));
    let mut seen = Vec::new();
    while seen.len() < 1_000 {
        seen.extend(events.next_batch(100).await.unwrap().into_iter().map(|order| order.settle(Outcome::Done).0));
    }
    assert_eq!(seen, (0..1_000).collect::<Vec<_>>());
    emitting.await.unwrap();
    // One that goes away while it holds emitters back lets them go.
    for number in 0..8 {
        reactor.emitter().emit(Order(number)).await.unwrap();
    }
    until(|| reactor.snapshot().classes[Class::Act as usize].lane.holds == 1).await;
    drop(events);
    reactor.emitter().emit(Order(0)).await.unwrap();
}

#[tokio::test]
async fn each_overflow_does_what_its_name_says_and_counts_it() {
    // Would break: events lost in another way than was chosen, or not counted.
    let time = ManualClock::new();
    let lane = |overflow| Lane { capacity: 4, overflow };
    // Nothing is dispatched as long as this test does not wait: it runs on one thread.
    let emit_ten = |overflow| {
        let reactor = Reactor::<Shop>::builder().clock(time.clock()).lane(Class::Detect, lane(overflow)).start();
        let refused = (0..10).filter(|n| reactor.emitter().try_emit(Level { name: n % 3, value: *n }).is_err()).count();
        (reactor, refused)
    };
    for (overflow, expected, losses) in [
        (Overflow::Block, vec![0, 1, 2, 3], (0, 0, 0, 0, 6)),
        (Overflow::Fail, vec![0, 1, 2, 3], (0, 0, 0, 0, 6)),
        (Overflow::DropNewest, vec![0, 1, 2, 3], (6, 0, 0, 0, 0)),
        (Overflow::DropOldest, vec![6, 7, 8, 9], (0, 6, 0, 0, 0)),
        (Overflow::Coalesce, vec![9, 7, 8], (0, 0, 7, 0, 0)),
        ("sample:4".parse().unwrap(), vec![0, 1, 5, 9], (0, 0, 0, 6, 0)),
    ] {
        let (reactor, refused) = emit_ten(overflow);
        let mut events = reactor.on::<Level>().events();
        let seen: Vec<_> = events.next_batch(10).await.unwrap().iter().map(|level| level.value).collect();
        assert_eq!(seen, expected, "{overflow}");
        let counted = reactor.snapshot().classes[Class::Detect as usize].lane.losses;
        let counts = (counted.newest, counted.oldest, counted.coalesced, counted.sampled, counted.refused);
        assert_eq!(counts, losses, "{overflow}");
        assert_eq!(refused as u64, losses.4);
    }
}

#[tokio::test]
async fn a_receipt_waits_for_every_copy_and_tells_the_worst() {
    // Would break: fan-out that acknowledges an event which one of its handlers failed.
    let reactor = Reactor::<Shop>::builder().start();
    let _good = reactor.on::<Order>().named("good").each(|_| async {});
    let _bad = reactor
        .on::<Order>()
        .named("bad")
        .each(|order: Order| async move { if order.0 == 7 { Err("no") } else { Ok(()) } });
    let emitter = reactor.emitter();
    assert_eq!(emitter.emit_tracked(Order(1)).await.unwrap().await.outcome, Outcome::Done);
    assert_eq!(emitter.emit_tracked(Order(7)).await.unwrap().await.outcome, Outcome::Failed);
    assert_eq!(emitter.emit_tracked(Page(1)).await.unwrap().await.outcome, Outcome::Skipped);
    // A coalesced event ends as its successor does.
    let first = emitter.emit_tracked(Level { name: 1, value: 1 }).await.unwrap();
    let mut levels = reactor.on::<Level>().events();
    let second = emitter.emit_tracked(Level { name: 1, value: 2 }).await.unwrap();
    let mut batch = levels.next_batch(10).await.unwrap();
    assert_eq!(batch.len(), 1);
    batch.remove(0).fail("too high");
    assert_eq!((first.await.outcome, second.await.outcome), (Outcome::Failed, Outcome::Failed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_under_load_accounts_for_every_event() {
    // Would break: events that vanish between an accepted emit and the report of the shutdown.
    let reactor = Reactor::<Shop>::builder().start();
    let handled = Arc::new(AtomicU64::new(0));
    let count = handled.clone();
    let _slow = reactor.on::<Order>().lossless().each(move |_| {
        let count = count.clone();
        async move {
            tokio::time::sleep(Duration::from_micros(10)).await;
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let emitting: Vec<_> = (0..4)
        .map(|_| {
            let emitter = reactor.emitter();
            tokio::spawn(async move {
                let mut receipts = Vec::new();
                while let Ok(receipt) = emitter.emit_tracked(Order(1)).await {
                    receipts.push(receipt);
                }
                receipts
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let report = reactor.shutdown(Duration::from_millis(50)).await;
    let (mut done, mut dropped, mut cut_off) = (0, 0, 0);
    for task in emitting {
        for receipt in task.await.unwrap() {
            match receipt.await.outcome {
                Outcome::Done => done += 1,
                Outcome::Dropped => dropped += 1,
                Outcome::Abandoned => cut_off += 1,
                other => panic!("{other}"),
            }
        }
    }
    assert!(!report.is_clean() && dropped > 0 && cut_off <= 1, "{report:?}");
    assert!((done..=done + cut_off).contains(&handled.load(Ordering::Relaxed)));
    assert_eq!((report.dropped[Class::Act], report.cut_off[Class::Act]), (dropped, cut_off));
}

#[tokio::test]
async fn a_cancelled_emit_gives_its_place_to_the_next() {
    // Would break: a waiting emitter that goes away and takes the room that was kept for it along.
    let lane = Lane { capacity: 1, overflow: Overflow::Block };
    let reactor = Reactor::<Shop>::builder().lane(Class::Act, lane).start();
    let emitter = reactor.emitter();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    emitter.try_emit(Order(0)).unwrap();
    let mut first = Box::pin(emitter.emit(Order(1)));
    let mut second = Box::pin(emitter.emit(Order(2)));
    assert!(first.as_mut().poll(&mut context).is_pending());
    assert!(second.as_mut().poll(&mut context).is_pending());
    // The loop takes the only event, and keeps the room for the first in line.
    tokio::task::yield_now().await;
    assert!(emitter.try_emit(Order(3)).is_err(), "nobody overtakes those who wait");
    drop(first);
    assert!(second.as_mut().poll(&mut context).is_ready());
}

#[tokio::test]
async fn a_clock_that_goes_back_harms_nothing() {
    // Would break: ages computed by subtraction that underflows.
    let time = ManualClock::new();
    time.set(homeostat_reactor::Moment::from_secs(1_000));
    let reactor = Reactor::<Shop>::builder().clock(time.clock()).start();
    let mut events = reactor.on::<Shop>().events();
    for number in 0..100 {
        reactor.emitter().emit(Order(number)).await.unwrap();
        time.set(homeostat_reactor::Moment::from_secs(1_000 - number * 10));
        reactor.emitter().emit(Page(number)).await.unwrap();
    }
    let mut seen = 0;
    while seen < 200 {
        seen += events.next_batch(64).await.unwrap().len();
    }
    assert_eq!(reactor.snapshot().dead_letters.total, 0);
}

#[tokio::test]
async fn a_busy_handler_gives_way_to_others_on_its_thread() {
    // Would break: an alarm that waits for a whole backlog, because the handler that works it off never lets the loop run.
    const BACKLOG: u64 = 2_000;
    let reactor = Reactor::<Shop>::builder().start();
    let handled = Arc::new(AtomicU64::new(0));
    let counting = Arc::clone(&handled);
    let busy = reactor.on::<Order>().named("busy").lossless().each(move |_: Order| {
        let began = std::time::Instant::now();
        while began.elapsed() < Duration::from_micros(20) {
            std::hint::spin_loop();
        }
        counting.fetch_add(1, Ordering::Relaxed);
        std::future::ready(())
    });
    for number in 0..BACKLOG {
        reactor.emitter().emit(Order(number)).await.unwrap();
    }
    let mut turns_of_others = 0;
    while handled.load(Ordering::Relaxed) < BACKLOG {
        tokio::task::yield_now().await;
        turns_of_others += 1;
    }
    drop(busy);
    assert!(turns_of_others >= 100, "{turns_of_others} turns of others beside {BACKLOG} events of 20 us");
}
