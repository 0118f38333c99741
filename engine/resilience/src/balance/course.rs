//! Several attempts at one call, each at another endpoint.
//!
//! Made by [`Balancer::course`](super::Balancer::course) for each call, and handed to a retry or a hedge, which say whether there is
//! another attempt. Attempts may run side by side; for a hedge it is the [`Outlook`] on them. It allocates nothing.

use std::borrow::Borrow;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use homeostat_reactor::Moment;

use super::{Balancer, EndpointId, Pick};
use crate::hedge::{Outlook, Start};
use crate::line::OFFERED_WITHIN;
use crate::{Advice, Call, Failure, Refusal, Verdict};

/// The latest endpoints that are remembered as tried: no budget pays for more attempts at one call.
const TRIED_MAX: usize = 8;
/// Where so many endpoints, or all that there are, have themselves answered a call with a failure, it is the call: no other endpoint
/// will do better, and nobody should wait for that. Three: that three which worked break at the same moment is rare, and where many are
/// broken most of them are avoided by then.
const AGREED: usize = 3;
/// And so many such answers at least: a single endpoint is asked once more.
const ANSWERS_MIN: usize = 2;
/// Attempts under way of which one will succeed with less than this probability have a poor outlook. Far lower than where an
/// endpoint begins to be doubted: to start another one costs load and budget, to go on waiting only time.
const POOR_BELOW: f32 = 0.1;
/// The outlook is looked at about this often while a good call takes its time, as long as somebody is doubted: what happens in
/// between is seen late by that much. Where all is well the first doubt is seen at the slowest pace, if nothing else wakes the call.
const LOOKS_A_CALL: u32 = 8;
/// Looks are never closer together: each wakes the call, and where good calls take less than this their percentile starts the next
/// attempt soon enough. Nor further apart.
const LOOK_AGAIN_MIN: Duration = Duration::from_millis(50);
const LOOK_AGAIN_MAX: Duration = Duration::from_millis(250);

/// Where one call was tried.
#[derive(Debug)]
pub struct Course<T, B: Borrow<Balancer<T>> = Balancer<T>> {
    /// Only borrowed within a call, as by a [`Pick`].
    balancer: B,
    attempts_max: usize,
    tried: Mutex<Tried>,
    calls: PhantomData<fn() -> T>,
}

#[derive(Debug)]
struct Tried {
    endpoints: [EndpointId; TRIED_MAX],
    is_running: [bool; TRIED_MAX],
    /// It answered itself that it failed.
    has_answered: [bool; TRIED_MAX],
    count: usize,
    /// Attempts that wait for a place.
    waiting: usize,
    /// An attempt was refused before anybody was asked: by the line, for want of time or of endpoints.
    was_refused: bool,
}

/// One attempt of a course, under way as long as this lives.
#[must_use = "a leg that is dropped counts as a call that was given up"]
#[derive(Debug)]
pub struct Leg<'a, T, B: Borrow<Balancer<T>> = Balancer<T>> {
    course: &'a Course<T, B>,
    pick: Option<Pick<T, &'a Balancer<T>>>,
    number: usize,
}

impl<T, B: Borrow<Balancer<T>>> Leg<'_, T, B> {
    /// The number of the attempt in its course, from 1.
    pub(crate) const fn number(&self) -> usize {
        self.number + 1
    }

    /// The endpoint.
    pub const fn value(&self) -> &Arc<T> {
        self.pick.as_ref().expect("only the end of a leg takes its pick").value()
    }

    /// When the attempt began.
    pub(crate) const fn began(&self) -> Moment {
        self.pick.as_ref().expect("only the end of a leg takes its pick").began()
    }

    /// The attempt ended like this.
    pub fn finish(self, advice: impl Into<Advice>) {
        let now = self.course.balancer().0.clock.now();
        self.finish_at(now, advice.into());
    }

    /// The same for whoever has just looked at the clock.
    pub(crate) fn finish_at(mut self, now: Moment, advice: Advice) {
        let Some(pick) = self.pick.take() else { return };
        match advice.verdict {
            Verdict::Full => self.course.tried().forget(self.number),
            Verdict::Failed if advice.was_answered => self.course.tried().answered(self.number),
            _ => {}
        }
        pick.finish_at(now, advice);
    }
}

impl<T, B: Borrow<Balancer<T>>> Drop for Leg<'_, T, B> {
    fn drop(&mut self) {
        self.course.tried().ended(self.number);
    }
}

impl Tried {
    const NONE: Self = Self {
        endpoints: [EndpointId::NONE; TRIED_MAX],
        is_running: [false; TRIED_MAX],
        has_answered: [false; TRIED_MAX],
        count: 0,
        waiting: 0,
        was_refused: false,
    };

    /// The place of an attempt, unless a later one has taken it.
    fn place(&self, number: usize) -> Option<usize> {
        (self.count - number <= TRIED_MAX).then_some(number % TRIED_MAX)
    }

    fn ended(&mut self, number: usize) {
        if let Some(place) = self.place(number) {
            self.is_running[place] = false;
        }
    }

    fn answered(&mut self, number: usize) {
        if let Some(place) = self.place(number) {
            self.has_answered[place] = true;
        }
    }

    /// Whether as many of so many endpoints have answered with a failure as can be asked for. What those said that are gone was said in
    /// leaving.
    fn agree(&self, endpoints: usize, is_there: impl Fn(EndpointId) -> bool) -> bool {
        let answers = || {
            let all = self.endpoints.iter().zip(self.has_answered);
            all.filter(|(id, has_answered)| *has_answered && is_there(**id)).map(|(id, _)| *id)
        };
        let is_new = |(number, id): &(usize, EndpointId)| !answers().take(*number).any(|other| other == *id);
        answers().count() >= ANSWERS_MIN && answers().enumerate().filter(is_new).count() >= endpoints.min(AGREED)
    }

    /// One that was full has not failed this call: later it is as good as any.
    fn forget(&mut self, number: usize) {
        if let Some(place) = self.place(number) {
            self.endpoints[place] = EndpointId::default();
        }
    }

    fn known(&self) -> &[EndpointId] {
        &self.endpoints[..self.count.min(TRIED_MAX)]
    }
}

/// An attempt that waits for a place, as long as this lives.
struct Waiting<'a>(&'a Mutex<Tried>);

impl<'a> Waiting<'a> {
    fn of(tried: &'a Mutex<Tried>) -> Self {
        lock(tried).waiting += 1;
        Self(tried)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        lock(self.0).waiting -= 1;
    }
}

fn lock(tried: &Mutex<Tried>) -> MutexGuard<'_, Tried> {
    tried.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T, B: Borrow<Balancer<T>>> Course<T, B> {
    pub(super) const fn new(balancer: B) -> Self {
        Self { balancer, attempts_max: usize::MAX, tried: Mutex::new(Tried::NONE), calls: PhantomData }
    }

    fn balancer(&self) -> &Balancer<T> {
        self.balancer.borrow()
    }

    /// For at most so many attempts in all, as far as whoever makes them asks for an [`Outlook`].
    #[must_use]
    pub fn at_most(self, attempts_max: usize) -> Self {
        Self { attempts_max, ..self }
    }

    /// Whether a further attempt has a fair chance to be answered in time. (The first one is always made: there is nothing to lose,
    /// and something to learn.)
    pub(crate) fn has_time(&self, call: &Call, now: Moment) -> bool {
        self.balancer().check_time(call, now).is_ok()
    }

    /// Whether there is an endpoint that has not failed this call and may well answer it.
    pub(crate) fn has_hope(&self, now: Moment) -> bool {
        let tried = self.tried().endpoints;
        self.balancer().has_hope(now, &tried)
    }

    /// Whether no attempt is left.
    pub fn is_spent(&self) -> bool {
        self.attempts() >= self.attempts_max
    }

    /// Whether the endpoints agree that it is the call which fails: then every other one would answer the same.
    pub(crate) fn is_agreed(&self) -> bool {
        let tried = self.tried();
        // Nearly always nobody has, and then nothing else is looked at.
        tried.has_answered.contains(&true) && self.balancer().0.with(|core| tried.agree(core.len(), |id| core.has(id)))
    }

    /// How many attempts have begun.
    pub fn attempts(&self) -> usize {
        self.tried().count
    }

    /// Begins the next attempt, at another endpoint as long as there is one, and at once, even at one that is full.
    ///
    /// # Errors
    /// That there is no endpoint, or no time left.
    pub fn begin(&self, call: &Call) -> Result<Leg<'_, T, B>, Refusal> {
        let now = self.balancer().0.clock.now();
        if call.is_over(now) {
            return Err(Refusal::DeadlinePassed);
        }
        // Held while choosing, so that two attempts that begin at once do not choose the same.
        let mut tried = self.tried();
        let chosen = self.balancer().choose_now(call, now, tried.known())?;
        Ok(self.leg(&mut tried, Pick::new(self.balancer(), now, chosen)))
    }

    /// The same where there is room, unless others wait for it who are as important; `None` where there is none, and then
    /// [`begin_when_room`](Self::begin_when_room) waits for it. Who cannot pay for a second attempt must not explore.
    ///
    /// # Errors
    /// That there is no endpoint, or no time left.
    pub(crate) fn begin_now(
        &self,
        call: &Call,
        now: Moment,
        may_explore: impl Fn() -> bool,
    ) -> Result<Option<Leg<'_, T, B>>, Refusal> {
        if call.is_over(now) {
            return Err(self.refused(Refusal::DeadlinePassed));
        }
        if self.balancer().0.line.ahead_of(call.priority) == 0 {
            return self.try_begin(call, now, may_explore);
        }
        if !may_explore() {
            return Ok(None);
        }
        let mut tried = self.tried();
        let pick = self.balancer().pick_to_explore(call, now, tried.known())?;
        Ok(pick.map(|pick| self.leg(&mut tried, pick)))
    }

    /// Waits in line for room, and begins the next attempt.
    ///
    /// # Errors
    /// That there is no endpoint, not enough time left, or so many in line that it would wait in vain.
    pub(crate) async fn begin_when_room(&self, call: &Call, may_explore: bool) -> Result<Leg<'_, T, B>, Refusal> {
        let shared = &*self.balancer().0;
        // Who finds others in line does not even look whether there is room: it is theirs.
        let mut may_look = shared.line.ahead_of(call.priority) == 0;
        self.balancer().check_line(call).map_err(|refusal| self.refused(refusal))?;
        let _waiting = Waiting::of(&self.tried);
        let (place, mut was_offered) = (shared.line.enter(call.priority), false);
        loop {
            let now = shared.clock.now();
            self.balancer().check_time(call, now).map_err(|refusal| self.refused(refusal))?;
            if may_look && let Some(leg) = self.begin_in_line(call, now, may_explore, was_offered)? {
                place.served();
                self.balancer().offer_on(now);
                return Ok(leg);
            }
            let again = shared.with(|core| core.full_until(now)).unwrap_or(now + OFFERED_WITHIN);
            let pause = again.since(now).min(OFFERED_WITHIN);
            was_offered = shared.clock.within(pause, place.offered()).await.is_some();
            may_look = true;
        }
    }

    /// What was offered is taken even where this call has failed before: it would be free for nothing.
    fn begin_in_line(
        &self,
        call: &Call,
        now: Moment,
        may_explore: bool,
        was_offered: bool,
    ) -> Result<Option<Leg<'_, T, B>>, Refusal> {
        let leg = self.try_begin(call, now, || may_explore)?;
        if leg.is_some() || !was_offered {
            return Ok(leg);
        }
        let pick = self.balancer().pick_with_room(call, now, &[], || false).map_err(|refusal| self.refused(refusal))?;
        Ok(pick.map(|pick| self.leg(&mut self.tried(), pick)))
    }

    fn try_begin(
        &self,
        call: &Call,
        now: Moment,
        may_explore: impl Fn() -> bool,
    ) -> Result<Option<Leg<'_, T, B>>, Refusal> {
        let mut tried = self.tried();
        let pick = self.balancer().pick_with_room(call, now, tried.known(), may_explore);
        tried.was_refused |= pick.is_err();
        Ok(pick?.map(|pick| self.leg(&mut tried, pick)))
    }

    /// Nothing that follows at once would fare better.
    fn refused(&self, refusal: Refusal) -> Refusal {
        self.tried().was_refused = true;
        refusal
    }

    fn leg<'a>(&'a self, tried: &mut Tried, pick: Pick<T, &'a Balancer<T>>) -> Leg<'a, T, B> {
        let number = tried.count;
        tried.endpoints[number % TRIED_MAX] = pick.id();
        tried.is_running[number % TRIED_MAX] = true;
        tried.has_answered[number % TRIED_MAX] = false;
        tried.count += 1;
        Leg { course: self, pick: Some(pick), number }
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

    /// How likely an attempt under way succeeds.
    fn one_works(&self, now: Moment) -> f32 {
        let (endpoints, is_running) = {
            let tried = self.tried();
            (tried.endpoints, tried.is_running)
        };
        let running = endpoints.iter().zip(is_running).filter(|(_, is_running)| *is_running);
        self.balancer().one_works(now, running.map(|(id, _)| *id))
    }

    fn tried(&self) -> MutexGuard<'_, Tried> {
        lock(&self.tried)
    }
}

impl<T, B: Borrow<Balancer<T>>> Outlook for Course<T, B> {
    /// In place of one that failed only where there is an endpoint that was not tried: at the same one it would fail again, and a
    /// retry makes a pause first.
    fn allows(&self, why: Start, call: &Call, now: Moment) -> bool {
        let (attempts, waiting, was_refused, failed) = {
            let tried = self.tried();
            let failed = tried.known().iter().filter(|id| **id != EndpointId::default()).count();
            (tried.count, tried.waiting, tried.was_refused, failed)
        };
        let is_of_use = match why {
            Start::First => true,
            // Who waits for a place would only wait twice.
            Start::Beside => waiting == 0,
            Start::InPlace => !was_refused && failed < self.balancer().len(),
        };
        is_of_use
            && attempts < self.attempts_max
            && self.has_time(call, now)
            && (why == Start::First || !self.is_agreed())
    }

    fn is_poor(&self, _: &Call, now: Moment) -> bool {
        self.tried().waiting == 0 && self.one_works(now) < POOR_BELOW
    }

    fn first_look(&self, call: &Call, started: Moment) -> Option<Duration> {
        // Who was just chosen among the liked was looked at when he was chosen.
        let is_poor = !self.balancer().is_all_liked() && self.is_poor(call, started);
        if is_poor { Some(Duration::ZERO) } else { self.look_again() }
    }

    fn promise(&self, call: &Call, now: Moment) -> f32 {
        (1.0 - self.one_works(now)) * self.balancer().in_time(call, now)
    }

    fn look_again(&self) -> Option<Duration> {
        // Where nobody is doubted a look hardly finds anything, and it wakes the call.
        let typical = self.balancer().typical_in_doubt();
        Some(typical.map_or(LOOK_AGAIN_MAX, |typical| (typical / LOOKS_A_CALL).clamp(LOOK_AGAIN_MIN, LOOK_AGAIN_MAX)))
    }
}
