//! The driver: reads in batches, folds purely, commits effects, offset and snapshot at once.
//!
//! Started by [`Durable::consume`]. Between two commits everything it has is in memory and can be thrown away: reading and folding
//! again gives the same. Only the commit changes anything, and only if nobody else has.

use std::any::Any;
use std::convert::Infallible;
use std::fmt::{self, Display};
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{Fuse, FusedFuture};

use crate::clock::Clock;

use super::consumer::{Consumer, READ_ITEMS};
use super::error::DurableError;
use super::patience::Patience;
use super::snapshot::Snapshots;
use super::source::{DurableSource, Effects, Offset};

/// Items in one commit, unless another number is chosen: enough to share the price of a sync, few enough to fold in a millisecond.
const BATCH_ITEMS: usize = 512;

/// No batch is longer, so that what a crash makes to be done again stays small.
const BATCH_ITEMS_MAX: usize = 65_536;

/// A consumer of a source that is yet to be told what it does.
#[derive(Debug, Clone)]
pub struct Durable<S> {
    source: S,
    name: String,
    from: Offset,
}

impl<S: DurableSource> Durable<S> {
    /// The consumer `name` of `source`. It begins after `from` when nobody has ever committed under that name, and else where the
    /// last commit ended; a state without a snapshot is always folded from `from` on, so keep it the same.
    pub fn consume(source: S, name: impl Into<String>, from: Offset) -> Self {
        Self { source, name: name.into(), from }
    }

    /// Folds each item into `state` and into effects. The step must be pure: whatever it does beside may happen again.
    pub fn fold<T, F>(self, state: T, step: F) -> Fold<S, T, F>
    where
        F: FnMut(&mut T, S::Item) -> S::Effects,
    {
        Fold {
            durable: self,
            state,
            step,
            items_max: BATCH_ITEMS,
            wait: Duration::ZERO,
            patience: Patience::new(),
            snapshots: None,
            has_state: true,
        }
    }

    /// Turns each item into effects, with nothing to remember from one to the next. The step must be pure.
    pub fn map<F>(self, mut step: F) -> Fold<S, (), impl FnMut(&mut (), S::Item) -> S::Effects>
    where
        F: FnMut(S::Item) -> S::Effects,
    {
        let fold = self.fold((), move |(), item| step(item));
        Fold { has_state: false, ..fold }
    }
}

/// A consumer that knows what it does; [`run`](Fold::run), [`run_until`](Fold::run_until) or [`catch_up`](Fold::catch_up) start it.
#[must_use = "a consumer does nothing until it is run"]
pub struct Fold<S, T, F> {
    durable: Durable<S>,
    state: T,
    step: F,
    items_max: usize,
    wait: Duration,
    patience: Patience,
    snapshots: Option<Snapshots<T>>,
    /// Whether a resumed run has to fold again what lies before its offset.
    has_state: bool,
}

/// Where a run has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded<T> {
    /// The state after the last item that was committed.
    pub state: T,
    /// That item's offset.
    pub upto: Offset,
}

impl<S, T, F> Fold<S, T, F>
where
    S: DurableSource,
    F: FnMut(&mut T, S::Item) -> S::Effects,
{
    /// At most `items_max` items a commit (512 unless chosen otherwise), and how long a commit may `wait` for that many (not at
    /// all: what is there is committed, so batches grow by themselves when items come faster than commits).
    pub fn batch(self, items_max: usize, wait: Duration) -> Self {
        Self { items_max: items_max.clamp(1, BATCH_ITEMS_MAX), wait, ..self }
    }

    /// Commits a snapshot of the state about `every` so many items since the last one, whichever run folded them, in an encoding of
    /// the caller's choice. Without snapshots a run folds everything again from the beginning when it starts, and so it does while a
    /// snapshot is larger than the source takes: the source then leaves it out, says so in the log, and keeps the one before.
    pub fn snapshots<A: Display, B: Display>(
        self,
        every: u64,
        save: impl Fn(&T) -> Result<Vec<u8>, A> + Send + 'static,
        load: impl Fn(&[u8]) -> Result<T, B> + Send + 'static,
    ) -> Self {
        Self { snapshots: Some(Snapshots::new(every, save, load)), ..self }
    }

    /// How often a failing source is asked in all, and the pause after the first failure; it doubles with each.
    pub fn attempts(mut self, attempts_max: u32, pause_first: Duration) -> Self {
        (self.patience.attempts_max, self.patience.pause_first) = (attempts_max, pause_first);
        self
    }

    /// The clock to wait by.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.patience.clock = clock;
        self
    }

    /// Runs until it fails. To stop it, drop it, or use [`run_until`](Self::run_until).
    pub async fn run(self) -> Result<Infallible, DurableError<S::Error>> {
        let mut never = pin!(pending().fuse());
        let mut run = Run::start(self).await?;
        loop {
            run.follow(never.as_mut()).await?;
        }
    }

    /// Runs until `stop` is ready or it fails. What has been folded by then is committed; a state that is being folded again at the
    /// start is finished first.
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> Result<Folded<T>, DurableError<S::Error>> {
        let mut stop = pin!(stop.fuse());
        let mut run = Run::start(self).await?;
        while !stop.is_terminated() {
            run.follow(stop.as_mut()).await?;
        }
        Ok(run.folded())
    }

    /// Runs until everything that is there has been consumed, or it fails.
    pub async fn catch_up(mut self) -> Result<Folded<T>, DurableError<S::Error>> {
        self.wait = Duration::ZERO;
        let mut never = pin!(pending().fuse());
        let mut run = Run::start(self).await?;
        while run.consume_batch(never.as_mut()).await? {}
        Ok(run.folded())
    }
}

impl<S, T, F> fmt::Debug for Fold<S, T, F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Fold");
        shown.field("consumer", &self.durable.name).field("from", &self.durable.from).finish_non_exhaustive()
    }
}

/// What has been folded and is not committed yet.
#[derive(Default)]
struct Batch<E> {
    effects: E,
    items: usize,
    upto: Offset,
}

struct Run<S: DurableSource, T, F> {
    consumer: Consumer<S>,
    state: T,
    step: F,
    items_max: usize,
    wait: Duration,
    snapshots: Option<Snapshots<T>>,
    batch: Batch<S::Effects>,
}

impl<S, T, F> Run<S, T, F>
where
    S: DurableSource,
    F: FnMut(&mut T, S::Item) -> S::Effects,
{
    /// Reads where the consumer stands and brings the state to where it was then.
    async fn start(fold: Fold<S, T, F>) -> Result<Self, DurableError<S::Error>> {
        let Fold { durable: Durable { source, name, from }, state, step, items_max, wait, patience, .. } = fold;
        let (consumer, snapshot) = Consumer::resume(source, name, from, patience).await?;
        let (base, state) = match (&fold.snapshots, snapshot) {
            (Some(snapshots), Some(snapshot)) => (snapshot.offset, snapshots.load(&consumer.name, &snapshot)?),
            _ => (from, state),
        };
        let mut run =
            Self { consumer, state, step, items_max, wait, snapshots: fold.snapshots, batch: Batch::default() };
        if fold.has_state {
            run.rebuild(base).await?;
        }
        tracing::debug!(consumer = run.consumer.name, at = %run.consumer.read_upto, "a durable consumer goes on");
        Ok(run)
    }

    /// Folds what lies between the state's base and the last commit once more. Its effects are there already.
    async fn rebuild(&mut self, base: Offset) -> Result<(), DurableError<S::Error>> {
        let Some(committed) = self.consumer.committed() else { return Ok(()) };
        let mut past = self.consumer.again_from(base);
        while past.read_upto < committed {
            let items = past.read(READ_ITEMS).await?;
            if items.is_empty() {
                return Err(DurableError::Ahead { after: committed, last: past.read_upto });
            }
            for (offset, item) in items.into_iter().take_while(|(offset, _)| *offset <= committed) {
                self.fold(offset, item)?;
                // They count: or short runs would never come to a snapshot, and each would fold everything again.
                self.snapshots.iter_mut().for_each(|snapshots| snapshots.count(1));
            }
        }
        Ok(())
    }

    /// Consumes a batch, or waits for more.
    async fn follow<P: Future<Output = ()>>(
        &mut self,
        mut stop: Pin<&mut Fuse<P>>,
    ) -> Result<(), DurableError<S::Error>> {
        // Asked before every batch: a source that never runs dry must not keep it from stopping.
        if futures::poll!(stop.as_mut()).is_ready() || self.consume_batch(stop.as_mut()).await? {
            return Ok(());
        }
        tokio::select! {
            biased;
            () = stop => Ok(()),
            more = self.consumer.more() => more,
        }
    }

    /// Reads, folds and commits one batch; `false` when there was nothing to read.
    async fn consume_batch<P: Future<Output = ()>>(
        &mut self,
        stop: Pin<&mut Fuse<P>>,
    ) -> Result<bool, DurableError<S::Error>> {
        let items = self.consumer.read(self.items_max).await?;
        if items.is_empty() {
            return Ok(false);
        }
        self.take(items).await?;
        if self.wait > Duration::ZERO {
            self.fill(stop).await?;
        }
        self.commit().await?;
        // A source that always has the answer at hand would never let anybody else run.
        tokio::task::yield_now().await;
        Ok(true)
    }

    /// Waits for the batch to become full, as long as it may.
    async fn fill<P: Future<Output = ()>>(
        &mut self,
        mut stop: Pin<&mut Fuse<P>>,
    ) -> Result<(), DurableError<S::Error>> {
        let mut late = pin!(self.consumer.patience.clock.sleep(self.wait));
        while (1..self.items_max).contains(&self.batch.items) && !stop.is_terminated() {
            tokio::select! {
                biased;
                () = stop.as_mut() => break,
                () = late.as_mut() => break,
                more = self.consumer.more() => more?,
            }
            let items = self.consumer.read(self.items_max - self.batch.items).await?;
            self.take(items).await?;
        }
        Ok(())
    }

    async fn take(&mut self, items: Vec<(Offset, S::Item)>) -> Result<(), DurableError<S::Error>> {
        for (offset, item) in items {
            let effects = self.fold(offset, item)?;
            self.batch.effects.then(effects);
            self.batch.items += 1;
            self.batch.upto = offset;
            if self.batch.effects.is_full() {
                self.commit().await?;
            }
        }
        Ok(())
    }

    /// One step. After a panic the state may be anything: the run ends, and the next one has the state of the last commit.
    fn fold(&mut self, offset: Offset, item: S::Item) -> Result<S::Effects, DurableError<S::Error>> {
        let (step, state) = (&mut self.step, &mut self.state);
        catch_unwind(AssertUnwindSafe(|| step(state, item))).map_err(|panic| DurableError::Panicked {
            consumer: self.consumer.name.clone(),
            offset,
            message: message_of(&*panic),
        })
    }

    async fn commit(&mut self) -> Result<(), DurableError<S::Error>> {
        let Batch { effects, items, upto } = std::mem::take(&mut self.batch);
        if items == 0 {
            return Ok(());
        }
        let snapshot = match &mut self.snapshots {
            Some(snapshots) => {
                snapshots.count(items as u64);
                snapshots.when_due(&self.state, &self.consumer.name, upto)?
            }
            None => None,
        };
        self.consumer.advance(upto, effects, snapshot).await
    }

    fn folded(self) -> Folded<T> {
        Folded { state: self.state, upto: self.consumer.read_upto }
    }
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_owned()
}
