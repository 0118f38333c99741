//! Runs that are dropped, closed, or ended by a failure, at any moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use homeostat_reactor::pipeline::{ErrorPolicy, LastResort, Pipeline, PipelineSnapshot};
use homeostat_reactor::{Clock, ManualClock};

/// Something alive inside a stage.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn born(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(alive))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Awaits in every place there is: in the stage, in the pause of a retry, for room, for the next input.
fn restless(clock: &Clock, alive: &Arc<AtomicUsize>) -> Pipeline<u64, u64> {
    let (inside, alive) = (clock.clone(), Arc::clone(alive));
    Pipeline::<u64>::named("restless")
        .stage("flaky", move |number: u64| {
            let (clock, alive) = (inside.clone(), Alive::born(&alive));
            async move {
                clock.sleep(Duration::from_millis(number % 3)).await;
                drop(alive);
                if number % 4 == 3 { Err("every fourth") } else { Ok(number) }
            }
        })
        .concurrency(3)
        .buffer(2)
        .timeout(Duration::from_millis(50))
        .on_error(ErrorPolicy::retry(2, LastResort::DeadLetter))
        .stage("pass", |number: u64| async move {
            tokio::task::yield_now().await;
            Ok::<_, String>(number)
        })
        .unordered()
        .concurrency(2)
        .buffer(1)
        .build(clock.clone())
}

async fn until_nothing_is_left(pipeline: &Pipeline<u64, u64>, alive: &AtomicUsize) -> PipelineSnapshot {
    for _ in 0..10_000 {
        let snapshot = pipeline.snapshot();
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let gone = tasks == 0 && snapshot.stages.iter().all(|stage| stage.counts.in_flight + stage.counts.waiting == 0);
        if gone && snapshot.runs == 0 && alive.load(Ordering::SeqCst) == 0 {
            return snapshot;
        }
        tokio::task::yield_now().await;
    }
    panic!("something is left: {}", pipeline.snapshot());
}

#[tokio::test]
async fn a_run_dropped_after_any_number_of_polls_leaves_nothing_behind() {
    // Would break: tasks, timers or inputs left behind by a cancelled run, or counted twice or never.
    for polls in 0..120 {
        let time = ManualClock::new();
        let alive = Arc::new(AtomicUsize::new(0));
        let pipeline = restless(&time.clock(), &alive);
        let _letters = pipeline.dead_letters(4);
        let mut run = pipeline.run(stream::iter(0..));
        for _ in 0..polls {
            let _ = run.poll_next_unpin(&mut Context::from_waker(Waker::noop()));
            tokio::task::yield_now().await;
            if polls % 2 == 0 {
                let due = time.next_due();
                due.into_iter().for_each(|due| time.set(due));
            }
        }
        drop(run);
        let snapshot = until_nothing_is_left(&pipeline, &alive).await;
        assert!(snapshot.stages.iter().all(|stage| stage.counts.is_balanced()));
        assert_eq!(time.sleepers(), 0, "after {polls} polls");
    }
}

#[tokio::test(start_paused = true)]
async fn a_closed_pipeline_lets_out_what_is_inside_and_ends() {
    // Would break: a shutdown under load that loses items already taken from the source, or that never ends.
    let alive = Arc::new(AtomicUsize::new(0));
    let pipeline = restless(&Clock::machine(), &alive);
    let pulled = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&pulled);
    let mut run = pipeline.run(stream::iter(0..).inspect(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
    }));
    let mut outputs = 0;
    for _ in 0..20 {
        outputs += usize::from(run.next().await.unwrap().is_ok());
    }
    pipeline.close();
    outputs += run.try_fold(0, |count, _| async move { Ok(count + 1) }).await.unwrap();
    let snapshot = until_nothing_is_left(&pipeline, &alive).await;
    let counts = snapshot.stages[0].counts;
    assert_eq!((counts.cancelled, snapshot.stages[1].counts.cancelled), (0, 0));
    assert_eq!(u64::try_from(pulled.load(Ordering::SeqCst)).unwrap(), counts.entered);
    assert_eq!(u64::try_from(outputs).unwrap() + counts.dead_lettered, counts.entered);
    assert_eq!(pipeline.run(stream::iter(0..)).count().await, 0, "a closed pipeline takes nothing more");
}

#[tokio::test]
async fn a_pipeline_closed_while_its_source_is_silent_ends() {
    // Would break: a shutdown that waits for an event that never comes.
    let pipeline = restless(&Clock::machine(), &Arc::default());
    let run = tokio::spawn(pipeline.run(stream::pending::<u64>()).count());
    tokio::task::yield_now().await;
    pipeline.close();
    assert_eq!(run.await.unwrap(), 0);
}

#[tokio::test]
async fn a_failure_ends_a_run_whose_source_is_silent() {
    // Would break: a failed pipeline whose first stages wait for ever for input nobody needs.
    let pipeline = Pipeline::<u64>::named("early")
        .stage("pass", |n: u64| async move { Ok::<_, String>(n) })
        .stage("refuse", |_: u64| async { Err::<u64, _>("no") })
        .build(Clock::machine());
    let outputs: Vec<_> = pipeline.run(stream::iter([1]).chain(stream::pending())).collect().await;
    assert_eq!(outputs.len(), 1);
    until_nothing_is_left(&pipeline, &AtomicUsize::new(0)).await;
}

#[tokio::test]
async fn a_run_over_an_endless_source_that_yields_nothing_can_be_dropped() {
    // Would break: a stage that never lets anybody else run, so that it cannot even be cancelled.
    let pipeline = Pipeline::<u64>::named("barren")
        .stage("refuse", |_: u64| async { Err::<u64, _>("no") })
        .on_error(ErrorPolicy::Skip)
        .build(Clock::machine());
    let run = pipeline.run(stream::iter(0..));
    while pipeline.snapshot().stages[0].counts.skipped < 1_000 {
        tokio::task::yield_now().await;
    }
    drop(run);
    until_nothing_is_left(&pipeline, &AtomicUsize::new(0)).await;
}
