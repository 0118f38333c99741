//! How a journal is opened, and how much of the past it keeps.
//!
//! The defaults are right for an engine on one machine; callers name only what they change.

use std::time::Duration;

/// Settings of an open journal.
#[derive(Debug, Clone)]
pub struct Options {
    /// Commits that may wait for the writer; a caller beyond that waits for room.
    pub queue_commits_max: usize,
    /// Records after which a group is closed and made durable.
    pub group_records_max: usize,
    /// Time after which a group is closed even though more is still arriving. The writer never waits for company:
    /// an empty queue closes the group at once, so this bounds the latency under load and costs nothing when idle.
    pub group_wait_max: Duration,
    /// How much of the past is kept; `None` keeps everything.
    pub retention: Option<Retention>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queue_commits_max: 8192,
            group_records_max: 512,
            group_wait_max: Duration::from_millis(2),
            retention: None,
        }
    }
}

/// Which records may be forgotten: those beyond either limit, oldest first. Documents and offsets are never pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Records older than this may go.
    pub age_max: Option<Duration>,
    /// Records beyond this many may go.
    pub records_max: Option<u64>,
    /// This many of the newest records stay whatever their age says: a clock that jumps a year ahead makes everything
    /// look old, and must not empty the journal. At least one record always stays.
    pub records_min: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { age_max: None, records_max: None, records_min: 10_000 }
    }
}
