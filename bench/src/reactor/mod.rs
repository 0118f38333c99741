//! The reactor's benchmark: throughput beside RxJS, rxrust, Erlang and a bare channel; critical events in a flood; and what is
//! left of the work as the load grows beyond capacity.
//!
//! Every subject is a process of its own and gives an answer that is checked. Ours and the Rust peers are this very program.

pub mod child;
mod degrade;
mod events;
mod flood;
mod floor;
mod lines;
mod notes;
mod ours;
mod overload;
pub mod peers;
pub mod picture;
mod rxrust;
mod throughput;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;

use self::peers::Peer;
use crate::Common;
use crate::machine::{Machine, library_version};
use crate::report::{OURS, Report};

/// What the reactor's benchmark takes.
#[derive(Debug, clap::Args)]
pub struct ReactorArguments {
    #[command(flatten)]
    pub common: Common,
    /// Measures only the subjects whose name contains this, for tuning one of them
    #[arg(long, value_name = "PART", default_value = "")]
    only: String,
}

/// What a child that is measured is told.
#[derive(Debug, clap::Args)]
pub struct SubjectArguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    Throughput(throughput::ThroughputArguments),
    Overload(overload::OverloadArguments),
}

/// Is a subject (used by `reactor` on itself).
pub fn be_subject(arguments: &SubjectArguments) -> Result<()> {
    match &arguments.part {
        Part::Throughput(arguments) => throughput::be_subject(arguments),
        Part::Overload(arguments) => overload::be_subject(arguments),
    }
}

/// How much is measured.
struct Length {
    rounds: usize,
    events: usize,
    warm_up: usize,
    memory_events: [usize; 3],
    flood: Duration,
    degrade: Duration,
    degrade_rounds: usize,
    only: String,
}

impl Length {
    fn of(quick: bool, only: &str) -> Self {
        let only = only.to_owned();
        if quick {
            return Self {
                rounds: 2,
                events: 300_000,
                warm_up: 50_000,
                memory_events: [100_000, 300_000, 1_000_000],
                flood: Duration::from_secs(1),
                degrade: Duration::from_millis(500),
                degrade_rounds: 1,
                only,
            };
        }
        Self {
            rounds: 5,
            events: 5_000_000,
            warm_up: 200_000,
            memory_events: [1_000_000, 5_000_000, 20_000_000],
            flood: Duration::from_secs(10),
            degrade: Duration::from_secs(4),
            degrade_rounds: 3,
            only,
        }
    }
}

/// The peers that could be put in place.
struct Peers {
    rxjs: Option<Peer>,
    erlang: Option<Peer>,
}

/// Measures everything.
pub fn run(arguments: &ReactorArguments) -> Result<Report> {
    let ReactorArguments { common, only } = arguments;
    let length = Length::of(common.quick, only);
    let mut versions = BTreeMap::from([
        (OURS.to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("rxrust".to_owned(), library_version("rxrust")),
        ("tokio".to_owned(), library_version("tokio")),
    ]);
    let mut not_run = Vec::new();
    let mut place = |name: &str, peer: Result<Peer>| match peer {
        Ok(peer) => {
            versions.insert(name.to_owned(), peer.version.clone());
            Some(peer)
        }
        Err(error) => {
            not_run.push(format!("{name}: {error:#}"));
            None
        }
    };
    let peers = Peers { rxjs: place("RxJS", peers::rxjs()), erlang: place("Erlang", peers::erlang()) };
    let mut report = Report::new("reactor", common.quick, Machine::describe(&common.data_folder(), versions));
    report.not_run = not_run;
    report.notes = notes::notes();
    throughput::rates(&mut report, &length, &peers)?;
    throughput::memory(&mut report, &length, &peers)?;
    flood::measure_flood(&mut report, &length, &peers)?;
    degrade::measure_degradation(&mut report, &length)?;
    Ok(report)
}
