//! How one call comes to its next attempt: the pause, the budget, and the wait for it where that is wanted.
//!
//! Made by [`Retry`](super::Retry) for each call. What always holds: no attempt begins that the budget does not cover at that moment,
//! and a call that has to wait for it is counted and told once. It must never wait where the terms of the budget can pay for nothing.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use homeostat_reactor::Moment;

use super::{After, Pauses, RetrySettings, Shared, Step, step};
use crate::attempt::Advice;
use crate::budget::Charge;
use crate::hedge::Outlook;
use crate::tally::count;
use crate::{Call, PolicyEvent};

/// Who waits for the budget looks no sooner than after this time, though the pauses be none: it would look without end.
const WAIT_MIN: Duration = Duration::from_millis(1);

/// Why no attempt follows a pause.
pub(super) enum Stop {
    /// The call is over.
    TimeIsUp,
    /// The budget does not cover it any more.
    NotCovered,
}

/// The attempts of one call after its first.
pub(super) struct Again<'a, O> {
    shared: &'a Shared,
    outlook: &'a O,
    settings: RetrySettings,
    pauses: Pauses,
    call: Call,
    was_refused: bool,
}

impl<'a, O: Outlook> Again<'a, O> {
    pub(super) const fn new(shared: &'a Shared, outlook: &'a O, settings: RetrySettings, call: Call) -> Self {
        Self { shared, outlook, settings, pauses: Pauses::new(settings), call, was_refused: false }
    }

    /// When the attempt after this one begins and the charge for it, if there shall be one.
    pub(super) async fn pay(&mut self, advice: &Advice, number: u32) -> Option<(Moment, Charge)> {
        let tally = &self.shared.tally;
        let now = self.shared.clock.now();
        let after = After { advice, call: &self.call, number, now };
        let pause = match step(&self.settings, &mut self.pauses, after, self.shared.chance.fraction()) {
            Step::Again(pause) => pause,
            Step::NoAttemptsLeft => return count_none(&tally.no_attempts_left),
            Step::NotRepeatable => return count_none(&tally.not_repeatable),
            Step::NoTimeLeft => return count_none(&tally.no_time_left),
        };
        if let Some(charge) = self.charge(now) {
            self.tell(number + 1, pause);
            return Some((now + pause, charge));
        }
        let paid = self.wait_for_budget(pause).await?;
        self.tell(number + 1, Duration::ZERO);
        Some(paid)
    }

    /// Waits for the end of the pause, and gives the moment at which the attempt begins.
    pub(super) async fn begin(&mut self, (until, mut charge): (Moment, Charge)) -> Result<Moment, Stop> {
        self.shared.clock.sleep_until(until).await;
        loop {
            let now = self.shared.clock.now();
            if self.call.is_over(now) {
                return Err(Stop::TimeIsUp);
            }
            if charge.begin_again(now) {
                count(&self.shared.tally.retries);
                return Ok(now);
            }
            let pause = self.pauses.next(self.shared.chance.fraction());
            (_, charge) = self.wait_for_budget(pause).await.ok_or(Stop::NotCovered)?;
        }
    }

    /// The budget has nothing: waits until it has, if that is wanted and as long as there is time. The first time for `pause`, which
    /// the other side may have asked for; then only as long as pauses are by themselves.
    async fn wait_for_budget(&mut self, mut pause: Duration) -> Option<(Moment, Charge)> {
        let Shared { clock, budget, chance, tally, .. } = self.shared;
        if !std::mem::replace(&mut self.was_refused, true) {
            budget.refuse();
        }
        loop {
            if !self.settings.waits_for_budget || !budget.can_pay() {
                return count_none(&tally.budget_spent);
            }
            pause = pause.max(WAIT_MIN);
            let now = clock.now();
            if self.call.remaining(now).is_some_and(|remaining| pause >= remaining) {
                return count_none(&tally.no_time_left);
            }
            clock.sleep_until(now + pause).await;
            let now = clock.now();
            if let Some(charge) = self.charge(now) {
                return Some((now, charge));
            }
            pause = self.pauses.next(chance.fraction());
        }
    }

    fn charge(&self, now: Moment) -> Option<Charge> {
        self.shared.budget.charge_again(&self.call, now, self.outlook.promise(&self.call, now))
    }

    fn tell(&self, attempt: u32, pause: Duration) {
        let name = &self.shared.name;
        self.shared.listener.tell(|| PolicyEvent::Retried { name: Arc::clone(name), attempt, pause });
    }
}

fn count_none<T>(counter: &AtomicU64) -> Option<T> {
    count(counter);
    None
}
