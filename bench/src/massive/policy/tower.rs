//! tower-resilience 0.13, composed as its documentation advises.
//!
//! From the outside in, after "Composition Guide, External API Clients, With Hedging" and "Outlier Detection": a time limit over all
//! attempts, a bulkhead, retries with exponential backoff and a budget, a hedge at the 95th percentile of good answers, then one
//! endpoint of the fleet, and around each endpoint outlier detection, a circuit breaker and a time limit for the attempt. Ejected
//! endpoints are routed around, as the guide has load balancers do it. That is written here as the emptier of two by chance, since
//! tower's own balancer needs a buffer whose errors a hedge cannot clone.
//!
//! The presets are for answers of a few milliseconds; thresholds and delays are set for what these endpoints take. Whoever knows
//! better numbers is invited to correct them here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use homeostat_resilience::chance::Chance;
use hyper::body::Bytes;
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_resilience::bulkhead::{BulkheadLayer, BulkheadServiceError};
use tower_resilience::circuitbreaker::{CircuitBreakerError, CircuitBreakerLayer};
use tower_resilience::hedge::{HedgeError, HedgeLayer};
use tower_resilience::outlier::{OutlierDetectionLayer, OutlierDetectionServiceError, OutlierDetector};
use tower_resilience::retry::{RetryBudgetBuilder, RetryLayer};
use tower_resilience::timelimiter::{TimeLimiterError, TimeLimiterLayer};

use super::{Answering, Failed, Policy};
use crate::massive::latency::Profile;
use crate::massive::scenario::DEADLINE;
use crate::massive::transport::{Asked, Transport, Trouble};

/// "Threshold of 1: too aggressive"; the default of 5 takes a minute to see eight of ten at this load.
const ERRORS_TO_EJECT: usize = 3;
/// Of ten endpoints eight fail: with the advised cap of 50 % three broken ones would always stay in.
const EJECTED_PERCENT_MAX: usize = 80;
/// The default of 30 s is the whole time between two switches; and so is what it grows to, if it may.
const EJECTED_FOR: Duration = Duration::from_secs(5);
const EJECTED_FOR_MAX: Duration = Duration::from_secs(10);
/// Attempts in all, as in the guide's standard stack.
const ATTEMPTS_MAX: usize = 3;
const BACKOFF: Duration = Duration::from_millis(100);
/// Retries a second, about a fifth of the usual load, and ten seconds' worth at once.
const RETRIES_PER_S: f64 = 2.0;
const RETRIES_AT_ONCE: usize = 20;
/// Calls at once: the `large` preset.
const CALLS_AT_ONCE: usize = 200;

type Unified = BoxCloneSyncService<Asked, Bytes, Unanswered>;

/// Why there is no answer, in the one form that passes all layers.
#[derive(Debug, Clone, Copy)]
struct Unanswered {
    failed: Failed,
    /// Whether the request may be made again: what has certainly not begun, or may be made twice.
    may_repeat: bool,
}

impl Unanswered {
    const REFUSED: Self = Self { failed: Failed::Refused, may_repeat: true };
    /// Of the outermost layer: nobody repeats anything around it.
    const LATE: Self = Self { failed: Failed::Late, may_repeat: false };
}

/// An endpoint in its layers.
struct Instance {
    name: String,
    under_way: Arc<AtomicUsize>,
    service: Unified,
}

/// The endpoints, and who of them is ejected.
struct Fleet {
    instances: Vec<Instance>,
    detector: OutlierDetector,
    chance: Chance,
}

/// tower-resilience.
pub struct Composed(Unified);

impl Composed {
    /// Over this transport, tuned for answers that take as long as these do.
    pub fn new(transport: &Arc<Transport>, profile: Profile) -> Result<Self> {
        let (hedge_after, attempt_limit) = match profile {
            Profile::Uniform => (Duration::from_millis(2_875), Duration::from_millis(3_100)),
            Profile::Lognormal => (Duration::from_millis(135), Duration::from_secs(1)),
        };
        let detector = OutlierDetector::new()
            .max_ejection_percent(EJECTED_PERCENT_MAX)
            .base_ejection_duration(EJECTED_FOR)
            .max_ejection_duration(EJECTED_FOR_MAX);
        let instances = (0..transport.len())
            .map(|place| instance(transport, place, &detector, attempt_limit))
            .collect::<Result<_>>()?;
        let fleet = Arc::new(Fleet { instances, detector, chance: Chance::of_the_machine() });
        let one_of_the_fleet = service_fn(move |asked| {
            let fleet = Arc::clone(&fleet);
            async move { fleet.attempt(asked).await }
        });
        let hedge = HedgeLayer::builder()
            .eligible_if(|asked: &Asked| !asked.is_post)
            .delay(hedge_after)
            .max_hedged_attempts(2)
            .build();
        let budget =
            RetryBudgetBuilder::new().token_bucket().tokens_per_second(RETRIES_PER_S).max_tokens(RETRIES_AT_ONCE);
        let retry = RetryLayer::<Asked, Bytes, Unanswered>::builder()
            .max_attempts(ATTEMPTS_MAX)
            .exponential_backoff(BACKOFF)
            .retry_on(|error: &Unanswered| error.may_repeat)
            .budget(budget.build().context("a budget")?)
            .build();
        let bulkhead = BulkheadLayer::builder().max_concurrent_calls(CALLS_AT_ONCE).build().context("a bulkhead")?;
        let hedged = ServiceBuilder::new().layer(hedge).service(one_of_the_fleet).map_err(HedgeError::into_inner);
        let retried = ServiceBuilder::new().layer(retry).service(hedged);
        let bounded = ServiceBuilder::new().layer(bulkhead).service(retried).map_err(|error| match error {
            BulkheadServiceError::Bulkhead(_) => Unanswered::REFUSED,
            BulkheadServiceError::Inner(inner) => inner,
        });
        let limited = ServiceBuilder::new()
            .layer(TimeLimiterLayer::builder().timeout_duration(DEADLINE).build())
            .service(bounded)
            .map_err(|error| match error {
                TimeLimiterError::Timeout => Unanswered::LATE,
                TimeLimiterError::Inner(inner) => inner,
            });
        Ok(Self(BoxCloneSyncService::new(limited)))
    }
}

fn instance(
    transport: &Arc<Transport>,
    place: usize,
    detector: &OutlierDetector,
    attempt_limit: Duration,
) -> Result<Instance> {
    let name = format!("endpoint-{place}");
    detector.register(name.clone(), ERRORS_TO_EJECT);
    let transport = Arc::clone(transport);
    let client = service_fn(move |asked: Asked| {
        let transport = Arc::clone(&transport);
        async move {
            let ended = tokio::time::timeout(attempt_limit, transport.attempt(place, asked)).await;
            // The layer's own time limit does not know the request, and so not whether it may be made again.
            ended.unwrap_or(Err(Trouble::Broken)).map_err(|trouble| Unanswered {
                failed: Failed::Attempt(trouble),
                may_repeat: !asked.is_post || trouble == Trouble::Refused,
            })
        }
    });
    // Full is not broken: a 503 counts against nobody. The guide shows this classifier for client errors.
    let is_broken = |result: &Result<Bytes, Unanswered>| matches!(result, Err(error) if error.failed != Failed::Attempt(Trouble::Full));
    let breaker = CircuitBreakerLayer::builder()
        .failure_rate_threshold(0.5)
        .sliding_window_size(20)
        .minimum_number_of_calls(5)
        .wait_duration_in_open(EJECTED_FOR)
        .failure_classifier(is_broken)
        .build()
        .context("a breaker")?;
    let guarded = ServiceBuilder::new().layer(breaker).service(client).map_err(|error| match error {
        CircuitBreakerError::OpenCircuit => Unanswered::REFUSED,
        CircuitBreakerError::Inner(inner) => inner,
    });
    let outlier = OutlierDetectionLayer::builder()
        .detector(detector.clone())
        .instance_name(name.clone())
        .failure_classifier(is_broken)
        .error_on_ejection()
        .build()
        .context("outlier detection")?;
    let watched = ServiceBuilder::new().layer(outlier).service(guarded).map_err(|error| match error {
        OutlierDetectionServiceError::OutlierDetection(_) => Unanswered::REFUSED,
        OutlierDetectionServiceError::Inner(inner) => inner,
    });
    Ok(Instance { name, under_way: Arc::default(), service: BoxCloneSyncService::new(watched) })
}

impl Fleet {
    async fn attempt(&self, asked: Asked) -> Result<Bytes, Unanswered> {
        let instance = self.choose();
        let under_way = UnderWay::begin(&instance.under_way);
        let ended = instance.service.clone().oneshot(asked).await;
        drop(under_way);
        ended
    }

    /// The emptier of two by chance among those that are not ejected.
    fn choose(&self) -> &Instance {
        let mut in_use: Vec<&Instance> =
            self.instances.iter().filter(|instance| !self.detector.is_ejected(&instance.name)).collect();
        if in_use.is_empty() {
            in_use = self.instances.iter().collect();
        }
        let one = in_use[self.chance.below(in_use.len())];
        let other = in_use[self.chance.below(in_use.len())];
        let load = |instance: &Instance| instance.under_way.load(Ordering::Relaxed);
        if load(other) < load(one) { other } else { one }
    }
}

/// Counts an attempt as long as it lives.
struct UnderWay(Arc<AtomicUsize>);

impl UnderWay {
    fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Policy for Composed {
    fn answer(&self, asked: Asked) -> Answering<'_> {
        let service = self.0.clone();
        Box::pin(async move { service.oneshot(asked).await.map_err(|error| error.failed) })
    }
}
