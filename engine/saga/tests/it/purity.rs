//! The law of the core, read from its source: no runtime, clock, disk, randomness or unordered map.
//!
//! The simulator and every replay rest on it. The runner and the journal ledger are the shell, and exempt.

const CORE: [&str; 13] = [
    "call",
    "decide",
    "definition",
    "event",
    "executor",
    "executor/events",
    "invariants",
    "ledger/memory",
    "record",
    "roster",
    "saga",
    "step",
    "watchdog",
];

#[test]
fn the_core_touches_nothing() {
    // Breaks when someone reaches for a clock or a runtime in the core, and a simulated run is no longer the real one.
    for name in CORE {
        let path = format!("{}/src/{name}.rs", env!("CARGO_MANIFEST_DIR"));
        let source = std::fs::read_to_string(path).unwrap();
        let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
        for banned in
            ["tokio", "Instant", "SystemTime", "HashMap", "HashSet", "std::fs", "std::net", "std::thread", "rand::"]
        {
            assert!(!code.clone().any(|line| line.contains(banned)), "{name}.rs uses {banned}");
        }
    }
}
