//! The story of an episode, or of an action that belongs to none, gathered from its journal entries.

use crate::chapter::{Chapter, ChapterKind, Detail, Line, Tone};
use crate::saga::Steps;
use crate::{Catalogue, Message, Telling, fact, follow, saga, words};
use homeostat_store::Entry;
use homeostat_vocabulary::{
    ActionEnd, ActionId, Decision, EpisodeId, Fact, FindingKind, InstanceId, Millis, Outcome, Resolution, Signal,
    Timestamp,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// What happened and why, as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Story {
    /// The episode, or the action when it belongs to none: `E17`, `A3`.
    pub trace: String,
    /// The episode, if it is the story of one.
    pub episode: Option<EpisodeId>,
    /// What it is about.
    pub subject: Option<InstanceId>,
    /// How it stands.
    pub state: StoryState,
    /// How it ended.
    pub resolution: Option<Resolution>,
    /// Attempts at repair.
    pub attempts: u32,
    /// When its first signal came; offsets are counted from here.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How long it took, once it has ended.
    pub duration: Option<Millis>,
    /// All of it in one sentence.
    pub summary: Message,
    /// Seen, thought, done, brought.
    pub chapters: Vec<Chapter>,
}

/// How a story stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StoryState {
    /// It goes on.
    Open,
    /// A plan waits for a person's word.
    AwaitingApproval,
    /// A person was called; the engine goes on trying.
    Escalated,
    /// It is over.
    Closed,
}

/// Why there is no story.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoryError {
    /// There are no entries.
    #[error("no journal entries were given to tell a story from")]
    NoEntries,
    /// The entries carry no trace, so they belong to no one story.
    #[error("the journal entries belong to no episode and no action")]
    NoTrace,
}

impl Story {
    /// Tells the story of `entries`: all those of one trace, oldest first.
    pub fn tell(entries: &[Entry]) -> Result<Self, StoryError> {
        let first = entries.first().ok_or(StoryError::NoEntries)?;
        let trace = first.record.trace.as_str();
        if trace.is_empty() {
            return Err(StoryError::NoTrace);
        }
        let mut gathered = Gathered::default();
        for entry in entries {
            gathered.take(entry);
        }
        Ok(gathered.into_story(trace))
    }

    /// The story in words.
    #[must_use]
    pub fn in_language(&self, catalogue: &Catalogue) -> Telling {
        Telling::of(self, catalogue)
    }
}

/// A signal comes again as evidence soon or never, so only so many of the latest are compared.
const REPEATED_WITHIN: usize = 100;

/// What has been read so far.
#[derive(Debug, Default)]
struct Gathered {
    subject: Option<InstanceId>,
    seen: Vec<(u64, Signal)>,
    thought: Vec<Line>,
    done: Vec<Line>,
    brought: Vec<Line>,
    steps: Steps,
    /// The first finding, and the latest.
    findings: Option<(FindingKind, FindingKind)>,
    predicted: BTreeMap<ActionId, u16>,
    awaiting: Option<ActionId>,
    escalated: bool,
    attempts: u32,
    last_action: Option<(Message, Option<ActionEnd>)>,
    last_at: Timestamp,
    closed: Option<(Resolution, Millis, Timestamp)>,
}

impl Gathered {
    fn take(&mut self, entry: &Entry) {
        let at = Timestamp(entry.record.at_ms);
        self.last_at = self.last_at.max(at);
        if entry.record.kind.starts_with(saga::KIND_PREFIX) {
            match saga::read(entry) {
                Some(log) => self.steps.take(entry, &log),
                None => self.done.push(line(at, entry.seq, Tone::Bad, follow::unreadable(entry))),
            }
            return;
        }
        match serde_json::from_slice::<Fact>(&entry.record.payload) {
            Ok(fact) => {
                self.remember(&fact, at);
                self.tell_fact(&fact, at, entry.seq);
            }
            Err(_) => self.done.push(line(at, entry.seq, Tone::Bad, follow::unreadable(entry))),
        }
    }

    /// Keeps what the head of the story and later lines need.
    fn remember(&mut self, fact: &Fact, at: Timestamp) {
        match fact {
            Fact::EpisodeOpened { subject, .. } => self.subject = Some(subject.clone()),
            Fact::FindingMade { finding, .. } => {
                self.subject.get_or_insert_with(|| finding.subject.clone());
                let first = self.findings.take().map_or_else(|| finding.kind.clone(), |(first, _)| first);
                self.findings = Some((first, finding.kind.clone()));
            }
            Fact::PlanMade { plan, .. } => {
                self.subject.get_or_insert_with(|| plan.target.clone());
                self.predicted.insert(plan.action, plan.predicted_success_permille);
                self.last_action = Some((words::class(plan.class), None));
            }
            Fact::GuardsAsked { action, decision: Decision::AskPerson { .. }, .. } => self.awaiting = Some(*action),
            Fact::ActionApproved { .. } | Fact::ActionDropped { .. } => self.awaiting = None,
            Fact::ActionBegun { target, .. } => {
                self.awaiting = None;
                self.attempts += 1;
                self.subject.get_or_insert_with(|| target.clone());
            }
            Fact::ActionEnded { end, .. } => {
                if let Some((_, last)) = &mut self.last_action {
                    *last = Some(end.clone());
                }
            }
            Fact::Escalated { .. } => self.escalated = true,
            Fact::EpisodeClosed { resolution, took, .. } => self.closed = Some((*resolution, *took, at)),
            _ => {}
        }
    }

    fn tell_fact(&mut self, fact: &Fact, at: Timestamp, seq: u64) {
        match fact {
            Fact::SignalSeen { signal, .. } => return self.see(seq, signal),
            Fact::FindingMade { finding, .. } => finding.evidence.iter().for_each(|signal| self.see(seq, signal)),
            // A wait is a thought, and it is also what is done meanwhile: without this line the gap would look like idleness.
            Fact::GuardsAsked { action, decision: Decision::Wait { until }, .. } => {
                let message = Message::new("wait").text("action", action).with("until", *until);
                self.done.push(line(at, seq, Tone::Waiting, message.with("span", until.since(at))));
            }
            _ => {}
        }
        let mut told = line(at, seq, fact::tone(fact), fact::sentence(fact));
        told.details = fact::details(fact);
        if let Fact::OutcomeMeasured { action, outcome, .. } = fact {
            told.details.extend(self.prediction(*action, outcome));
        }
        match fact::chapter(fact) {
            Some(ChapterKind::Thought) => self.thought.push(told),
            Some(ChapterKind::Done) => self.done.push(told),
            Some(ChapterKind::Brought) => self.brought.push(told),
            Some(ChapterKind::Seen) | None => {}
        }
    }

    /// A signal may stand in the journal by itself, as evidence, or both: it was still seen once.
    fn see(&mut self, seq: u64, signal: &Signal) {
        if !self.seen.iter().rev().take(REPEATED_WITHIN).any(|(_, known)| known == signal) {
            self.seen.push((seq, signal.clone()));
        }
    }

    fn prediction(&self, action: ActionId, outcome: &Outcome) -> Option<Detail> {
        self.predicted.get(&action).map(|predicted| fact::prediction(*predicted, outcome))
    }

    fn into_story(mut self, trace: &str) -> Story {
        let summary = self.summary(trace);
        let seen: Vec<Line> = std::mem::take(&mut self.seen)
            .into_iter()
            .map(|(seq, signal)| line(signal.at, seq, fact::signal_tone(&signal), fact::signal(&signal)))
            .collect();
        let mut done = self.done;
        done.extend(self.steps.into_lines());
        let state = match (&self.closed, self.awaiting, self.escalated) {
            (Some(_), _, _) => StoryState::Closed,
            (None, Some(_), _) => StoryState::AwaitingApproval,
            (None, None, true) => StoryState::Escalated,
            (None, None, false) => match &self.last_action {
                // The story of an action that belongs to no episode is over with the action.
                Some((_, Some(ActionEnd::Done | ActionEnd::Undone { .. }))) if trace.parse::<ActionId>().is_ok() => {
                    StoryState::Closed
                }
                _ => StoryState::Open,
            },
        };
        let all = [&seen, &self.thought, &done, &self.brought];
        let began = all.into_iter().flatten().map(|line| line.at).min().unwrap_or(self.last_at);
        let ended = match self.closed {
            Some((_, _, at)) => Some(at),
            None => (state == StoryState::Closed).then_some(self.last_at),
        };
        let duration = self.closed.map(|(_, took, _)| took).or_else(|| ended.map(|at| at.since(began)));
        Story {
            trace: crate::plain(trace),
            episode: trace.parse().ok(),
            subject: self.subject,
            state,
            resolution: self.closed.map(|(resolution, ..)| resolution),
            attempts: self.attempts,
            began,
            ended,
            duration,
            summary,
            chapters: vec![
                Chapter::of(ChapterKind::Seen, seen),
                Chapter::of(ChapterKind::Thought, self.thought),
                Chapter::of(ChapterKind::Done, done),
                Chapter::of(ChapterKind::Brought, self.brought),
            ],
        }
    }

    fn summary(&self, trace: &str) -> Message {
        let subject = self.subject.as_ref().map_or_else(|| trace.to_owned(), ToString::to_string);
        let message = |key| Message::new(key).text("subject", &subject);
        if trace.parse::<EpisodeId>().is_err() {
            let (class, end) = self.last_action.clone().unwrap_or_else(|| (Message::new("class-unknown"), None));
            let end = match end {
                None => "open",
                Some(ActionEnd::Done) => "done",
                Some(ActionEnd::Undone { .. }) => "undone",
                Some(ActionEnd::Parked { .. }) => "parked",
                Some(ActionEnd::Stuck { .. }) => "stuck",
            };
            return message("summary-action").text("action", &trace).with("class", class).text("end", &end);
        }
        // What is over is told by how it began, what goes on by how it stands.
        let finding = self.findings.as_ref().map(|(first, latest)| if self.closed.is_some() { first } else { latest });
        let finding = finding.map_or_else(|| Message::new("finding-none"), words::finding);
        let message = |key| message(key).with("finding", finding.clone()).number("attempts", self.attempts);
        match (&self.closed, self.awaiting, self.escalated) {
            (Some((Resolution::Repaired, took, _)), ..) => message("summary-repaired").with("took", *took),
            (Some((Resolution::RecoveredByItself, took, _)), ..) => message("summary-recovered").with("took", *took),
            (Some((Resolution::NoLongerWanted, took, _)), ..) => message("summary-not-wanted").with("took", *took),
            (None, Some(action), _) => message("summary-awaiting").text("action", &action),
            (None, None, true) => message("summary-escalated"),
            (None, None, false) => message("summary-open"),
        }
    }
}

const fn line(at: Timestamp, seq: u64, tone: Tone, message: Message) -> Line {
    Line { at, seq, tone, message, details: Vec::new() }
}
