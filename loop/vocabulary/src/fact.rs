//! Facts: what goes into the journal. The controller's memory is nothing but a fold over them, and `homeostat why` tells its
//! story from them alone.
//!
//! A fact is never changed after it was released: add a variant, or a field with `#[serde(default)]`, so that old journals
//! stay readable.

use crate::{
    ActionEnd, ActionId, Candidate, Decision, EpisodeId, Finding, GuardVerdict, Hypothesis, InstanceId, Lesson,
    LessonKey, Millis, Outcome, Plan, Resolution, Scope, ServiceName, Signal, Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One thing that happened or was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// An engine took charge of this data folder.
    EngineStarted {
        /// Its version.
        version: String,
        /// Its process id.
        pid: u32,
        /// How many running instances it adopted.
        adopted: u32,
    },
    /// An engine ended in good order.
    EngineStopped {
        /// Whether the services were left running.
        services_kept: bool,
    },
    /// A policy came into force.
    PolicyApplied {
        /// Where it came from: `start`, `file`, `signal` or `api`.
        origin: String,
        /// A short hash of it.
        fingerprint: String,
        /// The services it names.
        services: Vec<ServiceName>,
    },
    /// A changed configuration was not taken; the one before stays in force.
    PolicyRejected {
        /// Where it came from.
        origin: String,
        /// What is wrong with it, one line each.
        problems: Vec<String>,
    },
    /// A signal that matters to the story was perceived: an exit, a start, health won or lost.
    SignalSeen {
        /// The episode it belongs to, if one is open.
        episode: Option<EpisodeId>,
        /// The signal.
        signal: Signal,
    },
    /// An episode began.
    EpisodeOpened {
        /// Its number.
        episode: EpisodeId,
        /// What it is about.
        subject: InstanceId,
    },
    /// A judgement was made.
    FindingMade {
        /// The episode it belongs to.
        episode: EpisodeId,
        /// The judgement.
        finding: Finding,
    },
    /// Causes were suspected.
    HypothesesFormed {
        /// The episode.
        episode: EpisodeId,
        /// The suspicions, heaviest first.
        hypotheses: Vec<Hypothesis>,
    },
    /// A plan was made.
    PlanMade {
        /// The plan.
        plan: Plan,
        /// What was considered, the chosen one first.
        considered: Vec<Candidate>,
    },
    /// The guards were asked about a plan.
    GuardsAsked {
        /// The plan's action.
        action: ActionId,
        /// Its episode.
        episode: Option<EpisodeId>,
        /// What each said.
        verdicts: Vec<GuardVerdict>,
        /// What follows.
        decision: Decision,
    },
    /// A person approved a plan.
    ActionApproved {
        /// Which.
        action: ActionId,
        /// Its episode.
        episode: Option<EpisodeId>,
        /// Who.
        by: String,
    },
    /// A plan was dropped without being carried out.
    ActionDropped {
        /// Which.
        action: ActionId,
        /// Its episode.
        episode: Option<EpisodeId>,
        /// Who dropped it, `engine` when nobody did.
        by: String,
        /// Why.
        why: String,
    },
    /// A person lets an action that is parked or stuck go on.
    ActionResumed {
        /// Which.
        action: ActionId,
        /// Its episode.
        episode: Option<EpisodeId>,
        /// Who.
        by: String,
    },
    /// An action is about to be carried out. Durable before its first step.
    ActionBegun {
        /// Which.
        action: ActionId,
        /// Its episode.
        episode: Option<EpisodeId>,
        /// What it acts on.
        target: InstanceId,
    },
    /// An action came to its end.
    ActionEnded {
        /// Which.
        action: ActionId,
        /// Its episode.
        episode: Option<EpisodeId>,
        /// How.
        end: ActionEnd,
    },
    /// The effect of an action is being watched.
    VerificationBegun {
        /// Which action.
        action: ActionId,
        /// Its episode.
        episode: EpisodeId,
        /// How long it must stay ready.
        window: Millis,
        /// By when it must be ready.
        ready_by: Timestamp,
    },
    /// Verification measured what an action brought.
    OutcomeMeasured {
        /// Which action.
        action: ActionId,
        /// Its episode.
        episode: EpisodeId,
        /// What it brought.
        outcome: Outcome,
    },
    /// An outcome changed what is expected of such a repair.
    LessonLearned {
        /// The episode that taught it.
        episode: EpisodeId,
        /// What it is counted under.
        key: LessonKey,
        /// The counts after it.
        lesson: Lesson,
    },
    /// The saga engine raised an alarm: an action is older or quieter than it may be, or cannot be finished by this version.
    AlarmRaised {
        /// Which action, if it is about one.
        action: Option<ActionId>,
        /// Its episode.
        episode: Option<EpisodeId>,
        /// The code of the page that says what to do.
        code: String,
        /// What is wrong.
        why: String,
    },
    /// A person is called: the engine goes on trying, slowly, but it needs help.
    Escalated {
        /// The episode.
        episode: EpisodeId,
        /// Why.
        why: EscalationReason,
    },
    /// An episode ended.
    EpisodeClosed {
        /// Which.
        episode: EpisodeId,
        /// How.
        resolution: Resolution,
        /// How long it took, from its first finding.
        took: Millis,
    },
    /// Acting was stopped.
    ActingPaused {
        /// For what.
        scope: Scope,
        /// By whom.
        by: String,
    },
    /// Acting was allowed again.
    ActingResumed {
        /// For what.
        scope: Scope,
        /// By whom.
        by: String,
    },
    /// An instance is kept as it is until a person releases it.
    InstanceHeld {
        /// Which.
        instance: InstanceId,
        /// By whom.
        by: String,
        /// The undo that holds it.
        action: ActionId,
    },
    /// A held instance is looked after again.
    InstanceReleased {
        /// Which.
        instance: InstanceId,
        /// By whom.
        by: String,
    },
    /// A service that rested is wanted from here on.
    ServiceActivated {
        /// Which.
        service: ServiceName,
        /// Who asked for it.
        by: String,
    },
    /// A service that starts when it is asked for rests again.
    ServiceRested {
        /// Which.
        service: ServiceName,
        /// How long nobody had asked for anything.
        idle: Millis,
    },
    /// The engine was told to end.
    ShutdownRequested {
        /// By whom.
        by: String,
        /// Whether the services are to run on.
        keep_services: bool,
    },
}

/// Why a person is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum EscalationReason {
    /// The repair budget is spent and it is still not well.
    BudgetSpent {
        /// Repairs in the window.
        repairs: u32,
        /// The window.
        window: Millis,
    },
    /// The engine may not repair this by itself.
    NotAllowed,
    /// An action is parked or stuck.
    ActionNeedsPerson {
        /// What the action said.
        why: String,
    },
}

/// The priority class of a journal row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum FactClass {
    /// Safety: pauses, escalations, shutdown.
    Critical = 0,
    /// Decisions and actions.
    Act = 1,
    /// Findings, outcomes, lessons.
    Detect = 2,
    /// Signals.
    Sense = 3,
}

impl Fact {
    /// The journal's name for this kind of fact, as in `finding.made`: the same word as in its JSON form, with the noun first.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::EngineStarted { .. } => "engine.started",
            Self::EngineStopped { .. } => "engine.stopped",
            Self::PolicyApplied { .. } => "policy.applied",
            Self::PolicyRejected { .. } => "policy.rejected",
            Self::SignalSeen { .. } => "signal.seen",
            Self::EpisodeOpened { .. } => "episode.opened",
            Self::FindingMade { .. } => "finding.made",
            Self::HypothesesFormed { .. } => "hypotheses.formed",
            Self::PlanMade { .. } => "plan.made",
            Self::GuardsAsked { .. } => "guards.asked",
            Self::ActionApproved { .. } => "action.approved",
            Self::ActionDropped { .. } => "action.dropped",
            Self::ActionResumed { .. } => "action.resumed",
            Self::ActionBegun { .. } => "action.begun",
            Self::ActionEnded { .. } => "action.ended",
            Self::VerificationBegun { .. } => "verification.begun",
            Self::OutcomeMeasured { .. } => "outcome.measured",
            Self::LessonLearned { .. } => "lesson.learned",
            Self::AlarmRaised { .. } => "alarm.raised",
            Self::Escalated { .. } => "episode.escalated",
            Self::EpisodeClosed { .. } => "episode.closed",
            Self::ActingPaused { .. } => "acting.paused",
            Self::ActingResumed { .. } => "acting.resumed",
            Self::InstanceHeld { .. } => "instance.held",
            Self::InstanceReleased { .. } => "instance.released",
            Self::ServiceActivated { .. } => "service.activated",
            Self::ServiceRested { .. } => "service.rested",
            Self::ShutdownRequested { .. } => "shutdown.requested",
        }
    }

    /// The priority class of this fact.
    #[must_use]
    pub const fn class(&self) -> FactClass {
        match self {
            Self::EngineStarted { .. }
            | Self::EngineStopped { .. }
            | Self::Escalated { .. }
            | Self::AlarmRaised { .. }
            | Self::ActingPaused { .. }
            | Self::ActingResumed { .. }
            | Self::InstanceHeld { .. }
            | Self::InstanceReleased { .. }
            | Self::ShutdownRequested { .. } => FactClass::Critical,
            Self::PolicyApplied { .. }
            | Self::PolicyRejected { .. }
            | Self::PlanMade { .. }
            | Self::GuardsAsked { .. }
            | Self::ActionApproved { .. }
            | Self::ActionDropped { .. }
            | Self::ActionResumed { .. }
            | Self::ActionBegun { .. }
            | Self::ActionEnded { .. }
            | Self::ServiceActivated { .. }
            | Self::ServiceRested { .. } => FactClass::Act,
            Self::EpisodeOpened { .. }
            | Self::FindingMade { .. }
            | Self::HypothesesFormed { .. }
            | Self::VerificationBegun { .. }
            | Self::OutcomeMeasured { .. }
            | Self::LessonLearned { .. }
            | Self::EpisodeClosed { .. } => FactClass::Detect,
            Self::SignalSeen { .. } => FactClass::Sense,
        }
    }

    /// The episode this fact belongs to, if any.
    #[must_use]
    pub const fn episode(&self) -> Option<EpisodeId> {
        match self {
            Self::SignalSeen { episode, .. }
            | Self::AlarmRaised { episode, .. }
            | Self::GuardsAsked { episode, .. }
            | Self::ActionApproved { episode, .. }
            | Self::ActionDropped { episode, .. }
            | Self::ActionResumed { episode, .. }
            | Self::ActionBegun { episode, .. }
            | Self::ActionEnded { episode, .. } => *episode,
            Self::PlanMade { plan, .. } => plan.episode,
            Self::EpisodeOpened { episode, .. }
            | Self::FindingMade { episode, .. }
            | Self::HypothesesFormed { episode, .. }
            | Self::VerificationBegun { episode, .. }
            | Self::OutcomeMeasured { episode, .. }
            | Self::LessonLearned { episode, .. }
            | Self::Escalated { episode, .. }
            | Self::EpisodeClosed { episode, .. } => Some(*episode),
            _ => None,
        }
    }

    /// The journal's trace for this fact: the episode, or else the action, it belongs to; empty for neither.
    #[must_use]
    pub fn trace(&self) -> String {
        if let Some(episode) = self.episode() {
            return episode.to_string();
        }
        match self {
            Self::PlanMade { plan, .. } => plan.action.to_string(),
            Self::GuardsAsked { action, .. }
            | Self::ActionApproved { action, .. }
            | Self::ActionDropped { action, .. }
            | Self::ActionResumed { action, .. }
            | Self::ActionBegun { action, .. }
            | Self::ActionEnded { action, .. } => action.to_string(),
            _ => String::new(),
        }
    }

    /// The journal's subject for this fact: an instance, a service, an action or the engine.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::SignalSeen { signal, .. } => signal.subject.to_string(),
            Self::EpisodeOpened { subject, .. } => subject.to_string(),
            Self::FindingMade { finding, .. } => finding.subject.to_string(),
            Self::PlanMade { plan, .. } => plan.target.to_string(),
            Self::ActionBegun { target, .. } => target.to_string(),
            Self::GuardsAsked { action, .. }
            | Self::ActionApproved { action, .. }
            | Self::ActionDropped { action, .. }
            | Self::ActionResumed { action, .. }
            | Self::ActionEnded { action, .. }
            | Self::VerificationBegun { action, .. }
            | Self::OutcomeMeasured { action, .. } => action.to_string(),
            Self::HypothesesFormed { episode, .. }
            | Self::Escalated { episode, .. }
            | Self::EpisodeClosed { episode, .. } => episode.to_string(),
            Self::AlarmRaised { action: Some(action), .. } => action.to_string(),
            Self::LessonLearned { key, .. } => key.service.to_string(),
            Self::ActingPaused { scope, .. } | Self::ActingResumed { scope, .. } => scope.to_string(),
            Self::InstanceHeld { instance, .. } | Self::InstanceReleased { instance, .. } => instance.to_string(),
            Self::ServiceActivated { service, .. } | Self::ServiceRested { service, .. } => service.to_string(),
            Self::EngineStarted { .. }
            | Self::EngineStopped { .. }
            | Self::PolicyApplied { .. }
            | Self::PolicyRejected { .. }
            | Self::AlarmRaised { action: None, .. }
            | Self::ShutdownRequested { .. } => "engine".to_owned(),
        }
    }
}
