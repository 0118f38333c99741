//! How long to wait before the next attempt: exponential, with jitter, bounded, and never for ever.

use homeostat_vocabulary::{Chance, Millis, Repair};

/// The wait before attempt number `attempts` in a row (counted from zero): none before the first, then doubling.
///
/// The jitter takes up to a half off, never adds: many instances that fell together come back spread out, and the longest
/// wait stays what the owner configured.
#[must_use]
pub fn wait_before_attempt(attempts: u32, repair: &Repair, chance: &mut Chance) -> Millis {
    let Some(doublings) = attempts.checked_sub(1) else { return Millis(0) };
    let factor = 1u64.checked_shl(doublings).unwrap_or(u64::MAX);
    let full = repair.backoff_first.0.saturating_mul(factor).min(repair.backoff_max.0);
    Millis(full - chance.below(full / 2 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn waits_are_bounded_for_any_number_of_attempts(attempts: u32, seed: u64, first in 1u64..100_000, max in 1u64..10_000_000) {
            // An overflow at a high attempt would turn the backoff into a storm or into giving up.
            let repair = Repair { backoff_first: Millis(first), backoff_max: Millis(max), ..Repair::default() };
            let wait = wait_before_attempt(attempts, &repair, &mut Chance::from_seed(seed));
            let full = if attempts == 0 { 0 } else { first.saturating_mul(1u64.checked_shl(attempts - 1).unwrap_or(u64::MAX)).min(max) };
            prop_assert!(wait.0 <= full && wait.0 >= full / 2);
        }
    }
}
