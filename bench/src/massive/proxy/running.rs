//! A proxy in front of the backends of one run: its configuration filled in, kept by a keeper, and its books read at the end.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::net::TcpSocket;

use super::config::fill;
use super::{ProxyKind, refused};
use crate::keeper::{Keeper, KeeperArguments};
use crate::massive::ledger::Sent;
use crate::reactor::child::{cpu_of_tree, peak_mib_of_tree};

/// A proxy that runs; dropped, it is ended.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub port: u16,
    kind: ProxyKind,
    admin: u16,
    // The proxy goes before its folder does.
    keeper: Keeper,
    folder: TempDir,
    /// Bound and never listened at: they keep others from the ports until the proxy has them, and after it.
    _reserved: [TcpSocket; 2],
}

impl Running {
    /// Starts a proxy in front of these ports.
    pub fn start(kind: ProxyKind, program: &Path, backends: &[u16]) -> Result<Self> {
        let ((held, port), (held_too, admin)) = (reserve()?, reserve()?);
        let folder = tempfile::Builder::new().prefix("homeostat-massive-").tempdir()?;
        let names = [
            ("PORT", port.to_string()),
            ("ADMIN", admin.to_string()),
            ("FOLDER", folder.path().to_string_lossy().into_owned()),
        ];
        let config = folder.path().join(kind.config_name());
        std::fs::write(&config, fill(kind.template(), &names, backends))?;
        let mut command = vec![program.to_string_lossy().into_owned()];
        command.extend(kind.arguments(&config));
        let said = folder.path().join("said.log");
        let keeper = Keeper::start(&KeeperArguments { ports: vec![port], said, command })
            .with_context(|| format!("starting {}", program.display()))?;
        Ok(Self { port, kind, admin, keeper, folder, _reserved: [held, held_too] })
    }

    /// The processor time that it has used so far.
    pub fn cpu(&self) -> Duration {
        cpu_of_tree(self.keeper.pid)
    }

    /// The most memory that it had in use.
    pub fn peak_mib(&self) -> f64 {
        peak_mib_of_tree(self.keeper.pid)
    }

    /// Ends it; what its books say that it sent and that never arrived.
    pub fn end(self) -> Result<Sent> {
        refused::read(self.kind, self.folder.path(), self.admin)
    }
}

/// A free port, and the socket that keeps others from it.
fn reserve() -> Result<(TcpSocket, u16)> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let port = socket.local_addr()?.port();
    Ok((socket, port))
}
