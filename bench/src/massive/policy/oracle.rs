//! The oracle: told at every moment who works, it asks the one of them that has the fewest attempts under way, and one more if that
//! has no room. What nobody can beat by much without queues; a bound, and no policy that anybody could have.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use homeostat_resilience::chance::Chance;
use hyper::body::Bytes;

use super::{Answering, Policy};
use crate::massive::child::Start;
use crate::massive::plan::Plan;
use crate::massive::schedule::ENDPOINTS;
use crate::massive::transport::{Asked, Transport, Trouble};

/// Attempts at a request: a second only after "no room", and never of a POST.
const ATTEMPTS_MAX: usize = 2;

/// Told who works.
pub struct Oracle {
    transport: Arc<Transport>,
    plan: Plan,
    start: Start,
    under_way: [AtomicUsize; ENDPOINTS],
    chance: Chance,
}

impl Oracle {
    /// Through this transport, told this plan.
    pub fn new(transport: Arc<Transport>, plan: Plan, start: Start) -> Self {
        Self { transport, plan, start, under_way: Default::default(), chance: Chance::of_the_machine() }
    }

    async fn attempt(&self, place: usize, asked: Asked) -> Result<Bytes, Trouble> {
        let _under_way = UnderWay::begin(&self.under_way[place]);
        self.transport.attempt(place, asked).await
    }

    /// The emptiest of those that work, but for those that had no room; without one that works, any.
    fn choose(&self, full: Option<usize>) -> usize {
        let mut working = self.plan.working(self.start.elapsed());
        working.retain(|place| Some(*place) != full);
        let fewest = working.into_iter().min_by_key(|place| self.under_way[*place].load(Ordering::Relaxed));
        fewest.unwrap_or_else(|| self.chance.below(ENDPOINTS))
    }
}

impl Policy for Oracle {
    fn answer(&self, asked: Asked) -> Answering<'_> {
        Box::pin(async move {
            let mut full = None;
            for number in 1.. {
                let place = self.choose(full);
                match self.attempt(place, asked).await {
                    Err(Trouble::Full) if number < ATTEMPTS_MAX && !asked.is_post => full = Some(place),
                    ended => return Ok(ended?),
                }
            }
            unreachable!("the loop ends with the last attempt");
        })
    }
}

/// Counts an attempt as long as it lives.
struct UnderWay<'a>(&'a AtomicUsize);

impl<'a> UnderWay<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
