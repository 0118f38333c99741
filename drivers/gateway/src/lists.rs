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

/// One instance and where it listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Place {
    name: String,
    address: SocketAddr,
}

impl Lists {
    /// The ready instances of every service, without those that are about to be stopped. A service none of whose instances is
    /// ready has an empty list: then its requests are held, not sent astray.
    pub(crate) fn of(status: &Status, leaving: &BTreeSet<InstanceId>) -> Self {
        let mut services: BTreeMap<String, Vec<Place>> = BTreeMap::new();
        for service in &status.services {
            services.entry(service.name.to_string()).or_default();
            for instance in &service.instances {
                let usable = instance.phase == Phase::Ready && !leaving.contains(&instance.id);
                for (port, number) in &instance.ports {
                    let places = services.entry(key(service.name.as_str(), port)).or_default();
                    if usable {
                        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, *number));
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

fn key(service: &str, port: &str) -> String {
    if port == PORT { service.to_owned() } else { format!("{service}:{port}") }
}

/// The service of a key.
pub(crate) fn service_of(key: &str) -> &str {
    key.split_once(':').map_or(key, |(service, _)| service)
}
