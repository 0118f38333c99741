//! Targets: isolated from each other, tried again, given up with a cause, and acknowledged from end to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use futures::StreamExt;
use homeostat_reactor::reactor::{Backoff, Cause};
use homeostat_reactor::route::{Batch, Router, Rules, Sink, SinkError, SinkFn, Target, When};
use homeostat_reactor::{Class, Lane, ManualClock, Outcome, Overflow, Reactor};
use tokio::sync::mpsc;

use super::{Note, assert_conserved, delivery, everything_to, region, rule, tracked, until};

const ROOMY: Lane = Lane { capacity: 4_096, overflow: Overflow::Block };
const TIGHT: Lane = Lane { capacity: 2, overflow: Overflow::DropOldest };
const THRICE: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(60), failures_max: 3 };

/// The batch, the attempt, and the numbers in it.
type Call = (u64, u32, Vec<u32>);

/// Tells what it gets, and answers as it is told.
struct Told<F> {
    name: &'static str,
    told: mpsc::Sender<Call>,
    answer: F,
}

impl<F: Fn(u32, &[u32]) -> Result<(), SinkError> + Send + Sync + 'static> Sink<Note> for Told<F> {
    fn name(&self) -> &str {
        self.name
    }

    async fn deliver(&self, batch: Batch<'_, Note>) -> Result<(), SinkError> {
        let numbers: Vec<u32> = batch.deliveries.iter().map(|delivery| delivery.event.number).collect();
        let answer = (self.answer)(batch.attempt, &numbers);
        self.told.send((batch.id, batch.attempt, numbers)).await.unwrap();
        answer
    }
}

fn told<F>(name: &'static str, answer: F) -> (Told<F>, mpsc::Receiver<Call>) {
    let (told, heard) = mpsc::channel(1_024);
    (Told { name, told, answer }, heard)
}

#[tokio::test(start_paused = true)]
async fn a_target_that_hangs_panics_or_fails_is_felt_by_itself_alone() {
    // Would break: one dead outside system that stops the events for all the others.
    let (good, goods) = Target::stream("good", ROOMY);
    let hangs = Target::sink(SinkFn::new("hangs", |_: Vec<Note>| std::future::pending())).mailbox(TIGHT);
    let panics = Target::handler("panics", |note: Note| async move {
        assert!(note.number == 12_345, "no such number");
    });
    let fails = Target::sink(SinkFn::new("fails", |_: Vec<Note>| async { Err(SinkError::retry("away")) }));
    let names = ["hangs", "panics", "fails", "good"];
    let router = Router::builder()
        .target(hangs.timeout(Duration::from_secs(5)).retry(THRICE))
        .target(panics.mailbox(TIGHT).retry(THRICE))
        .target(fails.mailbox(TIGHT).retry(THRICE))
        .target(good)
        .rules(everything_to(&names))
        .start()
        .unwrap();
    for number in 0..1_000 {
        router.route(delivery(Note::new(number))).await;
    }
    let arrived: Vec<u32> = goods.take(1_000).map(|delivery| delivery.settle(Outcome::Done).number).collect().await;
    assert_eq!(arrived, (0..1_000).collect::<Vec<_>>());
    until("the end of all attempts", || {
        let now = router.snapshot();
        now.targets[..3].iter().all(|target| target.waiting + target.in_flight == 0)
    })
    .await;
    assert_conserved(&router);
    let dead = router.dead_letters();
    let mut causes: Vec<(String, String)> = Vec::new();
    while let Some(letter) = dead.try_next() {
        causes.push((letter.handler.to_string(), letter.cause.to_string()));
    }
    for (name, cause) in
        [("hangs", "took longer than 5s"), ("panics", "panicked: no such number"), ("fails", "failed: away")]
    {
        assert!(causes.iter().any(|(handler, why)| handler == name && why == cause), "{name}: {causes:?}");
    }
}

#[tokio::test]
async fn a_batch_is_tried_again_as_the_same_with_growing_pauses() {
    // Would break: retries that hammer a struggling system, ignore what it asked for, or look like new batches to it.
    let time = ManualClock::new();
    let (sink, mut heard) = told("sink", |attempt, _: &[u32]| match attempt {
        1 => Err(SinkError::Retry { cause: "busy".to_owned(), after: Some(Duration::from_secs(30)) }),
        2 => Err(SinkError::retry("away")),
        _ => Ok(()),
    });
    let router = Router::builder()
        .clock(time.clock())
        .target(Target::sink(sink).retry(THRICE))
        .rules(everything_to(&["sink"]))
        .start()
        .unwrap();
    let (event, receipt) = tracked(Note::new(1));
    router.route(event).await;
    let (id, attempt, _) = heard.recv().await.unwrap();
    assert_eq!(attempt, 1);
    time.turn(Duration::from_millis(29_999)).await;
    assert!(heard.try_recv().is_err(), "it asked for thirty seconds");
    time.turn(Duration::from_millis(1)).await;
    assert_eq!(heard.try_recv().unwrap(), (id, 2, vec![1]));
    time.turn(Duration::from_millis(1_999)).await;
    assert!(heard.try_recv().is_err(), "the second pause is two seconds");
    time.turn(Duration::from_millis(1)).await;
    assert_eq!(heard.try_recv().unwrap(), (id, 3, vec![1]));
    assert_eq!(receipt.await.outcome, Outcome::Done);
    assert_eq!(router.snapshot().targets[0].retries, 2);
}

#[tokio::test]
async fn one_bad_event_does_not_take_its_batch_along() {
    // Would break: a poisoned event that turns everything around it into dead letters, or that is tried for ever.
    let (sink, mut heard) = told("sink", |_, numbers: &[u32]| match numbers.contains(&2) {
        true => Err(SinkError::refused("number 2 is no number")),
        false => Ok(()),
    });
    let router = Router::builder().target(Target::sink(sink)).rules(everything_to(&["sink"])).start().unwrap();
    let mut receipts = Vec::new();
    for number in 0..5 {
        let (event, receipt) = tracked(Note::new(number));
        router.route(event).await;
        receipts.push(receipt);
    }
    let mut outcomes = Vec::new();
    for receipt in receipts {
        outcomes.push(receipt.await);
    }
    assert!(heard.try_recv().is_ok());
    assert_eq!(outcomes[2].outcome, Outcome::Failed);
    assert_eq!(outcomes[2].cause.as_deref(), Some("failed: number 2 is no number"));
    assert!(outcomes.iter().enumerate().all(|(number, end)| number == 2 || end.outcome == Outcome::Done));
    let letter = router.dead_letters().try_next().unwrap();
    assert_eq!((letter.event.number, letter.cause), (2, Cause::Failed("number 2 is no number".to_owned())));
    assert_eq!(router.snapshot().targets[0].retries, 0);
    assert_conserved(&router);
}

#[tokio::test(start_paused = true)]
async fn a_handler_handles_each_event_once_while_another_is_tried_again() {
    // Would break: an order that is placed five times, and is a dead letter in the end, because the one behind it failed.
    let handled = Arc::new(std::sync::Mutex::new(Vec::new()));
    let told = Arc::clone(&handled);
    let handler = Target::handler("orders", move |note: Note| {
        told.lock().unwrap().push(note.number);
        async move { if note.number == 3 { Err("no such order") } else { Ok(()) } }
    });
    let handler = handler.batch_max(10).retry(THRICE);
    let router = Router::builder().target(handler).rules(everything_to(&["orders"])).start().unwrap();
    for number in 0..5 {
        router.route(delivery(Note::new(number))).await;
    }
    until("the last to be handled", || handled.lock().unwrap().contains(&4)).await;
    assert_eq!(*handled.lock().unwrap(), [0, 1, 2, 3, 3, 3, 4]);
    assert_eq!(router.dead_letters().try_next().unwrap().event.number, 3);
    assert!(router.dead_letters().try_next().is_none());
}

#[tokio::test]
async fn the_worst_of_all_copies_is_told() {
    // Would break: a sender that hears success although one of the targets has lost its event.
    let fine = Target::handler("fine", |_: Note| async {});
    let once = Backoff { failures_max: 1, ..THRICE };
    let fails = Target::handler("fails", |_: Note| async { Err("no") }).retry(once);
    let rules = Rules {
        rules: vec![rule("eu", region("eu"), &["fine"]), rule("us", region("us"), &["fine", "fails"])],
        ..Rules::default()
    };
    let router = Router::builder().target(fine).target(fails).rules(rules).start().unwrap();
    for (region, expected) in [(Some("eu"), Outcome::Done), (Some("us"), Outcome::Failed), (None, Outcome::Skipped)] {
        let (event, receipt) = tracked(Note { region, ..Note::new(1) });
        router.route(event).await;
        assert_eq!(receipt.await.outcome, expected);
    }
    let (event, receipt) = tracked(Note { region: Some("us"), ..Note::new(1) });
    router.route(event).await;
    drop(router);
    assert_ne!(receipt.await.outcome, Outcome::Done);
}

#[tokio::test]
async fn each_way_to_overflow_does_what_its_name_says() {
    // Would break: a target that loses the wrong events, or that loses them without a count and a word.
    for (overflow, kept, dropped, dead, coalesced) in [
        (Overflow::DropNewest, vec![0, 1], 3, 0, 0),
        (Overflow::DropOldest, vec![3, 4], 3, 0, 0),
        (Overflow::Fail, vec![0, 1], 0, 3, 0),
        (Overflow::Coalesce, vec![3, 4], 3, 0, 0),
    ] {
        let (target, stream) = Target::stream("tight", Lane { capacity: 2, overflow });
        let router = Router::builder().target(target).rules(everything_to(&["tight"])).start().unwrap();
        let mut receipts = Vec::new();
        for number in 0..5 {
            let (event, receipt) = tracked(Note::new(number));
            router.route(event).await;
            receipts.push(receipt);
        }
        assert_conserved(&router);
        let now = &router.snapshot().targets[0];
        assert_eq!((now.dropped, now.dead, now.coalesced), (dropped, dead, coalesced), "{overflow}");
        drop(router);
        let left: Vec<u32> = stream.map(|delivery| delivery.settle(Outcome::Done).number).collect().await;
        assert_eq!(left, kept, "{overflow}");
        for (number, receipt) in receipts.into_iter().enumerate() {
            assert_eq!(receipt.await.outcome == Outcome::Done, kept.contains(&(number as u32)), "{overflow}");
        }
    }
}

#[tokio::test]
async fn a_target_that_blocks_holds_the_stream_back_and_loses_nothing() {
    // Would break: a lossless target that loses, or others that do not have their copy while it is waited for.
    let (slow, mut slows) = Target::stream("slow", Lane { capacity: 2, overflow: Overflow::Block });
    let (quick, quicks) = Target::stream("quick", ROOMY);
    let router = Router::builder().target(slow).target(quick).rules(everything_to(&["slow", "quick"])).start().unwrap();
    let routing = tokio::spawn({
        let router = router.clone();
        async move {
            router.run(futures::stream::iter((0..100).map(|number| delivery(Note::new(number))))).await;
        }
    });
    until("the mailbox to be full", || router.snapshot().targets[1].waiting == 3).await;
    assert_eq!(router.snapshot().received, 3);
    for number in 0..100 {
        assert_eq!(slows.next().await.unwrap().number, number);
    }
    routing.await.unwrap();
    assert_conserved(&router);
    drop(router);
    assert_eq!(quicks.count().await, 100);
}

#[tokio::test]
async fn cancelled_while_it_waits_nothing_goes_uncounted() {
    // Would break: counts that no longer add up, or a tracked event that is never answered, after a cancelled task.
    let (slow, slows) = Target::stream("slow", Lane { capacity: 1, overflow: Overflow::Block });
    let (slower, _slowers) = Target::stream("slower", Lane { capacity: 1, overflow: Overflow::Block });
    let router =
        Router::builder().target(slow).target(slower).rules(everything_to(&["slow", "slower"])).start().unwrap();
    for number in 0..3 {
        let (event, receipt) = tracked(Note::new(number));
        let routed = tokio::time::timeout(Duration::from_millis(5), router.route(event)).await;
        assert_eq!(routed.is_ok(), number == 0);
        if number > 0 {
            assert_eq!(receipt.await.outcome, Outcome::Abandoned);
        }
        assert_conserved(&router);
    }
    drop(slows);
    assert_conserved(&router);
    // Whoever waits for a stream that goes away is let go.
    let waiting = tokio::time::timeout(Duration::from_secs(20), async {
        let (event, _receipt) = tracked(Note::new(9));
        tokio::join!(router.route(event), async { drop(_slowers) });
    });
    waiting.await.unwrap();
    assert_conserved(&router);
}

/// Lets whoever blocks its thread go, also when the test fails: else its runtime would wait for it.
struct LetGo(Arc<AtomicBool>);

impl Drop for LetGo {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_shutdown_comes_back_although_a_target_blocks_its_thread() {
    // Would break: a deadline that one target in a lock or a long computation makes meaningless.
    let [blocking, end] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    let (began, let_go) = (blocking.clone(), LetGo(end.clone()));
    let target = Target::handler("blocks", move |_: Note| {
        began.store(true, Ordering::Release);
        while !end.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(1));
        }
        async {}
    });
    let router = Router::builder().target(target).rules(everything_to(&["blocks"])).start().unwrap();
    let (event, receipt) = tracked(Note::new(1));
    router.route(event).await;
    until("the call", || blocking.load(Ordering::Acquire)).await;
    let letters = router.dead_letters();
    let report = tokio::time::timeout(Duration::from_secs(30), router.shutdown(Duration::from_millis(20))).await;
    let report = report.expect("it is back soon after its deadline");
    assert_eq!((report.dropped.len(), report.stuck), (0, vec!["blocks".to_owned()]));
    assert!(letters.next().await.is_none());
    drop(let_go);
    assert_eq!(receipt.await.outcome, Outcome::Done, "its call came to its end after all");
    until("its end", || router.snapshot().targets[0].in_flight == 0).await;
}

#[tokio::test]
async fn a_shutdown_drains_until_its_deadline_and_says_what_it_dropped() {
    // Would break: events that vanish with the process without a number that says so.
    let time = ManualClock::new();
    let clock = time.clock();
    let slow = Target::handler("slow", move |_: Note| {
        let clock = clock.clone();
        async move { clock.sleep(Duration::from_secs(1)).await }
    });
    let count = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&count);
    let quick = Target::handler("quick", move |_: Note| {
        let counted = Arc::clone(&counted);
        async move {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let router = Router::builder()
        .clock(time.clock())
        .target(slow)
        .target(quick)
        .rules(everything_to(&["slow", "quick"]))
        .start()
        .unwrap();
    let mut receipts = Vec::new();
    for number in 0..10 {
        let (event, receipt) = tracked(Note::new(number));
        router.route(event).await;
        receipts.push(receipt);
    }
    let stopping = tokio::spawn({
        let router = router.clone();
        async move { router.shutdown(Duration::from_millis(3_500)).await }
    });
    time.turn(Duration::from_secs(10)).await;
    let report = stopping.await.unwrap();
    assert_eq!(report.dropped, [("slow".to_owned(), 7)]);
    assert_eq!(count.load(Ordering::Relaxed), 10);
    let mut done = 0;
    for receipt in receipts {
        done += u32::from(receipt.await.outcome == Outcome::Done);
    }
    assert_eq!(done, 3);
    let (event, receipt) = tracked(Note::new(11));
    router.route(event).await;
    assert_eq!(receipt.await.outcome, Outcome::Dropped);
    assert_conserved(&router);
}

#[tokio::test]
async fn the_most_urgent_reach_a_slow_target_first() {
    // Would break: an alarm that waits behind a thousand bulk events in front of a slow system.
    let (target, stream) = Target::stream("slow", ROOMY);
    let router = Router::builder().target(target).rules(everything_to(&["slow"])).start().unwrap();
    for number in 0..1_000 {
        router.route(delivery(Note { class: Class::Bulk, ..Note::new(number) })).await;
    }
    router.route(delivery(Note { class: Class::Critical, ..Note::new(7_777) })).await;
    drop(router);
    assert_eq!(stream.map(|delivery| delivery.event.number).next().await, Some(7_777));
}

#[tokio::test]
async fn a_router_plugs_into_the_reactor_as_a_subscription() {
    // Would break: the way from emit to a target, or the acknowledgement on the way back.
    let reactor = Reactor::<Note>::builder().start();
    let router = Router::builder()
        .target(
            Target::handler("all", |note: Note| async move { if note.number == 1 { Err("one") } else { Ok(()) } })
                .retry(Backoff { failures_max: 1, ..THRICE }),
        )
        .rules(Rules {
            rules: vec![rule("notes", When { subject: Some("notes.*".to_owned()), ..When::default() }, &["all"])],
            ..Rules::default()
        })
        .start()
        .unwrap();
    let events = reactor.on::<Note>().named("router").lossless().events();
    let routing = tokio::spawn({
        let router = router.clone();
        async move { router.run(events).await }
    });
    let emitter = reactor.emitter();
    assert_eq!(emitter.emit_tracked(Note::new(0)).await.unwrap().await.outcome, Outcome::Done);
    assert_eq!(emitter.emit_tracked(Note::new(1)).await.unwrap().await.outcome, Outcome::Failed);
    let other = Note { subject: "other".to_owned(), ..Note::new(2) };
    assert_eq!(emitter.emit_tracked(other).await.unwrap().await.outcome, Outcome::Skipped);
    assert!(reactor.shutdown(Duration::from_secs(20)).await.is_clean());
    routing.await.unwrap();
    assert_eq!(router.snapshot().received, 3);
    assert!(router.shutdown(Duration::from_secs(20)).await.dropped.is_empty());
}
