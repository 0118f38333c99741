//! Memory stays bounded however many keys come: everything that keeps something for each key, under a million of them each.
//!
//! A binary of its own with a single test: what is measured is the whole process, so nothing else may run in it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use homeostat_reactor::aggregate::Count;
use homeostat_reactor::stream::{Memory, StreamOps};
use homeostat_reactor::window::{EventTime, KeyLimits, WhenFull, WindowCounts, WindowExt, Windows};
use homeostat_reactor::{ManualClock, Moment};

const KEYS: u64 = 1_000_000;
const KEYS_MAX: usize = 1_000;

/// Beyond what the process had at its start. A thousand keys of some hundreds of bytes need less than one megabyte; eight bytes
/// kept for each key that ever was would be eight.
const GROWTH_BYTES_MAX: u64 = 4 << 20;

/// The memory is looked at once in so many items.
const LOOK_EVERY: u64 = 1 << 14;

/// An event with a key that no other has, at a second.
#[derive(Debug, Clone, Copy)]
struct Hit {
    key: u64,
    at: u64,
}

/// All in one second, so that no key leaves but to make room.
fn at_once() -> impl Stream<Item = Hit> + Unpin {
    stream::iter((0..KEYS).map(|key| Hit { key, at: 1 }))
}

/// Ten new keys a second, every other event a second out of order, one in a hundred far too late.
fn over_time() -> impl Stream<Item = Hit> + Unpin {
    stream::iter((0..KEYS).map(|key| {
        let back = if key % 100 == 99 { 500 } else { key % 2 };
        Hit { key, at: 1_000 + key / 10 - back }
    }))
}

/// What the process holds beyond what it held at the start.
struct Watch {
    base: u64,
    looks: u64,
}

impl Watch {
    fn new() -> Self {
        Self { base: resident_bytes(), looks: 0 }
    }

    fn look(&mut self, what: &str) {
        self.looks += 1;
        if self.looks.is_multiple_of(LOOK_EVERY) {
            let growth = resident_bytes().saturating_sub(self.base);
            assert!(growth < GROWTH_BYTES_MAX, "{what}: grew by {growth} bytes");
        }
    }

    /// Runs a stream to its end; how many items there were.
    async fn run(&mut self, what: &str, items: impl Stream) -> u64 {
        items.inspect(|_| self.look(what)).count().await as u64
    }
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    resident.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
}

/// Runs windows over hits, and nobody reads what goes aside.
async fn windowed(
    watch: &mut Watch,
    what: &str,
    hits: impl Stream<Item = Hit> + Unpin,
    (windows, limits, lateness): (Windows, KeyLimits, Duration),
) -> WindowCounts {
    // The memory is looked at where events go in: it may be long before something comes out.
    let hits = hits.inspect(|_| watch.look(what));
    let time = EventTime::of(|hit: &Hit| Moment::from_secs(hit.at)).lag(Duration::from_secs(2)).lateness(lateness);
    let windowed = hits.group_by(|hit| hit.key, limits).window(windows, time).aggregate(Count::new());
    let (mut windowed, aside) = windowed.side_output(KEYS_MAX);
    let counted = windowed.by_ref().fold(0, |counted, window| async move { counted + window.count }).await;
    let counts = windowed.counts();
    let put_aside = aside.count().await as u64;
    assert_eq!(put_aside + counts.side_dropped, counts.late + counts.refused, "{what}");
    assert_eq!((counts.taken, counted, counts.keys), (KEYS, counts.accepted(), 0), "{what}");
    counts
}

#[tokio::test]
async fn millions_of_keys_need_the_memory_of_the_keys_allowed() {
    // Would break: anything that is kept for each key that ever was, like a stale entry of what is due, or what nobody reads.
    let watch = &mut Watch::new();
    let (none, minute, few) = (Duration::ZERO, Duration::from_secs(60), KeyLimits::at_most(KEYS_MAX));
    let evicted = KEYS - KEYS_MAX as u64;

    let tumbling = windowed(watch, "tumbling", at_once(), (Windows::tumbling(minute), few, minute)).await;
    let sessions = windowed(watch, "sessions", at_once(), (Windows::session(minute), few, minute)).await;
    let counted = windowed(watch, "counted", at_once(), (Windows::count(10), few, none)).await;
    assert_eq!([tumbling, sessions, counted].map(|counts| counts.evicted), [evicted; 3]);

    let refusing = few.when_full(WhenFull::RefuseNew);
    let refused = windowed(watch, "refusing", at_once(), (Windows::tumbling(minute), refusing, none)).await.refused;
    assert_eq!(refused, evicted);

    // No more keys than there is room for, at any time, but ever new ones: they leave when their windows close for good.
    let half = minute / 2;
    let closing = windowed(watch, "closing", over_time(), (Windows::session(half), few, half)).await;
    assert_eq!((closing.evicted, closing.finals, closing.late), (0, KEYS - KEYS / 100, KEYS / 100));
    let idle = windowed(watch, "idle", over_time(), (Windows::whole(), few.ttl(minute), none)).await;
    assert_eq!(idle.evicted, 0);

    let time = ManualClock::new();
    let grouped = at_once().group_by(|hit| hit.key, few);
    let mut scanned = grouped.scan(time.clock(), |_| 0, |_, seen: &mut u64, hit| Some((*seen, hit.at)));
    assert_eq!(watch.run("scanned", &mut scanned).await, KEYS);
    assert_eq!((scanned.counts().keys, scanned.counts().evicted), (KEYS_MAX as u64, evicted));

    let memory = Memory { keys_max: KEYS_MAX, time_to_live: minute };
    let mut distinct = at_once().distinct_within(memory, |hit| hit.key, &time.clock());
    assert_eq!(watch.run("distinct", &mut distinct).await, KEYS);
    assert_eq!(distinct.remembered(), KEYS_MAX);
}
