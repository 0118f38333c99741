//! The client of every run: sends each request when it is due, whatever became of those before it.
//!
//! A request counts from when it was due and not from when it was sent: a client that is late itself must not hide it. After the
//! deadline it gives up and closes the connection, as an impatient person does.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::arrivals::Arrival;
use super::child::Start;
use super::ledger::Ended;
use super::scenario::DEADLINE;
use super::transport::{Asked, Transport};

/// Sends everything and waits for the last end.
pub async fn send_all(port: u16, arrivals: &[Arrival], start: Start) -> Vec<Ended> {
    let transport = Arc::new(Transport::new(&[port], start));
    let mut under_way = JoinSet::new();
    let mut ended = Vec::with_capacity(arrivals.len());
    for arrival in arrivals {
        tokio::time::sleep_until(start.at(arrival.at).into()).await;
        under_way.spawn(send(Arc::clone(&transport), *arrival, start));
        ended.extend(std::iter::from_fn(|| under_way.try_join_next()).filter_map(Result::ok));
    }
    while let Some(one) = under_way.join_next().await {
        ended.extend(one);
    }
    ended.sort_by_key(|one: &Ended| one.request);
    ended
}

async fn send(transport: Arc<Transport>, arrival: Arrival, start: Start) -> Ended {
    let Arrival { id, at, is_post, tier } = arrival;
    let attempt = transport.attempt(0, Asked { id, is_post, tier });
    let answer = tokio::time::timeout_at(start.at(at + DEADLINE).into(), attempt).await;
    let took = start.elapsed().saturating_sub(at);
    Ended {
        request: id,
        sent_us: at.as_micros() as u64,
        took_us: took.as_micros() as u64,
        is_good: matches!(answer, Ok(Ok(_))),
        is_post,
        tier,
    }
}
