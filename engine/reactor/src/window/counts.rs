//! What windows and scans count, so that nothing goes missing unseen; readable while the stream runs.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// What became of everything that went in, and how much came out.
///
/// Every event that was taken is in a window (or was scanned), late, or refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowCounts {
    /// Events that came in.
    pub taken: u64,
    /// Events that came too late for all of their windows.
    pub late: u64,
    /// Events with a new key for which there was no room.
    pub refused: u64,
    /// Late and refused events that the side output had no room for, or nobody listened to any more.
    pub side_dropped: u64,
    /// Keys that had to make room for another.
    pub evicted: u64,
    /// Keys that left because no event came for them.
    pub expired: u64,
    /// Windows told as final.
    pub finals: u64,
    /// Windows told early.
    pub early: u64,
    /// Corrections told.
    pub updates: u64,
    /// Keys that are alive now.
    pub keys: u64,
}

impl WindowCounts {
    /// How many events were neither late nor refused.
    pub const fn accepted(&self) -> u64 {
        self.taken - self.late - self.refused
    }
}

/// Reads the counts of a stream that somebody else runs: they are as of its last turn.
#[derive(Debug, Clone, Default)]
pub struct WindowMeter(Arc<Mutex<WindowCounts>>);

impl WindowMeter {
    /// The counts.
    pub fn read(&self) -> WindowCounts {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self, counts: WindowCounts) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = counts;
    }
}
