//! Critical events while bulk events are offered at twice what the handler can take.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;

use super::child::{Cores, Measured, measure, processors};
use super::overload::{Kind, Load};
use super::{Length, Peers};
use crate::report::{OURS, Report};

/// How long the handler is busy with an event.
pub const BUSY_US: u64 = 5;
/// Bulk events offered for each that the handler can take.
const FLOOD: f64 = 2.0;

#[derive(Debug, Clone, Copy)]
enum Subject {
    Line(Kind, &'static str),
    Erlang(&'static str, &'static str),
}

const SUBJECTS: [Subject; 6] = [
    Subject::Line(Kind::OursOnTwo, OURS),
    Subject::Line(Kind::Ours, "homeostat, one thread"),
    Subject::Line(Kind::Channel, "single queue, blocks"),
    Subject::Line(Kind::DropOldest, "single queue, drops the oldest"),
    Subject::Erlang("default", "Erlang, as it comes"),
    Subject::Erlang("tuned", "Erlang, tuned"),
];

impl Subject {
    const fn name(&self) -> &'static str {
        let (Self::Line(_, name) | Self::Erlang(_, name)) = self;
        name
    }

    fn command(&self, length: Duration, peers: &Peers) -> Result<Option<Command>> {
        match self {
            Self::Line(kind, _) => {
                let offered_per_s = FLOOD * 1e6 / BUSY_US as f64;
                overload_command(*kind, Load::Flood, offered_per_s, BUSY_US, length).map(Some)
            }
            Self::Erlang(variant, _) => {
                let seconds = length.as_secs().max(1) as usize;
                Ok(peers.erlang.as_ref().map(|peer| peer.erl("flood", variant, seconds, BUSY_US as usize)))
            }
        }
    }
}

/// A child of ours that is overloaded.
pub fn overload_command(kind: Kind, load: Load, offered_per_s: f64, busy_us: u64, length: Duration) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    let kind = kind.to_possible_value().context("every line has a name")?;
    let load = load.to_possible_value().context("every load has a name")?;
    command.args(["reactor-subject", "overload", kind.get_name(), load.get_name()]);
    command.args([offered_per_s.to_string(), busy_us.to_string(), length.as_millis().to_string()]);
    Ok(command)
}

/// Measures the critical events of every subject.
pub fn measure_flood(report: &mut Report, length: &Length, peers: &Peers) -> Result<()> {
    let case = format!("critical during a flood, handler {BUSY_US} us");
    let available = processors()?.len();
    if available < Cores::Two.count() {
        report.not_run.push(format!("{case}: this machine has {available} processor"));
        return Ok(());
    }
    let mut rounds: Vec<Vec<Measured>> = SUBJECTS.iter().map(|_| Vec::new()).collect();
    for number in 1..=length.rounds {
        for (subject, rounds) in SUBJECTS.iter().zip(&mut rounds) {
            if !subject.name().contains(&length.only) {
                continue;
            }
            let Some(command) = subject.command(length.flood, peers)? else { continue };
            eprintln!("{case}: round {number} of {}, {}", length.rounds, subject.name());
            rounds.push(measure(command, Cores::Two).with_context(|| format!("measuring {}", subject.name()))?);
        }
    }
    for (metric, unit) in [
        ("critical_p50_us", "us"),
        ("critical_p99_us", "us"),
        ("critical_p999_us", "us"),
        ("critical_max_us", "us"),
        ("critical_lost", "events"),
    ] {
        for (subject, rounds) in SUBJECTS.iter().zip(&rounds) {
            let samples: Vec<f64> =
                rounds.iter().filter_map(|round| round.outcome.figures.get(metric).copied()).collect();
            if !samples.is_empty() {
                report.add(subject.name(), &case, metric, unit, &samples);
            }
        }
    }
    Ok(())
}
