//! One endpoint of an upstream: where it listens, and the connections that wait there for their next request.
//!
//! Shared by all workers, but every worker has a shelf of connections of its own: a connection is served by the runtime that
//! opened it, and no worker waits for another. The price is that a worker does not use what another one has kept; with few workers
//! nearly all requests still find a connection. Always holds: a shelf has a limit, what lies too long on it is closed, and a
//! connection that the other side has closed is never used.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

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

/// How long answers of unknown length may still take at an endpoint that has nothing else to do any more. Pages that are made while
/// they are sent end within it; feeds of events and long calls of gRPC never end by themselves, and their clients come back by themselves.
const STREAMS_WAITED_FOR: Duration = Duration::from_secs(5);

/// An endpoint that is in no list any more, seen from outside: held only by requests that are under way there.
#[derive(Debug)]
pub struct Parted {
    /// Its name.
    pub name: String,
    /// Held by every attempt, and by its answer until that is on its way to the client.
    endpoint: Weak<Endpoint>,
    /// Held by every body of an answer to its end, to give the connection back: by those of known length, and by the others. A tunnel
    /// holds neither: it has no end to wait for.
    shelves: Box<[(Weak<Kept>, Weak<Streams>)]>,
    /// Since when only answers of unknown length have been seen under way.
    streams_since: Option<Instant>,
}

impl Parted {
    /// Whether a request is under way there that is worth waiting for.
    pub fn is_busy(&mut self, now: Instant) -> bool {
        if self.endpoint.strong_count() > 0 || self.shelves.iter().any(|(kept, _)| kept.strong_count() > 0) {
            self.streams_since = None;
            return true;
        }
        if self.shelves.iter().all(|(_, streams)| streams.strong_count() == 0) {
            return false;
        }
        let since = *self.streams_since.get_or_insert(now);
        now.saturating_duration_since(since) < STREAMS_WAITED_FOR
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
        let kept = Arc::new_cyclic(|kept| {
            let streams = Arc::new(Streams(Weak::clone(kept)));
            Kept { lying: Mutex::default(), kept_max, broken: AtomicU32::new(0), streams }
        });
        Self { kept, multiplexed: Mutex::default() }
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
    /// Where answers of unknown length bring their connections.
    streams: Arc<Streams>,
}

/// The same shelf for answers of unknown length, which do not keep it from going: they may never end.
#[derive(Debug)]
struct Streams(Weak<Kept>);

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

    fn of_streams(self: Arc<Self>) -> Option<Arc<dyn Shelf>> {
        Some(Arc::clone(&self.streams) as Arc<dyn Shelf>)
    }
}

/// Once the shelf is gone, so is its endpoint: what comes is closed.
impl Shelf for Streams {
    fn put(&self, connection: Connection) {
        if let Some(kept) = self.0.upgrade() {
            kept.put(connection);
        }
    }

    fn broke(&self) {
        if let Some(kept) = self.0.upgrade() {
            kept.broke();
        }
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
        let shelves = self.lanes.iter().map(|lane| (Arc::downgrade(&lane.kept), Arc::downgrade(&lane.kept.streams)));
        let (name, shelves) = (self.place.name.clone(), shelves.collect());
        Parted { name, endpoint: Arc::downgrade(self), shelves, streams_since: None }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_of_unknown_length_are_not_waited_for_to_their_end() {
        // Would break: a download is cut by a stop that could wait for it, or a feed without an end is waited for in vain.
        let terms = Arc::new(Terms::once(None, Duration::ZERO));
        let place = Place::at("127.0.0.1:9".parse().unwrap());
        let endpoint = Arc::new(Endpoint::new(place, 2, terms, Arc::default()));
        let (measured, stream) = (endpoint.shelf(0), endpoint.shelf(1).of_streams().unwrap());
        let mut parted = endpoint.parted();
        let begin = Instant::now();
        assert!(parted.is_busy(begin + 10 * STREAMS_WAITED_FOR), "it has not begun to answer");
        drop(endpoint);
        let late = begin + 20 * STREAMS_WAITED_FOR;
        assert!(parted.is_busy(late), "an answer of known length is under way");
        drop(measured);
        assert!(parted.is_busy(late), "the stream has its time from now on");
        assert!(!parted.is_busy(late + STREAMS_WAITED_FOR));
        drop(stream);
        assert!(!parted.is_busy(late));
    }
}
