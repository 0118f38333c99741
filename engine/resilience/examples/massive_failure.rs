//! Eight of ten endpoints fail, in several ways and on several schedules: a stack with its default settings beside chance and beside an
//! oracle that is told who works. In virtual time, so minutes take a moment and a seed gives the same run everywhere:
//! `cargo run --release -p homeostat-resilience --example massive_failure [SCHEDULE|all] [SEEDS]`.

#[path = "../tests/it/massive.rs"]
#[allow(dead_code, reason = "the tests look at other parts of a report than are printed")]
mod massive;

use homeostat_resilience::StackSettings;
use massive::{Plan, Report, Schedule, Subject, run};

fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_else(|| "all".to_owned());
    let seeds: u64 = std::env::args().nth(2).and_then(|number| number.parse().ok()).unwrap_or(5);
    println!("{seeds} seeds: mean (worst)");
    for schedule in Schedule::ALL.into_iter().filter(|schedule| wanted == "all" || wanted == schedule.name()) {
        println!(
            "\n{:<9} {:<8} {:>14} {:>15} {:>7} {:>7} {:>9} {:>9} {:>8} {:>6} {:>25} {:>5}",
            schedule.name(),
            "",
            "good",
            "calm",
            "in 1 s",
            "in 2 s",
            "attempts",
            "in 10 s",
            "p99 s",
            "p99.9",
            "crit/normal/low",
            "dup"
        );
        for (name, subject) in [
            ("random", Subject::Random),
            ("stack", Subject::Stack(StackSettings::default())),
            ("oracle", Subject::Oracle),
        ] {
            let reports: Vec<Report> = (1..=seeds).map(|seed| run(subject, &Plan::of(schedule, seed))).collect();
            print_row(name, &reports);
        }
    }
}

fn print_row(name: &str, reports: &[Report]) {
    let mean = |value: &dyn Fn(&Report) -> f64| reports.iter().map(value).sum::<f64>() / reports.len() as f64;
    let least = |value: &dyn Fn(&Report) -> f64| reports.iter().map(value).fold(f64::MAX, f64::min);
    let most = |value: &dyn Fn(&Report) -> f64| reports.iter().map(value).fold(0.0, f64::max);
    println!(
        "{:<9} {:<8} {:>6.1} ({:>5.1}) {:>7.1} ({:>5.1}) {:>7.1} {:>7.1} {:>9.2} {:>9.2} {:>8.2} {:>6.2} {:>8.1} {:>7.1} {:>7.1}  {:>5}",
        "",
        name,
        mean(&|r| r.good_within(5.0)) * 100.0,
        least(&|r| r.good_within(5.0)) * 100.0,
        mean(&|r| r.calm()) * 100.0,
        least(&|r| r.calm()) * 100.0,
        mean(&|r| r.good_within(1.0)) * 100.0,
        mean(&|r| r.good_within(2.0)) * 100.0,
        mean(&|r| r.attempts_a_call()),
        most(&|r| r.attempts_a_call_most()),
        mean(&|r| r.latency(0.99)),
        mean(&|r| r.latency(0.999)),
        mean(&|r| r.tier(0)) * 100.0,
        mean(&|r| r.tier(1)) * 100.0,
        mean(&|r| r.tier(2)) * 100.0,
        reports.iter().map(|r| r.duplicates).sum::<usize>(),
    );
}
