//! The policies that are compared in this program: what a request does until it has an answer. One file each.
//!
//! Called by the gateway. They share the transport and the judge of answers; none may know more than its kind would: only the
//! oracle is given the plan.

mod ablation;
mod broadcast;
mod direct;
mod oracle;
mod oracle_queue;
mod ours;
mod prototype;
mod tower;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::Result;
use hyper::body::Bytes;

use super::child::Start;
use super::latency::Profile;
use super::plan::Plan;
use super::transport::{Asked, Transport, Trouble};

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// A policy refused, and nothing was sent.
    Refused,
    /// Time was up.
    Late,
    /// The last attempt failed.
    Attempt(Trouble),
}

impl From<Trouble> for Failed {
    fn from(trouble: Trouble) -> Self {
        Self::Attempt(trouble)
    }
}

/// The answer to a request, some day.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<Bytes, Failed>> + Send + 'a>>;

/// What a request does until it has an answer.
pub trait Policy: Send + Sync {
    /// Answers a request. Dropped when its client is gone.
    fn answer(&self, asked: Asked) -> Answering<'_>;
}

/// Which policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PolicyKind {
    /// The library as it comes
    Homeostat,
    /// The library with a few settings that its user knows better
    HomeostatTuned,
    /// One attempt at any endpoint
    DirectRandom,
    /// What one writes in an afternoon: a hedger that learns who works, without a budget
    Prototype,
    /// tower-resilience, composed as its documentation advises
    TowerResilience,
    /// Told who works: one attempt at the emptiest of those
    Oracle,
    /// Told who works and how many slots they have: a queue before those
    OracleQueue,
    /// An attempt at every endpoint at once
    Broadcast,
    /// Of the ablation: time limits and retries at any endpoint
    AblationRetry,
    /// Of the ablation: and a breaker for each endpoint
    AblationBreaker,
    /// Of the ablation: and predictor, balancer and hedging, without a limit to anything
    AblationPredictor,
    /// Of the ablation: and limiter, budget and eternal mode
    AblationEverything,
}

/// What a policy may be told, if its kind knows it.
#[derive(Debug)]
pub struct Told {
    /// Who works when: for the oracle alone.
    pub plan: Plan,
    /// When the run began: for the oracle alone.
    pub start: Start,
    /// How long good answers take: for whoever is tuned by hand.
    pub profile: Profile,
    /// Slots of each endpoint: for the oracle with a queue alone.
    pub slots: usize,
}

/// A policy of this kind.
pub fn make(kind: PolicyKind, transport: &Arc<Transport>, told: Told) -> Result<Arc<dyn Policy>> {
    let transport = Arc::clone(transport);
    Ok(match kind {
        PolicyKind::Homeostat => Arc::new(ours::Ours::as_it_comes(transport)?),
        PolicyKind::HomeostatTuned => Arc::new(ours::Ours::tuned(transport)?),
        PolicyKind::Prototype => Arc::new(prototype::Hedging::new(transport)),
        PolicyKind::TowerResilience => Arc::new(tower::Composed::new(&transport, told.profile)?),
        PolicyKind::AblationRetry => Arc::new(ablation::Retrying::new(transport)),
        PolicyKind::AblationBreaker => Arc::new(ablation::Retrying::with_breakers(transport)),
        PolicyKind::AblationPredictor => Arc::new(ours::Ours::unbounded(transport)?),
        PolicyKind::AblationEverything => Arc::new(ours::Ours::everything(transport)?),
        PolicyKind::DirectRandom => Arc::new(direct::Direct::new(transport)),
        PolicyKind::Oracle => Arc::new(oracle::Oracle::new(transport, told.plan, told.start)),
        PolicyKind::OracleQueue => Arc::new(oracle_queue::OracleQueue::new(transport, told)),
        PolicyKind::Broadcast => Arc::new(broadcast::Broadcast::new(transport)),
    })
}
