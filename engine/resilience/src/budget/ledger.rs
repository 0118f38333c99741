//! The books of the budget, without clock or lock: what was earned and spent in each slot of a window.
//!
//! Kept by [`Budget`](super::Budget) alone. Two things always hold when an attempt begins: on every level of importance, what that
//! level and the less important ones spent in the window is at most what they earned in it, or the minimum; and what is reserved for
//! attempts that begin later counts as spent, however long it takes. Time never goes back here.

use std::time::Duration;

use homeostat_reactor::Moment;

use super::BudgetSettings;
use crate::{PerPriority, Priority};

/// How many slots the window has. Ten, so that it is never more than a tenth shorter than it says.
pub const WINDOW_SLOTS: usize = 10;
/// The length of a slot. Ten of them are the ten seconds over which amplification is commonly judged.
pub const SLOT: Duration = Duration::from_secs(1);
/// An attempt in the unit of the ledger, millionths: whole numbers, because sums of fractions would drift.
const ATTEMPT: u64 = 1_000_000;
/// As long as this share of what may be spent in a window is left, any attempt is worth it: hedges of a healthy service, which shorten
/// calls that would have ended well, take less than the rest. Under it an attempt must promise the more the less there is.
const PLENTY: f32 = 0.8;
/// What the last one must promise. A little less than certainty, as what is learned of latencies is never quite certain.
const DEAREST: f32 = 0.98;
/// More than this ratio is taken for this one: ten attempts a call are no budget any more.
const RATIO_MAX: f64 = 10.0;
/// More than this minimum is taken for this one, so that no sum overflows.
const MINIMUM_PER_S_MAX: f64 = 1e6;

/// The books, without clock or lock: what was earned and spent in each slot of the window.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    slots: [Slot; WINDOW_SLOTS],
    window: Slot,
    /// Counts the slots that have begun; where it points modulo their number is the present one.
    turn: u64,
    /// The latest slot that a clock showed.
    shown: u64,
    /// Paid for and not begun: it is in no slot, because it may begin when those that paid for it have long left the window.
    reserved: PerPriority<u64>,
    per_call: u64,
    minimum: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    earned: PerPriority<u64>,
    spent: PerPriority<u64>,
}

impl Ledger {
    /// Empty books. Settings that make no sense are bent into what they come nearest to.
    pub fn new(settings: BudgetSettings) -> Self {
        let mut ledger = Self::default();
        ledger.reload(settings);
        ledger
    }

    /// Other terms from now on; what is in the books stays.
    pub fn reload(&mut self, settings: BudgetSettings) {
        let window_s = SLOT.as_secs_f64() * WINDOW_SLOTS as f64;
        self.per_call = units(settings.ratio, RATIO_MAX);
        self.minimum = units(settings.minimum_per_s * window_s, MINIMUM_PER_S_MAX * window_s);
    }

    /// A call begins, and earns.
    pub fn earn(&mut self, now: Moment, priority: Priority) {
        self.pass(now);
        let earned = self.per_call;
        self.window.earned[priority] += earned;
        self.slot(self.turn).earned[priority] += earned;
    }

    /// Pays for an attempt that begins now, if that can be paid.
    pub fn spend(&mut self, now: Moment, priority: Priority) -> bool {
        let is_covered = self.covers(now, priority);
        if is_covered {
            self.slot(self.turn).spent[priority] += ATTEMPT;
            self.window.spent[priority] += ATTEMPT;
        }
        is_covered
    }

    /// Reserves an attempt that begins later, if it could be paid now: [`begin`](Self::begin) or [`release`](Self::release) follows.
    pub fn reserve(&mut self, now: Moment, priority: Priority) -> bool {
        let is_covered = self.covers(now, priority);
        if is_covered {
            self.reserved[priority] += ATTEMPT;
        }
        is_covered
    }

    /// A reserved attempt begins now, if that is still covered: what paid for it may have left the window since. Otherwise many
    /// pauses that end together would bring what several windows allowed into one moment.
    pub fn begin(&mut self, now: Moment, priority: Priority) -> bool {
        self.release(priority);
        self.spend(now, priority)
    }

    /// A reserved attempt is not made after all.
    pub fn release(&mut self, priority: Priority) {
        self.reserved[priority] = self.reserved[priority].saturating_sub(ATTEMPT);
    }

    /// Whether an attempt of this priority could be paid now.
    pub fn covers(&mut self, now: Moment, priority: Priority) -> bool {
        self.pass(now);
        self.available(priority) >= ATTEMPT
    }

    /// Whether an attempt that promises so much, from 0 to 1, is worth one of those that are left. Where all calls compete for the few
    /// that there are, they go to calls that have nothing else under way and all their time before them; first come, first served
    /// would spend them on attempts that end too late.
    pub fn is_worth(&mut self, now: Moment, priority: Priority, promise: f32) -> bool {
        self.pass(now);
        let left = self.levels(priority).map(|(may, taken)| may.saturating_sub(taken) as f32 / may.max(1) as f32);
        let left = left.fold(1.0, f32::min);
        promise >= DEAREST * (1.0 - left / PLENTY).max(0.0)
    }

    /// Whether these terms can ever pay for an attempt.
    pub const fn can_pay(&self) -> bool {
        self.per_call > 0 || self.minimum >= ATTEMPT
    }

    /// Attempts that could be paid now, if they are important enough.
    pub fn left(&mut self, now: Moment) -> f64 {
        self.pass(now);
        self.available(Priority::Critical) as f64 / ATTEMPT as f64
    }

    /// What a call of this priority could spend now. The least of what is left on its own level and on all more important ones,
    /// because what it spends is spent on each of them: with a level left out, it could spend what that had earned.
    fn available(&self, priority: Priority) -> u64 {
        self.levels(priority).map(|(may, taken)| may.saturating_sub(taken)).min().unwrap_or(0)
    }

    /// What may be spent on each level from this one up, by it and all less important ones, and what of it is taken.
    fn levels(&self, priority: Priority) -> impl Iterator<Item = (u64, u64)> {
        let (mut earned, mut taken) = (0, 0);
        Priority::ALL.into_iter().rev().filter_map(move |level| {
            earned += self.window.earned[level];
            taken += self.window.spent[level] + self.reserved[level];
            (level <= priority).then(|| (earned.max(self.minimum), taken))
        })
    }

    /// Forgets the slots that have left the window. Who read the clock before others and comes after them sets nothing back, or the
    /// next would turn the same slot again; a clock that really goes back is waited for.
    fn pass(&mut self, now: Moment) {
        let shown = now.0 / SLOT.as_nanos() as u64;
        for _ in 0..shown.saturating_sub(self.shown).min(WINDOW_SLOTS as u64) {
            self.turn += 1;
            let left = std::mem::take(self.slot(self.turn));
            for priority in Priority::ALL {
                self.window.earned[priority] -= left.earned[priority];
                self.window.spent[priority] -= left.spent[priority];
            }
        }
        self.shown = self.shown.max(shown);
    }

    fn slot(&mut self, turn: u64) -> &mut Slot {
        &mut self.slots[(turn % WINDOW_SLOTS as u64) as usize]
    }
}

/// In units of the ledger; rounded down, so that rounding never gives.
fn units(attempts: f64, attempts_max: f64) -> u64 {
    // A cast takes what is not a number for 0, which is the safe side here.
    (attempts.clamp(0.0, attempts_max) * ATTEMPT as f64) as u64
}
