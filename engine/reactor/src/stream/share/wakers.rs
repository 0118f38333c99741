//! Who waits for news of a shared stream, and the one waker that the source gets for all of them.
//!
//! The source always gets this one and never a subscriber's own: the subscriber that read it may be gone, or asleep, when the source
//! has news.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// The wakers, by the number of the subscriber.
#[derive(Debug, Default)]
pub(super) struct Wakers(Mutex<BTreeMap<u64, Waker>>);

impl Wakers {
    pub fn keep(&self, number: u64, waker: &Waker) {
        self.lock().entry(number).and_modify(|kept| kept.clone_from(waker)).or_insert_with(|| waker.clone());
    }

    pub fn forget(&self, number: u64) {
        // Dropped outside the lock: a waker may be a task's last handle.
        let forgotten = self.lock().remove(&number);
        drop(forgotten);
    }

    /// Wakes all that wait, except the one that brings the news.
    pub fn wake_all_but(&self, number: u64) {
        let others: Vec<Waker> = {
            let mut wakers = self.lock();
            // The common case: nobody else waits, and the own waker may stay where it is.
            if wakers.keys().all(|waiting| *waiting == number) {
                return;
            }
            let own = wakers.remove(&number);
            let others = std::mem::take(&mut *wakers).into_values().collect();
            wakers.extend(own.map(|own| (number, own)));
            others
        };
        others.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Waker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let all = std::mem::take(&mut *self.lock());
        all.into_values().for_each(Waker::wake);
    }
}
