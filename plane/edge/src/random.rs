//! Random numbers for ids and samples: one small generator a thread, seeded by the system.
//!
//! Called on every request, so it takes no lock and asks the system once a thread. What it gives is unique and evenly spread; it is
//! not secret. It must never make a key or a token.

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

thread_local! {
    static STATE: Cell<[u64; 4]> = Cell::new(seed());
}

/// Four words from the system's own randomness: `RandomState` is seeded from it, and SipHash spreads it.
fn seed() -> [u64; 4] {
    let word = |salt: u64| {
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u64(salt);
        hasher.finish()
    };
    // One word that is not zero is all that the generator asks for.
    [word(1), word(2), word(3), word(4) | 1]
}

/// The next 64 bits: xoshiro256++, which passes the known statistical tests and takes a nanosecond.
pub fn next_u64() -> u64 {
    STATE.with(|cell| {
        let [mut a, mut b, mut c, mut d] = cell.get();
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let carried = b << 17;
        c ^= a;
        d ^= b;
        b ^= c;
        a ^= d;
        c ^= carried;
        d = d.rotate_left(45);
        cell.set([a, b, c, d]);
        result
    })
}

/// The next 128 bits.
pub fn next_u128() -> u128 {
    (u128::from(next_u64()) << 64) | u128::from(next_u64())
}

/// Whether one of so many in a million is drawn.
pub fn drawn(parts_per_million: u32) -> bool {
    const MILLION: u64 = 1_000_000;
    // Of 64 bits, a remainder by a million is even to 1 in 10^13.
    next_u64() % MILLION < u64::from(parts_per_million)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_threads_and_no_two_draws_give_the_same() {
        // Would break: two requests share an id, and a search for one finds both.
        let draw = || (0..1_000).map(|_| next_u128()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(draw)).collect();
        let all: HashSet<u128> = threads.into_iter().flat_map(|thread| thread.join().expect("it draws only")).collect();
        assert_eq!(all.len(), 4_000);
    }

    #[test]
    fn a_share_is_drawn_about_as_often_as_it_says() {
        // Would break: a sample of one in a hundred writes everything, or nothing.
        let hits = (0..100_000).filter(|_| drawn(100_000)).count();
        assert!((9_000..11_000).contains(&hits), "{hits}");
        assert!((0..1_000).all(|_| drawn(1_000_000)) && !(0..1_000).any(|_| drawn(0)));
    }
}
