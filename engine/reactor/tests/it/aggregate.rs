//! Aggregates: what merging, saving and the order of things may change (nothing, or no more than is stated), and what each says.

mod algebra;
mod anomaly;
mod figures;
mod percentiles;
mod recipes;
mod trend;

use homeostat_reactor::Moment;
use homeostat_reactor::aggregate::{Aggregator, Recipe};

/// What a recipe makes of events.
fn folded<'a, E: 'a, R: Recipe<E>>(recipe: &R, events: impl IntoIterator<Item = &'a (Moment, E)>) -> R::State {
    let mut state = recipe.start();
    events.into_iter().for_each(|(at, event)| recipe.fold(&mut state, *at, event));
    state
}

/// An aggregator that has taken in these values, a second apart.
fn having_added<A: Aggregator>(mut aggregator: A, values: impl IntoIterator<Item = A::Input>) -> A {
    for (second, value) in (0..).zip(values) {
        aggregator.add(Moment::from_secs(second), &value);
    }
    aggregator
}

/// What was saved of a state, restored.
fn restored<S: serde::Serialize + serde::de::DeserializeOwned>(state: &S) -> S {
    serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap()
}

/// Random numbers that are the same in every run.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        // SplitMix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to 1, without 0 itself.
    fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Of mean 0 and standard deviation 1.
    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}
