//! Order, concurrency, and how far a run reads ahead.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use homeostat_reactor::pipeline::{ErrorPolicy, Pipeline};
use homeostat_reactor::{Clock, ManualClock, Moment};
use proptest::prelude::*;

/// Counts who is inside, and the most that ever were.
#[derive(Debug, Default)]
struct Crowd {
    inside: AtomicUsize,
    most: AtomicUsize,
}

impl Crowd {
    async fn visit(&self, clock: &Clock, stay: Duration) {
        self.most.fetch_max(self.inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        clock.sleep(stay).await;
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

type Sleepy = Pipeline<(u64, u64), u64>;

fn sleepy(at_once: [usize; 2], buffer: usize, ordered: bool, clock: &Clock, crowds: &[Arc<Crowd>; 2]) -> Sleepy {
    let [(first, here), (second, there)] = crowds.each_ref().map(|crowd| (Arc::clone(crowd), clock.clone()));
    let pipeline = Pipeline::<(u64, u64)>::named("sleepy")
        .stage("first", move |(number, nanos): (u64, u64)| {
            let (crowd, clock) = (Arc::clone(&first), here.clone());
            async move {
                crowd.visit(&clock, Duration::from_nanos(nanos)).await;
                if nanos % 7 == 6 { Err("a seventh") } else { Ok((number, nanos * 13 % 101)) }
            }
        })
        .concurrency(at_once[0])
        .buffer(buffer)
        .on_error(ErrorPolicy::Skip);
    let pipeline = if ordered { pipeline } else { pipeline.unordered() };
    let pipeline = pipeline
        .stage("second", move |(number, nanos): (u64, u64)| {
            let (crowd, clock) = (Arc::clone(&second), there.clone());
            async move {
                crowd.visit(&clock, Duration::from_nanos(nanos)).await;
                Ok::<_, String>(number)
            }
        })
        .concurrency(at_once[1])
        .buffer(buffer);
    let pipeline = if ordered { pipeline } else { pipeline.unordered() };
    pipeline.build(clock.clone())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_stages_take_order_is_kept_and_limits_hold(
        delays in proptest::collection::vec(0u64..100, 1..40), at_once in [1usize..6, 1usize..6], buffer in 1usize..5, ordered in any::<bool>(),
    ) {
        // Would break: outputs out of order or missing, more at once than allowed, a source read further ahead than promised.
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let time = ManualClock::new();
            let crowds: [Arc<Crowd>; 2] = std::array::from_fn(|_| Arc::default());
            let pipeline = sleepy(at_once, buffer, ordered, &time.clock(), &crowds);
            let pulled = Arc::new(AtomicU64::new(0));
            let counted = Arc::clone(&pulled);
            let source = stream::iter(delays.clone()).enumerate().map(move |(number, nanos)| {
                counted.fetch_add(1, Ordering::SeqCst);
                (u64::try_from(number).unwrap(), nanos)
            });
            let taken = Arc::new(AtomicU64::new(0));
            let counting = Arc::clone(&taken);
            let run = pipeline.run(source).inspect(move |_| {
                counting.fetch_add(1, Ordering::SeqCst);
            });
            let run = tokio::spawn(run.try_collect::<Vec<u64>>());
            let ahead_max = u64::try_from(at_once.iter().sum::<usize>() + 2 * buffer).unwrap();
            while !run.is_finished() {
                time.turn(Duration::from_nanos(1)).await;
                let skipped = pipeline.snapshot().stages[0].counts.skipped;
                let ahead = pulled.load(Ordering::SeqCst) - taken.load(Ordering::SeqCst) - skipped;
                assert!(ahead <= ahead_max, "{ahead} ahead");
            }
            let mut outputs = run.await.unwrap().unwrap();
            let kept = |(number, nanos): (usize, &u64)| (nanos % 7 != 6).then(|| u64::try_from(number).unwrap());
            let expected: Vec<u64> = delays.iter().enumerate().filter_map(kept).collect();
            if !ordered {
                outputs.sort_unstable();
            }
            assert_eq!(outputs, expected);
            assert!(crowds.iter().zip(at_once).all(|(crowd, most)| crowd.most.load(Ordering::SeqCst) <= most));
            for stage in pipeline.snapshot().stages {
                assert!(stage.counts.is_balanced() && stage.counts.in_flight == 0 && stage.counts.waiting == 0);
            }
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn an_output_waits_for_those_before_it_only_where_order_is_kept(
        delays in proptest::collection::vec(1u64..50, 1..40), at_once in 1usize..6, ordered in any::<bool>(),
    ) {
        // Would break: a stage that keeps the order nobody asked for, overtakes where it was asked for, or dawdles.
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let outputs: Vec<(usize, Moment, Moment)> = runtime.block_on(async {
            let time = ManualClock::new();
            let (inside, outside) = (time.clock(), time.clock());
            let stage = Pipeline::<(usize, u64)>::named("timed").stage("sleep", move |(number, nanos): (usize, u64)| {
                let clock = inside.clone();
                async move {
                    clock.sleep(Duration::from_nanos(nanos)).await;
                    Ok::<_, String>((number, clock.now()))
                }
            });
            let stage = stage.concurrency(at_once);
            let timed = if ordered { stage } else { stage.unordered() }.build(time.clock());
            let run = timed.run(stream::iter(delays.clone()).enumerate());
            let run = run.map_ok(move |(number, ready_at)| (number, ready_at, outside.now()));
            let run = tokio::spawn(run.try_collect());
            time.turn(Duration::from_micros(10)).await;
            run.await.unwrap().unwrap()
        });
        let mut numbers: Vec<usize> = outputs.iter().map(|(number, ..)| *number).collect();
        let mut ready_before = Moment::ZERO;
        for (_, ready_at, out_at) in outputs {
            ready_before = ready_before.max(ready_at);
            prop_assert_eq!(out_at, if ordered { ready_before } else { ready_at });
        }
        if !ordered {
            numbers.sort_unstable();
        }
        prop_assert!(numbers.into_iter().eq(0..delays.len()));
    }
}

#[tokio::test(start_paused = true)]
async fn concurrency_is_used_and_order_costs_only_waiting() {
    // Would break: stages that work one by one whatever they were told.
    let clock = Clock::machine();
    let inside = clock.clone();
    let pipeline = Pipeline::<u64>::named("parallel")
        .stage("sleep", move |secs: u64| {
            let clock = inside.clone();
            async move {
                clock.sleep(Duration::from_secs(secs)).await;
                Ok::<_, String>(secs)
            }
        })
        .concurrency(4)
        .build(clock.clone());
    let began = clock.now();
    let outputs: Vec<u64> = pipeline.run(stream::iter([4, 3, 2, 1])).try_collect().await.unwrap();
    assert_eq!((outputs, clock.now().since(began).as_secs()), (vec![4, 3, 2, 1], 4));
}

#[tokio::test(start_paused = true)]
async fn unordered_outputs_come_as_they_are_ready() {
    // Would break: a slow input that holds up all the others although nobody asked for the order.
    let clock = Clock::machine();
    let inside = clock.clone();
    let pipeline = Pipeline::<u64>::named("parallel")
        .stage("sleep", move |secs: u64| {
            let clock = inside.clone();
            async move {
                clock.sleep(Duration::from_secs(secs)).await;
                Ok::<_, String>(secs)
            }
        })
        .concurrency(2)
        .unordered()
        .build(clock);
    let outputs: Vec<u64> = pipeline.run(stream::iter([9, 1, 2, 3])).try_collect().await.unwrap();
    assert_eq!(outputs, [1, 2, 3, 9]);
}

#[test]
fn stages_run_in_parallel_on_several_threads() {
    // Would break: concurrency that is only taking turns on one thread.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let meeting = Arc::new(std::sync::Barrier::new(2));
    let outputs = runtime.block_on(async {
        let pipeline = Pipeline::<u32>::named("parallel")
            .stage("meet", move |number: u32| {
                let meeting = Arc::clone(&meeting);
                // Blocks its thread until the other one is there as well.
                async move {
                    meeting.wait();
                    Ok::<_, String>(number)
                }
            })
            .concurrency(2)
            .build(Clock::machine());
        tokio::spawn(pipeline.run(stream::iter([1, 2])).try_collect::<Vec<u32>>()).await.unwrap()
    });
    assert_eq!(outputs, Ok(vec![1, 2]));
}

#[tokio::test]
async fn a_reader_that_is_slow_keeps_the_source_waiting() {
    // Would break: memory that grows with the number of events while a reader is behind.
    let pulled = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&pulled);
    let source = stream::iter(0u64..).inspect(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let pipeline = Pipeline::<u64>::named("long")
        .stage("one", |n: u64| async move { Ok::<_, String>(n) })
        .concurrency(3)
        .buffer(5)
        .stage("two", |n: u64| async move { Ok::<_, String>(n) })
        .buffer(2)
        .build(Clock::machine());
    let mut run = pipeline.run(source);
    for taken in 0..50 {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(pulled.load(Ordering::SeqCst) <= taken + (3 + 5) + (1 + 2), "no further than it may");
        assert_eq!(run.next().await, Some(Ok(taken)));
    }
    let stages = pipeline.snapshot().stages;
    assert!(stages.iter().all(|stage| stage.counts.waiting <= u64::try_from(stage.plan.buffer).unwrap()));
}

#[tokio::test]
async fn runs_of_one_pipeline_go_on_side_by_side() {
    // Would break: two runs that mix their items or their counts up.
    let pipeline = Pipeline::<u64>::named("shared")
        .stage("pass", |n: u64| async move { Ok::<_, String>(n) })
        .build(Clock::machine());
    let (left, right) = (pipeline.run(stream::iter(0..100)), pipeline.run(stream::iter(100..300)));
    assert_eq!(pipeline.snapshot().runs, 2);
    let (left, right) = futures::join!(left.try_collect::<Vec<u64>>(), right.try_collect::<Vec<u64>>());
    assert!(left.unwrap().into_iter().eq(0..100) && right.unwrap().into_iter().eq(100..300));
    let snapshot = pipeline.snapshot();
    assert_eq!((snapshot.runs, snapshot.stages[0].counts.passed), (0, 300));
}
