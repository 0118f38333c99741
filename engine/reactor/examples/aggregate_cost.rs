//! What one value costs each aggregate, in nanoseconds, and how large its snapshot is after all of them:
//! `cargo run --release -p homeostat-reactor --example aggregate_cost`

use std::hint::black_box;
use std::time::{Duration, Instant};

use homeostat_reactor::Moment;
use homeostat_reactor::aggregate::*;

const VALUES: u32 = 2_000_000;
/// The best of so many runs: what others do to the machine only ever adds.
const RUNS: u32 = 5;

fn measure<A: Aggregator>(name: &str, fresh: &A, values: &[(Moment, A::Input)]) {
    let run = || {
        let mut aggregator = fresh.clone();
        let started = Instant::now();
        values.iter().for_each(|(at, value)| aggregator.add(*at, black_box(value)));
        (started.elapsed(), black_box(aggregator))
    };
    let (best, aggregator) = (0..RUNS).map(|_| run()).min_by_key(|(elapsed, _)| *elapsed).expect("there are runs");
    let saved = serde_json::to_string(&aggregator).expect("an aggregate is plain data").len();
    println!("{name:<12} {:>8.2} ns {saved:>8} bytes", best.as_secs_f64() * 1e9 / f64::from(VALUES));
}

fn main() {
    // latencies over four powers of ten, half a millisecond apart
    let latency = |number: u32| {
        let spread = f64::from(number.wrapping_mul(2_654_435_761)) / f64::from(u32::MAX);
        (Moment::ZERO + Duration::from_micros(500) * number, 10_f64.powf(spread * 4.0))
    };
    let values: Vec<(Moment, f64)> = (0..VALUES).map(latency).collect();
    measure("count", &Count::new(), &values);
    measure("sum", &Sum::new(), &values);
    measure("mean", &Mean::new(), &values);
    measure("min and max", &MinMax::new(), &values);
    measure("variance", &Variance::new(), &values);
    measure("percentiles", &Percentiles::new(), &values);
    measure("rate", &Rate::new(), &values);
    measure("recent rate", &RecentRate::with_half_life(Duration::from_secs(10)), &values);
    measure("trend", &Trend::new(), &values);
    measure("anomaly", &Anomaly::new(), &values);
    measure("first", &First::new(), &values);
    measure("last", &Last::new(), &values);
    measure("collect 100", &Collect::up_to(100), &values);
    let keys: Vec<(Moment, u64)> = values.iter().map(|(at, value)| (*at, value.to_bits())).collect();
    measure("distinct", &Distinct::new(), &keys);
}
