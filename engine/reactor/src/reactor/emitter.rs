//! The way in: emits events into the loop, from any task.

use std::fmt;
use std::sync::Arc;

use tracing::Span;

use super::core::Core;
use crate::ack::{Ack, Outcome, Receipt};
use crate::class::Class;
use crate::clock::Moment;
use crate::delivery::Delivery;
use crate::event::Event;
use crate::queue::lanes::Loss;
use crate::queue::{AtOnce, Lost, PushError};

/// An event that was not let in, and why.
#[derive(Debug, thiserror::Error)]
pub struct Refused<E> {
    /// The event.
    pub event: E,
    /// Why.
    pub why: RefusedWhy,
}

/// Why an event was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefusedWhy {
    /// Its class is full, and does not lose events.
    #[error("the class is full")]
    Full,
    /// The reactor has been shut down.
    #[error("the reactor has been shut down")]
    Closed,
}

impl<E> fmt::Display for Refused<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.why, formatter)
    }
}

/// Emits events. Cheap to clone.
#[derive(Debug)]
pub struct Emitter<E: Event>(pub(super) Arc<Core<E>>);

impl<E: Event> Clone for Emitter<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E: Event> Emitter<E> {
    /// Emits an event in its own class. Waits for room where the class blocks; dropped before it is ready, it has emitted nothing.
    /// That it is ready does not say that the event was kept: a class may lose events by the overflow it was given.
    ///
    /// A handler that loses nothing must not wait here for a class that it reads itself, nor may two such handlers feed each other:
    /// while its mailbox is full, it would wait for room that only it can make. Use [`Emitter::try_emit`] there.
    pub async fn emit(&self, event: impl Into<E>) -> Result<(), Refused<E>> {
        let event = event.into();
        let class = event.class();
        self.push(self.delivery(event, class, None)).await
    }

    /// Emits an event in a class of the caller's choice.
    pub async fn emit_as(&self, class: Class, event: impl Into<E>) -> Result<(), Refused<E>> {
        self.push(self.delivery(event.into(), class, None)).await
    }

    /// Emits an event, and gives a receipt of what becomes of all its copies.
    pub async fn emit_tracked(&self, event: impl Into<E>) -> Result<Receipt, Refused<E>> {
        let event = event.into();
        let class = event.class();
        let (ack, receipt) = Ack::new();
        self.push(self.delivery(event, class, Some(ack))).await?;
        Ok(receipt)
    }

    /// Passes on an event that came from elsewhere, with its acknowledgement.
    pub async fn forward<T: Into<E>>(&self, delivery: Delivery<T>) -> Result<(), Refused<E>> {
        self.push(delivery.map(Into::into)).await
    }

    /// Emits an event without waiting: a full class that blocks refuses it.
    pub fn try_emit(&self, event: impl Into<E>) -> Result<(), Refused<E>> {
        let event = event.into();
        let class = event.class();
        let pushed = self.0.inlet.try_push(self.delivery(event, class, None));
        self.answer(pushed)
    }

    /// Whether the reactor still takes events.
    pub fn is_open(&self) -> bool {
        !self.0.is_closed()
    }

    #[inline]
    async fn push(&self, delivery: Delivery<E>) -> Result<(), Refused<E>> {
        // One who emits without end lets the loop run in between, as with tokio's own channels: before it is let in, so that a
        // future that was dropped has emitted nothing.
        tokio::task::coop::consume_budget().await;
        let (mut delivery, mut lost) = (Some(delivery), None);
        if self.0.inlet.push_at_once(&mut delivery, &mut lost) == AtOnce::LetIn {
            if let Some((victim, loss)) = lost {
                settle_lost(victim, loss);
            }
        } else if let Some(delivery) = delivery {
            let pushed = self.0.inlet.push(delivery).await;
            return self.answer(pushed);
        }
        Ok(())
    }

    #[inline(always)]
    fn delivery(&self, event: E, class: Class, ack: Option<Ack>) -> Delivery<E> {
        let delivery = Delivery::new(event, class, Moment::ZERO);
        if ack.is_none() && !tracing::enabled!(target: "homeostat_reactor", tracing::Level::TRACE) {
            return delivery;
        }
        let kind = delivery.event.kind();
        let span = tracing::trace_span!(target: "homeostat_reactor", "event", kind, class = class.name());
        delivery.with_trail(ack.unwrap_or_default(), span)
    }

    #[inline(always)]
    fn answer(&self, pushed: Result<Lost<E>, PushError<E>>) -> Result<(), Refused<E>> {
        match pushed {
            Ok(None) => Ok(()),
            Ok(Some((victim, loss))) => {
                settle_lost(victim, loss);
                Ok(())
            }
            Err(PushError::Full(delivery)) => Err(refused(delivery, RefusedWhy::Full)),
            Err(PushError::Closed(delivery)) => Err(refused(delivery, RefusedWhy::Closed)),
        }
    }
}

fn refused<E: Event>(delivery: Delivery<E>, why: RefusedWhy) -> Refused<E> {
    Refused { event: delivery.settle(Outcome::Dropped), why }
}

/// An event that a full class has lost is settled as such; a coalesced one has left its acknowledgement with its successor.
fn settle_lost<E: Event>(victim: Delivery<E>, loss: Loss) {
    trace_end(&victim.span(), "lost");
    let (_, ack) = victim.into_parts();
    let cause = match loss {
        Loss::Coalesced => return,
        Loss::Newest => "its class was full",
        Loss::Oldest => "newer events needed its place",
        Loss::Sampled => "its class was thinned out",
    };
    ack.settle_because(Outcome::Dropped, cause);
}

pub(super) fn trace_end(span: &Span, end: &'static str) {
    if !span.is_none() {
        span.in_scope(|| tracing::trace!(target: "homeostat_reactor", end));
    }
}
