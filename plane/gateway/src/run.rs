//! A gateway's life: from its settings, or from the gateway that it replaces, to its last connection.
//!
//! Called by `homeostat gateway`. Always holds: it serves before it says that it is ready; the one that it replaces serves until then;
//! asked to end it takes no more connections, lets its requests end within their time, and leaves no file behind that would mislead.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::cache::warm;
use crate::doors::Doors;
use crate::gateway::{Gateway, Reader};
use crate::live::{Desks, Named, handover, keep_keys, memory, prepare};
use crate::telemetry::beat;
use crate::workers::Workers;

/// Threads that serve, when the settings do not say: more only help where the network is faster than most.
const WORKERS_MAX: usize = 8;
/// The control's socket in the run folder.
pub const CONTROL_SOCKET: &str = "gateway.sock";
/// The socket in the run folder by which a gateway takes over from another.
const HANDOVER_SOCKET: &str = "gateway.handover";
/// How often the files of certificates are looked at: renewals come days before they are needed.
const CERTIFICATES_LOOKED_AT_EVERY: Duration = Duration::from_secs(5);
/// How long the last lines of the log may take.
const LOG_WITHIN: Duration = Duration::from_secs(1);
/// How long the whole process may take to end after its drain.
const END_WITHIN: Duration = Duration::from_secs(2);

/// Told the listeners by name, and where they really are.
pub type Ready = Box<dyn FnOnce(&[(String, SocketAddr)]) + Send>;

/// What a gateway is started with.
pub struct Options {
    /// Where its sockets and its memory are; made if it is not there, for its owner only.
    pub folder: PathBuf,
    /// Reads the settings, now and at each reload.
    pub reader: Reader,
    /// Told once when it serves, with the addresses it listens on.
    pub ready: Ready,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Options").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// Why a gateway did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The settings are not valid.
    #[error("the settings of the gateway are not valid:\n{}", .0.join("\n"))]
    Settings(Vec<String>),
    /// An address cannot be listened on.
    #[error("listener `{name}` cannot listen on {address}: {source}")]
    Listen {
        /// The listener.
        name: String,
        /// Its address.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// Something of the system failed.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// Why not.
        source: io::Error,
    },
}

impl RunError {
    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }
}

/// Runs a gateway until it is told to end, or another one has taken over.
///
/// # Errors
/// When it cannot start.
pub fn run(options: Options) -> Result<(), RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(RunError::system("making a runtime"))?;
    let ended = runtime.block_on(live(options));
    // What still reads a slow disk must not hold up the end.
    runtime.shutdown_timeout(END_WITHIN);
    ended
}

async fn live(options: Options) -> Result<(), RunError> {
    let Options { folder, reader, ready } = options;
    prepare(&folder)?;
    let written = reader().map_err(RunError::Settings)?;
    let workers = written.settings.workers.map_or_else(default_workers, usize::from);
    let gateway = Gateway::new(written, workers, reader, tokio::runtime::Handle::current(), folder.clone());
    let gateway = Arc::new(gateway.map_err(RunError::Settings)?);
    let predecessor = UnixStream::connect(folder.join(HANDOVER_SOCKET)).ok();
    let inherited = predecessor.as_ref().map_or_else(Vec::new, inherit);
    // Only now: whoever gives the sockets has written down before who is there.
    memory::recall(&folder, &gateway);
    let threads = Workers::start(&gateway).map_err(RunError::system("starting the workers"))?;
    let mut doors = Doors::default();
    doors.follow(&gateway, &threads, inherited).await?;

    let mut aside = JoinSet::new();
    let mut desks = Desks::default();
    desks.follow(&gateway, &folder)?;
    aside.spawn(beat(Arc::clone(&gateway)));
    aside.spawn(memory::keep(folder.clone(), Arc::clone(&gateway)));
    aside.spawn(keep_keys(Arc::clone(&gateway)));
    aside.spawn(warm(Arc::clone(&gateway)));
    aside.spawn(heed_signals(Arc::clone(&gateway)));
    // Both sockets of the run folder are its own before it says so: the one that ends removes only what is still its own.
    let mut door = Named::bind(&folder.join(HANDOVER_SOCKET))?;
    if let Some(old) = &predecessor {
        // It may be gone by now: then there is nobody to tell.
        let _ = handover::ready(old);
    }
    // Only now: whoever replaces it right away must find it.
    ready(&doors.addresses());
    let mut changes = gateway.changes();
    let mut ending = gateway.ending();
    let mut looks = tokio::time::interval(CERTIFICATES_LOOKED_AT_EVERY);
    let (mut is_behind, mut is_robbed) = (false, false);
    let mut offers = JoinSet::new();
    loop {
        tokio::select! {
            _ = ending.wait_for(|ending| *ending) => break,
            // Offered beside: a successor that hangs must hold up neither the end nor a change of the settings. One at a time.
            Ok((successor, _)) = door.1.accept(), if offers.is_empty() => {
                // The successor has nobody else to ask until the engine tells it.
                memory::write(&folder, &gateway);
                offers.spawn(offer(successor, doors.copies()));
            }
            Some(taken) = offers.join_next() => if matches!(taken, Ok(true)) {
                gateway.drain();
            } else {
                // It may have put its own sockets in the place of these before it failed.
                is_robbed = true;
                looks.reset_immediately();
            },
            _ = looks.tick() => {
                doors.renew_certificates();
                gateway.complaints().of_certificates(doors.refused_certificates());
                // Not while a successor is at it: these places may rightly be its own by now.
                if is_robbed && offers.is_empty() {
                    is_robbed = take_back(&mut desks, &mut door, &gateway)
                        .inspect_err(|error| tracing::error!(%error, "what a failed successor took cannot be had yet"))
                        .is_err();
                }
                // What was in the way may be gone by now.
                if is_behind {
                    let desks_followed = desks.follow(&gateway, &folder);
                    let followed = doors.follow(&gateway, &threads, Vec::new()).await.and(desks_followed);
                    is_behind = followed.is_err();
                    gateway.complaints().of_listener(followed.err().map(|error| error.to_string()));
                    if !is_behind {
                        tracing::info!("all listeners are as the settings want them");
                    }
                }
            }
            _ = changes.changed() => {
                let desks_followed = desks.follow(&gateway, &folder);
                let followed = doors.follow(&gateway, &threads, Vec::new()).await.and(desks_followed);
                is_behind = followed.is_err();
                if let Err(error) = &followed {
                    tracing::error!(%error, "a listener of the new settings cannot be had yet; the others are in force");
                }
                gateway.complaints().of_listener(followed.err().map(|error| error.to_string()));
                // A listener that went, or was opened anew, has nothing more to complain of.
                gateway.complaints().of_certificates(doors.refused_certificates());
            }
        }
    }
    drop(door);
    let within = Duration::from(gateway.plan().settings.limits.drain.0);
    let left = doors.close(within).await;
    if left > 0 {
        tracing::warn!(left, "connections were still open when the time to end was over");
    }
    memory::write(&folder, &gateway);
    gateway.plan().log.close(LOG_WITHIN);
    aside.shutdown().await;
    drop(desks);
    end_within(threads).await;
    Ok(())
}

/// Has the sockets again that a successor took before it failed: nobody else would take orders, or be taken over from.
fn take_back(desks: &mut Desks, door: &mut (Named, UnixListener), gateway: &Arc<Gateway>) -> Result<(), RunError> {
    let control = desks.take_back(gateway);
    if let Some(own) = door.0.again()? {
        *door = own;
    }
    control
}

fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(WORKERS_MAX)
}

fn inherit(old: &UnixStream) -> Vec<TcpListener> {
    let taken = handover::take(old);
    taken
        .inspect_err(|error| tracing::warn!(%error, "another gateway runs here, and gave no sockets"))
        .unwrap_or_default()
}

/// Gives all sockets to a successor; whether it serves them now.
async fn offer(successor: tokio::net::UnixStream, copies: io::Result<Vec<TcpListener>>) -> bool {
    let offered = tokio::task::spawn_blocking(move || {
        let stream = successor.into_std()?;
        stream.set_nonblocking(false)?;
        handover::offer(&stream, &handover::sockets(&copies?))
    });
    match offered.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(()) => {
            tracing::info!("another gateway has taken over");
            true
        }
        Err(error) => {
            tracing::warn!(%error, "a gateway that wanted to take over did not; this one goes on");
            false
        }
    }
}

/// SIGTERM and Ctrl-C end it in good order, SIGHUP has it read its settings again.
async fn heed_signals(gateway: Arc<Gateway>) {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else {
        tracing::error!("no signal handlers: use the control's drain");
        return;
    };
    loop {
        tokio::select! {
            _ = interrupt.recv() => gateway.drain(),
            _ = terminate.recv() => gateway.drain(),
            _ = hangup.recv() => match gateway.reload().await {
                Ok((changed, fingerprint)) => tracing::info!(changed, fingerprint, "the settings were read again"),
                Err(problems) => tracing::warn!(?problems, "the changed settings are not valid; the last good ones stay"),
            },
        }
    }
}

/// Waits for the workers, but not for one that hangs.
async fn end_within(threads: Workers) {
    let ended = tokio::task::spawn_blocking(move || threads.end());
    if tokio::time::timeout(END_WITHIN, ended).await.is_err() {
        tracing::warn!("a worker did not end; it is left behind");
    }
}
