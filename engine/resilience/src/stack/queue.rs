//! The line before a learned limit: calls wait for their turn, the most important first, as long as an answer can come in time.
//!
//! Called by the limit layer alone. A limit that refused at once would throw away a burst that it could serve within a second.

use super::layers::Layers;
use crate::concurrency::Running;
use crate::line::{Line, OFFERED_WITHIN};
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
        let (now, (limit, _)) = (self.clock.now(), self.limiter.room());
        let places = self.balancer.good_within(0.5).map(|takes| (limit as f64, takes));
        if self.line.is_in_vain(call.priority, places, call.remaining(now)) {
            self.line.note_refused(call.priority);
            return self.limiter.enter(call, now);
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
}
