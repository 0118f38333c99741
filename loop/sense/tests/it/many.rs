//! A thousand checks of which some hang: the others must not notice.

use crate::server::{Manner, Server};
use crate::{Bench, PATIENCE, http, shell};
use homeostat_vocabulary::SignalKind;
use std::collections::HashMap;
use tokio::time::Instant;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_hanging_checks_delay_none_of_the_other_nine_hundred() {
    // One hung service would make the engine blind for all the others.
    let well = Server::saying("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let hung = Server::start(Manner::Silent).await;
    let mut bench = Bench::with_queue(16_384);
    for index in 0..1_000 {
        let port = if index % 10 == 0 { hung.port } else { well.port };
        bench.watch(&format!("web/{index}"), port, http("/"), 1_000, 600_000);
    }
    let passes = passes_until(&mut bench, 900, 3).await;
    // The slowest of the well ones has three; in step with it, none of them can have been asked a hundred times.
    assert!(passes.values().all(|count| (3..100).contains(count)), "{passes:?}");
    assert!(passes.keys().all(|index| !index.is_multiple_of(10)), "a hung check passed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hanging_commands_delay_no_other_check() {
    // Commands share the pool of blocking threads: a hundred that hang must not use it up.
    let well = Server::saying("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let mut bench = Bench::with_queue(16_384);
    for index in 0..100 {
        bench.watch(&format!("stuck/{index}"), 1, shell("exec sleep 600"), 200, 600_000);
    }
    for index in 0..50 {
        bench.watch(&format!("web/{index}"), well.port, http("/"), 200, 10_000);
        bench.watch(&format!("shell/{index}"), 1, shell("exit 0"), 2_000, 20_000);
    }
    let passes = passes_until(&mut bench, 50, 3).await;
    assert_eq!(passes.len(), 50, "{passes:?}");
}

/// Counts passes by instance number until `instances` of them have `each`.
async fn passes_until(bench: &mut Bench, instances: usize, each: u32) -> HashMap<u16, u32> {
    let mut passes: HashMap<u16, u32> = HashMap::new();
    let end = Instant::now() + PATIENCE * 2;
    while passes.values().filter(|count| **count >= each).count() < instances {
        let signal = tokio::time::timeout_at(end, bench.signals.recv()).await.unwrap_or_else(|_| {
            let enough = passes.values().filter(|count| **count >= each).count();
            panic!("only {enough} of {instances} checks passed {each} times")
        });
        let signal = signal.unwrap();
        assert_ne!(signal.subject.service.as_str(), "stuck");
        if matches!(signal.kind, SignalKind::ProbePassed { .. }) {
            *passes.entry(signal.subject.index).or_default() += 1;
        }
    }
    passes
}
