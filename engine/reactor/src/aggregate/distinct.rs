//! How many different ones: exact while they are few, then an estimate of fixed size. It keeps hashes, never the values, and hashes
//! them the same in every version, so that what was saved long ago can still be merged.

use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use crate::aggregate::Aggregator;
use crate::aggregate::anything::takes_anything;
use crate::clock::Moment;

/// Up to this many different values are told apart by their hashes; beyond, they are estimated. 2 KiB, half of what registers take.
const FEW_MAX: usize = 256;

/// The registers: 2 to this.
const REGISTERS_BITS: u32 = 12;
const REGISTERS: usize = 1 << REGISTERS_BITS;

/// What a register holds at most: the bits of a hash that do not choose the register, and one.
const RANK_MAX: usize = (u64::BITS - REGISTERS_BITS) as usize + 1;

/// How many different values were seen: exact up to 256 of them, then estimated within a standard error of 1.6 % (a HyperLogLog of
/// 4096 registers of a byte, by Ertl's estimator, which needs no correction for few or many).
///
/// The order of adding and merging does not matter at all. The hash is fixed, so that what is saved can be merged later: who chooses
/// the values on purpose can mislead the estimate.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Distinct<T> {
    seen: Seen,
    #[serde(skip)]
    of: PhantomData<fn(&T)>,
}

takes_anything!(Distinct { seen });

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Seen {
    /// The hashes, sorted.
    Few(Vec<u64>),
    /// For each register, how rare the rarest hash was that fell to it.
    Many(Vec<u8>),
}

impl Seen {
    fn add(&mut self, hash: u64) {
        match self {
            Self::Few(hashes) => {
                let Err(place) = hashes.binary_search(&hash) else { return };
                if hashes.len() < FEW_MAX {
                    hashes.insert(place, hash);
                    return;
                }
                let mut many = Self::Many(vec![0; REGISTERS]);
                hashes.iter().for_each(|&hash| many.add(hash));
                many.add(hash);
                *self = many;
            }
            Self::Many(registers) => {
                let place = (hash >> (u64::BITS - REGISTERS_BITS)) as usize;
                // the bit set below the rest ends the count of zeros
                let rest = hash << REGISTERS_BITS | 1 << (REGISTERS_BITS - 1);
                let rank = rest.leading_zeros() as u8 + 1;
                if let Some(register) = registers.get_mut(place) {
                    *register = rank.max(*register);
                }
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        match (&mut *self, other) {
            (_, Self::Few(hashes)) => hashes.iter().for_each(|&hash| self.add(hash)),
            (Self::Many(own), Self::Many(new)) => {
                own.iter_mut().zip(new).for_each(|(own, &new)| *own = new.max(*own));
            }
            (Self::Few(own), Self::Many(_)) => {
                let hashes = std::mem::take(own);
                *self = other.clone();
                hashes.into_iter().for_each(|hash| self.add(hash));
            }
        }
    }

    fn estimate(&self) -> u64 {
        match self {
            Self::Few(hashes) => hashes.len() as u64,
            Self::Many(registers) => {
                let mut at_rank = [0.0; RANK_MAX + 1];
                for &rank in registers {
                    at_rank[usize::from(rank).min(RANK_MAX)] += 1.0;
                }
                ertl(&at_rank).round() as u64
            }
        }
    }
}

/// The number of different hashes, from how many registers hold each rank ("New cardinality estimation algorithms", 2017, section 4).
fn ertl(at_rank: &[f64; RANK_MAX + 1]) -> f64 {
    let registers = REGISTERS as f64;
    let full = registers * unfilled_above(1.0 - at_rank[RANK_MAX] / registers);
    let middle = at_rank[1..RANK_MAX].iter().rev().fold(full, |sum, count| 0.5 * (sum + count));
    let sum = middle + registers * unfilled_below(at_rank[0] / registers);
    registers * registers / (2.0 * std::f64::consts::LN_2 * sum)
}

/// The sum of x to the 2^k times 2^(k-1), and x: what the empty registers stand for.
fn unfilled_below(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * power;
        power *= 2.0;
        if sum == before {
            return sum;
        }
    }
}

/// A third of 1 - x less the squares of 1 - x to the 1/2^k, halved each time: what the registers at the end stand for.
fn unfilled_above(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut power, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        power *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * power;
        if sum == before {
            return sum / 3.0;
        }
    }
}

/// FNV-1a, and the last step of MurmurHash3 to spread it over all bits. The standard library's hashes may change with its version,
/// and a snapshot must not.
struct FixedHash(u64);

impl Hasher for FixedHash {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        let mut hash = self.0;
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        hash ^ (hash >> 33)
    }
}

impl<T> Distinct<T> {
    /// Nothing seen yet.
    pub const fn new() -> Self {
        Self { seen: Seen::Few(Vec::new()), of: PhantomData }
    }
}

impl<T> Default for Distinct<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Hash + 'static> Aggregator for Distinct<T> {
    type Input = T;
    type Output = u64;

    fn add(&mut self, _at: Moment, value: &T) {
        let mut hasher = FixedHash(0xcbf2_9ce4_8422_2325);
        value.hash(&mut hasher);
        self.seen.add(hasher.finish());
    }

    fn merge(&mut self, other: &Self) {
        self.seen.merge(&other.seen);
    }

    fn output(&self) -> u64 {
        self.seen.estimate()
    }
}
