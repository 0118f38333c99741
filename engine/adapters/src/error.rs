//! What can be wrong with how an adapter is set up. What goes wrong later is counted, retried or told to the router.

use std::net::SocketAddr;

/// Why an adapter cannot begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdapterError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        reason: String,
    },
    /// Other machines could reach it, and anybody could come in.
    #[error("{address} can be reached from other machines; give it a token, or listen on 127.0.0.1")]
    Unguarded {
        /// The address.
        address: SocketAddr,
    },
    /// The address of the other side cannot be used.
    #[error("`{url}` cannot be used: {reason}")]
    Url {
        /// The address, without what could be a secret in it.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A token that could be guessed or cannot be sent.
    #[error("the token {reason}")]
    Token {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A name of a table or column that cannot be meant.
    #[error("`{name}` is no name of a table or column: {reason}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}
