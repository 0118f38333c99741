//! Policies that refuse whatever comes: an open breaker, a full bulkhead, a spent rate. The peers are brought there by calls, as
//! they have no other way.

use std::task::{Context, Waker};
use std::time::Duration;

use homeostat_reactor::Clock;
use homeostat_resilience::{
    Breaker, Bulkhead, BulkheadSettings, Call, ConcurrencyLimiter, ConcurrencySettings, Priority, RateLimit,
    RateSettings,
};
use tower::Layer;
use tower_resilience::bulkhead::BulkheadLayer;
use tower_resilience::circuitbreaker::CircuitBreakerLayer;
use tower_resilience::ratelimiter::RateLimiterLayer;

use crate::answer::Answer;
use crate::ours::With;
use crate::subject::{OURS, Subject};
use crate::tower_peers::{FAILSAFE, Failsafe, service, tower};

/// Longer than any measurement takes.
const LONG: Duration = Duration::from_secs(3600);
/// As many failures in a row open either breaker of the peers.
const FAILURES: usize = 5;

/// Ours and the peers'.
pub fn policies() -> Vec<Subject> {
    let mut subjects = ours();
    subjects.extend(peers());
    subjects
}

fn ours() -> Vec<Subject> {
    let clock = Clock::machine();
    let breaker = Breaker::builder("bench", &clock).build().expect("the defaults make a breaker");
    breaker.force_open();
    let settings = BulkheadSettings { permits: 1, waiting_max: 0, ..BulkheadSettings::default() };
    let bulkhead = Bulkhead::builder("bench", &clock).settings(settings).build();
    let permit = bulkhead.try_acquire(Priority::Normal).expect("the first permit is free");
    let settings =
        ConcurrencySettings { limit_at_start: 1, limit_min: 1, limit_max: 1, ..ConcurrencySettings::default() };
    let limiter = ConcurrencyLimiter::builder("bench", &clock).settings(settings).build();
    let running = limiter.try_start(&Call::default()).expect("the first call has room");
    let settings = RateSettings { permits: 1, per_ms: LONG.as_millis() as u64, burst: 1, wait_ms_max: 0 };
    let rate = RateLimit::builder("bench", &clock).settings(settings).build().expect("a rate above nothing is one");
    vec![
        Subject::new("open breaker", OURS, With::new(breaker, &clock)),
        Subject::new("full bulkhead", OURS, With::new(bulkhead, &clock)).holding(permit),
        Subject::new("full adaptive limit", OURS, With::new(limiter, &clock)).holding(running),
        after(Subject::new("spent rate", OURS, With::new(rate, &clock)), Answer::AtOnce, 1),
    ]
}

fn peers() -> Vec<Subject> {
    let open = CircuitBreakerLayer::builder().wait_duration_in_open(LONG).sliding_window_size(FAILURES);
    let open = open.build().expect("the settings make a breaker").layer(service());
    let policy = failsafe::failure_policy::consecutive_failures(FAILURES as u32, failsafe::backoff::constant(LONG));
    let failed = failsafe::Config::new().failure_policy(policy).build();
    let full = BulkheadLayer::builder().max_concurrent_calls(1).reject_when_full();
    let full = tower("full bulkhead", full.build().expect("a permit makes a bulkhead").layer(service()));
    let spent = RateLimiterLayer::builder().limit_for_period(1).refresh_period(LONG).timeout_duration(Duration::ZERO);
    let spent = spent.build().expect("a rate above nothing is one").layer(service());
    vec![
        after(tower("open breaker", open), Answer::Fails, FAILURES),
        after(Subject::new("open breaker", FAILSAFE, Failsafe(failed)), Answer::Fails, FAILURES),
        with_one_under_way(full),
        after(tower("spent rate", spent), Answer::AtOnce, 1),
    ]
}

/// A subject that was called so often.
fn after(subject: Subject, answer: Answer, count: usize) -> Subject {
    runtime().block_on(subject.calls(answer, count as u64));
    subject
}

/// A subject with a call under way that never ends.
fn with_one_under_way(subject: Subject) -> Subject {
    let runtime = runtime();
    let _entered = runtime.enter();
    let mut call = subject.calls(Answer::Never, 1);
    assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "it never ends");
    subject.holding(call)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime of one thread starts")
}
