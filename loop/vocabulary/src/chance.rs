//! Randomness as an argument: a small seeded generator, so that the pure stages can jitter and still be replayed.
//!
//! Not for secrets: tokens come from the operating system, in the shell.

use serde::{Deserialize, Serialize};

/// A seeded stream of pseudo-random numbers (the SplitMix64 sequence).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chance {
    state: u64,
}

impl Chance {
    /// The stream that belongs to `seed`; the same seed gives the same stream for ever.
    #[must_use]
    pub const fn from_seed(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number of the stream.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..bound`; zero when `bound` is zero. The modulo bias is below 2^-32 for every bound used here.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next_u64() % bound }
    }

    /// True `permille` times out of a thousand.
    pub fn happens(&mut self, permille: u64) -> bool {
        self.below(1_000) < permille
    }
}
