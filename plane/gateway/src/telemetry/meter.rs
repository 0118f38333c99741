//! What is counted of routes and endpoints: plain atomics, found once when a plan is made and never looked up on the path of a request.
//!
//! Written by the workers, read by whoever scrapes. Always holds: a counter never goes back, and a meter outlives the plans that
//! mention it, so that a changed configuration does not make counters begin anew. It must never take a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets of a duration, in microseconds: from what a gateway alone takes to what a person gives up on.
pub const BOUNDS_US: [u64; 15] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000,
];

/// How often something happened.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Once more.
    pub fn one(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// How often by now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many there are at the moment.
#[derive(Debug, Default)]
pub struct Level(AtomicU64);

impl Level {
    /// One more, until what is given back is dropped.
    pub fn enter(&self) -> Inside<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Inside(&self.0)
    }

    /// How many by now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One of those that a [`Level`] counts.
#[derive(Debug)]
pub struct Inside<'a>(&'a AtomicU64);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How long something took, in buckets.
#[derive(Debug, Default)]
pub struct Durations {
    /// One for each bound, and one for what is above them all.
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    total_us: AtomicU64,
}

impl Durations {
    /// It took so long once more.
    pub fn note(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let place = BOUNDS_US.partition_point(|bound| *bound < us);
        self.buckets[place].fetch_add(1, Ordering::Relaxed);
        self.total_us.fetch_add(us, Ordering::Relaxed);
    }

    /// The sum in microseconds, and how often each bucket was met.
    pub fn read(&self) -> (u64, [u64; BOUNDS_US.len() + 1]) {
        (
            self.total_us.load(Ordering::Relaxed),
            std::array::from_fn(|place| self.buckets[place].load(Ordering::Relaxed)),
        )
    }
}

/// What is counted of a route.
#[derive(Debug, Default)]
pub struct RouteMeter {
    /// Answers by the first digit of their status, from 1xx; the last is for clients that left before there was one.
    pub answers: [Count; 6],
    /// Requests under way.
    pub in_flight: Level,
    /// From the head of the request to the head of the answer.
    pub took: Durations,
    /// Answers that the gateway made itself because something failed.
    pub own_errors: Count,
    /// Requests refused at the edge: rate, authorization, size.
    pub refused: Count,
    /// Answers from the cache that were fresh.
    pub cache_hits: Count,
    /// Answers from the cache that were stale.
    pub cache_stale: Count,
    /// Requests for which the cache had nothing.
    pub cache_misses: Count,
    /// Requests that the cache is not for.
    pub cache_passed: Count,
    /// Requests that were given the answer to an equal one.
    pub coalesced: Count,
    /// Connections that became tunnels.
    pub tunnels: Count,
}

impl RouteMeter {
    /// A request was answered with this status.
    pub fn answered(&self, status: u16, took: Duration) {
        let place = usize::from(status / 100).clamp(1, 5) - 1;
        self.answers[place].one();
        self.took.note(took);
    }

    /// The client left before there was an answer.
    pub fn left(&self) {
        self.answers[5].one();
    }
}

/// What is counted of an endpoint beyond what its stack counts: the connections.
#[derive(Debug, Default)]
pub struct EndpointMeter {
    /// Connections opened.
    pub opened: Count,
    /// Connections that could not be opened.
    pub refused: Count,
    /// Attempts on a connection that had served before.
    pub reused: Count,
    /// Attempts that found a kept connection closed, and went on with another.
    pub stale: Count,
}
