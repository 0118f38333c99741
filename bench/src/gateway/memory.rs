//! What connections that wait cost: the memory of a subject that has just started, and again when ten thousand guests have each had one
//! answer and stay.
//!
//! Memory of the processes only: what the kernel keeps for a socket is the same for all and not in it.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::timeout;

use super::load::{Crowd, Question};
use super::subjects::Running;
use crate::reactor::child::tree;

/// Guests that stay.
pub const GUESTS: usize = 10_000;
/// Connections of the warm-up.
const FIRST: usize = 100;
/// Requests before the first look, so that what every subject needs once is not counted for the guests.
const WARM_UP: usize = 2_000;
/// A subject that takes longer to answer them all is not measured.
const PATIENCE: Duration = Duration::from_secs(60);
/// A subject frees what it frees soon after the last answer.
const REST: Duration = Duration::from_millis(500);

/// What was seen.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// Resident memory of all processes with the guests, shared pages in each of them.
    pub rss_mib: f64,
    /// The same, shared pages divided among those who share them.
    pub pss_mib: f64,
    /// What a guest added.
    pub bytes_per_connection: f64,
}

/// Lets the guests come and looks at the memory; the subject should have been started for this.
pub fn measure(subject: &Running, question: &Question) -> Result<Held> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let held = runtime.block_on(async { timeout(PATIENCE, hold(subject, question)).await });
    held.context("it did not answer them all in time")
        .and_then(|held| held)
        .with_context(|| format!("memory of {}", subject.kind.name()))
}

async fn hold(subject: &Running, question: &Question) -> Result<Held> {
    let mut first = Crowd::open(subject.clear, FIRST).await?;
    first.ask(question, WARM_UP).await?;
    drop(first);
    tokio::time::sleep(REST).await;
    let before = of_tree(subject.pid, "Pss:");
    let guests = Crowd::welcome(subject.clear, GUESTS, question).await?;
    tokio::time::sleep(REST).await;
    let (rss, pss) = (of_tree(subject.pid, "Rss:"), of_tree(subject.pid, "Pss:"));
    drop(guests);
    let mib = |bytes: f64| bytes / f64::from(1 << 20);
    Ok(Held { rss_mib: mib(rss), pss_mib: mib(pss), bytes_per_connection: (pss - before) / GUESTS as f64 })
}

/// One line of what the kernel says of the memory of all processes, in bytes.
fn of_tree(pid: u32, line: &str) -> f64 {
    let kib = |pid: u32| -> Option<f64> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let value = text.lines().find_map(|one| one.strip_prefix(line))?;
        value.split_ascii_whitespace().next()?.parse().ok()
    };
    tree(pid).filter_map(kib).sum::<f64>() * 1024.0
}
