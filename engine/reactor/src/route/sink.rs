//! Where events go in the end: what an outside system, a journal or a handler must be able to do.
//!
//! A sink is called by one worker, a batch at a time, in order. It never settles acknowledgements itself: it says whether the batch
//! arrived, and the worker settles, retries, or makes dead letters of it.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::time::Duration;

use crate::delivery::Delivery;

/// Some events on their way to a sink.
#[derive(Debug)]
pub struct Batch<'batch, E> {
    /// Unique for the router and the same for every attempt: made into an idempotency key, it keeps a repeated attempt from being
    /// taken twice.
    pub id: u64,
    /// 1 for the first.
    pub attempt: u32,
    /// The events, oldest first; never empty.
    pub deliveries: &'batch [Delivery<E>],
}

impl<E: Clone> Batch<'_, E> {
    /// Copies of the events, for sinks that must own them.
    pub fn events(&self) -> Vec<E> {
        self.deliveries.iter().map(|delivery| delivery.event.clone()).collect()
    }
}

/// Why a batch did not arrive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// It may arrive later: the other side is away, busy, or said so.
    #[error("{cause}")]
    Retry {
        /// What happened.
        cause: String,
        /// The earliest time that the other side wants to be asked again.
        after: Option<Duration>,
    },
    /// It will never arrive as it is, and nothing of it did. A batch of several is then tried one event at a time, so that a bad one
    /// does not take the others along.
    #[error("{cause}")]
    Refused {
        /// What is wrong with it.
        cause: String,
    },
}

impl SinkError {
    /// To be tried again.
    pub fn retry(cause: impl fmt::Display) -> Self {
        Self::Retry { cause: cause.to_string(), after: None }
    }

    /// Never to be tried again.
    pub fn refused(cause: impl fmt::Display) -> Self {
        Self::Refused { cause: cause.to_string() }
    }
}

/// Somewhere that events can be delivered to, in batches.
pub trait Sink<E>: Send + Sync + 'static {
    /// The name that rules know it by.
    fn name(&self) -> &str;

    /// Delivers a batch; all of it has arrived when this says so. May be dropped before it ends (a timeout, a shutdown) and may be
    /// called again with the same batch after that: what counts as the same is its id.
    fn deliver(&self, batch: Batch<'_, E>) -> impl Future<Output = Result<(), SinkError>> + Send;
}

/// A sink made of a function of events.
pub struct SinkFn<E, F> {
    name: String,
    deliver: F,
    events: PhantomData<fn(E)>,
}

impl<E, F, Delivering> SinkFn<E, F>
where
    E: Clone + Send + Sync + 'static,
    F: Fn(Vec<E>) -> Delivering + Send + Sync + 'static,
    Delivering: Future<Output = Result<(), SinkError>> + Send,
{
    /// Calls `deliver` with copies of the events of each batch.
    pub fn new(name: impl Into<String>, deliver: F) -> Self {
        Self { name: name.into(), deliver, events: PhantomData }
    }
}

impl<E, F, Delivering> Sink<E> for SinkFn<E, F>
where
    E: Clone + Send + Sync + 'static,
    F: Fn(Vec<E>) -> Delivering + Send + Sync + 'static,
    Delivering: Future<Output = Result<(), SinkError>> + Send,
{
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver(&self, batch: Batch<'_, E>) -> impl Future<Output = Result<(), SinkError>> + Send {
        (self.deliver)(batch.events())
    }
}

impl<E, F> fmt::Debug for SinkFn<E, F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SinkFn").field("name", &self.name).finish_non_exhaustive()
    }
}
