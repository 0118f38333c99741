//! A source that fails, or loses its consumer, at the calls it is told to.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::{Arc, Mutex};

use homeostat_reactor::durable::{Advance, Answer, Checkpoint, DurableSource, Memory, Offset, SourceError};
use tokio::sync::Notify;

/// What happens at one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Nothing is done, and it may be tried again.
    Transient,
    /// Nothing is done, for good.
    Failed,
    /// The consumer is gone before the call does anything.
    CrashBefore,
    /// The consumer is gone after the call has done everything and before it can know.
    CrashAfter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the disk is on fire")]
pub struct Fire;

pub type Effects = Vec<(u64, u64)>;

/// [`Memory`] with a plan of faults, one for each call; after the plan all goes well.
#[derive(Debug, Clone)]
pub struct Faulty {
    pub memory: Memory<u64, Effects>,
    plan: Arc<Mutex<VecDeque<Fault>>>,
    pub crashed: Arc<Notify>,
}

impl Faulty {
    pub fn new(plan: impl IntoIterator<Item = Fault>) -> Self {
        let plan = Arc::new(Mutex::new(plan.into_iter().collect()));
        Self { memory: Memory::new(), plan, crashed: Arc::default() }
    }

    pub fn faults_left(&self) -> usize {
        self.plan.lock().unwrap().len()
    }

    async fn crash<T>(&self) -> T {
        self.crashed.notify_one();
        pending().await
    }

    async fn meet<T>(&self, call: impl Future<Output = Answer<T, std::convert::Infallible>>) -> Answer<T, Fire> {
        let fault = self.plan.lock().unwrap().pop_front().unwrap_or(Fault::None);
        match fault {
            Fault::None => {}
            Fault::Transient => return Err(SourceError::Transient(Fire)),
            Fault::Failed => return Err(SourceError::Failed(Fire)),
            Fault::CrashBefore => return self.crash().await,
            Fault::CrashAfter => {
                let _ = call.await;
                return self.crash().await;
            }
        }
        call.await.map_err(|error| match error {
            SourceError::Fenced { expected, found } => SourceError::Fenced { expected, found },
            SourceError::Pruned { after, first } => SourceError::Pruned { after, first },
            SourceError::Ahead { after, last } => SourceError::Ahead { after, last },
            SourceError::Transient(never) | SourceError::Failed(never) => match never {},
        })
    }
}

impl DurableSource for Faulty {
    type Item = u64;
    type Effects = Effects;
    type Error = Fire;

    async fn read(&self, after: Offset, max: usize) -> Answer<Vec<(Offset, u64)>, Fire> {
        self.meet(self.memory.read(after, max)).await
    }

    async fn more(&self, after: Offset) -> Answer<(), Fire> {
        self.meet(self.memory.more(after)).await
    }

    async fn checkpoint(&self, consumer: &str) -> Answer<Checkpoint, Fire> {
        self.meet(self.memory.checkpoint(consumer)).await
    }

    async fn commit(&self, advance: &Advance<Effects>) -> Answer<(), Fire> {
        self.meet(self.memory.commit(advance)).await
    }
}
