//! Why the interface could not be opened.
//!
//! Raised by [`crate::serve`] before the first request; the wiring shows it and ends.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the interface could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The address cannot be listened at.
    #[error(
        "the API cannot listen at {address}: {source}; is another engine running, or another program at that port?"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The address could be reached from other machines.
    #[error("the API listens on loopback only, and {address} is not a loopback address; use 127.0.0.1 or [::1]")]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// The unix socket cannot be made.
    #[error("the socket {} cannot be made: {source}", path.display())]
    Socket {
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The token file cannot be used.
    #[error("the token file {} cannot be used: {reason}", path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl ApiError {
    /// The code of its page in docs/errors/.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Listen { .. } => "H0440",
            Self::NotLoopback { .. } => "H0441",
            Self::Socket { .. } => "H0442",
            Self::Token { .. } => "H0443",
        }
    }
}
