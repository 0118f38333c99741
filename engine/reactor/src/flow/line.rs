//! The line of those who wait, served in the order of arrival.
//!
//! Shared by the rate limiter and backpressure, each of which keeps it under its own lock. Whoever is served is told by a waker
//! and picks the answer up at the next poll; until then the answer waits here, so a task that is slow to come never holds up
//! the line behind it.

use std::collections::BTreeMap;
use std::task::Waker;

/// How many may wait at one limiter or controller unless another number is chosen: each is a task held up, and more than this
/// many is a jam that should be refused rather than grow.
pub(super) const WAITERS_MAX_DEFAULT: usize = 4_096;

/// The line is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{waiters_max} already wait")]
pub struct TooManyWaiting {
    /// How many may wait.
    pub waiters_max: usize,
}

/// Who waits with what (`W`), and who has been given what (`G`) and has not yet picked it up.
#[derive(Debug)]
pub(super) struct Line<W, G> {
    next_ticket: u64,
    waiting: BTreeMap<u64, (W, Waker)>,
    served: BTreeMap<u64, G>,
}

/// What somebody who leaves the line leaves behind.
#[derive(Debug)]
pub(super) enum Left<W, G> {
    Waiting(W),
    Served(G),
    Nothing,
}

impl<W, G> Line<W, G> {
    pub(super) fn new() -> Self {
        Self { next_ticket: 0, waiting: BTreeMap::new(), served: BTreeMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn join(&mut self, who: W, waker: Waker) -> u64 {
        self.next_ticket += 1;
        self.waiting.insert(self.next_ticket, (who, waker));
        self.next_ticket
    }

    pub(super) fn head(&mut self) -> Option<(u64, &mut W)> {
        self.waiting.iter_mut().next().map(|(ticket, (who, _))| (*ticket, who))
    }

    pub(super) fn waiting(&mut self, ticket: u64) -> Option<&mut (W, Waker)> {
        self.waiting.get_mut(&ticket)
    }

    pub(super) fn waker(&self, ticket: u64) -> Option<Waker> {
        self.waiting.get(&ticket).map(|(_, waker)| waker.clone())
    }

    /// Everybody who waits, from the head on.
    pub(super) fn each(&mut self) -> impl Iterator<Item = (u64, &mut W, &Waker)> {
        self.waiting.iter_mut().map(|(ticket, (who, waker))| (*ticket, who, &*waker))
    }

    /// Everybody who waits in front of a ticket.
    pub(super) fn ahead_of(&self, ticket: u64) -> impl Iterator<Item = &W> {
        self.waiting.range(..ticket).map(|(_, (who, _))| who)
    }

    /// Gives somebody who waits an answer, which is picked up or left behind later.
    pub(super) fn serve(&mut self, ticket: u64, given: G) -> Option<Waker> {
        let (_, waker) = self.waiting.remove(&ticket)?;
        self.served.insert(ticket, given);
        Some(waker)
    }

    pub(super) fn pick_up(&mut self, ticket: u64) -> Option<G> {
        self.served.remove(&ticket)
    }

    pub(super) fn leave(&mut self, ticket: u64) -> Left<W, G> {
        match self.waiting.remove(&ticket) {
            Some((who, _)) => Left::Waiting(who),
            None => self.served.remove(&ticket).map_or(Left::Nothing, Left::Served),
        }
    }
}
