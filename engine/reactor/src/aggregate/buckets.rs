//! Counts of magnitudes in buckets whose width grows with them, so that each stands for its numbers within one relative error.
//!
//! A bucket is the numbers that share their exponent and the first bits after it: its key is the upper part of the number's own
//! bits. No logarithm is taken, so it costs next to nothing and is the same on every machine. What the counts are depends only on
//! what was counted, not on the order.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Into how many buckets each doubling is divided, as a power of two: 64 equal parts.
const PARTS_BITS: u32 = 6;

/// How many bits of a number (of 52 after the exponent) its key leaves out.
const SHIFT_BITS: u32 = f64::MANTISSA_DIGITS - 1 - PARTS_BITS;

/// How far what a bucket says of a number may lie from it, as a share of the number: half the widest bucket, which is 1/64 of its
/// lower bound.
pub const RELATIVE_ERROR: f64 = 1.0 / 129.0;

/// How many buckets are kept at most: 64 doublings, which is 19 powers of ten below the largest magnitude, in 32 KiB.
pub(super) const BUCKETS_MAX: u64 = 64 << PARTS_BITS;

/// Counts of positive numbers by magnitude.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Buckets {
    /// The key of the first count.
    lowest: u64,
    counts: VecDeque<u64>,
    /// How many of those in the lowest bucket belong below it, where no bucket is kept any more.
    lumped: u64,
}

/// The bucket that a positive number belongs to.
const fn key(number: f64) -> u64 {
    number.to_bits() >> SHIFT_BITS
}

impl Buckets {
    pub(super) const fn lumped(&self) -> u64 {
        self.lumped
    }

    /// How many numbers were counted.
    pub(super) fn counted(&self) -> u64 {
        self.counts.iter().fold(0, |sum, &count| sum.saturating_add(count))
    }

    pub(super) fn buckets(&self) -> usize {
        self.counts.len()
    }

    /// Counts a positive number that has all its bits (none is subnormal).
    pub(super) fn add(&mut self, number: f64) {
        let key = key(number);
        // the common case first: the bucket is there
        match key.checked_sub(self.lowest).and_then(|place| self.counts.get_mut(place as usize)) {
            Some(count) => *count = count.saturating_add(1),
            None => self.count(key, 1),
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (key, &count) in (other.lowest..).zip(&other.counts) {
            if count > 0 {
                self.count(key, count);
            }
        }
        // Had the bucket they are in been lumped itself, they would have been counted with it.
        if self.lowest == other.lowest {
            self.lumped = self.lumped.saturating_add(other.lumped);
        }
    }

    /// The number that stands for the one at this place of the sorted ones, counted from 0.
    pub(super) fn at(&self, rank: u64) -> Option<f64> {
        let mut passed = 0_u64;
        let found = self.counts.iter().position(|count| {
            passed = count.saturating_add(passed);
            passed > rank
        })?;
        let key = self.lowest + found as u64;
        let (low, high) = (f64::from_bits(key << SHIFT_BITS), f64::from_bits((key + 1) << SHIFT_BITS));
        // not the middle but where the error is the same share of either bound
        Some(low * (2.0 * high / (low + high)))
    }

    fn count(&mut self, key: u64, count: u64) {
        if self.counts.is_empty() {
            self.lowest = key;
        }
        let end = (self.lowest + self.counts.len() as u64).max(key + 1);
        let floor = end.saturating_sub(BUCKETS_MAX);
        self.lump_below(floor);
        while self.lowest + (self.counts.len() as u64) < end {
            self.counts.push_back(0);
        }
        while self.lowest > key.max(floor) {
            self.lowest -= 1;
            self.counts.push_front(0);
        }
        if key < floor {
            self.lumped = self.lumped.saturating_add(count);
        }
        if let Some(own) = self.counts.get_mut((key.max(floor) - self.lowest) as usize) {
            *own = own.saturating_add(count);
        }
    }

    /// Counts what lies below the floor with what lies on it.
    fn lump_below(&mut self, floor: u64) {
        let mut below = 0_u64;
        while self.lowest < floor {
            let Some(count) = self.counts.pop_front() else { break };
            below = count.saturating_add(below);
            self.lowest += 1;
        }
        if self.lowest < floor {
            self.lowest = floor;
        }
        if below > 0 {
            // those lumped before were in the lowest bucket and are among them
            self.lumped = below;
            match self.counts.front_mut() {
                Some(lowest) => *lowest = lowest.saturating_add(below),
                None => self.counts.push_front(below),
            }
        }
    }
}
