//! Chance that can be repeated: a small generator with a seed, for jitter, sampling and choosing. Not for secrets.

use std::sync::atomic::{AtomicU64, Ordering};

/// The odd constant of the SplitMix64 sequence (Steele, Lea and Flood, 2014): steps of it visit every 64-bit number once.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A source of chance that many tasks may use at once without waiting for each other.
#[derive(Debug)]
pub struct Chance(AtomicU64);

impl Chance {
    /// The same sequence for the same seed.
    pub const fn seeded(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// A sequence of this process and this moment.
    pub fn of_the_machine() -> Self {
        use std::hash::{BuildHasher, RandomState};
        Self::seeded(RandomState::new().hash_one(std::process::id()))
    }

    /// Any number.
    pub fn next_u64(&self) -> u64 {
        let mut mixed = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, but not including, 1.
    pub fn fraction(&self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A place among so many; 0 if there are none.
    pub fn below(&self, count: usize) -> usize {
        // The high half of the product: without the bias and the price of a division.
        ((u128::from(self.next_u64()) * count as u128) >> 64) as usize
    }
}

impl Default for Chance {
    fn default() -> Self {
        Self::of_the_machine()
    }
}
