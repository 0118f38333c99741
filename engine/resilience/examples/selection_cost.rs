//! What it costs to choose among 10 to 100,000 endpoints, in virtual time and on one thread:
//! `cargo run --release -p homeostat-resilience --example selection_cost`.
//!
//! The best of five rounds, as machines are shared. What grows with the number of endpoints is the way to memory: nothing is
//! looked through.

use std::time::{Duration, Instant};

use homeostat_reactor::Moment;
use homeostat_resilience::balance::{BalanceCore, BalanceSettings, Wish};
use homeostat_resilience::chance::Chance;
use homeostat_resilience::predictor::Outcome;

const CHOICES: u32 = 200_000;
const WISH: Wish<'static> = Wish { within: Some(Duration::from_secs(1)), is_idempotent: true, tried: &[] };

fn main() {
    println!("{:>10} {:>14} {:>26}", "endpoints", "ns a choice", "ns with begin and end");
    for endpoints in [10, 100, 1_000, 10_000, 100_000] {
        let (mut core, chance) = (BalanceCore::new(BalanceSettings::default()), Chance::seeded(1));
        let mut now = Moment::from_secs(1);
        for number in 0..endpoints {
            core.insert(Moment::ZERO, &number.to_string());
        }
        // One call in two hundred fails, so that all that follows from failures is there.
        let mut call = |core: &mut BalanceCore| {
            let id = core.choose(now, WISH, &chance).expect("there are endpoints");
            core.begin(now, id);
            let outcome = if chance.below(200) == 0 { Outcome::Failed } else { Outcome::Good };
            core.end(now + Duration::from_millis(5), id, now, outcome);
            now = now + Duration::from_micros(50);
        };
        (0..20 * endpoints).for_each(|_| call(&mut core));
        let whole = best(|| (0..CHOICES).for_each(|_| call(&mut core)));
        let choice = best(|| (0..CHOICES).for_each(|_| assert!(core.choose(now, WISH, &chance).is_some())));
        println!("{endpoints:>10} {choice:>14.0} {whole:>26.0}");
    }
}

fn best(mut round: impl FnMut()) -> f64 {
    let took = |_| {
        let began = Instant::now();
        round();
        began.elapsed().as_nanos() as f64 / f64::from(CHOICES)
    };
    (0..5).map(took).fold(f64::MAX, f64::min)
}
