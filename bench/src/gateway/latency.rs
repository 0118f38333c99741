//! What a subject adds to the time of an answer while ten thousand connections are open: an open loop, whose requests come whether the
//! answers do or not.
//!
//! A request counts from when it was due. What the timer of the load client is late by is in every figure, the direct one too; that is
//! why the figure to look at is the difference.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::load::{Crowd, Guest, Question};
use crate::report::quantile;

/// Open connections.
pub const CONNECTIONS: usize = 10_000;
/// Requests a second, all connections together.
pub const RATE: usize = 5_000;
/// An answer that takes longer is an error.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long all connections may take to open, each with one answer, before the run.
const WELCOME_MAX: Duration = Duration::from_secs(60);
/// From the last connection to the first request.
const START_AFTER: Duration = Duration::from_millis(500);

/// What came of a run.
#[derive(Debug, Clone, Copy)]
pub struct Answered {
    /// The middle of the times.
    pub p50_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
    /// Requests without a right answer.
    pub errors: usize,
    /// Answers a second.
    pub per_second: f64,
}

/// Asks for so long.
pub fn measure(address: SocketAddr, question: &Question, length: Duration) -> Result<Answered> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(ask_all(address, question, length)).with_context(|| format!("asking {address}"))
}

async fn ask_all(address: SocketAddr, question: &Question, length: Duration) -> Result<Answered> {
    let welcomed = timeout(WELCOME_MAX, Crowd::welcome(address, CONNECTIONS, question)).await;
    let guests = welcomed.context("not all connections had an answer in time")??.into_guests();
    let question = Arc::new(question.clone());
    let start = Instant::now() + START_AFTER;
    let mut busy = JoinSet::new();
    for (place, guest) in guests.into_iter().enumerate() {
        let first = start + Duration::from_secs(1) * place as u32 / RATE as u32;
        busy.spawn(ask_in_turn(guest, address, Arc::clone(&question), first, start + length));
    }
    let (mut times_us, mut errors) = (Vec::new(), 0);
    while let Some(ended) = busy.join_next().await {
        let (times, failed) = ended.context("a guest panicked")?;
        times_us.extend(times);
        errors += failed;
    }
    let answered = times_us.len() as f64;
    Ok(Answered {
        p50_ms: quantile(&mut times_us, 0.50) / 1e3,
        p99_ms: quantile(&mut times_us, 0.99) / 1e3,
        errors,
        per_second: answered / length.as_secs_f64(),
    })
}

/// One connection's requests, each when it is due; what they took, and how many failed.
async fn ask_in_turn(
    mut guest: Guest<TcpStream>,
    address: SocketAddr,
    question: Arc<Question>,
    first: Instant,
    end: Instant,
) -> (Vec<u32>, usize) {
    let every = Duration::from_secs(1) * CONNECTIONS as u32 / RATE as u32;
    let (mut times_us, mut errors, mut due) = (Vec::new(), 0, first);
    while due < end {
        sleep_until(due).await;
        match timeout(PATIENCE, guest.ask(&question)).await {
            Ok(Ok(())) => times_us.push(u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX)),
            Ok(Err(_)) | Err(_) => {
                errors += 1;
                // Whoever lost the connection comes back with a new one; without one, the next request fails too.
                if let Ok(Ok(new)) = timeout(PATIENCE, Guest::open(address)).await {
                    guest = new;
                }
            }
        }
        guest.rest();
        due += every;
    }
    (times_us, errors)
}
