//! Notices sagas that do not move and an executor that gives no sign of life.
//!
//! Run by the [`Runner`](crate::Runner) as a task of its own, and by a simulator in virtual time; never by the executor
//! it watches. It reads vitals and raises alarms, once for each cause. It must never act on a saga.

use std::collections::BTreeMap;

use crate::call::SagaId;
use crate::event::{Alarm, AlarmKind};
use crate::saga::Saga;

/// What the watchdog needs to know of a saga.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vital {
    /// Which saga.
    pub id: SagaId,
    /// When it was submitted.
    pub created_at_ms: u64,
    /// When it last moved.
    pub progressed_at_ms: u64,
    /// How old it may become.
    pub age_max_ms: u64,
    /// How long it may stand still.
    pub quiet_max_ms: u64,
    /// It waits for a person, who has been alarmed.
    pub rests: bool,
}

impl Vital {
    /// The vitals of a saga.
    pub fn of(saga: &Saga) -> Self {
        Self {
            id: saga.id.clone(),
            created_at_ms: saga.created_at_ms,
            progressed_at_ms: saga.progressed_at_ms,
            age_max_ms: saga.definition().age_max_ms,
            quiet_max_ms: saga.definition().quiet_max_ms,
            rests: saga.rest.is_some(),
        }
    }
}

/// Remembers what it has alarmed about.
#[derive(Debug, Clone, Default)]
pub struct Watchdog {
    /// The moment each raised alarm counts from: a later one is a new cause.
    raised: BTreeMap<(SagaId, AlarmKind), u64>,
    silent: bool,
}

impl Watchdog {
    /// The alarms that are new at this time.
    pub fn sweep<'a>(&mut self, vitals: impl IntoIterator<Item = &'a Vital>, now_ms: u64) -> Vec<Alarm> {
        let mut standing = BTreeMap::new();
        let mut alarms = Vec::new();
        for vital in vitals {
            let quiet_ms = now_ms.saturating_sub(vital.progressed_at_ms);
            let age_ms = now_ms.saturating_sub(vital.created_at_ms);
            let quiet = (!vital.rests && quiet_ms > vital.quiet_max_ms).then(|| {
                let why = format!("no progress for {quiet_ms} ms, {} are allowed", vital.quiet_max_ms);
                (AlarmKind::Quiet, vital.progressed_at_ms, why)
            });
            let old = (age_ms > vital.age_max_ms).then(|| {
                let why = format!("open for {age_ms} ms, {} are allowed", vital.age_max_ms);
                (AlarmKind::Old, vital.created_at_ms, why)
            });
            for (kind, since_ms, why) in quiet.into_iter().chain(old) {
                let key = (vital.id.clone(), kind);
                if self.raised.get(&key) != Some(&since_ms) {
                    alarms.push(Alarm { id: Some(vital.id.clone()), kind, why });
                }
                standing.insert(key, since_ms);
            }
        }
        self.raised = standing;
        alarms
    }

    /// Alarms once when the executor's last sign of life is too old.
    pub fn listen(&mut self, alive_at_ms: u64, silent_max_ms: u64, now_ms: u64) -> Option<Alarm> {
        let silent_ms = now_ms.saturating_sub(alive_at_ms);
        let was_silent = std::mem::replace(&mut self.silent, silent_ms > silent_max_ms);
        (self.silent && !was_silent).then(|| Alarm {
            id: None,
            kind: AlarmKind::ExecutorSilent,
            why: format!("the saga executor gave no sign of life for {silent_ms} ms"),
        })
    }
}
