//! What must hold of services that start when they are asked for: nothing of them begins before somebody wants them, and none
//! rests that is in use.
//!
//! A part of the auditor, with the same law: it sees only facts and the world.

use homeostat_vocabulary::{Fact, Millis, Policy, ServiceName, StartMode, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// The gateway tells once a second, and writes take their time.
const SLACK: Millis = Millis(2_000);

/// What is known of such services.
#[derive(Debug, Default)]
pub(crate) struct Resting {
    awake: BTreeSet<ServiceName>,
    asked_until: BTreeMap<ServiceName, Timestamp>,
}

impl Resting {
    pub(crate) fn asked_until(&mut self, service: &ServiceName, until: Timestamp) {
        self.asked_until.insert(service.clone(), until);
    }

    pub(crate) fn take_in(&mut self, fact: &Fact) {
        match fact {
            Fact::ServiceActivated { service, .. } => drop(self.awake.insert(service.clone())),
            Fact::ServiceRested { service, .. } => drop(self.awake.remove(service)),
            Fact::PolicyApplied { services, .. } => self.awake.retain(|name| services.contains(name)),
            _ => {}
        }
    }

    /// Whether somebody wants this service: its owner always, a request, or a service that depends on it.
    pub(crate) fn is_wanted(&self, policy: &Policy, name: &ServiceName) -> bool {
        let at_once = policy.services.get(name).is_none_or(|service| service.start == StartMode::AtOnce);
        let mut dependents = policy.services.values().filter(|other| other.depends_on.contains(name));
        at_once || self.awake.contains(name) || dependents.any(|other| self.is_wanted(policy, &other.name))
    }

    /// A service may rest when it was awake, and nobody has asked for anything for as long as the owner said.
    pub(crate) fn may_rest(
        &self,
        policy: &Policy,
        name: &ServiceName,
        at: Timestamp,
        stalled: bool,
    ) -> Result<(), String> {
        let mode = policy.services.get(name).map(|service| service.start);
        let Some(StartMode::OnRequest { idle_stop: Some(idle_stop) }) = mode else {
            return Err(format!("{name} rests, which nobody asked for"));
        };
        if !self.awake.contains(name) {
            return Err(format!("{name} rests twice"));
        }
        let asked = self.asked_until.get(name).copied().unwrap_or_default();
        if !stalled && at.after(SLACK) < asked.after(idle_stop) {
            return Err(format!("{name} rests, and is in use until {asked}"));
        }
        Ok(())
    }
}
