//! For tests that use the real thing: real programs, real processes, real ports, and nothing left behind.
//!
//! Used as a dev-dependency only. Always holds: what a guard here ends was started under it. It must never be part of what
//! ships, and knows nothing of the crates it helps to test, but for the mark that every process of a service bears.

pub mod engine;
pub mod processes;
pub mod programs;

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

/// How long a test waits for what must come at last. Generous, as a busy machine is no fault of the product.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often a waiting test looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Waits until `holds`, or fails the test saying that `what` never came.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    wait_for(what, || holds().then_some(()));
}

/// Waits until `found` finds something, or fails the test saying that `what` never came.
#[track_caller]
pub fn wait_for<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain: {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}

/// A port at which nobody listens just now. Another program may take it before the test does: let the kernel choose, by port
/// zero, wherever that is possible.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the kernel has a free port");
    listener.local_addr().expect("a listener has an address").port()
}
