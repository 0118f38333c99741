//! What a balancer shows of itself. A snapshot is made on demand by looking at every endpoint, so not on the path of a call. It holds the
//! lock meanwhile, as do the memory and the evidence: with ten endpoints nobody notices, with 10,000 calls wait some milliseconds for
//! it. Who has so many takes one every few seconds, and not several a second.

use std::sync::Arc;

use homeostat_reactor::Moment;
use serde::Serialize;

use super::core::BalanceCore;
use super::counts::AttemptCounts;
use super::roster::{EndpointId, Standing};
use crate::line::LineSnapshot;
use crate::predictor::{Learned, Pool};

/// The numbers of a balancer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BalanceSnapshot {
    /// Its name.
    pub name: String,
    /// Whether so many endpoints fail that none is left out.
    pub is_panicking: bool,
    /// How many are left out.
    pub ejected: usize,
    /// What all attempts came to, those at endpoints that are gone included.
    pub counts: AttemptCounts,
    /// The line before endpoints that are all full.
    pub line: LineSnapshot,
    /// The endpoints, by name.
    pub endpoints: Vec<EndpointSnapshot>,
}

/// The numbers of an endpoint.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EndpointSnapshot {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub standing: Standing,
    /// How likely it works.
    pub works: f32,
    /// Whether it gets better (above 0) or worse.
    pub trend: f32,
    /// The middle of how long its good calls take; none as long as there was none.
    pub p50_ms: Option<f64>,
    /// The time within which 19 of 20 of its good calls are done.
    pub p95_ms: Option<f64>,
    /// Calls under way.
    pub in_flight: u32,
    /// Whether it said a moment ago that it has no room.
    pub is_full: bool,
    /// How many of our calls it has room for, once it has said that it is full.
    pub room: Option<f32>,
    /// What the attempts there came to.
    pub counts: AttemptCounts,
}

impl BalanceCore {
    /// How many endpoints there are.
    pub fn len(&self) -> usize {
        self.roster.len()
    }

    /// Whether this one is still there.
    pub(super) fn has(&self, id: EndpointId) -> bool {
        self.roster.get(id).is_some()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The endpoint of that name.
    pub fn find(&self, name: &str) -> Option<EndpointId> {
        self.roster.find(name)
    }

    /// Where an endpoint stands.
    pub fn standing(&self, id: EndpointId) -> Option<Standing> {
        self.roster.get(id).map(|slot| slot.standing)
    }

    /// What is known of an endpoint.
    pub fn learned(&self, id: EndpointId) -> Option<&Learned> {
        self.roster.get(id).map(|slot| &slot.learned)
    }

    /// What is known of all.
    pub const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// How many are left out.
    pub fn ejected(&self) -> usize {
        self.roster.list(Standing::Ejected).len()
    }

    /// Whether so many fail that none is left out.
    pub const fn is_panicking(&self) -> bool {
        self.is_panicking
    }

    /// The names of all endpoints.
    pub fn names(&self) -> Vec<Arc<str>> {
        self.roster.slots().map(|slot| Arc::clone(&slot.name)).collect()
    }

    pub(crate) fn roster_learned(&self) -> impl Iterator<Item = (&str, &Learned)> {
        self.roster.slots().map(|slot| (&*slot.name, &slot.learned))
    }

    /// Its numbers.
    pub fn snapshot(&self, now: Moment, name: &str) -> BalanceSnapshot {
        let endpoints = self.roster.slots().map(|slot| {
            let millis = |share| slot.learned.latency(share).map(|latency| latency.as_secs_f64() * 1e3);
            EndpointSnapshot {
                name: slot.name.to_string(),
                standing: slot.standing,
                works: slot.learned.works(now, &self.pool, &self.settings.predictor),
                trend: slot.learned.trend(now, &self.pool),
                p50_ms: millis(0.5),
                p95_ms: millis(0.95),
                in_flight: slot.learned.in_flight(),
                is_full: slot.learned.is_full(now),
                room: slot.learned.room(),
                counts: slot.counts,
            }
        });
        let endpoints: Vec<EndpointSnapshot> = endpoints.collect();
        let mut counts = self.gone;
        endpoints.iter().for_each(|endpoint| counts.add(&endpoint.counts));
        BalanceSnapshot {
            name: name.to_owned(),
            is_panicking: self.is_panicking(),
            ejected: self.ejected(),
            counts,
            line: LineSnapshot::default(),
            endpoints,
        }
    }
}
