//! A small cache of text under a clock that is turned by hand, and tasks that are polled by hand: what the other modules test with.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use homeostat_cache::{Cache, CacheSettings, Fetch, Life, Lookup, Terms, Turn, Waiting};
use homeostat_reactor::ManualClock;
use homeostat_resilience::chance::Chance;

pub type Key = Arc<str>;
pub type Pages = Cache<Key, String>;

/// Without jitter or early refreshes, so that moments are exact.
pub const EXACT: CacheSettings = CacheSettings {
    bytes_max: 1 << 20,
    entry_bytes_max: 64 << 10,
    entry_bytes_usual: 512,
    hot_allocation: 0.90,
    jitter_share: 0.0,
    early_refresh: 0.0,
    retry_pause_ms: 1_000,
    flights_max: 10_000,
    waiters_max: 10_000,
    wait_ms_max: 5_000,
    lead_ms_max: 30_000,
    pass_ms: 10_000,
    passes_max: 1_000,
    tags_max: 100,
};

pub fn pages(time: &ManualClock, settings: CacheSettings) -> Pages {
    Cache::with_chance(settings, time.clock(), Chance::seeded(7)).unwrap()
}

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn key(text: &str) -> Key {
    text.into()
}

pub fn for_secs(seconds: u64) -> Terms<'static> {
    Terms { life: Life::fresh(secs(seconds)), bytes: 100, tags: &[] }
}

pub fn advance(time: &ManualClock, duration: Duration) {
    time.set(time.clock().now() + duration);
}

pub fn fresh(pages: &Pages, text: &str) -> Option<String> {
    pages.lookup(text).fresh().map(|hit| String::clone(&hit))
}

pub fn is_miss(pages: &Pages, text: &str) -> bool {
    matches!(pages.lookup(text), Lookup::Miss)
}

pub fn lead(pages: &Pages, text: &str) -> Fetch<Key, String> {
    match pages.begin(&key(text)) {
        Turn::Fetch(fetch) => fetch,
        other => panic!("a lead was due, not {other:?}"),
    }
}

pub fn wait(pages: &Pages, text: &str) -> Waiting<Key, String> {
    match pages.begin(&key(text)) {
        Turn::Wait(waiting) => waiting,
        other => panic!("a place to wait was due, not {other:?}"),
    }
}

/// Polls once.
pub fn poll<T>(future: &mut Pin<Box<impl Future<Output = T>>>) -> Poll<T> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// The output of a future that must be ready.
pub fn ready<T>(future: &mut Pin<Box<impl Future<Output = T>>>) -> T {
    match poll(future) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it should have been ready"),
    }
}
