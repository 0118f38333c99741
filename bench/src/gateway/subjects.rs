//! What is measured: the proxies, the bare proxy and the gateway, each with one worker and a configuration in `bench/peers/gateway`.
//!
//! A subject runs under a keeper, on the last processor of the machine; the load client and the backend have the others.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use homeostat_testkit::free_port;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::certificate::Certificate;
use super::pass::Pass;
use crate::keeper::{Keeper, KeeperArguments};
use crate::massive::proxy::{ProxyKind, debian, fill, place};
use crate::reactor::child::{processors, stay_on};
use crate::report::OURS;

/// How long the gateway may take to carry out an order.
const ORDER_MAX: Duration = Duration::from_secs(10);

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum SubjectKind {
    /// nginx
    Nginx,
    /// HAProxy
    Haproxy,
    /// Envoy
    Envoy,
    /// hyper alone, connections driven by requests
    BareInline,
    /// hyper alone, connections driven by tasks
    BareSpawned,
    /// Varnish, for cached answers alone
    Varnish,
    /// The gateway of Homeostat, as it comes
    Homeostat,
    /// The gateway of Homeostat with every policy that a route can have
    HomeostatFull,
}

/// All, in the order of the tables.
pub const ALL: [SubjectKind; 8] = [
    SubjectKind::Homeostat,
    SubjectKind::HomeostatFull,
    SubjectKind::Nginx,
    SubjectKind::Haproxy,
    SubjectKind::Envoy,
    SubjectKind::BareInline,
    SubjectKind::BareSpawned,
    SubjectKind::Varnish,
];

impl SubjectKind {
    /// Its name in the tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
            Self::Envoy => "Envoy",
            Self::BareInline => "bare hyper, inline",
            Self::BareSpawned => "bare hyper, spawned",
            Self::Varnish => "Varnish",
            Self::Homeostat => OURS,
            Self::HomeostatFull => "homeostat full",
        }
    }

    /// Whether it forwards what is not cached.
    pub const fn forwards(self) -> bool {
        !matches!(self, Self::Varnish)
    }

    /// Whether it keeps answers.
    pub const fn caches(self) -> bool {
        matches!(self, Self::Nginx | Self::Varnish | Self::Homeostat)
    }

    /// Whether it takes TLS, over HTTP/1.1 and HTTP/2.
    pub const fn takes_tls(self) -> bool {
        matches!(self, Self::Nginx | Self::Haproxy | Self::Envoy | Self::Homeostat | Self::HomeostatFull)
    }

    /// Whether it can take on a new configuration while it runs.
    pub const fn reloads(self) -> bool {
        matches!(self, Self::Nginx | Self::Homeostat)
    }

    /// Whether a new process can take over from a running one.
    pub const fn upgrades(self) -> bool {
        matches!(self, Self::Homeostat)
    }

    /// Its program and, where it is not this one, its version.
    fn find(self) -> Result<(PathBuf, Option<String>)> {
        let placed = match self {
            Self::Nginx => place(ProxyKind::Nginx)?,
            Self::Haproxy => place(ProxyKind::Haproxy)?,
            Self::Envoy => place(ProxyKind::Envoy)?,
            Self::Varnish => debian("varnishd", "varnish", "-V")?,
            Self::BareInline | Self::BareSpawned => return Ok((std::env::current_exe()?, None)),
            Self::Homeostat | Self::HomeostatFull => {
                return Ok((gateway_alone()?, Some(env!("CARGO_PKG_VERSION").to_owned())));
            }
        };
        Ok((placed.program, Some(placed.version)))
    }

    /// Its configuration, to be filled in; none for what takes arguments only.
    const fn template(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Nginx => Some(("nginx.conf", include_str!("../../peers/gateway/nginx.conf"))),
            Self::Haproxy => Some(("haproxy.cfg", include_str!("../../peers/gateway/haproxy.cfg"))),
            Self::Envoy => Some(("envoy.yaml", include_str!("../../peers/gateway/envoy.yaml"))),
            Self::Varnish => Some(("varnish.vcl", include_str!("../../peers/gateway/varnish.vcl"))),
            Self::Homeostat => Some(("homeostat.toml", include_str!("../../peers/gateway/homeostat.toml"))),
            Self::HomeostatFull => Some(("homeostat.toml", include_str!("../../peers/gateway/homeostat-full.toml"))),
            Self::BareInline | Self::BareSpawned => None,
        }
    }

    /// What stands in the head of a request beside what all are asked with.
    fn lines(self, pass: &Pass) -> Vec<String> {
        match self {
            Self::HomeostatFull => pass.lines(),
            _ => Vec::new(),
        }
    }

    /// The arguments of its program.
    fn arguments(self, config: &Path, folder: &Path, port: u16, backend: u16) -> Vec<String> {
        let config = config.to_string_lossy().into_owned();
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        match self {
            Self::Nginx => words(&["-c", &config]),
            Self::Haproxy => words(&["-db", "-f", &config]),
            Self::Envoy => {
                words(&["--concurrency", "1", "--disable-hot-restart", "--log-level", "error", "-c", &config])
            }
            Self::Varnish => {
                let (listen, name) =
                    (format!("127.0.0.1:{port}"), folder.join("varnish").to_string_lossy().into_owned());
                let storage = "default,64m";
                let fixed = ["-F", "-j", "none", "-p", "thread_pools=1", "-p", "timeout_idle=3600", "-s", storage];
                [words(&fixed), words(&["-f", &config, "-a", &listen, "-n", &name])].concat()
            }
            Self::Homeostat | Self::HomeostatFull => words(&[&config, &run_folder(folder).to_string_lossy()]),
            Self::BareInline | Self::BareSpawned => {
                let drive = if self == Self::BareInline { "inline" } else { "spawned" };
                let (port, backend) = (port.to_string(), backend.to_string());
                words(&["gateway-bare", "--port", &port, "--backend", &backend, "--drive", drive])
            }
        }
    }
}

/// The gateway alone, as the example of its crate starts it: built beside this program.
fn gateway_alone() -> Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("examples").join("run");
    let how = "cargo build --release -p homeostat-gateway --example run";
    ensure!(program.exists(), "there is no {}: {how}", program.display());
    Ok(program)
}

/// Where the gateway has its sockets.
fn run_folder(folder: &Path) -> PathBuf {
    folder.join("run")
}

/// A subject's program.
#[derive(Debug, Clone)]
pub struct Found {
    /// Whose it is.
    pub kind: SubjectKind,
    program: PathBuf,
}

/// The programs of these subjects; who is missing is told in `not_run`, and the versions of the others in `versions`.
pub fn find_all(
    kinds: &[SubjectKind],
    versions: &mut BTreeMap<String, String>,
    not_run: &mut Vec<String>,
) -> Vec<Found> {
    let mut found = Vec::new();
    for kind in kinds {
        match kind.find() {
            Ok((program, version)) => {
                if let Some(version) = version {
                    versions.insert(kind.name().to_owned(), version);
                }
                found.push(Found { kind: *kind, program });
            }
            Err(error) => not_run.push(format!("{}: {error:#}", kind.name())),
        }
    }
    found
}

/// A subject that runs; dropped, it is ended.
#[derive(Debug)]
pub struct Running {
    /// Who it is.
    pub kind: SubjectKind,
    /// The first of its processes.
    pub pid: u32,
    /// Where it listens in the clear.
    pub clear: SocketAddr,
    /// Where it listens for TLS, if it does.
    pub tls: SocketAddr,
    /// What stands in the head of a request to it, beside the usual.
    pub lines: Vec<String>,
    /// The last one has the process that serves.
    keepers: Vec<Keeper>,
    kept: KeeperArguments,
    folder: TempDir,
}

impl Running {
    /// Starts a subject in front of the backend.
    pub fn start(found: &Found, backend: u16, certificate: &Certificate, pass: &Pass) -> Result<Self> {
        let kind = found.kind;
        let folder = tempfile::Builder::new().prefix("homeostat-gateway-").tempdir()?;
        let (port, tls_port) = (free_port(), free_port());
        let mut config = PathBuf::new();
        if let Some((name, template)) = kind.template() {
            let text = |path: &Path| path.to_string_lossy().into_owned();
            let names = [
                ("PORT", port.to_string()),
                ("TLS_PORT", tls_port.to_string()),
                ("FOLDER", text(folder.path())),
                ("CERTIFICATE", text(&certificate.chain)),
                ("KEY", text(&certificate.key)),
                ("PEM", text(&certificate.both)),
                ("JWKS", text(&pass.jwks)),
                ("METRICS_PORT", free_port().to_string()),
            ];
            config = folder.path().join(name);
            std::fs::write(&config, fill(template, &names, &[backend]))?;
        }
        let mut ports = vec![port];
        ports.extend(kind.takes_tls().then_some(tls_port));
        let mut command = vec![found.program.to_string_lossy().into_owned()];
        command.extend(kind.arguments(&config, folder.path(), port, backend));
        let kept = KeeperArguments { ports, said: folder.path().join("said.log"), command };
        let keeper =
            on_the_last_processor(|| Keeper::start(&kept)).with_context(|| format!("starting {}", kind.name()))?;
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let (clear, tls) = (at(port), at(tls_port));
        Ok(Self { kind, pid: keeper.pid, clear, tls, lines: kind.lines(pass), keepers: vec![keeper], kept, folder })
    }

    /// Has it take on its configuration anew.
    pub fn reload(&mut self) -> Result<()> {
        if self.kind == SubjectKind::Homeostat {
            return order_reload(&run_folder(self.folder.path()).join("gateway.sock"));
        }
        ensure!(self.kind.reloads(), "it cannot change while it runs");
        let pid = Pid::from_raw(self.pid.cast_signed()).context("a process has a number")?;
        kill_process(pid, Signal::HUP).context("telling it")
    }

    /// Starts a new process that takes over.
    pub fn upgrade(&mut self) -> Result<()> {
        let keeper = on_the_last_processor(|| Keeper::start(&self.kept))?;
        self.pid = keeper.pid;
        self.keepers.push(keeper);
        Ok(())
    }
}

/// Over the control's socket; the answer tells whether the settings are in force.
fn order_reload(socket: &Path) -> Result<()> {
    let mut control = UnixStream::connect(socket).context("asking the gateway")?;
    control.set_read_timeout(Some(ORDER_MAX))?;
    let request = "POST /v1/reload HTTP/1.1\r\nHost: control\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    control.write_all(request.as_bytes())?;
    let mut answer = String::new();
    control.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 2"), "the gateway refused: {answer}");
    Ok(())
}

/// Starts something that then stays on the last processor; this thread goes back to the others, so that subjects are left alone.
fn on_the_last_processor<T>(start: impl FnOnce() -> Result<T>) -> Result<T> {
    let all = processors()?;
    let Some((last, _)) = all.split_last() else { bail!("this machine has no processor") };
    stay_on(&[*last])?;
    let started = start();
    stay_on(&all)?;
    started
}
