//! The end of a listener without the end of its requests: told once, seen by every connection.
//!
//! What always holds: a drain is never taken back; a connection that counts as open has a [`Seat`], which it gives back when dropped.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// A switch that ends listeners and, once they are idle, their connections. Clones are the same switch.
#[derive(Debug, Clone, Default)]
pub struct Drain {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    begun: AtomicBool,
    open: AtomicUsize,
    begin: Arc<Notify>,
    empty: Notify,
}

impl Drain {
    /// A switch that is not yet thrown.
    pub fn new() -> Self {
        Self::default()
    }

    /// Throws the switch: listeners stop accepting, idle connections close in a moment, busy ones and those that still ask in it close
    /// after their answer.
    pub fn begin(&self) {
        self.shared.begun.store(true, Ordering::SeqCst);
        self.shared.begin.notify_waiters();
    }

    /// Whether the switch was thrown.
    pub fn has_begun(&self) -> bool {
        self.shared.begun.load(Ordering::Relaxed)
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Waits until the switch is thrown.
    pub async fn begun(&self) {
        let begin = self.watch();
        if !self.shared.begun.load(Ordering::SeqCst) {
            begin.await;
        }
    }

    /// Waits until no connection is open, at most so long; says how many are left.
    pub async fn emptied(&self, within: Duration) -> usize {
        let empty = async {
            loop {
                let mut notified = std::pin::pin!(self.shared.empty.notified());
                notified.as_mut().enable();
                if self.open() == 0 {
                    return;
                }
                notified.await;
            }
        };
        let _ = tokio::time::timeout(within, empty).await;
        self.open()
    }

    /// A future that ends when the switch is thrown, registered from now on.
    pub(crate) fn watch(&self) -> Pin<Box<OwnedNotified>> {
        let mut begin = Box::pin(Arc::clone(&self.shared.begin).notified_owned());
        begin.as_mut().enable();
        begin
    }

    /// Counts one more open connection.
    pub(crate) fn seat(&self) -> Seat {
        self.shared.open.fetch_add(1, Ordering::SeqCst);
        Seat { shared: Arc::clone(&self.shared) }
    }
}

/// One open connection, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Seat {
    shared: Arc<Shared>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.shared.open.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.shared.empty.notify_waiters();
        }
    }
}
