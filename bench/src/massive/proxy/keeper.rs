//! The keeper of a proxy: starts it, says when it can be asked, and ends it when the parent wants or is gone. So no proxy outlives a
//! benchmark that was interrupted.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpSocket;

use super::config::fill;
use super::{ProxyKind, refused};
use crate::massive::child::{say_done, say_ready, wait_for_end};
use crate::massive::gateway::Ready;

/// How long a proxy may take to start: several start at once.
const START_MAX: Duration = Duration::from_secs(30);
/// How long it may take to end before it is killed.
const END_MAX: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a keeper is told.
#[derive(Debug, Clone, clap::Args)]
pub struct KeeperArguments {
    /// Which proxy
    #[arg(long)]
    pub proxy: ProxyKind,
    /// Its program
    #[arg(long)]
    pub program: PathBuf,
    /// The ports of the backends
    #[arg(long, value_delimiter = ',')]
    pub ports: Vec<u16>,
}

/// Keeps a proxy for a run.
pub fn be_keeper(arguments: &KeeperArguments) -> Result<()> {
    // Only for the sockets that hold the ports.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _within = runtime.enter();
    let (port, admin) = (reserve()?, reserve()?);
    let folder = tempfile::Builder::new().prefix("homeostat-massive-").tempdir()?;
    let names = [
        ("PORT", port.1.to_string()),
        ("ADMIN", admin.1.to_string()),
        ("FOLDER", folder.path().to_string_lossy().into_owned()),
    ];
    let config = folder.path().join("proxy.yaml");
    std::fs::write(&config, fill(arguments.proxy.template(), &names, &arguments.ports))?;
    let told = folder.path().join("stderr.log");
    let mut proxy = Proxy::start(arguments.proxy.command(&arguments.program, &config), &told)?;
    let says = || std::fs::read_to_string(&told).unwrap_or_default();
    proxy.wait_until_it_listens(port.1).with_context(says)?;
    say_ready(&Ready { port: port.1 })?;
    wait_for_end();
    let sent = refused::read(arguments.proxy, folder.path(), admin.1)?;
    drop(proxy);
    // Before the parent is told: it does not wait for what comes after.
    drop(folder);
    say_done(&sent)
}

/// A free port, and the socket that keeps others from it: bound, and never listened at.
fn reserve() -> Result<(TcpSocket, u16)> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let port = socket.local_addr()?.port();
    Ok((socket, port))
}

/// A running proxy; dropped, it is ended.
struct Proxy(Child);

impl Proxy {
    /// What it has to say goes to a file: HAProxy tells of every server that it takes for broken.
    fn start(mut command: Command, told: &Path) -> Result<Self> {
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(told)?).spawn();
        Ok(Self(spawned.with_context(|| format!("starting {:?}", command.get_program()))?))
    }

    fn wait_until_it_listens(&mut self, port: u16) -> Result<()> {
        let until = Instant::now() + START_MAX;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if let Some(status) = self.0.try_wait()? {
                bail!("the proxy ended at once: {status}");
            }
            if Instant::now() > until {
                bail!("the proxy did not listen within {START_MAX:?}");
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Asked first: a master that is killed leaves its workers behind. Errors are a proxy that has ended.
        let _ = Pid::from_raw(self.0.id().cast_signed()).map(|pid| kill_process(pid, Signal::TERM));
        let until = Instant::now() + END_MAX;
        while Instant::now() < until {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
