//! What the engine is told, and how urgent each of it is: the events of its reactor.
//!
//! Made by the wiring, which hands the ways in to drivers, probes, the API and the sagas. Always holds: commands and policies keep
//! their order among themselves, and so do lives and the ends of actions (the end of an action must never be heard before the
//! life that it began); neither is ever lost. Results of probes come again, so the oldest of them give way.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use homeostat_controller::Event;
use homeostat_reactor::{Class, Emitter, Events, Lane, Overflow, Reactor, events};
use homeostat_saga::SagaEvent;
use homeostat_vocabulary::{CommandReply, Refusal, Signal, SignalKind};
use tokio::sync::{mpsc, oneshot};

/// Events of one class that may wait; whoever tells more waits, but for probes.
const WAITING_MAX: usize = 4_096;

/// An event for the controller, with whoever waits for the answer.
#[derive(Clone, Debug)]
pub struct Word {
    /// What is told.
    pub event: Event,
    /// Who waits for the reply to a command.
    pub asker: Option<Asker>,
}

impl From<Event> for Word {
    fn from(event: Event) -> Self {
        Self { event, asker: None }
    }
}

/// What became of a saga, before it is known whether it still matters to the controller.
#[derive(Clone, Debug)]
pub struct SagaWord(pub SagaEvent);

events! {
    /// Everything the engine hears.
    #[derive(Debug)]
    pub enum Told { Word, SagaWord }

    fn class(&self) -> Class {
        match self {
            Self::Word(word) => class_of(&word.event),
            Self::SagaWord(SagaWord(SagaEvent::Halted { .. })) => Class::Critical,
            Self::SagaWord(_) => Class::Act,
        }
    }

    fn subject(&self) -> Cow<'_, str> {
        match self {
            Self::Word(Word { event: Event::Signal(signal), .. }) => Cow::Owned(signal.subject.to_string()),
            _ => Cow::Borrowed(""),
        }
    }
}

impl From<Event> for Told {
    fn from(event: Event) -> Self {
        Word::from(event).into()
    }
}

impl From<Signal> for Told {
    fn from(signal: Signal) -> Self {
        Event::Signal(signal).into()
    }
}

/// Commands of people, and whatever can stop the engine from acting, go before everything else. All commands are of one class: a
/// pause must never overtake the resume that was given before it.
fn class_of(event: &Event) -> Class {
    match event {
        Event::Command { .. }
        | Event::PolicyApplied { .. }
        | Event::PolicyRejected { .. }
        | Event::PolicyUnchanged
        | Event::JournalLost { .. } => Class::Critical,
        // What comes each second again may be lost to newer news.
        Event::Traffic(_) => Class::Sense,
        // Told once, when they change.
        Event::Complaints { .. } => Class::Act,
        Event::Boot { .. } | Event::ActionEnded { .. } | Event::Alarm { .. } | Event::Tick => Class::Act,
        Event::Signal(signal) => match signal.kind {
            SignalKind::Up { .. } | SignalKind::Exited { .. } => Class::Act,
            SignalKind::ProbePassed { .. } | SignalKind::ProbeFailed { .. } => Class::Sense,
        },
    }
}

/// Whoever waits for the answer to a command. Answered at most once, whichever copy is.
#[derive(Clone, Debug)]
pub struct Asker(Arc<Mutex<Option<oneshot::Sender<Answer>>>>);

/// The answer to a command.
pub type Answer = Result<CommandReply, Refusal>;

impl From<oneshot::Sender<Answer>> for Asker {
    fn from(sender: oneshot::Sender<Answer>) -> Self {
        Self(Arc::new(Mutex::new(Some(sender))))
    }
}

impl Asker {
    /// Answers. Whoever asked may have gone away; the command holds all the same.
    pub fn answer(&self, answer: Answer) {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let _ = sender.map(|sender| sender.send(answer));
    }
}

/// The reactor that the engine hears through, and the engine's ear in it. Must be called within a tokio runtime.
pub fn hearing() -> (Reactor<Told>, Events<Told, Told>) {
    let lossless = Lane { capacity: WAITING_MAX, overflow: Overflow::Block };
    let newest = Lane { capacity: WAITING_MAX, overflow: Overflow::DropOldest };
    let builder = Class::ALL.into_iter().fold(Reactor::builder(), |builder, class| builder.lane(class, lossless));
    let reactor = builder.lane(Class::Sense, newest).start();
    // What was lost in front of the loop only would be kept for ever in front of the ear: both give way to newer probes.
    let ear = reactor.on::<Told>().named("controller").lossless().lane(Class::Sense, newest).events();
    (reactor, ear)
}

/// Passes on what sagas tell, but for their single steps, until they tell nothing more.
pub async fn pass_on_sagas(mut sagas: mpsc::Receiver<SagaEvent>, emitter: Emitter<Told>) {
    while let Some(event) = sagas.recv().await {
        let is_step =
            matches!(event, SagaEvent::StepStarted { .. } | SagaEvent::StepEnded { .. } | SagaEvent::TurnedBack { .. });
        if !is_step && emitter.emit(SagaWord(event)).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use homeostat_vocabulary::{Millis, Timestamp};

    fn probe(at: u64) -> Signal {
        let (subject, run) = ("web/0".parse().expect("a good id"), "r1".parse().expect("a good id"));
        Signal { at: Timestamp(at), subject, run, kind: SignalKind::ProbePassed { took: Millis(1) } }
    }

    fn probed_at(told: &Told) -> Option<u64> {
        match told {
            Told::Word(Word { event: Event::Signal(signal), .. }) => Some(signal.at.0),
            _ => None,
        }
    }

    #[tokio::test]
    async fn after_a_stall_the_engine_hears_the_newest_probes_and_first_what_acts() {
        // Would break: an engine that works off thousands of old probes while the fresh ones, and a tick, wait or are turned away.
        let (reactor, mut ear) = hearing();
        let emitter = reactor.emitter();
        const PROBES: u64 = 5 * WAITING_MAX as u64;
        for at in 0..PROBES {
            emitter.emit(probe(at)).await.expect("the reactor is open");
            tokio::task::yield_now().await;
        }
        emitter.emit(Event::Tick).await.expect("the reactor is open");
        tokio::task::yield_now().await;
        let mut heard = Vec::new();
        while heard.last().and_then(probed_at) != Some(PROBES - 1) {
            let batch = ear.next_batch(256).await.expect("the reactor is open");
            heard.extend(batch.into_iter().map(|delivery| delivery.event));
        }
        assert!(heard.len() <= 2 * WAITING_MAX + 512, "{} were kept", heard.len());
        let tick = heard.iter().position(|told| probed_at(told).is_none()).expect("the tick was heard");
        assert!(tick <= 1, "the tick came after {tick} probes");
    }
}
