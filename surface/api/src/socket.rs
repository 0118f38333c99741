//! The unix socket in the data folder: making it, replacing a stale one, and reaching it from a client.
//!
//! Called by `serve` and by the command line. A socket's address holds 107 bytes at most; a longer path goes by way of
//! `/proc/self/fd`, where the folder's open descriptor stands for all of it.

use crate::error::ApiError;
use rustix::fs::{Mode, OFlags};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::{UnixListener, UnixStream};

/// The longest path that fits a socket's address, without the zero byte at its end.
const ADDRESS_BYTES_MAX: usize = 107;

const NAME: &str = "engine.sock";

/// Where the engine of a data folder listens.
#[must_use]
pub fn socket_path(data_folder: &Path) -> PathBuf {
    data_folder.join(NAME)
}

/// Connects to the engine of a data folder.
pub async fn connect(data_folder: &Path) -> io::Result<UnixStream> {
    let place = Place::of(data_folder, NAME)?;
    UnixStream::connect(&place.path).await
}

/// A path short enough for a socket's address, valid as long as this lives.
struct Place {
    path: PathBuf,
    _folder: Option<OwnedFd>,
}

impl Place {
    fn of(folder: &Path, name: &str) -> io::Result<Self> {
        let path = folder.join(name);
        if path.as_os_str().len() <= ADDRESS_BYTES_MAX {
            return Ok(Self { path, _folder: None });
        }
        let open = rustix::fs::open(folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { path: format!("/proc/self/fd/{}/{name}", open.as_raw_fd()).into(), _folder: Some(open) })
    }
}

/// A listening socket; removed from the folder on [`Socket::remove`], if it is still this one that stands there.
pub struct Socket {
    /// Where it listens.
    pub path: PathBuf,
    /// The listener.
    pub listener: UnixListener,
    inode: u64,
}

impl Socket {
    /// Listens in the data folder, in place of whatever socket an engine that is gone has left there.
    ///
    /// Only the holder of the folder's lock may call this: it is what tells a stale socket from one in use. The new socket is
    /// made beside its place, closed to others, and moved there, so that at no moment it is open to them or missing.
    pub fn listen(data_folder: &Path) -> Result<Self, ApiError> {
        let path = socket_path(data_folder);
        Self::try_listen(data_folder, &path).map_err(|source| ApiError::Socket { path, source })
    }

    fn try_listen(data_folder: &Path, path: &Path) -> io::Result<Self> {
        const BESIDE: &str = "engine.sock.new";
        let beside = data_folder.join(BESIDE);
        for old in [path, &beside] {
            match std::fs::symlink_metadata(old) {
                Ok(found) if !found.file_type().is_socket() => {
                    let what = format!("{} is there and is no socket; move it away", old.display());
                    return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
                }
                _ => {}
            }
        }
        let _ = std::fs::remove_file(&beside);
        let place = Place::of(data_folder, BESIDE)?;
        let listener = UnixListener::bind(&place.path)?;
        std::fs::set_permissions(&beside, PermissionsExt::from_mode(0o600))?;
        let inode = std::fs::symlink_metadata(&beside)?.ino();
        std::fs::rename(&beside, path)?;
        Ok(Self { path: path.to_owned(), listener, inode })
    }

    /// Takes the socket away, unless another one stands in its place by now.
    pub fn remove(path: &Path, inode: u64) {
        if std::fs::symlink_metadata(path).is_ok_and(|found| found.ino() == inode) {
            let _ = std::fs::remove_file(path);
        }
    }

    /// What tells this socket from another at the same path.
    pub const fn inode(&self) -> u64 {
        self.inode
    }
}
