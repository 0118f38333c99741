//! What is left of the work as the load grows from half of what the handler can take to ten times as much.

use anyhow::{Context, Result};
use homeostat_reactor::Class;

use super::Length;
use super::child::{Cores, Measured, measure, processors};
use super::flood::overload_command;
use super::overload::{Kind, Load};
use crate::report::{OURS, Report};

/// How long the handler is busy with an event: long enough for one emitter to offer ten times what it can take.
pub const BUSY_US: u64 = 20;
/// The loads, as multiples of the capacity.
pub const LOADS: [f64; 8] = [0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0];
/// The queue one would take instead.
pub const SINGLE: &str = "single queue, drops the oldest";

/// Those that are compared.
const SUBJECTS: [(Kind, &str); 2] = [(Kind::Ours, OURS), (Kind::DropOldest, SINGLE)];

/// Names of the metrics, as the picture looks for them.
pub const GOODPUT: &str = "goodput_percent_of_capacity";
pub const VALUE: &str = "value_handled_percent_of_offered";

/// The metric of a class.
pub fn handled_of(class: Class) -> String {
    format!("handled_percent_of_offered_{class}")
}

/// The case of a load.
pub fn case_of(load: f64) -> String {
    format!("degradation, {load}x of capacity offered")
}

/// Measures the curve.
pub fn measure_degradation(report: &mut Report, length: &Length) -> Result<()> {
    let available = processors()?.len();
    if available < Cores::Two.count() {
        report.not_run.push(format!("degradation: this machine has {available} processor"));
        return Ok(());
    }
    let capacity = capacity(report, length)?;
    for load in LOADS {
        for (kind, name) in SUBJECTS.iter().filter(|(_, name)| name.contains(&length.only)) {
            let mut rounds = Vec::new();
            for number in 1..=length.degrade_rounds {
                eprintln!("{}: round {number} of {}, {name}", case_of(load), length.degrade_rounds);
                let command = overload_command(*kind, Load::Mixed, load * capacity, BUSY_US, length.degrade)?;
                rounds.push(measure(command, Cores::Two).with_context(|| format!("measuring {name}"))?);
            }
            add_rows(report, name, load, capacity, &rounds);
        }
    }
    Ok(())
}

/// What the handler takes with no line before it.
fn capacity(report: &mut Report, length: &Length) -> Result<f64> {
    let mut samples = Vec::new();
    for _ in 0..length.degrade_rounds {
        let command = overload_command(Kind::Nothing, Load::Mixed, 0.0, BUSY_US, length.degrade)?;
        samples.push(figure(&measure(command, Cores::Two)?, "handled_per_s"));
    }
    report.add("bound: no queue", "degradation, capacity", "events_per_s", "events/s", &samples);
    report.rows.last().map(|row| row.median).context("the capacity was measured")
}

fn add_rows(report: &mut Report, name: &str, load: f64, capacity: f64, rounds: &[Measured]) {
    let case = case_of(load);
    let mut add = |metric: &str, unit: &str, value: &dyn Fn(&Measured) -> f64| {
        let samples: Vec<f64> = rounds.iter().map(value).collect();
        report.add(name, &case, metric, unit, &samples);
    };
    let of_class = |round: &Measured, what: &str, class: Class| figure(round, &format!("{what}_per_s_{class}"));
    let total = |round: &Measured, what: &str, weight: &dyn Fn(Class) -> f64| -> f64 {
        Class::ALL.iter().map(|class| of_class(round, what, *class) * weight(*class)).sum()
    };
    let alike = |_: Class| 1.0;
    let weighted = |class: Class| class.weight() as f64;
    add("offered_percent_of_capacity", "%", &|round| total(round, "offered", &alike) / capacity * 100.0);
    add(GOODPUT, "%", &|round| total(round, "handled", &alike) / capacity * 100.0);
    add(VALUE, "%", &|round| total(round, "handled", &weighted) / total(round, "offered", &weighted).max(1.0) * 100.0);
    for class in Class::ALL {
        add(&handled_of(class), "%", &|round| {
            of_class(round, "handled", class) / of_class(round, "offered", class).max(1.0) * 100.0
        });
    }
}

fn figure(round: &Measured, name: &str) -> f64 {
    round.outcome.figures.get(name).copied().unwrap_or(f64::NAN)
}
