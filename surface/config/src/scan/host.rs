//! What is on this host: listening ports, systemd's units, the sockets of container engines, databases by name.

use super::listener::{self, Listener};
use serde::Serialize;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// More units of the machine's owner than this are counted, not listed.
const UNITS_MAX: usize = 100;

/// Where container engines listen.
const CONTAINER_SOCKETS: [&str; 3] = ["run/docker.sock", "var/run/docker.sock", "run/podman/podman.sock"];

/// What is on a host.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Scan {
    /// TCP ports that something listens on, by port.
    pub listeners: Vec<Listener>,
    /// Whether systemd runs this host.
    pub has_systemd: bool,
    /// Units that the machine's owner has written, from `/etc/systemd/system`.
    pub units: Vec<String>,
    /// The socket of a container engine.
    pub container_socket: Option<PathBuf>,
}

/// Looks at this host.
#[must_use]
pub fn host() -> Scan {
    host_at(Path::new("/"))
}

/// The same, of the host whose files are under `root`.
fn host_at(root: &Path) -> Scan {
    let is_socket = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|found| found.file_type().is_socket());
    Scan {
        listeners: listener::all(&root.join("proc")),
        has_systemd: root.join("run/systemd/system").is_dir(),
        units: units(&root.join("etc/systemd/system")),
        container_socket: CONTAINER_SOCKETS.iter().map(|path| root.join(path)).find(is_socket),
    }
}

/// The owner's units are files here; packages bring links, and switch units off with links to nothing.
fn units(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let names = files.filter_map(|entry| entry.file_name().into_string().ok());
    let mut units: Vec<String> = names.filter(|name| name.ends_with(".service")).collect();
    units.sort();
    units.truncate(UNITS_MAX);
    units
}

impl Scan {
    /// The databases among what listens, by the name of their process.
    pub fn databases(&self) -> impl Iterator<Item = (&'static str, &Listener)> {
        const DATABASES: [(&str, &str); 5] = [
            ("postgres", "PostgreSQL"),
            ("redis-server", "Redis"),
            ("valkey-server", "Valkey"),
            ("mysqld", "MySQL"),
            ("mariadbd", "MariaDB"),
        ];
        self.listeners.iter().filter_map(|listener| {
            let name = &listener.process.as_ref()?.name;
            DATABASES.iter().find(|(process, _)| process == name).map(|(_, database)| (*database, listener))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_read_from_its_files() {
        // `init` would write about services that are not there, or miss the ones that are.
        let root = tempfile::tempdir().expect("a folder");
        let units = root.path().join("etc/systemd/system");
        std::fs::create_dir_all(&units).expect("a folder");
        std::fs::create_dir_all(root.path().join("run/systemd/system")).expect("a folder");
        std::fs::write(units.join("shop.service"), "[Service]").expect("a file");
        std::os::unix::fs::symlink("/dev/null", units.join("masked.service")).expect("a link");
        let _socket = std::os::unix::net::UnixListener::bind(root.path().join("run/docker.sock")).expect("a socket");
        let scan = host_at(root.path());
        assert!(scan.has_systemd && scan.listeners.is_empty());
        assert_eq!(scan.units, ["shop.service"]);
        assert_eq!(scan.container_socket, Some(root.path().join("run/docker.sock")));
    }

    #[test]
    fn a_port_of_our_own_is_seen_with_its_owner() {
        // Without the owner a person could not tell which program a port belongs to.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let found = host().listeners.into_iter().find(|listener| listener.port == port);
        let process = found.expect("it listens").process.expect("it is ours");
        assert_eq!(process.pid, std::process::id());
    }
}
