//! A consumer by hand: reads on from where it stands and commits when its user says so.
//!
//! For pipelines of any shape: take [`Consumer::stream`] through whatever operators there are, and [`Consumer::commit`] what comes
//! out with the offset it has come to. [`Durable`](super::Durable) does both by itself for a fold.

use std::fmt;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};

use crate::clock::Clock;

use super::error::DurableError;
use super::patience::Patience;
use super::source::{Advance, Checkpoint, DurableSource, Items, Offset, Snapshot};

/// Items read at once where no commit sets the pace: a few hundred kilobytes of common items.
pub(super) const READ_ITEMS: usize = 512;

/// A named place in a source.
///
/// ```
/// use futures::StreamExt;
/// use homeostat_reactor::durable::{Consumer, DurableError, Memory, Offset};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let words = Memory::new();
/// words.extend(["a", "durable", "word"]);
/// let mut consumer = Consumer::open(words.clone(), "shout", Offset::START).await?;
/// let mut stale = Consumer::open(words.clone(), "shout", Offset::START).await?;
///
/// let loud: Vec<_> = consumer.stream().take(2).map(|read| read.map(|(_, word)| word.to_uppercase())).collect().await;
/// consumer.commit(Offset(2), loud.into_iter().collect::<Result<Vec<_>, _>>()?).await?;
///
/// let refused = stale.commit(Offset(1), vec!["A".to_owned()]).await;
/// assert!(matches!(refused, Err(DurableError::Fenced { found: Some(Offset(2)), .. })));
/// assert_eq!(words.effects("shout").concat(), ["A", "DURABLE"]);
/// # Ok(())
/// # }
/// ```
pub struct Consumer<S: DurableSource> {
    pub(super) source: S,
    pub(super) name: String,
    pub(super) patience: Patience,
    /// What the next commit expects.
    committed: Option<Offset>,
    /// The last item read.
    pub(super) read_upto: Offset,
}

impl<S: DurableSource> Consumer<S> {
    /// The consumer `name`, where it committed last; at `from` when it never did. To be awaited, perhaps with another clock or
    /// other attempts.
    pub fn open(source: S, name: impl Into<String>, from: Offset) -> Opening<S> {
        Opening { source, name: name.into(), from, patience: Patience::new() }
    }

    /// The same, with the snapshot that was committed.
    pub(super) async fn resume(
        source: S,
        name: String,
        from: Offset,
        patience: Patience,
    ) -> Result<(Self, Option<Snapshot>), DurableError<S::Error>> {
        let asked = patience.ask(&name, "reading a checkpoint", || source.checkpoint(&name)).await;
        let Checkpoint { committed, snapshot } = asked?;
        let read_upto = committed.unwrap_or(from);
        Ok((Self { source, name, patience, committed, read_upto }, snapshot))
    }

    /// A reader without a name, which never commits.
    pub(super) fn reading(source: S, after: Offset) -> Self {
        Self { source, name: String::new(), patience: Patience::new(), committed: None, read_upto: after }
    }

    /// A reader of the same source that begins anew after `after`.
    pub(super) fn again_from(&self, after: Offset) -> Self {
        Self { patience: self.patience.clone(), name: self.name.clone(), ..Self::reading(self.source.clone(), after) }
    }

    /// What it committed last, `None` when it never did.
    pub fn committed(&self) -> Option<Offset> {
        self.committed
    }

    /// The items after the last commit, first those that are there, then those to come; ends after its first error. It is pulled:
    /// nothing is read ahead of who takes it but one small batch.
    pub fn stream(&self) -> Items<S> {
        self.again_from(self.read_upto).into_stream()
    }

    /// Commits `effects` together with the offset `upto`, which must lie ahead.
    ///
    /// A call that is dropped before it returns may have committed or not; the next one then fails as fenced if it had.
    pub async fn commit(&mut self, upto: Offset, effects: S::Effects) -> Result<(), DurableError<S::Error>> {
        self.advance(upto, effects, None).await?;
        self.read_upto = upto;
        Ok(())
    }

    pub(super) async fn advance(
        &mut self,
        upto: Offset,
        effects: S::Effects,
        snapshot: Option<Snapshot>,
    ) -> Result<(), DurableError<S::Error>> {
        let (consumer, expected) = (self.name.clone(), self.committed);
        // Standing still would not move the fence: two consumers could both commit.
        if let Some(from) = expected.filter(|from| upto <= *from) {
            return Err(DurableError::NotForward { consumer, from, upto });
        }
        let advance = Advance { consumer, expected, upto, effects, snapshot };
        self.patience.ask(&self.name, "committing", || self.source.commit(&advance)).await?;
        self.committed = Some(upto);
        Ok(())
    }

    /// The next items that are there already, none when there are none.
    pub(super) async fn read(&mut self, max: usize) -> Result<Vec<(Offset, S::Item)>, DurableError<S::Error>> {
        let after = self.read_upto;
        let items = self.patience.ask(&self.name, "reading", || self.source.read(after, max.max(1))).await?;
        if let Some((last, _)) = items.last() {
            self.read_upto = *last;
        }
        Ok(items)
    }

    /// Returns once there is more to read.
    pub(super) async fn more(&self) -> Result<(), DurableError<S::Error>> {
        self.patience.ask(&self.name, "waiting for more", || self.source.more(self.read_upto)).await
    }

    pub(super) fn into_stream(self) -> Items<S> {
        let nothing = Vec::new().into_iter();
        let items = futures::stream::try_unfold((self, nothing), |(mut consumer, mut items)| async move {
            loop {
                if let Some(item) = items.next() {
                    return Ok(Some((item, (consumer, items))));
                }
                items = consumer.read(READ_ITEMS).await?.into_iter();
                if items.len() == 0 {
                    consumer.more().await?;
                }
            }
        });
        items.boxed()
    }
}

/// A consumer that is yet to be opened; made by [`Consumer::open`].
#[must_use = "nothing is opened unless this is awaited"]
pub struct Opening<S> {
    source: S,
    name: String,
    from: Offset,
    patience: Patience,
}

impl<S> Opening<S> {
    /// How often a failing source is asked in all, and the pause after the first failure; it doubles with each.
    pub fn attempts(mut self, attempts_max: u32, pause_first: Duration) -> Self {
        (self.patience.attempts_max, self.patience.pause_first) = (attempts_max, pause_first);
        self
    }

    /// The clock to wait by, here and in all that the consumer does.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.patience.clock = clock;
        self
    }
}

impl<S: DurableSource> IntoFuture for Opening<S> {
    type Output = Result<Consumer<S>, DurableError<S::Error>>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { source, name, from, patience } = self;
        async move { Ok(Consumer::resume(source, name, from, patience).await?.0) }.boxed()
    }
}

impl<S> fmt::Debug for Opening<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Opening");
        shown.field("consumer", &self.name).field("from", &self.from).finish_non_exhaustive()
    }
}

impl<S: DurableSource> fmt::Debug for Consumer<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Consumer");
        shown.field("name", &self.name).field("committed", &self.committed).finish_non_exhaustive()
    }
}
