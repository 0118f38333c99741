//! Eight of ten endpoints fail, and every 30 seconds it is another eight: the balancer beside chance and beside an oracle that is
//! told who works. In virtual time: `cargo run --release -p homeostat-resilience --example switch80 [SEEDS]`.
//!
//! Good calls take 0.5 to 3 s, the deadline is 5 s, the load 0.7 of what two endpoints bear. Of eight broken endpoints three refuse,
//! two fail after a second, two hang, and one answers wrongly in good time. Attempts beside the first are bounded by one budget.

use std::time::Duration;

#[path = "../tests/it/world.rs"]
#[allow(dead_code, reason = "the tests look at more of a report than is printed")]
mod world;

use world::{Client, run};

fn main() {
    let seeds: u64 = std::env::args().nth(1).and_then(|number| number.parse().ok()).unwrap_or(5);
    println!("switch80, {seeds} seeds of 120 s: mean (worst seed)");
    println!(
        "{:<18} {:>18} {:>24} {:>16} {:>18}",
        "", "good in time", "2 s after a switch on", "attempts a call", "most in any 10 s"
    );
    for client in [Client::Random, Client::RandomFailover, Client::Balanced, Client::Oracle] {
        let reports: Vec<_> = (1..=seeds).map(|seed| run(client, seed, Duration::from_secs(120))).collect();
        let mean = |value: fn(&world::Report) -> f64| reports.iter().map(value).sum::<f64>() / seeds as f64;
        let least = |value: fn(&world::Report) -> f64| reports.iter().map(value).fold(f64::MAX, f64::min);
        let most = reports.iter().map(|report| report.attempts_a_call_most).fold(0.0, f64::max);
        println!(
            "{:<18} {:>9.1} % ({:>4.1}) {:>15.1} % ({:>4.1}) {:>16.2} {:>18.2}",
            format!("{client:?}"),
            mean(world::Report::success) * 100.0,
            least(world::Report::success) * 100.0,
            mean(world::Report::calm_success) * 100.0,
            least(world::Report::calm_success) * 100.0,
            mean(world::Report::attempts_a_call),
            most,
        );
    }
}
