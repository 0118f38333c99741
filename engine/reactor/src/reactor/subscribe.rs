//! How one subscribes: by type, predicate, mailbox and supervision; as a handler or as a stream.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;

use super::core::Core;
use super::events::Events;
use super::handler::{Answer, Calls, Supervision, serve_batches, serve_each};
use super::subscriber::{Inbox, Subscriber};
use crate::class::{Class, PerClass};
use crate::event::{Event, Holds};
use crate::overflow::Overflow;
use crate::queue::Queue;
use crate::queue::lanes::Lane;

/// Events that wait for one handler in each class, unless it is told otherwise.
const MAILBOX_CAPACITY: usize = 4_096;

/// A subscription being described; made by [`Reactor::on`](super::Reactor::on).
#[must_use = "nothing is subscribed until `each`, `batches` or `events` ends the description"]
pub struct On<E: Event, T> {
    core: Arc<Core<E>>,
    name: Arc<str>,
    wants: Box<dyn Fn(&E) -> bool + Send + Sync>,
    mailbox: PerClass<Lane>,
    calls: Calls,
    kind: PhantomData<fn(T)>,
}

impl<E: Event, T> fmt::Debug for On<E, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("On").field("name", &self.name).field("mailbox", &self.mailbox).finish_non_exhaustive()
    }
}

impl<E: Event + Holds<T>, T: Send + 'static> On<E, T> {
    pub(super) fn new(core: Arc<Core<E>>) -> Self {
        let calls =
            Calls { supervision: Supervision::default(), timeout: None, batch_max: 1, batch_wait: Duration::ZERO };
        Self {
            core,
            name: std::any::type_name::<T>().rsplit("::").next().unwrap_or_default().into(),
            wants: Box::new(|event| event.get().is_some()),
            mailbox: PerClass::from_fn(|_| Lane { capacity: MAILBOX_CAPACITY, overflow: Overflow::DropOldest }),
            calls,
            kind: PhantomData,
        }
    }

    /// Its name in metrics, dead letters and messages; by itself the name of the type.
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// Only events of which this holds. Called on the loop: it must be quick and must not block.
    pub fn when(mut self, predicate: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        let wants = self.wants;
        self.wants = Box::new(move |event| wants(event) && event.get().is_some_and(&predicate));
        self
    }

    /// How much may wait for it in each class, and what happens then. By itself the oldest becomes a dead letter, so that a slow
    /// handler costs nobody else anything.
    pub fn mailbox(mut self, lane: Lane) -> Self {
        self.mailbox = PerClass::from_fn(|_| lane);
        self
    }

    /// As [`On::mailbox`], for one class.
    pub fn lane(mut self, class: Class, lane: Lane) -> Self {
        self.mailbox[class] = lane;
        self
    }

    /// As many wait for it as before, but none that was let in is lost: while its mailbox is full, no more events of that class are let into the
    /// reactor, so that who emits them waits (or, where the class does not block, the newest are dropped and counted). Events that
    /// have been let in are not delayed for anyone.
    ///
    /// For all classes; [`On::lane`] after it makes an exception. A handler must not emit into a class that it reads without loss:
    /// see [`Emitter::emit`](super::Emitter::emit).
    pub fn lossless(mut self) -> Self {
        self.mailbox.0.iter_mut().for_each(|lane| lane.overflow = Overflow::Block);
        self
    }

    /// A call that takes longer is dropped at the point where it waits, and counts as a failure.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.calls.timeout = Some(limit);
        self
    }

    /// What happens after a failure; by itself it goes on with the next event.
    pub fn supervise(mut self, supervision: Supervision) -> Self {
        self.calls.supervision = supervision;
        self
    }

    /// Handles events one by one, on a task of its own in the tokio runtime this is called in, in the order of the mailbox. The handler is cloned before its first event: that copy is what a
    /// restart begins with.
    pub fn each<H, F>(self, handler: H) -> Subscription
    where
        H: FnMut(T) -> F + Clone + Send + 'static,
        F: Future<Output: Answer> + Send + 'static,
    {
        let calls = self.calls;
        self.spawn(move |inbox| serve_each(inbox, handler, calls))
    }

    /// Handles events in batches of up to `max`, none waiting longer than `wait` for the others.
    pub fn batches<H, F>(mut self, max: usize, wait: Duration, handler: H) -> Subscription
    where
        H: FnMut(Vec<T>) -> F + Clone + Send + 'static,
        F: Future<Output: Answer> + Send + 'static,
    {
        self.calls.batch_max = max.max(1);
        self.calls.batch_wait = wait;
        let calls = self.calls;
        self.spawn(move |inbox| serve_batches(inbox, handler, calls))
    }

    /// The events as a stream, which takes them only as fast as it is asked. Add [`On::lossless`] to have that felt by those who
    /// emit; else the oldest are dropped when its mailbox is full.
    pub fn events(self) -> Events<E, T> {
        Events::new(self.inbox())
    }

    fn inbox(self) -> Inbox<E> {
        let mailbox = Queue::new(self.mailbox, self.core.handled_age_limit, self.core.clock.clone());
        Inbox::new(self.core, Arc::new(Subscriber::new(self.name, self.wants, mailbox)))
    }

    fn spawn<S>(self, serve: impl FnOnce(Inbox<E>) -> S) -> Subscription
    where
        S: Future<Output = ()> + Send + 'static,
    {
        let core = Arc::clone(&self.core);
        let inbox = self.inbox();
        let subscriber = Arc::clone(&inbox.subscriber);
        let served = serve(inbox);
        let mut tasks = core.lock_tasks();
        // Those that have ended leave the list here: it is as long as the handlers that live.
        while tasks.try_join_next().is_some() {}
        let task = tasks.spawn(served);
        drop(tasks);
        subscriber.works_in(task.clone());
        Subscription { name: Arc::clone(&subscriber.name), task: Some(task) }
    }
}

/// A handler's subscription. Dropping it unsubscribes: the call under way is cut off where it waits, what still waits is dropped, and both
/// are counted.
#[derive(Debug)]
#[must_use = "dropping a subscription ends it; call `detach` to keep it as long as the reactor"]
pub struct Subscription {
    name: Arc<str>,
    task: Option<AbortHandle>,
}

impl Subscription {
    /// The handler's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Keeps the handler for as long as the reactor runs.
    pub fn detach(mut self) {
        self.task = None;
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
