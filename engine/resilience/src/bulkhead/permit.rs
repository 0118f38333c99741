//! A permit, and the future that waits for one. Both give back what they hold when they are dropped, at any time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use homeostat_reactor::{Moment, Sleep};

use super::Shared;
use super::gate::{Answer, Arrival, Ticket};
use crate::{Call, Priority, Refusal};

/// The right to have one call under way; given back when it is dropped.
#[derive(Debug)]
#[must_use = "a permit that is not kept is given back at once"]
pub struct Permit {
    shared: Arc<Shared>,
    priority: Priority,
}

impl Permit {
    pub(super) fn new(shared: &Arc<Shared>, priority: Priority) -> Self {
        Self { shared: Arc::clone(shared), priority }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shared.turn(|state, wakes| {
            // Only for who waits does it matter what time it is, and the clock is a fifth of an uncontended call's price.
            let now = if state.gate.waiting() > 0 { self.shared.clock.now() } else { Moment::ZERO };
            state.gate.release(self.priority, now, wakes);
        });
    }
}

/// Waits for a permit. It asks when it is polled first.
pub(super) struct Waiter<'a> {
    shared: &'a Arc<Shared>,
    call: Call,
    arrived: Moment,
    place: Option<Place>,
}

struct Place {
    ticket: Ticket,
    until: Moment,
    /// Goes off when it has waited long enough.
    timer: Sleep,
}

impl<'a> Waiter<'a> {
    pub(super) fn new(shared: &'a Arc<Shared>, call: &Call, arrived: Moment) -> Self {
        Self { shared, call: *call, arrived, place: None }
    }

    fn arrive(&mut self, context: &Context<'_>) -> Option<Result<Permit, Refusal>> {
        let Self { shared, call, arrived, .. } = *self;
        let (arrival, until) = shared.turn(|state, wakes| {
            let patience = arrived + state.settings.wait_max();
            let until = call.deadline.map_or(patience, |deadline| deadline.min(patience));
            (state.gate.arrive(call.priority, until, arrived, || context.waker().clone(), wakes), until)
        });
        match arrival {
            Arrival::Admitted => Some(Ok(Permit::new(shared, call.priority))),
            Arrival::Refused => Some(Err(shared.full())),
            Arrival::Waits(ticket) => {
                self.place = Some(Place { ticket, until, timer: shared.clock.sleep_until(until) });
                None
            }
        }
    }
}

impl Future for Waiter<'_> {
    type Output = Result<Permit, Refusal>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.place.is_none()
            && let Some(answer) = this.arrive(context)
        {
            return Poll::Ready(answer);
        }
        let place = this.place.as_mut().expect("whoever got no answer waits");
        let is_late = Pin::new(&mut place.timer).poll(context).is_ready();
        let answer = this.shared.turn(|state, _| match state.gate.pick_up(place.ticket) {
            None if is_late => {
                state.gate.give_up(place.ticket);
                Some(Answer::TimeUp)
            }
            None => {
                let known = state.gate.waker(place.ticket).expect("whoever has no answer is in the line");
                known.clone_from(context.waker());
                None
            }
            answer => answer,
        });
        let Some(answer) = answer else { return Poll::Pending };
        let is_over = this.call.deadline == Some(place.until);
        this.place = None;
        Poll::Ready(match answer {
            Answer::Admitted => {
                let permit = Permit::new(this.shared, this.call.priority);
                // Let in in time, but this task was slow to come for it.
                if this.call.is_over(this.shared.clock.now()) { Err(Refusal::DeadlinePassed) } else { Ok(permit) }
            }
            answer => Err(this.shared.refusal(answer, this.call.priority, is_over)),
        })
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            let now = self.shared.clock.now();
            self.shared.turn(|state, wakes| state.gate.leave(place.ticket, now, wakes));
        }
    }
}
