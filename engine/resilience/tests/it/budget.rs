//! The budget: what it lets through, whatever is asked of it and whatever the clock does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use homeostat_reactor::Moment;
use homeostat_resilience::budget::{Ledger, SLOT, WINDOW_SLOTS};
use homeostat_resilience::{Budget, BudgetSettings, Call, Charge, Listener, PolicyEvent, Priority};
use proptest::prelude::*;

const FIFTH: BudgetSettings = BudgetSettings { ratio: 0.2, minimum_per_s: 0.0 };

/// What may be asked of a budget.
#[derive(Debug, Clone)]
enum Ask {
    Pass(u64),
    GoBack(u64),
    Earn(u16),
    Spend(u16),
    Refund(usize),
}

fn asks(goes_back: bool) -> impl Strategy<Value = Vec<Ask>> {
    let back = if goes_back { 1 } else { 0 };
    let ask = prop_oneof![
        4 => (0_u64..4_000).prop_map(Ask::Pass),
        1 => (0_u64..40_000).prop_map(Ask::Pass),
        back => (0_u64..40_000).prop_map(Ask::GoBack),
        6 => (1_u16..40).prop_map(Ask::Earn),
        6 => (1_u16..20).prop_map(Ask::Spend),
        2 => any::<usize>().prop_map(Ask::Refund),
    ];
    prop::collection::vec(ask, 1..80)
}

/// The reference: a diary of everything, summed anew for each question, in millionths.
#[derive(Default)]
struct Diary {
    lines: Vec<(u64, i64)>,
    turn: u64,
    shown: u64,
    minimum: i64,
}

impl Diary {
    fn look(&mut self, now: Moment) {
        let shown = now.0 / SLOT.as_nanos() as u64;
        self.turn += shown.saturating_sub(self.shown);
        self.shown = shown;
    }

    fn balance(&self) -> i64 {
        let recent = self.lines.iter().filter(|(turn, _)| turn + WINDOW_SLOTS as u64 > self.turn);
        let amounts: Vec<i64> = recent.map(|(_, amount)| *amount).collect();
        let earned: i64 = amounts.iter().filter(|amount| **amount > 0).sum();
        let spent: i64 = amounts.iter().filter(|amount| **amount < 0).sum();
        earned.max(self.minimum) + spent
    }
}

proptest! {
    #[test]
    fn the_ledger_is_the_diary(asks in asks(true), minimum in 0_u32..4) {
        // Would break: slots that are reused too early or too late, a refund in the wrong one, a clock that goes back.
        let mut ledger = Ledger::new(BudgetSettings { ratio: 0.2, minimum_per_s: f64::from(minimum) });
        let mut diary = Diary { minimum: i64::from(minimum) * 10_000_000, ..Diary::default() };
        let (mut now, mut paid) = (Moment::ZERO, Vec::new());
        for ask in asks {
            match ask {
                Ask::Pass(millis) => now = now + Duration::from_millis(millis),
                Ask::GoBack(millis) => now = now.before(Duration::from_millis(millis)),
                Ask::Earn(times) => (0..times).for_each(|_| {
                    ledger.earn(now, Priority::Normal);
                    diary.look(now);
                    diary.lines.push((diary.turn, 200_000));
                }),
                Ask::Spend(times) => for _ in 0..times {
                    let slot = ledger.spend(now, Priority::Normal);
                    diary.look(now);
                    prop_assert_eq!(slot.is_some(), diary.balance() >= 1_000_000);
                    if let Some(slot) = slot {
                        paid.push((slot, diary.lines.len()));
                        diary.lines.push((diary.turn, -1_000_000));
                    }
                },
                Ask::Refund(which) if !paid.is_empty() => {
                    let (slot, line) = paid.swap_remove(which % paid.len());
                    ledger.refund(slot, Priority::Normal);
                    diary.lines[line].1 = 0;
                }
                Ask::Refund(_) => {}
            }
        }
    }

    #[test]
    fn extra_attempts_never_exceed_the_ratio_and_the_minimum(asks in asks(false), minimum in 0_u32..4) {
        // Would break: a storm. At any time, everything spent so far is covered by what was earned so far and by one minimum for
        // each window that has begun; and within any ten seconds by what those and the ten seconds before them earned.
        let mut ledger = Ledger::new(BudgetSettings { ratio: 0.2, minimum_per_s: f64::from(minimum) });
        let (mut now, mut calls, mut spent) = (Moment::ZERO, Vec::new(), Vec::new());
        for ask in asks {
            match ask {
                Ask::Pass(millis) => now = now + Duration::from_millis(millis),
                Ask::Earn(times) => (0..times).for_each(|_| { ledger.earn(now, Priority::Normal); calls.push(now); }),
                Ask::Spend(times) => spent.extend((0..times).filter_map(|_| ledger.spend(now, Priority::Normal)).map(|_| now)),
                Ask::GoBack(_) | Ask::Refund(_) => {}
            }
            let windows = now.0 / 10_000_000_000 + 1;
            let most = calls.len() as f64 * 0.2 + f64::from(minimum) * 10.0 * windows as f64;
            prop_assert!(spent.len() as f64 <= most, "{} of {most} at {now:?}", spent.len());
            let slot_of = |moment: &Moment| moment.0 / SLOT.as_nanos() as u64;
            let last = slot_of(&now);
            let spent_lately = spent.iter().filter(|moment| slot_of(moment) + 10 > last).count();
            let earned_lately = calls.iter().filter(|moment| slot_of(moment) + 19 > last).count() as f64 * 0.2;
            prop_assert!(spent_lately as f64 <= earned_lately + f64::from(minimum) * 10.0);
        }
    }
}

fn count(budget: &Budget, calls: u32, now: Moment) {
    (0..calls).for_each(|_| assert!(budget.count(&Call::default(), now).is_counted));
}

#[test]
fn a_quiet_service_can_retry_and_a_long_calm_buys_nothing() {
    // Would break: one failed call a minute that is never tried again, or an hour of calm that is saved up for a storm.
    let quiet = Budget::new("quiet", BudgetSettings::default());
    let calm = Budget::new("calm", FIFTH);
    for second in 0..3_600 {
        count(&calm, 10, Moment::from_secs(second));
    }
    let end = Moment::from_secs(3_599);
    let take = |budget: &Budget| {
        (0..1_000).filter(|_| budget.charge(&Call::default(), end).map(|charge| charge.begin()).is_some()).count()
    };
    assert_eq!(take(&quiet), 10);
    assert_eq!(take(&calm), 20, "a fifth of what came in the last ten seconds");
    let snapshot = calm.snapshot(end);
    assert_eq!((snapshot.calls, snapshot.extra, snapshot.refused, snapshot.available), (36_000, 20, 980, 0.0));
}

#[test]
fn a_call_is_counted_once_however_many_policies_it_passes() {
    // Would break: nested policies with one budget that earn twice, and so may spend twice.
    let budget = Budget::new("shared", FIFTH);
    let inner = budget.count(&Call::default(), Moment::ZERO);
    assert_eq!(budget.count(&inner, Moment::ZERO), inner);
    assert_eq!(budget.snapshot(Moment::ZERO).calls, 1);
}

#[test]
fn an_attempt_that_is_not_made_is_paid_back_unless_its_time_has_passed() {
    // Would break: calls dropped in their pauses that eat the budget up, or a refund that outlives what had earned it.
    let budget = Budget::new("dropped", FIFTH);
    count(&budget, 5, Moment::ZERO);
    drop(budget.charge(&Call::default(), Moment::from_secs(3)).unwrap());
    let charge = budget.charge(&Call::default(), Moment::from_secs(4)).unwrap();
    assert!(budget.charge(&Call::default(), Moment::from_secs(4)).is_none());
    assert_eq!(budget.snapshot(Moment::from_secs(60)).available, 0.0);
    drop(charge);
    assert_eq!(budget.snapshot(Moment::from_secs(60)).available, 0.0);
    assert_eq!(budget.snapshot(Moment::from_secs(60)).extra, 0);
}

#[test]
fn other_terms_hold_at_once_and_forget_nothing() {
    // Would break: a reload that hands a fresh budget to a storm, or a setting without sense that opens it wide.
    let told = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&told);
    let listener = Listener::new(move |event| {
        assert!(matches!(event, PolicyEvent::BudgetSpent { .. }));
        counter.fetch_add(1, Ordering::Relaxed);
    });
    let budget = Budget::with_listener("reloaded", BudgetSettings { ratio: 0.0, minimum_per_s: 0.1 }, listener);
    budget.charge(&Call::default(), Moment::ZERO).unwrap().begin();
    budget.reload(BudgetSettings { ratio: f64::NAN, minimum_per_s: -1.0 });
    assert!(budget.charge(&Call::default(), Moment::ZERO).is_none());
    budget.reload(BudgetSettings { ratio: f64::INFINITY, minimum_per_s: 0.1 });
    assert!(budget.charge(&Call::default(), Moment::ZERO).is_none(), "what was spent is still spent");
    count(&budget, 1, Moment::ZERO);
    assert_eq!(budget.snapshot(Moment::ZERO).available, 9.0, "ten for the call, and one is spent");
    assert_eq!(told.load(Ordering::Relaxed), 2);
}

#[test]
fn nobody_spends_what_more_important_calls_have_earned() {
    // Would break: a thousand prefetches fail, and the one login that fails too is not tried again.
    let budget = Budget::new("shared", BudgetSettings { ratio: 0.5, minimum_per_s: 0.0 });
    let of = |priority| Call::default().priority(priority);
    let charges =
        |priority, now| (0..100).filter(|_| budget.charge(&of(priority), now).map(Charge::begin).is_some()).count();
    let now = Moment::from_secs(1);
    for (priority, calls) in [(Priority::Critical, 20), (Priority::Normal, 10), (Priority::Background, 40)] {
        (0..calls).for_each(|_| assert!(budget.count(&of(priority), now).is_counted));
    }
    assert_eq!(charges(Priority::Background, now), 20, "what the background earned");
    assert_eq!(charges(Priority::Normal, now), 5, "its own, as the less important have nothing left");
    assert_eq!(charges(Priority::Critical, now), 10, "all that is left");
    (0..10).for_each(|_| assert!(budget.count(&of(Priority::Low), now).is_counted));
    assert_eq!(charges(Priority::Critical, now), 5, "what the less important earned is there for the important");
    assert_eq!(charges(Priority::Low, now), 0);
}
