//! A call that a breaker let through. However it ends, also by being dropped, it ends once: no trial is ever lost.

use std::borrow::Borrow;

use homeostat_reactor::Moment;

use super::Breaker;
use super::state::Ticket;
use crate::Verdict;

/// Leave to make one call. Dropped without a verdict it was given up: that says nothing, unless it was slow by then; a panic says
/// that it failed.
#[derive(Debug)]
#[must_use = "a permit that is dropped is a call given up"]
pub struct Permit<B: Borrow<Breaker> = Breaker> {
    /// A breaker of its own for whoever takes the permit along; within a call the breaker is only borrowed, because threads that
    /// count clones of it wait for each other.
    breaker: B,
    ticket: Ticket,
    begun: Moment,
    /// When it ended, where somebody has looked at the clock already.
    ended: Option<Moment>,
    is_ended: bool,
}

impl<B: Borrow<Breaker>> Permit<B> {
    pub(super) const fn new(breaker: B, ticket: Ticket, begun: Moment) -> Self {
        Self { breaker, ticket, begun, ended: None, is_ended: false }
    }

    /// The call was answered, and this is what the answer says.
    pub fn end(mut self, verdict: Verdict) {
        self.finish(Some(verdict));
    }

    /// The same for whoever may just have looked at the clock.
    pub(crate) fn end_at(mut self, ended: Option<Moment>, verdict: Verdict) {
        self.ended = ended;
        self.end(verdict);
    }

    fn finish(&mut self, verdict: Option<Verdict>) {
        self.is_ended = true;
        self.breaker.borrow().end(self.ticket, (self.begun, self.ended), verdict);
    }
}

impl<B: Borrow<Breaker>> Drop for Permit<B> {
    fn drop(&mut self) {
        if !self.is_ended {
            self.finish(std::thread::panicking().then_some(Verdict::Failed));
        }
    }
}
