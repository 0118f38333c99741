//! What a source must be able to do, and the plain data it is asked with.
//!
//! Implemented by [`Memory`](super::Memory) here and by the journal of `homeostat-store`. A source is a cheap handle: clones show
//! the same items. It never hands out an item that it could lose again.

use std::error::Error;
use std::fmt;
use std::future::Future;

use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

use super::consumer::Consumer;
use super::error::{DurableError, SourceError};

/// A place in a source: everything up to and including the item of this number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Offset(pub u64);

impl Offset {
    /// Before the first item.
    pub const START: Self = Self(0);
}

impl fmt::Display for Offset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What items lead to, gathered until it is committed together with their offset.
pub trait Effects: Default + Send + Sync + 'static {
    /// Takes in the effects of a later item.
    fn then(&mut self, later: Self);

    /// Whether one commit should hold no more; the batch then ends early.
    fn is_full(&self) -> bool {
        false
    }
}

/// No effects but the offset itself.
impl Effects for () {
    fn then(&mut self, (): Self) {}
}

/// One effect after the other.
impl<T: Send + Sync + 'static> Effects for Vec<T> {
    fn then(&mut self, mut later: Self) {
        self.append(&mut later);
    }
}

/// The state of a fold as it was after the item at `offset`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The last item folded in.
    pub offset: Offset,
    /// The state, in whatever encoding the consumer chose.
    pub bytes: Vec<u8>,
}

/// Where a consumer stands, as of one instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The offset it committed last; `None` when nobody has committed under this name.
    pub committed: Option<Offset>,
    /// The snapshot it committed last.
    pub snapshot: Option<Snapshot>,
}

/// One step of a consumer, to become durable as a whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance<F> {
    /// The consumer's name.
    pub consumer: String,
    /// What its offset must be for the step to count; otherwise nothing is done.
    pub expected: Option<Offset>,
    /// Its offset from now on.
    pub upto: Offset,
    /// What the items in between have led to.
    pub effects: F,
    /// A newer snapshot to keep instead of the last. A source may leave it out where it is too large for it: the last one stays.
    pub snapshot: Option<Snapshot>,
}

/// What a source answers.
pub type Answer<T, E> = Result<T, SourceError<E>>;

/// The items of a source with their offsets.
pub type Items<S> =
    BoxStream<'static, Result<(Offset, <S as DurableSource>::Item), DurableError<<S as DurableSource>::Error>>>;

/// Numbered items that stay, and consumers' offsets that change together with their effects.
///
/// Implementors write `async fn`; the futures must be `Send`.
pub trait DurableSource: Clone + Send + Sync + 'static {
    /// What is read.
    type Item: Send + 'static;
    /// What is committed together with an offset.
    type Effects: Effects;
    /// What can go wrong in the source itself.
    type Error: Error + Send + Sync + 'static;

    /// The items after `after`, oldest first, their offsets growing: at most `max` (fewer where they are big), and none only when
    /// there are none yet. Items that are no longer kept are [`SourceError::Pruned`], an offset that was never given out is
    /// [`SourceError::Ahead`].
    fn read(
        &self,
        after: Offset,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<(Offset, Self::Item)>, Self::Error>> + Send;

    /// Returns once there is an item after `after`, and fails when there never will be.
    fn more(&self, after: Offset) -> impl Future<Output = Answer<(), Self::Error>> + Send;

    /// Where `consumer` stands. Fails when nobody could ever commit under such a name.
    fn checkpoint(&self, consumer: &str) -> impl Future<Output = Answer<Checkpoint, Self::Error>> + Send;

    /// Makes the whole step durable if the consumer's offset is the expected one; otherwise [`SourceError::Fenced`], and nothing
    /// was done.
    fn commit(&self, advance: &Advance<Self::Effects>) -> impl Future<Output = Answer<(), Self::Error>> + Send;

    /// The items after `after`, first those that are there, then those to come; ends after its first error. It is pulled: nothing
    /// is read ahead of who takes it but one small batch. A failing source is asked again by the machine's clock;
    /// [`Consumer::stream`] does so by the consumer's own.
    fn stream_from(&self, after: Offset) -> Items<Self> {
        Consumer::reading(self.clone(), after).into_stream()
    }
}
