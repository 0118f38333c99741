//! An event on its way: with its class, when it was emitted, and what must be settled for it.

use std::ops::{Deref, DerefMut};

use tracing::Span;

use crate::ack::{Ack, Outcome};
use crate::class::Class;
use crate::clock::Moment;

/// An event with what travels along.
#[derive(Debug)]
pub struct Delivery<T> {
    /// The event.
    pub event: T,
    /// Its class.
    pub class: Class,
    /// When it was emitted.
    pub emitted_at: Moment,
    /// Boxed, because most events have neither an ack nor an enabled span: one word instead of nine.
    trail: Option<Box<Trail>>,
}

#[derive(Debug, Clone)]
struct Trail {
    ack: Ack,
    span: Span,
}

/// A further copy, with a share of its own in what must be settled.
impl<T: Clone> Clone for Delivery<T> {
    fn clone(&self) -> Self {
        // The share comes first: when the event's own copy panics, the share goes without a word and the receipt tells of it.
        let trail = self.trail.clone();
        Self { event: self.event.clone(), class: self.class, emitted_at: self.emitted_at, trail }
    }
}

impl<T> Delivery<T> {
    /// An event for which nothing must be settled.
    pub const fn new(event: T, class: Class, emitted_at: Moment) -> Self {
        Self { event, class, emitted_at, trail: None }
    }

    /// With an ack and a span; neither costs anything when it is empty.
    #[must_use]
    #[inline]
    pub fn with_trail(mut self, ack: Ack, span: Span) -> Self {
        if !ack.is_none() || !span.is_none() {
            self.trail = Some(Box::new(Trail { ack, span }));
        }
        self
    }

    /// The span that follows the event; disabled when nobody traces.
    pub fn span(&self) -> Span {
        self.trail.as_ref().map_or_else(Span::none, |trail| trail.span.clone())
    }

    /// Whether somebody waits to learn what becomes of it.
    pub fn is_tracked(&self) -> bool {
        self.trail.as_ref().is_some_and(|trail| !trail.ack.is_none())
    }

    /// A further share in what must be settled for it: the event has ended when this one has been settled too, and one that is
    /// dropped unsettled counts as abandoned. To ask whether anybody waits, take [`Delivery::is_tracked`].
    pub fn share_ack(&self) -> Ack {
        self.trail.as_ref().map_or(Ack::none(), |trail| trail.ack.clone())
    }

    /// The event by itself, with the ack that is now the caller's to settle.
    pub fn into_parts(self) -> (T, Ack) {
        (self.event, self.trail.map_or(Ack::none(), |trail| trail.ack))
    }

    /// Says what became of it, and gives the event back.
    #[inline]
    pub fn settle(self, outcome: Outcome) -> T {
        if let Some(trail) = self.trail {
            trail.ack.settle(outcome);
        }
        self.event
    }

    /// Says that it failed, and why, and gives the event back.
    pub fn fail(self, cause: &str) -> T {
        let (event, ack) = self.into_parts();
        ack.fail(cause);
        event
    }

    /// Another event made of this one; the ack goes on with it.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Delivery<U> {
        Delivery { event: make(self.event), class: self.class, emitted_at: self.emitted_at, trail: self.trail }
    }

    /// Another event made of this one, or none, which settles it as skipped.
    pub fn filter_map<U>(self, make: impl FnOnce(T) -> Option<U>) -> Option<Delivery<U>> {
        let Self { event, class, emitted_at, trail } = self;
        match make(event) {
            Some(event) => Some(Delivery { event, class, emitted_at, trail }),
            None => {
                if let Some(trail) = trail {
                    trail.ack.settle(Outcome::Skipped);
                }
                None
            }
        }
    }

    /// Joins several into one event of all: it is as urgent as the most urgent, as old as the oldest, and what becomes of it becomes
    /// of each. `None` of an empty batch.
    pub fn join(batch: Vec<Self>) -> Option<Delivery<Vec<T>>> {
        let class = batch.iter().map(|delivery| delivery.class).min()?;
        let emitted_at = batch.iter().map(|delivery| delivery.emitted_at).min()?;
        let span = batch.first().map_or_else(Span::none, Self::span);
        let mut acks = Ack::none();
        let mut events = Vec::with_capacity(batch.len());
        for delivery in batch {
            let (event, ack) = delivery.into_parts();
            events.push(event);
            acks.merge(ack);
        }
        Some(Delivery::new(events, class, emitted_at).with_trail(acks, span))
    }

    /// Takes another's ack in: what becomes of this one becomes of both.
    pub fn absorb(&mut self, other: Ack) {
        match &mut self.trail {
            Some(trail) => trail.ack.merge(other),
            None if other.is_none() => {}
            None => self.trail = Some(Box::new(Trail { ack: other, span: Span::none() })),
        }
    }
}

impl<T> Deref for Delivery<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.event
    }
}

impl<T> DerefMut for Delivery<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.event
    }
}
