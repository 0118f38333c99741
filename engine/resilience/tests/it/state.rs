//! What a stack has learned survives a restart, loses weight with age, and can be written by anybody without harm.

use std::sync::Arc;
use std::time::Duration;

use homeostat_reactor::{Clock, ManualClock};
use homeostat_resilience::balance::Standing;
use homeostat_resilience::breaker::BreakerMemory;
use homeostat_resilience::eternal::EternalMemory;
use homeostat_resilience::latency::Weights;
use homeostat_resilience::memory::{Memory, Remembered};
use homeostat_resilience::stack::{STATE_VERSION, Stack, StackSettings, StackState, UnknownState};
use homeostat_resilience::{Attempt, Call, Verdict};
use proptest::prelude::*;

const ENDPOINTS: [&str; 3] = ["one", "two", "three"];
const MONTH: Duration = Duration::from_secs(30 * 86_400);

fn stack_of(clock: &Clock) -> Stack<&'static str> {
    let stack = Stack::builder("orders", clock).seed(1).build().unwrap();
    ENDPOINTS.into_iter().for_each(|name| stack.endpoints().insert(name, name));
    stack
}

/// Calls, eighty at once, of 10 ms each; those to `broken` fail.
async fn use_of(stack: &Stack<&'static str>, time: &ManualClock, rounds: usize, broken: &str) {
    let clock = time.clock();
    let ask = |_: Attempt, endpoint: Arc<&'static str>| {
        let clock = clock.clone();
        async move {
            clock.sleep(Duration::from_millis(10)).await;
            if *endpoint == broken { Err(()) } else { Ok(()) }
        }
    };
    let judge = |result: Result<&(), &()>| if result.is_ok() { Verdict::Good } else { Verdict::Failed };
    let call = Call::idempotent();
    for _ in 0..rounds {
        let calls = futures::future::join_all((0..80).map(|_| stack.call(&call, judge, ask)));
        let _ = tokio::join!(calls, time.turn(Duration::from_millis(100)));
    }
}

fn written(state: &StackState) -> StackState {
    serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap()
}

#[tokio::test]
async fn a_restart_forgets_nothing_that_still_holds() {
    // Would break: after each deployment the first calls go to a broken endpoint, are not hedged, and flood what is slow.
    let time = ManualClock::new();
    let old = stack_of(&time.clock());
    use_of(&old, &time, 60, "two").await;
    let (before, state) = (old.snapshot(), written(&old.state()));
    let new = stack_of(&time.clock());
    new.restore(&state, Duration::from_secs(2)).unwrap();
    let after = new.snapshot();
    let standing = |of: &homeostat_resilience::stack::StackSnapshot, at: usize| of.endpoints.endpoints[at].standing;
    let two = ENDPOINTS.len() - 1;
    assert_eq!(
        (standing(&after, 0), standing(&after, two)),
        (Standing::Liked, Standing::Doubted),
        "by name: two is last"
    );
    let hedge = |of: &homeostat_resilience::stack::StackSnapshot| of.hedge_after_ms.unwrap();
    assert!((hedge(&after) / hedge(&before) - 1.0).abs() < 0.1, "{} {}", hedge(&before), hedge(&after));
    let limit = |of: &homeostat_resilience::stack::StackSnapshot| of.limiter.as_ref().unwrap().learned_limit;
    assert!((limit(&before) - 100.0).abs() > 1.0, "it has learned something: {}", limit(&before));
    assert!((limit(&after) / limit(&before) - 1.0).abs() < 0.01, "{} {}", limit(&before), limit(&after));
    let again = new.state();
    assert!(again.limit.is_some() && !again.hedge.0.is_empty(), "a second restart at once loses nothing either");
}

#[tokio::test]
async fn what_is_old_counts_little() {
    // Would break: last month's outage decides where today's calls go.
    let time = ManualClock::new();
    let old = stack_of(&time.clock());
    use_of(&old, &time, 60, "two").await;
    let new = stack_of(&time.clock());
    new.restore(&old.state(), MONTH).unwrap();
    let (after, fresh) = (new.snapshot(), stack_of(&time.clock()).snapshot());
    assert!(after.endpoints.endpoints.iter().all(|endpoint| endpoint.standing == Standing::Liked));
    assert_eq!(after.hedge_after_ms, None);
    assert_eq!(after.limiter.unwrap().limit, fresh.limiter.unwrap().limit);
}

#[tokio::test]
async fn what_is_known_by_now_stays() {
    // Would break: a state that is read late overwrites what the first calls have shown.
    let time = ManualClock::new();
    let (old, new) = (stack_of(&time.clock()), stack_of(&time.clock()));
    use_of(&old, &time, 60, "two").await;
    use_of(&new, &time, 60, "").await;
    let before = new.snapshot();
    new.restore(&old.state(), Duration::ZERO).unwrap();
    let after = new.snapshot();
    assert_eq!(after.limiter, before.limiter);
    assert_eq!(after.breaker, before.breaker);
    assert!(after.endpoints.endpoints.iter().all(|endpoint| endpoint.standing == Standing::Liked));
}

#[test]
fn an_open_breaker_stays_open_for_what_is_left_of_its_pause() {
    // Would break: a crash loop that knocks on a service that is down once more with every restart.
    let time = ManualClock::new();
    let restored = |breaker, age| {
        let stack = stack_of(&time.clock());
        stack.restore(&StackState { version: STATE_VERSION, breaker, ..StackState::default() }, age).unwrap();
        let seen = stack.snapshot().breaker.unwrap();
        (seen.state, seen.retry_in)
    };
    let open = |left_ms| BreakerMemory::Open { left_ms, rounds_failed: 1 };
    let (seconds, millis) = (Duration::from_secs, Duration::from_millis);
    assert_eq!(restored(open(2_000), millis(500)), ("open".to_owned(), millis(1_500)));
    assert_eq!(restored(open(2_000), seconds(5)), ("open".to_owned(), Duration::ZERO), "the next call is a trial");
    assert_eq!(restored(open(2_000), seconds(3_600)).0, "closed", "what was an hour ago says nothing");
    assert_eq!(
        restored(open(u64::MAX), Duration::ZERO),
        ("open".to_owned(), millis(4_400)),
        "never longer than the longest"
    );
    assert_eq!(restored(BreakerMemory::ForcedOpen, MONTH).0, "forced_open", "an order holds until it is taken back");
    assert_eq!(restored(BreakerMemory::Closed, Duration::ZERO).0, "closed");
}

#[tokio::test]
async fn eternal_mode_goes_on_where_it_was() {
    // Would break: a restart in an outage sends every call into it until the breaker has opened again.
    let time = ManualClock::new();
    let settings = StackSettings { essential: true, ..StackSettings::default() };
    let stack = || {
        let stack: Stack<()> = Stack::builder("prices", &time.clock()).settings(settings).seed(1).build().unwrap();
        stack.endpoints().insert("only", ());
        stack
    };
    let old = stack();
    for _ in 0..40 {
        let call = Call::default();
        let asked = old.call(&call, |_| Verdict::Failed, |_, _| async { Err::<(), _>(()) });
        assert!(asked.await.is_err());
    }
    let new = stack();
    new.restore(&written(&old.state()), Duration::from_secs(1)).unwrap();
    let (before, after) = (old.snapshot().eternal.unwrap(), new.snapshot().eternal.unwrap());
    assert_eq!((before.breaker.state.as_str(), after.breaker.state.as_str()), ("open", "open"));
    assert!(after.degradation > 0.9 * before.degradation && after.degradation <= before.degradation);
}

#[tokio::test]
async fn the_budget_begins_anew_with_its_minimum() {
    // Would break: a restart that brings credit for a storm, or debts of a process that is gone.
    let time = ManualClock::new();
    let old = stack_of(&time.clock());
    use_of(&old, &time, 20, "").await;
    let credit = old.snapshot().budget.available;
    let new = stack_of(&time.clock());
    let fresh = new.snapshot().budget;
    new.restore(&old.state(), Duration::ZERO).unwrap();
    assert_eq!(new.snapshot().budget, fresh);
    assert!(credit > fresh.available);
}

#[test]
fn a_state_of_another_version_is_refused_as_a_whole() {
    // Would break: numbers of another meaning, taken for those of this release.
    let time = ManualClock::new();
    let stack = stack_of(&time.clock());
    let other = StackState { version: 2, breaker: BreakerMemory::ForcedOpen, ..StackState::default() };
    assert_eq!(stack.restore(&other, Duration::ZERO), Err(UnknownState { version: 2 }));
    assert_eq!(stack.snapshot().breaker.unwrap().state, "closed");
}

/// Words that a state knows.
const WORDS: &[&str] =
    &["version", "endpoints", "latencies", "hedge", "limit", "breaker", "state", "open", "eternal", "one", "good"];

/// Any float, those included that JSON has no word for.
fn anything() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), Just(f64::NAN), Just(f64::INFINITY), Just(-1.0), Just(0.0), 0.0..1e3]
}

fn weights() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(anything().prop_map(|weight| weight as f32), 0..300)
}

fn breaker() -> impl Strategy<Value = BreakerMemory> {
    prop_oneof![
        Just(BreakerMemory::Closed),
        Just(BreakerMemory::ForcedClosed),
        (any::<u64>(), any::<u32>())
            .prop_map(|(left_ms, rounds_failed)| BreakerMemory::Open { left_ms, rounds_failed }),
    ]
}

prop_compose! {
    fn any_state()(
        good in anything(), bad in anything(), room in anything(), latencies in weights(), all in weights(), hedge in weights(),
        limit in prop::option::of(anything()), breaker in breaker(), eternal in breaker(), degradation in anything(),
        usual_secs in prop::option::of((anything(), anything())),
    ) -> StackState {
        let remembered = Remembered { good: good as f32, bad: bad as f32, latencies, room: room as f32 };
        let endpoints = ["two", "unknown"].map(|name| (name.to_owned(), remembered.clone()));
        StackState {
            version: STATE_VERSION,
            endpoints: Memory { endpoints: endpoints.into(), latencies: all },
            hedge: Weights(hedge),
            limit,
            breaker,
            eternal: EternalMemory { breaker: eternal, degradation, usual_secs },
        }
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        prop_oneof![Just(0), Just(1), any::<i64>()].prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(WORDS).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 8, |inner| {
        let key = prop::sample::select(WORDS).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..8).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The stack still answers, and says only what can be.
fn assert_sound(state: &StackState, age: Duration) {
    let time = ManualClock::new();
    let stack = stack_of(&time.clock());
    let _ = stack.restore(state, age);
    let seen = stack.snapshot();
    assert!(seen.endpoints.endpoints.iter().all(|endpoint| (0.0..=1.0).contains(&endpoint.works)));
    assert!((1..=100_000).contains(&seen.limiter.as_ref().unwrap().limit));
    assert!(seen.hedge_after_ms.is_none_or(|millis| millis.is_finite() && millis > 0.0));
    assert!(seen.breaker.as_ref().unwrap().retry_in <= Duration::from_secs(11));
    assert!(stack.state().version == STATE_VERSION && !stack.explain().to_string().is_empty());
    time.set(time.clock().now() + Duration::from_secs(12));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let call = Call::idempotent();
    let asked = stack.call(&call, |_| Verdict::Good, |_, _| async { Ok::<u32, ()>(7) });
    assert_eq!(runtime.block_on(asked), Ok(7));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_stands_in_a_state_the_stack_works(state in any_state(), age_ms in any::<u64>()) {
        // Would break: a file that was cut off, or tampered with, keeps the service from starting.
        assert_sound(&state, Duration::from_millis(age_ms));
    }

    #[test]
    fn any_json_is_a_state_or_an_error(value in json(), age_ms in 0..10_000_u64) {
        // Would break: the same, one step earlier.
        if let Ok(state) = serde_json::from_value(value) {
            assert_sound(&state, Duration::from_millis(age_ms));
        }
    }
}
