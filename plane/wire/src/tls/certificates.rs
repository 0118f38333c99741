//! The certificates of a listener, found by the name that a client asks for, and replaced while it serves.
//!
//! What always holds: a replacement is loaded and checked as a whole before it takes the place of the old one; handshakes under way
//! keep what they have.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::verify_server_name;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::{TlsError, read_chain};

/// Where a certificate and its key are, both in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, then its chain.
    pub chain: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// The certificates of a listener. Clones are the same set.
#[derive(Debug, Clone)]
pub struct Certificates {
    // The read lock is held to take one reference, once a handshake that costs a thousand times as much.
    set: Arc<RwLock<Arc<Set>>>,
}

#[derive(Debug)]
struct Set {
    default: Arc<CertifiedKey>,
    others: Vec<Arc<CertifiedKey>>,
}

impl Certificates {
    /// Loads certificates; each serves the names in it, the first one also whoever asks for another name or none.
    pub fn load(files: &[CertificateFiles]) -> Result<Self, TlsError> {
        Ok(Self { set: Arc::new(RwLock::new(Arc::new(Set::load(files)?))) })
    }

    /// Loads others in their place. On an error the old ones stay.
    pub fn replace(&self, files: &[CertificateFiles]) -> Result<(), TlsError> {
        let set = Arc::new(Set::load(files)?);
        *self.set.write().unwrap_or_else(PoisonError::into_inner) = set;
        Ok(())
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let set = Arc::clone(&self.set.read().unwrap_or_else(PoisonError::into_inner));
        Some(set.find(hello.server_name()))
    }
}

impl Set {
    fn load(files: &[CertificateFiles]) -> Result<Self, TlsError> {
        let (first, others) = files.split_first().ok_or(TlsError::NoCertificates)?;
        let load = |files| load_pair(files).map(Arc::new);
        Ok(Self { default: load(first)?, others: others.iter().map(load).collect::<Result<_, _>>()? })
    }

    /// The first certificate that is for this name, else the default. They are looked at one after the other: a reading costs a
    /// microsecond, a handshake hundreds.
    fn find(&self, name: Option<&str>) -> Arc<CertifiedKey> {
        let name = name.and_then(|name| ServerName::try_from(name).ok());
        let found =
            name.and_then(|name| std::iter::once(&self.default).chain(&self.others).find(|one| is_for(one, &name)));
        Arc::clone(found.unwrap_or(&self.default))
    }
}

fn is_for(certified: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let parsed = certified.end_entity_cert().ok().and_then(|certificate| ParsedCertificate::try_from(certificate).ok());
    parsed.is_some_and(|parsed| verify_server_name(&parsed, name).is_ok())
}

fn load_pair(files: &CertificateFiles) -> Result<CertifiedKey, TlsError> {
    let chain = read_chain(&files.chain)?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| TlsError::File { path: files.key.clone(), reason: error.to_string() })?;
    CertifiedKey::from_der(chain, key, &rustls::crypto::ring::default_provider()).map_err(|error| TlsError::Pair {
        chain: files.chain.clone(),
        key: files.key.clone(),
        reason: error.to_string(),
    })
}
