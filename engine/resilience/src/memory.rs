//! What was learned, kept over a restart, and what other nodes have seen.
//!
//! Used by [`Balancer`](crate::balance::Balancer). A memory counts the less the older it is, and only where nothing is known yet.
//! Evidence of others is an opinion, never a switch: it takes a quorum of nodes, the middle one of them is believed, and together
//! they weigh no more than a few calls of our own. One node that is cut off, or lies, cannot take an endpoint from all the others.

use std::collections::BTreeMap;
use std::time::Duration;

use homeostat_reactor::Moment;
use serde::{Deserialize, Serialize};

use crate::balance::BalanceCore;
use crate::predictor::{Count, Prior, Sketch, left_after};

/// After this time without the process, what it remembers counts half as much: health changes within minutes.
const OUTCOMES_HALF_LIFE: Duration = Duration::from_secs(5 * 60);
/// Latencies keep: they change with releases, not with minutes.
const LATENCIES_HALF_LIFE: Duration = Duration::from_secs(6 * 3_600);
/// How much room there is changes with deployments and with other callers: what is older is found again by asking.
const ROOM_AGE_MAX: Duration = Duration::from_secs(10 * 60);
/// No endpoint has room for more of our calls.
const ROOM_MAX: f32 = 1e6;
/// Opinions it takes before they count: with three, the middle one is an honest one if one of them lies.
const QUORUM: usize = 3;
/// An opinion older than this is forgotten.
const OPINION_AGE_MAX: Duration = Duration::from_secs(30);
/// All others together weigh like this many calls of our own: four calls that go otherwise overrule them.
const OTHERS_WEIGHT_MAX: f32 = 3.0;
/// An opinion that rests on less than this many calls is none.
const OPINION_CALLS_MIN: f32 = 2.0;
/// Opinions kept for an endpoint, the latest of each node; and endpoints of which opinions are kept.
const NODES_MAX: usize = 16;
const ENDPOINTS_MAX: usize = 16_384;

/// What was learned of all endpoints.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// The endpoints, by name.
    pub endpoints: BTreeMap<String, Remembered>,
    /// How long good calls take anywhere: weights of logarithmic buckets.
    pub latencies: Vec<f32>,
}

/// What was learned of an endpoint.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    /// Calls that went well, the old ones counting less.
    pub good: f32,
    /// Calls that failed.
    pub bad: f32,
    /// How long good calls take there.
    pub latencies: Vec<f32>,
    /// How many of our calls it had room for; 0 where it never said so.
    pub room: f32,
}

/// What a node has seen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The node.
    pub node: String,
    /// What became of its calls, by endpoint.
    pub endpoints: BTreeMap<String, Opinion>,
}

/// What a node has seen of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Opinion {
    /// Calls that went well, the old ones counting less.
    pub good: f32,
    /// Calls that failed.
    pub bad: f32,
}

/// The latest opinions of other nodes.
#[derive(Debug, Default)]
pub struct Gossip {
    opinions: BTreeMap<String, BTreeMap<String, (Moment, f32)>>,
}

impl Gossip {
    /// Takes note of what a node has seen, and tells the core what the nodes together say.
    pub fn merge(&mut self, now: Moment, evidence: &Evidence, core: &mut BalanceCore) {
        self.opinions.retain(|_, nodes| {
            nodes.retain(|_, (at, _)| now.since(*at) <= OPINION_AGE_MAX);
            !nodes.is_empty()
        });
        for (endpoint, opinion) in &evidence.endpoints {
            let calls = opinion.good + opinion.bad;
            let is_sound = opinion.good >= 0.0 && opinion.bad >= 0.0 && calls.is_finite() && calls >= OPINION_CALLS_MIN;
            if !is_sound || core.find(endpoint).is_none() {
                continue;
            }
            if !self.opinions.contains_key(endpoint) && self.opinions.len() >= ENDPOINTS_MAX {
                continue;
            }
            let nodes = self.opinions.entry(endpoint.clone()).or_default();
            if nodes.contains_key(&evidence.node) || nodes.len() < NODES_MAX {
                nodes.insert(evidence.node.clone(), (now, opinion.good / calls));
            }
            if let Some(said) = together(nodes.values().map(|(_, share)| *share).collect()) {
                core.hear(now, endpoint, said);
            }
        }
    }
}

/// What opinions amount to; nothing without a quorum. Each node has one voice, however many calls it made or claims to have made.
fn together(mut shares: Vec<f32>) -> Option<Prior> {
    if shares.len() < QUORUM {
        return None;
    }
    shares.sort_by(f32::total_cmp);
    // Of an even number the better middle one: in doubt for the endpoint.
    Some(Prior { share: shares[shares.len() / 2], weight: (shares.len() as f32).min(OTHERS_WEIGHT_MAX) })
}

impl BalanceCore {
    /// What was learned, to be kept.
    pub fn memory(&self) -> Memory {
        let endpoints = self.roster_learned().map(|(name, learned)| {
            let count = learned.counted();
            let latencies = learned.latency_sketch().weights();
            let room = learned.room().unwrap_or(0.0);
            (name.to_owned(), Remembered { good: count.good, bad: count.bad, latencies, room })
        });
        Memory { endpoints: endpoints.collect(), latencies: self.pool().good_sketch().weights() }
    }

    /// What was learned this long ago; of endpoints that are there and of which nothing is known yet.
    pub fn recall(&mut self, now: Moment, memory: &Memory, age: Duration) {
        let outcomes_left = left_after(age, OUTCOMES_HALF_LIFE);
        let latencies_left = left_after(age, LATENCIES_HALF_LIFE);
        let sketch = |weights: &[f32]| {
            let mut sketch = Sketch::from_weights(weights, now);
            sketch.scale(latencies_left);
            sketch
        };
        self.recall_pool(sketch(&memory.latencies));
        for (name, remembered) in &memory.endpoints {
            let count = Count { good: remembered.good, bad: remembered.bad };
            self.recall_endpoint(now, name, count.sound().scaled(outcomes_left), sketch(&remembered.latencies));
            if age <= ROOM_AGE_MAX && (1.0..=ROOM_MAX).contains(&remembered.room) {
                self.recall_room(name, remembered.room);
            }
        }
    }

    /// What this node has seen itself, for others: never what it has only heard.
    pub fn evidence(&self, node: &str) -> Evidence {
        let opinions = self.roster_learned().map(|(name, learned)| {
            let count = learned.counted();
            (name.to_owned(), Opinion { good: count.good, bad: count.bad })
        });
        let endpoints = opinions.filter(|(_, opinion)| opinion.good + opinion.bad >= OPINION_CALLS_MIN).collect();
        Evidence { node: node.to_owned(), endpoints }
    }
}
