//! Services that start when they are asked for: they rest until somebody wants them, and rest again when nobody has for long.
//!
//! Always holds: what was asked for is remembered across engines, so a new one never stops what is in use; a service rests only
//! on the gateway's word, heard all the time, that nobody wants it: silence of the gateway is no such word.

use crate::commands::Answer;
use crate::memory::ENGINE;
use crate::turn::Turn;
use homeostat_vocabulary::{
    CommandReply, Fact, Guard, InstanceId, Millis, Refusal, Service, ServiceName, StartMode, Timestamp, Traffic,
    TrafficReport,
};
use std::collections::BTreeMap;

/// What was heard of traffic longer ago than this says nothing about now: the gateway tells something each second, and a link
/// that is made anew takes a few.
const TRAFFIC_LIFE: Millis = Millis(15_000);

/// What the gateway told; perceived anew by the next engine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    at: Option<Timestamp>,
    latest: BTreeMap<ServiceName, Traffic>,
    /// Since when each service has been quiet without a gap in what was heard.
    quiet_since: BTreeMap<ServiceName, Timestamp>,
}

impl Heard {
    /// The latest word about a service, while it says something about now.
    pub(crate) fn latest(&self, name: &ServiceName, now: Timestamp) -> Option<Traffic> {
        let fresh = self.at.is_some_and(|at| now.since(at) <= TRAFFIC_LIFE);
        self.latest.get(name).filter(|_| fresh).cloned()
    }

    /// Takes in what is told of all services; nothing of what was told before is kept but how long each has been quiet.
    fn take_in(&mut self, reports: Vec<TrafficReport>, now: Timestamp) {
        let before = std::mem::take(&mut self.quiet_since);
        let unbroken = self.at.replace(now).is_some_and(|at| now.since(at) <= TRAFFIC_LIFE);
        self.latest.clear();
        for TrafficReport { service, traffic } in reports {
            if traffic.is_quiet() {
                let since = before.get(&service).copied().filter(|_| unbroken).unwrap_or(now);
                self.quiet_since.insert(service.clone(), since);
            }
            self.latest.insert(service, traffic);
        }
    }
}

impl Turn<'_> {
    /// Wakes a service. A storm of such wishes costs nothing: only the first one changes anything.
    pub(crate) fn activate(&mut self, name: ServiceName, by: String) -> Answer {
        let Some(service) = self.state.policy.services.get(&name) else {
            return Err(Refusal::NoSuchService { name });
        };
        let held = service.instance_ids().all(|id| self.state.memory.held.contains_key(&id));
        let (first, at_once) = (InstanceId::new(name.clone(), 0), service.start == StartMode::AtOnce);
        if held {
            let reason = format!("a person holds all of {name}; `resume {name}` releases it");
            return Err(Refusal::Guarded { guard: Guard::OneActor, reason });
        }
        if at_once || self.state.memory.awake.contains(&name) {
            return Ok(CommandReply::Already);
        }
        if self.is_paused(&first) {
            let reason = "acting is paused; resume first".to_owned();
            return Err(Refusal::Guarded { guard: Guard::KillSwitch, reason });
        }
        self.state.traffic.quiet_since.remove(&name);
        self.wake(name, by);
        self.reconcile();
        Ok(CommandReply::Done)
    }

    pub(crate) fn heard_traffic(&mut self, reports: Vec<TrafficReport>) {
        let now = self.now;
        self.state.traffic.take_in(reports, now);
        if !self.state.booted || self.state.cannot_act.is_some() || self.state.shutting_down.is_some() {
            return;
        }
        self.wake_what_is_used();
        let idle: Vec<(ServiceName, Millis)> = self
            .state
            .policy
            .services
            .values()
            .filter_map(|service| Some((service.name.clone(), self.idle(service)?)))
            .collect();
        if idle.is_empty() {
            return;
        }
        for (service, idle) in idle {
            if let Some(availability) = self.state.availability.get_mut(&service) {
                availability.rests(now);
            }
            self.record(Fact::ServiceRested { service, idle });
        }
        self.reconcile();
    }

    /// What runs only because something else depends on it, and is asked for as well, is wanted for itself from here on.
    fn wake_what_is_used(&mut self) {
        let used = |service: &&Service| {
            let traffic = self.state.traffic.latest.get(&service.name);
            let wanted = service.start == StartMode::AtOnce || self.state.memory.awake.contains(&service.name);
            !wanted && self.state.is_awake(service) && traffic.is_some_and(|traffic| !traffic.is_quiet())
        };
        let used: Vec<ServiceName> =
            self.state.policy.services.values().filter(used).map(|service| service.name.clone()).collect();
        for service in used {
            self.wake(service, ENGINE.to_owned());
        }
    }

    /// How long nobody has wanted this service, if that is long enough for it to rest and nothing is under way with it.
    fn idle(&self, service: &Service) -> Option<Millis> {
        let StartMode::OnRequest { idle_stop: Some(idle_stop) } = service.start else { return None };
        let memory = &self.state.memory;
        let quiet = self.now.since(*self.state.traffic.quiet_since.get(&service.name)?);
        let at_rest =
            |id: &InstanceId| memory.active_of(id).is_none() && memory.episode_of(id).is_none() && !self.is_paused(id);
        let mut others = self.state.policy.services.values().filter(|it| it.depends_on.contains(&service.name));
        let may_rest = memory.awake.contains(&service.name)
            && quiet >= idle_stop
            && service.instance_ids().all(|id| at_rest(&id))
            && !others.any(|other| self.state.is_awake(other));
        may_rest.then_some(quiet)
    }

    /// What runs already when it is declared to start on request is in use, as far as anybody knows: it goes on running. One that
    /// was told to end before is left to end.
    pub(crate) fn keep_awake_what_runs(&mut self) {
        let runs = |id: &InstanceId| {
            let Some(run) = self.state.live.get(id).and_then(|live| live.run.as_ref()) else { return false };
            let life = self.state.memory.life_of(id);
            !life.is_some_and(|life| life.run == run.run && life.stop_asked)
        };
        let asleep = self.state.policy.services.values().filter(|service| !self.state.is_awake(service));
        let in_use = asleep.filter(|service| service.instance_ids().any(|id| runs(&id)));
        let in_use: Vec<ServiceName> = in_use.map(|service| service.name.clone()).collect();
        for service in in_use {
            self.wake(service, ENGINE.to_owned());
        }
    }

    fn wake(&mut self, service: ServiceName, by: String) {
        if let Some(availability) = self.state.availability.get_mut(&service) {
            availability.wakes(self.now);
        }
        self.record(Fact::ServiceActivated { service, by });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(heard: &mut Heard, at_ms: u64, requests: u64) {
        let (at, span) = (Timestamp(at_ms), Millis(1_000));
        let traffic = Traffic { at, span, requests, errors: 0, p50: Millis(1), p99: Millis(1), under_way: 0 };
        heard.take_in(vec![TrafficReport { service: "shop".parse().unwrap(), traffic }], at);
    }

    fn quiet_since(heard: &Heard) -> Option<u64> {
        heard.quiet_since.values().next().map(|at| at.0)
    }

    #[test]
    fn what_was_not_heard_counts_as_use() {
        // A service would be stopped in the middle of its work because the engine could not hear the gateway for a while.
        let mut heard = Heard::default();
        told(&mut heard, 1_000, 0);
        told(&mut heard, 2_000, 0);
        assert_eq!(quiet_since(&heard), Some(1_000));
        told(&mut heard, 2_001 + TRAFFIC_LIFE.0, 0);
        assert_eq!(quiet_since(&heard), Some(2_001 + TRAFFIC_LIFE.0));
    }

    #[test]
    fn a_request_or_a_silence_about_it_ends_the_quiet() {
        // The idle time would be counted over requests, or over a time in which the gateway did not know the service.
        let mut heard = Heard::default();
        told(&mut heard, 1_000, 0);
        told(&mut heard, 2_000, 1);
        assert_eq!(quiet_since(&heard), None);
        told(&mut heard, 3_000, 0);
        heard.take_in(Vec::new(), Timestamp(4_000));
        assert_eq!(quiet_since(&heard), None);
        assert_eq!(heard.latest(&"shop".parse().unwrap(), Timestamp(4_000)), None);
    }
}
