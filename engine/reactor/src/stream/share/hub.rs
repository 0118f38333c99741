//! What the subscribers of a shared stream hold together: the source, the items that somebody may still read, and how far each is.
//!
//! Plain data and no waiting: [`super`] locks it, polls the source and wakes. What always holds: an item in the ring is unread by some
//! subscriber or among the last ones that are replayed; the later in the ring, the more subscribers have yet to read it. An item's
//! acknowledgement leaves with the last of the subscribers that were there when it came: a replay neither holds a receipt open nor
//! changes what it says.

use std::collections::{BTreeMap, VecDeque};

use futures::stream::BoxStream;

use super::{Carry, Slow};
use crate::ack::{Ack, Outcome};

/// See [`super::Inner`].
pub(super) struct Hub<T> {
    source: Source<T>,
    carry: Carry<T>,
    ring: VecDeque<Entry<T>>,
    /// The place in the stream of the ring's first item.
    first: u64,
    /// How many items are kept; one more for an instant when somebody subscribes while the source is read.
    room: usize,
    replay: usize,
    waits: bool,
    readers: BTreeMap<u64, Reader>,
    readers_ever: u64,
    missed: u64,
}

enum Source<T> {
    Idle(BoxStream<'static, T>),
    /// Somebody reads it.
    Busy {
        /// Somebody else wanted to.
        asked: bool,
    },
    Over,
}

struct Entry<T> {
    item: T,
    ack: Ack,
    unread_by: usize,
    /// Of these, the ones that were there when it came.
    answered_by: usize,
    /// The newest subscriber that was there when it came.
    newest: u64,
}

impl<T> Entry<T> {
    /// One subscriber less that has yet to read it; its share of the acknowledgement, the last one's being all that is left.
    fn share_of(&mut self, subscriber: u64) -> Ack {
        self.unread_by -= 1;
        if subscriber > self.newest {
            return Ack::none();
        }
        self.answered_by -= 1;
        if self.answered_by == 0 { std::mem::take(&mut self.ack) } else { self.ack.clone() }
    }
}

struct Reader {
    /// The place of the item it reads next.
    next: u64,
    missed: u64,
}

/// What a subscriber that asks is to do.
pub(super) enum Turn<T> {
    Item(T),
    Over,
    /// Wait to be woken.
    Wait,
    /// Read the source, and bring it back by [`Hub::take_in`], [`Hub::give_back`] or [`Hub::end`].
    Read(BoxStream<'static, T>),
}

/// What is given up: to be released outside the lock, because dropping an item or settling an ack runs others' code.
#[must_use]
pub(super) struct Freed<T> {
    entries: Vec<Entry<T>>,
    acks: Vec<(Ack, Outcome)>,
    room: bool,
}

impl<T> Freed<T> {
    const fn nothing() -> Self {
        Self { entries: Vec::new(), acks: Vec::new(), room: false }
    }

    /// Whether somebody may wait for the room.
    pub const fn makes_room(&self) -> bool {
        self.room
    }

    pub fn release(self) {
        self.acks.into_iter().for_each(|(ack, outcome)| ack.settle(outcome));
    }

    fn settle(&mut self, ack: Ack, outcome: Outcome) {
        if !ack.is_none() {
            self.acks.push((ack, outcome));
        }
    }
}

impl<T> Hub<T> {
    pub fn new(source: BoxStream<'static, T>, replay: usize, slow: Slow, carry: Carry<T>) -> Self {
        let (waits, room) = match slow {
            Slow::Wait { ahead_max } => (true, ahead_max),
            Slow::Miss { behind_max } => (false, behind_max),
        };
        Self {
            source: Source::Idle(source),
            carry,
            ring: VecDeque::new(),
            first: 0,
            room: room.max(replay).max(1),
            replay,
            waits,
            readers: BTreeMap::new(),
            readers_ever: 0,
            missed: 0,
        }
    }

    pub fn subscribers(&self) -> usize {
        self.readers.len()
    }

    pub const fn missed_by_all(&self) -> u64 {
        self.missed
    }

    pub fn missed_by(&self, number: u64) -> u64 {
        self.readers.get(&number).map_or(0, |reader| reader.missed + self.first.saturating_sub(reader.next))
    }

    /// A new subscriber, and its number.
    pub fn enter(&mut self) -> u64 {
        let replayed = self.replay.min(self.ring.len());
        let skipped = self.ring.len() - replayed;
        self.ring.iter_mut().skip(skipped).for_each(|entry| entry.unread_by += 1);
        self.readers_ever += 1;
        self.readers.insert(self.readers_ever, Reader { next: self.first + skipped as u64, missed: 0 });
        self.readers_ever
    }

    /// A subscriber goes. What it has not read is abandoned: nobody can tell a subscriber that has had enough from one that crashed.
    pub fn leave(&mut self, number: u64) -> Freed<T> {
        let mut freed = Freed::nothing();
        let Some(reader) = self.readers.remove(&number) else { return freed };
        for entry in self.ring.iter_mut().skip(offset(self.first, reader.next)) {
            freed.settle(entry.share_of(number), Outcome::Abandoned);
        }
        self.trim(&mut freed);
        freed
    }

    pub fn end(&mut self) {
        self.source = Source::Over;
    }

    /// The source has nothing yet. Whether somebody else asked for it meanwhile.
    pub fn give_back(&mut self, source: BoxStream<'static, T>) -> bool {
        let asked = matches!(self.source, Source::Busy { asked: true });
        self.source = Source::Idle(source);
        asked
    }

    /// The source had an item.
    pub fn take_in(&mut self, source: BoxStream<'static, T>, item: T) -> Freed<T> {
        self.source = Source::Idle(source);
        let (item, ack) = (self.carry.part)(item);
        let readers = self.readers.len();
        self.ring.push_back(Entry { item, ack, unread_by: readers, answered_by: readers, newest: self.readers_ever });
        let mut freed = Freed::nothing();
        self.trim(&mut freed);
        while !self.waits && self.ring.len() > self.room {
            self.missed += self.ring.front().map_or(0, |entry| entry.unread_by) as u64;
            self.drop_first(&mut freed);
        }
        freed
    }

    /// Lets go of what has been read by all and is too old to be replayed.
    fn trim(&mut self, freed: &mut Freed<T>) {
        while self.ring.len() > self.replay && self.ring.front().is_some_and(|entry| entry.unread_by == 0) {
            self.drop_first(freed);
        }
    }

    fn drop_first(&mut self, freed: &mut Freed<T>) {
        if let Some(mut entry) = self.ring.pop_front() {
            self.first += 1;
            freed.settle(std::mem::take(&mut entry.ack), Outcome::Dropped);
            freed.entries.push(entry);
        }
    }

    /// Whether the source may not be read, because the slowest is too far behind.
    fn is_held(&self) -> bool {
        self.waits && self.ring.len() >= self.room && self.ring.front().is_some_and(|entry| entry.unread_by > 0)
    }
}

impl<T: Clone> Hub<T> {
    /// What this subscriber is to do now.
    pub fn turn(&mut self, number: u64) -> (Turn<T>, Freed<T>) {
        let reader = self.readers.get_mut(&number).expect("a subscriber is entered until it is dropped");
        reader.missed += self.first.saturating_sub(reader.next);
        reader.next = reader.next.max(self.first);
        let index = offset(self.first, reader.next);
        if index < self.ring.len() {
            reader.next += 1;
            return self.read(number, index);
        }
        let held = self.is_held();
        let turn = match &mut self.source {
            Source::Over => Turn::Over,
            Source::Busy { asked } => {
                *asked = true;
                Turn::Wait
            }
            Source::Idle(_) if held => Turn::Wait,
            idle @ Source::Idle(_) => match std::mem::replace(idle, Source::Busy { asked: false }) {
                Source::Idle(source) => Turn::Read(source),
                Source::Busy { .. } | Source::Over => Turn::Wait,
            },
        };
        (turn, Freed::nothing())
    }

    fn read(&mut self, number: u64, index: usize) -> (Turn<T>, Freed<T>) {
        let held = self.is_held();
        let mut freed = Freed::nothing();
        let entry = &mut self.ring[index];
        let ack = entry.share_of(number);
        let goes = entry.unread_by == 0 && index == 0 && self.ring.len() > self.replay;
        let item = match goes.then(|| self.ring.pop_front()).flatten() {
            Some(entry) => {
                self.first += 1;
                entry.item
            }
            None => self.ring[index].item.clone(),
        };
        self.trim(&mut freed);
        freed.room = held && !self.is_held();
        (Turn::Item((self.carry.join)(item, ack)), freed)
    }
}

fn offset(first: u64, place: u64) -> usize {
    usize::try_from(place.saturating_sub(first)).unwrap_or(usize::MAX)
}
