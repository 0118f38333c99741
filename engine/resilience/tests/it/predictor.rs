//! What the predictor believes, and how soon it believes otherwise.

use std::time::Duration;

use homeostat_reactor::Moment;
use homeostat_resilience::predictor::{Learned, Outcome, Pool, PredictorSettings, Sketch};
use proptest::prelude::*;

const HALF_LIFE: Duration = Duration::from_secs(120);

struct Endpoint {
    learned: Learned,
    pool: Pool,
    settings: PredictorSettings,
    now: Moment,
}

impl Endpoint {
    fn new() -> Self {
        let settings = PredictorSettings::default();
        Self { learned: Learned::default(), pool: Pool::default(), settings, now: Moment::from_secs(1_000) }
    }

    fn call(&mut self, took: Duration, outcome: Outcome) {
        let began = self.now;
        self.learned.begin(began);
        self.now = began + took;
        self.learned.end(self.now, began, outcome, &mut self.pool, &self.settings);
    }

    fn calls(&mut self, count: usize, outcome: Outcome) {
        (0..count).for_each(|number| self.call(Duration::from_millis(500 + 25 * (number as u64 % 100)), outcome));
    }

    fn works(&self) -> f32 {
        self.learned.works(self.now, &self.pool, &self.settings)
    }

    fn succeeds_within(&self, limit: Duration) -> f32 {
        self.learned.succeeds_within(self.now, Some(limit), &self.pool, &self.settings)
    }
}

#[test]
fn an_endpoint_costs_at_most_a_kibibyte() {
    // Would break: ten thousand endpoints no longer fit in ten megabytes.
    const { assert!(Learned::BYTES <= 1_024) };
}

#[test]
fn one_failure_changes_little_and_three_in_a_row_change_everything() {
    // Would break: a single failure empties a healthy endpoint, or a broken one is believed in for dozens of calls.
    let mut endpoint = Endpoint::new();
    endpoint.calls(200, Outcome::Good);
    assert!(endpoint.works() > 0.95);
    endpoint.calls(1, Outcome::Failed);
    assert!(endpoint.works() > 0.6, "{}", endpoint.works());
    endpoint.calls(3, Outcome::Failed);
    assert!(endpoint.works() < 0.4, "{}", endpoint.works());
    assert!(endpoint.learned.trend(endpoint.now, &endpoint.pool) < -0.2, "it gets worse, and the trend says so");
}

#[test]
fn a_poisoned_belief_is_overruled_by_a_handful_of_outcomes() {
    // Would break: whoever feeds it a million lies, once, has an endpoint shunned or loved for ever.
    let mut shunned = Endpoint::new();
    (0..100_000).for_each(|_| shunned.call(Duration::ZERO, Outcome::Failed));
    assert!(shunned.works() < 0.05);
    shunned.calls(5, Outcome::Good);
    assert!(shunned.works() > 0.5, "{}", shunned.works());

    let mut loved = Endpoint::new();
    (0..100_000).for_each(|_| loved.call(Duration::ZERO, Outcome::Good));
    loved.calls(5, Outcome::Failed);
    assert!(loved.works() < 0.5, "{}", loved.works());
}

#[test]
fn without_news_it_nears_what_is_true_of_all() {
    // Would break: an endpoint that failed once is held broken although nobody looked for an hour.
    let mut endpoint = Endpoint::new();
    endpoint.calls(100, Outcome::Good);
    endpoint.calls(6, Outcome::Failed);
    let before = endpoint.works();
    endpoint.now = endpoint.now + Duration::from_secs(3_600);
    assert!(before < 0.4 && endpoint.works() > 0.7, "{before} and an hour later {}", endpoint.works());
}

#[test]
fn silence_beyond_what_good_calls_take_is_suspect_at_once() {
    // Would break: an endpoint that hangs gets calls until their timeouts have passed.
    let mut endpoint = Endpoint::new();
    endpoint.calls(100, Outcome::Good);
    let p95 = endpoint.pool.good_within(0.95).unwrap();
    for _ in 0..4 {
        endpoint.learned.begin(endpoint.now);
    }
    assert!(endpoint.works() > 0.9, "calls that have just begun say nothing");
    endpoint.now = endpoint.now + p95;
    assert!(endpoint.works() < 0.1, "four calls and none done within p95: {}", endpoint.works());
}

#[test]
fn what_began_before_does_not_speak_for_now() {
    // Would break: an endpoint that fails at once stays liked for as long as the slow answers of before still come in, or one that
    // has come back stays doubted for as long as the slow failures of before do.
    for (before, after) in [(Outcome::Good, Outcome::Failed), (Outcome::Failed, Outcome::Good)] {
        let mut endpoint = Endpoint::new();
        endpoint.calls(100, before);
        let began = endpoint.now;
        (0..20).for_each(|_| endpoint.learned.begin(began));
        endpoint.now = endpoint.now + Duration::from_secs(1);
        (0..4).for_each(|_| endpoint.call(Duration::from_millis(1), after));
        let is_good = after == Outcome::Good;
        assert_eq!(endpoint.works() > 0.5, is_good, "{after:?}: {}", endpoint.works());
        for _ in 0..20 {
            let (pool, settings) = (&mut endpoint.pool, &endpoint.settings);
            assert!(!endpoint.learned.end(endpoint.now, began, before, pool, settings), "it is no news");
        }
        assert_eq!(endpoint.works() > 0.5, is_good, "{after:?} and then those of before: {}", endpoint.works());
    }
}

#[test]
fn the_first_answer_of_all_does_not_say_how_long_others_may_take() {
    // Would break: all endpoints that have not answered yet are taken for dead because one has.
    let mut endpoint = Endpoint::new();
    endpoint.call(Duration::from_millis(500), Outcome::Good);
    (0..2).for_each(|_| endpoint.learned.begin(endpoint.now));
    endpoint.now = endpoint.now + Duration::from_secs(1);
    assert!(endpoint.works() > 0.5, "{}", endpoint.works());
}

#[test]
fn one_call_that_hangs_among_many_that_answer_says_nothing_of_the_endpoint() {
    // Would break: a single slow request (a report, a long poll) has its endpoint shunned.
    let mut endpoint = Endpoint::new();
    endpoint.calls(50, Outcome::Good);
    endpoint.learned.begin(endpoint.now);
    endpoint.now = endpoint.now + Duration::from_millis(1);
    endpoint.calls(50, Outcome::Good);
    assert!(endpoint.works() > 0.9, "{}", endpoint.works());
}

#[test]
fn losers_of_a_race_count_only_when_they_were_late() {
    // Would break: hedging ruins the reputation of healthy endpoints, or an endpoint that hangs is never found out because its
    // calls are always cancelled.
    let mut endpoint = Endpoint::new();
    endpoint.calls(100, Outcome::Good);
    (0..20).for_each(|_| endpoint.call(Duration::from_millis(1_200), Outcome::GivenUp));
    assert!(endpoint.works() > 0.9);
    (0..5).for_each(|_| endpoint.call(Duration::from_secs(4), Outcome::GivenUp));
    assert!(endpoint.works() < 0.5, "{}", endpoint.works());
}

#[test]
fn less_time_is_less_chance() {
    // Would break: a call with half a second left goes where answers take two.
    let mut endpoint = Endpoint::new();
    endpoint.calls(200, Outcome::Good);
    let chances: Vec<f32> =
        [100, 1_000, 2_000, 5_000].map(|ms| endpoint.succeeds_within(Duration::from_millis(ms))).into();
    assert!(chances.is_sorted(), "{chances:?}");
    assert!(chances[0] < 0.01 && chances[3] > 0.9, "{chances:?}");
}

#[test]
fn a_busy_endpoint_is_not_a_broken_one() {
    // Would break: "429" makes the predictor doubt an endpoint that works.
    let mut endpoint = Endpoint::new();
    endpoint.calls(50, Outcome::Good);
    (0..1_000).for_each(|_| endpoint.call(Duration::from_millis(1), Outcome::Full(None)));
    assert!(endpoint.works() > 0.9);
    assert!(endpoint.learned.is_full(endpoint.now));
    endpoint.now = endpoint.now + Duration::from_secs(2);
    assert!(!endpoint.learned.is_full(endpoint.now), "for a moment, however often it said so");
    endpoint.call(Duration::ZERO, Outcome::Full(Some(Duration::from_secs(86_400))));
    endpoint.now = endpoint.now + Duration::from_secs(11);
    assert!(!endpoint.learned.is_full(endpoint.now), "no endpoint ejects itself by its own word");
}

#[test]
fn a_clock_that_jumps_leaves_it_sane() {
    // Would break: a clock set back or far forth makes a probability that is none, or panics.
    let mut endpoint = Endpoint::new();
    endpoint.calls(20, Outcome::Good);
    for now in [Moment::ZERO, Moment::NEVER, Moment::from_secs(1)] {
        endpoint.now = now;
        endpoint.learned.begin(now);
        let works = endpoint.works();
        assert!((0.0..=1.0).contains(&works), "{works} at {now:?}");
        endpoint.learned.end(now, Moment::from_secs(5), Outcome::Good, &mut endpoint.pool, &endpoint.settings);
    }
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Good),
        Just(Outcome::Failed),
        Just(Outcome::Full(None)),
        Just(Outcome::Ignored),
        Just(Outcome::GivenUp)
    ]
}

proptest! {
    #[test]
    fn whatever_happens_a_probability_stays_one(
        calls in prop::collection::vec((outcome(), 0_u64..10_000, 0_u64..100_000), 0..200),
        limit in 0_u64..20_000,
    ) {
        // Would break: a belief that is not a number poisons every comparison after it.
        let mut endpoint = Endpoint::new();
        for (outcome, took, pause) in calls {
            endpoint.call(Duration::from_millis(took), outcome);
            endpoint.now = endpoint.now + Duration::from_millis(pause);
            let (works, within) = (endpoint.works(), endpoint.succeeds_within(Duration::from_millis(limit)));
            prop_assert!((0.0..=1.0).contains(&works) && (0.0..=works).contains(&within), "{works} {within}");
            prop_assert_eq!(endpoint.learned.in_flight(), 0);
        }
    }

    #[test]
    fn a_sketch_is_right_to_a_fifth(mut millis in prop::collection::vec(1_u64..60_000, 1..300), share in 0.01_f32..1.0) {
        // Would break: deadlines and hedges are set by quantiles that are not those of the calls.
        let mut sketch = Sketch::default();
        for took in &millis {
            sketch.record(Moment::from_secs(1), Duration::from_millis(*took), 1.0, HALF_LIFE);
        }
        millis.sort_unstable();
        let rank = ((millis.len() as f32 * share).ceil() as usize).clamp(1, millis.len());
        let exact = millis[rank - 1] as f64;
        let told = sketch.quantile(share).unwrap().as_secs_f64() * 1e3;
        // Where the rank falls between two values, the lower neighbour is as right.
        let lower = millis[rank.saturating_sub(2)] as f64;
        prop_assert!(told <= exact * 1.2 && told >= lower / 1.2, "{told} instead of {exact}");
    }

    #[test]
    fn more_time_never_means_less_done(millis in prop::collection::vec(1_u64..60_000, 1..100), a in 0_u64..70_000, b in 0_u64..70_000) {
        // Would break: an endpoint looks better to a call in a hurry.
        let mut sketch = Sketch::default();
        for (number, took) in millis.iter().enumerate() {
            sketch.record(Moment::from_secs(number as u64), Duration::from_millis(*took), 1.0, HALF_LIFE);
        }
        let within = |ms: u64| sketch.share_within(Duration::from_millis(ms)).unwrap();
        prop_assert!(within(a.min(b)) <= within(a.max(b)));
    }
}
