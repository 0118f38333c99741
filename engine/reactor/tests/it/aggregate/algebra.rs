//! What holds for all aggregators, for each: merging is adding, nothing is neutral, what was saved goes on as if it never stopped.

use std::time::Duration;

use homeostat_reactor::Moment;
use homeostat_reactor::aggregate::{
    Anomaly, Collect, Count, Distinct, First, Last, Max, Mean, Min, MinMax, Pace, Percentiles, Quantile, Rate, Reading,
    RecentRate, Recipe, Slope, Spread, Sum, Trend, Variance,
};
use proptest::prelude::*;

use super::{folded, restored};

type Events = Vec<(Moment, f64)>;

/// How far two outputs may differ: the numbers are in [-1000, 1000] and the tolerances are relative to that.
const ROUNDING: f64 = 1e-9;

/// Numbers of every kind, those that are refused among them, at moments that repeat and go back.
fn events() -> impl Strategy<Value = Events> {
    let number = prop_oneof![
        12 => -1_000.0..1_000.0_f64,
        3 => (-5..5_i32).prop_map(f64::from),
        1 => Just(-0.0),
        1 => prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(1e200), Just(f64::MIN)],
    ];
    let moment = prop_oneof![(0..100_u64).prop_map(Moment::from_secs), (0..100_000_u64).prop_map(Moment::from_millis)];
    prop::collection::vec((moment, number), 0..120)
}

/// Events in three parts, and the same in another order.
fn parts() -> impl Strategy<Value = ([Events; 3], Events)> {
    (events(), any::<prop::sample::Index>(), any::<prop::sample::Index>()).prop_flat_map(|(all, one, two)| {
        let (one, two) = (one.index(all.len() + 1), two.index(all.len() + 1));
        let (from, to) = (one.min(two), one.max(two));
        let parts = [all[..from].to_vec(), all[from..to].to_vec(), all[to..].to_vec()];
        (Just(parts), Just(all).prop_shuffle())
    })
}

/// What order may change.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    /// Nothing: all is the same, or the same but for rounding.
    Free,
    /// Which part is whose matters, but merged is the same as added in turn.
    Kept,
}

fn holds<R: Recipe<f64>>(
    recipe: &R,
    (parts, shuffled): &([Events; 3], Events),
    order: Order,
    same: impl Fn(&R::Output, &R::Output) -> bool,
) -> Result<(), TestCaseError>
where
    R::State: PartialEq + std::fmt::Debug,
    R::Output: PartialEq + std::fmt::Debug,
{
    let all = parts.concat();
    let [first, second, third] = parts.each_ref().map(|part| folded(recipe, part));
    let whole = recipe.read(&folded(recipe, &all));
    let joined = |one: &R::State, other: &R::State| {
        let mut both = one.clone();
        recipe.join(&mut both, other);
        both
    };
    let agree = |says: &str, state: &R::State| {
        let output = recipe.read(state);
        prop_assert!(same(&output, &whole), "{}: {:?} in place of {:?}", says, output, whole);
        Ok(())
    };
    agree("from the left", &joined(&joined(&first, &second), &third))?;
    agree("from the right", &joined(&first, &joined(&second, &third)))?;
    if order == Order::Free {
        agree("the other way round", &joined(&third, &joined(&second, &first)))?;
        agree("shuffled", &folded(recipe, shuffled))?;
    }
    prop_assert_eq!(recipe.read(&joined(&first, &recipe.start())), recipe.read(&first));
    prop_assert_eq!(recipe.read(&joined(&recipe.start(), &first)), recipe.read(&first));

    // What is saved after any part goes on to the very same state, and so it does when merged.
    let mut resumed = restored(&first);
    prop_assert_eq!(&resumed, &first);
    parts[1].iter().chain(&parts[2]).for_each(|(at, event)| recipe.fold(&mut resumed, *at, event));
    prop_assert_eq!(&resumed, &folded(recipe, &all));
    prop_assert_eq!(restored(&joined(&first, &restored(&second))), joined(&first, &second));
    Ok(())
}

/// Numbers of every size there is, down to the smallest, each with all its digits.
fn finest() -> impl Strategy<Value = Events> {
    let finite = any::<u64>().prop_map(f64::from_bits).prop_filter("a number", |number| number.is_finite());
    let number = prop_oneof![-1_000.0..1_000.0_f64, finite];
    prop::collection::vec(((0..u64::MAX >> 1).prop_map(Moment), number), 1..60)
}

/// What was saved as text after some of the events is the same to the last bit, and stays it when the rest comes.
fn saved_to_the_last_bit<R: Recipe<f64>>(recipe: &R, events: &Events, saved_after: usize) -> Result<(), TestCaseError>
where
    R::State: std::fmt::Debug,
{
    let (before, after) = events.split_at(saved_after);
    let mut kept = folded(recipe, before);
    let mut resumed = restored(&kept);
    // As text, because -0.0 and 0.0 are equal and yet not the same; no two numbers are printed alike.
    prop_assert_eq!(format!("{:?}", resumed), format!("{:?}", kept));
    for (at, event) in after {
        recipe.fold(&mut kept, *at, event);
        recipe.fold(&mut resumed, *at, event);
    }
    prop_assert_eq!(format!("{:?}", resumed), format!("{:?}", kept));
    Ok(())
}

fn exact<T: PartialEq>(one: &T, other: &T) -> bool {
    one == other
}

fn near(one: f64, other: f64, scale: f64) -> bool {
    (one - other).abs() <= ROUNDING * scale
}

fn near_figure<T: Copy>(scale: impl Fn(T, T) -> bool) -> impl Fn(&Reading<T>, &Reading<T>) -> bool {
    move |one, other| {
        let value = match (one.value, other.value) {
            (Some(one), Some(other)) => scale(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        value && (one.taken, one.refused) == (other.taken, other.refused)
    }
}

fn near_pace(one: &Pace, other: &Pace) -> bool {
    let per_second = match (one.per_second, other.per_second) {
        (Some(one), Some(other)) => near(one, other, 1e3 * (1.0 + other)),
        (one, other) => one == other,
    };
    per_second && (one.events, one.span) == (other.events, other.span)
}

fn near_spread(one: Spread, other: Spread) -> bool {
    near(one.mean, other.mean, 1e3) && near(one.variance, other.variance, 1e6)
}

/// A slope of numbers up to 1000 at moments a millisecond apart may be as steep as 1e6 a second.
fn near_slope(one: Slope, other: Slope) -> bool {
    let ends = |slope: Slope| slope.interval.map(|(low, high)| [low, high]);
    let scale = 1e3 + other.per_second.abs() + ends(other).map_or(0.0, |[low, high]| high - low);
    let interval = match (ends(one), ends(other)) {
        // the width is a root: near zero it magnifies rounding
        (Some(one), Some(other)) => one.iter().zip(&other).all(|(one, other)| near(*one, *other, 1e4 * scale)),
        (one, other) => one == other,
    };
    interval && near(one.per_second, other.per_second, scale)
}

proptest! {
    // Would break, in each: a window made of merged panes or restored from a snapshot that says something else than one that saw
    // all events itself.

    #[test]
    fn counting_ones_and_extremes_is_exact_in_any_order(parts in parts()) {
        holds(&Count::new(), &parts, Order::Free, exact)?;
        holds(&Min::new(), &parts, Order::Free, exact)?;
        holds(&Max::new(), &parts, Order::Free, exact)?;
        holds(&MinMax::new(), &parts, Order::Free, exact)?;
        holds(&Rate::new(), &parts, Order::Free, exact)?;
        holds(&Distinct::new().of(|number: &f64| number.to_bits()), &parts, Order::Free, exact)?;
    }

    #[test]
    fn percentiles_are_exact_in_any_order(parts in parts()) {
        holds(&Percentiles::new(), &parts, Order::Free, exact)?;
        holds(&Quantile::at(0.3), &parts, Order::Free, exact)?;
    }

    #[test]
    fn sums_means_and_spreads_differ_by_rounding(parts in parts()) {
        holds(&Sum::new(), &parts, Order::Free, near_figure(|one, other| near(one, other, 1e-3)))?;
        holds(&Mean::new(), &parts, Order::Free, near_figure(|one, other| near(one, other, 1e-3)))?;
        holds(&Variance::new(), &parts, Order::Free, near_figure(near_spread))?;
    }

    #[test]
    fn rates_and_trends_differ_by_rounding_whatever_the_clock_does(parts in parts()) {
        let recent = RecentRate::with_half_life(Duration::from_secs(10));
        holds(&recent, &parts, Order::Free, near_pace)?;
        holds(&Trend::new(), &parts, Order::Free, near_figure(near_slope))?;
    }

    #[test]
    fn ends_and_collections_keep_the_order_they_are_given(parts in parts()) {
        holds(&First::new().of(|number: &f64| number.to_bits()), &parts, Order::Kept, exact)?;
        holds(&Last::new().of(|number: &f64| number.to_bits()), &parts, Order::Kept, exact)?;
        holds(&Collect::up_to(50).of(|number: &f64| number.to_bits()), &parts, Order::Kept, exact)?;
    }

    #[test]
    fn anomalies_are_restored_and_add_up(parts in parts()) {
        // merging does not judge again: only what is counted at the door is the same as adding all
        let counts = |one: &Reading<_>, other: &Reading<_>| (one.taken, one.refused) == (other.taken, other.refused);
        holds(&Anomaly::new(), &parts, Order::Free, counts)?;
    }

    #[test]
    fn several_at_once_are_each_what_they_are_alone(parts in parts()) {
        let four = (Count::new(), Max::new(), Percentiles::new(), Rate::new());
        holds(&four, &parts, Order::Free, exact)?;
    }

    #[test]
    fn a_snapshot_as_json_is_the_same_to_the_last_bit(events in finest(), index in any::<prop::sample::Index>()) {
        // Would break: figures that drift by a digit with every restart, so that a replay does not give what was told before.
        let after = index.index(events.len() + 1);
        let recent = RecentRate::with_half_life(Duration::from_secs(10));
        saved_to_the_last_bit(&(Sum::new(), Mean::new(), Variance::new(), Trend::new()), &events, after)?;
        saved_to_the_last_bit(&(Min::new(), Max::new(), MinMax::new(), Percentiles::new()), &events, after)?;
        saved_to_the_last_bit(&(Quantile::at(0.3), Rate::new(), recent, Anomaly::new()), &events, after)?;
        saved_to_the_last_bit(&(First::new(), Last::new(), Collect::up_to(50)), &events, after)?;
    }
}
