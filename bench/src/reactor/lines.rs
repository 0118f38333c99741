//! What stands between emitters and a slow handler in the overload cases: our reactor, and the single queues one would take
//! instead. And the handler, which is busy for a fixed time an event, the same for all.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use homeostat_reactor::{Class, Emitter, PerClass, Reactor, events};
use tokio::sync::{Notify, mpsc};

/// Events that may wait in a single queue: as many as in one class of ours.
const QUEUE_MAX: usize = 4096;
/// How often a queue without events looks whether it is still fed.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long what waits at the end may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// An event of the overload cases.
#[derive(Debug, Clone, Copy)]
pub struct Ticket {
    pub class: Class,
    /// When it was to be emitted, in nanoseconds after the beginning.
    pub at_ns: u64,
}

events! {
    /// What happens in the overload cases.
    #[derive(Debug)]
    pub enum Signal { Ticket }

    fn class(&self) -> Class {
        let Self::Ticket(ticket) = self;
        ticket.class
    }
}

/// The beginning of the load, and the part of it that counts.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub began: Instant,
    pub from_ns: u64,
    pub to_ns: u64,
}

impl Span {
    /// The first part is not counted: queues fill.
    pub fn begin(length: Duration) -> Self {
        let nanos = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        Self { began: Instant::now(), from_ns: nanos / 5, to_ns: nanos }
    }

    pub fn now_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    pub fn counts(&self, at_ns: u64) -> bool {
        (self.from_ns..self.to_ns).contains(&at_ns)
    }

    /// How long the part is that counts.
    pub fn seconds(&self) -> f64 {
        (self.to_ns - self.from_ns) as f64 / 1e9
    }
}

/// The handler, and what it saw.
#[derive(Debug)]
pub struct Handler {
    span: Span,
    busy: Duration,
    /// Events handled in the part that counts.
    pub handled: PerClass<u64>,
    /// Critical events handled at any time.
    pub critical: u64,
    /// From emission to the beginning of the handling, of critical events emitted in the part that counts, in tenths of a
    /// microsecond.
    pub waits: Vec<u32>,
}

/// The handler, as it is shared with a line.
pub type Shared = Arc<Mutex<Handler>>;

impl Handler {
    pub fn new(span: Span, busy: Duration) -> Shared {
        let handled = PerClass([0; Class::COUNT]);
        Arc::new(Mutex::new(Self { span, busy, handled, critical: 0, waits: Vec::new() }))
    }

    pub fn handle(&mut self, ticket: Ticket) {
        let began = Instant::now();
        let now_ns = self.span.now_ns();
        if self.span.counts(now_ns) {
            self.handled[ticket.class] += 1;
        }
        if ticket.class == Class::Critical {
            self.critical += 1;
            if self.span.counts(ticket.at_ns) {
                self.waits.push(tenths(now_ns.saturating_sub(ticket.at_ns)));
            }
        }
        while began.elapsed() < self.busy {
            std::hint::spin_loop();
        }
    }
}

/// Nanoseconds as tenths of a microsecond.
pub fn tenths(nanos: u64) -> u32 {
    u32::try_from(nanos / 100).unwrap_or(u32::MAX)
}

/// The handler, locked: nobody else holds it while it works.
pub fn lock(handler: &Shared) -> MutexGuard<'_, Handler> {
    handler.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The way into a line.
pub trait Inlet: Clone + Send + 'static {
    /// Emits; waits where the line makes one wait.
    fn offer(&self, ticket: Ticket) -> impl Future<Output = ()> + Send;
}

/// A line at work: the way in, and what must be awaited for it to finish with what waits.
pub trait Line: Sized {
    type Way: Inlet;

    /// Begins to serve the handler, on the current runtime.
    fn open(handler: Shared) -> (Self, Self::Way);

    /// Ends when everything that waits was handled. All ways in are gone before.
    fn finish(self) -> impl Future<Output = Result<()>>;
}

/// Our reactor with its classes as they come, and one handler that takes what it can: what it cannot is lost at the door.
pub struct Ours(Reactor<Signal>);

impl Inlet for Emitter<Signal> {
    async fn offer(&self, ticket: Ticket) {
        // Refused only after a shutdown, which comes when all emitters are done.
        let _ = self.emit(ticket).await;
    }
}

impl Line for Ours {
    type Way = Emitter<Signal>;

    fn open(handler: Shared) -> (Self, Self::Way) {
        let reactor = Reactor::builder().start();
        let handling = reactor.on::<Ticket>().named("busy").lossless().each(move |ticket: Ticket| {
            lock(&handler).handle(ticket);
            std::future::ready(())
        });
        handling.detach();
        let emitter = reactor.emitter();
        (Self(reactor), emitter)
    }

    async fn finish(self) -> Result<()> {
        let report = self.0.shutdown(PATIENCE).await;
        ensure!(report.is_clean(), "the reactor did not finish: {report:?}");
        Ok(())
    }
}

/// One bounded channel for all classes; whoever emits waits for room.
pub struct Channel(tokio::task::JoinHandle<()>);

impl Inlet for mpsc::Sender<Ticket> {
    async fn offer(&self, ticket: Ticket) {
        let _ = self.send(ticket).await;
    }
}

impl Line for Channel {
    type Way = mpsc::Sender<Ticket>;

    fn open(handler: Shared) -> (Self, Self::Way) {
        let (sender, mut receiver) = mpsc::channel(QUEUE_MAX);
        let serving = tokio::spawn(async move {
            while let Some(ticket) = receiver.recv().await {
                lock(&handler).handle(ticket);
            }
        });
        (Self(serving), sender)
    }

    async fn finish(self) -> Result<()> {
        self.0.await.context("the consumer failed")
    }
}

/// One bounded queue for all classes; when it is full the oldest event is dropped.
pub struct DropOldest(tokio::task::JoinHandle<()>);

/// Its way in.
#[derive(Clone)]
pub struct DropOldestWay(Arc<Waiting>);

struct Waiting {
    events: Mutex<VecDeque<Ticket>>,
    arrived: Notify,
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Ticket>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inlet for DropOldestWay {
    async fn offer(&self, ticket: Ticket) {
        let mut events = self.0.lock();
        if events.len() >= QUEUE_MAX {
            events.pop_front();
        }
        events.push_back(ticket);
        drop(events);
        self.0.arrived.notify_one();
    }
}

impl Line for DropOldest {
    type Way = DropOldestWay;

    fn open(handler: Shared) -> (Self, Self::Way) {
        let waiting = Arc::new(Waiting { events: Mutex::new(VecDeque::new()), arrived: Notify::new() });
        let way = DropOldestWay(Arc::clone(&waiting));
        let serving = tokio::spawn(async move {
            loop {
                let next = waiting.lock().pop_front();
                match next {
                    Some(ticket) => lock(&handler).handle(ticket),
                    None if Arc::strong_count(&waiting) == 1 => return,
                    // Nobody tells it that the last emitter has gone: it looks now and then.
                    None => drop(tokio::time::timeout(LOOK_EVERY, waiting.arrived.notified()).await),
                }
            }
        });
        (Self(serving), way)
    }

    async fn finish(self) -> Result<()> {
        self.0.await.context("the consumer failed")
    }
}
