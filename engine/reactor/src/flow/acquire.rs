//! Waiting for tokens: the future behind [`RateLimiter::acquire`].
//!
//! It is polled when it is asked first, when its timer goes off, and when its turn comes sooner than it thought (somebody before
//! it gave up, the rate changed); nothing else wakes it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::limiter::{RateError, RateLimiter, Standing};
use crate::clock::Sleep;

/// Waits in line for tokens; made by [`RateLimiter::acquire`].
#[derive(Debug)]
#[must_use = "nothing is asked for until it is awaited"]
pub struct Acquire {
    limiter: RateLimiter,
    tokens: u32,
    ticket: Option<u64>,
    /// Goes off when the tokens should be there, given everybody ahead.
    timer: Option<Sleep>,
}

impl Acquire {
    pub(super) fn new(limiter: RateLimiter, tokens: u32) -> Self {
        Self { limiter, tokens, ticket: None, timer: None }
    }
}

impl Future for Acquire {
    type Output = Result<(), RateError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.ticket.is_none() {
            let tokens = this.tokens;
            match this.limiter.turn(|state, _| state.ask_or_join(tokens, context.waker())) {
                Ok(Some(ticket)) => this.ticket = Some(ticket),
                Ok(None) => return Poll::Ready(Ok(())),
                Err(refused) => return Poll::Ready(Err(refused)),
            }
        }
        let ticket = this.ticket.expect("taken above");
        loop {
            match this.limiter.turn(|state, _| state.look(ticket, context.waker())) {
                Standing::Ended(result) => {
                    (this.ticket, this.timer) = (None, None);
                    return Poll::Ready(result);
                }
                Standing::Waits(Some(alarm)) => this.timer = Some(this.limiter.clock().sleep_until(alarm)),
                Standing::Waits(None) => {}
            }
            // Goes off only when the clock shows the alarm, so that the next look finds the tokens or another alarm.
            let timer = this.timer.as_mut().expect("the first look sets it");
            ready!(Pin::new(timer).poll(context));
        }
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.limiter.turn(|state, _| state.leave(ticket));
        }
    }
}
