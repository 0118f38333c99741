//! Which instances the gateway may send requests to: made whole from the status, each time. Pure.
//!
//! A service that is asked for at a port of another name than `port` is listed under `service:port`, as the gateway's settings name it.

use homeostat_vocabulary::{InstanceId, Phase, Status};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};

/// The port that needs no name.
const PORT: &str = "port";

/// All lists, by service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Lists {
    services: BTreeMap<String, Vec<Place>>,
}

/// What the gateway knew before this engine did. An engine that takes over has to ask every instance anew whether it is well; until
/// it has an answer, what the gateway was told by the engine before still holds.
#[derive(Debug, Default)]
pub(crate) struct Inherited {
    places: BTreeSet<(String, SocketAddr)>,
    judged: BTreeSet<InstanceId>,
}

impl Inherited {
    /// The gateway has these.
    pub(crate) fn hear(&mut self, places: impl Iterator<Item = (String, SocketAddr)>) {
        self.places = places.collect();
    }

    /// Whoever was seen in any state but that of a beginning has been judged by this engine.
    pub(crate) fn observe(&mut self, status: &Status) {
        let instances = status.services.iter().flat_map(|service| &service.instances);
        let judged = instances.filter(|instance| instance.phase != Phase::Starting).map(|instance| instance.id.clone());
        self.judged.extend(judged);
    }

    fn holds(&self, instance: &InstanceId, address: SocketAddr) -> bool {
        !self.judged.contains(instance) && self.places.contains(&(instance.to_string(), address))
    }
}

/// One instance and where it listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Place {
    name: String,
    address: SocketAddr,
}

impl Lists {
    /// The ready instances of every service, without those that are about to be stopped, and those at whose port nobody accepts yet. A
    /// service none of whose instances is ready has an empty list: then its requests are held, not sent astray.
    pub(crate) fn of(
        status: &Status,
        leaving: &BTreeSet<InstanceId>,
        shut: &BTreeSet<(InstanceId, u16)>,
        inherited: &Inherited,
    ) -> Self {
        let mut services: BTreeMap<String, Vec<Place>> = BTreeMap::new();
        for service in &status.services {
            services.entry(service.name.to_string()).or_default();
            for instance in &service.instances {
                for (port, number) in &instance.ports {
                    let places = services.entry(key(service.name.as_str(), port)).or_default();
                    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, *number));
                    let well = match instance.phase {
                        Phase::Ready => true,
                        Phase::Starting => inherited.holds(&instance.id, address),
                        _ => false,
                    };
                    if well && !leaving.contains(&instance.id) && !shut.contains(&(instance.id.clone(), *number)) {
                        places.push(Place { name: instance.id.to_string(), address });
                    }
                }
            }
        }
        Self { services }
    }

    /// Whether this instance is in any of the lists.
    pub(crate) fn names(&self, instance: &InstanceId) -> bool {
        let name = instance.to_string();
        self.services.values().flatten().any(|place| place.name == name)
    }

    /// Says a list empty that was told before and is not made any more: a port that is no longer declared.
    pub(crate) fn emptied_after(mut self, before: &Self) -> Self {
        for key in before.services.keys() {
            self.services.entry(key.clone()).or_default();
        }
        self
    }
}

/// The list of a port.
pub(crate) fn key(service: &str, port: &str) -> String {
    if port == PORT { service.to_owned() } else { format!("{service}:{port}") }
}

/// The service of a key.
pub(crate) fn service_of(key: &str) -> &str {
    key.split_once(':').map_or(key, |(service, _)| service)
}
