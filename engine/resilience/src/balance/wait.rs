//! What a balancer does about those who wait in its line: whom it lets in, and when it offers a place.

use std::sync::Arc;

use homeostat_reactor::Moment;

use super::{Balancer, EndpointId};
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

    /// How likely a good answer to an attempt that begins now comes in time.
    pub(super) fn in_time(&self, call: &Call, now: Moment) -> f32 {
        call.remaining(now).map_or(1.0, |within| self.0.with(|core| core.in_time(within)))
    }

    /// Refuses who has waited so long that an answer would hardly come in time.
    pub(crate) fn check_time(&self, call: &Call, now: Moment) -> Result<(), Refusal> {
        /// With a smaller chance to be answered in time it would only take a place from another one.
        const FAIR_CHANCE: f32 = 0.5;
        if !call.is_over(now) && self.in_time(call, now) >= FAIR_CHANCE { Ok(()) } else { Err(Refusal::DeadlinePassed) }
    }

    /// Refuses who would wait in vain: for more places than become free while there is time.
    pub(super) fn check_line(&self, call: &Call) -> Result<(), Refusal> {
        let room = self.0.with(|core| core.room());
        let (places, remaining) =
            (room.map(|(room, takes)| (f64::from(room), takes)), call.remaining(self.0.clock.now()));
        if !self.0.line.is_in_vain(call.priority, places, remaining) {
            return Ok(());
        }
        let in_flight = room.map_or(0, |(room, _)| room as usize);
        Err(self.refuse_full(call, in_flight, self.0.line.ahead_of(call.priority)))
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
