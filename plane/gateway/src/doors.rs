//! The doors: the listeners of the plan in force, each with one socket for every worker.
//!
//! Opened at the start, from the sockets of the gateway before where there was one, and changed when a new plan is in force. Always
//! holds: a listener that stays is not touched; one that goes takes no more connections, and those it has come to their end; one that
//! cannot be had as it is wanted stays as it was, and leaves the others alone.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use homeostat_routing::settings::{GatewayLimits, Listener};
use homeostat_wire::{Drain, Limits};

use crate::certificates::Shown;
use crate::gateway::Gateway;
use crate::run::RunError;
use crate::workers::{Speech, Workers, bind};

/// All listeners, by name.
#[derive(Debug, Default)]
pub struct Doors {
    open: BTreeMap<String, Door>,
    /// Those that were closed while it ran, until they are empty.
    closing: Vec<Drain>,
}

#[derive(Debug)]
struct Door {
    listener: Listener,
    limits: GatewayLimits,
    /// Whose PROXY headers are believed, where they are asked for.
    hops: Vec<String>,
    sockets: Vec<TcpListener>,
    certificates: Option<Shown>,
    drain: Drain,
}

impl Doors {
    /// Has exactly the listeners of the plan in force; sockets that were inherited are used where their address is wanted.
    ///
    /// # Errors
    /// With the first that cannot be had; all others are as the plan wants them. It may be tried again.
    pub async fn follow(
        &mut self,
        gateway: &Arc<Gateway>,
        threads: &Workers,
        mut inherited: Vec<TcpListener>,
    ) -> Result<(), RunError> {
        let plan = gateway.plan();
        let wanted: BTreeMap<String, Listener> = plan.settings.all_listeners().into_iter().collect();
        self.closing.retain(|drain| drain.open() > 0);
        let gone: Vec<_> = self.open.extract_if(.., |name, _| !wanted.contains_key(name)).collect();
        for (name, door) in gone {
            tracing::info!(name, "a listener is closed");
            // The sockets live on where the same address is served under another name.
            inherited.extend(self.closed(door));
        }
        let mut failed = None;
        for (name, listener) in wanted {
            let limits = &plan.settings.limits;
            let hops: &[String] = if listener.proxy_protocol { &plan.settings.trusted_hops } else { &[] };
            if self.open.get(&name).is_some_and(|door| door.is(&listener, limits, hops)) {
                continue;
            }
            let there = self.taken_at(&mut inherited, &listener.address);
            match Door::open(&name, listener, limits.clone(), hops.to_vec(), there, gateway.workers()) {
                Ok((door, copies, speech)) => {
                    let wire_limits = Arc::new(limits_of(&door.limits, door.listener.http2));
                    threads.serve(copies, &speech, &wire_limits, &door.drain).await;
                    let before = self.open.insert(name, door);
                    inherited.extend(before.map(|door| self.closed(door)).unwrap_or_default());
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// A listener comes to its end; its sockets.
    fn closed(&mut self, door: Door) -> Vec<TcpListener> {
        door.drain.begin();
        self.closing.push(door.drain);
        door.sockets
    }

    /// The sockets that stand at this address: inherited, or those of a listener that is open still.
    fn taken_at(&self, inherited: &mut Vec<TcpListener>, address: &str) -> Vec<TcpListener> {
        let Ok(address) = address.parse() else { return Vec::new() };
        let found = take_those_at(inherited, address);
        if !found.is_empty() {
            return found;
        }
        let is_there = |door: &&Door| door.sockets.first().is_some_and(|socket| is_at(socket, address));
        self.open.values().find(is_there).and_then(|door| door.copies().ok()).unwrap_or_default()
    }

    /// Shows the certificates that stand in the files now, where those have changed.
    pub fn renew_certificates(&mut self) {
        for (name, door) in &mut self.open {
            match door.certificates.as_mut().map(Shown::renew) {
                Some(Ok(true)) => tracing::info!(name, "the listener shows other certificates now"),
                Some(Err(error)) => {
                    tracing::warn!(name, %error, "the changed certificates cannot be used; the last good ones are shown");
                }
                Some(Ok(false)) | None => {}
            }
        }
    }

    /// Why listeners go on with older certificates than those in the files; one line for each that does.
    pub fn refused_certificates(&self) -> Vec<String> {
        let refused = |door: &Door| door.certificates.as_ref()?.refused().map(str::to_owned);
        self.open.iter().filter_map(|(name, door)| Some(format!("listener `{name}`: {}", refused(door)?))).collect()
    }

    /// Where the listeners really are.
    pub fn addresses(&self) -> Vec<(String, SocketAddr)> {
        let address = |(name, door): (&String, &Door)| Some((name.clone(), door.sockets.first()?.local_addr().ok()?));
        self.open.iter().filter_map(address).collect()
    }

    /// All sockets once more, for a successor.
    ///
    /// # Errors
    /// When the process may not have more of them.
    pub fn copies(&self) -> io::Result<Vec<TcpListener>> {
        let mut all = Vec::new();
        for door in self.open.values() {
            all.extend(door.copies()?);
        }
        Ok(all)
    }

    /// Takes no more connections, and waits for those that are open; how many are left.
    pub async fn close(self, within: Duration) -> usize {
        let drains: Vec<Drain> = self.open.into_values().map(|door| door.drain).chain(self.closing).collect();
        drains.iter().for_each(Drain::begin);
        let emptied = drains.iter().map(|drain| drain.emptied(within));
        futures::future::join_all(emptied).await.into_iter().sum()
    }
}

impl Door {
    /// One as it is wanted, with what a worker needs to serve it.
    fn open(
        name: &str,
        listener: Listener,
        limits: GatewayLimits,
        hops: Vec<String>,
        there: Vec<TcpListener>,
        workers: usize,
    ) -> Result<(Self, Vec<TcpListener>, Speech), RunError> {
        let written = listener.address.clone();
        let failed = |source| RunError::Listen { name: name.to_owned(), address: written.clone(), source };
        let certificates = listener.tls.as_ref().map(Shown::load).transpose();
        let certificates = certificates.map_err(io::Error::other).map_err(&failed)?;
        let speech = speech(&listener, certificates.as_ref(), &hops).map_err(&failed)?;
        let address: SocketAddr = written.parse().map_err(io::Error::other).map_err(&failed)?;
        let sockets = one_for_each(workers, there, address).map_err(&failed)?;
        let door = Self { listener, limits, hops, sockets, certificates, drain: Drain::new() };
        let copies = door.copies().map_err(&failed)?;
        Ok((door, copies, speech))
    }

    /// Whether it is as it is wanted.
    fn is(&self, listener: &Listener, limits: &GatewayLimits, hops: &[String]) -> bool {
        self.listener == *listener && self.limits == *limits && self.hops == hops
    }

    fn copies(&self) -> io::Result<Vec<TcpListener>> {
        self.sockets.iter().map(TcpListener::try_clone).collect()
    }
}

/// The sockets that are there, and as many further ones as leave no worker without. More than there are workers stay: connections wait on
/// each of them.
fn one_for_each(workers: usize, mut there: Vec<TcpListener>, address: SocketAddr) -> io::Result<Vec<TcpListener>> {
    let missing = workers.saturating_sub(there.len());
    match bind(address, missing) {
        Ok(further) => there.extend(further),
        // They were not opened to be shared: fewer workers serve, rather than none.
        Err(error) if !there.is_empty() => tracing::warn!(%error, missing, "some workers have no socket at {address}"),
        Err(error) => return Err(error),
    }
    Ok(there)
}

/// The sockets that listen on this address; with port 0 any of that machine's address would fit, and none is taken for it.
fn take_those_at(inherited: &mut Vec<TcpListener>, address: SocketAddr) -> Vec<TcpListener> {
    inherited.extract_if(.., |socket| is_at(socket, address)).collect()
}

fn is_at(socket: &TcpListener, address: SocketAddr) -> bool {
    socket.local_addr().is_ok_and(|local| local == address)
}

fn speech(listener: &Listener, certificates: Option<&Shown>, trusted_hops: &[String]) -> io::Result<Speech> {
    let tls = certificates.map(|shown| shown.tls(listener.http2)).transpose().map_err(io::Error::other)?;
    let networks = || trusted_hops.iter().map(|text| text.parse().map_err(io::Error::other)).collect();
    let proxy_from: Option<Vec<_>> = listener.proxy_protocol.then(networks).transpose()?;
    Ok(Speech { tls, proxy_from: proxy_from.map(Into::into) })
}

/// The limits of the settings as the wire takes them.
fn limits_of(settings: &GatewayLimits, http2: bool) -> Limits {
    let bytes = |size: homeostat_vocabulary::quantity::Size| usize::try_from(size.0).unwrap_or(usize::MAX);
    let mut limits = Limits::default();
    limits.head_bytes_max = bytes(settings.head_max);
    limits.headers_max = settings.headers_max as usize;
    limits.head_timeout = Duration::from(settings.head_timeout.0);
    limits.body_idle_timeout = Duration::from(settings.body_timeout.0);
    limits.write_idle_timeout = Duration::from(settings.body_timeout.0);
    limits.body_bytes_max = settings.request_body_max.0;
    limits.idle_timeout = Duration::from(settings.idle_timeout.0);
    limits.tunnel_idle_timeout = Duration::from(settings.tunnel_timeout.0);
    limits.connections_max = settings.connections_max as usize;
    limits.http2 = http2;
    limits.streams_max = settings.http2_streams_max;
    limits
}
