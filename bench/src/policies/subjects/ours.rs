//! Our policies, each with its default settings wherever those let a call through that takes no time at all.

use std::sync::Arc;
use std::time::Duration;

use homeostat_reactor::Clock;
use homeostat_resilience::balance::Course;
use homeostat_resilience::{
    Balancer, Breaker, Bulkhead, Call, Coalesce, CoalesceSettings, ConcurrencyLimiter, Deadline, DeadlineSettings,
    Eternal, Fallback, FallbackSettings, Hedge, RateLimit, RateSettings, Retry, judge_result,
};

use crate::answer::{Answer, Broken, ask};
use crate::subject::{Caller, OURS, Subject};

/// Endpoints that a call is spread over: ten, as in the benchmark of a massive failure.
pub const ENDPOINTS: usize = 10;
/// The call's own deadline is so far away that it never comes, but it is there: a call without one is spared its timers.
const DEADLINE: Duration = Duration::from_secs(3600);
/// A rate that is never reached: what is measured is the counting, and the refusals elsewhere.
const PERMITS_PER_S: u32 = 1_000_000_000;

/// A policy and the call that goes through it.
#[derive(Clone)]
pub struct With<P> {
    pub policy: P,
    pub call: Call,
}

impl<P> With<P> {
    pub fn new(policy: P, clock: &Clock) -> Self {
        Self { policy, call: Call::idempotent().within(DEADLINE, clock) }
    }
}

/// All of them but the full stack.
pub fn policies() -> Vec<Subject> {
    let clock = Clock::machine();
    let breaker = Breaker::builder("bench", &clock).build().expect("the defaults make a breaker");
    let eternal = Eternal::builder("bench", &clock).build().expect("the defaults make eternal mode");
    let rate = RateSettings { permits: PERMITS_PER_S, burst: PERMITS_PER_S, ..RateSettings::default() };
    let rate = RateLimit::builder("bench", &clock).settings(rate).build().expect("a rate above nothing is one");
    let deadline = Deadline::new("bench", DeadlineSettings::default(), clock.clone());
    let fallback = Fallback::new("bench", FallbackSettings::default(), clock.clone());
    let coalesce = Coalesce::<u64, u64, Broken>::new("bench", CoalesceSettings::default(), clock.clone());
    vec![
        subject("deadline", With::new(deadline, &clock)),
        subject("retry", With::new(Retry::builder("bench", &clock).build(), &clock)),
        subject("hedge", With::new(Hedge::builder("bench", &clock).build(), &clock)),
        subject("breaker", With::new(breaker, &clock)),
        subject("eternal mode", With::new(eternal, &clock)),
        subject("bulkhead", With::new(Bulkhead::builder("bench", &clock).build(), &clock)),
        subject("adaptive limit", With::new(ConcurrencyLimiter::builder("bench", &clock).build(), &clock)),
        subject("rate limit", With::new(rate, &clock)),
        subject("balancer", With::new(balancer(&clock, ENDPOINTS), &clock)),
        subject("coalescing", With::new(coalesce, &clock)),
        subject("fallback", With::new(fallback, &clock)),
    ]
}

fn subject<P>(policy: &'static str, with: With<P>) -> Subject
where
    With<P>: Caller,
{
    Subject::new(policy, OURS, with)
}

/// A balancer over so many endpoints.
pub fn balancer(clock: &Clock, endpoints: usize) -> Balancer<()> {
    let balancer = Balancer::builder("bench").clock(clock.clone()).build();
    (0..endpoints).for_each(|number| balancer.insert(&format!("endpoint-{number:06}"), ()));
    balancer
}

/// A balancer whose endpoints have all been called, for whoever counts what it holds.
pub struct EndpointsHeld(Balancer<()>);

impl EndpointsHeld {
    /// So many endpoints, each called `rounds` times on average.
    pub fn learned(endpoints: usize, rounds: usize) -> Self {
        let clock = Clock::machine();
        let balancer = balancer(&clock, endpoints);
        let call = Call::idempotent();
        for _ in 0..endpoints * rounds {
            balancer.pick(&call).expect("there are endpoints").finish(judge_result(&Ok::<(), Broken>(())));
        }
        Self(balancer)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.snapshot().endpoints.len()
    }
}

/// So many breakers, for whoever counts what they hold.
pub fn breakers(count: usize) -> Vec<impl Send> {
    let clock = Clock::machine();
    let name: Arc<str> = "bench".into();
    (0..count).map(|_| Breaker::builder(&name, &clock).build().expect("the defaults make a breaker")).collect()
}

impl Caller for With<Deadline> {
    async fn call(&mut self, answer: Answer) -> bool {
        self.policy.call(&self.call, |_| ask(answer)).await.is_ok()
    }
}

impl Caller for With<Retry> {
    async fn call(&mut self, answer: Answer) -> bool {
        self.policy.call(&self.call, judge_result, |_| ask(answer)).await.is_ok()
    }
}

impl Caller for With<Hedge> {
    async fn call(&mut self, answer: Answer) -> bool {
        self.policy.call(&self.call, judge_result, |_| ask(answer)).await.is_ok()
    }
}

impl Caller for With<Breaker> {
    async fn call(&mut self, answer: Answer) -> bool {
        self.policy.call(&self.call, judge_result, || ask(answer)).await.is_ok()
    }
}

impl Caller for With<Eternal> {
    async fn call(&mut self, answer: Answer) -> bool {
        self.policy.call(&self.call, judge_result, |_| ask(answer), || async { Err(Broken) }).await.is_ok()
    }
}

impl Caller for With<Bulkhead> {
    async fn call(&mut self, answer: Answer) -> bool {
        self.policy.call(&self.call, || ask(answer)).await.is_ok()
    }
}

impl Caller for With<ConcurrencyLimiter> {
    async fn call(&mut self, answer: Answer) -> bool {
        self.policy.call(&self.call, || ask(answer)).await.is_ok()
    }
}

impl Caller for With<RateLimit> {
    async fn call(&mut self, answer: Answer) -> bool {
        self.policy.call(&self.call, || ask(answer)).await.is_ok()
    }
}

impl Caller for With<Balancer<()>> {
    async fn call(&mut self, answer: Answer) -> bool {
        let course: Course<()> = self.policy.course();
        course.call(&self.call, judge_result, |_| ask(answer)).await.is_ok()
    }
}

impl Caller for With<Coalesce<u64, u64, Broken>> {
    async fn call(&mut self, answer: Answer) -> bool {
        self.policy.call(&7, &self.call, |_| ask(answer)).await.is_ok()
    }
}

impl Caller for With<Fallback> {
    async fn call(&mut self, answer: Answer) -> bool {
        let work = async move { ask(answer).await.map_err(homeostat_resilience::Failure::Inner) };
        self.policy.call(work, judge_result, |_| async { None }).await.is_ok()
    }
}
