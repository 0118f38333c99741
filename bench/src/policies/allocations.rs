//! Counts what calls allocate and what endpoints hold. Started by `homeostat-bench policies`, which reads what this prints.
//!
//! A program of its own, and it must never time anything: the allocator that counts is slower than the one that everybody has.
//! Counts are exact and the same in every run, so there is one of each.

use allocation_counter::{AllocationInfo, measure};
use policy_subjects::{
    Answer, Counted, EndpointsHeld, FAILSAFE, OURS, Subject, TOWER, breakers, healthy, peer_breakers, peer_endpoints,
    refusing,
};
use tokio::runtime::Runtime;

/// Calls to each endpoint before it is said to be known.
const ROUNDS: usize = 20;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [calls, held, only] = arguments.as_slice() else { anyhow::bail!("calls, endpoints and a name are needed") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let (calls, held) = (calls.parse()?, held.parse()?);
    let mut counted = Vec::new();
    for subject in healthy().iter().filter(|subject| subject.policy.contains(only)) {
        for (answer, prefix) in [(Answer::AtOnce, "at_once"), (Answer::WaitsOnce, "waiting")] {
            counted.extend(of_calls(&runtime, subject, answer, prefix, calls));
        }
    }
    for subject in refusing().iter().filter(|subject| subject.policy.contains(only)) {
        // Few are enough, and a peer's wait for a timer of a millisecond.
        counted.extend(of_calls(&runtime, subject, Answer::AtOnce, "refusal", calls.min(200)));
    }
    if only.is_empty() {
        counted.extend(of_state(held));
    }
    println!("{}", serde_json::to_string(&counted)?);
    Ok(())
}

/// The allocations of one call: what twice as many calls allocate more, so that spawning their task does not count.
fn of_calls(runtime: &Runtime, subject: &Subject, answer: Answer, prefix: &str, calls: u64) -> [Counted; 2] {
    let run = |calls| {
        measure(|| {
            runtime.block_on(runtime.spawn(subject.calls(answer, calls))).expect("calls do not panic");
        })
    };
    // Until what grows has grown.
    run(calls);
    let (once, twice) = (run(calls), run(2 * calls));
    let a_call = |of: fn(&AllocationInfo) -> u64| (of(&twice) as f64 - of(&once) as f64) / calls as f64;
    let counted = |what: &str, unit: &str, value: f64| {
        Counted::new(subject.name, subject.policy, &format!("{prefix}_{what}"), unit, value)
    };
    [
        counted("allocations", "allocations", a_call(|info| info.count_total)),
        counted("allocated_bytes", "bytes", a_call(|info| info.bytes_total)),
    ]
}

/// What is held for each endpoint and each breaker, names included.
fn of_state(count: usize) -> Vec<Counted> {
    let each = |subject: &str, case: &str, info: AllocationInfo| {
        Counted::new(subject, case, "held_bytes", "bytes", info.bytes_current as f64 / count as f64)
    };
    let (endpoint, breaker) = ("state of an endpoint", "state of a breaker");
    vec![
        each(OURS, endpoint, held(|| EndpointsHeld::learned(count, ROUNDS))),
        each(TOWER, endpoint, held(|| peer_endpoints(count))),
        each(OURS, breaker, held(|| breakers(count))),
        each(TOWER, breaker, held(|| peer_breakers(TOWER, count))),
        each(FAILSAFE, breaker, held(|| peer_breakers(FAILSAFE, count))),
    ]
}

/// What is still allocated when `make` is done, and what it made is there.
fn held<T>(make: impl FnOnce() -> T) -> AllocationInfo {
    let mut made = None;
    let info = measure(|| made = Some(make()));
    drop(made);
    info
}
