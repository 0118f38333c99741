//! What is left of a connection to an upstream after `101 Switching Protocols`: its stream, on its way to a tunnel.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::io::Io;

/// Stands in the extensions of an answer with status 101. The server side takes it out and tunnels; whoever else takes it closes it.
#[derive(Debug, Clone)]
pub struct Upgraded(Arc<Mutex<Option<(Io, Bytes)>>>);

impl Upgraded {
    pub(crate) fn new(io: Io, rest: Bytes) -> Self {
        Self(Arc::new(Mutex::new(Some((io, rest)))))
    }

    /// The stream and what was read beyond the head; once.
    pub(crate) fn take(&self) -> Option<(Io, Bytes)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
