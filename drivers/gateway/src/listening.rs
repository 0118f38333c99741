//! Who accepts connections: where the first request for a service is held, an instance counts as there when its port does.
//!
//! A process that runs has not opened its port yet, and without a health check nothing else says when it has; the request that
//! started it would be let go into a refusal. Asked by the link before it tells the lists. Always holds: an instance is asked only until
//! it has accepted once; one that never does is listed all the same after as long as a request may wait for it, as it may be meant so.

use crate::seen::Upstream;
use homeostat_vocabulary::{InstanceId, Phase, Status};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// When one that did not accept is asked again: soon, because requests wait for it; a refusal on this machine costs microseconds.
pub(crate) const ASKED_AGAIN: Duration = Duration::from_millis(20);

/// How long a port of this machine may take to accept: only one whose queue is full takes any time, and the other lists wait for it.
const ACCEPTED_WITHIN: Duration = Duration::from_millis(50);

/// As many are asked at a time; the others a moment later.
const ASKED_MAX: usize = 64;

/// No request is held longer, whatever a gateway says.
const HELD_MAX: Duration = Duration::from_secs(3_600);

/// A port of a life of an instance: another process has to open it anew.
type Door = (InstanceId, Option<u32>, u16);

/// What is known of the ports.
#[derive(Default)]
pub(crate) struct Listening {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// How long requests are held, by the list that they wait for.
    held: BTreeMap<String, Duration>,
    open: BTreeSet<Door>,
    /// Those that have not accepted yet, since they were asked first.
    shut: BTreeMap<Door, Instant>,
}

impl Listening {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For which lists the gateway holds requests, and how long.
    pub(crate) fn hear(&self, upstreams: &[Upstream]) {
        let held = upstreams.iter().filter(|upstream| upstream.source == "engine");
        let held = held.filter_map(|upstream| {
            let key = upstream.service.clone().unwrap_or_else(|| upstream.upstream.clone());
            Some((key, Duration::from_millis(upstream.held_ms?).min(HELD_MAX)))
        });
        self.known().held = held.collect();
    }

    /// Whether somebody has to be asked again.
    pub(crate) fn is_unsure(&self) -> bool {
        !self.known().shut.is_empty()
    }

    /// Asks those that are not known to accept; where nobody does yet.
    pub(crate) async fn shut(&self, status: &Status) -> BTreeSet<(InstanceId, u16)> {
        let asked = self.known().notice(status, Instant::now());
        let asking = asked.into_iter().take(ASKED_MAX).map(|door| async {
            let accepted = accepts(door.2).await;
            (door, accepted)
        });
        let answers = futures::future::join_all(asking).await;
        let mut known = self.known();
        for (door, _) in answers.into_iter().filter(|(_, accepted)| *accepted) {
            known.shut.remove(&door);
            known.open.insert(door);
        }
        known.shut.keys().map(|(instance, _, port)| (instance.clone(), *port)).collect()
    }
}

impl Known {
    /// Forgets lives that are over, and says who is well and has not accepted yet.
    fn notice(&mut self, status: &Status, now: Instant) -> Vec<Door> {
        let instances = || status.services.iter().flat_map(|service| &service.instances);
        let mut there = BTreeSet::new();
        let mut wanted = BTreeMap::new();
        for instance in instances() {
            for (port, number) in &instance.ports {
                let door = (instance.id.clone(), instance.pid, *number);
                if let Some(held) = self.held.get(&crate::lists::key(instance.id.service.as_str(), port))
                    && instance.phase == Phase::Ready
                    && !self.open.contains(&door)
                {
                    wanted.insert(door.clone(), *held);
                }
                there.insert(door);
            }
        }
        self.open.retain(|door| there.contains(door));
        let before = std::mem::take(&mut self.shut);
        for (door, held) in wanted {
            let since = before.get(&door).copied().unwrap_or(now);
            if now.duration_since(since) >= held {
                tracing::warn!(instance = %door.0, port = door.2, "nobody accepts connections there; it is sent requests all the same");
                self.open.insert(door);
            } else {
                self.shut.insert(door, since);
            }
        }
        self.shut.keys().cloned().collect()
    }
}

async fn accepts(port: u16) -> bool {
    let connected = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    matches!(tokio::time::timeout(ACCEPTED_WITHIN, connected).await, Ok(Ok(_)))
}
