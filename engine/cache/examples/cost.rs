//! What a hit costs, beside the bare table below it: a response held as an `Arc`, found by its key, on one thread.
//!
//!     cargo run --release -p homeostat-cache --example cost

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use homeostat_cache::{Cache, CacheSettings, Life, Lookup, Terms};
use homeostat_reactor::Clock;

/// How many keys: more than the processor's nearest caches hold.
const KEYS: usize = 10_000;

/// The best of so many rounds counts: the others were disturbed.
const ROUNDS: usize = 7;

/// What a proxy keeps: a head and a body.
struct Response {
    head: Box<str>,
    body: Box<[u8]>,
}

fn response() -> Response {
    Response { head: "200 text/html".into(), body: vec![b'x'; 1_024].into() }
}

/// What this thread has used so far: the wall's clock would measure the neighbours too.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

fn best(looks: usize, mut look: impl FnMut(usize)) -> f64 {
    let round = |_| {
        let begun = processor_time();
        (0..looks).for_each(&mut look);
        (processor_time() - begun).as_nanos() as f64 / looks as f64
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}

fn measure(looks: usize) -> Result<[(&'static str, f64); 6], homeostat_cache::InvalidCache> {
    let keys: Vec<Arc<str>> = (0..KEYS).map(|at| format!("https://shop.example/articles/{at}").into()).collect();
    let settings = CacheSettings::default();
    let pages: Cache<Arc<str>, Response> = Cache::new(settings, Clock::machine())?;
    let tagged: Cache<Arc<str>, Response> = Cache::new(settings, Clock::machine())?;
    let bare = quick_cache::sync::Cache::<Arc<str>, Arc<Response>>::new(2 * KEYS);
    let life = Life::fresh(Duration::from_secs(3_600)).while_revalidating(Duration::from_secs(60));
    let terms = Terms { life, bytes: 1_100, tags: &[] };
    for key in &keys {
        pages.insert(key, response(), &terms);
        tagged.insert(key, response(), &Terms { tags: &["shop", "articles"], ..terms });
        bare.insert(Arc::clone(key), Arc::new(response()));
    }
    let (group, clock) = (pages.group("articles"), pages.clock());
    let key = |at: usize| keys[at * 7_919 % KEYS].as_ref();
    let found = |lookup: Lookup<Arc<str>, Response>| {
        let hit = lookup.fresh().expect("it was stored a moment ago");
        black_box(hit.head.len() + hit.body.len());
    };
    Ok([
        ("bare quick_cache, get", best(looks, |at| drop(black_box(bare.get(key(at)))))),
        (
            "the clock alone",
            best(looks, |_| {
                black_box(clock.now());
            }),
        ),
        ("look-up, fresh", best(looks, |at| found(pages.lookup_for(&group, key(at))))),
        ("look-up, fresh, two tags", best(looks, |at| found(tagged.lookup(key(at))))),
        ("look-up, nothing there", best(looks, |at| drop(black_box(pages.lookup(&key(at)[1..]))))),
        ("fetch and insert", best(looks / 10, |at| drop(pages.insert(&keys[at % KEYS], response(), &terms)))),
    ])
}

fn main() -> Result<(), homeostat_cache::InvalidCache> {
    println!("nanoseconds of processor time a call, the best of {ROUNDS} rounds, one thread, {KEYS} keys");
    for (what, nanos) in measure(1_000_000)? {
        println!("{what:<28}{nanos:>8.0}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn everything_that_is_measured_is_there() {
        // Would break: an example that measures misses.
        assert_eq!(super::measure(1_000).unwrap().len(), 6);
    }
}
