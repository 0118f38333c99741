//! The engine's benchmark: how soon a crash is seen and repaired beside a systemd-like loop and Monit, and what the engine
//! costs while nothing happens.
//!
//! Every subject keeps the same patient alive: this very program, which tells a witness the moment it runs. The witness is
//! the one clock for all; nobody's own word is taken for when the process was back.

mod cost;
pub mod keepers;
pub mod witness;

use crate::Common;
use crate::machine::Machine;
use crate::report::{OURS, Report, quantile};
use anyhow::{Context, Result, bail};
use keepers::{Homeostat, Keeper, Monit, RestartLoop};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};
use witness::Witness;

/// What the engine's benchmark takes.
#[derive(Debug, clap::Args)]
pub struct SkeletonArguments {
    #[command(flatten)]
    pub common: Common,
}

/// How much is measured.
struct Length {
    crashes: usize,
    crashes_of_the_slow: usize,
    starts: usize,
    idle: Duration,
}

impl Length {
    const fn of(quick: bool) -> Self {
        if quick {
            return Self { crashes: 15, crashes_of_the_slow: 5, starts: 5, idle: Duration::from_secs(10) };
        }
        Self { crashes: 100, crashes_of_the_slow: 20, starts: 20, idle: Duration::from_secs(60) }
    }
}

/// How long anybody may take to bring a patient back before that counts as never.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between a repair and the next crash, so that each one is a crash of its own.
const REST: Duration = Duration::from_millis(400);

/// Measures everything.
pub fn run(arguments: &SkeletonArguments) -> Result<Report> {
    let common = &arguments.common;
    let folder = tempfile::tempdir_in(common.data_folder()).context("making a folder to measure in")?;
    let program = beside_this("homeostat")?;
    let length = Length::of(common.quick);
    let versions = BTreeMap::from([
        (OURS.to_owned(), keepers::version(&program, "--version")),
        ("monit".to_owned(), keepers::version(Path::new("monit"), "-V")),
    ]);
    let mut report = Report::new("skeleton", common.quick, Machine::describe(folder.path(), versions));
    report.notes.extend(NOTES.map(str::to_owned));
    crashes(&mut report, folder.path(), &program, &length)?;
    cost::starts(&mut report, folder.path(), &program, length.starts)?;
    cost::idle(&mut report, folder.path(), &program, length.idle)?;
    Ok(report)
}

const NOTES: [&str; 5] = [
    "A patient is killed with SIGKILL; `restarted` is the time until its successor runs and says so to the witness; `seen` is \
     the time until the keeper itself writes that it knows, where it says so to the millisecond.",
    "systemd-like: a parent that waits for its child, sleeps RestartSec and starts it again, with systemd's default of 100 ms \
     and tuned to 0. It writes nothing down: the bound for anybody who does.",
    "Monit: as Debian packages it it looks every 120 s; here it is tuned to its shortest cycle, 1 s, with a pidfile check.",
    "Homeostat makes the finding, the decision and the intent durable (three commits with fsync) before it starts anything, \
     and the shim makes the exit durable before it tells it.",
    "`resident` counts pages shared with every other process of the same program each time; `proportional` (PSS) divides them \
     among those who share them.",
];

fn beside_this(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if !path.exists() {
        bail!("{} is not built; `cargo xtask bench skeleton` builds it", path.display());
    }
    Ok(path)
}

fn crashes(report: &mut Report, folder: &Path, program: &Path, length: &Length) -> Result<()> {
    let witness = Witness::listen(folder)?;
    let mut keepers: Vec<(Box<dyn Keeper>, usize)> = vec![
        (Box::new(Homeostat::begin(program, folder, &witness)?), length.crashes),
        (Box::new(RestartLoop::begin("systemd-like", Duration::from_millis(100), &witness)?), length.crashes),
        (Box::new(RestartLoop::begin("systemd-like, tuned", Duration::ZERO, &witness)?), length.crashes),
    ];
    match Monit::begin(folder, &witness) {
        Ok(monit) => keepers.push((Box::new(monit), length.crashes_of_the_slow)),
        Err(error) => report.not_run.push(format!("monit, tuned: {error:#}")),
    }
    let mut samples: Vec<Samples> = keepers.iter().map(|_| Samples::default()).collect();
    let mut patients = Vec::new();
    for (keeper, _) in &keepers {
        patients.push(witness.next(keeper.name(), PATIENCE).with_context(|| format!("{} starts", keeper.name()))?);
    }
    for round in 0..length.crashes {
        for (index, (keeper, rounds)) in keepers.iter_mut().enumerate() {
            if round >= *rounds {
                continue;
            }
            std::thread::sleep(REST / 4);
            patients[index] = crash_once(keeper.as_mut(), patients[index], &witness, &mut samples[index])?;
        }
    }
    for ((keeper, _), samples) in keepers.iter().zip(samples) {
        samples.report(report, keeper.name());
    }
    Ok(())
}

/// Kills the patient and waits for its successor, whose process id it tells.
fn crash_once(keeper: &mut dyn Keeper, patient: u32, witness: &Witness, samples: &mut Samples) -> Result<u32> {
    let (killed_at, killed) = (SystemTime::now(), Instant::now());
    keepers::kill(patient)?;
    let (successor, back) = witness.next_at(keeper.name(), PATIENCE)?;
    samples.restarted.push(back.duration_since(killed).as_secs_f64() * 1_000.0);
    std::thread::sleep(REST);
    if let Some(seen_at) = keeper.saw_last_crash()? {
        samples.seen.push(seen_at.duration_since(killed_at).unwrap_or_default().as_secs_f64() * 1_000.0);
    }
    Ok(successor)
}

#[derive(Default)]
struct Samples {
    seen: Vec<f64>,
    restarted: Vec<f64>,
}

impl Samples {
    fn report(self, report: &mut Report, subject: &str) {
        for (what, samples) in [("seen", self.seen), ("restarted", self.restarted)] {
            if samples.is_empty() {
                report.not_run.push(format!("{subject}: {what} (it does not say when it knew)"));
                continue;
            }
            let mut micros: Vec<u32> = samples.iter().map(|ms| (ms * 1_000.0) as u32).collect();
            report.add(subject, "crash", &format!("{what}_ms"), "ms", &samples);
            report.add(subject, "crash", &format!("{what}_p99_ms"), "ms", &[quantile(&mut micros, 0.99) / 1_000.0]);
        }
    }
}
