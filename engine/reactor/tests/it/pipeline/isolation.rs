//! Sources, stages, sinks and items that misbehave harm their own run in the way that was chosen, and nothing else.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use homeostat_reactor::pipeline::{DeadLetter, ErrorPolicy, LastResort, Pipeline};
use homeostat_reactor::reactor::Cause;
use homeostat_reactor::{Ack, Class, Clock, Delivery, Moment, Outcome};

fn through() -> Pipeline<u32, u32> {
    Pipeline::<u32>::named("through").stage("pass", |n: u32| async move { Ok::<_, String>(n) }).build(Clock::machine())
}

/// Panics when it is dropped.
struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            resume_unwind(Box::new("dropped"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn work_that_took_too_long_and_panics_when_it_is_dropped_is_dealt_with_as_chosen() {
    // Would break: one bad input that ends a pipeline told to leave bad inputs out.
    for at_once in [1, 3] {
        let hanging = Pipeline::<u32>::named("hanging")
            .stage("hang", |number: u32| async move {
                if number == 1 {
                    let _grenade = Grenade;
                    std::future::pending::<()>().await;
                }
                Ok::<_, String>(number)
            })
            .concurrency(at_once)
            .timeout(Duration::from_secs(1))
            .skip_errors()
            .build(Clock::machine());
        let outputs: Vec<u32> = hanging.run(stream::iter(0..4)).try_collect().await.unwrap();
        assert_eq!(outputs, [0, 2, 3]);
        let counts = hanging.snapshot().stages[0].counts;
        assert_eq!((counts.skipped, counts.panicked, counts.cancelled), (1, 1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_hanging_input_holds_up_no_other_where_order_does_not_matter() {
    // Would break: a stage that stands still because one of its inputs never comes back.
    let hanging = Pipeline::<u32>::named("hanging")
        .stage("hang", |number: u32| async move {
            if number == 0 {
                std::future::pending::<()>().await;
            }
            Ok::<_, String>(number)
        })
        .concurrency(2)
        .unordered()
        .build(Clock::machine());
    let mut run = hanging.run(stream::iter(0..100));
    let outputs: Vec<u32> = run.by_ref().take(99).try_collect().await.unwrap();
    assert!(outputs.into_iter().eq(1..100));
    assert_eq!(hanging.snapshot().stages[0].counts.in_flight, 1);
}

#[tokio::test]
async fn a_sink_that_panics_ends_its_run_and_answers_for_its_item() {
    // Would break: a panic in a sink that takes the caller's task along, and the answer for the item with it.
    let (ack, receipt) = Ack::new();
    let item = Delivery::new(7, Class::Act, Moment::ZERO).with_trail(ack, tracing::Span::none());
    let sink = |_: u32| async { resume_unwind(Box::new("sunk")) as Result<(), String> };
    let failed = through().run_to(stream::iter([item]), sink).await.unwrap_err();
    assert_eq!((&*failed.stage, failed.cause), ("sink", Cause::Panicked("sunk".to_owned())));
    assert_eq!(receipt.await.outcome, Outcome::Failed);
}

#[tokio::test]
async fn a_source_that_panics_fails_the_run() {
    // Would break: a broken source that looks like one that has ended.
    let source = stream::iter(0..3).map(|number| if number == 2 { panic!("broken source") } else { number });
    let outputs: Vec<_> = through().run(source).collect().await;
    assert_eq!(outputs[..2], [Ok(0), Ok(1)]);
    let failed = outputs[2].as_ref().unwrap_err();
    assert_eq!((&*failed.stage, &failed.cause), ("source", &Cause::Panicked("broken source".to_owned())));
}

#[tokio::test]
async fn a_source_that_panics_when_it_is_dropped_hides_no_failure() {
    // Would break: a run that has failed, or that its source tore down, and looks as if it had ended well.
    let refusing = Pipeline::<u32>::named("refusing")
        .stage("refuse", |number: u32| async move { if number == 2 { Err("two") } else { Ok(number) } })
        .build(Clock::machine());
    for (count, cause) in [(10, Cause::Failed("two".to_owned())), (2, Cause::Panicked("dropped".to_owned()))] {
        let grenade = Arc::new(Grenade);
        let source = stream::iter(0..count).inspect(move |_| {
            let _held = &grenade;
        });
        let outputs: Vec<_> = refusing.run(source).collect().await;
        assert_eq!(outputs[..2], [Ok(0), Ok(1)]);
        assert_eq!(outputs[2].as_ref().unwrap_err().cause, cause);
        assert_eq!(outputs.len(), 3);
    }
}

#[tokio::test]
async fn a_run_that_fails_leaves_the_other_runs_alone() {
    // Would break: two customers of one pipeline, of whom one's bad input ends the other's run.
    let refusing = Pipeline::<u32>::named("refusing")
        .stage("refuse", |number: u32| async move { if number == 2 { Err("two") } else { Ok(number) } })
        .build(Clock::machine());
    let (bad, good) = (refusing.run(stream::iter(0..5)), refusing.run(stream::iter(10..500)));
    let (bad, good) = futures::join!(bad.try_collect::<Vec<u32>>(), good.try_collect::<Vec<u32>>());
    assert!(bad.is_err() && good.unwrap().into_iter().eq(10..500));
}

#[tokio::test]
async fn letters_left_unread_are_counted_when_their_reader_goes() {
    // Would break: dead letters that vanish with whoever was to read them.
    let hopeless = Pipeline::<u32>::named("hopeless")
        .stage("refuse", |_: u32| async { Err::<u32, _>("no") })
        .on_error(ErrorPolicy::DeadLetter)
        .build(Clock::machine());
    let mut letters = hopeless.dead_letters(usize::MAX);
    assert_eq!(hopeless.run(stream::iter(0..5)).count().await, 0);
    assert!(letters.try_next().is_some());
    drop(letters);
    assert_eq!(hopeless.snapshot().letters_lost, 4);
}

/// Counts how many of it there are, and the most there ever were.
struct Counted {
    alive: Arc<(AtomicUsize, AtomicUsize)>,
    number: usize,
}

impl Counted {
    fn new(alive: &Arc<(AtomicUsize, AtomicUsize)>, number: usize) -> Self {
        let now = alive.0.fetch_add(1, Ordering::SeqCst) + 1;
        alive.1.fetch_max(now, Ordering::SeqCst);
        Self { alive: Arc::clone(alive), number }
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        Self::new(&self.alive, self.number)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.alive.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_long_run_holds_no_more_items_than_its_stages_may() {
    // Would break: memory that grows with the number of events, in a stage, between stages, in retries or in dead letters.
    let (at_once, buffer, letters) = (4, 8, 16);
    let alive: Arc<(AtomicUsize, AtomicUsize)> = Arc::default();
    let flaky = Pipeline::<Counted>::named("flaky")
        .stage("flaky", |item: Counted| async move {
            tokio::task::yield_now().await;
            if item.number % 5 == 4 { Err("every fifth") } else { Ok(item) }
        })
        .concurrency(at_once)
        .buffer(buffer)
        .unordered()
        .on_error(ErrorPolicy::Retry {
            backoff: homeostat_reactor::reactor::Backoff {
                first: Duration::ZERO,
                longest: Duration::ZERO,
                failures_max: 2,
            },
            then: LastResort::DeadLetter,
        })
        .stage("pass", |item: Counted| async move { Ok::<_, String>(item) })
        .buffer(buffer)
        .build(Clock::machine());
    // Never read, so that it is full from early on.
    let _letters = flaky.dead_letters(letters);
    let made = Arc::clone(&alive);
    let run = flaky.run(stream::iter(0..20_000).map(move |number| Counted::new(&made, number)));
    assert_eq!(run.try_fold(0, |count, _| async move { Ok(count + 1) }).await.unwrap(), 16_000);
    // In the first stage each item may be there with its copy; one is on its way to each stage and to the reader.
    let most = 2 * at_once + buffer + 1 + buffer + letters + 3;
    assert!(alive.1.load(Ordering::SeqCst) <= most, "{} of {most}", alive.1.load(Ordering::SeqCst));
    assert_eq!(flaky.snapshot().letters_lost, 4_000 - u64::try_from(letters).unwrap());
    assert_eq!(alive.0.load(Ordering::SeqCst), letters, "what is left are the letters");
    assert!(alive.1.load(Ordering::SeqCst) > letters + buffer, "the count counts");
}

#[tokio::test]
async fn limits_beyond_reason_are_taken_as_the_most_there_is() {
    // Would break: a generous number in a configuration that panics when the pipeline starts.
    let generous = Pipeline::<u32>::named("generous")
        .stage("pass", |n: u32| async move { Ok::<_, String>(n) })
        .concurrency(usize::MAX)
        .buffer(usize::MAX)
        .build(Clock::machine());
    assert_eq!(generous.run(stream::iter(0..50)).count().await, 50);
}

/// A letter can be handed to another thread, where dead letters are looked after.
const _: fn(DeadLetter) -> Box<dyn Send> = |letter| Box::new(letter);
