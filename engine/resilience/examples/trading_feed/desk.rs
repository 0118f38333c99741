//! Decides on orders, sends them, and finds out what became of those that were not answered.
//!
//! Sending is a call to a [`Stack`] that is not idempotent: it goes to another exchange only if it certainly did not begin at the
//! first. All else is for [`orders`](crate::orders) to say: before a byte leaves it is asked, and what is unclear is asked about,
//! at the one exchange that may have it, until that answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use homeostat_reactor::Clock;
use homeostat_resilience::{Advice, Attempt, Call, Deadline, Stack, Verdict};
use tokio::task::JoinSet;

use crate::Venue;
use crate::feed::{Feed, Name};
use crate::orders::{OrderBook, SentBefore};
use crate::wire::{Ended, FromExchange, OrderId, ToExchange, connect, hear, say};

/// A decision every so often.
const DECIDE: Duration = Duration::from_millis(40);
/// How long an order may take.
const ANSWER_WITHIN: Duration = Duration::from_millis(300);
/// Orders and questions under way at once; no further decision is made while there are more.
const UNDER_WAY_MAX: usize = 64;

/// Why an attempt has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// No connection: nothing left.
    #[error("cannot connect")]
    NotSent,
    /// The connection ended, with the order somewhere.
    #[error("no answer")]
    NoAnswer,
    /// The rules forbade it.
    #[error(transparent)]
    Forbidden(#[from] SentBefore),
}

/// What trades.
#[derive(Debug)]
pub struct Desk {
    /// On what clock.
    pub clock: Clock,
    /// Both exchanges, for orders.
    pub venues: Stack<Venue>,
    /// Both exchanges by name, for questions: those go to the one that may have the order.
    pub by_name: BTreeMap<Name, Venue>,
    /// The price.
    pub feed: Arc<Mutex<Feed>>,
    /// The orders. The lock is held for a look and never while anything is waited for.
    pub book: Mutex<OrderBook>,
    /// How long a question may take.
    pub question: Deadline,
}

impl Desk {
    /// Trades until told to stop, and then until every order is settled.
    pub async fn run(self: Arc<Self>, stop: tokio::sync::watch::Receiver<bool>) {
        let mut under_way = JoinSet::new();
        loop {
            while under_way.try_join_next().is_some() {}
            if *stop.borrow() {
                if self.book(|book| book.open()) == 0 {
                    return;
                }
            } else if under_way.len() < UNDER_WAY_MAX
                && let Some((id, cents)) = self.decide()
            {
                let desk = Arc::clone(&self);
                under_way.spawn(async move { desk.order(id, cents).await });
            }
            if under_way.len() < UNDER_WAY_MAX {
                for (id, at) in self.book(OrderBook::begin_asking) {
                    let desk = Arc::clone(&self);
                    under_way.spawn(async move { desk.ask(id, at).await });
                }
            }
            self.clock.sleep(DECIDE).await;
        }
    }

    /// Something with the book.
    pub fn book<R>(&self, act: impl FnOnce(&mut OrderBook) -> R) -> R {
        act(&mut self.book.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn decide(&self) -> Option<(OrderId, u64)> {
        let price = self.feed.lock().unwrap_or_else(PoisonError::into_inner).price(self.clock.now());
        self.book(|book| book.decide(price)).ok().flatten()
    }

    /// Sends an order, once.
    async fn order(&self, id: OrderId, cents: u64) {
        let call = Call::default().within(ANSWER_WITHIN, &self.clock);
        let send = |_: Attempt, venue: Arc<Venue>| self.send(id, cents, *venue);
        match self.venues.call(&call, advise, send).await {
            Ok(FromExchange::Taken) => self.book(|book| book.settle(id, true)),
            Ok(FromExchange::Refused) => self.book(|book| book.settle(id, false)),
            // The deadline has passed, or the connection broke, or nobody had room: the book knows whether anything was sent.
            Ok(_) | Err(_) => self.book(|book| book.ended(id)),
        }
    }

    async fn send(&self, id: OrderId, cents: u64, venue: Venue) -> Result<FromExchange, OrderError> {
        let mut socket = connect(venue.address).await.map_err(|Ended| OrderError::NotSent)?;
        // From here on it may have arrived, whatever happens.
        self.book(|book| book.sending(id, venue.name))?;
        say(&mut socket, &ToExchange::Order { id, cents }).await.map_err(|Ended| OrderError::NoAnswer)?;
        let answer = hear(&mut socket).await.map_err(|Ended| OrderError::NoAnswer)?;
        if answer == FromExchange::Busy {
            self.book(|book| book.never_began(id));
        }
        Ok(answer)
    }

    /// Asks what became of an order. It may be asked as often as one likes.
    async fn ask(&self, id: OrderId, at: Name) {
        let address = self.by_name[at].address;
        let ask = async |_| {
            let mut socket = connect(address).await?;
            say(&mut socket, &ToExchange::Settle { id }).await?;
            hear(&mut socket).await
        };
        let answer = self.question.call(&Call::idempotent().within(ANSWER_WITHIN, &self.clock), ask).await;
        self.book(|book| match answer {
            Ok(FromExchange::Taken) => book.settle(id, true),
            Ok(FromExchange::Refused) => book.settle(id, false),
            Ok(_) | Err(_) => book.not_told(id),
        });
    }
}

/// What an outcome says of the exchange, and whether the order may go elsewhere.
fn advise(result: Result<&FromExchange, &OrderError>) -> Advice {
    match result {
        Ok(FromExchange::Busy) => Advice::from(Verdict::Full).never_began(),
        Ok(FromExchange::Taken | FromExchange::Refused) => Verdict::Good.into(),
        Ok(_) => Verdict::Failed.into(),
        Err(OrderError::NotSent) => Advice::from(Verdict::Failed).never_began(),
        Err(OrderError::NoAnswer) => Verdict::Failed.into(),
        // A mistake of ours.
        Err(OrderError::Forbidden(_)) => Verdict::Ignored.into(),
    }
}
