//! Tells the story of one seed, or of a scenario script, in virtual time.
//!
//!     cargo run -p homeostat-simulator --example simulate -- --seed 42 [--trace]
//!     cargo run -p homeostat-simulator --example simulate -- --scenario scenarios/approval.scenario [--trace]
//!     cargo run --release -p homeostat-simulator --example simulate -- --seeds 10000 [--from 1]
//!
//! The last form only counts: it runs many seeds and names the ones in which an invariant was broken.

use anyhow::{Context, bail};
use homeostat_simulator::{Simulation, scenario, swarm};
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value_of = |name: &str| -> Option<&String> {
        arguments.iter().position(|it| it == name).and_then(|index| arguments.get(index + 1))
    };
    let trace = arguments.iter().any(|it| it == "--trace");
    if let Some(path) = value_of("--scenario") {
        return tell_scenario(path, trace);
    }
    let number = |name: &str| value_of(name).map(|text| text.parse::<u64>().context("a seed is a number")).transpose();
    if let Some(seed) = number("--seed")? {
        return tell_seed(seed, trace);
    }
    match number("--seeds")? {
        Some(count) => run_many(number("--from")?.unwrap_or(1), count),
        None => bail!("say --seed N, --scenario PATH or --seeds COUNT"),
    }
}

fn tell_seed(seed: u64, trace: bool) -> anyhow::Result<()> {
    let told = swarm::run(seed, trace);
    println!("{}\n\njournal {}", told.story, told.fingerprint);
    told.result.with_context(|| format!("seed {seed}"))
}

fn tell_scenario(path: &str, trace: bool) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| path.to_owned())?;
    let scenario = scenario::parse(&text)?;
    let mut simulation = Simulation::new(scenario.setup);
    if trace {
        simulation.trace();
    }
    let result = simulation.run_for(scenario.length);
    println!("{}", simulation.story());
    Ok(result?)
}

fn run_many(from: u64, count: u64) -> anyhow::Result<()> {
    let (begun, mut broken, mut happenings) = (Instant::now(), 0u64, 0u64);
    for seed in from..from + count {
        let told = swarm::run(seed, false);
        happenings += told.happenings;
        if let Err(violation) = told.result {
            broken += 1;
            println!("seed {seed}: {violation}");
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let pace = count as f64 / seconds;
    println!("{count} seeds in {seconds:.1} s: {pace:.1} seeds/s, {happenings} happenings, {broken} broken");
    if broken > 0 {
        bail!("{broken} of {count} seeds broke an invariant")
    }
    Ok(())
}
