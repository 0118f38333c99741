//! Which endpoints one of many clients uses, so that not everybody keeps connections to everybody.
//!
//! Deterministic: the same arguments give the same answer on every machine. Even: over the clients numbered from 0, endpoints are
//! used equally often, give or take one. The endpoints are laid out in a shuffled order and each client takes the next few of them,
//! round and round; when client and order come out even, they are shuffled anew, so that two endpoints that share one client do not
//! share them all, and the load of one that dies falls on many. Rendezvous hashing moves fewer connections when endpoints come and
//! go, but leaves the busiest endpoint with twice the clients of the idlest.

use crate::chance::Chance;

/// The endpoints that the client of this number uses: `size` of them, or all if there are not more. Duplicates count once.
pub fn subset<'a>(endpoints: &[&'a str], client: u64, size: usize) -> Vec<&'a str> {
    let mut all = endpoints.to_vec();
    all.sort_unstable();
    all.dedup();
    if size >= all.len() {
        return all;
    }
    let count = all.len() as u64;
    let clients_a_lap = count / greatest_common_divisor(count, size as u64).max(1);
    shuffle(&mut all, client / clients_a_lap);
    let first = ((client % clients_a_lap) * size as u64 % count) as usize;
    all.rotate_left(first);
    all.truncate(size);
    all
}

fn shuffle(names: &mut [&str], seed: u64) {
    let chance = Chance::seeded(seed);
    for last in (1..names.len()).rev() {
        names.swap(last, chance.below(last + 1));
    }
}

const fn greatest_common_divisor(mut left: u64, mut right: u64) -> u64 {
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}
