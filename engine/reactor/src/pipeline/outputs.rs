//! A run of a pipeline, as the stream of what comes out of it.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use futures::{Stream, StreamExt};
use tokio::task::JoinSet;

use super::Shared;
use super::drive::{Flow, Launch};
use super::policy::PipelineFailed;
use crate::ack::Outcome;
use crate::delivery::Delivery;

/// A run of a pipeline: its outputs, and at last the failure if there was one. Made by [`super::Pipeline::run`].
///
/// An item counts as done, for whoever emitted it, when it is handed out here. Dropping the run cancels what is in it.
#[derive(Debug)]
#[must_use = "dropping a run cancels it"]
pub struct Outputs<Out>(Deliveries<Out>);

impl<Out> Outputs<Out> {
    pub(super) fn of(flow: Flow<Out>, launch: Launch) -> Self {
        launch.shared.runs.fetch_add(1, Ordering::Relaxed);
        Self(Deliveries { flow, tasks: launch.tasks, shared: launch.shared, ended: false })
    }

    /// The same with the acknowledgements, which are then the reader's to settle.
    pub fn deliveries(self) -> Deliveries<Out> {
        self.0
    }
}

impl<Out> Stream for Outputs<Out> {
    type Item = Result<Out, PipelineFailed>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(self.0.poll_next_unpin(context));
        Poll::Ready(next.map(|output| output.map(|delivery| delivery.settle(Outcome::Done))))
    }
}

/// A run whose outputs carry their acknowledgements along; made by [`Outputs::deliveries`].
#[must_use = "dropping a run cancels it"]
pub struct Deliveries<Out> {
    flow: Flow<Out>,
    /// Dropping them ends them.
    tasks: JoinSet<()>,
    shared: Arc<Shared>,
    ended: bool,
}

impl<Out> fmt::Debug for Deliveries<Out> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Deliveries").field("pipeline", &self.shared.name).field("ended", &self.ended).finish()
    }
}

impl<Out> Deliveries<Out> {
    fn end(&mut self) {
        if !self.ended {
            self.ended = true;
            self.tasks.abort_all();
            self.shared.runs.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl<Out> Stream for Deliveries<Out> {
    type Item = Result<Delivery<Out>, PipelineFailed>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let next = ready!(self.flow.poll_next_unpin(context));
        if !matches!(next, Some(Ok(_))) {
            self.end();
        }
        Poll::Ready(next.map(|output| output.map(|(delivery, _seat)| delivery)))
    }
}

impl<Out> Drop for Deliveries<Out> {
    fn drop(&mut self) {
        self.end();
    }
}
