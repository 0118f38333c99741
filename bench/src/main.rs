//! The benchmarks: ours beside the peers, in one run, interleaved.
//!
//! `cargo xtask bench NAME` builds this in release and calls it. A benchmark module measures and returns a
//! [`report::Report`]; this file only chooses and prints. What is printed or written was measured in this run: never a
//! remembered figure.

mod gateway;
mod journal;
mod keeper;
mod machine;
mod massive;
mod page;
mod policies;
mod reactor;
mod report;
mod skeleton;
mod verdict;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Measures Homeostat beside its peers.
#[derive(Debug, Parser)]
#[command(name = "homeostat-bench", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The journal beside SQLite by hand, redb and fjall: rate, latency, CPU, reopening after a kill
    Journal(journal::JournalArguments),
    /// The engine: how soon a crash is seen and repaired, beside a systemd-like loop and Monit; and what it costs idle
    Skeleton(skeleton::SkeletonArguments),
    /// The reactor beside RxJS, rxrust, Erlang and a bare channel: throughput, critical events in a flood, overload
    Reactor(reactor::ReactorArguments),
    /// The resilience policies beside tower-resilience and failsafe: what they cost a healthy call, a refusal and an endpoint
    Policies(policies::PoliciesArguments),
    /// The resilience library and the gateway beside proxies and tower-resilience while 80 % of the endpoints fail, with an oracle as the bound
    #[command(name = "massive-failure", visible_alias = "massive")]
    MassiveFailure(massive::MassiveArguments),
    /// The gateway beside nginx, HAProxy, Envoy, Varnish and hyper alone: processor time of a request, memory, latency, live changes
    Gateway(gateway::GatewayArguments),
    /// Writes the page of results from the JSON files of earlier runs
    Report {
        /// The folder with one JSON file for each benchmark
        #[arg(long, value_name = "DIR")]
        json_dir: PathBuf,
        /// The Markdown page to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Keep the sections of benchmarks that have no file in the folder
        #[arg(long)]
        keep: bool,
    },
    /// Fills a store and waits to be killed (used by `journal` on itself)
    #[command(hide = true)]
    Fill(journal::reopen::FillArguments),
    /// Tells a witness that it runs, and waits to be killed (used by `skeleton` on itself)
    #[command(hide = true)]
    Patient(skeleton::witness::PatientArguments),
    /// Is measured (used by `reactor` on itself)
    #[command(hide = true)]
    ReactorSubject(reactor::SubjectArguments),
    /// Is the endpoints (used by `massive-failure` on itself)
    #[command(hide = true)]
    MassiveBackends(massive::BackendsArguments),
    /// Is measured (used by `massive-failure` on itself)
    #[command(hide = true)]
    MassiveSubject(massive::SubjectArguments),
    /// Is the backend (used by `gateway` on itself)
    #[command(hide = true)]
    GatewayBackend(gateway::BackendArguments),
    /// Is the bare proxy (used by `gateway` on itself)
    #[command(hide = true)]
    GatewayBare(gateway::BareArguments),
    /// Keeps a program that is measured (used by `gateway` and `massive-failure` on itself)
    #[command(hide = true)]
    Keeper(keeper::KeeperArguments),
}

/// What every benchmark takes.
#[derive(Debug, Args)]
pub struct Common {
    /// Gives a rougher result in under two minutes, marked as such
    #[arg(long)]
    quick: bool,
    /// Also writes the result as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where the data is written while measuring: choose the disk you care about [default: the temporary folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Common {
    /// The folder the data goes to.
    fn data_folder(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(std::env::temp_dir)
    }

    /// Prints a finished report and writes it where asked.
    fn deliver(&self, report: &report::Report) -> anyhow::Result<()> {
        self.deliver_as(report, &report.table())
    }

    /// Prints a finished report in this form, and writes it where asked.
    fn deliver_as(&self, report: &report::Report, text: &str) -> anyhow::Result<()> {
        print!("{text}");
        match &self.json {
            Some(path) => report.write(path),
            None => Ok(()),
        }
    }
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Journal(arguments) => arguments.common.deliver(&journal::run(&arguments)?),
        Command::Skeleton(arguments) => arguments.common.deliver(&skeleton::run(&arguments)?),
        Command::Reactor(arguments) => arguments.common.deliver(&reactor::run(&arguments)?),
        Command::Policies(arguments) => {
            let report = policies::run(&arguments)?;
            arguments.common.deliver_as(&report, &policies::table::tables(&report))
        }
        // Its tables come while it measures.
        Command::MassiveFailure(arguments) => arguments.common.deliver_as(&massive::run(&arguments)?, ""),
        Command::Report { json_dir, out, keep } => page::write(&json_dir, &out, keep),
        Command::Fill(arguments) => journal::reopen::fill(&arguments),
        Command::Patient(arguments) => skeleton::witness::be_patient(&arguments),
        Command::ReactorSubject(arguments) => reactor::be_subject(&arguments),
        Command::MassiveBackends(arguments) => massive::be_backends(&arguments),
        Command::MassiveSubject(arguments) => massive::be_subject(&arguments),
        Command::Gateway(arguments) => {
            let report = gateway::run(&arguments)?;
            arguments.common.deliver_as(&report, &gateway::page::told(&report))
        }
        Command::GatewayBackend(arguments) => gateway::be_backend(&arguments),
        Command::GatewayBare(arguments) => gateway::be_bare(&arguments),
        Command::Keeper(arguments) => keeper::be_keeper(&arguments),
    }
}
