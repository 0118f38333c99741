//! The source of a windowed stream, with its time: what comes next, an event, the moment something is due, or the end.
//!
//! Used by the operators ([`super::operator`], [`super::scan`]). It takes nothing from the source that it does not hand on at once, so
//! it can be dropped and polled at any time.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;

use super::time::TimeBy;
use crate::clock::{Clock, Moment, Sleep};

pub(super) struct Feed<S: Stream> {
    source: Pin<Box<S>>,
    time: TimeBy<S::Item>,
    /// Waits for this moment or a later one; the moment it shows was right when it was set.
    alarm: Option<(Moment, Sleep)>,
    /// Since when the source is silent, and the watermark then; looked at only by event time with an idle limit.
    silence: Option<(Moment, Moment)>,
}

/// What comes next.
pub(super) enum Fed<T> {
    /// An event of a moment, and the watermark it brings.
    Event(T, Moment, Moment),
    /// Time has gone on.
    Time(Moment),
    /// There is nothing more.
    End,
}

impl<S: Stream> Feed<S> {
    pub fn new(source: S, time: TimeBy<S::Item>) -> Self {
        Self { source: Box::pin(source), time, alarm: None, silence: None }
    }

    /// What comes next, given how far time is, and when something will be due although no event comes.
    #[inline]
    pub fn poll(&mut self, context: &mut Context<'_>, watermark: Moment, due: Option<Moment>) -> Poll<Fed<S::Item>> {
        match self.source.as_mut().poll_next(context) {
            Poll::Ready(Some(event)) => {
                self.silence = None;
                let (at, mark) = match &self.time {
                    TimeBy::Clock(clock) => {
                        let now = clock.now().max(watermark);
                        (now, now)
                    }
                    TimeBy::Event(time) => {
                        let at = (time.of)(&event);
                        (at, at.before(time.lag))
                    }
                };
                Poll::Ready(Fed::Event(event, at, mark))
            }
            Poll::Ready(None) => Poll::Ready(Fed::End),
            Poll::Pending => self.poll_time(context, watermark, due).map(Fed::Time),
        }
    }

    /// Waits for the moment at which something is due.
    fn poll_time(&mut self, context: &mut Context<'_>, watermark: Moment, due: Option<Moment>) -> Poll<Moment> {
        let clock = match &self.time {
            TimeBy::Clock(clock) => clock,
            TimeBy::Event(time) => match &time.idle {
                Some((clock, _)) => clock,
                None => return Poll::Pending,
            },
        };
        let (since, base) = *self.silence.get_or_insert_with(|| (clock.now(), watermark));
        let Some(due) = due else {
            self.alarm = None;
            return Poll::Pending;
        };
        match &self.time {
            TimeBy::Clock(clock) => {
                ready!(wait(&mut self.alarm, clock, due, context));
                Poll::Ready(clock.now())
            }
            TimeBy::Event(time) => {
                let after = time.idle.as_ref().map(|(_, after)| *after).unwrap_or_default();
                ready!(wait(&mut self.alarm, clock, since + due.since(base).max(after), context));
                let silent = clock.now().since(since);
                Poll::Ready(if silent < after { watermark } else { base + silent })
            }
        }
    }
}

/// Waits until `due`, or sooner: an alarm that is set for earlier is left as it is, because to move it costs more than one waking.
fn wait(alarm: &mut Option<(Moment, Sleep)>, clock: &Clock, due: Moment, context: &mut Context<'_>) -> Poll<()> {
    if alarm.as_ref().is_none_or(|(set, _)| *set > due) {
        *alarm = Some((due, clock.sleep_until(due)));
    }
    if let Some((_, sleep)) = alarm {
        ready!(Pin::new(sleep).poll(context));
    }
    *alarm = None;
    Poll::Ready(())
}
