//! What the policies of the resilience library cost where nothing is wrong, beside tower-resilience and failsafe: processor time,
//! allocations and room for a call; two threads on one policy; a refusal; and what is learned of an endpoint.
//!
//! The subjects are the library in `subjects`; `allocations.rs` is the program that counts their memory. This program times them, and
//! makes one report of both.

mod counted;
mod notes;
mod selection;
pub mod table;
mod timing;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;

use crate::Common;
use crate::machine::{Machine, library_version};
use crate::report::{OURS, Report};

/// The name of this benchmark, and of its section on the page.
pub const NAME: &str = "policies";

/// What the benchmark of the policies takes.
#[derive(Debug, clap::Args)]
pub struct PoliciesArguments {
    #[command(flatten)]
    pub common: Common,
    /// Measures only the policies whose name contains this, for tuning one of them
    #[arg(long, value_name = "PART", default_value = "")]
    only: String,
    /// Makes as few calls as possible: shows that everything runs, and nothing about how fast
    #[arg(long, hide = true)]
    smoke: bool,
}

/// How much is measured.
struct Length {
    rounds: usize,
    /// About how long the calls of one subject go on in one round.
    batch: Duration,
    choices: u32,
    endpoints: &'static [usize],
    /// Calls whose allocations are counted.
    counted: u64,
    /// Endpoints and breakers whose memory is counted.
    held: usize,
    only: String,
}

impl Length {
    fn of(arguments: &PoliciesArguments) -> Self {
        let only = arguments.only.clone();
        let (quick, full) = (Duration::from_millis(10), Duration::from_millis(40));
        let endpoints: &[usize] = &[10, 100, 1_000, 10_000, 100_000];
        match (arguments.smoke, arguments.common.quick) {
            (true, _) => {
                Self { rounds: 1, batch: Duration::ZERO, choices: 10, endpoints: &[10], counted: 10, held: 10, only }
            }
            (_, true) => {
                Self { rounds: 5, batch: quick, choices: 50_000, endpoints, counted: 2_000, held: 10_000, only }
            }
            _ => Self { rounds: 15, batch: full, choices: 200_000, endpoints, counted: 10_000, held: 10_000, only },
        }
    }
}

/// Measures everything.
pub fn run(arguments: &PoliciesArguments) -> Result<Report> {
    let length = Length::of(arguments);
    let versions = BTreeMap::from(
        ["tower-resilience", "failsafe", "tower", "tokio"].map(|name| (name.to_owned(), library_version(name))),
    );
    let mut report = Report::new(
        NAME,
        arguments.common.quick || arguments.smoke,
        Machine::describe(&std::env::temp_dir(), versions),
    );
    report.machine.versions.insert(OURS.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    report.notes = notes::notes();
    timing::healthy_calls(&mut report, &length)?;
    timing::refusals(&mut report, &length)?;
    selection::selections(&mut report, &length);
    counted::allocations(&mut report, &length)?;
    Ok(report)
}
