//! The benchmark of massive failure: what is left of an application's requests while 80 % of its endpoints fail, under bounded work.
//!
//! `cargo xtask bench massive-failure`, or a part of it: `homeostat-bench massive --subject homeostat --schedule switch80`. Every
//! run has backends and a subject in processes of their own; all subjects of a seed are sent the same requests, meet the same
//! failures and are counted by the same books, and the oracle that is told who works is always among them.

mod arrivals;
mod backends;
mod bar;
pub mod child;
mod contender;
mod crowd;
mod draw;
mod gateway;
mod latency;
mod ledger;
mod load;
mod notes;
pub mod page;
pub mod picture;
mod plan;
mod policy;
pub mod proxy;
mod results;
mod round;
mod rows;
mod scenario;
mod schedule;
mod score;
mod subject;
mod suite;
mod table;
mod transport;
mod window;
mod wire;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;

pub use self::backends::{BackendsArguments, be_backends};
use self::crowd::measure_all;
pub use self::gateway::{SubjectArguments, be_subject};
use self::latency::Profile;
use self::proxy::Placed;
use self::results::Results;
use self::round::Round;
use self::scenario::{Scenario, TIGHT};
use self::schedule::Schedule;
use self::subject::Subject;
use self::suite::{Case, Extent};
use crate::Common;
use crate::machine::{Machine, library_version};
use crate::report::{OURS, Report};

/// The name of the benchmark.
pub const NAME: &str = "massive-failure";

/// What the benchmark of massive failure takes.
#[derive(Debug, clap::Args)]
pub struct MassiveArguments {
    #[command(flatten)]
    pub common: Common,
    /// Measures only these subjects, and the oracle
    #[arg(long, value_delimiter = ',')]
    subject: Vec<Subject>,
    /// Measures only this schedule, with what the other arguments say
    #[arg(long)]
    schedule: Option<Schedule>,
    /// How long good answers take, with --schedule
    #[arg(long, default_value = "uniform")]
    profile: Profile,
    /// Slots of each endpoint, with --schedule
    #[arg(long, default_value_t = TIGHT)]
    slots: usize,
    /// The load as a share of what survives with 12 slots an endpoint, with --schedule
    #[arg(long, default_value_t = 0.7)]
    load: f64,
    /// How long requests are sent in most runs
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds [default: 3, and 1 with --schedule]
    #[arg(long)]
    seeds: Option<u64>,
    /// Runs side by side, where a request takes seconds
    #[arg(long, default_value_t = 60)]
    jobs: usize,
    /// Measures only the ablation: five rows from no policy to everything; with --schedule, through that
    #[arg(long)]
    ablation: bool,
}

impl MassiveArguments {
    /// What is to be measured.
    fn cases(&self) -> Vec<Case> {
        let length = Duration::from_secs(self.seconds);
        let extent = Extent { length, seeds: self.seeds.unwrap_or(3), jobs: self.jobs };
        let mut cases = match self.schedule {
            Some(schedule) => vec![self.one(schedule, length)],
            None if self.ablation => suite::ablation(&extent),
            None if self.common.quick => suite::quick(&extent),
            None => suite::contest(&extent).into_iter().chain(suite::ablation(&extent)).collect(),
        };
        if !self.subject.is_empty() {
            for case in &mut cases {
                case.subjects = self.subject.clone();
                if !case.subjects.contains(&Subject::ORACLE) {
                    case.subjects.push(Subject::ORACLE);
                }
            }
        }
        cases
    }

    fn one(&self, schedule: Schedule, length: Duration) -> Case {
        let Self { profile, slots, load, jobs, .. } = *self;
        let scenario = Scenario { schedule, profile, slots, load, slots_loaded: TIGHT, length };
        let subjects = if self.ablation { Subject::ablation() } else { Subject::contestants() };
        let prefix = if self.ablation { suite::ABLATION } else { "" };
        Case { prefix, scenario, subjects, seeds: self.seeds.unwrap_or(1), jobs }
    }
}

/// Measures what was asked for; prints a table as soon as a scenario is through.
pub fn run(arguments: &MassiveArguments) -> Result<Report> {
    let cases = arguments.cases();
    let mut not_run = Vec::new();
    let placed = place_all(&cases, &mut not_run);
    let mut versions = BTreeMap::from([
        (OURS.to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("tower-resilience".to_owned(), library_version("tower-resilience")),
        ("hyper".to_owned(), library_version("hyper")),
    ]);
    versions.extend(placed.values().map(|placed| (placed.name.to_owned(), placed.version.clone())));
    let machine = Machine::describe(&arguments.common.data_folder(), versions);
    let mut report = Report::new(NAME, arguments.common.quick, machine);
    report.notes = notes::notes();
    report.not_run = not_run;
    // What may go side by side goes into one crowd, whatever its scenario: its length is what takes the time.
    let mut jobs: Vec<usize> = cases.iter().map(|case| case.jobs).collect();
    jobs.sort_unstable_by(|one, other| other.cmp(one));
    jobs.dedup();
    for jobs in jobs {
        let alike: Vec<&Case> = cases.iter().filter(|case| case.jobs == jobs).collect();
        for (case, results) in alike.iter().zip(measure(&alike, jobs, arguments.seed, &placed, &mut report.not_run)) {
            println!("{}", table::table(&case.name(), &results));
            rows::add(&mut report, &case.name(), &results);
        }
    }
    Ok(report)
}

/// The proxies that are wanted and could be put in place, by the name of the subject.
fn place_all(cases: &[Case], not_run: &mut Vec<String>) -> BTreeMap<String, Placed> {
    let mut placed = BTreeMap::new();
    for subject in cases.iter().flat_map(|case| &case.subjects) {
        let Subject::Proxy(kind) = subject else { continue };
        let name = subject.name();
        if placed.contains_key(&name) || not_run.iter().any(|missing| missing.starts_with(&format!("{name}: "))) {
            continue;
        }
        match proxy::place(*kind) {
            Ok(found) => {
                placed.insert(name, found);
            }
            Err(error) => not_run.push(format!("{name}: {error:#}")),
        }
    }
    placed
}

/// Makes the runs of these cases, so many at a time; what came of each case.
fn measure(
    cases: &[&Case],
    jobs: usize,
    first_seed: u64,
    placed: &BTreeMap<String, Placed>,
    not_run: &mut Vec<String>,
) -> Vec<Results> {
    let of_cases: Vec<Vec<Round>> = cases.iter().map(|case| rounds(case, first_seed, placed)).collect();
    let mut ended = measure_all(&of_cases.concat(), jobs).into_iter();
    let mut results = Vec::new();
    for (case, rounds) in cases.iter().zip(of_cases) {
        let mut scores = Vec::new();
        for (round, score) in rounds.into_iter().zip(ended.by_ref()) {
            match score {
                Ok(score) => scores.push((round, score)),
                Err(error) => {
                    eprintln!("{error:#}");
                    not_run.push(format!("{error:#}"));
                }
            }
        }
        results.push(Results::new(case.scenario, case.seeds as usize, scores));
    }
    results
}

fn rounds(case: &Case, first_seed: u64, placed: &BTreeMap<String, Placed>) -> Vec<Round> {
    let mut rounds = Vec::new();
    for subject in &case.subjects {
        let placed = placed.get(&subject.name());
        // One that could not be put in place is told of already.
        if matches!(subject, Subject::Policy(_)) || placed.is_some() {
            let program = placed.map(|placed| placed.program.clone());
            let round = |seed| Round { subject: *subject, program: program.clone(), scenario: case.scenario, seed };
            rounds.extend((first_seed..first_seed + case.seeds).map(round));
        }
    }
    rounds
}
