//! TLS on both sides: certificates that can be replaced while they serve, clients with certificates, and upstreams with names.
//!
//! What always holds: `ring` is the provider, named here and not taken from a process-wide default; an error names the file and what
//! to do about it; no key is ever printed.

mod certificates;
mod client;
mod server;

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use thiserror::Error;

pub use certificates::{CertificateFiles, Certificates};
pub use client::{ClientTls, Roots};
pub use server::{ClientCertificates, ServerTls};

/// ALPN names, in the order that we prefer.
const ALPN_H2: &[u8] = b"h2";
const ALPN_HTTP_1: &[u8] = b"http/1.1";

/// Why TLS cannot be set up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read, or is not PEM.
    #[error("cannot read {}: {reason}; it must be a readable PEM file", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        reason: String,
    },
    /// A file holds no certificate.
    #[error("{} holds no certificate; it needs the certificate and then its chain, in PEM", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// No certificate was given.
    #[error("a TLS listener needs at least one certificate; the first one serves clients that name no host")]
    NoCertificates,
    /// Key and certificate do not belong together, or are of a kind that is not supported.
    #[error("the key {} does not fit the certificate {}: {reason}", key.display(), chain.display())]
    Pair {
        /// The certificate file.
        chain: PathBuf,
        /// The key file.
        key: PathBuf,
        /// What rustls said.
        reason: String,
    },
    /// The machine has no roots that can be read.
    #[error(
        "this machine has no certificate authorities to trust ({reason}); install ca-certificates or name a file of roots"
    )]
    NoRoots {
        /// What the search said.
        reason: String,
    },
    /// A server name is no name.
    #[error("`{name}` is no host name that a certificate could have")]
    ServerName {
        /// The name.
        name: String,
    },
    /// The settings do not fit together.
    #[error("TLS cannot be set up: {reason}")]
    Setup {
        /// What rustls said.
        reason: String,
    },
}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        Self::Setup { reason: error.to_string() }
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let file = |error: rustls::pki_types::pem::Error| TlsError::File { path: path.into(), reason: error.to_string() };
    let chain: Vec<_> = CertificateDer::pem_file_iter(path).map_err(file)?.collect::<Result<_, _>>().map_err(file)?;
    if chain.is_empty() { Err(TlsError::NoCertificate { path: path.into() }) } else { Ok(chain) }
}

fn read_roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in read_chain(path)? {
        let reason = |error: rustls::Error| TlsError::File { path: path.into(), reason: error.to_string() };
        roots.add(certificate).map_err(reason)?;
    }
    Ok(roots)
}
