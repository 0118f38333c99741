//! Tests of `durable`: replay gives the same, effects happen once, and every way to fail has a name.

mod faulty;

use std::convert::Infallible;
use std::num::ParseIntError;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use homeostat_reactor::ManualClock;
use homeostat_reactor::durable::{Consumer, Durable, DurableError, DurableSource, Effects, Folded, Memory, Offset};
use proptest::prelude::*;
use tokio::sync::oneshot;

use faulty::{Fault, Faulty, Fire};

/// Waits for something that must come, on a machine however busy.
const DEADLINE: Duration = Duration::from_secs(60);

/// A state in which every item and their order show.
fn mix(state: &mut u64, item: u64) -> Vec<(u64, u64)> {
    *state = state.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(item ^ 0x5851_F42D);
    // Some items have no effect, some have two.
    (0..item % 3).map(|copy| (item + copy, *state)).collect()
}

fn plain(items: impl IntoIterator<Item = u64>) -> (u64, Vec<(u64, u64)>) {
    let mut state = 7;
    let effects = items.into_iter().flat_map(|item| mix(&mut state, item)).collect();
    (state, effects)
}

fn save(state: &u64) -> Result<Vec<u8>, Infallible> {
    Ok(state.to_string().into_bytes())
}

fn load(bytes: &[u8]) -> Result<u64, ParseIntError> {
    String::from_utf8_lossy(bytes).parse()
}

async fn eventually(mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.expect("it never came");
}

/// How one life of a consumer is set up.
#[derive(Debug, Clone)]
struct Life {
    new_items: Vec<u64>,
    batch: usize,
    snapshots_every: Option<u64>,
}

fn lives() -> impl Strategy<Value = Vec<Life>> {
    let life = (proptest::collection::vec(0..1000_u64, 0..40), 1..20_usize, proptest::option::of(0..30_u64))
        .prop_map(|(new_items, batch, snapshots_every)| Life { new_items, batch, snapshots_every });
    proptest::collection::vec(life, 1..6)
}

fn plan() -> impl Strategy<Value = Vec<Fault>> {
    let fault = prop_oneof![
        12 => Just(Fault::None),
        2 => Just(Fault::Transient),
        1 => Just(Fault::Failed),
        2 => Just(Fault::CrashBefore),
        2 => Just(Fault::CrashAfter),
    ];
    proptest::collection::vec(fault, 0..120)
}

/// Runs one life to its end: all consumed, an error, or a crash.
async fn live(source: &Faulty, life: &Life) -> Option<Folded<u64>> {
    let run = Durable::consume(source.clone(), "mixer", Offset::START)
        .fold(7, mix)
        .batch(life.batch, Duration::ZERO)
        .attempts(3, Duration::ZERO);
    let run = match life.snapshots_every {
        Some(every) => run.snapshots(every, save, load),
        None => run,
    };
    tokio::select! {
        biased;
        ended = run.catch_up() => match ended {
            Ok(folded) => Some(folded),
            Err(DurableError::Source { cause: Fire, .. } | DurableError::GaveUp { attempts: 3, cause: Fire, .. }) => None,
            Err(other) => panic!("{other}"),
        },
        () = source.crashed.notified() => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn batches_restarts_and_crashes_leave_no_trace(lives in lives(), plan in plan()) {
        // Would break: an effect that is missing or doubled, or a state that depends on how the items came, wherever between
        // reading, folding and committing a consumer was lost.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let source = Faulty::new(plan);
            let mut items = Vec::new();
            for life in &lives {
                items.extend(life.new_items.iter().copied());
                source.memory.extend(life.new_items.iter().copied());
                let ended = live(&source, life).await;
                if let Some(folded) = ended {
                    assert_eq!((folded.state, folded.upto.0), (plain(items.iter().copied()).0, items.len() as u64));
                }
                // Whatever happened: the effects that are in are those of exactly the items up to the offset.
                let upto = source.memory.checkpoint("mixer").await.unwrap().committed.unwrap_or_default();
                let (_, effects) = plain(items.iter().copied().take(upto.0 as usize));
                assert_eq!(source.memory.effects("mixer").concat(), effects);
            }
            let last = Life { new_items: Vec::new(), ..lives[0].clone() };
            let folded = loop {
                if let Some(folded) = live(&source, &last).await {
                    break folded;
                }
            };
            let (state, effects) = plain(items);
            assert_eq!(folded.state, state);
            assert_eq!(source.memory.effects("mixer").concat(), effects);
        });
    }

    #[test]
    fn replay_of_any_prefix_gives_the_state_of_then(
        items in proptest::collection::vec(any::<u64>().prop_map(|item| item >> 1), 1..1500),
        prefix in any::<proptest::sample::Index>(),
    ) {
        // Would break: a replay that explains another past than the one that was.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let source: Memory<u64, Vec<(u64, u64)>> = Memory::new();
            let prefix = prefix.index(items.len());
            source.extend(items[..prefix].iter().copied());
            let then = Durable::consume(source.clone(), "then", Offset::START).fold(7, mix).catch_up().await.unwrap();
            source.extend(items[prefix..].iter().copied());
            let replayed = source.stream_from(Offset::START).take(prefix).map_ok(|(_, item)| item);
            let (state, effects) = plain(replayed.try_collect::<Vec<_>>().await.unwrap());
            assert_eq!(then, Folded { state, upto: Offset(prefix as u64) });
            assert_eq!(source.effects("then").concat(), effects);
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_consumers_with_one_name_one_goes_on() {
    // Would break: two copies of a service that both believe they are the one, and every effect twice.
    let source: Memory<u64, Vec<(u64, u64)>> = Memory::new();
    let start = || {
        let run = Durable::consume(source.clone(), "mixer", Offset::START).fold(7, mix);
        tokio::spawn(run.batch(7, Duration::ZERO).run())
    };
    let (one, other) = (start(), start());
    // They meet as soon as both have read the same item.
    let mut fed = 0;
    eventually(|| {
        source.extend(fed..fed + 100);
        fed += 100;
        one.is_finished() || other.is_finished()
    })
    .await;
    let (loser, winner) = if one.is_finished() { (one, other) } else { (other, one) };
    let Err(error) = loser.await.unwrap();
    assert!(matches!(&error, DurableError::Fenced { consumer, .. } if consumer == "mixer"), "{error}");
    source.extend(fed..fed + 1_000);
    let (_, effects) = plain(0..fed + 1_000);
    eventually(|| source.effects("mixer").concat() == effects).await;
    assert!(!winner.is_finished());
    winner.abort();
}

#[tokio::test]
async fn what_is_no_longer_kept_is_said_so() {
    // Would break: a consumer that silently skips what it has missed, or rebuilds a state from half of the past.
    let source: Memory<u64, Vec<(u64, u64)>> = Memory::keeping(10);
    source.extend(0..8);
    let consume = |name: &str| Durable::consume(source.clone(), name, Offset::START).fold(7, mix);
    consume("without").catch_up().await.unwrap();
    consume("with").snapshots(1, save, load).catch_up().await.unwrap();
    source.extend(8..15);

    let gone = DurableError::Pruned { after: Offset::START, first: Offset(6) };
    assert_eq!(consume("late").catch_up().await.unwrap_err(), gone);
    assert_eq!(consume("without").catch_up().await.unwrap_err(), gone);
    let mut stream = source.stream_from(Offset::START);
    assert_eq!(stream.next().await, Some(Err(gone.clone())));
    assert_eq!(stream.next().await, None);
    assert!(gone.to_string().contains("the oldest is 6"), "{gone}");
    // Who keeps snapshots goes on from one that is young enough.
    let folded = consume("with").snapshots(1, save, load).catch_up().await.unwrap();
    assert_eq!(folded.state, plain(0..15).0);
    assert_eq!(source.effects("with").concat(), plain(0..15).1);

    let ahead = Durable::consume(source.clone(), "lost", Offset(99)).fold(7, mix).catch_up().await.unwrap_err();
    assert_eq!(ahead, DurableError::Ahead { after: Offset(99), last: Offset(15) });
}

#[tokio::test]
async fn who_is_behind_catches_up_and_then_follows() {
    // Would break: a consumer that stops at the end of what was there, or sleeps through what is appended.
    let source: Memory<u64, Vec<(u64, u64)>> = Memory::new();
    source.extend(0..2_000);
    let (stop, stopped) = oneshot::channel::<()>();
    let run = Durable::consume(source.clone(), "mixer", Offset(1_000)).fold(7, mix);
    let run = tokio::spawn(run.run_until(async { drop(stopped.await) }));
    for round in 2..5 {
        eventually(|| source.effects("mixer").concat() == plain(1_000..round * 1_000).1).await;
        source.extend(round * 1_000..(round + 1) * 1_000);
    }
    eventually(|| source.effects("mixer").concat() == plain(1_000..5_000).1).await;
    stop.send(()).unwrap();
    assert_eq!(run.await.unwrap().unwrap(), Folded { state: plain(1_000..5_000).0, upto: Offset(5_000) });
}

#[tokio::test]
async fn a_source_that_never_runs_dry_does_not_keep_from_stopping() {
    // Would break: a shutdown that waits for an end of the work that never comes.
    let source: Memory<u64, Vec<(u64, u64)>> = Memory::new();
    source.extend(0..1);
    let feeding = source.clone();
    let endless = move |state: &mut u64, item: u64| {
        feeding.extend([item + 1]);
        mix(state, item)
    };
    let run = Durable::consume(source.clone(), "endless", Offset::START).fold(7, endless);
    let (stop, stopped) = oneshot::channel::<()>();
    let folded = run.batch(1, Duration::ZERO).run_until(async {
        drop(stopped.await);
    });
    let watching = async {
        eventually(|| source.effects("endless").len() > 100).await;
        stop.send(()).unwrap();
    };
    // The memory never makes a caller wait, and both share one thread.
    let (folded, ()) = tokio::join!(folded, watching);
    let folded = folded.unwrap();
    assert_eq!(folded.state, plain(0..folded.upto.0).0);
}

#[tokio::test]
async fn a_failing_source_is_asked_again_but_not_for_ever() {
    // Would break: a consumer that dies of a hiccup, hammers a sick source, or tries a commit twice that may have been done.
    let time = ManualClock::new();
    let consume = |source: &Faulty| {
        let run = Durable::consume(source.clone(), "mixer", Offset::START).fold(7, mix);
        run.clock(time.clock()).attempts(4, Duration::from_secs(1)).catch_up()
    };
    let hiccup = Faulty::new([Fault::Transient; 3]);
    hiccup.memory.extend(0..10);
    let run = tokio::spawn(consume(&hiccup));
    // One second, then two, then four.
    for (secs, faults_left) in [(0, 2), (1, 1), (1, 1), (1, 0), (3, 0)] {
        time.turn(Duration::from_secs(secs)).await;
        assert_eq!((hiccup.faults_left(), run.is_finished()), (faults_left, false));
    }
    time.turn(Duration::from_secs(1)).await;
    assert!(run.is_finished());
    assert_eq!(run.await.unwrap().unwrap().state, plain(0..10).0);

    let sick = Faulty::new([Fault::Transient; 100]);
    let run = tokio::spawn(consume(&sick));
    time.turn(Duration::from_secs(60)).await;
    let gave_up = DurableError::GaveUp { doing: "reading a checkpoint", attempts: 4, cause: Fire };
    assert_eq!(run.await.unwrap().unwrap_err(), gave_up);
    assert_eq!(sick.faults_left(), 96);

    let dead = Faulty::new([Fault::None, Fault::None, Fault::Failed]);
    dead.memory.extend(0..10);
    let failed = DurableError::Source { doing: "committing", cause: Fire };
    assert_eq!(consume(&dead).await.unwrap_err(), failed);
    assert_eq!(dead.memory.effects("mixer"), Vec::<faulty::Effects>::new());
}

#[tokio::test]
async fn a_panic_of_the_fold_ends_the_run_and_commits_nothing_of_its_batch() {
    // Would break: a state that was half changed by a panic and goes on as if it were whole.
    let source: Memory<u64, Vec<(u64, u64)>> = Memory::new();
    source.extend(0..10);
    let step = |state: &mut u64, item: u64| {
        let effects = mix(state, item);
        assert!(item != 7, "seven is odd");
        effects
    };
    let run = Durable::consume(source.clone(), "mixer", Offset::START).fold(7, step).batch(5, Duration::ZERO);
    let message = "seven is odd".to_owned();
    let expected = DurableError::Panicked { consumer: "mixer".into(), offset: Offset(8), message };
    assert_eq!(run.catch_up().await.unwrap_err(), expected);
    assert_eq!(source.effects("mixer").concat(), plain(0..5).1);
    // With the fold mended it goes on as if nothing had been.
    let folded = Durable::consume(source.clone(), "mixer", Offset::START).fold(7, mix).catch_up().await.unwrap();
    assert_eq!(folded.state, plain(0..10).0);
    assert_eq!(source.effects("mixer").concat(), plain(0..10).1);
}

#[tokio::test]
async fn snapshots_that_cannot_be_read_are_said_so() {
    // Would break: a consumer that begins with an empty state because the one it had is of an older make.
    let source: Memory<u64, Vec<(u64, u64)>> = Memory::new();
    source.extend(0..10);
    let run = Durable::consume(source.clone(), "mixer", Offset::START).fold(7, mix);
    run.snapshots(1, |_| Ok::<_, Infallible>(b"seven".to_vec()), load).catch_up().await.unwrap();
    let run = Durable::consume(source.clone(), "mixer", Offset::START).fold(7, mix);
    let error = run.snapshots(1, save, load).catch_up().await.unwrap_err();
    assert!(matches!(&error, DurableError::Snapshot { offset: Offset(10), verb: "read", .. }), "{error}");
    // Without asking for it the snapshot does not matter.
    let folded = Durable::consume(source, "mixer", Offset::START).fold(7, mix).catch_up().await.unwrap();
    assert_eq!(folded.state, plain(0..10).0);
}

#[tokio::test]
async fn a_batch_waits_for_company_but_not_longer_than_it_may() {
    // Would break: a commit for every single item of a slow source, or items that lie uncommitted for ever.
    let time = ManualClock::new();
    let source: Memory<u64, Vec<(u64, u64)>> = Memory::new();
    let run = Durable::consume(source.clone(), "mixer", Offset::START).fold(7, |_, item| vec![(item, 0)]);
    let run = run.batch(3, Duration::from_secs(10)).clock(time.clock());
    let (stop, stopped) = oneshot::channel::<()>();
    let run = tokio::spawn(run.run_until(async { drop(stopped.await) }));
    let committed = || source.effects("mixer").iter().map(Vec::len).collect::<Vec<_>>();
    for _ in 0..2 {
        source.extend([1]);
        time.turn(Duration::from_secs(4)).await;
    }
    assert_eq!(committed(), [0; 0]);
    source.extend([1]);
    time.turn(Duration::ZERO).await;
    assert_eq!(committed(), [3]);
    source.extend([1, 1, 1, 1]);
    time.turn(Duration::from_secs(9)).await;
    assert_eq!(committed(), [3, 3]);
    time.turn(Duration::from_secs(1)).await;
    assert_eq!(committed(), [3, 3, 1]);
    // Who is told to stop does not wait for company any more.
    source.extend([1]);
    time.turn(Duration::from_secs(1)).await;
    stop.send(()).unwrap();
    assert_eq!(run.await.unwrap().unwrap().upto, Offset(8));
    assert_eq!(committed(), [3, 3, 1, 1]);
}

/// Effects of which only so many go into one commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct AtMostFour(Vec<u64>);

impl Effects for AtMostFour {
    fn then(&mut self, mut later: Self) {
        self.0.append(&mut later.0);
    }

    fn is_full(&self) -> bool {
        self.0.len() >= 4
    }
}

#[tokio::test]
async fn full_effects_end_a_batch_early() {
    // Would break: a batch whose effects are too many for one commit, and which then can never be committed.
    let source: Memory<u64, AtMostFour> = Memory::new();
    source.extend(0..10);
    let run = Durable::consume(source.clone(), "wide", Offset::START);
    run.map(|item| AtMostFour(vec![item; 2])).catch_up().await.unwrap();
    assert!(source.effects("wide").iter().all(|effects| effects.0.len() == 4));
    assert_eq!(source.effects("wide").len(), 5);
}

#[tokio::test]
async fn only_who_has_a_state_folds_the_past_again() {
    // Would break: a stateless consumer that reads the whole past at every start, or effects that are folded anew and kept.
    let source: Memory<u64, Vec<u64>> = Memory::new();
    let steps = Arc::new(AtomicU64::new(0));
    let count = |item: u64| {
        steps.fetch_add(1, Ordering::Relaxed);
        vec![item]
    };
    for (items, steps_with_state, steps_without) in [(0..600, 600, 600), (600..601, 601, 1)] {
        source.extend(items);
        Durable::consume(source.clone(), "with", Offset::START)
            .fold(0, |_, item| count(item))
            .catch_up()
            .await
            .unwrap();
        assert_eq!(steps.swap(0, Ordering::Relaxed), steps_with_state);
        Durable::consume(source.clone(), "without", Offset::START).map(count).catch_up().await.unwrap();
        assert_eq!(steps.swap(0, Ordering::Relaxed), steps_without);
    }
    assert_eq!(source.effects("with").concat(), (0..601).collect::<Vec<_>>());
    assert_eq!(source.effects("without").concat(), (0..601).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_consumer_by_hand_goes_forward_only() {
    // Would break: a commit that stands still, which two consumers of one name could both make.
    let source: Memory<u64, Vec<u64>> = Memory::new();
    source.extend(0..10);
    let mut consumer = Consumer::open(source.clone(), "hand", Offset::START).await.unwrap();
    assert_eq!(consumer.committed(), None);
    consumer.commit(Offset(4), vec![1]).await.unwrap();
    for upto in [Offset(4), Offset(3)] {
        let refused = consumer.commit(upto, vec![2]).await.unwrap_err();
        assert_eq!(refused, DurableError::NotForward { consumer: "hand".into(), from: Offset(4), upto });
    }
    let read: Vec<_> = consumer.stream().take(2).try_collect().await.unwrap();
    assert_eq!(read, [(Offset(5), 4), (Offset(6), 5)]);
    let again = Consumer::open(source.clone(), "hand", Offset::START).await.unwrap();
    assert_eq!(again.committed(), Some(Offset(4)));
    assert_eq!(source.effects("hand"), [vec![1]]);
}

#[tokio::test]
async fn snapshots_come_however_short_the_runs_are() {
    // Would break: a consumer that is restarted often, never comes to a snapshot, folds everything anew each time and at last finds
    // its past pruned away.
    let source: Memory<u64, Vec<(u64, u64)>> = Memory::keeping(1_000);
    for run in 0..50 {
        source.extend(run * 90..(run + 1) * 90);
        let fold = Durable::consume(source.clone(), "short", Offset::START).fold(7, mix).snapshots(100, save, load);
        assert_eq!(fold.catch_up().await.unwrap().state, plain(0..(run + 1) * 90).0);
    }
    let snapshot = source.checkpoint("short").await.unwrap().snapshot.unwrap();
    assert!(snapshot.offset >= Offset(50 * 90 - 2 * 100), "{}", snapshot.offset);
}

#[tokio::test]
async fn a_consumer_by_hand_waits_by_its_own_clock_and_as_often_as_it_was_told() {
    // Would break: a simulation in which a consumer waits for the machine's time, or gives up after other attempts than were asked.
    let (time, pause) = (ManualClock::new(), Duration::from_secs(3_600));
    let turned = |consuming: tokio::task::JoinHandle<_>| {
        let time = time.clone();
        async move {
            while !consuming.is_finished() {
                time.turn(pause).await;
            }
            consuming.await.unwrap()
        }
    };
    let source = Faulty::new([Fault::Transient, Fault::Transient, Fault::None, Fault::Transient, Fault::None]);
    source.memory.extend([5]);
    let opening = Consumer::open(source.clone(), "hand", Offset::START).clock(time.clock()).attempts(3, pause);
    let read = tokio::spawn(async move { opening.await?.stream().next().await.unwrap() });
    assert_eq!(turned(read).await, Ok((Offset(1), 5)));
    assert_eq!(source.faults_left(), 0);

    let source = Faulty::new([Fault::Transient; 4]);
    let opening = Consumer::open(source.clone(), "hand", Offset::START).clock(time.clock()).attempts(3, pause);
    let opened = tokio::spawn(async move { opening.await.map(|_| (Offset::START, 0)) });
    assert!(matches!(turned(opened).await, Err(DurableError::GaveUp { attempts: 3, cause: Fire, .. })));
    assert_eq!(source.faults_left(), 1);
}

#[tokio::test]
async fn the_memory_stays_bounded() {
    // Would break: an example that runs for a week.
    let source: Memory<u64, Vec<u64>> = Memory::keeping(100);
    for round in 0..1_000 {
        source.extend(round * 10..(round + 1) * 10);
        Durable::consume(source.clone(), "mixer", Offset::START).map(|item| vec![item]).catch_up().await.unwrap();
    }
    assert_eq!(source.effects("mixer").len(), 100);
    assert_eq!(source.last(), Offset(10_000));
    assert!(source.stream_from(Offset(9_899)).next().await.unwrap().is_err());
}
