//! Plans, their steps and undo, and the guards that may refuse them. A plan is a value: it can be printed, stored, approved.

use crate::{ActionId, EpisodeId, InstanceId, Millis, RunId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What would be done, with its undo and what it should bring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The action this plan is, or would become.
    pub action: ActionId,
    /// The name of its saga: the action's number and a random part, so that a data folder restored from an older backup
    /// cannot mistake a new action for an old one.
    pub saga: String,
    /// The episode it belongs to; starts, stops and replacements asked for by the owner have none.
    pub episode: Option<EpisodeId>,
    /// What kind of action it is.
    pub class: ActionClass,
    /// What it acts on: one instance, never a pattern.
    pub target: InstanceId,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// Which attempt in a row this is, counted from zero; it begins anew after a healthy time.
    pub attempt: u32,
    /// Not to be begun before this.
    pub not_before: Timestamp,
    /// How it will be told whether it helped.
    pub verification: Option<Verification>,
    /// The chance that it fixes the episode, in thousandths, from the lessons so far.
    pub predicted_success_permille: u16,
    /// How many instances of the service it disturbs that are ready now.
    pub disturbs: u16,
}

/// Classes of action; autonomy is granted by class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionClass {
    /// First start of an instance, asked for by the owner.
    Start,
    /// Stop of an instance, asked for by the owner.
    Stop,
    /// Stop and start with a changed declaration, asked for by the owner.
    Replace,
    /// Repair by starting again.
    Restart,
    /// Taking an action back, asked for by a person.
    Undo,
}

impl ActionClass {
    /// True for what the engine decides on its own judgement; the rest is carried out for the owner, who asked for it.
    #[must_use]
    pub const fn is_repair(self) -> bool {
        matches!(self, Self::Restart)
    }
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// What is done to the plan's target.
    pub verb: StepVerb,
    /// What would take it back; declared before it is done.
    pub undo: StepUndo,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum StepVerb {
    /// Ends this life of the target, gracefully first.
    Stop {
        /// Which life; another one is never touched.
        run: RunId,
    },
    /// Begins a new life of the target.
    Start,
}

/// What takes a step back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepUndo {
    /// The started life is ended again.
    Stop,
    /// A stopped process cannot be brought back as it was: what it held in memory is gone.
    Irreversible,
}

impl Plan {
    /// Whether every step can be taken back.
    #[must_use]
    pub fn is_reversible(&self) -> bool {
        self.steps.iter().all(|step| step.undo != StepUndo::Irreversible)
    }
}

/// The success predicate of an action: the target is ready by the deadline and stays ready for the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verification {
    /// How long it must stay ready.
    pub window: Millis,
    /// How long it may take to become ready.
    pub deadline: Millis,
}

/// Something that could have been done, with its score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// What it is.
    pub option: CandidateOption,
    /// How good it seemed, in thousandths; the highest is chosen.
    pub score_permille: u16,
}

/// What can be done about a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CandidateOption {
    /// Do nothing and see.
    Wait,
    /// Start it again.
    Restart,
}

/// A rule that may refuse a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// Nobody has stopped the engine from acting.
    KillSwitch,
    /// Repairs are switched on.
    RecoverySwitch,
    /// The owner lets the engine do this by itself.
    Autonomy,
    /// The repair budget of the target is not spent.
    Rate,
    /// Enough time has passed since the last attempt.
    Backoff,
    /// The plan is not older than it may be.
    Freshness,
    /// Nothing else acts on the target, and nobody holds it.
    OneActor,
    /// The journal takes records: no effect without a durable intent.
    Journal,
    /// Every step can be taken back (asked of an undo only).
    Reversible,
}

/// A guard's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GuardVerdict {
    /// Who answers.
    pub guard: Guard,
    /// What it says.
    pub verdict: Verdict,
}

/// What a guard can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It may be done.
    Pass,
    /// Not yet: ask again then.
    Wait {
        /// When to ask again.
        until: Timestamp,
    },
    /// Not without a person's word.
    AskPerson,
    /// No.
    Refuse,
}

/// What all guards together decide: the strictest of their verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// Begin.
    Go,
    /// Begin later, after asking the guards again.
    Wait {
        /// When.
        until: Timestamp,
    },
    /// Begin when a person approves.
    AskPerson {
        /// Until when the approval counts.
        until: Timestamp,
    },
    /// Do not begin.
    Refuse,
}

/// How an action ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum ActionEnd {
    /// Every step was done.
    Done,
    /// A step failed and the ones before it were taken back.
    Undone {
        /// Why.
        cause: String,
    },
    /// What happened is not known and only a person can tell.
    Parked {
        /// Why.
        why: String,
    },
    /// Taking back failed; a person is called.
    Stuck {
        /// Why.
        why: String,
    },
}
