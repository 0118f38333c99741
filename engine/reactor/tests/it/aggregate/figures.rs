//! What counts, sums, means, extremes, spreads, rates, distinct counts and collections say, beside figures made the plain way.

use std::time::Duration;

use homeostat_reactor::Moment;
use homeostat_reactor::aggregate::{
    Aggregator, Anomaly, Collect, Collected, Count, Distinct, Extent, First, Last, MAGNITUDE_MAX, Max, Mean, Min,
    MinMax, Percentiles, Quantile, Rate, RecentRate, Sum, Trend, Variance,
};
use proptest::prelude::*;

use super::{Seeded, having_added, restored};

proptest! {
    #[test]
    fn a_sum_loses_nothing_to_rounding(numbers in prop::collection::vec(-(1_i64 << 52)..1 << 52, 1..300)) {
        // Would break: a sum of many numbers that drifts, as a plain one does.
        let scaled = numbers.iter().map(|number| *number as f64 / 1024.0);
        let total: i128 = numbers.iter().copied().map(i128::from).sum();
        prop_assert_eq!(having_added(Sum::new(), scaled).output().value, Some(total as f64 / 1024.0));
    }

    #[test]
    fn a_spread_far_from_zero_is_still_seen(shift in -1e9..1e9_f64, numbers in prop::collection::vec(-1.0..1.0_f64, 2..100)) {
        // Would break: the variance as mean of squares less square of mean, which is noise far from zero.
        let shifted: Vec<f64> = numbers.iter().map(|number| number + shift).collect();
        let count = shifted.len() as f64;
        let mean = having_added(Sum::new(), shifted.iter().map(|number| number - shift)).output().value.unwrap() / count;
        let squares: f64 = shifted.iter().map(|number| (number - shift - mean).powi(2)).sum();
        let spread = having_added(Variance::new(), shifted).output().value.unwrap();
        prop_assert!((spread.variance - squares / (count - 1.0)).abs() < 1e-6, "{:?}", spread);
        prop_assert!((spread.mean - shift - mean).abs() < 1e-6);
    }
}

#[test]
fn large_numbers_that_cancel_leave_the_small_one() {
    // Would break: a compensation that forgets what was lost to a number larger than the sum.
    let sum = having_added(Sum::new(), [1.0, 1e100, 1.0, -1e100]).output();
    assert_eq!(sum.value, Some(2.0));
}

#[test]
fn of_nothing_nothing_is_said() {
    // Would break: a mean of 0 where nothing was measured, and a spread, rate or slope of a single value.
    assert_eq!(Sum::new().output().value, None);
    assert_eq!(Mean::new().output().value, None);
    assert_eq!(MinMax::new().output().value, None);
    assert_eq!(Percentiles::new().output().value, None);
    assert_eq!(Percentiles::new().quantile(0.5), None);
    assert_eq!(having_added(Variance::new(), [1.0]).output().value, None);
    assert_eq!(having_added(Trend::new(), [1.0]).output().value, None);
    assert_eq!(having_added(Rate::new(), [()]).output().per_second, None);
    assert_eq!(having_added(RecentRate::with_half_life(Duration::from_secs(1)), [()]).output().per_second, None);
}

#[test]
fn what_is_no_finite_number_is_refused_and_counted() {
    // Would break: one NaN that turns every later figure into NaN, or an infinity that overflows on merging, without a word.
    fn check<A: Aggregator<Input = f64>>(fresh: &A, says: impl Fn(&A) -> (String, u64, u64)) {
        let good: Vec<f64> = (0..200).map(|number| f64::from(number % 17) - 5.0).collect();
        let odd = [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, MAGNITUDE_MAX * 1.01, f64::MIN];
        let mixed = good.iter().enumerate().flat_map(|(place, number)| {
            let odd = (place % 30 == 7).then(|| odd[place / 30 % odd.len()]);
            [*number].into_iter().chain(odd)
        });
        let mut spoilt = fresh.clone();
        let mut second = Moment::ZERO;
        for number in mixed {
            spoilt.add(second, &number);
            if number.abs() <= MAGNITUDE_MAX {
                second = second + Duration::from_secs(1);
            }
        }
        let (clean_says, clean_taken, clean_refused) = says(&having_added(fresh.clone(), good));
        assert_eq!(says(&spoilt), (clean_says, clean_taken, clean_refused + 7));
    }
    macro_rules! check {
        ($($fresh:expr),+) => {
            $(check(&$fresh, |aggregator| {
                let reading = aggregator.output();
                (format!("{:?}", reading.value), reading.taken, reading.refused)
            });)+
        };
    }
    check!(Sum::new(), Mean::new(), Min::new(), Max::new(), MinMax::new(), Variance::new());
    check!(Percentiles::new(), Quantile::at(0.999), Trend::new(), Anomaly::new());
}

#[test]
fn the_largest_numbers_overflow_nothing() {
    // Would break: numbers that are finite each, and whose squares are not.
    let extremes = || (0..1_000).map(|turn| if turn % 3 == 0 { -MAGNITUDE_MAX } else { MAGNITUDE_MAX });
    let mut variance = having_added(Variance::new(), extremes());
    let mut trend = having_added(Trend::new(), extremes());
    let mut sum = having_added(Sum::new(), extremes());
    let mut anomaly = having_added(Anomaly::new(), extremes());
    let mut percentiles = having_added(Percentiles::new(), extremes());
    let mut doubled = || {
        variance.merge(&variance.clone());
        trend.merge(&trend.clone());
        sum.merge(&sum.clone());
        anomaly.merge(&anomaly.clone());
        percentiles.merge(&percentiles.clone());
        percentiles.output().value.unwrap().p99
    };
    // up to 2^60 numbers
    assert!((0..50).all(|_| (doubled() / MAGNITUDE_MAX - 1.0).abs() < 0.01));
    // past what a count can hold: it stays at its end, and the figures finite
    assert!((0..50).all(|_| doubled().is_finite()));
    assert!(variance.output().value.unwrap().variance.is_finite());
    let slope = trend.output().value.unwrap();
    assert!(slope.per_second.is_finite() && slope.interval.unwrap().1.is_finite());
    assert!(sum.output().value.unwrap().is_finite());
    assert!(anomaly.output().value.unwrap().farthest.score.is_finite());
}

#[test]
fn extremes_tell_zero_from_minus_zero_in_any_order() {
    // Would break: replaying events in another order gives another snapshot.
    let one = having_added(MinMax::new(), [0.0, -0.0]);
    let other = having_added(MinMax::new(), [-0.0, 0.0]);
    let bits = |extent: Extent| (extent.least.to_bits(), extent.greatest.to_bits());
    assert_eq!(one.output().value.map(bits), other.output().value.map(bits));
}

#[test]
fn a_rate_is_gaps_over_the_span() {
    // Would break: 11 events in 10 seconds reported as 1.1 a second, and a rate that a late event changes by order.
    let mut rate = Rate::new();
    for second in [10, 3, 4, 0, 5, 1, 2, 9, 8, 7, 6] {
        rate.add(Moment::from_secs(second), &());
    }
    let pace = rate.output();
    assert_eq!((pace.per_second, pace.events, pace.span), (Some(1.0), 11, Duration::from_secs(10)));
    let at_once = having_added(Rate::new(), [(); 1]);
    let mut twice = at_once.clone();
    twice.merge(&at_once);
    assert_eq!(twice.output().per_second, None);
}

#[test]
fn a_recent_rate_follows_the_stream_and_silence() {
    // Would break: a rate that is an average since the start, biased at the start, or that never falls when nothing comes.
    let mut rate = RecentRate::with_half_life(Duration::from_secs(10));
    let close = |rate: Option<f64>, expected: f64| assert!((rate.unwrap() / expected - 1.0).abs() < 0.05, "{rate:?}");
    for tick in 0..=30 {
        rate.add(Moment::from_millis(tick * 100), &());
    }
    close(rate.output().per_second, 10.0);
    for tick in 0..2_000 {
        rate.add(Moment::from_millis(3_000 + tick * 50), &());
    }
    close(rate.output().per_second, 20.0);
    let end = Moment::from_millis(3_000 + 1_999 * 50);
    close(rate.per_second(end + Duration::from_secs(10)), 10.0);
    close(rate.per_second(end + Duration::from_secs(40)), 20.0 / 16.0);
    assert_eq!(rate.per_second(Moment::ZERO), rate.output().per_second);
}

#[test]
fn a_recent_rate_of_a_long_half_life_is_the_plain_one() {
    // Would break: weights that all look alike to an f64, so that nothing seems to have been observed.
    let mut rate = RecentRate::with_half_life(Duration::from_secs(1 << 40));
    for second in 0..=100 {
        rate.add(Moment::from_secs(second), &());
    }
    assert!((rate.output().per_second.unwrap() - 1.0).abs() < 1e-9);
}

#[test]
fn distinct_values_are_exact_while_few_and_near_when_many() {
    // Would break: an estimate far off, most likely where exact counting hands over or at a few times the registers.
    let mut distinct = Distinct::new();
    let mut next_check = 1_u64;
    for value in 0..300_000_u64 {
        distinct.add(Moment::ZERO, &value);
        distinct.add(Moment::ZERO, &(value / 2));
        if value + 1 == next_check {
            let off = distinct.output() as f64 / next_check as f64 - 1.0;
            // three standard errors; the seed is fixed, so it holds or it does not
            let allowed = if next_check <= 256 { 0.0 } else { 0.049 };
            assert!(off.abs() <= allowed, "{next_check}: off by {off}");
            next_check += 1 + next_check / 3;
        }
    }
}

#[test]
fn distinct_values_merge_to_what_all_of_them_give() {
    // Would break: values lost where exact counting hands over to registers, in adding or in merging.
    for (few, many) in [(3, 40), (200, 56), (200, 57), (1, 256), (0, 257), (100, 5_000), (5_000, 6_000)] {
        let all = having_added(Distinct::new(), 0..few + many);
        assert_eq!(having_added(Distinct::new(), (0..few + many).rev()), all);
        let (one, other) = (having_added(Distinct::new(), 0..few), having_added(Distinct::new(), few / 2..few + many));
        let (mut forward, mut backward) = (one.clone(), restored(&other));
        forward.merge(&other);
        backward.merge(&one);
        assert_eq!((&forward, &backward), (&all, &all));
    }
}

#[test]
fn words_that_differ_are_distinct() {
    // Would break: a hash that confuses strings, most of all those that are alike.
    let words: Vec<String> = (0..200).map(|number| format!("session-{number}")).collect();
    let distinct = having_added(Distinct::new(), words.iter().chain(&words).cloned());
    assert_eq!(distinct.output(), 200);
}

#[test]
fn the_first_and_the_last_go_by_their_moments() {
    // Would break: the last by order of arrival, which a late event takes from the right one.
    let (mut first, mut last) = (First::new(), Last::new());
    for (second, value) in [(5, "b"), (9, "c"), (1, "a"), (9, "d"), (1, "e"), (3, "f")] {
        first.add(Moment::from_secs(second), &value.to_owned());
        last.add(Moment::from_secs(second), &value.to_owned());
    }
    assert_eq!((first.output().as_deref(), last.output().as_deref()), (Some("a"), Some("d")));
}

#[test]
fn a_collection_says_how_many_it_missed() {
    // Would break: a window that silently holds less than it was given, or more than it may.
    let mut collect = having_added(Collect::up_to(3), [1, 2]);
    collect.merge(&having_added(Collect::up_to(3), [3, 4, 5, 6]));
    assert_eq!(collect.output(), Collected { values: vec![1, 2, 3], missed: 3 });
    assert_eq!(having_added(Collect::up_to(0), [1]).output(), Collected { values: vec![], missed: 1 });
}

#[test]
fn a_million_values_need_no_more_memory_than_a_thousand() {
    // Would break: an aggregate that keeps what it is given, or whose sketch grows without end.
    const SNAPSHOT_BYTES_MAX: usize = 64 * 1024;
    let mut seeded = Seeded(6);
    let values: Vec<f64> = (0..1_000_000).map(|_| (seeded.normal() * 20.0).exp() * seeded.normal().signum()).collect();
    macro_rules! stays_small {
        ($($fresh:expr),+) => {
            $({
                let mut aggregator = $fresh;
                (0..).zip(&values).for_each(|(millis, value)| aggregator.add(Moment::from_millis(millis), value));
                let bytes = serde_json::to_string(&aggregator).unwrap().len();
                assert!(bytes <= SNAPSHOT_BYTES_MAX, "{}: {bytes}", stringify!($fresh));
            })+
        };
    }
    stays_small!(
        Count::new(),
        Sum::new(),
        Mean::new(),
        MinMax::new(),
        Variance::new(),
        Percentiles::new(),
        Rate::new()
    );
    stays_small!(RecentRate::with_half_life(Duration::from_secs(1)), Trend::new(), Anomaly::new());
    stays_small!(First::new(), Last::new(), Collect::up_to(100));
    let words = values.iter().map(|value| value.to_bits());
    let distinct = having_added(Distinct::new(), words);
    assert!(serde_json::to_string(&distinct).unwrap().len() <= SNAPSHOT_BYTES_MAX);
    assert_eq!(having_added(Count::new(), values).output(), 1_000_000);
}
