//! A call under way, as the layers of a stack hand it on: with its deadline, under the settings that were in force when it began, and
//! with what time it was then and when it was answered.
//!
//! Made by [`Stack`](super::Stack) for each call. To look at the clock costs as much as most of the steps of a call, so those that
//! follow each other without waiting share a look. A step that may have waited looks again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use homeostat_reactor::Moment;

use super::calls::CallEnd;
use super::limit::Limit;
use super::settings::StackSettings;
use crate::{Call, Verdict};

/// A call that has begun.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun<'a> {
    pub(super) call: Call,
    pub(super) at: Moment,
    pub(super) answered: &'a Answered,
    pub(super) essential: bool,
    pub(super) is_rated: bool,
    pub(super) attempts_max: u32,
    pub(super) limit: Limit,
    pub(super) fallback: Duration,
}

impl<'a> Begun<'a> {
    pub(super) fn new(call: &Call, at: Moment, settings: &StackSettings, answered: &'a Answered) -> Self {
        Self {
            call: call.until(at + settings.deadline()),
            at,
            answered,
            essential: settings.essential,
            is_rated: settings.rate_per_s.is_some(),
            attempts_max: settings.attempts_max,
            limit: settings.limit,
            fallback: Duration::from_millis(settings.fallback_ms),
        }
    }
}

/// When the attempt began and ended whose good answer is the call's. Nothing waits between that end and the call's own, so the layers
/// take it for now. What the attempt took is for the limit to learn from: what a call took with all its attempts says how broken
/// endpoints are, and not how busy.
#[derive(Debug, Default)]
pub(super) struct Answered {
    began: AtomicU64,
    /// Zero as long as there is no good answer: nothing ends at the origin.
    ended: AtomicU64,
}

impl Answered {
    /// A good answer came.
    pub(super) fn note(&self, began: Moment, ended: Moment) {
        self.began.store(began.0, Ordering::Relaxed);
        self.ended.store(ended.0, Ordering::Relaxed);
    }

    /// What time it is for a layer that sees this end of the call; `None` where it must look at the clock.
    pub(super) fn at(&self, verdict: Verdict) -> Option<Moment> {
        let ended = Moment(self.ended.load(Ordering::Relaxed));
        (verdict == Verdict::Good && ended > Moment::ZERO).then_some(ended)
    }

    /// The same for the call's end.
    pub(super) fn at_end(&self, end: CallEnd) -> Option<Moment> {
        if let CallEnd::Judged(verdict) = end { self.at(verdict) } else { None }
    }

    /// How long the attempt took that was answered well; nothing if none was.
    pub(super) fn took(&self) -> Duration {
        Moment(self.ended.load(Ordering::Relaxed)).since(Moment(self.began.load(Ordering::Relaxed)))
    }
}
