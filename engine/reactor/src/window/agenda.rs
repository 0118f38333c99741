//! When which key has something to tell, the soonest first. Used by [`super::core`] alone.
//!
//! Moving an entry would cost a search, so entries are never moved: one that no longer tells the truth is passed over when it comes
//! up. Compaction keeps those fewer than the keys that are alive, however many keys come and go before their time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// How many entries too many there may be before the first compaction, so that a few keys never cause any.
const SLACK: usize = 64;

/// A key has something to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Appointment {
    pub due: u64,
    /// The number of the key: the order of what is due at the same moment, and the proof that the slot still has the same key.
    pub born: u64,
    pub slot: u32,
}

#[derive(Debug)]
pub(super) struct Agenda(BinaryHeap<Reverse<Appointment>>);

impl Agenda {
    pub const fn new() -> Self {
        Self(BinaryHeap::new())
    }

    pub fn add(&mut self, appointment: Appointment, keys: usize, holds: impl Fn(&Appointment) -> bool) {
        self.0.push(Reverse(appointment));
        if self.0.len() > 2 * keys + SLACK {
            self.0.retain(|Reverse(kept)| holds(kept));
        }
    }

    /// The soonest that still holds.
    pub fn soonest(&mut self, holds: impl Fn(&Appointment) -> bool) -> Option<Appointment> {
        while let Some(Reverse(first)) = self.0.peek() {
            if holds(first) {
                return Some(*first);
            }
            self.0.pop();
        }
        None
    }

    /// Takes out the one that is soonest.
    pub fn pop(&mut self) {
        self.0.pop();
    }
}
