//! What all endpoints of a run share: the plan, the clock, the slots that are taken, and the book of attempts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::BackendsArguments;
use crate::massive::child::Start;
use crate::massive::latency::Profile;
use crate::massive::ledger::{Attempt, Fate};
use crate::massive::plan::{Health, Plan};
use crate::massive::schedule::{ENDPOINTS, Fault};

/// Attempts that are written down; a subject that makes more is not measured any more, and its run fails.
const ATTEMPTS_MAX: usize = 2_000_000;

/// What the endpoints share.
#[derive(Debug)]
pub struct World {
    plan: Plan,
    profile: Profile,
    slots: usize,
    seed: u64,
    start: Start,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    taken: [usize; ENDPOINTS],
    /// How often each request has arrived.
    arrivals: HashMap<u64, u64>,
    attempts: Vec<Attempt>,
}

/// What an attempt meets, as decided when it arrived.
#[derive(Debug)]
pub struct Meeting {
    /// How it fails; `None` if it does not.
    pub fault: Option<Fault>,
    /// How long a good answer takes.
    pub latency: Duration,
    /// Writes it down.
    pub line: Line,
}

impl World {
    /// A world that starts then.
    pub fn new(plan: Plan, arguments: &BackendsArguments, start: Start) -> Self {
        let BackendsArguments { profile, slots, seed, .. } = *arguments;
        Self { plan, profile, slots, seed, start, state: Mutex::default() }
    }

    /// An attempt arrives.
    pub fn meet(self: &Arc<Self>, endpoint: usize, request: u64, is_post: bool) -> Meeting {
        let elapsed = self.start.elapsed();
        let number = {
            let mut state = self.state();
            let arrivals = state.arrivals.entry(request).or_default();
            *arrivals += 1;
            *arrivals
        };
        let fault = self.plan.fault(endpoint, elapsed, request, number);
        let attempt = Attempt {
            request,
            endpoint: endpoint as u8,
            began_us: elapsed.as_micros() as u64,
            ended_us: 0,
            fate: Fate::Cancelled,
            is_post,
            at_healthy: !matches!(self.plan.health(endpoint, elapsed), Health::Bad(_)),
            is_fated_good: fault.is_none(),
        };
        Meeting {
            fault,
            latency: self.profile.latency(self.seed, request, number),
            line: Line { world: Arc::clone(self), attempt },
        }
    }

    /// Takes a slot, if one is free.
    pub fn take_slot(self: &Arc<Self>, endpoint: usize) -> Option<Slot> {
        let mut state = self.state();
        let taken = &mut state.taken[endpoint];
        (*taken < self.slots).then(|| {
            *taken += 1;
            Slot { world: Arc::clone(self), endpoint }
        })
    }

    /// Whether an endpoint refuses connections now, and when it changes next.
    pub fn door(&self, endpoint: usize) -> (bool, Option<tokio::time::Instant>) {
        let elapsed = self.start.elapsed();
        let is_shut = self.plan.health(endpoint, elapsed) == Health::Bad(Fault::Refuse);
        let change = self.plan.next_change(endpoint, elapsed).map(|at| self.start.at(at).into());
        (is_shut, change)
    }

    /// The book.
    pub fn take_attempts(&self) -> Vec<Attempt> {
        std::mem::take(&mut self.state().attempts)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A slot that is taken; dropped, it is free again.
#[derive(Debug)]
pub struct Slot {
    world: Arc<World>,
    endpoint: usize,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.world.state().taken[self.endpoint] -= 1;
    }
}

/// The line of an attempt in the book. It is written when this is dropped, whoever drops it: an attempt whose sender has gone ends
/// then.
#[derive(Debug)]
pub struct Line {
    world: Arc<World>,
    attempt: Attempt,
}

impl Line {
    /// What became of it.
    pub fn end(&mut self, fate: Fate) {
        self.attempt.fate = fate;
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let attempt = Attempt { ended_us: self.world.start.elapsed_us(), ..self.attempt };
        let mut state = self.world.state();
        assert!(state.attempts.len() < ATTEMPTS_MAX, "more attempts than anybody should make");
        state.attempts.push(attempt);
    }
}
