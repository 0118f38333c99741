//! Where events go that no window takes: a bounded stream beside the windows. What finds it full is dropped and counted.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use tokio::sync::mpsc;

use super::closed::Taken;

/// An event that is in no window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aside<T> {
    /// The event.
    pub event: T,
    /// [`Taken::Late`] or [`Taken::Refused`].
    pub why: Taken,
}

/// The events that are in no window, as a stream that ends with the windows. It holds a bounded number: if it is not read, the windows
/// go on and the newest are dropped and counted.
#[derive(Debug)]
pub struct SideOutput<T>(mpsc::Receiver<Aside<T>>);

impl<T> Stream for SideOutput<T> {
    type Item = Aside<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Aside<T>>> {
        self.0.poll_recv(context)
    }
}

/// A side output and the end that feeds it.
pub(super) fn side<T>(capacity: usize) -> (Side<T>, SideOutput<T>) {
    let (sender, receiver) = mpsc::channel(capacity.max(1));
    (Side(Some(sender)), SideOutput(receiver))
}

/// Feeds the side output, if there is one.
#[derive(Debug)]
pub(super) struct Side<T>(Option<mpsc::Sender<Aside<T>>>);

impl<T> Side<T> {
    pub const fn none() -> Self {
        Self(None)
    }

    /// Puts an event aside; whether it had to be dropped although there is a side output.
    pub fn put(&self, event: T, why: Taken) -> bool {
        self.0.as_ref().is_some_and(|sender| sender.try_send(Aside { event, why }).is_err())
    }

    /// Ends the side output.
    pub fn close(&mut self) {
        self.0 = None;
    }
}
