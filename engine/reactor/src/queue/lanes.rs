//! Five bounded lanes, one a class, and the order in which they are emptied: plain data, without locks, tasks or time of its own.
//!
//! Always holds: within a class events leave in the order they came; a lane never holds more than its capacity, but for an
//! elastic push, whose excess its caller bounds; a class that waits is served in every turn; what is lost is counted.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};

use crate::class::{Class, PerClass};
use crate::clock::Moment;
use crate::delivery::Delivery;
use crate::event::Event;
use crate::overflow::Overflow;

/// How large a lane may get, and what happens then.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// How many events may wait; at least one.
    pub capacity: usize,
    /// What happens to an event that finds it full.
    pub overflow: Overflow,
}

impl Lane {
    /// What suits most, by class: the critical and the awaited push back, findings are replaced by newer ones, observations lose
    /// their oldest, and bulk is thinned out.
    pub const fn default_for(class: Class) -> Self {
        let overflow = match class {
            Class::Critical | Class::Act => Overflow::Block,
            Class::Detect => Overflow::Coalesce,
            Class::Sense => Overflow::DropOldest,
            Class::Bulk => Overflow::SAMPLE,
        };
        Self { capacity: 4_096, overflow }
    }

    /// How many events at once it takes, when it is empty, before it does anything else with one than let it in.
    pub(super) fn spare_from_empty(&self) -> usize {
        match self.overflow {
            Overflow::Coalesce => 0,
            Overflow::Sample { .. } => self.capacity.div_ceil(2).saturating_sub(1),
            _ => self.capacity.saturating_sub(1),
        }
    }
}

/// Why an event was lost to a limit.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// It came last.
    Newest,
    /// It was the oldest.
    Oldest,
    /// A newer one with the same key took its place, and its acknowledgement.
    Coalesced,
    /// It was thinned out.
    Sampled,
}

/// Events lost to limits, by why.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Losses {
    /// Dropped because they came last.
    pub newest: u64,
    /// Dropped because they were the oldest.
    pub oldest: u64,
    /// Replaced by a newer one.
    pub coalesced: u64,
    /// Thinned out.
    pub sampled: u64,
    /// Given back to whoever emitted them.
    pub refused: u64,
}

impl Losses {
    /// All that never went further; a coalesced event goes further as its successor.
    pub const fn dropped(&self) -> u64 {
        self.newest + self.oldest + self.sampled
    }

    fn count(&mut self, loss: Loss) {
        match loss {
            Loss::Newest => self.newest += 1,
            Loss::Oldest => self.oldest += 1,
            Loss::Coalesced => self.coalesced += 1,
            Loss::Sampled => self.sampled += 1,
        }
    }
}

/// What became of a push.
#[derive(Debug)]
pub enum Pushed<E> {
    /// It waits in its lane.
    Taken,
    /// One was lost over it: another, or itself.
    Lost(Delivery<E>, Loss),
    /// There is no room, and the lane does not lose events.
    Full(Delivery<E>),
}

/// One class's lane.
#[derive(Debug)]
struct Line<E> {
    lane: Lane,
    items: VecDeque<Delivery<E>>,
    /// Where the waiting event with a key is, counted from the first event ever; kept only where events coalesce.
    keyed: HashMap<u64, u64>,
    /// How many events have left at the front.
    left: u64,
    /// Room that was promised to pushes that waited for it.
    promised: usize,
    /// How many readers further on have asked that no more come in. Below zero for an instant when a release overtakes its hold.
    holds: i64,
    thinned: u32,
    taken: u64,
    losses: Losses,
}

impl<E: Event> Line<E> {
    fn new(lane: Lane) -> Self {
        let lane = Lane { capacity: lane.capacity.max(1), ..lane };
        Self {
            lane,
            items: VecDeque::new(),
            keyed: HashMap::new(),
            left: 0,
            promised: 0,
            holds: 0,
            thinned: 0,
            taken: 0,
            losses: Losses::default(),
        }
    }

    #[inline(always)]
    fn room(&self) -> usize {
        if self.holds > 0 { 0 } else { self.lane.capacity.saturating_sub(self.items.len() + self.promised) }
    }

    #[inline(always)]
    fn append(&mut self, delivery: Delivery<E>) {
        if self.lane.overflow == Overflow::Coalesce
            && let Some(key) = key_of(&delivery)
        {
            self.keyed.insert(key, self.left + self.items.len() as u64);
        }
        self.taken += 1;
        self.items.push_back(delivery);
    }

    fn lose(&mut self, delivery: Delivery<E>, loss: Loss) -> Pushed<E> {
        self.losses.count(loss);
        Pushed::Lost(delivery, loss)
    }

    /// Inlined by force, with all it calls while there is room: each call in between moves the event once more, and a move that reads
    /// what was just written in pieces stalls the processor. Measured, a tenth of the way of an event through the loop.
    #[inline(always)]
    fn push(&mut self, delivery: Delivery<E>) -> Pushed<E> {
        if self.has_plenty() {
            self.append(delivery);
            return Pushed::Taken;
        }
        self.push_near_full(delivery)
    }

    /// Whether the next event is let in whatever it is.
    #[inline(always)]
    fn has_plenty(&self) -> bool {
        match self.lane.overflow {
            Overflow::Coalesce => false,
            Overflow::Sample { .. } => self.room() > self.lane.capacity / 2,
            _ => self.room() > 0,
        }
    }

    fn push_near_full(&mut self, delivery: Delivery<E>) -> Pushed<E> {
        match self.lane.overflow {
            Overflow::Coalesce => return self.push_coalescing(delivery),
            Overflow::Sample { one_in } if self.room() <= self.lane.capacity / 2 => {
                self.thinned = self.thinned.wrapping_add(1);
                if !self.thinned.is_multiple_of(one_in.get()) {
                    return self.lose(delivery, Loss::Sampled);
                }
            }
            _ => {}
        }
        if self.room() > 0 {
            self.append(delivery);
            return Pushed::Taken;
        }
        match self.lane.overflow {
            Overflow::Block | Overflow::Fail => Pushed::Full(delivery),
            // While a reader holds the lane, what it has already been given is out of reach: the new one goes.
            Overflow::DropOldest | Overflow::Coalesce if self.holds <= 0 => self.push_over_oldest(delivery),
            _ => self.lose(delivery, Loss::Newest),
        }
    }

    fn push_over_oldest(&mut self, delivery: Delivery<E>) -> Pushed<E> {
        let oldest = self.pop();
        self.append(delivery);
        match oldest {
            Some(oldest) => self.lose(oldest, Loss::Oldest),
            None => Pushed::Taken,
        }
    }

    /// The newer event takes the older one's place in the line, its age and its acknowledgement.
    fn push_coalescing(&mut self, mut delivery: Delivery<E>) -> Pushed<E> {
        let place = key_of(&delivery).and_then(|key| self.keyed.get(&key)).copied();
        let waiting = place.and_then(|place| self.items.get_mut(place.checked_sub(self.left)? as usize));
        if let Some(waiting) = waiting {
            delivery.emitted_at = waiting.emitted_at;
            let older = std::mem::replace(waiting, delivery);
            let (class, emitted_at) = (older.class, older.emitted_at);
            let (event, ack) = older.into_parts();
            waiting.absorb(ack);
            self.taken += 1;
            return self.lose(Delivery::new(event, class, emitted_at), Loss::Coalesced);
        }
        match (self.room() > 0, self.holds <= 0) {
            (true, _) => {
                self.append(delivery);
                Pushed::Taken
            }
            (false, true) => self.push_over_oldest(delivery),
            (false, false) => self.lose(delivery, Loss::Newest),
        }
    }

    fn pop(&mut self) -> Option<Delivery<E>> {
        let delivery = self.items.pop_front()?;
        if self.lane.overflow == Overflow::Coalesce
            && let Some(key) = key_of(&delivery)
            && self.keyed.get(&key) == Some(&self.left)
        {
            self.keyed.remove(&key);
        }
        self.left += 1;
        Some(delivery)
    }

    fn pop_into(&mut self, out: &mut Vec<Delivery<E>>, count: usize) {
        let count = count.min(self.items.len());
        if self.lane.overflow == Overflow::Coalesce {
            out.extend((0..count).map_while(|_| self.pop()));
        } else {
            // Most turns take one or two events of a class: setting up a range to drain would cost more than they do.
            out.extend((0..count).map_while(|_| self.items.pop_front()));
            self.left += count as u64;
        }
    }

    fn is_overdue(&self, limit: std::time::Duration, now: Moment) -> bool {
        self.items.front().is_some_and(|oldest| now.since(oldest.emitted_at) >= limit)
    }
}

/// An event's key. One that panics has none: it must not end whoever pushes or drains, nor leave the lane half changed.
fn key_of<E: Event>(delivery: &Delivery<E>) -> Option<u64> {
    catch_unwind(AssertUnwindSafe(|| delivery.event.key())).unwrap_or(None)
}

/// How one class's lane stands.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneSnapshot {
    /// Its settings.
    pub lane: Lane,
    /// Events waiting.
    pub depth: usize,
    /// How long the oldest has waited, in nanoseconds.
    pub oldest_age_ns: u64,
    /// Events let in so far.
    pub taken: u64,
    /// Events lost so far.
    pub losses: Losses,
    /// How many readers hold it, so that nothing more comes in.
    pub holds: usize,
}

/// Five lanes.
#[derive(Debug)]
pub struct Lanes<E> {
    lines: PerClass<Line<E>>,
    age_limit: std::time::Duration,
    depth: usize,
}

impl<E: Event> Lanes<E> {
    /// Empty lanes. An event that has waited for `age_limit` is overdue and goes before all but the critical.
    pub fn new(lanes: PerClass<Lane>, age_limit: std::time::Duration) -> Self {
        Self { lines: PerClass(lanes.0.map(Line::new)), age_limit, depth: 0 }
    }

    /// Takes an event in, or says why not.
    #[inline(always)]
    pub fn push(&mut self, delivery: Delivery<E>) -> Pushed<E> {
        let line = &mut self.lines[delivery.class];
        let before = line.items.len();
        let pushed = line.push(delivery);
        self.depth = self.depth + line.items.len() - before;
        pushed
    }

    /// Takes an event in; where the lane blocks, also beyond its capacity.
    pub fn push_elastic(&mut self, delivery: Delivery<E>) -> Pushed<E> {
        match self.push(delivery) {
            Pushed::Full(delivery) if self.lane(delivery.class).overflow == Overflow::Block => {
                self.depth += 1;
                self.lines[delivery.class].append(delivery);
                Pushed::Taken
            }
            Pushed::Full(delivery) => {
                let line = &mut self.lines[delivery.class];
                line.lose(delivery, Loss::Newest)
            }
            pushed => pushed,
        }
    }

    /// Takes up to `max` events out, by weight, the overdue first of all but the critical. No class starves as long as `max` is
    /// larger than the weight of the critical.
    pub fn drain(&mut self, out: &mut Vec<Delivery<E>>, max: usize, now: Moment) {
        let end = out.len() + max;
        while self.depth > 0 && out.len() < end {
            let before = out.len();
            if let Some(only) = self.only_line() {
                only.pop_into(out, end - before);
            } else {
                self.drain_turn(out, end, now);
            }
            self.depth -= out.len() - before;
        }
    }

    /// One turn: every class in its weight, and one more of each that is overdue.
    fn drain_turn(&mut self, out: &mut Vec<Delivery<E>>, end: usize, now: Moment) {
        for class in Class::ALL {
            self.lines[class].pop_into(out, class.weight().min(end - out.len()));
            if class == Class::Critical {
                for line in self.lines.0.iter_mut().skip(1) {
                    if out.len() < end && line.is_overdue(self.age_limit, now) {
                        line.pop_into(out, 1);
                    }
                }
            }
        }
    }

    /// The one line that has events, if it is the only one: it needs no weighing.
    fn only_line(&mut self) -> Option<&mut Line<E>> {
        let depth = self.depth;
        self.lines.0.iter_mut().find(|line| line.items.len() == depth)
    }

    /// Takes up to `max` events of one class out.
    pub fn drain_class(&mut self, class: Class, out: &mut Vec<Delivery<E>>, max: usize) {
        let before = out.len();
        self.lines[class].pop_into(out, max);
        self.depth -= out.len() - before;
    }

    /// Whether a push of this class would find room.
    pub fn room(&self, class: Class) -> usize {
        self.lines[class].room()
    }

    /// Keeps room for one push that waited for it.
    pub fn promise(&mut self, class: Class) {
        self.lines[class].promised += 1;
    }

    /// The promised room is used or given back.
    pub fn end_promise(&mut self, class: Class) {
        self.lines[class].promised -= 1;
    }

    /// Nothing more of this class is to come in until it is released as often as it was held.
    pub fn hold(&mut self, class: Class) {
        self.lines[class].holds += 1;
    }

    /// Takes one hold back.
    pub fn release(&mut self, class: Class) {
        self.lines[class].holds -= 1;
    }

    /// These never wait here, but were let in.
    pub fn count_passed_by(&mut self, batch: &[Delivery<E>]) {
        batch.iter().for_each(|delivery| self.lines[delivery.class].taken += 1);
    }

    /// An event of this class was given back to whoever emitted it.
    pub fn count_refused(&mut self, class: Class) {
        self.lines[class].losses.refused += 1;
    }

    /// The lane's settings.
    pub fn lane(&self, class: Class) -> Lane {
        self.lines[class].lane
    }

    /// Events waiting in a class.
    pub fn depth(&self, class: Class) -> usize {
        self.lines[class].items.len()
    }

    /// Events waiting in all classes.
    pub fn depth_total(&self) -> usize {
        self.depth
    }

    /// How a class's lane stands.
    pub fn snapshot(&self, class: Class, now: Moment) -> LaneSnapshot {
        let line = &self.lines[class];
        LaneSnapshot {
            lane: line.lane,
            depth: line.items.len(),
            oldest_age_ns: line.items.front().map_or(0, |oldest| now.0.saturating_sub(oldest.emitted_at.0)),
            taken: line.taken,
            losses: line.losses,
            holds: usize::try_from(line.holds).unwrap_or(0),
        }
    }
}
