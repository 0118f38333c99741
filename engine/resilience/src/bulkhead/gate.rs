//! The pure core of a bulkhead: who is under way, who waits, and who is next. The async shell drives it under a lock; property
//! tests and simulations drive it directly.
//!
//! What always holds:
//! - no more are let in than there are permits, and what is guaranteed to one priority is never given to another;
//! - whoever is below its guarantee is let in as long as any permit is free;
//! - beyond guarantees nobody is let in while somebody more important waits, and within a priority the order is that of arrival;
//! - after every call, nobody waits who could be let in; and whose time is up is never let in.

use std::collections::BTreeMap;

use homeostat_reactor::Moment;

use super::settings::Plan;
use crate::Priority;
use crate::shares::PerPriority;

/// A place in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket {
    priority: Priority,
    number: u64,
}

/// What becomes of who arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It has a permit.
    Admitted,
    /// It waits.
    Waits(Ticket),
    /// There is neither a permit nor a place in the line.
    Refused,
}

/// What becomes of who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It has a permit.
    Admitted,
    /// It made way for somebody more important.
    Shed,
    /// It had waited as long as it may when its turn came.
    TimeUp,
}

/// What happened so far, by priority.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Let in.
    pub admitted: PerPriority<u64>,
    /// Refused on arrival.
    pub refused: PerPriority<u64>,
    /// Made way while waiting.
    pub shed: PerPriority<u64>,
    /// Waited too long.
    pub late: PerPriority<u64>,
    /// Stopped waiting by themselves.
    pub cancelled: PerPriority<u64>,
}

#[derive(Debug)]
struct Waiting<W> {
    /// From then on it may not be let in.
    until: Moment,
    waker: W,
}

/// Permits and lines. `W` wakes who waits: a task's waker, or anything that a test can count.
#[derive(Debug)]
pub struct Gate<W> {
    plan: Plan,
    in_flight: PerPriority<usize>,
    lines: PerPriority<BTreeMap<u64, Waiting<W>>>,
    /// Answers that have not been picked up. A permit in here counts as under way.
    answers: BTreeMap<Ticket, Answer>,
    next_number: u64,
    counts: Counts,
}

impl<W> Gate<W> {
    /// All permits free.
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            in_flight: PerPriority::default(),
            lines: PerPriority::from_fn(|_| BTreeMap::new()),
            answers: BTreeMap::new(),
            next_number: 0,
            counts: Counts::default(),
        }
    }

    /// How many are under way.
    pub fn in_flight(&self) -> usize {
        self.in_flight.values().sum()
    }

    /// How many of each priority are under way.
    pub const fn in_flight_by_priority(&self) -> PerPriority<usize> {
        self.in_flight
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.lines.values().map(BTreeMap::len).sum()
    }

    /// How many of each priority wait.
    pub fn waiting_by_priority(&self) -> PerPriority<usize> {
        PerPriority::from_fn(|priority| self.lines[priority].len())
    }

    /// What it keeps to.
    pub const fn plan(&self) -> Plan {
        self.plan
    }

    /// What happened so far.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Somebody asks to be let in, and would wait until `until`. Pushes onto `wakes` whoever is to be woken.
    pub fn arrive(
        &mut self,
        priority: Priority,
        until: Moment,
        now: Moment,
        waker: impl FnOnce() -> W,
        wakes: &mut Vec<W>,
    ) -> Arrival {
        if self.is_first(priority) && self.has_room(priority) {
            self.let_in(priority);
            return Arrival::Admitted;
        }
        if until <= now || !self.make_place(priority, wakes) {
            self.counts.refused[priority] += 1;
            return Arrival::Refused;
        }
        self.next_number += 1;
        self.lines[priority].insert(self.next_number, Waiting { until, waker: waker() });
        Arrival::Waits(Ticket { priority, number: self.next_number })
    }

    /// The answer to somebody who waits, once there is one; it is given only once.
    pub fn pick_up(&mut self, ticket: Ticket) -> Option<Answer> {
        self.answers.remove(&ticket)
    }

    /// The waker of somebody who still waits.
    pub fn waker(&mut self, ticket: Ticket) -> Option<&mut W> {
        self.lines[ticket.priority].get_mut(&ticket.number).map(|waiting| &mut waiting.waker)
    }

    /// Somebody's time in the line is up.
    pub fn give_up(&mut self, ticket: Ticket) {
        if self.lines[ticket.priority].remove(&ticket.number).is_some() {
            self.counts.late[ticket.priority] += 1;
        }
    }

    /// Somebody stops waiting, perhaps after it was given a permit that it never came for.
    pub fn leave(&mut self, ticket: Ticket, now: Moment, wakes: &mut Vec<W>) {
        if self.lines[ticket.priority].remove(&ticket.number).is_some() {
            self.counts.cancelled[ticket.priority] += 1;
        } else if self.answers.remove(&ticket) == Some(Answer::Admitted) {
            self.counts.cancelled[ticket.priority] += 1;
            self.release(ticket.priority, now, wakes);
        }
    }

    /// Somebody who was under way is done; the next are let in.
    pub fn release(&mut self, priority: Priority, now: Moment, wakes: &mut Vec<W>) {
        debug_assert!(self.in_flight[priority] > 0, "only what was let in is released");
        self.in_flight[priority] = self.in_flight[priority].saturating_sub(1);
        self.serve(now, wakes);
    }

    /// Goes on with another plan. Who is under way stays, even beyond fewer permits; who waits beyond a shorter line makes way.
    pub fn change(&mut self, plan: Plan, now: Moment, wakes: &mut Vec<W>) {
        self.plan = plan;
        self.serve(now, wakes);
        while self.waiting() > plan.waiting_max {
            let last = Priority::ALL.into_iter().rev().find(|priority| !self.lines[*priority].is_empty());
            self.shed(last.expect("somebody waits"), wakes);
        }
    }

    /// Lets in everybody who can be, in order.
    fn serve(&mut self, now: Moment, wakes: &mut Vec<W>) {
        while let Some(priority) = self.next() {
            let Some((number, waiting)) = self.lines[priority].pop_first() else { return };
            let answer = if now < waiting.until {
                self.let_in(priority);
                Answer::Admitted
            } else {
                self.counts.late[priority] += 1;
                Answer::TimeUp
            };
            self.answers.insert(Ticket { priority, number }, answer);
            wakes.push(waiting.waker);
        }
    }

    /// Whose line is served next: guarantees first, then the most important.
    fn next(&self) -> Option<Priority> {
        let waits = |priority: &Priority| !self.lines[*priority].is_empty();
        let below = |priority: &Priority| waits(priority) && self.is_below_guarantee(*priority);
        let owed = Priority::ALL.into_iter().find(below).filter(|_| self.in_flight() < self.plan.permits);
        owed.or_else(|| Priority::ALL.into_iter().find(waits).filter(|_| self.shared_free() > 0))
    }

    /// Whether nobody waits whom somebody of this priority would overtake.
    fn is_first(&self, priority: Priority) -> bool {
        let is_own_free = self.is_below_guarantee(priority) && self.lines[priority].is_empty();
        is_own_free
            || Priority::ALL.into_iter().filter(|other| *other <= priority).all(|other| self.lines[other].is_empty())
    }

    fn has_room(&self, priority: Priority) -> bool {
        (self.is_below_guarantee(priority) && self.in_flight() < self.plan.permits) || self.shared_free() > 0
    }

    fn is_below_guarantee(&self, priority: Priority) -> bool {
        self.in_flight[priority] < self.plan.guarantees[priority]
    }

    /// Permits that are free and guaranteed to nobody.
    fn shared_free(&self) -> usize {
        let spoken_for = |priority: Priority| self.in_flight[priority].max(self.plan.guarantees[priority]);
        self.plan.permits.saturating_sub(Priority::ALL.into_iter().map(spoken_for).sum())
    }

    fn let_in(&mut self, priority: Priority) {
        self.in_flight[priority] += 1;
        self.counts.admitted[priority] += 1;
    }

    /// Whether there is a place in the line, if need be that of somebody less important.
    fn make_place(&mut self, priority: Priority, wakes: &mut Vec<W>) -> bool {
        if self.waiting() < self.plan.waiting_max {
            return true;
        }
        let less = |other: &Priority| *other > priority && !self.lines[*other].is_empty();
        match Priority::ALL.into_iter().rev().find(less) {
            Some(other) => self.shed(other, wakes),
            None => return false,
        }
        true
    }

    /// The last to come makes way: it has lost least.
    fn shed(&mut self, priority: Priority, wakes: &mut Vec<W>) {
        if let Some((number, waiting)) = self.lines[priority].pop_last() {
            self.counts.shed[priority] += 1;
            self.answers.insert(Ticket { priority, number }, Answer::Shed);
            wakes.push(waiting.waker);
        }
    }
}
