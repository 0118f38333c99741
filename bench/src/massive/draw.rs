//! Chance that is a pure function of what it is drawn for: the same request has the same luck under every subject.
//!
//! Called by schedules, arrivals and backends. Never holds state: two processes that draw for the same thing draw the same.

use homeostat_resilience::chance::Chance;

/// A number that belongs to these numbers.
pub fn number(of: &[u64]) -> u64 {
    of.iter().fold(0, |mixed, part| Chance::seeded(mixed ^ part).next_u64())
}

/// A fraction, from 0 up to but not including 1, that belongs to these numbers.
pub fn fraction(of: &[u64]) -> f64 {
    Chance::seeded(number(of)).fraction()
}

/// The places 0 to `count` in an order that belongs to these numbers.
pub fn order(count: usize, of: &[u64]) -> Vec<usize> {
    let chance = Chance::seeded(number(of));
    let mut places: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        places.swap(last, chance.below(last + 1));
    }
    places
}

/// The wait until the next of events that come by themselves, so many a second.
pub fn wait_s(fraction: f64, per_s: f64) -> f64 {
    -(1.0 - fraction).ln() / per_s
}

#[cfg(test)]
mod tests {
    use super::*;

    // Would break: subjects of one run that meet different luck, so that their difference says nothing.
    #[test]
    fn the_same_thing_draws_the_same() {
        assert_eq!(number(&[1, 2]), number(&[1, 2]));
        assert_ne!(number(&[1, 2]), number(&[2, 1]));
        let mut sorted = order(10, &[7]);
        assert_ne!(sorted, (0..10).collect::<Vec<_>>());
        sorted.sort_unstable();
        assert_eq!(sorted, (0..10).collect::<Vec<_>>());
        let mean = (0..10_000).map(|place| wait_s(fraction(&[3, place]), 4.0)).sum::<f64>() / 10_000.0;
        assert!((mean - 0.25).abs() < 0.01, "{mean}");
    }
}
