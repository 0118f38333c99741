//! The saga engine's log entries as sentences: how an action went, step by step.
//!
//! A step that began and ended is one line in a story, dated when it began; whoever follows live sees both.

use crate::chapter::{Line, Tone};
use crate::{Message, plain, words};
use homeostat_saga::{Answer, End, Event, JournalRecord, Verb};
use homeostat_store::Entry;
use homeostat_vocabulary::{Millis, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Where a saga's entries are told apart from facts.
pub(crate) const KIND_PREFIX: &str = "saga.";

pub(crate) fn read(entry: &Entry) -> Option<JournalRecord> {
    serde_json::from_slice(&entry.record.payload).ok()
}

/// One entry in one sentence; `action` is the saga's number as people know it, `names` are its steps' names, if known.
pub(crate) fn sentence(action: &str, names: &[String], event: &Event) -> Message {
    let message = |key| Message::new(key).text("action", &action);
    match event {
        Event::Created { target, .. } => message("saga-created").text("target", target),
        Event::Taken { owner, .. } => message("saga-taken").text("owner", owner),
        Event::StepStarted { step, verb, attempt, .. } => {
            call(message("saga-step-started"), names, (*step, *verb, *attempt))
        }
        Event::StepEnded { step, verb, attempt, answer } => {
            let (message, why) = answered(answer);
            let message = call(message.text("action", &action), names, (*step, *verb, *attempt));
            why.into_iter().fold(message, |message, why| message.text("why", why))
        }
        Event::CallWithheld { step, verb, attempt } => call(message("saga-withheld"), names, (*step, *verb, *attempt)),
        Event::CancelRequested { by, cause } => message("saga-cancel").with("by", words::actor(by)).text("why", cause),
        Event::TurnedBack { cause } => message("saga-turned-back").text("why", cause),
        Event::Parked { step, why } => message("saga-parked").with("step", numbered(*step, names)).text("why", why),
        Event::Stuck { step, why } => message("saga-stuck").with("step", numbered(*step, names)).text("why", why),
        Event::Resumed { by } => message("saga-resumed").with("by", words::actor(by)),
        Event::Skipped { by, .. } => message("saga-skipped").with("by", words::actor(by)),
        Event::Disproved { by } => message("saga-disproved").with("by", words::actor(by)),
        Event::Ended { end } => match end {
            End::Done { .. } => message("saga-ended-done"),
            End::Undone { cause } => message("saga-ended-undone").text("why", cause),
            End::Parked { why } => message("saga-ended-parked").text("why", why),
            End::Stuck { why } => message("saga-ended-stuck").text("why", why),
        },
    }
}

/// A call by its step, what was asked and the number of the attempt.
fn call(message: Message, names: &[String], (step, verb, attempt): (usize, Verb, u32)) -> Message {
    let verb = Message::new(match verb {
        Verb::Do => "saga-verb-do",
        Verb::Undo => "saga-verb-undo",
        Verb::Probe => "saga-verb-probe",
    });
    message.with("step", numbered(step, names)).with("verb", verb).number("attempt", attempt)
}

/// A step by its number, which people count from one, and by its name where that is known.
fn numbered(step: usize, names: &[String]) -> Message {
    let name = names.get(step).map_or("none", String::as_str);
    Message::new("saga-step").number("step", step + 1).text("name", &name)
}

fn answered(answer: &Answer) -> (Message, Option<&String>) {
    match answer {
        Answer::Done(_) => (Message::new("saga-step-done"), None),
        Answer::Failed { error, .. } => (Message::new("saga-step-failed"), Some(error)),
        Answer::Unknown { why } => (Message::new("saga-step-unknown"), Some(why)),
        Answer::NeverHappened => (Message::new("saga-step-never-happened"), None),
    }
}

/// `A3` of a saga called `A3-5f0c`: the random part tells sagas apart, not people.
pub(crate) fn action_of(saga: &str) -> String {
    plain(saga.split('-').next().unwrap_or(saga))
}

pub(crate) const fn tone(event: &Event) -> Tone {
    match event {
        Event::StepEnded { answer: Answer::Done(_), .. } | Event::Ended { end: End::Done { .. } } => Tone::Good,
        Event::StepEnded { .. } | Event::TurnedBack { .. } | Event::Stuck { .. } | Event::Ended { .. } => Tone::Bad,
        Event::Parked { .. } | Event::CallWithheld { .. } => Tone::Waiting,
        _ => Tone::Plain,
    }
}

/// One call of one saga: saga, step, attempt. Attempts are counted over all verbs of a step, so this is never used twice.
type CallName = (String, usize, u32);

/// Gathers a story's saga entries and joins the two ends of each step.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    lines: Vec<Line>,
    /// The line of each call whose end has not come yet.
    open: BTreeMap<CallName, usize>,
    /// The names of each saga's steps.
    names: BTreeMap<String, Vec<String>>,
    /// Sagas that an engine has in its hands.
    taken: BTreeSet<String>,
}

impl Steps {
    /// Takes the next entry.
    pub(crate) fn take(&mut self, entry: &Entry, log: &JournalRecord) {
        let saga = log.saga.to_string();
        let event = &log.record.event;
        if let Event::Created { definition, .. } = event {
            let steps = definition.definition().steps.iter().map(|step| step.name.clone());
            self.names.insert(saga.clone(), steps.collect());
        }
        let names = self.names.get(&saga).map_or(&[][..], Vec::as_slice);
        let message = sentence(&action_of(&saga), names, event);
        match event {
            // The facts of the loop say these already: the action began, the action ended.
            Event::Created { .. } | Event::Ended { .. } => {}
            // Every saga is taken once, by the engine that made it; only a second engine is worth a line.
            Event::Taken { .. } if self.taken.insert(saga.clone()) => {}
            Event::StepStarted { step, attempt, .. } => {
                self.open.insert((saga, *step, *attempt), self.lines.len());
                self.push(entry, log, Tone::Waiting, message);
            }
            Event::StepEnded { step, attempt, .. } | Event::CallWithheld { step, attempt, .. } => {
                let Some(index) = self.open.remove(&(saga, *step, *attempt)) else {
                    return self.push(entry, log, tone(event), message);
                };
                let line = &mut self.lines[index];
                let took = Timestamp(log.record.at_ms).since(line.at);
                line.tone = tone(event);
                line.message = timed(message, took);
            }
            _ => self.push(entry, log, tone(event), message),
        }
    }

    fn push(&mut self, entry: &Entry, log: &JournalRecord, tone: Tone, message: Message) {
        let at = Timestamp(log.record.at_ms);
        self.lines.push(Line { at, seq: entry.seq, tone, message, details: Vec::new() });
    }

    /// The lines; a call that began and has no end here keeps saying so.
    pub(crate) fn into_lines(self) -> Vec<Line> {
        self.lines
    }
}

/// The sentence with how long the step took, where it says so.
fn timed(message: Message, took: Millis) -> Message {
    Message::new("timed").with("sentence", message).with("took", took)
}
