//! Every layer around a probe, as the matrix sees it: when it is ready, how it is brought to refuse, and how it shows that it holds
//! nothing. A new layer is a new case here, and all promises of the matrix are asked of it.

use std::future::ready;
use std::time::Duration;

use homeostat_reactor::ManualClock;
use homeostat_resilience::eternal::{Answer, Eternal};
use homeostat_resilience::tower::{
    BalanceService, BreakerLayer, CoalesceLayer, DeadlineLayer, EternalLayer, FallbackLayer, HedgeLayer,
    InnermostLayer, RetryLayer, StackService,
};
use homeostat_resilience::{
    Balancer, Breaker, Call, Coalesce, CoalesceSettings, Deadline, DeadlineSettings, Failure, Fallback,
    FallbackSettings, Hedge, Retry, Stack, StackSettings, Verdict, judge_result,
};
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

use super::limits::{
    bulkhead, bulkhead_ahead, bulkhead_reserved, concurrency, concurrency_ahead, rate, rate_ahead, rate_reserved,
};
use super::probe::{Ask, Probe};

/// What a fallback answers in these tests.
pub const INSTEAD: u32 = 41;

/// What every layer around a probe comes to.
pub type Boxed = BoxCloneSyncService<Ask, u32, Failure<&'static str>>;

type Reading = fn(&Ask) -> Call;
type Writing = fn(&mut Ask, &Call);

/// Tells the call of a request, and the request of the call.
pub const CALLS: (Reading, Writing) = (Ask::call_of, Ask::carry);

/// When a service is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ready {
    /// Always; the inner service is waited for in the response.
    Always,
    /// When the inner service is.
    WithTheInner,
    /// When the policy has room, and then when the inner service is.
    WithRoom,
}

/// How a call ends that must not reach the inner service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Refused,
    Instead,
}

/// One layer.
pub struct Case {
    pub name: &'static str,
    pub ready: Ready,
    /// How often it clones a request that is answered at once.
    pub clones: usize,
    /// Whether it has an answer when the inner service cannot become ready.
    pub has_fallback: bool,
    pub make: fn(&ManualClock, Probe) -> Made,
}

/// A layer around a probe.
pub struct Made {
    pub service: Boxed,
    /// Brings it to let nothing through, and tells a request that is not let through and how that ends; `None` where there is none.
    pub refuse: Box<dyn Fn() -> Option<(Ask, Ending)>>,
    /// Whether the policy holds nothing for any call.
    pub is_clear: Box<dyn Fn() -> bool>,
}

/// A service that fits into a box.
pub trait Fits:
    Service<Ask, Response = u32, Error = Failure<&'static str>, Future: Send> + Clone + Send + Sync + 'static
{
}

impl<S> Fits for S where
    S: Service<Ask, Response = u32, Error = Failure<&'static str>, Future: Send> + Clone + Send + Sync + 'static
{
}

pub fn made(
    service: impl Fits,
    refuse: impl Fn() -> Option<(Ask, Ending)> + 'static,
    is_clear: impl Fn() -> bool + 'static,
) -> Made {
    Made { service: BoxCloneSyncService::new(service), refuse: Box::new(refuse), is_clear: Box::new(is_clear) }
}

pub fn refused(call: Call) -> Option<(Ask, Ending)> {
    Some((Ask::new(1, call), Ending::Refused))
}

/// A call that comes too late.
fn over(time: &ManualClock) -> impl Fn() -> Option<(Ask, Ending)> + use<> {
    let clock = time.clock();
    move || refused(Call::idempotent().within(Duration::ZERO, &clock))
}

fn breaker(time: &ManualClock, probe: Probe) -> Made {
    let breaker = Breaker::builder("a", &time.clock()).build().unwrap();
    guarded(breaker, probe)
}

fn breaker_half_open(time: &ManualClock, probe: Probe) -> Made {
    let breaker = Breaker::builder("a", &time.clock()).build().unwrap();
    breaker.force_open();
    breaker.release();
    guarded(breaker, probe)
}

fn guarded(breaker: Breaker, probe: Probe) -> Made {
    let service = BreakerLayer::new(&breaker, CALLS, judge_result).layer(probe);
    let seen = breaker.clone();
    let refuse = move || {
        breaker.force_open();
        refused(Call::idempotent())
    };
    made(service, refuse, move || seen.snapshot().trials_under_way == 0)
}

fn deadline(time: &ManualClock, probe: Probe) -> Made {
    let deadline = Deadline::new("a", DeadlineSettings::default(), time.clock());
    made(DeadlineLayer::new(&deadline, CALLS).layer(probe), over(time), || true)
}

fn deadline_ahead(time: &ManualClock, probe: Probe) -> Made {
    let deadline = Deadline::new("a", DeadlineSettings::default(), time.clock());
    made(DeadlineLayer::new(&deadline, CALLS).ahead().layer(probe), over(time), || true)
}

fn retry(time: &ManualClock, probe: Probe) -> Made {
    let retry = Retry::builder("a", &time.clock()).build();
    made(RetryLayer::new(&retry, CALLS, judge_result).layer(probe), over(time), || true)
}

fn retry_ahead(time: &ManualClock, probe: Probe) -> Made {
    let retry = Retry::builder("a", &time.clock()).build();
    made(RetryLayer::new(&retry, CALLS, judge_result).ahead().layer(probe), over(time), || true)
}

fn hedge(time: &ManualClock, probe: Probe) -> Made {
    let hedge = Hedge::builder("a", &time.clock()).build();
    made(HedgeLayer::new(&hedge, CALLS, judge_result).layer(probe), over(time), || true)
}

fn hedge_ahead(time: &ManualClock, probe: Probe) -> Made {
    let hedge = Hedge::builder("a", &time.clock()).build();
    made(HedgeLayer::new(&hedge, CALLS, judge_result).ahead().layer(probe), over(time), || true)
}

fn fallback(time: &ManualClock, probe: Probe) -> Made {
    let fallback = Fallback::new("a", FallbackSettings::default(), time.clock());
    let prepare = |_: &Ask| |_: &Result<u32, Failure<&'static str>>| ready(Some(INSTEAD));
    made(FallbackLayer::new(&fallback, judge_result, prepare).layer(probe), || None, || true)
}

fn eternal(time: &ManualClock, probe: Probe) -> Made {
    let eternal = Eternal::builder("a", &time.clock()).build().unwrap();
    let prepare = |_: &Ask| || ready(Ok(INSTEAD));
    let service = EternalLayer::new(&eternal, CALLS, judge_result, prepare).layer(probe);
    let seen = eternal.clone();
    let refuse = move || {
        eternal.force_open();
        Some((Ask::new(1, Call::idempotent()), Ending::Instead))
    };
    made(service.map_response(Answer::into_inner), refuse, move || seen.snapshot().probes_in_flight == 0)
}

fn coalesce(time: &ManualClock, probe: Probe) -> Made {
    let coalesce = Coalesce::new("a", CoalesceSettings::default(), time.clock());
    let service = CoalesceLayer::new(&coalesce, CALLS, |ask: &Ask| ask.number).layer(probe);
    made(service, over(time), move || coalesce.keys() == 0)
}

fn balance(time: &ManualClock, probe: Probe) -> Made {
    let balancer = Balancer::builder("a").clock(time.clock()).build();
    balancer.insert("one", probe.clone());
    balancer.insert("two", probe);
    let service = BalanceService::new(&balancer, CALLS, judge_result);
    let seen = balancer.clone();
    let refuse = move || {
        balancer.replace([]);
        refused(Call::idempotent())
    };
    made(service, refuse, move || seen.snapshot().endpoints.iter().all(|endpoint| endpoint.in_flight == 0))
}

fn stack_of(time: &ManualClock, probe: Probe, essential: bool) -> Stack<Probe> {
    let settings = StackSettings { essential, ..StackSettings::default() };
    let stack = Stack::builder("a", &time.clock()).settings(settings).seed(7).build().unwrap();
    stack.endpoints().insert("one", probe.clone());
    stack.endpoints().insert("two", probe);
    stack
}

fn stack_with(stack: Stack<Probe>, service: impl Fits, ending: Ending) -> Made {
    let seen = stack.clone();
    let refuse = move || {
        stack.force_open();
        Some((Ask::new(1, Call::idempotent()), ending))
    };
    let is_clear = move || {
        let snapshot = seen.snapshot();
        let is_idle = snapshot.endpoints.endpoints.iter().all(|endpoint| endpoint.in_flight == 0);
        is_idle && snapshot.limiter.is_some_and(|limiter| limiter.in_flight == 0)
    };
    made(service, refuse, is_clear)
}

fn judge(result: Result<&u32, &&'static str>) -> Verdict {
    judge_result(&result)
}

fn stack(time: &ManualClock, probe: Probe) -> Made {
    let stack = stack_of(time, probe, false);
    stack_with(stack.clone(), StackService::new(&stack, CALLS, judge), Ending::Refused)
}

fn stack_essential(time: &ManualClock, probe: Probe) -> Made {
    let stack = stack_of(time, probe, true);
    stack_with(stack.clone(), StackService::new(&stack, CALLS, judge), Ending::Refused)
}

fn stack_with_fallback(time: &ManualClock, probe: Probe) -> Made {
    let stack = stack_of(time, probe, false);
    let service = StackService::with_fallback(&stack, CALLS, judge, |_: &Ask| || ready(Some(INSTEAD)));
    stack_with(stack, service, Ending::Instead)
}

fn stack_essential_with_fallback(time: &ManualClock, probe: Probe) -> Made {
    let stack = stack_of(time, probe, true);
    let service = StackService::with_fallback(&stack, CALLS, judge, |_: &Ask| || ready(Some(INSTEAD)));
    stack_with(stack, service, Ending::Instead)
}

fn innermost(_: &ManualClock, probe: Probe) -> Made {
    let layers = ServiceBuilder::new().map_err(Failure::flatten).layer(InnermostLayer);
    made(layers.service(probe), || None, || true)
}

const fn case(name: &'static str, ready: Ready, clones: usize, make: fn(&ManualClock, Probe) -> Made) -> Case {
    Case { name, ready, clones, has_fallback: false, make }
}

/// Every layer.
pub const CASES: [Case; 25] = [
    case("breaker", Ready::Always, 0, breaker),
    case("breaker, half open", Ready::Always, 0, breaker_half_open),
    case("bulkhead", Ready::Always, 0, bulkhead),
    case("bulkhead, ahead", Ready::WithTheInner, 0, bulkhead_ahead),
    case("bulkhead, reserved", Ready::WithRoom, 0, bulkhead_reserved),
    case("rate", Ready::Always, 0, rate),
    case("rate, ahead", Ready::WithTheInner, 0, rate_ahead),
    case("rate, reserved", Ready::WithRoom, 0, rate_reserved),
    case("concurrency", Ready::Always, 0, concurrency),
    case("concurrency, ahead", Ready::WithTheInner, 0, concurrency_ahead),
    case("deadline", Ready::Always, 0, deadline),
    case("deadline, ahead", Ready::WithTheInner, 0, deadline_ahead),
    case("retry", Ready::Always, 1, retry),
    case("retry, ahead", Ready::WithTheInner, 1, retry_ahead),
    case("hedge", Ready::Always, 1, hedge),
    case("hedge, ahead", Ready::WithTheInner, 1, hedge_ahead),
    Case { has_fallback: true, ..case("fallback", Ready::Always, 0, fallback) },
    Case { has_fallback: true, ..case("eternal", Ready::Always, 1, eternal) },
    case("coalesce", Ready::Always, 0, coalesce),
    case("balance", Ready::Always, 0, balance),
    case("stack", Ready::Always, 1, stack),
    case("stack, essential", Ready::Always, 1, stack_essential),
    Case { has_fallback: true, ..case("stack, fallback", Ready::Always, 1, stack_with_fallback) },
    Case { has_fallback: true, ..case("stack, essential, fallback", Ready::Always, 1, stack_essential_with_fallback) },
    case("innermost", Ready::WithTheInner, 0, innermost),
];
