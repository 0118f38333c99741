//! TCP ports that something listens on, with the process behind them where the system lets us see it.

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

/// How many processes are looked through for the owners of ports; a host with more is scanned in part.
const PROCESSES_MAX: usize = 20_000;
/// The state of a listening socket in /proc/net/tcp.
const STATE_LISTEN: &str = "0A";

/// A TCP port that something listens on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Listener {
    /// The port.
    pub port: u16,
    /// The address it listens on.
    pub address: IpAddr,
    /// Who listens; `None` when it belongs to another user, whose processes are not ours to see.
    pub process: Option<Process>,
}

/// A process, as far as it is safe to tell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Process {
    /// Its process id.
    pub pid: u32,
    /// Its short name.
    pub name: String,
}

/// What listens, by port; `proc` is where the process file system is.
pub fn all(proc: &Path) -> Vec<Listener> {
    let mut sockets: Vec<(IpAddr, u16, String)> = Vec::new();
    for table in ["net/tcp", "net/tcp6"] {
        let text = std::fs::read_to_string(proc.join(table)).unwrap_or_default();
        sockets.extend(text.lines().skip(1).filter_map(listening_socket));
    }
    let wanted: BTreeSet<&str> = sockets.iter().map(|(_, _, inode)| inode.as_str()).collect();
    let owners = owners(proc, &wanted);
    let mut listeners: Vec<Listener> = sockets
        .iter()
        .map(|(address, port, inode)| Listener { port: *port, address: *address, process: owners.get(inode).cloned() })
        .collect();
    listeners.sort();
    listeners.dedup_by_key(|listener| listener.port);
    listeners
}

/// Address, port and inode of a line of /proc/net/tcp, if the socket listens.
fn listening_socket(line: &str) -> Option<(IpAddr, u16, String)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
    if *state != STATE_LISTEN {
        return None;
    }
    let (address, port) = local.split_once(':')?;
    Some((read_address(address)?, u16::from_str_radix(port, 16).ok()?, (*inode).to_owned()))
}

/// An address is written as 32-bit words in the byte order of the machine.
fn read_address(text: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(text.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    match text.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let mut bytes = [0; 16];
            for (index, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(index * 8)?);
            }
            Some(IpAddr::V6(Ipv6Addr::from(bytes)))
        }
        _ => None,
    }
}

/// Which process holds which socket.
fn owners(proc: &Path, wanted: &BTreeSet<&str>) -> BTreeMap<String, Process> {
    let mut owners = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir(proc) else { return owners };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    for pid in pids.take(PROCESSES_MAX) {
        // Files of other users' processes cannot be listed; their ports stay without an owner.
        let Ok(files) = std::fs::read_dir(proc.join(pid.to_string()).join("fd")) else { continue };
        for file in files.flatten() {
            let Ok(target) = std::fs::read_link(file.path()) else { continue };
            let inode = target.to_str().and_then(|target| target.strip_prefix("socket:[")?.strip_suffix(']'));
            let Some(inode) = inode.filter(|inode| wanted.contains(inode)) else { continue };
            let name = std::fs::read_to_string(proc.join(pid.to_string()).join("comm")).unwrap_or_default();
            let name = name.chars().filter(|letter| !letter.is_control()).collect();
            owners.entry(inode.to_owned()).or_insert(Process { pid, name });
        }
    }
    owners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_kernel_are_read_as_it_writes_them() {
        // A wrong byte order would tell another address than the one that is listened on.
        let line =
            "   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   0  0 1591 1 0 100 0 0 10 0";
        let expected = (IpAddr::V4(Ipv4Addr::LOCALHOST), 5432, "1591".to_owned());
        assert_eq!(listening_socket(line), Some(expected));
        assert_eq!(read_address("00000000000000000000000001000000"), Some(IpAddr::V6(Ipv6Addr::LOCALHOST)));
        assert_eq!(listening_socket(&line.replace(" 0A ", " 01 ")), None);
        assert_eq!(listening_socket("nonsense"), None);
    }
}
