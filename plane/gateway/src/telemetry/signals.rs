//! What the engine is told of the traffic: one line a second for each upstream, made from counters that stand anyway.
//!
//! Made by a task of the control, read by the engine when it asks. Always holds: no request waits for any of it; what nobody has
//! read in time is dropped from the front, and whoever reads is told how many batches it missed.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;

use super::meter::BOUNDS_US;

/// Batches that are kept: a minute at one a second.
const BATCHES_MAX: usize = 60;

/// What became of the requests to one upstream in a short time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Signal {
    /// The end of the time, in milliseconds since 1970.
    pub at_ms: u64,
    /// The upstream; a service of the engine has the same name.
    pub service: String,
    /// How long the time was.
    pub span_ms: u64,
    /// Requests that were answered.
    pub requests: u64,
    /// Of those, how many with a status of 500 and above.
    pub errors: u64,
    /// The upper bound of the bucket in which half of them were answered.
    pub p50_ms: Option<f64>,
    /// The upper bound of the bucket in which all but one of a hundred were.
    pub p99_ms: Option<f64>,
}

/// The last batches.
#[derive(Debug)]
pub struct Signals {
    /// The number of the last batch.
    number: watch::Sender<u64>,
    batches: Mutex<VecDeque<Vec<Signal>>>,
}

impl Default for Signals {
    fn default() -> Self {
        Self { number: watch::channel(0).0, batches: Mutex::default() }
    }
}

/// What somebody reads who has read up to a batch before.
#[derive(Debug, Serialize)]
pub struct Read {
    /// The number of the last batch.
    pub number: u64,
    /// Batches in between that are gone.
    pub dropped: u64,
    /// What is left of them.
    pub signals: Vec<Signal>,
}

impl Signals {
    /// A further batch.
    pub fn put(&self, batch: Vec<Signal>) {
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        if batches.len() == BATCHES_MAX {
            batches.pop_front();
        }
        batches.push_back(batch);
        drop(batches);
        self.number.send_modify(|number| *number += 1);
    }

    /// All batches after number `after`, as soon as there is one, and after `within` at the latest.
    pub async fn read(&self, after: u64, within: Duration) -> Read {
        let mut number = self.number.subscribe();
        // Both a new batch and the end of the time are an answer.
        let _ = tokio::time::timeout(within, number.wait_for(|number| *number != after)).await;
        let batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        let last = *number.borrow();
        // Who names a number that never was has read from another gateway: it gets what there is.
        let wanted = if after <= last { last - after } else { last };
        let there = wanted.min(batches.len() as u64);
        let signals = batches.iter().skip(batches.len() - there as usize).flatten().cloned().collect();
        Read { number: last, dropped: wanted - there, signals }
    }
}

/// The upper bound of the bucket in which this share lies, in milliseconds; `None` without any, or above the last bound.
pub fn share_within_ms(buckets: &[u64; BOUNDS_US.len() + 1], share: f64) -> Option<f64> {
    let all: u64 = buckets.iter().sum();
    let wanted = ((all as f64 * share).ceil() as u64).max(1);
    let mut seen = 0;
    let place = buckets.iter().position(|count| {
        seen += count;
        seen >= wanted
    })?;
    BOUNDS_US.get(place).map(|bound| *bound as f64 / 1e3)
}
