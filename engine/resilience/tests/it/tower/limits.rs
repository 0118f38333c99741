//! The cases of what lets in so much and no more: bulkhead, rate and adaptive limit, each in all its layers.

use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use homeostat_reactor::ManualClock;
use homeostat_resilience::bulkhead::{Bulkhead, BulkheadSettings};
use homeostat_resilience::concurrency::{ConcurrencyLimiter, ConcurrencySettings};
use homeostat_resilience::rate::{RateLimit, RateSettings};
use homeostat_resilience::shares::PerPriority;
use homeostat_resilience::tower::{BulkheadLayer, ConcurrencyLayer, RateLayer, ReserveLayer};
use homeostat_resilience::{Call, Priority, judge_result};
use tower::Layer;

use super::cases::{CALLS, Fits, Made, made, refused};
use super::probe::Probe;

pub fn one_at_a_time(time: &ManualClock, waiting_max: usize) -> Bulkhead {
    let guaranteed_shares = PerPriority::default();
    let settings = BulkheadSettings { permits: 1, waiting_max, wait_ms_max: 500, guaranteed_shares };
    Bulkhead::builder("a", &time.clock()).settings(settings).build()
}

fn bulkhead_with(bulkhead: Bulkhead, service: impl Fits) -> Made {
    let (seen, held) = (bulkhead.clone(), Mutex::new(None));
    let refuse = move || {
        *held.lock().unwrap() = Some(bulkhead.try_acquire(Priority::Normal).unwrap());
        refused(Call::idempotent())
    };
    made(service, refuse, move || seen.snapshot().in_flight.normal + seen.snapshot().waiting.normal == 0)
}

pub fn bulkhead(time: &ManualClock, probe: Probe) -> Made {
    let bulkhead = one_at_a_time(time, 0);
    bulkhead_with(bulkhead.clone(), BulkheadLayer::new(&bulkhead, CALLS).layer(probe))
}

pub fn bulkhead_ahead(time: &ManualClock, probe: Probe) -> Made {
    let bulkhead = one_at_a_time(time, 0);
    bulkhead_with(bulkhead.clone(), BulkheadLayer::new(&bulkhead, CALLS).ahead().layer(probe))
}

pub fn bulkhead_reserved(time: &ManualClock, probe: Probe) -> Made {
    let bulkhead = one_at_a_time(time, 0);
    bulkhead_with(bulkhead.clone(), ReserveLayer::new(&bulkhead, Priority::Normal).layer(probe))
}

/// Room for as many calls as any of these tests makes.
const BURST: u32 = 4;

fn slow_rate(time: &ManualClock) -> RateLimit {
    let settings = RateSettings { permits: 1, per_ms: 60_000, burst: BURST, wait_ms_max: 0 };
    RateLimit::builder("a", &time.clock()).settings(settings).build().unwrap()
}

fn rate_with(rate: RateLimit, service: impl Fits) -> Made {
    let seen = rate.clone();
    let refuse = move || {
        let settings = RateSettings { permits: 1, per_ms: 60_000, burst: 1, wait_ms_max: 0 };
        rate.reload(&settings).unwrap();
        let _taken = futures_once(rate.acquire(&Call::default()));
        refused(Call::idempotent())
    };
    made(service, refuse, move || seen.snapshot().waiting == 0)
}

/// What a future gives that does not wait.
fn futures_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut context = Context::from_waker(Waker::noop());
    match Box::pin(future).as_mut().poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

pub fn rate(time: &ManualClock, probe: Probe) -> Made {
    let rate = slow_rate(time);
    rate_with(rate.clone(), RateLayer::new(&rate, CALLS).layer(probe))
}

pub fn rate_ahead(time: &ManualClock, probe: Probe) -> Made {
    let rate = slow_rate(time);
    rate_with(rate.clone(), RateLayer::new(&rate, CALLS).ahead().layer(probe))
}

pub fn rate_reserved(time: &ManualClock, probe: Probe) -> Made {
    let rate = slow_rate(time);
    rate_with(rate.clone(), ReserveLayer::new(&rate, Priority::Normal).layer(probe))
}

fn limiter(time: &ManualClock) -> ConcurrencyLimiter {
    let settings = ConcurrencySettings { limit_at_start: 1, limit_min: 1, limit_max: 1, ..Default::default() };
    ConcurrencyLimiter::builder("a", &time.clock()).settings(settings).build()
}

fn limiter_with(limiter: ConcurrencyLimiter, service: impl Fits) -> Made {
    let (seen, held) = (limiter.clone(), Mutex::new(None));
    let refuse = move || {
        *held.lock().unwrap() = Some(limiter.try_start(&Call::default()).unwrap());
        refused(Call::idempotent())
    };
    made(service, refuse, move || seen.snapshot().in_flight == 0)
}

pub fn concurrency(time: &ManualClock, probe: Probe) -> Made {
    let limiter = limiter(time);
    limiter_with(limiter.clone(), ConcurrencyLayer::new(&limiter, CALLS, judge_result).layer(probe))
}

pub fn concurrency_ahead(time: &ManualClock, probe: Probe) -> Made {
    let limiter = limiter(time);
    limiter_with(limiter.clone(), ConcurrencyLayer::new(&limiter, CALLS, judge_result).ahead().layer(probe))
}
