//! The guards: each asks one question about a plan and may refuse it. All are always asked, so that the journal shows every
//! answer; the strictest decides.

use homeostat_vocabulary::{Autonomy, Decision, Guard, GuardVerdict, Millis, Repair, Timestamp, Verdict};

/// How long a plan counts after it is due: an older decision rests on evidence that may have changed.
pub const PLAN_LIFE: Millis = Millis(30_000);

/// What the guards need to know besides the plan.
#[derive(Clone, Debug)]
pub struct Circumstances<'a> {
    /// The time.
    pub now: Timestamp,
    /// When the plan is due.
    pub due: Timestamp,
    /// Whether acting on the target is paused.
    pub paused: bool,
    /// Whether repairs are switched on.
    pub recovery_on: bool,
    /// What the owner lets the engine do for this service.
    pub autonomy: Autonomy,
    /// Whether a person approved this plan.
    pub approved: bool,
    /// Whether something else acts on the target, or a person holds it.
    pub occupied: bool,
    /// When the target was repaired within the budget's window, oldest first.
    pub repairs: &'a [Timestamp],
    /// The limits.
    pub repair: &'a Repair,
}

/// What the guards said, and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// Each guard's answer, in a fixed order.
    pub verdicts: Vec<GuardVerdict>,
    /// What follows from all of them.
    pub decision: Decision,
}

impl Ruling {
    /// The guards that refused.
    pub fn refusals(&self) -> impl Iterator<Item = Guard> + '_ {
        self.verdicts.iter().filter(|answer| answer.verdict == Verdict::Refuse).map(|answer| answer.guard)
    }
}

/// Asks every guard about a repair plan.
#[must_use]
pub fn ask(circumstances: &Circumstances<'_>) -> Ruling {
    let c = circumstances;
    let refuse_if = |refused| if refused { Verdict::Refuse } else { Verdict::Pass };
    let answers = [
        (Guard::KillSwitch, refuse_if(c.paused)),
        (Guard::RecoverySwitch, refuse_if(!c.recovery_on)),
        (Guard::Autonomy, autonomy(c)),
        (Guard::OneActor, refuse_if(c.occupied)),
        (Guard::Freshness, refuse_if(c.now > c.due.after(PLAN_LIFE))),
        (Guard::Backoff, wait_until(c.due, c.now)),
        (Guard::Rate, wait_until(budget_free_at(c), c.now)),
    ];
    let verdicts = answers.map(|(guard, verdict)| GuardVerdict { guard, verdict }).to_vec();
    let decision = strictest(&verdicts, c.now.after(c.repair.approval_deadline));
    Ruling { verdicts, decision }
}

fn autonomy(c: &Circumstances<'_>) -> Verdict {
    match c.autonomy {
        Autonomy::Observe | Autonomy::Propose => Verdict::Refuse,
        Autonomy::Approve if !c.approved => Verdict::AskPerson,
        Autonomy::Approve | Autonomy::Auto => Verdict::Pass,
    }
}

fn wait_until(until: Timestamp, now: Timestamp) -> Verdict {
    if until > now { Verdict::Wait { until } } else { Verdict::Pass }
}

/// When the budget allows the next repair. A spent budget never means giving up: it slows the pace to one repair a
/// `backoff_max`, or frees a place when the oldest repair leaves the window, whichever is sooner.
fn budget_free_at(c: &Circumstances<'_>) -> Timestamp {
    let spent = c.repairs.len() >= usize::try_from(c.repair.budget).unwrap_or(usize::MAX);
    let (Some(oldest), Some(newest)) = (c.repairs.first(), c.repairs.last()) else { return Timestamp(0) };
    if spent { oldest.after(c.repair.budget_window).min(newest.after(c.repair.backoff_max)) } else { Timestamp(0) }
}

fn strictest(verdicts: &[GuardVerdict], approval_by: Timestamp) -> Decision {
    let verdicts = verdicts.iter().map(|answer| answer.verdict);
    verdicts.fold(Decision::Go, |decision, verdict| match (decision, verdict) {
        (Decision::Refuse, _) | (_, Verdict::Refuse) => Decision::Refuse,
        (Decision::AskPerson { until }, _) => Decision::AskPerson { until },
        (_, Verdict::AskPerson) => Decision::AskPerson { until: approval_by },
        (Decision::Wait { until: one }, Verdict::Wait { until: other }) => Decision::Wait { until: one.max(other) },
        (_, Verdict::Wait { until }) => Decision::Wait { until },
        (earlier, Verdict::Pass) => earlier,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circumstances<'a>(now: u64, repairs: &'a [Timestamp], repair: &'a Repair) -> Circumstances<'a> {
        Circumstances {
            now: Timestamp(now),
            due: Timestamp(now),
            paused: false,
            recovery_on: true,
            autonomy: Autonomy::Auto,
            approved: false,
            occupied: false,
            repairs,
            repair,
        }
    }

    #[test]
    fn a_single_refusal_outweighs_everything_else() {
        // The kill switch would be worth nothing if another guard's pass could outweigh it.
        let repair = Repair::default();
        let allowed = circumstances(0, &[], &repair);
        assert_eq!(ask(&allowed).decision, Decision::Go);
        for refused in [
            Circumstances { paused: true, ..allowed.clone() },
            Circumstances { recovery_on: false, ..allowed.clone() },
            Circumstances { autonomy: Autonomy::Observe, ..allowed.clone() },
            Circumstances { autonomy: Autonomy::Propose, approved: true, ..allowed.clone() },
            Circumstances { occupied: true, ..allowed.clone() },
            Circumstances { now: Timestamp(30_001), due: Timestamp(0), ..allowed.clone() },
        ] {
            let ruling = ask(&refused);
            assert_eq!((ruling.decision, ruling.refusals().count()), (Decision::Refuse, 1), "{refused:?}");
        }
    }

    #[test]
    fn approval_is_asked_for_once_and_then_counts() {
        // At level approve nothing may begin without a person's word, and the word must be enough.
        let repair = Repair::default();
        let asked = Circumstances { autonomy: Autonomy::Approve, ..circumstances(0, &[], &repair) };
        assert!(matches!(ask(&asked).decision, Decision::AskPerson { .. }));
        let approved = Circumstances { approved: true, ..asked };
        assert_eq!(ask(&approved).decision, Decision::Go);
    }

    #[test]
    fn a_spent_budget_slows_down_and_never_stops() {
        // Giving up silently would leave a service down for good; no bound at all would be a storm.
        let repair = Repair::default();
        let repairs = [Timestamp(1_000), Timestamp(2_000), Timestamp(3_000)];
        let until = Timestamp(3_000 + repair.backoff_max.0);
        assert_eq!(ask(&circumstances(4_000, &repairs, &repair)).decision, Decision::Wait { until });
        assert_eq!(ask(&circumstances(until.0, &repairs, &repair)).decision, Decision::Go);
    }
}
