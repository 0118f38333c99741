//! Who may act: one saga at a time on a target, in order of arrival, and no more than a cap over all targets.
//!
//! The executor asks it before every call. What always holds: a target has at most one holder; a parked or stuck saga
//! keeps its target (its effects may still stand there) but gives up its place under the cap. It must never reorder the
//! sagas of one target.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::call::SagaId;

/// Mutual exclusion by target and a global cap.
#[derive(Debug, Clone)]
pub struct Roster {
    running_max: usize,
    holders: BTreeMap<String, SagaId>,
    running: BTreeSet<SagaId>,
    waiting: VecDeque<(SagaId, String)>,
}

impl Roster {
    /// An empty roster with room for `running_max` sagas at once.
    pub fn new(running_max: usize) -> Self {
        Self { running_max, holders: BTreeMap::new(), running: BTreeSet::new(), waiting: VecDeque::new() }
    }

    /// Queues a saga for its target.
    pub fn join(&mut self, id: &SagaId, target: &str) {
        self.waiting.push_back((id.clone(), target.to_owned()));
    }

    /// Gives a target to a saga that does not run: one found parked, stuck or unreadable.
    pub fn hold(&mut self, id: &SagaId, target: &str) {
        self.holders.insert(target.to_owned(), id.clone());
    }

    /// Lets in as many as target and cap allow, oldest first, and names them.
    pub fn admit(&mut self) -> Vec<SagaId> {
        let mut admitted = Vec::new();
        if self.running.len() >= self.running_max {
            return admitted;
        }
        let mut kept = VecDeque::new();
        // A target is passed over once one of its sagas had to wait: a later one must not overtake it.
        let mut passed = BTreeSet::new();
        while let Some((id, target)) = self.waiting.pop_front() {
            if self.running.len() >= self.running_max {
                kept.push_back((id, target));
                break;
            }
            let free = self.holders.get(&target).is_none_or(|holder| *holder == id);
            if free && !passed.contains(&target) {
                self.holders.insert(target, id.clone());
                self.running.insert(id.clone());
                admitted.push(id);
            } else {
                passed.insert(target.clone());
                kept.push_back((id, target));
            }
        }
        kept.append(&mut self.waiting);
        self.waiting = kept;
        admitted
    }

    /// Whether this saga may act.
    pub fn runs(&self, id: &SagaId) -> bool {
        self.running.contains(id)
    }

    /// Who holds a target.
    pub fn holder(&self, target: &str) -> Option<&SagaId> {
        self.holders.get(target)
    }

    /// The saga waits for a person: it keeps the target only.
    pub fn rest(&mut self, id: &SagaId) {
        self.running.remove(id);
    }

    /// The saga goes on after a rest: it is first in line for the target it still holds.
    pub fn wake(&mut self, id: &SagaId, target: &str) {
        self.waiting.push_front((id.clone(), target.to_owned()));
    }

    /// The saga is over, or never came to be.
    pub fn leave(&mut self, id: &SagaId, target: &str) {
        self.running.remove(id);
        self.waiting.retain(|(waiting, _)| waiting != id);
        if self.holders.get(target) == Some(id) {
            self.holders.remove(target);
        }
    }
}
