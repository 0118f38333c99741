//! One endpoint of an upstream: where it listens, and the connections that wait there for their next request.
//!
//! Shared by all workers, but every worker has a shelf of connections of its own: a connection is served by the runtime that
//! opened it, and no worker waits for another. The price is that a worker does not use what another one has kept; with few workers
//! nearly all requests still find a connection. Always holds: a shelf has a limit, what lies too long on it is closed, and a
//! connection that the other side has closed is never used.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use homeostat_wire::client::{Connection, Multiplexed, Shelf};

use super::Terms;
use crate::telemetry::EndpointMeter;

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
    pub meter: Arc<EndpointMeter>,
    /// How connections to it are made. Another way makes another endpoint: what was opened in clear text is not used where TLS is asked for.
    pub terms: Arc<Terms>,
    lanes: Box<[Lane]>,
}

/// An endpoint that is in no list any more, seen from outside: held only by requests that are under way there.
#[derive(Debug)]
pub struct Parted {
    /// Its name.
    pub name: String,
    /// Held by every attempt, and by its answer until that is on its way to the client.
    endpoint: Weak<Endpoint>,
    /// Held by every body of an answer to its end, to give the connection back.
    shelves: Box<[Weak<Kept>]>,
}

impl Parted {
    /// Whether a request is under way there.
    pub fn is_busy(&self) -> bool {
        self.endpoint.strong_count() > 0 || self.shelves.iter().any(|shelf| shelf.strong_count() > 0)
    }
}

/// What one worker keeps of an endpoint.
#[derive(Debug)]
struct Lane {
    kept: Arc<Kept>,
    multiplexed: Mutex<Option<Multiplexed>>,
}

impl Lane {
    fn new(kept_max: usize) -> Self {
        let kept = Kept { lying: Mutex::default(), kept_max, broken: AtomicU32::new(0) };
        Self { kept: Arc::new(kept), multiplexed: Mutex::default() }
    }

    fn shared(&self) -> MutexGuard<'_, Option<Multiplexed>> {
        self.multiplexed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connections that lie on a shelf, the last used on top.
#[derive(Debug)]
pub struct Kept {
    lying: Mutex<Vec<(Connection, Instant)>>,
    kept_max: usize,
    /// Bodies of answers that broke off since somebody last looked.
    broken: AtomicU32,
}

impl Kept {
    fn connections(&self) -> MutexGuard<'_, Vec<(Connection, Instant)>> {
        self.lying.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf for Kept {
    fn put(&self, connection: Connection) {
        let mut connections = self.connections();
        if connections.len() < self.kept_max {
            connections.push((connection, Instant::now()));
        }
    }

    fn broke(&self) {
        self.broken.fetch_add(1, Ordering::Relaxed);
    }
}

impl Endpoint {
    /// One without connections, for so many workers.
    pub fn new(place: Place, workers: usize, terms: Arc<Terms>, meter: Arc<EndpointMeter>) -> Self {
        let lanes = (0..workers).map(|_| Lane::new(terms.kept_max)).collect();
        Self { place, meter, terms, lanes }
    }

    /// How it is seen once it is in no list any more. No counter on the path of a request is needed for it.
    pub fn parted(self: &Arc<Self>) -> Parted {
        let shelves = self.lanes.iter().map(|lane| Arc::downgrade(&lane.kept)).collect();
        Parted { name: self.place.name.clone(), endpoint: Arc::downgrade(self), shelves }
    }

    /// Bodies of its answers that broke off since this was last asked.
    pub fn take_broken(&self) -> u32 {
        self.lanes.iter().map(|lane| lane.kept.broken.swap(0, Ordering::Relaxed)).sum()
    }

    /// A kept connection of this worker: the last one that was used, because it is the least likely to be closed soon, and so that
    /// those that are not needed grow old. Whether it may still be used is looked at when something is sent.
    pub fn kept(&self, worker: usize) -> Option<Connection> {
        self.lanes[worker].kept.connections().pop().map(|(connection, _)| connection)
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
                let young = connections.partition_point(|(_, since)| now.duration_since(*since) > self.terms.kept_for);
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
