//! The order in which keys were last seen, exact, in O(1): a doubly linked list over slot numbers. Used by [`super::keys`].
//!
//! The links are apart from what the keys hold, so that moving a key to the end touches a few bytes that are mostly cached.

/// No slot.
const NONE: u32 = u32::MAX;

/// The slots in the order of their last touch, the oldest first.
#[derive(Debug)]
pub(super) struct Recency {
    links: Vec<Link>,
    oldest: u32,
    newest: u32,
}

#[derive(Debug, Clone, Copy)]
struct Link {
    older: u32,
    newer: u32,
}

impl Recency {
    pub const fn new() -> Self {
        Self { links: Vec::new(), oldest: NONE, newest: NONE }
    }

    /// Adds a slot that is not in the list, as the newest.
    pub fn add(&mut self, slot: u32) {
        let index = slot as usize;
        if index >= self.links.len() {
            self.links.resize(index + 1, Link { older: NONE, newer: NONE });
        }
        self.links[index] = Link { older: self.newest, newer: NONE };
        match self.newest {
            NONE => self.oldest = slot,
            newest => self.links[newest as usize].newer = slot,
        }
        self.newest = slot;
    }

    /// Takes out a slot that is in the list.
    pub fn remove(&mut self, slot: u32) {
        let Link { older, newer } = self.links[slot as usize];
        match older {
            NONE => self.oldest = newer,
            older => self.links[older as usize].newer = newer,
        }
        match newer {
            NONE => self.newest = older,
            newer => self.links[newer as usize].older = older,
        }
    }

    /// Makes a slot that is in the list the newest.
    pub fn touch(&mut self, slot: u32) {
        if self.newest != slot {
            self.remove(slot);
            self.add(slot);
        }
    }

    /// The slot that was touched least recently.
    pub fn oldest(&self) -> Option<u32> {
        (self.oldest != NONE).then_some(self.oldest)
    }

    /// All slots, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        let mut next = self.oldest;
        std::iter::from_fn(move || {
            let slot = (next != NONE).then_some(next)?;
            next = self.links[slot as usize].newer;
            Some(slot)
        })
    }
}
