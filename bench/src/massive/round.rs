//! One run: a subject, a scenario, a seed; with backends of its own, so that many runs can go side by side.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::backends::{self, BackendsArguments};
use super::child::{Actor, Start};
use super::contender::Contender;
use super::ledger::Books;
use super::load;
use super::scenario::Scenario;
use super::score::{Score, score};
use super::subject::Subject;

/// A run to be made.
#[derive(Debug, Clone)]
pub struct Round {
    /// Who.
    pub subject: Subject,
    /// The program, of a proxy.
    pub program: Option<PathBuf>,
    /// Through what.
    pub scenario: Scenario,
    /// With which luck.
    pub seed: u64,
}

impl Round {
    /// Makes the run and counts it. Blocks for its length and some seconds.
    pub fn measure(&self) -> Result<Score> {
        self.try_measure().with_context(|| self.name())
    }

    /// Who, through what, with which seed.
    pub fn name(&self) -> String {
        format!("{}, {}, seed {}", self.subject.name(), self.scenario.name(), self.seed)
    }

    fn try_measure(&self) -> Result<Score> {
        let Self { subject, scenario, seed, .. } = *self;
        let arguments = BackendsArguments {
            schedule: scenario.schedule,
            profile: scenario.profile,
            slots: scenario.slots,
            length_ms: scenario.length.as_millis() as u64,
            seed,
        };
        let (mut backends, ready) = Actor::start::<backends::Ready>(&arguments.to_line())?;
        let mut contender = Contender::start(subject, self.program.as_deref(), &ready.ports, &arguments)?;
        let start = Start::soon();
        backends.go(&start)?;
        contender.go(&start)?;
        let cpu_before = contender.cpu();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let requests = runtime.block_on(load::send_all(contender.port(), &scenario.arrivals(seed), start));
        let cpu = contender.cpu().saturating_sub(cpu_before);
        let peak_mib = contender.peak_mib();
        // The subject first: what it has still under way ends with it, and is written down by the backends.
        let sent = contender.end()?;
        let attempts = backends.end::<backends::Done>()?.attempts;
        let count = requests.len().max(1) as f64;
        let books = Books { requests, attempts, sent };
        let mut score = score(&scenario, &scenario.plan(seed), &books);
        score.figures.insert("cpu_us_per_request", cpu.as_secs_f64() * 1e6 / count);
        score.figures.insert("peak_rss_mib", peak_mib);
        Ok(score)
    }
}
