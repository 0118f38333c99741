//! The rate limiter: so many tokens a second, saved up to a burst, handed out in the order of asking.
//!
//! Over any span of time `t` it grants at most `burst + rate * t` tokens, by the clock it was given. A clock that goes back
//! earns nothing and costs nothing: time goes on from where it went back to. (Whoever sleeps when that happens is set right by
//! the next call on the limiter; a clock cannot tell them itself.)

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::acquire::Acquire;
use super::bucket::TokenBucket;
use super::gcra::Gcra;
use super::line::{Left, Line, WAITERS_MAX_DEFAULT};
use super::meter::Meter;
use super::rate::{InvalidLimit, Rate, Scale};
use crate::clock::{Clock, Moment};

/// Why a limiter gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// So many at once it never gives.
    #[error("{asked} at once is more than the burst of {burst}")]
    MoreThanBurst {
        /// How many were asked for.
        asked: u32,
        /// How many it gives at once.
        burst: u32,
    },
    /// Not yet.
    #[error("not for another {wait:?}")]
    NotYet {
        /// How long it takes until they are there, everybody who already waits served first.
        wait: Duration,
    },
    /// The line is full.
    #[error("{waiters_max} already wait, and it would take {wait:?}")]
    TooManyWaiting {
        /// How many may wait.
        waiters_max: usize,
        /// How long it would have taken.
        wait: Duration,
    },
}

/// A limiter at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimiterSnapshot {
    /// How it counts.
    pub algorithm: String,
    /// Its rate.
    pub rate: Rate,
    /// How many tokens can be saved up.
    pub burst: u32,
    /// How many are there now.
    pub available: u64,
    /// How many wait.
    pub waiting: usize,
    /// Tokens given out so far.
    pub granted: u64,
    /// How often somebody was sent away.
    pub refused: u64,
    /// How often somebody stopped waiting.
    pub cancelled: u64,
}

/// Hands out tokens at a rate, saved up to a burst. Cheap to clone; clones share the tokens.
///
/// Tokens are given in the order of asking: nobody overtakes, so a small request waits behind a large one. Waiting costs one
/// timer a waiter and no polling. Timers of the machine's clock tick in milliseconds: a rate of many thousands a second is
/// reached by waiting only with a burst of at least a few milliseconds' worth.
///
/// ```
/// use std::time::Duration;
/// use homeostat_reactor::{ManualClock, flow::{Rate, RateError, RateLimiter}};
///
/// let time = ManualClock::new();
/// let limiter = RateLimiter::token_bucket(Rate::per_second(10), 2, time.clock())?;
/// assert_eq!(limiter.try_acquire(2), Ok(()));
/// assert_eq!(limiter.try_acquire(1), Err(RateError::NotYet { wait: Duration::from_millis(100) }));
/// # Ok::<(), homeostat_reactor::flow::InvalidLimit>(())
/// ```
#[derive(Debug, Clone)]
pub struct RateLimiter {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

impl RateLimiter {
    /// A limiter that counts the tokens that are there; it starts with a full burst.
    ///
    /// # Errors
    /// When the rate or the burst is nothing.
    pub fn token_bucket(rate: Rate, burst: u32, clock: Clock) -> Result<Self, InvalidLimit> {
        let scale = Scale::new(rate, burst)?;
        Ok(Self::with(Box::new(TokenBucket::full(scale)), rate, burst, scale, clock))
    }

    /// A limiter that keeps the moment at which all it let through would have been due; with a burst of 1 it spaces evenly.
    ///
    /// # Errors
    /// When the rate or the burst is nothing.
    pub fn gcra(rate: Rate, burst: u32, clock: Clock) -> Result<Self, InvalidLimit> {
        let scale = Scale::new(rate, burst)?;
        Ok(Self::with(Box::new(Gcra::idle(scale)), rate, burst, scale, clock))
    }

    fn with(meter: Box<dyn Meter>, rate: Rate, burst: u32, scale: Scale, clock: Clock) -> Self {
        let state = State {
            meter,
            rate,
            burst,
            scale,
            seen: clock.now(),
            line: Line::new(),
            queued: 0,
            unclaimed: 0,
            redeemable: 0,
            waiters_max: WAITERS_MAX_DEFAULT,
            granted: 0,
            refused: 0,
            cancelled: 0,
        };
        Self { clock, state: Arc::new(Mutex::new(state)) }
    }

    /// With another limit on how many may wait.
    #[must_use]
    pub fn waiters_max(self, waiters_max: usize) -> Self {
        self.lock().waiters_max = waiters_max;
        self
    }

    /// Takes so many tokens if they are there and nobody waits.
    ///
    /// # Errors
    /// When they are not there yet, with the wait it would take, or never can be.
    pub fn try_acquire(&self, tokens: u32) -> Result<(), RateError> {
        self.turn(|state, _| {
            let asked = state.ask(tokens);
            state.refused += u64::from(asked.is_err());
            asked
        })
    }

    /// Waits in line for so many tokens. Dropping the future gives the place up, and the tokens back when they were given already.
    pub fn acquire(&self, tokens: u32) -> Acquire {
        Acquire::new(self.clone(), tokens)
    }

    /// Goes on with another rate and burst, also for those who wait. Tokens that are there stay, up to the new burst; whoever
    /// waits for more than the new burst gets an error.
    ///
    /// # Errors
    /// When the rate or the burst is nothing; nothing changes then.
    pub fn change(&self, rate: Rate, burst: u32) -> Result<(), InvalidLimit> {
        let scale = Scale::new(rate, burst)?;
        self.turn(|state, wakers| state.change(rate, burst, scale, wakers));
        Ok(())
    }

    /// What it looks like now.
    pub fn snapshot(&self) -> LimiterSnapshot {
        self.turn(|state, _| LimiterSnapshot {
            algorithm: state.meter.name().to_owned(),
            rate: state.rate,
            burst: state.burst,
            available: state.scale.tokens(state.scale.full() - state.meter.headroom()),
            waiting: state.line.len(),
            granted: state.granted,
            refused: state.refused,
            cancelled: state.cancelled,
        })
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Brings the state up to date, does something with it, and serves and wakes whoever it is time for.
    pub(super) fn turn<T>(&self, act: impl FnOnce(&mut State, &mut Vec<Waker>) -> T) -> T {
        let mut wakers = Vec::new();
        let output = {
            let mut state = self.lock();
            state.advance(self.clock.now(), &mut wakers);
            state.serve(&mut wakers);
            let output = act(&mut state, &mut wakers);
            state.serve(&mut wakers);
            output
        };
        // Outside the lock: a waker may run whatever it likes.
        wakers.into_iter().for_each(Waker::wake);
        output
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who waits.
#[derive(Debug)]
pub(super) struct Waiting {
    tokens: u32,
    /// When its timer goes off; `None` when the timer is out of date and must be set anew at the next poll.
    alarm: Option<Moment>,
}

/// What has become of somebody in the line.
pub(super) enum Standing {
    Ended(Result<(), RateError>),
    /// Goes on waiting; with a moment, its timer is to be set anew.
    Waits(Option<Moment>),
}

#[derive(Debug)]
pub(super) struct State {
    meter: Box<dyn Meter>,
    rate: Rate,
    burst: u32,
    scale: Scale,
    /// What the clock showed last.
    seen: Moment,
    line: Line<Waiting, Result<u32, RateError>>,
    /// Tokens that the whole line waits for.
    queued: u64,
    /// Units granted to waiters who have not come for them yet.
    unclaimed: u128,
    /// How many of those are still worth something: had they not been granted, the meter would have been full meanwhile and they
    /// would be lost. Giving back more than this would make a burst of tokens that time has already replaced.
    redeemable: u128,
    waiters_max: usize,
    granted: u64,
    refused: u64,
    cancelled: u64,
}

impl State {
    fn advance(&mut self, now: Moment, wakers: &mut Vec<Waker>) {
        if now < self.seen {
            // Every timer in the line would go off too late by as much as the clock went back.
            self.disarm(wakers);
        }
        self.meter.pass(now.since(self.seen));
        self.seen = now;
        self.redeemable = self.redeemable.min(self.meter.headroom());
    }

    fn disarm(&mut self, wakers: &mut Vec<Waker>) {
        for (_, waiting, waker) in self.line.each() {
            waiting.alarm = None;
            wakers.push(waker.clone());
        }
    }

    /// Serves from the head of the line what is there, and has the next one set its timer anew when its turn comes sooner than
    /// it thought.
    fn serve(&mut self, wakers: &mut Vec<Waker>) {
        while let Some((ticket, waiting)) = self.line.head() {
            let tokens = waiting.tokens;
            let wait = self.meter.wait(u64::from(tokens));
            if !wait.is_zero() {
                if waiting.alarm.is_some_and(|alarm| self.seen + wait < alarm) {
                    waiting.alarm = None;
                    wakers.extend(self.line.waker(ticket));
                }
                return;
            }
            self.meter.take(u64::from(tokens));
            self.queued -= u64::from(tokens);
            let cost = self.scale.cost(u64::from(tokens));
            self.unclaimed += cost;
            self.redeemable += cost;
            wakers.extend(self.line.serve(ticket, Ok(tokens)));
        }
    }

    /// Takes so many tokens if they are there and nobody waits.
    fn ask(&mut self, tokens: u32) -> Result<(), RateError> {
        if tokens > self.burst {
            return Err(RateError::MoreThanBurst { asked: tokens, burst: self.burst });
        }
        let wait = self.meter.wait(self.queued + u64::from(tokens));
        if tokens > 0 && !(self.line.is_empty() && wait.is_zero()) {
            return Err(RateError::NotYet { wait });
        }
        self.meter.take(u64::from(tokens));
        self.granted += u64::from(tokens);
        Ok(())
    }

    /// The same, but joins the line when it must: gives the ticket.
    pub(super) fn ask_or_join(&mut self, tokens: u32, waker: &Waker) -> Result<Option<u64>, RateError> {
        let wait = match self.ask(tokens) {
            Ok(()) => return Ok(None),
            Err(RateError::NotYet { wait }) => wait,
            Err(refused) => {
                self.refused += 1;
                return Err(refused);
            }
        };
        if self.line.len() >= self.waiters_max {
            self.refused += 1;
            return Err(RateError::TooManyWaiting { waiters_max: self.waiters_max, wait });
        }
        self.queued += u64::from(tokens);
        Ok(Some(self.line.join(Waiting { tokens, alarm: None }, waker.clone())))
    }

    /// How somebody stands who has a ticket, and who is woken by this waker from now on.
    pub(super) fn look(&mut self, ticket: u64, waker: &Waker) -> Standing {
        if let Some(ended) = self.line.pick_up(ticket) {
            return Standing::Ended(ended.map(|tokens| self.claim(tokens)));
        }
        let ahead: u64 = match self.line.waiting(ticket) {
            Some((Waiting { alarm: Some(alarm), .. }, known)) if *alarm > self.seen => {
                known.clone_from(waker);
                return Standing::Waits(None);
            }
            _ => self.line.ahead_of(ticket).map(|waiting| u64::from(waiting.tokens)).sum(),
        };
        let Some((waiting, known)) = self.line.waiting(ticket) else {
            unreachable!("whoever holds a ticket waits or has been served");
        };
        let alarm = self.seen + self.meter.wait(ahead + u64::from(waiting.tokens));
        waiting.alarm = Some(alarm);
        known.clone_from(waker);
        Standing::Waits(Some(alarm))
    }

    fn claim(&mut self, tokens: u32) {
        self.granted += u64::from(tokens);
        self.unclaimed = self.unclaimed.saturating_sub(self.scale.cost(u64::from(tokens)));
        self.redeemable = self.redeemable.min(self.unclaimed);
    }

    pub(super) fn leave(&mut self, ticket: u64) {
        self.cancelled += 1;
        match self.line.leave(ticket) {
            Left::Waiting(waiting) => self.queued -= u64::from(waiting.tokens),
            Left::Served(Ok(tokens)) => {
                let cost = self.scale.cost(u64::from(tokens));
                let back = cost.min(self.redeemable);
                self.unclaimed = self.unclaimed.saturating_sub(cost);
                self.redeemable = (self.redeemable - back).min(self.unclaimed);
                self.meter.put_back(back);
            }
            Left::Served(Err(_)) | Left::Nothing => {}
        }
    }

    fn change(&mut self, rate: Rate, burst: u32, scale: Scale, wakers: &mut Vec<Waker>) {
        self.unclaimed = scale.convert(self.unclaimed, &self.scale);
        self.meter.rescale(scale);
        self.redeemable = scale.convert(self.redeemable, &self.scale).min(self.meter.headroom());
        (self.rate, self.burst, self.scale) = (rate, burst, scale);
        let too_many: Vec<(u64, u32)> = self
            .line
            .each()
            .map(|(ticket, waiting, _)| (ticket, waiting.tokens))
            .filter(|(_, asked)| *asked > burst)
            .collect();
        for (ticket, asked) in too_many {
            self.queued -= u64::from(asked);
            self.refused += 1;
            wakers.extend(self.line.serve(ticket, Err(RateError::MoreThanBurst { asked, burst })));
        }
        self.disarm(wakers);
    }
}
