//! Subscribes again when a stream fails, after a growing wait and not for ever. Made by [`retry`].
//!
//! Holds no item, and an error only while it waits. The stream that failed is dropped before the wait begins.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::{Stream, TryStream};

use super::timer::Timer;
use super::upstream::{Upstream, pause};
use crate::clock::Clock;

/// How many steps are made in one go before other tasks may run, where the waits are nothing: enough for five tries.
const STEPS_AT_ONCE_MAX: usize = 16;

/// How often and how soon a stream that fails is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// This many times in a row: an item that comes starts the row anew.
    pub in_a_row_max: u32,
    /// The wait before the first, doubled before each further one in the row.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
}

impl RetryPolicy {
    /// The wait before this one in the row, counted from one.
    fn wait(&self, in_a_row: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(in_a_row.saturating_sub(1));
        self.first_wait.saturating_mul(doubled).min(self.longest_wait)
    }
}

/// A stream of what the streams made by `subscribe` say, without the errors that another try may cure.
///
/// Begins with `subscribe(None)`. When a stream says `Err`, it is dropped, and after the wait that `policy` asks for `subscribe` is
/// called with the error: the place to count it, or to resume behind the last item. When the row is used up, the error goes on and the
/// stream ends. It ends too when a stream ends by itself.
///
/// ```
/// use homeostat_reactor::{ManualClock, stream::{RetryPolicy, prelude::*, retry}};
/// use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let policy = RetryPolicy { in_a_row_max: 3, first_wait: Duration::ZERO, longest_wait: Duration::ZERO };
/// let mut seen = 0;
/// let items = retry(policy, &ManualClock::new().clock(), move |failure: Option<&str>| {
///     seen += usize::from(failure.is_some());
///     tokio_stream::iter([Ok(1), if seen < 2 { Err("cut off") } else { Ok(2) }])
/// });
/// assert_eq!(items.collect::<Vec<_>>().await, [Ok(1), Ok(1), Ok(1), Ok(2)]);
/// # }
/// ```
pub fn retry<T, E, S, F>(policy: RetryPolicy, clock: &Clock, subscribe: F) -> Retry<S, F>
where
    S: Stream<Item = Result<T, E>>,
    F: FnMut(Option<E>) -> S,
{
    Retry { policy, clock: clock.clone(), subscribe, in_a_row: 0, state: State::Subscribing(None) }
}

/// See [`retry`].
#[must_use = "streams do nothing unless polled"]
pub struct Retry<S: TryStream, F> {
    policy: RetryPolicy,
    clock: Clock,
    subscribe: F,
    in_a_row: u32,
    state: State<S>,
}

enum State<S: TryStream> {
    Subscribing(Option<S::Error>),
    Reading(Upstream<S>),
    Waiting(Timer, Option<S::Error>),
    Over,
}

impl<S: TryStream, F> Unpin for Retry<S, F> {}

impl<T, E, S: Stream<Item = Result<T, E>>, F: FnMut(Option<E>) -> S> Stream for Retry<S, F> {
    type Item = Result<T, E>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.get_mut();
        for _ in 0..STEPS_AT_ONCE_MAX {
            this.state = match &mut this.state {
                State::Over => return Poll::Ready(None),
                State::Subscribing(error) => State::Reading(Upstream::new((this.subscribe)(error.take()))),
                State::Waiting(timer, error) => {
                    ready!(timer.poll(context));
                    State::Subscribing(error.take())
                }
                State::Reading(source) => match ready!(source.poll_next(context)) {
                    Some(Ok(item)) => {
                        this.in_a_row = 0;
                        return Poll::Ready(Some(Ok(item)));
                    }
                    Some(Err(error)) if this.in_a_row < this.policy.in_a_row_max => {
                        this.in_a_row += 1;
                        State::Waiting(Timer::new(&this.clock, this.policy.wait(this.in_a_row)), Some(error))
                    }
                    last => {
                        this.state = State::Over;
                        return Poll::Ready(last);
                    }
                },
            }
        }
        pause(context)
    }
}
