//! Eight of ten endpoints fail, in several ways and on several schedules: a stack with its default settings beside chance and beside an
//! oracle that is told who works. In virtual time, so minutes take a moment and a seed gives the same run everywhere:
//! `cargo run --release -p homeostat-resilience --example massive_failure [SCHEDULE|all] [SEEDS] [SLOTS]`.

#[path = "../tests/it/massive.rs"]
#[allow(dead_code, reason = "the tests look at other parts of a report than are printed")]
mod massive;

use homeostat_resilience::StackSettings;
use massive::{Plan, Report, Schedule, Subject, run};

const LEGEND: &str = "\
Ten endpoints, 12 calls at once each (iid80: 64) or as many as the third argument says; good answers take 0.5 to 3 s. Percent of all calls, mean of the seeds and in brackets the worst.
good      answered well within 5 s                     calm    the same, but for the 2 s after a switch
in 1, 2 s answered well within that                    p99     in seconds; 5.00 is the deadline, which a failure counts as
attempts  for each call; most: in the worst ten seconds of any seed
critical/normal/low   good, by importance              twice   calls that may be made once and were begun twice
random asks anybody, once. The prototype is what one writes in an afternoon: estimates, a hedge, and no budget. The oracle is told who works, asks the emptiest, and one more where that is full; it has no queue, so a
stack that lets calls wait can do better. Where nothing works at first (recover) the breaker must see that it does again.";

/// What a schedule is, in a line.
const fn story(schedule: Schedule) -> &'static str {
    match schedule {
        Schedule::Static80 => "the same two of ten work all the time",
        Schedule::Switch80 => "two of ten work, and every 30 s it is another two",
        Schedule::SwitchOnce => {
            "two of ten work, and others from half time on; 12 calls a second, and no endpoint lies or refuses"
        }
        Schedule::Flap => "each endpoint works and fails in turns, ten seconds on average",
        Schedule::Iid80 => "every attempt, wherever it goes, fails with four fifths: nothing can be learned",
        Schedule::Recover => "nothing works for 20 to 40 s, as the seed says, then everything",
        Schedule::Overload => "two of ten work, and get 1.2 times what they bear",
        Schedule::Burst => "two of ten work, and get 5,000 calls at once",
        Schedule::Healthy => "everything works; answers take 20 ms, one in a hundred 300 ms",
    }
}

fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_else(|| "all".to_owned());
    let seeds: u64 = std::env::args().nth(2).and_then(|number| number.parse().ok()).unwrap_or(5);
    let slots: Option<usize> = std::env::args().nth(3).and_then(|number| number.parse().ok());
    println!("{LEGEND}\n{seeds} seeds.");
    for schedule in Schedule::ALL.into_iter().filter(|schedule| wanted == "all" || wanted == schedule.name()) {
        println!(
            "\n{}: {}\n{:<18} {:>14} {:>15} {:>7} {:>7} {:>9} {:>9} {:>8} {:>6} {:>25} {:>5}",
            schedule.name(),
            story(schedule),
            "",
            "good",
            "calm",
            "in 1 s",
            "in 2 s",
            "attempts",
            "most",
            "p99",
            "p99.9",
            "critical/normal/low",
            "twice"
        );
        for (name, subject) in [
            ("random", Subject::Random),
            ("stack", Subject::Stack(StackSettings::default())),
            ("prototype", Subject::Prototype),
            ("oracle", Subject::Oracle),
        ] {
            let reports: Vec<Report> = (1..=seeds)
                .map(|seed| {
                    let usual = Plan::of(schedule, seed);
                    run(subject, &Plan { slots: slots.unwrap_or(usual.slots), ..usual })
                })
                .collect();
            print_row(name, &reports);
        }
    }
}

fn print_row(name: &str, reports: &[Report]) {
    let mean = |value: &dyn Fn(&Report) -> f64| reports.iter().map(value).sum::<f64>() / reports.len() as f64;
    let least = |value: &dyn Fn(&Report) -> f64| reports.iter().map(value).fold(f64::MAX, f64::min);
    let most = |value: &dyn Fn(&Report) -> f64| reports.iter().map(value).fold(0.0, f64::max);
    println!(
        "{:<9} {:<9} {:>6.1} ({:>5.1}) {:>7.1} ({:>5.1}) {:>7.1} {:>7.1} {:>9.2} {:>9.2} {:>8.2} {:>6.2} {:>8.1} {:>7.1} {:>7.1}  {:>5}",
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
