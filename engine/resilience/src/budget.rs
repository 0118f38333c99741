//! The budget that all extra attempts are paid from, whoever makes them: retries and hedges alike.
//!
//! Each call earns a fraction of an attempt, and where that comes to less, a small minimum is there so that a quiet service can
//! retry at all. Both count over a sliding window of ten seconds: what was not used in time is gone, so an hour of calm buys no storm. What
//! always holds, whatever fails and whenever: when an extra attempt begins, those that began in the ten seconds up to then (in whole
//! seconds) are at most `ratio` times the calls of the same seconds, or the minimum if that is more. A window and not a bucket with a fixed depth: the depth would be too small for a burst of thousands, or
//! an hour's savings for a service with a few calls a minute.
//!
//! Nobody spends what more important calls have earned: when many calls of little importance fail, those that matter can still be
//! tried again.
//!
//! The outermost policy counts the call ([`Budget::count`] marks it), so that policies that are nested around each other and share
//! a budget do not earn twice. It must never be asked before the attempt is otherwise sure to be made.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use homeostat_reactor::Moment;
use serde::{Deserialize, Serialize};

use crate::{Call, Listener, PolicyEvent, Priority};

mod ledger;

pub use ledger::{Ledger, SLOT, WINDOW_SLOTS};

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

    /// Pays for one attempt more that begins now, if the budget has it; otherwise the attempt must not be made.
    #[must_use = "an attempt that is not paid for must not be made"]
    pub fn pay(&self, call: &Call, now: Moment) -> bool {
        self.pay_if_worth(call, now, 1.0)
    }

    /// The same for an attempt that promises so much, from 0 to 1: the less is left, the more it must promise.
    #[must_use = "an attempt that is not paid for must not be made"]
    pub(crate) fn pay_if_worth(&self, call: &Call, now: Moment, promise: f32) -> bool {
        let is_paid = {
            let mut books = self.0.books();
            let is_paid = books.ledger.is_worth(now, call.priority, promise) && books.ledger.spend(now, call.priority);
            let counter = if is_paid { &mut books.counts.extra } else { &mut books.counts.refused };
            *counter += 1;
            is_paid
        };
        if !is_paid {
            self.tell_spent();
        }
        is_paid
    }

    /// Pays for one attempt more that begins later, if the budget has it now; otherwise the attempt must not be made.
    pub fn charge(&self, call: &Call, now: Moment) -> Option<Charge> {
        let charge = self.charge_again(call, now, 1.0);
        if charge.is_none() {
            self.refuse();
        }
        charge
    }

    /// The same for an attempt that promises so much and may have been refused before: a refusal is neither counted nor told.
    pub(crate) fn charge_again(&self, call: &Call, now: Moment, promise: f32) -> Option<Charge> {
        let is_paid = {
            let mut books = self.0.books();
            let is_worth = books.ledger.is_worth(now, call.priority, promise);
            let is_paid = is_worth && books.ledger.reserve(now, call.priority);
            books.counts.extra += u64::from(is_paid);
            is_paid
        };
        is_paid.then(|| Charge { budget: Some(self.clone()), priority: call.priority })
    }

    /// An attempt that was wanted has to be left out.
    pub(crate) fn refuse(&self) {
        self.0.books().counts.refused += 1;
        self.tell_spent();
    }

    fn tell_spent(&self) {
        self.0.listener.tell(|| PolicyEvent::BudgetSpent { name: Arc::clone(&self.0.name) });
    }

    /// Whether its terms can ever pay: where they cannot, it is no use to wait.
    pub(crate) fn can_pay(&self) -> bool {
        self.0.books().ledger.can_pay()
    }

    /// Whether there is something for another attempt at this call.
    pub fn has_extra(&self, call: &Call, now: Moment) -> bool {
        self.0.books().ledger.covers(now, call.priority)
    }

    /// Other terms from now on; what was earned and spent stays.
    pub fn reload(&self, settings: BudgetSettings) {
        self.0.books().ledger.reload(settings);
    }

    /// Its numbers.
    pub fn snapshot(&self, now: Moment) -> BudgetSnapshot {
        let mut books = self.0.books();
        BudgetSnapshot { available: books.ledger.left(now), ..books.counts }
    }
}

impl Shared {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    fn count_paid_back(&mut self) {
        self.counts.extra -= 1;
        self.counts.paid_back += 1;
    }
}

/// An attempt that is paid for and not yet made. Dropped, it goes back to the budget.
#[derive(Debug)]
#[must_use = "dropped, the attempt is paid back"]
pub struct Charge {
    budget: Option<Budget>,
    priority: Priority,
}

impl Charge {
    /// The attempt begins now, and is not paid back any more, whatever becomes of it: if that is still covered. Otherwise it is paid
    /// back and must not be made.
    #[must_use = "an attempt that is not covered any more must not be made"]
    pub fn begin(self, now: Moment) -> bool {
        let budget = self.budget.clone();
        let is_covered = self.begin_again(now);
        if let Some(budget) = budget.filter(|_| !is_covered) {
            budget.refuse();
        }
        is_covered
    }

    /// The same for an attempt that has been refused before: it is neither counted nor told once more.
    pub(crate) fn begin_again(mut self, now: Moment) -> bool {
        let Some(budget) = self.budget.take() else { return false };
        let mut books = budget.0.books();
        let is_covered = books.ledger.begin(now, self.priority);
        if !is_covered {
            books.count_paid_back();
        }
        is_covered
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if let Some(budget) = self.budget.take() {
            let mut books = budget.0.books();
            books.ledger.release(self.priority);
            books.count_paid_back();
        }
    }
}
