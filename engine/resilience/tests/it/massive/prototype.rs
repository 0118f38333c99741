//! What one writes in an afternoon against massive failure: estimates that fade, a hopeful draw, a hedge, and the next endpoint at
//! once. No budget, no line, no limit but three attempts at a time and each endpoint once. The measure of what a library must beat.
//!
//! Called by the virtual world beside it and by the benchmark of massive failure: the same code in both.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use homeostat_reactor::{Clock, Moment};
use homeostat_resilience::chance::Chance;

/// Attempts at one call at once.
const IN_FLIGHT_MAX: usize = 3;
/// What was seen counts half as much after so long.
const HALF_LIFE_SECS: f64 = 5.0;
/// The share of good answers that are there before another attempt starts beside the first, of the latest so many.
const HEDGE_AT: f64 = 0.7;
const LATENCIES_MAX: usize = 100;
/// When to hedge before there was any good answer.
const HEDGE_AT_FIRST: Duration = Duration::from_secs(1);
/// An attempt that was given up after it was hedged is held for half a failure: it may have been good and slow.
const GIVEN_UP: f64 = 0.5;

/// What was seen of an endpoint, fading.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    good: f64,
    bad: f64,
    at: Moment,
}

#[derive(Debug)]
struct Memory {
    seen: Vec<Seen>,
    latencies: VecDeque<Duration>,
}

/// The prototype and what it remembers.
#[derive(Debug)]
pub struct Prototype {
    clock: Clock,
    chance: Chance,
    memory: Mutex<Memory>,
}

impl Prototype {
    /// Over so many endpoints.
    pub fn new(endpoints: usize, clock: &Clock, chance: Chance) -> Self {
        let memory = Memory { seen: vec![Seen::default(); endpoints], latencies: VecDeque::new() };
        Self { clock: clock.clone(), chance, memory: Mutex::new(memory) }
    }

    /// The first good answer, or the last failure. A call that must not be made twice is made once.
    pub async fn call<T, E, F>(&self, may_repeat: bool, attempt: impl Fn(usize) -> F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let mut running = FuturesUnordered::new();
        let mut tried = Vec::new();
        loop {
            if let Some(place) = self.choose(&tried) {
                tried.push(place);
                running.push(self.leg(place, attempt(place)));
            }
            let is_spent = !may_repeat || tried.len() == self.memory().seen.len();
            let ended = if is_spent || running.len() == IN_FLIGHT_MAX {
                running.next().await
            } else {
                let hedge_after = self.hedge_after();
                self.clock.within(hedge_after, running.next()).await.flatten()
            };
            match ended {
                Some(Ok(answer)) => return Ok(answer),
                Some(Err(error)) if is_spent && running.is_empty() => return Err(error),
                _ => {}
            }
        }
    }

    async fn leg<T, E>(&self, place: usize, attempt: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let mut leg = Leg { of: self, place, began: self.clock.now(), is_over: false };
        let result = attempt.await;
        leg.is_over = true;
        let took = self.clock.now().since(leg.began);
        match &result {
            Ok(_) => {
                self.learn(place, 1.0, 0.0);
                let latencies = &mut self.memory().latencies;
                latencies.push_back(took);
                latencies.drain(..latencies.len().saturating_sub(LATENCIES_MAX));
            }
            Err(_) => self.learn(place, 0.0, 1.0),
        }
        result
    }

    /// The best of what each endpoint may be worth by a draw: the less is seen of it, the further it goes.
    fn choose(&self, tried: &[usize]) -> Option<usize> {
        let now = self.clock.now();
        let memory = self.memory();
        let drawn = memory.seen.iter().enumerate().filter(|(place, _)| !tried.contains(place)).map(|(place, seen)| {
            let (good, bad) = seen.faded(now);
            (place, beta(good + 1.0, bad + 1.0, &self.chance))
        });
        drawn.max_by(|left, right| left.1.total_cmp(&right.1)).map(|(place, _)| place)
    }

    fn hedge_after(&self) -> Duration {
        let mut latencies: Vec<Duration> = self.memory().latencies.iter().copied().collect();
        latencies.sort_unstable();
        latencies.get((latencies.len() as f64 * HEDGE_AT) as usize).copied().unwrap_or(HEDGE_AT_FIRST)
    }

    fn learn(&self, place: usize, good: f64, bad: f64) {
        let at = self.clock.now();
        let seen = &mut self.memory().seen[place];
        let faded = seen.faded(at);
        *seen = Seen { good: faded.0 + good, bad: faded.1 + bad, at };
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn faded(&self, now: Moment) -> (f64, f64) {
        let left = 0.5_f64.powf(now.since(self.at).as_secs_f64() / HALF_LIFE_SECS);
        (self.good * left, self.bad * left)
    }
}

/// A draw from the distribution of a share of which so much was seen, near enough: a normal one of the same mean and width.
fn beta(good: f64, bad: f64, chance: &Chance) -> f64 {
    let all = good + bad;
    let width = (good * bad / (all * all * (all + 1.0))).sqrt();
    let normal = (-2.0 * (1.0 - chance.fraction()).ln()).sqrt() * (std::f64::consts::TAU * chance.fraction()).cos();
    good / all + width * normal
}

/// An attempt; dropped before it is over, it was given up.
struct Leg<'a> {
    of: &'a Prototype,
    place: usize,
    began: Moment,
    is_over: bool,
}

impl Drop for Leg<'_> {
    fn drop(&mut self) {
        if !self.is_over && self.of.clock.now().since(self.began) >= self.of.hedge_after() {
            self.of.learn(self.place, 0.0, GIVEN_UP);
        }
    }
}
