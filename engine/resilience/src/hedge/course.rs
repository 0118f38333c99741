//! The course of one hedged call: which attempts start, when the next one may, and what is told and learned of it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use homeostat_reactor::Moment;

use super::race::{Race, Runner, Turn};
use super::{HedgeSettings, Outlook, Shared};
use crate::attempt::Attempt;
use crate::tally::count;
use crate::{Call, PolicyEvent, Verdict};

/// An attempt that was not allowed is thought of again after this time at the earliest.
const ASKED_AGAIN_AFTER_MIN: Duration = Duration::from_millis(2);

/// Why an attempt starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// It is the call itself.
    First,
    /// The others take too long.
    Beside,
    /// One failed.
    InPlace,
}

/// One call on its way.
pub(super) struct Course<'a, F, O> {
    shared: &'a Shared,
    race: Race<'a, F>,
    timing: Timing<'a, O>,
}

/// When a call is to be looked at again.
struct Timing<'a, O> {
    shared: &'a Shared,
    outlook: &'a O,
    settings: HedgeSettings,
    call: Call,
    started: u32,
    /// When the latest attempt started, if nothing was planned since: only where no answer is there at once is a plan needed.
    unplanned: Option<Moment>,
    /// When time starts another attempt; `None` when it does not.
    due: Option<Moment>,
    /// When the outlook is asked again; `None` when it is not.
    look_due: Option<Moment>,
}

impl<O: Outlook> Timing<'_, O> {
    /// When to look again: another attempt may be due, or time is up.
    fn next_turn(&mut self, has_room: bool) -> Option<Moment> {
        if let Some(started) = self.unplanned.take() {
            self.plan(started);
        }
        let due = [self.due, self.look_due].into_iter().flatten().filter(|_| has_room);
        due.chain(self.call.deadline).min()
    }

    fn plan(&mut self, started: Moment) {
        // What may not be done twice is not even waited for: no timer is made that could start it.
        if !self.call.is_idempotent {
            return;
        }
        let patience = self.shared.patience(&self.settings, &self.call, self.started + 1, started);
        self.due = patience.map(|patience| started + patience);
        self.look_due = self.outlook.first_look(&self.call, started).map(|pause| started + pause);
    }
}

impl<'a, F: Future, O: Outlook> Course<'a, F, O> {
    pub(super) fn new(shared: &'a Shared, call: Call, race: Race<'a, F>, outlook: &'a O) -> Self {
        let settings = shared.settings.get();
        let timing = Timing { shared, outlook, settings, call, started: 0, unplanned: None, due: None, look_due: None };
        Self { shared, race, timing }
    }

    /// Waits until an attempt ends or it is time to look.
    pub(super) async fn turn(&mut self) -> Turn<F::Output> {
        let has_room = self.has_room();
        let Self { shared, race, timing } = self;
        race.turn(&shared.clock, || timing.next_turn(has_room)).await
    }

    /// Whether nothing is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.race.len() == 0
    }

    /// A moment has come: another attempt starts if it was waited for, or if what is under way has a poor outlook.
    pub(super) fn look(&mut self, work: &impl Fn(Attempt) -> F) {
        let (now, timing) = (self.shared.clock.now(), &mut self.timing);
        if timing.due.is_some_and(|due| now >= due) || timing.outlook.is_poor(&timing.call, now) {
            self.start_if(Start::Beside, self.timing.call.is_idempotent, work);
        } else {
            timing.look_due = timing.outlook.look_again().map(|pause| now + pause);
        }
    }

    /// Starts another attempt if it may, there is room for it and the budget pays.
    pub(super) fn start_if(&mut self, why: Start, may: bool, work: &impl Fn(Attempt) -> F) {
        let (now, has_room, timing) = (self.shared.clock.now(), self.has_room(), &mut self.timing);
        if why == Start::Beside {
            (timing.due, timing.look_due) = (None, timing.outlook.look_again().map(|pause| now + pause));
        }
        if !may || !has_room {
            return;
        }
        if !timing.outlook.allows(why, &timing.call, now) {
            // Not now, as with an attempt that waits for its turn: time counts from here on again, and never in a circle.
            let next = timing.started + 1;
            let patience = self.shared.patience(&timing.settings, &timing.call, next, now);
            timing.due = patience.map(|patience| now + patience.max(ASKED_AGAIN_AFTER_MIN));
            return;
        }
        if !self.shared.budget.pay_if_worth(&timing.call, now, timing.outlook.promise(&timing.call, now)) {
            // Time does not ask a second time: what the budget has not now, it has for another call. Only where the outlook is
            // poor it is asked again, at the pace of the looks: there is something to lose by then.
            timing.due = None;
            return;
        }
        self.start(why, now, work);
    }

    pub(super) fn start(&mut self, why: Start, now: Moment, work: &impl Fn(Attempt) -> F) {
        self.timing.started += 1;
        let number = self.timing.started;
        self.tell_start(why, number);
        let attempt = work(Attempt { call: self.timing.call, number });
        self.race.start(Runner { number, started: now, is_hedge: why == Start::Beside }, attempt);
        self.timing.unplanned = Some(now);
    }

    /// An attempt answered acceptably: those still under way are wasted, and something is learned of the time it took.
    pub(super) fn won(&mut self, winner: Runner, verdict: Verdict, now: Moment) {
        let tally = &self.shared.tally;
        if winner.is_hedge {
            count(&tally.won);
            let (name, attempt) = (&self.shared.name, winner.number);
            self.shared.listener.tell(|| PolicyEvent::HedgeWon { name: Arc::clone(name), attempt });
        }
        for loser in self.race.runners() {
            count(&tally.wasted);
            let (name, after) = (&self.shared.name, now.since(loser.started));
            self.shared.listener.tell(|| PolicyEvent::AttemptWasted { name: Arc::clone(name), after });
            // All that is known of a first attempt that is given up is that it takes longer than it ran. Were it left out, only fast
            // answers would be seen, and the percentile would sink with every hedge it starts. (What a hedge took that lost says
            // nothing of the kind: it may just have begun.)
            if loser.number == 1 {
                self.shared.latencies.record(now.since(loser.started), now);
            }
        }
        if verdict == Verdict::Good {
            self.shared.latencies.record(now.since(winner.started), now);
        }
    }

    fn has_room(&self) -> bool {
        let Timing { settings, started, .. } = &self.timing;
        self.race.len() < settings.in_flight_max.max(1) as usize && *started < settings.attempts_max.max(1)
    }

    fn tell_start(&self, why: Start, attempt: u32) {
        let name = &self.shared.name;
        match why {
            Start::First => {}
            Start::Beside => {
                count(&self.shared.tally.fired);
                self.shared.listener.tell(|| PolicyEvent::HedgeFired { name: Arc::clone(name), attempt });
            }
            Start::InPlace => {
                count(&self.shared.tally.failed_over);
                let pause = Duration::ZERO;
                self.shared.listener.tell(|| PolicyEvent::Retried { name: Arc::clone(name), attempt, pause });
            }
        }
    }
}
