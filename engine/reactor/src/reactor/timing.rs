//! How long something takes: counted, summed and sorted into buckets, by one task at a time, read by any.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::nanos;

/// Upper bounds of the buckets, in nanoseconds: 1 µs to 10 s in steps of about three; what is slower falls in one more.
pub const BUCKET_BOUNDS_NS: [u64; 15] = [
    1_000,
    3_000,
    10_000,
    30_000,
    100_000,
    300_000,
    1_000_000,
    3_000_000,
    10_000_000,
    30_000_000,
    100_000_000,
    300_000_000,
    1_000_000_000,
    3_000_000_000,
    10_000_000_000,
];

/// Durations seen so far.
#[derive(Debug, Default)]
pub(crate) struct Timing {
    count: AtomicU64,
    total_ns: AtomicU64,
    max_ns: AtomicU64,
    buckets: [AtomicU64; BUCKET_BOUNDS_NS.len() + 1],
}

impl Timing {
    /// Takes in `count` of the same length. Only one task may call this at a time: plain loads and stores are a third of the price of atomic additions.
    pub(crate) fn take(&self, duration: Duration, count: u64) {
        let taken_ns = nanos(duration);
        add(&self.count, count);
        add(&self.total_ns, taken_ns.saturating_mul(count));
        add(&self.buckets[bucket_of(taken_ns)], count);
        if taken_ns > self.max_ns.load(Ordering::Relaxed) {
            self.max_ns.store(taken_ns, Ordering::Relaxed);
        }
    }

    pub(crate) fn snapshot(&self) -> TimingSnapshot {
        TimingSnapshot {
            count: self.count.load(Ordering::Relaxed),
            total_ns: self.total_ns.load(Ordering::Relaxed),
            max_ns: self.max_ns.load(Ordering::Relaxed),
            buckets: std::array::from_fn(|bucket| self.buckets[bucket].load(Ordering::Relaxed)),
        }
    }
}

fn bucket_of(taken_ns: u64) -> usize {
    BUCKET_BOUNDS_NS.partition_point(|bound| *bound < taken_ns)
}

/// Adds without an atomic addition: for counters that one task writes and others read.
pub(crate) fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Ordering::Relaxed) + more, Ordering::Relaxed);
}

/// Durations, as they stood at a moment.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimingSnapshot {
    /// How many.
    pub count: u64,
    /// Their sum, in nanoseconds.
    pub total_ns: u64,
    /// The longest, in nanoseconds.
    pub max_ns: u64,
    /// How many fell below each of [`BUCKET_BOUNDS_NS`] but not below the one before; the last holds the rest.
    pub buckets: [u64; BUCKET_BOUNDS_NS.len() + 1],
}

impl TimingSnapshot {
    /// Takes one in.
    pub(crate) fn take(&mut self, duration: Duration) {
        let taken_ns = nanos(duration);
        self.count += 1;
        self.total_ns = self.total_ns.saturating_add(taken_ns);
        self.max_ns = self.max_ns.max(taken_ns);
        self.buckets[bucket_of(taken_ns)] += 1;
    }

    /// Both together.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        self.count += other.count;
        self.total_ns += other.total_ns;
        self.max_ns = self.max_ns.max(other.max_ns);
        self.buckets.iter_mut().zip(&other.buckets).for_each(|(mine, theirs)| *mine += theirs);
        self
    }
}
