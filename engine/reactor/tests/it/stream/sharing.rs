//! Share: subscribers that come, leave, leak, stall, and ask at the same time.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use homeostat_reactor::stream::{Shared, Slow, Subscriber, prelude::*};
use homeostat_reactor::{Delivery, Outcome};
use proptest::prelude::*;

use super::{Flag, Tap, events, outcomes, poll_once};

/// What a share promises, written down plainly: all items ever read, and who has yet to read each.
#[derive(Debug)]
struct Model {
    slow: Slow,
    room: usize,
    replay: usize,
    items: Vec<Fate>,
}

#[derive(Debug, Default)]
struct Fate {
    /// The subscribers that have yet to read it.
    awaited: BTreeSet<usize>,
    /// Of those that were there when it came, the ones that have yet to read it: for the others it is a replay that counts for
    /// nothing.
    counts: BTreeSet<usize>,
    settled: bool,
    worst: Outcome,
}

impl Fate {
    fn ends_for(&mut self, subscriber: usize, outcome: Outcome) {
        self.awaited.remove(&subscriber);
        if self.counts.remove(&subscriber) {
            self.worst = self.worst.max(outcome);
            self.settled = self.counts.is_empty();
        }
    }
}

impl Model {
    fn new(replay: usize, slow: Slow) -> Self {
        let (Slow::Wait { ahead_max: room } | Slow::Miss { behind_max: room }) = slow;
        Self { slow, room: room.max(replay).max(1), replay, items: Vec::new() }
    }

    fn enter(&mut self, subscriber: usize) {
        let replayed = self.items.len().saturating_sub(self.replay);
        for fate in &mut self.items[replayed..] {
            fate.awaited.insert(subscriber);
        }
    }

    fn leave(&mut self, subscriber: usize) {
        self.items.iter_mut().for_each(|fate| fate.ends_for(subscriber, Outcome::Abandoned));
    }

    fn next_for(&self, subscriber: usize) -> Option<usize> {
        self.items.iter().position(|fate| fate.awaited.contains(&subscriber))
    }

    fn may_read_source(&self) -> bool {
        let oldest = self.items.iter().position(|fate| !fate.awaited.is_empty());
        matches!(self.slow, Slow::Miss { .. }) || oldest.is_none_or(|oldest| self.items.len() - oldest < self.room)
    }

    /// A subscriber reads; who misses an item by that.
    fn read(&mut self, subscriber: usize, all: &BTreeSet<usize>, in_source: bool) -> (Option<usize>, BTreeSet<usize>) {
        let mut missed_by = BTreeSet::new();
        if self.next_for(subscriber).is_none() && in_source && self.may_read_source() {
            self.items.push(Fate { awaited: all.clone(), counts: all.clone(), ..Fate::default() });
            if let Some(gone) = self.items.len().checked_sub(self.room + 1) {
                missed_by = self.items[gone].awaited.clone();
                missed_by.iter().for_each(|slow| self.items[gone].ends_for(*slow, Outcome::Dropped));
            }
        }
        (self.next_for(subscriber), missed_by)
    }
}

#[derive(Debug, Clone)]
enum Step {
    Item,
    Enter,
    Read(usize, Outcome),
    Leave(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let outcome = prop::sample::select(vec![Outcome::Done, Outcome::Skipped, Outcome::Failed]);
    let step = prop_oneof![
        4 => Just(Step::Item),
        1 => Just(Step::Enter),
        8 => (0_usize..4, outcome).prop_map(|(who, outcome)| Step::Read(who, outcome)),
        1 => (0_usize..4).prop_map(Step::Leave),
    ];
    prop::collection::vec(step, 1..80)
}

fn slow() -> impl Strategy<Value = Slow> {
    (0_usize..5, any::<bool>()).prop_map(|(items, waits)| {
        if waits { Slow::Wait { ahead_max: items } } else { Slow::Miss { behind_max: items } }
    })
}

/// A subscriber as the test follows it.
struct Follower {
    number: usize,
    stream: Subscriber<Delivery<usize>>,
    flag: Arc<Flag>,
    waker: Waker,
    waits: bool,
    missed: u64,
}

impl Follower {
    fn new(number: usize, shared: &Shared<Delivery<usize>>) -> Self {
        let (flag, waker) = Flag::up();
        Self { number, stream: shared.subscribe(), flag, waker, waits: false, missed: 0 }
    }

    fn poll(&mut self) -> Option<Delivery<usize>> {
        self.flag.lower();
        let polled = Pin::new(&mut self.stream).poll_next(&mut Context::from_waker(&self.waker));
        self.waits = polled.is_pending();
        match polled {
            Poll::Ready(item) => item,
            Poll::Pending => None,
        }
    }
}

proptest! {
    #[test]
    fn a_share_keeps_what_it_promises(replay in 0_usize..4, slow in slow(), steps in steps()) {
        // Would break: an item lost, doubled or out of order for one subscriber because of another; a waking that never comes; an
        // event settled early, twice, or better than its worst copy.
        let count = steps.iter().filter(|step| matches!(step, Step::Item)).count();
        let (deliveries, mut receipts) = events(count);
        let mut deliveries = deliveries.into_iter();
        let source = Tap::new([]);
        let shared = source.clone().share_events(replay, slow);
        let mut model = Model::new(replay, slow);
        let mut followers: Vec<Follower> = Vec::new();
        let mut missed_by_all = 0;
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Item => source.push(deliveries.next().unwrap()),
                Step::Enter => {
                    model.enter(number);
                    followers.push(Follower::new(number, &shared));
                }
                Step::Leave(who) if who < followers.len() => {
                    let gone = followers.remove(who);
                    model.leave(gone.number);
                }
                Step::Read(who, outcome) if who < followers.len() => {
                    let all = followers.iter().map(|follower| follower.number).collect();
                    let reader = followers[who].number;
                    let (expected, missed_by) = model.read(reader, &all, source.left() > 0);
                    missed_by_all += missed_by.len() as u64;
                    followers.iter_mut().filter(|slow| missed_by.contains(&slow.number)).for_each(|slow| slow.missed += 1);
                    let item = followers[who].poll();
                    prop_assert_eq!(item.as_ref().map(|item| item.event), expected);
                    if let Some(item) = item {
                        model.items[item.event].ends_for(reader, outcome);
                        item.settle(outcome);
                    }
                }
                Step::Read(..) | Step::Leave(_) => {}
            }
            for follower in &followers {
                prop_assert_eq!(follower.stream.missed(), follower.missed);
                let may_go_on = model.next_for(follower.number).is_some() || source.left() > 0 && model.may_read_source();
                prop_assert!(!follower.waits || !may_go_on || follower.flag.0.load(std::sync::atomic::Ordering::SeqCst), "{} sleeps", follower.number);
            }
            prop_assert_eq!(shared.missed(), missed_by_all);
            prop_assert_eq!(shared.subscribers(), followers.len());
        }
        let expected: Vec<_> = (0..count).map(|number| model.items.get(number).filter(|fate| fate.settled).map(|fate| fate.worst)).collect();
        prop_assert_eq!(outcomes(&mut receipts), expected, "with the share still there");
    }
}

#[test]
fn who_comes_late_has_no_say_in_what_became_of_an_event() {
    // Would break: an event that all have handled and that counts as abandoned, because somebody subscribed later and went again.
    let (deliveries, mut receipts) = events(1);
    let source = Tap::new(deliveries);
    let shared = source.share_events(2, Slow::Wait { ahead_max: 8 });
    let (mut quick, mut slow) = (shared.subscribe(), shared.subscribe());
    let handle = |copy: Poll<Option<Delivery<usize>>>| match copy {
        Poll::Ready(Some(copy)) => copy.settle(Outcome::Done),
        _ => panic!("it is there"),
    };
    handle(poll_once(&mut quick));
    let (mut late, gone) = (shared.subscribe(), shared.subscribe());
    drop(gone);
    let Poll::Ready(Some(replayed)) = poll_once(&mut late) else { panic!("it is replayed") };
    handle(poll_once(&mut slow));
    assert_eq!(outcomes(&mut receipts), [Some(Outcome::Done)], "nobody waits for a replay");
    replayed.fail("too late");
}

#[test]
fn who_asked_first_may_go() {
    // Would break: the others asleep for ever, because the source would have woken the one that is gone.
    let source = Tap::new([]);
    let shared = source.clone().share(0, Slow::Wait { ahead_max: 4 });
    let (mut first, mut second) = (shared.subscribe(), shared.subscribe());
    let (flag, waker) = Flag::up();
    assert!(poll_once(&mut first).is_pending());
    assert!(Pin::new(&mut second).poll_next(&mut Context::from_waker(&waker)).is_pending());
    flag.lower();
    drop(first);
    source.push(1);
    assert!(flag.lower());
    assert_eq!(poll_once(&mut second), Poll::Ready(Some(1)));
}

#[test]
fn who_is_woken_first_may_stall() {
    // Would break: the others asleep, because the one that was woken for the item never comes for it.
    let source = Tap::new([]);
    let shared = source.clone().share(0, Slow::Wait { ahead_max: 4 });
    let (mut stalled, mut other) = (shared.subscribe(), shared.subscribe());
    let (flag, waker) = Flag::up();
    assert!(Pin::new(&mut other).poll_next(&mut Context::from_waker(&waker)).is_pending());
    assert!(poll_once(&mut stalled).is_pending());
    flag.lower();
    source.push(1);
    assert!(flag.lower());
    assert_eq!(poll_once(&mut other), Poll::Ready(Some(1)));
}

#[test]
fn who_asks_while_another_reads_is_not_forgotten() {
    // Would break: a subscriber asleep for ever, because the source's waking came while another was reading it in vain.
    let other: Arc<Mutex<Option<Subscriber<u32>>>> = Arc::default();
    let (flag, waker) = Flag::up();
    flag.lower();
    let asks = Arc::clone(&other);
    let source = futures::stream::poll_fn(move |context| {
        let other = asks.lock().unwrap().take();
        if let Some(mut other) = other {
            // As from another thread: the source has news, the other one is woken by it and finds the source in use.
            context.waker().wake_by_ref();
            assert!(Pin::new(&mut other).poll_next(&mut Context::from_waker(&waker)).is_pending());
            *asks.lock().unwrap() = Some(other);
            return Poll::Pending;
        }
        Poll::Ready(Some(1))
    });
    let shared = source.share(0, Slow::Wait { ahead_max: 4 });
    let mut reader = shared.subscribe();
    *other.lock().unwrap() = Some(shared.subscribe());
    assert!(poll_once(&mut reader).is_pending());
    assert!(flag.lower(), "it may ask again");
    // The source has it, and it has the source.
    drop(other.lock().unwrap().take());
}

#[test]
fn a_leaked_subscriber_costs_no_more_than_its_limit() {
    // Would break: memory that grows for a subscriber that nobody reads, or others that wait for it though they need not.
    let source = Tap::new([]);
    let shared = source.clone().share(2, Slow::Miss { behind_max: 8 });
    let (leaked, mut reader) = (shared.subscribe(), shared.subscribe());
    let all: Vec<Arc<u32>> = (0..1_000).map(Arc::new).collect();
    for item in &all {
        source.push(Arc::clone(item));
        assert_eq!(poll_once(&mut reader), Poll::Ready(Some(Arc::clone(item))));
        assert!(all.iter().filter(|item| Arc::strong_count(item) > 1).count() <= 8);
    }
    assert_eq!((leaked.missed(), shared.missed(), reader.missed()), (992, 992, 0));

    let source = Tap::new(0..100);
    let shared = source.clone().share(0, Slow::Wait { ahead_max: 8 });
    let (leaked, mut reader) = (shared.subscribe(), shared.subscribe());
    assert_eq!((0..20).filter(|_| poll_once(&mut reader).is_ready()).count(), 8);
    assert_eq!(source.left(), 92, "what nobody may read yet stays in the source");
    drop(leaked);
    assert_eq!((0..200).filter(|_| poll_once(&mut reader).is_ready()).count(), 92);
}

#[test]
fn the_source_goes_with_the_last_who_has_it() {
    // Would break: a source that holds itself by the waker it was given, and a sender that never learns that nobody listens.
    let source = Tap::new([1]);
    let weak = Arc::downgrade(&source.0);
    let keep_waker = Arc::new(Mutex::new(None));
    let kept = Arc::clone(&keep_waker);
    let mut source = Box::pin(source);
    let shared = futures::stream::poll_fn(move |context| {
        *kept.lock().unwrap() = Some(context.waker().clone());
        source.as_mut().poll_next(context)
    })
    .share(1, Slow::Wait { ahead_max: 1 });
    let mut reader = shared.subscribe();
    drop(shared);
    assert_eq!(poll_once(&mut reader), Poll::Ready(Some(1)));
    assert!(poll_once(&mut reader).is_pending());
    drop(reader);
    assert!(weak.upgrade().is_none());
    assert!(keep_waker.lock().unwrap().is_some());
}

#[test]
fn the_end_is_for_all_and_the_replay_outlives_it() {
    // Would break: a subscriber that waits for a stream that has ended, or one that comes late and learns nothing.
    let source = Tap::new([1, 2, 3]);
    source.close();
    let shared = source.share(2, Slow::Wait { ahead_max: 8 });
    let mut reader = shared.subscribe();
    assert_eq!(
        (0..4).map(|_| poll_once(&mut reader)).collect::<Vec<_>>(),
        [1, 2, 3].map(Some).into_iter().chain([None]).map(Poll::Ready).collect::<Vec<_>>()
    );
    let mut late = shared.subscribe();
    assert_eq!((0..3).map(|_| poll_once(&mut late)).collect::<Vec<_>>(), [Some(2), Some(3), None].map(Poll::Ready));
}

#[test]
fn a_source_that_panics_ends_the_stream_for_the_others() {
    // Would break: one panic that leaves all others asleep, or panics again in each of them.
    let mut polls = 0;
    let shared = futures::stream::poll_fn(move |_| {
        polls += 1;
        assert!(polls < 2, "as intended");
        Poll::Ready(Some(polls))
    })
    .share(0, Slow::Wait { ahead_max: 4 });
    let (mut unlucky, mut other) = (shared.subscribe(), shared.subscribe());
    assert_eq!(poll_once(&mut unlucky), Poll::Ready(Some(1)));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| poll_once(&mut unlucky)));
    assert!(panicked.is_err());
    assert_eq!((poll_once(&mut other), poll_once(&mut other)), (Poll::Ready(Some(1)), Poll::Ready(None)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_threads_see_the_same() {
    // Would break: a lost waking or a lost item when several subscribers ask at the same moment, or one goes while it reads.
    const ITEMS: usize = 5_000;
    let (sender, mut receiver) = tokio::sync::mpsc::channel(4);
    let source = futures::stream::poll_fn(move |context| receiver.poll_recv(context));
    let shared = source.share(0, Slow::Wait { ahead_max: 16 });
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..3 {
        readers.spawn(shared.subscribe().collect::<Vec<usize>>());
    }
    let mut passing = tokio::task::JoinSet::new();
    let all = async {
        for item in 0..ITEMS {
            sender.send(item).await.unwrap();
            if item % 50 == 0 {
                passing.abort_all();
                passing.spawn(shared.subscribe().collect::<Vec<usize>>());
            }
        }
        drop(sender);
        readers.join_all().await
    };
    let waited = tokio::time::timeout(std::time::Duration::from_secs(60), all).await;
    for seen in waited.expect("all see the end") {
        assert!(seen.into_iter().eq(0..ITEMS));
    }
}
