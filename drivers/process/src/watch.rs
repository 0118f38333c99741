//! A running shim, held on to: seen at once when it ends, and signalled without mistake.
//!
//! Used by the driver. Always holds: a signal goes to the very process that was meant, or to nobody.

use crate::identity::ProcessIdentity;
use rustix::process::{Signal, pidfd_send_signal};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// How often a shim is looked at when the kernel has no descriptor left for it.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// How long the kernel may take to end a shim that was killed.
const KILL_MARGIN: Duration = Duration::from_secs(5);

/// A shim that ran a moment ago.
#[derive(Debug)]
pub struct Shim {
    identity: ProcessIdentity,
    /// `None` when it is gone, or no descriptor could be had.
    descriptor: Option<OwnedFd>,
}

impl Shim {
    /// Takes hold of it.
    pub fn of(identity: ProcessIdentity) -> Self {
        let descriptor = identity.open().unwrap_or_else(|error| {
            tracing::warn!(%error, "no descriptor for process {}, looking at it instead", identity.pid);
            None
        });
        Self { identity, descriptor }
    }

    /// Signals it, if it is not gone, and wakes it in case somebody has stopped it.
    pub fn signal(&self, signal: Signal) {
        if let Some(descriptor) = &self.descriptor {
            let _gone_already = pidfd_send_signal(descriptor, signal);
            let _gone_already = pidfd_send_signal(descriptor, Signal::CONT);
        }
    }

    /// Waits for one that was told to end; kills it when that takes too long. Returns although it lives if it does not take a kill.
    pub async fn end_within(&self, patience: Duration) {
        if tokio::time::timeout(patience, self.until_gone()).await.is_err() {
            // It is stopped or broken. The kernel ends the service with it, and the next look sweeps the rest.
            self.signal(Signal::KILL);
            let _whoever_asked_looks = tokio::time::timeout(KILL_MARGIN, self.until_gone()).await;
        }
    }

    /// Returns when it has ended.
    pub async fn until_gone(&self) {
        if let Some(descriptor) = &self.descriptor
            && let Ok(waiting) = readiness(descriptor.as_fd())
            && waiting.readable().await.is_ok()
        {
            return;
        }
        while self.identity.is_alive() {
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
}

#[expect(
    deprecated,
    reason = "its successor is unsafe, for types that lie about their descriptor; a borrowed one cannot"
)]
fn readiness(descriptor: BorrowedFd<'_>) -> std::io::Result<AsyncFd<BorrowedFd<'_>>> {
    AsyncFd::with_interest(descriptor, Interest::READABLE)
}
