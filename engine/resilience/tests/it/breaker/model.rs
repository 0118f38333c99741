//! The breaker against a model that keeps every call it ever saw and counts them anew each time.

use std::time::Duration;

use homeostat_reactor::Moment;
use homeostat_resilience::Verdict;
use homeostat_resilience::breaker::core::{Core, SPREAD};
use homeostat_resilience::breaker::state::{Ending, Ticket};
use homeostat_resilience::breaker::{BreakerSettings, WindowShape};
use homeostat_resilience::chance::Chance;
use proptest::prelude::*;

const SLOW_MS: u64 = 100;
const STEPS: u64 = 10;

#[derive(Debug, Clone, Copy)]
enum Act {
    Begin,
    End { which: usize, verdict: Option<Verdict>, took_ms: u64 },
    On { millis: u64 },
    Back { millis: u64 },
    ForceOpen,
    ForceClosed,
    Release,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Closed,
    Open { until: u64 },
    HalfOpen { under_way: u32, answers: (u32, u32, u32), stirred: u64 },
    ForcedOpen,
    ForcedClosed,
}

/// Says the same as a breaker, as plainly as can be.
struct Model {
    settings: BreakerSettings,
    chance: Chance,
    state: State,
    moves: u64,
    rounds_failed: u32,
    now: u64,
    calls: Vec<(u64, bool, bool)>,
}

impl Model {
    fn window(&self) -> (u32, u32, u32) {
        let kept: Vec<_> = match self.settings.window {
            WindowShape::Calls(most) => self.calls.iter().rev().take(most as usize).collect(),
            WindowShape::TimeMs(span_ms) => {
                let step = |at: u64| at / (span_ms * 1_000_000 / STEPS);
                self.calls.iter().filter(|(at, ..)| step(*at) + STEPS > step(self.now)).collect()
            }
        };
        let count = |which: fn(&(u64, bool, bool)) -> bool| kept.iter().filter(|call| which(call)).count() as u32;
        (kept.len() as u32, count(|call| call.1), count(|call| call.2))
    }

    fn go(&mut self, state: State) {
        self.state = state;
        self.moves += 1;
    }

    fn force(&mut self, state: State) {
        if self.state != state {
            self.go(state);
        }
    }

    fn open(&mut self) {
        let pause_ms = (self.settings.open_ms * 2_u64.pow(self.rounds_failed.min(20))).min(self.settings.open_ms_max);
        let pause = (pause_ms * 1_000_000) as f64 * (1.0 + SPREAD * self.chance.fraction());
        self.go(State::Open { until: self.now + pause as u64 });
    }

    fn begin(&mut self) -> Result<u64, Duration> {
        match &mut self.state {
            State::Closed | State::ForcedClosed => Ok(self.moves),
            State::ForcedOpen => Err(Duration::MAX),
            State::Open { until } if self.now < *until => Err(Duration::from_nanos(*until - self.now)),
            State::Open { .. } => {
                self.go(State::HalfOpen { under_way: 1, answers: (0, 0, 0), stirred: self.now });
                Ok(self.moves)
            }
            State::HalfOpen { under_way, answers, stirred } => {
                if *under_way + answers.0 < self.settings.trials {
                    (*under_way, *stirred) = (*under_way + 1, self.now);
                    return Ok(self.moves);
                }
                if self.now - *stirred < self.settings.open_ms_max * 1_000_000 {
                    return Err(Duration::ZERO);
                }
                self.rounds_failed += 1;
                self.open();
                self.begin()
            }
        }
    }

    fn end(&mut self, ticket: u64, verdict: Option<Verdict>, took_ms: u64) {
        if ticket != self.moves {
            return;
        }
        let is_slow = took_ms >= SLOW_MS;
        let is_trial = matches!(self.state, State::HalfOpen { .. });
        let call = match verdict {
            Some(Verdict::Good) => Some((false, is_slow)),
            Some(Verdict::Failed) => Some((true, is_slow)),
            Some(Verdict::Full) if is_trial => Some((false, false)),
            None if is_slow => Some((false, true)),
            _ => None,
        };
        if let State::HalfOpen { under_way, stirred, .. } = &mut self.state {
            (*under_way, *stirred) = (*under_way - 1, self.now);
        }
        let Some((failed, slow)) = call else { return };
        let over = |part: u32, rate: f64, whole: u32| part > 0 && f64::from(part) >= rate * f64::from(whole);
        let is_bad = |failed, slow, whole| {
            over(failed, self.settings.failure_rate, whole) || over(slow, self.settings.slow_rate, whole)
        };
        if let State::HalfOpen { answers, .. } = &mut self.state {
            *answers = (answers.0 + 1, answers.1 + u32::from(failed), answers.2 + u32::from(slow));
            let (answered, failed, slow) = *answers;
            if is_bad(failed, slow, self.settings.trials) {
                self.rounds_failed += 1;
                self.open();
            } else if answered == self.settings.trials {
                self.rounds_failed = 0;
                self.calls.clear();
                self.go(State::Closed);
            }
            return;
        }
        self.calls.push((self.now, failed, slow));
        let (counted, failed, slow) = self.window();
        if self.state == State::Closed && counted >= self.settings.calls_min && is_bad(failed, slow, counted) {
            self.open();
        }
    }

    fn release(&mut self) {
        match self.state {
            State::ForcedOpen => self.go(State::Open { until: self.now }),
            State::ForcedClosed => self.go(State::Closed),
            _ => {}
        }
    }

    fn name(&self) -> &'static str {
        match self.state {
            State::Closed => "closed",
            State::Open { .. } => "open",
            State::HalfOpen { .. } => "half_open",
            State::ForcedOpen => "forced_open",
            State::ForcedClosed => "forced_closed",
        }
    }
}

fn verdict() -> impl Strategy<Value = Option<Verdict>> {
    prop_oneof![
        4 => Just(Some(Verdict::Good)),
        4 => Just(Some(Verdict::Failed)),
        1 => Just(Some(Verdict::Full)),
        1 => Just(Some(Verdict::Ignored)),
        1 => Just(None),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        20 => Just(Act::Begin),
        20 => (0..20_usize, verdict(), prop_oneof![3 => 0..SLOW_MS, 1 => SLOW_MS..300])
            .prop_map(|(which, verdict, took_ms)| Act::End { which, verdict, took_ms }),
        6 => prop_oneof![0..50_u64, 100..1_500_u64].prop_map(|millis| Act::On { millis }),
        2 => (0..5_000_u64).prop_map(|millis| Act::Back { millis }),
        1 => Just(Act::ForceOpen),
        1 => Just(Act::ForceClosed),
        3 => Just(Act::Release),
    ]
}

fn settings() -> impl Strategy<Value = BreakerSettings> {
    let window = prop_oneof![(4..12_u32).prop_map(WindowShape::Calls), (100..2_000_u64).prop_map(WindowShape::TimeMs)];
    (window, 1..4_u32, 0.2..1.0_f64, 0.2..1.0_f64, 1..4_u32).prop_map(
        |(window, calls_min, failure_rate, slow_rate, trials)| BreakerSettings {
            window,
            calls_min,
            failure_rate,
            slow_after_ms: Some(SLOW_MS),
            slow_rate,
            open_ms: 200,
            open_ms_max: 1_000,
            trials,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn it_says_what_a_plain_count_says(settings in settings(), acts in prop::collection::vec(act(), 1..200)) {
        // Would break: the sums of the window, which outcome counts where, late answers, the pauses, what a clock that goes back
        // does, the way out of being forced.
        let (chance, mut clock) = (Chance::seeded(3), 10_000_000_000_u64);
        let mut core = Core::new(settings, Moment(clock));
        let mut model = Model {
            settings, chance: Chance::seeded(3), state: State::Closed, moves: 0, rounds_failed: 0, now: 0, calls: Vec::new(),
        };
        let mut tickets: Vec<(Ticket, u64)> = Vec::new();
        for act in acts {
            match act {
                Act::Begin => match (core.begin(Moment(clock), &chance), model.begin()) {
                    (Ok(ticket), Ok(expected)) => tickets.push((ticket, expected)),
                    (Err(wait), Err(expected)) => prop_assert_eq!(wait, expected),
                    (got, expected) => prop_assert!(false, "{:?} instead of {:?}", got, expected),
                },
                Act::End { .. } if tickets.is_empty() => {}
                Act::End { which, verdict, took_ms } => {
                    let (ticket, expected) = tickets.swap_remove(which % tickets.len());
                    core.end(ticket, Ending { verdict, took: Duration::from_millis(took_ms) }, Moment(clock), &chance);
                    model.end(expected, verdict, took_ms);
                }
                Act::On { millis } => (clock, model.now) = (clock + millis * 1_000_000, model.now + millis * 1_000_000),
                Act::Back { millis } => {
                    clock = clock.saturating_sub(millis * 1_000_000);
                    core.snapshot("", Moment(clock));
                }
                Act::ForceOpen => (core.force_open(), model.force(State::ForcedOpen)).1,
                Act::ForceClosed => (core.force_closed(), model.force(State::ForcedClosed)).1,
                Act::Release => (core.release(), model.release()).1,
            }
            let snapshot = core.snapshot("", Moment(clock));
            prop_assert_eq!(&snapshot.state, model.name());
            let (calls, failed, slow) = model.window();
            let rate = |part: u32| if calls == 0 { 0.0 } else { f64::from(part) / f64::from(calls) };
            prop_assert_eq!((snapshot.calls, snapshot.failure_rate, snapshot.slow_rate), (calls, rate(failed), rate(slow)));
        }
    }
}
