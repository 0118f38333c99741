//! The controller's state: the policy, what must survive a crash (memory), and what is perceived anew after one (live).

use crate::availability::Availability;
use crate::memory::{Memory, Stage};
use crate::rest::Heard;
use homeostat_detect::Health;
use homeostat_vocabulary::{
    Complaint, Exit, Fact, InstanceId, Outcome, Policy, RunId, Service, ServiceName, StartMode, Tallies, Timestamp,
};
use std::collections::BTreeMap;

/// The controller's state.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub(crate) policy: Policy,
    pub(crate) memory: Memory,
    pub(crate) live: BTreeMap<InstanceId, Live>,
    pub(crate) availability: BTreeMap<ServiceName, Availability>,
    pub(crate) traffic: Heard,
    /// What services say is wrong with them; shown only, nothing is decided by it.
    pub(crate) complaints: BTreeMap<ServiceName, Vec<Complaint>>,
    /// What is wrong with the changed configuration that was not taken; shown only, the next engine reads the files itself.
    pub(crate) configuration_refused: Vec<String>,
    pub(crate) tallies: Tallies,
    pub(crate) engine_since: Timestamp,
    pub(crate) latest: Timestamp,
    /// Nothing is begun before the drivers have told what runs: else what runs already would be started again.
    pub(crate) booted: bool,
    /// Set once the engine was told to end: whether the services are kept.
    pub(crate) shutting_down: Option<bool>,
    pub(crate) cannot_act: Option<String>,
}

/// What is perceived of one instance; never journaled as such, perceived anew by the next engine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live {
    pub(crate) run: Option<LiveRun>,
    pub(crate) ready_since: Option<Timestamp>,
    pub(crate) last_exit: Option<Exit>,
    pub(crate) restarts: u64,
    /// Set while a service's dependencies hold its start back.
    pub(crate) waits_for_dependency: bool,
    /// When an action that failed for the owner may be tried again.
    pub(crate) retry_at: Option<Timestamp>,
    /// Actions for the owner that failed in a row, since the last life began.
    pub(crate) failures_for_owner: u32,
}

/// One running life.
#[derive(Clone, Debug)]
pub(crate) struct LiveRun {
    pub(crate) run: RunId,
    pub(crate) pid: u32,
    pub(crate) ports: BTreeMap<String, u16>,
    pub(crate) since: Timestamp,
    pub(crate) fingerprint: String,
    pub(crate) health: Health,
}

impl State {
    /// The state of an engine that begins with what an earlier one remembered.
    #[must_use]
    pub fn remembering(memory: Memory) -> Self {
        Self { memory, ..Self::default() }
    }

    /// What must survive a crash: a fold over the facts.
    #[must_use]
    pub const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// When [`crate::Event::Tick`] is due next; `None` while nothing waits, and once nothing can be done any more.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        if self.cannot_act.is_some() {
            return None;
        }
        let of_actions = self.memory.active_actions().filter_map(|(_, action)| match &action.stage {
            Stage::Planned { due } => Some(*due),
            Stage::AwaitingApproval { until } => Some(*until),
            Stage::Verifying { ready_by, window } => {
                let ready_since = self.live.get(&action.plan.target).and_then(|live| live.ready_since);
                Some(ready_since.map_or(*ready_by, |since| since.after(*window)))
            }
            _ => None,
        });
        let of_retries = self.live.values().filter_map(|live| live.retry_at);
        of_actions.chain(of_retries).min()
    }

    /// Instances of a service that are ready, not counting `except`.
    pub(crate) fn others_ready(&self, except: &InstanceId) -> usize {
        let of_service = self.live.iter().filter(|(id, _)| id.service == except.service && *id != except);
        of_service.filter(|(_, live)| live.ready_since.is_some()).count()
    }

    /// Whether a service is to run: it starts with the engine, was asked for, or another one that is to run depends on it.
    pub(crate) fn is_awake(&self, service: &Service) -> bool {
        if service.start == StartMode::AtOnce || self.memory.awake.contains(&service.name) {
            return true;
        }
        let mut dependents = self.policy.services.values().filter(|other| other.depends_on.contains(&service.name));
        dependents.any(|other| self.is_awake(other))
    }

    pub(crate) fn is_service_ready(&self, name: &ServiceName) -> bool {
        let Some(service) = self.policy.services.get(name) else { return false };
        service.instance_ids().all(|id| self.live.get(&id).is_some_and(|live| live.ready_since.is_some()))
    }

    pub(crate) fn tallies_of(&mut self, fact: &Fact) {
        let tallies = &mut self.tallies;
        match fact {
            Fact::FindingMade { .. } => tallies.findings += 1,
            Fact::PlanMade { .. } => tallies.plans += 1,
            Fact::GuardsAsked { decision, .. } => {
                use homeostat_vocabulary::Decision::{AskPerson, Refuse};
                tallies.guards_asked += 1;
                tallies.refused += u64::from(matches!(decision, AskPerson { .. } | Refuse));
            }
            Fact::ActionBegun { .. } => tallies.actions += 1,
            Fact::OutcomeMeasured { outcome, .. } => match outcome {
                Outcome::Fixed { .. } => tallies.fixed += 1,
                Outcome::NoEffect { .. } => tallies.without_effect += 1,
                Outcome::Unknown => tallies.unknown += 1,
            },
            Fact::Escalated { .. } | Fact::AlarmRaised { .. } => tallies.escalations += 1,
            _ => {}
        }
    }
}
