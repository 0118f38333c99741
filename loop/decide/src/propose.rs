//! From an occasion to a plan: what could be done, how good each option seems, and the steps of the chosen one.

use homeostat_vocabulary::{
    ActionClass, ActionId, Candidate, CandidateOption, EpisodeId, InstanceId, Millis, Plan, Repair, RunId, Step,
    StepUndo, StepVerb, Timestamp, Verification,
};

/// What a plan is made for.
#[derive(Clone, Debug)]
pub struct Occasion {
    /// The number the action gets.
    pub action: ActionId,
    /// A random part for the saga's name.
    pub nonce: u64,
    /// The episode, if one is the reason.
    pub episode: Option<EpisodeId>,
    /// What kind of action it is.
    pub class: ActionClass,
    /// The instance.
    pub target: InstanceId,
    /// Its running life, if it runs.
    pub running: Option<RunId>,
    /// Whether that life is ready, so that ending it disturbs somebody.
    pub ready: bool,
    /// Whether a new life takes over from it, so that it need not be ended first.
    pub takes_over: bool,
    /// Which attempt in a row this is, counted from zero.
    pub attempt: u32,
    /// Wait before it is begun.
    pub wait: Millis,
    /// The chance of success that the lessons predict.
    pub predicted_success_permille: u16,
}

/// The options for an instance that is not well, best first.
///
/// Waiting is scored by how often trouble passes by itself: never for a process that is gone, sometimes for one that still
/// runs. It is listed although it rarely wins, so that the story can say why it was not chosen.
#[must_use]
pub fn candidates(runs: bool, predicted_success_permille: u16) -> Vec<Candidate> {
    let wait = Candidate { option: CandidateOption::Wait, score_permille: if runs { 100 } else { 0 } };
    let restart = Candidate { option: CandidateOption::Restart, score_permille: predicted_success_permille.max(101) };
    vec![restart, wait]
}

/// The plan for an occasion. A life that runs is ended first, unless the new one takes over from it; its class says whether one begins.
#[must_use]
pub fn plan(occasion: Occasion, repair: &Repair, now: Timestamp) -> Plan {
    let Occasion { action, nonce, episode, class, target, running, ready, takes_over, attempt, wait, .. } = occasion;
    let mut steps = Vec::new();
    // Only what is well is taken over from: a repair ends what it repairs.
    let is_taken_over = takes_over && class == ActionClass::Replace;
    if let Some(run) = running.filter(|_| !is_taken_over) {
        steps.push(Step { verb: StepVerb::Stop { run }, undo: StepUndo::Irreversible });
    }
    let begins_a_life = matches!(class, ActionClass::Start | ActionClass::Replace | ActionClass::Restart);
    if begins_a_life {
        steps.push(Step { verb: StepVerb::Start, undo: StepUndo::Stop });
    }
    let verification = Verification { window: repair.verify_window, deadline: repair.verify_deadline };
    Plan {
        action,
        saga: format!("{action}-{:08x}", nonce & 0xFFFF_FFFF),
        episode,
        class,
        target,
        steps,
        attempt,
        not_before: now.after(wait),
        verification: class.is_repair().then_some(verification),
        predicted_success_permille: occasion.predicted_success_permille,
        disturbs: u16::from(ready && !is_taken_over),
    }
}
