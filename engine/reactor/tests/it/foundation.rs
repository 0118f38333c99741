//! The small types everything else is built of: time, classes, outcomes, overflow.

use std::time::Duration;

use homeostat_reactor::{Ack, Class, Clock, Delivery, ManualClock, Moment, Outcome, Overflow};
use proptest::prelude::*;

#[tokio::test]
async fn a_manual_clock_wakes_each_sleeper_at_its_own_moment() {
    // Would break: virtual time that jumps over sleepers or wakes them together.
    let time = ManualClock::new();
    let (told, mut heard) = tokio::sync::mpsc::channel(8);
    for secs in [3, 1, 2] {
        let (clock, told) = (time.clock(), told.clone());
        tokio::spawn(async move {
            clock.sleep(Duration::from_secs(secs)).await;
            told.send((secs, clock.now())).await.unwrap();
        });
    }
    time.turn(Duration::from_secs(10)).await;
    for secs in [1, 2, 3] {
        assert_eq!(heard.recv().await, Some((secs, Moment::from_secs(secs))));
    }
    assert_eq!(time.sleepers(), 0);
}

#[tokio::test]
async fn a_clock_that_goes_back_wakes_nobody_early() {
    // Would break: a sleeper that counts elapsed time instead of waiting for a moment.
    let time = ManualClock::new();
    time.set(Moment::from_secs(100));
    let clock = time.clock();
    let sleeper = tokio::spawn(async move { clock.sleep(Duration::from_secs(10)).await });
    tokio::task::yield_now().await;
    time.set(Moment::from_secs(50));
    time.turn(Duration::from_secs(59)).await;
    assert!(!sleeper.is_finished());
    time.turn(Duration::from_secs(1)).await;
    assert!(sleeper.is_finished());
}

#[tokio::test]
async fn dropped_sleeps_leave_nothing_behind() {
    // Would break: a cancelled wait that stays in the clock's list for ever.
    let time = ManualClock::new();
    let clock = time.clock();
    assert!(clock.within(Duration::from_secs(5), std::future::ready(())).await.is_some());
    let waiting = tokio::spawn(async move { clock.sleep(Duration::from_secs(5)).await });
    tokio::task::yield_now().await;
    assert_eq!(time.sleepers(), 1);
    waiting.abort();
    assert!(waiting.await.is_err());
    assert_eq!(time.sleepers(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_machines_clock_follows_tokios_paused_time() {
    // Would break: tests with paused time that really wait.
    let clock = Clock::machine();
    clock.sleep(Duration::from_secs(3_600)).await;
    assert!(clock.now() >= Moment::from_secs(3_600));
    assert!(clock.within(Duration::from_secs(1), std::future::pending::<()>()).await.is_none());
}

#[test]
fn overflow_is_chosen_by_name() {
    // Would break: a configuration that means another overflow than it says.
    for name in ["block", "drop_newest", "drop_oldest", "coalesce", "sample:7", "fail"] {
        assert_eq!(name.parse::<Overflow>().unwrap().to_string(), name);
    }
    assert_eq!("sample".parse(), Ok(Overflow::SAMPLE));
    for wrong in ["", "drop", "sample:0", "sample:x"] {
        assert!(wrong.parse::<Overflow>().unwrap_err().to_string().contains("drop_oldest"));
    }
}

#[tokio::test]
async fn a_copy_that_goes_without_a_word_is_not_success() {
    // Would break: a cancelled handler whose event is acknowledged.
    let (ack, receipt) = Ack::new();
    ack.clone().settle(Outcome::Done);
    drop(ack);
    assert_eq!(receipt.await.outcome, Outcome::Abandoned);
}

#[tokio::test]
async fn the_cause_of_the_worst_is_told() {
    // Would break: a failure whose reason is lost on the way back.
    let (ack, receipt) = Ack::new();
    let copy = ack.clone();
    copy.fail("disk full");
    ack.settle(Outcome::Skipped);
    let settlement = receipt.await;
    assert_eq!((settlement.outcome, settlement.cause.as_deref()), (Outcome::Failed, Some("disk full")));
}

const OUTCOMES: [Outcome; 5] = [Outcome::Done, Outcome::Skipped, Outcome::Dropped, Outcome::Abandoned, Outcome::Failed];

proptest! {
    #[test]
    fn a_receipt_is_settled_once_with_the_worst_of_all_copies(ends in proptest::collection::vec(0usize..5, 1..20), merged in any::<bool>()) {
        // Would break: an event acknowledged early, twice, never, or better than its worst copy.
        let (ack, mut receipt) = Ack::new();
        let copies: Vec<_> = ends.iter().map(|_| Delivery::new((), Class::Act, Moment::ZERO).with_trail(ack.clone(), tracing::Span::none())).collect();
        ack.settle(Outcome::Done);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let mut poll = || std::future::Future::poll(std::pin::Pin::new(&mut receipt), &mut context);
        let expected = if merged {
            let joined = Delivery::join(copies).unwrap();
            prop_assert!(poll().is_pending());
            joined.settle(OUTCOMES[ends[0]]);
            OUTCOMES[ends[0]]
        } else {
            for (copy, end) in copies.into_iter().zip(&ends) {
                prop_assert!(poll().is_pending());
                copy.settle(OUTCOMES[*end]);
            }
            ends.iter().map(|end| OUTCOMES[*end]).max().unwrap()
        };
        match poll() {
            std::task::Poll::Ready(settlement) => prop_assert_eq!(settlement.outcome, expected),
            std::task::Poll::Pending => prop_assert!(false, "all copies have ended"),
        }
    }
}
