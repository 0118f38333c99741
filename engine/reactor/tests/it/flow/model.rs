//! What a rate limiter should do, written as simply as possible, and a world in which a real one is held to it.
//!
//! The world polls a waiter only when it was woken, and the last to come first, so that neither a lost waking nor the order of
//! polling can hide.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use homeostat_reactor::flow::{Acquire, Rate, RateError, RateLimiter};
use homeostat_reactor::{ManualClock, Moment};

/// Tokens in a bucket that fills nanosecond by nanosecond, and a line in front of it.
pub struct Model {
    permits: u128,
    per: u128,
    burst: u128,
    level: u128,
    now: u64,
    pub line: VecDeque<(usize, u32)>,
    pub granted: Vec<(usize, u64)>,
}

impl Model {
    pub fn new(rate: Rate, burst: u32) -> Self {
        let (permits, per) = (u128::from(rate.permits), rate.per.as_nanos());
        let burst = u128::from(burst);
        Self { permits, per, burst, level: burst * per, now: 0, line: VecDeque::new(), granted: Vec::new() }
    }

    pub fn pass(&mut self, nanos: u64) {
        let end = self.now + nanos;
        loop {
            self.serve();
            let missing = self.line.front().map(|(_, tokens)| u128::from(*tokens) * self.per - self.level);
            let step = missing.map_or(u64::MAX, |missing| u64::try_from(missing.div_ceil(self.permits)).unwrap());
            let step = step.min(end - self.now);
            self.now += step;
            self.level = (self.level + u128::from(step) * self.permits).min(self.burst * self.per);
            if self.now == end {
                return self.serve();
            }
        }
    }

    /// Time passes while nobody looks: what the bucket cannot hold is lost.
    pub fn jump(&mut self, nanos: u64) {
        self.now += nanos;
        self.level = (self.level + u128::from(nanos) * self.permits).min(self.burst * self.per);
        self.serve();
    }

    pub fn ask(&mut self, who: usize, tokens: u32) {
        self.line.push_back((who, tokens));
        self.serve();
    }

    pub fn try_ask(&mut self, tokens: u32) -> bool {
        let there = self.line.is_empty() && self.level >= u128::from(tokens) * self.per;
        self.level -= if there { u128::from(tokens) * self.per } else { 0 };
        there
    }

    pub fn leave(&mut self, who: usize) {
        self.line.retain(|(other, _)| *other != who);
        self.serve();
    }

    fn serve(&mut self) {
        while let Some((who, tokens)) = self.line.front().copied() {
            let cost = u128::from(tokens) * self.per;
            if self.level < cost {
                return;
            }
            self.level -= cost;
            self.line.pop_front();
            self.granted.push((who, self.now));
        }
    }
}

/// Remembers that it was woken.
#[derive(Default)]
pub struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Bell {
    pub fn ringing() -> Arc<Self> {
        Arc::new(Self(AtomicBool::new(true)))
    }

    pub fn answer(&self) -> bool {
        self.0.swap(false, Ordering::SeqCst)
    }
}

/// Somebody who asks a real limiter.
pub struct Asker {
    pub who: usize,
    pub tokens: u32,
    pub polls: u32,
    bell: Arc<Bell>,
    future: Acquire,
}

/// A real limiter, who waits for it, and what it has granted.
pub struct World {
    pub time: ManualClock,
    pub limiter: RateLimiter,
    pub askers: Vec<Asker>,
    pub granted: Vec<(usize, u64, u32)>,
    pub refused: Vec<(usize, RateError)>,
    pub polls_max: u32,
    came: usize,
}

impl World {
    pub fn new(make: impl FnOnce(&ManualClock) -> RateLimiter) -> Self {
        let time = ManualClock::new();
        let limiter = make(&time);
        Self { time, limiter, askers: vec![], granted: vec![], refused: vec![], polls_max: 0, came: 0 }
    }

    pub fn ask(&mut self, tokens: u32) -> usize {
        self.came += 1;
        let (bell, future) = (Bell::ringing(), self.limiter.acquire(tokens));
        self.askers.push(Asker { who: self.came, tokens, polls: 0, bell, future });
        self.poll_the_woken();
        self.came
    }

    /// Somebody who waits stops: the one at this place, counted around.
    pub fn leave(&mut self, place: usize) -> Option<usize> {
        let place = place.checked_rem(self.askers.len())?;
        let who = self.askers.remove(place).who;
        self.poll_the_woken();
        Some(who)
    }

    /// Lets time pass, stopping wherever somebody waits for it.
    pub fn pass(&mut self, nanos: u64) {
        let end = self.time.clock().now() + Duration::from_nanos(nanos);
        while let Some(next) = self.time.next_due().filter(|due| *due <= end) {
            self.jump(next);
        }
        self.jump(end);
    }

    pub fn jump(&mut self, now: Moment) {
        self.time.set(now);
        self.poll_the_woken();
    }

    pub fn poll_the_woken(&mut self) {
        while let Some(place) = self.askers.iter().rposition(|asker| asker.bell.answer()) {
            let asker = &mut self.askers[place];
            asker.polls += 1;
            self.polls_max = self.polls_max.max(asker.polls);
            let waker = Waker::from(Arc::clone(&asker.bell));
            if let Poll::Ready(result) = Pin::new(&mut asker.future).poll(&mut Context::from_waker(&waker)) {
                let Asker { who, tokens, .. } = self.askers.remove(place);
                match result {
                    Ok(()) => self.granted.push((who, self.time.clock().now().0, tokens)),
                    Err(refused) => self.refused.push((who, refused)),
                }
            }
        }
    }
}
