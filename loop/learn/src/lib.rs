//! The learn stage: outcomes in, lessons out; and what the lessons so far predict.
//!
//! Called by the controller when an outcome was measured and when a plan is made. Always holds: pure; an unknown outcome
//! teaches nothing, because counting it as a success or a failure would both be made up.

use homeostat_vocabulary::{Lesson, Millis, Outcome};

/// The prior: as if this many repairs had been tried before the first one. Small, so that a handful of true outcomes
/// outweighs it, as a small team sees only tens of repairs a month.
const PRIOR_TRIED: u64 = 5;

/// Of the prior's repairs, the ones that fixed it.
const PRIOR_FIXED: u64 = 4;

/// The lesson after one more outcome; `None` when the outcome teaches nothing.
#[must_use]
pub const fn learn(before: Lesson, outcome: &Outcome) -> Option<Lesson> {
    let Lesson { tried, fixed, recovery_total } = before;
    match outcome {
        Outcome::Fixed { recovered_after } => {
            let recovery_total = Millis(recovery_total.0.saturating_add(recovered_after.0));
            Some(Lesson { tried: tried.saturating_add(1), fixed: fixed.saturating_add(1), recovery_total })
        }
        Outcome::NoEffect { .. } => Some(Lesson { tried: tried.saturating_add(1), fixed, recovery_total }),
        Outcome::Unknown => None,
    }
}

/// The chance of success that a lesson predicts, in thousandths.
#[must_use]
pub fn predict_permille(lesson: Lesson) -> u16 {
    let fixed = u128::from(lesson.fixed) + u128::from(PRIOR_FIXED);
    let tried = u128::from(lesson.tried) + u128::from(PRIOR_TRIED);
    u16::try_from(fixed * 1000 / tried).expect("at most as many were fixed as were tried")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn prediction_stays_a_chance_and_follows_the_outcomes(outcomes in proptest::collection::vec(0u8..3, 0..500)) {
            // A prediction above 1000 or against the evidence would make the plan's promise worthless.
            let mut lesson = Lesson::default();
            for outcome in outcomes {
                let before = predict_permille(lesson);
                let measured = match outcome {
                    0 => Outcome::Fixed { recovered_after: Millis(100) },
                    1 => Outcome::NoEffect { because: homeostat_vocabulary::Unfixed::NotReadyInTime },
                    _ => Outcome::Unknown,
                };
                match learn(lesson, &measured) {
                    Some(after) => {
                        let rose = predict_permille(after) >= before;
                        prop_assert_eq!(rose, outcome == 0 || predict_permille(after) == before);
                        prop_assert!(after.fixed <= after.tried && after.tried == lesson.tried + 1);
                        lesson = after;
                    }
                    None => prop_assert_eq!(outcome, 2),
                }
                prop_assert!(predict_permille(lesson) <= 1000);
            }
        }
    }
}
