//! What can go wrong in the shell itself; everything else is an event for the controller.

use homeostat_store::StoreError;

/// Why the shell could not begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum ShellError {
    /// The journal could not be read or written.
    #[error(transparent)]
    Journal(#[from] StoreError),
    /// A record of the journal is none that this version knows.
    #[error("record {seq} of the journal ({kind}) cannot be read by this version; was it written by a newer one?")]
    RecordUnreadable {
        /// Its number.
        seq: u64,
        /// Its kind.
        kind: String,
        /// What the reader said.
        #[source]
        source: serde_json::Error,
    },
    /// The checkpoint of the controller's memory is none that this version knows.
    #[error("the checkpoint of the controller's memory cannot be read by this version")]
    CheckpointUnreadable {
        /// What the reader said.
        #[source]
        source: serde_json::Error,
    },
}

impl ShellError {
    /// The code of its page in docs/errors/.
    #[must_use]
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Journal(error) => error.code(),
            Self::RecordUnreadable { .. } | Self::CheckpointUnreadable { .. } => Some("H0510"),
        }
    }
}
