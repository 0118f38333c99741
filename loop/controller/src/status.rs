//! The status: everything at a glance, as one value, from the state.

use crate::memory::Stage;
use crate::state::{Live, State};
use homeostat_vocabulary::{
    ActionClass, EpisodeStatus, InstanceId, InstanceStatus, Phase, Service, ServiceStatus, Status, Timestamp,
};

impl State {
    /// Everything at a glance.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> Status {
        let now = now.max(self.latest);
        Status {
            at: now,
            engine_since: self.engine_since,
            paused: self.memory.paused.iter().cloned().collect(),
            cannot_act: self.cannot_act.clone(),
            configuration_refused: self.configuration_refused.clone(),
            shutting_down: self.shutting_down.is_some(),
            services: self.policy.services.values().map(|service| self.service_status(service, now)).collect(),
            episodes: self.episode_statuses(),
            tallies: self.tallies,
        }
    }

    fn service_status(&self, service: &Service, now: Timestamp) -> ServiceStatus {
        ServiceStatus {
            name: service.name.clone(),
            autonomy: service.autonomy,
            depends_on: service.depends_on.clone(),
            instances: service.instance_ids().map(|id| self.instance_status(id)).collect(),
            availability_objective_ppm: service.objectives.availability_ppm,
            availability_ppm: self.availability.get(&service.name).map(|measured| measured.share_ppm(now)),
            recovery_objective: service.objectives.recovery,
            traffic: self.traffic.latest(&service.name, now),
            complaints: self.complaints.get(&service.name).cloned().unwrap_or_default(),
        }
    }

    fn instance_status(&self, id: InstanceId) -> InstanceStatus {
        let live = self.live.get(&id);
        let run = live.and_then(|live| live.run.as_ref());
        let next_attempt = self.memory.active_of(&id).and_then(|(_, action)| match action.stage {
            Stage::Planned { due } => Some(due),
            _ => None,
        });
        InstanceStatus {
            phase: self.phase(&id, live),
            pid: run.map(|run| run.pid),
            ports: run.map(|run| run.ports.clone()).unwrap_or_default(),
            since: run.map(|run| run.since),
            restarts: live.map_or(0, |live| live.restarts),
            last_exit: live.and_then(|live| live.last_exit.clone()),
            episode: self.memory.episode_of(&id),
            next_attempt,
            id,
        }
    }

    fn phase(&self, id: &InstanceId, live: Option<&Live>) -> Phase {
        let active = self.memory.active_of(id).filter(|(_, action)| action.stage == Stage::Running);
        let class = active.map(|(_, action)| action.plan.class);
        let run = live.and_then(|live| live.run.as_ref());
        let ready = live.is_some_and(|live| live.ready_since.is_some());
        match (class, run) {
            (Some(ActionClass::Stop | ActionClass::Undo), Some(_)) => Phase::Stopping,
            (_, Some(_)) if ready => Phase::Ready,
            (_, Some(run)) if run.health.is_unhealthy() => Phase::Unhealthy,
            (_, Some(_)) | (Some(ActionClass::Start | ActionClass::Replace | ActionClass::Restart), None) => {
                Phase::Starting
            }
            (_, None) if self.memory.held.contains_key(id) || self.shutting_down == Some(false) => Phase::Stopped,
            (_, None) if self.policy.services.get(&id.service).is_some_and(|service| !self.is_awake(service)) => {
                Phase::Resting
            }
            (_, None) if self.memory.episode_of(id).is_some() => Phase::Down,
            (_, None) if live.is_some_and(|live| live.waits_for_dependency) => Phase::Waiting,
            (_, None) => Phase::Stopped,
        }
    }

    fn episode_statuses(&self) -> Vec<EpisodeStatus> {
        let awaiting = |subject: &InstanceId| {
            let (id, action) = self.memory.active_of(subject)?;
            matches!(action.stage, Stage::AwaitingApproval { .. }).then_some(id)
        };
        let episodes = self.memory.episodes.iter().map(|(id, open)| EpisodeStatus {
            id: *id,
            subject: open.subject.clone(),
            since: open.opened,
            finding: open.finding.clone(),
            attempts: open.attempts,
            awaiting_approval: awaiting(&open.subject),
            escalated: open.escalated,
        });
        episodes.collect()
    }
}
