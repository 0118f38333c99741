//! The first rows of the ablation, between no policy and the whole library: time limits and retries at an endpoint chosen by chance,
//! and the same with a breaker for each endpoint. The later rows are the library with parts of it switched off.
//!
//! Retries here have a budget that is never spent: what a budget is worth is for the last row to show.

use std::sync::Arc;

use homeostat_reactor::Clock;
use homeostat_resilience::chance::Chance;
use homeostat_resilience::{Attempt, Priority, advise_through};
use homeostat_resilience::{Breaker, BreakerSettings, Budget, BudgetSettings, Failure, Refusal, Retry, RetrySettings};
use hyper::body::Bytes;

use super::ours::{advise, call, failed};
use super::{Answering, Policy};
use crate::massive::schedule::ENDPOINTS;
use crate::massive::transport::{Asked, Transport, Trouble};

/// What an attempt may take: just more than the slowest good answer, as one would set it who knows that.
const ATTEMPT_LIMIT_MS: u64 = 3_100;
/// More than any load needs.
const UNBOUNDED: BudgetSettings = BudgetSettings { ratio: 10.0, minimum_per_s: 1e6 };

/// Time limits and retries; and breakers, if there are any.
pub struct Retrying {
    transport: Arc<Transport>,
    clock: Clock,
    chance: Chance,
    retry: Retry,
    /// One for each endpoint, or none at all.
    breakers: Vec<Breaker>,
}

impl Retrying {
    /// Time limits and retries alone.
    pub fn new(transport: Arc<Transport>) -> Self {
        let clock = Clock::machine();
        let settings = RetrySettings { attempt_limit_ms: ATTEMPT_LIMIT_MS, ..RetrySettings::default() };
        let budget = Budget::new("documents", UNBOUNDED);
        let retry = Retry::builder("documents", &clock).settings(settings).budget(&budget).build();
        Self { transport, clock, chance: Chance::of_the_machine(), retry, breakers: Vec::new() }
    }

    /// And a breaker for each endpoint, with the defaults: one that is open is left out.
    pub fn with_breakers(transport: Arc<Transport>) -> Self {
        let mut retrying = Self::new(transport);
        retrying.breakers = (0..retrying.transport.len())
            .map(|place| {
                let breaker = Breaker::builder(&format!("endpoint-{place}"), &retrying.clock);
                breaker.settings(BreakerSettings::default()).build().expect("the default settings make a breaker")
            })
            .collect();
        retrying
    }

    async fn attempt(&self, asked: Asked) -> Result<Bytes, Failure<Trouble>> {
        let first = self.chance.below(ENDPOINTS);
        if self.breakers.is_empty() {
            return self.transport.attempt(first, asked).await.map_err(Failure::Inner);
        }
        // The next one whose breaker lets it through, from a place chosen by chance.
        let places = (0..ENDPOINTS).map(|step| (first + step) % ENDPOINTS);
        for place in places {
            let Ok(permit) = self.breakers[place].begin(Priority::Normal) else { continue };
            let result = self.transport.attempt(place, asked).await;
            permit.end(advise(result.as_ref()).verdict);
            return result.map_err(Failure::Inner);
        }
        Err(Refusal::NoEndpoint { name: "documents".to_owned() }.into())
    }
}

impl Policy for Retrying {
    fn answer(&self, asked: Asked) -> Answering<'_> {
        Box::pin(async move {
            let call = call(asked, &self.clock);
            let work = |_: Attempt| self.attempt(asked);
            let ended = self.retry.call(&call, advise_through(advise), work).await;
            ended.map_err(|failure| failed(&failure.flatten()))
        })
    }
}
