//! The breaker as a machine of states: no clock, no lock, no future. Driven by the breaker, and by tests in any order they like.
//!
//! What always holds: closed lets everything through and changes nothing by it; open lets nothing through; half open has at most
//! `trials` calls under way or answered. A ticket of an earlier state says nothing about the present one, so whatever ends late
//! neither opens nor closes anything. Time only passes: a clock that goes back stands still here.

use std::time::Duration;

use homeostat_reactor::Moment;

use super::settings::BreakerSettings;
use super::state::{Door, Ending, Move, State, Ticket, Trials};
use super::window::{Tally, Window};
use crate::Verdict;
use crate::chance::Chance;
use crate::pause::doubled;

/// What the pause of an open breaker is spread by, as a share of it: enough to break step, too little to notice.
pub const SPREAD: f64 = 0.1;

/// The machine.
#[derive(Debug)]
pub struct Core {
    pub(super) settings: BreakerSettings,
    window: Window,
    pub(super) state: State,
    pub(super) generation: u64,
    /// Rounds of trials that failed since it was last closed: each doubles the pause.
    pub(super) rounds_failed: u32,
    /// What the clock showed last, and how much time has passed by it in all, in nanoseconds.
    seen: Moment,
    pub(super) passed: u64,
    moved: Option<Move>,
    opened: u64,
    refused: u64,
}

impl Core {
    /// A closed one that knows nothing.
    pub fn new(settings: BreakerSettings, now: Moment) -> Self {
        Self {
            settings,
            window: Window::new(settings.window, 0),
            state: State::Closed,
            generation: 0,
            rounds_failed: 0,
            seen: now,
            passed: 0,
            moved: None,
            opened: 0,
            refused: 0,
        }
    }

    /// Lets a call through, or says how long there is no point in asking again.
    ///
    /// # Errors
    /// With that time, when it is open or all trials are taken; zero when a trial only has to end.
    pub fn begin(&mut self, now: Moment, chance: &Chance) -> Result<Ticket, Duration> {
        self.advance(now);
        match &mut self.state {
            State::Closed | State::ForcedClosed => Ok(self.ticket()),
            State::Open { until } if self.passed >= *until => {
                self.go(State::HalfOpen(Trials::first(self.passed)), || "the pause is over".to_owned());
                Ok(self.ticket())
            }
            State::HalfOpen(trials) if trials.under_way + trials.answered.counted < self.settings.trials => {
                trials.under_way += 1;
                trials.stirred = self.passed;
                Ok(self.ticket())
            }
            State::HalfOpen(trials) if self.passed - trials.stirred >= millis(self.settings.open_ms_max) => {
                self.reopen(chance, "its trials hang".to_owned());
                Err(self.refuse())
            }
            State::Open { .. } | State::HalfOpen(_) | State::ForcedOpen => Err(self.refuse()),
        }
    }

    /// Takes in how a call ended. Each ticket ends once; one of an earlier state says nothing any more.
    pub fn end(&mut self, ticket: Ticket, ending: Ending, now: Moment, chance: &Chance) {
        self.advance(now);
        if ticket.generation != self.generation {
            return;
        }
        let call = self.weigh(ending);
        match &mut self.state {
            State::Closed | State::ForcedClosed => {
                let Some(call) = call else { return };
                self.window.take(call, self.passed);
                if matches!(self.state, State::Closed) {
                    self.judge(chance);
                }
            }
            State::HalfOpen(trials) => {
                trials.under_way -= 1;
                trials.stirred = self.passed;
                match (call, ending.verdict) {
                    (Some(call), _) => trials.answered.add(call),
                    // It has no room, but it lives, and that was the question.
                    (None, Some(Verdict::Full)) => trials.answered.add(Tally::of(false, false)),
                    (None, _) => return,
                }
                let answered = trials.answered;
                self.judge_trials(answered, chance);
            }
            State::Open { .. } | State::ForcedOpen => debug_assert!(false, "an open breaker gives no tickets"),
        }
    }

    /// What a call says of whom it called: nothing when it has no room, or the caller was wrong, or gave up before it was slow.
    /// Not counting `Full` keeps a busy endpoint from diluting its own failures, and from looking broken.
    fn weigh(&self, ending: Ending) -> Option<Tally> {
        let is_slow = self.settings.is_slow(ending.took);
        match ending.verdict {
            Some(Verdict::Good) => Some(Tally::of(false, is_slow)),
            Some(Verdict::Failed) => Some(Tally::of(true, is_slow)),
            Some(Verdict::Full | Verdict::Ignored) => None,
            None => is_slow.then(|| Tally::of(false, true)),
        }
    }

    fn judge(&mut self, chance: &Chance) {
        let Tally { counted, failed, slow } = self.window.total();
        if counted < self.settings.calls_min {
            return;
        }
        if reaches(failed, self.settings.failure_rate, counted) {
            self.open(chance, || format!("{failed} of {counted} calls failed"));
        } else if reaches(slow, self.settings.slow_rate, counted) {
            self.open(chance, || format!("{slow} of {counted} calls were slow"));
        }
    }

    fn judge_trials(&mut self, Tally { counted, failed, slow }: Tally, chance: &Chance) {
        let trials = self.settings.trials;
        // Before all have answered, as soon as the rest cannot make it good any more.
        if reaches(failed, self.settings.failure_rate, trials) {
            self.reopen(chance, format!("{failed} of {trials} trials failed"));
        } else if reaches(slow, self.settings.slow_rate, trials) {
            self.reopen(chance, format!("{slow} of {trials} trials were slow"));
        } else if counted >= trials {
            self.close(|| format!("{counted} trials answered, {failed} of them failed"));
        }
    }

    fn reopen(&mut self, chance: &Chance, because: String) {
        self.rounds_failed = self.rounds_failed.saturating_add(1);
        self.open(chance, || because);
    }

    fn open(&mut self, chance: &Chance, because: impl FnOnce() -> String) {
        let (first, longest) = (self.settings.open_ms, self.settings.open_ms_max);
        let pause = doubled(Duration::from_millis(first), self.rounds_failed, Duration::from_millis(longest));
        let pause = pause.as_nanos() as f64 * (1.0 + SPREAD * chance.fraction());
        self.opened += 1;
        self.go(State::Open { until: self.passed.saturating_add(pause as u64) }, because);
    }

    fn close(&mut self, because: impl FnOnce() -> String) {
        self.rounds_failed = 0;
        self.window = Window::new(self.settings.window, self.passed);
        self.go(State::Closed, because);
    }

    pub(super) fn go(&mut self, state: State, because: impl FnOnce() -> String) {
        let from = self.state.name();
        self.state = state;
        self.generation += 1;
        self.moved = Some(Move { from, to: self.state.name(), because: because() });
    }

    /// Closes it from outside, when recovery was proven elsewhere, unless it has moved since `generation` or is forced.
    pub fn recover(&mut self, generation: u64, because: impl FnOnce() -> String) {
        if generation == self.generation && matches!(self.state, State::Open { .. } | State::HalfOpen(_)) {
            self.close(because);
        }
    }

    /// Opens it by hand; it stays so until released.
    pub fn force_open(&mut self) {
        if !matches!(self.state, State::ForcedOpen) {
            self.go(State::ForcedOpen, || "by hand".to_owned());
        }
    }

    /// Closes it by hand: it goes on counting, and stays closed whatever it counts until released.
    pub fn force_closed(&mut self) {
        if !matches!(self.state, State::ForcedClosed) {
            self.go(State::ForcedClosed, || "by hand".to_owned());
        }
    }

    /// Lets it move by itself again: from forced open by way of trials, from forced closed with all that it counted.
    pub fn release(&mut self) {
        match self.state {
            State::ForcedOpen => self.go(State::Open { until: self.passed }, || "released".to_owned()),
            State::ForcedClosed => self.go(State::Closed, || "released".to_owned()),
            State::Closed | State::Open { .. } | State::HalfOpen(_) => {}
        }
    }

    /// Goes on with other settings and all that was learned. Settings that do not pass their check are the caller's to refuse.
    pub fn reload(&mut self, settings: BreakerSettings, now: Moment) {
        self.advance(now);
        if settings.window != self.settings.window {
            self.window = self.window.reshaped(settings.window, self.passed);
        }
        self.settings = settings;
        let longest = self.passed.saturating_add((millis(settings.open_ms_max) as f64 * (1.0 + SPREAD)) as u64);
        if let State::Open { until } = &mut self.state {
            *until = longest.min(*until);
        }
    }

    /// What it did since the last time it was asked, if it moved.
    pub fn take_move(&mut self) -> Option<Move> {
        self.moved.take()
    }

    /// Whom it lets through. As long as that is everybody, `begin` changes nothing and need not be called: a ticket of this
    /// generation is as good.
    pub const fn door(&self) -> Door {
        match self.state {
            State::Closed | State::ForcedClosed => Door::Open,
            State::Open { .. } | State::HalfOpen(_) => Door::Guarded,
            State::ForcedOpen => Door::Shut,
        }
    }

    /// How often it has moved.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// What it is.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Its settings.
    pub const fn settings(&self) -> &BreakerSettings {
        &self.settings
    }

    /// It in numbers.
    pub fn snapshot(&mut self, name: &str, now: Moment) -> super::BreakerSnapshot {
        self.advance(now);
        self.window.pass(self.passed);
        let total = self.window.total();
        super::BreakerSnapshot {
            name: name.to_owned(),
            state: self.state.name().to_owned(),
            calls: total.counted,
            failure_rate: total.failure_rate(),
            slow_rate: total.slow_rate(),
            trials_under_way: if let State::HalfOpen(trials) = &self.state { trials.under_way } else { 0 },
            retry_in: self.retry_in(),
            opened: self.opened,
            refused: self.refused,
        }
    }

    pub(super) fn retry_in(&self) -> Duration {
        match self.state {
            State::Open { until } => Duration::from_nanos(until.saturating_sub(self.passed)),
            State::ForcedOpen => Duration::MAX,
            State::Closed | State::ForcedClosed | State::HalfOpen(_) => Duration::ZERO,
        }
    }

    fn refuse(&mut self) -> Duration {
        self.refused += 1;
        self.retry_in()
    }

    const fn ticket(&self) -> Ticket {
        Ticket { generation: self.generation }
    }

    /// Whether the clock has not shown a later time.
    pub(super) fn is_no_earlier(&self, now: Moment) -> bool {
        now >= self.seen
    }

    pub(super) fn advance(&mut self, now: Moment) {
        self.passed = self.passed.saturating_add(now.0.saturating_sub(self.seen.0));
        self.seen = now;
    }
}

/// Whether these are at least this share of those. Of nothing, nothing reaches any share.
fn reaches(part: u32, rate: f64, whole: u32) -> bool {
    part > 0 && f64::from(part) >= rate * f64::from(whole)
}

pub(super) const fn millis(millis: u64) -> u64 {
    millis.saturating_mul(1_000_000)
}
