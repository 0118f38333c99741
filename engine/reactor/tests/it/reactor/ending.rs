//! How a reactor ends: shut down, dropped, and while somebody does not let go.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt;
use homeostat_reactor::{Class, Outcome, Reactor};

use super::{Alarm, Order, Page, SECOND, Shop, settle, soon};

#[tokio::test]
async fn a_dropped_reactor_ends_its_streams_and_answers_its_receipts() {
    // Would break: readers and whoever tracks an event that wait for ever after their reactor has gone.
    let reactor = Reactor::<Shop>::builder().start();
    let emitter = reactor.emitter();
    let mut idle = reactor.on::<Page>().events();
    let _unread = reactor.on::<Alarm>().events();
    let dispatched = emitter.emit_tracked(Alarm(1)).await.unwrap();
    settle().await;
    let waiting = emitter.emit_tracked(Order(1)).await.unwrap();
    drop(reactor);
    assert!(soon(idle.next()).await.is_none());
    for receipt in [dispatched, waiting] {
        let settlement = soon(receipt).await;
        assert_eq!(settlement.outcome, Outcome::Dropped);
        assert_eq!(settlement.cause.as_deref(), Some("the reactor was shut down"));
    }
    assert!(emitter.emit(Order(2)).await.is_err());
}

#[tokio::test]
async fn a_shutdown_that_is_cancelled_has_ended_the_reactor() {
    // Would break: a shutdown in a `select!` or under a timeout of its own, after which nobody ends and nobody is told.
    let reactor = Reactor::<Shop>::builder().start();
    let emitter = reactor.emitter();
    let mut orders = reactor.on::<Order>().events();
    reactor.on::<Page>().named("hangs").each(|_| pending::<()>()).detach();
    let mut receipts = Vec::new();
    for number in 0..3 {
        receipts.push(emitter.emit_tracked(Page(number)).await.unwrap());
    }
    let letters = reactor.dead_letters();
    settle().await;
    let cancelled = tokio::time::timeout(Duration::from_millis(10), reactor.shutdown(SECOND * 600)).await;
    assert!(cancelled.is_err());
    assert!(soon(orders.next()).await.is_none());
    assert!(soon(letters.next()).await.is_none());
    let mut outcomes = Vec::new();
    for receipt in receipts {
        outcomes.push(soon(receipt).await.outcome);
    }
    assert_eq!(outcomes, [Outcome::Abandoned, Outcome::Dropped, Outcome::Dropped]);
}

/// Lets whoever blocks its thread go, also when the test fails: else its runtime would wait for it.
struct LetGo(Arc<AtomicBool>);

impl Drop for LetGo {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_shutdown_comes_back_although_a_handler_blocks_its_thread() {
    // Would break: a deadline that one handler in a lock or a long computation makes meaningless.
    let reactor = Reactor::<Shop>::builder().start();
    let [blocking, waiting, end] = [(); 3].map(|()| Arc::new(AtomicBool::new(false)));
    let (began, waits, let_go) = (blocking.clone(), waiting.clone(), LetGo(end.clone()));
    let blocks = move |_: Order| {
        began.store(true, Ordering::Release);
        while !end.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(1));
        }
        async {}
    };
    reactor.on::<Order>().named("blocks").each(blocks).detach();
    let _waits = reactor.on::<Page>().named("waits").each(move |_| {
        waits.store(true, Ordering::Release);
        pending::<()>()
    });
    // Others that share a thread with one that blocks it may stand still, too: it is the last to begin.
    reactor.emitter().emit(Page(1)).await.unwrap();
    super::until(|| waiting.load(Ordering::Acquire)).await;
    let receipt = reactor.emitter().emit_tracked(Order(1)).await.unwrap();
    super::until(|| blocking.load(Ordering::Acquire)).await;
    let report = soon(reactor.shutdown(Duration::from_millis(20))).await;
    assert!(!report.in_time && report.unfinished.contains(&"blocks".to_owned()), "{report:?}");
    assert!(report.stuck.contains(&"blocks".to_owned()), "{report:?}");
    assert_eq!(report.cut_off[Class::Act], 0);
    drop(let_go);
    assert_eq!(soon(receipt).await.outcome, Outcome::Done, "its call came to its end after all");
}

#[tokio::test]
async fn a_shutdown_tells_what_it_dropped_from_what_it_cut_off() {
    // Would break: events in a call that hangs, or gathered for a batch, that are in no count.
    let reactor = Reactor::<Shop>::builder().start();
    reactor.on::<Order>().named("hangs").batches(10, Duration::ZERO, |_| pending::<()>()).detach();
    let gathers = reactor.on::<Page>().named("gathers").batches(1_000, SECOND * 600, |_| async {});
    let mut receipts = Vec::new();
    for number in 0..25 {
        reactor.emitter().emit(Page(number)).await.unwrap();
        receipts.push(reactor.emitter().emit_tracked(Order(number)).await.unwrap());
    }
    settle().await;
    drop(gathers);
    settle().await;
    let report = soon(reactor.shutdown(Duration::from_millis(20))).await;
    assert_eq!((report.dropped[Class::Bulk], report.cut_off[Class::Bulk]), (25, 0));
    assert_eq!((report.dropped[Class::Act], report.cut_off[Class::Act]), (15, 10));
    let mut abandoned = 0;
    for receipt in receipts {
        abandoned += u64::from(soon(receipt).await.outcome == Outcome::Abandoned);
    }
    assert_eq!(abandoned, 10);
}

#[tokio::test]
async fn dead_letters_end_with_the_reactor() {
    // Would break: whoever looks after dead letters in a task of its own, which then never ends.
    let reactor = Reactor::<Shop>::builder().start();
    let letters = reactor.dead_letters();
    let looking = tokio::spawn({
        let letters = letters.clone();
        async move {
            let mut seen = Vec::new();
            while let Some(letter) = letters.next().await {
                seen.push(letter.event);
            }
            seen
        }
    });
    reactor.on::<Order>().each(|_| async { Err::<(), _>("no") }).detach();
    for number in 0..3 {
        reactor.emitter().emit(Order(number)).await.unwrap();
    }
    assert!(reactor.shutdown(SECOND * 10).await.is_clean());
    assert_eq!(soon(looking).await.unwrap(), [0, 1, 2].map(|number| Shop::Order(Order(number))));
    assert!(letters.next().await.is_none());
}
