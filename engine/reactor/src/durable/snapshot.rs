//! Snapshots of a fold's state: how often, and in which encoding.

use std::fmt::Display;

use super::error::DurableError;
use super::source::{Offset, Snapshot};

type Save<T> = Box<dyn Fn(&T) -> Result<Vec<u8>, String> + Send>;
type Load<T> = Box<dyn Fn(&[u8]) -> Result<T, String> + Send>;

pub(super) struct Snapshots<T> {
    every: u64,
    /// Items folded since the last one, also by earlier runs.
    unsaved: u64,
    save: Save<T>,
    load: Load<T>,
}

impl<T> Snapshots<T> {
    pub fn new<A: Display, B: Display>(
        every: u64,
        save: impl Fn(&T) -> Result<Vec<u8>, A> + Send + 'static,
        load: impl Fn(&[u8]) -> Result<T, B> + Send + 'static,
    ) -> Self {
        let save = Box::new(move |state: &T| save(state).map_err(|error| error.to_string()));
        let load = Box::new(move |bytes: &[u8]| load(bytes).map_err(|error| error.to_string()));
        Self { every, unsaved: 0, save, load }
    }

    /// Counts items that were folded.
    pub fn count(&mut self, items: u64) {
        self.unsaved += items;
    }

    /// The state as it is after `offset`, when it is time for a snapshot.
    pub fn when_due<E>(
        &mut self,
        state: &T,
        consumer: &str,
        offset: Offset,
    ) -> Result<Option<Snapshot>, DurableError<E>> {
        if self.unsaved < self.every {
            return Ok(None);
        }
        self.unsaved = 0;
        let saved = (self.save)(state).map_err(|reason| failed(consumer, offset, "made", reason));
        saved.map(|bytes| Some(Snapshot { offset, bytes }))
    }

    pub fn load<E>(&self, consumer: &str, snapshot: &Snapshot) -> Result<T, DurableError<E>> {
        (self.load)(&snapshot.bytes).map_err(|reason| failed(consumer, snapshot.offset, "read", reason))
    }
}

fn failed<E>(consumer: &str, offset: Offset, verb: &'static str, reason: String) -> DurableError<E> {
    DurableError::Snapshot { consumer: consumer.to_owned(), offset, verb, reason }
}
