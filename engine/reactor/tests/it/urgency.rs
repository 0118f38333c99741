//! What may go before what, from the emission to the reader; and what a reader that falls behind makes of it.

use std::time::Duration;

use futures::{FutureExt, StreamExt};
use homeostat_reactor::{Class, Events, Lane, Outcome, Overflow, Reactor, events};
use proptest::prelude::*;

#[derive(Clone, Debug, PartialEq)]
pub struct Numbered {
    class: Class,
    number: u64,
}

events! {
    #[derive(Debug, PartialEq)]
    pub enum Told { Numbered }

    fn class(&self) -> Class {
        let Self::Numbered(numbered) = self;
        numbered.class
    }
}

const PLENTY: usize = 100_000;

fn start() -> Reactor<Told> {
    let lane = Lane { capacity: PLENTY, overflow: Overflow::Block };
    Class::ALL.into_iter().fold(Reactor::builder(), |builder, class| builder.lane(class, lane)).start()
}

/// The loop has passed on what was emitted.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

async fn read(events: &mut Events<Told, Numbered>) -> Numbered {
    events.next().await.unwrap().settle(Outcome::Done)
}

/// Runs it to its end on a runtime of one thread: for a property, which is not async itself.
fn on_one_thread<F: Future>(work: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn within_a_class_a_reader_sees_the_order_of_emission(
        script in proptest::collection::vec((0usize..5, 1u64..60, 0usize..80), 1..40),
    ) {
        // Would break: a pause that overtakes the resume given before it, because the reader had much in hand when it came.
        let orders = on_one_thread(async {
            let reactor = start();
            let mut events = reactor.on::<Numbered>().lossless().events();
            let (mut number, mut seen) = (0, Vec::new());
            for (class, count, reads) in script {
                for _ in 0..count {
                    number += 1;
                    reactor.emitter().emit(Numbered { class: Class::ALL[class], number }).await.unwrap();
                }
                settle().await;
                for _ in 0..reads.min(number as usize - seen.len()) {
                    seen.push(read(&mut events).await);
                }
            }
            while seen.len() < number as usize {
                seen.push(read(&mut events).await);
            }
            seen
        });
        for class in Class::ALL {
            let numbers: Vec<_> = orders.iter().filter(|it| it.class == class).map(|it| it.number).collect();
            prop_assert!(numbers.is_sorted_by(|a, b| a < b), "{}: {:?}", class, numbers);
        }
    }
}

#[tokio::test]
async fn what_is_awaited_does_not_wait_behind_the_bulk_that_a_reader_has_in_hand() {
    // Would break: an answer for a person behind hundreds of slow bulk events, whether the reader slept when they came or not.
    for slept in [true, false] {
        let reactor = start();
        let mut events = reactor.on::<Numbered>().lossless().events();
        if slept {
            assert!(events.next().now_or_never().is_none());
        }
        for number in 0..250 {
            reactor.emitter().try_emit(Numbered { class: Class::Bulk, number }).unwrap();
        }
        settle().await;
        read(&mut events).await;
        reactor.emitter().emit(Numbered { class: Class::Act, number: 0 }).await.unwrap();
        settle().await;
        assert_eq!(read(&mut events).await.class, Class::Act, "slept: {slept}");
    }
}

#[tokio::test]
async fn what_is_in_hand_has_its_turn_although_urgent_ones_keep_coming() {
    // Would break: bulk that starves in the hand of a reader that is always overtaken.
    let reactor = start();
    let mut events = reactor.on::<Numbered>().lossless().events();
    for number in 0..10 {
        reactor.emitter().emit(Numbered { class: Class::Bulk, number }).await.unwrap();
    }
    settle().await;
    let (mut bulk, mut read_in_all) = (0, 0);
    while bulk < 10 {
        reactor.emitter().emit(Numbered { class: Class::Critical, number: 0 }).await.unwrap();
        settle().await;
        bulk += u64::from(read(&mut events).await.class == Class::Bulk);
        read_in_all += 1;
        assert!(read_in_all <= 11 * 17, "{bulk} of 10 after {read_in_all}");
    }
}

#[tokio::test]
async fn an_emit_that_was_cancelled_has_emitted_nothing() {
    // Would break: a caller that sends again after a timeout, and so twice.
    let reactor = start();
    let mut events = reactor.on::<Numbered>().lossless().events();
    let emitter = reactor.emitter();
    let (mut emitted, mut cancelled) = (Vec::new(), 0);
    for number in 0..1_000 {
        match emitter.emit(Numbered { class: Class::Act, number }).now_or_never() {
            Some(answer) => {
                answer.unwrap();
                emitted.push(number);
            }
            None => cancelled += 1,
        }
    }
    assert!(cancelled > 0, "the budget of the task was never spent");
    let mut got = Vec::new();
    for _ in &emitted {
        got.push(read(&mut events).await.number);
    }
    assert_eq!(got, emitted);
    settle().await;
    assert!(events.next().now_or_never().is_none());
}

#[tokio::test]
async fn a_reader_that_loses_nothing_may_still_let_one_class_lose_its_oldest() {
    // Would break: observations of long ago, worked off one by one while the fresh ones are turned away at the door.
    let newest_wins = Lane { capacity: 64, overflow: Overflow::DropOldest };
    let reactor = Reactor::<Told>::builder().lane(Class::Sense, newest_wins).start();
    let mut events = reactor.on::<Numbered>().lossless().lane(Class::Sense, newest_wins).events();
    for number in 0..1_000 {
        reactor.emitter().emit(Numbered { class: Class::Sense, number }).await.unwrap();
        settle().await;
    }
    let mut got = Vec::new();
    while let Ok(Some(delivery)) = tokio::time::timeout(Duration::from_millis(50), events.next()).await {
        got.push(delivery.settle(Outcome::Done).number);
    }
    assert_eq!(got.last(), Some(&999));
    assert!(got.len() <= 2 * 64, "{}", got.len());
}

#[tokio::test]
async fn a_snapshot_can_be_read_by_eyes() {
    // Would break: the one look at a reactor that somebody in trouble takes.
    let reactor = Reactor::<Told>::builder().lossless().start();
    let refusing = |told: Numbered| async move { if told.number == 2 { Err("no twos") } else { Ok(()) } };
    reactor.on::<Numbered>().named("tellers").each(refusing).detach();
    for number in 1..=3 {
        reactor.emitter().emit_tracked(Numbered { class: Class::Bulk, number }).await.unwrap().await;
    }
    let lines: Vec<_> = reactor.snapshot().to_string().lines().map(str::to_owned).collect();
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&lines[1]), ["bulk", "0/4096", "3", "0", "0", "0"], "{lines:#?}");
    assert_eq!(words(&lines[4]), ["tellers", "0", "2", "1", "0", "0", "0"], "{lines:#?}");
    assert_eq!(lines[6], "unwanted: 0, dead letters: 1");
}
