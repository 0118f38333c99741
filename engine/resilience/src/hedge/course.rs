//! The course of one hedged call: which attempts start, when the next one may, and what is told and learned of it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use homeostat_reactor::Moment;

use super::race::{Race, Runner};
use super::{HedgeSettings, Outlook, Shared};
use crate::attempt::Attempt;
use crate::tally::count;
use crate::{Call, PolicyEvent, Verdict};

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
    outlook: &'a O,
    settings: HedgeSettings,
    call: Call,
    pub(super) race: Race<'a, F>,
    started: u32,
    /// When time starts another attempt; `None` when it does not.
    due: Option<Moment>,
    /// When the outlook is asked again; `None` when it is not.
    look_due: Option<Moment>,
}

impl<'a, F: Future, O: Outlook> Course<'a, F, O> {
    pub(super) fn new(shared: &'a Shared, call: Call, race: Race<'a, F>, outlook: &'a O) -> Self {
        let settings = shared.settings.get();
        Self { shared, outlook, settings, call, race, started: 0, due: None, look_due: None }
    }

    /// When to look again: another attempt may be due, or time is up.
    pub(super) fn next_turn(&self) -> Option<Moment> {
        let has_room = self.has_room();
        let due = [self.due, self.look_due].into_iter().flatten().filter(|_| has_room);
        due.chain(self.call.deadline).min()
    }

    /// A moment has come: another attempt starts if it was waited for, or if what is under way has a poor outlook.
    pub(super) fn look(&mut self, work: &impl Fn(Attempt) -> F) {
        let now = self.shared.clock.now();
        if self.due.is_some_and(|due| now >= due) || self.outlook.is_poor(&self.call, now) {
            self.start_if(Start::Beside, self.call.is_idempotent, work);
        } else {
            self.look_due = self.outlook.look_again().map(|pause| now + pause);
        }
    }

    /// Starts another attempt if it may, there is room for it and the budget pays.
    pub(super) fn start_if(&mut self, why: Start, may: bool, work: &impl Fn(Attempt) -> F) {
        let now = self.shared.clock.now();
        if why == Start::Beside {
            (self.due, self.look_due) = (None, self.outlook.look_again().map(|pause| now + pause));
        }
        if !may || !self.has_room() || !self.outlook.allows(why) {
            return;
        }
        let Some(charge) = self.shared.budget.charge(&self.call, now) else {
            // Time does not ask a second time: what the budget has not now, it has for another call. Only where the outlook is
            // poor it is asked again, at the pace of the looks: there is something to lose by then.
            self.due = None;
            return;
        };
        charge.begin();
        self.start(why, now, work);
    }

    pub(super) fn start(&mut self, why: Start, now: Moment, work: &impl Fn(Attempt) -> F) {
        self.started += 1;
        let number = self.started;
        self.tell_start(why, number);
        let attempt = work(Attempt { call: self.call, number });
        self.race.start(Runner { number, started: now, is_hedge: why == Start::Beside }, attempt);
        // What may not be done twice is not even waited for: no timer is made that could start it.
        if self.call.is_idempotent {
            let patience = self.shared.patience(&self.settings, &self.call, number + 1, now);
            self.due = patience.map(|patience| now + patience);
            self.look_due = self.look_after_start(now);
        }
    }

    /// At once where the outlook is poor from the start, so that several attempts begin together; otherwise later.
    fn look_after_start(&self, now: Moment) -> Option<Moment> {
        let pause = self.outlook.look_again()?;
        Some(if self.outlook.is_poor(&self.call, now) { now } else { now + pause })
    }

    /// An attempt answered acceptably: those still under way are wasted, and something is learned of the time it took.
    pub(super) fn won(&mut self, winner: Runner, verdict: Verdict) {
        let now = self.shared.clock.now();
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
        let most = self.settings.in_flight_max.max(1) as usize;
        self.race.len() < most && self.started < self.settings.attempts_max.max(1)
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
