//! Reconciliation: what the owner wants against what runs. Starts what is missing in the order of dependencies, ends what is
//! not wanted in the opposite order, replaces what was declared anew one at a time, and takes up repairs that were refused.

use crate::Effect;
use crate::turn::Turn;
use homeostat_vocabulary::{ActionClass, InstanceId, Service, ServiceName};
use std::collections::BTreeSet;

impl Turn<'_> {
    /// Brings what runs closer to what is wanted. Cheap when nothing is to be done; safe to call at any time.
    pub(crate) fn reconcile(&mut self) {
        if !self.state.booted || self.state.cannot_act.is_some() || self.state.shutting_down == Some(true) {
            return;
        }
        let instances = self.known_instances();
        // All that is no longer wanted is given up before anything is ended: a plan for a dependent would else hold up the end
        // of what it depends on, with no event left to come back for it.
        for instance in &instances {
            if !self.is_wanted(instance) && !self.is_held_back(instance) {
                self.abandon(instance);
            }
        }
        for instance in instances {
            if self.is_wanted(&instance) {
                self.bring_up(&instance);
            } else {
                self.bring_down(&instance);
            }
        }
        self.exit_when_all_is_down();
    }

    fn known_instances(&self) -> BTreeSet<InstanceId> {
        let declared = self.state.policy.services.values().flat_map(|service| service.instance_ids());
        // One that never ran, and that nobody declares any more, is known by its open episode alone.
        let of_episodes = self.state.memory.episodes.values().map(|open| open.subject.clone());
        declared.chain(self.state.live.keys().cloned()).chain(of_episodes).collect()
    }

    /// Whether the wait after a failed action is over. The timer is struck out then, even when something else still holds the
    /// instance back: the end of that brings its own event, and a timer that stays due would wake the engine without end.
    fn is_retry_due(&mut self, instance: &InstanceId) -> bool {
        let now = self.now;
        self.live(instance).retry_at.take_if(|at| *at <= now);
        self.live(instance).retry_at.is_none()
    }

    fn bring_up(&mut self, instance: &InstanceId) {
        if !self.is_retry_due(instance) || self.state.memory.active_of(instance).is_some() || self.is_paused(instance) {
            return;
        }
        if self.state.memory.episode_of(instance).is_some() {
            // An episode without a plan: it came back while something was still under way, or a plan was refused, and what
            // refused it may be gone by now.
            if self.live(instance).ready_since.is_some() {
                self.recovered_unless_acting(instance);
            } else {
                return self.take_up_refused(instance);
            }
        }
        if let Some(run) = &self.live(instance).run {
            let fingerprint = run.fingerprint.clone();
            return self.replace_if_declared_anew(instance, &fingerprint);
        }
        let waits = !self.dependencies_ready(instance);
        self.live(instance).waits_for_dependency = waits;
        if !waits {
            self.begin_for_owner(ActionClass::Start, instance, None);
        }
    }

    fn take_up_refused(&mut self, instance: &InstanceId) {
        use homeostat_vocabulary::Autonomy::{Approve, Auto};
        let allowed = self.service(instance).is_some_and(|service| matches!(service.autonomy, Approve | Auto));
        let with_person = self.state.memory.is_left_to_person(instance);
        if allowed && self.state.policy.switches.recovery && !with_person {
            self.propose_repair(instance, self.state.memory.attempts_of(instance));
        }
    }

    fn dependencies_ready(&self, instance: &InstanceId) -> bool {
        let service = self.service(instance);
        service.is_some_and(|service| service.depends_on.iter().all(|name| self.state.is_service_ready(name)))
    }

    /// One instance of a service at a time, and only while all of its instances are well, so that a bad declaration stops
    /// at the first.
    fn replace_if_declared_anew(&mut self, instance: &InstanceId, running: &str) {
        let Some(service) = self.service(instance) else { return };
        if service.fingerprint() == running {
            return;
        }
        let siblings: Vec<InstanceId> = service.instance_ids().collect();
        let others_at_rest = siblings.iter().filter(|id| *id != instance).all(|id| {
            let ready = self.state.live.get(id).is_some_and(|live| live.ready_since.is_some());
            ready && self.state.memory.active_of(id).is_none()
        });
        if others_at_rest {
            self.begin_for_owner(ActionClass::Replace, instance, None);
        }
    }

    /// A pause holds back the end of an instance too, but not once the owner asked for the end of everything.
    fn is_held_back(&self, instance: &InstanceId) -> bool {
        self.state.shutting_down.is_none() && self.is_paused(instance)
    }

    fn bring_down(&mut self, instance: &InstanceId) {
        let retry_due = self.is_retry_due(instance);
        if self.is_held_back(instance) || self.state.memory.active_of(instance).is_some() {
            return;
        }
        let runs = self.live(instance).run.is_some();
        if !runs {
            return self.forget_undeclared(instance);
        }
        if retry_due && !self.is_needed_by_others(&instance.service) {
            self.begin_for_owner(ActionClass::Stop, instance, None);
        }
    }

    fn forget_undeclared(&mut self, instance: &InstanceId) {
        let declared = self.service(instance).is_some_and(|service| instance.index < service.instances);
        if !declared {
            self.state.live.remove(instance);
        }
    }

    /// While everything ends, or rests, a service outlives those that depend on it, and at the end those through which work comes in.
    fn is_needed_by_others(&self, name: &ServiceName) -> bool {
        let awake = self.state.policy.services.get(name).is_none_or(|service| self.state.is_awake(service));
        if self.state.shutting_down.is_none() && awake {
            return false;
        }
        let ends_first = |name: &ServiceName| self.state.policy.services.get(name).is_some_and(|it| it.ends_first);
        let waits_for_first = self.state.shutting_down.is_some() && !ends_first(name);
        let outlived = |service: &&Service| service.depends_on.contains(name) || waits_for_first && service.ends_first;
        let mut instances =
            self.state.policy.services.values().filter(outlived).flat_map(|service| service.instance_ids());
        instances.any(|id| {
            let runs = self.state.live.get(&id).is_some_and(|live| live.run.is_some());
            runs || self.state.memory.active_of(&id).is_some()
        })
    }

    fn exit_when_all_is_down(&mut self) {
        let all_down = self.state.live.values().all(|live| live.run.is_none());
        let nothing_active = self.state.memory.active_actions().next().is_none();
        if self.state.shutting_down == Some(false) && all_down && nothing_active {
            self.emit(Effect::Exit { services_kept: false });
        }
    }
}
