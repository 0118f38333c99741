//! The budget that all extra attempts are paid from, whoever makes them: retries and hedges alike.
//!
//! Each call earns a fraction of an attempt, and where that comes to less, a small minimum is there so that a quiet service can
//! retry at all. Both count over a sliding window of ten seconds: what was not used in time is gone, so an hour of calm buys no storm. What
//! always holds, whatever fails and whenever: over any window the extra attempts are at most `ratio` times its calls, or the minimum
//! if that is more. A window and not a bucket with a fixed depth: the depth would be too small for a burst of thousands, or
//! an hour's savings for a service with a few calls a minute.
//!
//! Nobody spends what more important calls have earned: when many calls of little importance fail, those that matter can still be
//! tried again.
//!
//! The outermost policy counts the call ([`Budget::count`] marks it), so that policies that are nested around each other and share
//! a budget do not earn twice. It must never be asked before the attempt is otherwise sure to be made.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use homeostat_reactor::Moment;
use serde::{Deserialize, Serialize};

use crate::{Call, Listener, PerPriority, PolicyEvent, Priority};

/// How many slots the window has. Ten, so that it is never more than a tenth shorter than it says.
pub const WINDOW_SLOTS: usize = 10;
/// The length of a slot. Ten of them are the ten seconds over which amplification is commonly judged.
pub const SLOT: Duration = Duration::from_secs(1);
/// An attempt in the unit of the ledger, millionths: whole numbers, because sums of fractions would drift.
const ATTEMPT: u64 = 1_000_000;
/// More than this ratio is taken for this one: ten attempts a call are no budget any more.
const RATIO_MAX: f64 = 10.0;
/// More than this minimum is taken for this one, so that no sum overflows.
const MINIMUM_PER_S_MAX: f64 = 1e6;

/// How much may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetSettings {
    /// Extra attempts for each call. 0.2 by default: a storm adds at most a fifth to what is there anyway, which a service with
    /// usual headroom survives; at 1 a failing service gets twice its load.
    pub ratio: f64,
    /// Extra attempts a second that are there if the ratio comes to less. 1 by default: nothing to a busy service, and a quiet one
    /// can retry. They may be used at once, ten seconds' worth of them.
    pub minimum_per_s: f64,
}

impl Default for BudgetSettings {
    fn default() -> Self {
        Self { ratio: 0.2, minimum_per_s: 1.0 }
    }
}

/// What the budget has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct BudgetSnapshot {
    /// Calls counted.
    pub calls: u64,
    /// Extra attempts paid for.
    pub extra: u64,
    /// Extra attempts that were paid for and not made after all; they are not among `extra`.
    pub paid_back: u64,
    /// Extra attempts that were wanted and had to be left out.
    pub refused: u64,
    /// Extra attempts that could be paid for now.
    pub available: f64,
}

/// The books, without clock or lock: what was earned and spent in each slot of the window.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    slots: [Slot; WINDOW_SLOTS],
    window: Slot,
    /// Counts the slots that have begun; where it points modulo their number is the present one.
    turn: u64,
    /// The slot that the clock showed last.
    shown: u64,
    per_call: u64,
    minimum: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    earned: PerPriority<u64>,
    spent: PerPriority<u64>,
}

impl Slot {
    /// What calls of this priority and of less importance have earned and spent.
    fn of(&self, priority: Priority) -> (u64, u64) {
        let less = Priority::ALL.into_iter().filter(|other| *other >= priority);
        less.fold((0, 0), |(earned, spent), other| (earned + self.earned[other], spent + self.spent[other]))
    }
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

    /// Pays for an attempt, if that can be paid. Gives the slot to which [`refund`](Self::refund) would return it.
    pub fn spend(&mut self, now: Moment, priority: Priority) -> Option<u64> {
        self.pass(now);
        if self.available(priority) < ATTEMPT {
            return None;
        }
        self.slot(self.turn).spent[priority] += ATTEMPT;
        self.window.spent[priority] += ATTEMPT;
        Some(self.turn)
    }

    /// An attempt that was paid for is not made after all. Returned to the slot it was paid in, and not to the present one: there
    /// it would outlive what had earned it.
    pub fn refund(&mut self, paid_in: u64, priority: Priority) {
        if self.turn - paid_in < WINDOW_SLOTS as u64 {
            self.slot(paid_in).spent[priority] -= ATTEMPT;
            self.window.spent[priority] -= ATTEMPT;
        }
    }

    /// What a call of this priority could spend now: no more than there is, and of that nothing which more important ones earned.
    fn available(&self, priority: Priority) -> u64 {
        let left = |(earned, spent): (u64, u64)| earned.max(self.minimum).saturating_sub(spent);
        left(self.window.of(Priority::Critical)).min(left(self.window.of(priority)))
    }

    /// Forgets the slots that have left the window. A clock that goes back forgets nothing, and time goes on from there.
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
        self.shown = shown;
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

/// A budget that many policies share. Clones are the same budget.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    name: Arc<str>,
    listener: Listener,
    books: Mutex<Books>,
}

#[derive(Debug)]
struct Books {
    ledger: Ledger,
    counts: BudgetSnapshot,
}

impl Budget {
    /// A budget with these terms, that tells nobody.
    pub fn new(name: &str, settings: BudgetSettings) -> Self {
        Self::with_listener(name, settings, Listener::default())
    }

    /// A budget with these terms, and who is told when it is spent.
    pub fn with_listener(name: &str, settings: BudgetSettings, listener: Listener) -> Self {
        let books = Mutex::new(Books { ledger: Ledger::new(settings), counts: BudgetSnapshot::default() });
        Self(Arc::new(Shared { name: name.into(), listener, books }))
    }

    /// Counts a call, unless a policy around has done so, and gives it back as counted.
    #[must_use = "a call that does not know that it is counted is counted again"]
    pub fn count(&self, call: &Call, now: Moment) -> Call {
        if !call.is_counted {
            let mut books = self.0.books();
            books.ledger.earn(now, call.priority);
            books.counts.calls += 1;
        }
        Call { is_counted: true, ..*call }
    }

    /// Pays for one attempt more, if the budget has it; otherwise the attempt must not be made.
    pub fn charge(&self, call: &Call, now: Moment) -> Option<Charge> {
        let paid_in = {
            let mut books = self.0.books();
            let paid_in = books.ledger.spend(now, call.priority);
            match paid_in {
                Some(_) => books.counts.extra += 1,
                None => books.counts.refused += 1,
            }
            paid_in
        };
        if paid_in.is_none() {
            self.0.listener.tell(|| PolicyEvent::BudgetSpent { name: Arc::clone(&self.0.name) });
        }
        paid_in.map(|paid_in| Charge { budget: Some(self.clone()), paid_in, priority: call.priority })
    }

    /// Whether there is something for another attempt at this call.
    pub fn has_extra(&self, call: &Call, now: Moment) -> bool {
        let mut books = self.0.books();
        books.ledger.pass(now);
        books.ledger.available(call.priority) >= ATTEMPT
    }

    /// Other terms from now on; what was earned and spent stays.
    pub fn reload(&self, settings: BudgetSettings) {
        self.0.books().ledger.reload(settings);
    }

    /// Its numbers.
    pub fn snapshot(&self, now: Moment) -> BudgetSnapshot {
        let mut books = self.0.books();
        books.ledger.pass(now);
        BudgetSnapshot { available: books.ledger.available(Priority::Critical) as f64 / ATTEMPT as f64, ..books.counts }
    }
}

impl Shared {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt that is paid for and not yet made. Dropped, it goes back to the budget.
#[derive(Debug)]
#[must_use = "dropped, the attempt is paid back"]
pub struct Charge {
    budget: Option<Budget>,
    paid_in: u64,
    priority: Priority,
}

impl Charge {
    /// The attempt begins: it is not paid back any more, whatever becomes of it.
    pub fn begin(mut self) {
        self.budget = None;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if let Some(budget) = self.budget.take() {
            let mut books = budget.0.books();
            books.ledger.refund(self.paid_in, self.priority);
            books.counts.extra -= 1;
            books.counts.paid_back += 1;
        }
    }
}
