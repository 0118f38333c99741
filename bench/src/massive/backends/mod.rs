//! The backends of a run: ten HTTP endpoints in one process, each with so many slots, which work and fail by the plan.
//!
//! Started by every run for itself. Each attempt is written down when it ends or is dropped, so that nobody's own word is taken for
//! how often a request was tried. What an attempt meets is decided when it arrives.

mod answer;
mod endpoint;
mod world;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use self::endpoint::Endpoint;
use self::world::World;
use super::child::{say_done, say_ready, wait_for_end, wait_for_start};
use super::latency::Profile;
use super::ledger::Attempt;
use super::plan::Plan;
use super::schedule::{ENDPOINTS, Schedule};

/// How long connections have to end when all doors are dropped: their tasks are only woken by that.
const SETTLE: Duration = Duration::from_millis(50);

/// What the backends are told.
#[derive(Debug, Clone, clap::Args)]
pub struct BackendsArguments {
    /// Who works when
    #[arg(long)]
    pub schedule: Schedule,
    /// How long good answers take
    #[arg(long)]
    pub profile: Profile,
    /// Slots of each endpoint
    #[arg(long)]
    pub slots: usize,
    /// How long requests are sent
    #[arg(long)]
    pub length_ms: u64,
    /// The seed
    #[arg(long)]
    pub seed: u64,
}

impl BackendsArguments {
    /// As a command line for this program.
    pub fn to_line(&self) -> Vec<String> {
        let Self { schedule, profile, slots, length_ms, seed } = self;
        let line = format!(
            "massive-backends --schedule {} --profile {} --slots {slots} --length-ms {length_ms} --seed {seed}",
            schedule.name(),
            profile.name()
        );
        line.split(' ').map(str::to_owned).collect()
    }
}

/// What the backends say when they are ready.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ready {
    /// The port of each endpoint.
    pub ports: Vec<u16>,
}

/// What they say at the end.
#[derive(Debug, Serialize, Deserialize)]
pub struct Done {
    /// Every attempt that arrived.
    pub attempts: Vec<Attempt>,
}

/// Is the backends of a run.
pub fn be_backends(arguments: &BackendsArguments) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(arguments))
}

async fn serve(arguments: &BackendsArguments) -> Result<()> {
    let plan = Plan::new(arguments.schedule, arguments.seed, Duration::from_millis(arguments.length_ms));
    let endpoints: Vec<Endpoint> =
        (0..ENDPOINTS).map(|_| Endpoint::reserve()).collect::<Result<_>>().context("reserving ports")?;
    say_ready(&Ready { ports: endpoints.iter().map(Endpoint::port).collect() })?;
    let start = tokio::task::spawn_blocking(wait_for_start).await??;
    let world = Arc::new(World::new(plan, arguments, start));
    let mut tasks = JoinSet::new();
    for (number, endpoint) in endpoints.into_iter().enumerate() {
        tasks.spawn(endpoint.serve(number, Arc::clone(&world)));
    }
    tokio::select! {
        ended = tasks.join_next() => ended.context("there are endpoints")??.context("an endpoint cannot go on")?,
        ended = tokio::task::spawn_blocking(wait_for_end) => ended?,
    }
    // Drops what is still under way, which is written down by that.
    tasks.shutdown().await;
    tokio::time::sleep(SETTLE).await;
    say_done(&Done { attempts: world.take_attempts() })
}
