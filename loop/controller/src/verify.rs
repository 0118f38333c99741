//! Verification: whether an action brought what it promised. Ready by the deadline, and ready for the whole window.

use crate::memory::{ENGINE, Stage};
use crate::turn::Turn;
use homeostat_vocabulary::{ActionId, Fact, InstanceId, LessonKey, Outcome, Plan, Resolution, Timestamp, Unfixed};

impl Turn<'_> {
    pub(crate) fn begin_verification(&mut self, plan: &Plan) {
        let (Some(episode), Some(verification)) = (plan.episode, plan.verification) else { return };
        let ready_by = self.now.after(verification.deadline);
        let (action, window) = (plan.action, verification.window);
        self.record(Fact::VerificationBegun { action, episode, window, ready_by });
        let live = self.live(&plan.target);
        if live.run.is_some() {
            return;
        }
        // It ended before its start was told to be done.
        let exit = live.last_exit.clone().unwrap_or(homeostat_vocabulary::Exit::Unknown);
        self.verification_failed(&plan.target, Unfixed::ExitedAgain { exit });
        self.propose_repair(&plan.target, self.state.memory.attempts_of(&plan.target));
    }

    /// The action whose effect on this instance is being watched.
    fn verifying(&self, instance: &InstanceId) -> Option<(ActionId, Plan, Timestamp)> {
        let (action, remembered) = self.state.memory.active_of(instance)?;
        match remembered.stage {
            Stage::Verifying { ready_by, .. } => Some((action, remembered.plan.clone(), ready_by)),
            _ => None,
        }
    }

    pub(crate) fn verification_failed(&mut self, instance: &InstanceId, because: Unfixed) {
        if let Some((_, plan, _)) = self.verifying(instance) {
            self.measured_no_effect(&plan, because);
        }
    }

    pub(crate) fn settle_due_verifications(&mut self) {
        let watched: Vec<(Plan, Timestamp, Timestamp)> = self
            .state
            .memory
            .active_actions()
            .filter_map(|(_, action)| match action.stage {
                Stage::Verifying { ready_by, window } => {
                    let ready_since = self.state.live.get(&action.plan.target).and_then(|live| live.ready_since);
                    let holds_at = ready_since.map_or(Timestamp(u64::MAX), |since| since.after(window));
                    Some((action.plan.clone(), ready_by, holds_at))
                }
                _ => None,
            })
            .collect();
        for (plan, ready_by, holds_at) in watched {
            let never_ready = holds_at == Timestamp(u64::MAX);
            if holds_at <= self.now {
                self.measured_fixed(&plan);
            } else if never_ready && ready_by <= self.now {
                self.measured_no_effect(&plan, Unfixed::NotReadyInTime);
                self.propose_repair(&plan.target, self.state.memory.attempts_of(&plan.target));
            }
        }
    }

    fn measured_fixed(&mut self, plan: &Plan) {
        let Some(episode) = plan.episode else { return };
        let Some(opened) = self.state.memory.episodes.get(&episode).map(|open| open.opened) else { return };
        let ready_since = self.live(&plan.target).ready_since.unwrap_or(self.now);
        self.measured(plan, Outcome::Fixed { recovered_after: ready_since.since(opened) });
        self.close(&plan.target, Resolution::Repaired);
    }

    pub(crate) fn measured_no_effect(&mut self, plan: &Plan, because: Unfixed) {
        self.measured(plan, Outcome::NoEffect { because });
    }

    pub(crate) fn measured_unknown(&mut self, plan: &Plan) {
        self.measured(plan, Outcome::Unknown);
    }

    fn measured(&mut self, plan: &Plan, outcome: Outcome) {
        let Some(episode) = plan.episode else { return };
        let finding = self.state.memory.episodes.get(&episode).and_then(|open| open.finding.as_ref());
        let finding = finding.map_or("none", |kind| kind.name()).to_owned();
        let key = LessonKey { service: plan.target.service.clone(), finding, class: plan.class };
        let learned = homeostat_learn::learn(self.state.memory.lesson(&key), &outcome);
        self.record(Fact::OutcomeMeasured { action: plan.action, episode, outcome });
        if let Some(lesson) = learned {
            self.record(Fact::LessonLearned { episode, key, lesson });
        }
    }

    fn close(&mut self, instance: &InstanceId, resolution: Resolution) {
        let Some(episode) = self.state.memory.episode_of(instance) else { return };
        let Some(opened) = self.state.memory.episodes.get(&episode).map(|open| open.opened) else { return };
        self.record(Fact::EpisodeClosed { episode, resolution, took: self.now.since(opened) });
    }

    /// It is ready although nothing is being done or watched: whatever was planned is no longer needed.
    pub(crate) fn recovered_unless_acting(&mut self, instance: &InstanceId) {
        match self.state.memory.active_of(instance).map(|(id, action)| (id, action.stage.clone())) {
            Some((_, Stage::Running | Stage::Verifying { .. })) => return,
            Some((action, _)) => self.drop_action(action, ENGINE, "it is well again without it"),
            None => {}
        }
        self.close(instance, Resolution::RecoveredByItself);
    }

    /// Nothing more is wanted for this instance: what was planned or watched for it ends here. What is being carried out is
    /// left to end by itself.
    pub(crate) fn abandon(&mut self, instance: &InstanceId) {
        match self.state.memory.active_of(instance).map(|(id, it)| (id, it.stage.clone(), it.plan.clone())) {
            Some((_, Stage::Running, _)) => return,
            Some((_, Stage::Verifying { .. }, plan)) => self.measured_unknown(&plan),
            Some((action, _, _)) => self.drop_action(action, ENGINE, "the instance is no longer wanted"),
            None => {}
        }
        self.close(instance, Resolution::NoLongerWanted);
    }
}
