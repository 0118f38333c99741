//! The events that every subject gets, and the answers it must give: what makes the subjects comparable.
//!
//! The same sequence is made in `peers/reactor/rxjs/subject.mjs` and `peers/reactor/erlang/subject.erl`. It is made while
//! it is consumed, so that memory says something about the subject and not about the load.

use std::collections::HashMap;

use homeostat_reactor::{Class, PerClass};

/// Keys that the stream groups by.
pub const KEYS: u32 = 1_000;
/// The length of a tumbling window, in the time that events carry.
pub const WINDOW_MS: u64 = 1_000;
/// Events in a millisecond of the time that they carry.
const EVENTS_PER_MS: u64 = 100;
/// How much later an event may come than a younger one of a higher class. In the queues of a subject wait fewer than 25,000
/// events, which is a quarter of a second; twice that is never exceeded.
pub const LATENESS_MS: u64 = 500;

/// The share of each class, in percent.
const SHARES: PerClass<u32> = PerClass([1, 4, 15, 30, 50]);
const SEED: u32 = 0x9e37_79b9;
/// Small enough that a program with 53-bit numbers computes the same.
const CHECKSUM_MODULUS: u64 = 1 << 32;

/// An event of the throughput cases.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// How urgent it is.
    pub class: Class,
    /// What it is grouped by.
    pub key: u32,
    /// What is summed.
    pub value: u32,
    /// When it happened, in its own time.
    pub at_ms: u64,
}

/// The sequence of events, endless.
#[derive(Debug, Clone)]
pub struct Readings {
    state: u32,
    number: u64,
}

impl Readings {
    pub const fn new() -> Self {
        Self { state: SEED, number: 0 }
    }
}

impl Iterator for Readings {
    type Item = Reading;

    fn next(&mut self) -> Option<Reading> {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 17;
        self.state ^= self.state << 5;
        let at_ms = self.number / EVENTS_PER_MS;
        self.number += 1;
        let random = self.state;
        Some(Reading {
            class: class_of(random % 100),
            key: random / 100 % KEYS,
            value: random / 100_000 % 1_000,
            at_ms,
        })
    }
}

/// The class of an event, by its place among a hundred.
pub fn class_of(part: u32) -> Class {
    let mut end = 0;
    let found = SHARES.iter().find(|(_, share)| {
        end += **share;
        part < end
    });
    found.map_or(Class::Bulk, |(class, _)| class)
}

/// The first operator.
pub fn scaled(mut reading: Reading) -> Reading {
    reading.value = reading.value * 3 + 1;
    reading
}

/// The second operator.
pub const fn is_wanted(reading: &Reading) -> bool {
    !reading.value.is_multiple_of(8)
}

/// What is kept of a group in a window: the last operator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Total {
    pub sum: u64,
    pub count: u64,
}

impl Total {
    pub fn add(&mut self, value: u32) {
        self.sum += u64::from(value);
        self.count += 1;
    }
}

/// What came out, as one number that any wrong event, group or window changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Of a loop: the sum of the values. Of a stream: a sum over all results that does not depend on their order.
    pub checksum: u64,
    /// Of a loop: events handled. Of a stream: results.
    pub results: u64,
}

impl Tally {
    /// The loop's handler.
    pub fn handle(&mut self, reading: &Reading) {
        self.checksum += u64::from(reading.value);
        self.results += 1;
    }

    /// Takes in the result of one group in one window.
    pub fn add(&mut self, window: u64, key: u32, total: Total) {
        let term = (window * u64::from(KEYS) + u64::from(key) + 1) * (total.sum * 31 + total.count);
        self.checksum = (self.checksum + term) % CHECKSUM_MODULUS;
        self.results += 1;
    }
}

/// The stream's operators by hand, for events in the order of their time: a window is closed by the first event of the next.
#[derive(Debug, Default)]
pub struct ByHand {
    window: u64,
    groups: HashMap<u32, Total>,
    tally: Tally,
}

impl ByHand {
    pub fn take(&mut self, reading: Reading) {
        let reading = scaled(reading);
        if !is_wanted(&reading) {
            return;
        }
        let window = reading.at_ms / WINDOW_MS;
        if window != self.window {
            self.close();
            self.window = window;
        }
        self.groups.entry(reading.key).or_default().add(reading.value);
    }

    fn close(&mut self) {
        for (key, total) in self.groups.drain() {
            self.tally.add(self.window, key, total);
        }
    }

    /// The end of the stream.
    pub fn finish(mut self) -> Tally {
        self.close();
        self.tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Would break: the peers' programs, which make the same events and were checked to give these numbers.
    #[test]
    fn a_million_events_give_the_numbers_that_the_peers_give() {
        let mut tally = Tally::default();
        let mut stream = ByHand::default();
        for reading in Readings::new().take(1_000_000) {
            tally.handle(&reading);
            stream.take(reading);
        }
        assert_eq!(tally, Tally { checksum: 499_052_300, results: 1_000_000 });
        assert_eq!(stream.finish(), Tally { checksum: 3_283_921_219, results: 10_000 });
    }

    // Would break: what the page says about the mix of classes.
    #[test]
    fn classes_have_their_shares() {
        let mut counts = PerClass([0; Class::COUNT]);
        for part in 0..100 {
            counts[class_of(part)] += 1;
        }
        assert_eq!(counts, SHARES);
    }
}
