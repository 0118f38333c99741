//! What is the user's and panics, wherever it does; and how a handler is supervised.

use std::future::pending;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use homeostat_reactor::reactor::{Cause, HandlerSnapshot, HandlerState, Supervision};
use homeostat_reactor::{Class, Delivery, Event, Holds, Lane, Moment, Outcome, Overflow, Reactor};

use super::{Notes, Order, Shop, settle, soon};

/// What a [`Bomb`] does in which of the user's places.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fuse {
    Dud,
    Copy,
    Drop,
    Key,
}

/// An event that panics where its fuse says, without a word of the panic hook.
#[derive(Debug)]
struct Bomb(u64, Fuse);

fn explode() {
    if !std::thread::panicking() {
        resume_unwind(Box::new("boom"));
    }
}

impl Clone for Bomb {
    fn clone(&self) -> Self {
        if self.1 == Fuse::Copy {
            explode();
        }
        Self(self.0, self.1)
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        if self.1 == Fuse::Drop {
            explode();
        }
    }
}

impl Event for Bomb {
    fn kind(&self) -> &'static str {
        "bomb"
    }

    fn class(&self) -> Class {
        Class::Sense
    }

    fn key(&self) -> Option<u64> {
        if self.1 == Fuse::Key {
            explode();
        }
        Some(self.0)
    }
}

impl Holds<Bomb> for Bomb {
    fn get(&self) -> Option<&Bomb> {
        Some(self)
    }

    fn take(self) -> Option<Bomb> {
        Some(self)
    }
}

/// Writes down what it gets.
fn writing(notes: &Notes) -> impl FnMut(Bomb) -> std::future::Ready<()> + Clone + Send + 'static {
    let notes = notes.clone();
    move |mut bomb| {
        notes.write(bomb.0);
        bomb.1 = Fuse::Dud;
        std::future::ready(())
    }
}

fn named<E: Event>(reactor: &Reactor<E>, name: &str) -> HandlerSnapshot {
    reactor.snapshot().handlers.into_iter().find(|handler| handler.name == name).expect("it is still subscribed")
}

#[tokio::test]
async fn a_copy_that_panics_in_the_loop_is_told_to_the_receipt() {
    // Would break: an acknowledgement of an event that one of its handlers never got.
    let reactor = Reactor::<Bomb>::builder().start();
    let [mut first, mut last] = ["first", "last"].map(|name| reactor.on::<Bomb>().named(name).events());
    let receipt = reactor.emitter().emit_tracked(Bomb(1, Fuse::Copy)).await.unwrap();
    settle().await;
    assert!(first.next().now_or_never().is_none());
    soon(last.next()).await.unwrap().settle(Outcome::Done);
    let settlement = soon(receipt).await;
    assert_eq!(settlement.outcome, Outcome::Failed);
    assert_eq!(settlement.cause.as_deref(), Some("first panicked: boom"));
    assert_eq!((named(&reactor, "first").copy_panics, named(&reactor, "last").copy_panics), (1, 0));
}

#[tokio::test]
async fn a_delivery_whose_copy_panics_is_not_acknowledged_as_done() {
    // Would break: the same in everything else that copies deliveries.
    let (ack, receipt) = homeostat_reactor::Ack::new();
    let delivery = Delivery::new(Bomb(1, Fuse::Copy), Class::Act, Moment::ZERO).with_trail(ack, tracing::Span::none());
    let copied = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| delivery.clone()));
    assert!(copied.is_err());
    delivery.settle(Outcome::Done);
    assert_eq!(soon(receipt).await.outcome, Outcome::Abandoned);
}

#[tokio::test]
async fn a_copy_that_panics_in_a_handler_ends_one_call() {
    // Would break: a handler that is gone without a letter, a count or a state, because of one event that cannot be copied.
    for batched in [false, true] {
        let reactor = Reactor::<Bomb>::builder().start();
        let notes = Notes::default();
        let on = reactor.on::<Bomb>().named("only");
        let mut write = writing(&notes);
        let _guard = if batched {
            on.batches(1, Duration::ZERO, move |bombs: Vec<Bomb>| bombs.into_iter().map(&mut write).last().unwrap())
        } else {
            on.each(write)
        };
        for (number, fuse) in [(1, Fuse::Dud), (2, Fuse::Copy), (3, Fuse::Dud)] {
            reactor.emitter().emit(Bomb(number, fuse)).await.unwrap();
        }
        super::until(|| notes.all() == [1, 3]).await;
        assert_eq!(named(&reactor, "only").panicked, 1);
        let letter = soon(reactor.dead_letters().next()).await.unwrap();
        assert_eq!((letter.event.0, letter.cause), (2, Cause::Panicked("boom".into())));
    }
}

/// An error that cannot even be said.
struct Unspeakable;

impl std::fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        explode();
        Ok(())
    }
}

#[tokio::test]
async fn an_error_whose_text_panics_ends_one_call() {
    // Would break: a handler that is gone because of what one of its errors does when it is written.
    for waits in [false, true] {
        let reactor = Reactor::<Shop>::builder().start();
        let notes = Notes::default();
        let to = notes.clone();
        let _guard = reactor.on::<Order>().named("only").each(move |order: Order| {
            to.write(order.0);
            async move {
                if waits {
                    tokio::task::yield_now().await;
                }
                if order.0 == 1 { Err(Unspeakable) } else { Ok(()) }
            }
        });
        for number in 0..3 {
            reactor.emitter().emit(Order(number)).await.unwrap();
        }
        super::until(|| notes.all() == [0, 1, 2]).await;
        super::until(|| named(&reactor, "only").handled == 2).await;
        assert_eq!(named(&reactor, "only").panicked, 1);
        assert_eq!(soon(reactor.dead_letters().next()).await.unwrap().cause, Cause::Panicked("boom".into()));
    }
}

/// Panics when it is dropped.
struct Mine;

impl Drop for Mine {
    fn drop(&mut self) {
        explode();
    }
}

#[tokio::test]
async fn a_call_that_panics_when_it_is_cut_off_ends_alone() {
    // Would break: a handler that is gone because of what a call that took too long does when it is dropped.
    for batched in [false, true] {
        let reactor = Reactor::<Shop>::builder().start();
        let notes = Notes::default();
        let to = notes.clone();
        let hanging = move |number: u64| {
            to.write(number);
            async move {
                if number == 1 {
                    let _mine = Mine;
                    pending::<()>().await;
                }
            }
        };
        let on = reactor.on::<Order>().named("only").timeout(Duration::from_millis(5));
        let _guard = if batched {
            on.batches(1, Duration::ZERO, move |orders: Vec<Order>| hanging(orders[0].0))
        } else {
            on.each(move |order: Order| hanging(order.0))
        };
        for number in 0..3 {
            reactor.emitter().emit(Order(number)).await.unwrap();
        }
        super::until(|| named(&reactor, "only").handled == 2).await;
        assert_eq!(notes.all(), [0, 1, 2]);
        assert_eq!(named(&reactor, "only").timed_out, 1);
    }
}

#[tokio::test]
async fn an_event_that_panics_when_it_is_dropped_ends_neither_loop_nor_handler() {
    // Would break: the whole loop, silently, because of one event that nobody wanted or that a full mailbox has lost.
    let reactor = Reactor::<Bomb>::builder().dead_letters_max(1).start();
    let notes = Notes::default();
    let _unwanting = reactor.on::<Bomb>().named("nothing").when(|bomb| bomb.0 == 0).each(writing(&notes));
    let emitter = reactor.emitter();
    emitter.emit(Bomb(1, Fuse::Drop)).await.unwrap();
    settle().await;
    let one = Lane { capacity: 1, overflow: Overflow::DropOldest };
    let hanging = reactor.on::<Bomb>().named("hangs").mailbox(one).each(|_| pending::<()>());
    for number in 2..10 {
        emitter.emit(Bomb(number, Fuse::Drop)).await.unwrap();
        settle().await;
    }
    assert!(reactor.dead_letters().snapshot().forgotten > 0);
    drop(hanging);
    settle().await;
    let _only = reactor.on::<Bomb>().named("only").each(writing(&notes));
    for (number, fuse) in [(10, Fuse::Drop), (11, Fuse::Dud)] {
        emitter.emit(Bomb(number, fuse)).await.unwrap();
    }
    super::until(|| notes.all() == [10, 11]).await;
    assert_eq!((named(&reactor, "only").handled, named(&reactor, "only").panicked), (2, 1));
    assert!(soon(reactor.shutdown(super::SECOND)).await.in_time);
}

#[tokio::test]
async fn a_key_that_panics_ends_nothing() {
    // Would break: the whole loop, silently, because of one event in a mailbox that coalesces.
    let reactor = Reactor::<Bomb>::builder().start();
    let (good, coalesced) = (Notes::default(), Notes::default());
    let _good = reactor.on::<Bomb>().named("good").each(writing(&good));
    let lane = Lane { capacity: 8, overflow: Overflow::Coalesce };
    let _coalescing = reactor.on::<Bomb>().named("coalescing").mailbox(lane).each(writing(&coalesced));
    for (number, fuse) in [(1, Fuse::Dud), (2, Fuse::Key), (2, Fuse::Key), (3, Fuse::Dud)] {
        reactor.emitter().emit(Bomb(number, fuse)).await.unwrap();
    }
    super::until(|| good.all() == [1, 2, 2, 3] && coalesced.all() == [1, 2, 2, 3]).await;
}

/// A handler whose copies panic, but for the first so many.
struct Uncopyable(Arc<AtomicU64>, u64);

impl Clone for Uncopyable {
    fn clone(&self) -> Self {
        if self.0.fetch_add(1, Ordering::Relaxed) >= self.1 {
            explode();
        }
        Self(Arc::clone(&self.0), self.1)
    }
}

#[tokio::test]
async fn a_handler_that_cannot_be_copied_is_stopped_and_says_so() {
    // Would break: a handler that is gone without a state, or one that is copied for ever.
    for supervision in [Supervision::Resume, Supervision::Stop] {
        let reactor = Reactor::<Shop>::builder().start();
        let state = Uncopyable(Arc::default(), 0);
        let _guard = reactor.on::<Order>().named("odd").supervise(supervision).each(move |_| {
            let _ = &state;
            async {}
        });
        let receipt = reactor.emitter().emit_tracked(Order(1)).await.unwrap();
        assert_eq!(soon(receipt).await.outcome, Outcome::Dropped);
        assert_eq!((named(&reactor, "odd").state, named(&reactor, "odd").panicked), (HandlerState::Stopped, 1));
        assert!(soon(reactor.shutdown(super::SECOND * 10)).await.is_clean());
    }
}

#[tokio::test]
async fn a_handler_told_to_stop_is_stopped_by_its_first_failure() {
    // Would break: `Supervision::Stop`, for handlers that must not go on with a state they do not know.
    let reactor = Reactor::<Shop>::builder().start();
    let notes = Notes::default();
    let to = notes.clone();
    let guard = reactor.on::<Order>().named("strict").supervise(Supervision::Stop).each(move |order: Order| {
        to.write(order.0);
        async move { if order.0 == 1 { Err("no") } else { Ok(()) } }
    });
    let mut settlements = Vec::new();
    for number in 0..4 {
        let receipt = reactor.emitter().emit_tracked(Order(number)).await.unwrap();
        let settlement = soon(receipt).await;
        settlements.push((settlement.outcome, settlement.cause.unwrap_or_default()));
    }
    assert_eq!(notes.all(), [0, 1]);
    let expected = [
        (Outcome::Done, ""),
        (Outcome::Failed, "strict failed: no"),
        (Outcome::Dropped, "strict it had been stopped"),
        (Outcome::Dropped, "strict it had been stopped"),
    ];
    assert_eq!(settlements, expected.map(|(outcome, cause)| (outcome, cause.to_owned())));
    assert_eq!(named(&reactor, "strict").state, HandlerState::Stopped);
    let letters = reactor.dead_letters();
    let causes: Vec<_> = std::iter::from_fn(|| letters.try_next()).map(|letter| letter.cause).collect();
    assert_eq!(causes, [Cause::Failed("no".into()), Cause::Stopped, Cause::Stopped]);
    drop(guard);
    super::until(|| reactor.snapshot().handlers.is_empty()).await;
}

#[tokio::test]
async fn a_batch_that_fails_or_panics_ends_as_a_whole_and_alone() {
    // Would break: a failed batch of which some events pass for handled, or that takes the next batch along.
    let reactor = Reactor::<Shop>::builder().start();
    let _guard = reactor.on::<Order>().named("batches").batches(2, Duration::from_secs(600), |orders: Vec<Order>| {
        assert!(orders[0].0 != 2, "batch of {}", orders[0].0);
        async move {
            tokio::task::yield_now().await;
            assert!(orders[0].0 != 4, "later in the batch of {}", orders[0].0);
            if orders[0].0 == 6 { Err("no") } else { Ok(()) }
        }
    });
    let mut receipts = Vec::new();
    for number in 0..10 {
        receipts.push(reactor.emitter().emit_tracked(Order(number)).await.unwrap());
    }
    let mut outcomes = Vec::new();
    for receipt in receipts {
        outcomes.push(soon(receipt).await.outcome == Outcome::Done);
    }
    assert_eq!(outcomes, [true, true, false, false, false, false, false, false, true, true]);
    let letters = reactor.dead_letters();
    let letters: Vec<_> =
        std::iter::from_fn(|| letters.try_next()).map(|letter| (letter.event, letter.cause)).collect();
    let panicked = |text: &str| Cause::Panicked(text.to_owned());
    let causes = [panicked("batch of 2"), panicked("later in the batch of 4"), Cause::Failed("no".to_owned())];
    for (number, letter) in letters.iter().enumerate() {
        assert_eq!(*letter, (Shop::Order(Order(2 + number as u64)), causes[number / 2].clone()));
    }
    let handler = named(&reactor, "batches");
    assert_eq!((letters.len(), handler.handled, handler.panicked, handler.failed), (6, 4, 4, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_handler_that_blocks_its_thread_does_not_stop_the_loop_for_others() {
    // Would break: every handler of a process, behind one that holds a lock or computes for a minute.
    for _ in 0..30 {
        let reactor = Reactor::<Shop>::builder().lossless().start();
        let (blocked, let_go) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (begins, end, notes) = (Arc::clone(&blocked), Arc::clone(&let_go), Notes::default());
        let blocking = reactor.on::<Order>().named("blocking").when(|order| order.0 == 50).each(move |_| {
            begins.fetch_add(1, Ordering::Release);
            while end.load(Ordering::Acquire) == 0 {
                std::thread::sleep(Duration::from_micros(100));
            }
            std::future::ready(())
        });
        let written = notes.clone();
        let good = reactor.on::<Order>().named("good").lossless().each(move |order: Order| {
            written.write(order.0);
            std::future::ready(())
        });
        for number in 0..1_000 {
            reactor.emitter().emit(Order(number)).await.unwrap();
        }
        let all = super::until(|| notes.all().len() == 1_000);
        let handled = tokio::time::timeout(Duration::from_secs(10), all).await;
        let_go.store(1, Ordering::Release);
        assert!(handled.is_ok(), "{} of 1,000, blocked: {blocked:?}", notes.all().len());
        drop((blocking, good));
    }
}
