//! One engine a folder: an advisory lock that dies with its process.
//!
//! Taken before anything else is touched and held until the writer has ended. The holder's process id stands in the
//! file so that the second one can say whom to stop; the id is a courtesy, the lock itself is the truth.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use crate::error::StoreError;

const LOCK_FILE: &str = "journal.lock";

/// A holder writes its process id right after it got the lock; a reader in between looks again this often.
const PID_LOOKS_MAX: u32 = 20;
const PID_LOOK_PAUSE: Duration = Duration::from_millis(5);

/// The held lock; dropping it (or dying) releases it.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    pub(crate) fn take(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(LOCK_FILE);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|error| StoreError::open(folder, error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked { folder: folder.to_owned(), pid: read_pid(&path) });
            }
            Err(TryLockError::Error(error)) => return Err(StoreError::open(folder, error)),
        }
        file.set_len(0)
            .and_then(|()| write!(file, "{}", std::process::id()))
            .map_err(|error| StoreError::open(folder, error))?;
        Ok(Self { _file: file })
    }
}

fn read_pid(path: &Path) -> u32 {
    for _ in 0..PID_LOOKS_MAX {
        let mut text = String::new();
        let read = File::open(path).and_then(|mut file| file.read_to_string(&mut text));
        if let (Ok(_), Ok(pid)) = (read, text.trim().parse()) {
            return pid;
        }
        std::thread::sleep(PID_LOOK_PAUSE);
    }
    0
}
