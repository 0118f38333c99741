//! What the interface reads from the journal: events, episodes and actions, put together from facts.
//!
//! Called by the handlers, on a thread that may wait for the disk. Always holds: each call reads a bounded number of records; a
//! record that cannot be understood is passed over, never an error, for the journal outlives the program that wrote it.

use homeostat_store::{Entry, Reader, StoreError};
use homeostat_vocabulary::{
    ActionClass, ActionEnd, ActionId, Candidate, Decision, EpisodeId, EpisodeStatus, Fact, FindingKind, InstanceId,
    Millis, Outcome, Plan, Resolution, Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::VecDeque;

/// How many records of an action are looked at behind its plan; a repair writes about ten.
const ACTION_RECORDS_MAX: usize = 500;

/// How many records at the beginning of an episode are looked at for a list.
const HEAD_RECORDS: usize = 12;

/// Of a longer story, this many records of its beginning and as many of its end are kept.
const STORY_RECORDS_HALF: usize = 1_000;

/// Records read at once of a long story.
const CHUNK_RECORDS: usize = 1_000;

/// A record of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Its place in the journal, from 1 without gaps.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What kind of record it is, as in `finding.made`; those that begin with `saga.` are the steps of actions.
    pub kind: String,
    /// What it is about: an instance, a service, an action or `engine`.
    pub subject: String,
    /// The episode or action it belongs to; empty for neither.
    pub trace: String,
    /// The record itself; for a fact, the schema is `Fact`. Null when it is not JSON.
    pub payload: Value,
}

impl From<&Entry> for Event {
    fn from(entry: &Entry) -> Self {
        let record = &entry.record;
        Self {
            seq: entry.seq,
            at: Timestamp(record.at_ms),
            kind: record.kind.clone(),
            subject: record.subject.clone(),
            trace: record.trace.clone(),
            payload: serde_json::from_slice(&record.payload).unwrap_or_default(),
        }
    }
}

/// Whether an episode goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EpisodeState {
    /// It goes on.
    Open,
    /// It is over.
    Closed,
}

/// An episode in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EpisodeSummary {
    /// Its number.
    pub id: EpisodeId,
    /// Whether it goes on.
    pub state: EpisodeState,
    /// What it is about; absent when the journal no longer holds its beginning.
    pub subject: Option<InstanceId>,
    /// When its first finding was made.
    pub since: Timestamp,
    /// The finding: the latest of an open one, the first of a closed one.
    pub finding: Option<FindingKind>,
    /// Attempts so far, of an open one.
    pub attempts: Option<u32>,
    /// The action that waits for a person's approval, if one does.
    pub awaiting_approval: Option<ActionId>,
    /// Whether a person has been called, for an open one.
    pub escalated: Option<bool>,
    /// How it ended.
    pub resolution: Option<Resolution>,
    /// How long it took.
    pub took: Option<Millis>,
}

impl From<&EpisodeStatus> for EpisodeSummary {
    fn from(open: &EpisodeStatus) -> Self {
        Self {
            id: open.id,
            state: EpisodeState::Open,
            subject: Some(open.subject.clone()),
            since: open.since,
            finding: open.finding.clone(),
            attempts: Some(open.attempts),
            awaiting_approval: open.awaiting_approval,
            escalated: Some(open.escalated),
            resolution: None,
            took: None,
        }
    }
}

/// How an action stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionState {
    /// The plan is made; the guards have not answered.
    Planned,
    /// The guards let it begin, later.
    Waiting,
    /// It waits for a person.
    AwaitingApproval,
    /// The guards said no.
    Refused,
    /// It was dropped without being carried out.
    Dropped,
    /// It is being carried out.
    Running,
    /// Every step was done.
    Done,
    /// A step failed, and the ones before it were taken back.
    Undone,
    /// What happened is not known; a person is needed.
    Parked,
    /// Taking back failed; a person is needed.
    Stuck,
}

/// An action in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActionSummary {
    /// Its number.
    pub id: ActionId,
    /// How it stands.
    pub state: ActionState,
    /// What kind of action it is.
    pub class: ActionClass,
    /// What it acts on.
    pub target: InstanceId,
    /// The episode it belongs to.
    pub episode: Option<EpisodeId>,
    /// Whether every step can be taken back.
    pub reversible: bool,
    /// When its plan was made.
    pub planned_at: Timestamp,
    /// When it began.
    pub begun_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What it brought, once that was measured.
    pub outcome: Option<Outcome>,
}

/// An action in full.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ActionDetail {
    /// How it stands.
    pub action: ActionSummary,
    /// The plan.
    pub plan: Plan,
    /// What was considered, the chosen one first.
    pub considered: Vec<Candidate>,
    /// Every fact about it, the plan first.
    pub facts: Vec<Event>,
}

/// Closed episodes before a place in the journal, newest first, each with the place of its end.
pub fn closed_episodes(reader: &Reader, before: u64, limit: usize) -> Result<Vec<(u64, EpisodeSummary)>, StoreError> {
    let ends = reader.entries_of_kind_before("episode.closed", before, limit)?;
    let mut found = Vec::with_capacity(ends.len());
    for end in ends {
        let Some(Fact::EpisodeClosed { episode, resolution, took }) = fact(&end) else { continue };
        let mut summary = EpisodeSummary {
            id: episode,
            state: EpisodeState::Closed,
            subject: None,
            since: Timestamp(end.record.at_ms.saturating_sub(took.0)),
            finding: None,
            attempts: None,
            awaiting_approval: None,
            escalated: None,
            resolution: Some(resolution),
            took: Some(took),
        };
        for entry in reader.entries_of_trace(&end.record.trace, HEAD_RECORDS)? {
            match fact(&entry) {
                Some(Fact::EpisodeOpened { subject, .. }) => summary.subject = Some(subject),
                Some(Fact::FindingMade { finding, .. }) if summary.finding.is_none() => {
                    summary.finding = Some(finding.kind);
                }
                _ => {}
            }
        }
        found.push((end.seq, summary));
    }
    Ok(found)
}

/// The records of a trace, oldest first, and how many were left out in the middle.
pub fn story_of(reader: &Reader, trace: &str) -> Result<(Vec<Entry>, u64), StoreError> {
    let mut entries = reader.entries_of_trace(trace, STORY_RECORDS_HALF)?;
    let mut end: VecDeque<Entry> = VecDeque::new();
    let mut left_out = 0;
    let mut from = entries.last().map_or(0, |last| last.seq + 1);
    while entries.len() == STORY_RECORDS_HALF {
        let chunk = reader.entries_of_trace_from(trace, from, CHUNK_RECORDS)?;
        let Some(last) = chunk.last() else { break };
        from = last.seq + 1;
        end.extend(chunk);
        while end.len() > STORY_RECORDS_HALF {
            end.pop_front();
            left_out += 1;
        }
    }
    entries.extend(end);
    Ok((entries, left_out))
}

/// Actions whose plans stand before a place in the journal, newest first, each with that place.
pub fn actions(reader: &Reader, before: u64, limit: usize) -> Result<Vec<(u64, ActionSummary)>, StoreError> {
    let plans = reader.entries_of_kind_before("plan.made", before, limit)?;
    let mut found = Vec::with_capacity(plans.len());
    for entry in plans {
        let Some(Fact::PlanMade { plan, .. }) = fact(&entry) else { continue };
        let facts = facts_of_action(reader, &entry, plan.action)?;
        found.push((entry.seq, summary(&plan, &facts)));
    }
    Ok(found)
}

/// One action.
pub fn action(reader: &Reader, id: ActionId) -> Result<Option<ActionDetail>, StoreError> {
    let Some(entry) = plan_of(reader, id)? else { return Ok(None) };
    let Some(Fact::PlanMade { plan, considered }) = fact(&entry) else { return Ok(None) };
    let facts = facts_of_action(reader, &entry, id)?;
    let action = summary(&plan, &facts);
    let facts = facts.iter().map(|(entry, _)| Event::from(entry)).collect();
    Ok(Some(ActionDetail { action, plan, considered, facts }))
}

/// The record of an action's plan. Actions are numbered in the order of their plans, so it is found by halving.
fn plan_of(reader: &Reader, id: ActionId) -> Result<Option<Entry>, StoreError> {
    let (mut from, mut to) = (1, reader.last()?.map_or(0, |last| last.seq) + 1);
    while from < to {
        let middle = from + (to - from) / 2;
        match readable_plan(reader, middle, to)? {
            Some((entry, action)) if action == id => return Ok(Some(entry)),
            Some((entry, action)) if action < id => from = entry.seq + 1,
            _ => to = middle,
        }
    }
    Ok(None)
}

/// The first plan in `from..to` that can be understood.
fn readable_plan(reader: &Reader, from: u64, to: u64) -> Result<Option<(Entry, ActionId)>, StoreError> {
    const TRIED_MAX: usize = 8;
    // One is nearly always enough; only behind a record that cannot be read are more looked at.
    for tried in [1, TRIED_MAX] {
        for entry in reader.entries_of_kind("plan.made", from, tried)? {
            if entry.seq >= to {
                return Ok(None);
            }
            if let Some(Fact::PlanMade { plan, .. }) = fact(&entry) {
                return Ok(Some((entry, plan.action)));
            }
        }
    }
    Ok(None)
}

/// The facts about one action from its plan on.
fn facts_of_action(reader: &Reader, plan: &Entry, id: ActionId) -> Result<Vec<(Entry, Fact)>, StoreError> {
    let entries = reader.entries_of_trace_from(&plan.record.trace, plan.seq, ACTION_RECORDS_MAX)?;
    let about = |entry: Entry| fact(&entry).filter(|fact| action_of(fact) == Some(id)).map(|fact| (entry, fact));
    Ok(entries.into_iter().filter_map(about).collect())
}

fn summary(plan: &Plan, facts: &[(Entry, Fact)]) -> ActionSummary {
    let mut summary = ActionSummary {
        id: plan.action,
        state: ActionState::Planned,
        class: plan.class,
        target: plan.target.clone(),
        episode: plan.episode,
        reversible: plan.is_reversible(),
        planned_at: facts.first().map_or(Timestamp(0), |(entry, _)| Timestamp(entry.record.at_ms)),
        begun_at: None,
        ended_at: None,
        outcome: None,
    };
    for (entry, fact) in facts {
        let at = Timestamp(entry.record.at_ms);
        match fact {
            Fact::GuardsAsked { decision, .. } => summary.state = state_after(*decision),
            Fact::ActionApproved { .. } => summary.state = ActionState::Waiting,
            Fact::ActionDropped { .. } => (summary.state, summary.ended_at) = (ActionState::Dropped, Some(at)),
            Fact::ActionResumed { .. } => (summary.state, summary.ended_at) = (ActionState::Running, None),
            Fact::ActionBegun { .. } => (summary.state, summary.begun_at) = (ActionState::Running, Some(at)),
            Fact::ActionEnded { end, .. } => (summary.state, summary.ended_at) = (state_at_end(end), Some(at)),
            Fact::OutcomeMeasured { outcome, .. } => summary.outcome = Some(outcome.clone()),
            _ => {}
        }
    }
    summary
}

const fn state_after(decision: Decision) -> ActionState {
    match decision {
        Decision::Go | Decision::Wait { .. } => ActionState::Waiting,
        Decision::AskPerson { .. } => ActionState::AwaitingApproval,
        Decision::Refuse => ActionState::Refused,
    }
}

const fn state_at_end(end: &ActionEnd) -> ActionState {
    match end {
        ActionEnd::Done => ActionState::Done,
        ActionEnd::Undone { .. } => ActionState::Undone,
        ActionEnd::Parked { .. } => ActionState::Parked,
        ActionEnd::Stuck { .. } => ActionState::Stuck,
    }
}

const fn action_of(fact: &Fact) -> Option<ActionId> {
    match fact {
        Fact::PlanMade { plan, .. } => Some(plan.action),
        Fact::GuardsAsked { action, .. }
        | Fact::ActionApproved { action, .. }
        | Fact::ActionDropped { action, .. }
        | Fact::ActionResumed { action, .. }
        | Fact::ActionBegun { action, .. }
        | Fact::ActionEnded { action, .. }
        | Fact::VerificationBegun { action, .. }
        | Fact::OutcomeMeasured { action, .. }
        | Fact::InstanceHeld { action, .. } => Some(*action),
        _ => None,
    }
}

fn fact(entry: &Entry) -> Option<Fact> {
    serde_json::from_slice(&entry.record.payload).ok()
}
