//! Five operators over five million events, and how fast: `cargo run --release -p homeostat-reactor --example windows`

use std::time::{Duration, Instant};

use futures::{StreamExt, future, stream};
use homeostat_reactor::Moment;
use homeostat_reactor::window::{EventTime, KeyLimits, WindowExt, Windows};

const EVENTS: u64 = 5_000_000;
const KEYS: u64 = 1_000;

struct Reading {
    sensor: u64,
    at: Moment,
    value: f64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // One reading each millisecond, in no order of sensors, some of them up to five seconds late.
    let readings = stream::iter(0..EVENTS).map(|number| {
        let scattered = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let at = Moment::from_millis(number.saturating_sub(if scattered % 8 == 0 { scattered % 5_000 } else { 0 }));
        Reading { sensor: scattered % KEYS, at, value: (scattered % 97) as f64 }
    });
    let time = EventTime::of(|reading: &Reading| reading.at).lag(Duration::from_secs(5));

    let mut sums = readings
        .filter(|reading| future::ready(reading.value > 1.0))
        .group_by(|reading| reading.sensor, KeyLimits::at_most(10_000))
        .window(Windows::tumbling(Duration::from_secs(60)), time)
        .reduce(|reading| reading.value, |sum, value| sum + value);

    let started = Instant::now();
    let (mut windows, mut total) = (0_u64, 0.0);
    while let Some(window) = sums.next().await {
        windows += 1;
        total += window.output;
    }
    let counts = sums.counts();
    let seconds = started.elapsed().as_secs_f64();
    println!("{windows} windows of {} events, {} late; the sum of all is {total}", counts.accepted(), counts.late);
    println!("{:.1} million events a second", EVENTS as f64 / seconds / 1e6);
}
