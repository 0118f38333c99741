//! Calls spread over endpoints: to where they have the best chance and the shortest wait, around what is broken or full.
//!
//! Called by whoever has several endpoints that can answer the same call. A thin shell around [`BalanceCore`], with a clock, chance
//! and the endpoints' values; its lock is short and never held while a call runs or a listener is told. It always holds that at
//! most the capped share of endpoints is left out, and that each one is asked again some day. It makes one attempt a call: whether
//! another follows is for a retry or a hedge to say; [`Balancer::course`] has each of them go elsewhere.

mod builder;
mod choose;
mod core;
mod counts;
mod course;
mod pick;
mod roster;
mod settings;
mod snapshot;
mod subset;
mod wait;

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use homeostat_reactor::{Clock, Moment};

pub use self::builder::BalancerBuilder;
pub use self::choose::{Choice, Wish};
pub use self::core::{BalanceCore, Change};
pub use self::counts::AttemptCounts;
pub use self::course::{Course, Leg};
pub use self::pick::Pick;
pub use self::roster::{EndpointId, Standing};
pub use self::settings::BalanceSettings;
pub use self::snapshot::{BalanceSnapshot, EndpointSnapshot};
pub use self::subset::subset;
use crate::chance::Chance;
use crate::line::Line;
pub use crate::line::LineSnapshot;
use crate::memory::{Evidence, Gossip, Memory};
use crate::{Advice, Call, Failure, Listener, PolicyEvent, Priority, Refusal};

/// Spreads calls over endpoints. Clones share everything.
#[derive(Debug)]
pub struct Balancer<T>(Arc<Shared<T>>);

impl<T> Clone for Balancer<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
struct Shared<T> {
    name: Arc<str>,
    clock: Clock,
    chance: Chance,
    listener: Listener,
    state: Mutex<State<T>>,
    line: Line,
}

#[derive(Debug)]
struct State<T> {
    core: BalanceCore,
    /// By the place of the endpoint. Shared, so that no value is cloned or dropped under the lock.
    values: Vec<Option<Arc<T>>>,
    gossip: Gossip,
}

impl<T> State<T> {
    /// Adds an endpoint or changes its value; gives back the value it had.
    fn insert(&mut self, now: Moment, name: &str, value: T) -> (EndpointId, Option<Arc<T>>) {
        let id = self.core.insert(now, name);
        if self.values.len() <= id.place() {
            self.values.resize_with(id.place() + 1, || None);
        }
        (id, self.values[id.place()].replace(Arc::new(value)))
    }

    fn remove(&mut self, now: Moment, name: &str) -> Option<Arc<T>> {
        let id = self.core.remove(now, name)?;
        self.values[id.place()].take()
    }

    fn value(&self, id: EndpointId) -> Arc<T> {
        let value = self.values.get(id.place()).and_then(Option::as_ref);
        Arc::clone(value.expect("an endpoint that is there has a value"))
    }
}

impl<T> Shared<T> {
    /// Works on the core, and tells what changed when the lock is released.
    fn with<R>(&self, work: impl FnOnce(&mut BalanceCore) -> R) -> R {
        self.with_state(|state| work(&mut state.core))
    }

    fn with_state<R>(&self, work: impl FnOnce(&mut State<T>) -> R) -> R {
        let (result, changes) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let result = work(&mut state);
            (result, state.core.take_changes())
        };
        for change in changes {
            let name = Arc::clone(&self.name);
            self.listener.tell(|| match change {
                Change::Ejected(endpoint, pause) => {
                    PolicyEvent::Ejected { name, endpoint: endpoint.to_string(), pause }
                }
                Change::Readmitted(endpoint) => PolicyEvent::Readmitted { name, endpoint: endpoint.to_string() },
                Change::Panicking(on) => PolicyEvent::Panicking { name, on },
            });
        }
        result
    }
}

impl<T> Balancer<T> {
    /// Adds an endpoint, or gives the one of that name another value; what was learned of it stays.
    pub fn insert(&self, name: &str, value: T) {
        let now = self.0.clock.now();
        drop(self.0.with_state(|state| state.insert(now, name, value)));
        self.0.line.offer();
    }

    /// Takes an endpoint away; calls under way there go on. Whether it was there.
    pub fn remove(&self, name: &str) -> bool {
        let now = self.0.clock.now();
        let removed = self.0.with_state(|state| state.remove(now, name)).is_some();
        self.0.line.offer();
        removed
    }

    /// Has exactly these endpoints from now on. Those that stay keep what was learned; [`subset`] chooses some of many beforehand.
    pub fn replace(&self, endpoints: impl IntoIterator<Item = (String, T)>) {
        let now = self.0.clock.now();
        let endpoints: Vec<(String, T)> = endpoints.into_iter().collect();
        let gone: Vec<Option<Arc<T>>> = self.0.with_state(|state| {
            let names: BTreeSet<String> = endpoints.iter().map(|(name, _)| name.clone()).collect();
            let mut gone: Vec<_> =
                endpoints.into_iter().map(|(name, value)| state.insert(now, &name, value).1).collect();
            let others = state.core.names().into_iter().filter(|name| !names.contains(&**name));
            gone.extend(others.map(|name| state.remove(now, &name)));
            gone
        });
        drop(gone);
        self.0.line.offer();
    }

    /// What a health check says of an endpoint: a hint, weighed with what real calls say, never an order.
    pub fn hint(&self, name: &str, works: bool) {
        let now = self.0.clock.now();
        self.0.with(|core| core.hint(now, name, works));
        self.0.line.offer();
    }

    /// An endpoint said at the end of an answer that had begun well that it has no room.
    pub(crate) fn said_full(&self, name: &str) {
        let now = self.0.clock.now();
        self.0.with(|core| core.said_full(now, name));
    }

    /// How likely an endpoint works, as of now and with its silent calls: whether an attempt there is worth waiting for.
    pub fn works(&self, id: EndpointId) -> f32 {
        let now = self.0.clock.now();
        self.0.with(|core| core.succeeds(now, id, None))
    }

    /// How many endpoints there are.
    pub fn len(&self) -> usize {
        self.0.with(|core| core.len())
    }

    /// Whether there is no endpoint.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How likely at least one of these endpoints works, as of now.
    pub(super) fn one_works(&self, now: Moment, ids: impl Iterator<Item = EndpointId>) -> f32 {
        self.0.with(|core| 1.0 - ids.map(|id| 1.0 - core.succeeds(now, id, None)).product::<f32>())
    }

    /// Whether nobody is doubted or left out.
    pub(super) fn is_all_liked(&self) -> bool {
        self.0.with(|core| core.is_all_liked())
    }

    /// The time within which half of the good calls are done, as long as somebody is doubted or left out.
    pub(super) fn typical_in_doubt(&self) -> Option<Duration> {
        self.0.with(|core| if core.is_all_liked() { None } else { core.pool().typical() })
    }

    /// The time within which this share of good calls is done, over all endpoints: when to hedge.
    pub fn good_within(&self, share: f32) -> Option<Duration> {
        self.0.with(|core| core.pool().good_within(share))
    }

    /// Its numbers.
    pub fn snapshot(&self) -> BalanceSnapshot {
        let now = self.0.clock.now();
        let seen = self.0.with(|core| core.snapshot(now, &self.0.name));
        BalanceSnapshot { line: self.0.line.snapshot(), ..seen }
    }

    /// New settings from now on; what was learned stays.
    pub fn reload(&self, settings: BalanceSettings) {
        let now = self.0.clock.now();
        self.0.with(|core| core.reload(now, settings));
        self.0.line.offer();
    }

    /// What was learned, to be kept for the next start.
    pub fn memory(&self) -> Memory {
        self.0.with(|core| core.memory())
    }

    /// What was learned before the last stop, this long ago; endpoints must be there. What is known by now stays.
    pub fn recall(&self, memory: &Memory, age: Duration) {
        let now = self.0.clock.now();
        self.0.with(|core| core.recall(now, memory, age));
    }

    /// What this node has seen itself, for others.
    pub fn evidence(&self, node: &str) -> Evidence {
        self.0.with(|core| core.evidence(node))
    }

    /// What another node has seen: weighed with what others say and with what is seen here.
    pub fn merge(&self, evidence: &Evidence) {
        let now = self.0.clock.now();
        self.0.with_state(|state| state.gossip.merge(now, evidence, &mut state.core));
    }
}

impl<T> Balancer<T> {
    /// An endpoint for this call.
    pub fn pick(&self, call: &Call) -> Result<Pick<T>, Refusal> {
        self.pick_besides(call, &[])
    }

    /// Another endpoint for this call than those that were tried; one of those only if there is no other.
    pub fn pick_besides(&self, call: &Call, tried: &[EndpointId]) -> Result<Pick<T>, Refusal> {
        let now = self.0.clock.now();
        Ok(Pick::new(self.clone(), now, self.choose_now(call, now, tried)?))
    }

    fn choose_now(&self, call: &Call, now: Moment, tried: &[EndpointId]) -> Result<(EndpointId, Arc<T>), Refusal> {
        let wish = Wish { within: call.remaining(now), is_idempotent: call.is_idempotent, tried };
        let picked = self.0.with_state(|state| {
            let id = state.core.choose(now, wish, &self.0.chance)?;
            state.core.begin(now, id);
            Some((id, state.value(id)))
        });
        picked.ok_or_else(|| self.no_endpoint())
    }

    /// Another endpoint with room for this call; `None` where all that are likely to answer are full.
    fn pick_with_room(
        &self,
        call: &Call,
        now: Moment,
        tried: &[EndpointId],
        may_explore: impl Fn() -> bool,
    ) -> Result<Option<Pick<T, &Self>>, Refusal> {
        let wish = wish_of_one_who_waits(call, now, tried);
        self.pick_chosen(now, |core, chance| {
            // Only asked where there is something to explore: the answer costs a lock.
            let may_explore = !core.is_somebody_doubted(now) || may_explore();
            core.choose_with_room(now, wish, may_explore, chance)
        })
    }

    /// An endpoint to find out about, for a call that would wait otherwise.
    fn pick_to_explore(
        &self,
        call: &Call,
        now: Moment,
        tried: &[EndpointId],
    ) -> Result<Option<Pick<T, &Self>>, Refusal> {
        let wish = wish_of_one_who_waits(call, now, tried);
        let choose = |core: &mut BalanceCore, _: &Chance| {
            let nothing_due = Choice::NoRoom(EndpointId::default());
            core.explore_instead(now, wish).map_or(nothing_due, Choice::At)
        };
        self.pick_chosen(now, choose)
    }

    fn pick_chosen(
        &self,
        now: Moment,
        choose: impl FnOnce(&mut BalanceCore, &Chance) -> Choice,
    ) -> Result<Option<Pick<T, &Self>>, Refusal> {
        let (choice, value) = self.0.with_state(|state| {
            let choice = choose(&mut state.core, &self.0.chance);
            let Choice::At(id) = choice else { return (choice, None) };
            state.core.begin(now, id);
            (choice, Some((id, state.value(id))))
        });
        match (choice, value) {
            (Choice::Nobody, _) => Err(self.no_endpoint()),
            (_, None) => Ok(None),
            (_, Some(chosen)) => Ok(Some(Pick::new(self, now, chosen))),
        }
    }

    /// Endpoints for as many attempts as should begin at once for this call, and at most so many: what its budget allows.
    pub fn plan(&self, call: &Call, most: usize) -> Result<Vec<Pick<T>>, Refusal> {
        let now = self.0.clock.now();
        let wish = Wish { within: call.remaining(now), is_idempotent: call.is_idempotent, tried: &[] };
        let picked: Vec<(EndpointId, Arc<T>)> = self.0.with_state(|state| {
            let ids = state.core.plan(now, wish, most, &self.0.chance);
            ids.iter().for_each(|id| state.core.begin(now, *id));
            ids.into_iter().map(|id| (id, state.value(id))).collect()
        });
        if picked.is_empty() {
            return Err(self.no_endpoint());
        }
        Ok(picked.into_iter().map(|chosen| Pick::new(self.clone(), now, chosen)).collect())
    }

    /// Makes the call once, at the endpoint with the best prospects, and learns from what `advise` says of the result.
    ///
    /// # Errors
    /// The call's own, or that there is no endpoint, or no time left.
    pub async fn call<R, E, A, F>(
        &self,
        call: &Call,
        advise: impl Fn(&Result<R, E>) -> A,
        work: impl FnOnce(Arc<T>) -> F,
    ) -> Result<R, Failure<E>>
    where
        A: Into<Advice>,
        F: Future<Output = Result<R, E>>,
    {
        self.course().call(call, advise, work).await
    }

    /// For several attempts at one call, by a retry or a hedge: each goes to another endpoint than those before.
    pub fn course(&self) -> Course<T> {
        Course::new(self.clone())
    }

    /// The same for whoever keeps the balancer in sight.
    pub(crate) const fn course_here(&self) -> Course<T, &Self> {
        Course::new(self)
    }

    fn no_endpoint(&self) -> Refusal {
        Refusal::NoEndpoint { name: self.0.name.to_string() }
    }
}

/// A critical call is not spent on finding out who works again, as long as others come by.
fn wish_of_one_who_waits<'a>(call: &Call, now: Moment, tried: &'a [EndpointId]) -> Wish<'a> {
    let is_idempotent = call.is_idempotent && call.priority != Priority::Critical;
    Wish { within: call.remaining(now), is_idempotent, tried }
}
