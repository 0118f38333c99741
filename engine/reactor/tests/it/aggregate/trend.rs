//! Slopes beside the textbook's, and whether they are as sure as they say: the interval on seeded noise, whatever the clock does.

use std::time::Duration;

use homeostat_reactor::Moment;
use homeostat_reactor::aggregate::{Aggregator, CONFIDENCE, Direction, Slope, Trend};
use proptest::prelude::*;

use super::Seeded;

fn slope(points: impl IntoIterator<Item = (Moment, f64)>) -> Option<Slope> {
    let mut trend = Trend::new();
    points.into_iter().for_each(|(at, number)| trend.add(at, &number));
    trend.output().value
}

#[test]
fn the_interval_holds_the_true_slope_as_often_as_stated() {
    // Would break: a trend that is surer than it may be (false alarms), or less sure (none in time).
    const TRIALS: u32 = 4_000;
    let mut seeded = Seeded(3);
    for points in [3, 4, 8, 30] {
        let held = (0..TRIALS).filter(|_| {
            let truth = seeded.normal();
            let noisy = (0..points).map(|_| {
                let seconds = seeded.uniform() * 60.0;
                (Moment((seconds * 1e9) as u64), 100.0 + truth * seconds + 5.0 * seeded.normal())
            });
            let (low, high) = slope(noisy).unwrap().interval.unwrap();
            (low..=high).contains(&truth)
        });
        let share = held.count() as f64 / f64::from(TRIALS);
        // four standard errors of the share
        assert!((share - CONFIDENCE).abs() < 0.014, "{points} points: {share}");
    }
}

#[test]
fn a_direction_is_named_only_when_it_is_sure() {
    // Would break: noise that is called a rise, or a clear rise that is not.
    let mut seeded = Seeded(4);
    let mut noisy = |per_second: f64| {
        slope((0..60).map(|second| (Moment::from_secs(second), per_second * second as f64 + seeded.normal()))).unwrap()
    };
    assert_eq!(noisy(0.5).direction(), Direction::Rising);
    assert_eq!(noisy(-0.5).direction(), Direction::Falling);
    let level = slope((0..60).map(|second| (Moment::from_secs(second), 7.0))).unwrap();
    assert_eq!((level.per_second, level.interval, level.direction()), (0.0, Some((0.0, 0.0)), Direction::Unclear));
    let two = slope([(Moment::ZERO, 1.0), (Moment::from_secs(2), 5.0)]).unwrap();
    assert_eq!((two.per_second, two.interval, two.direction()), (2.0, None, Direction::Unclear));
}

#[test]
fn numbers_at_one_moment_have_no_slope() {
    // Would break: a division by no time, which makes a slope of infinity or NaN.
    let moment = Moment(1_700_000_000_123_456_789);
    assert_eq!(slope([(moment, 1.0), (moment, 2.0), (moment, 9.0)]), None);
    // but they weigh on one: between them and a later pair
    let later = moment + Duration::from_secs(1);
    let slope = slope([(moment, 1.0), (moment, 3.0), (later, 4.0), (later, 6.0)]).unwrap();
    assert_eq!(slope.per_second, 3.0);
    assert!(slope.interval.unwrap().0 < 0.0);
}

#[test]
fn a_clock_that_goes_back_or_starts_in_1970_changes_nothing() {
    // Would break: times as large numbers of which an f64 keeps only fractions of a microsecond, and time steps that are negative.
    let line = |origin: Moment, order: &dyn Fn(u64) -> u64| {
        slope((0..1_000).map(|step| {
            let nanos = order(step) * 100;
            let wiggle = if order(step).is_multiple_of(2) { 1e-6 } else { -1e-6 };
            (origin + Duration::from_nanos(nanos), 3.0 * nanos as f64 * 1e-9 + wiggle)
        }))
        .unwrap()
    };
    let plain = line(Moment::ZERO, &|step| step);
    let close = |one: Slope, other: Slope| {
        let ((low, high), (other_low, other_high)) = (one.interval.unwrap(), other.interval.unwrap());
        (one.per_second - other.per_second).abs() < 1e-6 && (low - other_low).abs() + (high - other_high).abs() < 1e-6
    };
    assert!((plain.per_second - 3.0).abs() < 0.01, "{plain:?}");
    assert!(close(line(Moment(1_790_000_000_000_000_000), &|step| step), plain));
    assert!(close(line(Moment::from_secs(5), &|step| 999 - step), plain));
    assert!(close(line(Moment::from_secs(5), &|step| step * 7 % 1_000), plain));
}

proptest! {
    #[test]
    fn it_is_the_line_that_the_textbook_finds(points in prop::collection::vec((0..600_u64, -100.0..100.0_f64), 3..80)) {
        // Would break: the running formulas, in what they keep of the slope or of what the line leaves over.
        let count = points.len() as f64;
        let mean_x = points.iter().map(|(second, _)| *second as f64).sum::<f64>() / count;
        let mean_y = points.iter().map(|(_, number)| number).sum::<f64>() / count;
        let squares: f64 = points.iter().map(|(second, _)| (*second as f64 - mean_x).powi(2)).sum();
        prop_assume!(squares > 0.0);
        let products: f64 = points.iter().map(|(second, number)| (*second as f64 - mean_x) * (number - mean_y)).sum();
        let truth = products / squares;
        let off = |(second, number): &(u64, f64)| (number - mean_y - truth * (*second as f64 - mean_x)).powi(2);
        let error = (points.iter().map(off).sum::<f64>() / (count - 2.0) / squares).sqrt();
        let found = slope(points.iter().map(|(second, number)| (Moment::from_secs(*second), *number))).unwrap();
        let (low, high) = found.interval.unwrap();
        prop_assert!((found.per_second - truth).abs() < 1e-8);
        // from 1.96 for many to 12.7 for three points
        let errors = (high - low) / 2.0;
        prop_assert!(errors >= 1.95 * error - 1e-6 && errors <= 12.8 * error + 1e-6, "{} of {}", errors, error);
    }
}
