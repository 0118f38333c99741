//! The oracle with a queue: told at every moment who works and how many slots each has, it sends a request only where a slot is free,
//! and lets the others wait, the most important first. What cannot be answered in time any more is refused. The bound under
//! overload and in a burst, where the oracle without a queue wastes what comes at a bad moment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Answering, Failed, Policy, Told};
use crate::massive::arrivals::Tier;
use crate::massive::child::Start;
use crate::massive::latency::Profile;
use crate::massive::plan::Plan;
use crate::massive::scenario::DEADLINE;
use crate::massive::schedule::ENDPOINTS;
use crate::massive::transport::{Asked, Transport};

/// How often a request that waits looks whether somebody works now who did not before.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Requests that may wait: a burst and more.
const WAITING_MAX: usize = 20_000;

/// Told who works and how many slots they have.
pub struct OracleQueue {
    transport: Arc<Transport>,
    plan: Plan,
    start: Start,
    slots: usize,
    wait_max: Duration,
    queue: Arc<Mutex<Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    taken: [usize; ENDPOINTS],
    waiting: BTreeMap<(Tier, u64), oneshot::Sender<Slot>>,
}

/// A slot that is taken at an endpoint; dropped, it is free again.
#[derive(Debug)]
struct Slot {
    place: usize,
    queue: Arc<Mutex<Queue>>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        lock(&self.queue).taken[self.place] -= 1;
    }
}

impl OracleQueue {
    /// Through this transport, told this plan and these slots.
    pub fn new(transport: Arc<Transport>, told: Told) -> Self {
        let Told { plan, start, profile, slots } = told;
        // What begins later may be too late: then its slot would be wasted.
        let slowest = match profile {
            Profile::Uniform => Duration::from_secs(3),
            Profile::Lognormal => Duration::from_millis(500),
        };
        Self { transport, plan, start, slots, wait_max: DEADLINE - slowest, queue: Arc::default() }
    }

    /// Gives free slots to those that wait, as far as both go.
    fn serve(&self) {
        let working = self.plan.working(self.start.elapsed());
        loop {
            let (slot, waiter) = {
                let mut queue = lock(&self.queue);
                let emptiest = working.iter().copied().min_by_key(|place| queue.taken[*place]);
                let Some(place) = emptiest.filter(|place| queue.taken[*place] < self.slots) else { return };
                let Some((_, waiter)) = queue.waiting.pop_first() else { return };
                queue.taken[place] += 1;
                (Slot { place, queue: Arc::clone(&self.queue) }, waiter)
            };
            // One that has gone gives the slot back by that.
            drop(waiter.send(slot));
        }
    }

    async fn wait(&self, asked: Asked) -> Option<Slot> {
        let (tell, mut told) = oneshot::channel();
        {
            let mut queue = lock(&self.queue);
            if queue.waiting.len() >= WAITING_MAX {
                return None;
            }
            queue.waiting.insert((asked.tier, asked.id), tell);
        }
        let until = tokio::time::Instant::now() + self.wait_max;
        while tokio::time::Instant::now() < until {
            self.serve();
            if let Ok(Ok(slot)) = tokio::time::timeout(LOOK_EVERY, &mut told).await {
                return Some(slot);
            }
        }
        lock(&self.queue).waiting.remove(&(asked.tier, asked.id));
        // It may have come at the last moment.
        told.try_recv().ok()
    }
}

impl Policy for OracleQueue {
    fn answer(&self, asked: Asked) -> Answering<'_> {
        Box::pin(async move {
            let slot = self.wait(asked).await.ok_or(Failed::Refused)?;
            let ended = self.transport.attempt(slot.place, asked).await;
            drop(slot);
            self.serve();
            Ok(ended?)
        })
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}
