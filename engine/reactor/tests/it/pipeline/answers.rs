//! Every item that a pipeline takes in is answered, once and truly, whatever becomes of the run: ended, dropped or closed at any
//! await, with stages that fail, panic, hang and try again.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::{FutureExt, StreamExt, stream};
use homeostat_reactor::pipeline::{ErrorPolicy, LastResort, Outputs, Pipeline};
use homeostat_reactor::{Ack, Class, Clock, Delivery, ManualClock, Moment, Outcome, Reactor, Receipt, events};
use proptest::prelude::*;

const POLICIES: [ErrorPolicy; 3] = [ErrorPolicy::Fail, ErrorPolicy::Skip, ErrorPolicy::DeadLetter];

/// Does with an input what its number says.
async fn moody(number: u64, clock: Clock) -> Result<u64, &'static str> {
    match number % 7 {
        2 => clock.sleep(Duration::from_millis(1)).await,
        3 => return Err("three"),
        // Without the hook, whose report of each panic would take most of the time.
        4 => std::panic::resume_unwind(Box::new("four")),
        5 => std::future::pending().await,
        6 => tokio::task::yield_now().await,
        _ => {}
    }
    Ok(number)
}

/// Passes everything on, with an await on the way.
async fn pass(number: u64) -> Result<u64, String> {
    tokio::task::yield_now().await;
    Ok(number)
}

/// The middle stage is moody.
fn pipeline(at_once: usize, ordered: bool, buffer: usize, policy: ErrorPolicy, clock: &Clock) -> Pipeline<u64, u64> {
    let inside = clock.clone();
    let first = Pipeline::<u64>::named("moody").stage("first", pass).buffer(buffer);
    let middle = first.stage("moody", move |number| moody(number, inside.clone()));
    let middle = middle.concurrency(at_once).buffer(buffer).timeout(Duration::from_millis(3)).on_error(policy);
    let middle = if ordered { middle.ordered() } else { middle.unordered() };
    middle.stage("last", pass).buffer(buffer).build(clock.clone())
}

/// Tracked items without end, and the receipts of those that were taken.
fn tracked() -> (impl stream::Stream<Item = Delivery<u64>> + Send + 'static, Arc<Mutex<Vec<Receipt>>>) {
    let receipts: Arc<Mutex<Vec<Receipt>>> = Arc::default();
    let taken = Arc::clone(&receipts);
    let items = stream::iter(0..).map(move |number| {
        let (ack, receipt) = Ack::new();
        taken.lock().unwrap().push(receipt);
        Delivery::new(number, Class::Act, Moment::ZERO).with_trail(ack, tracing::Span::none())
    });
    (items, receipts)
}

/// Lets the run come so far, and time go on where it waits for that; how many outputs came, and whether it has ended.
async fn poll(run: &mut Outputs<u64>, polls: usize, time: &ManualClock) -> (u64, bool) {
    let mut outputs = 0;
    for step in 0..polls {
        match run.poll_next_unpin(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(Ok(_))) => outputs += 1,
            Poll::Ready(Some(Err(_)) | None) => return (outputs, true),
            Poll::Pending if step % 4 == 3 => {
                let due = time.next_due();
                due.into_iter().for_each(|due| time.set(due));
            }
            Poll::Pending => {}
        }
        tokio::task::yield_now().await;
    }
    (outputs, false)
}

async fn until_quiet(pipeline: &Pipeline<u64, u64>) {
    for _ in 0..10_000 {
        let snapshot = pipeline.snapshot();
        if snapshot.stages.iter().all(|stage| stage.counts.in_flight + stage.counts.waiting == 0) {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("something is left: {}", pipeline.snapshot());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn each_item_is_answered_once_and_with_what_became_of_it(
        at_once in 1usize..4, ordered in any::<bool>(), buffer in 1usize..4, policy in 0usize..3, tries in 1u32..4,
        polls in 0usize..150, closed in any::<bool>(),
    ) {
        // Would break: an item that is never answered, so that its source waits for ever, or that is called done when it was lost.
        let policy = match (POLICIES[policy], tries) {
            (once, 1) => once,
            (last, tries) => ErrorPolicy::retry(tries, last.last_resort()),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (receipts, outputs, counts) = runtime.block_on(async {
            let time = ManualClock::new();
            let pipeline = pipeline(at_once, ordered, buffer, policy, &time.clock());
            let (items, receipts) = tracked();
            let mut run = pipeline.run(items);
            let (mut outputs, ended) = poll(&mut run, polls, &time).await;
            if closed && !ended {
                pipeline.close();
                let (more, ended) = poll(&mut run, 10_000, &time).await;
                outputs += more;
                assert!(ended, "a closed pipeline ends");
            }
            drop(run);
            until_quiet(&pipeline).await;
            let counts = pipeline.snapshot().stages[1].counts;
            let receipts = std::mem::take(&mut *receipts.lock().unwrap());
            (receipts, outputs, counts)
        });
        let answers = receipts.into_iter().map(|receipt| receipt.now_or_never().expect("answered").outcome);
        let answers: Vec<Outcome> = answers.collect();
        let count = |outcome| u64::try_from(answers.iter().filter(|answer| **answer == outcome).count()).unwrap();
        prop_assert_eq!(count(Outcome::Done), outputs);
        prop_assert_eq!(count(Outcome::Skipped), counts.skipped);
        prop_assert_eq!(count(Outcome::Dropped), counts.dead_lettered, "nobody reads the letters");
        prop_assert_eq!(count(Outcome::Failed), counts.failed);
        prop_assert!(counts.failed <= u64::try_from(at_once).unwrap() && counts.is_balanced());
        if closed && policy.last_resort() != LastResort::Fail {
            prop_assert_eq!(count(Outcome::Abandoned), 0, "what was inside a closed pipeline comes out");
        }
    }
}

#[test]
fn runs_cut_off_on_several_threads_answer_for_all_they_took() {
    // Would break: an item lost between two threads when its run, or the whole runtime, is gone in the middle of the work.
    for runtime_too in [false, true].repeat(8) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
        let (items, receipts) = tracked();
        let mut run = {
            let _inside = runtime.enter();
            let plain = pipeline(4, false, 4, ErrorPolicy::Skip, &Clock::machine());
            plain.run(items.filter(|item| std::future::ready(item.event % 7 < 2)))
        };
        let read = runtime.block_on(async { run.by_ref().take(200).count().await });
        assert_eq!(read, 200);
        if runtime_too {
            drop(runtime);
            drop(run);
        } else {
            drop(run);
            runtime.block_on(async {
                while runtime.metrics().num_alive_tasks() > 0 {
                    tokio::task::yield_now().await;
                }
            });
        }
        let receipts = std::mem::take(&mut *receipts.lock().unwrap());
        let answers = receipts.into_iter().map(|receipt| receipt.now_or_never().expect("answered").outcome);
        let answers: Vec<Outcome> = answers.collect();
        assert_eq!(answers.iter().filter(|answer| **answer == Outcome::Done).count(), 200);
        assert!(answers.iter().all(|answer| matches!(answer, Outcome::Done | Outcome::Abandoned)));
    }
}

#[derive(Clone, Debug)]
struct Order(u64);

events! {
    #[derive(Debug)]
    enum Shop { Order }
}

#[tokio::test]
async fn who_emits_an_event_learns_what_a_pipeline_behind_the_loop_made_of_it() {
    // Would break: a pipeline that cannot be fed by the event loop, or in which the receipts of its events get lost.
    let reactor = Reactor::<Shop>::builder().start();
    let orders = Pipeline::<Order>::named("orders")
        .stage("check", |order: Order| async move { if order.0 > 0 { Ok(order.0) } else { Err("empty") } })
        .skip_errors()
        .build(Clock::machine());
    let run = tokio::spawn(orders.run(reactor.on::<Order>().events()).count());
    let emitter = reactor.emitter();
    let good = emitter.emit_tracked(Order(3)).await.unwrap();
    let empty = emitter.emit_tracked(Order(0)).await.unwrap();
    assert_eq!(good.await.outcome, Outcome::Done);
    let settlement = empty.await;
    assert_eq!((settlement.outcome, settlement.cause.as_deref()), (Outcome::Skipped, Some("failed: empty")));
    assert!(reactor.shutdown(Duration::from_secs(5)).await.is_clean());
    assert_eq!(run.await.unwrap(), 1, "ends with the loop");
}
