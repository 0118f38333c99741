//! Several attempts at one call, under way at once: who answers first, and what becomes of the others.
//!
//! The first attempt lives in the frame of the call and only the further ones on the heap, so that a call that is never hedged
//! allocates nothing for it. Dropping a race drops, and thereby cancels, every attempt in it.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use homeostat_reactor::{Clock, Moment};

use crate::deadline::poll_timer;

/// An attempt that is under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Runner {
    pub(super) number: u32,
    pub(super) started: Moment,
    /// Started beside one that was under way, and not in place of one that failed.
    pub(super) is_hedge: bool,
}

/// The attempts that are under way.
pub(super) struct Race<'a, F> {
    first: Pin<&'a mut Option<F>>,
    first_runner: Option<Runner>,
    others: Vec<(Runner, Pin<Box<F>>)>,
}

/// What happened first.
pub(super) enum Turn<T> {
    /// An attempt has ended, and is not in the race any more.
    Ended(Runner, T),
    /// The moment has come.
    Due,
}

impl<'a, F: Future> Race<'a, F> {
    /// Nobody runs; the first one will run in `first`, which is empty.
    pub(super) const fn new(first: Pin<&'a mut Option<F>>) -> Self {
        Self { first, first_runner: None, others: Vec::new() }
    }

    pub(super) fn start(&mut self, runner: Runner, attempt: F) {
        if self.first_runner.is_none() {
            self.first.set(Some(attempt));
            self.first_runner = Some(runner);
        } else {
            self.others.push((runner, Box::pin(attempt)));
        }
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.first_runner.is_some()) + self.others.len()
    }

    /// Those that are under way.
    pub(super) fn runners(&self) -> impl Iterator<Item = Runner> {
        self.first_runner.into_iter().chain(self.others.iter().map(|(runner, _)| *runner))
    }

    /// Waits until an attempt ends or `due` comes. An answer that is there wins over the moment: it is not even asked when that
    /// would be, and no timer is made for it.
    pub(super) async fn turn(&mut self, clock: &Clock, due: impl FnOnce() -> Option<Moment>) -> Turn<F::Output> {
        let mut timer = pin!(None);
        let (mut plan, mut planned) = (Some(due), None);
        poll_fn(|context| {
            if let Poll::Ready((runner, output)) = self.poll(context) {
                return Poll::Ready(Turn::Ended(runner, output));
            }
            if let Some(plan) = plan.take() {
                planned = plan();
            }
            let Some(due) = planned else { return Poll::Pending };
            poll_timer(timer.as_mut(), || clock.wait_until(due), context).map(|()| Turn::Due)
        })
        .await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<(Runner, F::Output)> {
        if let (Some(first), Some(runner)) = (self.first.as_mut().as_pin_mut(), self.first_runner)
            && let Poll::Ready(output) = first.poll(context)
        {
            self.first.set(None);
            self.first_runner = None;
            return Poll::Ready((runner, output));
        }
        for index in 0..self.others.len() {
            if let Poll::Ready(output) = self.others[index].1.as_mut().poll(context) {
                let (runner, _) = self.others.swap_remove(index);
                return Poll::Ready((runner, output));
            }
        }
        Poll::Pending
    }
}
