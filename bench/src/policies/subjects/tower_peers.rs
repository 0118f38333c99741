//! The peers: tower-resilience and failsafe, with their defaults, and composed as the guide of tower-resilience advises.
//!
//! A task keeps a clone of the service and asks it whether it is ready before each call, as tower wants it: that is the cheapest of
//! the ways that are right.

use std::time::Duration;

use failsafe::futures::CircuitBreaker;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_resilience::adaptive::{AdaptiveLimiterLayer, Vegas};
use tower_resilience::bulkhead::BulkheadLayer;
use tower_resilience::circuitbreaker::CircuitBreakerLayer;
use tower_resilience::coalesce::CoalesceLayer;
use tower_resilience::fallback::FallbackLayer;
use tower_resilience::hedge::HedgeLayer;
use tower_resilience::outlier::OutlierDetector;
use tower_resilience::ratelimiter::RateLimiterLayer;
use tower_resilience::retry::{RetryBudgetBuilder, RetryLayer};
use tower_resilience::timelimiter::TimeLimiterLayer;

use crate::answer::{Answer, Broken, ask};
use crate::subject::{Caller, Subject};

/// The nearest peer, as it is called in the tables.
pub const TOWER: &str = "tower-resilience";
/// The older one, which has a breaker.
pub const FAILSAFE: &str = "failsafe";

/// The limit on a call: ours by default.
const LIMIT: Duration = Duration::from_secs(5);
/// Calls that may be under way at once: ours by default.
const PERMITS: usize = 64;
/// When a hedge starts: what the guide shows.
const HEDGE_AFTER: Duration = Duration::from_millis(50);
/// A rate that is never reached.
const PERMITS_PER_S: usize = 1_000_000_000;

/// A service that a task keeps.
#[derive(Clone)]
pub struct Kept<S>(pub S);

impl<S> Caller for Kept<S>
where
    S: Service<Answer> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    S::Response: Send,
{
    async fn call(&mut self, answer: Answer) -> bool {
        match self.0.ready().await {
            Ok(service) => service.call(answer).await.is_ok(),
            Err(_) => false,
        }
    }
}

/// A breaker of failsafe.
#[derive(Clone)]
pub struct Failsafe<B>(pub B);

impl<B> Caller for Failsafe<B>
where
    B: CircuitBreaker + Clone + Send + Sync + 'static,
{
    async fn call(&mut self, answer: Answer) -> bool {
        // Behind a future of its own, so that nobody is asked when it refuses: it takes a future and not a way to make one.
        self.0.call(async move { ask(answer).await }).await.is_ok()
    }
}

/// What stands behind the peers' policies.
pub fn service() -> impl Service<Answer, Response = u64, Error = Broken, Future: Send> + Clone + Send + 'static {
    service_fn(ask)
}

/// All of theirs that have one of ours beside them.
pub fn policies() -> Vec<Subject> {
    let deadline = TimeLimiterLayer::builder().timeout_duration(LIMIT).build();
    let retry = RetryLayer::<Answer, u64, Broken>::builder().budget(retry_budget()).build();
    let hedge = HedgeLayer::builder().delay(HEDGE_AFTER).max_hedged_attempts(2).build();
    let bulkhead = BulkheadLayer::builder().max_concurrent_calls(PERMITS).build().expect("permits make a bulkhead");
    let limit = AdaptiveLimiterLayer::new(Vegas::builder().build().expect("the defaults make a limit"));
    let rate =
        RateLimiterLayer::builder().limit_for_period(PERMITS_PER_S).build().expect("a rate above nothing is one");
    let fallback = FallbackLayer::<Answer, u64, Broken>::value(0);
    vec![
        tower("deadline", deadline.layer(service())),
        tower("retry", retry.layer(service())),
        tower("hedge", hedge.layer(service())),
        tower("breaker", breaker().layer(service())),
        Subject::new("breaker", FAILSAFE, Failsafe(failsafe::Config::new().build())),
        tower("bulkhead", bulkhead.layer(service())),
        tower("adaptive limit", limit.layer(service())),
        tower("rate limit", rate.layer(service())),
        tower("coalescing", CoalesceLayer::new(|_: &Answer| 7_u64).layer(service())),
        tower("fallback", fallback.layer(service())),
        full_stack(),
    ]
}

/// A subject of a service.
pub fn tower<S>(policy: &'static str, service: S) -> Subject
where
    Kept<S>: Caller,
{
    Subject::new(policy, TOWER, Kept(service))
}

fn breaker() -> CircuitBreakerLayer {
    CircuitBreakerLayer::builder().build().expect("the defaults make a breaker")
}

fn retry_budget() -> std::sync::Arc<dyn tower_resilience::retry::RetryBudget> {
    RetryBudgetBuilder::new().token_bucket().build().expect("the defaults make a budget")
}

/// In the order that its guide recommends, from "Recommended Layer Order": total timeout, retry, breaker, bulkhead, timeout of an
/// attempt, hedge. Nothing of theirs chooses an endpoint, so nothing does here.
fn full_stack() -> Subject {
    type OfBreaker = tower_resilience::circuitbreaker::CircuitBreakerError<OfBulkhead>;
    type OfBulkhead = tower_resilience::bulkhead::BulkheadServiceError<OfTimeout>;
    type OfTimeout = tower_resilience::timelimiter::TimeLimiterError<tower_resilience::hedge::HedgeError<Broken>>;
    let retry = RetryLayer::<Answer, u64, OfBreaker>::builder().budget(retry_budget()).build();
    let stack = ServiceBuilder::new()
        .layer(TimeLimiterLayer::builder().timeout_duration(LIMIT).build())
        .layer(retry)
        .layer(breaker())
        .layer(BulkheadLayer::builder().max_concurrent_calls(PERMITS).build().expect("permits make a bulkhead"))
        .layer(TimeLimiterLayer::builder().timeout_duration(LIMIT).build())
        .layer(HedgeLayer::builder().delay(HEDGE_AFTER).max_hedged_attempts(2).build())
        .service(service());
    tower("full stack", stack)
}

/// So many breakers of tower-resilience, and of failsafe, for whoever counts what they hold.
pub fn peer_breakers(name: &str, count: usize) -> Vec<Box<dyn Send>> {
    let one = |_| -> Box<dyn Send> {
        if name == FAILSAFE { Box::new(failsafe::Config::new().build()) } else { Box::new(breaker().layer(service())) }
    };
    (0..count).map(one).collect()
}

/// A detector of outliers that knows so many endpoints.
pub fn peer_endpoints(count: usize) -> impl Send {
    let detector = OutlierDetector::new();
    (0..count).for_each(|number| detector.register(format!("endpoint-{number:06}"), 5));
    detector
}
