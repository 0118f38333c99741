//! Requests that are lost while a subject takes on a new configuration, or hands over to a new process, under load.
//!
//! A kept connection that is closed as a request is sent has always been allowed in HTTP/1.1, and a careful client asks again; so that
//! is counted apart from requests that are lost for any client.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::load::{Guest, Question};
use super::subjects::Running;

/// Guests who ask one after the other, with pauses in which their connections are idle: those are what a change closes.
const GUESTS: usize = 64;
const PAUSE: Duration = Duration::from_millis(10);
/// An answer that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lost {
    /// Requests that were made.
    pub asked: usize,
    /// Requests that failed for any client.
    pub failed: usize,
    /// Kept connections that were closed without a byte of an answer as the next request was sent.
    pub closed_under: usize,
}

/// What changes under the guests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The configuration, every second.
    Reload,
    /// The process, every other second: a new one takes over.
    Upgrade,
}

impl Change {
    const fn every(self) -> Duration {
        match self {
            Self::Reload => Duration::from_secs(1),
            Self::Upgrade => Duration::from_secs(2),
        }
    }
}

/// Asks for so long while the subject changes.
pub fn measure(subject: &mut Running, change: Change, question: &Question, length: Duration) -> Result<Lost> {
    let address = subject.clear;
    std::thread::scope(|scope| {
        // A change blocks until it is made: not in the thread that asks.
        let changing = scope.spawn(move || change_on(subject, change, length));
        let lost = ask_all(address, question, length);
        changing.join().map_err(|_| anyhow!("the thread of the changes panicked"))??;
        lost
    })
}

fn change_on(subject: &mut Running, change: Change, length: Duration) -> Result<()> {
    let end = Instant::now() + length;
    while Instant::now() + change.every() < end {
        std::thread::sleep(change.every());
        match change {
            Change::Reload => subject.reload(),
            Change::Upgrade => subject.upgrade(),
        }
        .with_context(|| format!("changing {}", subject.kind.name()))?;
    }
    Ok(())
}

fn ask_all(address: SocketAddr, question: &Question, length: Duration) -> Result<Lost> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let end = Instant::now() + length;
        let mut busy = JoinSet::new();
        for _ in 0..GUESTS {
            busy.spawn(ask_on(address, question.clone(), end));
        }
        let mut lost = Lost::default();
        while let Some(ended) = busy.join_next().await {
            let one = ended.context("a guest panicked")?;
            lost.asked += one.asked;
            lost.failed += one.failed;
            lost.closed_under += one.closed_under;
        }
        Ok(lost)
    })
}

async fn ask_on(address: SocketAddr, question: Question, end: Instant) -> Lost {
    let mut lost = Lost::default();
    let mut kept: Option<Guest<_>> = None;
    while Instant::now() < end {
        lost.asked += 1;
        let is_kept = kept.is_some();
        let mut guest = match kept.take() {
            Some(guest) => guest,
            None => match timeout(PATIENCE, Guest::open(address)).await {
                Ok(Ok(guest)) => guest,
                _ => {
                    lost.failed += 1;
                    continue;
                }
            },
        };
        match timeout(PATIENCE, guest.ask(&question)).await {
            Ok(Ok(())) => kept = Some(guest),
            Ok(Err(_)) if is_kept && !guest.has_begun() => lost.closed_under += 1,
            _ => lost.failed += 1,
        }
        sleep(PAUSE).await;
    }
    lost
}
