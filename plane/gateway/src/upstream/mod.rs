//! Upstreams: who answers the requests of a route, and the policies around every call to them.
//!
//! An upstream has endpoints, which come and go while requests run, and a stack of policies for each route that calls it, if it does not
//! share another's: what is learned of an endpoint is learned for a kind of request, because a search and a health page of one service
//! have little in common.
//! Always holds: upstreams and what they learned outlive the plans that mention them; a list of endpoints that cannot be had leaves the
//! last one in force (nothing known is not nobody there); only a list that is given as empty makes an upstream empty, and then
//! requests may be held until somebody is there.

mod attempt;
mod endpoint;
mod health;
mod hold;
mod resolve;
mod watched;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use homeostat_reactor::Clock;
use homeostat_resilience::stack::{InvalidStack, Stack, StackSnapshot};
use homeostat_resilience::{Listener, StackSettings};
use tokio::sync::watch;

pub use self::attempt::{AttemptError, Terms, attempt};
pub use self::endpoint::{Endpoint, Parted, Place};
pub use self::health::{CheckTerms, watch_health};
pub use self::hold::{Hold, HoldTerms, NotHeld};
pub use self::resolve::watch_name;

/// Endpoints of one upstream at most; more are cut off and told of, because each has connections and learned state in every worker.
pub const ENDPOINTS_MAX: usize = 10_000;

/// Answers broken off by one endpoint that are told at once: more say nothing more.
const BROKEN_TOLD_MAX: u32 = 32;

/// Policies around calls to the endpoints of an upstream, for one route.
pub type Policies = Stack<Arc<Endpoint>>;

/// Who answers.
#[derive(Debug)]
pub struct Upstream {
    name: Arc<str>,
    workers: usize,
    clock: Clock,
    listener: Listener,
    members: Mutex<Members>,
    /// How many endpoints there are, for those who wait for one.
    count: watch::Sender<usize>,
    /// Requests that wait for the first endpoint.
    pub hold: Hold,
    /// Beginnings and ends of requests that may have changed something there.
    changes: AtomicU64,
}

#[derive(Debug)]
struct Members {
    /// How connections are made.
    terms: Arc<Terms>,
    endpoints: BTreeMap<String, Arc<Endpoint>>,
    /// By the route that they are for.
    policies: BTreeMap<String, Policies>,
    /// Those that left while requests were under way there.
    parted: Vec<Parted>,
}

impl Upstream {
    /// One without endpoints.
    pub fn new(name: &str, workers: usize, clock: Clock, listener: Listener, terms: Arc<Terms>) -> Self {
        let (count, _) = watch::channel(0);
        let members =
            Mutex::new(Members { terms, endpoints: BTreeMap::new(), policies: BTreeMap::new(), parted: Vec::new() });
        Self {
            name: name.into(),
            workers,
            clock,
            listener,
            members,
            count,
            hold: Hold::default(),
            changes: AtomicU64::new(0),
        }
    }

    /// From now on connections are made so; those that were kept are not used again.
    pub fn connect_by(&self, terms: Arc<Terms>) {
        let places: Vec<Place> = {
            let mut members = self.members();
            members.terms = terms;
            members.endpoints.values().map(|endpoint| endpoint.place.clone()).collect()
        };
        self.replace(&places);
    }

    /// Its name, as in the configuration.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// A request may have changed something there.
    pub fn was_changed(&self) {
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// How often a request may have changed something there: twice for each, as it begins and as it ends.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// The policies for a route with these settings: those that the route had before, with what they learned, or new ones.
    ///
    /// # Errors
    /// When no stack can be made of the settings; nothing changes then.
    pub fn policies(&self, route: &str, settings: StackSettings) -> Result<Policies, InvalidStack> {
        let mut members = self.members();
        if let Some(standing) = members.policies.get(route) {
            standing.reload(settings)?;
            return Ok(standing.clone());
        }
        let name = format!("{route}>{}", self.name);
        let made = Stack::builder(name, &self.clock).settings(settings).listener(self.listener.clone()).build()?;
        for (name, endpoint) in &members.endpoints {
            made.endpoints().insert(name, Arc::clone(endpoint));
        }
        members.policies.insert(route.to_owned(), made.clone());
        Ok(made)
    }

    /// Forgets the policies of routes that are gone.
    pub fn keep_policies_of(&self, is_there: impl Fn(&str) -> bool) {
        let gone: Vec<_> = {
            let mut members = self.members();
            let names: Vec<String> = members.policies.keys().filter(|route| !is_there(route)).cloned().collect();
            names.iter().filter_map(|route| members.policies.remove(route)).collect()
        };
        drop(gone);
    }

    /// Has exactly these endpoints from now on. Those that stay where they were keep their connections and what was learned.
    pub fn replace(&self, places: &[Place]) {
        let places = &places[..places.len().min(ENDPOINTS_MAX)];
        let gone = {
            let mut members = self.members();
            let wanted: BTreeMap<String, Arc<Endpoint>> =
                places.iter().map(|place| (place.name.clone(), members.endpoint(place, self.workers))).collect();
            let stay = |(name, endpoint): (&String, &Arc<Endpoint>)| {
                wanted.get(name).is_some_and(|wanted| Arc::ptr_eq(wanted, endpoint))
            };
            if wanted.len() == members.endpoints.len() && members.endpoints.iter().all(stay) {
                return;
            }
            for policies in members.policies.values() {
                let all = wanted.iter().map(|(name, endpoint)| (name.clone(), Arc::clone(endpoint)));
                policies.endpoints().replace(all);
            }
            let gone = std::mem::replace(&mut members.endpoints, wanted);
            members.part(&gone);
            gone
        };
        self.count.send_replace(self.len());
        // Connections are closed outside the lock.
        drop(gone);
    }

    /// The endpoints, by name.
    pub fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        self.members().endpoints.values().cloned().collect()
    }

    /// The endpoints that are not there any more and have requests under way still that are worth waiting for, by name.
    pub fn leaving(&self) -> Vec<String> {
        let (now, mut members) = (Instant::now(), self.members());
        members.parted.retain_mut(|parted| parted.is_busy(now));
        members.parted.iter().map(|parted| parted.name.clone()).collect()
    }

    /// How many endpoints there are.
    pub fn len(&self) -> usize {
        self.members().endpoints.len()
    }

    /// Whether nobody is there.
    pub fn is_empty(&self) -> bool {
        *self.count.borrow() == 0
    }

    /// Waits until somebody is there. Cancel-safe.
    pub async fn somebody(&self) {
        let mut count = self.count.subscribe();
        // The sender lives as long as this does.
        let _ = count.wait_for(|count| *count > 0).await;
    }

    /// What an active check says of an endpoint: a hint for all policies, never an order.
    pub fn hint(&self, endpoint: &str, works: bool) {
        let all: Vec<Policies> = self.members().policies.values().cloned().collect();
        for policies in all {
            policies.endpoints().hint(endpoint, works);
        }
    }

    /// Tells the policies which endpoints began answers and broke them off: the head alone had looked well. Called now and then.
    pub fn tell_broken(&self) {
        for endpoint in self.endpoints() {
            for _ in 0..endpoint.take_broken().min(BROKEN_TOLD_MAX) {
                self.hint(&endpoint.place.name, false);
            }
        }
    }

    /// The numbers of all its policies.
    pub fn snapshots(&self) -> Vec<StackSnapshot> {
        let all: Vec<Policies> = self.members().policies.values().cloned().collect();
        all.iter().map(Stack::snapshot).collect()
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Members {
    /// Looks after those of `before` that are not among the endpoints any more.
    fn part(&mut self, before: &BTreeMap<String, Arc<Endpoint>>) {
        let stays = |name: &str, old: &Arc<Endpoint>| self.endpoints.get(name).is_some_and(|new| Arc::ptr_eq(new, old));
        let left = before.iter().filter(|(name, old)| !stays(name, old)).map(|(_, old)| old.parted());
        let left: Vec<Parted> = left.collect();
        let now = Instant::now();
        self.parted.retain_mut(|parted| parted.is_busy(now));
        self.parted.extend(left);
        let more = self.parted.len().saturating_sub(ENDPOINTS_MAX);
        self.parted.drain(..more);
    }

    /// The endpoint that stands at this place, or a new one.
    fn endpoint(&self, place: &Place, workers: usize) -> Arc<Endpoint> {
        match self.endpoints.get(&place.name) {
            Some(standing) if standing.place == *place && Arc::ptr_eq(&standing.terms, &self.terms) => {
                Arc::clone(standing)
            }
            before => {
                let meter = before.map(|before| Arc::clone(&before.meter)).unwrap_or_default();
                Arc::new(Endpoint::new(place.clone(), workers, Arc::clone(&self.terms), meter))
            }
        }
    }
}
