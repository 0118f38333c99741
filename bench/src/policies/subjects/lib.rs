//! What `bench policies` measures: our policies and the peers', each around the same call, ready to be made in a loop.
//!
//! A library of its own because two programs use it: the one that times the calls with the allocator that everybody has, and the one
//! that counts their memory with an allocator that is slower. Neither clock nor counter is in here, so that neither can be part of
//! what is measured.

mod answer;
mod counted;
mod ours;
mod refusals;
mod stack;
mod subject;
mod tower_peers;

pub use answer::{Answer, asked};
pub use counted::Counted;
pub use ours::{EndpointsHeld, breakers};
pub use subject::{OURS, Subject};
pub use tower_peers::{FAILSAFE, TOWER, peer_breakers, peer_endpoints};

/// Every policy around a healthy call, ours and the peers', a policy's own side by side.
pub fn healthy() -> Vec<Subject> {
    let mut subjects = vec![subject::bare()];
    subjects.extend(ours::policies());
    subjects.extend(stack::ours());
    subjects.extend(tower_peers::policies());
    subjects
}

/// Every policy that refuses, in a state where it refuses whatever comes.
pub fn refusing() -> Vec<Subject> {
    refusals::policies()
}
