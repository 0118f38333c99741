//! Dead letters: inputs that a stage put aside, with the cause, for one reader.
//!
//! They never hold the pipeline up: what nobody reads, or comes faster than it is read, is counted and lost. A queue of their own
//! beside the reactor's, because stages differ in what they take in and a letter still owes its source an answer.

use std::any::Any;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures::Stream;
use tokio::sync::mpsc;

use crate::ack::{Ack, Outcome};
use crate::class::Class;
use crate::clock::Moment;
use crate::reactor::Cause;

/// An input that a stage gave up.
///
/// Where the source wants to know what became of its item, the letter carries that: [`DeadLetter::settle`] answers it, and a
/// letter that is dropped answers that the item failed, and why.
#[derive(Debug)]
pub struct DeadLetter {
    /// The stage.
    pub stage: Arc<str>,
    /// Why the last attempt failed.
    pub cause: Cause,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was given up.
    pub at: Moment,
    /// Its class, where the source said so.
    pub class: Class,
    pub(super) input: Option<Box<dyn Any + Send>>,
    pub(super) ack: Ack,
}

impl DeadLetter {
    /// The input, if the stage takes inputs of this type and nobody has taken it out.
    pub fn input<T: 'static>(&self) -> Option<&T> {
        self.input.as_ref()?.downcast_ref()
    }

    /// Takes the input out, if the stage takes inputs of this type.
    pub fn take_input<T: 'static>(&mut self) -> Option<T> {
        let input = self.input.take()?.downcast().map_err(|other| self.input = Some(other));
        input.ok().map(|input| *input)
    }

    /// Says what became of it after all.
    pub fn settle(mut self, outcome: Outcome) {
        std::mem::take(&mut self.ack).settle(outcome);
    }

    fn lose(mut self, lost: &AtomicU64) {
        lost.fetch_add(1, Ordering::Relaxed);
        let cause = self.cause.to_string();
        std::mem::take(&mut self.ack).settle_because(Outcome::Dropped, &cause);
    }
}

impl Drop for DeadLetter {
    fn drop(&mut self) {
        if !self.ack.is_none() {
            std::mem::take(&mut self.ack).fail(&self.cause.to_string());
        }
    }
}

/// A stream of dead letters; made by [`super::Pipeline::dead_letters`]. Ends when the pipeline is gone or somebody else reads.
#[derive(Debug)]
pub struct DeadLetters {
    letters: mpsc::Receiver<DeadLetter>,
    lost: Arc<AtomicU64>,
}

impl DeadLetters {
    /// The next one that is there already.
    pub fn try_next(&mut self) -> Option<DeadLetter> {
        self.letters.try_recv().ok()
    }
}

impl Stream for DeadLetters {
    type Item = DeadLetter;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<DeadLetter>> {
        self.letters.poll_recv(context)
    }
}

/// What it leaves unread is lost.
impl Drop for DeadLetters {
    fn drop(&mut self) {
        self.letters.close();
        while let Some(letter) = self.try_next() {
            letter.lose(&self.lost);
        }
    }
}

/// Where stages put dead letters.
#[derive(Debug, Default)]
pub(super) struct Tray {
    reader: Mutex<Option<mpsc::Sender<DeadLetter>>>,
    lost: Arc<AtomicU64>,
}

impl Tray {
    pub(super) fn read(&self, letters_max: usize) -> DeadLetters {
        let (reader, letters) = mpsc::channel(letters_max);
        *self.reader.lock().unwrap_or_else(PoisonError::into_inner) = Some(reader);
        DeadLetters { letters, lost: Arc::clone(&self.lost) }
    }

    pub(super) fn put(&self, letter: DeadLetter) {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let unread = match reader {
            None => Some(letter),
            Some(reader) => reader.try_send(letter).err().map(|refused| match refused {
                mpsc::error::TrySendError::Full(letter) | mpsc::error::TrySendError::Closed(letter) => letter,
            }),
        };
        if let Some(letter) = unread {
            letter.lose(&self.lost);
        }
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}
