//! One endpoint of an upstream: where it listens, and the connections that wait there for their next request.
//!
//! Shared by all workers, but every worker has a shelf of connections of its own: a connection is served by the runtime that
//! opened it, and no worker waits for another. The price is that a worker does not use what another one has kept; with few workers
//! nearly all requests still find a connection. Always holds: a shelf has a limit, what lies too long on it is closed, and a
//! connection that the other side has closed is never used.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use homeostat_wire::client::{Connection, Multiplexed, Shelf};

use crate::telemetry::EndpointMeter;

/// Connections kept for each endpoint by each worker: what is more was a burst, and is closed.
const KEPT_MAX: usize = 256;
/// Kept connections are closed after so long without a request: shorter than most servers do it themselves, so that a request
/// seldom meets a connection that is being closed.
pub const KEPT_FOR: Duration = Duration::from_secs(50);

/// Where an endpoint listens, and under which name it is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// Its name: the instance, or its address.
    pub name: String,
    /// Its address.
    pub address: SocketAddr,
}

impl Place {
    /// An endpoint that has no other name than its address.
    pub fn at(address: SocketAddr) -> Self {
        Self { name: address.to_string(), address }
    }
}

/// An endpoint, with its connections.
#[derive(Debug)]
pub struct Endpoint {
    /// Where it is.
    pub place: Place,
    /// What is counted.
    pub meter: EndpointMeter,
    lanes: Box<[Lane]>,
}

/// What one worker keeps of an endpoint.
#[derive(Debug, Default)]
struct Lane {
    kept: Arc<Kept>,
    multiplexed: Mutex<Option<Multiplexed>>,
}

impl Lane {
    fn shared(&self) -> MutexGuard<'_, Option<Multiplexed>> {
        self.multiplexed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connections that lie on a shelf, the last used on top.
#[derive(Debug, Default)]
pub struct Kept(Mutex<Vec<(Connection, Instant)>>);

impl Kept {
    fn connections(&self) -> MutexGuard<'_, Vec<(Connection, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf for Kept {
    fn put(&self, connection: Connection) {
        let mut connections = self.connections();
        if connections.len() < KEPT_MAX {
            connections.push((connection, Instant::now()));
        }
    }
}

impl Endpoint {
    /// One without connections, for so many workers.
    pub fn new(place: Place, workers: usize) -> Self {
        Self { place, meter: EndpointMeter::default(), lanes: (0..workers).map(|_| Lane::default()).collect() }
    }

    /// A kept connection of this worker that may still be used: the last one that was, because it is the least likely to be closed
    /// soon, and so that those that are not needed grow old.
    pub fn kept(&self, worker: usize) -> Option<Connection> {
        let kept = &self.lanes[worker].kept;
        loop {
            // Looking at a connection may ask the kernel: not under the lock.
            let (mut connection, _) = kept.connections().pop()?;
            if connection.is_reusable() {
                return Some(connection);
            }
            self.meter.stale.one();
        }
    }

    /// Where connections of this worker are put when they are done.
    pub fn shelf(&self, worker: usize) -> Arc<dyn Shelf> {
        Arc::clone(&self.lanes[worker].kept) as Arc<dyn Shelf>
    }

    /// The connection of this worker that carries many requests at once, if it takes more.
    pub fn multiplexed(&self, worker: usize) -> Option<Multiplexed> {
        self.lanes[worker].shared().clone().filter(Multiplexed::is_usable)
    }

    /// From now on this one carries the requests of this worker.
    pub fn keep_multiplexed(&self, worker: usize, connection: Multiplexed) {
        *self.lanes[worker].shared() = Some(connection);
    }

    /// The one that is kept takes no more requests.
    pub fn drop_multiplexed(&self, worker: usize) {
        *self.lanes[worker].shared() = None;
    }

    /// Closes what has lain too long. Called now and then.
    pub fn sweep(&self, now: Instant) {
        for lane in &self.lanes {
            let old: Vec<_> = {
                let mut connections = lane.kept.connections();
                // The oldest lie at the bottom.
                let young = connections.partition_point(|(_, since)| now.duration_since(*since) > KEPT_FOR);
                connections.drain(..young).collect()
            };
            drop(old);
        }
    }

    /// How many connections wait for their next request.
    pub fn idle(&self) -> usize {
        self.lanes.iter().map(|lane| lane.kept.connections().len()).sum()
    }
}
