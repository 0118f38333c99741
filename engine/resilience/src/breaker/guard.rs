//! A call that a breaker let through. However it ends, also by being dropped, it ends once: no trial is ever lost.

use homeostat_reactor::Moment;

use super::Breaker;
use super::state::{Ending, Ticket};
use crate::Verdict;

/// Leave to make one call. Dropped without a verdict it was given up: that says nothing, unless it was slow by then; a panic says
/// that it failed.
#[derive(Debug)]
#[must_use = "a permit that is dropped is a call given up"]
pub struct Permit {
    breaker: Breaker,
    ticket: Ticket,
    begun: Moment,
    is_ended: bool,
}

impl Permit {
    pub(super) fn new(breaker: Breaker, ticket: Ticket) -> Self {
        let begun = breaker.0.clock.now();
        Self { breaker, ticket, begun, is_ended: false }
    }

    /// The call was answered, and this is what the answer says.
    pub fn end(mut self, verdict: Verdict) {
        self.finish(Some(verdict));
    }

    fn finish(&mut self, verdict: Option<Verdict>) {
        self.is_ended = true;
        let (ticket, begun) = (self.ticket, self.begun);
        self.breaker.turn(|core, clock, chance| {
            let now = clock.now();
            core.end(ticket, Ending { verdict, took: now.since(begun) }, now, chance);
        });
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.is_ended {
            self.finish(std::thread::panicking().then_some(Verdict::Failed));
        }
    }
}
