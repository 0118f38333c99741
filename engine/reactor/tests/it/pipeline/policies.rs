//! What a stage does about inputs that fail: error, panic and timeout under each policy.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use homeostat_reactor::pipeline::{ErrorPolicy, LastResort, Pipeline, PipelineFailed, StageCounts};
use homeostat_reactor::reactor::{Backoff, Cause};
use homeostat_reactor::{Clock, ManualClock, Moment};

/// A stage that fails on 3 in each of the three ways, and doubles everything else.
async fn picky(number: u32, how: &'static str) -> Result<u32, String> {
    match (number, how) {
        (3, "error") => Err("three is not for me".to_owned()),
        (3, "panic") => panic!("three!"),
        (3, "hang") => std::future::pending().await,
        _ => Ok(number * 2),
    }
}

fn pipeline(how: &'static str, policy: ErrorPolicy, clock: Clock) -> Pipeline<u32, u32> {
    Pipeline::<u32>::named("numbers")
        .stage("before", |number: u32| async move { Ok::<_, String>(number) })
        .stage("picky", move |number: u32| picky(number, how))
        .concurrency(3)
        .timeout(Duration::from_secs(1))
        .on_error(policy)
        .stage("after", |number: u32| async move { Ok::<_, String>(number) })
        .build(clock)
}

fn cause(how: &str) -> Cause {
    match how {
        "error" => Cause::Failed("three is not for me".to_owned()),
        "panic" => Cause::Panicked("three!".to_owned()),
        _ => Cause::TimedOut(Duration::from_secs(1)),
    }
}

fn picky_counts<Out>(pipeline: &Pipeline<u32, Out>) -> StageCounts {
    let snapshot = pipeline.snapshot();
    assert!(snapshot.stages.iter().all(|stage| stage.counts.is_balanced()));
    snapshot.stages[1].counts
}

const HOW: [&str; 3] = ["error", "panic", "hang"];

#[tokio::test(start_paused = true)]
async fn fail_lets_out_what_came_before_and_ends_with_the_stage_and_the_cause() {
    // Would break: a failure that takes finished work along, lets later work out, or does not say where and why.
    for how in HOW {
        let numbers = pipeline(how, ErrorPolicy::Fail, Clock::machine());
        let outputs: Vec<Result<u32, PipelineFailed>> = numbers.run(stream::iter(1..)).collect().await;
        let failed = outputs.last().unwrap().as_ref().unwrap_err();
        assert_eq!((&*failed.pipeline, &*failed.stage, failed.attempts), ("numbers", "picky", 1));
        assert_eq!(failed.cause, cause(how));
        assert!(failed.to_string().starts_with("pipeline `numbers` ended: stage `picky` "), "{failed}");
        assert_eq!(outputs[..2], [Ok(2), Ok(4)]);
        assert_eq!(outputs.len(), 3);
        assert_eq!(picky_counts(&numbers).failed, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn skip_leaves_the_input_out_and_counts_it() {
    // Would break: an input that vanishes without a trace, or one bad input that stops a pipeline told to go on.
    for how in HOW {
        let numbers = pipeline(how, ErrorPolicy::Skip, Clock::machine());
        let outputs: Vec<u32> = numbers.run(stream::iter(1..=5)).try_collect().await.unwrap();
        assert_eq!(outputs, [2, 4, 8, 10]);
        let counts = picky_counts(&numbers);
        assert_eq!((counts.entered, counts.passed, counts.skipped, counts.errors), (5, 4, 1, 1));
        assert_eq!((counts.panicked, counts.timed_out), (u64::from(how == "panic"), u64::from(how == "hang")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_carries_the_input_the_stage_and_the_cause() {
    // Would break: an input put aside that nobody can find, understand or feed in again.
    for how in HOW {
        let numbers = pipeline(how, ErrorPolicy::retry(3, LastResort::DeadLetter), Clock::machine());
        let mut letters = numbers.dead_letters(8);
        let outputs: Vec<u32> = numbers.run(stream::iter(1..=5)).try_collect().await.unwrap();
        assert_eq!(outputs, [2, 4, 8, 10]);
        let mut letter = letters.next().await.unwrap();
        assert_eq!((&*letter.stage, letter.attempts, &letter.cause), ("picky", 3, &cause(how)));
        assert!(letter.input::<String>().is_none() && letter.take_input::<String>().is_none());
        assert_eq!(letter.input::<u32>(), Some(&3));
        assert_eq!(letter.take_input::<u32>(), Some(3));
        assert_eq!((numbers.snapshot().letters_lost, picky_counts(&numbers).dead_lettered), (0, 1));
        drop(numbers);
        assert!(letters.next().await.is_none(), "ends with the pipeline");
    }
}

#[tokio::test]
async fn letters_that_nobody_reads_are_counted_and_hold_nothing_up() {
    // Would break: a pipeline that stops because its dead letters pile up, or that keeps them all.
    let hopeless = Pipeline::<u32>::named("hopeless")
        .stage("refuse", |_: u32| async { Err::<u32, _>("no") })
        .on_error(ErrorPolicy::DeadLetter)
        .build(Clock::machine());
    let count = |run: homeostat_reactor::pipeline::Outputs<u32>| run.count();
    assert_eq!(count(hopeless.run(stream::iter(0..10))).await, 0);
    assert_eq!(hopeless.snapshot().letters_lost, 10);
    let mut letters = hopeless.dead_letters(4);
    assert_eq!(count(hopeless.run(stream::iter(0..10))).await, 0);
    assert_eq!(hopeless.snapshot().letters_lost, 16);
    let read: Vec<u32> =
        std::iter::from_fn(|| letters.try_next()).filter_map(|mut letter| letter.take_input()).collect();
    assert_eq!(read, [0, 1, 2, 3]);
    let again = hopeless.dead_letters(4);
    assert!(letters.next().await.is_none(), "who asks last reads");
    drop(again);
    assert_eq!(count(hopeless.run(stream::iter(0..10))).await, 0);
    assert_eq!(hopeless.snapshot().letters_lost, 26);
    assert_eq!(hopeless.snapshot().stages[0].counts.dead_lettered, 30);
}

#[tokio::test]
async fn retries_pause_longer_each_time_and_end() {
    // Would break: a retry that hammers what is down, that never gives up, or that gives up too early.
    let time = ManualClock::new();
    let clock = time.clock();
    let attempts: Arc<std::sync::Mutex<Vec<Moment>>> = Arc::default();
    let seen = Arc::clone(&attempts);
    let backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(3), failures_max: 5 };
    let stubborn = Pipeline::<u32>::named("stubborn")
        .stage("call", move |number: u32| {
            seen.lock().unwrap().push(clock.now());
            let worth_it = number < 10;
            async move { if worth_it { Ok(number) } else { Err("down") } }
        })
        .on_error(ErrorPolicy::Retry { backoff, then: LastResort::Skip })
        .build(time.clock());
    let run = tokio::spawn(stubborn.run(stream::iter([1, 10, 2])).try_collect::<Vec<u32>>());
    time.turn(Duration::from_secs(60)).await;
    assert_eq!(run.await.unwrap().unwrap(), [1, 2]);
    let at: Vec<u64> = attempts.lock().unwrap().iter().map(|at| at.0 / 1_000_000_000).collect();
    assert_eq!(at, [0, 0, 1, 3, 6, 9, 9]);
    let counts = stubborn.snapshot().stages[0].counts;
    assert_eq!((counts.errors, counts.retried, counts.skipped), (5, 4, 1));
    assert_eq!((counts.time.count, counts.time.max_ns), (3, 9_000_000_000));
    assert_eq!(counts.time.buckets.iter().sum::<u64>(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_input_that_works_at_last_goes_on_in_its_place() {
    // Would break: a retried input that is lost, doubled or overtaken in a stage that keeps the order.
    let tries = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&tries);
    let flaky = Pipeline::<u32>::named("flaky")
        .stage("call", move |number: u32| {
            let tries = Arc::clone(&counted);
            async move {
                match number == 2 && tries.fetch_add(1, Ordering::SeqCst) < 2 {
                    true => panic!("not yet"),
                    false => Ok::<_, String>(number),
                }
            }
        })
        .concurrency(4)
        .on_error(ErrorPolicy::retry(5, LastResort::Fail))
        .build(Clock::machine());
    let outputs: Vec<u32> = flaky.run(stream::iter(0..8)).try_collect().await.unwrap();
    assert_eq!(outputs, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(flaky.snapshot().stages[0].counts.retried, 2);
}

/// An input that fails where the stage's own function is not to blame.
#[derive(Debug)]
struct Touchy(&'static str);

impl Clone for Touchy {
    fn clone(&self) -> Self {
        assert!(self.0 != "cloned", "cannot be cloned");
        Self(self.0)
    }
}

impl Drop for Touchy {
    fn drop(&mut self) {
        assert!(self.0 != "dropped" || std::thread::panicking(), "cannot be dropped");
    }
}

#[tokio::test(start_paused = true)]
async fn inputs_that_panic_when_they_are_copied_or_dropped_are_failures_too() {
    // Would break: a stage whose task dies without a word, so that its pipeline seems to have ended well.
    for (at_once, hang) in [(1, false), (2, false), (1, true), (2, true)] {
        let touchy = |policy| {
            let hold = move |input: Touchy| async move {
                if hang && input.0 == "dropped" {
                    std::future::pending::<()>().await;
                }
                drop(input);
                Ok::<_, String>(())
            };
            let stage = Pipeline::<Touchy>::named("touchy").stage("hold", hold).concurrency(at_once);
            stage.timeout(Duration::from_secs(1)).on_error(policy).build(Clock::machine())
        };
        let uncopied = touchy(ErrorPolicy::DeadLetter);
        let mut letters = uncopied.dead_letters(1);
        assert_eq!(uncopied.run(stream::iter([Touchy("fine"), Touchy("cloned")])).count().await, 1);
        let letter = letters.next().await.unwrap();
        assert_eq!(letter.cause, Cause::Panicked("cannot be cloned".to_owned()));
        let undropped = touchy(ErrorPolicy::Fail);
        let outputs: Vec<_> = undropped.run(stream::iter([Touchy("fine"), Touchy("dropped")])).collect().await;
        assert_eq!(outputs.len(), 2);
        assert_eq!(outputs[1].as_ref().unwrap_err().cause, Cause::Panicked("cannot be dropped".to_owned()));
        assert!(undropped.snapshot().stages[0].counts.is_balanced());
    }
}

#[tokio::test]
async fn a_cause_is_kept_to_a_readable_length() {
    // Would break: an error with a whole document in it that is then held a thousand times.
    let wordy = Pipeline::<u32>::named("wordy")
        .stage("talk", |_: u32| async { Err::<(), _>("ä".repeat(100_000)) })
        .build(Clock::machine());
    let failed = wordy.run_to(stream::iter([1]), |()| async { Ok::<_, String>(()) }).await.unwrap_err();
    assert!(failed.to_string().len() < 1_200);
}

#[tokio::test]
async fn a_sink_that_fails_ends_the_run() {
    // Would break: outputs that go on being made for a sink that cannot take them.
    let through = Pipeline::<u32>::named("through")
        .stage("pass", |n: u32| async move { Ok::<_, String>(n) })
        .build(Clock::machine());
    let taken = AtomicU32::new(0);
    let sink = |number: u32| {
        taken.fetch_add(1, Ordering::SeqCst);
        async move { if number < 3 { Ok(()) } else { Err("disk full") } }
    };
    let failed = through.run_to(stream::iter(0..), sink).await.unwrap_err();
    assert_eq!((&*failed.stage, failed.cause), ("sink", Cause::Failed("disk full".to_owned())));
    assert_eq!(taken.into_inner(), 4);
    assert!(through.run_to(stream::iter(0..3), |_| async { Ok::<_, String>(()) }).await.is_ok());
}
