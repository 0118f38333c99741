//! Ten endpoints of which two work, in virtual time: what the benchmarks call `switch80`. Used by the tests of the balancer and by
//! the example of that name; pure, so that a seed gives the same run everywhere.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use homeostat_reactor::Moment;
use homeostat_resilience::balance::{BalanceCore, BalanceSettings, EndpointId, Wish};
use homeostat_resilience::chance::Chance;
use homeostat_resilience::predictor::Outcome;

pub const ENDPOINTS: usize = 10;
const HEALTHY: usize = 2;
const PERIOD: Duration = Duration::from_secs(30);
const DEADLINE: Duration = Duration::from_secs(5);
/// Calls at once at an endpoint; more are told "full".
const SLOTS: usize = 16;
/// 0.7 of what two endpoints of 16 slots and 1.75 s a call can bear.
const CALLS_A_SECOND: f64 = 12.8;
/// Attempts beside the first: one for every fourth call, and as many saved up for a switch as keep the mean of any ten seconds (128
/// calls) at 1.5.
const EXTRA_A_CALL: f64 = 0.25;
const EXTRA_MAX: f64 = 32.0;

/// How a call is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// Anywhere, once.
    Random,
    /// Anywhere; after a failure or a long silence somewhere else.
    RandomFailover,
    /// The balancer, with the same failover.
    Balanced,
    /// To the emptiest of those that work, which it is told.
    Oracle,
}

/// What came of a run.
#[derive(Debug, Default, Clone)]
pub struct Report {
    pub calls: usize,
    pub good: usize,
    pub attempts: usize,
    /// Calls that began two seconds or more after a switch, and the good ones of them.
    pub calm: usize,
    pub calm_good: usize,
    pub ejected_most: usize,
    /// The most attempts a call in any ten seconds.
    pub attempts_a_call_most: f64,
    /// Attempts at each endpoint that works, in each period: an endpoint that is never asked is forgotten.
    pub healthy_unasked: usize,
}

impl Report {
    pub fn success(&self) -> f64 {
        self.good as f64 / self.calls as f64
    }

    pub fn calm_success(&self) -> f64 {
        self.calm_good as f64 / self.calm as f64
    }

    pub fn attempts_a_call(&self) -> f64 {
        self.attempts as f64 / self.calls as f64
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrive,
    End { attempt: usize },
    Look { call: usize },
}

struct Attempt {
    call: usize,
    endpoint: usize,
    began: Moment,
    outcome: Outcome,
    is_over: bool,
}

#[derive(Default)]
struct Pending {
    began: Moment,
    tried: Vec<usize>,
    attempts: Vec<usize>,
    is_over: bool,
}

pub struct World {
    client: Client,
    seed: u64,
    now: Moment,
    chance: Chance,
    core: BalanceCore,
    ids: Vec<EndpointId>,
    events: BinaryHeap<Reverse<(Moment, usize, Event)>>,
    attempts: Vec<Attempt>,
    calls: Vec<Pending>,
    busy: [usize; ENDPOINTS],
    extra: f64,
    report: Report,
    windows: Vec<(usize, usize)>,
    asked: Vec<[bool; ENDPOINTS]>,
}

/// One run.
pub fn run(client: Client, seed: u64, duration: Duration) -> Report {
    let mut core = BalanceCore::new(BalanceSettings::default());
    let ids = (0..ENDPOINTS).map(|number| core.insert(Moment::ZERO, &format!("endpoint-{number}"))).collect();
    let mut world = World {
        client,
        seed,
        now: Moment::ZERO,
        chance: Chance::seeded(seed),
        core,
        ids,
        events: BinaryHeap::new(),
        attempts: Vec::new(),
        calls: Vec::new(),
        busy: [0; ENDPOINTS],
        extra: EXTRA_MAX,
        report: Report::default(),
        windows: Vec::new(),
        asked: Vec::new(),
    };
    world.at(Moment::ZERO, Event::Arrive);
    while let Some(Reverse((now, _, event))) = world.events.pop() {
        world.now = now;
        match event {
            Event::Arrive if now < Moment::ZERO + duration => world.arrive(),
            Event::Arrive => {}
            Event::End { attempt } => world.end(attempt),
            Event::Look { call } => world.look(call),
        }
        world.report.ejected_most = world.report.ejected_most.max(world.core.ejected());
    }
    world.finish()
}

impl World {
    /// Who works in the period, by number.
    fn healthy(&self, now: Moment) -> [usize; HEALTHY] {
        let period = (now.0 / PERIOD.as_nanos() as u64) as usize;
        // Neighbours of a walk that never stays: no endpoint of one period works in the next.
        let step = 2 + (self.seed as usize % 3);
        [(period * step) % ENDPOINTS, (period * step + 1) % ENDPOINTS]
    }

    /// What an attempt that begins now will come to, and when; `None` for never.
    fn fate(&self, endpoint: usize) -> Option<(Duration, Outcome)> {
        let good = Duration::from_secs_f64(0.5 + 2.5 * self.chance.fraction());
        if self.busy[endpoint] >= SLOTS {
            return Some((Duration::from_millis(1), Outcome::Full(None)));
        }
        if self.healthy(self.now).contains(&endpoint) {
            return Some((good, Outcome::Good));
        }
        match (endpoint + self.seed as usize) % 8 {
            0..=2 => Some((Duration::from_millis(1), Outcome::Failed)),
            3 | 4 => Some((Duration::from_secs(1), Outcome::Failed)),
            5 | 6 => None,
            // A right status and a wrong body: the judge sees it.
            _ => Some((good, Outcome::Failed)),
        }
    }

    fn at(&mut self, when: Moment, event: Event) {
        // The number keeps events of one moment in the order in which they were planned.
        let number = self.events.len() + self.attempts.len() * 1_000;
        self.events.push(Reverse((when, number, event)));
    }

    fn arrive(&mut self) {
        let call = self.calls.len();
        self.calls.push(Pending { began: self.now, ..Pending::default() });
        self.extra = (self.extra + EXTRA_A_CALL).min(EXTRA_MAX);
        self.window().0 += 1;
        let wish = Wish { within: Some(DEADLINE), is_idempotent: true, tried: &[] };
        if self.client == Client::Balanced {
            let most = 1 + self.extra as usize;
            let chosen = self.core.plan(self.now, wish, most, &self.chance);
            self.extra -= (chosen.len() - 1) as f64;
            for id in chosen {
                let endpoint = self.ids.iter().position(|known| *known == id).expect("the core knows only these");
                self.begin(call, endpoint);
            }
        } else {
            let endpoint = self.choose(call);
            self.begin(call, endpoint);
        }
        self.at(self.now + Duration::from_millis(250), Event::Look { call });
        let pause = -(1.0 - self.chance.fraction()).ln() / CALLS_A_SECOND;
        self.at(self.now + Duration::from_secs_f64(pause), Event::Arrive);
    }

    fn choose(&mut self, call: usize) -> usize {
        let tried = &self.calls[call].tried;
        match self.client {
            Client::Oracle => *self.healthy(self.now).iter().min_by_key(|endpoint| self.busy[**endpoint]).expect("two"),
            Client::Random | Client::RandomFailover => {
                let others: Vec<usize> = (0..ENDPOINTS).filter(|endpoint| !tried.contains(endpoint)).collect();
                others[self.chance.below(others.len())]
            }
            Client::Balanced => {
                let within = Some(DEADLINE.saturating_sub(self.now.since(self.calls[call].began)));
                let tried: Vec<EndpointId> = tried.iter().map(|endpoint| self.ids[*endpoint]).collect();
                let wish = Wish { within, is_idempotent: true, tried: &tried };
                let id = self.core.choose(self.now, wish, &self.chance).expect("there are endpoints");
                self.ids.iter().position(|known| *known == id).expect("the core knows only these")
            }
        }
    }

    fn begin(&mut self, call: usize, endpoint: usize) {
        let fate = self.fate(endpoint);
        let attempt = self.attempts.len();
        let outcome = fate.map_or(Outcome::GivenUp, |(_, outcome)| outcome);
        self.attempts.push(Attempt { call, endpoint, began: self.now, outcome, is_over: false });
        self.calls[call].tried.push(endpoint);
        self.calls[call].attempts.push(attempt);
        self.busy[endpoint] += 1;
        self.core.begin(self.now, self.ids[endpoint]);
        self.window().1 += 1;
        let period = (self.now.0 / PERIOD.as_nanos() as u64) as usize;
        self.asked.resize(self.asked.len().max(period + 1), [false; ENDPOINTS]);
        self.asked[period][endpoint] = true;
        if let Some((took, _)) = fate {
            self.at(self.now + took, Event::End { attempt });
        }
    }

    fn close(&mut self, attempt: usize, outcome: Outcome) {
        let Attempt { endpoint, began, .. } = self.attempts[attempt];
        if !std::mem::replace(&mut self.attempts[attempt].is_over, true) {
            self.busy[endpoint] -= 1;
            self.core.end(self.now, self.ids[endpoint], began, outcome);
        }
    }

    fn end(&mut self, attempt: usize) {
        if self.attempts[attempt].is_over {
            return;
        }
        let Attempt { call, outcome, .. } = self.attempts[attempt];
        self.close(attempt, outcome);
        if outcome == Outcome::Good {
            self.settle(call, true);
        } else if self.open(call) == 0 {
            self.fail_over(call);
        }
    }

    /// Every quarter of a second: is it too late, or is it time for another attempt?
    fn look(&mut self, call: usize) {
        if self.calls[call].is_over {
            return;
        }
        if self.now.since(self.calls[call].began) >= DEADLINE {
            return self.settle(call, false);
        }
        let slow = self.core.pool().good_within(0.95).unwrap_or(DEADLINE / 2);
        let is_hopeless =
            self.calls[call].attempts.iter().filter(|attempt| !self.attempts[**attempt].is_over).all(|attempt| {
                let Attempt { endpoint, began, .. } = self.attempts[*attempt];
                let works = self.core.succeeds(self.now, self.ids[endpoint], None);
                self.now.since(began) > slow || (self.client == Client::Balanced && works < 0.25)
            });
        if is_hopeless {
            self.fail_over(call);
        }
        self.at(self.now + Duration::from_millis(250), Event::Look { call });
    }

    fn fail_over(&mut self, call: usize) {
        let may = matches!(self.client, Client::RandomFailover | Client::Balanced);
        if may && self.extra >= 1.0 && self.calls[call].tried.len() < ENDPOINTS {
            self.extra -= 1.0;
            let endpoint = self.choose(call);
            self.begin(call, endpoint);
        } else if self.open(call) == 0 {
            self.settle(call, false);
        }
    }

    fn open(&self, call: usize) -> usize {
        self.calls[call].attempts.iter().filter(|attempt| !self.attempts[**attempt].is_over).count()
    }

    fn settle(&mut self, call: usize, is_good: bool) {
        self.calls[call].is_over = true;
        for attempt in self.calls[call].attempts.clone() {
            self.close(attempt, Outcome::GivenUp);
        }
        let is_calm = self.calls[call].began.0 % PERIOD.as_nanos() as u64 >= 2_000_000_000;
        self.report.good += usize::from(is_good);
        self.report.calm += usize::from(is_calm);
        self.report.calm_good += usize::from(is_calm && is_good);
    }

    fn window(&mut self) -> &mut (usize, usize) {
        let number = (self.now.0 / 10_000_000_000) as usize;
        self.windows.resize(self.windows.len().max(number + 1), (0, 0));
        &mut self.windows[number]
    }

    fn finish(mut self) -> Report {
        self.report.calls = self.calls.len();
        self.report.attempts = self.attempts.len();
        let full = self.windows.iter().filter(|(calls, _)| *calls >= 50);
        self.report.attempts_a_call_most =
            full.map(|(calls, attempts)| *attempts as f64 / *calls as f64).fold(0.0, f64::max);
        // The last period is not looked at: it may have been short.
        for (period, asked) in self.asked.iter().rev().skip(1).rev().enumerate() {
            let healthy = self.healthy(Moment::ZERO + PERIOD * period as u32);
            self.report.healthy_unasked += healthy.iter().filter(|endpoint| !asked[**endpoint]).count();
        }
        self.report
    }
}
