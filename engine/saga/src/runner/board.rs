//! The board between executor and watchdog: vitals of the open sagas and the executor's last sign of life.
//!
//! The shell writes it, the watchdog task and [`Runner::figures`](crate::Runner::figures) read it. The lock is held for
//! a copy or an insert, never across an await.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use crate::call::SagaId;
use crate::saga::Saga;
use crate::watchdog::Vital;

#[derive(Debug, Default)]
pub(super) struct Board {
    vitals: Mutex<BTreeMap<SagaId, Vital>>,
    alive_at_ms: AtomicU64,
    alarms: AtomicU64,
}

/// How the runner stands, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Open sagas.
    pub open: usize,
    /// Of these, parked or stuck.
    pub resting: usize,
    /// Alarms raised since the start.
    pub alarms: u64,
}

impl Board {
    /// Puts up, or takes down when there is no such open saga.
    pub(super) fn show(&self, id: &SagaId, saga: Option<&Saga>) {
        match saga {
            Some(saga) => drop(self.lock().insert(id.clone(), Vital::of(saga))),
            None => drop(self.lock().remove(id)),
        }
    }

    pub(super) fn vitals(&self) -> Vec<Vital> {
        self.lock().values().cloned().collect()
    }

    pub(super) fn beat(&self, now_ms: u64) {
        self.alive_at_ms.store(now_ms, Ordering::Relaxed);
    }

    pub(super) fn alive_at_ms(&self) -> u64 {
        self.alive_at_ms.load(Ordering::Relaxed)
    }

    pub(super) fn count_alarm(&self) {
        self.alarms.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn figures(&self) -> Figures {
        let vitals = self.lock();
        let resting = vitals.values().filter(|vital| vital.rests).count();
        Figures { open: vitals.len(), resting, alarms: self.alarms.load(Ordering::Relaxed) }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SagaId, Vital>> {
        self.vitals.lock().expect("no holder of this lock panics")
    }
}
