//! Subscribes again when a stream fails, after a growing wait and not for ever. Made by [`retry`].
//!
//! Holds no item, and an error only while it waits. The stream that failed is dropped before the wait begins.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::{Stream, TryStream};

use super::timer::Timer;
use super::upstream::{Upstream, pause};
use crate::clock::Clock;
use crate::reactor::Backoff;

/// How many steps are made in one go before other tasks may run, where the waits are nothing: enough for five tries.
const STEPS_AT_ONCE_MAX: usize = 16;

/// A stream of what the streams made by `subscribe` say, without the errors that another try may cure.
///
/// Begins with `subscribe(None)`. When a stream says `Err`, it is dropped, and after the pause that `backoff` asks for `subscribe` is
/// called with the error: the place to count it, or to resume behind the last item. The last failure that may follow another goes on
/// as an error, and the stream ends; an item that comes starts the row anew. It ends too when a stream ends by itself.
///
/// ```
/// use homeostat_reactor::{ManualClock, reactor::Backoff, stream::{prelude::*, retry}};
/// use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let backoff = Backoff { first: Duration::ZERO, longest: Duration::ZERO, failures_max: 4 };
/// let mut seen = 0;
/// let items = retry(backoff, &ManualClock::new().clock(), move |failure: Option<&str>| {
///     seen += usize::from(failure.is_some());
///     tokio_stream::iter([Ok(1), if seen < 2 { Err("cut off") } else { Ok(2) }])
/// });
/// assert_eq!(items.collect::<Vec<_>>().await, [Ok(1), Ok(1), Ok(1), Ok(2)]);
/// # }
/// ```
pub fn retry<T, E, S, F>(backoff: Backoff, clock: &Clock, subscribe: F) -> Retry<S, F>
where
    S: Stream<Item = Result<T, E>>,
    F: FnMut(Option<E>) -> S,
{
    Retry { backoff, clock: clock.clone(), subscribe, failures: 0, state: State::Subscribing(None) }
}

/// See [`retry`].
#[must_use = "streams do nothing unless polled"]
pub struct Retry<S: TryStream, F> {
    backoff: Backoff,
    clock: Clock,
    subscribe: F,
    /// In a row.
    failures: u32,
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
                        this.failures = 0;
                        return Poll::Ready(Some(Ok(item)));
                    }
                    Some(Err(error)) if this.failures.saturating_add(1) < this.backoff.failures_max => {
                        this.failures += 1;
                        State::Waiting(Timer::new(&this.clock, this.backoff.pause(this.failures)), Some(error))
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
