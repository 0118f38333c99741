//! The line before a learned limit: calls wait for their turn, the most important first, as long as an answer can come in time.
//!
//! Called by the limit layer alone. A limit that refused at once would throw away a burst that it could serve within a second.

use std::time::Duration;

use super::layers::Layers;
use crate::concurrency::Running;
use crate::line::{Line, OFFERED_WITHIN, WAITING_MAX};
use crate::{Call, ConcurrencyLimiter, Refusal};
use homeostat_reactor::Moment;

/// Offers a place to those who wait when it is dropped: declared before what frees the place, and so dropped after it.
pub(super) struct OffersOn<'a>(pub(super) &'a Line);

impl Drop for OffersOn<'_> {
    fn drop(&mut self) {
        self.0.offer();
    }
}

impl<T> Layers<T> {
    /// A place under the learned limit, now; `None` where it must be waited for, also because others wait who are as important.
    pub(super) fn enter_now(&self, call: &Call, now: Moment) -> Option<Running<&ConcurrencyLimiter>> {
        if self.line.ahead_of(call.priority) > 0 { None } else { self.limiter.enter_if_room(call, now) }
    }

    /// Waits for a place under the learned limit.
    ///
    /// # Errors
    /// The limiter's refusal, when there is no time for it, or none would become free in time.
    pub(super) async fn enter_in_turn(&self, call: &Call) -> Result<Running<&ConcurrencyLimiter>, Refusal> {
        if self.would_wait_in_vain(call, self.clock.now()) {
            self.line.note_refused(call.priority);
            return self.limiter.enter(call, self.clock.now());
        }
        let place = self.line.enter(call.priority);
        loop {
            let left = call.remaining(self.clock.now()).unwrap_or(OFFERED_WITHIN);
            self.clock.within(left.min(OFFERED_WITHIN), place.offered()).await;
            let now = self.clock.now();
            self.balancer.check_time(call, now)?;
            if let Some(running) = self.limiter.enter_if_room(call, now) {
                place.served();
                if self.limiter.room().1 {
                    self.line.offer();
                }
                return Ok(running);
            }
        }
    }

    fn would_wait_in_vain(&self, call: &Call, now: Moment) -> bool {
        let (ahead, (limit, _)) = (self.line.ahead_of(call.priority), self.limiter.room());
        let Some(takes) = self.balancer.good_within(0.5) else { return ahead >= WAITING_MAX };
        let waits: Duration = takes.mul_f64(ahead as f64 / limit.max(1) as f64);
        ahead >= WAITING_MAX || call.remaining(now).is_some_and(|remaining| waits + takes > remaining)
    }
}
