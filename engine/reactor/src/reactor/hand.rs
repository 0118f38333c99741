//! What a reader has taken from its mailbox and has not worked on yet, and what may still go before it.
//!
//! A reader takes many events at a time, which shares the price of the lock. What is more urgent and comes while it works on them
//! must not wait behind them all. Always holds: within a class events leave in the order they came; what is in hand has its turn
//! after [`OVERTAKE_MAX`] others at the latest.

use std::collections::VecDeque;

use crate::class::{Class, PerClass};
use crate::delivery::Delivery;

/// Events that may overtake one in hand before it has its turn: the weight of the critical in the drain.
pub(super) const OVERTAKE_MAX: usize = Class::Critical.weight();

#[derive(Debug)]
pub(super) struct Hand<E> {
    taken: VecDeque<Delivery<E>>,
    /// Events of each class in `taken`.
    counts: PerClass<usize>,
    /// What has come later and goes before `taken`: the most urgent first.
    ahead: VecDeque<Delivery<E>>,
    overtaken: usize,
}

impl<E> Default for Hand<E> {
    fn default() -> Self {
        Self { taken: VecDeque::new(), counts: PerClass::default(), ahead: VecDeque::new(), overtaken: 0 }
    }
}

impl<E> Hand<E> {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.taken.is_empty() && self.ahead.is_empty()
    }

    /// Lends the memory of an empty hand, for the next batch.
    pub(super) fn lend(&mut self) -> Vec<Delivery<E>> {
        Vec::from(std::mem::take(&mut self.taken))
    }

    /// Takes the next batch in hand, with the memory that was lent.
    pub(super) fn take(&mut self, batch: Vec<Delivery<E>>) {
        batch.iter().for_each(|delivery| self.counts[delivery.class] += 1);
        self.taken = VecDeque::from(batch);
    }

    /// How many of a class that waits in the mailbox may go before what is in hand. None while there are older ones of that class
    /// in hand: they go first.
    #[inline]
    pub(super) fn room_ahead_for(&self, urgent: Class) -> usize {
        let front = self.ahead.front().or(self.taken.front());
        if self.counts[urgent] == 0 && front.is_some_and(|front| urgent < front.class) {
            OVERTAKE_MAX - self.overtaken.min(OVERTAKE_MAX)
        } else {
            0
        }
    }

    /// Puts events before everything in hand, in their order.
    pub(super) fn put_ahead(&mut self, urgent: &mut Vec<Delivery<E>>) {
        urgent.drain(..).rev().for_each(|delivery| self.ahead.push_front(delivery));
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<Delivery<E>> {
        if !self.ahead.is_empty() {
            self.overtaken += 1;
            return self.ahead.pop_front();
        }
        self.overtaken = 0;
        let next = self.taken.pop_front()?;
        self.counts[next.class] -= 1;
        Some(next)
    }

    /// Everything in hand, which is empty then.
    pub(super) fn empty(&mut self) -> Vec<Delivery<E>> {
        self.counts = PerClass::default();
        let mut rest = Vec::from(std::mem::take(&mut self.ahead));
        rest.extend(self.taken.drain(..));
        rest
    }
}
