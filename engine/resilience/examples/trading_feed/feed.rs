//! Which prices may be used: the rules of a feed, without sockets, tasks or a clock of its own.
//!
//! Used by [`session`](crate::session), which reads from an exchange and does as it is told here, and by the desk, which asks for
//! the price. It always holds: of each exchange a number is used at most once, and never after a higher one; across a gap
//! nothing is used before a snapshot closes it; a price that is damaged, or too far from the last one, is not used at all;
//! and no price is given out that is older than [`STALE_AFTER`].

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use homeostat_reactor::Moment;

use crate::wire::Quote;

/// No order is decided on a price older than this. Ticks come every 20 ms here: seven are missing by then.
pub const STALE_AFTER: Duration = Duration::from_millis(150);
/// An exchange that says nothing for so long is left. Longer than a price is good for: a new connection costs more than a pause.
pub const SILENT_AFTER: Duration = Duration::from_millis(400);
/// A snapshot that does not come within this time will not come.
pub const SNAPSHOT_WITHIN: Duration = Duration::from_millis(200);
/// So many ticks in a row that are too old when they arrive, and the exchange is left.
const LATE_TICKS_MAX: u32 = 12;
/// A price that moves further than this from one tick to the next is taken for a mistake.
const BAND_PERCENT: u64 = 10;
/// A price that was seen longer ago is no measure for the next.
const BAND_MEMORY: Duration = Duration::from_secs(5);

/// The name of an exchange.
pub type Name = &'static str;

/// A price, and when it was that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// The price.
    pub cents: u64,
    /// When the exchange had it.
    pub at: Moment,
}

/// There is no price that may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the last price is {age:?} old")]
pub struct Stale {
    /// How old the last one is; `None` if there was none.
    pub age: Option<Duration>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It is the price now.
    Used,
    /// It, or a later one, was used before.
    Known,
    /// Numbers are missing before it: a snapshot must be asked for.
    Missing,
    /// It comes within a gap that is not closed yet.
    Waiting,
    /// The exchange cannot be trusted.
    Bad(Fault),
}

/// Why an exchange is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A checksum is wrong.
    Damaged,
    /// A price is too far from the last one.
    OutOfBand,
    /// Its prices come too late to be used.
    Late,
    /// It says nothing.
    Silent,
    /// A gap was not closed.
    NoSnapshot,
    /// It ended the connection.
    Closed,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Damaged => "a checksum was wrong",
            Self::OutOfBand => "a price was out of band",
            Self::Late => "its prices came too late",
            Self::Silent => "it fell silent",
            Self::NoSnapshot => "it did not close a gap",
            Self::Closed => "it closed the connection",
        })
    }
}

/// What is known of the price.
#[derive(Debug, Default)]
pub struct Feed {
    exchange: Name,
    /// The number that comes next; `None` until a snapshot says.
    next: Option<u64>,
    asked_at: Moment,
    heard_at: Moment,
    late_ticks: u32,
    price: Option<Price>,
    /// The last number used of each exchange, however often it is left and joined again.
    used: BTreeMap<Name, u64>,
}

impl Feed {
    /// An exchange is joined, and a snapshot was asked for.
    pub fn join(&mut self, now: Moment, exchange: Name) {
        *self = Self {
            exchange,
            asked_at: now,
            heard_at: now,
            price: self.price,
            used: std::mem::take(&mut self.used),
            ..Self::default()
        };
    }

    /// A tick came.
    pub fn tick(&mut self, now: Moment, quote: Quote) -> Heard {
        self.heard_at = now;
        if !quote.is_sound() {
            return Heard::Bad(Fault::Damaged);
        }
        match self.next {
            None => Heard::Waiting,
            Some(next) if quote.number < next => Heard::Known,
            Some(next) if quote.number > next => {
                (self.next, self.asked_at) = (None, now);
                Heard::Missing
            }
            Some(_) => self.take(now, quote),
        }
    }

    /// A snapshot came.
    pub fn snapshot(&mut self, now: Moment, quote: Quote) -> Heard {
        self.heard_at = now;
        if !quote.is_sound() {
            return Heard::Bad(Fault::Damaged);
        }
        if self.next.is_some() {
            return Heard::Known;
        }
        match self.used.get(self.exchange) {
            // Nothing was missed after all. What comes next is what was not used before, whatever the exchange counts anew.
            Some(used) if quote.number <= *used => {
                self.next = Some(used + 1);
                Heard::Known
            }
            _ => self.take(now, quote),
        }
    }

    /// Why the exchange must be left although nothing came.
    pub fn overdue(&self, now: Moment) -> Option<Fault> {
        if self.next.is_none() && now.since(self.asked_at) > SNAPSHOT_WITHIN {
            return Some(Fault::NoSnapshot);
        }
        (now.since(self.heard_at) > SILENT_AFTER).then_some(Fault::Silent)
    }

    /// The price, if it may be used.
    ///
    /// # Errors
    /// That it is too old.
    pub fn price(&self, now: Moment) -> Result<Price, Stale> {
        let price = self.price.ok_or(Stale { age: None })?;
        let age = now.since(price.at);
        if age > STALE_AFTER { Err(Stale { age: Some(age) }) } else { Ok(price) }
    }

    /// The last number used of an exchange.
    pub fn used(&self, exchange: Name) -> Option<u64> {
        self.used.get(exchange).copied()
    }

    fn take(&mut self, now: Moment, quote: Quote) -> Heard {
        let age = Duration::from_millis(quote.age_ms);
        let known = self.price.filter(|price| now.since(price.at) <= BAND_MEMORY);
        let is_in_band = |last: Price| last.cents.abs_diff(quote.cents) * 100 <= last.cents * BAND_PERCENT;
        if !known.is_none_or(is_in_band) {
            return Heard::Bad(Fault::OutOfBand);
        }
        self.late_ticks = if age > STALE_AFTER { self.late_ticks + 1 } else { 0 };
        if self.late_ticks >= LATE_TICKS_MAX {
            return Heard::Bad(Fault::Late);
        }
        self.next = Some(quote.number + 1);
        self.used.insert(self.exchange, quote.number);
        // It is the price now even if another one was younger: it is what this exchange knows, and its age goes with it.
        self.price = Some(Price { cents: quote.cents, at: now.before(age) });
        Heard::Used
    }
}
