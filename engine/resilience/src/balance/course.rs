//! Several attempts at one call, each at another endpoint.
//!
//! Made by [`Balancer::course`](super::Balancer::course) for each call, and handed to a retry or a hedge, which say whether there is
//! another attempt. Attempts may run side by side; for a hedge it is the [`Outlook`] on them. It allocates nothing.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use homeostat_reactor::Moment;

use super::{Balancer, EndpointId, Pick};
use crate::hedge::{Outlook, Start};
use crate::{Advice, Call, Failure, Refusal, Verdict};

/// The latest endpoints that are remembered as tried: no budget pays for more attempts at one call.
const TRIED_MAX: usize = 8;
/// Attempts under way of which one will succeed with less than this probability have a poor outlook. Lower than where an
/// endpoint begins to be doubted: to start another one costs load, to go on waiting only time.
const POOR_BELOW: f32 = 0.3;
/// The outlook is looked at about this often while a good call takes its time: what happens in between is seen late by that much.
const LOOKS_A_CALL: u32 = 8;
/// Looks are never closer together, or further apart.
const LOOK_AGAIN_MIN: Duration = Duration::from_millis(5);
const LOOK_AGAIN_MAX: Duration = Duration::from_millis(250);

/// Where one call was tried.
#[derive(Debug)]
pub struct Course<T> {
    balancer: Balancer<T>,
    attempts_max: usize,
    tried: Mutex<Tried>,
}

#[derive(Debug, Default)]
struct Tried {
    endpoints: [EndpointId; TRIED_MAX],
    is_running: [bool; TRIED_MAX],
    is_full: [bool; TRIED_MAX],
    count: usize,
    /// Whether the attempt that ended last was told that there is no room.
    was_full: bool,
    /// Whether an endpoint that works had no room: the calls are too many.
    met_full: bool,
}

/// One attempt of a course, under way as long as this lives.
#[must_use = "a leg that is dropped counts as a call that was given up"]
#[derive(Debug)]
pub struct Leg<'a, T> {
    course: &'a Course<T>,
    pick: Option<Pick<T>>,
    place: usize,
}

impl<T> Leg<'_, T> {
    /// The endpoint.
    pub const fn value(&self) -> &Arc<T> {
        self.pick.as_ref().expect("only the end of a leg takes its pick").value()
    }

    /// The attempt ended like this.
    pub fn finish(mut self, advice: impl Into<Advice>) {
        let Some(pick) = self.pick.take() else { return };
        let advice = advice.into();
        self.course.ended(self.place, &pick, advice.verdict);
        pick.finish(advice);
    }
}

impl<T> Drop for Leg<'_, T> {
    fn drop(&mut self) {
        self.course.tried().is_running[self.place] = false;
    }
}

impl<T> Course<T> {
    pub(super) fn new(balancer: Balancer<T>) -> Self {
        Self { balancer, attempts_max: usize::MAX, tried: Mutex::default() }
    }

    /// For at most so many attempts in all, as far as whoever makes them asks for an [`Outlook`].
    #[must_use]
    pub fn at_most(self, attempts_max: usize) -> Self {
        Self { attempts_max, ..self }
    }

    /// Whether no attempt is left.
    pub fn is_spent(&self) -> bool {
        self.attempts() >= self.attempts_max
    }

    /// How many attempts have begun.
    pub fn attempts(&self) -> usize {
        self.tried().count
    }

    /// Begins the next attempt, at another endpoint as long as there is one.
    ///
    /// # Errors
    /// That there is no endpoint, or no time left.
    pub fn begin(&self, call: &Call) -> Result<Leg<'_, T>, Refusal> {
        if call.is_over(self.balancer.0.clock.now()) {
            return Err(Refusal::DeadlinePassed);
        }
        // Held while choosing, so that two attempts that begin at once do not choose the same.
        let mut tried = self.tried();
        let known = tried.count.min(TRIED_MAX);
        let pick = self.balancer.pick_besides(call, &tried.endpoints[..known])?;
        let place = tried.count % TRIED_MAX;
        tried.endpoints[place] = pick.id();
        tried.is_running[place] = true;
        tried.count += 1;
        Ok(Leg { course: self, pick: Some(pick), place })
    }

    /// Makes the next attempt, and learns from what `advise` says of its result.
    ///
    /// # Errors
    /// The call's own, or that there is no endpoint, or no time left.
    pub async fn call<R, E, A, F>(
        &self,
        call: &Call,
        advise: impl Fn(&Result<R, E>) -> A,
        work: impl FnOnce(Arc<T>) -> F,
    ) -> Result<R, Failure<E>>
    where
        A: Into<Advice>,
        F: Future<Output = Result<R, E>>,
    {
        let leg = self.begin(call)?;
        let result = work(Arc::clone(leg.value())).await;
        leg.finish(advise(&result));
        result.map_err(Failure::Inner)
    }

    /// Whether an endpoint that works had no room for this call.
    pub fn met_full(&self) -> bool {
        self.tried().met_full
    }

    /// After a pause, those that had no room are as good as any: they have not failed this call.
    pub fn pause(&self) {
        let mut tried = self.tried();
        for place in 0..TRIED_MAX {
            if std::mem::take(&mut tried.is_full[place]) {
                tried.endpoints[place] = EndpointId::default();
            }
        }
    }

    fn ended(&self, place: usize, pick: &Pick<T>, verdict: Verdict) {
        let is_full = verdict == Verdict::Full;
        let is_liked = is_full && self.balancer.is_liked(pick.id());
        let mut tried = self.tried();
        tried.was_full = is_full;
        tried.met_full |= is_liked;
        tried.is_full[place] = is_full;
    }

    fn tried(&self) -> MutexGuard<'_, Tried> {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Outlook for Course<T> {
    /// In place of one that failed only where there is an endpoint that was not tried: at the same one it would fail again, and a
    /// retry makes a pause first.
    fn allows(&self, why: Start) -> bool {
        let (attempts, was_full, endpoints) = {
            let tried = self.tried();
            (tried.count, tried.was_full, tried.endpoints)
        };
        if attempts >= self.attempts_max || why != Start::InPlace {
            return attempts < self.attempts_max;
        }
        // Where those that work have no room, a broken one is no help: rather wait for a place.
        if was_full { self.balancer.has_room(&endpoints) } else { attempts < self.balancer.len() }
    }

    fn is_poor(&self, _: &Call, now: Moment) -> bool {
        let (endpoints, is_running) = {
            let tried = self.tried();
            (tried.endpoints, tried.is_running)
        };
        let running = endpoints.iter().zip(is_running).filter(|(_, is_running)| *is_running);
        self.balancer.one_works(now, running.map(|(id, _)| *id)) < POOR_BELOW
    }

    fn look_again(&self) -> Option<Duration> {
        let typical = self.balancer.good_within(0.5);
        Some(typical.map_or(LOOK_AGAIN_MAX, |typical| (typical / LOOKS_A_CALL).clamp(LOOK_AGAIN_MIN, LOOK_AGAIN_MAX)))
    }
}
