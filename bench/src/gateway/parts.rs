//! The parts of the benchmark: each starts its subjects, makes its rounds and adds its rows.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Result;

use super::certificate::Certificate;
use super::cost::{self, Protocol};
use super::live::Change;
use super::load::Question;
use super::pass::Pass;
use super::subjects::{Found, Running, SubjectKind};
use super::{latency, live, memory};
use crate::report::Report;

/// The sizes of bodies, and their names in the tables.
pub const BODIES: [(usize, &str); 3] = [(128, "128 B"), (1024, "1 KiB"), (64 * 1024, "64 KiB")];
/// The name of the backend itself, where it is asked without anything between.
pub const DIRECT: &str = "direct";
/// The cases of the parts that have one.
pub const IDLE: &str = "10,000 idle connections";
pub const OPEN_LOOP: &str = "10,000 connections, 5,000 requests/s";
pub const RELOADED: &str = "configuration changed every second";
pub const UPGRADED: &str = "process replaced every other second";
/// The metric of answers a second, of the part with an open loop.
pub const RATE_METRIC: &str = "answers_per_s";
/// What is not about bodies is measured with the smallest.
const SMALL: (usize, &str) = BODIES[0];
/// Answers over this size are measured with a fifth of the requests: each takes as long as several small ones.
const LARGE_BYTES: usize = 10_000;
const LARGE_DIVISOR: usize = 5;
/// Files that the load client and a subject need open with all guests, and room for a subject's connections to the backend.
const FILES_MIN: u64 = memory::GUESTS as u64 + 2_000;

/// A part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Processor time of a request that is forwarded
    Cost,
    /// Processor time of a cached answer
    Cached,
    /// Memory of connections that wait
    Memory,
    /// What is added to the time of an answer
    Latency,
    /// Requests lost while the configuration changes
    Live,
}

/// What the subjects of all parts have in common.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    /// Their programs.
    pub found: &'a [Found],
    /// The port of the backend.
    pub backend: u16,
    /// What they show over TLS.
    pub certificate: &'a Certificate,
    /// Who asks them, where they want to know.
    pub pass: &'a Pass,
    /// How many files a process may open.
    pub files: u64,
}

/// How much is measured.
#[derive(Debug)]
pub struct Length {
    rounds: usize,
    requests: usize,
    memory_rounds: usize,
    latency_rounds: usize,
    latency: Duration,
    live: Duration,
}

impl Length {
    /// For a full run, a quick one, or one that only shows that everything runs.
    pub fn of(quick: bool, smoke: bool) -> Self {
        let (rounds, requests, memory_rounds, latency_rounds, latency_s, live_s) = match (smoke, quick) {
            (true, _) => (1, 200, 1, 1, 1, 2),
            (_, true) => (3, 6_000, 1, 1, 4, 4),
            _ => (7, 30_000, 3, 3, 20, 10),
        };
        let seconds = Duration::from_secs;
        Self { rounds, requests, memory_rounds, latency_rounds, latency: seconds(latency_s), live: seconds(live_s) }
    }

    const fn requests(&self, body_bytes: usize) -> usize {
        if body_bytes > LARGE_BYTES { self.requests / LARGE_DIVISOR } else { self.requests }
    }
}

impl Field<'_> {
    /// Starts those subjects; one that does not start is told of in the report.
    fn start(&self, report: &mut Report, wanted: impl Fn(SubjectKind) -> bool) -> Vec<Running> {
        let mut running = Vec::new();
        for found in self.found.iter().filter(|found| wanted(found.kind)) {
            match Running::start(found, self.backend, self.certificate, self.pass) {
                Ok(one) => running.push(one),
                Err(error) => report.not_run.push(format!("{}: {error:#}", found.kind.name())),
            }
        }
        running
    }
}

/// Samples of all rounds, in the order in which their subjects first came.
#[derive(Default)]
struct Samples(Vec<(String, &'static str, &'static str, Vec<f64>)>);

impl Samples {
    fn push(&mut self, subject: &str, metric: &'static str, unit: &'static str, value: f64) {
        match self.0.iter_mut().find(|(name, of, _, _)| name == subject && *of == metric) {
            Some((_, _, _, values)) => values.push(value),
            None => self.0.push((subject.to_owned(), metric, unit, vec![value])),
        }
    }

    fn report(self, case: &str, report: &mut Report) {
        for (subject, metric, unit, values) in self.0 {
            report.add(&subject, case, metric, unit, &values);
        }
    }
}

impl Part {
    /// All, in their order.
    pub const ALL: [Self; 5] = [Self::Cost, Self::Cached, Self::Memory, Self::Latency, Self::Live];

    /// Measures this part.
    pub fn measure(self, field: &Field<'_>, length: &Length, report: &mut Report) -> Result<()> {
        match self {
            Self::Cost => {
                let running = field.start(report, SubjectKind::forwards);
                for protocol in Protocol::ALL {
                    costs(&running, protocol, "", length, report);
                }
            }
            Self::Cached => {
                let running = field.start(report, SubjectKind::caches);
                costs(&running, Protocol::Clear, "/cached", length, report);
            }
            Self::Memory if field.files < FILES_MIN => report.not_run.push(too_few_files("memory", field.files)),
            Self::Latency if field.files < FILES_MIN => report.not_run.push(too_few_files("latency", field.files)),
            Self::Memory => held(field, length, report),
            Self::Latency => added(field, length, report),
            Self::Live => lost(field, length, report),
        }
        Ok(())
    }
}

fn too_few_files(part: &str, files: u64) -> String {
    format!("{part}: a process may open {files} files here, and {FILES_MIN} are needed")
}

/// The processor time of requests over this protocol, for every size of body.
fn costs(running: &[Running], protocol: Protocol, folder: &str, length: &Length, report: &mut Report) {
    let able = |one: &&Running| protocol == Protocol::Clear || one.kind.takes_tls();
    for (bytes, size) in BODIES {
        let path = format!("{folder}/{bytes}");
        let case = format!("{}{}, {size}", if folder.is_empty() { "" } else { "cached, " }, protocol.name());
        let mut samples = Samples::default();
        let mut failed: BTreeMap<&str, String> = BTreeMap::new();
        for _ in 0..length.rounds {
            for subject in running.iter().filter(able) {
                let name = subject.kind.name();
                if failed.contains_key(name) {
                    continue;
                }
                match cost::measure(subject, protocol, &path, bytes, length.requests(bytes)) {
                    Ok(cost) => {
                        samples.push(name, "cpu_us_per_request", "us", cost.cpu_us);
                        samples.push(name, "requests_per_s", "1/s", cost.per_second);
                    }
                    Err(error) => drop(failed.insert(name, format!("{case}: {error:#}"))),
                }
            }
        }
        samples.report(&case, report);
        report.not_run.extend(failed.into_values());
    }
}

/// Subjects are started for each round: what they needed before is not what guests cost.
fn held(field: &Field<'_>, length: &Length, report: &mut Report) {
    let mut samples = Samples::default();
    let question = Question::new(&format!("/{}", SMALL.0), SMALL.0, &[]);
    for _ in 0..length.memory_rounds {
        for subject in field.start(report, |kind| kind.forwards() && kind != SubjectKind::HomeostatFull) {
            match memory::measure(&subject, &question) {
                Ok(held) => {
                    let name = subject.kind.name();
                    samples.push(name, "rss_mib", "MiB", held.rss_mib);
                    samples.push(name, "pss_mib", "MiB", held.pss_mib);
                    samples.push(name, "memory_bytes_per_connection", "bytes", held.bytes_per_connection);
                }
                Err(error) => report.not_run.push(format!("{error:#}")),
            }
        }
    }
    samples.report(IDLE, report);
}

fn added(field: &Field<'_>, length: &Length, report: &mut Report) {
    let mut samples = Samples::default();
    let question = |lines: &[String]| Question::new(&format!("/{}", SMALL.0), SMALL.0, lines);
    let running = field.start(report, SubjectKind::forwards);
    let direct = SocketAddr::from((Ipv4Addr::LOCALHOST, field.backend));
    for _ in 0..length.latency_rounds {
        let mut base = None;
        let subjects = running.iter().map(|one| (one.kind.name(), one.clear, &*one.lines));
        for (name, address, lines) in std::iter::once((DIRECT, direct, &[][..])).chain(subjects) {
            let answered = match latency::measure(address, &question(lines), length.latency) {
                Ok(answered) => answered,
                Err(error) => {
                    report.not_run.push(format!("latency, {name}: {error:#}"));
                    continue;
                }
            };
            let base = *base.get_or_insert(answered);
            samples.push(name, "p50_ms", "ms", answered.p50_ms);
            samples.push(name, "p99_ms", "ms", answered.p99_ms);
            samples.push(name, "added_p50_ms", "ms", answered.p50_ms - base.p50_ms);
            samples.push(name, "added_p99_ms", "ms", answered.p99_ms - base.p99_ms);
            samples.push(name, "errors", "requests", answered.errors as f64);
            samples.push(name, RATE_METRIC, "1/s", answered.per_second);
        }
    }
    samples.report(OPEN_LOOP, report);
}

fn lost(field: &Field<'_>, length: &Length, report: &mut Report) {
    let question = Question::new(&format!("/{}", SMALL.0), SMALL.0, &[]);
    for change in [Change::Reload, Change::Upgrade] {
        let (case, can): (_, fn(SubjectKind) -> bool) = match change {
            Change::Reload => (RELOADED, SubjectKind::reloads),
            Change::Upgrade => (UPGRADED, SubjectKind::upgrades),
        };
        let mut samples = Samples::default();
        for mut subject in field.start(report, can) {
            match live::measure(&mut subject, change, &question, length.live) {
                Ok(lost) => {
                    let name = subject.kind.name();
                    samples.push(name, "asked", "requests", lost.asked as f64);
                    samples.push(name, "failed", "requests", lost.failed as f64);
                    samples.push(name, "closed_under_a_request", "requests", lost.closed_under as f64);
                }
                Err(error) => report.not_run.push(format!("{case}: {error:#}")),
            }
        }
        samples.report(case, report);
    }
}
