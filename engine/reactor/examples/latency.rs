//! What can be said of requests by route, from small states that merge, and that are saved and restored:
//! `cargo run -p homeostat-reactor --example latency`

use std::collections::BTreeMap;
use std::time::Duration;

use homeostat_reactor::Moment;
use homeostat_reactor::aggregate::{Anomaly, Percentiles, Rate, Recipe, Trend};

struct Request {
    route: &'static str,
    millis: f64,
}

/// Two minutes of requests: the search slows down all the time, and the checkout stalls once.
fn requests() -> impl Iterator<Item = (Moment, Request)> {
    (0..12_000_u32).map(|number| {
        let noise = f64::from(number.wrapping_mul(2_654_435_761) >> 16) / 65_536.0;
        let request = match number {
            9_001 => Request { route: "/checkout", millis: 2_500.0 },
            _ if number % 3 == 0 => {
                Request { route: "/search", millis: 20.0 + 30.0 * noise + f64::from(number) / 500.0 }
            }
            _ => Request { route: "/checkout", millis: 80.0 + 40.0 * noise * noise },
        };
        (Moment::ZERO + Duration::from_millis(10) * number, request)
    })
}

fn main() {
    let of_millis = (Percentiles::new(), Trend::new(), Anomaly::new()).of(|request: &Request| request.millis);
    let recipe = (Rate::new(), of_millis);

    // Two halves are folded apart, as two windows or two machines would; one is saved and restored on the way.
    let mut halves = [BTreeMap::new(), BTreeMap::new()];
    for (at, request) in requests() {
        let half = &mut halves[usize::from(at >= Moment::from_secs(60))];
        recipe.fold(half.entry(request.route.to_owned()).or_insert_with(|| recipe.start()), at, &request);
    }
    let saved = serde_json::to_string(&halves[0]).expect("states are plain data");
    halves[0] = serde_json::from_str(&saved).expect("it was just saved");
    let [mut first, second] = halves;
    for (route, state) in &mut first {
        recipe.join(state, &second[route]);
        let (pace, (percentiles, trend, anomaly)) = recipe.read(state);
        let (Some(quantiles), Some(slope), Some(found)) = (percentiles.value, trend.value, anomaly.value) else {
            continue;
        };
        let (low, high) = slope.interval.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
        println!("{route}: {:.1} a second over {:?}", pace.per_second.unwrap_or_default(), pace.span);
        println!("  half within {:.1} ms, 99 % within {:.1} ms", quantiles.p50, quantiles.p99);
        println!("  {:?}: {:.2} to {:.2} ms a minute (95 % sure)", slope.direction(), low * 60.0, high * 60.0);
        println!("  {} unusual, farthest from the usual {:.1} ms", found.unusual, found.farthest.number);
    }
}
