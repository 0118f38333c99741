//! What became of each order: the rules by which none is sent twice, without sockets, tasks or a clock.
//!
//! Used by [`desk`](crate::desk), which asks here before a byte of an order leaves. It always holds: an order may be sent only if it
//! was never sent, or if it is certain that the other side did not begin; what was sent and not answered is unclear, and an
//! unclear order is asked about at the exchange that may have it, and never sent again.

use std::collections::BTreeMap;

use crate::feed::{Name, Price, Stale};
use crate::wire::OrderId;

/// Orders that are not settled yet; no more are decided while there are so many.
const OPEN_MAX: usize = 64;

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Decided; nothing left.
    New,
    /// On its way there.
    Sent(Name),
    /// It was sent there, and nobody knows whether it was taken.
    Unclear(Name),
    /// It is unclear, and the exchange is being asked.
    Asked(Name),
    /// Taken by that exchange.
    Taken(Name),
    /// Certainly not taken, and never will be.
    Off,
}

/// An order of this number was sent, and may have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the order was sent before, and may have arrived")]
pub struct SentBefore;

/// All orders of the run, and what was not ordered.
#[derive(Debug, Default)]
pub struct OrderBook {
    orders: BTreeMap<OrderId, State>,
    open: usize,
    /// Decisions that were not made because the price was too old.
    pub too_old: u32,
    /// Orders of which it was unclear for a while whether they were taken.
    pub unclear: u32,
}

impl OrderBook {
    /// Decides on an order at this price, under a number that was never used.
    ///
    /// # Errors
    /// That the price is too old; `None` in place of a number if too many orders are open.
    pub fn decide(&mut self, price: Result<Price, Stale>) -> Result<Option<(OrderId, u64)>, Stale> {
        let price = price.inspect_err(|_| self.too_old += 1)?;
        if self.open >= OPEN_MAX {
            return Ok(None);
        }
        let id = OrderId(self.orders.len() as u64 + 1);
        self.orders.insert(id, State::New);
        self.open += 1;
        Ok(Some((id, price.cents)))
    }

    /// The order is about to leave.
    ///
    /// # Errors
    /// That it must not.
    pub fn sending(&mut self, id: OrderId, to: Name) -> Result<(), SentBefore> {
        match self.orders.get_mut(&id) {
            Some(state @ State::New) => {
                *state = State::Sent(to);
                Ok(())
            }
            _ => Err(SentBefore),
        }
    }

    /// The exchange says that it did not begin: the order is as if never sent.
    pub fn never_began(&mut self, id: OrderId) {
        if let Some(state @ State::Sent(_)) = self.orders.get_mut(&id) {
            *state = State::New;
        }
    }

    /// The exchange has said what became of it.
    pub fn settle(&mut self, id: OrderId, is_taken: bool) {
        let Some(state) = self.orders.get_mut(&id) else { return };
        if let State::Sent(at) | State::Unclear(at) | State::Asked(at) = *state {
            *state = if is_taken { State::Taken(at) } else { State::Off };
            self.open -= 1;
        }
    }

    /// The call has ended. What was sent and not answered is unclear; what was not sent is off.
    pub fn ended(&mut self, id: OrderId) {
        match self.orders.get_mut(&id) {
            Some(state @ State::New) => {
                *state = State::Off;
                self.open -= 1;
            }
            Some(state @ State::Sent(_)) => {
                if let State::Sent(to) = *state {
                    *state = State::Unclear(to);
                }
                self.unclear += 1;
            }
            _ => {}
        }
    }

    /// The orders to ask about, and where. They are being asked about from now on.
    pub fn begin_asking(&mut self) -> Vec<(OrderId, Name)> {
        let unclear = self.orders.iter_mut().filter_map(|(id, state)| match *state {
            State::Unclear(at) => {
                *state = State::Asked(at);
                Some((*id, at))
            }
            _ => None,
        });
        unclear.collect()
    }

    /// The exchange did not answer the question: it must be asked again.
    pub fn not_told(&mut self, id: OrderId) {
        if let Some(state) = self.orders.get_mut(&id)
            && let State::Asked(at) = *state
        {
            *state = State::Unclear(at);
        }
    }

    /// Orders that are not settled.
    pub const fn open(&self) -> usize {
        self.open
    }

    /// Every order and where it stands.
    pub fn all(&self) -> impl Iterator<Item = (OrderId, State)> {
        self.orders.iter().map(|(id, state)| (*id, *state))
    }
}
