//! The last messages of a feed, with their numbers: plain data.
//!
//! Always holds: numbers begin at 1 and have no holes; what is kept is a run that ends with the newest.

use std::collections::VecDeque;

use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::shelf::After;
use super::words::event_text;

#[derive(Debug)]
pub(super) struct Ring {
    kept: VecDeque<Utf8Bytes>,
    bytes: usize,
    next: u64,
    messages_max: usize,
    bytes_max: usize,
}

impl Ring {
    pub(super) const fn new(messages_max: usize, bytes_max: usize) -> Self {
        Self { kept: VecDeque::new(), bytes: 0, next: 1, messages_max, bytes_max }
    }

    /// The number that the next message will have.
    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    /// The oldest number that is kept; [`Ring::next`] when none is.
    pub(super) fn oldest(&self) -> u64 {
        self.next - self.kept.len() as u64
    }

    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether another message of this size goes in without one going out. One always goes into an empty ring.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.kept.is_empty() || (self.kept.len() < self.messages_max && self.bytes + bytes <= self.bytes_max)
    }

    /// Adds a message; as many of the oldest as must go for it, go.
    pub(super) fn push(&mut self, json: &str) -> u64 {
        let number = self.next;
        let message = event_text(number, json);
        while !self.has_room(message.len()) {
            self.drop_oldest();
        }
        self.bytes += message.len();
        self.kept.push_back(message);
        self.next += 1;
        number
    }

    /// Forgets everything up to a number.
    pub(super) fn forget(&mut self, upto: u64) {
        while self.oldest() <= upto && !self.kept.is_empty() {
            self.drop_oldest();
        }
    }

    /// What follows a number, up to so many messages.
    pub(super) fn after(&self, number: u64, max: usize) -> After {
        if number >= self.next {
            return After::Unknown;
        }
        if number + 1 == self.next {
            return After::Nothing;
        }
        let oldest = self.oldest();
        if number + 1 < oldest {
            return After::Lost { next: oldest };
        }
        let skipped = usize::try_from(number + 1 - oldest).unwrap_or(usize::MAX);
        let words: Vec<_> = self.kept.iter().skip(skipped).take(max).cloned().collect();
        let messages = words.len() as u64;
        After::Words { words, messages, upto: number + messages }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.kept.pop_front() {
            self.bytes -= oldest.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_is_pushed_is_kept_or_told_as_lost(sizes in proptest::collection::vec(0_usize..60, 0..60), after in 0_u64..70, forgotten in 0_u64..70) {
            // Would break: a receiver that misses numbers without being told, or a ring that grows.
            let mut ring = Ring::new(10, 600);
            for (index, size) in sizes.iter().enumerate() {
                prop_assert_eq!(ring.push(&format!("\"{}\"", "x".repeat(*size))), index as u64 + 1);
                prop_assert!(ring.len() <= 10 && (ring.bytes() <= 600 || ring.len() == 1));
            }
            ring.forget(forgotten);
            prop_assert!(ring.oldest() > forgotten || ring.len() == 0);
            let count = sizes.len() as u64;
            match ring.after(after, usize::MAX) {
                After::Unknown => prop_assert!(after > count),
                After::Nothing => prop_assert_eq!(after, count),
                After::Lost { next } => prop_assert!(next > after + 1 && next == ring.oldest()),
                After::Words { words, messages, upto } => {
                    prop_assert_eq!((messages, upto), (words.len() as u64, count));
                    prop_assert_eq!(after + messages, count);
                    for (offset, message) in words.iter().enumerate() {
                        let begin = format!("{{\"event\":{{\"n\":{},", after + 1 + offset as u64);
                        prop_assert!(message.starts_with(&begin));
                    }
                }
            }
        }
    }
}
