//! What must survive a crash: a fold over the facts of the journal, and nothing else.
//!
//! `apply` is the only way it changes. It is called for each fact the moment the controller records it, and again by a new
//! engine for each fact after the last checkpoint; both must come to the same memory.

use homeostat_vocabulary::{
    ActionEnd, ActionId, Decision, EpisodeId, Fact, FindingKind, InstanceId, Lesson, LessonKey, Millis, Outcome, Plan,
    RunId, Scope, ServiceName, Signal, SignalKind, StepVerb, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Finished actions kept in mind, for `undo` and `actions`; older ones are in the journal only.
pub const FINISHED_ACTIONS_MAX: usize = 1_000;

/// Who drops a plan when no person does.
pub(crate) const ENGINE: &str = "engine";

/// Repairs of one instance kept in mind for its budget; more than any sensible budget.
const REPAIRS_MAX: usize = 1_000;

/// What the controller remembers across engines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    last_episode: u64,
    last_action: u64,
    /// What may not be acted on.
    pub(crate) paused: BTreeSet<Scope>,
    /// Instances that a person holds as they are, with the undo that holds them.
    pub(crate) held: BTreeMap<InstanceId, ActionId>,
    /// Services that start when they are asked for, and were.
    #[serde(default)]
    pub(crate) awake: BTreeSet<ServiceName>,
    pub(crate) episodes: BTreeMap<EpisodeId, OpenEpisode>,
    episode_of: BTreeMap<InstanceId, EpisodeId>,
    actions: BTreeMap<ActionId, RememberedAction>,
    active_of: BTreeMap<InstanceId, ActionId>,
    repairs: BTreeMap<InstanceId, Vec<Timestamp>>,
    attempts: BTreeMap<InstanceId, u32>,
    lives: BTreeMap<InstanceId, RememberedLife>,
    lessons: BTreeMap<String, Lesson>,
}

/// An open episode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenEpisode {
    pub(crate) subject: InstanceId,
    pub(crate) opened: Timestamp,
    pub(crate) finding: Option<FindingKind>,
    pub(crate) attempts: u32,
    pub(crate) escalated: bool,
}

/// An action and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RememberedAction {
    /// What it is.
    pub plan: Plan,
    /// Whether a person approved it.
    pub approved: bool,
    /// Whether a person rejected it.
    pub rejected: bool,
    /// How far it has come.
    pub stage: Stage,
}

/// How far an action has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// Waits until it is due.
    Planned {
        /// When that is.
        due: Timestamp,
    },
    /// Waits for a person.
    AwaitingApproval {
        /// Until when.
        until: Timestamp,
    },
    /// Is being carried out.
    Running,
    /// Was carried out, and its effect is being watched.
    Verifying {
        /// By when the target must be ready.
        ready_by: Timestamp,
        /// How long it must stay so.
        window: Millis,
    },
    /// Was carried out or not, and nothing more will come of it.
    Finished {
        /// How it ended; `None` when it was never begun.
        end: Option<ActionEnd>,
        /// What it brought, if that was measured.
        outcome: Option<Outcome>,
    },
}

/// The latest life of an instance that the journal knows of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RememberedLife {
    pub(crate) run: RunId,
    /// Its end was asked for, so its exit is no finding.
    pub(crate) stop_asked: bool,
    pub(crate) exited: bool,
}

impl Memory {
    /// Takes a fact in.
    pub fn apply(&mut self, fact: &Fact, at: Timestamp) {
        match fact {
            Fact::SignalSeen { signal, .. } => self.apply_signal(signal),
            Fact::EpisodeOpened { episode, subject } => self.open_episode(*episode, subject, at),
            Fact::FindingMade { episode, finding } => {
                self.with_episode(*episode, |it| it.finding = Some(finding.kind.clone()));
            }
            Fact::Escalated { episode, .. } => self.with_episode(*episode, |it| it.escalated = true),
            Fact::EpisodeClosed { episode, .. } => self.close_episode(*episode),
            Fact::PlanMade { plan, .. } => self.add_plan(plan),
            Fact::GuardsAsked { action, decision, .. } => self.apply_decision(*action, *decision),
            Fact::ActionApproved { action, .. } => self.approve(*action, at),
            Fact::ActionDropped { action, by, .. } => self.drop_action(*action, by),
            Fact::ActionResumed { action, .. } => self.set_stage(*action, Stage::Running),
            Fact::ActionBegun { action, .. } => self.begin(*action, at),
            Fact::ActionEnded { action, end, .. } => self.end(*action, end),
            Fact::VerificationBegun { action, window, ready_by, .. } => {
                self.set_stage(*action, Stage::Verifying { ready_by: *ready_by, window: *window });
            }
            Fact::OutcomeMeasured { action, outcome, .. } => self.measure(*action, outcome),
            Fact::LessonLearned { key, lesson, .. } => {
                self.lessons.insert(lesson_name(key), *lesson);
            }
            Fact::ActingPaused { scope, .. } => {
                self.paused.insert(scope.clone());
            }
            Fact::ActingResumed { scope: Scope::Everything, .. } => self.paused.clear(),
            Fact::ActingResumed { scope, .. } => {
                self.paused.remove(scope);
            }
            Fact::InstanceHeld { instance, action, .. } => {
                self.held.insert(instance.clone(), *action);
            }
            Fact::InstanceReleased { instance, .. } => {
                self.held.remove(instance);
            }
            Fact::ServiceActivated { service, .. } => {
                self.awake.insert(service.clone());
            }
            Fact::ServiceRested { service, .. } => {
                self.awake.remove(service);
            }
            Fact::PolicyApplied { services, .. } => self.awake.retain(|name| services.contains(name)),
            Fact::EngineStarted { .. }
            | Fact::EngineStopped { .. }
            | Fact::PolicyRejected { .. }
            | Fact::HypothesesFormed { .. }
            | Fact::AlarmRaised { .. }
            | Fact::ShutdownRequested { .. } => {}
        }
    }

    /// The number the next episode gets.
    pub(crate) const fn next_episode(&self) -> EpisodeId {
        EpisodeId(self.last_episode + 1)
    }

    /// The number the next action gets.
    pub(crate) const fn next_action(&self) -> ActionId {
        ActionId(self.last_action + 1)
    }

    /// An action, if it is still kept in mind.
    #[must_use]
    pub fn action(&self, id: ActionId) -> Option<&RememberedAction> {
        self.actions.get(&id)
    }

    /// All actions kept in mind, oldest first.
    pub fn actions(&self) -> impl DoubleEndedIterator<Item = (ActionId, &RememberedAction)> {
        self.actions.iter().map(|(id, action)| (*id, action))
    }

    /// The actions something will still come of; at most one an instance.
    pub fn active_actions(&self) -> impl Iterator<Item = (ActionId, &RememberedAction)> {
        self.active_of.values().filter_map(|id| self.actions.get(id).map(|action| (*id, action)))
    }

    /// The action that something will still come of for this instance.
    pub(crate) fn active_of(&self, instance: &InstanceId) -> Option<(ActionId, &RememberedAction)> {
        let id = self.active_of.get(instance)?;
        self.actions.get(id).map(|action| (*id, action))
    }

    /// The actions on this instance that are parked or stuck.
    pub(crate) fn resting_on(&self, instance: &InstanceId) -> impl DoubleEndedIterator<Item = &RememberedAction> {
        self.actions.values().filter(move |action| {
            let Stage::Finished { end, .. } = &action.stage else { return false };
            action.plan.target == *instance && matches!(end, Some(ActionEnd::Parked { .. } | ActionEnd::Stuck { .. }))
        })
    }

    /// Whether the latest action on this instance is left to a person: parked, stuck or rejected, and not taken up since.
    pub(crate) fn is_left_to_person(&self, instance: &InstanceId) -> bool {
        let latest = self.actions.values().rev().find(|action| action.plan.target == *instance);
        latest.is_some_and(|action| match &action.stage {
            Stage::Finished { end: Some(ActionEnd::Parked { .. } | ActionEnd::Stuck { .. }), .. } => true,
            Stage::Finished { .. } => action.rejected,
            _ => false,
        })
    }

    pub(crate) fn episode_of(&self, instance: &InstanceId) -> Option<EpisodeId> {
        self.episode_of.get(instance).copied()
    }

    pub(crate) fn life_of(&self, instance: &InstanceId) -> Option<&RememberedLife> {
        self.lives.get(instance)
    }

    pub(crate) fn attempts_of(&self, instance: &InstanceId) -> u32 {
        self.attempts.get(instance).copied().unwrap_or(0)
    }

    /// Repairs of an instance since `from`, oldest first.
    pub(crate) fn repairs_since(&self, instance: &InstanceId, from: Timestamp) -> &[Timestamp] {
        let Some(repairs) = self.repairs.get(instance) else { return &[] };
        &repairs[repairs.partition_point(|at| *at < from)..]
    }

    pub(crate) fn lesson(&self, key: &LessonKey) -> Lesson {
        self.lessons.get(&lesson_name(key)).copied().unwrap_or_default()
    }

    fn apply_signal(&mut self, signal: &Signal) {
        let run = &signal.run;
        match &signal.kind {
            SignalKind::Up { .. } => {
                let known = self.lives.get(&signal.subject).is_some_and(|life| life.run == *run);
                if !known {
                    let life = RememberedLife { run: run.clone(), stop_asked: false, exited: false };
                    self.lives.insert(signal.subject.clone(), life);
                }
            }
            SignalKind::Exited { .. } => {
                if let Some(life) = self.lives.get_mut(&signal.subject).filter(|life| life.run == *run) {
                    life.exited = true;
                }
            }
            SignalKind::ProbePassed { .. } | SignalKind::ProbeFailed { .. } => {}
        }
    }

    fn open_episode(&mut self, episode: EpisodeId, subject: &InstanceId, at: Timestamp) {
        self.last_episode = self.last_episode.max(episode.0);
        let open = OpenEpisode { subject: subject.clone(), opened: at, finding: None, attempts: 0, escalated: false };
        self.episodes.insert(episode, open);
        self.episode_of.insert(subject.clone(), episode);
    }

    fn with_episode(&mut self, episode: EpisodeId, change: impl FnOnce(&mut OpenEpisode)) {
        if let Some(open) = self.episodes.get_mut(&episode) {
            change(open);
        }
    }

    fn close_episode(&mut self, episode: EpisodeId) {
        if let Some(open) = self.episodes.remove(&episode) {
            self.episode_of.remove(&open.subject);
        }
    }

    fn add_plan(&mut self, plan: &Plan) {
        self.last_action = self.last_action.max(plan.action.0);
        let stage = Stage::Planned { due: plan.not_before };
        self.actions
            .insert(plan.action, RememberedAction { plan: plan.clone(), approved: false, rejected: false, stage });
        self.active_of.insert(plan.target.clone(), plan.action);
        self.forget_oldest_finished();
    }

    /// Finished actions leave the mind oldest first; active ones never do.
    fn forget_oldest_finished(&mut self) {
        let excess = self.actions.len().saturating_sub(FINISHED_ACTIONS_MAX + self.active_of.len());
        let finished = self.actions.iter().filter(|(_, action)| matches!(action.stage, Stage::Finished { .. }));
        let oldest: Vec<ActionId> = finished.map(|(id, _)| *id).take(excess).collect();
        for id in oldest {
            self.actions.remove(&id);
        }
    }

    fn apply_decision(&mut self, action: ActionId, decision: Decision) {
        match decision {
            Decision::Go => {}
            Decision::Wait { until } => self.set_stage(action, Stage::Planned { due: until }),
            Decision::AskPerson { until } => self.set_stage(action, Stage::AwaitingApproval { until }),
            Decision::Refuse => self.set_stage(action, Stage::Finished { end: None, outcome: None }),
        }
    }

    fn drop_action(&mut self, action: ActionId, by: &str) {
        if let Some(remembered) = self.actions.get_mut(&action) {
            remembered.rejected = by != ENGINE;
        }
        self.set_stage(action, Stage::Finished { end: None, outcome: None });
    }

    fn approve(&mut self, action: ActionId, at: Timestamp) {
        if let Some(remembered) = self.actions.get_mut(&action) {
            remembered.approved = true;
        }
        self.set_stage(action, Stage::Planned { due: at });
    }

    fn begin(&mut self, action: ActionId, at: Timestamp) {
        self.set_stage(action, Stage::Running);
        let Some(plan) = self.actions.get(&action).map(|remembered| remembered.plan.clone()) else { return };
        for step in &plan.steps {
            let StepVerb::Stop { run } = &step.verb else { continue };
            if let Some(life) = self.lives.get_mut(&plan.target).filter(|life| life.run == *run) {
                life.stop_asked = true;
            }
        }
        if !plan.class.is_repair() {
            return;
        }
        let repairs = self.repairs.entry(plan.target.clone()).or_default();
        repairs.push(at);
        if repairs.len() > REPAIRS_MAX {
            repairs.remove(0);
        }
        self.attempts.insert(plan.target.clone(), plan.attempt.saturating_add(1));
        if let Some(episode) = plan.episode {
            self.with_episode(episode, |open| open.attempts += 1);
        }
    }

    fn end(&mut self, action: ActionId, end: &ActionEnd) {
        self.set_stage(action, Stage::Finished { end: Some(end.clone()), outcome: None });
    }

    fn measure(&mut self, action: ActionId, measured: &Outcome) {
        let ended = self.actions.get(&action).and_then(|remembered| match &remembered.stage {
            Stage::Finished { end, .. } => end.clone(),
            _ => Some(ActionEnd::Done),
        });
        self.set_stage(action, Stage::Finished { end: ended, outcome: Some(measured.clone()) });
    }

    fn set_stage(&mut self, action: ActionId, stage: Stage) {
        let Some(remembered) = self.actions.get_mut(&action) else { return };
        let target = &remembered.plan.target;
        let active = self.active_of.get(target) == Some(&action);
        if matches!(stage, Stage::Finished { .. }) {
            if active {
                self.active_of.remove(target);
            }
        } else if !active {
            self.active_of.insert(target.clone(), action);
        }
        remembered.stage = stage;
    }
}

fn lesson_name(key: &LessonKey) -> String {
    format!("{} {} {:?}", key.service, key.finding, key.class)
}
