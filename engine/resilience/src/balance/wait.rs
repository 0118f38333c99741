//! What a balancer does about those who wait in its line: whom it lets in, and when it offers a place.

use std::sync::Arc;

use homeostat_reactor::Moment;

use super::{Balancer, EndpointId};
use crate::line::WAITING_MAX;
use crate::{Call, PolicyEvent, Refusal};

impl<T> Balancer<T> {
    /// Whether an endpoint that is none of these may well answer.
    pub(super) fn has_hope(&self, now: Moment, tried: &[EndpointId]) -> bool {
        self.0.with(|core| core.has_hope(now, tried))
    }

    /// Offers on, if there is still room.
    pub(super) fn offer_on(&self, now: Moment) {
        if self.0.with(|core| core.has_room(now)) {
            self.0.line.offer();
        }
    }

    /// Refuses who has waited so long that an answer would hardly come in time.
    pub(crate) fn check_time(&self, call: &Call, now: Moment) -> Result<(), Refusal> {
        let has_time = |within| self.0.with(|core| core.is_time_enough(within));
        let is_in_time = !call.is_over(now) && call.remaining(now).is_none_or(has_time);
        if is_in_time { Ok(()) } else { Err(Refusal::DeadlinePassed) }
    }

    /// Refuses who would wait in vain: for more places than become free while there is time.
    pub(super) fn check_line(&self, call: &Call) -> Result<(), Refusal> {
        let ahead = self.0.line.ahead_of(call.priority);
        let Some((room, takes)) = self.0.with(|core| core.room()) else {
            return if ahead < WAITING_MAX { Ok(()) } else { Err(self.refuse_full(call, 0, ahead)) };
        };
        let waits = takes.mul_f64(ahead as f64 / f64::from(room.max(1.0)));
        let has_time = call.remaining(self.0.clock.now()).is_none_or(|remaining| waits + takes <= remaining);
        if has_time && ahead < WAITING_MAX { Ok(()) } else { Err(self.refuse_full(call, room as usize, ahead)) }
    }

    fn refuse_full(&self, call: &Call, in_flight: usize, waiting: usize) -> Refusal {
        let (name, priority) = (&self.0.name, call.priority);
        self.0.line.note_refused(priority);
        let refusal = Refusal::Full { name: name.to_string(), in_flight, waiting };
        let told = || PolicyEvent::Refused { name: Arc::clone(name), refusal: refusal.clone(), priority };
        self.0.listener.tell(told);
        refusal
    }
}
