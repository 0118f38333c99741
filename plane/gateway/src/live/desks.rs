//! The desks: where the gateway is asked, its control's socket and the address for numbers, each where the settings in force want it.
//!
//! Opened at the start and followed at each change. Always holds: the new desk is open before the old one is closed, and one that cannot be
//! had leaves the old one open; a socket is removed by the process that made it, unless a successor has put its own in that place.

use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;

use super::control;
use crate::gateway::Gateway;
use crate::run::{CONTROL_SOCKET, RunError};
use crate::workers::bind;

/// Makes a folder for sockets, or looks whether it may be used: only its owner may give orders, and whoever can put a socket there can.
///
/// # Errors
/// When it cannot be made, or others can change what is in it.
pub fn prepare(folder: &Path) -> Result<(), RunError> {
    let what = || format!("the folder {}", folder.display());
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(RunError::system(what()))?;
    let seen = folder.metadata().map_err(RunError::system(what()))?;
    let (owner, mode, own) = (seen.uid(), seen.mode() & 0o777, rustix::process::geteuid().as_raw());
    let wrong = if owner != own {
        format!("it belongs to user {owner}, and the gateway runs as user {own}; use a folder of its own")
    } else if mode & 0o022 != 0 {
        format!("others may write in it (mode {mode:o}); chmod go-w takes that from them")
    } else {
        return Ok(());
    };
    Err(RunError::system(what())(io::Error::new(io::ErrorKind::PermissionDenied, wrong)))
}

/// A socket under a name, in the place of any that was there. It goes with whoever made it, unless another has taken its place.
#[derive(Debug)]
pub struct Named {
    path: PathBuf,
    /// Device and number of the file, which tell it from another of the same name.
    made: (u64, u64),
}

impl Named {
    /// Bound beside its place and moved, so that there is one at every moment.
    ///
    /// # Errors
    /// When it cannot be had.
    pub fn bind(path: &Path) -> Result<(Self, UnixListener), RunError> {
        let what = || format!("listening on {}", path.display());
        let fresh = path.with_extension(format!("{}.new", std::process::id()));
        // Left behind by a process that had the same number.
        let _ = std::fs::remove_file(&fresh);
        let socket = UnixListener::bind(&fresh).map_err(RunError::system(what()))?;
        let placed = || {
            std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600))?;
            let made = file_of(&fresh)?;
            std::fs::rename(&fresh, path).map(|()| made)
        };
        let made = placed().map_err(RunError::system(what()))?;
        Ok((Self { path: path.to_owned(), made }, socket))
    }

    fn is_there(&self) -> bool {
        file_of(&self.path).is_ok_and(|there| there == self.made)
    }

    /// Bound again if another has taken its place.
    ///
    /// # Errors
    /// When it cannot be had.
    pub fn again(&self) -> Result<Option<(Self, UnixListener)>, RunError> {
        if self.is_there() { Ok(None) } else { Self::bind(&self.path).map(Some) }
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        if self.is_there() {
            // One that stays misleads nobody: connecting to it is refused.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn file_of(path: &Path) -> io::Result<(u64, u64)> {
    path.symlink_metadata().map(|seen| (seen.dev(), seen.ino()))
}

/// Both desks.
#[derive(Debug, Default)]
pub struct Desks {
    control: Option<Desk<PathBuf>>,
    metrics: Option<Desk<String>>,
}

/// One of them, open as long as this lives. Questions that were asked are answered all the same.
#[derive(Debug)]
struct Desk<At> {
    at: At,
    serving: JoinHandle<()>,
    named: Option<Named>,
}

impl<At> Drop for Desk<At> {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Desks {
    /// Has them where the plan in force wants them.
    ///
    /// # Errors
    /// With the first that cannot be had; it stays where it was. It may be tried again.
    pub fn follow(&mut self, gateway: &Arc<Gateway>, folder: &Path) -> Result<(), RunError> {
        let settings = gateway.plan().settings.control.clone();
        let control = self.follow_control(gateway, folder.join(settings.socket.as_deref().unwrap_or(CONTROL_SOCKET)));
        let metrics = self.follow_metrics(gateway, settings.metrics);
        control.and(metrics)
    }

    fn follow_control(&mut self, gateway: &Arc<Gateway>, wanted: PathBuf) -> Result<(), RunError> {
        if self.control.as_ref().is_some_and(|desk| desk.at == wanted) {
            return Ok(());
        }
        // Whoever can put a socket there can give orders in the gateway's place, wherever it is.
        wanted.parent().map_or(Ok(()), prepare)?;
        let bound = Named::bind(&wanted)?;
        self.open_control(gateway, wanted, bound);
        Ok(())
    }

    /// Has the control again in whose place a successor put its own, and then failed.
    ///
    /// # Errors
    /// When it cannot be had; it may be tried again.
    pub fn take_back(&mut self, gateway: &Arc<Gateway>) -> Result<(), RunError> {
        let Some(Desk { at, named: Some(named), .. }) = &self.control else { return Ok(()) };
        if let Some(bound) = named.again()? {
            self.open_control(gateway, at.clone(), bound);
        }
        Ok(())
    }

    fn open_control(&mut self, gateway: &Arc<Gateway>, at: PathBuf, (named, socket): (Named, UnixListener)) {
        let router = control::router(Arc::clone(gateway));
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(socket, router).await {
                tracing::error!(%error, "the control is gone; requests are served all the same");
            }
        });
        self.control = Some(Desk { at, serving, named: Some(named) });
    }

    fn follow_metrics(&mut self, gateway: &Arc<Gateway>, wanted: Option<String>) -> Result<(), RunError> {
        if self.metrics.as_ref().map(|desk| &desk.at) == wanted.as_ref() {
            return Ok(());
        }
        let Some(address) = wanted else {
            self.metrics = None;
            return Ok(());
        };
        let failed = |source| RunError::Listen { name: "metrics".to_owned(), address: address.clone(), source };
        let socket = metrics_socket(&address).map_err(failed)?;
        let router = control::metrics_router(Arc::clone(gateway));
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(socket, router).await {
                tracing::error!(%error, "the numbers cannot be scraped any more");
            }
        });
        self.metrics = Some(Desk { at: address, serving, named: None });
        Ok(())
    }
}

/// Shared with the gateway that is replaced, as the listeners are: it has the address until it ends.
fn metrics_socket(address: &str) -> io::Result<TcpListener> {
    let mut sockets = bind(address.parse().map_err(io::Error::other)?, 1)?;
    TcpListener::from_std(sockets.pop().expect("one was asked for"))
}
