//! Names that nobody else has: for feeds, and for batches that may be sent twice.

use std::hash::{BuildHasher, RandomState};
#[cfg(feature = "websocket")]
use std::time::Duration;

/// 128 bits of chance in hexadecimal. The keys of the standard hasher come from the system and are new for each call.
pub(crate) fn unique_name() -> String {
    let half = |salt: u64| RandomState::new().hash_one(salt);
    format!("{:016x}{:016x}", half(1), half(2))
}

/// The same wait, shortened by chance by up to a half: those who lost the same peer do not come back together.
#[cfg(feature = "websocket")]
pub(crate) fn spread(wait: Duration) -> Duration {
    let permille = RandomState::new().hash_one(0) % 500;
    wait.mul_f64(1.0 - 0.001 * permille as f64)
}
