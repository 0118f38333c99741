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
        | Event::JournalLost { .. } => Class::Critical,
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
