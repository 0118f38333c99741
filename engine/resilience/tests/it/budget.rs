//! The budget: what it lets through, whatever is asked of it and whatever the clock does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use homeostat_reactor::Moment;
use homeostat_resilience::budget::{Ledger, SLOT, WINDOW_SLOTS};
use homeostat_resilience::latency::LatencyHistogram;
use homeostat_resilience::{Budget, BudgetSettings, Call, Listener, PolicyEvent, Priority};
use proptest::prelude::*;

const FIFTH: BudgetSettings = BudgetSettings { ratio: 0.2, minimum_per_s: 0.0 };

/// What may be asked of a budget.
#[derive(Debug, Clone)]
enum Ask {
    Pass(u64),
    GoBack(u64),
    Earn(Priority, u16),
    Spend(Priority, u16),
    Reserve(Priority, u16),
    Begin(usize),
    Release(usize),
}

fn asks() -> impl Strategy<Value = Vec<Ask>> {
    let who = || (0_usize..4).prop_map(|place| Priority::ALL[place]);
    let ask = prop_oneof![
        4 => (0_u64..4_000).prop_map(Ask::Pass),
        1 => (0_u64..40_000).prop_map(Ask::Pass),
        1 => (0_u64..40_000).prop_map(Ask::GoBack),
        6 => (who(), 1_u16..40).prop_map(|(who, times)| Ask::Earn(who, times)),
        4 => (who(), 1_u16..20).prop_map(|(who, times)| Ask::Spend(who, times)),
        4 => (who(), 1_u16..20).prop_map(|(who, times)| Ask::Reserve(who, times)),
        6 => any::<usize>().prop_map(Ask::Begin),
        2 => any::<usize>().prop_map(Ask::Release),
    ];
    prop::collection::vec(ask, 1..120)
}

/// The reference: a diary of everything, summed anew for each question, in millionths.
#[derive(Default)]
struct Diary {
    earned: Vec<(u64, Priority)>,
    begun: Vec<(u64, Priority)>,
    reserved: Vec<Priority>,
    shown: u64,
    minimum: i64,
}

impl Diary {
    fn look(&mut self, now: Moment) {
        self.shown = self.shown.max(now.0 / SLOT.as_nanos() as u64);
    }

    /// What calls of this importance and less have earned and begun in the ten seconds up to now.
    fn of(&self, level: Priority) -> (i64, i64) {
        let recent = |lines: &[(u64, Priority)]| {
            lines.iter().filter(|(slot, who)| *who >= level && slot + WINDOW_SLOTS as u64 > self.shown).count() as i64
        };
        (recent(&self.earned) * 200_000, recent(&self.begun) * 1_000_000)
    }

    fn balance(&self, priority: Priority) -> i64 {
        let left = |level: Priority| {
            let (earned, begun) = self.of(level);
            let reserved = self.reserved.iter().filter(|who| **who >= level).count() as i64;
            earned.max(self.minimum) - begun - reserved * 1_000_000
        };
        Priority::ALL.into_iter().filter(|level| *level <= priority).map(left).min().unwrap()
    }

    fn has(&mut self, now: Moment, priority: Priority) -> bool {
        self.look(now);
        self.balance(priority) >= 1_000_000
    }

    /// An attempt begins: what the budget promises holds for everybody whose share it could have taken.
    fn begin(&mut self, priority: Priority) {
        self.begun.push((self.shown, priority));
        for level in Priority::ALL.into_iter().filter(|level| *level <= priority) {
            let (earned, begun) = self.of(level);
            assert!(begun <= earned.max(self.minimum), "{priority} took what {level} and less did not earn");
        }
    }
}

proptest! {
    #[test]
    fn no_attempt_begins_that_the_ten_seconds_up_to_it_do_not_cover(asks in asks(), minimum in 0_u32..4) {
        // Would break: a storm of attempts that were paid for at any time and begin together; slots that are reused too early or
        // too late; a clock that goes back; and less important calls that spend what more important ones have earned.
        let mut ledger = Ledger::new(BudgetSettings { ratio: 0.2, minimum_per_s: f64::from(minimum) });
        let mut diary = Diary { minimum: i64::from(minimum) * 10_000_000, ..Diary::default() };
        let mut now = Moment::ZERO;
        for ask in asks {
            match ask {
                Ask::Pass(millis) => now = now + Duration::from_millis(millis),
                Ask::GoBack(millis) => now = now.before(Duration::from_millis(millis)),
                Ask::Earn(who, times) => (0..times).for_each(|_| {
                    ledger.earn(now, who);
                    diary.look(now);
                    diary.earned.push((diary.shown, who));
                }),
                Ask::Spend(who, times) => for _ in 0..times {
                    let has = diary.has(now, who);
                    prop_assert_eq!(ledger.spend(now, who), has);
                    if has { diary.begin(who) }
                },
                Ask::Reserve(who, times) => for _ in 0..times {
                    let has = diary.has(now, who);
                    prop_assert_eq!(ledger.reserve(now, who), has);
                    if has { diary.reserved.push(who) }
                },
                Ask::Begin(which) if !diary.reserved.is_empty() => {
                    let who = diary.reserved.swap_remove(which % diary.reserved.len());
                    let has = diary.has(now, who);
                    prop_assert_eq!(ledger.begin(now, who), has);
                    if has { diary.begin(who) }
                }
                Ask::Release(which) if !diary.reserved.is_empty() => {
                    ledger.release(diary.reserved.swap_remove(which % diary.reserved.len()));
                }
                Ask::Begin(_) | Ask::Release(_) => {}
            }
        }
    }
}

#[test]
fn who_read_the_clock_before_others_turns_nothing_back() {
    // Would break: threads that come late to the lock, so that the same second passes again and again and the window is empty.
    let mut ledger = Ledger::new(BudgetSettings { ratio: 0.0, minimum_per_s: 1.0 });
    let (late, now) = (Moment::from_millis(1_999), Moment::from_millis(2_000));
    let paid = (0..100).flat_map(|_| [now, late]).filter(|moment| ledger.spend(*moment, Priority::Normal)).count();
    assert_eq!(paid, 10);
    let mut answers = LatencyHistogram::new(Duration::from_secs(1));
    answers.record(Duration::from_millis(5), now);
    (0..100).flat_map(|_| [late, now]).for_each(|moment| assert!(answers.count(moment) > 0.99, "nothing grew older"));
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
    let take = |budget: &Budget| (0..1_000).filter(|_| budget.pay(&Call::default(), end)).count();
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
fn an_attempt_that_is_not_made_is_paid_back_and_one_that_begins_late_counts_when_it_begins() {
    // Would break: calls dropped in their pauses that eat the budget up, or pauses of many seconds that all end in the same one.
    let budget = Budget::new("paused", FIFTH);
    let charge = |second| budget.charge(&Call::default(), Moment::from_secs(second));
    count(&budget, 5, Moment::ZERO);
    drop(charge(3).unwrap());
    let held = charge(4).unwrap();
    assert!(charge(4).is_none());
    count(&budget, 5, Moment::from_secs(20));
    assert!(charge(20).is_none(), "what has not begun is not forgotten");
    assert!(held.begin(Moment::from_secs(20)));
    assert!(charge(29).is_none(), "it counts from its begin");
    count(&budget, 5, Moment::from_secs(30));
    let held = charge(30).unwrap();
    assert!(!held.begin(Moment::from_secs(60)), "what paid for it is long gone");
    let snapshot = budget.snapshot(Moment::from_secs(60));
    assert_eq!((snapshot.extra, snapshot.paid_back, snapshot.refused, snapshot.available), (1, 2, 4, 0.0));
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
    assert!(budget.pay(&Call::default(), Moment::ZERO));
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
    let charges = |priority, now| (0..100).filter(|_| budget.pay(&of(priority), now)).count();
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
    let later = Moment::from_secs(60);
    for priority in [Priority::Critical, Priority::Low] {
        (0..20).for_each(|_| assert!(budget.count(&of(priority), later).is_counted));
    }
    assert_eq!(charges(Priority::Normal, later), 10, "what the less important earned");
    assert_eq!(charges(Priority::Low, later), 0, "its own is spent, and the rest was earned by the critical ones");
    assert_eq!(charges(Priority::Critical, later), 10);
}

#[test]
fn the_less_is_left_the_more_an_attempt_must_promise() {
    // Would break: attempts that hardly can succeed any more spend what fresh calls would have made good use of.
    let mut ledger = Ledger::new(BudgetSettings { ratio: 1.0, minimum_per_s: 0.0 });
    let now = Moment::from_secs(1);
    (0..100).for_each(|_| ledger.earn(now, Priority::Normal));
    let mut least_before = 0.0;
    for spent in 0..100 {
        let mut promises = (0..=100).map(|percent| percent as f32 / 100.0);
        let least = promises.find(|promise| ledger.is_worth(now, Priority::Normal, *promise)).unwrap();
        assert!(least >= least_before, "{least} after {spent}");
        assert!(spent > 20 || least <= 0.0, "as long as there is plenty, all are made: {least} after {spent}");
        assert!(ledger.spend(now, Priority::Normal));
        least_before = least;
    }
    assert!(least_before > 0.9, "{least_before} for the last one");
    assert!(ledger.is_worth(now, Priority::Normal, 1.0), "what promises most is always worth it");
}
