//! Follows the feed of one exchange at a time, and goes to the other when the rules of [`feed`](crate::feed) say so.
//!
//! Joining an exchange (connect, subscribe, first snapshot) is a call to a [`Stack`] with both as endpoints: which one, and that
//! the other is tried at once when one fails, is its affair. Following it is not a call: it has no end. What goes wrong then is
//! told to the stack as a hint, and the exchange that was left is not the next to be joined.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use homeostat_reactor::Clock;
use homeostat_resilience::{Call, Stack, Verdict};
use tokio::sync::watch;

use crate::Venue;
use crate::feed::{Fault, Feed, Heard, Name};
use crate::wire::{Ended, FromExchange, Quote, Socket, ToExchange, connect, hear, say};

/// How long joining may take: beyond it the price is old anyway.
const JOIN_WITHIN: Duration = Duration::from_millis(400);
/// A pause when nobody could be joined.
const JOIN_AGAIN: Duration = Duration::from_millis(50);
/// How often it is looked whether something is overdue.
const LOOK: Duration = Duration::from_millis(20);

/// How the feed does, for whoever watches.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// The exchange that is followed.
    pub follows: Option<Name>,
    /// Every price used: of whom, and its number. Kept for the proof at the end; the rules need the last one only.
    pub used: Vec<(Name, u64)>,
    /// Gaps that were seen, and gaps that a snapshot closed.
    pub gaps: u32,
    /// Gaps that a snapshot closed.
    pub closed: u32,
    /// The exchanges that were left, and why.
    pub left: Vec<(Name, Fault)>,
}

/// What follows the feed.
#[derive(Debug)]
pub struct Follower {
    /// On what clock.
    pub clock: Clock,
    /// Both exchanges.
    pub venues: Stack<Venue>,
    /// The rules and the price, shared with the desk. The lock is held for a look and never while anything is waited for.
    pub feed: Arc<Mutex<Feed>>,
    /// Who watches.
    pub status: watch::Sender<Status>,
}

struct Joined {
    venue: Venue,
    socket: Socket,
    snapshot: Quote,
}

impl Follower {
    /// Follows for ever; ends by being dropped.
    pub async fn run(self) {
        let mut left = None;
        loop {
            let Some(joined) = self.join(left.take()).await else {
                self.clock.sleep(JOIN_AGAIN).await;
                continue;
            };
            let name = joined.venue.name;
            self.status.send_modify(|status| status.follows = Some(name));
            let fault = self.follow(joined).await;
            self.venues.endpoints().hint(name, false);
            self.status.send_modify(|status| {
                status.follows = None;
                status.left.push((name, fault));
            });
            left = Some(name);
        }
    }

    /// Joins an exchange, another one than that which was just left.
    async fn join(&self, left: Option<Name>) -> Option<Joined> {
        let call = Call::idempotent().within(JOIN_WITHIN, &self.clock);
        let judge = |result: Result<&Joined, &Ended>| match result {
            Ok(joined) if joined.snapshot.is_sound() => Verdict::Good,
            _ => Verdict::Failed,
        };
        let join = async |_, venue: Arc<Venue>| {
            if left == Some(venue.name) {
                return Err(Ended);
            }
            let mut socket = connect(venue.address).await?;
            say(&mut socket, &ToExchange::Subscribe).await?;
            say(&mut socket, &ToExchange::Snapshot).await?;
            loop {
                // Ticks that come before the snapshot are in it.
                if let FromExchange::Snapshot(snapshot) = hear(&mut socket).await? {
                    return Ok(Joined { venue: *venue, socket, snapshot });
                }
            }
        };
        self.venues.call(&call, judge, join).await.ok()
    }

    /// Reads and uses prices until the exchange must be left.
    async fn follow(&self, joined: Joined) -> Fault {
        let Joined { venue, mut socket, snapshot } = joined;
        let now = self.clock.now();
        self.with_feed(|feed| feed.join(now, venue.name));
        let mut message = Ok(FromExchange::Snapshot(snapshot));
        loop {
            let heard = match message {
                Ok(FromExchange::Tick(quote)) => self.with_feed(|feed| feed.tick(self.clock.now(), quote)),
                Ok(FromExchange::Snapshot(quote)) => self.snapshot(quote),
                // Answers about orders have no place here.
                Ok(_) | Err(Ended) => Heard::Bad(Fault::Closed),
            };
            match heard {
                Heard::Used => self.note_used(venue.name),
                Heard::Missing => {
                    self.status.send_modify(|status| status.gaps += 1);
                    if say(&mut socket, &ToExchange::Snapshot).await.is_err() {
                        return Fault::Closed;
                    }
                }
                Heard::Known | Heard::Waiting => {}
                Heard::Bad(fault) => return fault,
            }
            message = loop {
                tokio::select! {
                    message = hear(&mut socket) => break message,
                    () = self.clock.sleep(LOOK) => {}
                }
                if let Some(fault) = self.with_feed(|feed| feed.overdue(self.clock.now())) {
                    return fault;
                }
            };
        }
    }

    fn snapshot(&self, quote: Quote) -> Heard {
        let heard = self.with_feed(|feed| feed.snapshot(self.clock.now(), quote));
        // The first one belongs to the joining and closes no gap.
        self.status.send_if_modified(|status| {
            let closes = status.closed < status.gaps && matches!(heard, Heard::Used | Heard::Known);
            status.closed += u32::from(closes);
            closes
        });
        heard
    }

    fn note_used(&self, name: Name) {
        let number = self.with_feed(|feed| feed.used(name));
        self.status.send_modify(|status| status.used.extend(number.map(|number| (name, number))));
    }

    fn with_feed<R>(&self, act: impl FnOnce(&mut Feed) -> R) -> R {
        act(&mut self.feed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
