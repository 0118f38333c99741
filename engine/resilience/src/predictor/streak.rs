//! Which outcomes of an endpoint are news, by when their calls began. Used by [`Learned`](super::Learned).
//!
//! A good answer that takes three seconds tells of the endpoint as it was three seconds ago. Where those that began after it have
//! failed since, it comes too late: counted like the others, the last answers of before would keep an endpoint liked for seconds
//! after it broke, and the last failures of before would keep one doubted that has come back.

use homeostat_reactor::Moment;

/// So many outcomes that agree outweigh one that is older and does not. Not one: that may be chance.
const AGREE_MIN: u16 = 2;

/// The latest outcomes that agree.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Streak {
    is_good: bool,
    count: u16,
    /// When the first of their calls began.
    began: Moment,
}

impl Streak {
    /// Takes note of what became of the call that began then. Whether it is news: not if several that began later agree that it is
    /// otherwise by now.
    pub(crate) fn note(&mut self, began: Moment, is_good: bool) -> bool {
        if self.is_good != is_good && self.count >= AGREE_MIN && began < self.began {
            return false;
        }
        *self = if self.is_good == is_good && self.count > 0 {
            Self { count: self.count.saturating_add(1), began: self.began.min(began), ..*self }
        } else {
            Self { is_good, count: 1, began }
        };
        true
    }

    /// Since when nothing but failures is known, if the latest outcomes are such.
    pub(crate) fn failing_since(&self) -> Option<Moment> {
        (self.count > 0 && !self.is_good).then_some(self.began)
    }
}
