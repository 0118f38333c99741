//! One life of an instance at a time: a lock that the shim holds from before it exists until after it is gone.
//!
//! The driver takes it and hands it down as the shim's standard error; the kernel gives it back when the last holder is
//! gone, in whatever way. Always holds: while it is free, no shim of the instance lives.

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a lock that is held may take to come free. While another thread starts a program, its copy of a descriptor lives
/// on for a moment after the shim is gone.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often it is looked at meanwhile.
const INTERVAL: Duration = Duration::from_millis(5);

/// What the shim has said about itself is thrown away at the next start beyond this size.
const SHIM_LOG_BYTES_MAX: u64 = 64 << 10;

/// Takes the lock; `None` when somebody holds it.
pub fn take(path: &Path) -> io::Result<Option<File>> {
    let file = File::options().append(true).create(true).open(path)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => break,
            Err(Errno::WOULDBLOCK) if Instant::now() < deadline => std::thread::sleep(INTERVAL),
            Err(Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    if file.metadata()?.len() > SHIM_LOG_BYTES_MAX {
        file.set_len(0)?;
    }
    Ok(Some(file))
}

/// Whether somebody holds the lock just now.
pub fn is_held(path: &Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(false),
        Err(Errno::WOULDBLOCK) => Ok(true),
        Err(error) => Err(error.into()),
    }
}
