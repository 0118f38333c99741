//! Those who wait for a place at an endpoint that works, while all such are full: the most important first.
//!
//! A place that becomes free is offered to one of them, who offers on what is left; so nobody is woken in vain by the thousand. Who is
//! dropped while waiting offers on too. Calls that come later do not pass by those who wait and are as important.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use crate::{PerPriority, Priority};

/// Who waits.
#[derive(Debug, Default)]
pub(super) struct Line {
    waiting: PerPriority<AtomicUsize>,
    offers: PerPriority<Notify>,
}

/// A place in the line; dropped, it is given up, and what was offered goes on to another.
#[derive(Debug)]
pub(super) struct Place<'a> {
    line: &'a Line,
    priority: Priority,
}

impl Line {
    pub(super) fn enter(&self, priority: Priority) -> Place<'_> {
        self.waiting[priority].fetch_add(1, Ordering::Relaxed);
        Place { line: self, priority }
    }

    /// How many wait that are as important, or more.
    pub(super) fn ahead_of(&self, priority: Priority) -> usize {
        let before = Priority::ALL.into_iter().filter(|other| *other <= priority);
        before.map(|other| self.waiting[other].load(Ordering::Relaxed)).sum()
    }

    /// Offers a place to the most important of those who wait.
    pub(super) fn offer(&self) {
        let waits = |priority: &Priority| self.waiting[*priority].load(Ordering::Relaxed) > 0;
        if let Some(priority) = Priority::ALL.into_iter().find(waits) {
            self.offers[priority].notify_one();
        }
    }
}

impl Place<'_> {
    /// Waits for an offer. One that is made before this is awaited is kept.
    pub(super) async fn offered(&self) {
        self.line.offers[self.priority].notified().await;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.line.waiting[self.priority].fetch_sub(1, Ordering::Relaxed);
        self.line.offer();
    }
}
