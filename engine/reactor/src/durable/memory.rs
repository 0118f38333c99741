//! A source in memory, for tests and examples: all the promises of a durable one, except to survive the process.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::error::SourceError;
use super::source::{Advance, Answer, Checkpoint, DurableSource, Effects, Offset};

/// Items kept unless another number is chosen; beyond that the oldest are forgotten.
pub const ITEMS_KEPT_MAX: usize = 1 << 20;

/// Items in memory, numbered from 1, and what consumers have committed. Clones show the same.
#[derive(Debug)]
pub struct Memory<T, F> {
    shared: Arc<Shared<T, F>>,
}

#[derive(Debug)]
struct Shared<T, F> {
    kept_max: usize,
    inner: Mutex<Inner<T, F>>,
    /// The number of the last item.
    last: watch::Sender<u64>,
}

#[derive(Debug)]
struct Inner<T, F> {
    items: VecDeque<T>,
    /// Items forgotten so far: the number of the last one that is gone.
    base: u64,
    consumers: BTreeMap<String, Committed<F>>,
}

#[derive(Debug)]
struct Committed<F> {
    checkpoint: Checkpoint,
    effects: VecDeque<F>,
}

impl<T, F> Memory<T, F> {
    /// An empty source that keeps the last [`ITEMS_KEPT_MAX`] items.
    pub fn new() -> Self {
        Self::keeping(ITEMS_KEPT_MAX)
    }

    /// An empty source that keeps the last `kept_max` items, and of each consumer the effects of as many commits.
    pub fn keeping(kept_max: usize) -> Self {
        let inner = Mutex::new(Inner { items: VecDeque::new(), base: 0, consumers: BTreeMap::new() });
        let last = watch::Sender::new(0);
        Self { shared: Arc::new(Shared { kept_max: kept_max.max(1), inner, last }) }
    }

    /// Appends items.
    pub fn extend(&self, items: impl IntoIterator<Item = T>) {
        let mut inner = self.lock();
        for item in items {
            inner.items.push_back(item);
            if inner.items.len() > self.shared.kept_max {
                inner.items.pop_front();
                inner.base += 1;
            }
        }
        let last = inner.last();
        drop(inner);
        self.shared.last.send_if_modified(|known| {
            let grows = last > *known;
            *known = last.max(*known);
            grows
        });
    }

    /// The number of the last item.
    pub fn last(&self) -> Offset {
        Offset(self.lock().last())
    }

    /// The effects that `consumer` has committed, one entry a commit, oldest first.
    pub fn effects(&self, consumer: &str) -> Vec<F>
    where
        F: Clone,
    {
        self.lock().consumers.get(consumer).map_or_else(Vec::new, |known| known.effects.iter().cloned().collect())
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T, F>> {
        self.shared.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T, F> Inner<T, F> {
    fn last(&self) -> u64 {
        self.base + self.items.len() as u64
    }
}

impl<T, F> Clone for Memory<T, F> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T, F> Default for Memory<T, F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Clone + Send + 'static, F: Effects + Clone> DurableSource for Memory<T, F> {
    type Item = T;
    type Effects = F;
    type Error = Infallible;

    async fn read(&self, after: Offset, max: usize) -> Answer<Vec<(Offset, T)>, Infallible> {
        let inner = self.lock();
        let last = Offset(inner.last());
        if after > last {
            return Err(SourceError::Ahead { after, last });
        }
        let Some(gone) = after.0.checked_sub(inner.base) else {
            return Err(SourceError::Pruned { after, first: Offset(inner.base + 1) });
        };
        let offsets = (after.0 + 1..).map(Offset);
        Ok(offsets.zip(inner.items.iter().skip(gone as usize).take(max).cloned()).collect())
    }

    async fn more(&self, after: Offset) -> Answer<(), Infallible> {
        let mut last = self.shared.last.subscribe();
        // The sender lives as long as this handle.
        let _ = last.wait_for(|last| *last > after.0).await;
        Ok(())
    }

    async fn checkpoint(&self, consumer: &str) -> Answer<Checkpoint, Infallible> {
        Ok(self.lock().consumers.get(consumer).map_or_else(Checkpoint::default, |known| known.checkpoint.clone()))
    }

    async fn commit(&self, advance: &Advance<F>) -> Answer<(), Infallible> {
        let Advance { consumer, expected, upto, effects, snapshot } = advance.clone();
        let mut inner = self.lock();
        let found = inner.consumers.get(&consumer).and_then(|known| known.checkpoint.committed);
        if found != expected {
            return Err(SourceError::Fenced { expected, found });
        }
        let fresh = || Committed { checkpoint: Checkpoint::default(), effects: VecDeque::new() };
        let known = inner.consumers.entry(consumer).or_insert_with(fresh);
        known.checkpoint.committed = Some(upto);
        if snapshot.is_some() {
            known.checkpoint.snapshot = snapshot;
        }
        known.effects.push_back(effects);
        if known.effects.len() > self.shared.kept_max {
            known.effects.pop_front();
        }
        Ok(())
    }
}
