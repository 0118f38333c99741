//! How many events a second go through, what each costs, and whether memory depends on their number.
//!
//! Every subject runs in a child of its own, all subjects in every round, one after the other. A wrong answer ends the
//! benchmark.

use std::process::Command;

use anyhow::{Context, Result};
use clap::ValueEnum;

use super::child::{Cores, Measured, measure, perform, processors};
use super::events::{ByHand, Readings, Tally};
use super::peers::Peer;
use super::{Length, Peers, floor, ours, rxrust};
use crate::report::{OURS, Report};

/// What is done with the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Case {
    /// One handler sums.
    Loop,
    /// Map, filter, group by key, tumbling window, reduce.
    Stream,
}

impl Case {
    const fn name(self) -> &'static str {
        match self {
            Self::Loop => "loop",
            Self::Stream => "stream",
        }
    }

    /// The right answer.
    fn expected(self, events: usize) -> Tally {
        let readings = Readings::new().take(events);
        match self {
            Self::Loop => readings.fold(Tally::default(), |mut tally, reading| {
                tally.handle(&reading);
                tally
            }),
            Self::Stream => {
                let mut stream = ByHand::default();
                readings.for_each(|reading| stream.take(reading));
                stream.finish()
            }
        }
    }
}

/// Everybody who is measured, in the order of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Subject {
    Ours,
    OursBatches,
    WithoutQueue,
    Channel,
    ChannelTuned,
    Rxrust,
    RxrustTuned,
    Rxjs,
    RxjsTuned,
    RxjsDirect,
    Erlang,
    ErlangTuned,
}

impl Subject {
    const fn name(self) -> &'static str {
        match self {
            Self::Ours => OURS,
            Self::OursBatches => "homeostat, batches",
            Self::WithoutQueue => "bound: no queue",
            Self::Channel => "tokio mpsc, as it comes",
            Self::ChannelTuned => "tokio mpsc, recv_many",
            Self::Rxrust => "rxrust, as it comes",
            Self::RxrustTuned => "rxrust, tuned",
            Self::Rxjs => "RxJS, as it comes",
            Self::RxjsTuned => "RxJS, tuned",
            Self::RxjsDirect => "RxJS, no queue",
            Self::Erlang => "Erlang, as it comes",
            Self::ErlangTuned => "Erlang, tuned",
        }
    }

    /// Whether the subject is another one in this case than the ones before it.
    const fn takes(self, case: Case, cores: Cores) -> bool {
        // These run on the emitter's thread, however many processors there are.
        let alone = matches!(self, Self::WithoutQueue | Self::Rxrust | Self::RxrustTuned);
        if alone && matches!(cores, Cores::Two) {
            return false;
        }
        match case {
            Case::Loop => !matches!(self, Self::RxrustTuned),
            Case::Stream => !matches!(self, Self::OursBatches | Self::RxjsDirect),
        }
    }

    fn command(
        self,
        case: Case,
        cores: Cores,
        events: usize,
        warm_up: usize,
        peers: &Peers,
    ) -> Result<Option<Command>> {
        let of = |peer: &Option<Peer>, make: fn(&Peer, &str, &str, usize, usize) -> Command, variant: &str| {
            peer.as_ref().map(|peer| make(peer, case.name(), variant, events, warm_up))
        };
        Ok(match self {
            Self::Rxjs => of(&peers.rxjs, Peer::node, "default"),
            Self::RxjsTuned => of(&peers.rxjs, Peer::node, "tuned"),
            Self::RxjsDirect => of(&peers.rxjs, Peer::node, "direct"),
            Self::Erlang => of(&peers.erlang, Peer::erl, "default"),
            Self::ErlangTuned => of(&peers.erlang, Peer::erl, "tuned"),
            _ => {
                let mut command = Command::new(std::env::current_exe()?);
                let subject = self.to_possible_value().context("every subject has a name")?;
                command.args(["reactor-subject", "throughput", subject.get_name(), case.name()]);
                command.args([cores.count().to_string(), events.to_string(), warm_up.to_string()]);
                Some(command)
            }
        })
    }

    /// The child's work.
    fn run(self, case: Case, runtime: &tokio::runtime::Runtime, events: usize) -> Result<Tally> {
        match (self, case) {
            (Self::WithoutQueue, _) => Ok(floor::without_queue(case, events)),
            (Self::Rxrust | Self::RxrustTuned, Case::Loop) => Ok(rxrust::sum(events)),
            (Self::Rxrust, Case::Stream) => Ok(rxrust::stream_with_buffers(events)),
            (Self::RxrustTuned, Case::Stream) => Ok(rxrust::stream_with_subjects(events)),
            (Self::Channel, _) => runtime.block_on(floor::channel(case, events, false)),
            (Self::ChannelTuned, _) => runtime.block_on(floor::channel(case, events, true)),
            (Self::Ours, Case::Loop) => runtime.block_on(ours::one_by_one(events)),
            (Self::OursBatches, Case::Loop) => runtime.block_on(ours::batches(events)),
            (Self::Ours, Case::Stream) => runtime.block_on(ours::stream(events)),
            _ => anyhow::bail!("{} is a program of its own", self.name()),
        }
    }
}

/// What a child of ours is told.
#[derive(Debug, clap::Args)]
pub struct ThroughputArguments {
    #[arg(value_enum)]
    subject: Subject,
    #[arg(value_enum)]
    case: Case,
    cores: usize,
    events: usize,
    warm_up: usize,
}

/// Is a subject.
pub fn be_subject(arguments: &ThroughputArguments) -> Result<()> {
    let ThroughputArguments { subject, case, cores, events, warm_up } = *arguments;
    // It outlives the measurement: what threads have used that have ended cannot be asked for any more.
    let runtime = runtime(cores)?;
    perform(
        || subject.run(case, &runtime, warm_up).map(drop),
        || Ok((subject.run(case, &runtime, events)?, Default::default())),
    )
}

fn runtime(cores: usize) -> Result<tokio::runtime::Runtime> {
    let mut builder = match cores {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    Ok(builder.worker_threads(cores).enable_time().build()?)
}

/// Events a second, processor time and memory, on one processor and on two.
pub fn rates(report: &mut Report, length: &Length, peers: &Peers) -> Result<()> {
    let available = processors()?.len();
    for case in [Case::Loop, Case::Stream] {
        for cores in [Cores::One, Cores::Two] {
            let title = format!("{}, {} events, {}", case.name(), length.events, words(cores));
            if available < cores.count() {
                report.not_run.push(format!("{title}: this machine has {available} processor"));
                continue;
            }
            measure_case(report, length, peers, case, cores, &title)?;
        }
    }
    Ok(())
}

fn measure_case(
    report: &mut Report,
    length: &Length,
    peers: &Peers,
    case: Case,
    cores: Cores,
    title: &str,
) -> Result<()> {
    let subjects = subjects(length, peers, case, cores);
    let expected = case.expected(length.events);
    let mut rounds: Vec<Vec<Measured>> = subjects.iter().map(|_| Vec::new()).collect();
    for number in 1..=length.rounds {
        for (subject, rounds) in subjects.iter().zip(&mut rounds) {
            eprintln!("{title}: round {number} of {}, {}", length.rounds, subject.name());
            rounds.extend(run_child(*subject, case, cores, length.events, length.warm_up, peers, expected)?);
        }
    }
    let events = length.events as f64;
    type Metric<'a> = (&'static str, &'static str, &'a dyn Fn(&Measured) -> f64);
    let metrics: [Metric<'_>; 3] = [
        ("events_per_s", "events/s", &|round| events / (round.outcome.wall_ns as f64 / 1e9)),
        ("cpu_ns_per_event", "ns", &|round| round.cpu.as_secs_f64() * 1e9 / events),
        ("peak_rss_mib", "MiB", &|round| round.peak_mib),
    ];
    for (metric, unit, value) in metrics {
        for (subject, rounds) in subjects.iter().zip(&rounds) {
            let samples: Vec<f64> = rounds.iter().map(value).collect();
            report.add(subject.name(), title, metric, unit, &samples);
        }
    }
    Ok(())
}

/// The most memory for different numbers of events: constant, if nothing piles up.
pub fn memory(report: &mut Report, length: &Length, peers: &Peers) -> Result<()> {
    let (case, cores) = (Case::Stream, Cores::One);
    for events in length.memory_events {
        let title = format!("memory, stream, {events} events");
        let expected = case.expected(events);
        for subject in subjects(length, peers, case, cores) {
            eprintln!("{title}: {}", subject.name());
            let measured = run_child(subject, case, cores, events, length.warm_up, peers, expected)?;
            let samples: Vec<f64> = measured.iter().map(|measured| measured.peak_mib).collect();
            report.add(subject.name(), &title, "peak_rss_mib", "MiB", &samples);
        }
    }
    Ok(())
}

fn subjects(length: &Length, peers: &Peers, case: Case, cores: Cores) -> Vec<Subject> {
    let chosen = |subject: &Subject| {
        let there = match subject {
            Subject::Rxjs | Subject::RxjsTuned | Subject::RxjsDirect => peers.rxjs.is_some(),
            Subject::Erlang | Subject::ErlangTuned => peers.erlang.is_some(),
            _ => true,
        };
        there && subject.takes(case, cores) && subject.name().contains(&length.only)
    };
    Subject::value_variants().iter().copied().filter(chosen).collect()
}

fn run_child(
    subject: Subject,
    case: Case,
    cores: Cores,
    events: usize,
    warm_up: usize,
    peers: &Peers,
    expected: Tally,
) -> Result<Option<Measured>> {
    let Some(command) = subject.command(case, cores, events, warm_up, peers)? else { return Ok(None) };
    let measured = measure(command, cores).with_context(|| format!("measuring {}", subject.name()))?;
    measured.check(expected).with_context(|| format!("checking {}", subject.name()))?;
    Ok(Some(measured))
}

const fn words(cores: Cores) -> &'static str {
    match cores {
        Cores::One => "one processor",
        Cores::Two => "two processors",
    }
}
