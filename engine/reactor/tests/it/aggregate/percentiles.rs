//! Percentiles beside the exact ones, on data that is kind and data that is not.

use homeostat_reactor::Moment;
use homeostat_reactor::aggregate::{Aggregator, Percentiles, Quantile, RELATIVE_ERROR};
use proptest::prelude::*;

use super::{Seeded, having_added, restored};

const SHARES: [f64; 11] = [0.0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0];

/// Checks each quantile against the number that stands at its place, and gives the largest error.
fn check(numbers: &[f64]) -> f64 {
    let sketch = having_added(Percentiles::new(), numbers.iter().copied());
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let errors = SHARES.map(|share| {
        let exact = sorted[(share * (sorted.len() - 1) as f64) as usize];
        let found = sketch.quantile(share).unwrap();
        let error = if exact == 0.0 { found.abs() } else { (found - exact).abs() / exact.abs() };
        // the last digit of the bounds themselves is rounded
        assert!(error <= RELATIVE_ERROR * (1.0 + 1e-12), "{share}: {found} in place of {exact}");
        error
    });
    assert_eq!(sketch.output().value.unwrap().lumped, 0);
    errors.into_iter().fold(0.0, f64::max)
}

#[test]
fn the_stated_error_holds_on_the_usual_distributions() {
    // Would break: percentiles that are off by more than is promised, where people look at them.
    let mut seeded = Seeded(1);
    let mut draw = |make: &dyn Fn(&mut Seeded) -> f64| -> Vec<f64> { (0..50_000).map(|_| make(&mut seeded)).collect() };
    check(&draw(&|seeded| seeded.uniform()));
    check(&draw(&|seeded| seeded.uniform() * 1e6 - 5e5));
    check(&draw(&|seeded| (3.0 + 1.5 * seeded.normal()).exp()));
    check(&draw(&|seeded| if seeded.uniform() < 0.9 { 5.0 + seeded.normal() * 0.1 } else { 900.0 + seeded.normal() }));
    check(&draw(&|seeded| seeded.normal() * 1e-12));
    check(&draw(&|seeded| seeded.uniform().powi(-2)));
    check(&draw(&|seeded| (seeded.next() % 7) as f64 - 3.0));
}

#[test]
fn the_stated_error_is_reached_but_not_passed_where_it_is_worst() {
    // Would break: an error stated too small (numbers at the edges of the widest buckets), or needlessly large.
    let edges: Vec<f64> = (0..63)
        .flat_map(|part| {
            let bound = 1.0 + f64::from(part) / 64.0;
            [bound, bound.next_down(), -bound, -bound.next_down()]
        })
        .collect();
    let worst = check(&edges);
    let first_bucket = [0.5, 1.0, 1.0, 1.0, 2.0];
    let worst = worst.max(check(&first_bucket));
    assert!(worst > RELATIVE_ERROR * 0.99, "{worst}");
}

proptest! {
    #[test]
    fn the_stated_error_holds_on_anything(numbers in prop::collection::vec(any_number(), 1..200)) {
        // Would break: powers of two, repeated numbers, mixed signs, zeros of both signs, numbers of very different size.
        check(&numbers);
    }

    #[test]
    fn what_is_lumped_together_depends_on_the_numbers_alone(
        exponents in prop::collection::vec(-90..90_i32, 1..60),
        cut in any::<prop::sample::Index>(),
    ) {
        // Would break: a sketch at its limit that says one thing in one order and another in another.
        let numbers: Vec<f64> = exponents.iter().map(|exponent| 10_f64.powi(*exponent)).collect();
        let forward = having_added(Percentiles::new(), numbers.iter().copied());
        let backward = having_added(Percentiles::new(), numbers.iter().rev().copied());
        let (left, right) = numbers.split_at(cut.index(numbers.len()));
        let mut merged = having_added(Percentiles::new(), left.iter().copied());
        merged.merge(&having_added(Percentiles::new(), right.iter().copied()));
        let greatest = numbers.iter().copied().fold(0.0, f64::max);
        let far_below = numbers.iter().filter(|number| **number < greatest * 0.9e-19).count() as u64;
        prop_assert_eq!(forward.output().value.unwrap().lumped, far_below);
        prop_assert_eq!(&forward, &backward);
        prop_assert_eq!(&forward, &merged);
        prop_assert!(forward.buckets() <= 4096);
        // those that are not lumped together are still as exact
        let mut sorted = numbers;
        sorted.sort_by(f64::total_cmp);
        for (rank, exact) in sorted.iter().enumerate().skip(far_below as usize) {
            let share = (rank as f64 + 0.5) / (sorted.len() as f64 - 1.0);
            let found = if sorted.len() == 1 { *exact } else { forward.quantile(share.min(1.0)).unwrap() };
            prop_assert!((found - exact).abs() <= exact * RELATIVE_ERROR * (1.0 + 1e-12), "{} for {}", found, exact);
        }
    }
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        -1e3..1e3_f64,
        (-30..30_i32).prop_map(|exponent| 2_f64.powi(exponent)),
        (-30..30_i32).prop_map(|exponent| -2_f64.powi(exponent)),
        (-3..3_i32).prop_map(f64::from),
        Just(-0.0),
    ]
}

#[test]
fn the_last_of_many_far_apart_is_found_and_the_memory_has_its_limit() {
    // Would break: one number of another unit among the others that takes all buckets, or makes the sketch grow with its distance.
    let mut sketch = having_added(Percentiles::new(), (1..=1_000).map(f64::from));
    sketch.add(Moment::ZERO, &1e90);
    let says = sketch.output().value.unwrap();
    assert_eq!((says.lumped, sketch.quantile(1.0)), (1_000, Some(1e90)));
    assert!(says.p50 >= 1.0 && says.p50 <= 1e90 && sketch.buckets() <= 4096);
    let descending = having_added(Percentiles::new(), (0..2_000).map(|place| -(0.9_f64.powi(place))));
    assert!(descending.buckets() <= 4096);
}

#[test]
fn a_share_that_is_none_has_no_quantile() {
    // Would break: p99 asked for as 99 that quietly gives the greatest number.
    let sketch = having_added(Percentiles::new(), [1.0, 2.0, 3.0]);
    for share in [-0.1, 1.1, 99.0, f64::NAN] {
        assert_eq!(sketch.quantile(share), None);
        assert_eq!(having_added(Quantile::at(share), [1.0, 2.0]).output().value, None);
    }
    assert_eq!(having_added(Quantile::at(0.5), [1.0, 2.0, 3.0]).output().value, sketch.quantile(0.5));
}

#[test]
fn numbers_next_to_zero_are_zero() {
    // Would break: the smallest numbers, which have too few bits for a bucket of their own, put into a wrong one.
    let tiny = [f64::MIN_POSITIVE / 8.0, -f64::MIN_POSITIVE / 8.0, 1e-101, 0.0, -0.0];
    let sketch = having_added(Percentiles::new(), tiny.into_iter().chain([-1.0, 1.0]));
    assert_eq!((sketch.quantile(0.5).map(f64::abs), restored(&sketch)), (Some(0.0), sketch));
}
