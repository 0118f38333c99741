//! The policies of a stack, nested: each function is one layer around the next, the outermost first.
//!
//! Called by [`Stack`](super::Stack) alone. Every layer is there from the start and is passed by where its setting says so, so that
//! a reload can bring it in without losing anything. No layer within the hedge makes a timer of its own, but for who waits in line.

use std::future::Future;
use std::sync::Arc;

use homeostat_reactor::{Clock, Moment};

use super::begun::{Answered, Begun};
use super::calls::{Calls, Ongoing};
use super::limit::Limit;
use super::queue::OffersOn;
use super::settings::StackSettings;
use crate::balance::Course;
use crate::chance::Chance;
use crate::line::Line;
use crate::live::Live;
use crate::retry::Timer;
use crate::{
    Advice, Attempt, Balancer, Breaker, Budget, Bulkhead, Call, ConcurrencyLimiter, Eternal, Failure, Fallback, Hedge,
    Listener, RateLimit, Refusal, Retry, Verdict, advise_through,
};

/// All policies of one stack.
#[derive(Debug)]
pub(super) struct Layers<T> {
    pub(super) name: Arc<str>,
    pub(super) clock: Clock,
    settings: Live<StackSettings>,
    pub(super) calls: Calls,
    pub(super) fallback: Fallback,
    pub(super) rate: RateLimit,
    pub(super) breaker: Breaker,
    pub(super) eternal: Eternal,
    pub(super) limiter: ConcurrencyLimiter,
    /// Who waits for a place under the learned limit.
    pub(super) line: Line,
    pub(super) bulkhead: Bulkhead,
    pub(super) retry: Retry,
    pub(super) hedge: Hedge,
    pub(super) budget: Budget,
    pub(super) balancer: Balancer<T>,
}

impl<T> Layers<T> {
    pub(super) fn new(
        name: Arc<str>,
        settings: StackSettings,
        clock: Clock,
        seeds: &Chance,
        listener: &Listener,
    ) -> Self {
        let checked = "checked settings make every policy";
        let (tell, chance) = (|| Listener::clone(listener), || Chance::seeded(seeds.next_u64()));
        let budget = Budget::with_listener(&name, settings.budget(), tell());
        let (breaker, eternal) = (Breaker::builder(&name, &clock), Eternal::builder(&name, &clock));
        let (breaker, eternal) = (breaker.settings(settings.breaker()), eternal.settings(settings.eternal()));
        let limiter = ConcurrencyLimiter::builder(Arc::clone(&name), &clock).settings(settings.limiter());
        let bulkhead = Bulkhead::builder(Arc::clone(&name), &clock).settings(settings.bulkhead());
        let rate = RateLimit::builder(Arc::clone(&name), &clock).settings(settings.rate());
        let retry = Retry::builder(&name, &clock).settings(settings.retry()).budget(&budget);
        let hedge = Hedge::builder(&name, &clock).settings(settings.hedge()).budget(&budget);
        let balancer = Balancer::builder(&name).settings(settings.balance()).clock(clock.clone());
        Self {
            fallback: Fallback::with_listener(&name, settings.fallback(), clock.clone(), tell()),
            rate: rate.listener(tell()).build().expect(checked),
            breaker: breaker.chance(chance()).listener(tell()).build().expect(checked),
            eternal: eternal.chance(chance()).listener(tell()).build().expect(checked),
            line: Line::default(),
            limiter: limiter.chance(chance()).listener(tell()).build(),
            bulkhead: bulkhead.listener(tell()).build(),
            retry: retry.chance(chance()).listener(tell()).build(),
            hedge: hedge.listener(tell()).build(),
            balancer: balancer.chance(chance()).listener(tell()).build(),
            settings: Live::new(settings),
            calls: Calls::default(),
            name,
            clock,
            budget,
        }
    }

    pub(super) fn settings(&self) -> StackSettings {
        self.settings.get()
    }

    /// Settings that were checked.
    pub(super) fn reload(&self, settings: StackSettings) {
        let checked = "checked settings make every policy";
        self.fallback.reload(settings.fallback());
        self.rate.reload(&settings.rate()).expect(checked);
        self.breaker.reload(settings.breaker()).expect(checked);
        self.eternal.reload(settings.eternal()).expect(checked);
        self.limiter.reload(settings.limiter());
        self.bulkhead.reload(settings.bulkhead());
        self.retry.reload(settings.retry());
        self.hedge.reload(settings.hedge());
        self.budget.reload(settings.budget());
        self.balancer.reload(settings.balance());
        self.settings.set(settings);
    }

    /// The call with its deadline, under way.
    pub(super) fn begin<'a>(&'a self, call: &Call, answered: &'a Answered) -> (Begun<'a>, Ongoing<'a>) {
        let (at, settings) = (self.clock.now(), self.settings());
        (Begun::new(call, at, &settings, answered), self.calls.begin(call, &self.clock, at))
    }

    /// The limit.
    pub(super) async fn limited<R, E, F>(
        &self,
        begun: &Begun<'_>,
        at: Moment,
        advise: &impl Fn(Result<&R, &E>) -> Advice,
        work: &impl Fn(Attempt, Arc<T>) -> F,
    ) -> Result<R, Failure<E>>
    where
        F: Future<Output = Result<R, E>>,
    {
        match begun.limit {
            Limit::Off => self.attempts(begun, at, advise, work).await,
            Limit::AtMost(_) => {
                let _permit = self.bulkhead.acquire(&begun.call).await?;
                self.attempts(begun, self.clock.now(), advise, work).await
            }
            Limit::Learned => {
                let _offers_on = OffersOn(&self.line);
                let (running, at) = match self.enter_now(&begun.call, at) {
                    Some(running) => (running, at),
                    // On the heap, as few calls wait here.
                    None => (Box::pin(self.enter_in_turn(&begun.call)).await?, self.clock.now()),
                };
                let result = self.attempts(begun, at, advise, work).await;
                // What failed is the balancer's affair: broken endpoints must not have the healthy ones left idle.
                let verdict = match as_seen_from_outside(&result, advise) {
                    Verdict::Failed => Verdict::Ignored,
                    verdict => verdict,
                };
                running.finish_at(begun.answered.at(verdict), verdict, begun.answered.took());
                result
            }
        }
    }

    /// Retry around hedge around balancer.
    async fn attempts<R, E, F>(
        &self,
        begun: &Begun<'_>,
        at: Moment,
        advise: &impl Fn(Result<&R, &E>) -> Advice,
        work: &impl Fn(Attempt, Arc<T>) -> F,
    ) -> Result<R, Failure<E>>
    where
        F: Future<Output = Result<R, E>>,
    {
        let course = self.balancer.course_here().at_most(begun.attempts_max as usize);
        let again = |result: &Result<R, Failure<E>>| {
            let advice = advise_through(advise)(result);
            // A refusal comes from the line, or says that time is up or nobody there: none of it gets better by being paid for.
            let is_refused = matches!(result, Err(Failure::Refused(_)));
            if !advice.verdict.is_worth_another() {
                return advice;
            }
            let now = self.clock.now();
            // Where nobody is left who may well answer, it is not worth waiting for the budget either.
            let is_hopeless = || !self.budget.has_extra(&begun.call, now) && !course.has_hope(now);
            let is_over = || is_refused || course.is_spent() || course.is_agreed();
            let may = || !is_over() && course.has_time(&begun.call, now) && !is_hopeless();
            if may() { advice } else { Verdict::Ignored.into() }
        };
        let hedged = async |attempt: Attempt| {
            let now = self.now_of(&attempt, at);
            let one = |attempt| self.one((begun, &course), attempt, self.now_of(&attempt, now), advise, work);
            let answered = |verdict| begun.answered.at(verdict).unwrap_or_else(|| self.clock.now());
            let advise = advise_through(advise);
            let result = self.hedge.call_begun(&attempt.call, now, advise, one, &course, answered).await;
            result.map_err(Failure::flatten)
        };
        let result = self
            .retry
            .call_timed(&begun.call, at, again, hedged, Timer::OfWork, &course)
            .await
            .map_err(Failure::flatten);
        match result {
            // So that whoever made a call that may be made once knows whether to ask what became of it: waiting for room at an
            // endpoint, as the hedge and the retry do, asks nobody.
            Err(Failure::Refused(Refusal::DeadlinePassed | Refusal::TimedOut { .. })) => {
                let after = self.clock.now().since(at);
                let timed_out = Refusal::TimedOut { name: self.name.to_string(), after };
                Err(if course.attempts() > 0 { timed_out } else { Refusal::DeadlinePassed }.into())
            }
            result => result,
        }
    }

    /// A first attempt is made when whoever makes it begins; a further one later.
    pub(super) fn now_of(&self, attempt: &Attempt, begun: Moment) -> Moment {
        if attempt.number == 1 { begun } else { self.clock.now() }
    }

    /// One attempt at one endpoint, which is chosen at once where there is room, and not when the attempt is first polled: the
    /// outlook must know it.
    fn one<R, E, F>(
        &self,
        (begun, course): (&Begun<'_>, &Course<T, &Balancer<T>>),
        attempt: Attempt,
        now: Moment,
        advise: &impl Fn(Result<&R, &E>) -> Advice,
        work: &impl Fn(Attempt, Arc<T>) -> F,
    ) -> impl Future<Output = Result<R, Failure<E>>>
    where
        F: Future<Output = Result<R, E>>,
    {
        let may_explore = move || self.budget.has_extra(&attempt.call, now);
        let leg = course.begin_now(&attempt.call, now, may_explore);
        async move {
            let leg = match leg? {
                Some(leg) => leg,
                // On the heap, as few calls wait here: its frame would be made room for, and moved, with every attempt.
                None => Box::pin(course.begin_when_room(&attempt.call, may_explore())).await?,
            };
            let attempt = Attempt { number: leg.number() as u32, ..attempt };
            let result = work(attempt, Arc::clone(leg.value())).await;
            let advice = advise(result.as_ref());
            let ended = self.clock.now();
            if advice.verdict == Verdict::Good {
                begun.answered.note(leg.began(), ended);
            }
            leg.finish_at(ended, advice);
            result.map_err(Failure::Inner)
        }
    }
}

/// What the end of a call says to a breaker around it: that an inner limit refused is no failure of what is called.
pub(super) fn as_seen_from_outside<R, E>(
    result: &Result<R, Failure<E>>,
    advise: &impl Fn(Result<&R, &E>) -> Advice,
) -> Verdict {
    match result {
        Ok(answer) => advise(Ok(answer)).verdict,
        Err(Failure::Inner(error)) => advise(Err(error)).verdict,
        Err(Failure::Refused(refusal)) => match refusal {
            Refusal::TimedOut { .. } => Verdict::Failed,
            // Nobody was asked: that too little time was left, or no room, says nothing of who would have been.
            Refusal::DeadlinePassed
            | Refusal::NoEndpoint { .. }
            | Refusal::Full { .. }
            | Refusal::Shed { .. }
            | Refusal::RateLimited { .. }
            | Refusal::Open { .. } => Verdict::Ignored,
        },
    }
}
