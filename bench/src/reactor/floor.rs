//! The floor: what the work costs with no loop at all, and with nothing but tokio's bounded channel between emitter and handler.
//!
//! No classes, no overflow policy, no isolation, no metrics: what anything built on top can only add to.

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use anyhow::{Context, Result};

use super::events::{ByHand, Reading, Readings, Tally};
use super::throughput::Case;

/// As deep as one lane of ours.
const QUEUE_MAX: usize = 4096;
/// Events taken at once, where it is tuned.
const BATCH: usize = 256;

/// What is done with an event.
enum Work {
    Loop(Tally),
    Stream(ByHand),
}

impl Work {
    fn of(case: Case) -> Self {
        match case {
            Case::Loop => Self::Loop(Tally::default()),
            Case::Stream => Self::Stream(ByHand::default()),
        }
    }

    #[inline]
    fn take(&mut self, reading: Reading) {
        match self {
            Self::Loop(tally) => tally.handle(&reading),
            Self::Stream(stream) => stream.take(reading),
        }
    }

    fn finish(self) -> Tally {
        match self {
            Self::Loop(tally) => tally,
            Self::Stream(stream) => stream.finish(),
        }
    }
}

/// The bound: events are made and worked on in one loop.
pub fn without_queue(case: Case, events: usize) -> Tally {
    let mut work = Work::of(case);
    Readings::new().take(events).for_each(|reading| work.take(reading));
    work.finish()
}

/// One channel, one producer, one consumer; taken one by one or `many` at once.
pub async fn channel(case: Case, events: usize, many: bool) -> Result<Tally> {
    let (sender, mut receiver) = mpsc::channel(QUEUE_MAX);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        for reading in Readings::new().take(events) {
            if sender.send(reading).await.is_err() {
                break;
            }
        }
        None
    });
    tasks.spawn(async move {
        let mut work = Work::of(case);
        if many {
            let mut batch = Vec::with_capacity(BATCH);
            while receiver.recv_many(&mut batch, BATCH).await > 0 {
                batch.drain(..).for_each(|reading| work.take(reading));
            }
        } else {
            while let Some(reading) = receiver.recv().await {
                work.take(reading);
            }
        }
        Some(work.finish())
    });
    let mut tally = None;
    while let Some(ended) = tasks.join_next().await {
        tally = ended.context("a task of the channel failed")?.or(tally);
    }
    tally.context("the consumer has ended")
}
