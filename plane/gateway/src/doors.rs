//! The doors: the listeners of the plan in force, each with one socket for every worker.
//!
//! Opened at the start, from the sockets of the gateway before where there was one, and changed when a new plan is in force. Always
//! holds: a listener that stays is not touched; one that goes takes no more connections, and those it has come to their end; a socket that
//! cannot be had leaves the others as they are.

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
    sockets: Vec<TcpListener>,
    certificates: Option<Shown>,
    drain: Drain,
}

impl Doors {
    /// Has exactly the listeners of the plan in force; sockets that were inherited are used where their address is wanted.
    ///
    /// # Errors
    /// With the first that cannot be had; those before it are open.
    pub async fn follow(
        &mut self,
        gateway: &Arc<Gateway>,
        threads: &Workers,
        mut inherited: Vec<TcpListener>,
    ) -> Result<(), RunError> {
        let plan = gateway.plan();
        let wanted: BTreeMap<String, Listener> = plan.settings.all_listeners().into_iter().collect();
        let limits = &plan.settings.limits;
        self.closing.retain(|drain| drain.open() > 0);
        let stays = |name: &String, door: &mut Door| {
            wanted.get(name).is_some_and(|listener| *listener == door.listener) && door.limits == *limits
        };
        for (name, door) in self.open.extract_if(.., |name, door| !stays(name, door)) {
            tracing::info!(name, "a listener is closed");
            door.drain.begin();
            self.closing.push(door.drain);
            // The sockets live on where the same address is served under another name or other limits.
            inherited.extend(door.sockets);
        }
        for (name, listener) in wanted {
            if self.open.contains_key(&name) {
                continue;
            }
            let written = listener.address.clone();
            let failed = |source: io::Error| RunError::Listen { name: name.clone(), address: written.clone(), source };
            let address: SocketAddr = written.parse().map_err(io::Error::other).map_err(&failed)?;
            let sockets = match take_those_at(&mut inherited, address) {
                found if found.is_empty() => bind(address, gateway.workers()),
                found => Ok(found),
            };
            let sockets = sockets.map_err(&failed)?;
            let certificates = listener.tls.as_ref().map(Shown::load).transpose();
            let certificates = certificates.map_err(io::Error::other).map_err(&failed)?;
            let speech = speech(&listener, certificates.as_ref(), &plan.settings.trusted_hops).map_err(&failed)?;
            let (limits, drain) = (limits.clone(), Drain::new());
            let wire_limits = Arc::new(limits_of(&limits));
            let door = Door { listener, limits, sockets, certificates, drain };
            let copies = door.copies().map_err(RunError::system("copying a listening socket"))?;
            threads.serve(copies, &speech, &wire_limits, &door.drain).await;
            self.open.insert(name, door);
        }
        Ok(())
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
    fn copies(&self) -> io::Result<Vec<TcpListener>> {
        self.sockets.iter().map(TcpListener::try_clone).collect()
    }
}

/// The sockets that listen on this address; with port 0 any of that machine's address would fit, and none is taken for it.
fn take_those_at(inherited: &mut Vec<TcpListener>, address: SocketAddr) -> Vec<TcpListener> {
    inherited.extract_if(.., |socket| socket.local_addr().is_ok_and(|local| local == address)).collect()
}

fn speech(listener: &Listener, certificates: Option<&Shown>, trusted_hops: &[String]) -> io::Result<Speech> {
    let tls = certificates.map(|shown| shown.tls(listener.http2)).transpose().map_err(io::Error::other)?;
    let networks = || trusted_hops.iter().map(|text| text.parse().map_err(io::Error::other)).collect();
    let proxy_from: Option<Vec<_>> = listener.proxy_protocol.then(networks).transpose()?;
    Ok(Speech { tls, proxy_from: proxy_from.map(Into::into) })
}

/// The limits of the settings as the wire takes them.
fn limits_of(settings: &GatewayLimits) -> Limits {
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
    limits.streams_max = settings.http2_streams_max;
    limits
}
