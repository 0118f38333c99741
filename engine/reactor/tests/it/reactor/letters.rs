//! What is lost, and where it can be seen: dead letters and counts.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use homeostat_reactor::reactor::Cause;
use homeostat_reactor::{Class, Lane, Overflow, Reactor};

use super::{Alarm, Order, Page, Shop, settle, soon};

#[tokio::test]
async fn the_flood_of_one_handler_leaves_the_dead_letters_of_another() {
    // Would break: the one failure worth looking into, pushed out by a thousand events that a hanging handler could not take.
    let reactor = Reactor::<Shop>::builder().dead_letters_max(100).start();
    let _bad = reactor.on::<Alarm>().named("bad").each(|_| async { Err::<(), _>("look at me") });
    let four = Lane { capacity: 4, overflow: Overflow::DropOldest };
    let _hangs = reactor.on::<Page>().named("hangs").mailbox(four).each(|_| pending::<()>());
    let emitter = reactor.emitter();
    emitter.emit(Alarm(1)).await.unwrap();
    for number in 0..1_000 {
        emitter.emit(Page(number)).await.unwrap();
        settle().await;
    }
    let letters = reactor.dead_letters();
    let counted = letters.snapshot();
    assert_eq!((counted.kept, counted.total), (100, counted.forgotten + 100));
    let kept: Vec<_> = std::iter::from_fn(|| letters.try_next()).collect();
    assert_eq!((&*kept[0].handler, &kept[0].event), ("bad", &Shop::Alarm(Alarm(1))));
    let pages: Vec<_> = kept[1..].iter().map(|letter| letter.event.clone()).collect();
    let newest = (897..996).map(|number| Shop::Page(Page(number)));
    assert_eq!(pages, newest.collect::<Vec<_>>(), "of its own the oldest went, and what is left comes in order");
    assert!(kept[1..].iter().all(|letter| letter.cause == Cause::MailboxFull));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unsubscribing_under_load_makes_no_dead_letters() {
    // Would break: letters that say a mailbox was full whose reader has just gone.
    let reactor = Reactor::<Shop>::builder().start();
    let emitter = reactor.emitter();
    let enough = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&enough);
    let emitting = tokio::spawn(async move {
        while !stop.load(Ordering::Relaxed) {
            emitter.emit(Order(1)).await.unwrap();
        }
    });
    let roomy = Lane { capacity: 50_000_000, overflow: Overflow::DropOldest };
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(500) {
        let events = reactor.on::<Order>().mailbox(roomy).events();
        tokio::time::sleep(Duration::from_micros(50)).await;
        drop(events);
    }
    enough.store(true, Ordering::Relaxed);
    soon(emitting).await.unwrap();
    let snapshot = reactor.snapshot();
    let why = reactor.dead_letters().try_next().map(|letter| letter.cause);
    assert_eq!((snapshot.dead_letters.total, why), (0, None));
    let orders = &snapshot.classes[Class::Act as usize];
    assert_eq!(orders.lost_in_mailboxes, 0);
    assert!(orders.orphaned > 0);
    assert_eq!(reactor.shutdown(super::SECOND * 10).await.dropped[Class::Act], orders.orphaned);
}

#[tokio::test]
async fn what_an_unsubscribed_reader_lost_or_left_stays_counted() {
    // Would break: events that are gone without a trace in any snapshot once their reader has unsubscribed.
    let reactor = Reactor::<Shop>::builder().start();
    let ten = Lane { capacity: 10, overflow: Overflow::DropNewest };
    let events = reactor.on::<Order>().mailbox(ten).events();
    let hangs = reactor.on::<Page>().each(|_| pending::<()>());
    for number in 0..25 {
        reactor.emitter().emit(Order(number)).await.unwrap();
        settle().await;
    }
    reactor.emitter().emit(Page(1)).await.unwrap();
    settle().await;
    let counts = || {
        let classes = reactor.snapshot().classes;
        let orders = &classes[Class::Act as usize];
        (orders.lost_in_mailboxes, orders.orphaned, classes[Class::Bulk as usize].cut_off)
    };
    assert_eq!(counts(), (15, 0, 0));
    drop((events, hangs));
    settle().await;
    assert!(reactor.snapshot().handlers.is_empty());
    assert_eq!(counts(), (15, 10, 1));
}
