//! Ports: each instance gets its own, keeps it over its lives, and never shares it with another instance.
//!
//! Called at each start. Always holds: a port allotted to one instance is given to no other one of this data folder, not
//! even while its owner is down. What other programs of the host do with ports is only looked at, at the moment of a start.

use crate::folder::InstanceFolder;
use crate::record;
use homeostat_vocabulary::{InstanceId, Port};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Below the ports that the kernel gives to outgoing connections (from 32768 by default): one of those could take the port
/// of a service while it is down.
pub const PORTS: RangeInclusive<u16> = 20_000..=29_999;

/// Who has which port.
pub struct PortBook {
    data_folder: PathBuf,
    owners: Mutex<BTreeMap<u16, InstanceId>>,
}

impl PortBook {
    /// Reads what earlier engines have allotted.
    pub fn open(data_folder: &Path) -> io::Result<Self> {
        let mut owners = BTreeMap::new();
        for folder in InstanceFolder::all(data_folder)? {
            for port in remembered(&folder)?.into_values() {
                owners.insert(port, folder.instance.clone());
            }
        }
        Ok(Self { data_folder: data_folder.to_owned(), owners: Mutex::new(owners) })
    }

    /// The ports of an instance, by name; `None` when none is free.
    pub fn allot(
        &self,
        folder: &InstanceFolder,
        declared: &BTreeMap<String, Port>,
    ) -> io::Result<Option<BTreeMap<String, u16>>> {
        let before = remembered(folder)?;
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let mut allotted = BTreeMap::new();
        for (name, port) in declared {
            if let Port::Fixed(port) = port {
                owners.insert(*port, folder.instance.clone());
                allotted.insert(name.clone(), *port);
            }
        }
        for name in declared.iter().filter_map(|(name, port)| (*port == Port::Auto).then_some(name)) {
            let mine = before.get(name).copied().filter(|mine| !allotted.values().any(|port| port == mine));
            let Some(port) = self.choose(&owners, &folder.instance, name, mine) else { return Ok(None) };
            owners.insert(port, folder.instance.clone());
            allotted.insert(name.clone(), port);
        }
        // What it had and needs no more is free for others.
        owners.retain(|port, owner| *owner != folder.instance || allotted.values().any(|kept| kept == port));
        drop(owners);
        if allotted != before {
            record::write(&folder.ports(), &allotted)?;
        }
        Ok(Some(allotted))
    }

    /// The port it had, if nobody took it; otherwise the first free one, sought from a place of its own so that the answer is
    /// mostly the same even when the memory is lost.
    fn choose(
        &self,
        owners: &BTreeMap<u16, InstanceId>,
        instance: &InstanceId,
        name: &str,
        before: Option<u16>,
    ) -> Option<u16> {
        let mut hasher = DefaultHasher::new();
        (&self.data_folder, instance, name).hash(&mut hasher);
        let count = u64::from(PORTS.end() - PORTS.start()) + 1;
        let first = (hasher.finish() % count) as u16;
        let sought = PORTS.clone().cycle().skip(usize::from(first)).take(count as usize);
        let mine = before.filter(|port| owners.get(port).is_none_or(|owner| owner == instance));
        let others = sought.filter(|port| !owners.contains_key(port));
        mine.into_iter().chain(others).find(|port| is_free(*port))
    }
}

fn remembered(folder: &InstanceFolder) -> io::Result<BTreeMap<String, u16>> {
    Ok(record::read(&folder.ports())?.unwrap_or_default())
}

/// Whether nobody on this host listens at the port. A host without IPv6 is asked for IPv4 alone.
fn is_free(port: u16) -> bool {
    let taken = |error: io::Error| error.kind() == io::ErrorKind::AddrInUse;
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
        && !TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).is_err_and(taken)
}
